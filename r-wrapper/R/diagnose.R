#' The certificate of every gene and a report on the design
#'
#' @param fit A `countglm_fit` of [fit_glm()].
#'
#' @return An object of class `countglm_diagnosis`, a list of
#' * `genes`: a data.frame with one row per gene: status and its sentence, Newton decrement and
#'   distance bound (in standard errors), scaled score, smallest eigenvalue and condition numbers,
#'   largest leverage, local maxima of the dispersion's profile likelihood;
#' * `design`: rank, aliased columns by name, condition number (of scaled columns, and raw),
#'   variance inflation, the closest pair of columns, leverages, samples of extreme leverage, and
#'   cautions in words.
#' @export
#' @examples
#' counts <- matrix(rpois(60, 20), 10)
#' samples <- data.frame(condition = rep(c("a", "b"), each = 3))
#' if (countglm_available()) {
#'   diagnose(fit_glm(counts, ~ condition, samples))
#' }
diagnose <- function(fit) {
  .require_fit(fit)
  found <- .from_py(.call("diagnosis", .python_fit(fit, "diagnose()")))
  names(found$design$leverage) <- fit$sample_names
  names(found$design$variance_inflation) <- unlist(found$design$coef_names)
  for (texts in c("extreme_samples", "cautions", "caution_kinds")) {
    found$design[[texts]] <- as.character(unlist(found$design[[texts]]))
  }
  structure(found, class = "countglm_diagnosis")
}

#' @export
print.countglm_diagnosis <- function(x, ...) {
  cat(x$text, "\n", sep = "")
  invisible(x)
}
