"""Sentences about a fit, shared by the report and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._gene_labels import labels_of
from countglm._names import plural
from countglm._ranking import called, evidence, ranked
from countglm._zeros_told import n_by_rule, zeros_told

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult
    from countglm.results import GLMFit
    from countglm.status import Status

PADJ_LEVEL = 0.1
_FREE_ENOUGH = 20


def model_name(fit: GLMFit) -> str:
    """Name of the model with its link."""
    if fit.family == "poisson":
        return "Poisson model with log link"
    return "negative binomial model with log link"


def design_sentences(fit: GLMFit) -> list[str]:
    """The design in words: size, then one sentence per factor with its reference level."""
    n_coef = len(fit.coef_names)
    formula = fit.design.formula or "a given matrix"
    free = fit.n_samples - n_coef
    sentences = [
        f"Design {formula}: {plural(fit.n_samples, 'sample')}, "
        f"{plural(n_coef, 'coefficient')}, {free} residual degrees of freedom."
    ]
    for factor, levels in fit.design.factors.items():
        # The reference is the one level that no column of the main effect marks.
        coding = fit.design.codings.get(factor, np.ones((len(levels), 1)))
        unmarked = ~np.any(coding, axis=1)
        listed = [
            f"{level} (reference)" if bare and unmarked.sum() == 1 else str(level)
            for level, bare in zip(levels, unmarked, strict=True)
        ]
        sentences.append(f"Factor {factor}: {', '.join(listed)}.")
    return sentences


def zeros_sentences(fit: GLMFit) -> list[str]:
    """What became of the zeros, where a rule told some."""
    return [
        f"{line} instead of visited (docs/math.md, 3.7)."
        for line in zeros_told(n_by_rule(fit), fit.n_genes)
    ]


def status_rows(fit: GLMFit) -> list[tuple[Status, int, float]]:
    """Every status that occurs, its number of genes and its share in [0, 1]."""
    total = max(fit.n_genes, 1)
    return [(status, count, count / total) for status, count in fit.status_counts().items()]


def _gene_at_maximum(fit: GLMFit, values: np.ndarray, among: np.ndarray) -> int | None:
    places = np.flatnonzero(among & np.isfinite(values))
    return int(places[np.argmax(values[places])]) if places.size else None


def certificate(fit: GLMFit) -> dict[str, Any]:
    """Numbers that prove the fit: worst genes of every kind, JSON-able."""
    converged = fit.converged
    tried = converged | (fit.n_iter > 0)
    unbounded = np.flatnonzero(converged & ~np.isfinite(fit.distance_bound))
    facts: dict[str, Any] = {
        "n_converged": int(converged.sum()),
        "n_without_bound": int(unbounded.size),
        "genes_without_bound": [str(name) for name in fit.gene_names[unbounded[:10]]],
        "tol": fit.tol,
    }
    for name, values, among in (
        ("newton_decrement", fit.newton_decrement, converged),
        ("distance_bound", fit.distance_bound, converged),
        ("condition_number", fit.condition_number, converged),
        ("n_iter", fit.n_iter.astype(np.float64), tried),
    ):
        worst = _gene_at_maximum(fit, values, among)
        if worst is not None:
            facts[f"max_{name}"] = float(values[worst])
            facts[f"max_{name}_gene"] = str(fit.gene_names[worst])
    if "max_n_iter" in facts:
        facts["max_n_iter"] = int(facts["max_n_iter"])
    return facts


def certificate_sentences(fit: GLMFit) -> list[str]:
    """The certificate in words."""
    facts = certificate(fit)
    sentences = [
        f"{facts['n_converged']:,} of {plural(fit.n_genes, 'gene')} stand at the optimum of "
        "their likelihood."
    ]
    if "max_newton_decrement" in facts:
        sentences.append(
            f"Largest Newton decrement among them: {facts['max_newton_decrement']:.1e} standard "
            f"errors (gene {facts['max_newton_decrement_gene']}; tolerance {fit.tol:.0e})."
        )
    if "max_distance_bound" in facts:
        sentences.append(
            "Largest proven distance of a coefficient vector from its optimum: "
            f"{facts['max_distance_bound']:.1e} standard errors."
        )
    if facts["n_without_bound"]:
        sentences.append(
            f"{plural(facts['n_without_bound'], 'gene')} among them without a proven distance, "
            f"first {facts['genes_without_bound'][0]}: the curvature is too small there to bound "
            "it; do not rely on it."
        )
    if "max_n_iter" in facts:
        sentences.append(
            f"Slowest gene: {facts['max_n_iter_gene']}, {plural(facts['max_n_iter'], 'iteration')}."
        )
    return sentences


def contrast_counts(table: pd.DataFrame, level: float = PADJ_LEVEL) -> dict[str, int]:
    """Genes of a test table: tested, and with adjusted p below the level, up and down."""
    below = called(table, level)
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)
    return {
        "n_tested": int(table[evidence(table)[1]].notna().sum()),
        "n_below_level": int(below.sum()),
        "n_up": int((below & (change > 0)).sum()),
        "n_down": int((below & (change < 0)).sum()),
    }


def contrast_sentence(table: pd.DataFrame, level: float = PADJ_LEVEL, one_way: bool = True) -> str:
    """One sentence on how many genes respond; up and down where the test has ``one_way``."""
    counts = contrast_counts(table, level)
    called_by = "adjusted p" if evidence(table)[0] == "padj" else "s-value"
    adjusted = int(table[evidence(table)[0]].notna().sum())
    kind = "a p-value" if evidence(table)[1] == "pvalue" else "an s-value"
    left = f", {adjusted:,} of them tested" if adjusted < counts["n_tested"] else ""
    told = f"{plural(counts['n_tested'], 'gene')} with {kind}{left}"
    if not left:
        told = f"{plural(adjusted, 'gene')} tested"
    ways = f" ({counts['n_up']:,} up, {counts['n_down']:,} down)" if one_way else ""
    return f"{told}; {counts['n_below_level']:,} with {called_by} below {level:g}{ways}."


def dispersion_caution(fit: GLMFit) -> list[str]:
    """What to keep in mind where every gene has a dispersion of its own and few samples."""
    free = fit.n_samples - len(fit.coef_names)
    estimated = fit.provenance.get("options", {}).get("dispersion") == "estimated"
    if fit.family == "poisson" or not estimated or free >= _FREE_ENOUGH:
        return []
    return [
        "Every gene has its own dispersion here, estimated from "
        f"{plural(free, 'residual degree')} of freedom without sharing between genes: the "
        "smallest p-values are too small, most of all where the dispersion is 0."
    ]


def top_genes(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """The ``count`` genes of smallest p-value; ties by the absolute statistic, then by place."""
    return table.iloc[ranked(table)[:count]]


def gene_labels(result: DEResult) -> pd.Series:
    """A name for every gene (n_genes,): its symbol, or else its name in the counts."""
    import pandas as pd

    return pd.Series(labels_of(result.table), index=result.table.index)
