"""Can the search of a dispersion tell two values apart, or does rounding end it first?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._adjustment import make_adjustment
from ._line_search import Objective

Floats = NDArray[np.float64]


class Gap(NamedTuple):
    """Difference of the objective at two dispersions (g,), and its rounding (g,)."""

    difference: Floats
    rounding: Floats


def objective_gap(
    y: Floats,
    mu: Floats,
    x: Floats,
    pair: tuple[Floats, Floats],
    *,
    weights: Floats | None = None,
    log_centre: Floats | None = None,
    variance: float = 1.0,
) -> Gap:
    """Compare two dispersions of every gene by the objective of the search, at its held means.

    Parameters
    ----------
    y, mu : (g, n)
        Counts, and means of the gene-wise step, raised to 1/2.
    x : (n, p)
        Design matrix.
    pair : two of (g,)
        Dispersions, positive.
    weights : (g, n) or None
    log_centre : (g,) or None
        Log of the prior's mode; None for the gene-wise objective.
    variance : float
        Of the prior.

    Returns
    -------
    Gap
        ``difference`` is the value at the first less that at the second; where it is within
        ``rounding``, the search cannot tell them apart (docs/math.md, 14.2 and 14.3).
    """
    objective = Objective(y, mu, weights, make_adjustment(x, weights, 0.0), log_centre, variance)
    first, second = (objective.value(np.log(alpha)) for alpha in pair)
    rounding = np.maximum(_rounding(objective, pair[0]), _rounding(objective, pair[1]))
    return Gap(first - second, rounding)


def _rounding(objective: Objective, alpha: Floats) -> Floats:
    """Rounding (g,) of the objective as DESeq2 adds it up: that of its terms, which cancel."""
    from scipy.special import gammaln

    y, r = objective.y, 1.0 / alpha[:, None]
    terms = np.abs(gammaln(y + r)) + np.abs(gammaln(r)) + y * np.abs(np.log(objective.mu + r))
    total = np.add.reduce(terms + r * np.log1p(objective.mu / r), axis=1)
    return np.asarray(np.finfo(np.float64).eps * total)
