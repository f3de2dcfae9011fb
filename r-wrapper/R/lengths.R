# Normalisation factors of a DESeqDataSet that holds lengths of transcripts (tximport, tximeta).

# Lengths count where the object has no factors of its own, unless the caller gives numbers.
.uses_lengths <- function(inputs, size_factors) {
  !is.null(inputs$lengths) && (is.null(size_factors) || is.character(size_factors))
}

# Returns depth times relative length (Python, samples x genes); `given` are the caller's options.
.length_factors <- function(inputs, given) {
  if (!is.null(given$offset)) {
    .stop_input("The DESeqDataSet has transcript lengths (the assay 'avgTxLength'), whose ",
                "normalisation factors hold sequencing depth and all else; leave offset out, or ",
                "give size_factors as numbers.")
  }
  .inform("Using the transcript lengths in the assay 'avgTxLength': normalisation factors correct ",
          "for them and for sequencing depth.")
  rule <- .or(given$size_factors, "ratio")
  lengths <- .adapter()$dense(.array_to_py(unname(as.matrix(inputs$lengths))))
  options <- given[intersect(c("control_genes", "geo_means"), names(given))]
  options <- options[!vapply(options, is.null, logical(1))]
  if (!length(options)) {
    return(.call("estimate_normalization_factors", inputs$counts, lengths, rule))
  }
  if (identical(rule, "poscounts")) {
    # Its geometric means are those of the counts, which are not divided by lengths.
    .stop_input("size_factors = 'poscounts' takes no ", .quoted(names(options)), " beside ",
                "transcript lengths; give normalization_factors, or leave it out.")
  }
  relative <- .call("estimate_normalization_factors", inputs$counts, lengths, "none")
  divided <- .call("normalized_counts", inputs$counts, normalization_factors = relative)
  depth <- do.call(.call, c(
    list("estimate_size_factors", divided, rule, allow_noninteger = TRUE), options
  ))
  .call("estimate_normalization_factors", inputs$counts, lengths, size_factors = depth)
}
