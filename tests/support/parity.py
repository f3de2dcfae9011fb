"""A certificate of parity made from a small analysis, with a gene for each kind of deviation."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from countglm.adapters.parity import ParityCertificate, stages
from countglm.adapters.parity.sides import our_values
from countglm.adapters.parity.summary import calls_in_common, values_frame
from tests.support.analyses import N_GENES, ON_OFF, analysis

STUCK, SHORT, STRANGE, FILTERED = 10, 11, 12, 13
NAMES = np.array([f"g{i}" for i in range(N_GENES)], dtype=object)


def their_values(ours: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Equal but for a dispersion at its floor, two other coefficients and a filtered gene."""
    theirs = {name: value.copy() for name, value in ours.items()}
    theirs[stages.GENEWISE][STUCK] = 1e-8
    theirs[stages.LFC][[ON_OFF, SHORT, STRANGE]] = 8.12, 0.31, 0.2
    theirs[stages.ERROR][ON_OFF] = 2.5
    theirs[stages.P][[ON_OFF, STRANGE]] = 1e-3, 1e-9
    theirs[stages.PADJ][FILTERED] = np.nan
    return theirs


def their_reasons() -> pd.DataFrame:
    """The reasons for what `their_values` changes."""
    codes = pd.DataFrame("", index=NAMES, columns=list(stages.BY_NAME), dtype=object)
    for row, columns, code in (
        (STUCK, [stages.GENEWISE], "stuck"),
        (ON_OFF, [stages.LFC, stages.ERROR, stages.P], "separated"),
        (SHORT, [stages.LFC], "early_stop"),
        (STRANGE, [stages.LFC, stages.P], "unknown"),
        (FILTERED, [stages.PADJ], "filter"),
    ):
        codes.loc[NAMES[row], columns] = code
    return codes


def stage_table(
    ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], reasons: pd.DataFrame
) -> pd.DataFrame:
    """One row a stage, with the size factors in front, which are equal."""
    row: dict[str, Any] = {
        "compared": 14, "beyond": 0, "one_sided": 0, "typical": 3e-16, "p99": 8e-16,
        "worst": 9e-16, "unit": "relative", "worst_at": "s3", "tolerance": "1e-10 of the factor",
        "verdict": "equal",
    }  # fmt: skip
    rows = {stages.SIZE_FACTORS: row}
    for name, stage in stages.BY_NAME.items():
        change = np.abs(stages.changes(stage, ours[name], theirs[name]))
        told = ~(np.isnan(ours[name]) & np.isnan(theirs[name]))
        some = change[told & np.isfinite(change)]
        codes = set(reasons[name]) - {""}
        rows[name] = row | {
            "compared": int(told.sum()), "beyond": int((reasons[name] != "").sum()),
            "one_sided": int(np.isinf(change).sum()), "typical": np.median(some),
            "p99": np.quantile(some, 0.99), "worst": some.max(), "unit": stage.unit,
            "worst_at": "", "tolerance": stage.words.format(1e-6),
            "verdict": "unexplained" if "unknown" in codes else "explained" if codes else "equal",
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stage")


@cache
def certificate(changed: bool = True) -> ParityCertificate:
    """DESeq2 beside the analysis: five genes deviate, one without a reason, or none does."""
    result = analysis()
    ours = our_values(result)
    theirs = their_values(ours) if changed else ours
    reasons = their_reasons() if changed else their_reasons().map(lambda _: "")
    names = ("decrement", "objective_loss", "lowest_mean", "genewise_loss", "map_loss")
    return ParityCertificate(
        engine="DESeq2", versions={"R": "4.2.2", "DESeq2": "1.38.3"}, mode="exact",
        label=result.label, tolerance=1e-6,
        stages=stage_table(ours, theirs, reasons),
        calls=calls_in_common(ours, theirs, 0.1), values=values_frame(ours, theirs, NAMES),
        reasons=reasons, evidence=pd.DataFrame(3e-4, index=NAMES, columns=list(names)),
        seconds=1.0,
    )  # fmt: skip
