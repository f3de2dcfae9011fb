#' Shrink log fold changes
#'
#' The less the counts of a gene tell, the more its fold change is drawn towards 0.
#'
#' @param res A result of [differential_expression()], or a DESeqDataSet from [fill_dds()].
#' @param coef Name or number of a coefficient; or:
#' @param contrast As in [differential_expression()].  By default what `res` tests; another contrast
#'   is tested anew from the same fit.
#' @param type `"apeglm"`: mode of the posterior under a Cauchy prior, which leaves large effects
#'   alone; takes contrasts too.  `"ashr"`: posterior mean under a mixture of normals.  `"normal"`:
#'   mode under normal priors.  All are countglm's own: the packages of these names need not be
#'   installed.
#' @param lfc_threshold Log2; with `svalue`, rates of a false sign or an effect smaller than this.
#' @param svalue Give s-values in place of `pvalue` and `padj`; not for `"normal"`.
#' @param mode `"exact"` or `"replay"`; that of `res` by default.
#' @param prior_scale Scale of the Cauchy prior (natural logarithm) in place of the one matched to
#'   the genes.
#' @param threads Number of threads.
#' @param ... DESeq2's `lfcThreshold`.
#'
#' @return The rows of `res`, with `log2FoldChange` and `lfcSE` (standard deviation of the
#'   posterior) shrunken: finite also where the estimate is not.
#' @examples
#' if (countglm_available()) {
#'   counts <- matrix(rnbinom(2000, mu = 50, size = 5), ncol = 8)
#'   samples <- data.frame(group = rep(c("a", "b"), each = 4))
#'   res <- differential_expression(counts, ~ group, col_data = samples)
#'   lfc_shrink(res, coef = "group_b_vs_a")
#' }
#' @export
lfc_shrink <- function(res, coef = NULL, contrast = NULL, type = "apeglm", lfc_threshold = 0,
                       svalue = FALSE, mode = NULL, prior_scale = NULL, threads = NULL, ...) {
  handle <- .handle(res)
  given <- list(lfc_threshold = lfc_threshold)
  given <- .with_deseq2_names(given, list(...))
  if (is.numeric(coef)) coef <- .numbered_coef(coef, handle$inputs)
  options <- list(
    coef = .contrast(coef, handle$inputs),
    contrast = .contrast(contrast, handle$inputs),
    method = if (identical(type, "ashr")) "ash" else type,
    lfc_threshold = given$lfc_threshold, svalue = svalue, mode = mode, prior_scale = prior_scale,
    threads = .whole(threads)
  )
  options <- options[!vapply(options, is.null, logical(1))]
  found <- do.call(.call, c(list("shrink", handle$result), options))
  .rows_of(.new_result(found, handle$inputs), res, handle)
}

# Returns the name of the coefficient with a number, as DESeq2's lfcShrink() takes it.
.numbered_coef <- function(coef, inputs) {
  labels <- colnames(inputs$matrix)
  if (length(coef) != 1 || !coef %in% seq_along(labels)) {
    .stop_input("coef = ", paste(coef, collapse = ", "), " must be one whole number from 1 to ",
                 length(labels), ", or a name: ", paste(labels, collapse = ", "), ".")
  }
  labels[coef]
}
