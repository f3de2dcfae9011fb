#' Fit a count GLM to every gene, with a certificate
#'
#' Fits a negative binomial or Poisson generalized linear model with log link to every gene. The
#' estimate of each gene is the optimum of its likelihood, and the result proves it: the Newton
#' decrement tells how many standard errors it can be off. Where no finite optimum exists (a group
#' without counts) the limits are returned and the status says so.
#'
#' @param counts Counts of genes x samples: a matrix (integer, double or logical), a sparse matrix
#'   of the package Matrix, a data.frame of numbers, a `SummarizedExperiment`,
#'   `SingleCellExperiment` or `DESeqDataSet`. Sparse counts stay sparse. A `DelayedMatrix` is read
#'   into memory once, as it is stored: sparse or dense. Whole numbers from 0 to 2^53.
#' @param design A formula such as `~ batch + condition`, evaluated by [stats::model.matrix()] on
#'   `col_data` or `colData()`, or a model matrix with one row per sample. A `DESeqDataSet` has
#'   one of its own. Levels of factors that no sample has are left out, with a message.
#' @param col_data A data.frame with one row per sample, for a formula where `counts` brings none.
#'   It is matched with the counts by name where both have names.
#' @param family `"nb"`: variance `mu + dispersion * mu^2`; `"poisson"`: `mu`.
#' @param size_factors `"ratio"`, `"poscounts"`, `"iterate"`, `"tmm"`, `"library"`, `"none"`, or one
#'   positive number per sample. By default those of a `DESeqDataSet` (its normalisation factors,
#'   where it has them), else `"ratio"`. Where a `DESeqDataSet` without either has transcript
#'   lengths (`avgTxLength`, of tximport), normalisation factors are made of these by the rule.
#' @param offset Natural logarithms added to the log size factors: one per sample, or a matrix of
#'   genes x samples.
#' @param weights Likelihood weights, one per sample or genes x samples: weight 2 is the sample
#'   counted twice. By default the assay `"weights"` of a `DESeqDataSet`, if there is one.
#' @param dispersion One number, or one per gene, used as given; `NULL` estimates it for every gene
#'   by the maximum of the Cox-Reid adjusted profile likelihood.
#' @param solver `"irls"` (Fisher scoring finished by Newton steps) or `"newton"`; both reach the
#'   same optimum.
#' @param tol Largest Newton decrement of a converged gene, in standard errors.
#' @param max_iter Largest number of steps.
#' @param max_dispersion Upper end of the estimated dispersion; by default `max(10, samples)`.
#' @param allow_noninteger Accept counts that are not whole numbers (a quasi-likelihood then).
#' @param assay Name of the assay that holds the counts; by default `"counts"`, or the only one.
#' @param threads Threads; by default every core that this process may use.
#' @param progress Show a progress bar.
#'
#' @return An object of class `countglm_fit`: a list with `coefficients` and `standard_errors`
#'   (genes x coefficients, natural log), `dispersion`, `size_factors`, `deviance`,
#'   `log_likelihood`, `status`, `converged`, `newton_decrement` and more, one entry per gene, and
#'   `matrix`, the model matrix. See [countglm_fit-methods], [wald_test()], [diagnose()].
#'
#'   The counts stay in the session. A fit that was saved by `saveRDS()` keeps its numbers; what
#'   needs the counts or Python (`vcov()`, `fitted()`, tests) then asks for a new fit.
#' @export
#' @examples
#' counts <- matrix(rpois(60, 20), 10, dimnames = list(paste0("gene", 1:10), paste0("s", 1:6)))
#' samples <- data.frame(condition = rep(c("a", "b"), each = 3), row.names = colnames(counts))
#' if (countglm_available()) {
#'   fit <- fit_glm(counts, ~ condition, samples)
#'   print(fit)
#'   coef(fit)
#'   wald_test(fit, c("condition", "b", "a"))
#' }
fit_glm <- function(counts, design = NULL, col_data = NULL, family = c("nb", "poisson"),
                    size_factors = NULL, offset = NULL, weights = NULL, dispersion = NULL,
                    solver = c("irls", "newton"), tol = 1e-8, max_iter = 100,
                    max_dispersion = NULL, allow_noninteger = FALSE, assay = NULL,
                    threads = NULL, progress = FALSE) {
  .check_options(list(tol = tol, max_iter = max_iter, progress = progress,
                      allow_noninteger = allow_noninteger))
  .check_assay(counts, assay)
  inputs <- .inputs(counts, design, col_data, assay, allow_noninteger)
  scale <- .scale(inputs, size_factors, offset)
  weights <- .or(weights, inputs$weights)
  fit <- .call(
    "fit_counts", inputs$counts, inputs$design,
    family = .choice(family, c("nb", "poisson"), "family"), size_factors = scale$size_factors,
    normalization_factors = scale$normalization_factors, offset = scale$offset,
    weights = .per_sample(weights, inputs, "weights"),
    dispersion = .per_gene(dispersion, inputs, "dispersion"),
    solver = .choice(solver, c("irls", "newton"), "solver"), tol = tol, max_iter = .whole(max_iter),
    max_dispersion = max_dispersion, threads = .whole(threads), progress = progress
  )
  .as_fit(fit, inputs, offset = offset, weights = weights)
}

# What counts are divided by, as Python's arguments: the caller's, the object's, or the default.
.scale <- function(inputs, size_factors, offset) {
  factors <- NULL
  if (.uses_lengths(inputs, size_factors)) {
    factors <- .length_factors(inputs, list(size_factors = size_factors, offset = offset))
  } else if (is.null(size_factors) && !is.null(inputs$normalization_factors)) {
    if (!is.null(offset)) {
      .stop_input("The DESeqDataSet has normalisation factors, which hold sequencing depth and ",
                  "all else; leave offset out, or give size_factors.")
    }
    factors <- .per_sample(inputs$normalization_factors, inputs, "normalization_factors")
  }
  size_factors <- .or(size_factors, .or(inputs$size_factors, "ratio"))
  if (!is.character(size_factors)) {
    size_factors <- .per_sample(size_factors, inputs, "size_factors")
  }
  list(size_factors = size_factors, normalization_factors = factors,
       offset = .per_sample(offset, inputs, "offset"))
}

# One number for all genes, or one per gene, by name where both sides have names.
.per_gene <- function(x, inputs, what) {
  if (is.null(x) || length(x) == 1L) {
    return(if (is.null(x)) NULL else unname(x))
  }
  if (length(x) != inputs$n_genes) {
    .stop_input(what, " has ", .plural(length(x), "value"), " for ",
                .plural(inputs$n_genes, "gene"), "; give one number, or one per gene.")
  }
  if (!is.null(names(x)) && !is.null(inputs$gene_names)) {
    .same_genes(names(x), inputs$gene_names, what)
  }
  .array_to_py(unname(as.vector(x)))
}

# 100 is a double in R; Python asks for a whole number.
.whole <- function(x) {
  whole <- is.numeric(x) && length(x) == 1L && !is.na(x) && x == round(x) && abs(x) < 2^31
  if (whole) as.integer(x) else x
}

.as_fit <- function(python, inputs, offset = NULL, weights = NULL) {
  arrays <- .from_py(.call("fit_arrays", python))
  genes <- inputs$gene_names
  columns <- colnames(inputs$matrix)
  by_gene <- vapply(arrays, function(x) is.atomic(x) && length(x) == inputs$n_genes, logical(1)) &
    !names(arrays) %in% c("size_factors", "gene_names", "sample_names", "family", "tol",
                          "df_residual")
  arrays[by_gene] <- lapply(arrays[by_gene], function(x) {
    if (is.null(dim(x))) stats::setNames(as.vector(x), genes) else x
  })
  for (name in c("coefficients", "standard_errors", "finite_coefficients")) {
    dimnames(arrays[[name]]) <- list(genes, columns)
  }
  names(arrays$size_factors) <- inputs$sample_names
  arrays$gene_names <- .or(genes, as.character(seq_len(inputs$n_genes)))
  arrays["sample_names"] <- list(inputs$sample_names)
  kept <- c("matrix", "aliases", "formula", "terms", "xlevels", "col_data", "n_genes",
            "n_samples")
  structure(
    c(arrays, inputs[kept], list(offset = offset, weights = weights, py = python)),
    class = "countglm_fit"
  )
}

# The Python fit behind an object, which a file does not keep.
.python_fit <- function(fit, what) {
  gone <- is.null(fit$py) || reticulate::py_is_null_xptr(fit$py)
  if (gone) {
    .stop(
      paste0(what, " needs the fit in Python, which stayed with the session that made it: this ",
             "one was read from a file. Fit again."),
      class = "countglm_fit_gone"
    )
  }
  fit$py
}

# Places (from 1) of genes that are given by name, place or logical vector.
.gene_places <- function(fit, genes) {
  if (is.null(genes)) {
    return(seq_len(fit$n_genes))
  }
  if (is.factor(genes)) {
    genes <- as.character(genes)
  }
  if (is.character(genes)) {
    return(.named_genes(fit, genes))
  }
  if (is.logical(genes) && length(genes) == fit$n_genes && !anyNA(genes)) {
    return(which(genes))
  }
  fits <- is.numeric(genes) && !anyNA(genes) && all(genes >= 1 & genes <= fit$n_genes)
  if (!fits || any(genes != round(genes))) {
    .stop_input("genes must be names, places from 1 to ", fit$n_genes, ", or one TRUE or FALSE ",
                "per gene.")
  }
  as.integer(genes)
}

.named_genes <- function(fit, genes) {
  places <- match(genes, fit$gene_names)
  if (anyNA(places)) {
    .stop_input(.plural(sum(is.na(places)), "gene"), " not in the fit, first '",
                genes[is.na(places)][1], "'.")
  }
  repeated <- genes %in% fit$gene_names[duplicated(fit$gene_names)]
  if (any(repeated)) {
    .stop_input("The gene name '", genes[repeated][1], "' occurs more than once; give the place ",
                "of the gene in the counts.")
  }
  places
}
