"""How to get the same result again: the call in Python and the command line, with the versions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.report.about import NOTHING, About
from countglm.report.comparison import comparison
from countglm.report.html import paragraphs, provenance_section, section

if TYPE_CHECKING:
    from countglm.deresult import DEResult

# Defaults of `differential_expression`; what differs is part of the call.
_DEFAULTS: dict[str, Any] = {
    "mode": "exact", "alpha": 0.1, "size_factors": "ratio", "fit_type": "parametric",
    "test": "wald", "lfc_threshold": 0.0, "alternative": "greaterAbs", "use_t": False,
    "min_replicates_for_replacement": 7.0, "p_adjust": "BH", "interval": None, "level": 0.95,
    "max_dispersion": None,
}  # fmt: skip
_OPTIONS = {
    "mode": "--mode", "alpha": "--alpha", "size_factors": "--size-factors",
    "fit_type": "--fit-type", "lfc_threshold": "--lfc-threshold",
    "alternative": "--alternative", "interval": "--interval",
}  # fmt: skip
_MAY_BE_GIVEN = (
    *("size_factors", "fit_type", "dispersion", "reduced", "filter_statistic", "p_adjust"),
)
_SHOWN_BEFORE = ("contrast", "shrinkage")
_WIDTH = 76


def repeat_section(results: Mapping[str, DEResult], about: About = NOTHING) -> str:
    """Calls that give the results again."""
    first = next(iter(results.values()))
    shell = shell_words(results, about)
    told = [
        "The same counts, samples and choices give the same numbers, whatever the number of "
        "threads and however the counts are stored; on another kind of processor to rounding."
    ]
    parts = [paragraphs(told), "<h3>In Python</h3>", _code(python_call(results, about))]
    if shell:
        typed = "as it was typed" if about.command else "to the same effect"
        parts += [f"<h3>On the command line, {typed}</h3>", _code(shell_text(shell))]
    print_of_counts = first.fit.counts_fingerprint
    parts.append(paragraphs([
        f"The counts are recognised by their fingerprint, {print_of_counts}: "
        "result.fit.counts_fingerprint after the same call must be equal."
    ]))  # fmt: skip
    return section("Repeat this analysis", *parts)


def versions_section(results: Mapping[str, DEResult]) -> str:
    """Versions and options, without what has a section of its own."""
    first = next(iter(results.values()))
    record = dict(first.provenance)
    record.pop("warnings", None)
    shown = {name: value for name, value in first.settings.items() if name not in _SHOWN_BEFORE}
    record["options"] = {**record.get("options", {}), **shown}
    return provenance_section(record)


def _code(text: str) -> str:
    return f'<pre tabindex="0">{escape(text)}</pre>'


def python_call(results: Mapping[str, DEResult], about: About = NOTHING) -> str:
    """Return lines of Python that make the results, and a shrunken one of them."""
    first = next(iter(results.values()))
    lines = ["import countglm"]
    formula = first.fit.design.formula
    arguments = ["counts,", f"{formula!r}," if formula else "design,"]
    if about.source:
        lines += ["from countglm.readers import read_counts", ""]
        given = f", samples={about.samples!r}" if about.samples else ""
        lines.append(f"counts, samples = read_counts({about.source!r}{given})")
    else:
        lines += ["", f"# counts: {first.fit.n_samples} samples x {first.fit.n_genes:,} genes"]
        if formula:
            lines[-1] += "; samples: their table"
    lines += [f"# {note}" for note in _not_held(first, about)]
    arguments.append(f"{_asked(results)!r},")
    if formula:
        arguments.append("obs=samples,")
    arguments += [f"{name}={value!r}," for name, value in choices(first).items()]
    arguments += [f"{name}={_given(first, name)}," for name in _given_arrays(first)]
    target = "result" if len(results) == 1 else "results"
    lines.append(f"{target} = countglm.differential_expression(")
    lines += [f"    {argument}" for argument in arguments] + [")"]
    if options := _shrinkage(first):
        lines.append(
            f"result = result.shrink({options})"
            if len(results) == 1
            else f"results = {{name: r.shrink({options}) for name, r in results.items()}}"
        )
    return "\n".join(lines)


def _asked(results: Mapping[str, DEResult]) -> Any:
    """The contrast, or the contrasts by name, as one asks for them."""
    if len(results) > 1:
        return {name: contrast_of(result) for name, result in results.items()}
    return contrast_of(next(iter(results.values())))


def contrast_of(result: DEResult) -> str | list[str] | list[float]:
    """Return the contrast of a result: a column, [factor, tested, reference], or numbers."""
    if result.label in result.fit.design.names:
        return result.label
    about = comparison(result)
    if about.factor:
        return [about.factor, about.tested, about.reference]
    return [float(weight) for weight in result.contrast]


def choices(result: DEResult) -> dict[str, Any]:
    """Return the options of the call that differ from their defaults."""
    settings = result.settings
    found: dict[str, Any] = {}
    if references := reference_levels(result):
        found["reference"] = references
    for name, default in _DEFAULTS.items():
        value = settings.get(name, default)
        if name == "alternative" and settings["mode"] == "replay" and value == "greaterAbs2014":
            continue
        if value is None and name == "min_replicates_for_replacement":
            value = float("inf")
        if value != default and value != "given":
            found[name] = value
    if settings.get("prior_variance") not in ("estimated", None):
        found["prior_variance"] = settings["prior_variance"]
    found |= _filtering_and_outliers(result)
    if settings["test"] == "lrt" and settings["reduced"] != "given":
        found["reduced"] = settings["reduced"]
    if result.fit.tol != 1e-8 and settings["mode"] == "exact":
        found["tol"] = result.fit.tol
    return found


def _filtering_and_outliers(result: DEResult) -> dict[str, Any]:
    settings = result.settings
    found: dict[str, Any] = {}
    rule = settings["independent_filtering"]
    if rule != ("1.38" if settings["mode"] == "replay" else "new"):
        found["independent_filtering"] = rule
    cutoff, shape = settings["cooks_cutoff"], result.fit.design.matrix.shape
    if cutoff is None:
        return found if shape[0] <= shape[1] else found | {"cooks_cutoff": False}
    weighted = result.fit.weights is not None and settings["mode"] == "exact"
    from countglm.cooks import cooks_cutoff

    if not weighted and abs(cutoff - cooks_cutoff(*shape)) > 1e-9 * cutoff:
        found["cooks_cutoff"] = cutoff
    return found


def reference_levels(result: DEResult) -> dict[str, str]:
    """Return the first level of every factor whose levels are not in the order of the alphabet."""
    levels = {name: list(each) for name, each in result.fit.design.factors.items()}
    return {name: str(each[0]) for name, each in levels.items() if each[0] != _least(each)}


def _least(levels: Sequence[Any]) -> Any:
    try:
        return min(levels)
    except TypeError:
        return min(levels, key=str)


def _given_arrays(result: DEResult) -> list[str]:
    """Names of the arguments that were given as arrays or functions, which no record holds."""
    settings, fit = result.settings, result.fit
    names = [name for name in _MAY_BE_GIVEN if settings.get(name) == "given"]
    if settings.get("normalization_factors"):
        names.append("normalization_factors")
    elif fit.offset is not None:
        names.append("offset")
    return names + (["weights"] if fit.weights is not None else [])


def _given(result: DEResult, name: str) -> str:
    """What an argument was given as: a single number where all dispersions are equal, or a name."""
    values = result.fit.dispersion[np.isfinite(result.fit.dispersion)]
    if name == "dispersion" and values.size and (values == values[0]).all():
        return repr(float(values[0]))
    return name


def _not_held(result: DEResult, about: About) -> list[str]:
    notes = []
    if names := [name for name in _given_arrays(result) if _given(result, name) == name]:
        notes.append(f"{', '.join(names)}: as given to the analysis; this page does not hold them")
    if result.fit.design.formula is None:
        columns = ", ".join(result.fit.design.names[:6])
        notes.append(f"design: samples x columns ({columns})")
    if about.n_dropped:
        why = f" ({about.drop_rule})" if about.drop_rule else ""
        notes.append(f"counts: without {about.n_dropped:,} genes that were dropped before{why}")
    return notes


def _shrinkage(result: DEResult) -> str:
    """Arguments of `DEResult.shrink`, empty where nothing was shrunken."""
    record = result.settings.get("shrinkage")
    if not record:
        return ""
    given = {"method": record["method"]}
    if record["mode"] != result.settings["mode"]:
        given["mode"] = record["mode"]
    given |= {name: record[name] for name in ("lfc_threshold", "svalue") if record[name]}
    if record.get("prior_scale_given"):
        given["prior_scale"] = record["prior_scale"]
    return ", ".join(f"{name}={value!r}" for name, value in given.items())


def shell_words(results: Mapping[str, DEResult], about: About = NOTHING) -> list[str]:
    """Return the command that makes the results; empty where options cannot say what was done."""
    if about.command:
        return list(about.command)
    first = next(iter(results.values()))
    found, formula = choices(first), first.fit.design.formula
    beyond = set(found) - set(_OPTIONS) - {
        "reference", "reduced", "test", "independent_filtering", "cooks_cutoff",
    }  # fmt: skip
    shrinkage = first.settings.get("shrinkage") or {}
    plain = {"lfc_threshold", "svalue", "prior_scale_given"}
    if beyond or formula is None or _given_arrays(first) or any(map(shrinkage.get, plain)):
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
    for name, option in _OPTIONS.items():
        if name in found:
            words += [option, str(found[name])]
    words += ["--no-independent-filtering"] if "independent_filtering" in found else []
    words += ["--no-cooks"] if "cooks_cutoff" in found else []
    words += ["--shrink", shrinkage["method"]] if shrinkage else []
    return [*words, "-o", "results"]


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
