"""Means of new samples, by a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import as_real_array
from ._contrast_fit import incomplete_groups
from ._families import BINOMIAL, GAUSSIAN, shares
from ._names import first_few
from ._points import points_of
from ._response_block import predictors
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


def predict(fit: GLMFit, design: Any, offset: Any, genes: Index) -> Floats:
    """Return means (m, g) of new samples; see `GLMFit.predict`."""
    rows = _rows(fit, design)
    shift = as_real_array(offset, "offset")
    if shift.shape not in ((), (rows.shape[0],), (rows.shape[0], genes.size)):
        raise InputError(
            f"offset has shape {shift.shape}; give one number, ({rows.shape[0]},) values, one a "
            f"new sample, or ({rows.shape[0]}, {genes.size})."
        )
    if not np.isfinite(shift).all():
        raise InputError("offset has values that are not finite; leave such samples out.")
    by_gene = shift.T if shift.ndim == 2 else np.broadcast_to(shift, (rows.shape[0],))
    eta = predictors(rows, fit.finite_coefficients[genes], by_gene)
    _put_limits(fit, rows, genes, eta)
    eta[np.isin(fit.status[genes], (Status.ALL_ZERO, Status.INVALID))] = np.nan
    if fit.family == GAUSSIAN:
        mean = eta
    elif fit.family == BINOMIAL:
        mean = np.where(np.isnan(eta), np.nan, shares(eta)[0])
    else:
        with np.errstate(over="ignore"):
            mean = np.exp(eta)
    return np.ascontiguousarray(mean.T)


def _rows(fit: GLMFit, design: Any) -> Floats:
    names = list(fit.coef_names)
    columns = getattr(design, "columns", None)
    if columns is not None:
        missing = [name for name in names if name not in columns]
        if missing:
            raise InputError(
                f"design lacks {len(missing)} of the columns of the fit, first {missing[0]!r}; it "
                f"needs {first_few(names, 10)}, as fit.design.names has them."
            )
        design = design[names]
    rows = as_real_array(design, "design")
    if rows.ndim == 1:
        rows = rows[None, :]
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise InputError(
            f"design has shape {rows.shape}; give (m, {len(names)}), one column a coefficient: "
            f"{first_few(names, 10)}."
        )
    bad = ~np.isfinite(rows)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"design has {int(bad.sum())} value(s) that are missing or infinite, first in row "
            f"{row} of {names[column]!r}; fill them in or leave the rows out."
        )
    return np.ascontiguousarray(rows)


def _put_limits(fit: GLMFit, rows: Floats, genes: Index, eta: Floats) -> None:
    """Put limits of predictors (g, m) that have no finite value: infinite, or NaN."""
    place = {gene: row for row, gene in enumerate(genes.tolist())}
    for group, completion in incomplete_groups(fit, points_of(fit)):
        wanted = np.array([place[g] for g in group.tolist() if g in place], dtype=np.intp)
        if wanted.size == 0:
            continue
        limits = completion.limits_of(rows)
        lost = np.flatnonzero(limits != 0.0)
        eta[np.ix_(wanted, lost)] = limits[lost]
