"""Searches whose questions find no answer come to an end."""

from __future__ import annotations

import math

import numpy as np

from countglm import fit_glm
from tests.support.maxima import find


def test_points_without_a_slope_are_not_asked_for_ever() -> None:
    # A dip between two slopes is looked into, where there is no number.
    def slope(alpha: float) -> float:
        t = math.log1p(alpha / 1e-4)
        return math.nan if t % 2.5 > 0.1 else 3.0 - 2.9 * math.sin(t) ** 2

    found = find(slope)
    assert len(found.asked) < 200


def test_weights_at_the_edge_of_rounding_do_not_hang() -> None:
    """Fisher pivots that are rounding give a slope at some dispersions and none at others."""
    rng = np.random.default_rng(0)
    n, genes = 24, 60
    x = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=(n, 2))])
    y = np.floor(np.exp(rng.normal(3, 1.5, size=(n, genes))))
    w = np.ones((n, genes))
    w[3:] *= 10.0 ** (-20 * rng.random((n - 3, genes)) - 14)
    fit = fit_glm(y, x, size_factors=np.ones(n), weights=w)
    assert fit.status.shape == (genes,)
    assert np.isin(fit.status, (0, 1, 2, 3, 4)).all()
