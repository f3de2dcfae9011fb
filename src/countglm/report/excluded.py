"""The section on genes that have no adjusted p-value: why, what it means, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm._ranking import evidence
from countglm.report.about import NOTHING, About
from countglm.report.html import paragraphs, section, table_region
from countglm.report.words import gene_labels

if TYPE_CHECKING:
    from countglm.deresult import DEResult

_NAMED = 5
# By `na_reason`: what is missing, what it means, and what can be done about it.
_MEANING = {
    "all_zero": (
        "no count in any sample",
        "Not seen in this experiment; says nothing about the gene.",
        "Nothing. Deeper sequencing would tell.",
    ),
    "no_weight": (
        "no sample of positive weight",
        "The weights leave no count of this gene.",
        "Check the weights.",
    ),
    "not_estimable": (
        "the samples do not determine the difference",
        "Zero counts on both sides, or in all samples that could tell them apart.",
        "Nothing; look at the counts if the gene matters to you.",
    ),
    "not_converged": (
        "no optimum was reached",
        "The computation ran out of steps: extreme counts, or columns of the design that nearly "
        "say the same.",
        "Rescale numeric covariates, drop near-duplicate columns, or raise max_iter.",
    ),
    "no_residual_df": (
        "no residual degree of freedom",
        "As many coefficients as samples with weight: nothing is left to tell noise.",
        "Leave out a term of the design, or use_t=False.",
    ),
    "outlier": (
        "an outlying count (Cook's distance)",
        "One sample alone makes the difference; p-value and adjusted p-value are withheld.",
        "Look at the gene's counts. cooks_cutoff=False (--no-cooks) tests it as it is.",
    ),
    "low_mean": (
        "mean count too low to be found",
        "Has a p-value, but was left out of the adjustment, which gives more power to the rest.",
        "Use the p-value as a hint only. independent_filtering=False "
        "(--no-independent-filtering) adjusts over all genes.",
    ),
    "not_adjusted": (
        "the adjustment gave no value",
        "The function that adjusts p-values returned none for this one.",
        "Check the function given as p_adjust.",
    ),
}


def excluded_section(
    results: Mapping[str, DEResult], about: About = NOTHING, curves: Sequence[str] = ()
) -> str:
    """Every reason that occurs, with its genes; ``curves`` are figures of the filtering."""
    parts = [paragraphs(_told(results, about))]
    for name, result in results.items():
        if len(results) > 1:
            parts.append(f"<h3>{escape(name or result.label)}</h3>")
        parts.append(_table(result, about))
    if curves:
        parts.append(f'<div class="figures">{"".join(curves)}</div>')
    return section("What was left out, and why", *parts)


def _told(results: Mapping[str, DEResult], about: About) -> list[str]:
    first = next(iter(results.values()))
    tested = [int(r.table[evidence(r.table)[0]].notna().sum()) for r in results.values()]
    low, high = min(tested), max(tested)
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    word = "adjusted p-value" if evidence(first.table)[0] == "padj" else "s-value"
    told = [
        f"{number} of {plural(first.fit.n_genes, 'gene')} {'has' if high == 1 else 'have'} an "
        f"{word}. A gene without one is not shown to be unchanged: it was not tested, or could "
        "not be."
    ]
    told += [
        f"The filter threshold of {result.filtering.threshold:.3g} was chosen by the data: among "
        "the thresholds tried, it lets about the most genes pass the adjustment."
        for result in [first]
        if result.filtering is not None
        and len(results) == 1
        and result.table["na_reason"].eq("low_mean").any()
    ]
    return told


def reason_rows(result: DEResult, about: About = NOTHING) -> list[tuple[str, int, str, str, str]]:
    """Reason, number of genes, meaning, remedy and first genes, for every reason that occurs."""
    names = gene_labels(result).to_numpy()
    words = result.table["na_reason"].to_numpy()
    mean = result.table["baseMean"].to_numpy(dtype=np.float64)
    rows = []
    if about.n_dropped:
        rows.append((
            about.drop_rule or "dropped before the fit", about.n_dropped,
            "Left out before anything was computed; in no table.",
            "Give a lower limit, or none, to have them tested.", "",
        ))  # fmt: skip
    for word, (reason, meaning, remedy) in _MEANING.items():
        genes = np.flatnonzero(words == word)
        if genes.size:
            # Those with most counts are missed most.
            first = genes[np.argsort(-np.nan_to_num(mean[genes]), kind="stable")][:_NAMED]
            listed = ", ".join(str(names[gene]) for gene in first)
            if word == "low_mean" and result.settings.get("filter_statistic") == "given":
                reason = "value of the given filter_statistic too low"
            if word == "not_converged":
                remedy = without_max_iter(remedy, result)
            rows.append((reason, int(genes.size), meaning, remedy, listed))
    return rows


def without_max_iter(remedy: str, result: DEResult) -> str:
    """The remedy; mode="replay" has DESeq2's steps and takes no max_iter."""
    if result.settings["mode"] == "replay":
        return remedy.replace(", or raise max_iter.", ", or use mode='exact'.")
    return remedy


def _table(result: DEResult, about: About) -> str:
    rows = reason_rows(result, about)
    if not rows:
        return "<p>Nothing: every gene was tested.</p>"
    whole = max(result.fit.n_genes + about.n_dropped, 1)
    head = [
        ("why", "text words"), ("genes", ""), ("what it means", "text words"),
        ("what to do", "text words"), ("such as", "text words"),
    ]  # fmt: skip
    texts = [
        [reason, f"{count:,} ({100 * count / whole:.1f}%)", meaning, remedy, listed]
        for reason, count, meaning, remedy, listed in rows
    ]
    return table_region(f"Genes left out of {result.label}", head, texts, kind="told")
