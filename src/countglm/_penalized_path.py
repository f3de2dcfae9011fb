"""The result of a penalised fit: coefficients along the penalty, and the choice of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._fused_refits import Patterns, labels_of
from ._penalty_choice import criterion_values, frame_of
from ._penalty_folds import CrossValidation, cross_validate
from ._penalty_inputs import checked_places

if TYPE_CHECKING:
    import pandas as pd

    from ._penalized_fit import Problem
    from ._penalized_source import Source
    from .design import Design
    from .penalties import Differences

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PenalizedPath:
    """Penalised fits of every gene along a path of penalties, each with its certificate.

    ``G`` genes, ``L`` penalties from large to small, ``p`` coefficients, ``K`` effects.

    Attributes
    ----------
    lambdas : (G, L)
        Penalties; from 1 on where a gene without a fit has no largest.
    coefficients : (G, L, p)
        Estimates, natural logarithms (or in the family's link).
    gap : (G, L)
        Bound of the duality gap in units of log-likelihood: no coefficients have an objective that
        is lower by more (docs/math.md, 16.5).
    kkt_residual : (G, L)
        Distance from the optimality conditions, in standard errors.
    deviance : (G, L)
    n_iter : (G, L) int32
        Proximal Newton steps.
    status : (G,) int8
        Codes of `countglm.Status`; of the fit in which nothing differs, MAX_ITER where a penalised
        one was not finished. NaN wherever it is not CONVERGED.
    dispersion : (G,)
    labels : (G, L, K) int16
        Effects of one number are equal; numbered from 0 on, in order of first appearance.
    degrees_of_freedom : (G, L) int64
        Coefficients that the fused model leaves.
    refits : Refits
        Ordinary fits of the fused models: ``coefficients``, ``standard_errors`` (G, L, p),
        ``deviance``, ``status`` (G, L).
    differences : Differences
        What is penalised.
    problem, source, null_fits
        What further fits of the same data start from.
    """

    lambdas: Floats
    coefficients: Floats
    gap: Floats
    kkt_residual: Floats
    deviance: Floats
    n_iter: NDArray[np.int32]
    status: NDArray[np.int8]
    dispersion: Floats
    patterns: Patterns
    refits: Any
    differences: Differences
    design: Design
    gene_names: NDArray[Any]
    n_samples: int
    family: str
    problem: Problem
    source: Source
    null_fits: Floats
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.int16]:
        """Numbers (G, L, K) of the effects, equal where they are fused."""
        return labels_of(self.differences, self.patterns.held)[self.patterns.of]

    @property
    def objective(self) -> Floats:
        """What is minimised (G, L): half the deviance and the penalties, in log-likelihood."""
        problem = self.problem
        penalty = np.zeros(self.lambdas.shape)
        for row, cost in zip(self.differences.rows, self.differences.cost, strict=True):
            penalty += cost * np.abs(np.add.reduce(self.coefficients * row, axis=2))
        return 0.5 * self.deviance + self.lambdas * penalty + problem.quadratic(self.coefficients)

    @property
    def relative_gap(self) -> Floats:
        """Duality gap (G, L) by the objective, or by 1 (of a Gaussian its unit) if that is more."""
        return self.gap / np.maximum((self.problem.data.units**2)[:, None], self.objective)

    @property
    def degrees_of_freedom(self) -> NDArray[np.int64]:
        """Coefficients (G, L) that the fused model leaves."""
        return np.asarray(self.patterns.free[self.patterns.of])

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return int(self.lambdas.shape[0])

    def select(self, criterion: str = "bic", gamma: float = 0.5) -> PenalizedFit:
        """Choose a penalty for every gene.

        Parameters
        ----------
        criterion : {"bic", "aic", "ebic", "cv"}
            Deviance of the refit plus ``log(n)`` or 2 per coefficient; ``"ebic"`` adds
            ``2 gamma`` times the log of the number of models of that size (Chen and Chen 2008).
            ``"cv"`` is ``cross_validate().choose()``.
        gamma : float
            In [0, 1]; of ``"ebic"``.

        Returns
        -------
        PenalizedFit
        """
        if criterion == "cv":
            return self.cross_validate().choose()
        # Of equals the largest penalty.
        return PenalizedFit(self, np.argmin(criterion_values(self, criterion, gamma), axis=1))

    def cross_validate(self, folds: int = 5, *, seed: int = 0) -> CrossValidation:
        """Leave out parts of the samples in turn, and measure how the others predict them.

        Samples with equal rows of the design are dealt into the parts in turn.  Dispersions,
        offsets and the path of penalties are those of all samples; the penalties of a part are
        smaller by its share of the weights.

        Parameters
        ----------
        folds : int
            Parts, at least 2.
        seed : int
            0 deals the samples in their order, another number in a random one.

        Returns
        -------
        CrossValidation

        Raises
        ------
        InputError
            ``folds`` or ``seed`` is no such number, or the samples cannot be dealt so that all
            coefficients stay determined.
        """
        return cross_validate(self, folds, seed)

    def at(self, index: NDArray[np.intp] | int) -> PenalizedFit:
        """Return the penalised fits and refits at one penalty per gene.

        Parameters
        ----------
        index : int or (G,) int
            Places of penalties, from 0 to ``L - 1``.

        Raises
        ------
        InputError
            No whole numbers, or places that the path has not.
        """
        return PenalizedFit(self, checked_places(index, self.n_genes, self.lambdas.shape[1]))

    def __repr__(self) -> str:
        worst = float(np.nanmax(self.gap, initial=0.0))
        return (
            f"PenalizedPath: {self.n_genes:,} genes x {self.lambdas.shape[1]} penalties, "
            f"{self.family}, {self.differences.kind} differences of "
            f"{len(self.differences.nodes)} effects\n  largest duality gap {worst:.1e}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class PenalizedFit:
    """One penalty per gene: which effects are equal, and the fit of the fused model.

    Attributes
    ----------
    path : PenalizedPath
    index : (G,)
        Place of the penalty on the path.
    """

    path: PenalizedPath
    index: NDArray[np.intp]

    def _of(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(values[np.arange(self.path.n_genes), self.index])

    @property
    def lambdas(self) -> Floats:
        """Chosen penalties (G,)."""
        return self._of(self.path.lambdas)

    @property
    def coefficients(self) -> Floats:
        """Refitted coefficients (G, p), not penalised."""
        return self._of(self.path.refits.coefficients)

    @property
    def standard_errors(self) -> Floats:
        """Standard errors (G, p) of the fused model as if it had been known before."""
        return self._of(self.path.refits.standard_errors)

    @property
    def penalized_coefficients(self) -> Floats:
        """Penalised coefficients (G, p)."""
        return self._of(self.path.coefficients)

    @property
    def labels(self) -> NDArray[np.int16]:
        """Numbers (G, K) of the effects, equal where they are fused."""
        own = labels_of(self.path.differences, self.path.patterns.held)
        return np.asarray(own[self._of(self.path.patterns.of)])

    def to_frame(self) -> pd.DataFrame:
        """One row per gene: the groups of effects in words, labels, refitted coefficients.

        These are log2 of counts, and otherwise in the units of the link, as `GLMFit.to_frame`.
        """
        return frame_of(self)
