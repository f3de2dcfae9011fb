"""R's rules repeated at R's own inputs: is each of its values what its rule gives?

Nothing that R did is taken on trust: a reason for a difference is given only where the rule of
DESeq2 (docs/math.md, section 14), started from R's own inputs to a stage, comes to R's value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._dispersion_choices import FIT_TYPES
from countglm._moments import base_moments
from countglm._retest import resolved_choices
from countglm._testing import contrast_table
from countglm.dispersion import OUTLYING, given_dispersions, make_steps
from countglm.prior_variance import prior_variance
from countglm.replay import objective_gap
from countglm.trend import fit_trend

from . import stages
from .last_digit import reached
from .sides import TheirInputs, tested_values
from .stages import BY_NAME, Floats, Mask

if TYPE_CHECKING:
    from countglm._model import Model
    from countglm.deresult import DEResult
    from countglm.results import GLMFit

# Coefficients of R's fallback are those of another version of its optimiser.
FALLBACK = 1e-3
# R's dispersions of a text table have 12 digits.
SAME = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Repetition:
    """What R's rules make of R's inputs.

    Attributes
    ----------
    values : dict
        By stage (n_genes,).
    shown : dict
        By stage (n_genes,) bool: R's value is that of its rule, up to the tolerance or, for a
        dispersion, up to what the rounding of its search decides.
    ours_shown : dict
        The same of our own dispersions, where they are replayed.
    losses : dict
        By how much R's search sees R's dispersion below the repeated one.
    trend_gap, prior_gap : float
        Largest log ratio of R's trend, and of its prior variance, to what R's rules make of R's
        gene-wise dispersions; infinite where they cannot be repeated.
    """

    values: dict[str, Floats]
    shown: dict[str, Mask]
    ours_shown: dict[str, Mask]
    losses: dict[str, Floats]
    trend_gap: float
    prior_gap: float


def repeat(
    result: DEResult,
    inputs: TheirInputs,
    both: tuple[dict[str, Floats], dict[str, Floats]],
    info: dict[str, Any],
    compared: Mask | None,
    tolerance: float,
) -> Repetition:
    """Repeat R's rules; ``both`` holds the values of our side and of R's, by stage."""
    ours, theirs = both
    model, test = inputs.model, result.settings["test"]
    steps: Any = make_steps(model, "replay", test=test)
    width = _number(info, "prior_variance")
    prior = (theirs[stages.TREND], width)
    values = {stages.BASE_MEAN: base_moments(model, replay=True)[0]}
    values[stages.GENEWISE] = steps.genewise()
    values[stages.MAP] = np.full(model.n_genes, np.nan)
    if not np.isnan(prior[0]).all() and not np.isnan(width):
        values[stages.MAP] = steps.shrunken(*prior)
    values[stages.FINAL] = _final(theirs, _number(info, "residual_variance"))
    values |= _repeated_table(result, inputs, theirs, compared)
    shown = {name: ~stages.apart(BY_NAME[name], values, theirs, tolerance) for name in values}
    losses, ours_shown = {}, {}
    for name, given in ((stages.GENEWISE, None), (stages.MAP, prior)):
        losses[name], tied = _compared(steps, values[name], theirs[name], given)
        shown[name] |= tied
        shown[name] |= _reached(model, shown[name], theirs[name], given, tolerance)
        if result.settings["mode"] == "replay":
            _, tied = _compared(steps, ours[name], values[name], given)
            tied |= stages.changes(BY_NAME[name], ours[name], values[name]) == 0.0
            ours_shown[name] = tied | _reached(model, tied, ours[name], given, tolerance)
    for name in (stages.LFC, stages.ERROR, stages.STATISTIC, stages.P):
        loose = ~stages.apart(BY_NAME[name], values, theirs, FALLBACK)
        shown[name] |= loose & ~inputs.converged
    trend_gap, prior_gap = _shared_gaps(inputs, theirs, info, steps.residual_df)
    return Repetition(
        values=values, shown=shown, ours_shown=ours_shown, losses=losses,
        trend_gap=trend_gap, prior_gap=prior_gap,
    )  # fmt: skip


def _number(info: dict[str, Any], name: str) -> float:
    value = info.get(name)
    return np.nan if value is None else float(value)


def _final(theirs: dict[str, Floats], residual_variance: float) -> Floats:
    """R's final dispersions of its stages: the gene's own where it lies far above the trend."""
    own, trend, shrunken = (theirs[k] for k in (stages.GENEWISE, stages.TREND, stages.MAP))
    with np.errstate(all="ignore"):
        outlying = np.log(own) > np.log(trend) + OUTLYING * np.sqrt(residual_variance)
    return np.where(outlying, own, shrunken)


def _repeated_table(
    result: DEResult, inputs: TheirInputs, theirs: dict[str, Floats], compared: Mask | None
) -> dict[str, Floats]:
    """The tested values at R's final dispersions by R's rules, no outlier flagged."""
    model, alpha = inputs.model, theirs[stages.FINAL]
    steps = make_steps(model, "replay", test=result.settings["test"])
    _, arrays = given_dispersions(steps, np.where(np.isnan(alpha), 1.0, alpha))
    fit = model.assemble(arrays, "nb", {})
    values = table_values(result, fit, steps, compared, inputs.alternative)
    # What replacement leaves without a count is taken for unchanged.
    emptied = inputs.replaced & np.isnan(values[stages.LFC])
    return {name: np.where(emptied, float(name == stages.P), each) for name, each in values.items()}


def table_values(
    result: DEResult, fit: GLMFit, steps: Any, compared: Mask | None, alternative: str
) -> dict[str, Floats]:
    """The tested values of a fit with the choices of a result; nothing flagged or adjusted."""
    choices = resolved_choices(
        result.settings,
        {"independent_filtering": False, "interval": None, "p_adjust": "none",
         "alternative": alternative},
    )  # fmt: skip
    table, _ = contrast_table(fit, steps, result.contrast, compared, choices, None, result.obs)
    values = tested_values(table)
    del values[stages.PADJ]
    return values


def _compared(
    steps: Any, first: Floats, second: Floats, prior: tuple[Floats, float] | None
) -> tuple[Floats, Mask]:
    """Objective of R's search at two dispersions: its difference, and if rounding hides that."""
    loss = np.full_like(first, np.nan)
    tied = np.zeros(first.shape, dtype=np.bool_)

    def task(start: int, stop: int) -> None:
        kept, y, _, weights = steps.rows(start, stop)
        known = ~np.isnan(first[kept]) & ~np.isnan(second[kept])
        genes = kept[known]
        if not genes.size:
            return
        options = {} if prior is None else {
            "log_centre": np.log(prior[0][genes]), "variance": prior[1],
        }  # fmt: skip
        gap = objective_gap(
            y[known], steps.mu[genes], steps.model.design.matrix, (first[genes], second[genes]),
            weights=None if weights is None else weights[known], **options,
        )  # fmt: skip
        loss[genes] = gap.difference
        tied[genes] = np.abs(gap.difference) <= gap.rounding

    steps.model.each_block(task)
    return loss, tied


def _reached(
    model: Model,
    known: Mask,
    alpha: Floats,
    prior: tuple[Floats, float] | None,
    tolerance: float,
) -> Mask:
    """Which dispersions not yet known the search comes to from inputs of another last digit."""
    return reached(model, ~known & ~np.isnan(alpha), alpha, max(tolerance, SAME), prior)


def _shared_gaps(
    inputs: TheirInputs, values: dict[str, Floats], info: dict[str, Any], df: int
) -> tuple[float, float]:
    """Log ratios of R's trend and prior variance to those of R's gene-wise dispersions."""
    mean, given = values[stages.BASE_MEAN].copy(), values[stages.GENEWISE].copy()
    theirs = values[stages.TREND]
    if inputs.replaced.any():
        # R fits the trend before it replaces counts, and estimates these genes again after.
        genes = np.flatnonzero(inputs.replaced)
        before = inputs.original.take(genes)
        given[genes] = make_steps(before, "replay").genewise()
        mean[genes] = base_moments(before, replay=True)[0]
    used = (mean > 0.0) & ~np.isnan(given)
    kind, width = (info.get("trend") or {}).get("kind"), _number(info, "prior_variance")
    told = ~np.isnan(theirs)
    if kind not in FIT_TYPES or not used.any() or not told.any() or np.isnan(width):
        return float("inf"), float("inf")
    trend = fit_trend(mean[used], given[used], kind, replay=True)
    again = trend(values[stages.BASE_MEAN][told])
    expected, _ = prior_variance(given[used], trend(mean[used]), df, replay=True)
    gap = np.abs(np.log(again / theirs[told])).max()
    return float(gap), float(abs(np.log(expected / width)))
