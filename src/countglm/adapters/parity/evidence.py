"""What the evidence says: our steps at R's inputs, and R's estimates judged by the objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.design import is_mean_only
from countglm.dispersion import make_steps
from countglm.evaluation import Judgement, adjusted_profile, judge_coefficients, optimum_at
from countglm.status import Status

from . import stages
from .repetition import Repetition, repeat, table_values
from .sides import TheirInputs
from .stages import Floats, Mask

if TYPE_CHECKING:
    import pandas as pd

    from countglm._model import Model
    from countglm.deresult import DEResult
    from countglm.results import GLMFit


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Computed for every gene (n_genes,), at R's inputs to each stage.

    Attributes
    ----------
    at_theirs : dict
        Our value of each stage from R's inputs to it.
    repetition : Repetition
        R's own rules at R's inputs.
    losses : dict
        By how much R's gene-wise and MAP dispersion have a lower objective than ours at the same
        inputs: the exact one, or in replay that of R's search.
    coefficients : Judgement
        R's coefficients at R's dispersions.
    separated : (n_genes,) bool
        Genes without a finite estimate.
    empty : (n_genes,) bool
        All samples that the contrast compares have no count, so that R sets the estimate to 0.
    mean_only : bool
        The design is one mean, for which R takes that of normalised counts.
    """

    at_theirs: dict[str, Floats]
    repetition: Repetition
    losses: dict[str, Floats]
    coefficients: Judgement
    separated: Mask
    empty: Mask
    mean_only: bool


def collect(
    result: DEResult,
    inputs: TheirInputs,
    both: tuple[dict[str, Floats], dict[str, Floats]],
    info: dict[str, Any],
    compared: Mask | None,
    tolerance: float,
) -> Evidence:
    """Compute the evidence.

    ``both`` holds the values of our side and of R's, ``info`` what else R told; ``compared`` marks
    the samples of the two levels that a factor's contrast compares.
    """
    model, theirs = inputs.model, both[1]
    repetition = repeat(result, inputs, both, info, compared, tolerance)
    fit = optimum_at(model, theirs[stages.FINAL])
    at, losses = repetition.values, repetition.losses
    if result.settings["mode"] == "exact":
        at, losses = _exact(result, model, fit, theirs, info, compared)
    return Evidence(
        at_theirs=at, repetition=repetition, losses=losses,
        coefficients=judge_coefficients(model, fit, inputs.beta),
        separated=fit.status == Status.SEPARATED, empty=_empty(model, compared, result.contrast),
        mean_only=is_mean_only(model.design.matrix),
    )  # fmt: skip


def _exact(
    result: DEResult,
    model: Model,
    fit: GLMFit,
    theirs: dict[str, Floats],
    info: dict[str, Any],
    compared: Mask | None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Our exact values at R's inputs, and the losses of R's dispersions.

    ``fit`` is the optimum at R's final dispersions.
    """
    trend = theirs[stages.TREND]
    width = info.get("prior_variance")
    steps: Any = make_steps(model, "exact", test=result.settings["test"])
    genewise = steps.genewise()
    shrunken = np.full_like(genewise, np.nan)
    if width is not None and not np.isnan(trend).all():
        shrunken = steps.shrunken(trend, float(width))
    at = {stages.GENEWISE: genewise, stages.MAP: shrunken}
    at |= table_values(result, fit, steps, compared, result.settings["alternative"])
    own = _loss(model, genewise, theirs[stages.GENEWISE])
    posterior = _loss(model, shrunken, theirs[stages.MAP])
    with np.errstate(all="ignore"):
        away, theirs_away = np.log(shrunken / trend), np.log(theirs[stages.MAP] / trend)
        posterior += (theirs_away**2 - away**2) / (2.0 * float(width or np.nan))
    return at, {stages.GENEWISE: own, stages.MAP: posterior}


def _loss(model: Model, ours: Floats, theirs: Floats) -> Floats:
    """Difference of the exact adjusted profile likelihood."""
    return adjusted_profile(model, ours) - adjusted_profile(model, theirs)


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


def evidence_frame(evidence: Evidence, index: Any) -> pd.DataFrame:
    """The numbers that the reasons rest on, one row a gene."""
    import pandas as pd

    judged = evidence.coefficients
    return pd.DataFrame(
        {
            "decrement": judged.decrement,
            "objective_loss": judged.loss,
            "lowest_mean": judged.lowest_mean,
            "genewise_loss": evidence.losses[stages.GENEWISE],
            "map_loss": evidence.losses[stages.MAP],
        },
        index=index,
    )
