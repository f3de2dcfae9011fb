"""Names of every kind in pictures: as they are, never a formula, and never the end of a report."""

from __future__ import annotations

import pickle
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from countglm import plots
from countglm.errors import InputError
from countglm.plots._labels import name_points
from countglm.report.drawing import draw
from countglm.report.html import figure
from countglm.workflows import differential_expression
from tests.support.analyses import CONTRAST, analysis, study
from tests.support.drawn import words

FORMULA = "$a_b^$"


@pytest.fixture(autouse=True)
def _without_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever imported it, figures here belong to nobody else.
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)


@cache
def priced() -> Any:
    """The study with formulas, broken and whole, for the names of its samples and genes."""
    data = study()
    data.obs_names = [f"{FORMULA} {name}" for name in data.obs_names]
    data.var_names = [f"$5 {name} $10_" for name in data.var_names]
    data.var["symbol"] = [f"{FORMULA} {k}" for k in range(data.n_vars)]
    data.obs["batch"] = [f"{FORMULA}{name}" for name in data.obs["batch"]]
    options = {"min_replicates_for_replacement": 3, "threads": 1}
    return differential_expression(data, "~ batch + group", CONTRAST, **options)


def as_svg(axes: Any) -> str:
    import io

    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        axes.figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def pictures(page: str) -> list[str]:
    return [unquote(each) for each in re.findall(r'src="data:image/svg\+xml,([^"]*)"', page)]


class TestFormulas:
    @pytest.mark.parametrize("name", sorted(set(plots.__all__) - {"s_values", "upset", "counts"}))
    @pytest.mark.parametrize("own", [True, False])
    def test_names_are_none(self, name: str, own: bool) -> None:
        assert FORMULA in as_svg(self.drawn(name, own)) or name in (
            "certificate", "dispersion", "filtering", "p_values",
        )  # fmt: skip

    def drawn(self, name: str, own: bool) -> Any:
        from matplotlib.figure import Figure

        axes = None if own else Figure().add_subplot()
        options = {"label": 5} if name in ("ma", "volcano") else {}
        options |= {"color": "batch"} if name == "cooks" else {}
        options |= {"label": True} if name in ("pca", "size_factors") else {}
        return getattr(plots, name)(priced(), ax=axes, **options)

    def test_of_genes_and_contrasts_are_none(self) -> None:
        from matplotlib.figure import Figure

        for axes in (None, Figure().add_subplot()):
            assert FORMULA in as_svg(plots.counts(priced(), 5, ax=axes))
        table = priced().table
        assert FORMULA in as_svg(plots.upset({FORMULA: table, "b": table}))

    def test_of_the_caller_stay_formulas(self) -> None:
        from matplotlib.figure import Figure

        given = Figure().add_subplot()
        given.set_title(r"$\alpha$")
        for axes in (plots.ma(analysis(), ax=given), plots.ma(analysis())):
            axes.set_title(r"$\alpha$")
            axes.set_xlabel(r"$\mu$")
            assert axes.title.get_parse_math()
            assert axes.xaxis.label.get_parse_math()

    def test_numbers_are_none_whatever_the_style(self) -> None:
        import matplotlib as mpl

        with mpl.rc_context({"axes.formatter.use_mathtext": True}):
            shown = as_svg(plots.p_values(analysis())) + as_svg(plots.ma(analysis()))
        assert "mathdefault" not in shown


def test_a_page_takes_them(tmp_path: Path) -> None:
    priced().report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "could not be drawn" not in page
    assert any(FORMULA in each for each in pictures(page))


def test_characters_that_no_file_holds_are_replaced() -> None:
    def paint(axes: Any) -> None:
        axes.set_title("a\x01b")
        name_points(axes, np.array([0.5]), np.array([0.5]), ["g\ud800"])

    with pytest.warns(UserWarning, match="Glyph 1"):
        svg = draw(paint)
    assert "a\N{REPLACEMENT CHARACTER}b" in svg
    ET.fromstring(svg)


def test_a_figure_that_fails_says_so() -> None:
    def paint(axes: Any) -> None:
        raise ValueError("no <such> thing")

    with pytest.warns(UserWarning, match="could not be drawn: ValueError: no <such> thing"):
        svg = draw(paint)
    ET.fromstring(svg)
    told = "This figure could not be drawn: ValueError: no &lt;such&gt; thing"
    assert f"<figcaption>{told}</figcaption>" in figure(svg, "points", "Points.")


def test_one_gene_has_one_component() -> None:
    given = study()[:, :1].copy()
    fitted = differential_expression(
        given, "~ group", CONTRAST, dispersion=np.array([0.1]), size_factors=np.ones(14)
    )
    axes = plots.pca(fitted, values=np.arange(14.0)[:, None])
    assert any("fewer than 2 directions" in each.replace("\n", " ") for each in words(axes))


def test_an_unpickled_result_is_called_so() -> None:
    copied = pickle.loads(pickle.dumps(analysis()))
    with pytest.raises(InputError, match="a loaded or unpickled result"):
        plots.pca(copied)


class TestLabels:
    @pytest.mark.parametrize(
        "label", [1.5, -3, True, [1.5], [True, False], ["g1", 2], [90], {}.get]
    )
    def test_what_names_nothing_is_refused(self, label: Any) -> None:
        with pytest.raises(InputError, match="must be how many of the best genes"):
            plots.ma(analysis(), label=label)

    def test_symbols_name_genes(self) -> None:
        assert words(plots.ma(analysis(), label=["S10", "g11"]))[:2] == ["S10", "S11"]
        assert words(plots.ma(analysis(), label=[10, -1]))[:2] == ["S10", "S89"]

    def test_names_that_are_unknown_or_of_several(self) -> None:
        with pytest.raises(InputError, match="1 of 2 genes are not in the table, first 'S1O'"):
            plots.ma(analysis(), label=["S10", "S1O"])
        table = analysis().table.assign(symbol="same")
        with pytest.raises(InputError, match="90 genes are called 'same'"):
            plots.ma(replace(analysis(), table=table), label=["same"])

    def test_columns_that_are_missing_are_listed(self) -> None:
        with pytest.raises(InputError, match="the columns baseMean and log2FoldChange;"):
            plots.ma(pd.DataFrame({"pvalue": [0.1]}))


@pytest.mark.parametrize("path", [None, "", 3])
def test_a_page_needs_the_name_of_a_file(path: Any) -> None:
    with pytest.raises(InputError, match="must be the name of a file"):
        analysis().report(path)
