"""The stages that are compared, and when two values of one are equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Values = Mapping[str, Floats]

SIZE_FACTORS = "size factors"
BASE_MEAN = "base mean"
GENEWISE = "gene-wise dispersion"
TREND = "trend"
PRIOR = "prior variance"
MAP = "MAP dispersion"
FINAL = "dispersion"
LFC = "log2 fold change"
ERROR = "standard error"
STATISTIC = "statistic"
P = "p-value"
PADJ = "adjusted p"
# The smallest dispersion that DESeq2 gives; it stands for anything below.
FLOOR = 1e-8
# Counts are added in another order than R adds them: what is left of 16 digits, or of the 12 of
# a table written as text.
EXACT = 1e-10
TINY = 1e-300


@dataclass(frozen=True)
class Stage:
    """A quantity with a value a gene.

    ``change(ours, theirs)`` is signed and in ``unit``; ``scale(ours, theirs, errors)`` is what
    the tolerance is multiplied by, ``words`` say it.
    """

    name: str
    unit: str
    words: str
    change: Callable[[Floats, Floats], Floats]
    scale: Callable[[Floats, Floats, Floats], Floats]
    exact: bool = False

    def limit(self, tolerance: float) -> float:
        return min(EXACT, tolerance) if self.exact else tolerance


def relative(ours: Floats, theirs: Floats) -> Floats:
    """Difference in units of theirs."""
    return (ours - theirs) / np.where(theirs == 0.0, 1.0, np.abs(theirs))


def log_ratio(ours: Floats, theirs: Floats) -> Floats:
    """Natural logarithm of ours over theirs, both raised to the floor of DESeq2."""
    return np.log(np.maximum(ours, FLOOR) / np.maximum(theirs, FLOOR))


def log10_ratio(ours: Floats, theirs: Floats) -> Floats:
    """Decimal logarithm of ours over theirs; below 1e-300 all are equal."""
    return np.log10(np.maximum(ours, TINY) / np.maximum(theirs, TINY))


def difference(ours: Floats, theirs: Floats) -> Floats:
    """Ours less theirs; 0 where both are the same infinity."""
    return np.where(ours == theirs, 0.0, ours - theirs)


def _one(ours: Floats, theirs: Floats, errors: Floats) -> Floats:
    return np.ones_like(theirs)


def _value_or_error(ours: Floats, theirs: Floats, errors: Floats) -> Floats:
    return np.fmax(np.abs(theirs), errors)


def _one_and_value(ours: Floats, theirs: Floats, errors: Floats) -> Floats:
    return 1.0 + np.abs(theirs)


def _one_and_digits(ours: Floats, theirs: Floats, errors: Floats) -> Floats:
    return 1.0 - np.log10(np.maximum(theirs, TINY))


STAGES: tuple[Stage, ...] = (
    Stage(BASE_MEAN, "relative", "{:.0e} of the mean", relative, _one, exact=True),
    Stage(GENEWISE, "log ratio", "{:.0e} of the dispersion", log_ratio, _one),
    Stage(TREND, "log ratio", "{:.0e} of the trend", log_ratio, _one),
    Stage(MAP, "log ratio", "{:.0e} of the dispersion", log_ratio, _one),
    Stage(FINAL, "log ratio", "{:.0e} of the dispersion", log_ratio, _one),
    Stage(LFC, "log2", "{:.0e} of value or error", difference, _value_or_error),
    Stage(ERROR, "relative", "{:.0e} of the error", relative, _one),
    Stage(STATISTIC, "difference", "{:.0e} (1 + value)", difference, _one_and_value),
    Stage(P, "log10 ratio", "{:.0e} (1 + digits)", log10_ratio, _one_and_digits),
    Stage(PADJ, "log10 ratio", "{:.0e} (1 + digits)", log10_ratio, _one_and_digits),
)
BY_NAME = {stage.name: stage for stage in STAGES}


def changes(stage: Stage, ours: Floats, theirs: Floats) -> Floats:
    """Signed change of every gene: 0 where neither has a value, infinite where only one has."""
    with np.errstate(all="ignore"):
        change = stage.change(ours, theirs)
    one, other = np.isnan(ours), np.isnan(theirs)
    change = np.where(one & other, 0.0, change)
    return np.where(one != other, np.inf, change)


def apart(stage: Stage, ours: Values, theirs: Values, tolerance: float) -> Mask:
    """Which genes differ by more than the tolerance."""
    one, other = ours[stage.name], theirs[stage.name]
    change = np.abs(changes(stage, one, other))
    with np.errstate(invalid="ignore"):
        scale = stage.scale(one, other, theirs[ERROR])
        return np.asarray(~(change <= stage.limit(tolerance) * np.where(change == 0, 1.0, scale)))
