#!/usr/bin/env bash
# Make a Chromium available, in which the tests open the report; install it where apt-get may.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

present() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return 0
  done
  return 1
}

if ! present && may_apt; then
  apt_install chromium || true
fi
if ! present; then
  echo "error: the tests open reports in Chromium, which is missing. On Debian: apt-get install" \
    "chromium" >&2
  exit 1
fi
