# A result goes only into the object it was made from; a filled object tells when it has changed.
skip_without_python()
skip_without("DESeq2")

quietly <- function(expression) suppressWarnings(suppressMessages(expression))
expect_refused <- function(expression, words) {
  error <- quietly(caught(expression))
  expect_s3_class(error, "countglm_input_error")
  expect_match(conditionMessage(error), words)
}
with_counts <- function(object, counts) {
  SummarizedExperiment::`assay<-`(object, "counts", withDimnames = FALSE, value = counts)
}

s <- study(n_genes = 100)
dds <- quietly(DESeq2::DESeqDataSetFromMatrix(s$counts, s$samples, ~ batch + condition))
res <- differential_expression(dds)
filled <- fill_dds(dds, res)

# The object as something else has made it, and what is said.
changed <- list(
  "fewer genes" = list(function(x) x[1:10, ], "of 100 genes and the DESeqDataSet has 10"),
  "turned genes" = list(function(x) x[100:1, ], "100 genes .* in another order"),
  "turned samples" = list(function(x) x[, 8:1], "in another order, first 's8' where .* has 's1'"),
  "fewer samples" = list(function(x) x[, 1:6], "of 8 samples and the DESeqDataSet has 6"),
  "one sample" = list(function(x) x[, 1], "of 8 samples and the DESeqDataSet has 1"),
  "samples of other names" = list(
    function(x) `colnames<-`(x, value = c("z", colnames(x)[-1])), "other samples .* first 'z'"
  ),
  "samples without names" = list(function(x) `colnames<-`(x, value = NULL), "have no names"),
  "other counts" = list(
    function(x) with_counts(x, replace(DESeq2::counts(x), 800, 7L)), "other counts"
  ),
  "samples turned under their names" = list(
    function(x) with_counts(x, DESeq2::counts(x)[, 8:1]), "other counts"
  ),
  "another design" = list(
    function(x) DESeq2::`design<-`(x, value = ~ condition), "another design .*~ batch \\+ cond"
  ),
  "other levels" = list(
    function(x) {
      x$condition <- stats::relevel(x$condition, "trt")
      x
    }, "other levels of its factors"
  )
)

for (name in names(changed)) {
  test_that(paste("a result is not put into an object of", name), {
    expect_refused(fill_dds(changed[[name]][[1]](dds), res), changed[[name]][[2]])
  })
}

test_that("designs and levels that fill_dds() was asked for are put into the object", {
  other <- fill_dds(dds, design = ~ condition)
  expect_identical(nrow(test_contrast(other)), 100L)
  turned <- quietly(fill_dds(dds, reference = c(condition = "trt")))
  expect_identical(levels(turned$condition), c("trt", "untrt"))
  expect_identical(DESeq2::results(turned)$log2FoldChange, test_contrast(turned)$log2FoldChange)
  expect_equal(test_contrast(turned)$log2FoldChange[4:100], -res$log2FoldChange[4:100],
               tolerance = 1e-6)
  by_matrix <- differential_expression(dds, stats::model.matrix(~ batch + condition, s$samples))
  expect_identical(test_contrast(fill_dds(dds, by_matrix))$pvalue, res$pvalue)
})

test_that("size factors of the result go before normalisation factors of the object", {
  set.seed(5)
  factors <- matrix(exp(stats::rnorm(800, sd = 0.1)), 100, dimnames = dimnames(dds))
  other <- fill_dds(DESeq2::`normalizationFactors<-`(dds, value = factors), res)
  expect_null(DESeq2::normalizationFactors(other))
  expect_identical(DESeq2::results(other)$baseMean, res$baseMean)
})

test_that("a filled object gives all genes of its fit", {
  expect_identical(test_contrast(filled)$pvalue, res$pvalue)
  expect_identical(lfc_shrink(filled)$log2FoldChange, lfc_shrink(res)$log2FoldChange)
  expect_s3_class(fit_of(filled), "countglm_fit")
})

test_that("genes of a filled object give their rows", {
  some <- filled[c(40:31, 2, 3), ]
  genes <- rownames(some)
  found <- test_contrast(some, "batchy")
  expected <- test_contrast(res, "batchy")
  expect_identical(rownames(found), genes)
  expect_identical(found$padj, expected[genes, "padj"])
  expect_identical(lfc_shrink(some)$lfcSE, lfc_shrink(res)[genes, "lfcSE"])
  expect_identical(lfc_shrink(found)$lfcSE, lfc_shrink(expected)[genes, "lfcSE"])
  expect_identical(dispersion_table(some), dispersion_table(res)[genes, ])
  both <- test_contrast(some, list(a = "batchy", b = "condition_trt_vs_untrt"))
  expect_identical(rownames(both$b), genes)
})

# A filled object that has changed since.
stale <- changed[setdiff(names(changed), c("fewer genes", "turned genes"))]
stale[["repeated samples"]] <- list(function(x) x[, c(1, 1:7)], "other samples")
stale[["no genes"]] <- list(function(x) x[0, ], "0 genes")
stale[["renamed genes"]] <- list(
  function(x) `rownames<-`(x, value = c("actin", rownames(x)[-1])), "1 gene name .* first 'actin'"
)
stale[["genes under each other's names"]] <- list(
  function(x) `rownames<-`(x, value = rev(rownames(x))), "other counts"
)
stale[["collapsed replicates"]] <- list(
  function(x) DESeq2::collapseReplicates(x, x$age > 0 & seq_len(8) > 4), "has 2"
)
stale[["collapsed replicates of the same number"]] <- list(
  function(x) DESeq2::collapseReplicates(x, factor(paste0("t", 1:8))), "other samples"
)
stale[["DESeq2's own fit"]] <- list(function(x) DESeq2::DESeq(x), "other size factors, disp")
stale[["DESeq2's own test"]] <- list(
  function(x) DESeq2::nbinomLRT(x, reduced = ~ batch), "other size factors, disp"
)
stale[["other size factors"]] <- list(
  function(x) BiocGenerics::`sizeFactors<-`(x, value = rep(1, 8)), "other size factors"
)
stale[["normalisation factors"]] <- list(
  function(x) DESeq2::`normalizationFactors<-`(x, value = matrix(1, 100, 8)), "other size factors"
)

for (name in names(stale)) {
  test_that(paste("a filled object is refused after", name), {
    object <- quietly(stale[[name]][[1]](filled))
    expect_refused(test_contrast(object), stale[[name]][[2]])
    expect_refused(lfc_shrink(object), "fill_dds\\(\\) on it again")
  })
}

test_that("what was made of a filled object is no result", {
  transformed <- quietly(DESeq2::varianceStabilizingTransformation(filled))
  expect_refused(test_contrast(transformed), "no result of differential_expression")
})

test_that("objects without names are known by their counts", {
  plain <- quietly(DESeq2::DESeqDataSetFromMatrix(
    unname(s$counts), `rownames<-`(s$samples, NULL), ~ batch + condition
  ))
  ours <- fill_dds(plain)
  expect_identical(test_contrast(ours)$pvalue, res$pvalue)
  expect_refused(test_contrast(ours[100:1, ]), "other counts")
  expect_refused(test_contrast(ours[, 8:1]), "other counts|in another order|have no names")
  expect_refused(test_contrast(ours[1:5, ]), "no names lead")
})

test_that("factors by gene, offsets and weights pass the check", {
  set.seed(5)
  factors <- matrix(exp(stats::rnorm(800, sd = 0.1)), 100, dimnames = dimnames(dds))
  own <- quietly(fill_dds(DESeq2::`normalizationFactors<-`(dds, value = factors)))
  expect_identical(nrow(test_contrast(own[11:30, ])), 20L)
  shifted <- quietly(fill_dds(dds, offset = seq(0, 0.7, by = 0.1), weights = rep(c(1, 0.5), 4)))
  expect_identical(nrow(lfc_shrink(shifted)), 100L)
  expect_refused(test_contrast(DESeq2::`normalizationFactors<-`(own, value = factors[, 8:1])),
                 "other size factors")
})
