"""The first section: what was compared and found, in words that need no statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from countglm._names import plural
from countglm._ranking import ranked
from countglm.report.comparison import Comparison, adjusted_for, comparison
from countglm.report.found import (
    certainty,
    compared_words,
    criterion_word,
    directions,
    error_sentence,
    found_sentences,
    n_tested,
    one_way,
)
from countglm.report.html import paragraphs, section, table_region
from countglm.report.words import gene_labels

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.caution_rules import Caution

_NAMED = 5


def summary_section(results: Mapping[str, DEResult], cautions: Sequence[Caution] = ()) -> str:
    """What was found by every contrast; the numbers of one contrast in large print."""
    first = next(iter(results.values()))
    parts = [paragraphs(_samples(results))]
    if len(results) == 1:
        parts += [_tiles(first), paragraphs(found_sentences(first))]
    else:
        told = error_sentence(first, first.summary().facts, several=True)
        parts += [_side_by_side(results), paragraphs([told])]
    parts += [paragraphs(certainty(first)), _attention(cautions)]
    return section("Summary", *parts)


def _attention(cautions: Sequence[Caution]) -> str:
    """A line that leads to the cautions."""
    grave = sum(caution.grave for caution in cautions)
    if grave:
        told = f"{plural(grave, 'point')} {'needs' if grave == 1 else 'need'} your attention"
        return f'<p class="heed"><a href="#cautions">{told}</a> before you use the result.</p>'
    return '<p><a href="#cautions">No cautions</a>: nothing that was looked at may mislead.</p>'


def _side_by_side(results: Mapping[str, DEResult]) -> str:
    """A line for every contrast."""
    head = [("comparison", "text words"), ("found", ""), ("up", ""), ("down", ""),
            ("tested", ""), ("surest genes", "text words")]  # fmt: skip
    rows = []
    for name, result in results.items():
        facts, labels = result.summary().facts, gene_labels(result).to_numpy()
        best = ranked(result.table)[: min(_NAMED, facts["n_significant"])]
        shown = name or result.label
        rows.append([
            shown if shown == result.label else f"{shown}\n{result.label}",
            f"{facts['n_significant']:,}",
            *([f"{facts['n_up']:,}", f"{facts['n_down']:,}"] if one_way(result) else ["", ""]),
            f"{n_tested(result):,}",
            ", ".join(str(labels[row]) for row in best),
        ])  # fmt: skip
    by = criterion_word(result)
    told = f"Genes with {by} below {result.settings['alpha']:g}, up and down:"
    return paragraphs([told]) + table_region("Comparisons", head, rows, kind="told")


def _samples(results: Mapping[str, DEResult]) -> list[str]:
    """Samples and what was compared among them."""
    first = next(iter(results.values()))
    told = f"{plural(first.fit.n_samples, 'sample')}, {plural(first.fit.n_genes, 'gene')}."
    if len(results) > 1:
        return [f"{told} {len(results)} comparisons were made."]
    about = comparison(first)
    by_levels = first.settings["test"] != "lrt"
    other = [name for name in adjusted_for(first) if by_levels and name not in about.held]
    apart = f", with differences by {_listed(other)} taken into account" if other else ""
    sizes = _sizes(about) if by_levels else ""
    return [f"Compared: {compared_words(first)}{sizes}{apart}. {told}"]


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


def _tiles(result: DEResult) -> str:
    """The numbers of a contrast in large print."""
    facts = result.summary().facts
    up, down = directions(result)
    entries = [
        (f"{facts['n_up']:,}", f"genes {up}", "up"),
        (f"{facts['n_down']:,}", f"genes {down}", "down"),
    ]
    if not one_way(result):
        entries = [(f"{facts['n_significant']:,}", "genes respond", "up")]
    told = f"genes with enough counts to be tested, of {facts['n_genes']:,}"
    entries.append((f"{n_tested(result):,}", told, ""))
    tiles = "".join(
        f'<li class="{kind}"><strong>{number}</strong> {escape(text)}</li>'
        for number, text, kind in entries
    )
    return f'<ul class="tiles">{tiles}</ul>'


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
