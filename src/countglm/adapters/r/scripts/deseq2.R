# DESeq2: from counts to its table, with every stage that it stores on the way.

STAGES <- c("baseMean", "baseVar", "allZero", "dispGeneEst", "dispGeneIter", "dispFit",
  "dispersion", "dispIter", "dispOutlier", "dispMAP", "betaConv", "betaIter", "fullBetaConv",
  "reducedBetaConv", "deviance", "maxCooks", "replace")

# A formula of plain columns is handed over as it is, so that DESeq2 knows its factors. It renames
# columns whose names R takes between backticks only, and then does not find them.
deseq2_takes_formula <- function(formula) {
  !is.null(formula) &&
    all(vapply(as.list(attr(terms(formula), "variables"))[-1], is.symbol, logical(1))) &&
    all(make.names(all.vars(formula)) == all.vars(formula))
}

reduced_matrix <- function(reduced, design) {
  if (reduced$kind == "formula") {
    return(formula_matrix(read_formula(reduced$text, design$frame), design$frame))
  }
  if (reduced$kind == "matrix") {
    matrix <- reduced$values
    dimnames(matrix) <- list(rownames(design$matrix), reduced$names)
    return(matrix)
  }
  places <- function(names) {
    vapply(names, column_place, numeric(1), matrix = design$matrix, aliases = reduced$aliases)
  }
  keep <- places(reduced$keep)
  if (!length(keep)) keep <- setdiff(seq_len(ncol(design$matrix)), places(reduced$drop))
  design$matrix[, sort(keep), drop = FALSE]
}

deseq2_normalized <- function(dds, request) {
  depth <- dds
  if (!is.null(request$size_factors)) {
    sizeFactors(depth) <- request$size_factors
  }
  if (is.null(request$offset)) {
    return(depth)
  }
  if (is.null(request$size_factors)) {
    depth <- estimateSizeFactors(depth, type = request$options$sf_type)
  }
  factors <- sweep(exp(request$offset), 2, sizeFactors(depth), "*")
  normalizationFactors(dds) <- structure(factors, dimnames = names_of_counts(request))
  dds
}

deseq2_fitted <- function(dds, design, request, by_formula) {
  options <- request$options
  arguments <- list(dds, test = options$test, fitType = options$fit_type,
    sfType = options$sf_type, minReplicatesForReplace = options$min_replicates_for_replace,
    useT = options$use_t, minmu = options$min_mu, quiet = FALSE)
  if (options$test == "LRT") {
    if (by_formula) {
      arguments$reduced <- read_formula(request$reduced$text, design$frame)
    } else {
      arguments$full <- design$matrix
      arguments$reduced <- reduced_matrix(request$reduced, design)
    }
  }
  do.call(DESeq, arguments)
}

deseq2_results <- function(dds, contrast, options, by_formula) {
  arguments <- list(dds, lfcThreshold = options$lfc_threshold,
    altHypothesis = options$alt_hypothesis, alpha = options$alpha,
    independentFiltering = options$independent_filtering, minmu = options$min_mu)
  if (!is.null(options$cooks_cutoff)) arguments$cooksCutoff <- options$cooks_cutoff
  if (contrast$column > 0) {
    arguments$name <- resultsNames(dds)[contrast$column]
  } else if (by_formula && !is.null(contrast$levels)) {
    arguments$contrast <- contrast$levels
  } else {
    arguments$contrast <- contrast$vector
  }
  do.call(results, arguments)
}

deseq2_shrunken <- function(dds, res, contrast, type, by_formula) {
  arguments <- list(dds, type = type, res = res, quiet = TRUE)
  if (contrast$coefficient > 0) {
    arguments$coef <- contrast$coefficient
  } else if (type == "apeglm") {
    input_error("apeglm shrinks one coefficient of the design, and the contrast combines several; ",
      "make the compared level the reference of its factor, so that the difference is a ",
      "coefficient, or choose shrink='normal' or 'ashr'.")
  } else if (by_formula && !is.null(contrast$levels)) {
    arguments$contrast <- contrast$levels
  } else {
    arguments$contrast <- contrast$vector
  }
  as.list(as.data.frame(do.call(lfcShrink, arguments)))
}

deseq2_info <- function(dds, res, design, options) {
  trend <- dispersionFunction(dds)
  n <- nrow(design$matrix)
  p <- ncol(design$matrix)
  cutoff <- options$cooks_cutoff
  if (is.null(cutoff)) cutoff <- qf(0.99, p, n - p)
  kind <- attr(trend, "fitType")
  # A constant trend keeps no coefficient; its value anywhere is the one that it has.
  coefficients <- if (identical(kind, "mean")) trend(1) else attr(trend, "coefficients")
  list(
    trend = list(kind = kind, coefficients = as.list(as.numeric(coefficients))),
    prior_variance = attr(trend, "dispPriorVar"),
    residual_variance = attr(trend, "varLogDispEsts"),
    filter_threshold = as.numeric(metadata(res)$filterThreshold),
    cooks_cutoff = if (identical(cutoff, FALSE)) NULL else cutoff,
    results_names = as.list(resultsNames(dds))
  )
}

deseq2_replaced <- function(dds) {
  stages <- mcols(dds)
  rows <- if ("replace" %in% names(stages)) which(stages$replace) else integer()
  if (!length(rows) || !("replaceCounts" %in% assayNames(dds))) {
    return(NULL)
  }
  counts <- assays(dds)[["replaceCounts"]][rows, , drop = FALSE]
  list(rows = rows, counts = unname(counts) + 0)
}

# Both designs of a likelihood ratio test go in the same form: DESeq2 compares no levels after a
# test of matrices.
deseq2_by_formula <- function(request, design) {
  if (!deseq2_takes_formula(design$formula)) {
    return(FALSE)
  }
  if (request$options$test != "LRT") {
    return(TRUE)
  }
  request$reduced$kind == "formula" &&
    deseq2_takes_formula(read_formula(request$reduced$text, design$frame))
}

deseq2 <- function(request, design, contrast) {
  by_formula <- deseq2_by_formula(request, design)
  counts <- request$counts
  dimnames(counts) <- names_of_counts(request)
  dds <- DESeqDataSetFromMatrix(counts, S4Vectors::DataFrame(design$frame, check.names = FALSE),
    if (by_formula) design$formula else design$matrix)
  if (!is.null(request$weights)) {
    assays(dds)[["weights"]] <- structure(request$weights, dimnames = names_of_counts(request))
  }
  dds <- deseq2_normalized(dds, request)
  dds <- deseq2_fitted(dds, design, request, by_formula)
  res <- deseq2_results(dds, contrast, request$options, by_formula)
  shrink <- request$options$shrink
  stages <- mcols(dds)
  list(
    table = as.list(as.data.frame(res)),
    genes = as.list(as.data.frame(stages[, intersect(STAGES, names(stages))])),
    coefficients = unname(as.matrix(coef(dds))) * log(2),
    standard_errors = unname(as.matrix(coef(dds, SE = TRUE))) * log(2),
    size_factors = as.numeric(sizeFactors(dds)),
    normalization_factors = unname(normalizationFactors(dds)),
    replaced = deseq2_replaced(dds),
    tables = if (!is.null(shrink)) {
      list(shrunken = deseq2_shrunken(dds, res, contrast, shrink, by_formula))
    },
    info = deseq2_info(dds, res, design, request$options)
  )
}
