"""One wide penalised fit: thousands of columns, differences between conditions held together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import as_real_array, lies_within
from ._names import first_few, plural
from ._parallel import is_whole, resolve_threads
from ._provenance import provenance
from ._warn import warn
from ._wide_blocks import ConditionDesign
from ._wide_fista import Settings
from ._wide_path import WidePath, path_of
from ._wide_penalty import differences_of
from ._wide_rows import refuse_fractions, resolve_matrix, resolve_rows
from ._wide_solve import Solver
from .errors import InputError

Floats = NDArray[np.float64]


def fit_penalized_wide(
    y: Any,
    design: Any,
    penalty: Any,
    *,
    family: str = "nb",
    dispersion: float | ArrayLike | None = None,
    trials: float | ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    ridge: float | ArrayLike = 0.0,
    lambdas: int | ArrayLike = 50,
    lambda_ratio: float = 1e-3,
    names: Any = None,
    tol: float = 1e-8,
    max_iter: int = 5000,
    prox: str = "auto",
    scaled: bool = True,
    allow_noninteger: bool = False,
    threads: int | None = None,
) -> WidePath:
    """Fit one model with thousands of columns along a path of penalties.

    Minimises minus the log-likelihood plus ``lambda sum_k c_k |D_k beta|`` plus
    ``sum_j ridge_j beta_j² / 2`` by accelerated proximal gradient steps with backtracking and
    restarts (docs/math.md, 18). Every fit carries a bound of its duality gap. Nothing depends on
    the number of threads.

    Parameters
    ----------
    y : (n,)
        Counts, successes, or any numbers for ``"gaussian"``.
    design : (n, p) scipy sparse matrix, array, DataFrame, Design or ConditionDesign
        A ``ConditionDesign`` has one block of columns for every condition.
    penalty : Penalty, (m, p) matrix or None
        A penalty of ``countglm.penalties`` on the factor of a ``ConditionDesign``, or on groups of
        columns, one row a group and its columns (names, or places counted from 0; -1 for none) in
        the order of the levels: ``pairwise``, ``chain``, ``to_reference``, ``graph``. ``lasso``
        takes columns. A matrix, sparse or not, holds the rows ``D`` themselves. None penalises
        nothing but by the ridge.
    family : {"nb", "poisson", "binomial", "bernoulli", "gaussian"}
        Log link for counts, logit for proportions, identity with variance 1 for numbers: divide by
        a known variance through ``weights``.
    dispersion : float or (n,)
        Of ``"nb"``, >= 0, variance ``mu + dispersion mu²``.
    trials : float or (n,), optional
        Of ``"binomial"``; 1 by default.
    offset : (n,), optional
        Added to the linear predictor.
    weights : (n,), optional
        Weights >= 0 of the rows; 0 leaves a row out.
    ridge : float or (p,)
        >= 0. One number spares no column.
    lambdas : int or (L,)
        How many penalties, in equal steps of the logarithm from the least that leaves no
        difference; or penalties >= 0 that do not grow.
    lambda_ratio : float
        The last penalty as a part of the first, in (0, 1].
    names : (p,), optional
        Names of the columns.
    tol : float
        Where a fit ends: its gap as a part of the objective (half the deviance and penalties),
        or of 1 where that is less, of ``"gaussian"`` about the variance without differences.
    max_iter : int
        Most steps for a penalty.
    prox : {"auto", "admm"}
        How differences that depend on each other are held: small groups exactly, large ones by
        the alternating direction method of multipliers; or all by that.
    scaled : bool
        Whether steps are measured by the columns' curvatures, which no scale of a column changes.
    allow_noninteger : bool
        Accept counts, successes and trials that are not whole numbers (a quasi-likelihood then).
    threads : int, optional
        All cores by default.

    Returns
    -------
    WidePath

    Raises
    ------
    InputError
        Values of ``y`` that the family does not have, shapes that do not fit, columns that are
        not there, or coefficients that run to infinity and that nothing holds back, alone or (of
        designs with up to 500,000 nonzeros) together.

    Warns
    -----
    CountglmWarning
        Fits whose gap did not reach ``tol``.

    See Also
    --------
    countglm.fit_penalized : Many genes with a small design.
    countglm.condition_design : The design in which conditions are compared.

    References
    ----------
    Beck and Teboulle (2009), SIAM J. Imaging Sci. 2, 183. O'Donoghue and Candes (2015), Found.
    Comput. Math. 15, 715. Boyd et al. (2011), Found. Trends Mach. Learn. 3, 1.
    """
    matrix, columns = resolve_matrix(design, names)
    rows = resolve_rows(y, matrix.shape[0], family, dispersion, trials, offset, weights)
    if not allow_noninteger:
        refuse_fractions(rows, family)
    own = design if isinstance(design, ConditionDesign) else matrix
    differences = differences_of(penalty, own, columns)
    settings = _settings(tol, max_iter, prox, scaled)
    solver = Solver.of(
        matrix, rows, _ridge(ridge, len(columns)), differences, settings, prox,
        resolve_threads(threads),
    )  # fmt: skip
    _refuse_unbounded(solver.unbounded(), columns, "All their rows are 0 (or all trials succeed)")
    solver, state = solver.begun()
    largest, known, grid = math.nan, [], np.zeros(1)
    if penalty is not None:
        largest, first = solver.null_fit(state)
        grid = _grid(lambdas, lambda_ratio, largest)
        # From the largest penalty on nothing differs, however much more is asked for.
        known = [] if first is None else [first] * int((grid >= largest).sum())
    found = solver.path(grid, state, known)
    lowest = float(grid[-1]) if penalty is not None else 0.0
    _refuse_unbounded(
        solver.together(found[-1], lowest), columns, "Together they tell zeros from the other rows"
    )
    options = {"tol": tol, "max_iter": max_iter, "prox": prox, "scaled": scaled}
    path = path_of(
        solver, found, grid, largest, family, differences, columns, provenance(**options)
    )
    left = int((~path.converged).sum())
    if left:
        warn(
            f"{left} of {grid.size} fits: the gap is above tol={tol:g} of the objective, at worst "
            f"{path.relative_gap.max():.1e}, after up to {path.n_iter[~path.converged].max()} "
            "steps. Raise max_iter (fewer steps than that: tol is below the rounding), add a "
            "ridge, or give the design a better conditioned coding."
        )
    return path


def _settings(tol: float, max_iter: int, prox: str, scaled: bool) -> Settings:
    if not lies_within(tol, 1e-15, 1e-1):
        raise InputError(f"tol={tol!r} must lie in [1e-15, 0.1]; 1e-8 is usual.")
    if not is_whole(max_iter, 1):
        raise InputError(f"max_iter={max_iter!r} must be a whole number of at least 1.")
    if prox not in ("auto", "admm"):
        raise InputError(f"prox={prox!r} is not known; choose 'auto' or 'admm'.")
    return Settings(float(tol), int(max_iter), bool(scaled))


def _ridge(ridge: Any, p: int) -> Floats:
    values = as_real_array(ridge, "ridge")
    if values.shape not in ((), (p,)) or not ((values >= 0.0) & (values < np.inf)).all():
        raise InputError(f"ridge must be a finite number or {p} numbers, none negative.")
    return np.array(np.broadcast_to(values, (p,)))


def _is_count(lambdas: Any) -> bool:
    """Return whether this is a number of penalties; 1.0 is a penalty."""
    return isinstance(lambdas, int | np.integer) and is_whole(lambdas, 1)


def _grid(lambdas: Any, ratio: float, largest: float) -> Floats:
    """Penalties (L,), from large to small."""
    if not lies_within(ratio, 1e-12, 1.0):
        raise InputError(f"lambda_ratio={ratio!r} must lie in (0, 1].")
    if _is_count(lambdas):
        # Where nothing pulls at the differences every penalty tells the same.
        return (largest or 1.0) * np.geomspace(1.0, ratio, int(lambdas))
    values = np.atleast_1d(as_real_array(lambdas, "lambdas"))
    good = values.ndim == 1 and values.size and np.isfinite(values).all()
    if not good or (values < 0.0).any() or (np.diff(values) > 0.0).any():
        raise InputError(
            "lambdas must be a number of penalties, or penalties (L,) that are finite, not "
            "negative and do not grow."
        )
    return values


def _refuse_unbounded(columns: NDArray[np.intp], names: tuple[str, ...], cause: str) -> None:
    if columns.size:
        raise InputError(
            f"{plural(columns.size, 'column')} of the design would run to infinity, and no penalty "
            f"holds them back: {first_few([names[j] for j in columns.tolist()])}. {cause}. Give a "
            "small ridge, or leave out the columns with their rows."
        )
