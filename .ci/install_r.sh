#!/usr/bin/env bash
# Make R and the packages that the tests compare with available; install them where apt-get may.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

needed=(DESeq2 edgeR limma glmGamPoi)
needed_debian=(r-base-dev r-bioc-deseq2 r-bioc-edger r-bioc-limma r-bioc-glmgampoi)
# For an R package's own tests and documents; the tests of the Python package do without.
wanted=(reticulate testthat roxygen2 knitr rmarkdown)
wanted_debian=(r-cran-reticulate r-cran-testthat r-cran-roxygen2 r-cran-knitr r-cran-rmarkdown pandoc)

missing() {
  if ! command -v Rscript >/dev/null; then
    echo "R itself"
    return
  fi
  Rscript --vanilla -e '
    asked <- commandArgs(trailingOnly = TRUE)
    found <- vapply(asked, function(p) nzchar(system.file(package = p)), logical(1))
    cat(asked[!found], sep = ", ")' "$@"
}

if [ -n "$(missing "${needed[@]}")" ] && may_apt; then
  apt_install "${needed_debian[@]}" || true
fi
left="$(missing "${needed[@]}")"
if [ -n "$left" ]; then
  echo "error: the tests compare with R, and this is missing: $left." \
    "On Debian: apt-get install ${needed_debian[*]}" >&2
  exit 1
fi

if { [ -n "$(missing "${wanted[@]}")" ] || ! command -v pandoc >/dev/null; } && may_apt; then
  apt_install "${wanted_debian[@]}" || echo "The tests do not need these; going on." >&2
fi
