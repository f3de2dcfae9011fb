"""PyDESeq2's pipeline on a few hundred genes of pasilla, with its own inference and with ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import countglm
from countglm.adapters.pydeseq2 import Inference
from tests.support.pydeseq2_calls import Call, Recorder

CONTRAST = ["condition", "treated", "untreated"]
DESIGNS = ("~ condition", "~ type + condition")
# What PyDESeq2 says of data with few samples.
REMARKS = ("As the residual degrees of freedom is less than 3",)


@contextmanager
def own_remarks() -> Iterator[None]:
    """Let PyDESeq2 say what it says of seven samples; every other warning stays an error."""
    with warnings.catch_warnings():
        for text in REMARKS:
            warnings.filterwarnings("ignore", message=text, category=UserWarning)
        yield


def default_inference() -> Any:
    """Return PyDESeq2's inference in this process."""
    from pydeseq2.default_inference import DefaultInference

    return DefaultInference(n_cpus=1)


@cache
def counts() -> Any:
    """Return genes of pasilla with a cell of one group that stands far out (a DataFrame)."""
    import pandas as pd

    data = countglm.datasets.pasilla()
    genes = np.arange(0, data.n_vars, 36)
    table = pd.DataFrame(
        np.asarray(data.X)[:, genes].astype(np.int64),
        index=data.obs_names, columns=data.var_names[genes],
    )  # fmt: skip
    high = np.flatnonzero((table.to_numpy() > 50).all(axis=0))[:3]
    table.iloc[1, high] *= 400
    return table


@cache
def samples() -> Any:
    return countglm.datasets.pasilla().obs[["type", "condition"]].copy()


class Run(NamedTuple):
    """A data set after the pipeline, its statistics, their table before and after shrinkage."""

    dds: Any
    stats: Any
    table: Any
    shrunken: Any


def run(inference: Any, design: str, **options: Any) -> Run:
    """Run the whole pipeline, from counts to shrunken estimates."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    with own_remarks():
        dds = DeseqDataSet(
            counts=counts(), metadata=samples(), design=design, inference=inference, quiet=True,
            min_replicates=3, **options,
        )  # fmt: skip
        dds.deseq2()
        stats = DeseqStats(dds, CONTRAST, inference=inference, quiet=True)
        stats.summary()
        table = stats.results_df.copy()
        coefficient = next(name for name in dds.varm["LFC"] if name.startswith("condition"))
        stats.lfc_shrink(coefficient)
    return Run(dds, stats, table, stats.results_df.copy())


class Recorded(NamedTuple):
    """A run, and the calls that it made by the name of the method."""

    run: Run
    calls: dict[str, list[Call]]


@cache
def theirs(design: str) -> Recorded:
    """Return the pipeline with PyDESeq2's own inference."""
    recorder = Recorder(default_inference())
    found = run(recorder.install(), design)
    calls: dict[str, list[Call]] = {}
    for call in recorder.calls:
        calls.setdefault(call.method, []).append(call)
    return Recorded(found, calls)


@cache
def ours(design: str) -> Run:
    """Return the pipeline with this engine."""
    return run(Inference(n_cpus=1), design)
