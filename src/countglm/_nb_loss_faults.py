"""Faults of how a loss is computed: terms that overflow, eps, clamps, other formulas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_findings import MANY, Finding, where_first
from ._nb_formulas import (
    FORMULAS,
    Formula,
    exact_loss,
    lgamma_with_eps,
    textbook_terms,
    with_eps,
)
from ._nb_precision import PRECISIONS

Floats = NDArray[np.float64]

# Nats by which a loss in single precision may miss before it is told.
_NATS = 0.05
_EPS = tuple(10.0**k for k in range(-12, -1))


def lost_terms(facts: Facts) -> Iterator[Finding]:
    """Terms of the textbook formula that are not finite where the loss itself is."""
    if facts.entries is None:
        return
    y, eta, _ = facts.entries
    impossible = np.isneginf(eta) & (y > 0.0)
    if impossible.any():
        yield Finding(
            "not-finite", "error",
            f"The mean is 0 and the count is not in {where_first(facts.spread(impossible))}.",
            "Such a count has probability 0: y log(mean) is -inf and the loss inf.",
            "use a link that is never 0 (exp or softplus, not relu), and remove genes or samples "
            "without any count.",
        )  # fmt: skip
    sound = np.isfinite(exact_loss(*facts.entries))
    failing = {
        name: (~np.isfinite(values) & sound, why)
        for name, (values, why) in textbook_terms(facts).items()
        if (~np.isfinite(values) & sound).any()
    }
    if not failing:
        return
    bad = np.logical_or.reduce([where for where, _ in failing.values()])
    yield Finding(
        "not-finite", "error",
        f"In {_precision(facts)} precision the loss is finite, but not its "
        f"{'term' if len(failing) == 1 else 'terms'} {', '.join(failing)}, in "
        f"{where_first(facts.spread(bad))} (counts from {y[bad].min():g} to {y[bad].max():g}).",
        " ".join(why for _, why in failing.values()),
        "compute the loss from logits, with r logsigmoid(-logits) + y logsigmoid(logits), and keep "
        "total_count positive and below 1e6 (the Poisson, nearly); countglm.likelihood has value "
        "and gradient without such ends.",
    )  # fmt: skip


def _precision(facts: Facts) -> str:
    return PRECISIONS[facts.precision][1]


def lost_digits(facts: Facts) -> Iterator[Finding]:
    """Differences of lgamma that cancel."""
    if facts.entries is None:
        return
    computed = sum(values for values, _ in textbook_terms(facts).values())
    known = exact_loss(*facts.entries)
    with np.errstate(all="ignore"):
        missed = np.abs(-computed - known) / np.maximum(1.0, 0.01 * np.abs(known))
    bad = np.isfinite(missed) & (missed > _NATS)
    if bad.any():
        y, _, theta = facts.entries
        yield Finding(
            "precision", "warning" if bad.mean() >= MANY else "note",
            f"In {_precision(facts)} precision the loss is wrong by up to "
            f"{missed[bad].max():.2g} nats in {where_first(facts.spread(bad))} "
            f"(counts up to {y[bad].max():g}, total counts up to {np.exp(-theta[bad].min()):.3g}).",
            "lgamma(y + r) - lgamma(r) is a small difference of large numbers; its gradient, a "
            "difference of digammas, loses as much, and the dispersion follows the rounding.",
            "compute the loss in float64 (its inputs may stay float32), or bound log_alpha from "
            "below by a penalty.",
        )  # fmt: skip


def eps_in_gammas(facts: Facts) -> Iterator[Finding]:
    """Something added inside lgamma or log."""
    eps = facts.eps.get("lgamma")
    if eps is not None:
        yield _eps_inside(facts, eps)
    eps = facts.eps.get("log")
    if eps is not None and facts.entries is not None:
        y, eta, _ = facts.entries
        bad = (y > 0.0) & (np.exp(eta) < 20.0 * eps)
        if bad.any():
            yield Finding(
                "eps-in-log", "warning" if bad.mean() >= MANY else "note",
                f"The means of positive counts are of the size of eps={eps:g} inside log in "
                f"{where_first(facts.spread(bad))}.",
                "There log(mean + eps) hardly changes with the mean, so that the gradient "
                "vanishes just where the mean is most wrong.",
                "use logsigmoid(logits) or eta itself instead of log(mean + eps).",
            )  # fmt: skip


def _eps_inside(facts: Facts, eps: float) -> Finding:
    words, largest = f"eps={eps:g} stands inside lgamma.", 0.0
    if facts.entries is not None:
        y, _, theta = facts.entries
        largest = float(np.max(np.abs(lgamma_with_eps(y, theta, eps))))
        words = f"{words} It changes the loss by up to {largest:.2g} nats here."
    idle = (
        f" In {facts.precision} it is lost beside arguments above 1."
        if facts.precision != "float64" else ""
    )  # fmt: skip
    return Finding(
        "eps-in-lgamma", "error" if largest > 0.1 else "warning", words,
        "lgamma has no trouble with positive arguments. The eps makes another function, whose "
        "probabilities do not add up to 1; a size r that is near eps no longer matters." + idle,
        "leave eps out; keep r positive by log_alpha or softplus, and start it by start_values().",
    )  # fmt: skip


def dead_losses(facts: Facts) -> Iterator[Finding]:
    """Entries whose loss a clamp cuts off, so that they pull at nothing."""
    for name in facts.no_gradients:
        yield Finding(
            "frozen", "warning", f"The gradient {name} is None.",
            "No part of the loss was computed from that parameter, or it was detached on the way; "
            "it stays what it is.",
            "look for detach(), .data, no_grad() and .item() between it and the loss.",
        )  # fmt: skip
    for name, values in facts.gradients.items():
        zero, lost = values == 0.0, ~np.isfinite(values)
        words = f"The gradient {name}".rstrip()
        if lost.any():
            yield Finding(
                "not-finite", "error", f"{words} is NaN or infinite in {where_first(lost)}.",
                "Summed with the others it takes all of them along.",
                "clip the gradient's norm and look which term of the loss is not finite (give "
                "counts and parameters as well).",
            )  # fmt: skip
        if zero.mean() >= MANY:
            yield _dead(f"{words} is exactly 0", zero, "warning")
    if facts.loss_clamp is None:
        return
    low, high = facts.loss_clamp
    words = f"With a clamp of the loss to [{low:g}, {high:g}]"
    if facts.loss is not None:
        beyond = (facts.loss >= high) | (facts.loss <= low)
        words += " the loss given is at its end"
    elif facts.entries is not None:
        values = exact_loss(*facts.entries)
        beyond = facts.spread((values >= high) | (values <= low))
        words += " the loss lies beyond it"
    else:
        return
    if beyond.any():
        yield _dead(words, beyond, "error")


def _dead(words: str, at: NDArray[np.bool_], severity: str) -> Finding:
    return Finding(
        "zero-gradient", severity if at.mean() >= MANY else "note",
        f"{words} in {where_first(at)}.",
        "These entries have a gradient of exactly 0. They are those that fit worst, which are the "
        "ones to learn from; at the start of a training it may be all of them.",
        "take the clamp away. Against outlying counts clip the gradient's norm (which keeps its "
        "direction), start from start_values(), or let the dispersion grow, which divides the "
        "gradient in eta by 1 + alpha mean.",
    )  # fmt: skip


def lost_losses(facts: Facts) -> Iterator[Finding]:
    """Losses of single entries that are NaN or infinite where they need not be."""
    if facts.loss is None:
        return
    lost = ~np.isfinite(facts.loss)
    term = "Nothing was given that says which of its terms it is."
    if facts.entries is not None and facts.sound is not None:
        lost &= facts.sound
        at = lost[facts.sound] & np.isfinite(exact_loss(*facts.entries))
        lost = facts.spread(at)
        failing = [
            name for name, (values, _) in textbook_terms(facts).items()
            if (~np.isfinite(values) & at).any()
        ]  # fmt: skip
        term = (
            f"Of the textbook formula {', '.join(failing)} overflow there." if failing else
            "It is finite there for these parameters, and so are the terms of the textbook "
            "formula: look for log(0), 0/0 and masks that multiply."
        )  # fmt: skip
    if lost.any():
        yield Finding(
            "not-finite", "error", f"The loss given is NaN or infinite in {where_first(lost)}.",
            f"One of them makes the average NaN. {term}",
            "compare it with -countglm.likelihood.log_likelihood(counts, eta, log_alpha), which "
            "is finite for every count at finite parameters.",
        )  # fmt: skip


def _room(facts: Facts, known: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return by how much a right loss may miss, in its precision."""
    if facts.precision == "float64":
        return 1e-6 * np.maximum(1.0, np.abs(known))
    terms = sum(np.abs(values)[inside] for values, _ in textbook_terms(facts).values())
    unit = PRECISIONS[facts.precision][0]
    rounding = np.nan_to_num(8.0 * unit * terms, posinf=0.0)
    return np.maximum(2e-3 * np.maximum(1.0, np.abs(known)), rounding)


def other_formulas(facts: Facts) -> Iterator[Finding]:
    """Losses of single entries that are not the negative binomial's, and what they are instead."""
    if facts.loss is None or facts.entries is None or facts.sound is None:
        return
    loss = facts.loss[facts.sound]
    low, high = facts.loss_clamp or (-np.inf, np.inf)
    inside = np.isfinite(loss) & (loss > low) & (loss < high)
    if not inside.any():
        return
    y, eta, theta = (a[inside] for a in facts.entries)
    loss = loss[inside]
    known = exact_loss(y, eta, theta)
    room = _room(facts, known, inside)
    wrong = np.abs(loss - known) > room
    if wrong.mean() < MANY:
        return
    words = (
        f"The loss is not that of the negative binomial in {int(wrong.sum()):,} of "
        f"{wrong.size:,} values, by up to {float(np.abs(loss - known).max()):.3g} nats"
    )
    for formula in _candidates():
        guess = formula.loss(y, eta, theta)
        if (np.abs(loss - guess) <= room).mean() > 0.99:
            yield Finding(
                formula.code, formula.severity, f"{words}: {formula.words}.", formula.why,
                formula.remedy,
            )  # fmt: skip
            return
    top, bottom = float(loss.max()), float(loss.min())
    for words_of, at in (
        (f"never exceeds {top:g} and is just that", loss == top),
        (f"never falls below {bottom:g} and is just that", loss == bottom),
        (f"stays within {bottom:g} and {top:g} and is at these ends",
         (loss == top) | (loss == bottom)),
    ):  # fmt: skip
        if at.sum() > 2 and np.mean(at[wrong]) > 0.9:
            yield _dead(f"The loss {words_of}", at, "error")
            return
    yield Finding(
        "formula", "error", f"{words}.", "It is none of the usual slips (sign, constant, swapped "
        "probability, inverted dispersion, eps, Poisson).",
        "compare it entry by entry with -countglm.likelihood.log_likelihood(counts, eta, "
        "log_alpha).",
    )  # fmt: skip


def _candidates() -> Iterator[Formula]:
    yield from FORMULAS
    for eps in _EPS:
        for only_first in (True, False):
            yield with_eps(eps, only_first)
