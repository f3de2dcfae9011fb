"""Plots of samples: values, groups, counts of a gene, distances, Cook's distances."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from countglm import DEResult, differential_expression, plots, vst
from countglm.errors import InputError
from countglm.plots._groups import sample_groups
from countglm.plots._pca import principal_components
from countglm.plots._style import BLUE, PALETTE, VERMILION
from countglm.plots._values import stabilized
from tests.support.analyses import CONTRAST, N_GENES, N_SAMPLES, SPIKED, analysis, study
from tests.support.drawn import offsets, words

PLOTS = (plots.pca, plots.sample_distances, plots.heatmap, plots.cooks, plots.size_factors)


@pytest.fixture(autouse=True)
def _without_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever imported it, figures here belong to nobody else.
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)


@pytest.fixture(scope="module")
def result() -> Any:
    return analysis()


@pytest.fixture(scope="module")
def loaded(result: Any, tmp_path_factory: pytest.TempPathFactory) -> DEResult:
    path = Path(tmp_path_factory.mktemp("plots")) / "result.h5"
    result.save(path)
    return DEResult.load(path)


@pytest.fixture(scope="module")
def plain() -> Any:
    """A result of a matrix: three groups of four, no sample table."""
    rng = np.random.default_rng(3)
    counts = rng.negative_binomial(10, 10 / (10 + rng.uniform(5, 300, 40)), size=(12, 40))
    group = np.arange(12) % 3
    design = np.column_stack([np.ones(12), group == 1, group == 2]).astype(float)
    return differential_expression(counts, design, [0, 1, 0], threads=1)


class TestValues:
    def test_scale_and_trend_are_those_of_the_result(self, result: Any) -> None:
        ours = stabilized(result)
        trend = result.dispersion.trend_function
        theirs = vst(study(), fit_type=trend, size_factors=result.fit.size_factors)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)

    def test_without_a_trend_the_counts_give_one(self) -> None:
        given = analysis(dispersion=0.2)
        theirs = vst(study(), size_factors=given.fit.size_factors)
        np.testing.assert_allclose(stabilized(given), theirs, rtol=1e-13)

    def test_normalisation_factors_divide(self) -> None:
        factors = np.random.default_rng(2).uniform(0.5, 2, (N_SAMPLES, N_GENES))
        result = analysis_with(normalization_factors=factors)
        axes = plots.counts(result, "g10")
        expected = study().X[:, 10] / factors[:, 10] + 0.5
        np.testing.assert_allclose(np.sort(samples_of(axes)[:, 1]), np.sort(expected))

    @pytest.mark.parametrize("plot", PLOTS)
    def test_a_loaded_result_asks_for_counts(self, plot: Any, loaded: Any) -> None:
        with pytest.raises(InputError, match="pass them as counts="):
            plot(loaded)
        plot(loaded, counts=study().X)

    def test_values_may_be_handed_in(self, loaded: Any, result: Any) -> None:
        values = pd.DataFrame(stabilized(result))
        a = offsets(plots.pca(loaded, values=values))
        np.testing.assert_array_equal(a, offsets(plots.pca(result)))

    def test_values_of_another_shape_are_refused(self, result: Any) -> None:
        for values, told in (
            (np.zeros((2, 3)), "shape"),
            (np.full((N_SAMPLES, N_GENES), np.nan), "not finite"),
            ("x", "cannot be read as numbers"),
        ):
            with pytest.raises(InputError, match=told):
                plots.pca(result, values=values)


def analysis_with(**choices: Any) -> Any:
    return differential_expression(study(), "~ batch + group", CONTRAST, threads=1, **choices)


def samples_of(axes: Any) -> np.ndarray:
    """Points of the samples, without lines and rings."""
    shown = [
        np.asarray(each.get_offsets())
        for each in axes.collections
        if len(each.get_facecolors()) and not hasattr(each, "get_segments")
    ]
    return np.concatenate(shown)


class TestPCA:
    def test_scores_are_projections_of_the_most_variable_genes(self, result: Any) -> None:
        values = stabilized(result)
        scores, share = principal_components(values, 20)
        top = np.sort(np.argsort(-values.var(axis=0), kind="stable")[:20])
        centred = values[:, top] - values[:, top].mean(axis=0)
        # Lengths and angles between samples are those of the centred values.
        np.testing.assert_allclose(scores @ scores.T, centred @ centred.T, atol=1e-10)
        assert share.sum() == pytest.approx(1.0)
        assert (np.diff(share) <= 1e-15).all()

    def test_draws_the_chosen_components(self, result: Any) -> None:
        scores, share = principal_components(stabilized(result))
        axes = plots.pca(result, components=(2, 3), label=False)
        drawn = offsets(axes)
        expected = scores[:, 1:3]
        np.testing.assert_allclose(
            drawn[np.argsort(drawn[:, 0])], expected[np.argsort(expected[:, 0])]
        )
        assert axes.get_xlabel() == f"PC2: {100 * share[1]:.0f}% variance"

    def test_colour_is_the_tested_factor_and_form_the_other(self, result: Any) -> None:
        told = words(plots.pca(result))
        assert told[-6:] == ["group", "a", "b", "batch", "x", "y"]

    def test_samples_are_named_where_few(self, result: Any) -> None:
        assert "s0" not in words(plots.pca(result))
        assert {"s0", "s13"} <= {*words(plots.pca(result, label=True))}

    def test_refusals(self, result: Any) -> None:
        for options, told in (
            ({"components": (1, 15)}, "two whole numbers from 1 to 14"),
            ({"components": 1}, "two whole numbers"),
            ({"top": 1}, "top=1"),
            ({"color": "nope"}, "no column 'nope'; it has 'group', 'batch'"),
            ({"color": [1, 2]}, "2 values, but there are 14 samples"),
        ):
            with pytest.raises(InputError, match=told):
                plots.pca(result, **options)

    def test_equal_samples_have_no_components(self, result: Any) -> None:
        values = np.zeros((N_SAMPLES, N_GENES))
        assert "fewer than 2" in words(plots.pca(result, values=values))[0].replace("\n", " ")


class TestGroups:
    def test_reference_comes_first(self, result: Any) -> None:
        assert sample_groups(result, None, None).labels == ("a", "b")
        turned = result.test(["group", "a", "b"])
        groups = sample_groups(turned, None, None)
        assert groups.labels == ("b", "a")
        assert groups.codes.tolist() == [1] * 7 + [0] * 7

    def test_levels_of_a_time_course_keep_their_order(self) -> None:
        obs = pd.DataFrame({"minute": pd.Categorical([0, 15, 30] * 3)})
        counts = np.random.default_rng(5).negative_binomial(5, 0.05, (9, 30))
        last = differential_expression(counts, "~ minute", "minute[T.30]", obs=obs)
        assert sample_groups(last, None, None).labels == ("0", "15", "30")

    def test_several_columns_are_combined(self, result: Any) -> None:
        groups = sample_groups(result, ["group", "batch"], None)
        assert groups.labels == ("a:x", "a:y", "b:x", "b:y")
        assert groups.name == "group:batch"

    def test_values_of_the_caller(self, result: Any) -> None:
        groups = sample_groups(result, list("ppppppqqqqqqqq"), None)
        assert (groups.labels, groups.codes[:7].tolist()) == (("p", "q"), [0] * 6 + [1])

    def test_many_numbers_are_a_scale(self, result: Any) -> None:
        groups = sample_groups(result, np.arange(14.0), None)
        np.testing.assert_array_equal(groups.values, np.arange(14.0))
        axes = plots.pca(result, color=np.arange(14.0))
        assert len(axes.figure.axes) == 2

    def test_few_numbers_are_levels(self, result: Any) -> None:
        assert sample_groups(result, [1.0, 2.5] * 7, None).labels == ("1", "2.5")

    def test_missing_values_are_a_level(self, result: Any) -> None:
        groups = sample_groups(result, ["u", None] * 7, None)
        assert groups.labels == ("u", "no value")

    def test_numbers_in_text_are_in_order(self, result: Any) -> None:
        minutes = ["t120", "t15", "t0", "t15", "t0", "t120", "t15"] * 2
        assert sample_groups(result, minutes, None).labels == ("t0", "t15", "t120")
        kept = pd.Categorical(minutes, categories=["t15", "t0", "t120", "t7"])
        assert sample_groups(result, pd.Series(kept), None).labels == ("t15", "t0", "t120")

    def test_another_table_is_matched_by_name(self, result: Any) -> None:
        obs = pd.DataFrame({"n": range(14)}, index=[f"s{i}" for i in range(14)]).iloc[::-1]
        np.testing.assert_array_equal(sample_groups(result, "n", obs).values, np.arange(14))
        with pytest.raises(InputError, match="obs has 3 rows"):
            sample_groups(result, "n", obs.iloc[:3])

    def test_a_matrix_groups_equal_rows(self, plain: Any) -> None:
        groups = sample_groups(plain, None, None)
        assert groups.labels == ("x0", "x0 + x2", "x0 + x1")
        with pytest.raises(InputError, match="no sample table"):
            sample_groups(plain, "dose", None)

    def test_a_number_in_the_formula_is_a_scale(self) -> None:
        adata = study()
        adata.obs["dose"] = np.arange(14) % 9 + 0.5
        result = differential_expression(adata, "~ dose", threads=1)
        assert sample_groups(result, None, None).values is not None
        axes = plots.counts(result, "g10")
        assert axes.get_xlabel() == "dose"
        np.testing.assert_array_equal(np.sort(samples_of(axes)[:, 0]), np.sort(adata.obs["dose"]))

    def test_many_groups_share_a_scale_and_are_not_all_listed(self, result: Any) -> None:
        groups = sample_groups(result, [f"t{i:02}" for i in range(14)], None)
        assert len(set(groups.colours)) == 14
        assert not set(groups.colours) & set(PALETTE)
        assert "and 3 more" in words(plots.pca(result, color=[f"t{i:02}" for i in range(14)]))


class TestCounts:
    def test_heights_are_normalised_counts(self, result: Any) -> None:
        axes = plots.counts(result, "g10", color="group")
        expected = study().X[:, 10] / result.fit.size_factors + 0.5
        np.testing.assert_allclose(np.sort(samples_of(axes)[:, 1]), np.sort(expected))
        across = np.round(samples_of(axes)[:, 0])
        assert sorted(across) == [0.0] * 7 + [1.0] * 7

    def test_raw_counts(self, result: Any) -> None:
        axes = plots.counts(result, 10, normalized=False, pseudocount=1.0)
        np.testing.assert_array_equal(
            np.sort(samples_of(axes)[:, 1]), np.sort(study().X[:, 10] + 1.0)
        )

    def test_bars_are_means(self, result: Any) -> None:
        axes = plots.counts(result, "g10")
        normal = study().X[:, 10] / result.fit.size_factors + 0.5
        heights = [
            float(each.get_segments()[0][0, 1])
            for each in axes.collections
            if hasattr(each, "get_segments")
        ]
        np.testing.assert_allclose(heights, [normal[:7].mean(), normal[7:].mean()])

    def test_replaced_counts_are_shown_as_given_with_a_ring(self, result: Any) -> None:
        assert SPIKED in result.outliers.replaced_gene
        given = (study().X[:, SPIKED] / result.fit.size_factors).max() + 0.5
        axes = plots.counts(result, f"g{SPIKED}")
        ring = axes.collections[-1]
        assert len(ring.get_facecolors()) == 0
        assert np.asarray(ring.get_offsets())[:, 1].max() == pytest.approx(given)

    def test_title_names_gene_and_finding(self, result: Any) -> None:
        assert plots.counts(result, "g10").get_title().startswith("S10 (g10)\nlog2 fold change")
        assert "no adjusted p (all_zero)" in plots.counts(result, "g3").get_title()

    def test_refusals(self, result: Any) -> None:
        with pytest.raises(InputError, match="'nope'"):
            plots.counts(result, "nope")
        with pytest.raises(InputError, match="name of one gene"):
            plots.counts(result, ["g1", "g2"])  # type: ignore[arg-type]
        with pytest.raises(InputError, match="pseudocount=0"):
            plots.counts(result, "g1", pseudocount=0)


class TestPictures:
    def test_distances_are_euclidean_and_ordered(self, result: Any) -> None:
        axes = plots.sample_distances(result)
        names = [label.get_text() for label in axes.get_yticklabels()]
        order = [int(name[1:]) for name in names]
        assert sorted(order) == list(range(14))
        expected = squareform(pdist(stabilized(result)))[order][:, order]
        np.testing.assert_allclose(axes.images[0].get_array(), expected)

    def test_heatmap_shows_the_best_genes_by_group(self, result: Any) -> None:
        axes = plots.heatmap(result, top=5)
        labels = [label.get_text() for label in axes.get_yticklabels()]
        best = result.significant().index[:5]
        assert sorted(labels) == sorted(f"S{name[1:]}" for name in best)
        samples = [label.get_text() for label in axes.get_xticklabels()]
        assert {*samples[:7]} == {f"s{i}" for i in range(7)}
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_allclose(shown.mean(axis=1), 0.0, atol=1e-12)
        at = [int(name[1:]) for name in samples]
        row = labels.index(f"S{best[0][1:]}")
        values = stabilized(result)[:, result.table.index.get_loc(best[0])]
        np.testing.assert_allclose(shown[row], (values - values.mean())[at])

    def test_heatmap_of_named_genes(self, result: Any) -> None:
        axes = plots.heatmap(result, ["g10", "g11"])
        assert axes.images[0].get_array().shape == (2, 14)
        assert plots.heatmap(result, "g10").images[0].get_array().shape == (1, 14)

    def test_heatmap_without_significant_genes_says_so(self, result: Any) -> None:
        none = replace(result, table=result.table.assign(padj=1.0))
        assert "no gene is below 0.1" in plots.heatmap(none).get_xlabel()
        none = replace(result, table=result.table.assign(padj=np.nan, pvalue=np.nan))
        assert words(plots.heatmap(none)) == ["No gene to draw: none has a p-value."]


class TestCooks:
    def test_boxes_hold_the_middle_half(self) -> None:
        found = analysis(min_replicates_for_replacement=np.inf)
        axes = plots.cooks(found)
        dots = offsets(axes)
        # The spiked count stands highest, in its own sample.
        assert dots[:, 1].max() > found.outliers.cutoff
        highest = int(np.argmax(dots[:, 1]))
        names = [label.get_text() for label in axes.get_xticklabels()]
        assert names[int(dots[highest, 0])] == "s2"
        np.testing.assert_allclose(
            dots[:, 1].max(), np.nanmax(found.outliers.max_cooks), rtol=1e-10
        )
        assert axes.lines[0].get_ydata()[0] == found.outliers.cutoff

    def test_replaced_counts_are_still_seen(self, result: Any) -> None:
        assert offsets(plots.cooks(result))[:, 1].max() > result.outliers.cutoff

    def test_replay(self) -> None:
        assert len(offsets(plots.cooks(analysis(mode="replay")))) == N_SAMPLES

    def test_many_samples_are_bands(self) -> None:
        rng = np.random.default_rng(1)
        n = 60
        counts = rng.negative_binomial(5, 5 / (5 + 40.0), size=(n, 30))
        obs = pd.DataFrame({"g": np.repeat(["u", "v"], n // 2)})
        result = differential_expression(counts, "~ g", obs=obs, threads=1)
        axes = plots.cooks(result)
        assert axes.get_xlabel() == "60 samples, by group"
        plots.sample_distances(result)
        plots.heatmap(result)

    def test_as_many_coefficients_as_samples(self) -> None:
        counts = np.array([[5, 9, 30], [7, 2, 40]])
        obs = pd.DataFrame({"g": ["u", "v"]})
        result = differential_expression(
            counts, "~ g", obs=obs, dispersion=0.1, threads=1, size_factors="none"
        )
        assert "every count" in words(plots.cooks(result))[0].replace("\n", " ")


class TestSizeFactors:
    def test_library_sizes_and_factors(self, result: Any) -> None:
        drawn = offsets(plots.size_factors(result))
        totals = study().X.sum(axis=1)
        order = np.argsort(totals)
        np.testing.assert_allclose(drawn[np.argsort(drawn[:, 0])][:, 0], totals[order])
        np.testing.assert_allclose(
            drawn[np.argsort(drawn[:, 0])][:, 1], result.fit.size_factors[order]
        )

    def test_colours_are_the_groups(self, result: Any) -> None:
        axes = plots.size_factors(result)
        assert len(offsets(axes, BLUE)) == len(offsets(axes, VERMILION)) == 7
