"""Functions that even out the variance which a dispersion trend implies (docs/math.md, 13.1-13.3).

A count of mean m and size factor s has the normalised variance ``noise m + trend(m) m²`` with
``noise = 1/s``; the function is the integral of one over the root of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._fmm_spline import fmm_spline
from .errors import InputError

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

_LN2 = float(np.log(2.0))
# Panels of the integral, its nodes in each, and how far beyond the largest value it reaches.
_PANELS, _NODES, _REACH = 4096, 8, 16.0
# The trend has no value at a mean of zero.
_NEAR_ZERO = 1e-12
_GRID = 1000
_ANCHORS = (0.95, 0.999)


def stabilizing_curve(trend: Any, q: Floats, means: Floats, noise: float, *, replay: bool) -> Curve:
    """Return the function from normalised counts to log2-like values.

    Parameters
    ----------
    trend : Trend or callable
    q : normalised counts of any shape; the largest bounds the integral of a local trend
    means : (n_genes,) means of the normalised counts, where a local trend's scale is anchored
    noise : mean over the samples of one over the size factor
    replay : bool
        Integrate a local trend by DESeq2's grid.
    """
    kind = getattr(trend, "kind", "local")
    if kind == "parametric":
        asymptotic, extra = (float(value) for value in trend.coefficients)
        return _Parametric(asymptotic, extra)
    if kind == "mean":
        return _Constant(float(trend.coefficients[0]))
    largest = float(q.max(initial=0.0))
    if not largest > 0.0:
        raise InputError("No sample has a count, so no scale for the transformation can be found.")
    integral = (_grid_integral if replay else _integral)(trend, largest, noise)
    return _anchored(integral, means)


@dataclass(frozen=True)
class _Parametric:
    """Equation 13.1: the integral for the trend a0 + a1/mean, noise 1, in closed form."""

    asymptotic: float
    extra: float

    def __call__(self, q: Floats) -> Floats:
        a, e = self.asymptotic, self.extra
        root = np.sqrt(a * q * (1.0 + e + a * q))
        return np.asarray(np.log((1.0 + e + 2.0 * a * q + 2.0 * root) / (4.0 * a)) / _LN2)


@dataclass(frozen=True)
class _Constant:
    """Equation 13.2: the same for one dispersion."""

    alpha: float

    def __call__(self, q: Floats) -> Floats:
        root = np.sqrt(self.alpha * q)
        return np.asarray(
            (2.0 * np.arcsinh(root) - np.log(self.alpha) - np.log(4.0)) / _LN2, dtype=np.float64
        )


@dataclass(frozen=True, eq=False)
class _Integral:
    """Cubic Hermite pieces over ``v = asinh(sqrt q)``, straight on beyond the last node."""

    step: float
    value: Floats
    slope: Floats

    def __call__(self, q: Floats) -> Floats:
        place = np.arcsinh(np.sqrt(q)) / self.step
        k = np.clip(place.astype(np.intp), 0, self.value.size - 2)
        u = np.minimum(place - k, 1.0)
        rise = (self.value[k + 1] - self.value[k]) / self.step
        left, right = self.slope[k], self.slope[k + 1]
        bend = left + right - 2.0 * rise
        inside = u * (left + u * (rise - left - bend + u * bend))
        beyond = np.maximum(place - (self.value.size - 1), 0.0) * self.slope[-1]
        return np.asarray(self.value[k] + self.step * (inside + beyond))


def _integral(trend: Curve, largest: float, noise: float) -> _Integral:
    """Integral from 0 over panels; with q = sinh² v the integrand has no pole at zero (13.3)."""

    def integrand(v: NDArray[Any]) -> Floats:
        t = np.sinh(v)
        x = np.maximum(t**2, _NEAR_ZERO)
        with np.errstate(over="ignore"):
            return np.asarray(2.0 * np.cosh(v) / np.sqrt(noise + trend(x) * x))

    step = float(np.arcsinh(np.sqrt(_REACH * largest))) / _PANELS
    edges = step * np.arange(_PANELS + 1)
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    inner = edges[:-1, None] + 0.5 * step * (1.0 + node)
    panels = 0.5 * step * np.add.reduce(weight * integrand(inner), axis=1)
    return _Integral(step, np.concatenate([[0.0], np.cumsum(panels)]), integrand(edges))


def _grid_integral(trend: Curve, largest: float, noise: float) -> Curve:
    """DESeq2's rule: trapezoids over 999 points, assigned to the middle of each interval."""
    x = np.sinh(np.arcsinh(largest) * np.arange(1, _GRID) / (_GRID - 1))
    integrand = 1.0 / np.sqrt(trend(x) * x**2 + noise * x)
    total = np.cumsum(np.diff(x) * (integrand[1:] + integrand[:-1]) / 2.0)
    spline = fmm_spline(np.arcsinh((x[1:] + x[:-1]) / 2.0), total)
    return lambda q: spline(np.arcsinh(q))


def _anchored(integral: Curve, means: Floats) -> Curve:
    """Scale and shift so that two high means become their logarithms to base 2 (13.3)."""
    low, high = np.quantile(means, _ANCHORS)
    if not low > 0.0:
        low = high = means.max()
    if not high > low:
        # The limit of the rule as both anchors meet.
        high = low * (1.0 + 1e-4)
    at_low, at_high = integral(np.array([low, high]))
    slope = (np.log(high) - np.log(low)) / _LN2 / (at_high - at_low)
    shift = np.log(low) / _LN2 - slope * at_low
    return lambda q: np.asarray(slope * integral(q) + shift)
