"""How to get the same result again: the call in Python and the command line, with the versions."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from countglm.report.about import NOTHING, About
from countglm.report.comparison import comparison
from countglm.report.html import paragraphs, provenance_section, section
from countglm.report.repeat_choices import (
    by_call,
    by_columns,
    choices,
    contrast_of,
    flags_dropped,
    given_arrays,
    given_as,
    group_label,
    in_python,
    shrinkage_of,
)
from countglm.report.repeat_shell import keeps_order, shell_text, shell_words

if TYPE_CHECKING:
    from countglm.deresult import DEResult

_SHOWN_BEFORE = ("contrast", "shrinkage")


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
        if not (about.command or all(map(keeps_order, results.values()))):
            # Sums over samples round by the order of the coefficients.
            typed += ", to rounding"
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
    calls = by_call(results)
    lines = ["import countglm", *_read(calls, about)]
    notes = [note for call in calls for note in _not_held(next(iter(call.values())), about)]
    lines += [f"# {note}" for note in dict.fromkeys(notes)]
    if len(calls) > 1:
        lines.append("results = {}")
    for call in calls:
        lines += _call(call, alone=len(calls) == 1)
    return "\n".join(lines)


def _filters(about: About) -> bool:
    return bool(about.source) and (about.min_count is not None or about.by_expression)


def _read(calls: list[dict[str, DEResult]], about: About) -> list[str]:
    """Lines that read the counts and leave out the genes that the analysis left out."""
    firsts = [next(iter(call.values())) for call in calls]
    fit = firsts[0].fit
    if not about.source:
        grouped = group_label(firsts[0]) is not None
        of = "all samples" if grouped else f"{fit.n_samples} samples"
        told = "; samples: their table" if fit.design.formula else ""
        return ["", f"# counts: {of} x {fit.n_genes:,} genes{told}"]
    given = f", samples={about.samples!r}" if about.samples else ""
    given += f", layer={about.layer!r}" if about.layer else ""
    allowed = ", allow_noninteger=True" if choices(firsts[0]).get("allow_noninteger") else ""
    lines = [f"counts, samples = read_counts({about.source!r}{given})"]
    readers = ["read_counts"]
    if about.size_factors or _filters(about):
        lines.append(f"counts = as_count_matrix(counts{allowed})")
    if _filters(about):
        lines += _kept_genes(list(dict.fromkeys(each.fit.design.formula for each in firsts)), about)
    if about.size_factors:
        readers.append("read_samples")
        table = f"read_samples({about.size_factors!r}).iloc[:, 0]"
        lines.append(f"size_factors = {table}.loc[list(counts.sample_names)]")
    head = [f"from countglm.readers import {', '.join(readers)}", ""]
    if any("as_count_matrix" in line for line in lines):
        head.insert(0, "from countglm.counts import as_count_matrix")
    return [*head, *lines]


def _kept_genes(formulas: list[str | None], about: About) -> list[str]:
    """Lines that take the genes with counts enough."""
    lines: list[str] = []
    if about.by_expression:
        models = ["design" if formula is None else repr(formula) for formula in formulas]
        rules = [f"countglm.filter_by_expression(counts, {each}, obs=samples)" for each in models]
        lines += [f"keep = {rules[0]}", *(f"keep |= {rule}" for rule in rules[1:])]
    if about.min_count is not None:
        least = f"min_count=0, min_total_count={about.min_count!r}"
        sign = "&=" if lines else "="
        lines.append(f"keep {sign} countglm.filter_by_expression(counts, {least})")
    return [*lines, "counts = counts.take_genes(keep.nonzero()[0])"]


def _call(results: Mapping[str, DEResult], *, alone: bool) -> list[str]:
    """Lines of one fit: the call, and what was done with its results."""
    first = next(iter(results.values()))
    formula = first.fit.design.formula
    one = alone and len(results) == 1
    contrasts = {name: _asked(result) for name, result in results.items()}
    asked = next(iter(contrasts.values())) if one else contrasts
    arguments = ["counts,", f"{formula!r}," if formula else "design,", f"{asked!r},"]
    arguments += ["obs=samples,"] if formula else []
    arguments += [f"{name}={in_python(value)}," for name, value in choices(first).items()]
    arguments += [f"{name}={given_as(first, name)}," for name in given_arrays(first)]
    label, control = group_label(first), first.settings.get("control")
    if label is not None:
        columns = by_columns(first)
        arguments.append(f"by={'by' if columns is None else repr(columns)},")
        arguments += [] if control is None else [f"control={in_python(control)},"]
    target = "result" if one else "results" if alone else "found"
    lines = [f"{target} = countglm.differential_expression("]
    lines += [f"    {argument}" for argument in arguments] + [")"]
    lines += [_each(target, f"[{in_python(label)}]", one)] if label is not None else []
    if flags_dropped(first):
        lines.append(
            f"{target} = result.test({asked!r}, cooks_cutoff=False)"
            if one
            else f"{target} = next(iter({target}.values())).test("
            f"{dict(contrasts)!r}, cooks_cutoff=False)"
        )
    if options := shrinkage_of(first):
        lines.append(_each(target, f".shrink({options})", one))
    return lines if alone else [*lines, "results |= found"]


def _each(target: str, what: str, one: bool) -> str:
    """A line that does something with the result, or with each of several."""
    if one:
        return f"{target} = {target}{what}"
    return f"{target} = {{name: each{what} for name, each in {target}.items()}}"


def _asked(result: DEResult) -> Any:
    """The contrast as one asks for it; None of a group against the control, which is the rule."""
    control, label = result.settings.get("control"), group_label(result)
    if control is not None:
        about = comparison(result)
        own = label[-1] if isinstance(label, tuple) else label
        column = list(result.settings["group"])[-1]
        if (about.factor, about.tested, about.reference) == (column, str(own), str(control)):
            return None
    return contrast_of(result)


def _not_held(result: DEResult, about: About) -> list[str]:
    notes = []
    names = [name for name in given_arrays(result) if given_as(result, name) == name]
    if about.size_factors and "size_factors" in names:
        names.remove("size_factors")
    if group_label(result) is not None and by_columns(result) is None:
        names.append("by")
    if names:
        notes.append(f"{', '.join(names)}: as given to the analysis; this page does not hold them")
    if result.fit.design.formula is None:
        columns = ", ".join(result.fit.design.names[:6])
        notes.append(f"design: samples x columns ({columns})")
    if about.n_dropped and not _filters(about):
        why = f" ({about.drop_rule})" if about.drop_rule else ""
        notes.append(f"counts: without {about.n_dropped:,} genes that were dropped before{why}")
    return notes
