skip_without_python()

s <- study(n_genes = 200)

test_that("a matrix gives a matrix with its names, dense or sparse", {
  for (transform in list(vst, rlog)) {
    values <- transform(s$counts)
    expect_identical(dimnames(values), dimnames(s$counts))
    expect_identical(transform(methods::as(s$counts + 0, "dgCMatrix")), values)
    expect_true(all(is.finite(values)))
  }
})

test_that("the design has a part where the transformation is not blind", {
  seen <- vst(s$counts, blind = FALSE, design = ~ condition, col_data = s$samples)
  expect_false(identical(seen, vst(s$counts)))
  expect_error(vst(s$counts, blind = FALSE), "design is missing", class = "countglm_input_error")
  expect_error(vst(s$counts, fitType = "cubic"), "cubic", class = "countglm_input_error")
  expect_error(vst(s$counts, blind = NA), "blind = NA", class = "countglm_input_error")
  expect_error(vst(s$counts, nsub = 1), "nsub", class = "countglm_input_error")
  expect_error(rlog(s$counts, intercept = 1), "no intercept", class = "countglm_input_error")
})

test_that("objects give a DESeqTransform that plotPCA() takes", {
  skip_without("DESeq2")
  skip_without("SingleCellExperiment")
  columns <- S4Vectors::DataFrame(s$samples)
  objects <- list(
    SummarizedExperiment::SummarizedExperiment(list(counts = s$counts), colData = columns),
    SingleCellExperiment::SingleCellExperiment(list(counts = s$counts), colData = columns),
    DESeq2::DESeqDataSetFromMatrix(s$counts, columns, ~ condition)
  )
  for (object in objects) {
    for (transform in list(vst, rlog)) {
      values <- transform(object)
      expect_s4_class(values, "DESeqTransform")
      expect_identical(SummarizedExperiment::assay(values), transform(s$counts))
      scores <- DESeq2::plotPCA(values, "condition", ntop = 100, returnData = TRUE)
      expect_identical(nrow(scores), 8L)
    }
  }
})

test_that("a trend that DESeq2 has fitted is taken, whatever its kind", {
  skip_without("DESeq2")
  dds <- suppressMessages(countglm_example("pasilla", "DESeqDataSet"))[1:1000, ]
  dds <- DESeq2::estimateSizeFactors(dds)
  for (kind in c("local", "mean")) {
    fitted <- suppressMessages(DESeq2::estimateDispersions(dds, fitType = kind, quiet = TRUE))
    theirs <- SummarizedExperiment::assay(
      DESeq2::varianceStabilizingTransformation(fitted, blind = FALSE)
    )
    far <- function(mode) {
      max(abs(SummarizedExperiment::assay(vst(fitted, blind = FALSE, mode = mode)) - theirs))
    }
    expect_lt(far("replay"), 1e-8)
    # The exact integral is not the rule of 999 points that DESeq2 takes for a local trend.
    expect_lt(far("exact"), if (kind == "local") 0.1 else 1e-8)
  }
})

test_that("replay has DESeq2's values", {
  skip_without("DESeq2")
  dds <- suppressMessages(countglm_example("pasilla", "DESeqDataSet"))[1:1000, ]
  assay <- SummarizedExperiment::assay
  expect_near <- function(found, expected) expect_lt(max(abs(found - expected)), 1e-8)
  suppressMessages({
    expect_near(assay(vst(dds, nsub = 300, mode = "replay")),
                assay(DESeq2::vst(dds, nsub = 300)))
    few <- dds[1:300, ]
    expect_near(assay(rlog(few, mode = "replay")), assay(DESeq2::rlog(few)))
    fitted <- DESeq2::estimateDispersions(DESeq2::estimateSizeFactors(dds), quiet = TRUE)
    expect_near(assay(vst(fitted, blind = FALSE, mode = "replay")),
                assay(DESeq2::varianceStabilizingTransformation(fitted, blind = FALSE)))
    expect_near(assay(vst(fitted, blind = FALSE, nsub = 300, mode = "replay")),
                assay(DESeq2::vst(fitted, blind = FALSE, nsub = 300)))
    few <- fitted[1:300, ]
    expect_near(assay(rlog(few, blind = FALSE, mode = "replay")),
                assay(DESeq2::rlog(few, blind = FALSE)))
  })
})
