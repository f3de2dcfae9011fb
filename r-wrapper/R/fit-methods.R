#' Methods of a fit
#'
#' What R's model functions say of a `countglm_fit`, for every gene at once. Coefficients and
#' standard errors are natural logarithms; `as.data.frame()` has log2 and says so.
#'
#' @param object,x A `countglm_fit` of [fit_glm()].
#' @param log2 Return log2 instead of natural logarithms.
#' @param gene,genes Names or places of genes; `NULL` for all.
#' @param type For `vcov()`: from the `"expected"` (Fisher) or the `"observed"` information. For
#'   `residuals()`: `"deviance"`, `"pearson"` (both with the root of the weights) or `"response"`.
#' @param parm Names or places of coefficients; `NULL` for all.
#' @param level Confidence of the intervals.
#' @param method `"wald"`: estimate and multiples of its standard error; `"profile"`: from the
#'   profile likelihood, at the dispersion of the fit.
#' @param threads Threads; by default every core that this process may use.
#' @param row.names,optional As in [as.data.frame()]; names of genes by default.
#' @param ... Nothing.
#'
#' @return
#' * `coef()`: a matrix of genes x coefficients. Separated genes have infinite coefficients where
#'   the limit says so; a coefficient that is not determined is `NaN`.
#' * `vcov()`: the covariance of the coefficients of one gene, or an array of coefficients x
#'   coefficients x genes.
#' * `confint()`: a matrix of genes x lower and upper end for one coefficient, or an array of genes
#'   x coefficients x ends. Where an estimate is infinite one end is, and the other one is that of the
#'   profile likelihood.
#' * `fitted()`, `residuals()`: matrices of genes x samples.
#' * `deviance()`: one number per gene; `logLik()` too, with attributes `df` and `nobs`, so that
#'   [stats::AIC()] and [stats::BIC()] take it.
#' * `nobs()`, `df.residual()`: numbers of samples and of residual degrees of freedom.
#' * `family()`, `formula()`, `model.matrix()`: of the model.
#' * `as.data.frame()`: one row per gene: `base_mean`, log2 coefficients and standard errors,
#'   dispersion, certificate, status.
#' * `summary()`: a list of the facts that it prints.
#' @name countglm_fit-methods
NULL

#' @rdname countglm_fit-methods
#' @export
print.countglm_fit <- function(x, ...) {
  cat("countglm fit: ", .plural(x$n_genes, "gene"), " x ", .plural(x$n_samples, "sample"), ", ",
      x$family, ", design ", .or(x$formula, .plural(ncol(x$matrix), "given column")), " (",
      paste(colnames(x$matrix), collapse = ", "), ")\n", sep = "")
  counts <- .status_counts(x)
  cat("  ", paste(names(counts), format(counts, big.mark = ",", trim = TRUE), collapse = "  "),
      "\n", sep = "")
  if (any(x$converged)) {
    cat("  largest Newton decrement of converged genes ",
        format(max(x$newton_decrement[x$converged]), digits = 2), " standard errors (tol ",
        format(x$tol), ")\n", sep = "")
  }
  invisible(x)
}

.status_counts <- function(fit) {
  counts <- table(factor(fit$status, names(fit$sentences)))
  stats::setNames(as.integer(counts), names(counts))[counts > 0]
}

#' @rdname countglm_fit-methods
#' @export
summary.countglm_fit <- function(object, ...) {
  quartiles <- c(0.25, 0.5, 0.75)
  good <- object$converged
  coefficients <- t(apply(
    object$coefficients[good, , drop = FALSE] / log(2), 2, stats::quantile, quartiles,
    na.rm = TRUE
  ))
  structure(
    list(
      n_genes = object$n_genes, n_samples = object$n_samples, family = object$family,
      formula = object$formula, status = .status_counts(object), sentences = object$sentences,
      log2_coefficients = coefficients,
      dispersion = stats::quantile(object$dispersion[good], quartiles, na.rm = TRUE),
      size_factors = range(object$size_factors), tol = object$tol,
      newton_decrement = if (any(good)) max(object$newton_decrement[good]) else NA_real_,
      versions = object$provenance$versions
    ),
    class = "summary.countglm_fit"
  )
}

#' @export
print.summary.countglm_fit <- function(x, ...) {
  cat("Fit of ", .plural(x$n_genes, "gene"), " in ", .plural(x$n_samples, "sample"), ", ",
      x$family, if (!is.null(x$formula)) paste0(", design ", x$formula), "\n\n", sep = "")
  for (name in names(x$status)) {
    cat(format(x$status[[name]], big.mark = ",", width = 9), "  ", name, ": ",
        x$sentences[[name]], "\n", sep = "")
  }
  cat("\nlog2 coefficients of converged genes, quartiles:\n")
  print(x$log2_coefficients, digits = 3)
  cat("\nDispersion, quartiles: ", paste(format(x$dispersion, digits = 3), collapse = ", "),
      "\nSize factors from ", format(x$size_factors[1], digits = 3), " to ",
      format(x$size_factors[2], digits = 3), "\nLargest Newton decrement of converged genes: ",
      format(x$newton_decrement, digits = 2), " standard errors (tol ", format(x$tol), ")\n",
      "countglm ", x$versions$countglm, ", Python ", x$versions$python, "\n", sep = "")
  invisible(x)
}

#' @rdname countglm_fit-methods
#' @export
coef.countglm_fit <- function(object, log2 = FALSE, ...) {
  if (isTRUE(log2)) object$coefficients / log(2) else object$coefficients
}

#' @rdname countglm_fit-methods
#' @export
vcov.countglm_fit <- function(object, gene = NULL, type = c("expected", "observed"), ...) {
  type <- .choice(type, c("expected", "observed"), "type")
  places <- .gene_places(object, gene)
  found <- .from_py(.call(
    "covariance", .python_fit(object, "vcov()"), I(places - 1L), observed = type == "observed"
  ))
  columns <- colnames(object$matrix)
  dimnames(found) <- list(columns, columns, object$gene_names[places])
  if (length(places) == 1L) array(found, dim(found)[1:2], list(columns, columns)) else found
}

#' @rdname countglm_fit-methods
#' @export
confint.countglm_fit <- function(object, parm = NULL, level = 0.95, method = c("wald", "profile"),
                                 log2 = FALSE, threads = NULL, ...) {
  method <- .choice(method, c("wald", "profile"), "method")
  .check_options(list(level = level))
  python <- .python_fit(object, "confint()")
  places <- .coefficient_places(object, parm)
  unit <- if (isTRUE(log2)) 1 else base::log(2)
  ends <- vapply(places, function(place) {
    found <- .from_py(.call(
      "confidence_intervals", python, colnames(object$matrix)[place], level = level,
      method = method, threads = .whole(threads)
    ))
    cbind(found$lower, found$upper) * unit
  }, matrix(0, object$n_genes, 2))
  ends <- aperm(ends, c(1, 3, 2))
  outside <- (1 - level) / 2
  names <- paste(format(100 * c(outside, 1 - outside), trim = TRUE, digits = 3), "%")
  dimnames(ends) <- list(object$gene_names, colnames(object$matrix)[places], names)
  if (length(places) == 1L) array(ends, dim(ends)[-2], dimnames(ends)[-2]) else ends
}

# Places (from 1) of coefficients that are given by name or place.
.coefficient_places <- function(fit, coefficients) {
  columns <- colnames(fit$matrix)
  if (is.null(coefficients)) {
    return(seq_along(columns))
  }
  places <- if (is.character(coefficients)) {
    match(vapply(coefficients, .column_name, "", inputs = fit), columns)
  } else if (is.numeric(coefficients)) {
    match(coefficients, seq_along(columns))
  } else {
    NA
  }
  if (anyNA(places) || length(places) == 0L) {
    .stop_input("parm = ", .shown(coefficients), " must be names or places of coefficients: ",
                .quoted(columns, 20), ".")
  }
  places
}

#' @rdname countglm_fit-methods
#' @export
fitted.countglm_fit <- function(object, genes = NULL, ...) {
  places <- .gene_places(object, genes)
  .by_sample(object, places, .call("means", .python_fit(object, "fitted()"), I(places - 1L)))
}

#' @rdname countglm_fit-methods
#' @export
residuals.countglm_fit <- function(object, type = c("deviance", "pearson", "response"),
                                   genes = NULL, ...) {
  type <- .choice(type, c("deviance", "pearson", "response"), "type")
  places <- .gene_places(object, genes)
  python <- .python_fit(object, "residuals()")
  .by_sample(object, places, .call("fit_residuals", python, type, I(places - 1L)))
}

.by_sample <- function(fit, places, python) {
  values <- .from_py(python)
  dim(values) <- c(length(places), fit$n_samples)
  dimnames(values) <- list(fit$gene_names[places], fit$sample_names)
  values
}

#' @rdname countglm_fit-methods
#' @export
logLik.countglm_fit <- function(object, ...) {
  estimated <- identical(object$provenance$options$dispersion, "estimated")
  structure(object$log_likelihood, df = ncol(object$matrix) + estimated, nobs = object$n_samples)
}

#' @rdname countglm_fit-methods
#' @export
deviance.countglm_fit <- function(object, ...) {
  object$deviance
}

#' @rdname countglm_fit-methods
#' @export
nobs.countglm_fit <- function(object, ...) {
  object$n_samples
}

#' @rdname countglm_fit-methods
#' @export
df.residual.countglm_fit <- function(object, ...) {
  object$n_samples - ncol(object$matrix)
}

#' @rdname countglm_fit-methods
#' @export
family.countglm_fit <- function(object, ...) {
  name <- c(nb = "Negative Binomial", poisson = "poisson")[[object$family]]
  structure(list(family = name, link = "log"), class = "family")
}

#' @rdname countglm_fit-methods
#' @export
formula.countglm_fit <- function(x, ...) {
  if (is.null(x$terms)) {
    .stop_input("This fit was given a model matrix, so it has no formula; see model.matrix().")
  }
  stats::formula(x$terms)
}

#' @rdname countglm_fit-methods
#' @export
model.matrix.countglm_fit <- function(object, ...) {
  object$matrix
}

#' @rdname countglm_fit-methods
#' @export
as.data.frame.countglm_fit <- function(x, row.names = NULL, optional = FALSE, ...) {
  columns <- colnames(x$matrix)
  log2 <- lapply(seq_along(columns), function(place) {
    list(x$coefficients[, place] / log(2), x$standard_errors[, place] / log(2))
  })
  names <- c(rbind(paste0("log2:", columns), paste0("log2SE:", columns)))
  certificate <- c("dispersion", "deviance", "log_likelihood", "n_iter", "newton_decrement",
                   "distance_bound", "min_eigenvalue", "condition_number", "max_leverage",
                   "converged", "status")
  values <- c(
    list(base_mean = x$base_mean), stats::setNames(unlist(log2, recursive = FALSE), names),
    x[certificate]
  )
  table <- structure(lapply(values, unname), class = "data.frame",
                     row.names = make.unique(x$gene_names))
  if (!is.null(row.names)) {
    rownames(table) <- row.names
  }
  table
}
