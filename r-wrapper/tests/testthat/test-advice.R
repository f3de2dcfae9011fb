# Messages speak R: who does what they say gets on.
skip_without_python()

s <- study(n_genes = 120)
s$samples$dose <- rep(1:2, 4)
de <- function(..., design = ~ batch + condition) {
  differential_expression(s$counts, design, col_data = s$samples, ...)
}
res <- de()

# What an error says.
told <- function(expression) {
  error <- caught(expression)
  expect_s3_class(error, "countglm_input_error")
  expect_no_match(conditionMessage(error), "\\bNone\\b|True|False|[a-z]=[ :;,.]|\\[|array\\(|C\\(")
  conditionMessage(error)
}

test_that("numbers become a factor as R writes it", {
  words <- told(de(design = ~ dose, contrast = c("dose", "2", "1")))
  expect_match(words, "factor(dose)", fixed = TRUE)
  again <- de(design = ~ factor(dose), contrast = c("dose", "2", "1"))
  expect_equal(again$log2FoldChange, de(design = ~ dose)$log2FoldChange)
})

test_that("a likelihood ratio asks for reduced", {
  expect_match(told(test_contrast(res, test = "LRT")), "needs reduced: the design")
  expect_identical(test_contrast(res, test = "LRT", reduced = ~ batch)$stat,
                   de(test = "LRT", reduced = ~ batch)$stat)
})

test_that("shrinkage has R's names", {
  words <- told(lfc_shrink(res, type = "normal", svalue = TRUE))
  expect_match(words, "use type='apeglm' or 'ashr'", fixed = TRUE)
  expect_true("svalue" %in% names(lfc_shrink(res, type = "ashr", svalue = TRUE)))
  expect_match(told(lfc_shrink(res, type = "none")), "choose from apeglm, ashr, normal")
  words <- told(lfc_shrink(res, lfc_threshold = 1))
  expect_match(words, "add svalue = TRUE", fixed = TRUE)
  expect_s4_class(lfc_shrink(res, lfc_threshold = 1, svalue = TRUE), "DFrame")
})

test_that("constants are R's", {
  expect_match(told(de(min_replicates_for_replacement = 1)), "Inf turns replacement off")
  expect_s4_class(de(min_replicates_for_replacement = Inf), "DFrame")
  words <- told(de(cooks_cutoff = -1))
  expect_match(words, "NULL for the 99% quantile of F(p, n - p), or FALSE", fixed = TRUE)
  expect_identical(de(cooks_cutoff = NULL)$pvalue, res$pvalue)
  expect_match(told(de(threads = 0)), "threads=0 must be a whole number of at least 1, or NULL")
  words <- told(test_contrast(res, cooks_cutoff = 3))
  expect_match(words, "test_contrast() can only drop the outlier flags, with FALSE", fixed = TRUE)
  expect_match(told(de(dispersion = c(rep(1, 119), -1))), "at gene 120[^0-9]")
  expect_match(told(de(control_genes = 1:3, size_factors = "tmm")), "size_factors='tmm'")
})

test_that("contrasts are written with c()", {
  words <- told(de(contrast = c("condition", "trt")))
  expect_match(words, "give c(factor, tested level, reference level)", fixed = TRUE)
  expect_match(told(de(contrast = c(1, 2))), "has length 2 and the design 3 columns")
})

test_that("an option that is nearly right is suggested, and no other", {
  expect_match(told(de(lfcTreshold = 1)), "Did you mean 'lfcThreshold'?", fixed = TRUE)
  expect_match(told(de(cook_cutoff = 1)), "Did you mean 'cooks_cutoff'?", fixed = TRUE)
  expect_no_match(told(de(zzz = 1)), "Did you mean")
  expect_match(told(de(name = "conditiontrt")), "contrast takes the name of a coefficient")
  expect_match(told(test_contrast(res, name = "conditiontrt")), "contrast takes the name")
  expect_no_match(told(test_contrast(res, controlGenes = 1:3)), "Did you mean")
})

test_that("normMatrix has another meaning in DESeq2, and its way is told", {
  lengths <- exp(matrix(sin(seq_along(s$counts)), 120, dimnames = dimnames(s$counts)))
  words <- told(de(normMatrix = lengths))
  expect_match(words, "as normalization_factors, or a DESeqDataSet", fixed = TRUE)
  skip_without("DESeq2")
  dds <- DESeq2::DESeqDataSetFromMatrix(s$counts, s$samples, ~ batch + condition)
  dds <- suppressMessages(DESeq2::estimateSizeFactors(dds, normMatrix = lengths))
  of_factors <- de(normalization_factors = DESeq2::normalizationFactors(dds))
  expect_identical(differential_expression(dds)$pvalue, of_factors$pvalue)
  expect_false(identical(de(normalization_factors = lengths)$pvalue, of_factors$pvalue))
})

test_that("what says nothing is refused", {
  expect_match(told(de(independentFiltering = NA)), "independent_filtering = NA")
  expect_match(told(de(alpha = c(0.1, 0.2))), "alpha = c(0.1, 0.2) has 2 values", fixed = TRUE)
  expect_match(told(de(use_t = "yes")), "use_t = \"yes\" must be TRUE or FALSE")
  expect_match(told(de(fit_type = c("mean", "local"))), "one kind of trend")
  expect_match(told(de(reference = "untrt")), "reference must name the factor")
  words <- told(differential_expression(s$counts, matrix(1, 8, 1), reference = c(condition = "x")))
  expect_match(words, "samples, which have none; give their table as col_data", fixed = TRUE)
})

test_that("listValues multiply the columns of a list", {
  list_of_two <- list("condition_trt_vs_untrt", "batch_y_vs_x")
  half <- de(contrast = c(0, -0.5, 1))
  expect_identical(de(contrast = list_of_two, listValues = c(1, -0.5))$stat, half$stat)
  expect_identical(de(contrast = list_of_two, list_values = c(1, -0.5))$stat, half$stat)
  expect_identical(test_contrast(res, list_of_two, listValues = c(1, -0.5))$stat, half$stat)
  named <- list(half = list_of_two, batch = list("batchy"))
  both <- test_contrast(res, named, listValues = c(1, -0.5))
  expect_identical(both$half$stat, half$stat)
  fit <- fit_of(res)
  expect_identical(wald_test(fit, list_of_two, listValues = c(1, -0.5)),
                   wald_test(fit, c(0, -0.5, 1)))
  for (wrong in list(1, c(1, NA), "a", c(1, Inf))) {
    expect_match(told(de(contrast = list_of_two, listValues = wrong)), "two numbers")
  }
  expect_match(told(de(contrast = list("batchy", "batchy"))), "takes away all that it adds")
})

test_that("contrasts of which some have names are read, or refused where they may be a sum", {
  several <- de(contrast = list(x = c("condition", "trt", "untrt"), "batch_y_vs_x"))
  expect_named(several, c("x", "batch_y_vs_x"))
  expect_identical(several$x$pvalue, res$pvalue)
  several <- de(contrast = list(c("condition", "trt", "untrt"), b = "batchy"))
  expect_named(several, c("condition_trt_vs_untrt", "b"))
  words <- told(de(contrast = list("conditiontrt", minus = "batchy")))
  expect_match(words, "1 entry of the list of contrasts has no name, and 1 has one")
  expect_match(told(de(contrast = list(a = "batchy", a = "batchy"))), "names 'a' more than once")
})

test_that("the method that adjusted p-values is kept by its name", {
  words <- function(res) S4Vectors::mcols(res)["padj", "description"]
  skip_without("DESeq2")
  holm <- de(p_adjust = "holm", independent_filtering = FALSE)
  expect_identical(words(holm), "holm adjusted p-values")
  again <- test_contrast(holm, "batchy")
  expect_identical(words(again), "holm adjusted p-values")
  expect_equal(again$padj, stats::p.adjust(again$pvalue, "holm"))
  expect_identical(words(test_contrast(holm, p_adjust = "BH")), "BH adjusted p-values")
  own <- test_contrast(holm, p_adjust = function(p) pmin(1, 2 * p))
  expect_identical(words(own), "given adjusted p-values")
  expect_match(told(test_contrast(own, "batchy")), "pass p_adjust again")
  expect_identical(words(de(pAdjustMethod = "fdr")), "BH adjusted p-values")
  both <- de(contrast = list(a = "batchy", b = "conditiontrt"), p_adjust = "hommel")
  expect_identical(words(both$b), "hommel adjusted p-values")
})

test_that("an assay is one that is there", {
  skip_without("SummarizedExperiment")
  inside <- SummarizedExperiment::SummarizedExperiment(list(counts = s$counts),
                                                       colData = s$samples)
  verbs <- list(fit_glm, differential_expression, function(x, design, assay) vst(x, assay = assay))
  for (verb in verbs) {
    for (wrong in list(3, NA, 0, c(1, 2), "none")) {
      expect_match(told(verb(inside, ~ condition, assay = wrong)), "assay")
    }
  }
  expect_match(told(fit_glm(inside, ~ condition, assay = 3)), "its place from 1 to 1")
  expect_identical(coef(fit_glm(inside, ~ condition, assay = 1)),
                   coef(fit_glm(inside, ~ condition)))
})
