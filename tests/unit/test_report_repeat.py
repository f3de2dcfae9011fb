"""The Python and the command of a page give the page's numbers, whatever the analysis was asked."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import DEResult, plots
from countglm.report.about import About
from countglm.report.methods import methods_text
from countglm.report.repeat import python_call
from countglm.report.repeat_choices import flags_dropped
from countglm.report.repeat_shell import keeps_order, shell_words
from tests.support.analyses import CONTRAST, N_GENES, N_SAMPLES, SPIKED, analysis, study

pytestmark = pytest.mark.compiled
DESIGN = "~ batch + group"


def run(results: dict[str, DEResult], **given: Any) -> dict[str, DEResult]:
    """What the page's Python makes of the study and of what the page does not hold."""
    names = {"counts": study(), "samples": study().obs, **given}
    exec(python_call(results), names)
    return names["results"] if "results" in names else {"": names["result"]}


def same(found: DEResult, expected: DEResult) -> None:
    pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)


def methods(results: dict[str, DEResult], about: About | None = None) -> str:
    return " ".join(methods_text(results, about or About())[0])


# Options that change numbers


@pytest.mark.parametrize(
    "choices",
    [
        {"solver": "newton"},
        {"max_iter": 2},
        {"zeros": "visit"},
        {"min_replicates_for_replacement": np.inf},
    ],
)
def test_every_option_that_changes_bits_is_in_the_call(choices: dict[str, Any]) -> None:
    result = countglm.differential_expression(study(), DESIGN, CONTRAST, threads=1, **choices)
    assert f"{next(iter(choices))}=" in python_call({"": result})
    same(run({"": result})[""], result)


def test_arrays_behind_the_size_factors_are_named() -> None:
    control = np.arange(10, 40)
    result = countglm.differential_expression(
        study(), DESIGN, CONTRAST, control_genes=control, threads=1
    )
    text = python_call({"": result})
    assert "# control_genes: as given to the analysis; this page does not hold them" in text
    same(run({"": result}, control_genes=control)[""], result)
    assert shell_words({"": result}) == []
    assert "over control genes that were given" in methods({"": result})

    means = np.asarray(study().X).mean(axis=0) + 1.0
    result = countglm.differential_expression(study(), DESIGN, CONTRAST, geo_means=means, threads=1)
    same(run({"": result}, geo_means=means)[""], result)
    assert "geometric means over samples (given ones)" in methods({"": result})


def test_a_cutoff_beside_weights_is_in_the_call() -> None:
    weights = np.random.default_rng(0).uniform(0.5, 1.0, (N_SAMPLES, N_GENES))
    asked: dict[str, Any] = {"weights": weights, "threads": 1}
    usual = countglm.differential_expression(study(), DESIGN, CONTRAST, **asked)
    assert "cooks_cutoff" not in python_call({"": usual})
    lower = countglm.differential_expression(study(), DESIGN, CONTRAST, cooks_cutoff=0.8, **asked)
    same(run({"": lower}, weights=weights)[""], lower)
    # The mean is a weighted one, and the axis says so.
    assert plots.ma(usual).get_xlabel().startswith("weighted mean")
    assert plots.ma(analysis()).get_xlabel().startswith("mean")


def test_an_offset_is_told_in_the_methods() -> None:
    offset = np.linspace(-0.2, 0.2, N_SAMPLES)[:, None] + np.zeros(N_GENES)
    result = countglm.differential_expression(study(), DESIGN, CONTRAST, offset=offset, threads=1)
    assert "An offset that was given" in methods({"": result})
    same(run({"": result}, offset=offset)[""], result)


# Outliers that were replaced before their flags were dropped


def test_flags_that_were_dropped_after_a_replacement_are_dropped_again() -> None:
    result = analysis()
    assert result.outliers.refitted[SPIKED]
    kept = result.test(CONTRAST, cooks_cutoff=False)
    assert flags_dropped(kept)
    assert "result.test(['group', 'b', 'a'], cooks_cutoff=False)" in python_call({"": kept})
    same(run({"": kept})[""], kept)
    text = methods({"": kept})
    assert "were replaced by the trimmed mean" in text
    assert "no gene lost its p-value for such a count" in text
    assert shell_words({"": kept}) == []
    both = run({"a": kept, "b": replace(kept, label="again")})
    same(both["a"], kept)


# Several calls, groups


def test_results_of_several_designs_have_a_call_and_words_each() -> None:
    plain = countglm.differential_expression(study(), "~ group", CONTRAST, threads=1)
    results = {"alone": plain, "within": analysis(), "sure": analysis().test(CONTRAST, alpha=0.01)}
    found = run(results)
    assert list(found) == list(results)
    for name, result in results.items():
        same(found[name], result)
    text = methods(results)
    assert "For alone (group, b against a): Counts of every gene" in text
    assert "the design ~ group, in" in text
    assert "the design ~ batch + group, in" in text
    assert shell_words(results) == []


def test_the_page_of_a_group_asks_for_the_group() -> None:
    grouped = countglm.differential_expression(study(), "~ group", CONTRAST, by="batch", threads=1)
    result = grouped["y"]
    same(run({"": result})[""], result)
    assert "in 7 samples with batch = y." in methods({"": result})
    words = shell_words({"": result})
    assert words[words.index("--by") + 1] == "batch"

    labels = np.resize(["p", "q", "q"], N_SAMPLES)
    result = countglm.differential_expression(study(), "~ group", CONTRAST, by=labels, threads=1)[
        "q"
    ]
    same(run({"": result}, by=labels)[""], result)
    assert "# by: as given to the analysis" in python_call({"": result})
    assert shell_words({"": result}) == []


def test_the_page_of_a_group_against_a_control_tells_of_it() -> None:
    data = study()
    data.obs["guide"] = np.resize(["none", "kd", "none", "oe"], N_SAMPLES)
    grouped = countglm.differential_expression(
        data, "~ guide", by="guide", control="none", threads=1
    )
    result = grouped["oe"]
    same(run({"": result}, counts=data, samples=data.obs)[""], result)
    assert "samples with guide = oe or none (the control)" in methods({"": result})
    words = shell_words({"": result})
    assert words[words.index("--control") + 1] == "none"
    assert "--reference" not in words


# What the command line did before the fit


def command(folder: Path, *words: str) -> tuple[str, DEResult]:
    """Run de in ``folder``; return the page's Python and the stored result."""
    told = subprocess.run(
        [sys.executable, "-m", "countglm", "de", *words, "-o", "out", "--force"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    block = re.search(r"<h3>In Python</h3>\s*<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert block is not None
    (stored,) = (folder / "out").glob("result_*.h5")
    return html.unescape(block[1]), DEResult.load(stored)


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--layer", "raw", "--allow-noninteger"], ["layer='raw'", "allow_noninteger=True"]),
        (["--layer", "raw", "--min-count", "300", "--allow-noninteger"], ["min_total_count=300.0"]),
        (
            ["--filter-by-expression", "--size-factors", "factors.csv"],
            ["filter_by_expression(counts, '~ group', obs=samples)", "read_samples('factors.csv')"],
        ),
    ],
)
def test_the_python_of_a_run_reads_what_the_run_read(
    options: list[str], lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = study()
    data.var = data.var[[]]
    data.layers["raw"] = np.asarray(data.X) * 2.0 + 0.5
    data.write_h5ad(tmp_path / "study.h5ad")
    factors = pd.Series(np.linspace(0.5, 1.5, N_SAMPLES), index=data.obs_names, name="factor")
    factors.iloc[::-1].to_csv(tmp_path / "factors.csv", index_label="sample")
    text, expected = command(tmp_path, "study.h5ad", "--design", "~ group", *options)
    for line in lines:
        assert line in text
    names: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    exec(text, names)
    same(names["result"], expected)


# Levels that a table of text does not bring back


def test_no_command_where_a_table_of_text_reads_levels_as_something_else() -> None:
    def of(levels: list[str]) -> DEResult:
        data = study()
        data.obs["batch"] = np.resize(levels, N_SAMPLES)
        result: DEResult = countglm.differential_expression(data, DESIGN, CONTRAST, threads=1)
        return result

    assert shell_words({"": of(["1", "2"])}) == []
    assert shell_words({"": of(["hi,a", "lo"])}) == []
    assert shell_words({"": of(["one", "two"])})


def test_the_order_of_levels_that_a_command_loses_is_known() -> None:
    data = study()
    batch = np.resize(["x", "y", "z"], N_SAMPLES)
    data.obs["batch"] = pd.Categorical(batch, categories=["y", "z", "x"])
    other = countglm.differential_expression(data, DESIGN, CONTRAST, threads=1)
    assert not keeps_order(other)
    assert keeps_order(analysis())
    page = countglm.report.repeat.repeat_section({"": other})
    assert "to the same effect, to rounding" in page
