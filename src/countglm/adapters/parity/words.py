"""Reasons of differences in words, and sentences with the numbers they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import stages

# Short words for tables and legends.
REASONS: dict[str, str] = {
    "size_factors": "size factors differ, and everything after them",
    "replaced": "outlying counts were replaced in one analysis, or by others",
    "no_own": "no dispersion of its own here: nothing is left to estimate it from",
    "stuck": "R's dispersion is stuck at its floor: the objective is lower there",
    "off_maximum": "R's dispersion is not the maximum of its objective",
    "flat": "the objective is flat: both are maxima to nine digits",
    "rounding": "rounding ends the search of R's dispersion",
    "trend": "another trend and prior: R's are those of its own gene-wise dispersions",
    "outlier_rule": "only one analysis lets the gene keep its own dispersion",
    "separated": "no finite estimate: R's is an artefact of its clamp",
    "clamp": "a fitted mean below 0.5, which R raises to 0.5",
    "early_stop": "R stopped short of the optimum",
    "mean_only": "R takes the mean of normalised counts for the estimate",
    "zero_contrast": "no count in any compared sample: R writes 0",
    "optim": "R's coefficients come from its fallback, a bounded search",
    "reduced_fit": "R's likelihoods stop short of their maxima",
    "cooks": "one analysis flags an outlying count by Cook's distance",
    "threshold_rule": "|change| above the threshold is tested by another rule",
    "filter": "one analysis filters the gene for its low mean",
    "ranks": "the p-value agrees; those of other genes move its adjustment",
    "not_estimable": "the contrast is not identified in this gene",
    "not_converged": "our fit did not reach its optimum",
    "no_residual_df": "no residual degree of freedom is left in this gene",
    "no_weight": "no sample of positive weight",
    "unknown": "no reason found",
}


def sentence(
    code: str, stage: str, values: Mapping[str, Any], evidence: Mapping[str, Any], engine: str
) -> str:
    """Say why one gene differs at a stage, with the numbers; "" for no difference."""
    if not code:
        return ""
    ours, theirs = values[f"{stage} ours"], values[f"{stage} theirs"]
    return f"{stage} {_number(ours)} here, {_number(theirs)} in {engine}: " + _why(
        code, values, evidence, engine
    )


def _why(code: str, values: Mapping[str, Any], evidence: Mapping[str, Any], engine: str) -> str:
    own = values[f"{stages.GENEWISE} theirs"]
    change = values[f"{stages.LFC} theirs"]
    here, there = values[f"{stages.TREND} ours"], values[f"{stages.TREND} theirs"]
    final = _pair(values, stages.FINAL, engine)
    told = {
        "trend": f"trend {_number(here)} here, {_number(there)} there, so dispersion {final}; "
        f"{engine}'s trend is that of its own gene-wise dispersions.",
        "outlier_rule": f"{REASONS['outlier_rule']}, {final}.",
        "stuck": f"{engine}'s own dispersion {own:.2g} is stuck at its floor, objective "
        f"{evidence['genewise_loss']:.2g} lower.",
        "off_maximum": f"{engine}'s dispersion is not the maximum, objective "
        f"{_loss(evidence):.2g} lower.",
        "separated": f"separated, no finite estimate: {engine}'s log2 fold change {change:.3g} is "
        f"an artefact of its clamp, log-likelihood {evidence['objective_loss']:.2g} below the "
        "supremum.",
        "clamp": f"minmu clamp active, {engine}'s smallest mean is {evidence['lowest_mean']:.2g}, "
        f"its coefficients are {evidence['decrement']:.2g} SE from the optimum.",
        "early_stop": f"{engine} stopped {evidence['decrement']:.1g} SE short, log-likelihood "
        f"{max(evidence['objective_loss'], 0.0):.1g} lower.",
    }
    return told.get(code, REASONS[code] + ".")


def _pair(values: Mapping[str, Any], stage: str, engine: str) -> str:
    ours, theirs = values[f"{stage} ours"], values[f"{stage} theirs"]
    return f"{_number(ours)} here and {_number(theirs)} in {engine}"


def _loss(evidence: Mapping[str, Any]) -> float:
    return float(np.nanmax([evidence["genewise_loss"], evidence["map_loss"], 0.0]))


def _number(value: float) -> str:
    if np.isnan(value):
        return "no value"
    return f"{value:.4g}"
