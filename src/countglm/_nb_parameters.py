"""Conversions between the parametrisations of the negative binomial (docs/math.md, 20.8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._nb_libraries import PLACES, SIZES, NBParameters
from ._nb_terms import expit
from ._nb_values import numbers_of

Floats = NDArray[np.float64]

# The least number with all its digits.
_TINY = float(np.finfo(np.float64).tiny)


def parameters(
    *,
    mean: Any = None,
    eta: Any = None,
    dispersion: Any = None,
    log_alpha: Any = None,
    inverse_dispersion: Any = None,
    n: Any = None,
    total_count: Any = None,
    p: Any = None,
    probs: Any = None,
    logits: Any = None,
) -> NBParameters:
    """Convert the parameters of a negative binomial, exactly at the extremes.

    Give one of ``dispersion``, ``log_alpha``, ``inverse_dispersion``, ``n``, ``total_count`` (the
    last three are the same) and one of ``mean``, ``eta``, ``p``, ``probs``, ``logits``.

    Parameters
    ----------
    mean, eta : array_like
        Mean >= 0, or its natural logarithm.
    dispersion, log_alpha : array_like
        alpha >= 0 in ``variance = mean + alpha mean²`` (0: Poisson), or its natural logarithm.
    inverse_dispersion, n, total_count : array_like
        1/alpha > 0; inf with ``mean`` or ``eta`` is the Poisson.
    p : array_like
        SciPy's and NumPy's probability of success, ``r / (r + mean)``, in (0, 1].
    probs : array_like
        torch's probability, ``mean / (r + mean)``, in [0, 1). Where one of ``p`` and ``probs`` is
        near 1, so that its complement has lost digits, give both: each is used where it is small.
    logits : array_like
        ``log(probs / (1 - probs))``, the only one of the three without a bad end.

    Returns
    -------
    NBParameters
        Every parametrisation as an attribute; ``.to("torch")`` and so on for a library's words.

    Raises
    ------
    InputError
        None or two of a kind, values out of range, probabilities that do not add up to 1, a total
        count of inf without a mean, shapes that do not broadcast.

    Notes
    -----
    What is given comes back with the same bits; the others are within a few units of their last
    place, also for a ``p`` of 1e-300 (docs/math.md, 20.8).

    Examples
    --------
    >>> countglm.likelihood.parameters(mean=10.0, dispersion=0.5).to("torch")
    >>> countglm.likelihood.parameters(total_count=2.0, probs=0.75).mean
    """
    given = {
        "mean": mean, "eta": eta, "dispersion": dispersion, "log_alpha": log_alpha,
        "inverse_dispersion": inverse_dispersion, "n": n, "total_count": total_count, "p": p,
        "probs": probs, "logits": logits,
    }  # fmt: skip
    numbers = {name: numbers_of(v, name) for name, v in given.items() if v is not None}
    _check_choice(numbers)
    for name, values in numbers.items():
        _check_range(name, values, paired={"p", "probs"} <= numbers.keys())
    _check_shapes(numbers)
    if {"p", "probs"} <= numbers.keys():
        _check_sum(numbers["p"], numbers["probs"])
    found = resolve(numbers)
    if np.isinf(found.inverse_dispersion).any() and not {"mean", "eta"} & numbers.keys():
        raise InputError(
            "An infinite total count (or a dispersion of 0) is the Poisson, whose mean no "
            "probability tells; give mean or eta beside it."
        )
    return found


def _check_choice(numbers: dict[str, Floats]) -> None:
    size = [name for name in SIZES if name in numbers]
    place = [name for name in PLACES if name in numbers]
    if len(size) != 1 or (len(place) != 1 and place != ["p", "probs"]):
        raise InputError(
            f"parameters() was given {', '.join(numbers) or 'nothing'}; it needs one of "
            f"{', '.join(SIZES)} and one of {', '.join(PLACES)} (p and probs may come together)."
        )


def _check_shapes(numbers: dict[str, Floats]) -> None:
    try:
        np.broadcast_shapes(*(values.shape for values in numbers.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in numbers.items())
        raise InputError(
            f"The parameters do not broadcast: {shapes}. Values of genes have shape (genes,), of "
            "samples (samples, 1)."
        ) from None


def _in_range(name: str, v: Floats, paired: bool) -> tuple[NDArray[np.bool_], str]:
    """Tell which values a parameter may have, and say it in words."""
    if name in ("mean", "dispersion"):
        return (v >= 0.0) & (v < np.inf), "finite and not negative"
    if name in ("inverse_dispersion", "n", "total_count"):
        return v > 0.0, "positive"
    if name == "p":
        return (v > 0.0) & (v <= 1.0), "in (0, 1]"
    if name == "probs":
        # Beside its complement p, which holds the distance, it may have rounded to 1.
        return (v >= 0.0) & ((v <= 1.0) if paired else (v < 1.0)), "in [0, 1)"
    return v < np.inf, "below inf"


def out_of_range(
    name: str, values: Floats, *, paired: bool = False
) -> tuple[NDArray[np.bool_], str]:
    """Return where a parameter has an impossible value, and what it should be.

    ``paired`` says that p and probs were given together.
    """
    fine, words = _in_range(name, values, paired)
    return ~fine, words


def _check_range(name: str, values: Floats, *, paired: bool) -> None:
    bad, words = out_of_range(name, values, paired=paired)
    if bad.any():
        first = float(values[bad].flat[0])
        raise InputError(
            f"{name} must be {words} and has {int(bad.sum())} of {bad.size} values that are not, "
            f"the first {first:g}; correct them, or use log_alpha, eta or logits, which have no "
            "such bounds."
        )


def _check_sum(p: Floats, probs: Floats) -> None:
    if (np.abs(p + probs - 1.0) > 1e-6).any():
        raise InputError(
            "p and probs do not add up to 1: p is r / (r + mean) (SciPy), probs is mean / "
            "(r + mean) (torch). Give one of them."
        )


def resolve(numbers: dict[str, Floats]) -> NBParameters:
    """Return all parametrisations from one size and one place, whatever their values."""
    with np.errstate(all="ignore"):
        arrays = dict(zip(numbers, np.broadcast_arrays(*numbers.values()), strict=True))
        alpha, log_alpha, r = _sizes(arrays)
        if "mean" in arrays or "eta" in arrays:
            mean = arrays["mean"] if "mean" in arrays else np.exp(arrays["eta"])
            eta = arrays.get("eta", np.log(mean))
            given = "eta" in arrays or "log_alpha" in arrays
            logits = eta + log_alpha if given else _log_product(mean, alpha, r)
            probs, p = _share(mean, alpha, r, logits)
            return _made(mean, eta, alpha, log_alpha, r, p, probs, logits)
        if "logits" in arrays:
            logits = arrays["logits"]
            odds, probs, p = np.exp(logits), expit(logits), expit(-logits)
        else:
            probs = arrays["probs"] if "probs" in arrays else 1.0 - arrays["p"]
            p = arrays["p"] if "p" in arrays else 1.0 - arrays["probs"]
            odds = probs / p
            near = np.abs(odds - 1.0) < 0.5
            apart = _log_of(probs, p) - _log_of(p, probs)
            logits = np.where(near, np.log1p((probs - p) / p), apart)
        mean, eta = r * odds, logits - log_alpha
        # A product beyond double precision, where a factor is but the product is not.
        mean = np.where(np.isfinite(odds) & (odds > _TINY), mean, np.exp(eta))
        return _made(mean, eta, alpha, log_alpha, r, p, probs, logits)


def _made(*values: Floats) -> NBParameters:
    """Return parameters whose attributes are arrays, also of one number."""
    return NBParameters(*(np.asarray(v) for v in values))


def _sizes(arrays: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """Return dispersion, its logarithm and its inverse."""
    if "dispersion" in arrays:
        # -0.0, which clips and relus put out, has another inverse than 0.
        alpha = arrays["dispersion"] + 0.0
        return alpha, np.log(alpha), 1.0 / alpha
    if "log_alpha" in arrays:
        log_alpha = arrays["log_alpha"]
        return np.exp(log_alpha), log_alpha, np.exp(-log_alpha)
    (name,) = [name for name in SIZES if name in arrays]
    r = arrays[name]
    return 1.0 / r, -np.log(r), r


def _log_of(a: Floats, rest: Floats) -> Floats:
    """Return log a for a = 1 - rest."""
    return np.where(a > 0.5, np.log1p(-rest), np.log(a))


def _log_product(mean: Floats, alpha: Floats, r: Floats) -> Floats:
    """Return log(alpha mean)."""
    odds = mean / r
    near = np.abs(odds - 1.0) < 0.5
    usual = (odds > _TINY) & np.isfinite(odds)
    logs = np.where(usual, np.log(odds), np.log(mean) - np.log(r))
    logs = np.where(near, np.log1p((mean - r) / r), logs)
    return np.where(np.isinf(r) & (alpha > 0.0), np.log(mean) + np.log(alpha), logs)


def _share(mean: Floats, alpha: Floats, r: Floats, logits: Floats) -> tuple[Floats, Floats]:
    """Return mean/(r + mean) and r/(r + mean)."""
    total = r + mean
    usual = np.isfinite(total) & (total > _TINY)
    by_size = np.where(usual, mean / total, expit(logits))
    return by_size, np.where(usual, r / total, expit(-logits))
