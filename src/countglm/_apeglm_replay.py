"""Shrinkage of one coefficient with the priors and starts of R's apeglm (docs/math.md, 12.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._apeglm import ENTRIES, discarded, empty_modes
from ._cauchy_cells import prior_curvature, prior_slope
from ._cauchy_mode import LocalModes, Modes, choose, find_modes
from ._counts_of_fit import Counts
from ._parallel import resolve_threads, run_blocks
from ._profile import Lines
from .basis import Basis, make_basis, products

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
# Standard deviation of the normal prior of the other coefficients, natural logarithm.
WIDE = 15.0
# Step of R's numerical Hessian.
HESSIAN_STEP = 1e-3
# Start of the search along every coefficient, with alternating sign.
START = 0.1


def apeglm_replay(
    counts: Counts, x: Floats, coef: int, scale: float, threads: int | None = None
) -> Modes:
    """Return the posterior mode of coefficient ``coef`` under apeglm's priors.

    Cauchy with ``scale`` on the coefficient, normal with standard deviation 15 on the others.
    Where there are several modes the one is taken that a descent from apeglm's start reaches;
    the standard deviation is that of apeglm's difference quotient with a step of 1e-3.

    Parameters
    ----------
    counts : Counts
        Genes that are not all zero.
    x : (n, p) float64
    coef : int
        Column of ``x``.
    scale : float
        Of the Cauchy prior, natural logarithm.

    References
    ----------
    Zhu, Ibrahim and Love (2019), Bioinformatics 35:2084; docs/math.md, 12.9.
    """
    out = empty_modes(len(counts.alpha))

    def task(start: int, stop: int) -> None:
        part = counts.rows(np.arange(start, stop))
        lines = coefficient_lines(part, x, coef)
        modes = find_modes(lines, np.full(stop - start, np.nan), scale)
        chosen = choose(modes, stop - start, _preference(modes, part, x, coef, scale))
        for whole, values in zip(out, chosen, strict=True):
            np.asarray(whole)[start:stop] = np.asarray(values)

    run_blocks(
        task, len(counts.alpha), block_size=max(1, ENTRIES // x.shape[0]),
        threads=resolve_threads(threads),
    )  # fmt: skip
    return discarded(out._replace(sd=stepped_sd(out.t, out.sd, scale)))


def coefficient_lines(counts: Counts, x: Floats, coef: int, wide: float = WIDE) -> Lines:
    """Return the genes as lines along one coefficient, the others with their normal prior.

    Its standard deviation is ``wide``.
    """
    basis = nuisance_basis(x, coef)
    return counts.lines(
        np.ascontiguousarray(x[:, [coef]]), basis.columns[:, : x.shape[0], None],
        products(basis.to_coef.T, basis.to_coef) / wide**2,
    )  # fmt: skip


def nuisance_basis(x: Floats, coef: int) -> Basis:
    """Return the coordinates of the other coefficients in the lines along ``coef``."""
    others = np.ascontiguousarray(np.delete(x, coef, axis=1))
    return make_basis(others, np.ones(x.shape[0], dtype=np.bool_))


def stepped_sd(t: Floats, sd: Floats, scale: float) -> Floats:
    """Return standard deviations with the prior's curvature as a difference quotient.

    The prior bends on the length of its scale; with a scale near the step the quotient differs.
    """
    ahead, behind = prior_slope(t + HESSIAN_STEP, scale), prior_slope(t - HESSIAN_STEP, scale)
    quotient = (ahead - behind) / (2.0 * HESSIAN_STEP)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = 1.0 / sd**2 - prior_curvature(t, scale) + quotient
        return np.where(precision > 0.0, 1.0 / np.sqrt(precision), np.nan)


def _preference(modes: LocalModes, counts: Counts, x: Floats, coef: int, scale: float) -> Floats:
    """Return the heights of the modes, raised above all where the descent ends."""
    preference = np.array(modes.height)
    number = np.bincount(modes.gene, minlength=len(counts.alpha))
    for gene in np.flatnonzero(number > 1).tolist():
        end = _descended(counts.rows(np.array([gene])), x, coef, scale)
        here = np.flatnonzero(modes.gene == gene)
        preference[here[np.argmin(np.abs(modes.t[here] - end))]] = 1.0
    return preference


def _descended(counts: Counts, x: Floats, coef: int, scale: float) -> float:
    """Return where a limited-memory descent from apeglm's start leaves the coefficient."""
    from scipy.optimize import minimize

    # A smaller dispersion changes no step of the descent and loses digits.
    y, alpha = counts.y[0], max(float(counts.alpha[0]), 1e-8)
    weight = np.ones_like(y) if counts.weights is None else counts.weights[0]
    offset, size = np.log(counts.scale[0]), 1.0 / alpha
    wide = np.full(x.shape[1], 1.0 / WIDE**2)
    wide[coef] = 0.0

    def objective(beta: Any) -> tuple[float, Any]:
        eta = np.add.reduce(x * beta, axis=1)
        total = np.logaddexp(np.log(size), eta + offset)
        share = np.exp(eta + offset - total)
        value = np.add.reduce(weight * ((y + size) * total - y * eta))
        value += 0.5 * np.add.reduce(wide * beta * beta) + np.log1p((beta[coef] / scale) ** 2)
        residual = weight * (y - (y + size) * share)
        slope = wide * beta - np.add.reduce(x * residual[:, None], axis=0)
        slope[coef] += prior_slope(beta[coef], scale)
        return float(value) / divisor + 10.0, slope / divisor

    divisor = 1.0
    zero = (objective(np.zeros(x.shape[1]))[0] - 10.0) * divisor
    divisor = max(zero, 1.0)
    start = np.where(np.arange(x.shape[1]) % 2 == 0, START, -START)
    options: Any = {"maxcor": 6, "ftol": 1e-8, "gtol": 1e-8, "maxiter": 300}
    answer = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return float(answer.x[coef])
