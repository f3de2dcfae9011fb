skip_without_python()

s <- study()
reference <- fit_glm(s$counts, ~ batch + condition, s$samples)

sparse <- function(counts, class) {
  methods::as(methods::as(methods::as(counts, "dMatrix"), "generalMatrix"), class)
}

# The same counts in every container that needs no other package.
containers <- list(
  "doubles" = function(x) x + 0,
  "a dgCMatrix" = function(x) sparse(x, "CsparseMatrix"),
  "a dgTMatrix" = function(x) sparse(x, "TsparseMatrix"),
  "a dgRMatrix" = function(x) sparse(x, "RsparseMatrix"),
  "a dense Matrix" = function(x) Matrix::Matrix(x + 0, sparse = FALSE),
  "a data.frame" = function(x) as.data.frame(x),
  "explicit zeros" = function(x) {
    matrix <- sparse(x + 1, "CsparseMatrix")
    matrix@x <- matrix@x - 1
    matrix
  }
)

for (name in names(containers)) {
  test_that(paste("counts as", name, "give the same bits"), {
    fit <- fit_glm(containers[[name]](s$counts), ~ batch + condition, s$samples)
    for (part in c("coefficients", "standard_errors", "dispersion", "log_likelihood")) {
      expect_identical(hex(fit[[part]]), hex(reference[[part]]))
    }
    expect_identical(dimnames(coef(fit)), dimnames(coef(reference)))
  })
}

test_that("logical counts are 0 and 1", {
  fit <- fit_glm(s$counts > 100, ~ condition, s$samples, size_factors = "none", dispersion = 0)
  ones <- fit_glm((s$counts > 100) + 0L, ~ condition, s$samples, size_factors = "none",
                  dispersion = 0)
  expect_identical(coef(fit), coef(ones))
})

test_that("sparse counts stay sparse", {
  counts <- sparse(s$counts, "CsparseMatrix")
  python <- .counts_to_py(counts)
  expect_match(class(python)[1], "csr_array")
  expect_identical(.from_py(python$indices), counts@i)
  expect_identical(.from_py(python$indptr), counts@p)
  expect_identical(.from_py(python$data), counts@x)
  expect_identical(.from_py(python$shape), list(ncol(counts), nrow(counts)))
})

test_that("the sample table is matched by name", {
  shuffled <- s$samples[c(5, 2, 8, 1, 3, 7, 4, 6), ]
  expect_identical(coef(fit_glm(s$counts, ~ batch + condition, shuffled)), coef(reference))
  model <- stats::model.matrix(~ batch + condition, shuffled)
  expect_identical(coef(fit_glm(s$counts, model)), coef(reference))
  nameless <- s$samples
  rownames(nameless) <- NULL
  expect_identical(coef(fit_glm(s$counts, ~ batch + condition, nameless)), coef(reference))
})

test_that("factors by sample or by gene are matched by name too", {
  factors <- stats::setNames(seq(0.5, 2, length.out = 8), colnames(s$counts))
  given <- fit_glm(s$counts, ~ condition, s$samples, size_factors = factors)
  turned <- fit_glm(s$counts, ~ condition, s$samples, size_factors = rev(factors))
  expect_identical(turned$size_factors, given$size_factors)
  expect_identical(given$size_factors, factors)
  alpha <- stats::setNames(rep(c(0.1, 0.2), 20), rownames(s$counts))
  expect_identical(fit_glm(s$counts, ~ condition, s$samples, dispersion = alpha)$dispersion, alpha)
})

test_that("offsets and weights may have one value per gene and sample", {
  by_sample <- seq(-0.2, 0.3, length.out = 8)
  weights <- rep(c(1, 2), 4)
  by_gene <- matrix(by_sample, 40, 8, byrow = TRUE)
  one <- fit_glm(s$counts, ~ condition, s$samples, offset = by_sample, weights = weights)
  many <- fit_glm(s$counts, ~ condition, s$samples, offset = by_gene,
                  weights = matrix(weights, 40, 8, byrow = TRUE))
  expect_identical(coef(one), coef(many))
  colnames(by_gene) <- colnames(s$counts)
  turned <- fit_glm(s$counts, ~ condition, s$samples, offset = by_gene[, 8:1], weights = weights)
  expect_identical(coef(turned), coef(one))
})

test_that("counts without names are numbered as R numbers", {
  counts <- unname(s$counts)
  fit <- fit_glm(counts, ~ condition, s$samples)
  expect_null(rownames(coef(fit)))
  expect_identical(rownames(as.data.frame(fit)), as.character(1:40))
  counts[5, 3] <- -1L
  expect_match(conditionMessage(caught(fit_glm(counts, ~ condition, s$samples))),
               "-1 at sample '3', gene '5'", fixed = TRUE)
})

test_that("umlauts in names arrive", {
  counts <- s$counts
  rownames(counts)[4] <- "\u03b2-Aktin"
  colnames(counts)[1] <- iconv("J\u00fcrgen", "UTF-8", "latin1")
  samples <- data.frame(
    tissue = factor(rep(c("Dr\u00fcse", "Ma\u00df"), 4)), row.names = colnames(counts)
  )
  fit <- fit_glm(counts, ~ tissue, samples)
  expect_identical(rownames(coef(fit))[4], "\u03b2-Aktin")
  expect_identical(colnames(fitted(fit))[1], "J\u00fcrgen")
  # Where the locale lacks these letters, R's own model.matrix() writes them in another way.
  expect_identical(colnames(coef(fit)), colnames(stats::model.matrix(~ tissue, samples)))
  table <- wald_test(fit, c("tissue", "Ma\u00df", "Dr\u00fcse"))
  expect_identical(rownames(table)[4], "\u03b2-Aktin")
  alias <- make.names(paste0("tissue_", "Ma\u00df", "_vs_", "Dr\u00fcse"))
  expect_identical(table, wald_test(fit, alias))
})

test_that("duplicated gene names are kept, with one warning", {
  counts <- s$counts
  rownames(counts)[5] <- "gene1"
  warnings <- list()
  fit <- withCallingHandlers(fit_glm(counts, ~ condition, s$samples), warning = function(w) {
    warnings <<- c(warnings, list(w))
    invokeRestart("muffleWarning")
  })
  expect_length(warnings, 1)
  expect_s3_class(warnings[[1]], "countglm_warning")
  expect_match(conditionMessage(warnings[[1]]), "'gene1'")
  expect_identical(rownames(coef(fit))[5], "gene1")
  expect_identical(rownames(as.data.frame(fit))[5], "gene1.1")
  expect_s3_class(caught(vcov(fit, "gene1")), "countglm_input_error")
  expect_identical(dim(vcov(fit, 5)), c(2L, 2L))
})

test_that("a SummarizedExperiment brings its table", {
  skip_without("SummarizedExperiment")
  object <- SummarizedExperiment::SummarizedExperiment(
    list(counts = s$counts, other = s$counts * 2L), colData = s$samples
  )
  expect_identical(coef(fit_glm(object, ~ batch + condition)), coef(reference))
  doubled <- fit_glm(object, ~ batch + condition, assay = "other")
  expect_equal(doubled$base_mean, 2 * reference$base_mean)
  expect_match(conditionMessage(caught(fit_glm(object, ~ condition, assay = "none"))),
               "has no assay 'none'; it has 'counts', 'other'")
  expect_s3_class(caught(fit_glm(object, ~ condition, s$samples)), "countglm_input_error")
})

test_that("a SingleCellExperiment of sparse counts is read", {
  skip_without("SingleCellExperiment")
  object <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sparse(s$counts, "CsparseMatrix")), colData = s$samples
  )
  expect_identical(coef(fit_glm(object, ~ batch + condition)), coef(reference))
})

test_that("a DelayedMatrix is read as it is stored", {
  skip_without("DelayedArray")
  dense <- DelayedArray::DelayedArray(s$counts)
  expect_identical(coef(fit_glm(dense, ~ batch + condition, s$samples)), coef(reference))
  expect_identical(coef(fit_glm(dense * 2L, ~ batch + condition, s$samples))[, 2:3] |> dim(),
                   c(40L, 2L))
  thin <- DelayedArray::DelayedArray(sparse(s$counts, "CsparseMatrix"))
  expect_s4_class(.as_counts(thin), "dgCMatrix")
  expect_identical(coef(fit_glm(thin, ~ batch + condition, s$samples)), coef(reference))
})

# What cannot be counts, and what the condition says.
wrong <- list(
  "NA in integers" = list(
    function(x) replace(x, 44, NA), "missing (NaN) (at sample 's2', gene 'gene4')"
  ),
  "NA in doubles" = list(
    function(x) replace(x + 0, 44, NA), "missing (NaN) (at sample 's2', gene 'gene4')"
  ),
  "NA in a sparse matrix" = list(
    function(x) sparse(replace(x, 44, NA), "CsparseMatrix"), "at sample 's2', gene 'gene4'"
  ),
  "a negative count" = list(
    function(x) replace(x, 1, -3L), "negative (-3 at sample 's1', gene 'gene1')"
  ),
  "a fraction" = list(function(x) replace(x, 1, 1.5), "1.5 at sample 's1', gene 'gene1'"),
  "more than 2^53" = list(function(x) replace(x, 1, 2^54), "larger than 2^53"),
  "text" = list(function(x) array(as.character(x), dim(x)), "matrix of type character"),
  "a column of text" = list(
    function(x) cbind(gene = "a", as.data.frame(x)),
    "1 column of the counts is not of numbers, first 'gene'"
  ),
  "a vector" = list(function(x) x[, 1], "counts is of class integer"),
  "a list" = list(function(x) list(x), "counts is of class list"),
  "repeated samples" = list(
    function(x) x[, c(1, 1:7)], "The sample name 's1' occurs more than once"
  ),
  "one sample" = list(function(x) x[, 1, drop = FALSE], "The counts have one sample (40 rows"),
  "no genes" = list(function(x) x[0, ], "empty"),
  "other samples" = list(
    function(x) `colnames<-`(x, c("z", colnames(x)[-1])),
    "1 sample of the counts missing in col_data ('z')"
  )
)

for (name in names(wrong)) {
  test_that(paste(name, "is one clear condition"), {
    error <- caught(fit_glm(wrong[[name]][[1]](s$counts), ~ condition, s$samples))
    expect_s3_class(error, "countglm_input_error")
    expect_match(conditionMessage(error), wrong[[name]][[2]], fixed = TRUE)
    expect_false(grepl("Traceback|\\n.*File", conditionMessage(error)))
  })
}

test_that("a sample table of another kind is one clear condition", {
  for (table in list(as.list(s$samples), "samples.csv", s$samples[1:5, ], 1:8)) {
    expect_s3_class(caught(fit_glm(s$counts, ~ condition, table)), "countglm_input_error")
  }
})

test_that("counts up to 2^53 are exact", {
  counts <- s$counts + 0
  counts[1, ] <- 2^31 + 0:7
  fit <- fit_glm(counts, ~ condition, s$samples, size_factors = "none", dispersion = 0.1)
  expect_identical(unname(fit$base_mean[1]), 2^31 + 3.5)
  expect_identical(unname(residuals(fit, "response", 1) + fitted(fit, 1))[1, ], 2^31 + 0:7)
})

test_that("columns that no formula names do not matter", {
  samples <- s$samples
  samples$complete <- addNA(factor(rep(c("yes", NA), 4)))
  samples$wave <- complex(real = 1:8, imaginary = 0)
  samples$bytes <- as.raw(1:8)
  fit <- fit_glm(s$counts, ~ batch + condition, samples)
  expect_identical(coef(fit), coef(reference))
  skip_without("SummarizedExperiment")
  object <- SummarizedExperiment::SummarizedExperiment(list(counts = s$counts), colData = samples)
  expect_identical(coef(fit_glm(object, ~ batch + condition)), coef(reference))
})
