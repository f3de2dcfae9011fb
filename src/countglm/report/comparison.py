"""What a contrast compares: levels of a factor, groups of samples, a column of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._cells import cells_of

if TYPE_CHECKING:
    from countglm._cells import Cells
    from countglm._formula import Levels
    from countglm.deresult import DEResult
    from countglm.design import Design

Floats = NDArray[np.float64]
# Pairs of more groups than this are not sought: their number grows with the square.
_MOST_GROUPS = 200
_EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Comparison:
    """What the contrast of a result says about its samples.

    Attributes
    ----------
    design : Design
    contrast : (n_coef,)
    factor, tested, reference : str
        The factor whose levels are compared; empty for other contrasts.
    """

    design: Design
    contrast: Floats
    factor: str = ""
    tested: str = ""
    reference: str = ""

    @cached_property
    def cells(self) -> Cells:
        """Groups of samples with equal rows of the design."""
        return cells_of(self.design.matrix)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of groups (cells) whose rows differ by just the contrast."""
        rows = self.cells.rows
        if rows.shape[0] > _MOST_GROUPS:
            return []
        apart = rows[:, None, :] - rows[None, :, :] - self.contrast
        more, less = np.nonzero((np.abs(apart) < _EQUAL).all(axis=2))
        return list(zip(more.tolist(), less.tolist(), strict=True))

    @property
    def sizes(self) -> tuple[int, int] | None:
        """Samples with the tested and with the reference level; None for other contrasts."""
        if self.factor and not self.held:
            return self._with_level(self.tested), self._with_level(self.reference)
        if not self.pairs:
            return None
        tested, reference = ({pair[side] for pair in self.pairs} for side in (0, 1))
        if tested & reference:
            return None
        each = self.cells.sizes
        return int(each[sorted(tested)].sum()), int(each[sorted(reference)].sum())

    def _with_level(self, level: str) -> int:
        return int(level_mask(self.design, self.factor, level).sum())

    @cached_property
    def held(self) -> dict[str, str]:
        """Other variables by what they are held at: those in an interaction with the factor."""
        found: dict[str, str] = {}
        for name in self.design.names if self.factor else ():
            parts = name.split(":")
            if any(_mentions(part, self.factor) for part in parts[: len(parts) * (":" in name)]):
                found |= {
                    variable: at
                    for part in parts
                    if not _mentions(part, self.factor)
                    for variable, at in [_zero_of(self.design, part)]
                }
        return found

    @property
    def is_interaction(self) -> bool:
        """Is a single interaction tested, beside the terms that it goes beyond?"""
        parts = self.column.split(":")
        lower = (":".join(parts[:k] + parts[k + 1 :]) for k in range(len(parts)))
        return len(parts) > 1 and all(name in self.design.names for name in lower)

    @property
    def nested(self) -> str:
        """What a column such as ``batch[z]:cond[T.b]`` says where ``cond[T.b]`` is no column."""
        if ":" not in self.column or self.is_interaction:
            return ""
        effects, within = [], []
        for part in self.column.split(":"):
            base, _, level = part.rstrip("]").partition("[")
            if level.startswith("T."):
                effects.append(f"{base} {level[2:]}{_against(self.design, base)}")
            elif level:
                within.append(f"{base} {level}")
            else:
                effects.append(f"the change of expression with {part}, per unit")
        if len(effects) != 1 or not within:
            return f"the coefficient {self.column}"
        return f"{effects[0]}, within {', '.join(within)}"

    @property
    def is_mark(self) -> bool:
        """Does the tested column mark samples by 1, and others by 0?"""
        values = self.design.matrix[:, self.design.names.index(self.column)] if self.column else ()
        return bool(self.column) and set(np.unique(values)) <= {0.0, 1.0}

    @cached_property
    def column(self) -> str:
        """The column that is tested by itself and belongs to no factor, or an empty text."""
        weighted = np.flatnonzero(self.contrast)
        if weighted.size != 1 or self.factor or self.contrast[weighted[0]] != 1.0:
            return ""
        place = int(weighted[0])
        name = self.design.names[place]
        main = any((coding[:, place] != 0.0).any() for coding in self.design.codings.values())
        return "" if main or name == "Intercept" else name


def comparison(result: DEResult) -> Comparison:
    """Return what ``result`` compares."""
    return compare(result.fit.design, result.contrast)


def compare(design: Design, contrast: Floats) -> Comparison:
    """Return what a contrast (n_coef,) of a design compares."""
    for factor, coding in design.codings.items():
        levels = [str(level) for level in design.factors[factor]]
        apart = coding[:, None, :] - coding[None, :, :] - contrast
        found = np.argwhere((np.abs(apart) < _EQUAL).all(axis=2))
        if found.size:
            tested, reference = found[0]
            return Comparison(design, contrast, factor, levels[tested], levels[reference])
    return Comparison(design, contrast)


def level_mask(design: Design, factor: str, level: str) -> NDArray[np.bool_]:
    """Return which samples (n,) have a level of a factor, read off the factor's own columns."""
    coding = design.codings[factor]
    place = [str(each) for each in design.factors[factor]].index(level)
    main = np.flatnonzero(coding.any(axis=0))
    return np.asarray((design.matrix[:, main] == coding[place, main]).all(axis=1))


def level_names(design: Design) -> dict[str, list[str]]:
    """Return the level of every sample by factor; empty text where the design does not tell."""
    found: dict[str, list[str]] = {}
    for factor, levels in design.factors.items():
        if factor not in design.codings or not design.codings[factor].any():
            continue
        names = np.full(design.matrix.shape[0], "", dtype=object)
        for level in levels:
            names[level_mask(design, factor, str(level))] = str(level)
        found[factor] = names.tolist()
    return found


def adjusted_for(result: DEResult) -> list[str]:
    """Return the variables of the formula that the contrast is not about."""
    design = result.fit.design
    if design.formula is None:
        return []
    from countglm._formula import factor_variables, parse_formula

    factors = [part for term in parse_formula(design.formula) for part in term.factors]
    names = dict.fromkeys(name for part in factors for name in factor_variables(part))
    about = comparison(result)
    weighted = [design.names[j] for j in np.flatnonzero(result.contrast)]
    obs = result.obs
    return [
        name
        for name in names
        if name != about.factor
        and not any(_mentions(column, name) for column in weighted)
        and (obs is None or name in obs.columns)
    ]


def _zero_of(design: Design, part: str) -> tuple[str, str]:
    """A variable of an interaction, and the value at which its columns are 0."""
    for factor, levels in design.factors.items():
        if not _mentions(part, factor):
            continue
        bare = np.flatnonzero(~design.codings[factor].any(axis=1))
        level = levels[int(bare[0])] if bare.size == 1 else _unmarked(design, part, levels)
        return factor, f"the mean over {factor}" if level is None else f"{factor} {level}"
    return part, f"{part} 0"


def _against(design: Design, base: str) -> str:
    """The reference of the factor in ``base``, as the end of a comparison."""
    for factor, levels in design.factors.items():
        if _mentions(base, factor) and (level := _unmarked(design, base, levels)) is not None:
            return f" against {level}"
    return ""


def _unmarked(design: Design, part: str, levels: Levels) -> object:
    """The one level without a part ``base[T.level]`` in the names of columns, or None."""
    base = part.partition("[")[0]
    parts = {each for name in design.names for each in name.split(":")}
    left = [level for level in levels if f"{base}[T.{level}]" not in parts]
    return left[0] if len(left) == 1 else None


def _mentions(column: str, variable: str) -> bool:
    """Does the name of a column of the design, such as ``a[T.b]:age``, speak of a variable?"""
    import re

    return re.search(rf"(?<![\w.]){re.escape(variable)}(?![\w.])", column) is not None
