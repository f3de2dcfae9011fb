"""DESeq2 run now, on any study, with everything it computes in 17 digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tests.support.r import run_r

_R = """
suppressPackageStartupMessages(library(DESeq2))
write <- function(table, what) {
  table <- as.data.frame(table)
  table[] <- lapply(table, function(v) ifelse(is.na(v), NA, sprintf("%.17g", as.numeric(v))))
  write.csv(table, paste0(what, ".csv"))
}
counts <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
samples <- read.csv("samples.csv", row.names = 1, colClasses = "character")
for (factor in names(samples)) samples[[factor]] <- base::factor(samples[[factor]])
samples[[@FACTOR@]] <- relevel(samples[[@FACTOR@]], @REFERENCE@)
dds <- DESeqDataSetFromMatrix(counts, samples, @FORMULA@)
contrast <- c(@FACTOR@, @TESTED@, @REFERENCE@)
if (@LRT@) {
  dds <- DESeq(dds, test = "LRT", reduced = @REDUCED@, quiet = TRUE)
  write(results(dds), "test")
} else {
  dds <- DESeq(dds, quiet = TRUE)
  write(results(dds, contrast = contrast), "test")
  write(results(dds, contrast = contrast, altHypothesis = "greater"), "greater")
  write(results(dds, contrast = contrast, lfcThreshold = 1), "threshold")
}
stages <- as.data.frame(mcols(dds))
stages <- stages[, intersect(names(stages), c("baseMean", "baseVar", "dispGeneEst", "dispFit",
  "dispMAP", "dispersion", "dispOutlier", "maxCooks", "replace", "betaConv", "fullBetaConv"))]
names(stages)[names(stages) == "fullBetaConv"] <- "betaConv"
write(stages, "stages")
write(data.frame(size = sizeFactors(dds)), "size_factors")
trend <- dispersionFunction(dds)
write(data.frame(value = c(attr(trend, "coefficients"), attr(trend, "dispPriorVar"),
  attr(trend, "varLogDispEsts"))), "trend")
"""


def run_deseq2(study: Any, counts: pd.DataFrame, folder: Path, *, lrt: bool = False) -> Any:
    """Return R's tables by name: test, greater, threshold, stages, size_factors, trend.

    ``counts`` (samples x genes) are those of the study or some of its genes; ``trend`` holds its
    coefficients, the prior variance and the residual variance.
    """
    factor, tested, reference = study.contrast
    variables = [name for name in study.obs if name in study.formula]
    words = {
        "FACTOR": f'"{factor}"', "REFERENCE": f'"{reference}"', "TESTED": f'"{tested}"',
        "FORMULA": study.formula, "REDUCED": study.reduced, "LRT": "TRUE" if lrt else "FALSE",
    }  # fmt: skip
    code = _R
    for name, value in words.items():
        code = code.replace(f"@{name}@", value)
    return run_r(code, folder, counts=counts.T, samples=study.obs[variables].astype(str))
