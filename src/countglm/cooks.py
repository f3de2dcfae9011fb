"""Cook's distances: counts that alone move the coefficients of their gene.

Arrays are gene-major, one row per gene: ``y``, fitted means and leverages (g, n), ``scale`` what a
fitted mean is multiplied by (size factors times exponential of offsets), (1, n) or (g, n).
A *cell* is a set of samples with identical rows of the design.  Equation numbers refer to
docs/math.md, section 10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cells import add_rows, cells_of, scaled_columns
from ._covariance import active_columns
from ._trimmed_moments import (
    MIN_CELL,
    MIN_ROBUST_DISPERSION,
    samples_in_cells,
    trimmed_mean,
)
from ._trimmed_moments import robust_dispersion as robust_dispersion
from .errors import InputError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CUTOFF_LEVEL = 0.99
REPLACEMENT_TRIM = 0.2


class Replacement(NamedTuple):
    """Counts with outliers replaced; see `replace_outliers`."""

    counts: Floats
    replaceable: Flags


def leverages(x: Floats, information: Floats) -> Floats:
    """Return the diagonal of each gene's hat matrix (eq. 10.1).

    Parameters
    ----------
    x : (n, p) float64
        Design matrix.
    information : (g, n) float64
        Information in the linear predictor of every sample, >= 0; a sample of 0 has leverage 0.

    Returns
    -------
    (g, n) float64
        In [0, 1]; each row sums to the rank of the informative part of the design.

    References
    ----------
    docs/math.md, eq. 10.1; Pregibon (1981), Ann. Statist. 9:705.
    """
    cells = cells_of(x)
    if cells.each_alone:
        return hat_diagonal(x, information)
    # The samples of a cell share its leverage in proportion to their information.
    total = cells.sums(information)
    hat = hat_diagonal(cells.rows, total)
    share = information / np.where(total > 0.0, total, 1.0)[:, cells.cell]
    share *= hat[:, cells.cell]
    return share


def hat_diagonal(x: Floats, information: Floats) -> Floats:
    """Return the leverages (g, k) of rows (k, p) whose information (g, k) is given."""
    active = active_columns(x, information > 0.0)
    a = scaled_columns(x, information, active)
    for j in range(x.shape[1]):
        # Twice is enough: a leverage near 1 must not be lost in the loss of orthogonality.
        for _ in range(2):
            for k in range(j):
                a[j] -= add_rows(a[k] * a[j]) * a[k]
        length = np.sqrt(add_rows(a[j] ** 2))
        a[j] /= np.where(active[:, j], length, 1.0)
    hat = np.minimum(add_rows(a * a), 1.0)
    return np.ascontiguousarray(hat.T)


def cooks_distances(
    y: Floats,
    scale: Floats,
    mu: Floats,
    leverage: Floats,
    x: Floats,
    *,
    weights: Floats | None = None,
) -> Floats:
    """Return how far each count moves the coefficients of its gene (eq. 10.4).

    Parameters
    ----------
    y, mu, leverage : (g, n) float64
        Counts, fitted means in counts, leverages.
    scale : (1, n) or (g, n) float64
        Size factors, or normalisation factors.
    x : (n, p) float64
        Design matrix.
    weights : (1, n) or (g, n) float64, optional
        Likelihood weights > 0 that the leverages were made with; 1 by default.

    Returns
    -------
    (g, n) float64
        NaN where a sample is fitted exactly whatever its count (leverage 1) and for genes without
        counts; 0 where the fitted mean is 0.

    References
    ----------
    docs/math.md, eq. 10.4; Cook (1977), Technometrics 19:15.
    """
    alpha = robust_dispersion(y / scale, x)[:, None]
    distance = distances_at(y, mu, leverage, alpha, x.shape[1], weights)
    return np.where((leverage < 1.0) & ~np.isnan(alpha), distance, np.nan)


def distances_at(
    y: Floats,
    mu: Floats,
    leverage: Floats,
    alpha: Floats | float,
    p: int,
    weights: Floats | None,
) -> Floats:
    """Return distances (eq. 10.4) under dispersions; parameters are those of `cooks_distances`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = (y - mu) ** 2 / (mu + alpha * mu**2)
        distance *= leverage / (1.0 - leverage) ** 2
        distance /= p
        if weights is not None:
            distance *= weights
    distance[~(mu > 0.0)] = 0.0
    return distance


def may_exceed(
    cutoff: float,
    y: Floats,
    mu: Floats,
    leverage: Floats,
    p: int,
    weights: Floats | None = None,
) -> Flags:
    """Return which genes (g,) may have a distance over the cutoff.

    The robust dispersion is never below its least value, under which no distance is smaller than
    it is; parameters are those of `cooks_distances`.
    """
    largest = distances_at(y, mu, leverage, MIN_ROBUST_DISPERSION, p, weights)
    with np.errstate(invalid="ignore"):
        return np.asarray((largest > cutoff).any(axis=1))


def cooks_cutoff(n: int, p: int) -> float:
    """Return the 99% quantile of the F distribution with ``p`` and ``n - p`` degrees of freedom.

    Parameters
    ----------
    n, p : int
        Samples and coefficients; ``n > p``.

    Raises
    ------
    InputError
        No residual degrees of freedom.

    References
    ----------
    docs/math.md, eq. 10.5.
    """
    if not 1 <= p < n:
        raise InputError(
            f"Cook's distances have no cutoff with {n} samples and {p} coefficients; they need "
            "more samples than coefficients."
        )
    from scipy.special import fdtri

    return float(fdtri(p, n - p, CUTOFF_LEVEL))


def max_cooks(distances: Floats, x: Floats) -> Floats:
    """Return each gene's largest distance among the samples in cells of three or more.

    Parameters
    ----------
    distances : (g, n) float64
    x : (n, p) float64

    Returns
    -------
    (g,) float64
        NaN where there is no such sample, no distance, or as many coefficients as samples.
    """
    n, p = x.shape
    counted = samples_in_cells(x, MIN_CELL)
    if n <= p or not counted.any():
        return np.full(distances.shape[0], np.nan)
    return np.asarray(np.fmax.reduce(np.ascontiguousarray(distances.T[counted]), axis=0))


def cooks_outliers(
    max_cooks: Floats,
    cutoff: float,
    distances: Floats,
    y: Floats,
    x: Floats,
    two_level_factor: bool,
) -> Flags:
    """Return which genes have an outlier, so that their p-value is not to be trusted (eq. 10.6).

    Parameters
    ----------
    max_cooks : (g,) float64
        Of `max_cooks`; NaN is no outlier.
    cutoff : float
        Of `cooks_cutoff`.
    distances, y : (g, n) float64
        Cook's distances and counts.
    x : (n, p) float64
        Design matrix.
    two_level_factor : bool
        The design is one factor of two levels.  Then a gene is spared where three counts or more
        exceed the count of the sample with the largest distance: a low count among high ones
        cannot make a difference that is not there.

    Returns
    -------
    (g,) bool
    """
    with np.errstate(invalid="ignore"):
        outlier = np.asarray(max_cooks > cutoff)
    if two_level_factor and x.shape[1] == 2:
        genes = np.flatnonzero(outlier)
        # NaN distances are of samples that cannot be outliers.
        worst = np.argmax(np.where(np.isnan(distances[genes]), -1.0, distances[genes]), axis=1)
        count = y[genes, worst]
        outlier[genes] = np.count_nonzero(y[genes] > count[:, None], axis=1) < MIN_CELL
    return outlier


def replace_outliers(
    y: Floats,
    scale: Floats,
    distances: Floats,
    cutoff: float,
    x: Floats,
    min_replicates: float = 7,
) -> Replacement:
    """Return counts in which outliers are what the other samples let expect (eq. 10.7).

    Parameters
    ----------
    y, distances : (g, n) float64
        Counts and Cook's distances.
    scale : (1, n) or (g, n) float64
        Size factors, or normalisation factors.
    cutoff : float
        Of `cooks_cutoff`.
    x : (n, p) float64
        Design matrix.
    min_replicates : float
        Least samples of a cell in which counts are replaced, >= 3; infinite for none.

    Returns
    -------
    Replacement
        ``counts`` (g, n), ``y`` itself without outliers; ``replaceable`` (n,): the sample lies in a
        cell large enough.

    Raises
    ------
    InputError
        Fewer than three replicates asked for.
    """
    if min_replicates < MIN_CELL:
        raise InputError(
            f"min_replicates={min_replicates} is too few to tell an outlier; give at least "
            f"{MIN_CELL}, or switch replacement off."
        )
    replaceable = samples_in_cells(x, min_replicates)
    with np.errstate(invalid="ignore"):
        over = (distances > cutoff) & replaceable
    counts = y
    genes = np.flatnonzero(over.any(axis=1)) if replaceable.any() else np.zeros(0, dtype=np.intp)
    if genes.size:
        counts = y.copy()
        s = np.broadcast_to(scale, y.shape)[genes]
        expected = np.trunc(trimmed_mean(y[genes] / s, REPLACEMENT_TRIM)[:, None] * s)
        counts[genes] = np.where(over[genes], expected, y[genes])
    return Replacement(counts, replaceable)
