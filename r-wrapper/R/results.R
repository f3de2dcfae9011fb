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
  arrays <- .call("de_for_r.result_arrays", found)
  table <- lapply(stats::setNames(nm = .strings(arrays$names)), function(name) {
    if (!is.null(arrays$words[[name]])) return(.words(arrays$words[[name]]))
    values <- .numbers(arrays$numbers[[name]])
    values[is.nan(values)] <- NA_real_
    values
  })
  genes <- inputs$gene_names
  about <- .about(arrays)
  about$countglm <- list(
    result = found, inputs = .kept_inputs(inputs), genes = genes, label = arrays$label,
    mode = arrays$mode
  )
  .in_class(table, genes, about, .descriptions(names(table), arrays, inputs), arrays$shrinkage)
}

# What a later test of the same fit needs of the inputs.
.kept_inputs <- function(inputs) {
  inputs[intersect(names(inputs), c(
    "design", "matrix", "terms", "col_data", "obs", "gene_names", "sample_names", "size_factors",
    "normalization_factors"
  ))]
}

# What DESeq2 keeps about a result, from which summary() and plots read.
.about <- function(arrays) {
  about <- list(alpha = arrays$alpha, lfcThreshold = arrays$lfc_threshold)
  found <- arrays$filtering
  if (is.null(found)) return(about)
  share <- found$chosen
  theta <- .numbers(found$theta)
  c(list(
    filterThreshold = stats::setNames(found$threshold, paste0(format(100 * share, digits = 7), "%")),
    filterTheta = share,
    filterNumRej = data.frame(theta = theta, numRej = .numbers(found$rejections)),
    lo.fit = list(x = theta, y = .numbers(found$smooth))
  ), about)
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
  values <- list(
    log2FoldChange = c(estimate, label), lfcSE = label, stat = c(test[1], label),
    pvalue = c(test[2], label), padj = arrays$p_adjust, svalue = label, ciLower = label,
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

# Returns the contrast in words; a coefficient is shown as DESeq2 shows it.
.shown_label <- function(label, inputs) {
  alias <- .dataset_names(inputs)
  place <- match(label, colnames(inputs$matrix))
  if (is.na(place)) return(label)
  gsub("_", " ", alias[place], fixed = TRUE)
}

# Returns the table in the best class that is installed.
.in_class <- function(table, genes, about, words, shrinkage) {
  if (!requireNamespace("S4Vectors", quietly = TRUE)) {
    out <- data.frame(table, row.names = make.unique(genes), check.names = FALSE)
    attr(out, "metadata") <- about
    attr(out, "descriptions") <- stats::setNames(words$description, names(table))
    return(out)
  }
  out <- S4Vectors::DataFrame(table, row.names = genes, check.names = FALSE)
  out <- S4Vectors::`mcols<-`(out, value = S4Vectors::DataFrame(
    type = words$type, description = words$description, row.names = names(table)
  ))
  if (requireNamespace("DESeq2", quietly = TRUE)) {
    prior <- if (is.null(shrinkage)) list() else .prior_info(shrinkage)
    out <- DESeq2::DESeqResults(out, priorInfo = prior)
  }
  S4Vectors::`metadata<-`(out, value = about)
}

# What DESeq2 keeps about the prior of shrunken fold changes.
.prior_info <- function(shrinkage) {
  type <- if (identical(shrinkage$method, "ash")) "ashr" else shrinkage$method
  c(list(type = type, package = "countglm", version = .python_version()),
    shrinkage[setdiff(names(shrinkage), "method")])
}

# Returns what a result keeps of its fit: Python's result, inputs, genes; or says what is wrong.
.handle <- function(res) {
  about <- if (is.data.frame(res)) attr(res, "metadata") else
    if (methods::is(res, "Annotated")) S4Vectors::metadata(res)
  handle <- if (is.list(about)) about$countglm
  if (is.null(handle)) {
    .stop_input("This is no result of differential_expression() nor a DESeqDataSet of fill_dds(): ",
                 "it is of class ", class(res)[1], ".")
  }
  if (!.is_live(handle$result)) {
    .stop_input("The fit behind this result belongs to an R session that has ended; its table ",
                 "is complete, but for further tests or shrinkage run differential_expression() ",
                 "again.")
  }
  handle
}

# Returns the rows of a new table that an old one has, in its order.
.rows_of <- function(table, old) {
  genes <- rownames(old)
  all_genes <- rownames(table)
  if (identical(genes, all_genes) || !methods::is(old, class(table)[1])) return(table)
  place <- match(genes, all_genes)
  if (anyNA(place) || anyDuplicated(all_genes)) return(table)
  table[place, ]
}

#' Per-gene stages of the dispersion
#'
#' @param res A result of [differential_expression()].
#' @return A data.frame with a row per gene: `baseMean`, `baseVar`, `dispGeneEst` (of each gene
#'   alone), `dispFit` (the trend), `dispMAP` (shrunken), `dispersion` (as used), `dispOutlier`.
#' @export
dispersion_table <- function(res) {
  handle <- .handle(res)
  arrays <- .call("deseqdataset.dispersion_arrays", handle$result)
  rows <- lapply(arrays, .numbers)
  rows$dispOutlier <- as.logical(rows$dispOutlier)
  data.frame(rows, row.names = make.unique(handle$genes))
}
