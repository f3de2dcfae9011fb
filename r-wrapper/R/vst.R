#' Transform counts to a scale for clustering and plots
#'
#' `vst()` makes the variance nearly independent of the mean; `rlog()` shrinks each sample towards
#' its gene where the counts say little.  Both give log2-like values.
#'
#' @section With DESeq2 attached: DESeq2 has functions of the same names, and R takes those of the
#'   package that was attached last.  Both take a DESeqDataSet with the arguments `blind`, `nsub`
#'   and `fitType` and give a DESeqTransform, so that scripts go on working either way;
#'   `countglm::vst()` says which one is meant.
#'
#' @param object A matrix or sparse matrix (genes x samples), a SummarizedExperiment, a
#'   SingleCellExperiment or a DESeqDataSet.
#' @param blind Take all differences between samples for dispersion.  `FALSE` uses the design, or,
#'   where neither `design` nor `nsub` is given, the trend that a DESeqDataSet already has.
#' @param nsub Fit the trend on this many genes, evenly spaced in the rank of their mean; `NULL` is
#'   all genes.  (DESeq2's default is 1000.)
#' @param fitType,fit_type Dispersion trend: `"parametric"`, `"local"` or `"mean"`.
#' @param design For `blind = FALSE`: a formula or model matrix.
#' @param col_data,assay,size_factors,normalization_factors,threads As in
#'   [differential_expression()].
#' @param mode `"exact"`, or `"replay"` for dispersions and trend as DESeq2 1.38 computes them.  Of
#'   a local trend `vst()` takes the integral itself, where DESeq2 takes a sum of 999 points, which
#'   differs by up to 0.1 at small counts (P025 in countglm's docs/parity.md); `"replay"` takes the
#'   sum.
#'
#' @return Values genes x samples: a matrix for a matrix; a DESeqTransform for a
#'   SummarizedExperiment, SingleCellExperiment or DESeqDataSet, so that `plotPCA()` works on it,
#'   or a SummarizedExperiment where DESeq2 is not installed.
#' @examples
#' if (countglm_available()) {
#'   counts <- matrix(rnbinom(2000, mu = 50, size = 5), ncol = 8)
#'   head(vst(counts))
#' }
#' @export
vst <- function(object, blind = TRUE, nsub = NULL, fitType = "parametric", fit_type = fitType,
                design = NULL, col_data = NULL, assay = NULL, size_factors = NULL,
                normalization_factors = NULL, mode = "exact", threads = NULL) {
  given <- list(size_factors = size_factors, normalization_factors = normalization_factors,
                fit_type = fit_type, mode = mode, threads = threads)
  .transformed("vst", object, blind, design, col_data, assay, given, list(n_subset = .whole(nsub)))
}

#' @rdname vst
#' @param intercept Not used; it keeps the place that DESeq2's `rlog()` has for it.
#' @param betaPriorVar,prior_variance Variance of the prior of a sample's log2 effect; `NULL`
#'   estimates it.
#' @export
rlog <- function(object, blind = TRUE, intercept = NULL, betaPriorVar = NULL,
                 fitType = "parametric", fit_type = fitType, prior_variance = betaPriorVar,
                 design = NULL, col_data = NULL, assay = NULL, size_factors = NULL,
                 normalization_factors = NULL, mode = "exact", threads = NULL) {
  if (!is.null(intercept)) {
    .stop_input("rlog() of countglm takes no intercept; for a frozen transformation use ",
                 "DESeq2::rlog(), or fit_rlog() of the Python package.")
  }
  given <- list(size_factors = size_factors, normalization_factors = normalization_factors,
                fit_type = fit_type, mode = mode, threads = threads)
  .transformed("rlog", object, blind, design, col_data, assay, given,
               list(prior_variance = prior_variance))
}

.transformed <- function(verb, object, blind, design, col_data, assay, given, own) {
  own <- own[!vapply(own, is.null, logical(1))]
  .check_options(c(list(blind = blind, nsub = own$n_subset), own["prior_variance"]))
  known <- !blind && is.null(design) && is.null(own$n_subset)
  trend <- if (known) .trend_of_dataset(object)
  if (!is.null(trend)) given$fit_type <- trend
  .check_assay(object, assay)
  # Without a design of its own a blind transformation needs none.
  inputs <- .inputs(object, if (blind) ~ 1 else design, col_data, assay)
  # Weights have no part in a transformation.
  options <- c(.de_options(given, inputs, weighted = FALSE), own, list(blind = blind))
  if (!blind) options$design <- inputs$design
  values <- .from_py(do.call(.call, c(list("de_for_r.transform", verb, inputs$counts), options)))
  dimnames(values) <- list(inputs$gene_names, inputs$sample_names)
  .like_object(values, inputs$object)
}

# Returns the values in the class that DESeq2 gives for an object.
.like_object <- function(values, object) {
  if (is.null(object)) return(values)
  class <- if (methods::is(object, "RangedSummarizedExperiment")) "Ranged" else ""
  out <- methods::as(object, paste0(class, "SummarizedExperiment"))
  out <- SummarizedExperiment::`assays<-`(out, withDimnames = FALSE, value = list(values))
  if (!requireNamespace("DESeq2", quietly = TRUE)) return(out)
  DESeq2::DESeqTransform(out)
}

# The dispersion trend that a DESeqDataSet was given before, or NULL.
.trend_of_dataset <- function(object) {
  if (!methods::is(object, "DESeqDataSet")) return(NULL)
  curve <- DESeq2::dispersionFunction(object)
  numbers <- attr(curve, "coefficients")
  if (is.null(attr(curve, "fitType"))) return(NULL)
  # A constant has a transformation in closed form.
  if (identical(attr(curve, "fitType"), "mean")) {
    return(.call("de_for_r.constant_trend", as.numeric(curve(1))[1]))
  }
  # An R function is wrapped with the other options.
  if (!identical(attr(curve, "fitType"), "parametric")) return(curve)
  .call("de_for_r.parametric_trend", numbers[[1]], numbers[[2]])
}
