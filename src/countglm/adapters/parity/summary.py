"""Tables of a certificate: stages, values of both sides, calls in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import stages
from .attribution import SHARED
from .stages import EXACT, STAGES, Floats

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "compared", "beyond", "one_sided", "typical", "p99", "worst", "unit", "worst_at", "tolerance",
    "verdict",
)  # fmt: skip


def stage_table(
    both: tuple[dict[str, Floats], dict[str, Floats]],
    reasons: pd.DataFrame,
    tolerance: float,
    factors: dict[str, Any],
    prior: dict[str, Any],
) -> pd.DataFrame:
    """One row a stage: how many values, how many beyond, typical and largest difference.

    ``both`` holds the values of our side and of R's; ``factors`` and ``prior`` are the rows of
    stages without a value a gene.
    """
    import pandas as pd

    rows = {stages.SIZE_FACTORS: factors}
    for stage in STAGES:
        one, other = both[0][stage.name], both[1][stage.name]
        change = np.abs(stages.changes(stage, one, other))
        told = ~(np.isnan(one) & np.isnan(other))
        codes = reasons[stage.name].to_numpy()
        limit = stage.words.format(stage.limit(tolerance))
        rows[stage.name] = _row(change, told, codes != "", reasons.index, stage.unit, limit)
        if np.isnan(other).all():
            rows[stage.name]["verdict"] = "not compared"
        elif (codes == "unknown").any():
            rows[stage.name]["verdict"] = "unexplained"
        if stage.name == stages.TREND:
            rows[stages.PRIOR] = prior
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return table.rename_axis("stage")


def factor_row(factors: tuple[Floats, Floats | None], samples: Any, rule: str) -> dict[str, Any]:
    """The size factors of both; only the rule ``iterate`` has another stopping point in R."""
    ours, theirs = factors
    names = np.arange(ours.size) if samples is None else np.asarray(samples)
    limit = f"{EXACT:.0e} of the factor"
    if theirs is None:
        nothing = np.zeros(ours.shape)
        row = _row(nothing, nothing > 0.0, nothing > 0.0, names, "relative", limit)
        return row | {"verdict": "not compared"}
    change = np.abs(stages.relative(ours, theirs))
    row = _row(change, change >= 0.0, change > EXACT, names, "relative", limit)
    if row["beyond"] and rule != "iterate":
        row["verdict"] = "unexplained"
    return row


def prior_row(prior: tuple[float, float | None], gap: float, tolerance: float) -> dict[str, Any]:
    """The prior variances of both; R's is that of its dispersions where ``gap`` is small."""
    ours, theirs = prior
    told = np.array([theirs is not None and not np.isnan(theirs)])
    change = np.abs(np.log(np.array([ours]) / (theirs if told[0] else ours)))
    limit = f"{tolerance:.0e} of the variance"
    row = _row(change, told, told & (change > tolerance), [""], "log ratio", limit)
    if not told[0]:
        return row | {"verdict": "not compared"}
    if row["beyond"] and not gap <= SHARED:
        row["verdict"] = "unexplained"
    return row


def _row(
    change: Floats, told: Any, beyond: Any, names: Any, unit: str, tolerance: str
) -> dict[str, Any]:
    finite = told & np.isfinite(change)
    some = change[finite]
    worst = int(np.argmax(np.where(finite, change, -1.0))) if some.size else None
    return {
        "compared": int(told.sum()),
        "beyond": int(beyond.sum()),
        "one_sided": int((told & ~np.isfinite(change)).sum()),
        "typical": float(np.median(some)) if some.size else np.nan,
        "p99": float(np.quantile(some, 0.99)) if some.size else np.nan,
        "worst": float(some.max()) if some.size else np.nan,
        "unit": unit,
        "worst_at": "" if worst is None or not some.max() > 0.0 else str(names[worst]),
        "tolerance": tolerance,
        "verdict": "explained" if beyond.any() else "equal",
    }


def values_frame(ours: dict[str, Floats], theirs: dict[str, Floats], index: Any) -> pd.DataFrame:
    """Both sides of every stage, one row a gene."""
    import pandas as pd

    columns = {}
    for stage in STAGES:
        columns[f"{stage.name} ours"] = ours[stage.name]
        columns[f"{stage.name} theirs"] = theirs[stage.name]
    return pd.DataFrame(columns, index=index)


def p_moved(values: pd.DataFrame) -> Floats:
    """By how much p moves (n_genes,): the change of its digits beside their number."""
    both = values[[f"{stages.P} ours", f"{stages.P} theirs"]].to_numpy()
    with np.errstate(invalid="ignore"):
        ours, theirs = -np.log10(np.maximum(both, stages.TINY)).T
    share = np.abs(ours - theirs) / (1.0 + np.fmin(ours, theirs))
    return np.where(np.isnan(share), 0.0, share)


def calls_in_common(
    ours: dict[str, Floats], theirs: dict[str, Floats], alpha: float
) -> dict[str, Any]:
    """Genes with an adjusted p below ``alpha`` in either analysis."""
    with np.errstate(invalid="ignore"):
        one, other = ours[stages.PADJ] < alpha, theirs[stages.PADJ] < alpha
    both, either = int((one & other).sum()), int((one | other).sum())
    return {
        "alpha": alpha,
        "ours": int(one.sum()),
        "theirs": int(other.sum()),
        "both": both,
        "only_ours": int(one.sum()) - both,
        "only_theirs": int(other.sum()) - both,
        "jaccard": both / either if either else 1.0,
    }
