#' A published study to try things on
#'
#' Reads a study that comes with the Python package.
#'
#' * `"pasilla"`: Drosophila S2 cells with and without knock-down of the splicing factor pasilla, 7
#'   samples x 14,599 genes, factors `type` and `condition` (Brooks et al. 2011, GEO GSE18508).
#' * `"airway"`: airway smooth muscle cells of four donors with and without dexamethasone, 8
#'   samples x 64,102 genes, factors `cell` and `dex` (Himes et al. 2014, GEO GSE52778).
#'
#' @param name `"pasilla"` or `"airway"`.
#' @param class `"DESeqDataSet"` with the study's design, `"SummarizedExperiment"`, or `"list"` of
#'   the matrix `counts` (genes x samples) and the data.frame `col_data`.  By default the first that
#'   is installed.
#'
#' @return An object of `class`.  The untreated samples are the reference.
#' @references Brooks et al. (2011), Genome Research 21:193.  Himes et al. (2014), PLoS ONE
#'   9:e99625.
#' @examples
#' if (countglm_available()) {
#'   study <- countglm_example("pasilla", "list")
#'   dim(study$counts)
#' }
#' @export
countglm_example <- function(name = "pasilla", class = NULL) {
  designs <- list(pasilla = ~ type + condition, airway = ~ cell + dex)
  references <- list(pasilla = list(condition = "untreated"), airway = list(dex = "untrt"))
  if (!is.character(name) || length(name) != 1 || !name %in% names(designs)) {
    .stop_input("There is no example '", name, "'; choose from ", .quoted(names(designs)), ".")
  }
  needed <- c(DESeqDataSet = "DESeq2", SummarizedExperiment = "SummarizedExperiment", list = "base")
  if (is.null(class)) {
    class <- names(Filter(function(package) requireNamespace(package, quietly = TRUE), needed))[1]
  } else if (!class %in% names(needed)) {
    .stop_input("class = '", class, "' is not known; choose from ", .quoted(names(needed)), ".")
  }
  .require_package(needed[[class]])
  folder <- .from_py(.call("de_for_r.data_folder"))
  counts <- as.matrix(utils::read.csv(
    file.path(folder, paste0(name, "_counts.csv.gz")), row.names = 1, check.names = FALSE
  ))
  samples <- utils::read.csv(
    file.path(folder, paste0(name, "_samples.csv")), row.names = 1, stringsAsFactors = TRUE
  )
  samples <- .releveled(NULL, samples, references[[name]])$col_data
  if (class == "list") return(list(counts = counts, col_data = samples))
  columns <- S4Vectors::DataFrame(samples[colnames(counts), , drop = FALSE])
  if (class == "SummarizedExperiment") {
    return(SummarizedExperiment::SummarizedExperiment(list(counts = counts), colData = columns))
  }
  suppressMessages(DESeq2::DESeqDataSetFromMatrix(counts, columns, designs[[name]]))
}
