#!/usr/bin/env bash
# Create a virtual environment with the first Python >= 3.11 that can make one.
# usage: .ci/make_venv.sh FOLDER [PYTHON]
set -euo pipefail
. "$(dirname "$0")/apt.sh"

folder=$1
candidates=(python3.13 python3.12 python3.11 python3 python3.14)
if [ -n "${2:-}" ]; then
  candidates=("$2")
fi

# A version manager leaves launchers of versions that are not active: so run each, don't look it up.
new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_venv() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null
}

found=""
for python in "${candidates[@]}"; do
  new_enough "$python" || continue
  found=${found:-$python}
  if can_make_venv "$python"; then
    exec "$python" -m venv "$folder"
  fi
done

if [ -z "$found" ]; then
  echo "error: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python" >&2
  exit 1
fi

# Debian ships Python without ensurepip, which the package pythonX.Y-venv brings.
package="$("$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
if ! may_apt || ! apt_install "$package"; then
  echo "error: $found cannot create virtual environments; install the package $package" >&2
  exit 1
fi
exec "$found" -m venv "$folder"
