"""One verb writes the page of whatever the analysis returned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import countglm

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(3)
    obs = pd.DataFrame({"group": [*"aaabbbccc"], "part": [*"xyx" * 3]}, index=[*"rstuvwxyz"])
    counts = rng.negative_binomial(5, 5 / (5 + rng.uniform(5, 200, 60)), (9, 60))
    return pd.DataFrame(counts, index=obs.index, columns=[f"g{j}" for j in range(60)]), obs


def test_pages_of_results_contrasts_and_fits(
    study: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    counts, obs = study
    several = countglm.differential_expression(
        counts, "~ group", {"b": ["group", "b", "a"], "c": ["group", "c", "a"]}, obs=obs
    )
    fit = countglm.fit_glm(counts, "~ group", obs=obs)
    for name, what, words in (
        ("one", several["b"], "group b vs a"),
        ("two", several, "Differential expression: b, c"),
        ("fit", fit, "How the genes ended"),
    ):
        (path,) = countglm.write_report(what, tmp_path / f"{name}.html")
        assert words in path.read_text()
    assert "group c vs a" in (tmp_path / "two.html").read_text()
    assert "group c vs a" not in (tmp_path / "one.html").read_text()


def test_pages_of_groups(study: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    counts, obs = study
    grouped = countglm.differential_expression(
        counts, "~ group", ["group", "b", "a"], obs=obs[["group"]],
        by=["all"] * 9, replicates=False,
    )  # fmt: skip
    paths = countglm.write_report(grouped, tmp_path / "groups.html")
    assert [path.name for path in paths] == ["groups.html", "groups_all.html"]
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("other", [None, {}, {"a": 1}, [1, 2]], ids=str)
def test_anything_else_is_refused_in_a_sentence(other: object, tmp_path: Path) -> None:
    with pytest.raises(countglm.InputError, match="A report is of a DEResult"):
        countglm.write_report(other, tmp_path / "x.html")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_exists_is_kept(
    study: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    counts, obs = study
    fit = countglm.fit_glm(counts, "~ group", obs=obs)
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(countglm.InputError, match="exists"):
        countglm.write_report(fit, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "mine"
