#' Install the Python package that countglm computes with
#'
#' Installs Python's countglm by [reticulate::py_install()], by default into an environment
#' `r-countglm` of its own, which the package then finds by itself. Restart R afterwards. Nothing
#' has to be installed where Python's countglm is there already: name its Python before the first
#' call, `Sys.setenv(RETICULATE_PYTHON = "path/to/python")`.
#'
#' @param envname Name or path of the environment.
#' @param method `"auto"`, `"virtualenv"` or `"conda"`.
#' @param source What pip installs: a name and version, or the path of a wheel or source folder.
#' @param ... Further arguments of [reticulate::py_install()].
#'
#' @return The name of the environment, invisibly.
#' @export
install_countglm <- function(envname = "r-countglm", method = "auto",
                             source = paste0("countglm>=", .needed_version), ...) {
  reticulate::py_install(source, envname = envname, method = method, pip = TRUE, ...)
  .inform("Python's countglm is installed in ", envname, "; restart R to use it.")
  invisible(envname)
}

#' Can countglm compute here?
#'
#' @return `TRUE` where a Python with a countglm that is new enough was found; `FALSE` with the
#'   reason as attribute `"reason"` otherwise. Never an error.
#' @export
#' @examples
#' countglm_available()
countglm_available <- function() {
  tryCatch({
    .adapter()
    TRUE
  }, error = function(error) structure(FALSE, reason = conditionMessage(error)))
}
