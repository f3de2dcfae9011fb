"""The command line that makes results again, as it was typed or as it can be made up."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from countglm.report.about import NOTHING, About
from countglm.report.repeat_choices import (
    by_call,
    by_columns,
    choices,
    contrast_of,
    flags_dropped,
    given_arrays,
    group_label,
)

if TYPE_CHECKING:
    from countglm.deresult import DEResult

_OPTIONS = {
    "mode": "--mode", "alpha": "--alpha", "size_factors": "--size-factors",
    "fit_type": "--fit-type", "lfc_threshold": "--lfc-threshold",
    "alternative": "--alternative", "interval": "--interval", "zeros": "--zeros",
}  # fmt: skip
_WIDTH = 76


def shell_words(results: Mapping[str, DEResult], about: About = NOTHING) -> list[str]:
    """Return the command that makes the results; empty where options cannot say what was done."""
    if about.command:
        return list(about.command)
    first, *others = by_call(results)
    if others:
        return []
    return _made(first, about)


def _made(results: Mapping[str, DEResult], about: About) -> list[str]:
    first = next(iter(results.values()))
    found, formula = choices(first), first.fit.design.formula
    beyond = set(found) - set(_OPTIONS) - {
        "reference", "reduced", "test", "independent_filtering", "cooks_cutoff", "zeros",
        "allow_noninteger",
    }  # fmt: skip
    shrinkage = first.settings.get("shrinkage") or {}
    plain = {"lfc_threshold", "svalue", "prior_scale_given"}
    if beyond or formula is None or given_arrays(first) or any(map(shrinkage.get, plain)):
        return []
    if flags_dropped(first) or any(map(_reads_otherwise, results.values())):
        return []
    if found.get("independent_filtering", False) or found.get("cooks_cutoff", False):
        return []
    words = ["countglm", "de", about.source or "COUNTS"]
    if about.samples or not about.source:
        words += ["--samples", about.samples or "SAMPLES"]
    words += ["--design", formula]
    for result in results.values():
        contrast = contrast_of(result)
        text = contrast if isinstance(contrast, str) else ",".join(map(str, contrast))
        words += ["--contrast", text]
    for variable, level in found.get("reference", {}).items():
        words += ["--reference", f"{variable}={level}"]
    if "reduced" in found:
        words += ["--lrt", found["reduced"]]
    if group_label(first) is not None:
        for name in by_columns(first) or []:
            words += ["--by", name]
        if (control := first.settings.get("control")) is not None:
            words += ["--control", str(control)]
    for name, option in _OPTIONS.items():
        if name in found:
            words += [option, str(found[name])]
    words += ["--no-independent-filtering"] if "independent_filtering" in found else []
    words += ["--allow-noninteger"] if "allow_noninteger" in found else []
    words += ["--no-cooks"] if "cooks_cutoff" in found else []
    words += ["--shrink", shrinkage["method"]] if shrinkage else []
    return [*words, "-o", "results"]


def _reads_otherwise(result: DEResult) -> bool:
    """Would a table of text, or the commas of an option, turn levels into something else?"""
    if group_label(result) is not None and by_columns(result) is None:
        return True
    for levels in result.fit.design.factors.values():
        texts = [str(level) for level in levels]
        if any("," in text or text != text.strip() or text in ("", "NA") for text in texts):
            return True
        if any(isinstance(level, str) for level in levels) and all(map(_is_number, texts)):
            return True
    return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def keeps_order(result: DEResult) -> bool:
    """Are all levels but the first in the order in which a table of text has them?"""
    for levels in result.fit.design.factors.values():
        rest = list(levels)[1:]
        if rest != sorted(rest, key=str) and any(isinstance(level, str) for level in rest):
            return False
    return True


def shell_text(words: Sequence[str]) -> str:
    """Return a command as one types it, broken into lines that fit."""
    lines, line = [], ""
    for word in words:
        quoted = shlex.quote(word)
        starts = quoted.startswith("-") and len(line) + len(quoted) > _WIDTH // 2
        if line and (len(line) + 1 + len(quoted) > _WIDTH or starts):
            lines.append(line)
            line = f"    {quoted}"
        else:
            line = f"{line} {quoted}" if line else quoted
    return " \\\n".join([*lines, line])
