"""Gradient norms of a training log that jump, are cut off, or converge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_findings import Finding
from ._nb_log import is_gradient

Floats = NDArray[np.float64]

# Of the median, beyond which a gradient norm is a jump; and below which it has died away.
_JUMP, _DEAD = 1e3, 1e-9


def gradient_norms(facts: Facts) -> Iterator[Finding]:
    """Gradient norms that jump or die."""
    for name, values in facts.log.items():
        if not is_gradient(name):
            continue
        known = values[np.isfinite(values)]
        if known.size < 5:
            continue
        middle = float(np.median(known))
        jumps = np.flatnonzero(known > _JUMP * _before(known))
        # The first steps may be steep.
        jumps = jumps[jumps >= max(2, known.size // 20)]
        if jumps.size and middle > 0.0:
            yield Finding(
                "gradient-norm", "warning",
                f"{name} jumps to {known[jumps].max():.3g} from a median of "
                f"{_before(known)[jumps[0]]:.3g} before, at {jumps.size} of {known.size} steps, "
                f"the first at {jumps[0]}.",
                "One such step undoes many; Adam's second moment then stays large, and the next "
                "steps are too small.",
                "clip the norm (torch.nn.utils.clip_grad_norm_) at a few times the median.",
            )  # fmt: skip
        tail = known[-max(3, known.size // 10) :]
        if np.max(tail) <= _DEAD * max(known[0], middle):
            yield _died(name, known, float(np.max(tail)))


def _before(known: Floats) -> Floats:
    """Return the smaller of two medians of the steps before each: of the last 20, and of all.

    A norm that falls by a power of ten every few steps is below both all the time.
    """
    width = min(20, known.size - 1)
    recent = np.full(known.size, np.inf)
    recent[width:] = np.median(
        np.lib.stride_tricks.sliding_window_view(known, width)[: known.size - width], axis=1
    )
    marks = np.unique(np.linspace(1, known.size, 101).astype(int))
    medians = np.array([np.median(known[:k]) for k in marks])
    overall = medians[np.searchsorted(marks, np.maximum(1, np.arange(known.size)), "right") - 1]
    # Steps that are all near 0 make no jump of the next.
    recent = np.maximum(recent, 1e-3 * np.median(known))
    return np.asarray(np.minimum(recent, overall))


def _died(name: str, known: Floats, level: float) -> Finding:
    """Tell a norm that was cut off from one that has converged."""
    small = known <= max(level, 0.0)
    first = known.size - int(np.argmin(small[::-1])) if not small.all() else 0
    sudden = level == 0.0 or known[first] <= 1e-8 * known[max(0, first - 1)]
    if sudden:
        return Finding(
            "gradient-norm", "warning",
            f"{name} has died away to {level:.3g}, from {known[0]:.3g}.",
            "A training stops at small gradients, not at none: a clamp, a dead relu or a "
            "robust loss cuts them off.",
            "look for clamps of parameters and of the loss; give them here as clamps= and "
            "loss_clamp=.",
        )  # fmt: skip
    return Finding(
        "gradient-norm", "note",
        f"{name} has fallen step by step to {level:.3g}, from {known[0]:.3g}.",
        "A training on all the data that has converged does so; a parameter that runs to infinity "
        "does so as well.",
        "see that no parameter is still moving, and stop earlier.",
    )  # fmt: skip
