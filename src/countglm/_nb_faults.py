"""Faults of counts and parameters: impossible values, clamps, swapped or inverted meanings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_findings import MANY, Finding, where_first
from ._nb_parameters import out_of_range
from ._nb_start import apply_link, inverse_link

Floats = NDArray[np.float64]

_SCIPY = "scipy numpy jax pymc"


def bad_counts(facts: Facts) -> Iterator[Finding]:
    """Counts that are no counts."""
    y = facts.counts
    if y is None:
        return
    missing = ~np.isfinite(y)
    wrong = ~missing & ((y < 0.0) | (y != np.floor(y)))
    if missing.any():
        yield Finding(
            "counts", "error", f"The counts are NaN or infinite in {where_first(missing, y)}.",
            "One of them makes the summed loss NaN.", "leave these entries out of the loss by a "
            "mask that selects (loss[mask]), not by a factor of 0: 0 times NaN is NaN.",
        )  # fmt: skip
    if wrong.any():
        small = float(np.max(y, where=~missing, initial=0.0)) < 20.0
        logged = "They look like logarithms. " if small else "They look normalised. "
        yield Finding(
            "counts", "error", f"The counts are negative or fractional in {where_first(wrong, y)}.",
            f"{logged}A negative binomial describes whole counts: dividing them by a depth changes "
            "how their variance follows their mean, which is what is being fitted.",
            "train on the raw counts (adata.layers['counts']), and multiply the means by the size "
            "factors instead.",
        )  # fmt: skip


def impossible_values(facts: Facts) -> Iterator[Finding]:
    """Parameters that are not finite or out of range, as they were given."""
    fine = True
    for name, values in facts.given.items():
        lost = np.isnan(values)
        if lost.any():
            fine = False
            yield Finding(
                "not-finite", "error", f"{name} is NaN in {where_first(lost)}.",
                "The loss is NaN there, and so is every gradient that is summed with it.",
                "find the step after which it first is (log=, or set_detect_anomaly of "
                "torch.autograd), and restart before it with clipped gradients or shorter steps.",
            )  # fmt: skip
        bad, words = out_of_range(name, values, paired={"p", "probs"} <= facts.given.keys())
        bad &= ~lost
        if bad.any():
            yield Finding(
                "out-of-range", "error", f"{name} is not {words} in {where_first(bad, values)}.",
                "There is no such distribution; libraries answer with NaN, an error, or a number.",
                "let the network put out eta and log_alpha (or logits) without bounds, or pass its "
                "output through softplus.",
            )  # fmt: skip
            fine = False
    if fine and facts.parameters is not None and facts.handed is not None:
        lost = ~np.isfinite(facts.parameters.mean)
        if lost.any():
            yield Finding(
                "not-finite", "error",
                f"The mean of {' and '.join(facts.handed)} is not finite in {where_first(lost)}.",
                "A product of an infinite size with odds, or an exponential beyond double "
                "precision, has no likelihood.",
                "keep total_count finite where a probability or logits stand beside it: logits = "
                "log(mean/total_count) go to -inf as it grows.",
            )  # fmt: skip


def unreachable_means(facts: Facts) -> Iterator[Finding]:
    """Genes whose mean count lies beyond what clamps or the link let a mean be."""
    if facts.counts is None or facts.counts.ndim == 0:
        return
    low, high = _reach(facts)
    yield from unreachable_by(facts.counts, high, f"Means can go no higher than {high:.6g}")
    yield from unreachable_by(
        facts.counts, low, f"Means can go no lower than {low:.6g}", above=False
    )


def unreachable_by(
    counts: Floats, end: float, words: str, *, above: bool = True
) -> Iterator[Finding]:
    """Genes whose mean count lies beyond an end of the means."""
    known = np.isfinite(counts)
    seen = np.maximum(1, np.count_nonzero(known, axis=0))
    genes = np.add.reduce(np.where(known, counts, 0.0), axis=0) / seen
    beyond = (genes > end) if above else (genes < end) & (genes > 0.0)
    if beyond.any():
        yield Finding(
            "unreachable", "error",
            f"{words}, and the mean counts lie {'above' if above else 'below'} for "
            f"{where_first(beyond, genes, 'gene')}.",
            "The loss of these genes cannot reach its minimum, however long it is trained.",
            "widen the clamp of the mean, use a link without an upper end (exp, softplus), or "
            "multiply the means by the size factors after the clamp.",
        )  # fmt: skip


def _reach(facts: Facts) -> tuple[float, float]:
    """Return the lowest and highest mean that clamps and link allow."""
    with np.errstate(all="ignore"):
        ends = [facts.clamps.get("mean", (0.0, np.inf))]
        ends.append(tuple(np.exp(facts.clamps.get("eta", (-np.inf, np.inf)))))
        odds = np.exp(facts.clamps.get("logits", (-np.inf, np.inf)))
        bounds = facts.clamps.get(facts.size or "", (0.0, np.inf))
        if facts.size in ("total_count", "n", "inverse_dispersion") and bounds[1] < np.inf:
            ends.append((odds[0] * bounds[0], odds[1] * bounds[1]))
    if facts.link == "sigmoid":
        ends.append((0.0, 1.0))
    return max(float(low) for low, _ in ends), min(float(high) for _, high in ends)


def swapped_probabilities(facts: Facts) -> Iterator[Finding]:
    """Probabilities of the other outcome than that which the library counts."""
    name = next((name for name in ("probs", "p", "logits") if name in facts.given), None)
    got, meant = facts.parameters, facts.intended
    if name is None or got is None:
        return
    with np.errstate(all="ignore"):
        r = got.inverse_dispersion
        other = r * r / got.mean
        if meant is not None:
            apart, across = _apart(got.mean, meant), _apart(other, meant)
            wrong = (apart > 1e-3) & (across < 1e-3)
            unlike = apart > 1e-2
            # Some of many values that are wrong lie near r²/mean by chance.
            if 2 * np.sum(wrong) < np.sum(unlike):
                wrong = np.zeros_like(wrong)
            unlike = unlike & ~wrong
        elif facts.counts is not None and facts.counts.ndim == 2:
            data = np.mean(facts.counts, axis=0)
            ours, swapped = (
                np.broadcast_to(m, facts.counts.shape).mean(axis=0) for m in (got.mean, other)
            )
            seen = data * len(facts.counts) >= 10.0
            gap = np.median(np.abs(np.log(ours / data))[seen]) if seen.any() else 0.0
            cross = np.median(np.abs(np.log(swapped / data))[seen]) if seen.any() else 0.0
            wrong = seen & (gap > np.log(2.0)) & (cross < min(gap / 4.0, np.log(1.5)))
            unlike, meant = np.zeros_like(wrong), data
        else:
            return
    if wrong.any():
        yield _swapped(facts, name, wrong, got.mean, meant)
    if np.mean(unlike) >= MANY:
        yield Finding(
            "disagree", "error", f"The mean that {facts.library} makes of {facts.size} and {name} "
            f"is another than the mean given with them in {where_first(unlike, got.mean)}.",
            "One of the two is not what it is called.",
            "make both by countglm.likelihood.parameters(mean=..., inverse_dispersion=...)"
            f".to({facts.library!r}).",
        )  # fmt: skip


def _swapped(
    facts: Facts, name: str, wrong: NDArray[np.bool_], has: Floats, meant: Floats
) -> Finding:
    scipy = facts.library in _SCIPY.split()
    formula = "n (1 - p)/p" if scipy else "total_count probs/(1 - probs)"
    words = "log odds" if name == "logits" else "probability"
    right = "p = r/(r + mean)" if scipy else "probs = mean/(r + mean), or logits = log(mean/r)"
    return Finding(
        "swapped", "error",
        f"{name} is the {words} of the other outcome in {where_first(wrong)}.",
        f"In {facts.library} the mean is {formula}: what was given makes it r²/mean, "
        f"{np.median(has):.4g} in the middle, instead of {np.median(meant):.4g}.",
        f"pass {right}.",
    )  # fmt: skip


def contradictions(facts: Facts) -> Iterator[Finding]:
    """Means, or probabilities, that were given twice and differ."""
    given = facts.given
    with np.errstate(all="ignore"):
        odds = {
            name: np.broadcast_arrays(of(given[name]))[0]
            for name, of in (
                ("logits", np.exp), ("probs", lambda v: v / (1.0 - v)), ("p", lambda v: 1.0 / v - 1)
            ) if name in given
        }  # fmt: skip
        if {"p", "probs"} <= given.keys():
            odds["probs"] = given["probs"] / given["p"]
            odds["p"] = np.where(given["p"] < 0.99, odds["p"], odds["probs"])
        means = {n: v for n, v in given.items() if n == "mean"}
        if "eta" in given:
            means["eta"] = np.exp(given["eta"])
    for values in (means, odds):
        for first, other in combinations(values, 2):
            with np.errstate(all="ignore"):
                unlike = np.asarray(_apart(values[first], values[other]) > 1e-2)
            if unlike.mean() >= MANY:
                yield Finding(
                    "disagree", "error",
                    f"{first} and {other} are not of one distribution in {where_first(unlike)}.",
                    "One of the two is not what it is called.",
                    "eta is log(mean), probs is expit(logits), p is 1 - probs; look which of them "
                    "the loss gets.",
                )  # fmt: skip


def _apart(a: Floats, b: Floats) -> Floats:
    """Return the relative difference; none where both are 0."""
    return np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-300)


def false_start(facts: Facts) -> Iterator[Finding]:
    """Start values whose link does not give the mean they claim."""
    if facts.start is None:
        return
    link = facts.link or "softplus"
    has = apply_link(facts.start, link)
    if facts.start_mean is None:
        return
    apart = np.asarray(_apart(has, facts.start_mean) > 0.02)
    if not apart.any():
        return
    start, real, claimed = (
        float(np.broadcast_to(a, apart.shape)[apart][0])
        for a in (facts.start, has, facts.start_mean)
    )
    hint = ""
    for other in ("exp", "softplus", "identity"):
        if other != link and np.abs(apply_link(np.array(start), other) - claimed) < 0.02 * claimed:
            hint = f" ({start:.4g} would be right for the link {other})"
    known = link if link in ("exp", "identity") else "softplus"
    need = float(inverse_link(np.array(claimed), known))
    yield Finding(
        "start", "error",
        f"Start values do not give the means they claim in {where_first(apart)}: "
        f"{link}({start:.4g}) is {real:.4g}, not {claimed:.4g}{hint}.",
        "Training starts elsewhere than was meant, often at means so small that every count is "
        "an outlier.",
        f"start at {need:.7g}, from countglm.likelihood.inverse_softplus or start_values(counts, "
        f"link={link!r}).",
    )  # fmt: skip
