# edgeR: negative binomial fits, tested by quasi-likelihood or by likelihood ratio.

edger <- function(request, design, contrast) {
  options <- request$options
  listed <- make_list(request, design)
  y <- listed$y
  kept <- listed$kept
  if (!is.null(request$offset)) {
    shift <- sweep(request$offset[kept, , drop = FALSE], 2, log(effective_sizes(y)), "+")
    y <- scaleOffset(y, shift)
  }
  if (!is.null(request$weights)) y$weights <- request$weights[kept, , drop = FALSE]
  y <- estimateDisp(y, design$matrix, robust = options$robust)
  if (options$test == "QL") {
    fit <- glmQLFit(y, design$matrix, robust = options$robust, prior.count = options$prior_count)
    tested <- glmQLFTest(fit, contrast = contrast$vector)
  } else {
    fit <- glmFit(y, design$matrix, prior.count = options$prior_count)
    tested <- glmLRT(fit, contrast = contrast$vector)
  }
  stages <- list(AveLogCPM = fit$AveLogCPM, common.dispersion = y$common.dispersion,
    trended.dispersion = y$trended.dispersion, tagwise.dispersion = y$tagwise.dispersion,
    dispersion = fit$dispersion, deviance = fit$deviance, df.residual = fit$df.residual,
    df.residual.zeros = fit$df.residual.zeros, df.prior = fit$df.prior, var.prior = fit$var.prior,
    var.post = fit$var.post, df.total = tested$df.total)
  # Without a prior count there is nothing to undo, and edgeR keeps one set of coefficients.
  estimates <- if (is.null(fit$unshrunk.coefficients)) fit$coefficients else fit$unshrunk.coefficients
  shrunken <- spread_rows(fit$coefficients, kept)
  colnames(shrunken) <- colnames(design$matrix)
  list(
    table = spread_table(topTags(tested, n = Inf, sort.by = "none")$table, kept),
    genes = lapply(Filter(Negate(is.null), stages), spread, kept = kept),
    coefficients = spread_rows(estimates, kept),
    size_factors = effective_sizes(y),
    normalization_factors = if (!is.null(request$offset)) {
      exp(spread_rows(as.matrix(fit$offset), kept))
    },
    tables = list(prior_count = as.list(as.data.frame(shrunken))),
    info = list(common_dispersion = y$common.dispersion, trend = list(kind = y$trend.method),
      prior_df = if (length(y$prior.df) == 1) y$prior.df, span = y$span,
      norm_factors = as.list(y$samples$norm.factors))
  )
}
