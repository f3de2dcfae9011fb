"""Ordinary fits of what a penalty has fused: one for every pattern that occurs on a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._contrast_fit import contrast_values
from ._penalty_strength import null_space
from .basis import products
from .status import Status

if TYPE_CHECKING:
    from ._penalized_source import Source
    from .penalties import Differences
    from .results import GLMFit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Patterns:
    """Which differences are 0 along the paths.

    Attributes
    ----------
    held : (k, m) bool
        Every pattern that occurs: True for a difference of 0.
    of : (n_genes, L) int64
        The pattern at every penalty.
    free : (k,) int64
        Coefficients that a pattern leaves.
    """

    held: NDArray[np.bool_]
    of: Integers
    free: Integers


def find_patterns(differences: Differences, held: NDArray[np.bool_]) -> Patterns:
    """Return the patterns of differences that are 0 (n_genes, L, m)."""
    n_genes, steps, m = held.shape
    bits = held.reshape(-1, m)
    packed, place = np.unique(np.packbits(bits, axis=1), axis=0, return_inverse=True)
    held = np.unpackbits(packed, axis=1, count=m).astype(np.bool_)
    free = np.array([null_space(differences.rows[row]).shape[1] for row in held], dtype=np.int64)
    return Patterns(held, place.reshape(n_genes, steps).astype(np.int64), free)


def labels_of(differences: Differences, held: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Number the effects (k, n_nodes) so that those which are fused have one number, from 0 on."""
    k, n = held.shape[0], len(differences.nodes)
    labels = np.zeros((k, n), dtype=np.int16)
    for row in range(k):
        group = list(range(n))
        for a, b in zip(
            differences.first[held[row]].tolist(), differences.second[held[row]].tolist(),
            strict=True,
        ):  # fmt: skip
            old, new = max(group[a], group[b]), min(group[a], group[b])
            group = [new if each == old else each for each in group]
        names: dict[int, int] = {}
        labels[row] = [names.setdefault(each, len(names)) for each in group]
    return labels


@dataclass(frozen=True, eq=False)
class Refits:
    """Ordinary fits of the fused models, by gene and penalty.

    Attributes
    ----------
    coefficients, standard_errors : (n_genes, L, p) float64
    deviance : (n_genes, L) float64
    status : (n_genes, L) int8
        Codes of `countglm.Status`.
    """

    coefficients: Floats
    standard_errors: Floats
    deviance: Floats
    status: NDArray[np.int8]


def refit(source: Source, differences: Differences, patterns: Patterns) -> Refits:
    """Fit every gene anew with what its patterns hold together.

    Standard errors are those of the fused model as if it had been known before.
    """
    n_genes, steps = patterns.of.shape
    p = differences.rows.shape[1]
    found = Refits(
        np.full((n_genes, steps, p), np.nan), np.full((n_genes, steps, p), np.nan),
        np.full((n_genes, steps), np.nan), np.full((n_genes, steps), Status.INVALID, np.int8),
    )  # fmt: skip
    for place in range(patterns.held.shape[0]):
        here = patterns.of == place
        genes = np.flatnonzero(here.any(axis=1))
        free = null_space(differences.rows[patterns.held[place]])
        fit = source.fused_fit(genes, products(source.design.matrix, free))
        beta, errors = expanded(fit, free)
        row, step = np.nonzero(here[genes])
        found.coefficients[genes[row], step] = beta[row]
        found.standard_errors[genes[row], step] = errors[row]
        found.deviance[genes[row], step] = fit.deviance[row]
        found.status[genes[row], step] = fit.status[row]
    return found


def expanded(fit: GLMFit, free: Floats) -> tuple[Floats, Floats]:
    """Coefficients and standard errors (g, p) of the whole design, with their limits.

    A coefficient that the fused model holds at 0 has error 0.
    """
    beta, errors = np.zeros((fit.n_genes, free.shape[0])), np.zeros((fit.n_genes, free.shape[0]))
    for j in np.flatnonzero(free.any(axis=1)).tolist():
        beta[:, j], errors[:, j] = contrast_values(fit, free[j])
    unfitted = np.isin(fit.status, (Status.ALL_ZERO, Status.INVALID))
    beta[unfitted], errors[unfitted] = np.nan, np.nan
    return beta, errors
