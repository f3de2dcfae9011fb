"""What a result found, in sentences that need no statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._names import plural
from countglm._ranking import called, evidence
from countglm.report.comparison import comparison
from countglm.report.words import gene_labels, top_genes

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

_NAMED = 5
# Standard errors to each side of an estimate that its 95% interval takes.
_NORMAL_95 = 1.96


def compared_words(result: DEResult) -> str:
    """What a result compares, as the end of a sentence."""
    about = comparison(result)
    if result.settings["test"] == "lrt":
        reduced = result.settings["reduced"]
        smaller = reduced if reduced and reduced != "given" else "a smaller design"
        full = result.fit.design.formula or "the design"
        return f"whether {full} explains a gene's counts better than {smaller}"
    if about.factor:
        at = f" at {', '.join(about.held.values())}" if about.held else ""
        return f"{about.factor} {about.tested} against {about.reference}{at}"
    if about.nested:
        return about.nested
    if about.is_interaction:
        return f"the interaction {about.column}, what both do together beyond each alone"
    if about.is_mark:
        return f"samples marked by {about.column} against the others"
    if about.column:
        return f"the change of expression with {about.column}, per unit"
    return f"the combination {result.label}"


def n_tested(result: DEResult) -> int:
    """Return how many genes have an adjusted p-value, or an s-value."""
    return int(result.table[evidence(result.table)[0]].notna().sum())


def found_sentences(result: DEResult) -> list[str]:
    """How many genes respond, which most surely, and how many of them to expect in error."""
    facts = result.summary().facts
    sentences = [_how_many(result, facts)]
    if facts["n_significant"]:
        sentences += [error_sentence(result, facts), *_first(result)]
    else:
        sentences.append(_nothing(result, facts))
    if facts["n_on_off_significant"]:
        number = facts["n_on_off_significant"]
        is_one = number == 1
        sentences.append(
            f"{plural(number, 'gene')} of them {'is' if is_one else 'are'} switched on or off: "
            f"without any count in a group that is compared. {'Its' if is_one else 'Their'} "
            + (
                "estimate before shrinkage was infinite."
                if result.settings.get("shrinkage")
                else "fold change has no finite value."
            )
        )
    return sentences


def directions(result: DEResult) -> tuple[str, str]:
    """What to call genes of positive and of negative fold change."""
    about = comparison(result)
    if about.factor:
        # A number alone would not say what it is a number of.
        bare = about.tested.replace(".", "").isdigit()
        level = f"{about.factor} {about.tested}" if bare else about.tested
        return f"higher in {level}", f"lower in {level}"
    if about.is_interaction:
        return "above what both effects add up to", "below what both effects add up to"
    if about.is_mark and not about.nested:
        return f"higher where {about.column} is 1", f"lower where {about.column} is 1"
    if about.column and not about.nested:
        return f"rising with {about.column}", f"falling with {about.column}"
    return "up (fold change above 1)", "down (fold change below 1)"


def _how_many(result: DEResult, facts: Mapping[str, Any]) -> str:
    number = n_tested(result)
    level, by = facts["alpha"], criterion_word(result)
    criterion = f"{by} below {level:g}"
    is_one = facts["n_significant"] == 1
    verb = "responds" if is_one else "respond"
    if shows_little_change(result):
        verb = "is shown to change" if is_one else "are shown to change"
    share = 100 * facts["n_significant"] / max(number, 1)
    return (
        f"{plural(facts['n_significant'], 'gene')} of {number:,} ({share:.1f}%) {verb}"
        f"{_by_how_much(result)}, with {criterion}{_both_ways(result, facts)}."
    )


def one_way(result: DEResult) -> bool:
    """Has what was tested a direction? A likelihood ratio of several coefficients has none."""
    return bool(result.settings["test"] != "lrt") and not shows_little_change(result)


def shows_little_change(result: DEResult) -> bool:
    """Were genes sought that change by less than a threshold? They have no direction."""
    by_p = evidence(result.table)[0] == "padj"
    return bool(by_p and result.settings["alternative"] == "lessAbs")


def criterion_word(result: DEResult) -> str:
    """What genes are called by."""
    if evidence(result.table)[0] == "svalue":
        return "s-value"
    return "p-value" if result.settings["p_adjust"] == "none" else "adjusted p-value"


def _both_ways(result: DEResult, facts: Mapping[str, Any]) -> str:
    if not one_way(result):
        return ""
    up, down = directions(result)
    return f": {facts['n_up']:,} {up} and {facts['n_down']:,} {down}"


def called_threshold(result: DEResult) -> float:
    """The log2 fold change that genes were called beyond: an s-value has its own."""
    settings = result.settings
    if evidence(result.table)[0] == "svalue":
        settings = settings.get("shrinkage", {})
    return float(settings.get("lfc_threshold") or 0.0)


def _by_how_much(result: DEResult) -> str:
    threshold = called_threshold(result)
    if not threshold:
        return ""
    fold = f"{2**threshold:.3g}-fold (log2 fold change {threshold:g})"
    if shows_little_change(result):
        return f" by less than {fold}"
    return f" by more than {fold}"


def error_sentence(result: DEResult, facts: Mapping[str, Any], several: bool = False) -> str:
    """How many of the genes found are to be expected there in error; of ``several`` contrasts."""
    found, level = facts["n_significant"], facts["alpha"]
    if facts["called_by"] == "svalue":
        threshold = called_threshold(result)
        less = f", or by a log2 fold change of less than {threshold:g}" if threshold else ""
        return (
            f"Among genes called so, at most {100 * level:g}% are expected to change in the other "
            f"direction than stated{less}."
        )
    if result.settings["p_adjust"] == "given":
        return (
            "The p-values were adjusted by a function that was given: what share of these genes "
            f"is there by chance at a level of {level:g} is for that function to say."
        )
    if result.settings["p_adjust"] == "none":
        return (
            "The p-values are not adjusted for the number of genes: many of these will be there "
            "by chance alone."
        )
    most = "fewer than one" if found * level < 1.0 else f"up to about {_rounded(found * level)}"
    share = f"{most} in these {found:,}" if found > 1 else f"{most} in a list of one"
    if several:
        share = f"up to {100 * level:g} in a hundred of each list"
    return (
        f"The false discovery rate is {100 * level:g}%: of genes chosen like this, {share} are "
        "expected to be there by chance. For a single gene, look at its adjusted p-value: the "
        "smaller, the surer."
    )


def _rounded(expected: float) -> str:
    return f"{round(expected, 1 - len(str(int(expected)))) if expected >= 100 else expected:,.0f}"


def _first(result: DEResult) -> list[str]:
    """The genes of smallest p-value in each direction, with their fold change."""
    table = result.table
    names = gene_labels(result)
    best = top_genes(table.reset_index(drop=True), len(table))
    best = best[called(best, result.settings["alpha"])]
    told = []
    if not one_way(result):
        listed = ", ".join(str(names.iloc[int(row)]) for row in best.index[: 2 * _NAMED])
        several = f" The fold change in the table is of {result.label} alone."
        return [f"Surest: {listed}.{'' if shows_little_change(result) else several}"]
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
    if not n_tested(result):
        return "No gene could be tested; the section on what was left out names the reasons."
    smallest = float(result.table[facts["called_by"]].min())
    return (
        f"No gene passes; the smallest is {smallest:.2g}. This does not show that nothing "
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
