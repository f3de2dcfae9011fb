# Every fault is one clear condition, and loading the package is none.

fault <- c(
  "library(countglm)",
  "cat('loaded\\n')",
  "cat('available:', countglm_available(), '\\n')",
  "error <- tryCatch(fit_glm(matrix(1:8, 2), matrix(1, 4, 1)), error = identity)",
  "cat(class(error), sep = ' ')",
  "cat('\\n', conditionMessage(error), '\\n', sep = '')"
)

expect_told <- function(output, ...) {
  expect_identical(output[1], "loaded")
  expect_match(output[2], "available: FALSE")
  expect_match(output[3], "^countglm_python_missing countglm_error error")
  expect_length(output, 4)
  for (words in c(...)) {
    expect_match(output[4], words, fixed = TRUE)
  }
}

test_that("without Python the first call says how to get it", {
  output <- child_r(fault, "RETICULATE_PYTHON=does-not-exist/bin/python")
  expect_told(output, "no Python was found", "does-not-exist/bin/python", "install_countglm()",
              "RETICULATE_PYTHON")
})

# A Python of its own, which has nothing but its standard library.
bare_python <- function() {
  python <- reticulate::py_config()$python
  folder <- tempfile("bare")
  status <- system2(python, c("-m", "venv", "--without-pip", "--clear", folder))
  stopifnot(status == 0)
  folder
}

fake <- function(folder, lines) {
  package <- file.path(folder, "fake", "countglm")
  dir.create(package, recursive = TRUE, showWarnings = FALSE)
  writeLines(lines, file.path(package, "__init__.py"))
  dirname(package)
}

test_that("a Python without countglm, with an old or a broken one, says so", {
  skip_without_python()
  folder <- bare_python()
  on.exit(unlink(folder, recursive = TRUE))
  python <- paste0("RETICULATE_PYTHON=", file.path(folder, "bin", "python"))
  output <- child_r(fault, c(python, "PYTHONPATH="))
  expect_told(output, "does not have the package countglm", "install_countglm()")

  path <- fake(folder, "__version__ = '0.0.9'")
  output <- child_r(fault, c(python, paste0("PYTHONPATH=", path)))
  expect_told(output, "is version 0.0.9", "needs 0.1.0 or newer", "pip install --upgrade countglm")

  fake(folder, "import numba_is_missing")
  output <- child_r(fault, c(python, paste0("PYTHONPATH=", path)))
  expect_told(output, "cannot be loaded", "No module named 'numba_is_missing'")
})

test_that("a Python that was started before is used, and told by name where it is the wrong one", {
  skip_without_python()
  folder <- bare_python()
  on.exit(unlink(folder, recursive = TRUE))
  python <- paste0("RETICULATE_PYTHON=", file.path(folder, "bin", "python"))
  output <- child_r(c("reticulate::py_config()$python -> started", fault), c(python, "PYTHONPATH="))
  expect_told(output, basename(folder))
})

test_that("a countglm whose parts cannot be loaded is told as one", {
  skip_without_python()
  folder <- bare_python()
  on.exit(unlink(folder, recursive = TRUE))
  python <- paste0("RETICULATE_PYTHON=", file.path(folder, "bin", "python"))
  # As the source of countglm is where NumPy is not: what it imports at once is there.
  path <- fake(folder, "__version__ = '99.0'")
  adapters <- file.path(path, "countglm", "adapters")
  dir.create(adapters)
  file.create(file.path(adapters, "__init__.py"))
  writeLines("import numpy_is_missing", file.path(adapters, "reticulate.py"))
  output <- child_r(fault, c(python, paste0("PYTHONPATH=", path)))
  expect_told(output, "cannot be loaded", "No module named 'numpy_is_missing'")
})

test_that("countglm_available() is never an error", {
  unforeseen <- function() stop("whatever it is")
  found <- with_function("countglm", ".adapter", unforeseen, countglm_available())
  expect_identical(found, structure(FALSE, reason = "whatever it is"))
})

test_that("the version of a Python package in preparation is read", {
  skip_without_python()
  import <- function(text) {
    module <- list("__version__" = reticulate::r_to_py(text))
    with_function("countglm", ".import_module", function(name) module, .import_countglm())
  }
  for (text in c("0.1.0.dev3+g12", "0.1.0rc1", "1.0")) {
    expect_type(import(text), "list")
  }
  expect_error(import("0.0.9.dev1"), "is version 0.0.9.dev1", class = "countglm_python_missing")
  expect_error(import("none"), "is version none", class = "countglm_python_missing")
})

test_that("install_countglm passes what it is given to reticulate", {
  given <- list()
  install <- function(...) given <<- list(...)
  run <- function(...) {
    with_function("reticulate", "py_install", install, install_countglm(...))
  }
  expect_message(expect_invisible(run()), "restart R", class = "countglm_message")
  expect_identical(given, list(paste0("countglm>=", .needed_version), envname = "r-countglm",
                               method = "auto", pip = TRUE))
  suppressMessages(
    name <- run("own", "virtualenv", source = "countglm.whl", ignore_installed = TRUE)
  )
  expect_identical(name, "own")
  expect_identical(given, list("countglm.whl", envname = "own", method = "virtualenv", pip = TRUE,
                               ignore_installed = TRUE))
})

test_that("the interface is there without Python", {
  output <- child_r(
    c("library(countglm)", "cat(is.function(fit_glm), reticulate::py_available(), '\\n')"),
    "RETICULATE_PYTHON=does-not-exist/bin/python"
  )
  expect_match(output[length(output)], "TRUE FALSE")
})
