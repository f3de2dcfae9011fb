"""Parity certificates: every gene that differs from DESeq2 has a computed reason."""

from __future__ import annotations

import numpy as np

from countglm.adapters.parity import compare
from tests.accept.table import Table
from tests.support.cases import data_folder
from tests.support.frozen import frozen_result
from tests.support.studies import studies

# One study is also analysed by the R that is installed.
LIVE = "pasilla"


def check(table: Table) -> None:
    """Fill the table: five frozen studies in both modes, one live."""
    data = data_folder()
    if data is None:
        table.not_run("parity", "COUNTGLM_TEST_DATA is not set")
        return
    for name, study in studies(data).items():
        if table.quick and name not in ("pasilla", "yeast48"):
            continue
        for mode in ("exact", "replay"):
            report(table, f"{name}, {mode}, frozen", study, mode, frozen_result(study))
    report(table, f"{LIVE}, exact, live", studies(data)[LIVE], "exact", None)
    report(table, f"{LIVE}, replay, live", studies(data)[LIVE], "replay", None)


def report(table: Table, label: str, study, mode: str, theirs) -> None:
    """One certificate: verdicts, genes without a reason, evidence against us."""
    found = compare(study.analyse(mode), theirs=theirs)
    differ = int((found.reasons != "").any(axis=1).sum())
    first = found.genes()["reason"].value_counts()
    table.row(
        f"parity {label}: genes that differ have a reason", "none unknown",
        f"{differ} of {len(found.reasons)} differ, {found.unexplained} unknown "
        f"({', '.join(f'{code} {count}' for code, count in first.items()) or 'none'})",
        found.passed,
    )  # fmt: skip
    verdicts = found.stages["verdict"]
    table.row(
        f"parity {label}: stages", "equal or explained",
        ", ".join(f"{name} {verdict}" for name, verdict in verdicts.items()),
        bool(verdicts.isin(["equal", "explained"]).all()),
    )  # fmt: skip
    losses = ("objective_loss",)
    if mode == "exact":
        losses = ("objective_loss", "genewise_loss", "map_loss")
    worst = min(float(np.nanmin(found.evidence[loss])) for loss in losses)
    table.row(
        f"parity {label}: objective at R's estimates below ours", ">= -1e-09", f"{worst:.1e}",
        worst >= -1e-9,
    )  # fmt: skip
