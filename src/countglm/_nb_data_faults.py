"""Parameters that do not fit the counts: an inverted dispersion, means that ignore the depth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_findings import Finding

Floats = NDArray[np.float64]

# Fewer samples say too little of variances and depths.
_SAMPLES = 8


def inverted_dispersion(facts: Facts) -> Iterator[Finding]:
    """A dispersion given as its inverse, or the inverse as a dispersion."""
    if facts.counts is None or facts.parameters is None or facts.size is None:
        return
    y = facts.counts
    if y.ndim != 2 or len(y) < _SAMPLES:
        return
    expected = np.broadcast_to(facts.parameters.mean, y.shape)
    with np.errstate(all="ignore"):
        q = expected.mean(axis=0)
        if not np.abs(np.log(np.median(q / y.mean(axis=0)))) < np.log(2.0):
            expected, q = np.broadcast_to(y.mean(axis=0), y.shape), y.mean(axis=0)
        excess = ((y - expected) ** 2 - expected).sum(axis=0) / (expected**2).sum(axis=0)
        given = np.exp(np.broadcast_to(facts.parameters.log_alpha, y.shape).mean(axis=0))
    seen = (q * len(y) >= 50.0) & (excess > 0.0) & np.isfinite(given) & (given > 0.0)
    if seen.sum() < 1:
        return
    gap = float(np.median(np.log(given[seen] / excess[seen])))
    across = float(np.median(np.log(1.0 / (given[seen] * excess[seen]))))
    if abs(gap) > np.log(6.0) and abs(across) < min(abs(gap) / 3.0, np.log(4.0)):
        data, ours = float(np.median(excess[seen])), float(np.median(given[seen]))
        yield Finding(
            "inverted", "error",
            f"The dispersion given as {facts.size} is {ours:.4g} in the middle of the genes, where "
            f"the counts say {data:.4g}: nearly its inverse.",
            "alpha and r = 1/alpha are both called dispersion, and PyMC's alpha and scvi's theta "
            "are r: the variance is mean + alpha mean² = mean + mean²/r.",
            "pass it as inverse_dispersion= (scvi's theta, torch's total_count, PyMC's alpha, R's "
            "size) or as dispersion= (the variance's factor), whichever it is.",
        )  # fmt: skip


def missing_depth(facts: Facts) -> Iterator[Finding]:
    """Means whose totals do not follow those of the cells."""
    if facts.counts is None or facts.parameters is None:
        return
    y, mean = facts.counts, facts.parameters.mean
    if y.ndim != 2 or len(y) < _SAMPLES or mean.ndim == 0 or not np.isfinite(mean).all():
        return
    totals = y.sum(axis=1)
    ours = np.broadcast_to(mean, y.shape).sum(axis=1)
    seen = (totals > 0.0) & (ours > 0.0)
    if seen.sum() < _SAMPLES:
        return
    depth, fitted = np.log(totals[seen]), np.log(ours[seen])
    spread, noise = float(depth.std()), float(np.sqrt(np.mean(1.0 / totals[seen])))
    centred = depth - depth.mean()
    follows = float((centred * fitted).sum() / (centred * centred).sum()) if spread > 0.0 else 1.0
    if spread > max(0.25, 3.0 * noise) and follows < 0.3:
        yield Finding(
            "depth", "warning",
            f"The totals of the samples differ (by a factor of {np.exp(spread):.2g} in one "
            f"standard deviation) and those of the means follow them with a slope of {follows:.2g} "
            "instead of 1.",
            "Differences of depth are then explained as dispersion, or by the latent space.",
            "multiply the means by the size factors (add their logarithms to eta), and give the "
            "product here as the mean.",
        )  # fmt: skip
