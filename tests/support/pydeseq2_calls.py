"""What PyDESeq2's pipeline asks of its inference, and the objective that it states of an answer."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Call(NamedTuple):
    """What the pipeline asked of a method of an inference, what it got, and how long it took."""

    method: str
    asked: dict[str, Any]
    answer: Any
    seconds: float


@dataclass
class Recorder:
    """An inference whose calls are timed and, if wanted, kept."""

    inference: Any
    keep: bool = True
    clock: Callable[[], float] = time.perf_counter
    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)

    def install(self) -> Any:
        """Return the inference, from now on recorded."""
        from pydeseq2.inference import Inference as Interface

        for name in Interface.__abstractmethods__:
            setattr(self.inference, name, self._recorded(name))
        return self.inference

    def _recorded(self, name: str) -> Any:
        method = getattr(self.inference, name)
        signature = inspect.signature(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            # Copies: the pipeline goes on to change what it handed over and what it got.
            asked = signature.bind(*args, **kwargs).arguments
            kept = copy.deepcopy(dict(asked)) if self.keep else {}
            begun = self.clock()
            answer = method(*args, **kwargs)
            seconds = self.clock() - begun
            self.seconds += seconds
            if self.keep:
                self.calls.append(Call(name, kept, copy.deepcopy(answer), seconds))
            return answer

        return call


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


def trend_loss(asked: dict[str, Any], coefficients: Any) -> float:
    """Return the objective of a gamma regression, of intercept and slope."""
    mu = coefficients[0] + coefficients[1] * asked["covariates"].to_numpy()
    return float(np.sum(asked["targets"].to_numpy() / mu + np.log(mu)))


def shrinkage_loss(asked: dict[str, Any], gene: int, beta: Any) -> float:
    """Return PyDESeq2's objective of shrunken coefficients."""
    from pydeseq2.utils import nbinomFn

    return float(
        nbinomFn(
            beta, np.asarray(asked["design_matrix"], dtype=float),
            np.asarray(asked["counts"])[:, gene], asked["size"][gene], asked["offset"],
            asked["prior_no_shrink_scale"], asked["prior_scale"], asked["shrink_index"],
        )
    )  # fmt: skip


def answer_loss(method: str, asked: dict[str, Any], answer: Any) -> Any:
    """Return PyDESeq2's objective of an answer (g,), (1,) of a trend; None where it has none."""
    if method == "irls":
        return negative_log_likelihood(asked, answer[1], asked["disp"])
    if method == "alpha_mle":
        return dispersion_loss(asked, np.clip(answer[0], asked["min_disp"], asked["max_disp"]))
    if method == "dispersion_trend_gamma_glm":
        return np.array([trend_loss(asked, answer[0])])
    if method == "lfc_shrink_nbinom_glm":
        return np.array([shrinkage_loss(asked, g, beta) for g, beta in enumerate(answer[0])])
    return None
