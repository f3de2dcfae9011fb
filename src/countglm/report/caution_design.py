"""Cautions that the design and the sample table give rise to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from countglm._collinearity import NOTABLE
from countglm._names import plural
from countglm.diagnostics import report_design
from countglm.report.caution_rules import Caution, Rule
from countglm.report.comparison import comparison

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

_REPLICATES, _FREE = 3, 3
INTERCEPT = (
    "The intercept alone is tested: whether the level of a gene differs from one count in a sample "
    "of size factor 1. Nearly every gene that is expressed passes; no groups are compared."
)


def of_intercept_alone(result: DEResult) -> bool:
    """Tell whether the contrast weighs nothing but a column that is the same in all samples."""
    if result.settings["test"] == "lrt":
        return False
    columns = result.fit.design.matrix[:, np.flatnonzero(result.contrast)]
    return bool((columns == columns[0]).all())


def _intercept(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    if not of_intercept_alone(result):
        return []
    return [
        Caution(
            "A test of the intercept",
            INTERCEPT,
            "Put what is to be compared into the design, and test it: a coefficient of it, or a "
            "factor with the tested and the reference level.",
        )
    ]


def _replicates(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    about = comparison(result)
    if about.sizes is None or result.settings["test"] == "lrt":
        return []
    fewest = min(about.sizes)
    if fewest >= _REPLICATES:
        return []
    named = (about.tested, about.reference) if about.factor else ("one side", "the other")
    both = " and ".join(
        f"{plural(size, 'sample')} of {name}" for size, name in zip(about.sizes, named, strict=True)
    )
    if fewest == 1:
        return [
            Caution(
                "A side with a single sample",
                f"There are {both}. What varies between samples of that side cannot be seen: a "
                "difference may be that one sample's own.",
                "Take the result as a list of candidates, to be confirmed in further samples. "
                "No statistics can replace the replicate.",
            )
        ]
    return [
        Caution(
            "Few replicates",
            f"There are {both}. With fewer than {_REPLICATES} on a side the spread of a gene is "
            "known almost only from the other genes, and outliers cannot be told.",
            "Rely on genes with large changes and consistent counts (see their counts by sample); "
            "add replicates, six a side if you can.",
        )
    ]


def _freedom(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    n, p = result.fit.design.matrix.shape
    if n - p >= _FREE or result.dispersion.trend_kind == "none":
        return []
    return [
        Caution(
            "Hardly a sample to spare",
            f"{plural(n, 'sample')} and {plural(p, 'coefficient')} leave "
            f"{plural(n - p, 'degree')} of freedom to estimate the spread from.",
            "Leave out terms that are not needed (a batch of one sample each explains nothing), "
            "or add samples.",
        )
    ]


_HEADINGS = {
    "aliased": "A column that says what others say",
    "shared": "A design that can hardly tell its terms apart",
    "mean": "A column far from 0",
    "reference": "A reference level of few samples",
    "alone": "A coefficient that rests on one sample",
}
# What is tested stays what it is.
_HARMLESS = ("mean", "reference")


def _conditioning(facts: SampleFacts, result: DEResult) -> list[Caution]:
    design = result.fit.design
    report = report_design(design.matrix, design.names, facts.names)
    return [
        Caution(
            _HEADINGS[kind],
            text,
            "What is tested is harmed only if its own coefficient is concerned: see variance "
            "inflation and weights in the table of coefficients.",
            kind not in _HARMLESS,
        )
        for kind, text in zip(report.caution_kinds, report.cautions, strict=True)
    ]


def _cells(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    if "warnings" in result.provenance or result.obs is None:
        return []
    from countglm._pseudoreplication import find_nesting

    nesting = find_nesting(result.fit.design, [result.contrast], result.obs, None)
    if nesting is None:
        return []
    return [
        Caution(
            "Cells counted as replicates",
            nesting.message(),
            "Add up the counts of each replicate (countglm.pseudobulk) and test the sums.",
        )
    ]


RULES = (
    Rule("The comparison: a contrast weighs more than the intercept.", _intercept),
    Rule(
        f"Replicates: at least {_REPLICATES} samples on each side of the comparison.", _replicates
    ),
    Rule(f"Degrees of freedom: at least {_FREE} samples more than coefficients.", _freedom, True),
    Rule(
        f"The design: condition number of the scaled columns below {NOTABLE:g}, no column that is "
        "a combination of others, no coefficient that one sample determines alone.",
        _conditioning,
        True,
    ),
    Rule(
        "Cells: what is tested is not constant in donors with ten rows or more each.", _cells, True
    ),
)
