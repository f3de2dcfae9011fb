"""What the evidence says: our steps at R's inputs, and R's estimates judged by the objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._model import base_moments
from countglm._retest import resolved_choices
from countglm._testing import contrast_table
from countglm.dispersion import FIT_TYPES, given_dispersions, make_steps
from countglm.evaluation import Judgement, adjusted_profile, judge_coefficients
from countglm.inference import LN2
from countglm.prior_variance import prior_variance
from countglm.replay import contrast_values, objective_gap
from countglm.status import Status
from countglm.trend import fit_trend

from . import stages
from .last_digit import reached
from .sides import TheirInputs, tested_values
from .stages import Floats, Mask

if TYPE_CHECKING:
    import pandas as pd

    from countglm._model import Model
    from countglm.deresult import DEResult

# Differences of objectives below this are rounding of sums of many terms.
NOISE = 1e-9
# Relative difference of two dispersions that are one: R's of a text table have 12 digits.
SAME = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Computed for every gene (n_genes,), at R's inputs to each stage.

    Attributes
    ----------
    at_theirs : dict
        Our value of each stage from R's inputs to it.
    genewise_loss, map_loss : (n_genes,)
        By how much R's dispersion has a lower objective than ours at the same inputs.
    genewise_tied, map_tied : (n_genes,) bool
        The objective cannot tell the two.
    coefficients : Judgement
        R's coefficients at R's dispersions.
    refitted_error : (n_genes,)
        Standard error (log2) by R's rule, means raised to 1/2, at R's coefficients.
    separated : (n_genes,) bool
        Genes without a finite estimate.
    empty : (n_genes,) bool
        All samples that the contrast compares have no count, so that R sets the estimate to 0.
    mean_only : (n_genes,) bool
        R's coefficient is the logarithm of the mean of normalised counts.
    trend_gap, prior_gap : float
        Largest log ratio of R's trend, and of its prior variance, to what R's rules make of R's
        gene-wise dispersions; infinite where they cannot be repeated.
    """

    at_theirs: dict[str, Floats]
    genewise_loss: Floats
    genewise_tied: Mask
    map_loss: Floats
    map_tied: Mask
    coefficients: Judgement
    refitted_error: Floats
    separated: Mask
    empty: Mask
    mean_only: Mask
    trend_gap: float
    prior_gap: float


def collect(
    result: DEResult,
    inputs: TheirInputs,
    values: dict[str, Floats],
    info: dict[str, Any],
    compared: Mask | None,
) -> Evidence:
    """Compute the evidence; ``values`` are R's stages, ``info`` what else R told.

    ``compared`` marks the samples of the two levels that a factor's contrast compares.
    """
    model, mode, vector = inputs.model, result.settings["mode"], result.contrast
    steps: Any = make_steps(model, mode, test=result.settings["test"])
    genewise = steps.genewise()
    trend, width = values[stages.TREND], float(info.get("prior_variance") or np.nan)
    shrunken = np.full_like(genewise, np.nan)
    if not np.isnan(trend).all() and not np.isnan(width):
        shrunken = steps.shrunken(trend, width)
    judge, found = _losses, (genewise, shrunken)
    if mode == "replay":
        # Inputs that differ in the last digit end a search by rounding elsewhere: so the values
        # that were reported are judged, not those of repeated steps.
        judge, found = _rounding, (result.dispersion.genewise, result.dispersion.map)
    genewise_loss, genewise_tied = judge(steps, found[0], values[stages.GENEWISE], None, width)
    map_loss, map_tied = judge(steps, found[1], values[stages.MAP], trend, width)
    if mode == "replay":
        genewise_tied |= _by_last_digit(model, found[0], values, stages.GENEWISE, None)
        map_tied |= _by_last_digit(model, found[1], values, stages.MAP, (trend, width))
    at = {
        stages.GENEWISE: genewise,
        stages.MAP: shrunken,
        **_tested_at(result, model, values[stages.FINAL], compared),
    }
    fit = _optimum(model, values[stages.FINAL])
    scale = np.concatenate([model.scale(a, a + 1) for a in range(model.n_genes)])
    trend_gap, prior_gap = _shared_gaps(inputs, values, info, steps.residual_df)
    _, error = contrast_values(
        inputs.beta, scale, model.design.matrix, values[stages.FINAL], vector
    )
    return Evidence(
        at_theirs=at, genewise_loss=genewise_loss, genewise_tied=genewise_tied,
        map_loss=map_loss, map_tied=map_tied,
        coefficients=judge_coefficients(model, fit, inputs.beta),
        refitted_error=error / LN2, separated=fit.status == Status.SEPARATED,
        empty=_empty(model, compared, vector), mean_only=_mean_only(model, inputs.beta, values),
        trend_gap=trend_gap, prior_gap=prior_gap,
    )  # fmt: skip


def _optimum(model: Model, alpha: Floats) -> Any:
    problem = model.problem(np.where(np.isnan(alpha), 1.0, alpha))
    model.each_block(problem.fit_range)
    return model.assemble(problem, "nb", {})


def _tested_at(
    result: DEResult, model: Model, alpha: Floats, compared: Mask | None
) -> dict[str, Floats]:
    """Our table of the contrast at R's final dispersions, without outliers and filtering."""
    steps = make_steps(model, result.settings["mode"], test=result.settings["test"])
    _, arrays = given_dispersions(steps, np.where(np.isnan(alpha), 1.0, alpha))
    fit = model.assemble(arrays, "nb", {})
    choices = resolved_choices(
        result.settings, {"independent_filtering": False, "interval": None, "p_adjust": "none"}
    )
    table, _ = contrast_table(fit, steps, result.contrast, compared, choices, None, result.obs)
    return tested_values(table)


def _losses(
    steps: Any, ours: Floats, theirs: Floats, trend: Floats | None, width: float
) -> tuple[Floats, Mask]:
    """Differences of the exact adjusted profile likelihood, with the prior where there is one."""
    loss = adjusted_profile(steps.model, ours) - adjusted_profile(steps.model, theirs)
    if trend is not None:
        with np.errstate(all="ignore"):
            ours_away, theirs_away = np.log(ours / trend), np.log(theirs / trend)
        loss += (theirs_away**2 - ours_away**2) / (2.0 * width)
    return loss, np.abs(loss) <= NOISE


def _rounding(
    steps: Any, ours: Floats, theirs: Floats, trend: Floats | None, width: float
) -> tuple[Floats, Mask]:
    """Differences of the objective that R's search climbs, and whether rounding hides them."""
    loss = np.full_like(ours, np.nan)
    tied = np.zeros(ours.shape, dtype=np.bool_)

    def task(start: int, stop: int) -> None:
        kept, y, _, weights = steps.rows(start, stop)
        known = ~np.isnan(ours[kept]) & ~np.isnan(theirs[kept])
        genes = kept[known]
        if not genes.size:
            return
        gap = objective_gap(
            y[known], steps.mu[genes], steps.model.design.matrix, (ours[genes], theirs[genes]),
            weights=None if weights is None else weights[known],
            log_centre=None if trend is None else np.log(trend[genes]), variance=width,
        )  # fmt: skip
        loss[genes] = gap.difference
        tied[genes] = np.abs(gap.difference) <= gap.rounding

    steps.model.each_block(task)
    return loss, tied


def _by_last_digit(
    model: Model,
    ours: Floats,
    values: dict[str, Floats],
    name: str,
    prior: tuple[Floats, float] | None,
) -> Mask:
    """Which dispersions differ, and are R's if the inputs have another last digit."""
    theirs = values[name]
    with np.errstate(all="ignore"):
        differ = np.abs(np.log(ours / theirs)) > SAME
    return reached(model, differ, theirs, SAME, prior)


def _empty(model: Model, compared: Mask | None, vector: Floats) -> Mask:
    x = model.design.matrix
    if compared is None:
        compared = (x[:, vector != 0.0] != 0.0).any(axis=1)
    found = np.zeros(model.n_genes, dtype=np.bool_)
    if not compared.any():
        return found

    def task(start: int, stop: int) -> None:
        y = model.counts.block(start, stop)
        found[start:stop] = (y[:, compared] == 0.0).all(axis=1) & (y > 0.0).any(axis=1)

    model.each_block(task)
    return found


def _mean_only(model: Model, beta: Floats, values: dict[str, Floats]) -> Mask:
    if model.design.matrix.shape[1] > 1:
        return np.zeros(model.n_genes, dtype=np.bool_)
    with np.errstate(all="ignore"):
        return np.abs(beta[:, 0] - np.log(values[stages.BASE_MEAN])) < stages.EXACT


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
    kind = (info.get("trend") or {}).get("kind")
    if kind not in FIT_TYPES or not used.any():
        return float("inf"), float("inf")
    trend = fit_trend(mean[used], given[used], kind, replay=True)
    told = ~np.isnan(theirs)
    again = trend(values[stages.BASE_MEAN][told])
    width, _ = prior_variance(given[used], trend(mean[used]), df, replay=True)
    gap = np.abs(np.log(again / theirs[told])).max()
    return float(gap), float(abs(np.log(width / float(info["prior_variance"]))))


def evidence_frame(evidence: Evidence, index: Any) -> pd.DataFrame:
    """The numbers that the reasons rest on, one row a gene."""
    import pandas as pd

    judged = evidence.coefficients
    return pd.DataFrame(
        {
            "decrement": judged.decrement,
            "objective_loss": judged.loss,
            "lowest_mean": judged.lowest_mean,
            "genewise_loss": evidence.genewise_loss,
            "map_loss": evidence.map_loss,
        },
        index=index,
    )
