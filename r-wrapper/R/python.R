# Finding Python's countglm, and calling it.

# What this release of the package calls; older ones lack it.
.needed_version <- "0.1.0"

.state <- new.env(parent = emptyenv())

.how_to_get <- paste0(
  "Run install_countglm() once and restart R; or name a Python that has it before the first ",
  "call: Sys.setenv(RETICULATE_PYTHON = \"path/to/python\")."
)

# The Python module countglm, or one condition that says how to get it.
.py <- function() {
  if (is.null(.state$module)) {
    .state$module <- .import_countglm()
  }
  .state$module
}

.adapter <- function() {
  if (is.null(.state$adapter)) {
    .py()
    .state$adapter <- .import_module("countglm.adapters.reticulate")
  }
  .state$adapter
}

.import_countglm <- function() {
  .require_python()
  module <- .import_module("countglm")
  found <- tryCatch(
    as.character(reticulate::py_to_r(module[["__version__"]])),
    error = function(error) "unknown"
  )
  # Releases in preparation have letters behind the numbers.
  numbers <- sub("[.]?[^0-9.].*$", "", found)
  if (!nzchar(numbers) || utils::compareVersion(numbers, .needed_version) < 0) {
    .stop_python(
      "The Python package countglm of ", .python_name(), " is version ", found, ", but this R ",
      "package needs ", .needed_version, " or newer. ", .how_to_upgrade()
    )
  }
  module
}

# The parts of countglm import what they need, so any of them may fail where NumPy is missing.
.import_module <- function(name) {
  tryCatch(
    reticulate::import(name, convert = FALSE),
    error = function(error) .stop_import(conditionMessage(error))
  )
}

.require_python <- function() {
  if (reticulate::py_available(initialize = FALSE)) {
    return(invisible())
  }
  # Without this an interactive session is asked whether to install a Python.
  before <- Sys.getenv("RETICULATE_MINICONDA_ENABLED", unset = NA)
  if (is.na(before)) {
    Sys.setenv(RETICULATE_MINICONDA_ENABLED = "FALSE")
    on.exit(Sys.unsetenv("RETICULATE_MINICONDA_ENABLED"))
  }
  reason <- NULL
  # reticulate looks for the environment r-countglm by the name of the module.
  reticulate::import("countglm", convert = FALSE, delay_load = TRUE)
  found <- tryCatch(
    reticulate::py_available(initialize = TRUE),
    error = function(error) {
      reason <<- .first_line(conditionMessage(error))
      FALSE
    }
  )
  if (!isTRUE(found)) {
    named <- Sys.getenv("RETICULATE_PYTHON")
    named <- if (nzchar(named)) paste0("RETICULATE_PYTHON names '", named, "'")
    why <- paste(c(named, reason), collapse = "; ")
    .stop_python(
      "countglm computes in Python, and no Python was found",
      if (nzchar(why)) paste0(" (", why, ")"), ". ", .how_to_get
    )
  }
}

.stop_import <- function(message) {
  reason <- .first_line(message)
  if (grepl("No module named '?countglm'?$", reason)) {
    .stop_python(
      "The Python in use (", .python_name(), ") does not have the package countglm. ", .how_to_get
    )
  }
  .stop_python(
    "The Python package countglm cannot be loaded by ", .python_name(), ": ", reason, ". ",
    .how_to_get
  )
}

.stop_python <- function(...) {
  .stop(paste0(...), class = "countglm_python_missing")
}

.how_to_upgrade <- function() {
  "Run install_countglm() and restart R, or upgrade it there: pip install --upgrade countglm."
}

.first_line <- function(message) {
  lines <- trimws(strsplit(message, "\n", fixed = TRUE)[[1]])
  line <- lines[nzchar(lines)][1]
  sub("[. ]+$", "", sub("^Error[^:]*: *", "", line))
}

.python_name <- function() {
  tryCatch(reticulate::py_config()$python, error = function(error) "unknown")
}

# Call a verb of countglm, or a function of its adapter for R (another adapter: "module.name").
# Arguments are R values or Python objects; the result is a Python object, see .from_py().
.call <- function(verb, ...) {
  adapter <- .adapter()
  given <- list(...)
  named <- if (is.null(names(given))) rep(FALSE, length(given)) else nzchar(names(given))
  outcome <- adapter$call(
    verb, unname(lapply(given[!named], .to_py)), lapply(given[named], .to_py)
  )
  for (text in .from_py(outcome$get("warnings"))) {
    .warn(text)
  }
  if (!reticulate::py_to_r(outcome$get("ok"))) {
    .raise(outcome)
  }
  outcome$get("value")
}

.raise <- function(outcome) {
  kind <- reticulate::py_to_r(outcome$get("error_class"))
  message <- reticulate::py_to_r(outcome$get("message"))
  if (kind == "input") {
    .stop_input(message)
  }
  .stop(
    paste0("Python failed: ", message), class = "countglm_python_error",
    trace = reticulate::py_to_r(outcome$get("trace"))
  )
}
