# A filled DESeqDataSet: DESeq2's own functions go on from it, with DESeq2's numbers in replay.
skip_without_python()
skip_without("DESeq2")

quietly <- function(expression) suppressWarnings(suppressMessages(expression))
assay <- SummarizedExperiment::assay
mcols <- S4Vectors::mcols

dds <- local({
  set.seed(8)
  all <- quietly(countglm_example("pasilla", "DESeqDataSet"))
  all <- all[sort(sample(nrow(all), 600)), ]
  levels(all$type) <- c("paired", "single")
  all
})
theirs <- quietly(DESeq2::DESeq(dds))
ours <- fill_dds(dds, mode = "replay")

expect_near <- function(found, expected, tolerance = 1e-6) {
  expect_identical(is.na(found), is.na(expected))
  far <- abs(found - expected) / pmax(abs(expected), 1e-300)
  expect_lt(max(far[is.finite(found) & is.finite(expected)], 0), tolerance)
}

expect_same_results <- function(found, expected) {
  for (name in names(expected)) expect_near(found[[name]], expected[[name]])
  expect_identical(mcols(found)[names(expected), ], mcols(expected))
}

test_that("replay has the numbers of DESeq2 itself", {
  res <- differential_expression(dds, mode = "replay")
  expected <- DESeq2::results(theirs)
  expect_same_results(res, expected)
  about <- S4Vectors::metadata(res)
  theirs_about <- S4Vectors::metadata(expected)
  expect_equal(about$filterThreshold, theirs_about$filterThreshold, tolerance = 1e-6)
  expect_near(about$filterTheta, theirs_about$filterTheta)
  expect_equal(about$filterNumRej, theirs_about$filterNumRej, tolerance = 1e-6)
  expect_s4_class(res, "DESeqResults")
})

test_that("all columns of the rows are DESeq2's", {
  expected <- as.data.frame(mcols(theirs))
  expected$dispGeneIter <- expected$dispIter <- NULL
  found <- as.data.frame(mcols(ours))
  expect_setequal(names(found), names(expected))
  # DESeq2 stops its gene-wise search short of the optimum where the likelihood is flat.
  for (name in names(expected)) {
    tolerance <- if (name == "dispGeneEst") 1e-5 else 1e-6
    expect_near(found[[name]] + 0, expected[[name]] + 0, tolerance)
  }
  about <- as.data.frame(mcols(mcols(ours)))
  expect_identical(about[names(expected), ], as.data.frame(mcols(mcols(theirs)))[names(expected), ])
})

test_that("size factors, trend and means are DESeq2's", {
  expect_near(DESeq2::sizeFactors(ours), DESeq2::sizeFactors(theirs), 1e-12)
  means <- c(0.5, 10, 3000)
  expect_near(DESeq2::dispersionFunction(ours)(means), DESeq2::dispersionFunction(theirs)(means))
  expect_near(assay(ours, "mu"), assay(theirs, "mu"))
  high <- which(apply(assay(theirs, "mu"), 1, min) > 1)
  expect_gt(length(high), 250)
  expect_near(assay(ours, "cooks")[high, ], assay(theirs, "cooks")[high, ], 1e-5)
  expect_near(assay(ours, "H")[high, ], assay(theirs, "H")[high, ], 1e-5)
})

test_that("results() of DESeq2 goes on, for names, levels, numbers and thresholds", {
  expect_identical(DESeq2::resultsNames(ours), DESeq2::resultsNames(theirs))
  expect_same_results(DESeq2::results(ours), DESeq2::results(theirs))
  contrast <- c("type", "paired", "single")
  expect_same_results(DESeq2::results(ours, contrast = contrast),
                      DESeq2::results(theirs, contrast = contrast))
  expect_same_results(DESeq2::results(ours, lfcThreshold = 0.5, alpha = 0.05),
                      DESeq2::results(theirs, lfcThreshold = 0.5, alpha = 0.05))
  found <- DESeq2::results(ours, contrast = c(0, 1, 1))
  expect_near(found$lfcSE, DESeq2::results(theirs, contrast = c(0, 1, 1))$lfcSE)
})

test_that("the likelihood ratio goes on", {
  ratio <- quietly(DESeq2::DESeq(dds, test = "LRT", reduced = ~ type))
  res <- differential_expression(dds, test = "LRT", reduced = ~ type, mode = "replay")
  expect_same_results(res, DESeq2::results(ratio))
  expect_same_results(DESeq2::results(fill_dds(dds, res)), DESeq2::results(ratio))
})

test_that("shrinkage and transformations of DESeq2 go on", {
  found <- quietly(DESeq2::lfcShrink(ours, coef = 3, type = "normal"))
  expected <- quietly(DESeq2::lfcShrink(theirs, coef = 3, type = "normal"))
  expect_near(found$log2FoldChange, expected$log2FoldChange)
  own <- lfc_shrink(ours, coef = 3, type = "normal")
  expect_near(own$log2FoldChange, expected$log2FoldChange, 1e-4)
  transform <- DESeq2::varianceStabilizingTransformation
  expect_near(assay(transform(ours, blind = FALSE)), assay(transform(theirs, blind = FALSE)))
})

test_that("plots of DESeq2 draw the object and the result", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  exact <- differential_expression(dds)
  filled <- fill_dds(dds, exact)
  expect_silent(DESeq2::plotDispEsts(filled))
  expect_silent(DESeq2::plotMA(exact))
  expect_silent(DESeq2::plotMA(filled))
  expect_silent(DESeq2::plotCounts(filled, 1, "condition"))
  expect_output(DESeq2::summary(exact), "adjusted p-value < 0.1")
  both <- DESeq2::results(filled)
  expect_identical(both$pvalue, exact$pvalue)
  expect_identical(both$log2FoldChange, exact$log2FoldChange)
})

test_that("other trends are functions of R alone", {
  for (kind in c("local", "mean")) {
    res <- differential_expression(dds, mode = "replay", fit_type = kind)
    path <- tempfile()
    saveRDS(fill_dds(dds, res), path)
    filled <- readRDS(path)
    trend <- DESeq2::dispersionFunction(filled)
    stages <- dispersion_table(res)
    known <- !is.na(stages$dispFit)
    expect_near(trend(stages$baseMean[known]), stages$dispFit[known], 1e-12)
    expected <- quietly(DESeq2::estimateDispersions(theirs, fitType = kind))
    transform <- DESeq2::varianceStabilizingTransformation
    expect_near(assay(transform(filled, blind = FALSE)), assay(transform(expected, blind = FALSE)))
  }
})

test_that("replaced outliers stand where DESeq2 puts them", {
  set.seed(4)
  spiked <- quietly(DESeq2::makeExampleDESeqDataSet(n = 200, m = 16))
  counts <- DESeq2::counts(spiked)
  counts[7, 3] <- 200000L
  spiked <- SummarizedExperiment::`assay<-`(spiked, "counts", value = counts)
  expected <- quietly(DESeq2::DESeq(spiked))
  filled <- fill_dds(spiked, mode = "replay")
  expect_identical(assay(filled, "replaceCounts"), assay(expected, "replaceCounts"))
  expect_identical(mcols(filled)$replace, unname(mcols(expected)$replace))
  expect_identical(filled$replaceable, expected$replaceable)
  expect_same_results(DESeq2::results(filled), DESeq2::results(expected))
})

test_that("normalisation factors, offsets and a design of one's own are kept", {
  set.seed(2)
  factors <- matrix(exp(stats::rnorm(length(assay(dds)), sd = 0.1)), nrow(dds), ncol(dds))
  factors <- factors / exp(rowMeans(log(factors)))
  with_factors <- DESeq2::`normalizationFactors<-`(dds, value = factors)
  expected <- quietly(DESeq2::DESeq(with_factors))
  filled <- fill_dds(with_factors, mode = "replay")
  expect_same_results(DESeq2::results(filled), DESeq2::results(expected))
  shifted <- fill_dds(dds, offset = rep(0.1, ncol(dds)))
  expect_identical(dim(DESeq2::normalizationFactors(shifted)), dim(dds))
  other <- fill_dds(dds, design = ~ condition)
  expect_identical(DESeq2::resultsNames(other), c("Intercept", "condition_treated_vs_untreated"))
  expect_length(attr(stats::terms(BiocGenerics::design(other)), "term.labels"), 1)
})

test_that("weights that were given go along", {
  weighted <- fill_dds(dds, weights = seq(0.4, 1, by = 0.1))
  expect_equal(unname(assay(weighted, "weights")[3, ]), seq(0.4, 1, by = 0.1))
})

test_that("mistakes are told", {
  expect_error(fill_dds(1), "fills a DESeqDataSet", class = "countglm_input_error")
})
