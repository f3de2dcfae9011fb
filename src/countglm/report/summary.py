"""The first section: what was compared and found, in words that need no statistics."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._names import plural
from countglm._ranking import called, evidence
from countglm.report.comparison import Comparison, adjusted_for, comparison
from countglm.report.html import paragraphs, section
from countglm.report.words import gene_labels, top_genes

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

_NAMED = 5
# Standard errors to each side of an estimate that its 95% interval takes.
_NORMAL_95 = 1.96


def summary_section(results: Mapping[str, DEResult], n_cautions: int = 0) -> str:
    """What was found by every contrast; figures of one contrast in large print."""
    first = next(iter(results.values()))
    parts = [paragraphs([*_samples(results)])]
    for name, result in results.items():
        if len(results) > 1:
            parts.append(f"<h3>{escape(name or result.label)}</h3>")
        parts += [_tiles(result), paragraphs(found_sentences(result))]
    parts.append(paragraphs(certainty(first)))
    if n_cautions:
        verb = "needs" if n_cautions == 1 else "need"
        told = f"{plural(n_cautions, 'point')} {verb} your attention"
        parts.append(
            f'<p class="heed"><a href="#cautions">{told}</a> before you use the result.</p>'
        )
    else:
        parts.append('<p><a href="#cautions">No cautions</a>: nothing checked stands out.</p>')
    return section("Summary", *parts)


def compared_words(result: DEResult) -> str:
    """What a result compares, as the end of a sentence."""
    about = comparison(result)
    if result.settings["test"] == "lrt":
        reduced = result.settings["reduced"]
        smaller = reduced if reduced and reduced != "given" else "a smaller design"
        full = result.fit.design.formula or "the design"
        return f"whether {full} explains a gene's counts better than {smaller}"
    if about.factor:
        return f"{about.factor} {about.tested} against {about.reference}"
    if about.column:
        return f"the change of expression with {about.column}, per unit"
    return f"the combination {result.label}"


def _samples(results: Mapping[str, DEResult]) -> list[str]:
    """Samples and what was compared among them."""
    first = next(iter(results.values()))
    told = f"{plural(first.fit.n_samples, 'sample')}, {plural(first.fit.n_genes, 'gene')}."
    if len(results) > 1:
        return [f"{told} {len(results)} comparisons were made."]
    other = adjusted_for(first)
    apart = f", with differences by {_listed(other)} taken into account" if other else ""
    sentence = f"Compared: {compared_words(first)}{_sizes(comparison(first))}{apart}. {told}"
    return [sentence]


def _sizes(about: Comparison) -> str:
    if about.sizes is None:
        return ""
    tested, reference = about.sizes
    if about.factor:
        return (
            f" ({plural(tested, 'sample')} {about.tested}, "
            f"{plural(reference, 'sample')} {about.reference})"
        )
    return f" ({plural(tested, 'sample')} against {reference})"


def found_sentences(result: DEResult) -> list[str]:
    """How many genes respond, which most surely, and how many of them to expect in error."""
    facts = result.summary().facts
    sentences = [_how_many(result, facts)]
    if facts["n_significant"]:
        sentences += [_errors(result, facts), *_first(result)]
    else:
        sentences.append(_nothing(result, facts))
    if facts["n_on_off_significant"]:
        sentences.append(
            f"{plural(facts['n_on_off_significant'], 'gene')} of them "
            f"{'is' if facts['n_on_off_significant'] == 1 else 'are'} switched on or off: without "
            "any count on one side of the comparison. Their fold change has no finite value."
        )
    return sentences


def directions(result: DEResult) -> tuple[str, str]:
    """What to call genes of positive and of negative fold change."""
    about = comparison(result)
    if about.factor:
        return f"higher in {about.tested}", f"lower in {about.tested}"
    if about.column:
        return f"rising with {about.column}", f"falling with {about.column}"
    return "up (fold change above 1)", "down (fold change below 1)"


def _how_many(result: DEResult, facts: Mapping[str, Any]) -> str:
    n_tested = int(result.table[evidence(result.table)[0]].notna().sum())
    level, by = facts["alpha"], "s-value" if facts["called_by"] == "svalue" else "adjusted p-value"
    criterion = f"{by} below {level:g}"
    up, down = directions(result)
    verb = "responds" if facts["n_significant"] == 1 else "respond"
    share = 100 * facts["n_significant"] / max(n_tested, 1)
    return (
        f"{plural(facts['n_significant'], 'gene')} of {n_tested:,} ({share:.1f}%) {verb}"
        f"{_by_how_much(result)}, with {criterion}: {facts['n_up']:,} {up} and "
        f"{facts['n_down']:,} {down}."
    )


def _by_how_much(result: DEResult) -> str:
    threshold = result.settings["lfc_threshold"]
    if not threshold:
        return ""
    fold = f"{2**threshold:.3g}-fold (log2 fold change {threshold:g})"
    if result.settings["alternative"] == "lessAbs":
        return f" by less than {fold}, which is what was tested"
    return f" by more than {fold}"


def _errors(result: DEResult, facts: Mapping[str, Any]) -> str:
    found, level = facts["n_significant"], facts["alpha"]
    if facts["called_by"] == "svalue":
        return (
            f"Among genes called so, at most {100 * level:g}% are expected to change in the other "
            "direction than stated."
        )
    if result.settings["p_adjust"] == "none":
        return (
            "The p-values are not adjusted for the number of genes: many of these will be there "
            "by chance alone."
        )
    return (
        f"The false discovery rate is {100 * level:g}%: of genes chosen like this, up to about "
        f"{_rounded(found * level)} in these {found:,} are expected to be there by chance. For a "
        "single gene, look at its adjusted p-value: the smaller, the surer."
    )


def _rounded(expected: float) -> str:
    if expected < 1.0:
        return "1"
    return f"{round(expected, 1 - len(str(int(expected)))) if expected >= 100 else expected:,.0f}"


def _first(result: DEResult) -> list[str]:
    """The genes of smallest p-value in each direction, with their fold change."""
    table = result.table
    names = gene_labels(result)
    best = top_genes(table.reset_index(drop=True), len(table))
    best = best[called(best, result.settings["alpha"])]
    told = []
    for word, sign in zip(directions(result), (1.0, -1.0), strict=True):
        rows = best[np.sign(best["log2FoldChange"]) == sign].head(_NAMED)
        listed = ", ".join(_with_fold(names.iloc[int(row)], rows, row) for row in rows.index)
        if listed:
            told.append(f"Surest among those {word}: {listed}.")
    return told


def _with_fold(name: str, rows: pd.DataFrame, row: Any) -> str:
    change = float(rows["log2FoldChange"].loc[row])
    if np.isinf(change):
        return f"{name} ({'on' if change > 0 else 'off'})"
    return f"{name} ({fold_words(change)})"


def fold_words(change: float) -> str:
    """A log2 fold change as people say it: 3.2 times, or a quarter as 1/4."""
    fold = 2.0 ** abs(change)
    text = f"{fold:.2g}" if fold < 10 else f"{fold:,.0f}"
    return f"{text} times" if change >= 0 else f"1/{text}"


def _nothing(result: DEResult, facts: Mapping[str, Any]) -> str:
    n_tested = int(result.table[evidence(result.table)[0]].notna().sum())
    if not n_tested:
        return "No gene could be tested; the section on what was left out names the reasons."
    smallest = float(result.table[facts["called_by"]].min())
    return (
        f"No gene passes. The smallest value is {smallest:.2g}. This does not show that nothing "
        "changes: with few samples, or large differences between them, even strong changes stay "
        "below this limit."
    )


def certainty(result: DEResult) -> list[str]:
    """How sure the numbers are: precision of a typical gene, and the state of the fit."""
    sentences = [*_precision(result)]
    fit = result.fit
    left = int(result.table["na_reason"].eq("not_converged").sum())
    if result.settings["mode"] == "replay":
        return [
            *sentences,
            "The fit repeats DESeq2 1.38 with its stopping rules and carries no certificate.",
        ]
    decrement = fit.newton_decrement[fit.converged]
    known = decrement[np.isfinite(decrement)]
    if known.size:
        sentences.append(
            f"The computation: {plural(int(fit.converged.sum()), 'gene')} "
            f"{'is' if fit.converged.sum() == 1 else 'are'} fitted to the optimum, the farthest "
            f"{float(known.max()):.0e} standard errors away"
            + (f"; {plural(left, 'gene')} found none and {'has' if left == 1 else 'have'} no "
               "p-value." if left else ".")
        )  # fmt: skip
    return sentences


def _precision(result: DEResult) -> list[str]:
    table = result.table
    if "lfcSE" not in table:
        return []
    error = table["lfcSE"][table[evidence(table)[0]].notna()].dropna()
    if not len(error):
        return []
    fold = 2.0 ** (_NORMAL_95 * float(error.median()))
    return [
        f"Precision: for a typical tested gene the fold change is known to within a factor of "
        f"{fold:.2g} in either direction (95% interval; half of the genes are known better)."
    ]


def _tiles(result: DEResult) -> str:
    """The numbers of a contrast in large print."""
    facts = result.summary().facts
    up, down = directions(result)
    n_tested = int(result.table[evidence(result.table)[0]].notna().sum())
    entries = [
        (f"{facts['n_up']:,}", f"genes {up}", "up"),
        (f"{facts['n_down']:,}", f"genes {down}", "down"),
        (f"{n_tested:,}", f"genes with enough counts to be tested, of {facts['n_genes']:,}", ""),
    ]
    tiles = "".join(
        f'<li class="{kind}"><strong>{number}</strong> {escape(text)}</li>'
        for number, text, kind in entries
    )
    return f'<ul class="tiles">{tiles}</ul>'


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
