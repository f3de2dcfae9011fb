"""The three ways to shrink one contrast of a fit, each from a fit to arrays over all genes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._apeglm import ENTRIES, apeglm_exact, normal_tail_rates
from ._apeglm_replay import apeglm_replay
from ._ash import Mixture, fit_mixture, posterior, profile_posterior
from ._cauchy_mode import Modes
from ._contrast_fit import contrast_values
from ._contrast_lines import ContrastLines
from ._counts_of_fit import FittedCounts, counts_of_fit
from ._efron_morris import prior_scale as estimate_scale
from ._names import first_few
from ._normal_prior import (
    expanded_design,
    normal_exact,
    normal_replay,
    prior_variances,
    standard_design,
)
from ._parallel import resolve_threads, run_blocks
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Task:
    """What is shrunken: a contrast of a fit, its maximum likelihood estimates, and how.

    ``estimate`` and ``error`` (n_genes,) in natural logarithms, NaN or infinite where there is
    none; ``prior_weights`` (n_genes,) the precision of each gene, for the normal prior.
    """

    fit: GLMFit
    counts: CountMatrix
    vector: Floats
    estimate: Floats
    error: Floats
    replay: bool
    threads: int | None
    prior_weights: Floats

    @property
    def genes(self) -> Index:
        """Genes that have a dispersion and an estimate, be it infinite."""
        return np.flatnonzero(~np.isnan(self.fit.dispersion) & ~np.isnan(self.estimate))


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Estimates and errors (n_genes,), natural logarithm, and what is told about them.

    ``rate`` (n_genes,) is the local false sign rate, or that of an effect below the threshold.
    """

    estimate: Floats
    error: Floats
    rate: Floats | None = None
    record: dict[str, Any] = field(default_factory=dict)


def maximum_likelihood(
    fit: GLMFit, counts: CountMatrix, vector: Floats, replay: bool
) -> tuple[Floats, Floats]:
    """Return estimates and errors (n_genes,) of the contrast, natural logarithm."""
    column = np.flatnonzero(vector)
    if replay and column.size == 1 and vector[column[0]] == 1.0:
        return fit.coefficients[:, column[0]].copy(), fit.standard_errors[:, column[0]].copy()
    if not replay:
        return contrast_values(fit, vector)
    from .replay import contrast_values as replayed

    estimate, error = np.full(fit.n_genes, np.nan), np.full(fit.n_genes, np.nan)
    genes = np.flatnonzero(np.isfinite(fit.coefficients).all(axis=1) & ~np.isnan(fit.dispersion))
    part = counts_of_fit(fit, counts, genes)
    estimate[genes], error[genes] = replayed(
        fit.coefficients[genes], part.scale, fit.design.matrix, part.alpha, vector,
        weights=part.weights,
    )  # fmt: skip
    return estimate, error


def by_cauchy(task: Task, scale: float | None, threshold: float) -> Shrunk:
    """Shrink by a Cauchy prior; see `countglm.shrink`."""
    unfinished = task.fit.status == Status.MAX_ITER
    known = np.where(unfinished, np.nan, task.estimate)
    given = scale is not None
    if scale is None:
        scale = estimate_scale(known, task.error, replay=task.replay)
    if not task.replay:
        modes = apeglm_exact(task.fit, task.counts, task.vector, task.estimate, scale, task.threads)
    else:
        modes = _replayed_modes(task, scale)
    record = {"prior_scale": scale, "prior_scale_given": given} | _certificate(modes, task.fit)
    return Shrunk(modes.t, modes.sd, normal_tail_rates(modes.t, modes.sd, threshold), record)


def _replayed_modes(task: Task, scale: float) -> Modes:
    column = np.flatnonzero(task.vector)
    if column.size != 1 or task.vector[column[0]] != 1.0:
        raise InputError(
            "method='apeglm' with mode='replay' shrinks a single coefficient, as R's apeglm does "
            f"({first_few(task.fit.coef_names, 10)}); use mode='exact' or method='ash' for other "
            "contrasts."
        )
    genes = task.genes
    part = counts_of_fit(task.fit, task.counts, genes)
    found = apeglm_replay(part, task.fit.design.matrix, int(column[0]), scale, task.threads)
    whole = []
    for values in found:
        missing = np.nan if values.dtype == np.float64 else 0
        everywhere = np.full(task.fit.n_genes, missing, dtype=values.dtype)
        everywhere[genes] = values
        whole.append(everywhere)
    return Modes(*whole)


def _certificate(modes: Modes, fit: GLMFit) -> dict[str, Any]:
    several = np.flatnonzero(modes.converged & (modes.n_modes > 1))
    residual = modes.residual[modes.converged]
    return {
        "largest_residual": float(np.max(residual)) if residual.size else None,
        "several_modes": {str(fit.gene_names[g]): float(modes.lead[g]) for g in several},
    }


def by_mixture(task: Task, threshold: float) -> Shrunk:
    """Shrink by a mixture of normals; see `countglm.shrink`."""
    estimate = np.where(task.fit.status == Status.MAX_ITER, np.nan, task.estimate)
    prior = fit_mixture(estimate, task.error)
    found = posterior(estimate, task.error, prior, threshold)
    endless = task.genes[np.isinf(estimate[task.genes])]
    if endless.size:
        lines = ContrastLines(task.fit, task.counts, task.vector)

        def fill(start: int, stop: int) -> None:
            rows = endless[start:stop]
            part = profile_posterior(lines.lines, rows, prior, threshold)
            for whole, values in zip(found, part, strict=True):
                whole[rows] = values

        run_blocks(
            fill, endless.size, block_size=max(1, ENTRIES // lines.points),
            threads=resolve_threads(task.threads),
        )  # fmt: skip
    return Shrunk(found.mean, found.sd, found.rate, _mixture_record(prior))


def _mixture_record(prior: Mixture) -> dict[str, Any]:
    return {
        "prior_weights": prior.weights.tolist(),
        "prior_scales": prior.scales.tolist(),
        "duality_gap": prior.gap,
    }


def by_normal(task: Task, expanded: bool) -> Shrunk:
    """Shrink by normal priors; see `countglm.shrink`."""
    fit = task.fit
    design = (expanded_design if expanded else standard_design)(fit.design, task.vector)

    def estimates(vector: Floats) -> Floats:
        found = maximum_likelihood(fit, task.counts, vector, task.replay)[0]
        return np.where(fit.status == Status.MAX_ITER, np.nan, found)

    variances = prior_variances(design, estimates, task.prior_weights)
    genes = task.genes
    if task.replay:
        found = normal_replay(counts_of_fit(fit, task.counts, genes), design, variances)
    else:
        part = FittedCounts(fit, task.counts, genes)
        found = normal_exact(part, design, variances, task.threads)
    estimate, error = np.full(fit.n_genes, np.nan), np.full(fit.n_genes, np.nan)
    estimate[genes], error[genes] = found.estimate, found.error
    record = {"prior_variances": variances.tolist(), "expanded": expanded}
    return Shrunk(estimate, error, None, record)
