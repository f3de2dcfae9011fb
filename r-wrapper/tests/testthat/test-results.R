skip_without_python()

s <- study(n_genes = 120)
res <- differential_expression(s$counts, ~ batch + condition, col_data = s$samples)

test_that("a DESeqResults tells what its columns are", {
  skip_without("DESeq2")
  expect_s4_class(res, "DESeqResults")
  about <- S4Vectors::mcols(res)
  expect_identical(about["log2FoldChange", "description"],
                   "log2 fold change (MLE): condition trt vs untrt")
  expect_identical(about["stat", "description"], "Wald statistic: condition trt vs untrt")
  expect_identical(about["padj", "description"], "BH adjusted p-values")
  expect_output(print(res), "Wald test p-value: condition trt vs untrt")
  expect_named(S4Vectors::metadata(res), c(
    "filterThreshold", "filterTheta", "filterNumRej", "lo.fit", "alpha", "lfcThreshold", "countglm"
  ))
})

test_that("subsets and reordered results keep their fit", {
  skip_without("DESeq2")
  sorted <- res[order(res$pvalue), ][1:20, ]
  shrunken <- lfc_shrink(sorted)
  expect_identical(rownames(shrunken), rownames(sorted))
  expect_identical(shrunken$pvalue, sorted$pvalue)
  expect_identical(nrow(test_contrast(sorted, "batchy")), 120L)
})

test_that("rows that no name leads back to are refused", {
  skip_without("S4Vectors")
  counts <- s$counts
  rownames(counts)[9] <- rownames(counts)[8]
  twice <- suppressWarnings(differential_expression(counts, ~ condition, col_data = s$samples))
  expect_identical(rownames(lfc_shrink(twice)), rownames(counts))
  expect_error(lfc_shrink(twice[order(twice$pvalue), ]), "2 names unknown or repeated",
               class = "countglm_input_error")
  expect_identical(rownames(lfc_shrink(twice[20:30, ])), rownames(counts)[20:30])
})

test_that("genes without names lead back only where all are there in order", {
  skip_without("S4Vectors")
  nameless <- differential_expression(unname(s$counts), ~ batch + condition, col_data = s$samples)
  shrunken <- lfc_shrink(nameless)
  expect_null(rownames(shrunken))
  expect_identical(shrunken$log2FoldChange, lfc_shrink(res)$log2FoldChange)
  expect_identical(lfc_shrink(shrunken, coef = 2)$baseMean, res$baseMean)
  by_p <- order(nameless$pvalue)
  without_mean <- nameless[, setdiff(names(nameless), "baseMean")]
  for (wrong in list(nameless[by_p, ], nameless[1:20, ], nameless[120:1, ], without_mean)) {
    expect_error(lfc_shrink(wrong), "names of genes are missing", class = "countglm_input_error")
  }
})

test_that("a data.frame without names of genes is found by its row numbers", {
  nameless <- differential_expression(unname(s$counts), ~ batch + condition, col_data = s$samples)
  handle <- .handle(nameless)
  arrays <- .from_py(.call("de_for_r.result_arrays", handle$result))
  columns <- lapply(stats::setNames(nm = c("baseMean", "pvalue")), function(name) nameless[[name]])
  in_frame <- function(columns) {
    words <- .descriptions(names(columns), arrays, handle$inputs)
    .in_class(columns, NULL, list(countglm = handle), words, NULL, "data.frame")
  }
  old <- in_frame(columns)
  table <- in_frame(c(columns, list(place = 1:120)))
  by_p <- order(old$pvalue)
  expect_identical(.rows_of(table, old, handle)$place, 1:120)
  expect_identical(.rows_of(table, old[by_p, ][1:30, ], handle)$place, by_p[1:30])
  renumbered <- old[by_p, ]
  rownames(renumbered) <- NULL
  expect_error(.rows_of(table, renumbered, handle), "missing or repeated",
               class = "countglm_input_error")
})

test_that("repeated names that changed places are refused", {
  skip_without("S4Vectors")
  counts <- s$counts
  rownames(counts)[9] <- rownames(counts)[8]
  twice <- suppressWarnings(differential_expression(counts, ~ condition, col_data = s$samples))
  expect_error(lfc_shrink(twice[c(1:7, 9, 8, 10:120), ]), "missing or repeated",
               class = "countglm_input_error")
})

test_that("without DESeq2 the result is a DataFrame, without Bioconductor a data.frame", {
  handle <- .handle(res)
  arrays <- .from_py(.call("de_for_r.result_arrays", handle$result))
  words <- .descriptions("pvalue", arrays, handle$inputs)
  for (class in c("DataFrame", "data.frame")) {
    if (class == "DataFrame") skip_without("S4Vectors")
    table <- .in_class(list(pvalue = res$pvalue), rownames(s$counts), list(countglm = handle),
                       words, NULL, class)
    expect_identical(class == "data.frame", is.data.frame(table))
    expect_identical(rownames(table), rownames(s$counts))
    expect_identical(table$pvalue, res$pvalue)
    expect_s3_class(fit_of(table), "countglm_fit")
    expect_identical(rownames(lfc_shrink(table)), rownames(s$counts))
  }
  expect_match(attr(table, "descriptions")[["pvalue"]], "Wald test p-value: condition trt")
})

test_that("shrunken tables say so", {
  for (type in c("apeglm", "normal", "ashr")) {
    shrunken <- lfc_shrink(res, type = type)
    expect_true(all(is.finite(shrunken$log2FoldChange[-2])))
    expect_lt(sum(abs(shrunken$log2FoldChange[4:120])), sum(abs(res$log2FoldChange[4:120])))
    expect_identical(shrunken$pvalue, res$pvalue)
    if (methods::is(shrunken, "DESeqResults")) {
      expect_identical(DESeq2::priorInfo(shrunken)$type, type)
      expect_identical(DESeq2::priorInfo(shrunken)$package, "countglm")
    }
  }
  by_number <- lfc_shrink(res, coef = 3)
  expect_identical(by_number$log2FoldChange, lfc_shrink(res)$log2FoldChange)
  expect_identical(lfc_shrink(res, coef = "condition_trt_vs_untrt")$lfcSE, by_number$lfcSE)
  rates <- lfc_shrink(res, svalue = TRUE, lfcThreshold = 0.2)
  expect_true(all(c("svalue") %in% names(rates)) && !"pvalue" %in% names(rates))
  expect_error(lfc_shrink(res, coef = 7), "from 1 to 3", class = "countglm_input_error")
  expect_error(lfc_shrink(res, type = "lasso"), "lasso", class = "countglm_input_error")
})

test_that("the embedded studies come in every class", {
  study <- countglm_example("pasilla", "list")
  expect_identical(dim(study$counts), c(14599L, 7L))
  expect_identical(levels(study$col_data$condition), c("untreated", "treated"))
  expect_identical(rownames(study$col_data), colnames(study$counts))
  skip_without("DESeq2")
  dds <- countglm_example("pasilla")
  expect_s4_class(dds, "DESeqDataSet")
  expect_identical(unname(DESeq2::counts(dds)), unname(study$counts))
  se <- countglm_example("pasilla", "SummarizedExperiment")
  expect_identical(class(se)[1], "SummarizedExperiment")
  expect_error(countglm_example("mouse"), "no example 'mouse'", class = "countglm_input_error")
})
