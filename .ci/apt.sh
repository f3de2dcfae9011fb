# Sourced by the scripts beside it: may this user install Debian packages, and how.

# The proxies of the caller must reach apt-get, so sudo keeps the environment (-E).
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n -E "$@"
  fi
}

may_apt() {
  command -v apt-get >/dev/null && as_root true 2>/dev/null
}

# Return 1 and show the last lines of apt-get where it fails; the caller says what that means.
apt_install() {
  local log status=0
  log="$(mktemp)"
  # Old lists may still name what is wanted, so a failed update is not the end.
  as_root apt-get update -qq >"$log" 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1 || status=1
  if [ "$status" != 0 ]; then
    echo "apt-get install $* failed; its last lines:" >&2
    tail -n 5 "$log" | sed 's/^/  /' >&2
  fi
  rm -f "$log"
  return "$status"
}
