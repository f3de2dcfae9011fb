"""Faults that show in a training log: where NaN begins, gradients, clamps, what never moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_faults import unreachable_by
from ._nb_findings import Finding
from ._nb_log import (
    is_end,
    is_known,
    is_loss,
    is_share,
    parameter_of,
    words_of,
)

Floats = NDArray[np.float64]

# Words of columns that are a loss with a weight that grows, or such a weight.
_ANNEALED = {"total", "elbo", "kl", "kld", "beta", "warmup", "anneal", "annealing"}


def first_not_finite(facts: Facts) -> Iterator[Finding]:
    """The step at which the first column is NaN or infinite, and which column that is."""
    steps = {name: np.flatnonzero(~np.isfinite(v)) for name, v in facts.log.items()}
    lost = {name: int(s[0]) for name, s in steps.items() if s.size}
    if not lost:
        return
    first = min(lost.values())
    early = [name for name, step in lost.items() if step == first]
    later = [f"{name} at step {step}" for name, step in lost.items() if step > first]
    terms = [name for name in early if not {"loss", "nll"} & set(words_of(name))]
    follow = f", then {', '.join(later)}" if later else ""
    back = all(np.isfinite(facts.log[name][-1]) for name in lost)
    when = f"at step {first}" if back else f"from step {first}"
    on = " but finite again later" if back else " on"
    stays = not back and all(
        steps[name].size == facts.log[name].size - first for name in early
    )  # fmt: skip
    if not back and not stays:
        when, on = f"first at step {first}", ", and at the end"
    yield Finding(
        "not-finite", "warning" if back else "error",
        f"{', '.join(early)} {'is' if len(early) == 1 else 'are'} not finite {when} of "
        f"{len(facts.log[early[0]])}{on}{follow}.",
        f"It begins with {terms[0]}: the step before moved it there." if terms and len(terms) < len(
            lost) else "Nothing that is logged says which term it begins with.",
        f"restart before step {first} with the gradient's norm clipped or a lower learning rate; "
        "log the least and largest eta and log_alpha, and give counts and parameters of that step "
        "to this function, which names the term.",
    )  # fmt: skip


def zero_shares(facts: Facts) -> Iterator[Finding]:
    """Logged shares of zero gradients or of clamped entries."""
    for name, values in facts.log.items():
        known = values[np.isfinite(values)]
        if not is_share(name) or not known.size or known.min() < 0.0:
            continue
        percent = bool({"percent", "percentage", "pct"} & set(words_of(name)))
        known, values = (v / 100.0 if percent else v for v in (known, values))
        if 0.01 < known.max() <= 1.0:
            step = int(np.argmax(values > 0.01))
            yield Finding(
                "zero-gradient", "warning",
                f"{name} reaches {100.0 * known.max():.3g}% (above 1% from step {step} on).",
                "That share of the entries pulls at nothing.",
                "take clamps of loss and parameters away; clip the gradient's norm instead.",
            )  # fmt: skip


def logged_clamps(facts: Facts) -> Iterator[Finding]:
    """Columns of parameters that end at their clamps."""
    for name, values in facts.log.items():
        parameter = parameter_of(name, facts.library)
        known = values[np.isfinite(values)]
        if parameter is None or not known.size:
            continue
        # Beside counts, whether a bound of the means matters is known better.
        reach = parameter == "mean" and facts.counts is not None
        if parameter not in facts.clamps and is_end(name) and not reach and _stopped(known):
            yield Finding(
                "clamped", "warning",
                f"{name} moves until step {int(np.argmax(known == known[-1]))} and then is exactly "
                f"{known[-1]:.6g}, as if clamped there.",
                "A clamp passes no gradient: the value cannot come back.",
                "remove the clamp, or hold the parameter back by a penalty.",
            )  # fmt: skip
        for end in facts.clamps.get(parameter, ()):
            slack = 1e-5 * max(abs(end), 1e-30)
            at = np.abs(known - end) <= slack
            if np.isfinite(end) and at[-1]:
                yield Finding(
                    "clamped", "warning",
                    f"{name} is at its clamp {end:g} at {int(at.sum())} of {known.size} steps, the "
                    f"first {int(np.argmax(at))}, and at the end.",
                    "A clamp passes no gradient: the value cannot come back.",
                    "remove the clamp, or hold the parameter back by a penalty.",
                )  # fmt: skip


def _stopped(known: Floats) -> bool:
    """Tell whether values moved to their end in full steps and stay there to the last bit."""
    first = int(np.argmax(known == known[-1]))
    flat = bool((known[first:] == known[-1]).all())
    if not flat or known.size - first < max(5, known.size // 10) or first < 6:
        return False
    if known[-1] not in (known.min(), known.max()):
        return False
    moves = np.abs(np.diff(known[: first + 1]))
    # What converges, or is logged with few digits, stands still now and then before it stops.
    return bool(np.median(moves[-5:]) > 0.1 * np.median(moves[moves > 0.0]))


def frozen(facts: Facts) -> Iterator[Finding]:
    """What does not move at all."""
    for name, values in facts.log.items():
        parameter = parameter_of(name, facts.library)
        about = parameter is not None or is_loss(name)
        if not about or values.size < 5 or not np.isfinite(values).all():
            continue
        fixed = bool({"min", "max", "mean", "median"} & set(words_of(name)[1:])) and any(
            np.any(np.abs(values - end) <= 1e-5 * max(abs(end), 1e-30))
            for end in facts.clamps.get(parameter or "", ())
        )
        if (values == values[0]).all() and not fixed:
            yield Finding(
                "frozen", "warning",
                f"{name} is {values[0]:.6g} at all {values.size} steps.",
                "What is trained and never changes gets no gradient or is not in the optimiser.",
                "leave it so if it is meant to be fixed; else pass it to the optimiser (an "
                "nn.Parameter, not a tensor), and look for detach() and clamps on its way to the "
                "loss.",
            )  # fmt: skip


def rising_loss(facts: Facts) -> Iterator[Finding]:
    """Training losses that end well above their least value."""
    for name, values in facts.log.items():
        if not is_loss(name):
            continue
        known = values[np.isfinite(values)]
        if known.size < 10:
            continue
        width = max(3, known.size // 10)
        smooth = np.array([np.median(known[k : k + width]) for k in range(known.size - width + 1)])
        best, last, first = float(smooth.min()), float(smooth[-1]), float(smooth[0])
        gained = max(first - best, 0.0)
        noise = 2.0 * float(np.median(np.abs(np.diff(known))))
        if last - best > max(0.25 * gained, 0.02 * abs(best), noise):
            # The weight of a prior that grows makes the sum with it rise, never above its start.
            growing = last <= float(known[:width].max()) and bool(
                _ANNEALED & {word for column in facts.log for word in words_of(column)}
            )
            yield Finding(
                "rising", "note" if growing else "warning",
                f"{name} ends at {last:.6g}, above the {best:.6g} around step "
                f"{int(np.argmin(smooth))}.",
                f"{'If the weight of no other term grows, as in a warm-up: ' if growing else ''}"
                "The steps are too long for the curvature: with exp links one step can multiply "
                "every mean.",
                "lower the learning rate or clip the gradient's norm, and start from "
                "start_values().",
            )  # fmt: skip


def too_low(facts: Facts) -> Iterator[Finding]:
    """Mean losses lower than those of any negative binomial, whatever its parameters."""
    if facts.counts is None:
        return
    from ._nb_formulas import exact_loss

    y = facts.counts[np.isfinite(facts.counts) & (facts.counts >= 0.0)]
    y = np.floor(y)
    if not y.size:
        return
    with np.errstate(all="ignore"):
        floor = float(np.mean(exact_loss(y, np.log(y), np.full_like(y, -np.inf))))
    for name, values in facts.log.items():
        known = values[np.isfinite(values)]
        if is_loss(name) and known.size and known.min() < 0.999 * floor:
            yield Finding(
                "too-low", "error" if known.min() >= 0.0 else "note",
                f"{name} falls to {known.min():.6g}; the best that any mean and dispersion could "
                f"do for these counts is {floor:.6g} a count.",
                "It is no average of -log P over counts: the constant lgamma(y + 1) is missing, "
                "zeros are counted in the average but not in the sum, or entries are clamped or "
                "masked.",
                "compare single entries: give loss= (before the average) with the parameters.",
            )  # fmt: skip


def logged_reach(facts: Facts) -> Iterator[Finding]:
    """Means in the log that level off below the genes' mean counts."""
    for name, values in facts.log.items():
        if parameter_of(name, facts.library) != "mean" or "max" not in words_of(name):
            continue
        if facts.counts is None or facts.counts.ndim != 2 or values.size < 6:
            continue
        tail = values[-(values.size // 3) :]
        level = float(tail[-1])
        if np.ptp(tail) <= 0.01 * abs(level) and np.isfinite(level):
            yield from unreachable_by(
                facts.counts, 2.0 * level, f"{name} levels off at {level:.6g}"
            )


def logged_start(facts: Facts) -> Iterator[Finding]:
    """A first logged mean far from that which the start claims."""
    for name in ("mean_mean", "mean", "mu_mean", "mu"):
        values = facts.log.get(name)
        if values is None or facts.start_mean is None or facts.start is not None or not values.size:
            continue
        claimed, has = float(np.mean(facts.start_mean)), float(values[0])
        if not 2.0 / 3.0 < has / claimed < 1.5:
            yield Finding(
                "start", "error", f"{name} is {has:.4g} at the first step, not {claimed:.4g}.",
                "The raw start went through another link than it was made for.",
                "start at inverse_softplus(mean) for softplus, at log(mean) for exp.",
            )  # fmt: skip


def unread_columns(facts: Facts) -> Iterator[Finding]:
    """Logs of which no column is known by its name."""
    if not any(is_known(name, facts.library) for name in facts.log):
        yield Finding(
            "log", "note",
            f"No column of the training log is known by its name: {', '.join(facts.log)}.",
            "They were looked through for NaN alone.",
            "call them loss, grad_norm, and eta, log_alpha, mean or dispersion (or as your library "
            "does, with library=) with _min, _max or _mean.",
        )  # fmt: skip
