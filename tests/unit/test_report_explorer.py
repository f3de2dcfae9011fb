"""What a page packs: columns that come back, in few bytes, whatever their names hold."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm.plots._points import ma_points
from countglm.report import explorer as explorer_module
from countglm.report.explorer import Explorer
from countglm.report.explorer_columns import (
    columns_of,
    directions,
    gene_order,
    note,
    notes_of,
    text_of,
    written,
)
from countglm.report.explorer_pack import NOWHERE, STEPS, Pack, shortened
from tests.support.analyses import ON_OFF, SPIKED, ZERO, analysis
from tests.support.pages import Page

pytestmark = pytest.mark.compiled

MINUS, INFINITY = "\N{MINUS SIGN}", "\N{INFINITY}"


def unpacked(segment: dict[str, Any]) -> Any:
    """Read a column as the page's script does."""
    content = np.frombuffer(zlib.decompress(base64.b64decode(segment["data"])), dtype=np.uint8)
    kind = segment["kind"]
    if kind == "text":
        return content.tobytes().decode().split("\n")
    width, first, dtype = {
        "number": (8, 4, "<f8"), "whole": (8, 0, "<f8"), "order": (4, 0, "<u4"),
        "category": (2, 0, "<u2"), "fraction": (2, 0, "<u2"),
    }[kind]  # fmt: skip
    planes = content.reshape(width - first, -1)
    table = np.zeros((planes.shape[1], width), dtype=np.uint8)
    table[:, first:] = planes.T
    return table.view(dtype).ravel()


def packed_data(page: str) -> dict[str, Any]:
    found = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_numbers_come_back_with_six_digits() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=3000) * 10.0 ** rng.uniform(-300, 300, 3000)
    pack = Pack()
    place = pack.numbers(values)
    back = unpacked(pack.segments[place])
    np.testing.assert_array_equal(back, shortened(values))
    # Twenty bits behind the point are left, and the last is rounded.
    np.testing.assert_allclose(back, values, rtol=2.0**-21)


def test_special_numbers_stay() -> None:
    values = np.array([0.0, -0.0, 1.0, 0.5, -2.0, np.inf, -np.inf, np.nan, 1e-320])
    back = shortened(values)
    np.testing.assert_array_equal(back[:-1], values[:-1])
    assert np.signbit(back[1])
    assert 0 <= back[-1] < 1e-313


def test_wholes_texts_categories_and_places_come_back() -> None:
    pack = Pack()
    wholes = np.array([1.0, 123_456_789.0, np.nan, 0.1])
    np.testing.assert_array_equal(unpacked(pack.segments[pack.wholes(wholes)]), wholes)
    assert unpacked(pack.segments[pack.texts(["a\nb", "ü", ""])]) == ["a b", "ü", ""]
    segment = pack.segments[pack.categories(["x", "", "x", "y"])]
    assert [segment["words"][code] for code in unpacked(segment)] == ["x", "", "x", "y"]
    order = np.array([70_000, 3, 0])
    np.testing.assert_array_equal(unpacked(pack.segments[pack.order(order)]), order)
    parts = unpacked(pack.segments[pack.fractions(np.array([0.0, 0.25, 1.0, np.nan, 1.2, -0.1]))])
    np.testing.assert_array_equal(parts, [0, round(STEPS / 4), STEPS, NOWHERE, NOWHERE, NOWHERE])


def test_equal_columns_stand_once() -> None:
    pack = Pack()
    values = np.arange(50.0)
    assert pack.numbers(values) == pack.numbers(values.copy())
    assert pack.wholes(values) != pack.numbers(values)
    assert pack.categories(["a", "b"]) != pack.categories(["a", "c"])
    assert pack.n_characters == sum(len(each["data"]) for each in pack.segments)


def test_sixty_thousand_tested_genes_take_less_than_three_megabytes() -> None:
    rng = np.random.default_rng(3)
    pack = Pack()
    for _ in range(7):
        pack.numbers(rng.lognormal(size=60_000) * rng.choice([-1, 1], 60_000))
    for _ in range(6):
        pack.fractions(rng.uniform(size=60_000))
    pack.texts([f"ENSG{i:011d}" for i in rng.permutation(250_000)[:60_000]])
    pack.order(rng.permutation(60_000))
    assert pack.n_characters < 3_000_000


def test_the_data_of_a_page_are_those_of_its_result() -> None:
    result = analysis()
    explorer = Explorer({"group": result})
    figure = explorer.figure("group", "ma", "an alternative", "a caption")
    data = packed_data(explorer.ending())
    (contrast,) = data["contrasts"]

    def column(place: int) -> Any:
        return unpacked(data["segments"][place])

    assert column(contrast["genes"]) == [str(gene) for gene in result.table.index]
    for name, place in contrast["numbers"].items():
        np.testing.assert_allclose(column(place), result.table[name], rtol=1e-6)
    np.testing.assert_array_equal(column(contrast["order"]), gene_order(result.table))
    assert contrast["shown"] == columns_of(result).shown
    assert 'class="points" data-contrast="0" data-points="ma"' in figure
    across, down = (column(place) for place in contrast["figures"]["ma"])
    rows = ma_points(result).rows
    assert np.flatnonzero(across != NOWHERE).tolist() == rows.tolist()
    # Further right: more counts. Further up: a larger fold change.
    mean, change = (result.table[name].to_numpy()[rows] for name in ("baseMean", "log2FoldChange"))
    assert np.corrcoef(across[rows], np.log(mean))[0, 1] > 0.999
    inside = np.abs(change) < np.abs(change[np.isfinite(change)]).max()
    assert np.corrcoef(down[rows][inside], change[inside])[0, 1] < -0.999


def test_annotation_that_names_a_gene_comes_first() -> None:
    result = analysis()
    columns = columns_of(result)
    assert columns.annotation == ["symbol", "biotype", "length", "gc"]
    described = packed_data(Explorer({"": result}).ending())["contrasts"][0]
    assert list(described["annotation"]) == columns.annotation


def test_notes_tell_what_is_special() -> None:
    table = analysis().table
    notes = notes_of(table)
    assert notes[ZERO] == "all zero"
    assert notes[ON_OFF] == "on/off"
    plain = [place for place, status in enumerate(table["status"]) if str(status) == "CONVERGED"]
    assert notes[plain[0]] in ("", "low mean", "outlier")
    assert note("BOUNDARY_DISPERSION", "low_mean", False) == "boundary dispersion, low mean"
    assert note("SEPARATED", "not_estimable", False) == "separated, not estimable"
    assert SPIKED not in np.flatnonzero([text == "all zero" for text in notes])


def test_directions_are_those_of_the_level() -> None:
    table = analysis().table
    found = directions(table, 0.1)
    change = table["log2FoldChange"].to_numpy()
    below = (table["padj"] < 0.1).to_numpy()
    np.testing.assert_array_equal(found == 1, below & (change > 0))
    np.testing.assert_array_equal(found == 2, below & (change < 0))


def test_genes_without_a_p_value_come_last_in_their_order() -> None:
    table = analysis().table
    order = gene_order(table)
    p = table["pvalue"].to_numpy()[order]
    known = int(np.isfinite(p).sum())
    assert (np.diff(p[:known]) >= 0).all()
    assert order[known:].tolist() == np.flatnonzero(table["pvalue"].isna()).tolist()
    assert sorted(order) == list(range(len(table)))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("baseMean", 43_909.35, "43909"), ("baseMean", 1234.56, "1234.6"),
        ("baseMean", 12.345, "12.35"), ("stat", 0.125, "0.13"), ("stat", -0.125, f"{MINUS}0.13"),
        ("log2FoldChange", -np.inf, f"{MINUS}{INFINITY}"), ("lfcSE", np.nan, "NA"),
        ("pvalue", 0.0, "< 1e-307"), ("padj", 0.034, "3.40e-02"),
    ],
)  # fmt: skip
def test_numbers_are_written_with_few_digits(name: str, value: float, text: str) -> None:
    assert written(name, value) == text


def test_annotation_is_written_as_it_is() -> None:
    columns = columns_of(analysis())
    assert text_of("length", np.float64(12_345_678.0), columns) == "12345678"
    assert text_of("symbol", None, columns) == ""
    assert text_of("symbol", float("nan"), columns) == ""


def test_names_cannot_end_the_script() -> None:
    result = analysis()
    table = result.table.rename(index={"g6": "</script><b>", "g7": "<!--"})
    hostile = replace(result, table=table, label="</script>")
    explorer = Explorer({"</script>": hostile})
    text = f"<main>{explorer.table('</script>')}{explorer.ending()}</main>"
    page = Page(text)
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("b") == 0
    data = packed_data(text)
    assert "</script><b>" in unpacked(data["segments"][data["contrasts"][0]["genes"]])


def test_contrasts_beyond_the_budget_show_their_first_genes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explorer_module, "MOST_CHARACTERS", 1)
    result = analysis()
    explorer = Explorer({"first": result, "second": result})
    assert explorer.answers("first")
    assert not explorer.answers("second")
    assert "data-contrast" in explorer.table("first")
    second = explorer.table("second")
    assert "data-contrast" not in second
    assert "The 25 genes of smallest pvalue of 90" in second
    assert "data-points" not in explorer.figure("second", "volcano", "words", "words")
    assert len(packed_data(explorer.ending())["contrasts"]) == 1


def test_a_result_with_s_values_only() -> None:
    result = analysis()
    table = result.table.drop(columns=["stat", "pvalue", "padj"])
    table["svalue"] = np.linspace(0, 0.5, len(table))
    explorer = Explorer({"": replace(result, table=table)})
    (contrast,) = packed_data(explorer.ending())["contrasts"]
    assert contrast["evidence"] == contrast["ranking"] == "svalue"
    assert "svalue" in explorer.table("")


def test_fewer_genes_than_a_page_and_none_tested() -> None:
    result = analysis()
    table = result.table.iloc[:7].copy()
    table[["pvalue", "padj"]] = np.nan
    few = replace(result, table=table)
    order = gene_order(table)
    assert order.tolist() == list(range(7))
    page = Page(f"<div>{Explorer({'': few}).table('')}</div>")
    assert [tag for tag, _ in page.tags].count("tr") == 8
    assert isinstance(few.table, pd.DataFrame)
