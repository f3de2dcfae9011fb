"""Independent filtering: leave out the genes that could hardly be found, before adjusting.

The filter, usually the mean of normalised counts, knows nothing of the groups, so that leaving out
genes by it keeps the error rate (docs/math.md, section 11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import check_share
from ._lowess import lowess
from .errors import InputError
from .inference import benjamini_hochberg

Floats = NDArray[np.float64]
Adjust = Callable[[Floats], ArrayLike]

RULES = ("new", "1.38")
# Below this many rejections the curve is noise, and nothing is filtered.
FEW_REJECTIONS = 10
_N_THETA = 50
_SPAN = 1.0 / 5.0


@dataclass(frozen=True, eq=False)
class Filtering:
    """Adjusted p-values and how the filter was chosen.

    Attributes
    ----------
    padj : (G,) float64
        Adjusted p-values; NaN for genes that were filtered or have no p-value.
    threshold : float
        Least value of the filter statistic that is kept.
    theta, cutoffs : (m,) float64
        Shares of genes that were tried, and the quantiles of the statistic there.
    rejections : (m,) int64
        Genes with an adjusted p-value below alpha, by share.
    smooth : (m,) float64
        The curve through ``rejections``.
    chosen : int
        Place of the share that was taken.
    passed : (G,) bool
        Genes whose statistic reaches the threshold.
    """

    padj: Floats
    threshold: float
    theta: Floats
    cutoffs: Floats
    rejections: NDArray[np.int64]
    smooth: Floats
    chosen: int
    passed: NDArray[np.bool_]


def independent_filtering(
    pvalue: ArrayLike,
    filter_statistic: ArrayLike,
    *,
    alpha: float = 0.1,
    rule: str = "new",
    adjust: Adjust = benjamini_hochberg,
    theta: ArrayLike | None = None,
) -> Filtering:
    """Adjust p-values after leaving out the genes of lowest mean, as many as pays.

    Parameters
    ----------
    pvalue : (G,) array_like
        In [0, 1], or NaN for genes without a test.
    filter_statistic : (G,) array_like
        What to filter by, >= 0, independent of ``pvalue`` under the null hypothesis: the mean of
        normalised counts.
    alpha : float
        Level, in (0, 1), at which rejections are counted: the level of the final result.
    rule : {"new", "1.38"}
        What to do where no share reaches the curve's maximum less its noise: take the first with
        more than 90%, then 80%, of it (DESeq2 since 1.39.7), or filter nothing (before).
    adjust : callable
        From p-values (G,) with NaN for genes that do not count to adjusted ones of that shape.
    theta : (m,) array_like, optional
        Shares of genes to try, ascending, in [0, 1]; 50 from the share of zeros to 0.95 by default.

    Returns
    -------
    Filtering

    Raises
    ------
    InputError
        Lengths that differ, p-values or shares out of range, an unknown rule, a statistic that is
        not finite.

    References
    ----------
    docs/math.md, eqs. 11.1 to 11.4; Bourgon, Gentleman and Huber (2010), PNAS 107:9546; Love,
    Huber and Anders (2014), Genome Biol. 15:550.
    """
    p, statistic = _checked(pvalue, filter_statistic, alpha, rule)
    shares = _shares(statistic) if theta is None else _given_shares(theta)
    cutoffs = _quantiles(statistic, shares)

    def adjusted(cutoff: float) -> Floats:
        kept = np.where(statistic >= cutoff, p, np.nan)
        return np.asarray(adjust(kept), dtype=np.float64)

    if adjust is benjamini_hochberg:
        rejections = _rejections(p, statistic, cutoffs, alpha)
    else:
        rejections = np.array([np.count_nonzero(adjusted(c) < alpha) for c in cutoffs])
    smooth = lowess(shares, rejections.astype(np.float64), f=_SPAN)
    chosen = _choose(rejections, smooth, rule)
    threshold = float(cutoffs[chosen])
    return Filtering(
        adjusted(threshold), threshold, shares, cutoffs, rejections, smooth, chosen,
        statistic >= threshold,
    )  # fmt: skip


def _checked(
    pvalue: ArrayLike, filter_statistic: ArrayLike, alpha: float, rule: str
) -> tuple[Floats, Floats]:
    if rule not in RULES:
        raise InputError(f"rule={rule!r} is not known; choose from {', '.join(RULES)}.")
    check_share(alpha, "alpha", "the false discovery rate")
    p = np.asarray(pvalue, dtype=np.float64)
    statistic = np.asarray(filter_statistic, dtype=np.float64)
    if p.ndim != 1 or p.shape != statistic.shape or p.size == 0:
        raise InputError(
            f"pvalue has shape {p.shape} and filter_statistic {statistic.shape}; give one of each "
            "per gene."
        )
    # Asked of all: adjusting sees only the genes that a cutoff keeps.
    bad = np.flatnonzero((p < 0.0) | (p > 1.0))
    if bad.size:
        raise InputError(
            f"pvalue has {bad.size} value(s) outside [0, 1], the first {p[bad[0]]:g} at gene "
            f"{bad[0]} (counted from 0); give probabilities, NaN where there is none."
        )
    bad = np.flatnonzero(~np.isfinite(statistic))
    if bad.size:
        raise InputError(
            f"filter_statistic has {bad.size} value(s) that are not finite, the first at gene "
            f"{bad[0]} (counted from 0); every gene needs one, also without a p-value."
        )
    return p, statistic


def _shares(statistic: Floats) -> Floats:
    """Return the 50 shares to try (eq. 11.1)."""
    low = np.count_nonzero(statistic == 0.0) / statistic.size
    high = 0.95 if low < 0.95 else 1.0
    return np.linspace(low, high, _N_THETA)


def _given_shares(theta: ArrayLike) -> Floats:
    shares = np.atleast_1d(np.asarray(theta, dtype=np.float64))
    if shares.ndim != 1 or not ((shares >= 0.0) & (shares <= 1.0)).all():
        raise InputError("theta must hold shares of the genes, between 0 and 1.")
    if shares.size < 2 or (np.diff(shares) <= 0.0).any():
        raise InputError("theta must hold two shares or more, each larger than the one before.")
    return shares


def _quantiles(values: Floats, shares: Floats) -> Floats:
    """Return quantiles by linear interpolation of order statistics (Hyndman and Fan's type 7)."""
    ordered = np.sort(values)
    place = (values.size - 1) * shares
    # A place that is whole up to rounding is whole: else a gene would fall below itself.
    whole = np.rint(place)
    place = np.where(np.abs(place - whole) <= 4.0 * np.spacing(place + 1.0), whole, place)
    low = np.floor(place).astype(np.intp)
    part = place - low
    below, above = ordered[low], ordered[np.minimum(low + 1, values.size - 1)]
    between = (part > 0.0) & (below != above)
    return np.where(between, (1.0 - part) * below + part * above, below)


def _rejections(p: Floats, statistic: Floats, cutoffs: Floats, alpha: float) -> NDArray[np.int64]:
    """Count the adjusted p-values (Benjamini-Hochberg's) below ``alpha`` at every cutoff (m,).

    One sort serves all cutoffs: a gene is found where the adjusted p-value of it or of one above
    it is below ``alpha``, and no p-value is lowered by adjusting.
    """
    known = ~np.isnan(p)
    p, statistic = p[known], statistic[known]
    kept = p.size - np.searchsorted(np.sort(statistic), cutoffs, side="left")
    candidates = np.flatnonzero(p < alpha)
    candidates = candidates[np.argsort(p[candidates])]
    p = p[candidates]
    # The candidates' statistics are kept by the cutoffs up to this place.
    last = np.searchsorted(cutoffs, statistic[candidates], side="right")
    rank = np.arange(1, p.size + 1)
    rejections = np.zeros(cutoffs.size, dtype=np.int64)
    for place in range(cutoffs.size):
        ascending = p[last > place]
        found = ascending * (kept[place] / rank[: ascending.size]) < alpha
        if found.any():
            rejections[place] = found.size - np.argmax(found[::-1])
    return rejections


def _choose(rejections: NDArray[np.int64], smooth: Floats, rule: str) -> int:
    """Return the place of the share to take (eqs. 11.2 to 11.4)."""
    if rejections.max() <= FEW_REJECTIONS:
        return 0
    some = rejections > 0
    residual = rejections[some] - smooth[some]
    highest = float(smooth.max())
    noise = float(np.sqrt(np.add.reduce(residual**2) / residual.size))
    bars = [highest - noise]
    if rule == "new":
        bars += [0.9 * highest, 0.8 * highest]
    for bar in bars:
        over = np.flatnonzero(rejections > bar)
        if over.size:
            return int(over[0])
    return 0
