#' countglm: exact, certified count GLMs for every gene
#'
#' [fit_glm()] fits a negative binomial or Poisson model to every gene of a matrix, sparse matrix,
#' `SummarizedExperiment` or `DESeqDataSet`. The computation is done by Python's countglm; where it
#' is missing, the first call says how to get it: [install_countglm()].
#'
#' Errors are of class `countglm_error` (a mistake in the input: `countglm_input_error`), warnings
#' of class `countglm_warning`, messages of class `countglm_message`.
#'
#' @importClassesFrom Matrix dgCMatrix
#' @importFrom stats coef confint deviance df.residual family fitted formula logLik model.matrix
#' @importFrom stats nobs residuals vcov
#' @keywords internal
"_PACKAGE"
