"""``result.report``: a page from a result, with the counts it holds, is given, or does without."""

from __future__ import annotations

from pathlib import Path

import pytest

from countglm import DEResult, GroupedResult, InputError
from countglm._replaced import with_counts, with_counts_of_group
from tests.support.analyses import analysis, study
from tests.support.pages import Page
from tests.support.screens import cells

pytestmark = pytest.mark.compiled

LEFT_OUT = "The counts were not at hand"


def text_of(path: Path) -> str:
    page = Page(path.read_text())
    assert page.open == []
    return page.words()


def test_a_result_has_a_page_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    analysis().report(path)
    words = text_of(path)
    assert words.count("Differential expression: group b vs a") >= 1
    assert LEFT_OUT not in words
    with pytest.raises(InputError, match="exists already"):
        analysis().report(path)
    analysis().report(path, title="My genes", force=True)
    assert "My genes" in text_of(path)


def test_a_loaded_result_takes_the_counts(tmp_path: Path) -> None:
    analysis().save(tmp_path / "result.h5")
    loaded = DEResult.load(tmp_path / "result.h5")
    path = tmp_path / "report.html"
    loaded.report(path)
    assert LEFT_OUT in text_of(path)
    loaded.report(path, counts=study(), force=True)
    assert LEFT_OUT not in text_of(path)
    other = study()
    other.X[0, 0] += 1
    with pytest.raises(InputError, match="are not the counts of this fit"):
        loaded.report(path, counts=other, force=True)
    assert loaded.fit.counts is None


def test_results_of_one_fit_go_on_sharing_it() -> None:
    result = analysis()
    assert with_counts({"a": result}, None)["a"] is result
    found = with_counts({"a": result, "b": result}, study())
    assert found["a"].fit is found["b"].fit is not result.fit
    assert found["a"].dispersion is result.dispersion


@pytest.fixture(scope="module")
def grouped() -> GroupedResult:
    from countglm import differential_expression

    return differential_expression(
        cells(), "~ condition", ["condition", "stim", "ctrl"], by="kind", replicates=False,
        size_factors="library", threads=1,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::countglm.CountglmWarning")
def test_groups_have_an_index_and_pages(grouped: GroupedResult, tmp_path: Path) -> None:
    grouped.save(tmp_path / "groups.h5")
    loaded = GroupedResult.load(tmp_path / "groups.h5")
    for counts, left_out in ((None, True), (cells(), False)):
        paths = loaded.report(tmp_path / "report.html", counts=counts, force=True)
        assert [path.name for path in paths] == ["report.html", "report_NK.html", "report_T.html"]
        assert [LEFT_OUT in text_of(path) for path in paths[1:]] == [left_out, left_out]


@pytest.mark.filterwarnings("ignore::countglm.CountglmWarning")
def test_counts_of_groups_are_found_by_sample_names(grouped: GroupedResult) -> None:
    results = {"": next(iter(grouped.values()))}
    assert with_counts_of_group(results, None) is results
    few = cells()[:50]
    with pytest.raises(InputError, match="of the 150 samples of a group"):
        with_counts_of_group(results, few)
    with pytest.raises(InputError, match="by the names of its samples"):
        with_counts_of_group(results, cells().X)
