# One small adapter per R engine, and the measurement that benchmarks/worker.py makes for Python.
# usage: Rscript engines.R ENGINE FOLDER REPEATS SECONDS

arguments <- commandArgs(trailingOnly = TRUE)
engine <- arguments[1]
folder <- arguments[2]
repeats <- as.integer(arguments[3])
seconds <- as.numeric(arguments[4])

read_doubles <- function(name, n) readBin(file.path(folder, name), "double", n)

read_problem <- function() {
  size <- scan(file.path(folder, "size.txt"), quiet = TRUE)
  n <- size[1]
  genes <- size[2]
  p <- size[3]
  list(
    # Genes are the rows here; the files hold sample after sample.
    counts = matrix(read_doubles("counts", n * genes), genes, n),
    design = matrix(read_doubles("design", n * p), n, p, byrow = TRUE),
    size_factors = read_doubles("size_factors", n),
    dispersion = read_doubles("dispersion", genes)
  )
}

with_names <- function(problem) {
  colnames(problem$design) <- paste0("b", seq_len(ncol(problem$design)))
  rownames(problem$counts) <- paste0("g", seq_len(nrow(problem$counts)))
  colnames(problem$counts) <- paste0("s", seq_len(ncol(problem$counts)))
  problem
}

engines <- list(
  "glm.fit" = function(problem) {
    offset <- log(problem$size_factors)
    one_gene <- function(gene) {
      family <- MASS::negative.binomial(theta = 1 / problem$dispersion[gene], link = "log")
      glm.fit(problem$design, problem$counts[gene, ], offset = offset, family = family)$coefficients
    }
    # A gene on which glm.fit stops with an error has no coefficients.
    failed <- rep(NA_real_, ncol(problem$design))
    t(vapply(
      seq_len(nrow(problem$counts)),
      function(gene) tryCatch(one_gene(gene), error = function(e) failed), failed
    ))
  },
  "DESeq2 nbinomWaldTest" = function(problem) {
    problem <- with_names(problem)
    storage.mode(problem$counts) <- "integer"
    samples <- data.frame(row.names = colnames(problem$counts), sample = colnames(problem$counts))
    data <- DESeq2::DESeqDataSetFromMatrix(problem$counts, samples, problem$design)
    BiocGenerics::sizeFactors(data) <- problem$size_factors
    DESeq2::dispersions(data) <- problem$dispersion
    data <- DESeq2::nbinomWaldTest(data, betaPrior = FALSE, modelMatrix = problem$design, quiet = TRUE)
    log(2) * stats::coef(data)
  },
  "edgeR glmFit" = function(problem) {
    edgeR::glmFit(problem$counts, problem$design,
      dispersion = problem$dispersion,
      offset = log(problem$size_factors), prior.count = 0
    )$coefficients
  },
  "glmGamPoi glm_gp" = function(problem) {
    glmGamPoi::glm_gp(problem$counts,
      design = problem$design, size_factors = problem$size_factors,
      overdispersion = problem$dispersion, overdispersion_shrinkage = FALSE, on_disk = FALSE
    )$Beta
  }
)

# Largest resident set in MB, of this program alone: a parent's is not inherited in this field.
peak_memory <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024 / 1e6
}

problem <- read_problem()
run <- function() suppressMessages(suppressWarnings(engines[[engine]](problem)))

coefficients <- run()
done <- as.numeric(Sys.time())
times <- c()
for (i in seq_len(repeats)) {
  start <- Sys.time()
  run()
  times <- c(times, as.numeric(difftime(Sys.time(), start, units = "secs")))
  if (sum(times) > seconds) break
}
writeBin(as.vector(t(coefficients)), file.path(folder, "coefficients"))
packages <- c("MASS", "DESeq2", "edgeR", "glmGamPoi")
names(packages) <- c("glm.fit", "DESeq2 nbinomWaldTest", "edgeR glmFit", "glmGamPoi glm_gp")
package <- packages[[engine]]
version <- paste0("R ", getRversion(), ", ", package, " ", utils::packageVersion(package))
writeLines(
  sprintf(
    '{"done": %.6f, "warm": %.6f, "memory_mb": %.1f, "version": "%s"}',
    done, min(times), peak_memory(), version
  ),
  file.path(folder, "times.json")
)
