# A result put into the DESeqDataSet it came from, so that DESeq2's functions go on from it.

#' Put a result into its DESeqDataSet
#'
#' Fills what `DESeq()` fills: size factors, dispersions stage by stage and their trend,
#' coefficients and standard errors (log2), statistics, convergence, Cook's distances, fitted means
#' and leverages. After that DESeq2's `results()`, `resultsNames()`, `plotDispEsts()`,
#' `plotCounts()`, `plotMA()`, `vst()`, `rlog()` and `lfcShrink()` work on the object, and so do
#' [test_contrast()] and [lfc_shrink()].
#'
#' @section What differs: A gene that is off in one group has an infinite coefficient and no
#'   standard error.  DESeq2's `results()` shows it, with the p-value of the likelihood ratio,
#'   where it asks for one coefficient; for contrasts that DESeq2 works out itself (numbers, sums
#'   of several coefficients, a threshold) it gives `NA`, and [test_contrast()] the answer.
#'   Independent filtering and outlier flags are DESeq2's own in its `results()`.  Cook's distances
#'   of genes whose outliers were replaced compare the counts as given with the final fit.
#'
#' A filled object may be subset by genes; with other samples, counts, design or a later fit of
#' DESeq2 in it, [test_contrast()] and [lfc_shrink()] refuse it, and it is to be filled again.
#'
#' @param dds The DESeqDataSet that `res` was made from, with the same samples, genes, counts and
#'   design.
#' @param res A result of [differential_expression()]; by default one is made, with the arguments
#'   in `...`.
#' @param assays Which matrices to add, out of `"mu"`, `"H"` and `"cooks"`; each takes 8 bytes a
#'   count.
#' @param ... Arguments of [differential_expression()], without `res`.
#'
#' @return `dds`, filled.
#' @examples
#' if (countglm_available() && requireNamespace("DESeq2", quietly = TRUE)) {
#'   dds <- DESeq2::makeExampleDESeqDataSet(n = 200, m = 8)
#'   res <- differential_expression(dds)
#'   dds <- fill_dds(dds, res)
#'   DESeq2::results(dds)
#' }
#' @export
fill_dds <- function(dds, res = NULL, assays = c("mu", "H", "cooks"), ...) {
  if (!methods::is(dds, "DESeqDataSet")) {
    .stop_input("fill_dds() fills a DESeqDataSet; this is of class ", class(dds)[1], ".")
  }
  made_here <- is.null(res)
  if (made_here) {
    # The factors of the object are to have the levels of the fit.
    dds <- .releveled(dds, NULL, list(...)[["reference"]])$counts
    res <- differential_expression(dds, ...)
  }
  if (is.list(res) && !is.data.frame(res)) res <- res[[1]]
  handle <- .handle(res)
  .check_same(dds, handle, design = !made_here)
  found <- .from_py(.call(
    "deseqdataset.dataset_arrays", handle$result, assays = length(assays) > 0
  ))
  labels <- .dataset_names(handle$inputs)
  # DESeq2 repeats its notes on names of levels at every step.
  suppressMessages({
    dds <- .with_factors(dds, handle)
    dds <- .with_row_columns(dds, found, labels, handle)
    dds <- .with_trend(dds, found)
    dds <- .with_assays(dds, found, assays, handle$weights)
    dds <- .with_model(dds, found, labels, handle)
  })
  about <- S4Vectors::metadata(dds)
  about$countglm <- handle
  S4Vectors::`metadata<-`(dds, value = about)
}

# Size factors, or normalisation factors where there were offsets, and the design of the fit.
.with_factors <- function(dds, handle) {
  factors <- .from_py(.call("deseqdataset.factor_arrays", handle$result))
  if (is.null(factors$normalization_factors)) {
    # These would go before size factors.
    SummarizedExperiment::assays(dds, withDimnames = FALSE)$normalizationFactors <- NULL
    dds <- BiocGenerics::`sizeFactors<-`(dds, value = factors$size_factors)
  } else if (!.has_factors(dds, factors, seq_len(nrow(dds)))) {
    dds <- DESeq2::`normalizationFactors<-`(dds, value = factors$normalization_factors)
  }
  formula <- handle$inputs$formula
  if (is.null(formula)) {
    return(BiocGenerics::`design<-`(dds, value = handle$inputs$matrix))
  }
  own <- BiocGenerics::design(dds)
  if (inherits(own, "formula") && identical(.text_of(own), formula)) return(dds)
  BiocGenerics::`design<-`(dds, value = stats::as.formula(formula, env = globalenv()))
}

# DESeq2's words for the columns of rows.
.ROW_WORDS <- list(
  intermediate = c(
    baseMean = "mean of normalized counts for all samples",
    baseVar = "variance of normalized counts for all samples",
    allZero = "all counts for a gene are zero", dispGeneEst = "gene-wise estimates of dispersion",
    dispFit = "fitted values of dispersion", dispersion = "final estimate of dispersion",
    dispOutlier = "dispersion flagged as outlier", dispMAP = "maximum a posteriori estimate",
    replace = "had counts replaced"
  ),
  results = c(
    betaConv = "convergence of betas", betaIter = "iterations for betas",
    fullBetaConv = "convergence of betas for full model",
    deviance = "deviance for the fitted model", maxCooks = "maximum Cook's distance for row"
  )
)

.with_row_columns <- function(dds, found, labels, handle) {
  rows <- lapply(found$rows, function(x) if (is.numeric(x)) .missing_as_na(x) else x)
  empty <- rows$allZero
  for (name in setdiff(names(rows), c("baseMean", "baseVar", "allZero"))) rows[[name]][empty] <- NA
  table <- c(rows[c(
    "baseMean", "baseVar", "allZero", "dispGeneEst", "dispFit", "dispersion", "dispOutlier",
    "dispMAP"
  )], .columns(found$coefficients, labels, ""), .columns(found$standard_errors, labels, "SE_"))
  words <- c(.ROW_WORDS$intermediate, .ROW_WORDS$results, stats::setNames(
    c(paste("log2 fold change (MLE):", gsub("_", " ", labels)),
      paste("standard error:", gsub("_", " ", labels))),
    c(labels, paste0("SE_", labels))
  ))
  if (is.null(found$stat)) {
    tests <- .ratio_columns(handle)
    conv <- c(fullBetaConv = "betaConv")
  } else {
    tests <- list(
      columns = c(.columns(found$stat, labels, "WaldStatistic_"),
                  .columns(found$pvalue, labels, "WaldPvalue_")),
      words = c(paste("Wald statistic:", gsub("_", " ", labels)),
                paste("Wald test p-value:", gsub("_", " ", labels)))
    )
    conv <- c(betaConv = "betaConv")
  }
  words <- c(words, stats::setNames(tests$words, names(tests$columns)))
  table <- c(table, tests$columns, stats::setNames(rows[conv], names(conv)),
             rows[c("betaIter", "deviance", "maxCooks")])
  if (any(rows$replace, na.rm = TRUE)) table$replace <- rows$replace
  .replace_columns(dds, table, words)
}

# Returns the columns of a matrix with names, missing values as NA.
.columns <- function(matrix, labels, prefix) {
  matrix <- .missing_as_na(matrix)
  stats::setNames(lapply(seq_along(labels), function(j) matrix[, j]), paste0(prefix, labels))
}

# Statistic and p-value of a likelihood ratio, which belong to no coefficient.
.ratio_columns <- function(handle) {
  arrays <- .from_py(.call("de_for_r.result_arrays", handle$result))
  values <- lapply(arrays$numbers[c("stat", "pvalue")], .missing_as_na)
  list(
    columns = stats::setNames(values, c("LRTStatistic", "LRTPvalue")),
    words = paste(c("LRT statistic:", "LRT p-value:"),
                  .or(handle$inputs$compared, handle$label))
  )
}

# Returns the object with earlier intermediate and result columns replaced by those of `table`.
.replace_columns <- function(dds, table, words) {
  known <- S4Vectors::mcols(dds, use.names = FALSE)
  about <- S4Vectors::mcols(known)
  gone <- colnames(known) %in% names(table)
  if (!is.null(about)) gone <- gone | about$type %in% c("intermediate", "results")
  kept <- known[, !gone, drop = FALSE]
  new <- S4Vectors::DataFrame(table, check.names = FALSE)
  intermediate <- names(table) %in% names(.ROW_WORDS$intermediate)
  new <- S4Vectors::`mcols<-`(new, value = S4Vectors::DataFrame(
    type = ifelse(intermediate, "intermediate", "results"),
    description = unname(words[names(table)]), row.names = names(table)
  ))
  if (ncol(kept) && is.null(S4Vectors::mcols(kept))) {
    kept <- S4Vectors::`mcols<-`(kept, value = S4Vectors::DataFrame(
      type = rep("input", ncol(kept)), description = rep("", ncol(kept)),
      row.names = colnames(kept)
    ))
  }
  S4Vectors::`mcols<-`(dds, value = if (ncol(kept)) cbind(kept, new) else new)
}

# The trend as a function of R alone, which outlives Python.
.with_trend <- function(dds, found) {
  trend <- found$trend
  numbers <- trend$coefficients
  if (trend$kind == "none") return(dds)
  if (trend$kind == "parametric") {
    names(numbers) <- c("asymptDisp", "extraPois")
    curve <- .parametric_curve(numbers)
    attr(curve, "coefficients") <- numbers
  } else if (trend$kind == "local") {
    curve <- .local_curve(trend)
  } else if (trend$kind == "mean") {
    curve <- .constant_curve(numbers)
    attr(curve, "mean") <- numbers
  } else {
    return(dds)
  }
  attr(curve, "fitType") <- trend$kind
  attr(curve, "varLogDispEsts") <- found$variances[[1]]
  attr(curve, "dispPriorVar") <- found$variances[[2]]
  # Set as it is: the variance of the residuals was estimated with the trend.
  DESeq2::`dispersionFunction<-`(dds, estimateVar = FALSE, value = curve)
}

.parametric_curve <- function(numbers) {
  force(numbers)
  function(q) numbers[[1]] + numbers[[2]] / q
}

.constant_curve <- function(numbers) {
  force(numbers)
  function(means) rep(numbers[[1]], length(means))
}

# The cubic through vertices with given slopes, a parabola beyond them; within a dispersion's range.
.local_curve <- function(trend) {
  at <- trend$vertices
  height <- trend$values
  slope <- trend$slopes
  bend <- trend$curvature
  last <- length(at)
  constant <- function(x) rep(height, length(x))
  inner <- if (last > 1) stats::splinefunH(at, height, slope) else constant
  function(means) {
    x <- log(means)
    inside <- pmin(pmax(x, at[1]), at[last])
    beyond <- x - inside
    side <- ifelse(beyond > 0, slope[last], slope[1])
    exp(pmin(pmax(inner(inside) + side * beyond + bend * beyond^2 / 2, log(1e-8)), log(1e8)))
  }
}

.with_assays <- function(dds, found, wanted, weights) {
  labels <- dimnames(dds)
  matrices <- found$assays
  wanted <- intersect(c(wanted, "replaceCounts"), names(matrices))
  all <- SummarizedExperiment::assays(dds, withDimnames = FALSE)
  for (name in setdiff(c("mu", "H", "cooks", "replaceCounts", "replaceCooks"), wanted)) {
    all[[name]] <- NULL
  }
  for (name in wanted) {
    values <- .missing_as_na(matrices[[name]])
    if (name == "replaceCounts") storage.mode(values) <- "integer"
    dimnames(values) <- labels
    all[[name]] <- values
  }
  if (!is.null(weights)) {
    all$weights <- matrix(weights, nrow(dds), ncol(dds), byrow = !is.matrix(weights))
  }
  SummarizedExperiment::`assays<-`(dds, withDimnames = FALSE, value = all)
}

# What results() and its like read of the model, under DESeq2's names.
.with_model <- function(dds, found, labels, handle) {
  matrix <- handle$inputs$matrix
  attr(dds, "dispModelMatrix") <- matrix
  colnames(matrix) <- labels
  attr(dds, "modelMatrix") <- matrix
  attr(dds, "modelMatrixType") <- if (is.null(handle$inputs$terms)) "user-supplied" else "standard"
  attr(dds, "betaPrior") <- FALSE
  attr(dds, "betaPriorVar") <- rep(1e6, length(labels))
  attr(dds, "test") <- if (is.null(found$stat)) "LRT" else "Wald"
  replaceable <- found$replaceable
  if (!any(replaceable)) return(dds)
  columns <- SummarizedExperiment::colData(dds)
  columns$replaceable <- replaceable
  about <- S4Vectors::mcols(columns)
  if (all(c("type", "description") %in% colnames(about))) {
    about["replaceable", c("type", "description")] <-
      list("intermediate", "outliers can be replaced")
    columns <- S4Vectors::`mcols<-`(columns, value = about)
  }
  SummarizedExperiment::`colData<-`(dds, value = columns)
}
