# glmGamPoi: Gamma-Poisson fits with quasi-likelihood tests.

glmgampoi <- function(request, design, contrast) {
  options <- request$options
  counts <- structure(request$counts, dimnames = names_of_counts(request))
  fit <- glm_gp(counts, design = design$matrix, on_disk = FALSE,
    offset = if (is.null(request$offset)) 0 else request$offset,
    size_factors = if (is.null(request$size_factors)) options$norm else request$size_factors,
    do_cox_reid_adjustment = options$cox_reid)
  table <- test_de(fit, contrast = contrast$vector)
  shrinkage <- fit$overdispersion_shrinkage_list
  stages <- c(list(overdispersions = fit$overdispersions, deviances = fit$deviances),
    shrinkage[setdiff(names(shrinkage), "ql_df0")])
  list(
    table = as.list(table[setdiff(names(table), "name")]),
    genes = lapply(Filter(Negate(is.null), stages), function(stage) {
      rep_len(as.numeric(stage), nrow(counts))
    }),
    coefficients = unname(fit$Beta),
    size_factors = as.numeric(fit$size_factors),
    normalization_factors = if (!is.null(request$offset)) exp(unname(fit$Offset)),
    info = list(prior_df = shrinkage$ql_df0)
  )
}
