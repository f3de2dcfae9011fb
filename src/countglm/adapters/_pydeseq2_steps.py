"""What PyDESeq2 asks of an inference, by this engine: genes as columns, natural logarithms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._apeglm import ENTRIES
from countglm._apeglm_replay import coefficient_lines, nuisance_basis
from countglm._arguments import resolve_dispersion
from countglm._cauchy_cells import prior_curvature
from countglm._cauchy_mode import choose, find_modes
from countglm._counts_of_fit import Counts
from countglm._covariance import fisher_weight, observed_weight
from countglm._model import Model, prepare_model
from countglm._parallel import resolve_block_size, run_blocks
from countglm._profile import Lines, back_solve, factor, gram, half_solve, paired, profile, start
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.existence import ExistenceTest
from countglm.inference import wald_statistics
from countglm.kernels import columns
from countglm.replay import fit_coefficients
from countglm.replay._linear import influence
from countglm.replay._regression import LN2, linear_predictor

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

# The ridge of PyDESeq2, on natural logarithms.
RIDGE = 1e-6
# The number before 1: what a leverage may round to.
BELOW = np.nextafter(1.0, 0.0)
# Entries of a block of the coefficient fit.
MOST_ENTRIES = 2**20
# What PyDESeq2 calls a test, and what this engine calls it.
ALTERNATIVES = {
    None: "greaterAbs",
    "greaterAbs": "greaterAbs2014",
    "lessAbs": "lessAbs",
    "greater": "greater",
    "less": "less",
}


class Coefficients(NamedTuple):
    """Coefficients (g, p), means and leverages (n, g), and which genes converged (g,)."""

    beta: Floats
    mu: Floats
    leverage: Floats
    converged: Mask


def coefficients_of(
    counts: NDArray[np.generic],
    size_factors: Floats,
    existence: ExistenceTest,
    alpha: Floats,
    *,
    min_mu: float,
    tol: float,
    max_iter: int,
    threads: int,
) -> Coefficients:
    """Fit coefficients at given dispersions: the optimum, or where there is none DESeq2's rules.

    A gene without a finite estimate gets what the iteration with means of at least ``min_mu``
    ends at, so that all that follows has numbers.  Leverages are those of the raised means and of
    PyDESeq2's ridge, which keeps a sample alone in its cell below 1: Cook's distances divide by
    the gap.  ``existence`` knows the design, and remembers what it found.
    """
    x = existence.design
    root_ridge = np.full(x.shape[1], np.sqrt(RIDGE))
    # Genes with the same samples of count zero are completed together: the more of them, the less
    # it costs.
    share = -(-counts.shape[1] // (2 * threads))
    model = prepare_model(
        counts, x, size_factors=size_factors, allow_saturated=True, max_iter=max_iter,
        threads=threads, block_size=max(1, min(share, MOST_ENTRIES // counts.shape[0])),
    )  # fmt: skip
    alpha = np.array(resolve_dispersion(alpha, "nb", model.counts), dtype=np.float64)
    problem = model.problem(alpha)
    problem.existence = existence
    model.fit(problem)
    beta = problem.coefficients
    converged = problem.counters[:, columns.CONVERGED] == 1
    lost = np.flatnonzero(~np.isfinite(beta).all(axis=1))
    if lost.size:
        beta[lost], converged[lost] = _bounded(model.take(lost), alpha[lost], min_mu, tol, max_iter)
    mu, leverage = (np.empty((model.n_samples, model.n_genes)) for _ in range(2))

    def task(first: int, last: int) -> None:
        # A covariate may take a converged gene's mean to where it has no number.
        with np.errstate(over="ignore"):
            means = size_factors * np.exp(linear_predictor(beta[first:last], x))
        weight = fisher_weight(np.maximum(means, min_mu), alpha[first:last, None])
        mu[:, first:last] = means.T
        leverage[:, first:last] = np.minimum(influence(x, np.sqrt(weight), root_ridge)[0], BELOW).T

    model.each_block(task)
    return Coefficients(beta, mu, leverage, converged)


def _bounded(
    model: Model, alpha: Floats, min_mu: float, tol: float, max_iter: int
) -> tuple[Floats, Mask]:
    x = model.design.matrix
    beta = np.empty((model.n_genes, x.shape[1]))
    converged = np.empty(model.n_genes, dtype=np.bool_)

    def task(first: int, last: int) -> None:
        fit = fit_coefficients(
            model.counts.block(first, last), model.scale(first, last), x, alpha[first:last],
            ridge=RIDGE * LN2**2, tol=tol, max_iter=max_iter, min_mu=min_mu,
        )  # fmt: skip
        beta[first:last], converged[first:last] = fit.beta, fit.converged

    model.each_block(task)
    return beta, converged


def contrast_of(
    x: Floats,
    alpha: Floats,
    beta: Floats,
    mu: Floats,
    ridge: Floats,
    vector: Floats,
    threads: int,
) -> tuple[Floats, Floats]:
    """Return estimate and ridge standard error (g,) of a contrast; NaN where a gene has no fit.

    ``ridge`` (p,) is added to the diagonal of the information.
    """
    estimate = linear_predictor(beta, vector[None, :])[:, 0]
    error = np.empty(estimate.size)
    root_ridge = np.sqrt(ridge)

    def task(first: int, last: int) -> None:
        means = np.ascontiguousarray(mu[:, first:last].T)
        with np.errstate(all="ignore"):
            weight = fisher_weight(means, alpha[first:last, None])
            _, root = influence(x, np.sqrt(weight), root_ridge)
            combined = np.zeros_like(means)
            for part, value in zip(root, vector, strict=True):
                combined += part * value
            error[first:last] = np.sqrt(np.add.reduce(combined * combined, axis=1))

    size = resolve_block_size(None, x.shape[0])
    run_blocks(task, estimate.size, block_size=size, threads=threads)
    return estimate, error


def statistics_of(
    estimate: Floats, error: Floats, null: float, alternative: str | None
) -> tuple[Floats, Floats]:
    """Return statistics and p-values (g,) as PyDESeq2 defines them, for one estimate a gene.

    Its one-sided p-values end at 1/2, and its statistic of "lessAbs" has the sign of the side.
    """
    if alternative not in ALTERNATIVES:
        named = ", ".join(repr(name) for name in ALTERNATIVES)
        raise InputError(f"alt_hypothesis={alternative!r} is not known; choose from {named}.")
    engine = ALTERNATIVES[alternative]
    if alternative is None:
        return wald_statistics(estimate - null, error, 0.0, engine, None)
    bound = {"less": -null, "lessAbs": abs(null)}.get(alternative, null)
    stat, pvalue = wald_statistics(estimate, error, bound, engine, None)
    if alternative == "lessAbs":
        stat = np.where(estimate > 0.0, -stat, stat)
    return stat, pvalue if alternative == "greaterAbs" else np.minimum(pvalue, 0.5)


class Shrunken(NamedTuple):
    """Coefficients (g, p), inverse Hessians (g, p, p), and whether the mode was reached (g,)."""

    beta: Floats
    inverse: Floats
    converged: Mask


def shrink_coefficient(
    counts: NDArray[np.generic],
    x: Floats,
    size: Floats,
    offset: Floats,
    wide: float,
    scale: float,
    coef: int,
    threads: int,
) -> Shrunken:
    """Return the highest posterior mode under a Cauchy prior on one coefficient.

    The others have a normal prior with standard deviation ``wide``; natural logarithms.
    """
    matrix = as_count_matrix(counts)
    n, p = x.shape
    genes = matrix.n_genes
    alpha, factors = 1.0 / size, np.exp(offset)[None, :]
    found = Shrunken(
        np.full((genes, p), np.nan), np.full((genes, p, p), np.nan), np.zeros(genes, np.bool_)
    )
    others, basis = np.delete(np.arange(p), coef), nuisance_basis(x, coef)
    # One column per coefficient, and the precision of its normal prior.
    columns = np.ascontiguousarray(x.T)[:, :, None]
    precision = np.diag(np.where(np.arange(p) == coef, 0.0, 1.0 / wide**2))

    def task(first: int, last: int) -> None:
        part = Counts(matrix.block(first, last), factors, alpha[first:last])
        lines = coefficient_lines(part, x, coef, wide)
        modes = choose(find_modes(lines, np.full(last - first, np.nan), scale), last - first)
        known = np.flatnonzero(np.isfinite(modes.t))
        lines, t = lines.take(known), modes.t[known]
        gamma = profile(lines, paired(t), start(lines, paired(t))).gamma[:, : t.size]
        beta = np.empty((known.size, p))
        beta[:, coef], beta[:, others] = t, linear_predictor(gamma.T, basis.to_coef)
        here = first + known
        found.beta[here], found.converged[here] = beta, modes.converged[known]
        curvature = prior_curvature(t, scale)
        found.inverse[here] = _inverse_hessian(lines, columns, precision, beta, coef, curvature)

    run_blocks(task, genes, block_size=max(1, ENTRIES // n), threads=threads)
    return found


def _inverse_hessian(
    lines: Lines, columns: Floats, precision: Floats, beta: Floats, coef: int, curvature: Floats
) -> Floats:
    """Return the inverse (g, p, p) of the Hessian of the negative log posterior."""
    genes, p = beta.shape
    eta = lines.offset + paired(linear_predictor(beta, columns[:, :, 0].T).T)
    hessian = gram(columns, observed_weight(np.exp(eta), lines.alpha, lines.y), precision)
    hessian[coef, coef] += paired(curvature)
    low = factor(hessian)
    inverse = np.empty((genes, p, p))
    for j in range(p):
        unit = np.zeros((p, eta.shape[1]))
        unit[j] = 1.0
        inverse[:, :, j] = back_solve(low, half_solve(low, unit)).T[:genes]
    return inverse
