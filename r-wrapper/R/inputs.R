# What a verb works on, from any container: counts, design and what a DESeqDataSet brings along.

.containers <- paste(
  "a matrix, a sparse matrix of the package Matrix, a data.frame of numbers, a",
  "SummarizedExperiment, SingleCellExperiment or DESeqDataSet"
)

# Returns counts and design as Python objects, and what R keeps of them:
# counts, design, matrix (R's model matrix), aliases (other names of its columns), formula, terms,
# xlevels, col_data, gene_names, sample_names (NULL where there are none), n_genes, n_samples, and
# size_factors, normalization_factors, lengths (of transcripts) and weights (genes x samples) and
# object (the S4 object), each NULL where there is none.
.inputs <- function(counts, design = NULL, col_data = NULL, assay = NULL,
                    allow_noninteger = FALSE) {
  opened <- .open(counts, col_data, assay)
  if (is.null(design)) {
    design <- opened$design
  }
  labels <- .or(opened$sample_names, as.character(seq_len(opened$n_samples)))
  model <- .model(design, opened$col_data, labels, named = !is.null(opened$sample_names))
  matrix <- .call(
    "count_matrix", .counts_to_py(opened$counts),
    I(.or(opened$gene_names, as.character(seq_len(opened$n_genes)))),
    I(labels), allow_noninteger = allow_noninteger
  )
  opened$counts <- matrix
  opened$design <- .design_to_py(model, matrix)
  c(opened, model[c("matrix", "aliases", "formula", "terms", "xlevels")])
}

.or <- function(x, otherwise) {
  if (is.null(x)) otherwise else x
}

.open <- function(counts, col_data, assay) {
  opened <- list(
    counts = NULL, design = NULL, col_data = NULL, size_factors = NULL,
    normalization_factors = NULL, lengths = NULL, weights = NULL, object = NULL
  )
  if (inherits(counts, "SummarizedExperiment")) {
    opened <- .open_experiment(opened, counts, col_data, assay)
  } else {
    if (!is.null(assay)) {
      .stop_input("assay = '", assay, "' names a part of a SummarizedExperiment, and counts is ",
                  "a ", class(counts)[1], "; leave assay out.")
    }
    opened["counts"] <- list(.as_counts(counts))
  }
  opened$n_genes <- nrow(opened$counts)
  opened$n_samples <- ncol(opened$counts)
  opened["gene_names"] <- list(.or(rownames(opened$counts), rownames(opened$object)))
  opened["sample_names"] <- list(.or(colnames(opened$counts), colnames(opened$object)))
  if (opened$n_samples == 1L) {
    .stop_input("The counts have one sample (", .plural(opened$n_genes, "row"), ", 1 column), and ",
                "a comparison needs at least two; rows are genes, columns are samples.")
  }
  repeated <- opened$sample_names[duplicated(opened$sample_names)]
  if (length(repeated)) {
    .stop_input("The sample name '", repeated[1], "' occurs more than once in the counts; samples ",
                "are matched by name, so give each its own.")
  }
  if (is.null(opened$col_data)) {
    opened$col_data <- .sample_table(col_data, opened$sample_names, ncol(opened$counts))
  }
  opened
}

.open_experiment <- function(opened, object, col_data, assay) {
  .require_package("SummarizedExperiment")
  if (!is.null(col_data)) {
    .stop_input("col_data is given beside a ", class(object)[1], ", which has its own; put the ",
                "variables into colData(), or pass the counts as a matrix.")
  }
  opened$object <- object
  opened$counts <- .as_counts(.assay_of(object, assay))
  opened$col_data <- .plain_table(SummarizedExperiment::colData(object))
  if (inherits(object, "DESeqDataSet")) {
    .require_package("DESeq2")
    opened["design"] <- list(DESeq2::design(object))
    opened["size_factors"] <- list(unname(DESeq2::sizeFactors(object)))
    opened["normalization_factors"] <- list(DESeq2::normalizationFactors(object))
    scaled <- !is.null(opened$size_factors) || !is.null(opened$normalization_factors)
    if (!scaled && "avgTxLength" %in% SummarizedExperiment::assayNames(object)) {
      opened$lengths <- SummarizedExperiment::assay(object, "avgTxLength", withDimnames = FALSE)
    }
    if ("weights" %in% SummarizedExperiment::assayNames(object)) {
      opened$weights <- SummarizedExperiment::assay(object, "weights", withDimnames = FALSE)
    }
  }
  opened
}

.assay_of <- function(object, assay) {
  names <- SummarizedExperiment::assayNames(object)
  if (length(SummarizedExperiment::assays(object)) == 0L) {
    .stop_input("The ", class(object)[1], " has no assay, so no counts.")
  }
  if (is.null(assay)) {
    only <- length(SummarizedExperiment::assays(object)) == 1L
    if (!only && !"counts" %in% names) {
      .stop_input("The ", class(object)[1], " has no assay 'counts' but ", .quoted(names),
                  "; name one with assay =.")
    }
    assay <- if ("counts" %in% names) "counts" else 1L
  } else if (is.character(assay) && !assay %in% names) {
    .stop_input("The ", class(object)[1], " has no assay '", assay, "'; it has ",
                .quoted(names), ".")
  }
  SummarizedExperiment::assay(object, assay)
}

# Counts as a matrix of numbers, a dgCMatrix or a DelayedMatrix; nothing sparse becomes dense.
.as_counts <- function(counts) {
  if (inherits(counts, "sparseMatrix")) {
    return(methods::as(methods::as(methods::as(
      counts, "dMatrix"), "generalMatrix"), "CsparseMatrix"))
  }
  if (inherits(counts, "Matrix")) {
    counts <- as.matrix(counts)
  }
  if (.is_delayed(counts)) {
    .require_package("DelayedArray")
    return(if (DelayedArray::is_sparse(counts)) methods::as(counts, "dgCMatrix") else counts)
  }
  if (is.data.frame(counts) || inherits(counts, "DataFrame")) {
    counts <- .table_of_counts(counts)
  }
  if (!is.matrix(counts) || is.list(counts)) {
    .stop_input("counts is of class ", class(counts)[1], "; give ", .containers,
                ", genes in rows and samples in columns.")
  }
  if (!is.numeric(counts) && !is.logical(counts)) {
    .stop_input("counts is a matrix of type ", typeof(counts), ", not of numbers; keep annotation ",
                "out of the matrix.")
  }
  counts
}

.table_of_counts <- function(table) {
  numbers <- vapply(as.list(table), function(x) is.numeric(x) || is.logical(x), logical(1))
  if (!all(numbers)) {
    .stop_input(
      .plural(sum(!numbers), "column"), " of the counts ", if (sum(!numbers) == 1) "is" else "are",
      " not of numbers, first ", .quoted(names(table)[!numbers], 1), "; put the names of genes ",
      "into the row names and leave annotation out."
    )
  }
  values <- as.matrix(as.data.frame(table, optional = TRUE))
  if (is.data.frame(table) && .row_names_info(table) <= 0L) {
    rownames(values) <- NULL
  }
  values
}

# The sample table in the order of the counts: by name where both sides have names.
.sample_table <- function(col_data, sample_names, n) {
  if (is.null(col_data)) {
    return(data.frame(row.names = .or(sample_names, as.character(seq_len(n)))))
  }
  if (is.matrix(col_data)) {
    col_data <- as.data.frame(col_data)
  }
  if (!is.data.frame(col_data) && !inherits(col_data, "DataFrame")) {
    .stop_input("col_data is of class ", class(col_data)[1], "; give a data.frame with one row ",
                "per sample.")
  }
  table <- .plain_table(col_data)
  own <- !is.null(rownames(col_data)) &&
    (!is.data.frame(col_data) || .row_names_info(col_data) > 0L)
  if (own && !is.null(sample_names)) {
    return(table[.match_samples(rownames(table), sample_names, "col_data"), , drop = FALSE])
  }
  if (nrow(table) != n) {
    .stop_input("col_data has ", .plural(nrow(table), "row"), " and the counts ",
                .plural(n, "sample"), "; give one row per sample (column of the counts).")
  }
  if (!is.null(sample_names)) {
    rownames(table) <- sample_names
  }
  table
}

.match_samples <- function(given, wanted, what) {
  place <- match(wanted, given)
  extra <- setdiff(given, wanted)
  if (anyNA(place) || length(extra)) {
    missing <- wanted[is.na(place)]
    first <- if (length(missing)) {
      paste0(.plural(length(missing), "sample"), " of the counts missing in ", what, " (",
             .quoted(missing, 3), ")")
    }
    second <- if (length(extra)) {
      paste0(.plural(length(extra), "sample"), " of ", what, " not in the counts (",
             .quoted(extra, 3), ")")
    }
    .stop_input("Samples are matched by name: ", paste(c(first, second), collapse = " and "),
                "; give both the same samples and write them alike.")
  }
  place
}

# A data.frame of the columns that a formula can use: vectors and factors.
.plain_table <- function(table) {
  columns <- lapply(as.list(table), function(x) {
    if (inherits(x, "Rle")) as.vector(x) else x
  })
  usable <- vapply(columns, function(x) {
    (is.atomic(x) || is.factor(x)) && (is.null(dim(x)) || length(dim(x)) == 1L)
  }, logical(1))
  names <- rownames(table)
  if (is.null(names) || anyDuplicated(names)) {
    names <- as.character(seq_len(nrow(table)))
  }
  structure(columns[usable], names = names(columns)[usable], class = "data.frame",
            row.names = names)
}

.require_package <- function(package) {
  if (!requireNamespace(package, quietly = TRUE)) {
    .stop(
      paste0("This needs the package ", package, "; install it: BiocManager::install(\"", package,
             "\")."),
      class = "countglm_package_missing"
    )
  }
}

# Offsets, weights or normalisation factors: one value per sample, or genes x samples.
.per_sample <- function(x, inputs, what) {
  if (is.null(x)) {
    return(NULL)
  }
  if (is.data.frame(x) || inherits(x, c("Matrix", "DelayedMatrix"))) {
    x <- as.matrix(x)
  }
  if (is.matrix(x)) {
    return(.per_gene_and_sample(x, inputs, what))
  }
  if (length(x) != inputs$n_samples) {
    .stop_input(what, " has ", .plural(length(x), "value"), " for ",
                .plural(inputs$n_samples, "sample"), "; give one per sample, or a matrix of ",
                "genes x samples.")
  }
  if (!is.null(names(x)) && !is.null(inputs$sample_names)) {
    x <- x[.match_samples(names(x), inputs$sample_names, what)]
  }
  .array_to_py(unname(as.vector(x)))
}

.per_gene_and_sample <- function(x, inputs, what) {
  shape <- c(inputs$n_genes, inputs$n_samples)
  if (!identical(as.numeric(dim(x)), as.numeric(shape))) {
    .stop_input(what, " is a matrix of ", nrow(x), " x ", ncol(x), "; the counts are ", shape[1],
                " genes x ", shape[2], " samples",
                if (identical(as.numeric(dim(x)), as.numeric(rev(shape)))) ": pass its transpose",
                ".")
  }
  if (!is.null(rownames(x)) && !is.null(inputs$gene_names)) {
    .same_genes(rownames(x), inputs$gene_names, what)
  }
  if (!is.null(colnames(x)) && !is.null(inputs$sample_names)) {
    x <- x[, .match_samples(colnames(x), inputs$sample_names, what), drop = FALSE]
  }
  .adapter()$dense(.array_to_py(unname(x)))
}

.same_genes <- function(given, genes, what) {
  wrong <- which(given != genes)
  if (length(wrong)) {
    .stop_input("The gene names of ", what, " are not those of the counts: ", length(wrong),
                " differ, first '", given[wrong[1]], "' where the counts have '", genes[wrong[1]],
                "'; bring them into the order of the counts.")
  }
}
