"""A sound training of a negative binomial model of genes, and its log: for checks of losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from countglm.likelihood import gradient, log_likelihood, start_values


def drawn(cells: int, genes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts (cells, genes), their means, and the genes' dispersions."""
    rng = np.random.default_rng(seed)
    depth = np.exp(rng.normal(0.0, 0.5, (cells, 1)))
    level = np.exp(rng.normal(1.5, 1.0, genes))
    alpha = np.exp(rng.normal(-1.0, 0.4, genes))
    mean = depth * level * np.exp(rng.normal(0.0, 0.2, (cells, genes)))
    counts = rng.poisson(mean * rng.gamma(1.0 / alpha, alpha, (cells, genes)))
    return counts, mean, alpha


def train(counts: np.ndarray, steps: int = 150, rate: float = 0.05) -> dict[str, Any]:
    """Train a mean and a dispersion a gene by Adam; return log and parameters.

    The log has the loss a count, the gradient's norm and the ends of the parameters.
    """
    totals = counts.sum(axis=1)
    factors = totals / totals.mean()
    start = start_values(counts, factors, link="exp")
    at = np.stack([start.eta, start.log_alpha])
    first, second = np.zeros_like(at), np.zeros_like(at)
    log: dict[str, list[float]] = {
        name: []
        for name in ("loss", "grad_norm", "eta_max", "log_alpha_min", "log_alpha_max", "mean_max")
    }
    for step in range(1, steps + 1):
        eta = at[0] + np.log(factors)[:, None]
        slopes = np.stack([-part.mean(axis=0) for part in gradient(counts, eta, at[1])])
        first += 0.1 * (slopes - first)
        second += 0.001 * (slopes**2 - second)
        corrected = first / (1.0 - 0.9**step)
        at = at - rate * corrected / (np.sqrt(second / (1.0 - 0.999**step)) + 1e-8)
        log["loss"].append(float(-log_likelihood(counts, eta, at[1]).mean()))
        log["grad_norm"].append(float(np.sqrt((slopes**2).sum())))
        log["eta_max"].append(float(at[0].max()))
        log["log_alpha_min"].append(float(at[1].min()))
        log["log_alpha_max"].append(float(at[1].max()))
        log["mean_max"].append(float(np.exp(eta).max()))
    eta = at[0] + np.log(factors)[:, None]
    return {"log": log, "mean": np.exp(eta), "dispersion": np.exp(at[1])}
