"""Sums over the samples of one gene, in one fixed order.

Arrays over samples are padded with weight 0 to a multiple of ``LANES``; sums run as
``LANES`` partial sums in one fixed order, whatever the machine or thread.
Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._jit import LANES as LANES
from countglm._jit import kernel, lane_dot, lane_dot3, lane_sum, stay_apart

from .family import (
    expected_information,
    half_deviance,
    half_deviance_change,
    log_normalizer,
    observed_information,
    residual,
)
from .search import N_STATE
from .special import exp, log


class Workspace(NamedTuple):
    """Scratch of one block.  Kernels never allocate: the caller makes one of these a block."""

    # over samples
    eta: NDArray[np.float64]
    mu: NDArray[np.float64]
    resid: NDArray[np.float64]
    info: NDArray[np.float64]
    step_eta: NDArray[np.float64]
    scratch: NDArray[np.float64]
    scratch2: NDArray[np.float64]
    # over the coefficients of the basis
    coef: NDArray[np.float64]
    score: NDArray[np.float64]
    step: NDArray[np.float64]
    vector: NDArray[np.float64]
    scale: NDArray[np.float64]
    hessian: NDArray[np.float64]
    chol: NDArray[np.float64]
    inverse: NDArray[np.float64]
    # state and local maxima of the dispersion search; a trace of no rows
    search: NDArray[np.float64]
    maxima: NDArray[np.float64]
    no_trace: NDArray[np.float64]


def make_scratch(n: int, p: int) -> tuple[NDArray[np.float64], ...]:
    """Return the memory of a `Workspace`: ``n`` padded samples, rank ``p``."""
    return (
        np.zeros((7, n)),
        np.zeros((5, p)),
        np.zeros((3 * p, p)),
        np.zeros((2, N_STATE)),
    )


@kernel
def lay_out(scratch):
    """Return the `Workspace` over the arrays of ``make_scratch``."""
    samples, vectors, squares, search = scratch
    p = squares.shape[1]
    return Workspace(
        samples[0],
        samples[1],
        samples[2],
        samples[3],
        samples[4],
        samples[5],
        samples[6],
        vectors[0],
        vectors[1],
        vectors[2],
        vectors[3],
        vectors[4],
        squares[:p],
        squares[p : 2 * p],
        squares[2 * p :],
        search[0],
        search[1],
        squares[:0],
    )


@kernel
def combine(columns, coef, out):
    """Set ``out`` to the sum over k of ``coef[k] * columns[k]``."""
    stay_apart()
    out[:] = 0.0
    for k in range(coef.size):
        c = coef[k]
        row = columns[k]
        for i in range(out.size):
            out[i] += c * row[i]


@kernel
def evaluate(y, w, offset, alpha, columns, coef, ws):
    """Set eta, mu and the weighted residual of every sample at ``coef`` (eqs. 1.1, 1.2).

    Two loops: with more than a few arrays LLVM gives up proving that they do not overlap, and
    does not vectorise.
    """
    stay_apart()
    combine(columns, coef, ws.eta)
    eta, mu, resid = ws.eta, ws.mu, ws.resid
    for i in range(mu.size):
        eta[i] += offset[i]
        mu[i] = exp(eta[i])
    for i in range(mu.size):
        resid[i] = w[i] * residual(y[i], mu[i], alpha)


@kernel
def observed_weights(y, w, alpha, mu, out):
    """Set ``out`` to the weighted observed information of every sample (eq. 1.4)."""
    for i in range(y.size):
        out[i] = w[i] * observed_information(y[i], mu[i], alpha)


@kernel
def expected_weights(w, alpha, mu, out):
    """Set ``out`` to the weighted Fisher information of every sample (eq. 1.3)."""
    for i in range(w.size):
        out[i] = w[i] * expected_information(mu[i], alpha)


@kernel
def project(columns, values, out):
    """Set ``out[k]`` to the sum over samples of ``columns[k] * values``."""
    for k in range(out.size):
        out[k] = lane_dot(columns[k], values)


@kernel
def gram(columns, weights, out):
    """Set ``out`` (lower triangle) to columns diag(weights) columns'."""
    stay_apart()
    for j in range(out.shape[0]):
        for k in range(j + 1):
            out[j, k] = lane_dot3(weights, columns[j], columns[k])


@kernel
def deviance_change(y, w, alpha, ws, length):
    """Return the change of half the deviance for a step of ``length`` (eq. 1.5)."""
    out, mu, step_eta = ws.scratch, ws.mu, ws.step_eta
    for i in range(y.size):
        out[i] = w[i] * half_deviance_change(y[i], mu[i], alpha, length * step_eta[i])
    return lane_sum(out)


@kernel
def half_deviance_sum(y, w, alpha, mu):
    """Return half the deviance of the gene (eq. 2.5)."""
    stay_apart()
    value = 0.0
    for i in range(y.size):
        if w[i] > 0.0:
            value += w[i] * half_deviance(y[i], mu[i], alpha)
    return value


@kernel
def saturated_log_likelihood(y, w, alpha):
    """Return the log-likelihood at mu = y (eq. 2.6)."""
    stay_apart()
    value = 0.0
    for i in range(y.size):
        if w[i] > 0.0:
            value += w[i] * log_normalizer(y[i], alpha)
    return value


@kernel
def start_response(y, w, offset, alpha, ws):
    """Set working weights and weighted responses of a start at mu = y + 1/4 (eq. 3.2)."""
    for i in range(y.size):
        m = y[i] + 0.25
        # At alpha near 0 the zero counts would weigh nothing and be extrapolated out of sight.
        weight = w[i] * expected_information(m, alpha if alpha > 0.1 else 0.1)
        ws.info[i] = weight
        ws.resid[i] = weight * (log(m) - offset[i])
