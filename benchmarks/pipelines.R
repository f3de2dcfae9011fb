# One small adapter per R pipeline, and the measurement benchmarks/pipeline_worker.py makes.
# usage: Rscript pipelines.R ENGINE FOLDER CORES SECONDS

arguments <- commandArgs(trailingOnly = TRUE)
engine <- arguments[1]
folder <- arguments[2]
seconds <- as.numeric(arguments[4])
repeats <- 5
patience <- 300

read_study <- function() {
  study <- jsonlite::fromJSON(file.path(folder, "study.json"))
  values <- function(name, type, n) readBin(file.path(folder, name), type, n)
  n <- study$size[1]
  genes <- study$size[2]
  study$names <- paste0("b", seq_len(study$size[3]))
  study$tested <- study$size[4] + 1
  obs <- utils::read.csv(file.path(folder, "obs.csv"), colClasses = "character")
  for (term in names(obs)) {
    levels <- study$levels[[term]]
    obs[[term]] <- if (is.null(levels)) as.numeric(obs[[term]]) else factor(obs[[term]], levels)
  }
  rownames(obs) <- paste0("s", seq_len(n))
  study$obs <- obs
  # The file holds sample after sample, which is how R keeps a matrix of genes x samples.
  study$counts <- matrix(values("counts", "integer", n * genes), genes, n,
    dimnames = list(paste0("g", seq_len(genes)), rownames(obs))
  )
  study$design <- matrix(values("design", "double", n * study$size[3]), n,
    byrow = TRUE, dimnames = list(rownames(obs), study$names)
  )
  study
}

deseq2 <- function(study) {
  data <- DESeq2::DESeqDataSetFromMatrix(study$counts, study$obs, stats::as.formula(study$formula))
  data <- DESeq2::DESeq(data, sfType = study$size_factors, quiet = TRUE)
  table <- DESeq2::results(data, contrast = study$contrast)
  coefficients <- log(2) * stats::coef(data)
  replaced <- S4Vectors::mcols(data)$replace
  # Genes with replaced counts have the estimates of other counts than those asked about.
  if (!is.null(replaced)) coefficients[which(replaced), ] <- NA
  list(
    padj = table$padj, coefficients = coefficients,
    dispersion = DESeq2::dispersions(data), offset = log(DESeq2::sizeFactors(data))
  )
}

edger <- function(study, ql) {
  data <- edgeR::calcNormFactors(edgeR::DGEList(study$counts))
  data <- edgeR::estimateDisp(data, study$design)
  if (ql) {
    fit <- edgeR::glmQLFit(data, study$design)
    tested <- edgeR::glmQLFTest(fit, coef = study$tested)
  } else {
    fit <- edgeR::glmFit(data, study$design)
    tested <- edgeR::glmLRT(fit, coef = study$tested)
  }
  table <- edgeR::topTags(tested, n = Inf, sort.by = "none")$table
  list(
    padj = table$FDR, coefficients = fit$unshrunk.coefficients,
    dispersion = rep_len(fit$dispersion, nrow(study$counts)), offset = edgeR::getOffset(data)
  )
}

glmgampoi <- function(study) {
  fit <- glmGamPoi::glm_gp(study$counts, design = study$design, on_disk = FALSE)
  weights <- as.numeric(seq_along(study$names) == study$tested)
  table <- glmGamPoi::test_de(fit, contrast = weights)
  list(
    padj = table$adj_pval, coefficients = fit$Beta,
    # Its coefficients are those of the trend, from which the quasi-likelihood takes up.
    dispersion = fit$overdispersion_shrinkage_list$dispersion_trend, offset = log(fit$size_factors)
  )
}

voom <- function(study) {
  data <- edgeR::calcNormFactors(edgeR::DGEList(study$counts))
  fit <- limma::eBayes(limma::lmFit(limma::voom(data, study$design), study$design))
  list(padj = limma::topTable(fit, coef = study$tested, number = Inf, sort.by = "none")$adj.P.Val)
}

engines <- list(
  "DESeq2" = deseq2,
  "DESeq2, 1 core" = deseq2,
  "edgeR QL" = function(study) edger(study, TRUE),
  "edgeR LRT" = function(study) edger(study, FALSE),
  "glmGamPoi" = glmgampoi,
  "limma-voom" = voom
)
packages <- c(
  "DESeq2" = "DESeq2", "DESeq2, 1 core" = "DESeq2", "edgeR QL" = "edgeR", "edgeR LRT" = "edgeR",
  "glmGamPoi" = "glmGamPoi", "limma-voom" = "limma"
)

# Largest resident set in MB, of this program alone: a parent's is not inherited in this field.
peak_memory <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024 / 1e6
}

# Its imports are part of a cold start, not of a pipeline.
package <- packages[[engine]]
suppressMessages(loadNamespace(package))
study <- read_study()
run <- function() suppressMessages(suppressWarnings(engines[[engine]](study)))
times <- c()
while (length(times) <= repeats) {
  start <- Sys.time()
  found <- run()
  times <- c(times, as.numeric(difftime(Sys.time(), start, units = "secs")))
  if (length(times) == 1) done <- as.numeric(Sys.time())
  # The first run loads what R loads late; a second shows the time without, unless it takes long.
  once <- seconds > 0 && length(times) == 1
  if (sum(times) > (if (once) patience else seconds)) break
}
for (name in names(found)) {
  values <- found[[name]]
  # Matrices gene after gene, as Python writes them.
  values <- as.double(if (is.matrix(values)) t(values) else values)
  writeBin(values, file.path(folder, paste0("found_", name)))
}
writeLines(
  sprintf(
    '{"done": %.6f, "times": [%s], "memory_mb": %.1f, "version": "R %s, %s %s"}',
    done, paste(sprintf("%.6f", times), collapse = ", "), peak_memory(),
    getRversion(), package, utils::packageVersion(package)
  ),
  file.path(folder, "times.json")
)
