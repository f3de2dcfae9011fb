"""What ``--contrast`` says, checked against the design; where it is wrong, what was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from countglm._names import did_you_mean, first_few
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from countglm.design import Design

# How DESeq2 names a coefficient, and how limma and people write a difference.
_IN_R = re.compile(r"(?P<factor>[\w.]+?)_(?P<tested>[\w.]+)_vs_(?P<reference>[\w.]+)")
_DIFFERENCE = re.compile(r"(?P<tested>[\w.]+) *(?:-|vs\.?|:|/) *(?P<reference>[\w.]+)")


def parse_contrast(text: str, design: Design, obs: pd.DataFrame | None = None) -> Any:
    """Check one ``--contrast`` against the design; return what `wald_test` takes.

    Raises
    ------
    InputError
        Neither a coefficient's name, nor factor,tested,reference, nor one number each.
    """
    if text in design.names:
        return text
    parts = [part.strip() for part in text.split(",")]
    contrast: Any = text
    if len(parts) > 1:
        contrast = _numbers(parts) or parts
    if contrast is text or contrast is parts:
        _require_understood(text, parts, design, obs)
    design.contrast(contrast)
    return contrast


def _numbers(parts: list[str]) -> list[float] | None:
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None


def _require_understood(
    text: str, parts: list[str], design: Design, obs: pd.DataFrame | None
) -> None:
    """Raise InputError, with what may have been meant, for words that the design does not know."""
    if len(parts) == 3 and parts[0] in design.factors:
        return
    if len(parts) > 1 and all(part in design.names for part in parts):
        return
    if len(parts) == 3 and obs is not None and parts[0] in obs.columns:
        _explain_column(text, parts[0], design)
    meant = _meant(text, parts, design)
    if meant:
        raise InputError(f"--contrast {text!r} is no contrast of the design; write {meant}.")
    factors = list(design.factors)
    if len(parts) == 3:
        raise InputError(
            f"--contrast {text!r}: {parts[0]!r} is no factor of the design"
            f"{did_you_mean(parts[0], factors)}; its factors are {first_few(factors, 10) or 'none'}"
            f", its coefficients {first_few(design.names, 10)}."
        )
    examples = [
        f"--contrast {','.join([name, str(levels[-1]), str(levels[0])])}"
        for name, levels in design.factors.items()
    ]
    raise InputError(
        f"--contrast {text!r} is no coefficient of the design{did_you_mean(text, design.names)}; "
        f"write column,tested,reference{', such as ' + examples[-1] if examples else ''}, or one "
        f"of the coefficients {first_few(design.names, 10)}."
    )


def _explain_column(text: str, column: str, design: Design) -> None:
    """Raise for a column of the sample table that is no factor of the design."""
    if column in design.names:
        raise InputError(
            f"--contrast {text!r} compares levels, and {column!r} is a number in the design; "
            f"test its slope with --contrast {column}, or write C({column}) in --design to "
            "compare its values."
        )
    formula = design.formula or "~"
    raise InputError(
        f"--contrast {text!r}: {column!r} is a column of the sample table, but no factor of the "
        f'design; add it, such as --design "{formula} + {column}".'
    )


def _meant(text: str, parts: list[str], design: Design) -> str:
    """Return the option that says what a text in another notation says; empty if none does."""
    if len(parts) == 2:
        return _of_levels(parts[0], parts[1], design)
    if found := _IN_R.fullmatch(text):
        factor, tested, reference = found.groups()
        if factor in design.factors:
            return f"--contrast {factor},{tested},{reference}"
    if found := _DIFFERENCE.fullmatch(text):
        return _of_levels(found["tested"], found["reference"], design)
    return ""


def _of_levels(tested: str, reference: str, design: Design) -> str:
    for factor, levels in design.factors.items():
        known = {str(level) for level in levels}
        if {tested, reference} <= known:
            return f"--contrast {factor},{tested},{reference}"
    return ""
