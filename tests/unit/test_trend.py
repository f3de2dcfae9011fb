"""The dispersion trend: kinds, fixed point, fall-backs, and the order of genes."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm import InputError, _parametric_trend
from countglm._warn import CountglmWarning
from countglm.trend import KINDS, Trend, fit_trend


def scattered(seed, genes=800, spread=0.8):
    """Means and dispersions about 0.05 + 2 / mean, some too small to take part."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4.0, 2.0, genes))
    dispersion = (0.05 + 2 / mean) * np.exp(rng.normal(-0.5 * spread**2, spread, genes))
    dispersion[::17] = 1e-8
    return mean, dispersion


def rising(seed):
    """Dispersions that rise with the mean, which a positive a0 + a1 / mean cannot follow."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4.0, 2.0, 400))
    return mean, 0.02 * np.sqrt(mean) * np.exp(rng.normal(size=400))


@pytest.mark.parametrize("replay", [False, True])
def test_parametric_trend_is_found(replay):
    trend = fit_trend(*scattered(1, 5000), replay=replay)
    assert (trend.kind, trend.requested, trend.curve) == ("parametric", "parametric", None)
    np.testing.assert_allclose(trend.coefficients, [0.05, 2.0], rtol=0.15)
    np.testing.assert_allclose(trend(10.0), trend.coefficients[0] + trend.coefficients[1] / 10)


def test_exact_coefficients_solve_the_score_equations():
    mean, dispersion = scattered(2)
    first, second = (mpf(float(c)) for c in fit_trend(mean, dispersion).coefficients)
    with mp.workdps(40):
        score, curvature = [mpf(0)] * 2, [[mpf(0)] * 2 for _ in range(2)]
        for m, d in zip(mean.tolist(), dispersion.tolist(), strict=True):
            row, mu = (mpf(1), 1 / mpf(m)), first + second / mpf(m)
            if d > 1e-6 and 1e-4 < d / mu < 15:
                for j in range(2):
                    score[j] += row[j] * (d - mu) / mu**2
                    for k in range(2):
                        curvature[j][k] += row[j] * row[k] * (2 * d - mu) / mu**3
        det = curvature[0][0] * curvature[1][1] - curvature[0][1] ** 2
        step = (
            (curvature[1][1] * score[0] - curvature[0][1] * score[1]) / det,
            (curvature[0][0] * score[1] - curvature[0][1] * score[0]) / det,
        )
    assert abs(step[0] / first) < 2e-15
    assert abs(step[1] / second) < 2e-15


def test_replay_stops_near_the_fixed_point():
    data = scattered(3)
    exact, replay = (fit_trend(*data, replay=r).coefficients for r in (False, True))
    np.testing.assert_allclose(exact, replay, rtol=1e-2)
    assert np.any(exact != replay)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("replay", [False, True])
def test_order_of_genes_changes_no_bit(kind, replay):
    mean, dispersion = scattered(4)
    mean[:40] = mean[40:80]
    dispersion[80:90] = np.nan
    shuffled = np.random.default_rng(5).permutation(mean.size)
    one = fit_trend(mean, dispersion, kind, replay=replay).to_arrays()
    other = fit_trend(mean[shuffled], dispersion[shuffled], kind, replay=replay).to_arrays()
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_genes_without_a_mean_or_dispersion_take_no_part():
    mean, dispersion = scattered(6)
    more_mean = np.r_[mean, 0.0, np.nan, 5.0, 5.0, np.inf]
    more = np.r_[dispersion, 1.0, 1.0, np.nan, np.inf, 1.0]
    one, other = fit_trend(mean, dispersion), fit_trend(more_mean, more)
    assert np.array_equal(one.coefficients, other.coefficients)
    assert np.isnan(one(np.array([0.0, -1.0, np.nan, np.inf]))).all()


@pytest.mark.parametrize("replay", [False, True])
def test_failed_parametric_trend_falls_back_to_local(replay):
    data = rising(7)
    with pytest.warns(CountglmWarning, match="local regression is used instead") as caught:
        trend = fit_trend(*data, replay=replay)
    assert len(caught) == 1
    assert (trend.kind, trend.requested) == ("local", "parametric")
    asked = fit_trend(*data, "local", replay=replay)
    assert (asked.kind, asked.requested) == ("local", "local")
    np.testing.assert_array_equal(trend(data[0]), asked(data[0]))


def test_local_trend_follows_a_log_parabola():
    mean = np.exp(np.random.default_rng(8).normal(4, 2, 500))
    law = np.exp(-2 + 0.3 * np.log(mean) - 0.1 * np.log(mean) ** 2)
    np.testing.assert_allclose(fit_trend(mean, law, "local")(mean), law, rtol=1e-9)


def test_local_trend_stays_a_dispersion_far_outside():
    trend = fit_trend([5.0, 6.0, 7.0], [0.1, 0.2, 0.15], "local")
    values = trend(np.array([1e-3, 5.0, 1e6]))
    assert np.all((values >= 1e-8 * (1 - 1e-12)) & (values <= 1e8 * (1 + 1e-12)))


def test_mean_trend_is_trimmed():
    dispersion = np.r_[np.full(998, 0.2), 1e-7, 1e-5, 9.0]
    trend = fit_trend(np.ones(dispersion.size), dispersion, "mean")
    np.testing.assert_allclose(trend(np.array([0.1, 50.0])), 0.2, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "constant"), [(1e-8, 1e-8), (5e-7, 5e-7)])
def test_dispersions_all_tiny(kind, size, constant):
    with pytest.warns(CountglmWarning, match="No gene has a gene-wise dispersion") as caught:
        trend = fit_trend(np.arange(1.0, 30.0), np.full(29, size), kind)
    assert len(caught) == 1
    assert (trend.kind, trend.requested) == ("mean", kind)
    np.testing.assert_allclose(trend(7.0), constant, rtol=1e-14)


@pytest.mark.parametrize("genes", [1, 2, 3])
def test_few_genes_still_have_a_trend(genes):
    mean, dispersion = np.arange(5.0, 5.0 + genes), np.linspace(0.1, 0.2, genes)
    told = f"on {genes} gene{'s' if genes > 1 else ''}: a local"
    with pytest.warns(CountglmWarning, match=told):
        trend = fit_trend(mean, dispersion)
    assert np.all(trend(mean) > 0)


def test_cycle_of_kept_genes_ends_in_geometric_means(monkeypatch):
    points = [np.array([0.1, 1.0]), np.array([0.4, 9.0])]

    def kept(inverse_mean, dispersion, point):
        return np.array([True, point[1] == 9.0])

    def regression(z, y, start):
        return points[z.size % 2]

    monkeypatch.setattr(_parametric_trend, "_kept", kept)
    monkeypatch.setattr(_parametric_trend, "gamma_regression", regression)
    found = _parametric_trend.fit_to_fixed_point(np.ones(2), np.ones(2))
    np.testing.assert_allclose(found, [0.2, 3.0], rtol=1e-14)


def test_gamma_regression_needs_two_means():
    assert _parametric_trend.gamma_regression(np.ones(5), np.ones(5), np.ones(2)) is None
    z = np.array([0.1, 0.4])
    exact = _parametric_trend.gamma_regression(z, 0.3 + 2 * z, np.array([0.1, 1.0]))
    np.testing.assert_allclose(exact, [0.3, 2.0], rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_hold_all_there_is(kind, tmp_path):
    mean, dispersion = scattered(9)
    trend = fit_trend(mean, dispersion, kind)
    np.savez(tmp_path / "trend.npz", **trend.to_arrays())
    with np.load(tmp_path / "trend.npz") as stored:
        again = Trend.from_arrays(dict(stored))
    assert (again.kind, again.requested) == (kind, kind)
    np.testing.assert_array_equal(again.coefficients, trend.coefficients)
    np.testing.assert_array_equal(again(mean), trend(mean))


def test_wrong_use():
    with pytest.raises(InputError, match="parametric, local, mean"):
        fit_trend([1.0], [1.0], "loess")
    with pytest.raises(InputError, match=r"\(2,\) and \(1,\)"):
        fit_trend([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="lacks curvature, slopes"):
        Trend.from_arrays(
            {"kind": "local", "requested": "local", "coefficients": [], "vertices": 1, "values": 1}
        )


def test_the_order_of_values_is_that_of_two_keys():
    rng = np.random.default_rng(3)
    first = rng.integers(0, 40, 500).astype(float)
    first[:100] = rng.normal(size=100)
    second = rng.integers(0, 5, 500).astype(float)
    order = _parametric_trend.order_of_values(first, second)
    expected = np.lexsort((second, first))
    np.testing.assert_array_equal(first[order], first[expected])
    np.testing.assert_array_equal(second[order], second[expected])
    assert sorted(order) == list(range(500))
