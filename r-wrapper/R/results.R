# Results of differential expression as R's users know them.

# What the columns of a result mean, in DESeq2's words where it has them; %s is the contrast.
.COLUMN_WORDS <- c(
  baseMean = "mean of normalized counts for all samples",
  log2FoldChange = "log2 fold change (%s): %s",
  lfcSE = "standard error: %s",
  stat = "%s statistic: %s",
  pvalue = "%s p-value: %s",
  padj = "%s adjusted p-values",
  svalue = "s-value: %s",
  ciLower = "lower end of the confidence interval (log2): %s",
  ciUpper = "upper end of the confidence interval (log2): %s",
  test = "the test that was made of the gene",
  status = "outcome of the gene's fit",
  na_reason = "why a value is missing"
)

# Returns a result of Python as a DESeqResults, a DataFrame or a data.frame.
.new_result <- function(found, inputs) {
  arrays <- .from_py(.call("de_for_r.result_arrays", found))
  table <- lapply(stats::setNames(nm = arrays$names), function(name) {
    words <- arrays$words[[name]]
    if (is.null(words)) .missing_as_na(arrays$numbers[[name]]) else words
  })
  genes <- inputs$gene_names
  about <- .about(arrays)
  about$countglm <- list(
    result = found, inputs = .kept_inputs(inputs), label = arrays$label, mode = arrays$mode,
    offset = inputs$given_offset, weights = inputs$given_weights
  )
  words <- .descriptions(names(table), arrays, inputs)
  out <- .in_class(table, genes, about, words, arrays$shrinkage)
  # A filled DESeqDataSet that was subset since.
  if (is.null(inputs$rows)) out else out[inputs$rows, ]
}

# One result, or a list of them by the names of several contrasts.
.new_results <- function(found, inputs, labels) {
  if (is.null(labels)) return(.new_result(found, inputs))
  lapply(stats::setNames(nm = labels), function(name) {
    .new_result(.call("method", found, "get", name), inputs)
  })
}

# R's word for a missing number, whichever NaN it was.
.missing_as_na <- function(x) {
  x[is.nan(x)] <- NA_real_
  x
}

# What a later test of the same fit needs of the inputs.
.kept_inputs <- function(inputs) {
  inputs[intersect(names(inputs), c(
    "matrix", "aliases", "formula", "terms", "xlevels", "col_data", "gene_names", "sample_names",
    "n_genes", "n_samples", "compared", "given_offset", "given_weights"
  ))]
}

# What DESeq2 keeps about a result, from which summary() and plots read.
.about <- function(arrays) {
  about <- list(alpha = arrays$alpha, lfcThreshold = arrays$lfc_threshold)
  found <- arrays$filtering
  if (is.null(found)) return(about)
  share <- found$chosen
  c(list(
    filterThreshold = stats::setNames(found$threshold, .percent(share)),
    filterTheta = share,
    filterNumRej = data.frame(
      theta = found$theta, numRej = found$rejections, row.names = .percent(found$theta)
    ),
    lo.fit = list(x = found$theta, y = found$smooth)
  ), about)
}

# Shares as stats::quantile() names them.
.percent <- function(share) {
  paste0(formatC(100 * share, format = "fg", width = 1, digits = 7), "%")
}

# Returns type and description of every column, as DESeq2's mcols() of a result.
.descriptions <- function(columns, arrays, inputs) {
  label <- .shown_label(arrays$label, inputs)
  shrunken <- !is.null(arrays$shrinkage)
  estimate <- if (shrunken && !identical(arrays$shrinkage$method, "ash")) "MAP" else "MLE"
  if (identical(arrays$shrinkage$method, "ash")) estimate <- "MMSE"
  test <- if (arrays$test == "lrt") c("LRT", "LRT") else c("Wald", "Wald test")
  words <- unname(.COLUMN_WORDS[columns])
  words[is.na(words)] <- ""
  tested <- if (arrays$test == "lrt") .or(inputs$compared, label) else label
  values <- list(
    log2FoldChange = c(estimate, label), lfcSE = label, stat = c(test[1], tested),
    pvalue = c(test[2], tested), padj = arrays$p_adjust, svalue = label, ciLower = label,
    ciUpper = label
  )
  for (name in intersect(names(values), columns)) {
    words[columns == name] <- do.call(
      sprintf, c(list(.COLUMN_WORDS[[name]]), as.list(values[[name]]))
    )
  }
  if (shrunken) words <- sub("^standard error", "posterior SD", words)
  type <- ifelse(columns == "baseMean", "intermediate", "results")
  type[!columns %in% names(.COLUMN_WORDS)] <- "input"
  list(type = type, description = words)
}

# Returns the two designs of a likelihood ratio as DESeq2 writes them; NULL for matrices.
.designs_compared <- function(reduced, inputs) {
  if (is.null(inputs$formula) || !inherits(reduced, "formula")) return(NULL)
  paste0("'", inputs$formula, "' vs '", .text_of(reduced), "'")
}

# Returns the contrast in words; a coefficient is shown as DESeq2 shows it.
.shown_label <- function(label, inputs) {
  place <- match(label, colnames(inputs$matrix))
  if (is.na(place)) return(label)
  gsub("_", " ", .dataset_names(inputs)[place], fixed = TRUE)
}

# Returns the names that DESeq2 has for the columns of the design.
.dataset_names <- function(inputs) {
  vapply(colnames(inputs$matrix), function(column) {
    # The last alias is the one most like DESeq2's.
    utils::tail(names(inputs$aliases)[inputs$aliases == column], 1)
  }, "", USE.NAMES = FALSE)
}

# The best class for a result that is installed.
.best_class <- function() {
  if (requireNamespace("DESeq2", quietly = TRUE)) return("DESeqResults")
  if (requireNamespace("S4Vectors", quietly = TRUE)) "DataFrame" else "data.frame"
}

# Returns the table in its class.
.in_class <- function(table, genes, about, words, shrinkage, class = .best_class()) {
  if (class == "data.frame") {
    out <- data.frame(table, check.names = FALSE)
    if (!is.null(genes)) rownames(out) <- make.unique(genes)
    attr(out, "metadata") <- about
    attr(out, "descriptions") <- stats::setNames(words$description, names(table))
    return(out)
  }
  out <- S4Vectors::DataFrame(table, row.names = genes, check.names = FALSE)
  out <- S4Vectors::`mcols<-`(out, value = S4Vectors::DataFrame(
    type = words$type, description = words$description, row.names = names(table)
  ))
  if (class == "DESeqResults") {
    prior <- if (is.null(shrinkage)) list() else .prior_info(shrinkage)
    out <- DESeq2::DESeqResults(out, priorInfo = prior)
  }
  S4Vectors::`metadata<-`(out, value = about)
}

# What DESeq2 keeps about the prior of shrunken fold changes.
.prior_info <- function(shrinkage) {
  type <- if (identical(shrinkage$method, "ash")) "ashr" else shrinkage$method
  version <- as.character(reticulate::py_to_r(.py()[["__version__"]]))
  c(list(type = type, package = "countglm", version = version),
    shrinkage[setdiff(names(shrinkage), "method")])
}

# Returns what a result keeps of its fit: Python's result, inputs, genes; or says what is wrong.
.handle <- function(res) {
  filled <- methods::is(res, "DESeqDataSet")
  about <- if (is.data.frame(res)) attr(res, "metadata") else
    if (methods::is(res, "Annotated")) S4Vectors::metadata(res)
  # What DESeq2 makes of a filled object may carry its metadata along.
  foreign <- methods::is(res, "SummarizedExperiment") && !filled
  handle <- if (is.list(about) && !foreign) about$countglm
  if (is.null(handle)) {
    .stop_input("This is no result of differential_expression() nor a DESeqDataSet of fill_dds(): ",
                 "it is of class ", class(res)[1], ".")
  }
  if (reticulate::py_is_null_xptr(handle$result)) {
    .stop(
      paste0("This result was read from a file, and its fit stayed with the session that made it: ",
             "the table is complete, but for further tests or shrinkage run ",
             "differential_expression() again."),
      class = "countglm_fit_gone"
    )
  }
  if (filled) .filled_handle(res, handle) else handle
}

# Returns the rows of a new table that an old one has, in its order; `handle` is the old one's.
.rows_of <- function(table, old, handle) {
  if (methods::is(old, "DESeqDataSet")) return(table)
  genes <- rownames(old)
  all_genes <- rownames(table)
  same <- identical(genes, all_genes)
  if (is.null(handle$inputs$gene_names) || (same && anyDuplicated(genes))) {
    return(.nameless_rows_of(table, old, handle))
  }
  if (same) return(table)
  place <- match(genes, all_genes)
  unclear <- is.na(place) | genes %in% all_genes[duplicated(all_genes)]
  if (is.null(genes) || any(unclear)) {
    .stop_rows(if (any(unclear)) {
      paste0(" (", .plural(sum(unclear), "name"), " unknown or repeated, first '",
             genes[unclear][1], "')")
    })
  }
  table[place, ]
}

.stop_rows <- function(...) {
  .stop_input(
    "The rows of this result are not those of its fit, and cannot be found there by name", ...,
    "; give the complete result, and sort or subset afterwards."
  )
}

# Genes without names, or with repeated ones: a data.frame numbers its rows for good; any other table must have all of
# them in their order, as its own numbers tell.
.nameless_rows_of <- function(table, old, handle) {
  place <- seq_len(nrow(table))
  if (is.data.frame(old)) place <- match(rownames(old), rownames(table))
  numbers <- .from_py(.call("de_for_r.result_arrays", handle$result))$numbers
  proof <- intersect(c("baseMean", "stat", "pvalue"), intersect(names(old), names(numbers)))
  same <- length(place) == nrow(old) && !anyNA(place) && "baseMean" %in% proof &&
    all(vapply(proof, function(name) {
      identical(as.vector(old[[name]]), .missing_as_na(numbers[[name]])[place])
    }, logical(1)))
  if (!same) .stop_rows(": names of genes are missing or repeated")
  if (identical(place, seq_len(nrow(table)))) table else table[place, ]
}

#' The fit behind a result
#'
#' @param res A result of [differential_expression()], or a DESeqDataSet from [fill_dds()].
#' @return A `countglm_fit`, as of [fit_glm()], of all genes, at the dispersions of the result.
#' @examples
#' if (countglm_available()) {
#'   counts <- matrix(rnbinom(2000, mu = 50, size = 5), ncol = 8)
#'   samples <- data.frame(group = rep(c("a", "b"), each = 4))
#'   res <- differential_expression(counts, ~ group, col_data = samples)
#'   summary(fit_of(res))
#' }
#' @export
fit_of <- function(res) {
  handle <- .handle(res)
  .as_fit(handle$result$fit, handle$inputs, handle$offset, handle$weights)
}

#' Per-gene stages of the dispersion
#'
#' @param res A result of [differential_expression()], or a DESeqDataSet from [fill_dds()].
#' @return A data.frame with a row per gene: `baseMean`, `baseVar`, `dispGeneEst` (of each gene
#'   alone), `dispFit` (the trend), `dispMAP` (shrunken), `dispersion` (as used), `dispOutlier`.
#' @export
dispersion_table <- function(res) {
  handle <- .handle(res)
  rows <- .from_py(.call("deseqdataset.dispersion_arrays", handle$result))
  rows <- lapply(rows, function(x) if (is.numeric(x)) .missing_as_na(x) else x)
  genes <- handle$inputs$gene_names
  table <- data.frame(rows, row.names = if (!is.null(genes)) make.unique(genes))
  if (is.null(handle$inputs$rows)) table else table[handle$inputs$rows, ]
}
