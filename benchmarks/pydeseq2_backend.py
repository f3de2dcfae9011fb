"""PyDESeq2's pipeline on this engine: every call that it makes, timed and judged beside its own.

The pipeline runs once with each inference, on the same cores. Then every question that it asked of
its own inference is asked of this one with the same arguments, so that a stage's time and its
objective, PyDESeq2's own, stand side by side whatever the stages before it gave.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

# This folder goes last: packages shall find Python's own modules, not a benchmark of that name.
sys.path.sort(key=str(Path(__file__).resolve().parent).__eq__)

import numpy as np
import pandas as pd

from machine import describe_machine, save_result
from table import write_page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.pydeseq2_calls import Call, Recorder, answer_loss

ALPHA = 0.05
STUDIES = {
    "airway": ("~ cell + dex", ["dex", "trt", "untrt"]),
    "pasilla": ("~ type + condition", ["condition", "treated", "untreated"]),
}
# A method's calls in the order of the pipeline, in words. Further calls fit outliers again.
STAGES = {
    ("fit_rough_dispersions", 0): "moments around a regression",
    ("fit_moments_dispersions", 0): "moments",
    ("lin_reg_mu", 0): "means for the dispersions",
    ("irls", 0): "means for the dispersions",
    ("alpha_mle", 0): "gene-wise dispersions",
    ("dispersion_trend_gamma_glm", 0): "trend, each round",
    ("alpha_mle", 1): "posterior dispersions",
    ("irls", 1): "coefficients",
    ("wald_test", 0): "Wald test",
    ("lfc_shrink_nbinom_glm", 0): "shrinkage",
}


def run_pipeline(
    inference: Any, counts: Any, obs: Any, study: str, clock: Callable[[], float]
) -> tuple[float, Any]:
    """Return the seconds from counts to shrunken estimates, and the table before shrinkage."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    design, contrast = STUDIES[study]
    begun = clock()
    dds = DeseqDataSet(counts=counts, metadata=obs, design=design, inference=inference, quiet=True)
    dds.deseq2()
    stats = DeseqStats(dds, contrast, alpha=ALPHA, inference=inference, quiet=True)
    stats.summary()
    table = stats.results_df.copy()
    stats.lfc_shrink(next(name for name in dds.varm["LFC"] if name.startswith(contrast[0])))
    return clock() - begun, table


def difference(ours: Any, theirs: Any) -> float:
    """Return the largest relative difference of two answers."""
    pairs = zip(
        ours if isinstance(ours, tuple) else (ours,),
        theirs if isinstance(theirs, tuple) else (theirs,),
        strict=True,
    )
    worst = 0.0
    for mine, other in pairs:
        mine, other = np.asarray(mine, dtype=float), np.asarray(other, dtype=float)
        known = np.isfinite(mine) & np.isfinite(other) & (np.abs(other) > 1e-300)
        worst = max(worst, float(np.max(np.abs(mine - other)[known] / np.abs(other)[known])))
    return worst


def compare_call(engine: Any, call: Call, clock: Callable[[], float]) -> dict[str, Any]:
    """Ask the engine what PyDESeq2 was asked; return times and accuracy."""
    name, asked, answer, their_seconds = call
    begun = clock()
    mine = getattr(engine, name)(**asked)
    row: dict[str, Any] = {"theirs": their_seconds, "ours": clock() - begun}
    ours, theirs = (answer_loss(name, asked, given) for given in (mine, answer))
    if ours is None:
        return row | {"difference": difference(mine, answer)}
    gap = theirs - ours
    return row | {
        "genes": int(gap.size),
        "theirs_worse": int(np.count_nonzero(gap > 1e-3)),
        "theirs_worst": float(max(gap.max(), 0.0)),
        "ours_worse": int(np.count_nonzero(gap < -1e-3)),
        "ours_worst": float(max(-gap.min(), 0.0)),
    }


def compare_calls(engine: Any, calls: list[Call], clock: Callable[[], float]) -> Any:
    """Return one row a stage; the rounds of the trend are one stage, refits are left out."""
    rows: dict[str, dict[str, Any]] = {}
    seen: dict[str, int] = {}
    for call in calls:
        number = seen.get(call.method, 0)
        seen[call.method] = number + 1
        each_round = call.method == "dispersion_trend_gamma_glm"
        name = STAGES.get((call.method, 0 if each_round else number))
        if name is None:
            continue
        row = compare_call(engine, call, clock)
        before = rows.get(name)
        if before is None:
            rows[name] = {"method": call.method} | row
            continue
        for key, value in row.items():
            worst = key in {"theirs_worst", "ours_worst"}
            before[key] = max(before[key], value) if worst else before[key] + value
    return rows


def measure(study: str, n_genes: int | None, cpus: int, repeats: int) -> dict[str, Any]:
    """Return times of both pipelines, and of each stage on the same question."""
    from pydeseq2.default_inference import DefaultInference

    from countglm import datasets
    from countglm.adapters.pydeseq2 import Inference

    # On one core nothing runs outside this process, so CPU time counts all of it, whatever else
    # the machine does.
    clock = time.process_time if cpus == 1 else time.perf_counter
    data = getattr(datasets, study)()
    counts = pd.DataFrame(
        np.asarray(data.X, dtype=np.int64), index=data.obs_names, columns=data.var_names
    )
    if n_genes is not None:
        counts = counts.iloc[:, np.linspace(0, counts.shape[1] - 1, n_genes).astype(int)]
    obs = data.obs.copy()
    warm = counts.iloc[:, np.flatnonzero((counts > 0).all(axis=0))[:400]]
    for inference in (DefaultInference(n_cpus=cpus), Inference(n_cpus=cpus)):
        run_pipeline(inference, warm, obs, study, clock)  # starts workers, compiles
    best: dict[str, Any] = {}
    tables, recorder = {}, None
    for _ in range(repeats):
        for name, inference in (
            ("PyDESeq2", DefaultInference(n_cpus=cpus)),
            ("countglm", Inference(n_cpus=cpus)),
        ):
            current = Recorder(inference, name == "PyDESeq2", clock)
            seconds, tables[name] = run_pipeline(current.install(), counts, obs, study, clock)
            print(f"{name}: {seconds:.1f} s, {current.seconds:.1f} s of them in its fits")
            if name not in best or seconds < best[name]["pipeline"]:
                best[name] = {"pipeline": seconds, "fits": current.seconds}
                recorder = current if current.keep else recorder
    assert recorder is not None
    called = {name: set(table.index[table["padj"] < ALPHA]) for name, table in tables.items()}
    return {
        "study": study,
        "design": STUDIES[study][0],
        "genes": int(counts.shape[1]),
        "fitted": int((counts > 0).any(axis=0).sum()),
        "cpus": cpus,
        "repeats": repeats,
        "version": version("pydeseq2"),
        "seconds": best,
        "stages": compare_calls(Inference(n_cpus=cpus), recorder.calls, clock),
        "alpha": ALPHA,
        "calls": {name: len(genes) for name, genes in called.items()}
        | {"both": len(called["PyDESeq2"] & called["countglm"])},
        "machine": describe_machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--study", choices=STUDIES, default="airway")
    parser.add_argument("--genes", type=int, help="evenly spaced genes instead of all")
    parser.add_argument("--cpus", type=int, default=1, help="1 (default) measures CPU seconds")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    with warnings.catch_warnings():
        # PyDESeq2's remarks on few samples are its own business.
        warnings.simplefilter("ignore")
        result = measure(options.study, options.genes, options.cpus, options.repeats)
    for stage, row in result["stages"].items():
        print(f"{row['theirs']:8.2f} s {row['ours']:8.3f} s  {stage}")
    save_result("pydeseq2_backend", result)
    write_page()


if __name__ == "__main__":
    main()
