skip_without_python()
skip_without("DESeq2")

s <- study()
dataset <- function(design = ~ batch + condition, samples = s$samples) {
  suppressMessages(DESeq2::DESeqDataSetFromMatrix(s$counts, samples, design))
}
parts <- c("coefficients", "standard_errors", "dispersion", "size_factors", "log_likelihood")

test_that("a DESeqDataSet brings its design", {
  fit <- fit_glm(dataset())
  expect_identical(fit[parts], fit_glm(s$counts, ~ batch + condition, s$samples)[parts])
  other <- fit_glm(dataset(), ~ condition)
  expect_identical(other[parts], fit_glm(s$counts, ~ condition, s$samples)[parts])
})

test_that("its design may be a matrix", {
  object <- dataset(stats::model.matrix(~ batch + condition, s$samples))
  expect_identical(unname(coef(fit_glm(object))), unname(coef(fit_glm(dataset()))))
})

test_that("its size factors are used", {
  object <- dataset()
  factors <- seq(0.5, 2, length.out = 8)
  DESeq2::sizeFactors(object) <- factors
  expect_identical(unname(fit_glm(object)$size_factors), factors)
  chosen <- fit_glm(object, size_factors = "library")
  library <- fit_glm(s$counts, ~ batch + condition, s$samples, size_factors = "library")
  expect_identical(chosen[parts], library[parts])
})

test_that("its normalisation factors are used", {
  object <- dataset()
  factors <- exp(matrix(sin(seq_along(s$counts)) / 3, nrow(s$counts)))
  dimnames(factors) <- dimnames(s$counts)
  DESeq2::normalizationFactors(object) <- factors
  fit <- fit_glm(object)
  by_offset <- fit_glm(s$counts, ~ batch + condition, s$samples, size_factors = "none",
                       offset = log(factors))
  expect_equal(coef(fit), coef(by_offset), tolerance = 1e-12)
  expect_s3_class(caught(fit_glm(object, offset = rep(0, 8))), "countglm_input_error")
})

test_that("its weights are used", {
  object <- dataset()
  weights <- matrix(rep(c(1, 2), each = 20), 40, 8, dimnames = dimnames(s$counts))
  SummarizedExperiment::assays(object)$weights <- weights
  expect_identical(coef(fit_glm(object)),
                   coef(fit_glm(s$counts, ~ batch + condition, s$samples, weights = weights)))
})

test_that("a design that became rank-deficient is one clear condition", {
  object <- dataset()
  object$copy <- object$condition
  DESeq2::design(object) <- ~ batch + condition + copy
  error <- caught(fit_glm(object))
  expect_s3_class(error, "countglm_input_error")
  expect_match(conditionMessage(error), "rank 3 with 4 columns", fixed = TRUE)
  expect_match(conditionMessage(error), "copytrt")
})

test_that("levels that no sample has are left out, with a message", {
  object <- dataset()
  levels(object$condition) <- c("untrt", "trt", "none")
  noted <- caught(fit_glm(object))
  expect_s3_class(noted, "countglm_message")
  expect_match(conditionMessage(noted), "'none'")
  expect_identical(coef(suppressMessages(fit_glm(object))), coef(fit_glm(dataset())))
})

test_that("duplicated names of genes are kept, with a warning", {
  object <- dataset()
  rownames(object)[4] <- "gene1"
  warned <- caught(fit_glm(object))
  expect_s3_class(warned, "countglm_warning")
  expect_match(conditionMessage(warned), "'gene1'")
  expect_identical(rownames(coef(suppressWarnings(fit_glm(object)))), rownames(object))
})

test_that("a DESeqDataSet read out of a file with counts in doubles does as well", {
  object <- dataset()
  SummarizedExperiment::assay(object) <- SummarizedExperiment::assay(object) + 0
  expect_identical(coef(fit_glm(object)), coef(fit_glm(dataset())))
})

test_that("names of coefficients are taken as resultsNames() gives them", {
  object <- suppressMessages(DESeq2::estimateSizeFactors(dataset(~ batch * condition)))
  object <- DESeq2::nbinomWaldTest(DESeq2::`dispersions<-`(object, value = rep(0.1, 40)))
  fit <- fit_glm(dataset(~ batch * condition))
  expect_true(all(DESeq2::resultsNames(object) %in% names(fit$aliases)))
})
