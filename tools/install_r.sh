#!/usr/bin/env bash
# Make R and the packages that the tests compare with available; install them where apt-get may.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

packages=(DESeq2 edgeR limma glmGamPoi reticulate testthat roxygen2 knitr rmarkdown)
debian=(r-base-dev r-bioc-deseq2 r-bioc-edger r-bioc-limma r-bioc-glmgampoi r-cran-reticulate
  r-cran-testthat r-cran-roxygen2 r-cran-knitr r-cran-rmarkdown pandoc)

missing() {
  if ! command -v Rscript >/dev/null; then
    echo "R itself"
    return
  fi
  Rscript --vanilla -e '
    wanted <- commandArgs(trailingOnly = TRUE)
    found <- vapply(wanted, function(p) nzchar(system.file(package = p)), logical(1))
    cat(wanted[!found])' "${packages[@]}"
}

if [ -z "$(missing)" ] && command -v pandoc >/dev/null; then
  exit 0
fi
if may_apt; then
  apt_install "${debian[@]}"
fi
left="$(missing)"
if [ -n "$left" ]; then
  echo "error: the tests compare with R, and this is missing: $left." \
    "On Debian: apt-get install ${debian[*]}" >&2
  exit 1
fi
