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


def _against_data(facts: Facts) -> tuple[Floats, Floats, Floats] | None:
    """Return mean count, our mean and the error of the former in log, of genes with counts."""
    if facts.counts is None or facts.parameters is None:
        return None
    y = facts.counts
    if y.ndim != 2 or len(y) < _SAMPLES:
        return None
    data, ours = y.mean(axis=0), np.broadcast_to(facts.parameters.mean, y.shape).mean(axis=0)
    seen = (data * len(y) >= 10.0) & (ours > 0.0) & np.isfinite(ours)
    if not seen.any():
        return None
    data, ours, spread = data[seen], ours[seen], y.std(axis=0, ddof=1)[seen]
    return data, ours, spread / (data * np.sqrt(len(y)))


def _off_scale(data: Floats, ours: Floats, error: Floats) -> bool:
    gap = float(np.median(np.abs(np.log(ours / data))))
    return bool(gap > np.log(1.5) + 2.0 * float(np.median(error)))


def other_scale(facts: Facts) -> Iterator[Finding]:
    """Means that are not those of the counts, gene by gene."""
    found = _against_data(facts)
    if found is None or not _off_scale(*found):
        return
    data, ours, _ = found
    ratio = np.log(ours / data)
    yield Finding(
        "scale", "warning",
        f"The means of the genes are not their mean counts: {np.median(ours):.4g} in the middle, "
        f"where the counts have {np.median(data):.4g}, and by a factor of "
        f"{np.exp(np.median(np.abs(ratio))):.3g} apart, up or down, in the median gene.",
        _as_if(facts, data, ours),
        "give the mean that the loss gets, size factor included and in the order of the counts' "
        "genes; where these are it, start from start_values().",
    )  # fmt: skip


def _as_if(facts: Facts, data: Floats, ours: Floats) -> str:
    """Return what would make such means, if it is known."""
    ratio = np.log(ours / data)

    def explains(gap: Floats) -> bool:
        return bool(np.median(np.abs(gap)) < min(0.1, np.median(np.abs(ratio)) / 4.0))

    if explains(ratio - np.median(ratio)):
        return (
            f"They are {np.exp(np.median(ratio)):.4g} times the counts, in all genes: counts or "
            "means are normalised, or the size factors are left out."
        )
    for base in (2.0, 10.0):
        if explains(np.log(ours) * np.log(base) - np.log(data)):
            return f"They would fit if their logarithms were to the base {base:g}; eta is natural."
    if facts.parameters is not None and facts.counts is not None:
        shape = facts.counts.shape
        with np.errstate(all="ignore"):
            r = np.broadcast_to(facts.parameters.inverse_dispersion, shape).mean(axis=0)
        r = r[facts.counts.mean(axis=0) * shape[0] >= 10.0]
        for power, words in ((1, "r"), (-1, "1/r"), (2, "r²"), (-2, "1/r²")):
            if r.shape == ours.shape and explains(ratio - power * np.log(r)):
                return (
                    f"They are {words} times too large, r being the size: logits are "
                    "log(mean/r), with the same r that is given as the size."
                )
    if explains(np.sort(np.log(ours)) - np.sort(np.log(data))):
        return "The same values in another order would fit: look at the order of the genes."
    return "A training that has hardly begun looks like this too."


def other_dispersion(facts: Facts) -> Iterator[Finding]:
    """Variances that are far from those of the counts around these means."""
    found = _against_data(facts)
    if found is None or _off_scale(*found) or facts.counts is None or facts.parameters is None:
        return
    if facts.size is None or next(inverted_dispersion(facts), None) is not None:
        return
    y = facts.counts
    with np.errstate(all="ignore"):
        mean = np.broadcast_to(facts.parameters.mean, y.shape)
        alpha = np.broadcast_to(facts.parameters.dispersion, y.shape)
        extra = (alpha * mean * mean).sum(axis=0)
        squares = (y - mean) ** 2
        has, poisson = squares.sum(axis=0), mean.sum(axis=0)
        error = squares.std(axis=0) / (np.sqrt(len(y)) * squares.mean(axis=0))
        gap = np.log(has / (poisson + extra))
        # Where neither says more than a Poisson, there is nothing to compare.
        told = np.maximum(extra, has - poisson) > 0.5 * poisson
    told &= (y.sum(axis=0) >= 50.0) & np.isfinite(gap) & np.isfinite(error)
    if not told.any():
        return
    middle = float(np.median(gap[told]))
    if abs(middle) > np.log(2.0) + 3.0 * float(np.median(error[told])) / np.sqrt(told.sum()):
        yield Finding(
            "dispersion", "warning",
            f"The counts vary {'more' if middle > 0.0 else 'less'} around their means than the "
            f"dispersion given as {facts.size} says: {np.exp(middle):.3g} times its variance in "
            "the median gene.",
            "Every count is weighed by that variance: genes are then followed into their noise, or "
            "hardly at all.",
            "give the dispersion of variance = mean + alpha mean², no variance, standard "
            "deviation or logarithm, and start it by start_values().",
        )  # fmt: skip


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
    # What the counts vary by themselves makes totals differ as well.
    given, by_gene = facts.parameters.dispersion, np.broadcast_to(mean, y.shape)
    variance = (by_gene + np.broadcast_to(given, y.shape) * by_gene**2).sum(axis=1)
    spread = float(depth.std())
    noise = float(np.sqrt(np.mean(variance[seen] / ours[seen] ** 2)))
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
