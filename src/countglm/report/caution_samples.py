"""Cautions about samples that differ from the others more than their group lets expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._names import plural
from countglm.report.caution_rules import Caution, Rule
from countglm.report.sample_facts import NEARER, UNEXPLAINED

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

Floats = NDArray[np.float64]

# Size factors in units of their median; factors over totals; genes with a replaced count in one
# sample.
_DEPTH, _COMPOSITION, _REPLACED = 4.0, 2.0, 0.01
_NAMED = 6


def _depth(facts: SampleFacts, _result: DEResult) -> list[Caution]:
    factors = facts.factors / np.median(facts.factors)
    far = np.flatnonzero((factors < 1.0 / _DEPTH) | (factors > _DEPTH))
    if not far.size:
        return []
    return [
        Caution(
            "Samples of very different depth",
            f"The size factor of {_listed(facts, far, factors, 'times')} the median. Genes of few "
            "counts are seen in the deep samples only, and noise differs between samples.",
            "Look whether such samples stand apart below (PCA, Cook's distances); leave out a "
            "sample that failed, and analyse again.",
        )
    ]


def _composition(facts: SampleFacts, result: DEResult) -> list[Caution]:
    # Without factors there is nothing that totals could disagree with.
    method = result.settings["size_factors"]
    given = method == "given" or result.settings.get("normalization_factors", False)
    if facts.totals is None or not (facts.totals > 0.0).all() or (method == "none" and not given):
        return []
    share = facts.factors / facts.totals
    share /= np.median(share)
    far = np.flatnonzero((share < 1.0 / _COMPOSITION) | (share > _COMPOSITION))
    if not far.size:
        return []
    why = "a few genes take many of the reads there, or many genes are missing"
    remedy = (
        "See which genes have the largest counts in these samples (ribosomal RNA, globin, a "
        "contamination); size factors allow for it, but cannot bring back lost depth."
    )
    if given:
        why = "the size factors that were given differ from the depths that the counts show"
        remedy = "Check that the factors stand in the order of the samples and mean what they do."
    elif result.settings.get("control_genes") is not None:
        why = "the control genes changed with the rest of the counts, or the rest against them"
        remedy = (
            "Fine where RNA as a whole changes, which control genes are for; otherwise see "
            "whether they have enough counts in these samples."
        )
    return [
        Caution(
            "Total counts that say something else than size factors",
            f"Size factor over total count of {_listed(facts, far, share, 'times')} the median: "
            f"{why}.",
            remedy,
        )
    ]


def _unlike_group(facts: SampleFacts, _result: DEResult) -> list[Caution]:
    left = facts.unexplained
    if left is None:
        return []
    far = np.flatnonzero(np.nan_to_num(left) > UNEXPLAINED)
    if not far.size:
        return []
    return [
        Caution(
            "Samples unlike the rest of their group",
            "The design leaves much more variance to some samples than to the median sample: "
            f"{_listed(facts, far, left, 'times as much')}.",
            "See PCA and distances: a sample that lies in another group may be a swapped label, "
            "one by itself may have failed. Find out why before leaving it out, and analyse again "
            "without it to see what depends on it.",
        )
    ]


def _nearer_others(facts: SampleFacts, _result: DEResult) -> list[Caution]:
    if not facts.nearer:
        return []
    shown = [
        f"{facts.names[each.sample]} is {each.times:.2g} times as far from the others of "
        f"{each.factor} {each.own} as from {each.factor} {each.other}"
        for each in facts.nearer
    ]
    more = len(shown) - _NAMED
    end = f", and so on for {more} more" if more > 0 else ""
    return [
        Caution(
            "Samples nearer to another group than to their own",
            f"By squared distance, {', '.join(shown[:_NAMED])}{end}.",
            "Labels may be swapped, or something that the design does not hold (a batch, a donor) "
            "runs across the groups. Compare the sample table with what is known of each sample "
            "(sex, genotype, the gene that was changed), and correct labels by such evidence only.",
        )
    ]


def _most_outliers(facts: SampleFacts, result: DEResult) -> list[Caution]:
    with_counts = max(int((result.fit.base_mean > 0.0).sum()), 1)
    limit = result.settings["cooks_cutoff"]
    many = facts.replaced > _REPLACED * with_counts
    usual = float(np.median(facts.replaced))
    many &= facts.replaced > 4.0 * usual
    if limit is not None and facts.far_counts is not None:
        many |= np.nan_to_num(facts.far_counts) > limit
    far = np.flatnonzero(many)
    if not far.size:
        return []
    shown = ", ".join(
        f"{facts.names[i]} ({plural(int(facts.replaced[i]), 'count')} replaced)"
        if facts.replaced[i]
        else facts.names[i]
        for i in far[:_NAMED]
    )
    return [
        Caution(
            "Samples with many outlying counts",
            f"{shown}: far more counts than elsewhere lie beyond the limit of Cook's distance "
            f"{'' if limit is None else f'({limit:.3g})'}.",
            "The sample as a whole is suspect, not single genes. Check it as above, and analyse "
            "again without it.",
        )
    ]


def _twins(facts: SampleFacts, _result: DEResult) -> list[Caution]:
    if facts.values is None:
        return []
    seen: dict[bytes, int] = {}
    pairs = []
    for place, row in enumerate(facts.values):
        # Equal counts give equal values where the size factors are equal, as they then are.
        first = seen.setdefault(np.ascontiguousarray(row).tobytes(), place)
        if first != place:
            pairs.append(f"{facts.names[first]} and {facts.names[place]}")
    if not pairs:
        return []
    return [
        Caution(
            "The same sample twice",
            f"Equal counts in every gene: {'; '.join(pairs[:_NAMED])}.",
            "Keep one of them: a copy is no replicate, and makes p-values too small.",
        )
    ]


def _listed(facts: SampleFacts, places: NDArray[np.intp], values: Floats, unit: str) -> str:
    """Samples with their number, the farthest first."""
    order = places[np.argsort(-np.abs(np.log(values[places])), kind="stable")]
    shown = ", ".join(f"{facts.names[i]} is {values[i]:.2g} {unit}" for i in order[:_NAMED])
    more = places.size - _NAMED
    return f"{shown} and so on for {more} more" if more > 0 else shown


RULES = (
    Rule(f"Depth: size factors within a factor of {_DEPTH:g} of their median.", _depth, True),
    Rule(
        f"Composition: size factor over total count within a factor of {_COMPOSITION:g} of its "
        "median.",
        _composition,
        True,
    ),
    Rule(
        "Samples far from their group: variance that the design leaves (of the "
        f"variance-stabilised counts) at most {UNEXPLAINED:g} times that of the median sample.",
        _unlike_group,
        True,
    ),
    Rule(
        "Swapped labels: squared distance to the others of a sample's own group at most "
        f"{NEARER:g} times that to another group, where it has two others or more, and the "
        "factor is in no interaction.",
        _nearer_others,
        True,
    ),
    Rule(
        "Outlying counts by sample: Cook's distance beyond its limit in less than one gene in "
        f"twenty, replaced counts in less than {100 * _REPLACED:g}% of the genes.",
        _most_outliers,
        True,
    ),
    Rule("Copies: no two samples with equal counts in every gene.", _twins, True),
)
