# COUNTGLM_REQUIRE_PYTHON turns a missing Python into a failure: where it is set, nothing is left
# out.
skip_without_python <- function() {
  found <- countglm_available()
  if (!found && nzchar(Sys.getenv("COUNTGLM_REQUIRE_PYTHON"))) {
    stop(attr(found, "reason"))
  }
  testthat::skip_if(!found, "no Python with countglm")
}

skip_without <- function(package) {
  if (nzchar(Sys.getenv("COUNTGLM_REQUIRE_PYTHON")) && !requireNamespace(package, quietly = TRUE)) {
    stop("the package ", package, " is required here")
  }
  testthat::skip_if_not_installed(package)
}

# Negative binomial counts of two conditions in two batches: a zero gene, an on/off gene.
study <- function(n_genes = 40, n_samples = 8, seed = 1) {
  set.seed(seed)
  samples <- data.frame(
    condition = factor(rep(c("untrt", "trt"), n_samples / 2), c("untrt", "trt")),
    batch = factor(rep(c("x", "y"), each = n_samples / 2)),
    age = seq(20, 60, length.out = n_samples)^1.1,
    row.names = paste0("s", seq_len(n_samples))
  )
  mean <- outer(2^stats::runif(n_genes, 3, 9), stats::runif(n_samples, 0.7, 1.4))
  counts <- matrix(stats::rnbinom(length(mean), mu = mean, size = 5), n_genes)
  counts[2, ] <- 0
  counts[3, samples$condition == "untrt"] <- 0
  storage.mode(counts) <- "integer"
  dimnames(counts) <- list(paste0("gene", seq_len(n_genes)), rownames(samples))
  list(counts = counts, samples = samples)
}

# The bits of numbers, so that "identical" means every one of them.
hex <- function(x) {
  paste(as.character(writeBin(as.vector(unname(x)), raw(), endian = "big")), collapse = "")
}

caught <- function(expression) {
  tryCatch(expression, condition = identity)
}

# Runs code while a function of a package is another one.
with_function <- function(package, name, replacement, code) {
  place <- asNamespace(package)
  original <- get(name, place)
  set <- function(value) {
    unlock <- get("unlockBinding", baseenv())
    unlock(name, place)
    assign(name, value, place)
    lockBinding(name, place)
  }
  set(replacement)
  on.exit(set(original))
  force(code)
}

# What a fresh R says where the environment is `env`; R's own libraries stay.
child_r <- function(code, env) {
  env <- c(env, paste0("R_LIBS=", paste(.libPaths(), collapse = .Platform$path.sep)))
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  on.exit(unlink(script))
  suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = TRUE,
    env = env
  ))
}
