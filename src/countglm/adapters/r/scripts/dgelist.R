# Counts with their effective library sizes, as edgeR and limma take them.

# The list, and which genes (`kept`) it has: all of them unless the caller asks for a filter.
make_list <- function(request, design) {
  counts <- structure(request$counts, dimnames = names_of_counts(request))
  y <- DGEList(counts)
  kept <- rep(TRUE, nrow(counts))
  if (request$options$filter) {
    kept <- unname(filterByExpr(y, design = design$matrix))
    if (!any(kept)) {
      input_error("filterByExpr keeps none of ", nrow(counts), " genes; choose filter=False.")
    }
    y <- y[kept, , keep.lib.sizes = FALSE]
  }
  if (is.null(request$size_factors)) {
    y <- calcNormFactors(y, method = request$options$norm)
  } else {
    # Library sizes in these proportions and of the usual size, on which logCPM depends.
    typical <- mean(log(y$samples$lib.size)) - mean(log(request$size_factors))
    y$samples$lib.size <- request$size_factors * exp(typical)
  }
  list(y = y, kept = kept)
}

effective_sizes <- function(y) as.numeric(y$samples$lib.size * y$samples$norm.factors)

# A value per kept gene, or one value for all of them, in the order of all genes; NA elsewhere.
spread <- function(values, kept) {
  out <- rep(NA_real_, length(kept))
  out[kept] <- as.numeric(values)
  out
}

spread_rows <- function(matrix, kept) {
  out <- matrix(NA_real_, length(kept), ncol(matrix))
  out[kept, ] <- unname(as.matrix(matrix))
  out
}

spread_table <- function(table, kept) lapply(as.list(table), spread, kept = kept)
