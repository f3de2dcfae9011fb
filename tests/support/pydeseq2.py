"""PyDESeq2's pipeline on a few hundred genes of pasilla, and the objectives that it states."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import countglm
from countglm.adapters.pydeseq2 import Inference

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


class Call(NamedTuple):
    """What the pipeline asked of an inference, and what it got."""

    asked: dict[str, Any]
    answer: Any


class Recorded(NamedTuple):
    """A run, and the calls that it made by the name of the method."""

    run: Run
    calls: dict[str, list[Call]]


@cache
def theirs(design: str) -> Recorded:
    """Return the pipeline with PyDESeq2's own inference."""
    from pydeseq2.inference import Inference as Interface

    inference, calls = default_inference(), {}

    def record(name: str) -> None:
        method = getattr(inference, name)
        signature = inspect.signature(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            # Copies: the pipeline goes on to change what it handed over and what it got.
            asked = copy.deepcopy(dict(signature.bind(*args, **kwargs).arguments))
            answer = method(*args, **kwargs)
            calls.setdefault(name, []).append(Call(asked, copy.deepcopy(answer)))
            return answer

        setattr(inference, name, call)

    for name in Interface.__abstractmethods__:
        record(name)
    return Recorded(run(inference, design), calls)


@cache
def ours(design: str) -> Run:
    """Return the pipeline with this engine."""
    return run(Inference(n_cpus=1), design)


def negative_log_likelihood(asked: dict[str, Any], mu: Any, alpha: Any) -> Any:
    """Return PyDESeq2's objective of coefficients (g,), at means as fitted."""
    from pydeseq2.utils import nb_nll

    counts = np.asarray(asked["counts"])
    return np.array([nb_nll(counts[:, g], mu[:, g], alpha[g]) for g in range(counts.shape[1])])


def dispersion_loss(asked: dict[str, Any], alpha: Any) -> Any:
    """Return PyDESeq2's objective of a dispersion (g,)."""
    x, mu = np.asarray(asked["design_matrix"], dtype=float), np.asarray(asked["mu"])
    loss = negative_log_likelihood(asked, mu, alpha)
    for g, a in enumerate(alpha):
        weight = mu[:, g] / (1.0 + mu[:, g] * a)
        loss[g] += 0.5 * np.linalg.slogdet((x.T * weight) @ x)[1]
    if asked.get("prior_reg"):
        gap = np.log(alpha) - np.log(np.asarray(asked["alpha_hat"]))
        loss += gap**2 / (2.0 * asked["prior_disp_var"])
    return loss


def shrinkage_loss(asked: dict[str, Any], gene: int, beta: Any) -> float:
    """Return PyDESeq2's objective of shrunken coefficients."""
    from pydeseq2.utils import nbinomFn

    return float(
        nbinomFn(
            beta, asked["design_matrix"], np.asarray(asked["counts"])[:, gene],
            asked["size"][gene], asked["offset"], asked["prior_no_shrink_scale"],
            asked["prior_scale"], asked["shrink_index"],
        )
    )  # fmt: skip
