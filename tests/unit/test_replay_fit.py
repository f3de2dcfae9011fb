"""A replayed analysis holds a fit like any other: deviance, status, words."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import countglm
from countglm import Status, replay
from tests.support.analyses import CONTRAST, analysis
from tests.support.groups import ALPHA, FACTORS, GROUPS, OBS, counts


@pytest.mark.parametrize("alpha", [1e-8, 1e-3, 0.2, 1.0, 10.0, 1e3])
def test_deviance_against_fifty_digits(alpha: float) -> None:
    near = [0.0, 1e-12, 1e-6, -1e-6, 0.01, -0.01, 0.3, -0.3, 0.49, -0.49]
    far = [0.51, -0.51, 3.0, 100.0, -0.99, -0.999999, 1e6]
    for y in (0.0, 1.0, 3.0, 50.0, 1e4, 1e7, 1e9):
        mu = max(y, 0.4) * (1.0 + np.array(near + far))
        ours = replay.deviance(
            np.full((mu.size, 1), y), mu[:, None], np.full(mu.size, alpha), None
        )  # fmt: skip
        with mpmath.workdps(50):
            a, count = mpmath.mpf(alpha), mpmath.mpf(y)
            for value, mean in zip(ours, map(mpmath.mpf, map(float, mu)), strict=True):
                exact = count * mpmath.log(count / mean) if y else mpmath.mpf(0)
                exact -= (count + 1 / a) * mpmath.log((1 + a * count) / (1 + a * mean))
                assert value == pytest.approx(float(2 * exact), rel=1e-14, abs=1e-300)


def test_weights_count_terms_and_zeros_hide_what_is_no_number() -> None:
    y, mu = np.array([[3.0, 5.0, 1.0]]), np.array([[2.0, 9.0, np.inf]])
    both = replay.deviance(y, mu, np.array([0.1]), np.array([[1.0, 2.0, 0.0]]))
    each = [
        replay.deviance(y[:, i : i + 1], mu[:, i : i + 1], np.array([0.1]), None) for i in (0, 1)
    ]
    np.testing.assert_allclose(both, each[0] + 2.0 * each[1], rtol=1e-15)


def replayed(weights: Any = None, **options: Any) -> Any:
    return countglm.differential_expression(
        counts(), "~ group", "group[T.b]", obs=OBS, mode="replay", dispersion=ALPHA,
        size_factors=FACTORS, weights=weights, threads=1, **options,
    )  # fmt: skip


@pytest.mark.parametrize("weights", [None, "shared", "own"])
def test_likelihood_ratio_on_a_replayed_fit(weights: str | None) -> None:
    """The deviance is that of the fit's own weights, so it can be compared with a smaller design's.

    Replay stops near the optimum: its statistic is that of the exact fit within its tolerance.
    """
    rng = np.random.default_rng(3)
    given = {
        None: None, "shared": rng.uniform(0.5, 3.0, 12), "own": rng.uniform(0.5, 3.0, (12, 12))
    }[weights]  # fmt: skip
    fit = replayed(given).fit
    exact = countglm.fit_glm(
        counts(), "~ group", obs=OBS, dispersion=ALPHA, size_factors=FACTORS, weights=given
    )
    np.testing.assert_allclose(fit.deviance, exact.deviance, rtol=1e-6)
    ours = countglm.likelihood_ratio_test(fit, "~ 1")
    theirs = countglm.likelihood_ratio_test(exact, "~ 1")
    np.testing.assert_allclose(ours["stat"], theirs["stat"], rtol=1e-5, atol=1e-5)
    assert (theirs["stat"] > 1.0).any()


def test_likelihood_ratio_of_a_replayed_analysis_from_its_fit() -> None:
    result = analysis(mode="replay")
    table = countglm.likelihood_ratio_test(result.fit, "~ batch")
    # DESeq2 compares log-likelihoods at means of which some were raised to 1/2.
    own = result.test(CONTRAST, test="lrt", reduced="~ batch").table
    large = (result.table["baseMean"] > 20.0) & (table["status"] == "CONVERGED")
    large &= result.fit.mu().min(axis=0) > 0.5
    assert large.sum() > 30
    np.testing.assert_allclose(table["stat"][large], own["stat"][large], rtol=1e-5, atol=1e-5)


def test_genes_that_fail_the_check_of_weights_say_so() -> None:
    y, weights = counts(), np.ones((12, 12))
    weights[GROUPS == "b", 0] = 0.0  # a level without weight
    weights[:, 1] = 0.0  # nothing left
    weights[GROUPS == "c", 2], y[GROUPS != "c", 2] = 0.0, 0.0  # no count has weight
    y[:, 3] = 0.0  # no count
    y[:, 4], weights[:, 4] = 0.0, 0.0
    for options in ({"dispersion": ALPHA}, {"fit_type": "mean"}):
        result = countglm.differential_expression(
            y, "~ group", "group[T.b]", obs=OBS, mode="replay", size_factors=FACTORS,
            weights=weights, threads=1, **options,
        )  # fmt: skip
        status = [Status(code).name for code in result.fit.status[:6]]
        assert status == ["SINGULAR", "INVALID", "ALL_ZERO", "ALL_ZERO", "INVALID", "CONVERGED"]
        table = result.table.iloc[:6]
        assert table["status"].tolist() == status
        assert table["na_reason"].tolist()[:5] == [
            "not_estimable", "no_weight", "all_zero", "all_zero", "no_weight",
        ]  # fmt: skip
        assert table["pvalue"].isna().tolist() == [True] * 5 + [False]
        assert table["baseMean"].iloc[0] > 0.0
        assert np.isnan(result.fit.coefficients[:5]).all()
        assert np.isnan(result.fit.log_likelihood[:5]).all()
