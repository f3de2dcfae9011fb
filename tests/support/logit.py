"""Binomial references that share no code with the package: separation, likelihood, random data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.support.separation import separated_samples

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Drawn(NamedTuple):
    """One random problem: design (n, p), successes, trials and weights (n,)."""

    x: Floats
    y: Floats
    trials: Floats
    weights: Floats


def separated_by_program(one: Drawn, program: Any = separated_samples) -> Mask:
    """Return the samples (n,) that some direction separates, by a linear program.

    A direction may not move a sample with both successes and failures, nor one of failures up, nor
    one of successes down: that is one of failures whose row is turned.
    """
    heavy = (one.weights > 0.0) & (one.trials > 0.0)
    mixed = (one.y > 0.0) & (one.y < one.trials)
    turned = np.where(one.y > 0.0, -1.0, 1.0)[:, None] * one.x
    separated = np.zeros(one.y.size, dtype=np.bool_)
    separated[heavy] = program(turned[heavy], mixed[heavy])
    return separated


def draw(rng: np.random.Generator, most: int = 60) -> Drawn:
    """Return a random problem of 6 to ``most`` samples, of a kind that is often near separation.

    Covariates with ties, factors, rare classes, responses of one kind, trials above one, samples
    of weight 0, responses cut by a line in the covariates, the cut itself shared by both kinds.
    """
    n, p = int(rng.integers(6, most + 1)), int(rng.integers(1, 5))
    kind = rng.integers(4)
    if kind == 0:
        values = rng.normal(size=(n, p))
    elif kind == 1:
        values = rng.integers(-2, 3, size=(n, p)).astype(float)
    elif kind == 2:
        values = (rng.random((n, p)) < 0.4).astype(float)
    else:
        values = np.round(rng.normal(size=(n, p)), 1) * 10.0 ** rng.integers(-3, 4, size=p)
    x = np.column_stack([np.ones(n), values]) if rng.random() < 0.8 else values
    x = independent(x)
    trials = np.ones(n) if rng.random() < 0.7 else rng.integers(0, 4, size=n).astype(float)
    line = (
        x
        @ rng.normal(size=x.shape[1])
        / (np.abs(x).max() + 1e-9)
        * rng.choice([0.0, 1.0, 4.0, 30.0])
    )
    share = 1.0 / (1.0 + np.exp(-np.clip(line - rng.choice([0.0, 2.0]), -700, 700)))
    y = rng.binomial(trials.astype(int), share).astype(float)
    cut = rng.random()
    if cut < 0.3:
        y = np.where(line > np.median(line), trials, 0.0)
        # Of those on the line itself either kind.
        y = np.where(line == np.median(line), np.floor(rng.random(n) * (trials + 1.0)), y)
    elif cut < 0.4:
        y = trials.copy() if rng.random() < 0.5 else np.zeros(n)
    weights = np.where(rng.random(n) < 0.15, 0.0, 1.0) if rng.random() < 0.3 else np.ones(n)
    if not ((weights > 0.0) & (trials > 0.0)).any():
        weights, trials = np.ones(n), np.ones(n)
        y = np.minimum(y, 1.0)
    return Drawn(x, y, trials, weights)


def independent(x: Floats) -> Floats:
    """Return the columns of ``x`` that are not combinations of those before, at least one."""
    kept: list[int] = []
    for j in range(x.shape[1]):
        if np.linalg.matrix_rank(x[:, [*kept, j]]) == len(kept) + 1:
            kept.append(j)
    return np.ascontiguousarray(x[:, kept]) if kept else np.ones((x.shape[0], 1))
