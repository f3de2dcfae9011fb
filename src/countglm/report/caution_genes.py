"""Cautions that the genes as a whole give rise to: p-values, dispersions, ends of fits, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._names import plural
from countglm.prior_variance import FLOOR
from countglm.report.caution_rules import Caution, Rule
from countglm.report.excluded import without_max_iter
from countglm.report.words import gene_labels
from countglm.status import Status

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

Counts = NDArray[np.intp]

# Shape of the p-values in (0.5, 1]: rise or fall between its halves, and a peak at the end.
_RISE, _FALL, _PEAK, _SURE = 1.25, 1.25, 1.6, 4.0
# Shares of genes: separated among those adjusted, outliers among those with a count, of a mean of
# ten counts; and how few genes make a trend uncertain.
_SEPARATED, _OUTLIERS, _SEEN, _FEW_GENES = 0.1, 0.01, 0.25, 200
_VISIBLE = 10.0


def p_shape(p: NDArray[np.float64]) -> tuple[str, str] | None:
    """Say what is wrong with the shape of p-values above 0.5, and why; None for flat ones."""
    p = p[np.isfinite(p)]
    near, far = int(((p > 0.5) & (p <= 0.75)).sum()), int((p > 0.75).sum())
    last = int((p > 0.95).sum())
    spread = float(np.sqrt(max(near + far, 1)))
    before = (near + far - last) / 9.0
    if last > _PEAK * before and last - before > _SURE * np.sqrt(max(before, 1.0)):
        return (
            f"{last:,} of the p-values lie above 0.95, where a flat histogram would have "
            f"{before:,.0f}",
            "Usually genes of so few counts that only a few p-values are possible. Filter by "
            "expression before (min_count, countglm.filter_by_expression).",
        )
    if far > _RISE * near and far - near > _SURE * spread:
        return (
            f"the histogram rises to the right: {far:,} p-values above 0.75, {near:,} between 0.5 "
            "and 0.75",
            "The spread is overestimated: something that differs within the groups is not in the "
            "design. Look in the PCA for what separates samples of a group (batch, sex, donor) "
            "and add it to the design; a bad sample does the same.",
        )
    if near > _FALL * far and near - far > _SURE * spread:
        return (
            f"the histogram falls on the right: {near:,} p-values between 0.5 and 0.75, {far:,} "
            "above 0.75",
            "The spread is underestimated or nearly every gene is shifted: replicates that are "
            "not independent, a batch that goes with the groups, or size factors led astray. "
            "Check the sample table for a variable that goes with what is tested.",
        )
    return None


def _p_values(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    settings, table = result.settings, result.table
    two_sided = settings["alternative"] in ("greaterAbs", "greaterAbs2014")
    if "pvalue" not in table or settings["lfc_threshold"] or not two_sided:
        return []
    adjusted = table["padj"].notna() if "padj" in table else table["pvalue"].notna()
    shape = p_shape(table["pvalue"][adjusted].to_numpy(dtype=np.float64))
    if shape is None:
        return []
    told, remedy = shape
    return [Caution("P-values of an unusual shape", f"Among the genes tested {told}.", remedy)]


def _trend(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    asked, kind = result.settings["fit_type"], result.dispersion.trend_kind
    if asked == kind or asked == "given" or kind in ("given", "none"):
        return []
    return [
        Caution(
            "Another trend of the dispersion than asked for",
            f"A {asked} trend could not be fitted, so a {kind} one was used.",
            "Look at the dispersion plot. If the line follows the points, nothing; else try "
            "fit_type='local' or 'mean' (--fit-type), or filter genes of very few counts before.",
        )
    ]


def _prior(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    stages = result.dispersion
    estimated = result.settings["prior_variance"] == "estimated" and stages.trend_kind != "none"
    if not estimated or stages.prior_variance > FLOOR:
        return []
    return [
        Caution(
            "Dispersions as close to their trend as can be told",
            f"The variance of the prior stands at its least value, {FLOOR:g}: dispersions scatter "
            "about the trend no more than sampling makes them.",
            "Nothing, as a rule: the genes are alike, or too few to see how they differ. The trend "
            "then matters much: look at it in the dispersion plot.",
            grave=False,
        )
    ]


def _separated(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    table = result.table
    adjusted = table[_evidence(result)].notna().to_numpy()
    separated = (result.fit.status == Status.SEPARATED) & adjusted
    number = int(separated.sum())
    if number <= _SEPARATED * max(int(adjusted.sum()), 1):
        return []
    return [
        Caution(
            "Many genes without a finite fold change",
            f"{plural(number, 'gene')} of {int(adjusted.sum()):,} tested have no count at all in "
            "some group of the design, so that a coefficient is infinite. Where it is the one "
            "tested they are judged by their likelihood ratio.",
            "Expected between tissues or organisms, and with few cells; else filter genes of few "
            "counts before. To rank by size, shrink the fold changes (result.shrink(), --shrink "
            "apeglm), which makes them finite.",
            grave=False,
        )
    ]


def _not_converged(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    missing = np.isin(result.fit.status, (Status.MAX_ITER, Status.SINGULAR))
    number = int(missing.sum())
    if not number:
        return []
    first = ", ".join(str(name) for name in gene_labels(result)[missing][:5])
    return [
        Caution(
            "Genes without a fit",
            f"{plural(number, 'gene')} did not reach an optimum: {first}"
            f"{' and others' if number > 5 else ''}.",
            without_max_iter(
                "Do not use their numbers. Rescale numeric covariates, drop near-duplicate "
                "columns, check the weights, or raise max_iter.",
                result,
            ),
        )
    ]


def _outliers(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    number = int(result.table["na_reason"].eq("outlier").sum())
    with_counts = max(int((result.fit.base_mean > 0.0).sum()), 1)
    if number <= _OUTLIERS * with_counts:
        return []
    return [
        Caution(
            "Many genes with an outlying count",
            f"{plural(number, 'gene')} ({100 * number / with_counts:.1f}% of those with a count) "
            "lost their p-value to a single count (Cook's distance).",
            "See which samples stand high in the plot of Cook's distances. If the spread within "
            "groups is real (patients, tumours), cooks_cutoff=False (--no-cooks) tests them all.",
        )
    ]


def _low_counts(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    mean = result.fit.base_mean
    known = mean[mean > 0.0]
    visible = int((known >= _VISIBLE).sum())
    if not known.size or visible >= _SEEN * known.size:
        return []
    return [
        Caution(
            "Few counts",
            f"{visible:,} of {plural(int(known.size), 'gene')} with a count reach a mean of "
            f"{_VISIBLE:g}: for most of the others only very large changes can be seen.",
            "Sequence deeper, or add up cells or lanes of the same replicate "
            "(countglm.pseudobulk, countglm.collapse_replicates). Filtering before "
            "(min_count) leaves fewer genes to wade through.",
        )
    ]


def _few_genes(_facts: SampleFacts, result: DEResult) -> list[Caution]:
    known = int((result.fit.base_mean > 0.0).sum())
    if known >= _FEW_GENES or result.dispersion.trend_kind == "none":
        return []
    return [
        Caution(
            "Few genes",
            f"{plural(known, 'gene')} {'has' if known == 1 else 'have'} a count. Size factors, the "
            "trend of the dispersion and its spread are learnt from all genes together and are "
            "uncertain with so few.",
            "Give size factors from more genes, or spike-ins (control_genes), if you can; "
            "fit_type='mean' asks less of the data.",
        )
    ]


def _evidence(result: DEResult) -> str:
    from countglm._ranking import evidence

    return evidence(result.table)[0]


RULES = (
    Rule(
        f"P-values above 0.5: no rise ({_RISE:g}-fold), fall ({_FALL:g}-fold) or peak at 1 "
        f"({_PEAK:g}-fold) beyond chance.",
        _p_values,
    ),
    Rule("The trend of the dispersion is the one asked for.", _trend, True),
    Rule("The variance of the dispersion prior is above its least value.", _prior, True),
    Rule(
        f"Infinite coefficients in at most {100 * _SEPARATED:g}% of the genes tested.", _separated
    ),
    Rule("Every gene with counts has reached its optimum.", _not_converged, True),
    Rule(f"Outliers in at most {100 * _OUTLIERS:g}% of the genes.", _outliers, True),
    Rule(
        f"A mean of {_VISIBLE:g} counts in at least {100 * _SEEN:g}% of the genes.",
        _low_counts,
        True,
    ),
    Rule(f"At least {_FEW_GENES} genes with a count.", _few_genes, True),
)
