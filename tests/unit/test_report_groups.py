"""Pages of groups: an index that leads to all, no network, bounded numbers, any text escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from countglm import GroupedResult, InputError
from countglm.report import group_figures, groups, write_groups_report
from tests.support.analyses import analysis
from tests.support.pages import Page

pytestmark = pytest.mark.compiled


def result(seed: int):
    """An analysis whose genes have the adjusted p-values of others."""
    table = analysis().table.copy()
    table["padj"] = np.random.default_rng(seed).permutation(table["padj"].to_numpy())
    return replace(analysis(), table=table)


def grouped(names=("B cells", "T cells"), **fields) -> GroupedResult:
    results = {name: result(place) for place, name in enumerate(names)}
    return GroupedResult(
        results=results, by=("cell_type",), n_samples=dict.fromkeys(names, 12), **fields
    )


def test_an_index_with_a_page_for_each(tmp_path: Path) -> None:
    found = grouped(failed={"NK": "one level"}, messages={"B cells": ("a trend fell back",)})
    paths = write_groups_report(found, tmp_path / "report.html", title="Blood")
    assert [path.name for path in paths] == [
        "report.html", "report_B_cells.html", "report_T_cells.html",
    ]  # fmt: skip
    index = Page(paths[0].read_text())
    assert index.open == []
    links = [href for href in index.links() if not href.startswith("#")]
    assert links == ["report_B_cells.html", "report_T_cells.html"]
    assert [each for each in index.foreign() if each not in links] == []
    assert len(index.figures()) == 2
    assert "one level" in index.words()
    assert "a trend fell back" in index.words()
    for path, name in zip(paths[1:], found, strict=True):
        page = Page(path.read_text())
        assert page.open == []
        assert f"Blood: {name}" in page.words()
        assert page.foreign() == ["report.html"]


def test_the_index_tells_what_all_groups_have_in_common(tmp_path: Path) -> None:
    found = grouped()
    for place, name in enumerate(found):
        options = {"alpha": 0.1, "cooks_cutoff": 3.0 + place, "seconds": {"fit": place, "all": 1}}
        record = {"versions": {"countglm": "1"}, "options": options}
        found.results[name] = replace(found.results[name], provenance=record)
    path = write_groups_report(found, tmp_path / "report.html")[0]
    words = Page(path.read_text()).words()
    assert "alpha" in words
    assert "cooks_cutoff" not in words


def test_a_dot_can_be_seen_on_every_cell() -> None:
    assert group_figures.dot_colour(-1.9, 2.0) == group_figures.dot_colour(2.0, 2.0) == "white"
    assert group_figures.dot_colour(0.5, 2.0) == group_figures.dot_colour(0.0, 2.0) != "white"


def test_several_contrasts_share_the_pages(tmp_path: Path) -> None:
    both = {"low": grouped(), "high": grouped(("T cells", "NK"))}
    paths = write_groups_report(both, tmp_path / "report.html")
    assert len(paths) == 4
    headings = re.findall(r"<h2>(.*?)</h2>", paths[0].read_text())
    assert [heading.split(":")[0] for heading in headings[:2]] == ["low", "high"]
    text = (tmp_path / "report_T_cells.html").read_text()
    assert len(re.findall("<h2>Results: ", text)) == 2


def test_a_caution_stands_on_every_page(tmp_path: Path) -> None:
    paths = write_groups_report(grouped(caution="Cells are no replicates."), tmp_path / "r.html")
    caution = '<div class="caution"><p>Cells are no replicates.</p></div>'
    assert all(caution in path.read_text() for path in paths)


def test_names_are_escaped_and_told_apart_on_every_disk(tmp_path: Path) -> None:
    names = ("<b>&", "a/b", "a b", "A b", ("x", 1))
    paths = write_groups_report(grouped(names), tmp_path / "report.html")
    assert len({path.name.lower() for path in paths}) == 6
    text = paths[0].read_text()
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "x, 1" in text


def test_groups_without_end_have_an_index_of_all_and_pages_of_the_richest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST_PAGES", 2)
    found = grouped([f"t{i}" for i in range(5)])
    paths = write_groups_report(found, tmp_path / "report.html")
    assert len(paths) == 3
    text = paths[0].read_text()
    assert "The 2 groups with most genes have a page." in text
    assert text.count("<tr><td>") >= 5
    genes = {name: int((result.table["padj"] < 0.1).sum()) for name, result in found.items()}
    richest = sorted(genes.values())[-2:]
    pages = [path.stem.removeprefix("report_") for path in paths[1:]]
    assert sorted(genes[name] for name in pages) == richest


def test_many_groups_are_sorted_and_drawn_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_GROUPS_DRAWN", 2)
    found = grouped([f"t{i}" for i in range(4)])
    for place, each in enumerate(found.values()):
        each.table["padj"] = 1.0
        each.table.iloc[:place, each.table.columns.get_loc("padj")] = 0.001
    text = write_groups_report(found, tmp_path / "report.html")[0].read_text()
    assert text.index("<figure>") < text.index(">t3</a>") < text.index(">t0</a>")
    assert "The first 2 groups." in text
    page = Page(text)
    alternatives = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert "t3" in alternatives[0]
    assert "t1" not in alternatives[0]


def test_genes_that_respond_in_most_groups_come_first(tmp_path: Path) -> None:
    found = grouped()
    for result in found.values():
        result.table["padj"] = 1.0
        result.table.iloc[[7, 3], result.table.columns.get_loc("padj")] = [0.01, 0.001]
    result.table.iloc[9, result.table.columns.get_loc("padj")] = 1e-9
    result.table.iloc[3, result.table.columns.get_loc("log2FoldChange")] = np.inf
    page = Page(write_groups_report(found, tmp_path / "report.html")[0].read_text())
    alternatives = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    index = found["B cells"].table.index
    assert f": {index[3]}, {index[7]}, {index[9]}." in alternatives[1]


def test_existing_pages_are_kept(tmp_path: Path) -> None:
    (tmp_path / "report_T_cells.html").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_groups_report(grouped(), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    write_groups_report(grouped(), tmp_path / "report.html", force=True)
    assert (tmp_path / "report_T_cells.html").read_text() != "mine"


def test_pages_hold_all_their_genes_unless_they_were_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, present in ((2 * 90, True), (2 * 90 - 1, False)):
        monkeypatch.setattr(groups, "MOST_ROWS", most)
        paths = write_groups_report(grouped(), tmp_path / "report.html", force=True)
        assert ["explorer-data" in path.read_text() for path in paths] == [False, present, present]


def test_pages_of_many_groups_have_the_main_figures_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "FULL_PAGES", 1)
    first = write_groups_report(grouped(), tmp_path / "report.html")[1]
    brief = len(Page(first.read_text()).figures())
    monkeypatch.setattr(groups, "FULL_PAGES", 2)
    first = write_groups_report(grouped(), tmp_path / "report.html", force=True)[1]
    assert brief == 7
    assert len(Page(first.read_text()).figures()) == 16
