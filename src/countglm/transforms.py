"""Transforms of covariates for formulas: natural cubic splines and radial basis functions.

Each is a plain function of numbers and a set of knots or centres; inside a formula it chooses
them from the data once and remembers them, so that prediction uses the same curve. The transforms
of formulaic (`bs`, `cr`, `cc`, `poly`, `center`, `scale`, `C`, ...) are available as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

Floats = NDArray[np.float64]


def natural_spline(x: Any, knots: Any) -> Floats:
    """Natural cubic splines through ``knots``, in the basis of the curve's values at the knots.

    Column j is the natural spline with value 1 at knot j + 1 and 0 at the other knots; beyond the
    outer knots it is straight. The column of the first knot is left out, because all of them add
    up to 1: beside an intercept, coefficient j is the curve's rise from knot 0 to knot j + 1.

    Parameters
    ----------
    x : (n,) float
    knots : (K,) float
        Strictly increasing, K >= 2, the outer knots included.

    Returns
    -------
    (n, K - 1) float64

    Raises
    ------
    InputError
        Fewer than two knots, or knots that do not increase.

    References
    ----------
    Green and Silverman, *Nonparametric Regression and Generalized Linear Models*, 1994, ch. 2
    (value and second derivative at the knots).
    """
    x = _numbers(x, "ns")
    at = _numbers(knots, "ns")
    gaps = np.diff(at)
    if at.size < 2 or not (gaps > 0).all():
        raise InputError(
            "ns() needs at least two different, increasing knots and has "
            f"{', '.join(f'{knot:g}' for knot in at)}; lower df, or give knots= inside the range "
            "of the covariate."
        )
    bends = _second_derivatives(gaps)
    inside = np.clip(x, at[0], at[-1])
    j = np.clip(np.searchsorted(at, inside, side="right") - 1, 0, at.size - 2)
    h = gaps[j][:, None]
    right = (inside - at[j])[:, None] / h
    left = 1.0 - right
    unit = np.eye(at.size)
    basis = left * unit[j] + right * unit[j + 1]
    basis += h * h / 6.0 * ((left**3 - left) * bends[j] + (right**3 - right) * bends[j + 1])
    slope_first = (unit[1] - unit[0]) / gaps[0] - gaps[0] / 6.0 * bends[1]
    slope_last = (unit[-1] - unit[-2]) / gaps[-1] + gaps[-1] / 6.0 * bends[-2]
    basis += np.minimum(x - at[0], 0.0)[:, None] * slope_first
    basis += np.maximum(x - at[-1], 0.0)[:, None] * slope_last
    return np.ascontiguousarray(basis[:, 1:])


def _second_derivatives(gaps: Floats) -> Floats:
    """Row j: second derivative at knot j as a linear function of the values at all K knots."""
    n_knots = gaps.size + 1
    bends = np.zeros((n_knots, n_knots))
    n = n_knots - 2
    if n == 0:
        return bends
    unit = np.eye(n_knots)
    rise = (unit[1:] - unit[:-1]) / gaps[:, None]
    rhs = rise[1:] - rise[:-1]
    diagonal = (gaps[:-1] + gaps[1:]) / 3.0
    beside = gaps[1:-1] / 6.0
    # Elimination without pivots: the system is tridiagonal and strictly diagonally dominant.
    for i in range(1, n):
        factor = beside[i - 1] / diagonal[i - 1]
        diagonal[i] -= factor * beside[i - 1]
        rhs[i] -= factor * rhs[i - 1]
    for i in range(n - 1, -1, -1):
        if i < n - 1:
            rhs[i] -= beside[i] * rhs[i + 1]
        rhs[i] /= diagonal[i]
    bends[1:-1] = rhs
    return bends


def radial_basis(x: Any, centers: Any, width: float) -> Floats:
    """Gaussian bumps ``exp(-((x - c) / width)^2 / 2)``, one column per centre.

    Parameters
    ----------
    x : (n,) float
        For example time.
    centers : (k,) float
        Where the bumps peak, in the units of ``x``.
    width : float
        Standard deviation of a bump, > 0, in the units of ``x``.

    Returns
    -------
    (n, k) float64 in [0, 1]

    Raises
    ------
    InputError
        No centre, equal centres, or a width that is not positive.
    """
    x, c = _numbers(x, "rbf"), _numbers(centers, "rbf")
    if c.size == 0 or np.unique(c).size < c.size:
        raise InputError(f"rbf() needs at least one centre and no two alike, not {c.tolist()}.")
    if not (np.isfinite(width) and width > 0):
        raise InputError(
            f"rbf() has width={width}; give a positive width in the units of the covariate."
        )
    scaled = (x[:, None] - c[None, :]) / width
    return np.asarray(np.exp(-0.5 * scaled * scaled))


@cache
def formula_functions() -> Mapping[str, Any]:
    """Names added to those that formulaic offers in a formula, as stateful transforms."""
    from formulaic.transforms import C, stateful_transform

    return {"ns": stateful_transform(_ns), "rbf": stateful_transform(_rbf), "factor": C}


def _ns(
    x: Any,
    df: int | None = None,
    knots: Sequence[float] | None = None,
    boundary_knots: Sequence[float] | None = None,
    _state: dict[str, Any] = {},  # noqa: B006  # the wrapper of formulaic always passes its own
) -> Any:
    """Natural cubic spline with ``df`` columns: inner knots at quantiles, outer at the range."""
    if "knots" not in _state:
        _state["knots"] = _choose_knots(_numbers(x, "ns"), df, knots, boundary_knots)
    return _columns(natural_spline(x, _state["knots"]))


def _rbf(
    x: Any,
    k: int | None = None,
    width: float | None = None,
    centers: Sequence[float] | None = None,
    _state: dict[str, Any] = {},  # noqa: B006  # the wrapper of formulaic always passes its own
) -> Any:
    """``k`` Gaussian bumps, evenly spaced over the range, as wide as their distance."""
    if "centers" not in _state:
        c, w = _choose_centers(_numbers(x, "rbf"), k, centers, width)
        _state["centers"], _state["width"] = c, w
    return _columns(radial_basis(x, _state["centers"], _state["width"]))


def _choose_knots(x: Floats, df: Any, inner: Any, boundary: Any) -> list[float]:
    if (df is None) == (inner is None):
        raise InputError("ns() needs either df= (number of columns) or knots= (inner knots).")
    outer = _numbers([x.min(), x.max()] if boundary is None else boundary, "ns")
    if outer.size != 2:
        raise InputError(f"ns() has {outer.size} boundary_knots; give the lower and the upper one.")
    if inner is None:
        n = _whole(df, "ns", "df") - 1
        within = x[(x >= outer[0]) & (x <= outer[1])]
        inner = np.quantile(within, np.linspace(0.0, 1.0, n + 2)[1:-1]) if n else []
    return [float(outer[0]), *np.sort(_numbers(inner, "ns")).tolist(), float(outer[1])]


def _choose_centers(x: Floats, k: Any, centers: Any, width: Any) -> tuple[list[float], float]:
    if (k is None) == (centers is None):
        raise InputError("rbf() needs either k= (number of bumps) or centers= (their positions).")
    low, high = float(x.min()), float(x.max())
    if centers is None:
        n = _whole(k, "rbf", "k")
        centers = np.linspace(low, high, n) if n > 1 else [(low + high) / 2.0]
    at = np.sort(_numbers(centers, "rbf"))
    if width is None:
        width = float(np.diff(at).mean()) if at.size > 1 else high - low
    return at.tolist(), float(width)


def _columns(basis: Floats) -> Any:
    from formulaic.materializers.types import FactorValues

    names = [str(i + 1) for i in range(basis.shape[1])]
    return FactorValues(
        {name: basis[:, i] for i, name in enumerate(names)},
        column_names=tuple(names),
        format="{name}[{field}]",
        encoded=False,
    )


def _numbers(values: Any, function: str) -> Floats:
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{function}() needs numbers and was given text; convert the column to numbers first."
        ) from error
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise InputError(f"{function}() needs one column of finite numbers.")
    return numbers


def _whole(value: Any, function: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{function}() has {name}={value!r}; give a whole number from 1.")
    return int(value)
