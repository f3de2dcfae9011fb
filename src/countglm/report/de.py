"""The page about differential expression: what was found, then how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm.report.about import NOTHING, About
from countglm.report.cautions import cautions_section, find_cautions
from countglm.report.design_section import design_section
from countglm.report.excluded import excluded_section
from countglm.report.explorer import Explorer
from countglm.report.findings import Shows, Still, plotted, results_section
from countglm.report.found import found_sentences
from countglm.report.gene_pictures import gene_pictures, overlap_section
from countglm.report.html import document, paragraphs, section
from countglm.report.methods import methods_section
from countglm.report.page import (
    CONTRASTS_WITH_FIGURES,
    certificate_section,
    status_section,
)
from countglm.report.quality import quality_section
from countglm.report.repeat import repeat_section, versions_section
from countglm.report.sample_facts import sample_facts
from countglm.report.summary import summary_section

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts


def render(results: Mapping[str, DEResult], title: str, about: About = NOTHING) -> str:
    """Return the page of results by name."""
    return document(title, sections(results, about, Explorer(results)))


def sections(
    results: Mapping[str, DEResult],
    about: About = NOTHING,
    shows: Shows | None = None,
    *,
    brief: bool = False,
) -> list[str]:
    """Return the parts of the page, from what was found to how to repeat it.

    A ``brief`` page, of many, has the figures that matter most.
    """
    shows = Still(results) if shows is None else shows
    fits = by_fit(results)
    facts = [sample_facts(next(iter(shared.values()))) for shared in fits]
    cautions = [find_cautions(shared, each) for shared, each in zip(fits, facts, strict=True)]
    body = [summary_section(results, [each for some in cautions for each in some])]
    body += [design_section(shared) for shared in fits]
    body += [cautions_section(*pair) for pair in zip(cautions, facts, strict=True)]
    body += [quality_section(each, about, brief=brief) for each in facts]
    body += overlap_section(results)
    known = {} if brief else {id(each.result.dispersion): each for each in facts}
    body += _findings(results, shows, known)
    body.append(excluded_section(results, about, [] if brief else _filtering(results)))
    for name, result in (next(iter(shared.items())) for shared in fits):
        body += [_dispersion(name, result, shows), *_proof(result)]
    body += [methods_section(results, about), repeat_section(results, about)]
    body += [versions_section(shared) for shared in fits]
    return [*body, shows.ending()]


def _findings(
    results: Mapping[str, DEResult], shows: Shows, facts: Mapping[int, SampleFacts]
) -> list[str]:
    """A section for every contrast; figures of many would swell the page."""
    parts = []
    for number, (name, result) in enumerate(results.items()):
        pictures = None
        if number < CONTRASTS_WITH_FIGURES:
            known = facts.get(id(result.dispersion))
            pictures = "" if known is None else gene_pictures(result, known)
        # The summary tells of one contrast alone in the same words.
        told = found_sentences(result) if len(results) > 1 else []
        parts.append(results_section(name, result, shows, pictures, told))
    return parts


def _filtering(results: Mapping[str, DEResult]) -> list[str]:
    """The curve of the independent filtering of the first contrasts that have one."""
    chosen = [result for result in results.values() if result.filtering is not None]
    return [
        plotted(
            "filtering", result,
            f"Curve of the genes found by the share of genes left out, for {result.label}. "
            f"Threshold {result.filtering.threshold:.3g}.",
            f"Choice of the filter for {result.label}: genes found, by how many of lowest mean "
            "are left out.",
        )
        for result in chosen[:CONTRASTS_WITH_FIGURES]
        if result.filtering is not None
    ]  # fmt: skip


def by_fit(results: Mapping[str, DEResult]) -> list[dict[str, DEResult]]:
    """Return the results by name, those of one fit together."""
    found: dict[int, dict[str, DEResult]] = {}
    for name, result in results.items():
        found.setdefault(id(result.dispersion), {})[name] = result
    return list(found.values())


def _proof(result: DEResult) -> list[str]:
    """How the genes ended and the certificate; a replayed fit has none."""
    if result.settings["mode"] == "replay":
        told = (
            "This fit repeats DESeq2 1.38 with its starting values, clamps and stopping rules. It "
            "carries no certificate: what those rules accept may stand away from the optimum."
        )
        return [section("Certificate", paragraphs([told]))]
    return [status_section(result.fit), certificate_section(result.fit, with_dispersion=False)]


def _dispersion(name: str, result: DEResult, shows: Shows) -> str:
    stages = result.dispersion
    if stages.trend_kind == "none":
        return section("Dispersion", paragraphs(["The dispersions were given."]))
    kept = int(stages.outlier.sum())
    told = (
        f"Trend: {stages.trend_kind}. Log dispersions scatter around it with variance "
        f"{stages.prior_variance:.3g} beyond sampling. {plural(kept, 'gene')} above it "
        f"{'keeps its' if kept == 1 else 'keep their'} own."
    )
    usable = int(np.isfinite(stages.final).sum())
    picture = shows.figure(
        name,
        "dispersion",
        f"Scatter of the dispersion of {plural(usable, 'gene')} against the mean count, alone and "
        f"as used, with the trend. {told}",
        "Dispersion per gene (var = mu + dispersion mu\N{SUPERSCRIPT TWO}). Values near 0 are "
        "drawn at the lower margin.",
    )
    return section("Dispersion", paragraphs([told]), f'<div class="figures">{picture}</div>')
