"""R's analyses of the two embedded studies, cut down to what the repository can hold.

``python -m tests.support.reduced`` writes them from the complete ones; it needs the folder named
by COUNTGLM_TEST_DATA.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

import countglm
from tests.support.cases import data_folder
from tests.support.studies import studies

FOLDER = Path(__file__).parents[1] / "parity" / "golden"
EVERY = {"pasilla": 10, "airway": 40}
ALTERNATIVES = ("greaterAbs", "lessAbs", "greater", "less")
STAGES = ("dispGeneEst", "dispMAP", "dispersion")
TESTED = ("log2FoldChange", "lfcSE", "stat", "pvalue", "padj")
# Factors and the contrast's reference level, for the embedded sample tables.
MODELS: dict[str, dict[str, Any]] = {
    "pasilla": {
        "design": "~ type + condition", "contrast": ["condition", "treated", "untreated"],
        "reduced": "~ type",
    },
    "airway": {
        "design": "~ cell + dex", "contrast": ["dex", "trt", "untrt"], "reduced": "~ cell",
    },
}  # fmt: skip


def analyse(name: str, mode: str, **options: Any) -> Any:
    """Run the workflow on an embedded study as R's was run."""
    model = MODELS[name]
    data = getattr(countglm.datasets, name)()
    contrast = model["contrast"]
    return countglm.differential_expression(
        data, model["design"], contrast, mode=mode, reference={contrast[0]: contrast[2]}, **options
    )


def reduced(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Every so-many-th gene with counts of R's tables, and the numbers of the whole study."""
    table = pd.read_csv(FOLDER / f"{name}_workflow.csv.gz", index_col=0)
    return table, json.loads((FOLDER / "workflow.json").read_text())[name]


def main() -> None:
    """Write the reduced tables."""
    data = data_folder()
    assert data is not None, "COUNTGLM_TEST_DATA is not set"
    numbers = {}
    for name, step in EVERY.items():
        study = studies(data)[name]
        stages = study.golden("deseq2_genes")
        genes = stages.index[~stages["allZero"]][::step]
        parts = [stages.loc[genes, list(STAGES)], study.golden("deseq2_wald")[list(TESTED)]]
        for alternative in ALTERNATIVES:
            one = study.golden(f"deseq2_lfc1.5_{alternative}")[["pvalue", "padj"]]
            parts.append(one.add_prefix(f"{alternative}_"))
        parts.append(study.golden("deseq2_lrt")[["stat", "pvalue", "padj"]].add_prefix("LRT_"))
        table = pd.concat([part.loc[genes] for part in parts], axis=1)
        table.to_csv(FOLDER / f"{name}_workflow.csv.gz", float_format="%.10g")
        numbers[name] = {
            "trend": [study.info("asymptDisp"), study.info("extraPois")],
            "prior_variance": study.info("dispPriorVar"),
            "residual_variance": study.info("varLogDispEsts"),
            "calls": int((study.golden("deseq2_wald")["padj"] < 0.1).sum()),
        }
    (FOLDER / "workflow.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
