#' Test a coefficient or contrast of a fit in every gene
#'
#' Where the contrast has no finite estimate (a group without counts) the Wald test has no value:
#' the p-value is then that of the likelihood ratio at the supremum, for the same hypothesis and
#' dispersion, and `test` says `"LRT"`.
#'
#' @param fit A `countglm_fit` of [fit_glm()].
#' @param contrast A column of the model matrix by its name (DESeq2's name for it, such as
#'   `"condition_B_vs_A"`, will do); `c(factor, tested, reference)`; `list(plus, minus)` of column
#'   names; or one number per column.
#' @param lfc_threshold Bound of the null hypothesis, log2, not negative.
#' @param alternative The alternative hypothesis: larger than the threshold in absolute value
#'   (DESeq2's rule since 1.43, or the one before), smaller in absolute value, above it, below
#'   minus it.
#' @param use_t Student's t with `n - p` degrees of freedom instead of the normal distribution.
#' @param threads Threads; by default every core that this process may use.
#' @param listValues What the columns of the first and of the second vector of a list are multiplied
#'   by.
#'
#' @return A data.frame with one row per gene: `baseMean`, `log2FoldChange`, `lfcSE`, `stat`,
#'   `pvalue`, `padj` (Benjamini-Hochberg), `test`, `status`, and `na_reason`, a word for every
#'   p-value that is `NA`.
#' @export
#' @examples
#' counts <- matrix(rpois(60, 20), 10)
#' samples <- data.frame(condition = rep(c("a", "b"), each = 3))
#' if (countglm_available()) {
#'   fit <- fit_glm(counts, ~ condition, samples)
#'   wald_test(fit, c("condition", "b", "a"))
#'   likelihood_ratio_test(fit, ~ 1)
#' }
wald_test <- function(fit, contrast = NULL, lfc_threshold = 0,
                      alternative = c("greaterAbs", "greaterAbs2014", "lessAbs", "greater",
                                      "less"),
                      use_t = FALSE, threads = NULL, listValues = c(1, -1)) {
  .require_fit(fit)
  if (is.null(contrast)) {
    .stop_input("contrast is missing; give the name of a column (", .quoted(colnames(fit$matrix)),
                "), c(factor, tested, reference), list(plus, minus), or one number per column.")
  }
  .check_options(list(lfc_threshold = lfc_threshold, use_t = use_t))
  rules <- c("greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less")
  .from_py(.call(
    "wald_test", .python_fit(fit, "wald_test()"), .contrast(contrast, fit, listValues),
    lfc_threshold = lfc_threshold, alternative = .choice(alternative, rules, "alternative"),
    use_t = use_t, threads = .whole(threads)
  ))
}

#' Test a design against a smaller one in every gene
#'
#' Both models are fitted to their optimum at the same dispersion. Where no finite optimum exists
#' the suprema of the likelihoods are compared, so such genes keep their p-value.
#'
#' @inheritParams wald_test
#' @param reduced The smaller design: a formula on the sample table of the fit, a model matrix, or
#'   names of the columns to keep, or to leave out: `"-conditionB"`.
#' @param contrast What `log2FoldChange` and `lfcSE` report, from the full model; the last
#'   coefficient by default. It has no part in the test.
#'
#' @return A data.frame as of [wald_test()]; `stat` is twice the gain in log-likelihood.
#' @export
likelihood_ratio_test <- function(fit, reduced = NULL, contrast = NULL, threads = NULL) {
  .require_fit(fit)
  python <- .python_fit(fit, "likelihood_ratio_test()")
  .from_py(.call(
    "likelihood_ratio_test", python, .reduced(reduced, fit), contrast = .contrast(contrast, fit),
    threads = .whole(threads)
  ))
}

.require_fit <- function(fit) {
  if (!inherits(fit, "countglm_fit")) {
    .stop_input("fit is of class ", class(fit)[1], "; give what fit_glm() returns.")
  }
}

# The smaller design of a likelihood ratio test as Python takes it; `inputs` may be a fit.
.reduced <- function(reduced, inputs) {
  if (is.null(reduced)) {
    .stop_input("reduced is missing; give the smaller design, a formula such as ~ 1.")
  }
  if (is.character(reduced) && !any(startsWith(trimws(reduced), "~"))) {
    minus <- startsWith(reduced, "-") & !reduced %in% names(inputs$aliases)
    columns <- ifelse(minus, substring(reduced, 2L), reduced)
    columns <- vapply(columns, .column_name, "", inputs = inputs, USE.NAMES = FALSE)
    return(as.list(paste0(ifelse(minus, "-", ""), columns)))
  }
  labels <- .or(inputs$sample_names, as.character(seq_len(inputs$n_samples)))
  model <- .model(reduced, inputs$col_data, labels, named = !is.null(inputs$sample_names))
  .call("plain_design", unname(model$matrix), I(colnames(model$matrix)))
}
