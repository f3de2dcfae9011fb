skip_without_python()

round_trip <- function(x) {
  .from_py(reticulate::r_to_py(.to_py(x)))
}

latin1 <- function(x) iconv(x, "UTF-8", "latin1")

# Every kind of value that crosses, as R sends it and as it comes back.
values <- list(
  "integers" = list(sent = c(1L, -5L, .Machine$integer.max)),
  "an integer NA" = list(sent = c(1L, NA, 3L), back = c(1, NA, 3)),
  "doubles" = list(sent = c(0.1, -0, 5e-324, 1.797e308, Inf, -Inf)),
  "a missing double" = list(sent = c(1.5, NA), back = c(1.5, NA)),
  "NaN" = list(sent = c(1.5, NaN)),
  "2^31 and 2^53" = list(sent = c(2^31, 2^53, 2^53 - 1, -2^31)),
  "logicals" = list(sent = c(TRUE, FALSE)),
  "logicals with NA" = list(sent = c(TRUE, NA), back = c(1, NA)),
  "texts" = list(sent = c("a", "", "two words", "new\nline", "tab\t")),
  "texts with NA" = list(sent = c("a", NA, "NA")),
  "umlauts" = list(sent = c("J\u00fcrgen", "\u00df", "\u03b1-actin", "\u65e5\u672c")),
  "umlauts in latin1" = list(
    sent = latin1(c("J\u00fcrgen", "stra\u00dfe")), back = c("J\u00fcrgen", "stra\u00dfe")
  ),
  "a factor" = list(sent = factor(c("b", "a", "b")), back = c("b", "a", "b")),
  "nothing" = list(sent = NULL),
  "one number" = list(sent = 0.1),
  "one integer" = list(sent = 7L),
  "one text" = list(sent = "gr\u00fcn"),
  "one text in latin1" = list(sent = latin1("gr\u00fcn"), back = "gr\u00fcn"),
  "one logical" = list(sent = TRUE),
  "an array of one" = list(sent = I(3.5), back = 3.5),
  "an integer matrix" = list(sent = matrix(1:6, 2)),
  "a double matrix" = list(sent = matrix(c(0.1, 2, 3, 4, 5, 6), 3)),
  "a matrix of one column" = list(sent = matrix(c(1.5, 2.5), 2)),
  "a matrix without rows" = list(sent = matrix(numeric(0), 0, 3)),
  "an array" = list(sent = array(as.numeric(1:24), c(2, 3, 4))),
  "no numbers" = list(sent = numeric(0)),
  "no texts" = list(sent = character(0)),
  "a named list" = list(sent = list(a = 1, b = list(c = "x", d = c(1.5, 2.5)))),
  "a list with umlauts" = list(sent = list("gr\u00f6\u00dfe" = 1L, b = "x"))
)

for (name in names(values)) {
  test_that(paste(name, "cross and return"), {
    value <- values[[name]]
    wanted <- if (is.null(value$back) && !is.null(value$sent)) value$sent else value$back
    returned <- round_trip(value$sent)
    expect_identical(returned, wanted)
    if (is.double(wanted)) {
      expect_identical(hex(returned), hex(wanted))
    }
    if (is.character(wanted)) {
      expect_identical(lapply(returned, charToRaw), lapply(enc2utf8(wanted), charToRaw))
    }
  })
}

test_that("integers beyond R's come back as doubles", {
  large <- reticulate::import_builtins(convert = FALSE)$int("1099511627776")
  expect_identical(.from_py(large), 2^40)
})

test_that("large arrays cross in pieces", {
  values <- matrix(seq_len(1001) / 7, 7)
  expect_identical(hex(.from_py(.array_to_py(values, 64))), hex(values))
  expect_identical(.from_py(.array_to_py(matrix(1:1001, 7), 64)), matrix(1:1001, 7))
  odd <- values > 50
  expect_identical(.from_py(.array_to_py(odd, 64)), odd)
})

test_that("a data.frame crosses with its levels", {
  table <- data.frame(
    x = c(1.5, NA), n = 1:2, f = factor(c("b", "a"), c("b", "a")), t = c("\u00e4", "b"),
    row.names = c("s1", "s\u00fc")
  )
  python <- .frame_to_py(table)
  levels <- .from_py(.call("method", .call("method", python, "__getitem__", "f"), "unique"))
  back <- .from_py(python)
  expect_identical(levels, c("b", "a"))
  expect_identical(rownames(back), rownames(table))
  expect_identical(back$x, table$x)
  expect_identical(back$f, c("b", "a"))
  expect_identical(back$t, table$t)
})

test_that("words of Python become words of R", {
  error <- caught(fit_glm(matrix(c(1.5, 2, 3, 4), 1), matrix(1, 4, 1)))
  expect_match(conditionMessage(error), "allow_noninteger = TRUE", fixed = TRUE)
})

test_that("what a verb works on is sparse where the counts are", {
  s <- study()
  source <- function(object) {
    reticulate::py_get_attr(reticulate::py_get_attr(object, "_source"), "_matrix")
  }
  stored <- source(.inputs(methods::as(s$counts + 0, "dgCMatrix"), ~ condition, s$samples)$counts)
  expect_match(class(stored)[1], "^scipy.sparse.*cs[cr]_(array|matrix)$")
  expect_equal(.from_py(stored$nnz), sum(s$counts != 0))
  skip_without("SummarizedExperiment")
  inside <- SummarizedExperiment::SummarizedExperiment(
    list(counts = methods::as(s$counts + 0, "dgCMatrix")), colData = s$samples
  )
  stored <- source(.inputs(inside, ~ condition)$counts)
  expect_equal(.from_py(stored$nnz), sum(s$counts != 0))
})
