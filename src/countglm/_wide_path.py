"""The result of a wide penalised fit: coefficients along the penalty, and the choice of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._parallel import is_whole
from ._wide_choice import criteria
from ._wide_clusters import Labels, clusters_of
from ._wide_solve import Refitted, Solver, refit
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ._wide_folds import WideCrossValidation
    from ._wide_penalty import WideDifferences

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WidePath:
    """Penalised fits of one wide problem along a path of penalties, each with its certificate.

    ``L`` penalties from large to small, ``p`` columns.

    Attributes
    ----------
    lambdas : (L,)
        Penalties.
    largest : float
        The least penalty that leaves no difference (docs/math.md, 18.8); NaN without a penalty.
    coefficients : (L, p)
        Estimates, on the scale of the linear predictor.
    gap : (L,)
        Bound of the duality gap in units of log-likelihood: no coefficients up to ten times
        ``1 + |coefficients|`` have an objective that is lower by more (docs/math.md, 18.7).
    objective : (L,)
        Half the deviance and the penalties.
    kkt_residual : (L,)
        Distance from the optimality conditions, in standard errors.
    deviance : (L,)
    n_iter : (L,) int64
        Steps at every penalty.
    converged : (L,) bool
        Whether the gap is at most ``tol`` of the objective.
    clusters : (L, p) int64
        Columns of one number share a coefficient; -1 where the penalty holds it at 0.
    groups : (n_groups, n_levels) int, or None
        Columns that the penalty compares.
    names : tuple of str, (p,)
    n_rows : int
        Rows with positive weight.
    """

    lambdas: Floats
    largest: float
    coefficients: Floats
    gap: Floats
    objective: Floats
    kkt_residual: Floats
    deviance: Floats
    n_iter: NDArray[np.int64]
    converged: NDArray[np.bool_]
    clusters: Labels
    groups: NDArray[np.intp] | None
    names: tuple[str, ...]
    n_rows: int
    family: str
    solver: Solver
    provenance: dict[str, Any] = field(default_factory=dict)
    _refits: dict[bytes, Refitted] = field(default_factory=dict)

    @property
    def relative_gap(self) -> Floats:
        """The gap (L,) as a part of the objective, or of 1 where that is less (eq. 18.7)."""
        return np.asarray(self.gap / np.maximum(self.objective, self.solver.unit**2))

    @property
    def n_coefficients(self) -> NDArray[np.int64]:
        """Coefficients (L,) that the fused models have."""
        return np.asarray(self.clusters.max(axis=1, initial=-1) + 1)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Numbers (L, n_groups, n_levels) of the compared effects, equal where they are fused.

        From 0 on in order of first appearance; -1 where a group has no such column.
        """
        if self.groups is None:
            raise InputError(
                "labels are of penalties between the levels of groups; see clusters for others."
            )
        return labels_of(self.clusters, self.groups)

    def refit(self, index: int) -> Refitted:
        """Return the fit of the fused model at one penalty, not penalised but for the ridge."""
        if not self.solver.structure.tells_equals:
            raise InputError(
                "A refit needs a penalty that makes columns equal or 0; this matrix of "
                "differences does neither."
            )
        index = self._place(index)
        key = self.clusters[index].tobytes()
        if key not in self._refits:
            order = self.solver.structure.columns
            found = refit(self.solver, self.clusters[index][order], self.coefficients[index][order])
            own = np.empty(order.size)
            own[order] = found.coefficients
            self._refits[key] = Refitted(own, found.deviance, found.n_coefficients, found.converged)
        return self._refits[key]

    def select(self, criterion: str = "bic", gamma: float = 0.5) -> WideFit:
        """Choose a penalty.

        Parameters
        ----------
        criterion : {"bic", "aic", "ebic", "cv"}
            Deviance of the refit, ``n log(deviance / n)`` of ``"gaussian"``, plus 2
            (``"aic"``) or the log of the number of rows for every coefficient; ``"ebic"`` adds
            ``2 gamma`` times the log of the number of models of that size (Chen and Chen 2008).
            Infinite for ``"gaussian"`` models that leave less than two rows to tell the variance,
            or, of more columns than rows, have more than half as many coefficients as rows;
            there ``"ebic"`` and ``"cv"`` keep less that is noise.
            ``"cv"`` is ``cross_validate().choose()``.
        gamma : float
            Between 0 and 1, for ``"ebic"`` alone.

        Returns
        -------
        WideFit

        Raises
        ------
        InputError
            An unknown criterion, ``gamma`` outside [0, 1], or a penalty that fuses nothing.
        """
        if criterion == "cv":
            return self.cross_validate().choose()
        return self.at(int(np.argmin(self.criterion(criterion, gamma))))

    def criterion(self, criterion: str = "bic", gamma: float = 0.5) -> Floats:
        """Return the values (L,) by which `select` chooses."""
        return criteria(self, criterion, gamma)

    def cross_validate(self, folds: Any = 5, *, seed: int = 0) -> WideCrossValidation:
        """Leave out parts of the rows in turn, and measure how the others predict them.

        The penalties of a part are smaller by its share of the weights.

        Parameters
        ----------
        folds : int or (n,) int
            Parts, at least 2; or the part of every row, from 0 on.
        seed : int
            0 deals the rows in their order, another number in a random one.

        Returns
        -------
        WideCrossValidation

        Raises
        ------
        InputError
            ``folds`` or ``seed`` is no such number.
        """
        from ._wide_folds import cross_validate

        return cross_validate(self, folds, seed)

    def at(self, index: int) -> WideFit:
        """Return the fit at one penalty, by its place; -1 is the last."""
        return WideFit(self, self._place(index))

    def _place(self, index: Any) -> int:
        most = self.lambdas.size
        if not is_whole(index, -most) or index >= most:
            raise InputError(
                f"index={index!r} is no place on this path: its {most} penalties are counted from "
                f"0 to {most - 1}."
            )
        return int(index) % most

    def __repr__(self) -> str:
        n, p = self.solver.problem.x.shape
        done = int(self.converged.sum())
        worst = float(np.max(self.relative_gap, initial=0.0))
        return (
            f"WidePath: {n:,} rows x {p:,} columns, {self.family}, {self.lambdas.size} penalties "
            f"from {self.lambdas[0]:.4g} to {self.lambdas[-1]:.4g}\n  {done} certified, largest "
            f"gap {worst:.1e} of the objective; {self.n_iter.sum():,} steps"
        )


@dataclass(frozen=True, eq=False, repr=False)
class WideFit:
    """One penalty of a path: which effects are one, and the fit of the fused model.

    Attributes
    ----------
    path : WidePath
    index : int
        Place of the penalty on the path.
    """

    path: WidePath
    index: int

    @property
    def lam(self) -> float:
        """The penalty."""
        return float(self.path.lambdas[self.index])

    @property
    def coefficients(self) -> Floats:
        """Refitted coefficients (p,), not penalised; infinite where none are finite."""
        return self.path.refit(self.index).coefficients

    @property
    def penalized_coefficients(self) -> Floats:
        """Penalised coefficients (p,)."""
        return np.asarray(self.path.coefficients[self.index])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Numbers (n_groups, n_levels) of the compared effects, equal where they are fused."""
        return np.asarray(self.path.labels[self.index])

    def to_frame(self) -> pd.DataFrame:
        """One row a column of the design: cluster, penalised and refitted coefficient."""
        import pandas as pd

        path, values = self.path, {"cluster": self.path.clusters[self.index]}
        frame = pd.DataFrame(values, index=pd.Index(path.names, name="column"))
        frame["penalized"] = self.penalized_coefficients
        if path.solver.structure.tells_equals:
            frame["refitted"] = self.coefficients
        return frame

    def __repr__(self) -> str:
        path = self.path
        return (
            f"WideFit: penalty {self.lam:.4g}, {int(path.n_coefficients[self.index]):,} "
            f"coefficients for {len(path.names):,} columns, gap {path.gap[self.index]:.1e}"
        )


def labels_of(clusters: Labels, groups: NDArray[np.intp]) -> NDArray[np.int64]:
    """Number the clusters (L, p) within every group (n_groups, K), by first appearance."""
    found = np.where(groups >= 0, clusters[:, groups], -2)
    same = found[..., :, None] == found[..., None, :]
    # The first level of the same cluster, then the rank of that among the first levels.
    first = np.argmax(same, axis=-1)
    own = (first == np.arange(groups.shape[1])) & (found != -2)
    rank = np.cumsum(own, axis=-1) - 1
    labels = np.take_along_axis(rank, first, axis=-1)
    return np.where(found == -2, -1, labels).astype(np.int64)


def path_of(
    solver: Solver, found: list[Any], lambdas: Floats, largest: float, family: str,
    differences: WideDifferences, names: tuple[str, ...], provenance: dict[str, Any],
) -> WidePath:  # fmt: skip
    """Return the result of runs, in the order of the design's columns."""
    order, unit = solver.structure.columns, solver.unit
    beta = np.empty((len(found), order.size))
    clusters = np.empty((len(found), order.size), dtype=np.int64)
    for place, end in enumerate(found):
        beta[place, order] = end.beta * unit
        clusters[place, order] = clusters_of(solver.structure, end.beta)
    rows, x = solver.problem.rows, solver.problem.x
    return WidePath(
        lambdas=lambdas, largest=largest, coefficients=beta,
        gap=np.array([end.certificate.gap for end in found]) * unit**2,
        objective=np.array([end.objective for end in found]) * unit**2,
        kkt_residual=np.array([end.certificate.kkt for end in found]) * unit,
        deviance=2.0 * unit**2 * np.array([rows.deviance(x, end.eta) for end in found]),
        n_iter=np.array([end.steps for end in found], dtype=np.int64),
        converged=np.array([end.relative_gap <= solver.settings.tol for end in found]),
        clusters=clusters, groups=differences.groups, names=names,
        n_rows=int((rows.weight > 0.0).sum()), family=family, solver=solver, provenance=provenance,
    )  # fmt: skip
