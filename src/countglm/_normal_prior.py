"""Shrinkage by normal priors whose width is matched to the estimates (docs/math.md, 12.11, 12.12).

The standard design has one prior a column; the expanded one gives every level of a factor its own
coefficient with the same prior, which no choice of reference can change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._formula import parse_formula
from ._parallel import resolve_threads, run_blocks
from ._profile import (
    MAX_ETA,
    Lines,
    back_solve,
    factor,
    gram,
    half_solve,
    linear_predictor,
    over_samples,
    paired,
    profile,
    start,
)
from ._weighted_quantile import weighted_quantile
from .basis import make_basis, products
from .errors import InputError

if TYPE_CHECKING:
    from ._counts_of_fit import Counts, FittedCounts
    from .design import Design

Floats = NDArray[np.float64]
LN2 = float(np.log(2.0))
# Of the intercept, and of columns without a usable estimate (log2 scale).
FLAT = 1e6
# Estimates beyond this are taken to have run away (log2).
RUNAWAY = 10.0
TAIL = 0.05
ENTRIES = 2**15


class Expanded(NamedTuple):
    """A design and what its prior variances are made of.

    ``matrix`` (n, m); ``sources`` one list a column of vectors (n_coef,) whose estimates tell its
    prior variance, empty for the intercept; ``contrast`` (m,) the contrast in its columns.
    """

    matrix: Floats
    sources: list[list[Floats]]
    contrast: Floats


def matched_variance(estimate: Floats, weights: Floats) -> float:
    """Return the variance of a normal prior whose upper tail is that of ``estimate`` (12.11).

    Parameters
    ----------
    estimate : (g,) float64
        Maximum likelihood estimates, log2; what is not finite or beyond 10 is left out.
    weights : (g,) float64
        Precision of each, as far as counts and dispersion tell.
    """
    from scipy.special import ndtri

    with np.errstate(invalid="ignore"):
        kept = (np.abs(estimate) < RUNAWAY) & (weights > 0.0)
    if not kept.any():
        return FLAT
    quantile = weighted_quantile(np.abs(estimate[kept]), weights[kept], 1.0 - TAIL)
    # All estimates 0: the narrowest prior that arithmetic allows.
    return max((quantile / float(ndtri(1.0 - TAIL / 2.0))) ** 2, 1e-12)


def prior_variances(
    design: Expanded, estimates: Callable[[Floats], Floats], weights: Floats
) -> Floats:
    """Return one prior variance a column (m,), log2: the mean over the column's sources.

    ``estimates`` gives the maximum likelihood estimates (g,), natural logarithm, of a vector.
    """
    known: dict[bytes, float] = {}
    out = np.empty(len(design.sources))
    for column, sources in enumerate(design.sources):
        for vector in sources:
            if vector.tobytes() not in known:
                found = matched_variance(estimates(vector) / LN2, weights)
                known[vector.tobytes()] = found
        values = [known[vector.tobytes()] for vector in sources]
        out[column] = math.fsum(values) / len(values) if values else FLAT
    return out


def standard_design(design: Design, vector: Floats) -> Expanded:
    """Return the design as it stands: every column but a constant one is its own source."""
    x = design.matrix
    units = np.eye(x.shape[1])
    sources = [[] if _constant(x[:, j]) else [units[j]] for j in range(x.shape[1])]
    return Expanded(x, sources, vector)


def expanded_design(design: Design, vector: Floats) -> Expanded:
    """Return intercept, one column for every level of every factor, and the numeric columns.

    Raises
    ------
    InputError
        A design without factors, or with interactions.
    """
    x = design.matrix
    if not design.factors:
        raise InputError(
            "method='normal' shrinks a contrast in a design with a column for every level, which "
            "needs a formula with factors; this design has none. Shrink a coefficient with coef=."
        )
    if not can_expand(design):
        raise InputError(
            "method='normal' cannot shrink a contrast of a design with interactions; use "
            "method='apeglm' or 'ash', or shrink a coefficient with coef=."
        )
    columns = [np.ones(x.shape[0])]
    sources: list[list[Floats]] = [[]]
    own = np.zeros(x.shape[1], dtype=np.bool_)
    for factor_name in design.factors:
        coding = design.codings[factor_name]
        main = np.any(coding != 0.0, axis=0)
        own |= main
        pairs = [b - a for a, b in combinations(coding, 2)]
        for level in coding:
            columns.append(np.all(x[:, main] == level[main], axis=1).astype(np.float64))
            sources.append(pairs)
    units = np.eye(x.shape[1])
    for j in np.flatnonzero(~own).tolist():
        if not _constant(x[:, j]):
            columns.append(x[:, j])
            sources.append([units[j]])
    wide = np.ascontiguousarray(np.array(columns).T)
    return Expanded(wide, sources, _carried(x, wide, vector))


def can_expand(design: Design) -> bool:
    """Return whether the design has factors and no interactions."""
    if not design.factors:
        return False
    if design.formula is None:
        return not any(":" in name for name in design.names)
    # Names of levels may hold a colon; and a loaded design has its formula, but not its state.
    varying = [
        [part for part in term.factors if part.eval_method.value != "literal"]
        for term in parse_formula(design.formula)
    ]
    return all(len(parts) < 2 for parts in varying)


def _constant(column: Floats) -> bool:
    return bool((column == column[0]).all())


def _carried(x: Floats, wide: Floats, vector: Floats) -> Floats:
    """Return the contrast in the columns of ``wide``, which span what ``x`` spans."""
    basis = make_basis(x, np.ones(x.shape[0], dtype=np.bool_))
    # A combination of samples that has the contrast as its value, whatever the coefficients.
    samples = products(vector[None, :], basis.to_coef)
    samples = products(samples, np.ascontiguousarray(basis.columns[:, : x.shape[0]]))
    carried = products(samples, wide)[0]
    return np.where(np.abs(carried) > 1e-12 * np.max(np.abs(carried)), carried, 0.0)


class Shrunken(NamedTuple):
    """Estimate and error (g,) of a contrast, natural logarithm; ``converged`` (g,)."""

    estimate: Floats
    error: Floats
    converged: NDArray[np.bool_]


def normal_exact(
    counts: Counts | FittedCounts, design: Expanded, variances: Floats, threads: int | None = None
) -> Shrunken:
    """Return the mode of the contrast under normal priors, and its error (12.12).

    Parameters
    ----------
    counts : Counts or FittedCounts
        Genes that are not all zero.
    design : Expanded
    variances : (m,)
        Of the priors, log2.
    """
    penalty = np.diag(1.0 / (variances * LN2**2))
    x = design.matrix
    size = len(counts.alpha)
    estimate, error = np.zeros(size), np.zeros(size)
    converged = np.zeros(size, dtype=np.bool_)

    def task(first: int, last: int) -> None:
        lines = counts.lines_of(np.arange(first, last), x, penalty).take(np.arange(last - first))
        zero = paired(np.zeros(last - first))
        at = profile(lines, zero, start(lines, zero))
        value = np.add.reduce(design.contrast[:, None] * at.gamma, axis=0)
        rows = slice(first, last)
        estimate[rows] = value[: last - first]
        error[rows] = _sandwich(lines, at.gamma, design.contrast)[: last - first]
        converged[rows] = at.converged[: last - first]

    run_blocks(
        task, size, block_size=max(1, ENTRIES // counts.points), threads=resolve_threads(threads)
    )
    estimate[~converged] = error[~converged] = np.nan
    return Shrunken(estimate, error, converged)


def _sandwich(lines: Lines, gamma: Floats, contrast: Floats) -> Floats:
    """Return the errors (g,) of ``contrast @ gamma`` from the expected information (12.12)."""
    eta = linear_predictor(lines, np.zeros(gamma.shape[1]), gamma)
    mu = np.exp(np.clip(eta, -MAX_ETA, MAX_ETA))
    info = lines.weight * (mu / (1.0 + lines.alpha * mu))
    low = factor(gram(lines.basis, info, lines.penalty))
    along = np.repeat(contrast[:, None], gamma.shape[1], axis=1)
    along = back_solve(low, half_solve(low, along))
    reach = np.zeros_like(info)
    for column, entry in zip(lines.basis, along, strict=True):
        reach = reach + column * entry
    return np.asarray(np.sqrt(over_samples(info * reach * reach)))


def normal_replay(counts: Counts, design: Expanded, variances: Floats) -> Shrunken:
    """Return the same as R computes it: its clamp, its stopping rule (docs/math.md, 14.1)."""
    from .replay import contrast_values, fit_coefficients

    ridge = 1.0 / variances
    fit = fit_coefficients(
        counts.y, counts.scale, design.matrix, counts.alpha, weights=counts.weights, ridge=ridge
    )
    estimate, error = contrast_values(
        fit.beta, counts.scale, design.matrix, counts.alpha, design.contrast,
        weights=counts.weights, ridge=ridge,
    )  # fmt: skip
    return Shrunken(estimate, error, np.isfinite(estimate) & np.isfinite(error))
