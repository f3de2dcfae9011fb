"""Local quadratics: at a point, along a curve, and on a k-d tree."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import InputError
from countglm._local_regression import hermite, local_curve, local_quadratic
from countglm._loess import loess

PARABOLA = np.polynomial.Polynomial([0.3, -1.2, 0.4])


def test_quadratic_of_weighted_points():
    rng = np.random.default_rng(1)
    x = np.sort(rng.normal(3.0, 1.0, 60))
    y, weights = rng.normal(size=60), np.exp(rng.normal(0.0, 4.0, 60))
    bend, slope, value = np.polyfit(x, y, 2, w=np.sqrt(weights))
    np.testing.assert_allclose(
        local_quadratic(x, y, weights), (value, slope, 2 * bend), rtol=1e-9, atol=1e-10
    )


def test_fewer_distinct_points_than_coefficients():
    y, one = np.array([1.0, 3.0, 6.0]), np.ones(3)
    assert local_quadratic(np.zeros(3), y, one) == pytest.approx((10 / 3, 0, 0))
    assert local_quadratic(np.array([-1.0, 1, 1]), y, one) == pytest.approx((2.75, 1.75, 0))
    # Points without weight do not count.
    assert local_quadratic(np.array([-1.0, 1, 5]), y, np.array([1.0, 1, 0])) == pytest.approx(
        (2.0, 1.0, 0)
    )


def test_cubic_between_vertices():
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0])
    vertices = np.array([-1.0, 0.5, 2.0])
    x = np.linspace(-1, 2, 31)
    curve = hermite(vertices, cubic(vertices), cubic.deriv()(vertices), x)
    np.testing.assert_allclose(curve, cubic(x), rtol=1e-12, atol=1e-12)


def test_parabola_is_reproduced_inside_and_outside():
    rng = np.random.default_rng(2)
    x = np.sort(rng.normal(size=300))
    curve = local_curve(x, PARABOLA(x), np.exp(x), 0.7)
    everywhere = np.linspace(x[0] - 3, x[-1] + 3, 100)
    np.testing.assert_allclose(curve(everywhere), PARABOLA(everywhere), rtol=1e-10, atol=1e-11)
    assert np.isnan(curve(np.array([np.nan]))).all()


def test_cells_are_narrow_beside_their_bandwidths():
    x = np.sort(np.random.default_rng(3).normal(size=500))
    vertices = local_curve(x, np.sin(3 * x), np.ones(500), 0.2).vertices
    bandwidth = np.array([np.sort(np.abs(x - vertex))[99] for vertex in vertices])
    assert (np.diff(vertices) <= 0.8 * np.minimum(bandwidth[1:], bandwidth[:-1])).all()
    assert vertices[0] == x[0]
    assert vertices[-1] == x[-1]


@pytest.mark.parametrize(
    "x", [np.ones(1), np.full(9, 2.0), np.repeat([1.0, 4.0], [5, 5]), np.repeat([1.0, 4.0], [9, 1])]
)
def test_ties_give_a_finite_curve(x):
    y = np.linspace(0, 1, x.size)
    heights = local_curve(x, y, np.ones(x.size), 0.7)(np.array([0.0, 1.0, 2.5, 4.0, 5.0]))
    assert np.isfinite(heights).all()
    np.testing.assert_allclose(heights[1], y[x == x[0]].mean() if x[0] == 1 else 0.5, rtol=1e-12)


def test_loess_reproduces_a_parabola():
    x = np.random.default_rng(4).uniform(0, 8, 150)
    at = np.linspace(x.min(), x.max(), 77)
    np.testing.assert_allclose(loess(x, PARABOLA(x), at, 0.3), PARABOLA(at), rtol=1e-10, atol=1e-10)


def test_loess_is_linear_in_the_heights():
    rng = np.random.default_rng(5)
    x, at = np.linspace(0, 8, 200), np.linspace(0, 8, 1000)
    first, second = rng.normal(size=(2, 200))
    both = loess(x, 2 * first - second, at, 0.2)
    apart = 2 * loess(x, first, at, 0.2) - loess(x, second, at, 0.2)
    np.testing.assert_allclose(both, apart, atol=1e-12)


def test_loess_with_too_small_a_span():
    x = np.repeat([1.0, 2.0, 3.0], 6)
    with pytest.raises(InputError, match="tied"):
        loess(x, x, np.array([2.0]), 0.3)
    with pytest.raises(InputError, match="holds none"):
        loess(x, x, np.array([2.0]), 0.01)
    with pytest.raises(InputError, match="between them"):
        loess(x, x, np.array([4.0]), 0.9)
