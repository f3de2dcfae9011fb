"""How many genes had zeros told by a rule stands where a fit or a result is described."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.report import render_report

pytestmark = pytest.mark.compiled
CELLS, GENES = 600, 40


def cells() -> ad.AnnData:
    rng = np.random.default_rng(3)
    group = np.where(np.arange(CELLS) % 2, "b", "a")
    mean = np.exp(rng.normal(-2.0, 0.5, GENES))
    mean[:5] = 40.0
    counts = rng.negative_binomial(2.0, 2.0 / (2.0 + mean), (CELLS, GENES))
    counts[counts.sum(axis=1) == 0, 0] = 1
    obs = pd.DataFrame({"group": group}, index=[f"c{i}" for i in range(CELLS)])
    return ad.AnnData(counts.astype(np.float32), obs=obs)


def test_a_fit_and_a_result_tell_it() -> None:
    data = cells()
    for zeros in ("auto", "visit"):
        result = countglm.differential_expression(
            data, "~ group", ["group", "b", "a"], size_factors="library", zeros=zeros
        )
        count = int(result.fit.zeros_by_rule.sum())
        assert (0 < count < GENES) == (zeros == "auto")
        line = f"{count} of 40 genes: zeros told by a rule"
        for text in (str(result.summary()), repr(result.fit), render_report(result.fit)):
            assert (line in text) == (zeros == "auto")
            assert ("told by a rule" in text) == (zeros == "auto")
        assert result.summary().facts["n_zeros_by_rule"] == count


def test_the_summary_of_a_command_counts_them(tmp_path: Path) -> None:
    cells().write_h5ad(tmp_path / "cells.h5ad")
    for command in ("fit", "de"):
        arguments = [
            command, str(tmp_path / "cells.h5ad"), "--design", "~ group", "--size-factors",
            "library", "-o", str(tmp_path / command), "--no-report",
        ]  # fmt: skip
        assert run_command(app, arguments) == 0
        facts = json.loads((tmp_path / command / "summary.json").read_text())
        assert facts["n_zeros_by_rule"] > 0
        said = f"{facts['n_zeros_by_rule']} of 40 genes: zeros told by a rule"
        assert said in (tmp_path / command / "summary.txt").read_text()
