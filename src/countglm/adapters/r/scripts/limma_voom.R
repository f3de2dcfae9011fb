# limma-voom: weighted least squares on log2 counts per million, with moderated t.

limma_voom <- function(request, design, contrast) {
  options <- request$options
  listed <- make_list(request, design)
  kept <- listed$kept
  v <- voom(listed$y, design$matrix, span = options$span, weights = request$weights[kept, ])
  fit <- lmFit(v, design$matrix)
  moderated <- eBayes(fit, robust = options$robust)
  if (contrast$coefficient > 0) {
    table <- topTable(moderated, coef = contrast$coefficient, number = Inf, sort.by = "none")
  } else {
    weights <- matrix(contrast$vector, dimnames = list(colnames(design$matrix), "tested"))
    combined <- eBayes(contrasts.fit(fit, weights), robust = options$robust)
    table <- topTable(combined, number = Inf, sort.by = "none")
  }
  stages <- list(AveExpr = fit$Amean, sigma = fit$sigma, df.residual = fit$df.residual,
    s2.post = moderated$s2.post, df.prior = moderated$df.prior, df.total = moderated$df.total)
  errors <- sqrt(moderated$s2.post) * moderated$stdev.unscaled
  by_sample <- function(matrix) {
    out <- spread_rows(matrix, kept)
    colnames(out) <- request$sample_names
    as.list(as.data.frame(out, optional = TRUE))
  }
  list(
    table = spread_table(table, kept),
    genes = lapply(stages, spread, kept = kept),
    coefficients = spread_rows(fit$coefficients, kept) * log(2),
    standard_errors = spread_rows(errors, kept) * log(2),
    size_factors = effective_sizes(listed$y),
    tables = if (options$keep_voom) list(E = by_sample(v$E), weights = by_sample(v$weights)),
    info = list(prior_df = if (length(moderated$df.prior) == 1) moderated$df.prior,
      prior_variance = if (length(moderated$s2.prior) == 1) moderated$s2.prior,
      norm_factors = as.list(listed$y$samples$norm.factors))
  )
}
