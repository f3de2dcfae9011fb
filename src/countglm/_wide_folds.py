"""Choose the penalty of a wide problem by rows that were left out (docs/math.md, 18.10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._fold_choice import chosen_places, spread_of, total_deviance
from ._parallel import is_whole
from .errors import InputError

if TYPE_CHECKING:
    from ._wide_path import WideFit, WidePath

Floats = NDArray[np.float64]
# Fits that only predict need no closer certificate.
CLOSE = 1e-6


@dataclass(frozen=True, eq=False)
class WideCrossValidation:
    """Deviance of rows that were left out, along a path of penalties.

    Attributes
    ----------
    path : WidePath
    folds : (n,) int
        The part, from 0 on, with which every row was left out.
    parts : (n_folds, L)
        Deviance of every part under the fit of the others.
    """

    path: WidePath
    folds: NDArray[np.intp]
    parts: Floats

    @property
    def deviance(self) -> Floats:
        """Deviance (L,) of all rows, each predicted by a fit without it."""
        return total_deviance(self.parts)

    @property
    def standard_error(self) -> Floats:
        """Standard error (L,) of `deviance`, from how the parts differ."""
        return spread_of(self.parts)

    def choose(self, rule: str = "least") -> WideFit:
        """Choose the penalty of the least deviance, or one that parts fewer effects.

        Parameters
        ----------
        rule : {"least", "one_se"}
            The least deviance; or the largest penalty whose deviance is within one standard error
            of the least.

        Returns
        -------
        WideFit

        Raises
        ------
        InputError
            An unknown rule.
        """
        return self.path.at(int(chosen_places(self.parts[:, None], rule)[0]))


def cross_validate(path: WidePath, folds: Any, seed: int) -> WideCrossValidation:
    """Return the validation of a path; see `WidePath.cross_validate`."""
    part = _deal(folds, seed, path.solver.problem.x.shape[0])
    solver, problem = path.solver, path.solver.problem
    rows = problem.rows
    settings = replace(solver.settings, tol=max(solver.settings.tol, CLOSE))
    total = float(np.add.reduce(rows.weight))
    parts = np.zeros((int(part.max()) + 1, path.lambdas.size))
    for fold in range(parts.shape[0]):
        out = part == fold
        weight = np.where(out, 0.0, rows.weight)
        share = float(np.add.reduce(weight)) / total
        if not 0.0 < share < 1.0:
            raise InputError(
                f"Part {fold} has {'all' if share == 0.0 else 'none'} of the weights; deal the "
                "rows so that every part has some."
            )
        others = solver.weighted(weight, settings)
        state = others.start(path.coefficients[0][solver.structure.columns] / solver.unit)
        left_out = replace(rows, weight=np.where(out, rows.weight, 0.0))
        for place, end in enumerate(others.path(path.lambdas * share, state)):
            deviance = 2.0 * left_out.deviance(problem.x, end.eta)
            parts[fold, place] = deviance * solver.unit**2
    return WideCrossValidation(path, part, parts)


def _deal(folds: Any, seed: int, n: int) -> NDArray[np.intp]:
    """Return the part (n,) of every row."""
    given = np.asarray(folds)
    if given.ndim == 1:
        if given.shape != (n,) or given.dtype.kind not in "iu" or given.min(initial=0) < 0:
            raise InputError(f"folds must be the parts of {n} rows, whole numbers from 0 on.")
        part = np.unique(given, return_inverse=True)[1].astype(np.intp)
        if part.max(initial=0) < 1:
            raise InputError("folds has one part; leaving it out leaves nothing to fit.")
        return part
    if not is_whole(folds, 2) or folds > n:
        raise InputError(f"folds={folds!r} must be a whole number from 2 to {n}, or (n,) parts.")
    if not is_whole(seed, 0):
        raise InputError(f"seed={seed!r} must be a whole number of at least 0.")
    order = np.arange(n) if seed == 0 else np.random.default_rng(int(seed)).permutation(n)
    part = np.empty(n, dtype=np.intp)
    part[order] = np.arange(n) % int(folds)
    return part
