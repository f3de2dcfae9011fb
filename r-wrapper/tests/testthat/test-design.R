skip_without_python()

s <- study()

test_that("levels without samples are left out, with a message", {
  samples <- s$samples
  levels(samples$condition) <- c("untrt", "trt", "other", "un\u00fcsed")
  noted <- caught(fit_glm(s$counts, ~ condition, samples))
  expect_s3_class(noted, "countglm_message")
  expect_match(conditionMessage(noted), "2 levels of the factor 'condition' have no sample")
  expect_match(conditionMessage(noted), "'other', 'un\u00fcsed'")
  fit <- suppressMessages(fit_glm(s$counts, ~ condition, samples))
  expect_identical(coef(fit), coef(fit_glm(s$counts, ~ condition, s$samples)))
})

test_that("the matrix is R's own", {
  formulas <- list(
    ~ condition, ~ batch + condition, ~ batch * condition, ~ 0 + condition, ~ age,
    ~ stats::poly(age, 2) + condition, ~ condition + batch:age, ~ I(age > 40) + condition, ~ 1
  )
  for (formula in formulas) {
    inputs <- .inputs(s$counts, formula, s$samples)
    wanted <- stats::model.matrix(formula, s$samples)
    expect_identical(hex(inputs$matrix), hex(wanted))
    expect_identical(colnames(inputs$matrix), colnames(wanted))
    python <- .from_py(.call("method", inputs$design, "__getattribute__", "matrix"))
    expect_identical(hex(python), hex(wanted))
  }
})

# Contrasts as they are asked for, and their weights by R's column names.
asked <- list(
  list(~ batch + condition, c("condition", "trt", "untrt"), c(0, 0, 1)),
  list(~ batch + condition, c("condition", "untrt", "trt"), c(0, 0, -1)),
  list(~ batch + condition, "conditiontrt", c(0, 0, 1)),
  list(~ batch + condition, "condition_trt_vs_untrt", c(0, 0, 1)),
  list(~ batch + condition, "Intercept", c(1, 0, 0)),
  list(~ batch + condition, c(0, 0.5, -1), c(0, 0.5, -1)),
  list(~ batch + condition, list("condition_trt_vs_untrt", "batch_y_vs_x"), c(0, -1, 1)),
  list(~ batch + condition, list(c("batchy", "conditiontrt")), c(0, 1, 1)),
  list(~ batch * condition, "batchy.conditiontrt", c(0, 0, 0, 1)),
  list(~ batch * condition, c("condition", "trt", "untrt"), c(0, 0, 1, 0)),
  list(~ 0 + condition, c("condition", "trt", "untrt"), c(-1, 1)),
  list(~ condition - 1, "conditionuntrt", c(1, 0)),
  list(~ age + late, c("late", "TRUE", "FALSE"), c(0, 0, 1)),
  list(~ factor(dose), c("dose", "20", "10"), c(0, -1, 1)),
  list(~ text, c("text", "z", "\u00e4"), c(0, 1)),
  list(~ C(condition, contr.sum), c("condition", "trt", "untrt"), c(0, -2)),
  list(~ `two words`, c("two words", "q", "p"), c(0, 1))
)
samples <- data.frame(
  s$samples, check.names = FALSE,
  late = rep(c(TRUE, FALSE, FALSE, TRUE), 2), dose = rep(c(5, 10, 20, 5), 2),
  text = factor(rep(c("z", "\u00e4"), 4), c("\u00e4", "z")),
  "two words" = factor(rep(c("p", "p", "q", "q"), 2))
)

test_that("contrasts are taken as DESeq2 takes them", {
  for (case in asked) {
    inputs <- .inputs(s$counts, case[[1]], samples)
    got <- .from_py(.call("method", inputs$design, "contrast", .contrast(case[[2]], inputs)))
    expect_identical(got[[1]], case[[3]], info = paste(deparse(case[[2]]), collapse = ""))
  }
})

test_that("list_values weigh the two sides", {
  inputs <- .inputs(s$counts, ~ batch + condition, s$samples)
  weights <- .contrast(list("batchy", "conditiontrt"), inputs, list_values = c(0.5, -2))
  expect_identical(as.vector(weights), c(0, 0.5, -2))
})

refused <- list(
  "unknown column" = list(~ condition, "conditionx", "Columns: '(Intercept)', 'conditiontrt'"),
  "unknown factor" = list(~ condition, c("tissue", "a", "b"), "'tissue' is no factor"),
  "unknown level" = list(~ condition, c("condition", "trt", "x"), "'x' is no level of 'condition'"),
  "too few numbers" = list(~ batch + condition, c(1, -1), "give one number per column"),
  "unknown in a list" = list(~ condition, list("nothing"), "has no column 'nothing'"),
  "NA" = list(~ condition, c(NA, 1), "1 missing value"),
  "another class" = list(~ condition, TRUE, "contrast is of class logical")
)

for (name in names(refused)) {
  test_that(paste("a contrast with", name, "is one clear condition"), {
    fit <- fit_glm(s$counts, refused[[name]][[1]], s$samples)
    error <- caught(wald_test(fit, refused[[name]][[2]]))
    expect_s3_class(error, "countglm_input_error")
    expect_match(conditionMessage(error), refused[[name]][[3]], fixed = TRUE)
  })
}

twice <- cbind(s$samples, copy = s$samples$condition, gone = c(NA, 2:8), one = "a")
designs <- list(
  "missing" = list(NULL, "design is missing"),
  "a function for a variable" = list(~ time, "no column 'time'"),
  "unknown variable" = list(~ tissue, "no column 'tissue'; its columns are 'condition'"),
  "NA" = list(
    ~ gone, "Column 'gone' of the sample table is missing (NA) in 1 sample, first in sample 's1'"
  ),
  "one level" = list(~ one, "The factor 'one' has one level among the samples ('a')"),
  "an offset" = list(~ condition + offset(age), "has an offset()"),
  "no column" = list(~ 0, "write ~ 1 for the mean alone"),
  "left-hand side" = list(y ~ condition, "has a left-hand side"),
  "two columns alike" = list(~ condition + copy, "has rank 2 with 3 columns"),
  "text" = list(matrix("a", 8, 1), "design is of class matrix of text"),
  "other rows" = list(matrix(1, 5, 1), "The design has 5 rows and the counts 8 samples"),
  "infinite values" = list(~ log(age - age), "infinite value")
)

for (name in names(designs)) {
  test_that(paste("a design with", name, "is one clear condition"), {
    error <- caught(fit_glm(s$counts, designs[[name]][[1]], twice))
    expect_s3_class(error, "countglm_input_error")
    expect_match(conditionMessage(error), designs[[name]][[2]], fixed = TRUE)
  })
}

test_that("a formula may find its variables where it was written", {
  group <- s$samples$condition
  expect_identical(unname(coef(fit_glm(s$counts, ~ group))),
                   unname(coef(fit_glm(s$counts, ~ condition, s$samples))))
})

test_that("a formula may be text", {
  expect_identical(coef(fit_glm(s$counts, "~ condition", s$samples)),
                   coef(fit_glm(s$counts, ~ condition, s$samples)))
})
