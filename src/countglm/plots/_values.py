"""Transformed counts for plots of samples: as given, or by the result's own scale and trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._replaced import given_counts
from countglm._scaling import Scale, normalized
from countglm._stabilizer import curve_for
from countglm._trend_of_counts import trend_of_counts
from countglm.errors import InputError
from countglm.plots._literal import printable

if TYPE_CHECKING:
    from countglm.deresult import DEResult

Floats = NDArray[np.float64]


def scale_of(result: DEResult) -> Scale:
    """Return what the result's counts were divided by: size factors, with offsets where given."""
    fit = result.fit
    if fit.offset is None:
        return Scale(fit.size_factors)
    if fit.offset.ndim == 1:
        return Scale(fit.size_factors * np.exp(fit.offset))
    return Scale(fit.size_factors[:, None] * np.exp(fit.offset))


def stabilized(result: DEResult, counts: Any = None) -> Floats:
    """Return variance-stabilised values (n_samples, n_genes) of the counts as they were given.

    The dispersion trend is the result's; where it has none, as with given dispersions, that of
    the counts without regard to the design.

    Raises
    ------
    InputError
        The result was loaded, and ``counts`` are missing or others.
    """
    matrix, scale = given_counts(result, counts), scale_of(result)
    mode, trend = result.settings["mode"], result.dispersion.trend_function
    if trend is None:
        trend = trend_of_counts(
            matrix, scale, design=None, blind=True, fit_type="parametric", mode=mode
        )
    q = normalized(matrix, scale)
    return curve_for(trend, q, scale, mode)(q)


def sample_values(result: DEResult, values: Any, counts: Any) -> Floats:
    """Return transformed values (n_samples, n_genes): those given, or else `stabilized`.

    Raises
    ------
    InputError
        Values of another shape or not finite; counts that are missing or others.
    """
    if values is None:
        return stabilized(result, counts)
    wanted = (result.fit.n_samples, result.fit.n_genes)
    try:
        given = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"values of type {type(values).__name__} cannot be read as numbers; give what vst() "
            "or rlog() returned."
        ) from None
    if given.shape != wanted:
        raise InputError(
            f"values has shape {given.shape}, but the result has {wanted[0]} samples and "
            f"{wanted[1]} genes; give what vst() or rlog() returned, samples x genes."
        )
    bad = int(np.count_nonzero(~np.isfinite(given)))
    if bad:
        raise InputError(
            f"values has {bad} entries that are not finite; give what vst() or rlog() returned."
        )
    return given


def sample_labels(result: DEResult) -> list[str]:
    """Return the names of the samples, their numbers from 1 where they have none."""
    names = result.fit.sample_names
    if names is None:
        return [str(i + 1) for i in range(result.fit.n_samples)]
    return [printable(str(name)) for name in names]
