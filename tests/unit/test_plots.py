"""Plots of genes: the numbers that are drawn, the words beside them, what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import plots
from countglm._ranking import called
from countglm.errors import InputError
from countglm.plots._points import dispersion_points, ma_points, volcano_points
from countglm.plots._style import BLUE, DOWN, GREY, UP
from tests.support.analyses import ON_OFF, ZERO, analysis
from tests.support.drawn import as_pdf, offsets, words
from tests.support.fits import synthetic_fit, synthetic_table


@pytest.fixture(autouse=True)
def _without_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever imported it, figures here belong to nobody else.
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)


@pytest.fixture(scope="module")
def result() -> Any:
    return analysis()


def with_table(result: Any, **columns: Any) -> Any:
    return replace(result, table=result.table.assign(**columns))


def by_column(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.T)]


def test_every_plot_is_exported() -> None:
    assert set(plots.__all__) == {
        "ma", "volcano", "dispersion", "p_values", "s_values", "pca", "sample_distances",
        "counts", "heatmap", "cooks", "size_factors", "filtering", "certificate", "upset",
    }  # fmt: skip


def test_matplotlib_waits_for_the_first_plot() -> None:
    code = "import sys, countglm.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class TestMA:
    def test_draws_the_points_that_are_shared(self, result: Any) -> None:
        points = ma_points(result)
        drawn = offsets(plots.ma(result))
        np.testing.assert_array_equal(
            by_column(drawn), by_column(np.column_stack([points.x, points.y]))
        )

    def test_points_are_the_table(self, result: Any) -> None:
        points, table = ma_points(result), result.table
        assert ZERO not in points.rows
        np.testing.assert_array_equal(points.x, table["baseMean"].to_numpy()[points.rows])
        inside = points.form == "o"
        change = table["log2FoldChange"].to_numpy()[points.rows]
        np.testing.assert_array_equal(points.y[inside], change[inside])

    def test_infinite_changes_stand_at_the_margin(self, result: Any) -> None:
        points = ma_points(result)
        at = int(np.searchsorted(points.rows, ON_OFF))
        assert np.isposinf(result.table["log2FoldChange"].iloc[ON_OFF])
        assert points.rows[at] == ON_OFF
        assert (points.y[at], points.form[at]) == (points.limit, "^")

    def test_colours_tell_what_was_found(self, result: Any) -> None:
        axes = plots.ma(result)
        found = called(result.table, 0.1)
        up = (found & (result.table["log2FoldChange"] > 0)).sum()
        down = (found & (result.table["log2FoldChange"] < 0)).sum()
        assert len(offsets(axes, UP)) == up > 0
        assert len(offsets(axes, DOWN)) == down > 0
        assert {f"up {up}", f"down {down}", "adjusted p < 0.1"} <= {*words(axes)}

    def test_level_and_limit(self, result: Any) -> None:
        axes = plots.ma(result, alpha=1e-6, limit=0.5)
        assert np.abs(offsets(axes)[:, 1]).max() == 0.5
        assert len(offsets(axes, UP)) < len(offsets(plots.ma(result), UP))

    def test_names_are_symbols(self, result: Any) -> None:
        best = result.significant().index[:3]
        assert {f"S{name[1:]}" for name in best} <= {*words(plots.ma(result, label=3))}
        assert "S11" in words(plots.ma(result, label=["g11"]))
        # Gene 7 has no symbol, gene 3 no fold change.
        assert "g7" in words(plots.ma(result, label=["g7"]))
        assert "S3" not in words(plots.ma(result, label=["g3"]))

    def test_draws_on_the_axes_given(self, result: Any) -> None:
        from matplotlib.figure import Figure

        axes = Figure().add_subplot()
        assert plots.ma(result, ax=axes) is axes

    def test_lines_mark_a_threshold(self) -> None:
        tested = analysis(lfc_threshold=0.7)
        heights = [line.get_ydata()[0] for line in plots.ma(tested).lines]
        assert heights == [0.0, -0.7, 0.7]

    def test_a_table_of_wald_test_will_do(self) -> None:
        fit = synthetic_fit(300)
        assert len(offsets(plots.ma(synthetic_table(fit)))) > 100

    def test_shrunken_changes_are_called_so(self, result: Any) -> None:
        shrunken = result.shrink(svalue=True)
        axes = plots.ma(shrunken)
        assert axes.get_ylabel().startswith("shrunken log2 fold change")
        assert "s-value < 0.1" in words(axes)

    def test_all_infinite(self, result: Any) -> None:
        change = np.where(np.arange(len(result.table)) % 2, np.inf, -np.inf)
        axes = plots.ma(with_table(result, log2FoldChange=change))
        assert {*np.unique(offsets(axes)[:, 1])} == {-1.0, 1.0}
        assert [label.get_text() for label in axes.get_yticklabels()] == ["−∞", "0", "∞"]

    def test_nothing_to_draw_is_told(self, result: Any) -> None:
        axes = plots.ma(with_table(result, log2FoldChange=np.nan))
        assert words(axes) == ["No gene has a fold change to draw."]

    def test_no_gene_is_significant(self, result: Any) -> None:
        axes = plots.ma(with_table(result, padj=1.0), label=5)
        assert len(offsets(axes, GREY)) == len(ma_points(result).rows)
        assert [word for word in words(axes) if word.startswith("S")] == []


class TestVolcano:
    def test_draws_the_points_that_are_shared(self, result: Any) -> None:
        points = volcano_points(result)
        drawn = offsets(plots.volcano(result, label=0))
        np.testing.assert_array_equal(
            by_column(drawn), by_column(np.column_stack([points.x, points.y]))
        )

    def test_heights_are_logarithms(self, result: Any) -> None:
        points = volcano_points(result)
        p = result.table["pvalue"].to_numpy()[points.rows]
        np.testing.assert_allclose(10.0**-points.y, p, rtol=1e-12)

    def test_on_off_genes_stand_at_the_side(self, result: Any) -> None:
        points = volcano_points(result)
        at = int(np.searchsorted(points.rows, ON_OFF))
        assert (points.x[at], points.form[at]) == (points.limit, ">")

    def test_p_of_zero_stands_above_the_rest(self, result: Any) -> None:
        p = result.table["pvalue"].to_numpy().copy()
        p[10] = 0.0
        points = volcano_points(with_table(result, pvalue=p))
        at = int(np.searchsorted(points.rows, 10))
        assert points.form[at] == "^"
        assert points.y[at] > np.delete(points.y, at).max()

    def test_names_the_ten_best(self, result: Any) -> None:
        named = [
            word for word in words(plots.volcano(result)) if word[0] in "Sg" and " " not in word
        ]
        assert len(named) == min(10, len(result.significant()))

    def test_s_values(self, result: Any) -> None:
        assert "s-value" in plots.volcano(result.shrink(svalue=True)).get_ylabel()

    def test_nothing_to_draw_is_told(self, result: Any) -> None:
        assert "p-value" in words(plots.volcano(with_table(result, pvalue=np.nan)))[0]


class TestDispersion:
    def test_final_points_are_drawn(self, result: Any) -> None:
        points = dispersion_points(result)
        drawn = offsets(plots.dispersion(result), BLUE)
        np.testing.assert_array_equal(
            by_column(drawn), by_column(np.column_stack([points.x, points.y]))
        )
        np.testing.assert_array_equal(
            points.y, np.maximum(result.dispersion.final[points.rows], points.limit)
        )

    def test_trend_is_a_line(self, result: Any) -> None:
        (line,) = plots.dispersion(result).lines
        mean, value = line.get_data()
        np.testing.assert_allclose(value, result.dispersion.trend_function(mean))

    def test_outliers_are_ringed(self, result: Any) -> None:
        outlier = np.zeros(len(result.table), dtype=bool)
        outlier[[8, 9]] = True
        changed = replace(result, dispersion=replace(result.dispersion, outlier=outlier))
        assert "keeps its own (2)" in words(plots.dispersion(changed))

    def test_stages_and_fits_alone(self, result: Any) -> None:
        assert len(offsets(plots.dispersion(result.dispersion))) > 50
        fit = synthetic_fit(300)
        usable = int((fit.converged & (fit.base_mean > 0)).sum())
        assert len(offsets(plots.dispersion(fit))) == usable

    def test_a_trend_of_given_values_is_points(self, result: Any) -> None:
        stages = replace(result.dispersion, trend_function=None, trend_kind="given")
        axes = plots.dispersion(stages)
        assert len(axes.lines) == 0
        assert len(offsets(axes, UP)) == np.isfinite(stages.trend[stages.base_mean > 0]).sum()

    def test_poisson_is_told(self) -> None:
        assert "Poisson" in words(plots.dispersion(analysis(dispersion=0.0)))[0]

    def test_given_dispersions(self) -> None:
        axes = plots.dispersion(analysis(dispersion=0.2))
        assert {*offsets(axes)[:, 1]} == {0.2}
        assert words(axes) == ["as used"]

    def test_nothing_to_draw_is_told(self, result: Any) -> None:
        none = np.full(len(result.table), np.nan)
        axes = plots.dispersion(replace(result.dispersion, final=none))
        assert words(axes) == ["No gene has a dispersion to draw."]


class TestHistograms:
    def test_bars_count_the_genes(self, result: Any) -> None:
        axes = plots.p_values(result, bins=20)
        total = sum(bar.get_height() for bar in axes.patches)
        assert total == result.table["pvalue"].notna().sum()

    def test_low_means_are_stacked(self, result: Any) -> None:
        reason = np.where(np.arange(len(result.table)) < 20, "low_mean", "")
        axes = plots.p_values(with_table(result, na_reason=reason))
        low = result.table["pvalue"].iloc[:20].notna().sum()
        assert f"low mean, left out of the adjustment ({low})" in words(axes)

    def test_least_mean(self, result: Any) -> None:
        axes = plots.p_values(result, least_mean=50.0)
        kept = result.table["pvalue"].notna() & (result.table["baseMean"] >= 50.0)
        assert sum(bar.get_height() for bar in axes.patches) == kept.sum()

    def test_s_values(self, result: Any) -> None:
        shrunken = result.shrink(svalue=True)
        axes = plots.s_values(shrunken)
        assert sum(bar.get_height() for bar in axes.patches) == shrunken.table["svalue"].count()
        assert "s_values()" in words(plots.p_values(shrunken))[0]
        assert "svalue=True" in words(plots.s_values(result))[0].replace("\n", " ")

    def test_no_p_value(self, result: Any) -> None:
        axes = plots.p_values(with_table(result, pvalue=np.nan))
        assert words(axes) == ["No gene has a p-value."]


class TestChoices:
    def test_filtering(self, result: Any) -> None:
        curve = result.filtering
        points, smooth, chosen = plots.filtering(result).lines
        np.testing.assert_array_equal(points.get_xdata(), 100 * curve.theta)
        np.testing.assert_array_equal(points.get_ydata(), curve.rejections)
        np.testing.assert_array_equal(smooth.get_ydata(), curve.smooth)
        assert chosen.get_xdata()[0] == 100 * curve.theta[curve.chosen]

    def test_no_filtering_is_told(self) -> None:
        axes = plots.filtering(analysis(independent_filtering=False))
        assert "No independent filtering" in words(axes)[0]

    def test_certificate(self) -> None:
        fit = synthetic_fit(300)
        axes = plots.certificate(fit)
        drawn = np.isfinite(fit.newton_decrement) & ~np.isnan(fit.condition_number)
        assert len(offsets(axes)) == drawn.sum()
        assert f"at the optimum ({int((fit.converged & drawn).sum())})" in words(axes)
        assert axes.lines[0].get_ydata()[0] == fit.tol

    def test_separated_genes_stand_at_the_margin(self, result: Any) -> None:
        axes = plots.certificate(result)
        assert np.isinf(result.fit.condition_number[ON_OFF])
        assert offsets(axes)[:, 0].max() == 2 * np.max(
            result.fit.condition_number[np.isfinite(result.fit.condition_number)]
        )

    def test_a_replayed_fit_has_none(self) -> None:
        assert "No certificate" in words(plots.certificate(analysis(mode="replay")))[0]


class TestUpset:
    @pytest.fixture
    def results(self, result: Any) -> dict[str, Any]:
        padj = np.full(len(result.table), 1.0)
        sets = {"a": [0, 1, 2, 6], "b": [1, 2, 8], "c": [2]}
        out = {}
        for name, genes in sets.items():
            own = padj.copy()
            own[genes] = 0.01
            out[name] = with_table(result, padj=own)
        return out

    def test_bars_are_exclusive_intersections(self, results: dict[str, Any]) -> None:
        axes = plots.upset(results)
        heights = [bar.get_height() for bar in axes.patches if bar.get_width() < 1]
        # a alone: 0 and 6; then one gene each of b, of a and b, of all.
        assert heights[:4] == [2, 1, 1, 1]
        assert {"a  4", "b  3", "c  1"} <= {*words(axes)}

    def test_most(self, results: dict[str, Any]) -> None:
        axes = plots.upset(results, most=1)
        assert axes.get_title(loc="right") == "3 combinations more, of 3 genes"

    def test_direction(self, results: dict[str, Any], result: Any) -> None:
        up = result.table["log2FoldChange"].iloc[[0, 1, 2, 6]] > 0
        assert f"a  {int(up.sum())}" in words(plots.upset(results, direction="up"))

    def test_genes_of_other_tables_are_matched_by_name(self, results: dict[str, Any]) -> None:
        other = replace(results["b"], table=results["b"].table.iloc[::-1])
        heights = [
            [bar.get_height() for bar in plots.upset(each).patches if bar.get_width() < 1]
            for each in (results, results | {"b": other})
        ]
        assert heights[0] == heights[1]

    def test_none_significant(self, result: Any) -> None:
        none = with_table(result, padj=1.0)
        assert words(plots.upset({"a": none})) == ["No gene is significant in any contrast."]

    def test_refusals(self, result: Any) -> None:
        with pytest.raises(InputError, match="by name"):
            plots.upset([result])  # type: ignore[arg-type]
        with pytest.raises(InputError, match="direction='left'"):
            plots.upset({"a": result}, direction="left")
        with pytest.raises(InputError, match="too many"):
            plots.upset(dict.fromkeys(range(30), result))


class TestMistakes:
    @pytest.mark.parametrize("plot", [plots.ma, plots.volcano, plots.p_values, plots.s_values])
    def test_what_is_no_result(self, plot: Any, result: Any) -> None:
        with pytest.raises(InputError, match="An object of type list cannot be drawn"):
            plot([1, 2])
        with pytest.raises(InputError, match="Pick one of its results"):
            plot({"a": result})

    def test_tables_that_lack_columns(self) -> None:
        with pytest.raises(InputError, match="lacks the column log2FoldChange"):
            plots.ma(pd.DataFrame({"baseMean": [1.0], "pvalue": [0.1]}))
        with pytest.raises(InputError, match="lacks the column pvalue"):
            plots.p_values(pd.DataFrame({"a": [1.0]}))

    @pytest.mark.parametrize("plot", [plots.pca, plots.filtering, plots.heatmap, plots.cooks])
    def test_a_table_is_not_enough(self, plot: Any, result: Any) -> None:
        with pytest.raises(InputError, match="more than a table holds"):
            plot(result.table)

    def test_values_out_of_range(self, result: Any) -> None:
        for plot, options, told in (
            (plots.ma, {"alpha": 2}, "alpha=2"),
            (plots.ma, {"limit": 0}, "limit=0"),
            (plots.ma, {"label": ["nope"]}, "'nope'"),
            (plots.ma, {"ax": 3}, "ax is of type int"),
            (plots.p_values, {"bins": 0}, "bins=0"),
            (plots.p_values, {"least_mean": "a"}, "least_mean='a'"),
        ):
            with pytest.raises(InputError, match=told):
                plot(result, **options)
        with pytest.raises(InputError, match="not an object of type str"):
            plots.dispersion("x")
        with pytest.raises(InputError, match="not an object of type str"):
            plots.certificate("x")


class TestFigures:
    def test_pyplot_does_not_know_of_them(self, result: Any) -> None:
        plots.ma(result)
        plots.cooks(result)
        assert "matplotlib.pyplot" not in sys.modules

    def test_pyplot_shows_them_where_it_is_used(self, result: Any) -> None:
        code = (
            "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as plt, sys\n"
            "import pandas as pd; from countglm import plots\n"
            "t = pd.DataFrame({'baseMean': [1., 9.], 'log2FoldChange': [1., -1.],"
            " 'pvalue': [.1, .2], 'padj': [.2, .2]})\n"
            "axes = plots.ma(t); print(plt.gcf() is axes.figure)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "True"

    def test_style_ends_with_the_plot(self, result: Any) -> None:
        import matplotlib as mpl

        before = mpl.rcParams.copy()
        plots.ma(result)
        assert mpl.rcParams.copy() == before

    def test_many_points_are_one_image_in_vector_output(self) -> None:
        n = 60_000
        rng = np.random.default_rng(1)
        table = pd.DataFrame(
            {
                "baseMean": np.exp(rng.uniform(-1, 10, n)),
                "log2FoldChange": rng.normal(0, 1, n),
                "pvalue": rng.uniform(0, 1, n),
                "padj": np.where(rng.uniform(0, 1, n) < 0.1, 0.01, 1.0),
            },
            index=[f"g{i}" for i in range(n)],
        )
        pdf = as_pdf(plots.ma(table, label=5))
        assert pdf.startswith(b"%PDF")
        assert len(pdf) < 500_000

    def test_the_facade_has_them(self) -> None:
        assert countglm.plots is plots
