"""What a result says at a glance: how many genes, which way, and why some have no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_share
from ._names import plural
from ._ranking import called, evidence
from ._zeros_told import n_by_rule, zeros_told
from .status import Status

if TYPE_CHECKING:
    from .deresult import DEResult

_NULLS = {
    "greaterAbs": "|LFC| > {0:g}",
    "greaterAbs2014": "|LFC| > {0:g}",
    "lessAbs": "|LFC| < {0:g}",
    "greater": "LFC > {0:g}",
    "less": "LFC < -{0:g}",
}
_CALLED = {"padj": "adjusted p", "svalue": "s-value"}
# In the order of the rules that give them; the words of `na_reason`.
REASONS = {
    "all_zero": "no count in any sample",
    "no_weight": "no sample of positive weight",
    "not_estimable": "the samples do not determine the contrast",
    "not_converged": "no optimum was reached",
    "no_residual_df": "no residual degree of freedom for Student's t",
    "outlier": "an outlying count (Cook's distance)",
    "low_mean": "left out of the adjustment: low mean",
    "not_adjusted": "the adjustment gave nothing for the p-value",
}


@dataclass(frozen=True, repr=False)
class DESummary:
    """Numbers of a result; printing it gives the text.

    Attributes
    ----------
    facts : dict
        The numbers under names; JSON can hold it.
    """

    facts: dict[str, Any]

    def __str__(self) -> str:
        return "\n".join(_lines(self.facts))

    __repr__ = __str__


def checked_alpha(alpha: float | None, settings: dict[str, Any]) -> float:
    """Return ``alpha`` or else the level of the analysis.

    Raises
    ------
    InputError
        A level outside (0, 1).
    """
    level = settings["alpha"] if alpha is None else alpha
    return check_share(level, "alpha", "the false discovery rate")


def summarise(result: DEResult, alpha: float | None) -> DESummary:
    """Count what a result found at ``alpha``."""
    level = checked_alpha(alpha, result.settings)
    table = result.table
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)
    found = called(table, level)
    # A Wald test that has no value is replaced by a likelihood ratio, gene by gene.
    replaced = (table["test"] == "LRT").to_numpy()
    kept = replaced if result.settings["test"] == "wald" else np.isinf(change)
    reasons = table["na_reason"].value_counts().to_dict()
    facts: dict[str, Any] = {
        "contrast": result.label,
        "alpha": level,
        "called_by": evidence(table)[0],
        "n_genes": len(table),
        "n_with_counts": int(np.count_nonzero(table["baseMean"].to_numpy() > 0.0)),
        "n_significant": int(found.sum()),
        "n_up": int((found & (change > 0.0)).sum()),
        "n_down": int((found & (change < 0.0)).sum()),
        "n_on_off": int(kept.sum()),
        "n_on_off_significant": int((kept & found).sum()),
        "na_reason": {word: int(n) for word, n in sorted(reasons.items())},
    }
    names = ("mode", "test", "lfc_threshold", "alternative", "design")
    facts |= {name: result.settings.get(name) for name in names}
    facts["shrinkage"] = result.settings.get("shrinkage", {}).get("method")
    facts["filter_alpha"] = result.settings["alpha"]
    facts |= _behind(result)
    return DESummary(facts)


def _behind(result: DEResult) -> dict[str, Any]:
    """Numbers of the filtering, the outliers, the dispersions and the certificate."""
    fit, stages = result.fit, result.dispersion
    decrement = fit.newton_decrement[fit.converged]
    known = decrement[np.isfinite(decrement)]
    facts: dict[str, Any] = {
        "n_converged": int(fit.converged.sum()),
        "n_zeros_by_rule": n_by_rule(fit),
        "n_separated": int(np.count_nonzero(fit.status == Status.SEPARATED)),
        "max_newton_decrement": float(known.max()) if known.size else None,
        "mean_cutoff": None if result.filtering is None else float(result.filtering.threshold),
        "cooks_cutoff": None,
        "n_replaced_counts": 0,
        "n_refitted_genes": 0,
        "trend": stages.trend_kind,
        "trend_coefficients": [float(value) for value in stages.trend_coefficients],
        "prior_variance": float(stages.prior_variance),
        "n_dispersion_outliers": int(stages.outlier.sum()),
    }
    if result.outliers is not None:
        facts["cooks_cutoff"] = result.settings["cooks_cutoff"]
        facts["n_replaced_counts"] = int(result.outliers.replaced_gene.size)
        facts["n_refitted_genes"] = int(result.outliers.refitted.sum())
    return facts


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"{facts['contrast']}  (mode {facts['mode']}, "
        f"{'likelihood ratio' if facts['test'] == 'lrt' else 'Wald'} test"
        + (f", fold changes shrunken by {facts['shrinkage']})" if facts["shrinkage"] else ")"),
        f"{plural(facts['n_with_counts'], 'gene')} with a count, of {facts['n_genes']:,}; "
        f"{_CALLED[facts['called_by']]} < {facts['alpha']:g}"
        + (f" for {_NULLS[facts['alternative']].format(facts['lfc_threshold'])}"
           if facts["lfc_threshold"] else ""),
    ]  # fmt: skip
    reasons = facts["na_reason"]
    whole = max(facts["n_with_counts"], 1)
    low = facts["mean_cutoff"]
    for name, count, note in (
        ("LFC > 0 (up)", facts["n_up"], ""),
        ("LFC < 0 (down)", facts["n_down"], ""),
        ("outliers", reasons.get("outlier", 0), _cutoff_note(facts["cooks_cutoff"])),
        ("low counts", reasons.get("low_mean", 0),
         f"mean count < {low:.3g}" if low is not None else "no filtering"),
    ):  # fmt: skip
        told = f"  ({note})" if note else ""
        lines.append(f"  {name:15} {count:7,}, {100 * count / whole:.1f}%{told}")
    if facts["alpha"] != facts["filter_alpha"]:
        lines.append(f"  The filtering was tuned for adjusted p < {facts['filter_alpha']:g}.")
    lines.append(
        f"On/off genes kept by the likelihood ratio: {facts['n_on_off']:,} "
        f"({facts['n_on_off_significant']:,} significant)"
    )
    lines += [
        f"No value, {word}: {plural(reasons[word], 'gene')} ({meaning})"
        for word, meaning in REASONS.items()
        if word in reasons
    ]
    return lines + _method_lines(facts)


def _cutoff_note(cutoff: float | None) -> str:
    return "not looked for" if cutoff is None else f"Cook's distance > {cutoff:.3g}"


def _method_lines(facts: dict[str, Any]) -> list[str]:
    optimum = f"At the optimum: {plural(facts['n_converged'], 'gene')}"
    if facts["mode"] == "replay":
        # What DESeq2's rule accepts need not be the optimum, and nothing here says that it is.
        optimum = f"Converged by DESeq2's stopping rule: {plural(facts['n_converged'], 'gene')}"
    if facts["max_newton_decrement"] is not None:
        optimum += f", largest Newton decrement {facts['max_newton_decrement']:.1e} standard errors"
    lines = [optimum, *zeros_told(facts["n_zeros_by_rule"], facts["n_genes"])]
    if facts["n_separated"]:
        lines.append(
            f"At the supremum, with infinite coefficients: {plural(facts['n_separated'], 'gene')}"
        )
    if facts["n_refitted_genes"]:
        lines.append(
            f"Replaced: {plural(facts['n_replaced_counts'], 'count')} in "
            f"{plural(facts['n_refitted_genes'], 'gene')}, which were fitted again"
        )
    if facts["trend"] == "none":
        return [*lines, "Dispersions as given"]
    outliers = facts["n_dispersion_outliers"]
    shape = ", ".join(f"{value:.4g}" for value in facts["trend_coefficients"])
    lines.append(
        f"Dispersion: {facts['trend']} trend{f' ({shape})' if shape else ''}, variance of the "
        f"prior {facts['prior_variance']:.3g}"
    )
    lines.append(
        f"Far above the trend: {plural(outliers, 'gene')}, with a dispersion of "
        f"{'its' if outliers == 1 else 'their'} own"
    )
    return lines


def short(result: DEResult) -> str:
    """Return two lines on a result, for `repr`."""
    facts = summarise(result, None).facts
    return (
        f"DEResult: {facts['contrast']}, {facts['n_genes']:,} genes x {result.fit.n_samples} "
        f"samples, mode {facts['mode']}\n"
        f"  {facts['n_significant']:,} with {_CALLED[facts['called_by']]} < {facts['alpha']:g} "
        f"({facts['n_up']:,} up, {facts['n_down']:,} down); .table, .summary()"
    )
