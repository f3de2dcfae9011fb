"""Shrinkage where it is tried hard: large counts, odd names, no counts, a second time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

import countglm
from countglm._ash import Mixture, Posterior, profile_posterior
from countglm._covariance import counts_of
from countglm._normal_prior import can_expand
from countglm._profile import Lines
from countglm.counts import as_count_matrix
from countglm.deresult import DEResult
from countglm.design import as_design
from countglm.errors import InputError

RNG = np.random.default_rng(3)
OBS = pd.DataFrame({"f": ["t:0", "t:1"] * 4, "g": list("aabbaabb"), "t": np.arange(8) / 4.0})
COUNTS = RNG.negative_binomial(5, 0.1, (8, 40))
PRIORS = {
    "narrow": Mixture(np.array([1.0]), np.array([0.3]), 0.0),
    "spike": Mixture(np.array([0.6, 0.4]), np.array([1.51, 0.05]), 0.0),
    "wide but unlikely": Mixture(np.array([1e-10, 0.5, 0.5]), np.array([30.0, 0.5, 1e-3]), 0.0),
}


def on_off(totals):
    """Poisson genes of two samples, the second silent, along their difference."""
    y = np.array([totals, np.zeros(len(totals))])
    along = np.array([[0.5], [-0.5]])
    none = np.zeros((2, 1))
    return Lines(y, none + 1.0, none, np.zeros(len(totals)), along, np.ones((1, 2, 1)))


def by_quadrature(total, prior):
    """Mean and standard deviation; given the total the count of a sample is binomial."""

    def log_density(t):
        parts = [
            np.log(w / s) - 0.5 * (t / s) ** 2
            for w, s in zip(prior.weights, prior.scales, strict=True)
        ]
        return np.logaddexp.reduce(parts) - total * np.logaddexp(0.0, -t)

    grid = np.linspace(-300.0, 300.0, 200_001)
    height = log_density(grid)
    seen = grid[height > height.max() - 45.0]
    low, high = seen[0] - 0.02, seen[-1] + 0.02
    places = np.r_[np.linspace(low, high, 42)[1:-1], -2e-3, -5e-4, 0.0, 5e-4, 2e-3]
    places = places[(places > low) & (places < high)]

    def integral(f):
        def term(t):
            return f(t) * np.exp(log_density(t) - height.max())

        return quad(term, low, high, points=places, limit=900, epsabs=0.0, epsrel=1e-10)[0]

    mass = integral(lambda t: 1.0)
    mean = integral(lambda t: t) / mass
    return mean, np.sqrt(integral(lambda t: (t - mean) ** 2) / mass)


@pytest.mark.parametrize("name", PRIORS)
def test_posterior_of_large_counts_against_quadrature(name) -> None:
    totals, prior = [6.0, 60.0, 2e4, 1e5], PRIORS[name]
    found = profile_posterior(on_off(totals).take, np.arange(4), prior, 0.0)
    expected = np.array([by_quadrature(total, prior) for total in totals])
    np.testing.assert_allclose(found.mean, expected[:, 0], rtol=1e-8)
    np.testing.assert_allclose(found.sd, expected[:, 1], rtol=1e-8)
    assert (np.diff(found.rate) <= 0.0).all()


def test_posterior_from_a_profile_is_the_same_alone_and_in_company() -> None:
    lines, prior = on_off([6.0, 1e5, 60.0]), PRIORS["spike"]
    together = profile_posterior(lines.take, np.arange(3), prior, 0.1)
    alone = [profile_posterior(lines.take, np.array([g]), prior, 0.1) for g in range(3)]
    for name in Posterior._fields:
        assert [getattr(one, name).tolist() for one in alone] == [
            [entry] for entry in getattr(together, name).tolist()
        ]


def test_levels_with_a_colon_are_no_interaction() -> None:
    counts = as_count_matrix(COUNTS)
    plain = [as_design(f, counts, obs=OBS) for f in ("~ f", "~ f + g", "~ 0 + f + t", "~ C(f)")]
    assert any(":" in name for name in plain[0].names)
    assert all(can_expand(design) for design in plain)
    crossed = [as_design(f, counts, obs=OBS) for f in ("~ f * g", "~ f / t", "~ g + g:t")]
    assert not any(can_expand(design) for design in crossed)
    assert not can_expand(as_design("~ t", counts, obs=OBS))
    assert not can_expand(as_design(plain[0].matrix, counts))


def result_of(counts, design="~ f", tested=("f", "t:1", "t:0"), mode="exact") -> DEResult:
    fit = countglm.fit_glm(
        counts, design, obs=OBS, size_factors=np.ones(8), dispersion=np.full(counts.shape[1], 0.1)
    )
    vector, label = fit.design.contrast(list(tested))
    return DEResult(
        table=countglm.wald_test(fit, list(tested)), fit=fit, contrast=vector, label=label,
        dispersion=SimpleNamespace(trend=np.full(fit.n_genes, 0.1)), settings={"mode": mode},
    )  # fmt: skip


def test_normal_prior_of_levels_with_a_colon_depends_on_no_reference() -> None:
    one = countglm.shrink(result_of(COUNTS), method="normal")
    other = countglm.shrink(result_of(COUNTS, "~ C(f, contr.treatment('t:1'))"), method="normal")
    assert one.settings["shrinkage"]["expanded"]
    np.testing.assert_allclose(
        one.table["log2FoldChange"], other.table["log2FoldChange"], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("mode", ["exact", "replay"])
@pytest.mark.parametrize("options", [{"method": "normal"}, {"prior_scale": 1.0}])
def test_all_zero_counts_shrink_to_nothing(mode, options) -> None:
    result = result_of(np.zeros((8, 3), dtype=int), mode=mode)
    table = countglm.shrink(result, **options).table
    assert table[["log2FoldChange", "lfcSE"]].isna().all(axis=None)
    assert table["na_reason"].tolist() == ["all_zero"] * 3


def test_counts_of_no_genes_are_an_empty_table() -> None:
    counts = as_count_matrix(COUNTS)
    assert counts_of(counts, np.zeros(0, dtype=np.intp)).shape == (0, 8)
    np.testing.assert_array_equal(counts_of(counts, np.array([3, 4, 1])), COUNTS.T[[3, 4, 1]])


def analysed(**options) -> DEResult:
    return countglm.differential_expression(
        COUNTS, "~ f + g", contrast=["f", "t:1", "t:0"], obs=OBS, fit_type="mean", **options
    )


def test_a_second_shrinkage_tests_nothing_anew() -> None:
    # Neither a function nor a matrix is kept by the settings, so that a new test would fail.
    result = analysed(p_adjust=lambda p: np.minimum(1.0, p * p.size))
    first = countglm.shrink(result, svalue=False)
    for options in ({"method": "ash"}, {"method": "ash", "svalue": True}, {"prior_scale": 0.3}):
        again = countglm.shrink(first, **options)
        assert again.label == result.label
        pd.testing.assert_frame_equal(again.table, countglm.shrink(result, **options).table)
    sure = countglm.shrink(result, svalue=True)
    twice = countglm.shrink(sure, contrast=["f", "t:1", "t:0"], method="ash", svalue=True)
    expected = countglm.shrink(result, method="ash", svalue=True)
    pd.testing.assert_frame_equal(twice.table, expected.table)
    with pytest.raises(InputError, match="p_adjust"):
        countglm.shrink(first, contrast=["g", "b", "a"])


def test_columns_that_a_shrinkage_left_out_come_back_under_the_same_label() -> None:
    result = analysed()
    for options in ({"method": "normal"}, {"method": "ash"}):
        again = countglm.shrink(countglm.shrink(result, svalue=True), **options)
        assert again.label == result.label
        pd.testing.assert_frame_equal(again.table, countglm.shrink(result, **options).table)
