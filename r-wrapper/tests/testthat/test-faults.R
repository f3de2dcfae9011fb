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

test_that("install_countglm passes what it is given to reticulate", {
  skip_without_python()
  expect_error(install_countglm(envname = tempfile(), method = "none such"))
})

test_that("the interface is there without Python", {
  output <- child_r(
    c("library(countglm)", "cat(is.function(fit_glm), reticulate::py_available(), '\\n')"),
    "RETICULATE_PYTHON=does-not-exist/bin/python"
  )
  expect_match(output[length(output)], "TRUE FALSE")
})
