"""Fits in which a penalty holds effects together: which conditions share an effect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import is_number
from ._fused_refits import find_patterns, refit
from ._penalized_fit import make_problem, quadratic_penalty, resolve_grid
from ._penalized_path import PenalizedPath
from ._penalized_source import Source, source_of
from ._provenance import provenance
from ._warn import recorded
from .errors import InputError
from .kernels.duality import DEVIANCE, GAP, KKT, SOLVED, STEPS
from .kernels.penalized import SINGULAR
from .penalties import Penalty
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def fit_penalized(
    counts: Any,
    design: Any,
    penalty: Penalty,
    *,
    family: str = "nb",
    trials: float | ArrayLike | None = None,
    dispersion: float | ArrayLike | None = None,
    lambdas: int | ArrayLike = 50,
    lambda_ratio: float = 1e-3,
    ridge: float | ArrayLike = 0.0,
    size_factors: str | ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    gene_names: Any = None,
    allow_noninteger: bool = False,
    tol: float = 1e-9,
    threads: int | None = None,
    block_size: int | None = None,
    progress: bool = False,
) -> PenalizedPath:
    """Fit every gene along a path of penalties on differences between effects.

    Minimises minus the log-likelihood plus ``lambda sum_k c_k |D_k beta|`` (docs/math.md, 16.1):
    differences ``D_k beta`` that the data do not ask for are exactly 0, so that a path of penalties
    tells which conditions share an effect.  The problem is convex, and every estimate carries its
    duality gap: no coefficients have an objective that is lower by more.

    Parameters
    ----------
    counts, design, size_factors, offset, weights, obs, layer, gene_names, allow_noninteger
        As in `fit_glm`.
    penalty : Penalty
        What is compared: `countglm.penalties.pairwise`, `chain`, `to_reference`, `graph`, `lasso`.
    family : {"nb", "poisson", "binomial", "bernoulli", "gaussian"}
        As in `fit_glm`; a Gaussian's likelihood is that of unit variance, half the residual sum of
        squares.
    trials : float, (n_samples,) or (n_samples, n_genes), optional
        Of a binomial, as in `fit_glm`.
    dispersion : float or (n_genes,), optional
        Of negative binomials, used as given; None takes the final dispersions of
        `estimate_dispersion`.
    lambdas : int or (L,) or (n_genes, L)
        A number of penalties on a logarithmic grid from the least that leaves no difference, gene
        by gene; or the penalties, in units of log-likelihood per unit of difference, falling.
    lambda_ratio : float
        Smallest penalty of the grid by the largest, in (0, 1].
    ridge : float or (n_coef,)
        A number adds half of it times ``sum_k c_k (D_k beta)^2``, the same in every coding; or
        precisions of normal priors with mean 0 on the coefficients.
    tol : float
        Largest proximal Newton decrement before the last step, in standard errors.
    threads, block_size, progress
        As in `fit_glm`; they change no bit of the result.

    Returns
    -------
    PenalizedPath

    Raises
    ------
    InputError
        What `fit_glm` refuses, an effect that the design does not have, penalties that are not
        positive or that grow, a negative ridge.

    References
    ----------
    docs/math.md, section 16.  Tibshirani and Taylor (2011), Ann. Stat. 39:1335; Lee, Sun and
    Saunders (2014), SIAM J. Optim. 24:1420.
    """
    begun = time.perf_counter()
    with recorded() as warned:
        source = source_of(
            counts, design, family, trials=trials, dispersion=dispersion,
            size_factors=size_factors, offset=offset, weights=weights, obs=obs, layer=layer,
            gene_names=gene_names, allow_noninteger=allow_noninteger, threads=threads,
            block_size=block_size, progress=progress,
        )  # fmt: skip
        path = _fit(source, penalty, lambdas, lambda_ratio, ridge, tol)
    record = provenance(
        tol=tol, lambda_ratio=lambda_ratio, penalty=penalty.kind,
        seconds=time.perf_counter() - begun, warnings=warned,
    )  # fmt: skip
    path.provenance.update(record)
    return path


def _fit(
    source: Source, penalty: Penalty, lambdas: Any, ratio: float, ridge: Any, tol: float
) -> PenalizedPath:
    """Return the path of one source."""
    if not isinstance(penalty, Penalty):
        raise InputError(
            f"penalty is a {type(penalty).__name__}; make one by countglm.penalties.pairwise, "
            "chain, to_reference, graph or lasso."
        )
    if not is_number(tol) or not 0.0 < tol < 1.0:
        raise InputError(f"tol={tol!r} must lie between 0 and 1 (standard errors); 1e-9 is usual.")
    differences = penalty.of(source.design)
    problem = make_problem(source.data, differences, quadratic_penalty(ridge, differences), tol)
    problem, start, status = problem.null_fits(source)

    def largest() -> Floats:
        found = problem.largest(start, source.each_block)
        return np.where(status == Status.CONVERGED, found, 0.0)

    grid = resolve_grid(lambdas, ratio, start.shape[0], largest)
    found = problem.paths(grid, start, source.each_block)
    status = np.where(status == Status.CONVERGED, _statuses(found.facts[:, :, SOLVED]), status)
    lost = status != Status.CONVERGED
    n_iter = np.where(lost[:, None], 0.0, found.facts[:, :, STEPS]).astype(np.int32)
    found.held[lost] = True
    patterns = find_patterns(differences, found.held)
    found.coefficients[lost] = np.nan
    found.facts[lost] = np.nan
    return PenalizedPath(
        lambdas=grid, coefficients=found.coefficients, gap=found.facts[:, :, GAP].copy(),
        kkt_residual=found.facts[:, :, KKT].copy(), deviance=found.facts[:, :, DEVIANCE].copy(),
        n_iter=n_iter, status=status.astype(np.int8), dispersion=source.dispersion,
        patterns=patterns, refits=refit(source, differences, patterns), differences=differences,
        design=source.design, gene_names=source.gene_names, n_samples=source.design.matrix.shape[0],
        family=source.family, problem=problem, source=source, null_fits=start,
    )  # fmt: skip


def _statuses(solved: Floats) -> NDArray[np.int8]:
    """Return the status (n_genes,) of paths, from what is said of their fits (n_genes, L)."""
    singular = (solved == SINGULAR).any(axis=1)
    other = np.where(singular, Status.SINGULAR, Status.MAX_ITER)
    return np.where((solved == 1.0).all(axis=1), Status.CONVERGED, other).astype(np.int8)
