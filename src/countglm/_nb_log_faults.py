"""Faults that show in a training log: where NaN begins, gradients, clamps, what never moves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._nb_facts import CLAMPED, Facts
from ._nb_faults import unreachable_by
from ._nb_findings import Finding

Floats = NDArray[np.float64]

_GRADIENT = re.compile(r"grad")
_LOSS = re.compile(r"(^|[_/ .-])(loss|nll)([_/ .-]|$)")
_OTHER_LOSS = re.compile(r"val|test|kl|reg|l1|l2|penal|aux|adv|disc|class")
_ENDS = ("_min", "_max", "_mean", "_median")
# Of the median, beyond which a gradient norm is a jump; and below which it has died away.
_JUMP, _DEAD = 1e3, 1e-9


def read_log(log: Any) -> dict[str, Floats]:
    """Return the numeric columns of a training log, one value a step.

    Entries that are arrays become two columns, of their least and largest values.

    Raises
    ------
    InputError
        A log that is none of a dict of sequences, a list of dicts, a DataFrame or a CSV file.
    """
    if isinstance(log, str | os.PathLike):
        import pandas as pd

        if not os.path.isfile(log):
            raise InputError(f"There is no training log {os.fspath(log)!r}; give a CSV file.")
        log = pd.read_csv(log)
    if hasattr(log, "columns") and hasattr(log, "to_dict"):
        log = {str(name): _told(log[name].tolist()) for name in log.columns}
    if isinstance(log, list | tuple) and log and all(isinstance(row, Mapping) for row in log):
        names = dict.fromkeys(name for row in log for name in row)
        log = {name: [row.get(name, None) for row in log] for name in names}
    if not isinstance(log, Mapping) or not log:
        raise InputError(
            f"log of type {type(log).__name__} is no training log; give a dict of sequences, a "
            "list of dicts (one a step), a DataFrame or the path of a CSV file."
        )
    columns: dict[str, Floats] = {}
    for name, values in log.items():
        columns.update(_columns(str(name), values))
    if not columns:
        raise InputError("The training log has no column of numbers; log the loss of every step.")
    return columns


def _told(values: list[Any]) -> list[Any]:
    """Return a table's column without the cells that are empty because others were logged there.

    A loss that has become NaN stays NaN; a cell before a later number was never filled.
    """
    empty = [isinstance(v, float) and v != v for v in values]
    told = [k for k, missing in enumerate(empty) if not missing]
    if not told or not any(empty[: told[-1]]):
        return values
    return [values[k] for k in told]


def _columns(name: str, values: Any) -> Iterator[tuple[str, Floats]]:
    steps = [v.detach().cpu().numpy() if hasattr(v, "detach") else v for v in values]
    try:
        # None is a step at which nothing was logged.
        arrays = [np.asarray([] if v is None else v, dtype=np.float64).ravel() for v in steps]
    except (TypeError, ValueError):
        return
    if all(a.size <= 1 for a in arrays):
        logged = [a[0] for a in arrays if a.size]
        if logged:
            yield name, np.array(logged)
        return
    full = [a for a in arrays if a.size]
    yield f"{name}_min", np.array([a.min() for a in full])
    yield f"{name}_max", np.array([a.max() for a in full])


def parameter_of(column: str) -> str | None:
    """Return the parameter that a column such as ``log_alpha_max`` is about."""
    base = column.lower().replace("/", "_")
    for end in _ENDS:
        base = base.removesuffix(end)
    # These are too short to be of a parameter: "n" counts batches as often.
    return base if base in CLAMPED and base not in ("n", "p") else None


def is_loss(column: str) -> bool:
    """Tell whether a column is the loss that is trained, not a penalty or one that is watched."""
    word = column.lower()
    return bool(_LOSS.search(word)) and not _OTHER_LOSS.search(word)


def first_not_finite(facts: Facts) -> Iterator[Finding]:
    """The step at which the first column is NaN or infinite, and which column that is."""
    steps = {name: np.flatnonzero(~np.isfinite(v)) for name, v in facts.log.items()}
    lost = {name: int(s[0]) for name, s in steps.items() if s.size}
    if not lost:
        return
    first = min(lost.values())
    early = [name for name, step in lost.items() if step == first]
    later = [f"{name} at step {step}" for name, step in lost.items() if step > first]
    terms = [name for name in early if not _LOSS.search(name.lower())]
    follow = f", then {', '.join(later)}" if later else ""
    yield Finding(
        "not-finite", "error",
        f"{', '.join(early)} {'is' if len(early) == 1 else 'are'} not finite from step {first} of "
        f"{len(facts.log[early[0]])} on{follow}.",
        f"It begins with {terms[0]}: the step before moved it there." if terms and len(terms) < len(
            lost) else "Nothing that is logged says which term it begins with.",
        f"restart before step {first} with the gradient's norm clipped or a lower learning rate; "
        "log the least and largest eta and log_alpha, and give counts and parameters of that step "
        "to this function, which names the term.",
    )  # fmt: skip


def gradient_norms(facts: Facts) -> Iterator[Finding]:
    """Gradient norms that jump or die."""
    for name, values in facts.log.items():
        if not _GRADIENT.search(name.lower()) or "zero" in name.lower():
            continue
        known = values[np.isfinite(values)]
        if known.size < 5:
            continue
        middle = float(np.median(known))
        jumps = np.flatnonzero(known > _JUMP * middle)
        # The first steps may be steep.
        jumps = jumps[jumps >= max(2, known.size // 20)]
        if jumps.size and middle > 0.0:
            yield Finding(
                "gradient-norm", "warning",
                f"{name} jumps to {known[jumps].max():.3g} from a median of {middle:.3g} at "
                f"{jumps.size} of {known.size} steps, the first at {jumps[0]}.",
                "One such step undoes many; Adam's second moment then stays large, and the next "
                "steps are too small.",
                "clip the norm (torch.nn.utils.clip_grad_norm_) at a few times the median.",
            )  # fmt: skip
        tail = known[-max(3, known.size // 10) :]
        if np.max(tail) <= _DEAD * max(known[0], middle):
            yield Finding(
                "gradient-norm", "warning",
                f"{name} has died away to {np.max(tail):.3g}, from {known[0]:.3g}.",
                "A training stops at small gradients, not at none: a clamp, a dead relu or a "
                "robust loss cuts them off.",
                "look for clamps of parameters and of the loss; give them here as clamps= and "
                "loss_clamp=.",
            )  # fmt: skip


def zero_shares(facts: Facts) -> Iterator[Finding]:
    """Logged shares of zero gradients or of clamped entries."""
    for name, values in facts.log.items():
        word = name.lower()
        share = "zero" in word or "clamp" in word or "dead" in word
        known = values[np.isfinite(values)]
        if share and known.size and known.min() >= 0.0 and 0.01 < known.max() <= 1.0:
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
        parameter = parameter_of(name)
        known = values[np.isfinite(values)]
        if parameter is None or not known.size:
            continue
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


def frozen(facts: Facts) -> Iterator[Finding]:
    """What does not move at all."""
    for name, values in facts.log.items():
        about = parameter_of(name) is not None or is_loss(name)
        if not about or values.size < 5 or not np.isfinite(values).all():
            continue
        fixed = any(name.lower().endswith(end) for end in _ENDS) and any(
            np.any(np.abs(values - end) <= 1e-5 * max(abs(end), 1e-30))
            for end in facts.clamps.get(parameter_of(name) or "", ())
        )
        if (values == values[0]).all() and not fixed:
            yield Finding(
                "frozen", "warning",
                f"{name} is {values[0]:.6g} at all {values.size} steps.",
                "What never changes gets no gradient or is not in the optimiser.",
                "pass it to the optimiser (an nn.Parameter, not a tensor), and look for detach() "
                "and clamps on its way to the loss.",
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
            yield Finding(
                "rising", "warning",
                f"{name} ends at {last:.6g}, above the {best:.6g} around step "
                f"{int(np.argmin(smooth))}.",
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
    for name in ("mean_max", "mu_max"):
        values = facts.log.get(name)
        if values is None or facts.counts is None or facts.counts.ndim != 2 or values.size < 6:
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
