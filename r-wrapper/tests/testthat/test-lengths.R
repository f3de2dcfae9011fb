# Transcript lengths that tximport or tximeta left in a DESeqDataSet, as DESeq2 takes them.
skip_without_python()
skip_without("DESeq2")

quietly <- function(expression) suppressWarnings(suppressMessages(expression))
assay <- SummarizedExperiment::assay

dds <- local({
  set.seed(3)
  object <- quietly(DESeq2::makeExampleDESeqDataSet(n = 200, m = 8))
  lengths <- matrix(stats::runif(1600, 500, 3000), 200, dimnames = dimnames(object))
  SummarizedExperiment::`assay<-`(object, "avgTxLength", withDimnames = FALSE, value = lengths)
})
told <- "avgTxLength"
factors_of <- function(...) DESeq2::normalizationFactors(quietly(
  DESeq2::estimateSizeFactors(dds, ...)
))

expect_near <- function(found, expected, tolerance) {
  expect_identical(is.na(found), is.na(expected))
  far <- abs(found - expected) / pmax(abs(expected), 1e-300)
  expect_lt(max(far, na.rm = TRUE), tolerance)
}

test_that("every rule gives DESeq2's normalisation factors", {
  inputs <- suppressMessages(.inputs(dds))
  genes <- as.double(5:60)
  means <- rowMeans(DESeq2::counts(dds)) + 1
  cases <- list(
    list(list(), list()),
    list(list(size_factors = "poscounts"), list(type = "poscounts")),
    list(list(control_genes = genes), list(controlGenes = genes)),
    list(list(geo_means = means), list(geoMeans = means))
  )
  for (case in cases) {
    expect_message(options <- .de_options(case[[1]], inputs), told, class = "countglm_message")
    expect_null(options$size_factors)
    found <- t(.from_py(options$normalization_factors))
    expect_near(found, unname(do.call(factors_of, case[[2]])), 1e-13)
  }
})

test_that("replay gives DESeq2's results and fills its factors", {
  theirs <- quietly(DESeq2::DESeq(dds))
  expect_message(res <- differential_expression(dds, mode = "replay"), told)
  expected <- DESeq2::results(theirs)
  for (name in names(expected)) expect_near(res[[name]], expected[[name]], 1e-6)
  ours <- suppressMessages(fill_dds(dds, res))
  expect_near(DESeq2::normalizationFactors(ours), factors_of(), 1e-13)
  found <- DESeq2::results(ours)
  for (name in names(expected)) expect_near(found[[name]], expected[[name]], 1e-6)
  expect_identical(test_contrast(ours)$pvalue, res$pvalue)
})

test_that("fits and transformations take the lengths", {
  expect_message(fit <- fit_glm(dds, dispersion = 0.1), told)
  own <- quietly(DESeq2::estimateSizeFactors(dds))
  expect_silent(expected <- fit_glm(own, dispersion = 0.1))
  expect_equal(coef(fit), coef(expected), tolerance = 1e-12)
  expect_message(stable <- vst(dds, mode = "replay"), told)
  expect_equal(assay(stable), assay(vst(own, mode = "replay")), tolerance = 1e-10)
  theirs <- quietly(DESeq2::varianceStabilizingTransformation(dds))
  expect_near(assay(stable), assay(theirs), 1e-6)
  expect_message(regular <- rlog(dds[1:40, ]), told)
  expect_equal(assay(regular), assay(rlog(quietly(DESeq2::estimateSizeFactors(dds[1:40, ])))),
               tolerance = 1e-8)
})

test_that("factors of one's own go first", {
  factors <- seq(0.8, 1.5, by = 0.1)
  expect_silent(given <- fit_glm(dds, size_factors = factors, dispersion = 0.1))
  expect_identical(unname(given$size_factors), factors)
  sized <- BiocGenerics::`sizeFactors<-`(dds, value = factors)
  expect_silent(found <- fit_glm(sized, dispersion = 0.1))
  expect_identical(coef(found), coef(given))
})

test_that("what has no answer beside lengths is refused", {
  for (verb in list(fit_glm, differential_expression)) {
    expect_error(verb(dds, offset = rep(0, 8)), "avgTxLength", class = "countglm_input_error")
    expect_error(suppressMessages(verb(dds, size_factors = "iterate")), "iterate",
                 class = "countglm_input_error")
  }
  expect_error(
    suppressMessages(differential_expression(dds, size_factors = "poscounts", control_genes = 1:9)),
    "poscounts", class = "countglm_input_error"
  )
  wrong <- dds
  values <- assay(wrong, "avgTxLength")
  values[2, 3] <- -1
  wrong <- SummarizedExperiment::`assay<-`(wrong, "avgTxLength", value = values)
  expect_error(suppressMessages(fit_glm(wrong)), "lengths must be positive",
               class = "countglm_input_error")
})
