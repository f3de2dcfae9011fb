"""The filter by expression keeps the genes that edgeR's filterByExpr keeps, gene for gene."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import datasets, estimate_size_factors
from countglm.expression_filter import filter_by_expression
from tests.support.r import run_r

FACTORS = {"airway": ("cell", "dex"), "pasilla": ("type", "condition")}

R_CODE = """
suppressPackageStartupMessages(library(edgeR))
y <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
obs <- read.csv("obs.csv", row.names = 1)
design <- model.matrix(~ obs[[1]] + obs[[2]])
effective <- calcNormFactors(DGEList(y))
many <- y[, rep(seq_len(ncol(y)), 5)]
kept <- data.frame(
  none = suppressMessages(filterByExpr(y)),
  group = filterByExpr(y, group = obs[[2]]),
  design = filterByExpr(y, design = design),
  covariate = filterByExpr(y, design = cbind(obs$x)),
  effective = filterByExpr(effective, design = design),
  options = filterByExpr(y, group = obs[[2]], min.count = 3, min.total.count = 30, large.n = 2,
                         min.prop = 0.5),
  large = filterByExpr(many, group = rep(obs[[2]], 5)),
  large_design = filterByExpr(many, design = design[rep(seq_len(ncol(y)), 5), ]))
write.csv(kept, "kept.csv")
"""


@pytest.mark.r
@pytest.mark.parametrize("name", FACTORS)
def test_live_r(name, tmp_path):
    adata = getattr(datasets, name)()
    counts, factors = adata.to_df(), list(FACTORS[name])
    obs = adata.obs[factors].astype(str)
    obs["x"] = np.random.default_rng(1).normal(size=len(obs))
    theirs = run_r(R_CODE, tmp_path, counts=counts.T, obs=obs)["kept"]
    formula = "~ " + " + ".join(factors)
    group = obs[factors[1]]
    total = counts.sum(axis=1).to_numpy(dtype=float)
    effective = estimate_size_factors(counts, "tmm")
    effective *= np.exp(np.log(total).mean())
    many = pd.concat([counts] * 5).reset_index(drop=True)
    rows = np.tile(group, 5)
    many_obs = pd.concat([obs] * 5).reset_index(drop=True)
    changed = {"min_count": 3, "min_total_count": 30, "large_n": 2, "min_prop": 0.5}
    ours = {
        "none": filter_by_expression(counts),
        "group": filter_by_expression(counts, group=group),
        "design": filter_by_expression(counts, formula, obs=obs),
        "covariate": filter_by_expression(counts, obs[["x"]]),
        "effective": filter_by_expression(counts, formula, obs=obs, lib_size=effective),
        "options": filter_by_expression(counts, group=group, **changed),
        "large": filter_by_expression(many, group=rows),
        "large_design": filter_by_expression(many, formula, obs=many_obs),
    }
    y = counts.to_numpy()
    # P020 of docs/parity.md: a count on the bound, where R divides and rounds.
    on_bound = ((y == 10) & (effective == np.median(effective))[:, None]).any(axis=0)
    for option, kept in ours.items():
        differing = theirs[option].to_numpy() != kept
        assert not differing[~on_bound].any(), option
        assert kept[differing].all(), option
        assert option == "effective" or not differing.any(), option


@pytest.mark.data
@pytest.mark.parametrize("name", [*FACTORS, "fission", "gse96870_cerebellum", "yeast48"])
def test_frozen_results(name, data_dir, golden_dir):
    counts = pd.read_csv(data_dir / name / "counts.csv.gz", index_col=0).T
    design = pd.read_csv(golden_dir / name / "design.csv.gz", index_col=0)
    golden = pd.read_csv(golden_dir / name / "edger_ql4.csv.gz", index_col=0)["filterByExpr"]
    kept = pd.Series(filter_by_expression(counts, design), index=counts.columns)
    assert list(golden.index[golden != kept[golden.index]]) == []
