# What a call from R costs: benchmarks/crossing_worker.py makes the same measurement in Python.
# usage: Rscript crossing.R FOLDER LIBRARY REPEATS THREADS

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
repeats <- as.integer(arguments[3])
threads <- as.integer(arguments[4])
suppressMessages(library(Matrix))
library(countglm, lib.loc = arguments[2])

values <- function(name, type, n) readBin(file.path(folder, name), type, n)

size <- scan(file.path(folder, "size.txt"), quiet = TRUE)
samples <- size[1]
genes <- size[2]
entries <- size[3]
design <- matrix(values("design", "double", samples * size[4]), samples)
dispersion <- if (size[5] > 0) values("dispersion", "double", genes)
names <- list(paste0("gene", seq_len(genes)), paste0("sample", seq_len(samples)))
counts <- if (entries > 0) {
  methods::new("dgCMatrix",
    p = values("p", "integer", samples + 1), i = values("i", "integer", entries),
    x = values("x", "double", entries), Dim = as.integer(c(genes, samples)), Dimnames = names
  )
} else {
  matrix(values("counts", "integer", genes * samples), genes, samples, dimnames = names)
}
rownames(design) <- names[[2]]
colnames(design) <- paste0("b", seq_len(ncol(design)))

status <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024 / 1e6
}

run <- function(counts, dispersion, size_factors = "library") {
  fit_glm(counts, design,
    size_factors = size_factors, dispersion = dispersion, threads = threads
  )
}

# Imports and compiled kernels are a session's cost, not a call's.
few <- seq_len(50)
invisible(run(counts[few, ], if (!is.null(dispersion)) dispersion[few], "none"))
cpu <- wall <- memory <- c()
for (i in seq_len(repeats)) {
  fit <- NULL
  invisible(gc())
  # Linux forgets the peak so far.
  writeLines("5", "/proc/self/clear_refs")
  before <- status("VmRSS")
  start <- proc.time()
  fit <- run(counts, dispersion)
  spent <- proc.time() - start
  cpu <- c(cpu, spent[["user.self"]] + spent[["sys.self"]])
  wall <- c(wall, spent[["elapsed"]])
  memory <- c(memory, status("VmHWM") - before)
  if (i == 1) {
    # R collects what it no longer needs when its heap has grown to the trigger, not before.
    vectors <- gc()["Vcells", ]
    heap <- (vectors[["gc trigger"]] - vectors[["used"]]) * 8 / 1e6
  }
}
writeBin(as.vector(unname(fit$coefficients)), file.path(folder, "coefficients_r"))
# The first call finds no memory that an earlier one left to the process.
writeLines(
  sprintf(
    '{"cpu": %.6f, "wall": %.6f, "added_mb": %.3f, "heap_mb": %.3f}',
    min(cpu), min(wall), memory[1], heap
  ),
  file.path(folder, "r.json")
)
