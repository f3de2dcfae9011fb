"""Covariances of the coefficients of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import active_columns, inverse_information
from ._points import points_of

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]


def covariance_of(fit: GLMFit, index: NDArray[np.intp], counts: CountMatrix | None) -> Floats:
    """Covariance (g, p, p) of genes ``index``: observed where counts are given, else expected."""
    points = points_of(fit)
    x = np.ascontiguousarray(points.rows, dtype=np.float64)
    p = x.shape[1]
    result = np.empty((index.size, p, p))
    for start in range(0, index.size, points.tile):
        genes = index[start : start + points.tile]
        weight = points.information(genes, counts)
        # Genes without a fit inform about nothing.
        weight = np.where(np.isfinite(weight), weight, 0.0)
        part = inverse_information(x, weight, active_columns(x, weight > 0))
        unknown = ~np.isfinite(fit.standard_errors[genes])
        part[unknown[:, :, None] | unknown[:, None, :]] = np.nan
        result[start : start + points.tile] = part
    return result
