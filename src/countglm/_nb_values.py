"""Log-likelihood, gradient and Hessian of single counts in (eta, log alpha), elementwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._nb_slopes import curvature, slope
from ._nb_terms import Entries, half_deviance, log_normalizer

Floats = NDArray[np.float64]

# Entries that are computed at once: their temporaries stay in cache.
_CHUNK = 1 << 14
_LARGEST = 2.0**53


class Gradient(NamedTuple):
    """First derivatives of the log-likelihood of every count."""

    d_eta: Floats
    d_log_alpha: Floats


class Hessian(NamedTuple):
    """Second derivatives of the log-likelihood of every count."""

    eta_eta: Floats
    eta_log_alpha: Floats
    log_alpha_log_alpha: Floats


def log_likelihood(counts: Any, eta: Any, log_alpha: Any) -> Floats:
    """Log probability of negative binomial counts, accurate over the whole range of doubles.

    The count has mean ``exp(eta)`` and variance ``mean + exp(log_alpha) mean²``.

    Parameters
    ----------
    counts : array_like
        Whole numbers from 0 to 2^53.
    eta : array_like
        Natural logarithm of the mean, size factor included; broadcast with the others. -inf is a
        mean of 0.
    log_alpha : array_like
        Natural logarithm of the dispersion; -inf is the Poisson, exactly.

    Returns
    -------
    ndarray of float64, of the broadcast shape
        ``log P(count)``, the constant included. NaN where a parameter is NaN or +inf.

    Raises
    ------
    InputError
        Counts that are negative, fractional, missing or beyond 2^53; values that are no numbers;
        shapes that do not broadcast.

    Notes
    -----
    For ``eta`` and ``log_alpha`` within ±700 the error is below 1e-14 of
    ``1 + |value| + |eta d_eta| + |log_alpha d_log_alpha|``: what the last digits of the arguments
    decide is the larger part. docs/math.md, 20.1 to 20.4.

    Examples
    --------
    >>> countglm.likelihood.log_likelihood([0, 3, 12], np.log(5.0), np.log(0.2))
    """
    return _elementwise(_log_likelihood, 1, counts, eta, log_alpha)[0]


def gradient(counts: Any, eta: Any, log_alpha: Any) -> Gradient:
    """First derivatives of `log_likelihood` in eta and log alpha.

    Parameters
    ----------
    counts, eta, log_alpha : array_like
        As for `log_likelihood`.

    Returns
    -------
    Gradient
        ``d_eta`` and ``d_log_alpha``, float64 of the broadcast shape. For gradients of a loss
        change the signs, and multiply by the derivatives of your links: by 1 for a network whose
        output is ``eta``, by ``1/mean`` times the derivative of softplus for one of softplus.

    Raises
    ------
    InputError
        As `log_likelihood`.

    Notes
    -----
    docs/math.md, 20.5: differences of digamma functions and of logarithms, which lose every digit
    for small dispersions, have been cancelled by hand.
    """
    return Gradient(*_elementwise(_gradient, 2, counts, eta, log_alpha))


def hessian(counts: Any, eta: Any, log_alpha: Any) -> Hessian:
    """Second derivatives of `log_likelihood` in eta and log alpha.

    Parameters
    ----------
    counts, eta, log_alpha : array_like
        As for `log_likelihood`.

    Returns
    -------
    Hessian
        ``eta_eta`` (never positive), ``eta_log_alpha`` and ``log_alpha_log_alpha`` (of either
        sign: the likelihood is not concave in the dispersion), float64 of the broadcast shape.

    Raises
    ------
    InputError
        As `log_likelihood`.

    Notes
    -----
    docs/math.md, 20.6.
    """
    return Hessian(*_elementwise(_hessian, 3, counts, eta, log_alpha))


def _log_likelihood(e: Entries) -> tuple[Floats]:
    value = -e.of_zero
    some = e.y > 0.0
    if some.any():
        present = Entries(e.y[some], e.eta[some], e.theta[some])
        possible = log_normalizer(present) - half_deviance(present)
        value[some] = np.where(present.eta > -np.inf, possible, -np.inf)
    return (value,)


def _gradient(e: Entries) -> tuple[Floats, Floats]:
    return e.score, slope(e)


def _hessian(e: Entries) -> tuple[Floats, Floats, Floats]:
    near = (e.information + e.y * e.p) * e.p_not
    in_eta = -np.where(e.t < 600.0, near, np.exp(np.log(e.y + e.r) - e.t))
    return in_eta, -e.p * e.score, curvature(e)


def _elementwise(
    formula: Callable[[Entries], tuple[Floats, ...]], n: int, counts: Any, eta: Any, log_alpha: Any
) -> list[Floats]:
    """Evaluate a formula over broadcast arrays, some entries at a time."""
    y = counts_of(counts)
    arrays = [y, numbers_of(eta, "eta"), numbers_of(log_alpha, "log_alpha")]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        raise InputError(
            "counts, eta and log_alpha do not broadcast: their shapes are "
            f"{', '.join(str(a.shape) for a in arrays)}. A value for every gene of counts "
            "(samples, genes) has shape (genes,), one for every sample (samples, 1)."
        ) from None
    flat = [np.broadcast_to(a, shape).reshape(-1) for a in arrays]
    found = [np.empty(flat[0].size) for _ in range(n)]
    with np.errstate(all="ignore"):
        for start in range(0, flat[0].size, _CHUNK):
            part = slice(start, start + _CHUNK)
            here = [a[part] for a in flat]
            # No value is the limit at a mean or a dispersion of infinity.
            known = (here[1] < np.inf) & (here[2] < np.inf)
            here[1:] = [np.where(known, a, 0.0) for a in here[1:]]
            for out, values in zip(found, formula(Entries(*here)), strict=True):
                out[part] = np.where(known, values, np.nan)
    return [out.reshape(shape) for out in found]


def numbers_of(values: Any, name: str) -> Floats:
    """Return an array of float64 from numbers, lists, frames or tensors.

    Raises
    ------
    InputError
        Values that are no real numbers.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # NumPy has no bfloat16; every one of them is a single.
        held = str(getattr(values, "dtype", ""))
        values = (values.float() if "bfloat16" in held else values).numpy()
    if hasattr(values, "toarray"):
        values = values.toarray()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(array.dtype)
        # NumPy would make NaN of None.
        if array.dtype.kind == "O" and any(v is None for v in array.flat):
            raise TypeError("None")
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} is no array of real numbers ({type(values).__name__}); give a number, an "
            "array, a DataFrame or a tensor."
        ) from None


def counts_of(counts: Any) -> Floats:
    """Return counts as float64.

    Raises
    ------
    InputError
        Counts that are negative, fractional, missing or beyond 2^53.
    """
    y = numbers_of(counts, "counts")
    bad = ~((y >= 0.0) & (y <= _LARGEST) & (y == np.floor(y)))
    if bad.any():
        first = tuple(int(k) for k in np.argwhere(bad)[0])
        place = f" at {list(first)}" if first else ""
        raise InputError(
            f"counts has {int(bad.sum())} of {y.size} values that are no counts, the first "
            f"{y[first]:g}{place}; counts are whole numbers from 0 to 2^53, before any "
            "normalisation or logarithm."
        )
    return y
