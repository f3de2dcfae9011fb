"""Values and derivatives of the negative binomial in many digits, at its limits, and by shape."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import countglm
from countglm import _nb_values, likelihood
from countglm.likelihood import gradient, hessian, log_likelihood
from tests.support.fresh import run_python
from tests.support.nb_digits import errors, usual_points, wide_points

# Errors relative to the number and to what rounding of the arguments decides, of value, slopes and
# second derivatives.
TOLERANCES = [2e-15, 2e-15, 1e-14, 2e-15, 2e-15, 2e-14]


def everything(y, eta, theta):
    return np.column_stack(
        [log_likelihood(y, eta, theta), *gradient(y, eta, theta), *hessian(y, eta, theta)]
    )


def not_so_wide(n: int, seed: int):
    # In hundreds of digits, which take their time; tests/accept goes to 700.
    return wide_points(n, seed, reach=250.0)


@pytest.mark.parametrize(("points", "n"), [(usual_points, 120), (not_so_wide, 60)])
def test_values_and_derivatives_in_many_digits(points, n: int) -> None:
    y, eta, theta = points(n, seed=11)
    found = errors(everything(y, eta, theta), y, eta, theta)
    assert (found.max(axis=0) <= TOLERANCES).all(), found.max(axis=0)


def test_corners() -> None:
    # Every end at once; in digits as far out as digits are quick.
    for far in (700.0, 300.0):
        grid = np.meshgrid([0.0, 1.0, 2.0**53], [-far, 0.0, far], [-far, 0.0, far])
        y, eta, theta = (a.ravel() for a in grid)
        got = everything(y, eta, theta)
        assert not np.isnan(got).any()
    found = errors(got, y, eta, theta)
    assert (found.max(axis=0) <= TOLERANCES).all(), found.max(axis=0)


@pytest.mark.parametrize(
    ("y", "theta"),
    [(20, -2.2), (21, -2.2), (20, np.log(0.1)), (21, np.log(0.1)), (9, -2.31), (1, -2.30),
     (10**6, -1.5), (10**15, -2.3), (10**15, 0.6), (30, 0.8)],
)  # fmt: skip
def test_the_seams_of_the_rules_for_the_dispersion(y: int, theta: float) -> None:
    for eta in (
        np.log(y) + np.array([-3.0, -1.11, -1.09, -1e-6, 0.0, 1e-3, 0.7, 1.11, 4.0])
    ).tolist():
        point = (np.array([float(y)]), np.array([eta]), np.array([theta]))
        found = errors(everything(*point), *point)
        assert (found[0] <= TOLERANCES).all(), (eta, found)


def test_the_poisson_is_exact() -> None:
    y = np.array([0.0, 1.0, 7.0, 1e6, 2.0**53])
    eta = np.array([-300.0, 0.3, 2.0, 13.8, 36.7])
    value = log_likelihood(y, eta, -np.inf)
    with mp.workdps(60):
        for k in range(y.size):
            c, e = mpf(y[k]), mpf(eta[k])
            truth = c * e - mp.exp(e) - mp.loggamma(c + 1)
            room = 1 + abs(truth) + abs(e) * abs(c - mp.exp(e))
            assert abs(mpf(float(value[k])) - truth) <= 2e-15 * room
    slopes, bends = gradient(y, eta, -np.inf), hessian(y, eta, -np.inf)
    np.testing.assert_allclose(slopes.d_eta, y - np.exp(eta), rtol=1e-15)
    np.testing.assert_allclose(bends.eta_eta, -np.exp(eta), rtol=1e-15)
    for zero in (slopes.d_log_alpha, bends.eta_log_alpha, bends.log_alpha_log_alpha):
        assert (zero == 0.0).all()
    # And what tends to it gets there.
    np.testing.assert_array_equal(log_likelihood(y[:4], eta[:4], -600.0), value[:4])


def test_other_limits() -> None:
    assert log_likelihood(0, -np.inf, 0.5) == 0.0
    assert log_likelihood(3, -np.inf, 0.5) == -np.inf
    assert gradient(3, -np.inf, 0.5).d_eta == 3.0
    assert np.isnan(log_likelihood(3, np.inf, 0.5))
    assert np.isnan(log_likelihood(3, 0.5, np.inf))
    assert np.isnan(gradient(3, np.nan, 0.5).d_eta)
    assert np.isnan(hessian(3, 0.5, np.nan).eta_eta)


def test_shapes_broadcast_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    y, eta, theta = rng.poisson(5.0, (7, 4)), rng.normal(1.0, 1.0, (7, 1)), rng.normal(size=4)
    whole = [log_likelihood(y, eta, theta), *gradient(y, eta, theta), *hessian(y, eta, theta)]
    assert all(part.shape == (7, 4) for part in whole)
    assert log_likelihood(2, 0.0, 0.0).shape == ()
    assert log_likelihood([], 0.0, 0.0).shape == (0,)
    monkeypatch.setattr(_nb_values, "_CHUNK", 3)
    parts = [log_likelihood(y, eta, theta), *gradient(y, eta, theta), *hessian(y, eta, theta)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_probabilities_add_up_to_one() -> None:
    y = np.arange(4000)
    for theta in (-np.inf, -3.0, 0.0, 1.5):
        total = np.exp(log_likelihood(y, np.log(7.0), theta)).sum()
        assert total == pytest.approx(1.0, abs=1e-13)


def test_it_is_the_likelihood_of_fits() -> None:
    counts = np.array([[8, 3], [5, 1], [24, 0], [30, 9]])
    design = np.column_stack([np.ones(4), [0, 0, 1, 1]])
    fit = countglm.fit_glm(counts, design, dispersion=0.2, size_factors="none")
    values = log_likelihood(counts, np.log(fit.mu()), np.log(0.2)).sum(axis=0)
    np.testing.assert_allclose(values, fit.log_likelihood, rtol=1e-13)


class Tensor:
    """What torch's tensors offer."""

    def __init__(self, values) -> None:
        self.values = np.asarray(values)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.values


def test_tensors_and_lists_are_taken() -> None:
    expected = log_likelihood(np.array([1, 2]), np.array([0.1, 0.2]), 0.3)
    np.testing.assert_array_equal(log_likelihood(Tensor([1, 2]), Tensor([0.1, 0.2]), 0.3), expected)
    np.testing.assert_array_equal(log_likelihood([1, 2], [0.1, 0.2], 0.3), expected)


@pytest.mark.parametrize(
    ("counts", "eta", "words"),
    [
        ([1, -2], 0.0, r"1 of 2 values that are no counts, the first -2 at \[1\]"),
        ([[1.5, 2.0]], 0.0, r"the first 1.5 at \[0, 0\]; counts are whole numbers from 0 to 2\^53"),
        ([np.nan], 0.0, "no counts"),
        (2.0**53 + 2, 0.0, "no counts"),
        ([1, 2, 3], [0.0, 1.0], r"do not broadcast: their shapes are \(3,\), \(2,\), \(\)"),
        (["a"], 0.0, "counts is no array of real numbers"),
        ([1], "b", "eta is no array of real numbers"),
        ([1], 1j, "eta is no array of real numbers"),
    ],
)
def test_mistakes(counts, eta, words: str) -> None:
    with pytest.raises(countglm.InputError, match=words):
        log_likelihood(counts, eta, 0.0)


def test_the_module_is_an_attribute() -> None:
    assert countglm.likelihood is likelihood
    assert set(likelihood.__all__) <= set(dir(likelihood))


def test_it_loads_neither_a_compiler_nor_tables() -> None:
    heavy = "{'numba', 'pandas', 'anndata', 'scipy.stats', 'scipy.special', 'formulaic'}"
    code = f"import sys, countglm; countglm.likelihood; print(sorted(set(sys.modules) & {heavy}))"
    assert run_python(code).strip() == "[]"
