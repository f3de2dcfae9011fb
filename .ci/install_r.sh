#!/usr/bin/env bash
# Make R available with the packages that the tests compare with and that our R package needs for
# its tests, examples and documents; install them where apt-get may.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

needed=(
  DESeq2 edgeR limma glmGamPoi SingleCellExperiment
  reticulate testthat roxygen2 knitr rmarkdown
)
debian=(
  r-base-dev r-bioc-deseq2 r-bioc-edger r-bioc-limma r-bioc-glmgampoi
  r-bioc-singlecellexperiment r-cran-reticulate r-cran-testthat r-cran-roxygen2 r-cran-knitr
  r-cran-rmarkdown pandoc qpdf
)

missing() {
  if ! command -v Rscript >/dev/null; then
    echo "R itself"
    return
  fi
  Rscript --vanilla -e '
    asked <- commandArgs(trailingOnly = TRUE)
    found <- vapply(asked, function(p) nzchar(system.file(package = p)), logical(1))
    cat(asked[!found], sep = ", ")' "${needed[@]}"
  # R's check asks for qpdf wherever a package has a vignette.
  local tool
  for tool in pandoc qpdf; do
    command -v "$tool" >/dev/null || echo " $tool"
  done
}

if [ -n "$(missing)" ] && may_apt; then
  apt_install "${debian[@]}" || true
fi
left="$(missing)"
if [ -n "$left" ]; then
  echo "error: the tests need R, and this is missing: $left. On Debian: apt-get install" \
    "${debian[*]}" >&2
  exit 1
fi
