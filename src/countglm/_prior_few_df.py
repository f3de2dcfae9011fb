"""The prior variance of log dispersions at one to three residual degrees of freedom.

The log residuals are then far from normal, so their histogram is compared with that of the
logarithm of a chi-squared variable over its degrees of freedom plus normal noise, whose variance
is the prior variance (docs/math.md, 9.2-9.6).
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ._efron_morris import zero_in
from ._loess import loess

Floats = NDArray[np.float64]

TABLES = files("countglm") / "data" / "prior_variance_histograms.npz"
EDGES = np.arange(-20, 21) / 2.0
_WIDTH = 0.5
_LARGEST = 8.0
# Draws behind each simulated histogram, and the density that one of them makes in a bin.
_DRAWS = 10_000
_ONE_DRAW = 1 / (_DRAWS * _WIDTH)
# Trapezoidal rule for the normal variable: by these steps its error is below 1e-15 (9.3).
_REACH, _WIDEST_STEP, _STEP_OF_NOISE = 8.6, 0.4, 0.26
_GRID = 80


def observed_density(residual: Floats) -> Floats | None:
    """Return the density of log residuals in the 40 bins, None if all leave (-10, 10).

    The bins include their right edge, the first also its left.
    """
    inside = residual[(residual > EDGES[0]) & (residual < EDGES[-1])]
    if inside.size == 0:
        return None
    bins = np.searchsorted(EDGES[1:-1], inside, side="left")
    counts = np.bincount(bins, minlength=EDGES.size - 1)
    return np.asarray(counts / (inside.size * _WIDTH))


def simulated_minimiser(density: Floats, df: int) -> float:
    """Return the variance where the smoothed divergence from simulated histograms is least (9.6).

    Parameters
    ----------
    density : (40,) float64
        Density of the observed residuals.
    df : {1, 2, 3}
        Residual degrees of freedom.
    """
    counts = _tables()[df - 1]
    simulated = counts / (counts.sum(axis=1, keepdims=True) * _WIDTH)
    least = np.where(simulated > 0, simulated, np.inf).min(axis=1)
    floor = np.minimum(least, density[density > 0].min())[:, None]
    terms = density * (np.log(density + floor) - np.log(simulated + floor))
    at = np.linspace(0.0, _LARGEST, 1000)
    variances = np.linspace(0.0, _LARGEST, counts.shape[0])
    return float(at[np.argmin(loess(variances, terms.sum(axis=1), at, span=0.2))])


@cache
def _tables() -> NDArray[np.float64]:
    with TABLES.open("rb") as handle, np.load(handle, allow_pickle=False) as tables:
        return np.asarray(tables["histograms"], dtype=np.float64)


def continuous_minimiser(density: Floats, df: float) -> float:
    """Return the variance in [0, 8] where the divergence is least, to rounding (9.4, 9.5)."""
    floor = min(float(density[density > 0].min()), _ONE_DRAW)

    def slope(sd: float) -> float:
        model, change = model_density(sd, df)
        return -float(np.add.reduce(density * change / (model + floor)))

    grid, models = _models(df)
    terms = density * np.log(models + floor)
    lowest = int(np.argmax(np.add.reduce(terms, axis=1)))
    low, high = float(grid[max(lowest - 1, 0)]), float(grid[min(lowest + 1, _GRID)])
    # The divergence is even in the standard deviation: at 0 its slope is 0 and tells nothing.
    low = max(low, 1e-6 * high)
    if slope(low) > 0:
        return low**2
    if slope(high) <= 0:
        return min(high**2, _LARGEST)
    return zero_in(slope, low, high, 0.0) ** 2


@cache
def _models(df: float) -> tuple[Floats, Floats]:
    """Return standard deviations, in equal steps of the variance, and the densities there."""
    grid = np.sqrt(np.linspace(0.0, _LARGEST, _GRID + 1))
    return grid, np.array([model_density(float(sd), df)[0] for sd in grid])


def model_density(sd: float, df: float) -> tuple[Floats, Floats]:
    """Return the model's density in the 40 bins and its derivative by ``sd`` (9.2, 9.3).

    Parameters
    ----------
    sd : float
        Standard deviation of the normal noise, 0 to sqrt(8).
    df : {1, 2, 3}
        Degrees of freedom.
    """
    from scipy.special import gammaln

    shape = df / 2
    step = min(_WIDEST_STEP, _STEP_OF_NOISE / sd if sd > 0 else math.inf)
    half = math.ceil(_REACH / step)
    nodes = step * np.arange(-half, half + 1)
    weights = np.exp(-0.5 * nodes**2)
    weights /= np.add.reduce(weights)
    shifted = EDGES[:, None] - sd * nodes
    scaled = shape * np.exp(shifted)
    below = _gamma_below(shape, scaled)
    log_slope = shape * np.log(scaled) - scaled - gammaln(shape)
    cumulative = np.add.reduce(weights * below, axis=1)
    moved = np.add.reduce(-nodes * weights * np.exp(log_slope), axis=1)
    mass, change = np.diff(cumulative), np.diff(moved)
    total, total_change = cumulative[-1] - cumulative[0], moved[-1] - moved[0]
    density = mass / (total * _WIDTH)
    return density, (change / _WIDTH - density * total_change) / total


def _gamma_below(shape: float, x: Floats) -> Floats:
    """Return the distribution function of a gamma variable of this shape at ``x``."""
    from scipy.special import erf, gammainc

    # One to three degrees of freedom have forms that take a twentieth of the general one's time.
    if shape == 1.0:
        return np.asarray(-np.expm1(-x))
    if shape not in (0.5, 1.5):
        return np.asarray(gammainc(shape, x))
    root = np.sqrt(x)
    above = 2.0 / math.sqrt(math.pi) * root * np.exp(-x) if shape == 1.5 else 0.0
    return np.asarray(erf(root) - above)
