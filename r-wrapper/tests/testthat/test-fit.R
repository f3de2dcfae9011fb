skip_without_python()

s <- study()
fit <- fit_glm(s$counts, ~ batch + condition, s$samples)
genes <- rownames(s$counts)

test_that("shapes and names are R's", {
  expect_s3_class(fit, "countglm_fit")
  expect_identical(dimnames(coef(fit)), list(genes, c("(Intercept)", "batchy", "conditiontrt")))
  expect_identical(coef(fit, log2 = TRUE), coef(fit) / log(2))
  expect_identical(dimnames(fitted(fit)), dimnames(s$counts))
  expect_identical(dimnames(residuals(fit)), dimnames(s$counts))
  expect_identical(names(deviance(fit)), genes)
  expect_identical(dim(vcov(fit)), c(3L, 3L, 40L))
  expect_identical(vcov(fit, "gene7"), vcov(fit)[, , "gene7"])
  expect_identical(nobs(fit), 8L)
  expect_identical(stats::df.residual(fit), 5L)
  expect_identical(stats::family(fit)$link, "log")
  expect_equal(stats::formula(fit), ~ batch + condition, ignore_formula_env = TRUE)
  expect_identical(unname(model.matrix(fit)),
                   unname(stats::model.matrix(~ batch + condition, s$samples)), ignore_attr = TRUE)
})

test_that("numbers agree with each other", {
  good <- which(fit$status == "CONVERGED")
  se <- t(apply(vcov(fit, good), 3, function(v) sqrt(diag(v))))
  expect_equal(se, fit$standard_errors[good, ], ignore_attr = TRUE, tolerance = 1e-12)
  expect_equal(rowSums(residuals(fit)^2)[-2], deviance(fit)[-2], tolerance = 1e-9)
  expect_equal(residuals(fit, "response"), s$counts - fitted(fit))
  mean <- fitted(fit)[good, ]
  expect_equal(residuals(fit, "pearson", good),
               (s$counts[good, ] - mean) / sqrt(mean + fit$dispersion[good] * mean^2))
  expect_true(all(diag(vcov(fit, good[1], type = "observed")) > 0))
})

test_that("one gene agrees with R's own glm", {
  gene <- which(fit$status == "CONVERGED")[1]
  poisson <- fit_glm(s$counts, ~ batch + condition, s$samples, family = "poisson")
  theirs <- stats::glm(
    s$counts[gene, ] ~ batch + condition, family = stats::poisson, data = s$samples,
    offset = log(poisson$size_factors), control = list(epsilon = 1e-14)
  )
  expect_equal(unname(coef(poisson)[gene, ]), unname(coef(theirs)), tolerance = 1e-9)
  expect_equal(vcov(poisson, gene), vcov(theirs), tolerance = 1e-7)
  expect_equal(unname(deviance(poisson)[gene]), deviance(theirs), tolerance = 1e-9)
  expect_equal(unname(residuals(poisson, genes = gene)[1, ]), unname(residuals(theirs)),
               tolerance = 1e-7)
  expect_equal(unname(residuals(poisson, "pearson", gene)[1, ]),
               unname(residuals(theirs, "pearson")), tolerance = 1e-7)
  expect_equal(as.numeric(logLik(poisson)[gene]), as.numeric(logLik(theirs)), tolerance = 1e-9)
  expect_equal(stats::AIC(poisson)[gene], stats::AIC(theirs), tolerance = 1e-9)
  expect_equal(stats::BIC(poisson)[gene], stats::BIC(theirs), tolerance = 1e-9)
})

test_that("confint has ends for every gene", {
  good <- which(fit$status == "CONVERGED")
  ends <- confint(fit)
  expect_identical(dimnames(ends), list(genes, colnames(coef(fit)), c("2.5 %", "97.5 %")))
  expect_equal(ends[good, , 2], (coef(fit) + stats::qnorm(0.975) * fit$standard_errors)[good, ])
  one <- confint(fit, "condition_trt_vs_untrt", level = 0.9, log2 = TRUE)
  expect_identical(dimnames(one), list(genes, c("5 %", "95 %")))
  expect_equal(one, confint(fit, 3, level = 0.9) / log(2))
  # A group without counts has an end still.
  expect_identical(unname(one[3, 2]), Inf)
  expect_true(is.finite(one[3, 1]))
  poisson <- fit_glm(s$counts, ~ condition, s$samples, family = "poisson")
  profile <- confint(poisson, "conditiontrt", method = "profile")
  # At either end the deviance is higher by the quantile of chi-squared.
  gene <- good[1]
  deviance_at <- function(effect) {
    stats::deviance(stats::glm(
      s$counts[gene, ] ~ 1, family = stats::poisson, control = list(epsilon = 1e-14),
      offset = log(poisson$size_factors) + effect * (s$samples$condition == "trt")
    ))
  }
  rise <- vapply(profile[gene, ], deviance_at, 0) - deviance(poisson)[[gene]]
  expect_equal(unname(rise), rep(stats::qchisq(0.95, 1), 2), tolerance = 1e-6)
  expect_identical(dim(confint(fit_glm(s$counts[5, , drop = FALSE], ~ condition, s$samples), 2)),
                   c(1L, 2L))
  for (wrong in list(list(fit, "none"), list(fit, 4), list(fit, TRUE), list(fit, level = 2),
                     list(fit, level = NA), list(fit, method = "exact"))) {
    expect_s3_class(caught(do.call(confint, wrong)), "countglm_input_error")
  }
})

test_that("what has no finite value says so", {
  expect_identical(unname(fit$status[2:3]), c("ALL_ZERO", "SEPARATED"))
  expect_true(all(is.nan(coef(fit)[2, ])))
  expect_identical(unname(coef(fit)[3, "conditiontrt"]), Inf)
  expect_false(any(fit$converged[2:3]))
  expect_true(all(fitted(fit)[3, s$samples$condition == "untrt"] == 0))
  expect_true(all(is.nan(residuals(fit, genes = 2))))
})

test_that("tests have DESeq2's columns", {
  table <- wald_test(fit, c("condition", "trt", "untrt"))
  expect_identical(names(table), c("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj",
                                   "test", "status", "na_reason"))
  expect_identical(rownames(table), genes)
  expect_identical(table$test[2:4], c("Wald", "LRT", "Wald"))
  expect_identical(table$na_reason[1:3], c(NA, "all_zero", NA))
  expect_false(any(is.nan(table$pvalue)))
  expect_true(is.na(table$pvalue[2]))
  half <- wald_test(fit, c("condition", "trt", "untrt"), lfc_threshold = 0.5,
                    alternative = "greater")
  expect_true(all(half$pvalue[-2] >= table$pvalue[-2] / 2))
})

test_that("reduced designs are taken in every form", {
  wanted <- likelihood_ratio_test(fit, ~ batch)
  forms <- list(
    "~ batch", stats::model.matrix(~ batch, s$samples), "-conditiontrt",
    "-condition_trt_vs_untrt", c("(Intercept)", "batchy"), c("Intercept", "batch_y_vs_x")
  )
  for (reduced in forms) {
    expect_identical(likelihood_ratio_test(fit, reduced), wanted)
  }
  expect_true(all((likelihood_ratio_test(fit, ~ 1)$stat >= wanted$stat)[-2]))
  expect_s3_class(caught(likelihood_ratio_test(fit, ~ batch + condition)), "countglm_input_error")
  expect_s3_class(caught(likelihood_ratio_test(fit, ~ age)), "countglm_input_error")
  expect_s3_class(caught(likelihood_ratio_test(fit, "none")), "countglm_input_error")
})

test_that("tables and summaries print", {
  table <- as.data.frame(fit)
  expect_identical(dim(table), c(40L, 18L))
  expect_identical(table[["log2:conditiontrt"]], unname(coef(fit, log2 = TRUE)[, 3]))
  expect_identical(table$status, unname(fit$status))
  expect_output(print(fit), "40 genes x 8 samples, nb, design ~ batch + condition", fixed = TRUE)
  expect_output(print(summary(fit)), "SEPARATED: No finite maximum exists")
  expect_identical(sum(summary(fit)$status), 40L)
})

test_that("diagnose reports genes and design", {
  found <- diagnose(fit)
  expect_identical(rownames(found$genes), genes)
  expect_identical(found$genes$newton_decrement[-2], unname(fit$newton_decrement)[-2])
  expect_identical(found$design$rank, 3L)
  expect_equal(sum(found$design$leverage), 3)
  expect_identical(names(found$design$leverage), colnames(s$counts))
  expect_identical(names(found$design$variance_inflation), names(coef(fit)[1, ]))
  expect_identical(found$design$cautions, character())
  expect_output(print(found), "Design: 8 samples, 3 coefficients, rank 3")
})

test_that("a fit read from a file keeps its numbers", {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  again <- readRDS(file)
  expect_identical(coef(again), coef(fit))
  expect_identical(as.data.frame(again), as.data.frame(fit))
  expect_output(print(summary(again)), "40 genes")
  for (needs in list(vcov, fitted, residuals, diagnose)) {
    expect_s3_class(caught(needs(again)), "countglm_fit_gone")
  }
  expect_match(conditionMessage(caught(wald_test(again, "conditiontrt"))), "Fit again.")
})

test_that("methods tell what is wrong", {
  expect_s3_class(caught(vcov(fit, "none")), "countglm_input_error")
  expect_s3_class(caught(vcov(fit, 41)), "countglm_input_error")
  expect_s3_class(caught(fitted(fit, TRUE)), "countglm_input_error")
  expect_s3_class(caught(residuals(fit, "raw")), "countglm_input_error")
  expect_s3_class(caught(wald_test(coef(fit), 1)), "countglm_input_error")
  expect_s3_class(caught(wald_test(fit, 1:3, alternative = "more")), "countglm_input_error")
  expect_s3_class(caught(wald_test(fit)), "countglm_input_error")
  expect_s3_class(caught(wald_test(fit, character())), "countglm_input_error")
  expect_s3_class(caught(wald_test(fit, 3, use_t = NA)), "countglm_input_error")
  expect_s3_class(caught(wald_test(fit, "batchy", listValues = 1)), "countglm_input_error")
  expect_s3_class(caught(likelihood_ratio_test(fit)), "countglm_input_error")
  expect_s3_class(caught(likelihood_ratio_test(fit, NULL)), "countglm_input_error")
})

mistakes <- list(
  "tol" = list(list(tol = -1), "tol=-1 must lie"),
  "missing tol" = list(list(tol = NA), "tol = NA"),
  "switch" = list(list(progress = NA), "progress = NA must be TRUE or FALSE"),
  "size factors" = list(list(size_factors = rep(0, 8)), "size_factors"),
  "number of size factors" = list(
    list(size_factors = 1:3), "size_factors has 3 values for 8 samples"
  ),
  "rule" = list(list(size_factors = "none such"), "none such"),
  "offset" = list(list(offset = rep(NA, 8)), "offset"),
  "transposed offset" = list(
    list(offset = matrix(0, 8, 40)),
    "offset is a matrix of 8 x 40; the counts are 40 genes x 8 samples: pass its transpose"
  ),
  "weights" = list(list(weights = rep(-1, 8)), "weights"),
  "dispersion" = list(list(dispersion = 1:3), "dispersion has 3 values for 40 genes"),
  "family" = list(
    list(family = "gaussian"), "family = \"gaussian\" is not known; choose from 'nb', 'poisson'."
  ),
  "solver" = list(list(solver = 1), "solver = 1 is not known"),
  "threads" = list(list(threads = 0), "threads"),
  "assay" = list(list(assay = "x"), "assay = 'x' names a part of a SummarizedExperiment")
)

for (name in names(mistakes)) {
  test_that(paste("a wrong", name, "is one clear condition"), {
    arguments <- c(list(s$counts, ~ condition, s$samples), mistakes[[name]][[1]])
    error <- caught(do.call(fit_glm, arguments))
    expect_s3_class(error, "countglm_input_error")
    expect_match(conditionMessage(error), mistakes[[name]][[2]], fixed = TRUE)
  })
}

test_that("a mistake of this package is told without a traceback", {
  error <- caught(.call("fit_glm", 1, 2, nothing = 3))
  expect_s3_class(error, "countglm_python_error")
  expect_match(conditionMessage(error), "unexpected keyword argument 'nothing'$")
  expect_match(error$trace, "Traceback")
})
