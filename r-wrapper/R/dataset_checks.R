# Whether a DESeqDataSet is the one that a result was made from, or the one that was filled with it.

# Stops unless the object has the samples, genes and counts of the result, and its design too
# where `design` says so.
.check_same <- function(dds, handle, design) {
  inputs <- handle$inputs
  advice <- "; give the object that the result was made from, as it was then."
  .check_samples(dds, inputs, advice)
  if (nrow(dds) != inputs$n_genes || !identical(rownames(dds), inputs$gene_names)) {
    .stop_input("The result is of ", .plural(inputs$n_genes, "gene"), " and the DESeqDataSet has ",
                if (nrow(dds) == inputs$n_genes) "other ones, or in another order" else nrow(dds),
                advice)
  }
  .check_counts(dds, handle, NULL, advice)
  if (design && !.has_design(dds, inputs)) {
    .stop_input("The DESeqDataSet has another design than the result", .shown_design(inputs),
                ", or other levels of its factors; set design() and levels as they were for the ",
                "result, or call fill_dds() without it.")
  }
}

.shown_design <- function(inputs) {
  if (!is.null(inputs$formula)) paste0(" (", inputs$formula, ")")
}

# Returns what a filled object keeps of its fit, with `rows`: the places of its genes in the fit
# where they are not all of them. Stops where the object has changed since.
.filled_handle <- function(dds, handle) {
  inputs <- handle$inputs
  advice <- paste0("; it has changed since fill_dds(), so call differential_expression() or ",
                   "fill_dds() on it again.")
  .check_samples(dds, inputs, advice)
  rows <- .rows_in_fit(dds, inputs, advice)
  .check_counts(dds, handle, if (!is.null(rows)) rows - 1L, advice)
  if (!.has_design(dds, inputs)) {
    .stop_input("The DESeqDataSet has another design than its fit", .shown_design(inputs),
                ", or other levels of its factors", advice)
  }
  if (!.has_numbers(dds, handle, .or(rows, seq_len(inputs$n_genes)))) {
    .stop_input("The DESeqDataSet has other size factors, dispersions or coefficients than the ",
                "fit that fill_dds() put there", advice)
  }
  handle$inputs["rows"] <- list(rows)
  handle
}

.check_samples <- function(dds, inputs, advice) {
  given <- colnames(dds)
  own <- inputs$sample_names
  if (ncol(dds) != inputs$n_samples) {
    .stop_input("The result is of ", .plural(inputs$n_samples, "sample"), " and the DESeqDataSet ",
                "has ", ncol(dds), advice)
  }
  if (identical(given, own)) {
    return(invisible())
  }
  if (is.null(given) || is.null(own)) {
    .stop_input("The samples of the ", if (is.null(own)) "result" else "DESeqDataSet", " have no ",
                "names, and those of the ", if (is.null(own)) "DESeqDataSet" else "result", " do",
                advice)
  }
  wrong <- which(given != own)
  .stop_input("The DESeqDataSet has ", if (setequal(given, own)) "the samples of the result in ",
              if (setequal(given, own)) "another order" else "other samples than the result",
              ", first '", given[wrong[1]], "' where the result has '", own[wrong[1]], "'", advice)
}

# Returns NULL where the genes are all those of the fit in its order.
.rows_in_fit <- function(dds, inputs, advice) {
  given <- rownames(dds)
  own <- inputs$gene_names
  if (nrow(dds) == inputs$n_genes && identical(given, own)) {
    return(NULL)
  }
  if (nrow(dds) == 0L || is.null(given) || is.null(own)) {
    .stop_input("The DESeqDataSet has ", .plural(nrow(dds), "gene"), " and its fit ",
                inputs$n_genes, ", and no names lead from one to the other", advice)
  }
  rows <- match(given, own)
  unclear <- is.na(rows) | given %in% own[duplicated(own)]
  if (any(unclear)) {
    .stop_input(.plural(sum(unclear), "gene name"), " of the DESeqDataSet ",
                if (sum(unclear) == 1) "is" else "are", " unknown to its fit or repeated there, ",
                "first '", given[unclear][1], "'", advice)
  }
  rows
}

.check_counts <- function(dds, handle, places, advice) {
  # Names are compared elsewhere, and repeated ones would be told again.
  counts <- .call(
    "count_matrix", .counts_to_py(.as_counts(.assay_of(dds, NULL))),
    I(as.character(seq_len(nrow(dds)))), I(as.character(seq_len(ncol(dds)))),
    allow_noninteger = TRUE
  )
  genes <- if (!is.null(places)) I(places)
  if (!.from_py(.call("deseqdataset.same_counts", handle$result, counts, genes))) {
    .stop_input("The DESeqDataSet has other counts than the result, or its genes or samples in ",
                "another order", advice)
  }
}

# Whether the design of the object gives the model matrix of the fit.
.has_design <- function(dds, inputs) {
  design <- DESeq2::design(dds)
  labels <- .or(inputs$sample_names, as.character(seq_len(inputs$n_samples)))
  table <- .plain_table(SummarizedExperiment::colData(dds))
  found <- tryCatch(
    suppressMessages(.model(design, table, labels, named = !is.null(inputs$sample_names))$matrix),
    countglm_input_error = function(error) NULL
  )
  if (is.null(found)) {
    # A variable of the formula may live elsewhere than in the object.
    return(inherits(design, "formula") && identical(.text_of(design), inputs$formula))
  }
  own <- inputs$matrix
  identical(colnames(found), colnames(own)) && identical(dim(found), dim(own)) &&
    all(found == own)
}

# Whether the rows of the object hold what was filled in: every bit of it.
.has_numbers <- function(dds, handle, rows) {
  factors <- .from_py(.call("deseqdataset.factor_arrays", handle$result))
  if (!.has_factors(dds, factors, rows)) {
    return(FALSE)
  }
  filled <- S4Vectors::mcols(dds, use.names = FALSE)
  stages <- .from_py(.call("deseqdataset.dispersion_arrays", handle$result))
  dispersion <- .missing_as_na(stages$dispersion)
  dispersion[stages$baseMean == 0] <- NA
  labels <- .dataset_names(handle$inputs)
  fit <- handle$result$fit
  expected <- c(
    list(dispersion = dispersion),
    .columns(.from_py(fit$coefficients) / log(2), labels, ""),
    .columns(.from_py(fit$standard_errors) / log(2), labels, "SE_")
  )
  all(vapply(names(expected), function(name) {
    identical(as.vector(filled[[name]]), expected[[name]][rows])
  }, logical(1)))
}

# Whether the object's factors are those of the fit; of matrices logarithms crossed, and rounding
# is allowed for.
.has_factors <- function(dds, factors, rows) {
  own <- DESeq2::normalizationFactors(dds)
  wanted <- factors$normalization_factors
  if (is.null(wanted) || is.null(own)) {
    same <- identical(unname(DESeq2::sizeFactors(dds)), as.vector(factors$size_factors))
    return(is.null(wanted) && is.null(own) && same)
  }
  identical(dim(own), dim(wanted[rows, , drop = FALSE])) &&
    max(abs(own / wanted[rows, , drop = FALSE] - 1)) < 1e-10
}
