skip_without_python()

s <- study(n_genes = 120)
DESIGN <- ~ batch + condition

de <- function(..., design = DESIGN) {
  differential_expression(s$counts, design, col_data = s$samples, ...)
}
plain <- as.data.frame(de())

test_that("the table has a row per gene and a word for every missing value", {
  expect_identical(rownames(plain), rownames(s$counts))
  expect_identical(names(plain), c("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj",
                                   "test", "status", "na_reason"))
  expect_identical(plain["gene2", "na_reason"], "all_zero")
  expect_identical(plain["gene3", "log2FoldChange"], Inf)
  expect_identical(plain["gene3", "test"], "LRT")
  expect_false(anyNA(plain[is.na(plain$na_reason), c("pvalue", "padj")]))
  expect_false(any(is.nan(as.matrix(plain[1:6]))))
})

test_that("one contrast may be written in all ways", {
  last <- as.data.frame(de(contrast = c("condition", "trt", "untrt")))
  for (contrast in list("conditiontrt", "condition_trt_vs_untrt", c(0, 0, 1),
                        list("conditiontrt"), list(c("condition_trt_vs_untrt")))) {
    expect_identical(as.data.frame(de(contrast = contrast))[1:6], last[1:6])
  }
  expect_identical(last[1:6], plain[1:6])
})

test_that("a list with names is several contrasts of one fit", {
  both <- de(contrast = list(drug = c("condition", "trt", "untrt"), batch = "batchy"))
  expect_named(both, c("drug", "batch"))
  expect_identical(as.data.frame(both$drug)[1:6], plain[1:6])
  expect_identical(as.data.frame(test_contrast(both$drug, "batchy")), as.data.frame(both$batch))
  again <- test_contrast(both$drug, list(a = "batchy", b = c("condition", "untrt", "trt")))
  expect_identical(again$b$log2FoldChange, -plain$log2FoldChange)
})

test_that("options may have DESeq2's names", {
  ours <- de(lfc_threshold = 0.3, alternative = "greater", alpha = 0.05, fit_type = "mean",
             independent_filtering = FALSE, test = "wald", cooks_cutoff = FALSE)
  theirs <- de(lfcThreshold = 0.3, altHypothesis = "greater", alpha = 0.05, fitType = "mean",
               independentFiltering = FALSE, test = "Wald", cooksCutoff = FALSE)
  expect_identical(as.data.frame(theirs), as.data.frame(ours))
})

test_that("the reference level may be chosen", {
  turned <- as.data.frame(de(reference = c(condition = "trt")))
  expect_equal(turned$log2FoldChange, -plain$log2FoldChange, tolerance = 1e-9)
  expect_equal(turned$pvalue, plain$pvalue, tolerance = 1e-9)
})

test_that("values by gene and functions of R are taken", {
  given <- stats::setNames(seq(0.05, 0.5, length.out = 120), rownames(s$counts))
  res <- de(dispersion = given)
  expect_equal(dispersion_table(res)$dispersion[-2], unname(given[-2]))
  constant <- de(fit_type = function(mean) 0.1 + 0 * mean)
  expect_equal(dispersion_table(constant)$dispFit[-2], rep(0.1, 119))
  holm <- as.data.frame(de(p_adjust = "holm", independent_filtering = FALSE))
  expect_equal(holm$padj, stats::p.adjust(holm$pvalue, "holm"))
  own <- as.data.frame(de(p_adjust = function(p) pmin(1, 2 * p), independent_filtering = FALSE))
  expect_equal(own$padj, pmin(1, 2 * own$pvalue))
  by_name <- de(control_genes = rownames(s$counts)[5:60])
  expect_identical(as.data.frame(by_name), as.data.frame(de(control_genes = 5:60)))
  mask <- seq_len(120) %in% 5:60
  expect_identical(as.data.frame(by_name), as.data.frame(de(control_genes = mask)))
})

test_that("the fit behind a result is one of fit_glm()", {
  res <- de()
  fit <- fit_of(res)
  expect_s3_class(fit, "countglm_fit")
  expect_equal(unname(coef(fit)[, 3] / log(2)), plain$log2FoldChange)
  table <- dispersion_table(res)
  expect_identical(unname(fit$dispersion[-2]), table$dispersion[-2])
  expect_identical(table$baseMean, plain$baseMean)
})

test_that("counts without names give a table without names", {
  res <- differential_expression(unname(s$counts), DESIGN, col_data = s$samples)
  expect_identical(as.data.frame(res)$pvalue, plain$pvalue)
})

test_that("a result that was read from a file is a table still, and says what is gone", {
  path <- tempfile()
  saveRDS(de(), path)
  old <- readRDS(path)
  expect_identical(as.data.frame(old), plain)
  error <- caught(test_contrast(old, "batchy"))
  expect_s3_class(error, "countglm_fit_gone")
  expect_match(conditionMessage(error), "differential_expression\\(\\) again")
  expect_s3_class(caught(lfc_shrink(old)), "countglm_fit_gone")
})

mistakes <- list(
  "no option 'lfcTreshold'. Did you mean 'lfcThreshold'" = quote(de(lfcTreshold = 1)),
  "given by name" = quote(test_contrast(de(), "batchy", 1)),
  "no column 'foo'" = quote(de(contrast = "foo")),
  "no level of 'condition'" = quote(de(contrast = c("condition", "trt", "nothing"))),
  "alpha" = quote(de(alpha = 2)),
  "'new' is no level of 'condition'" = quote(de(reference = c(condition = "new"))),
  "names 'sex', which is no variable" = quote(de(reference = c(sex = "f"))),
  "p_adjust = 'bla' is not known" = quote(de(p_adjust = "bla")),
  "names 'g' \\(1 of 1 names are unknown\\)" = quote(de(control_genes = "g")),
  "from 1 to 120" = quote(de(control_genes = 500)),
  "dispersion has 2 values" = quote(de(dispersion = c(1, 2))),
  "given twice" = quote(de(fitType = "mean", fit_type = "local")),
  "no column 'sex'" = quote(de(test = "LRT", reduced = ~ sex)),
  "no result of differential_expression" = quote(test_contrast(data.frame(a = 1), "a")),
  "no choice|no option" = quote(test_contrast(de(), "batchy", mode = "replay"))
)
for (words in names(mistakes)) {
  test_that(paste("a mistake is told in one sentence:", words), {
    error <- caught(eval(mistakes[[words]]))
    expect_s3_class(error, "countglm_input_error")
    expect_match(conditionMessage(error), words)
    expect_no_match(conditionMessage(error), "Traceback|\n")
  })
}
