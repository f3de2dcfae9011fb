#!/usr/bin/env bash
# Build the R package and check it as CRAN does, with its tests, in a temporary folder.
# usage: .ci/check_r_package.sh PYTHON    (a Python that has countglm)
set -euo pipefail
cd "$(dirname "$0")/.."

RETICULATE_PYTHON="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
export RETICULATE_PYTHON
# Nothing is left out, nothing is asked of the network, and what is not in Debian is not demanded.
export COUNTGLM_REQUIRE_PYTHON=1
export _R_CHECK_CRAN_INCOMING_=false _R_CHECK_CRAN_INCOMING_REMOTE_=false
export _R_CHECK_SYSTEM_CLOCK_=false _R_CHECK_FORCE_SUGGESTS_=false
# The computation has threads of its own, and the first call compiles.
export _R_CHECK_EXAMPLE_TIMING_CPU_TO_ELAPSED_THRESHOLD_=100
export _R_CHECK_EXAMPLE_TIMING_THRESHOLD_=60 OPENBLAS_NUM_THREADS=1
export LC_ALL=C.UTF-8

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cp -r r-wrapper "$folder/countglm"
cd "$folder"

# Without network the check would warn of repositories that it cannot read: here is an empty one.
mkdir -p repository/src/contrib
: >repository/src/contrib/PACKAGES
gzip -k repository/src/contrib/PACKAGES
printf 'menu_name\tURL\tdefault\tsource\twin.binary\tmac.binary\n' >repositories
printf 'CRAN\tCRAN\tfile://%s/repository\tTRUE\tTRUE\tFALSE\tFALSE\n' "$folder" >>repositories
echo "options(repos = c(CRAN = 'file://$folder/repository'))" >profile.R
export R_REPOSITORIES="$folder/repositories" R_PROFILE_USER="$folder/profile.R"

# Another release of roxygen2 words its files in another way.
written="$(sed -n 's/^RoxygenNote: //p' countglm/DESCRIPTION)"
installed="$(Rscript --vanilla -e 'cat(as.character(packageVersion("roxygen2")))')"
if [ "$written" = "$installed" ]; then
  echo "R package: documentation"
  Rscript --vanilla -e 'suppressMessages(roxygen2::roxygenise("countglm"))' >roxygen.log 2>&1 || {
    cat roxygen.log >&2
    exit 1
  }
  if ! diff -r "$OLDPWD/r-wrapper" countglm >documentation.log; then
    echo "error: r-wrapper is not what roxygen2 makes of it; run roxygen2::roxygenise() there" >&2
    head -n 20 documentation.log >&2
    exit 1
  fi
fi

echo "R package: build"
R CMD build countglm >build.log 2>&1 || {
  tail -n 30 build.log >&2
  exit 1
}

echo "R package: check"
# The build has just made the vignette; the check need not make it again.
R CMD check --as-cran --no-manual --no-build-vignettes countglm_*.tar.gz >check.log 2>&1 || true
if ! grep -qE '^Status: (OK|[0-9]+ NOTEs?)$' check.log; then
  cat check.log >&2
  find countglm.Rcheck -name '*.Rout.fail' -exec tail -n 200 {} + >&2
  exit 1
fi
grep -E -A 6 '(NOTE|WARNING|ERROR)$' check.log || true
grep -E '^\[ FAIL' countglm.Rcheck/tests/testthat.Rout | tail -n 1
grep '^Status:' check.log
