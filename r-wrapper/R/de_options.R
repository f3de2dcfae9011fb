# The options of differential_expression(): DESeq2's names for them, and what Python takes.

# DESeq2's names of options, and ours.
.DESEQ2_OPTIONS <- c(
  lfcThreshold = "lfc_threshold", altHypothesis = "alternative", cooksCutoff = "cooks_cutoff",
  independentFiltering = "independent_filtering", pAdjustMethod = "p_adjust",
  filter = "filter_statistic", fitType = "fit_type", sfType = "size_factors", useT = "use_t",
  minReplicatesForReplace = "min_replicates_for_replacement", controlGenes = "control_genes",
  geoMeans = "geo_means", colData = "col_data", listValues = "list_values"
)

# What has another meaning in DESeq2, or another place here, and what to do.
.ELSEWHERE <- c(
  normMatrix = paste0(
    "normMatrix has lengths or the like in DESeq2, not yet the depth of sequencing. Give what ",
    "counts are divided by, depth included, as normalization_factors, or a DESeqDataSet for which ",
    "estimateSizeFactors() has made them of normMatrix."
  ),
  name = "There is no option 'name'; contrast takes the name of a coefficient."
)

# What another test of a result may choose.
.RETEST <- c(
  "test", "reduced", "lfc_threshold", "alternative", "use_t", "alpha", "independent_filtering",
  "filter_statistic", "p_adjust", "interval", "level", "cooks_cutoff", "list_values"
)

# Returns `given` with the options of `extra`, which may have DESeq2's names, in their places;
# `explicit` are those that the caller wrote under our names.
.with_deseq2_names <- function(given, extra, known = names(given), explicit = NULL) {
  if (!length(extra)) return(given)
  labels <- names(extra)
  if (is.null(labels) || !all(nzchar(labels))) {
    .stop_input("Options must be given by name, as in alpha = 0.05; ",
                 sum(!nzchar(if (is.null(labels)) rep("", length(extra)) else labels)),
                 " of them have none.")
  }
  ours <- unname(ifelse(labels %in% names(.DESEQ2_OPTIONS), .DESEQ2_OPTIONS[labels], labels))
  unknown <- which(!ours %in% known)
  if (length(unknown)) {
    label <- labels[unknown[1]]
    if (label %in% names(.ELSEWHERE)) .stop_input(.ELSEWHERE[[label]])
    near <- .similar(label, c(known, names(.DESEQ2_OPTIONS)[.DESEQ2_OPTIONS %in% known]))
    .stop_input("There is no option '", label, "'.",
                if (length(near)) paste0(" Did you mean '", near, "'?"),
                " ?differential_expression lists all.")
  }
  twice <- ours[duplicated(ours) | ours %in% explicit]
  if (length(twice)) .stop_input("The option '", twice[1], "' is given twice; give it once.")
  given[ours] <- extra
  given
}

# The one of some words that a word with a slip or two stands for, if there is one.
.similar <- function(word, words) {
  distance <- utils::adist(word, words, ignore.case = TRUE)
  near <- which.min(distance)
  words[near][distance[near] <= min(2, nchar(word) %/% 3)]
}

# Options that are one value, and those of them that are TRUE or FALSE.
.ONE_VALUE <- c(
  "mode", "alpha", "test", "lfc_threshold", "alternative", "use_t", "prior_variance",
  "cooks_cutoff", "min_replicates_for_replacement", "independent_filtering", "p_adjust", "interval",
  "level", "solver", "tol", "max_iter", "max_dispersion", "threads", "progress", "nsub"
)
.SWITCHES <- c("use_t", "progress", "blind", "svalue", "allow_noninteger")

# Raises for options that are missing values, or several where one is asked for.
.check_options <- function(given) {
  for (name in names(given)) {
    value <- given[[name]]
    if (is.null(value) || is.function(value) || inherits(value, "python.builtin.object")) next
    if (name %in% .SWITCHES && !isTRUE(value) && !isFALSE(value)) {
      .stop_input(name, " = ", .shown(value), " must be TRUE or FALSE.")
    }
    if (name %in% .ONE_VALUE && length(value) != 1L) {
      .stop_input(name, " = ", .shown(value), " has ", .plural(length(value), "value"),
                  "; give one.")
    }
    if (is.atomic(value) && length(value) == 1L && is.na(value)) {
      .stop_input(name, " = NA says nothing; leave it out for the default, or give a value.")
    }
  }
}

# Returns options as Python takes them; those that are NULL keep Python's default.
.de_options <- function(given, inputs, weighted = TRUE) {
  given <- given[setdiff(names(given), c("col_data", "assay", "reference", "list_values"))]
  given <- given[!vapply(given, is.null, logical(1))]
  .check_options(given)
  for (name in intersect(names(given), c("threads", "max_iter"))) {
    given[[name]] <- .whole(given[[name]])
  }
  for (name in intersect(names(given), c("dispersion", "geo_means", "filter_statistic"))) {
    given[[name]] <- .per_gene(given[[name]], inputs, name)
  }
  if (!is.null(given$fit_type)) given$fit_type <- .trend_or_values(given$fit_type, inputs)
  for (name in intersect(names(given), c("offset", "weights", "normalization_factors"))) {
    given[[name]] <- .per_sample(given[[name]], inputs, name)
  }
  if (!is.null(given$test)) given$test <- tolower(given$test)
  if (!is.null(given$control_genes)) given$control_genes <- .gene_mask(given$control_genes, inputs)
  if (!is.null(given$p_adjust)) given$p_adjust <- .adjustment(given$p_adjust)
  if (!is.null(given$reduced)) given$reduced <- .reduced(given$reduced, inputs)
  if (weighted && is.null(given$weights)) {
    given$weights <- .per_sample(inputs$weights, inputs, "weights")
  }
  .with_own_factors(given, inputs)
}

# Size and normalisation factors: as given, else those of the object.
.with_own_factors <- function(given, inputs) {
  if (is.null(given$normalization_factors) && .uses_lengths(inputs, given$size_factors)) {
    given$normalization_factors <- .length_factors(inputs, given)
    given[c("size_factors", "control_genes", "geo_means")] <- NULL
  } else if (is.numeric(given$size_factors)) {
    given$size_factors <- .per_sample(given$size_factors, inputs, "size_factors")
  } else if (is.null(given$size_factors) && is.null(given$normalization_factors)) {
    if (!is.null(inputs$normalization_factors)) {
      given$normalization_factors <- .per_sample(
        inputs$normalization_factors, inputs, "normalization_factors"
      )
    } else if (!is.null(inputs$size_factors)) {
      given$size_factors <- .per_sample(inputs$size_factors, inputs, "size_factors")
    }
  }
  given
}

# Returns the kind of trend, a function of the mean, or values by gene.
.trend_or_values <- function(x, inputs) {
  if (is.character(x) && length(x) != 1L) {
    .stop_input("fit_type = ", .shown(x), " has ", .plural(length(x), "value"), "; give one kind ",
                "of trend, a function, or numbers.")
  }
  if (is.character(x) || inherits(x, "python.builtin.object")) return(x)
  if (is.function(x)) return(.of_array(x))
  .per_gene(x, inputs, "fit_type")
}

# Returns a function of R's numbers as Python calls it.
.of_array <- function(f) {
  .call("de_for_r.of_array", function(x) as.double(f(as.double(unlist(reticulate::py_to_r(x))))))
}

# Returns the places, counted from 0, of the genes that `genes` selects in R's ways.
.gene_mask <- function(genes, inputs) {
  n <- inputs$n_genes
  mask <- logical(n)
  if (is.character(genes)) {
    unknown <- setdiff(genes, inputs$gene_names)
    if (length(unknown)) {
      .stop_input("control_genes names '", unknown[1], "' (", length(unknown), " of ",
                   length(genes), " names are unknown), which is no gene of the counts.")
    }
    mask <- inputs$gene_names %in% genes
  } else if (is.logical(genes) && length(genes) == n && !anyNA(genes)) {
    mask <- genes
  } else if (is.numeric(genes) && length(genes) && all(genes %in% seq_len(n))) {
    mask[genes] <- TRUE
  } else {
    .stop_input("control_genes must be names of genes, whole numbers from 1 to ", n,
                 ", or a logical with a value per gene.")
  }
  I(which(mask) - 1L)
}

# Returns the adjustment of p-values: countglm's own by name, R's others as a function.
.adjustment <- function(method) {
  if (is.function(method)) return(.of_array(method))
  if (identical(method, "fdr")) return("BH")
  if (!is.character(method) || length(method) != 1 || method %in% c("BH", "BY", "none")) {
    return(method)
  }
  if (!method %in% stats::p.adjust.methods) {
    .stop_input("p_adjust = '", method, "' is not known; choose from ",
                 paste(stats::p.adjust.methods, collapse = ", "), ", or give a function.")
  }
  .of_array(function(p) stats::p.adjust(p, method))
}

# The method of stats::p.adjust() by whose name a result was made: Python does not keep functions.
.kept_adjustment <- function(result) {
  name <- .from_py(.call("de_for_r.adjustment_of", result))
  if (name %in% setdiff(stats::p.adjust.methods, c("BH", "BY", "none"))) name
}

# Returns results under the name of the method that adjusted their p-values by a function of R.
.with_adjustment <- function(found, method) {
  if (is.null(method) || identical(method, "fdr") || identical(method, "BH")) return(found)
  .call("de_for_r.named_adjustment", found, if (is.function(method)) "given" else method)
}

# Returns counts and sample table with the reference levels first.
.releveled <- function(counts, col_data, reference) {
  if (is.null(reference)) return(list(counts = counts, col_data = col_data))
  reference <- as.list(reference)
  if (is.null(names(reference)) || !all(nzchar(names(reference)))) {
    .stop_input("reference must name the factor of each level, as in ",
                "c(condition = \"untreated\").")
  }
  inside <- methods::is(counts, "SummarizedExperiment") && is.null(col_data)
  table <- if (inside) SummarizedExperiment::colData(counts) else col_data
  for (name in names(reference)) {
    if (is.null(table[[name]])) {
      known <- colnames(table)
      .stop_input("reference names '", name, "', which is no variable of the samples",
                  if (length(known)) paste0(" (", paste(known, collapse = ", "), ")."),
                  if (!length(known)) ", which have none; give their table as col_data.")
    }
    variable <- as.factor(table[[name]])
    if (!as.character(reference[[name]]) %in% levels(variable)) {
      .stop_input("reference: '", reference[[name]], "' is no level of '", name, "' (",
                   paste(levels(variable), collapse = ", "), ").")
    }
    table[[name]] <- stats::relevel(variable, ref = as.character(reference[[name]]))
  }
  if (!inside) return(list(counts = counts, col_data = table))
  list(counts = SummarizedExperiment::`colData<-`(counts, value = table), col_data = NULL)
}
