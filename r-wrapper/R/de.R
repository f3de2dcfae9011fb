#' Test every gene for differential expression
#'
#' The whole method of DESeq2, every step at its optimum: size factors, dispersions shared between
#' genes, coefficients, Cook's distances with replacement of outlying counts, the test, independent
#' filtering.  `mode = "replay"` takes the starting values, clamps and stopping rules of DESeq2 1.38
#' instead, to reproduce a published analysis.
#'
#' @param counts A matrix or sparse matrix (genes x samples), a SummarizedExperiment, a
#'   SingleCellExperiment or a DESeqDataSet.
#' @param design A formula, a model matrix (one row per sample), or `NULL` for the design of a
#'   DESeqDataSet.
#' @param contrast What to test: `c("condition", "treated", "untreated")`; the name of a
#'   coefficient, R's or DESeq2's (`"condition_treated_vs_untreated"`); a list of one or two
#'   vectors of such names (the sum of the first less that of the second); or a number per
#'   coefficient.  A list with names is several contrasts of one fit.  `NULL` is the last
#'   coefficient.
#' @param col_data A data.frame of the samples' variables, for a formula and a matrix of counts.
#' @param assay Name or number of the assay that holds the counts.
#' @param mode `"exact"` or `"replay"`.
#' @param alpha False discovery rate at which independent filtering is tuned, and of `summary()`.
#' @param test `"wald"` or `"lrt"`.
#' @param reduced For `"lrt"`: a formula or model matrix without what is tested.
#' @param lfc_threshold Log2 fold change of the null hypothesis.
#' @param alternative `"greaterAbs"`, `"greaterAbs2014"` (DESeq2 before 1.43), `"lessAbs"`,
#'   `"greater"` or `"less"`.
#' @param use_t Take Student's t in place of the normal distribution.
#' @param size_factors A rule (`"ratio"`, `"poscounts"`, `"iterate"`, `"tmm"`, `"library"`,
#'   `"none"`) or one positive number per sample.  `NULL` takes those of the object, else `"ratio"`.
#'   Where a DESeqDataSet has no factors but transcript lengths (`avgTxLength`, of tximport),
#'   normalisation factors are made of these by the rule.
#' @param control_genes Genes from which size factors are estimated: names, numbers or a logical.
#' @param geo_means One geometric mean per gene for size factors.
#' @param normalization_factors Matrix genes x samples in place of size factors.
#' @param offset Natural logarithms added to the log size factors: per sample, or genes x samples.
#' @param weights Likelihood weights: per sample, or genes x samples.
#' @param dispersion Final dispersions as given, one or one per gene; nothing is estimated.
#' @param fit_type Dispersion trend: `"parametric"`, `"local"`, `"mean"`, a function of the mean of
#'   normalised counts, or one value per gene.
#' @param prior_variance Variance of the log dispersion around the trend; `NULL` estimates it.
#' @param cooks_cutoff Distance that flags an outlier; `NULL` is the 99% quantile of F, `FALSE`
#'   none.
#' @param min_replicates_for_replacement Replicates from which on outlying counts are replaced;
#'   `Inf` turns it off.
#' @param independent_filtering `TRUE`, `FALSE`, or the rule: `"new"` (DESeq2 since 1.39.7) or
#'   `"1.38"`.
#' @param filter_statistic One value per gene in place of the mean.
#' @param p_adjust `"BH"`, `"BY"`, `"none"`, another method of [stats::p.adjust()], or a function of
#'   the p-values.
#' @param interval `"wald"` or `"profile"` adds `ciLower` and `ciUpper` (log2).
#' @param level Confidence of the interval.
#' @param reference Reference levels by factor, such as `c(condition = "untreated")`.
#' @param solver,tol,max_iter,max_dispersion As in [fit_glm()].
#' @param allow_noninteger Accept counts that are not whole numbers.
#' @param threads Number of threads; `NULL` is all that the process may use.
#' @param progress Show a progress bar.
#' @param list_values For a `contrast` that is a list of names without names of its own: what the
#'   columns of its first and of its second vector are multiplied by.
#' @param ... The same options under DESeq2's names: `lfcThreshold`, `altHypothesis`,
#'   `independentFiltering`, `cooksCutoff`, `pAdjustMethod`, `filter`, `fitType`, `sfType`,
#'   `minReplicatesForReplace`, `useT`, `controlGenes`, `geoMeans`, `colData`,
#'   `listValues`.
#'
#' @return A table with a row per gene and the columns `baseMean, log2FoldChange, lfcSE, stat,
#'   pvalue, padj, test, status, na_reason`: a `DESeqResults` where DESeq2 is installed, else a
#'   `DataFrame` of S4Vectors, else a data.frame.  A named list of such tables for several
#'   contrasts.  A gene that is off in one group has an infinite fold change and the p-value of the
#'   likelihood ratio; `test` says so.  `na_reason` has a word for every missing value.
#'
#' @seealso [test_contrast()], [lfc_shrink()], [fill_dds()].
#' @examples
#' if (countglm_available()) {
#'   counts <- matrix(rnbinom(2000, mu = 50, size = 5), ncol = 8)
#'   samples <- data.frame(group = rep(c("a", "b"), each = 4))
#'   res <- differential_expression(counts, ~ group, c("group", "b", "a"), col_data = samples)
#'   head(as.data.frame(res))
#' }
#' @export
differential_expression <- function(counts, design = NULL, contrast = NULL, col_data = NULL,
                                    assay = NULL, mode = "exact", alpha = 0.1, test = "wald",
                                    reduced = NULL, lfc_threshold = 0, alternative = "greaterAbs",
                                    use_t = FALSE, size_factors = NULL, control_genes = NULL,
                                    geo_means = NULL, normalization_factors = NULL, offset = NULL,
                                    weights = NULL, dispersion = NULL, fit_type = "parametric",
                                    prior_variance = NULL, cooks_cutoff = NULL,
                                    min_replicates_for_replacement = 7,
                                    independent_filtering = TRUE, filter_statistic = NULL,
                                    p_adjust = "BH", interval = NULL, level = 0.95,
                                    reference = NULL, solver = "irls", tol = 1e-8, max_iter = 100,
                                    max_dispersion = NULL, allow_noninteger = FALSE,
                                    threads = NULL, progress = FALSE, list_values = c(1, -1), ...) {
  given <- mget(setdiff(names(formals()), c("counts", "design", "contrast", "...")))
  given <- .with_deseq2_names(given, list(...), explicit = names(match.call()))
  .check_assay(counts, given$assay)
  counts <- .releveled(counts, given$col_data, given$reference)
  inputs <- .inputs(counts$counts, design, counts$col_data, given$assay, given$allow_noninteger)
  options <- .de_options(given, inputs)
  inputs$compared <- .designs_compared(given$reduced, inputs)
  inputs$given_offset <- given$offset
  inputs$given_weights <- .or(given$weights, inputs$weights)
  several <- .several_contrasts(contrast, inputs)
  asked <- .contrasts(contrast, several, inputs, given$list_values)
  found <- do.call(.call, c(
    list("differential_expression", inputs$counts, inputs$design, asked), options
  ))
  .new_results(.with_adjustment(found, given$p_adjust), inputs, names(several))
}

#' Test another contrast of the same fit
#'
#' Nothing is fitted again: dispersions and coefficients stay.
#'
#' @param res A result of [differential_expression()], or a DESeqDataSet from [fill_dds()].
#' @param contrast As in [differential_expression()]; by default what `res` tests, for other
#'   choices.
#' @param ... Choices of [differential_expression()] that are to differ from those of `res`: `test`,
#'   `reduced`, `lfc_threshold`, `alternative`, `use_t`, `alpha`, `independent_filtering`,
#'   `filter_statistic`, `p_adjust`, `interval`, `level`, `list_values`, or DESeq2's names of these,
#'   and
#'   `cooks_cutoff = FALSE` (flagged outliers keep their p-value).
#' @param threads Number of threads.
#'
#' @return As [differential_expression()], with all genes of the fit.
#' @examples
#' if (countglm_available()) {
#'   counts <- matrix(rnbinom(2000, mu = 50, size = 5), ncol = 8)
#'   samples <- data.frame(batch = rep(1:2, 4), group = rep(c("a", "b"), each = 4))
#'   res <- differential_expression(counts, ~ batch + group, col_data = samples)
#'   test_contrast(res, "batch")
#' }
#' @export
test_contrast <- function(res, contrast = NULL, ..., threads = NULL) {
  handle <- .handle(res)
  inputs <- handle$inputs
  given <- .with_deseq2_names(list(), list(...), known = .RETEST)
  given$p_adjust <- .or(given$p_adjust, .kept_adjustment(handle$result))
  options <- .de_options(given, inputs)
  options$threads <- .whole(threads)
  if (!is.null(given$reduced)) inputs$compared <- .designs_compared(given$reduced, inputs)
  several <- .several_contrasts(contrast, inputs)
  list_values <- .or(given$list_values, c(1, -1))
  asked <- if (is.null(contrast)) handle$result$contrast else
    .contrasts(contrast, several, inputs, list_values)
  found <- do.call(.call, c(list("method", handle$result, "test", asked), options))
  .new_results(.with_adjustment(found, given$p_adjust), inputs, names(several))
}
