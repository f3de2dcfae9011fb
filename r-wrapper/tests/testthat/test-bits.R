skip_without_python()

s <- study(n_genes = 150)
offset <- matrix(sin(seq_along(s$counts)) / 5, nrow(s$counts))
weights <- c(1, 2, 0.5, 1, 1, 3, 1, 1)

# The same data through Python alone, in a process of its own.
python_bits <- function() {
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  utils::write.csv(s$counts, file.path(folder, "counts.csv"))
  # 17 digits are every bit of a double.
  samples <- s$samples
  samples$age <- sprintf("%.17g", samples$age)
  utils::write.csv(samples, file.path(folder, "samples.csv"), quote = FALSE)
  writeBin(as.vector(offset), file.path(folder, "offset.bin"), endian = "little")
  writeBin(weights, file.path(folder, "weights.bin"), endian = "little")
  script <- normalizePath(testthat::test_path("bits.py"))
  status <- system2(reticulate::py_config()$python, c(script, folder))
  stopifnot(status == 0)
  lines <- strsplit(readLines(file.path(folder, "python.txt")), " ", fixed = TRUE)
  stats::setNames(vapply(lines, `[`, "", 3), vapply(lines, function(x) paste(x[1], x[2]), ""))
}

bits <- python_bits()

same <- function(x) {
  # R's tables have NA where Python's have NaN, which differ in bits and in nothing else.
  x[is.na(x)] <- NaN
  same_text(hex(x))
}

same_text <- function(bits) {
  # The sign of a NaN means nothing.
  words <- substring(bits, seq(1, nchar(bits), 16), seq(16, nchar(bits), 16))
  replace(words, words == "fff8000000000000", "7ff8000000000000")
}

calls <- list(
  formula = list(design = ~ batch + condition),
  interaction = list(design = ~ batch * condition),
  number = list(design = ~ age + condition),
  poisson = list(design = ~ condition, family = "poisson"),
  offset = list(design = ~ condition, offset = offset),
  weights = list(design = ~ batch + condition, weights = weights),
  poscounts = list(design = ~ condition, size_factors = "poscounts")
)
storages <- list(
  "matrix" = identity,
  "dgCMatrix" = function(x) methods::as(methods::as(x, "dMatrix"), "CsparseMatrix")
)

for (storage in names(storages)) {
  for (name in names(calls)) {
    test_that(paste(name, "of a", storage, "has the bits of Python"), {
      counts <- storages[[storage]](s$counts)
      fit <- do.call(fit_glm, c(list(counts, col_data = s$samples), calls[[name]]))
      tested <- wald_test(fit, c("condition", "trt", "untrt"))
      parts <- c("coefficients", "standard_errors", "dispersion", "deviance", "log_likelihood",
                 "size_factors", "newton_decrement")
      for (part in parts) {
        expect_identical(same(fit[[part]]), same_text(bits[[paste(name, part)]]), info = part)
      }
      for (part in c("stat", "pvalue", "padj")) {
        expect_identical(same(tested[[part]]), same_text(bits[[paste(name, part)]]), info = part)
      }
    })
  }
}
