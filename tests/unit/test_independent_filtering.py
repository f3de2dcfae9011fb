"""Independent filtering: quantiles, choice of the share, adjustment of what is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from countglm.errors import InputError
from countglm.independent_filtering import independent_filtering
from countglm.inference import benjamini_hochberg
from tests.support.groups import brute_force_bh

RNG = np.random.default_rng(17)
MEANS = np.r_[np.zeros(60), RNG.lognormal(2.0, 2.0, 540)]
# Genes of large mean are found, those of small mean are not.
P = np.where(RNG.random(600) < 0.5 * (MEANS > 5.0), RNG.beta(0.2, 20.0, 600), RNG.random(600))
P[:60] = np.nan


def test_filtered_genes_have_no_adjusted_p_value() -> None:
    found = independent_filtering(P, MEANS)
    kept = found.threshold <= MEANS
    np.testing.assert_array_equal(found.passed, kept)
    np.testing.assert_array_equal(np.isnan(found.padj), ~kept | np.isnan(P))
    left = kept & ~np.isnan(P)
    np.testing.assert_allclose(found.padj[left], brute_force_bh(P[left]), rtol=1e-12)
    assert found.threshold == found.cutoffs[found.chosen] > 0.0
    assert found.rejections[found.chosen] > np.count_nonzero(benjamini_hochberg(P) < 0.1)


def test_shares_and_quantiles() -> None:
    found = independent_filtering(P, MEANS)
    np.testing.assert_allclose(found.theta, np.linspace(0.1, 0.95, 50), rtol=1e-15)
    np.testing.assert_allclose(found.cutoffs, np.quantile(MEANS, found.theta), rtol=1e-12)
    counts = [np.sum(brute_force_bh(P[(c <= MEANS) & ~np.isnan(P)]) < 0.1) for c in found.cutoffs]
    np.testing.assert_array_equal(found.rejections, counts)
    mostly_zero = np.r_[np.zeros(97), 1.0, 2.0, 3.0]
    assert independent_filtering(np.full(100, 0.5), mostly_zero).theta[-1] == 1.0


def test_a_quantile_that_is_a_gene_keeps_the_gene() -> None:
    # (n - 1) theta is whole up to rounding: 0.7 * 10.
    p, statistic = np.full(11, 0.001), np.arange(11.0) / 3.0
    found = independent_filtering(p, statistic, theta=[0.1 * 3, 0.7])
    assert found.cutoffs.tolist() == [statistic[3], statistic[7]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alpha", [0.001, 0.1, 0.7])
def test_one_sort_counts_what_adjusting_at_every_cutoff_counts(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 800))
    statistic = np.round(rng.lognormal(1.0, 2.0, n), int(rng.integers(0, 3)))
    p = np.round(rng.random(n) ** rng.uniform(0.5, 6.0), int(rng.integers(1, 8)))
    p[rng.random(n) < 0.1] = np.nan
    found = independent_filtering(p, statistic, alpha=alpha)
    # A function of the caller's is asked at every cutoff.
    asked = independent_filtering(
        p, statistic, alpha=alpha, adjust=lambda kept: benjamini_hochberg(kept)
    )
    np.testing.assert_array_equal(found.rejections, asked.rejections)
    np.testing.assert_array_equal(found.padj, asked.padj)


@pytest.mark.parametrize("rule", ["new", "1.38"])
def test_few_rejections_filter_nothing(rule: str) -> None:
    p = np.full(200, 0.9)
    p[190:] = 1e-9
    statistic = np.arange(200.0) + 1.0
    found = independent_filtering(p, statistic, rule=rule)
    assert found.rejections.max() == 10
    assert (found.chosen, found.threshold) == (0, 1.0)
    np.testing.assert_array_equal(found.padj, benjamini_hochberg(p))


def curve(monkeypatch: pytest.MonkeyPatch, rejections, smooth, rule: str) -> int:
    """Return the choice for given numbers of rejections and a given curve."""
    genes = 1000
    statistic = np.arange(float(genes)) + 1.0
    wanted = dict(zip(np.quantile(statistic, np.linspace(0, 0.95, 50)), rejections, strict=True))

    def adjust(p):
        first = statistic[~np.isnan(p)][0]
        out = np.ones(genes)
        cutoff = max(c for c in wanted if c <= first)
        out[: wanted[cutoff]] = 0.0
        return out

    monkeypatch.setattr(
        "countglm.independent_filtering.lowess", lambda x, y, f: np.asarray(smooth, dtype=float)
    )
    return independent_filtering(np.full(genes, 0.5), statistic, rule=rule, adjust=adjust).chosen


def test_rules_differ_where_nothing_reaches_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    # The curve lies above all numbers, with little noise between.
    rejections = np.r_[np.full(20, 70), np.full(10, 85), np.full(20, 95)]
    smooth = np.r_[rejections[:49].astype(float), 100.0]
    assert curve(monkeypatch, rejections, smooth, "1.38") == 0
    assert curve(monkeypatch, rejections, smooth, "new") == 30
    rejections = np.minimum(rejections, 86)
    assert curve(monkeypatch, rejections, np.r_[smooth[:1] * 0 + 100, rejections[1:]], "1.38") == 0
    assert curve(monkeypatch, rejections, np.r_[[100.0], rejections[1:]], "new") == 20
    low = np.full(50, 70)
    assert curve(monkeypatch, low, np.r_[[100.0], low[1:]], "new") == 0


def test_first_share_above_the_curve_less_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    rejections = np.r_[np.full(25, 50), np.full(25, 100)]
    smooth = np.r_[np.full(25, 55.0), np.full(25, 98.0)]
    for rule in ("new", "1.38"):
        assert curve(monkeypatch, rejections, smooth, rule) == 25


def test_any_adjustment() -> None:
    def bonferroni(p):
        return np.minimum(1.0, p * np.count_nonzero(~np.isnan(p)))

    found = independent_filtering(P, MEANS, adjust=bonferroni)
    left = ~np.isnan(found.padj)
    np.testing.assert_allclose(found.padj[left], np.minimum(1.0, P[left] * left.sum()))


def test_order_of_genes_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(600)
    one, other = independent_filtering(P, MEANS), independent_filtering(P[order], MEANS[order])
    assert one.threshold == other.threshold
    np.testing.assert_array_equal(one.padj[order], other.padj)


def test_error_rate_under_the_null() -> None:
    """What the filter leaves out is independent of the p-values: few false discoveries."""
    rng = np.random.default_rng(3)
    hits = [
        (independent_filtering(rng.random(300), rng.lognormal(size=300)).padj < 0.1).any()
        for _ in range(60)
    ]
    assert stats.binomtest(sum(hits), 60, 0.1, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "old"}, "rule='old' is not known"),
        ({"alpha": 1.0}, "alpha=1.0 must lie between"),
        ({"theta": [0.5, 1.5]}, "between 0 and 1"),
        ({"theta": [0.5]}, "two shares or more"),
        ({"theta": [0.5, 0.2]}, "each larger"),
        ({"filter_statistic": MEANS[:-1]}, r"filter_statistic \(599,\)"),
        ({"filter_statistic": np.where(MEANS > 9, np.nan, MEANS)}, "not finite"),
    ],
)
def test_mistakes_are_named(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        independent_filtering(P, **({"filter_statistic": MEANS} | options))


@pytest.mark.parametrize("wrong", [-0.01, 1.5, np.inf])
def test_a_p_value_out_of_range_is_named_where_its_gene_is_filtered_too(wrong: float) -> None:
    p = P.copy()
    p[3] = wrong
    assert not independent_filtering(P, MEANS).passed[3]
    with pytest.raises(
        InputError, match=rf"1 value\(s\) outside \[0, 1\], the first {wrong:g} at gene 3"
    ):
        independent_filtering(p, MEANS)


def test_only_missing_p_values() -> None:
    found = independent_filtering(np.full(5, np.nan), np.arange(5.0))
    assert np.isnan(found.padj).all()
    assert not found.rejections.any()
