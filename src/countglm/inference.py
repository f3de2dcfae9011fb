"""Tests on coefficients of a fit: Wald, likelihood ratio at the supremum, multiplicity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .existence import complete
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .results import GLMFit

Floats = NDArray[np.float64]
LN2 = float(np.log(2.0))


def benjamini_hochberg(pvalue: ArrayLike) -> Floats:
    """Return p-values adjusted for the false discovery rate; NaN stays NaN and is not counted.

    Parameters
    ----------
    pvalue : (m,) array_like
        In [0, 1] or NaN.

    Returns
    -------
    (m,) float64

    References
    ----------
    Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57:289, by `scipy.stats`.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(pvalue, dtype=np.float64)
    known = ~np.isnan(p)
    adjusted = np.full(p.shape, np.nan)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="bh")
    return adjusted
