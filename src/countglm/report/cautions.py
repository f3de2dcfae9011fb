"""The section on what a reader should beware of: each point with its reason and its remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from countglm.report import caution_design, caution_genes, caution_samples
from countglm.report.caution_rules import Caution, Rule
from countglm.report.html import paragraphs, section

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

HEADING = "Cautions"


def find_cautions(results: Mapping[str, DEResult], facts: SampleFacts) -> list[Caution]:
    """Return the cautions of results that share a fit."""
    found: list[Caution] = []
    for number, (name, result) in enumerate(results.items()):
        for rule in rules():
            if rule.of_fit and number:
                continue
            for each in rule.find(facts, result):
                label = "" if rule.of_fit or len(results) == 1 else f"{name or result.label}: "
                found.append(replace(each, heading=f"{label}{each.heading}"))
    first = next(iter(results.values()))
    return sorted([*_said(first), *found], key=lambda each: not each.grave)


def rules() -> tuple[Rule, ...]:
    """Return every rule, in the order of the page."""
    return (*caution_design.RULES, *caution_samples.RULES, *caution_genes.RULES)


def cautions_section(cautions: Sequence[Caution], facts: SampleFacts) -> str:
    """Every caution, and the list of what was looked at."""
    if cautions:
        parts = [_block(caution) for caution in cautions]
        if not any(caution.grave for caution in cautions):
            parts.insert(0, paragraphs(["Nothing that may mislead; good to know:"]))
    else:
        parts = [paragraphs(["Nothing that was looked at stands out."])]
    looked = "".join(f"<li>{escape(rule.looked_at)}</li>" for rule in rules())
    unseen = [] if facts.with_counts else [_UNSEEN]
    parts.append(
        f"<details><summary>What was looked at</summary>\n{paragraphs([*unseen, _LIMITS])}"
        f"<ul>{looked}</ul></details>"
    )
    return section(HEADING, *parts)


_UNSEEN = (
    "The counts were not at hand when this page was made, so that what needs them was not looked "
    "at: total counts, samples far from their group, Cook's distances by sample."
)
_LIMITS = (
    "Limits are rules of thumb: beyond them trouble is common, and within them it is rare, not "
    "impossible."
)


def _block(caution: Caution) -> str:
    kind = "caution" if caution.grave else "caution note"
    return (
        f'<div class="{kind}">'
        f"<h3>{escape(caution.heading)}</h3>"
        f"{paragraphs([caution.told])}"
        f"<p><strong>What to do:</strong> {escape(caution.remedy)}</p></div>"
    )


# Warnings of an analysis by words in them: a heading, and what to do where they do not say it.
_WARNINGS = (
    ("Cells are no replicates", "Cells counted as replicates",
     "Add up the counts of each replicate (countglm.pseudobulk) and test the sums."),
    ("occurs more than once", "Repeated gene names",
     "Look up such genes by their place, or give them names of their own."),
    ("occur more than once", "Repeated gene names",
     "Look up such genes by their place, or give them names of their own."),
    ("another order", "Samples taken by position",
     "Give counts and sample table the same sample names, and run again."),
    ("processor", "Several kinds of processor", "Nothing, unless the last digits matter to you."),
    ("checkpoint", "A damaged checkpoint", "Nothing: the parts were computed again."),
    ("spreadsheets make them", "Gene names that became dates",
     "Take the names from the original file, and run again."),
    # One warning may say several things: what may change the samples or genes comes first.
    ("taken as annotation", "Numbers taken as annotation",
     "Look whether each is a sample, and if so add it to the sample table and run again."),
    ("was kept as a gene", "A gene that is called a total",
     "Look whether it is a gene; delete it otherwise, and run again."),
    ("write names differently", "Sample names written differently",
     "Nothing, if they are the same samples."),
    ("holds more than counts", "The table held more than counts",
     "Nothing, if what was left out is neither a gene nor a sample."),
    ("Levels differ only in case", "Levels that may be one",
     "Write them alike and run again, if they are one."),
    ("left out", "Sums over too few cells", "Lower the limit if you need these groups."),
)  # fmt: skip
# What a rule tells of in its own words.
_TOLD_BY_RULES = ("dispersion trend", "no trend can be fitted")


def _said(result: DEResult) -> list[Caution]:
    """What the analysis itself warned of, as its result keeps it."""
    found = []
    for message in dict.fromkeys(result.provenance.get("warnings") or ()):
        if any(words in message for words in _TOLD_BY_RULES):
            continue
        known = [each for each in _WARNINGS if each[0] in message]
        # What a table was read without is no sum over cells.
        known = known[:-1] if len(known) > 1 and known[-1][0] == "left out" else known
        heading = "; ".join(each[1] for each in known) or "A warning of the analysis"
        remedies = [each[2] for each in known] or ["See what it says; run again once it is mended."]
        grave = any("Nothing" not in remedy for remedy in remedies)
        found.append(Caution(heading, message, " ".join(remedies), grave=grave))
    return found
