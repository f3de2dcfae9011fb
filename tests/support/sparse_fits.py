"""Studies of many samples most of whose counts are zero, with means that fit them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from countglm.status import Status

GENES = 60
LEVELS = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1]])


def study(
    n: int, seed: int, group: np.ndarray | None = None, log_mean: float = -3.0
) -> SimpleNamespace:
    """Return counts, most of them zero, some of them outliers, and means that fit them."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n) if group is None else group
    factors = np.exp(rng.normal(0.0, 0.5, n))
    mean = np.exp(rng.normal(log_mean, 1.5, (3, GENES)))
    alpha = rng.uniform(0.05, 2.0, GENES)
    mu = factors[:, None] * mean[group]
    counts = rng.poisson(mu * rng.gamma(1.0 / alpha, alpha, mu.shape))
    counts[rng.integers(0, n, 20), rng.integers(0, GENES, 20)] += rng.integers(1, 400, 20)
    counts[:, 0] = 0
    return fit_of(counts, factors, group, alpha)


def fit_of(
    counts: np.ndarray, factors: np.ndarray, group: np.ndarray, alpha: np.ndarray
) -> SimpleNamespace:
    """Return a study with a fit of the design of three groups: the means of the groups."""
    n = group.size
    total = np.array([counts[group == k].sum(axis=0) for k in range(3)])
    scale = np.array([factors[group == k].sum() for k in range(3)])[:, None] + 1e-9
    # A group without counts is separated.
    separated = np.zeros((3, n), dtype=np.bool_)
    for k in range(3):
        separated[k] = group == k
    pattern = np.full(GENES, -1)
    empty = np.argwhere((total == 0).sum(axis=0) == 1)[:, 0]
    pattern[empty] = np.argmin(total[:, empty], axis=0)
    eta = np.log(np.maximum(total, 0.3) / scale)
    coefficients = np.column_stack([eta[0], eta[1] - eta[0], eta[2] - eta[0]])
    status = np.full(GENES, Status.CONVERGED)
    status[~counts.any(axis=0)] = Status.ALL_ZERO
    dispersion = np.where(status == Status.ALL_ZERO, np.nan, alpha)
    x = LEVELS[group]
    fit = SimpleNamespace(
        design=SimpleNamespace(matrix=x), n_samples=n, size_factors=factors, offset=None,
        weights=None, trials=None, separated_ones=None, family="nb", provenance={},
        finite_coefficients=coefficients, separation_pattern=pattern,
        separated_samples=separated, status=status, dispersion=dispersion,
    )  # fmt: skip
    return SimpleNamespace(counts=counts, x=x, factors=factors, fit=fit, group=group)
