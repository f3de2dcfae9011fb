# Counts go to a Python of their own as bytes, results come back as bytes: every bit is compared.
skip_without_python()

s <- study(n_genes = 300, n_samples = 10)
DESIGN <- ~ batch + condition
CONTRAST <- c("condition", "trt", "untrt")

script <- '
import sys
from pathlib import Path
import numpy as np
import pandas as pd
import countglm

folder = Path(sys.argv[1])
counts = np.fromfile(folder / "counts", dtype="<i4").reshape(10, 300)
obs = pd.read_csv(folder / "samples.csv", index_col=0)
obs["condition"] = pd.Categorical(obs["condition"], ["untrt", "trt"])
contrast = ["condition", "trt", "untrt"]


def de(**options):
    return countglm.differential_expression(
        counts, "~ batch + condition", contrast, obs=obs, **options
    )


plain = de()
results = {
    "exact": plain,
    "replay": de(mode="replay"),
    "threshold": de(lfc_threshold=0.5, alternative="lessAbs", use_t=True),
    "ratio": de(test="lrt", reduced="~ batch"),
    "intervals": de(interval="profile", weights=np.linspace(0.5, 1.4, 10)),
    "again": plain.test(["batch", "y", "x"], alpha=0.05),
    "apeglm": plain.shrink(method="apeglm"),
    "ash": plain.shrink(method="ash", svalue=True),
    "normal": plain.shrink(method="normal"),
}
for name, result in results.items():
    for column in result.table.select_dtypes("number"):
        result.table[column].to_numpy("<f8").tofile(folder / f"{name}.{column}")
countglm.vst(counts).tofile(folder / "vst")
countglm.rlog(counts, fit_type="mean").tofile(folder / "rlog")
'

folder <- tempfile("bits")
dir.create(folder)
writeBin(as.vector(s$counts), file.path(folder, "counts"), endian = "little")
utils::write.csv(s$samples, file.path(folder, "samples.csv"))
writeLines(script, file.path(folder, "script.py"))
said <- suppressWarnings(system2(
  reticulate::py_config()$python, c(file.path(folder, "script.py"), folder),
  stdout = TRUE, stderr = TRUE
))

bytes <- function(name, n) {
  values <- readBin(file.path(folder, name), "double", n, endian = "little")
  values[is.nan(values)] <- NA_real_
  values
}

expect_same_table <- function(res, name) {
  table <- as.data.frame(res)
  columns <- names(table)[vapply(table, is.numeric, logical(1))]
  expect_setequal(sub(".*\\.", "", list.files(folder, paste0("^", name, "\\."))), columns)
  for (column in columns) {
    expect_identical(hex(table[[column]]), hex(bytes(paste(name, column, sep = "."), nrow(table))))
  }
}

de <- function(counts = s$counts, ...) {
  differential_expression(counts, DESIGN, CONTRAST, s$samples, ...)
}

test_that("Python did its part", {
  expect_null(attr(said, "status"), info = paste(said, collapse = "\n"))
})

test_that("tables have the bits of Python", {
  expect_same_table(de(), "exact")
  expect_same_table(de(mode = "replay"), "replay")
  expect_same_table(de(lfc_threshold = 0.5, alternative = "lessAbs", use_t = TRUE), "threshold")
  expect_same_table(de(test = "lrt", reduced = ~ batch), "ratio")
  expect_same_table(de(interval = "profile", weights = seq(0.5, 1.4, length.out = 10)), "intervals")
})

test_that("tests and shrinkage of a result have the bits of Python", {
  res <- de()
  expect_same_table(test_contrast(res, c("batch", "y", "x"), alpha = 0.05), "again")
  expect_same_table(lfc_shrink(res), "apeglm")
  expect_same_table(lfc_shrink(res, type = "ashr", svalue = TRUE), "ash")
  expect_same_table(lfc_shrink(res, type = "normal"), "normal")
})

test_that("transformations have the bits of Python", {
  expect_identical(hex(vst(s$counts)), hex(bytes("vst", 3000)))
  expect_identical(hex(rlog(s$counts, fit_type = "mean")), hex(bytes("rlog", 3000)))
})

test_that("every container gives these bits", {
  expect_same_table(de(s$counts + 0), "exact")
  expect_same_table(de(methods::as(s$counts + 0, "dgCMatrix")), "exact")
  skip_without("DESeq2")
  skip_without("SingleCellExperiment")
  columns <- S4Vectors::DataFrame(s$samples)
  se <- SummarizedExperiment::SummarizedExperiment(list(counts = s$counts), colData = columns)
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = methods::as(s$counts + 0, "dgCMatrix")), colData = columns
  )
  expect_same_table(differential_expression(se, DESIGN, CONTRAST), "exact")
  expect_same_table(differential_expression(sce, DESIGN, CONTRAST), "exact")
  dds <- DESeq2::DESeqDataSetFromMatrix(s$counts, s$samples, DESIGN)
  expect_same_table(differential_expression(dds), "exact")
  expect_same_table(differential_expression(dds, contrast = "condition_trt_vs_untrt"), "exact")
})
