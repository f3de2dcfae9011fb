"""Groups of samples that a design cannot tell apart, with the sum that their mean is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._cells import cells_of
from countglm._contrasts import combination
from countglm.report.comparison import compare, level_names

if TYPE_CHECKING:
    from countglm.design import Design

_ALL_ONE = ("Intercept", "(Intercept)")


@dataclass(frozen=True, eq=False)
class SampleGroup:
    """Samples with equal rows of the design.

    Attributes
    ----------
    row : (n_coef,)
        Their row.
    samples : (k,) intp
        Their places.
    label : str
        Their levels, such as ``dex trt, cell a``; empty where the design has no factors.
    total : str
        The coefficients whose sum is the logarithm of their mean.
    """

    row: NDArray[np.float64]
    samples: NDArray[np.intp]
    label: str
    total: str


def sample_groups(design: Design) -> list[SampleGroup]:
    """Return the groups of samples in the order in which they first appear."""
    cells, levels = cells_of(design.matrix), level_names(design)
    found = []
    for row, samples in zip(cells.rows, cells.members, strict=True):
        first = int(samples[0])
        named = [f"{factor} {names[first]}" for factor, names in levels.items() if names[first]]
        found.append(SampleGroup(row, samples, ", ".join(named), combination(row, design.names)))
    return sorted(found, key=lambda group: int(group.samples[0]))


def sample_names(design: Design) -> list[str]:
    """Return the names of the samples, their numbers from 1 where they have none."""
    if design.sample_names is None:
        return [f"sample {number + 1}" for number in range(design.matrix.shape[0])]
    return [str(name) for name in design.sample_names]


def coefficient_meanings(design: Design) -> list[str]:
    """Return what each coefficient (n_coef,) says, in words."""
    references = {
        factor: str(levels[int(np.argmin(coding.any(axis=1)))]) if _has_bare(coding) else ""
        for factor, levels in design.factors.items()
        if (coding := design.codings.get(factor)) is not None and coding.any()
    }
    return [_meaning(design, j, references) for j in range(len(design.names))]


def _has_bare(coding: NDArray[np.float64]) -> bool:
    """Is there a level that no column marks? Codings around a mean have none."""
    return not bool(coding.any(axis=1).all())


def _meaning(design: Design, j: int, references: dict[str, str]) -> str:
    name, column = design.names[j], design.matrix[:, j]
    if name in _ALL_ONE or (column == 1.0).all():
        at = ", ".join(
            f"{factor} {level}" if level else f"the mean over {factor}"
            for factor, level in references.items()
        )
        return f"level of expression at {at}" if at else "level of expression"
    about = compare(design, np.eye(len(design.names))[j])
    if about.nested:
        return about.nested
    if ":" in name:
        parts = " and ".join(part for part in name.split(":"))
        return f"interaction: what {parts} add together beyond each alone"
    for factor, levels in design.factors.items():
        coding = design.codings.get(factor)
        if coding is None or not (coding[:, j] != 0.0).any():
            continue
        marked = [str(level) for level, code in zip(levels, coding[:, j], strict=True) if code]
        bare = (np.abs(coding).sum(axis=1) == 0.0).sum() == 1
        ones = (coding[coding[:, j] != 0.0, j] == 1.0).all()
        if len(marked) == 1 and ones:
            against = f" compared with {references[factor]}" if bare else ""
            at = f", at {', '.join(about.held.values())}" if about.held else ""
            return f"{factor} {marked[0]}{against}{at}"
        return f"part of {factor}"
    if set(np.unique(column)) <= {0.0, 1.0}:
        return f"samples marked by {name}"
    return f"change per unit of {name}"
