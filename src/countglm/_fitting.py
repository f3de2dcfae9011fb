"""Fit the genes of one block: sort out those without a finite estimate, run the kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample
from ._fit_arrays import FitArrays, GeneTrace
from .basis import Basis, make_basis, pad
from .existence import Completion, ExistenceTest
from .kernels import blocks
from .kernels.gene import make_scratch
from .kernels.solver import FISHER, NEWTON
from .status import Status

if TYPE_CHECKING:
    from .counts import GeneBlocks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Prior(NamedTuple):
    """Normal prior of the log dispersion: centres (n_genes,) and one precision."""

    log_centre: Floats
    precision: float


@dataclass(eq=False)
class Problem(FitArrays):
    """What is fitted, and the arrays that blocks fill; every block writes rows of its own."""

    counts: GeneBlocks
    design: Floats
    size_factors: Floats
    offset: PerSample
    weights: PerSample
    dispersion: Floats | None
    options: Options
    prior: Prior | None = None
    basis: Basis = field(init=False)
    existence: ExistenceTest = field(init=False)

    def __post_init__(self) -> None:
        super().__init__(self.counts.n_genes, self.design.shape[1])
        self.basis = make_basis(self.design)
        self.existence = ExistenceTest(self.design)

    def fit_range(self, start: int, stop: int) -> None:
        """Fit genes ``start`` to ``stop``: the task of one block."""
        values = self.counts.block(start, stop)
        self.base_mean[start:stop] = (
            np.add.reduce(values / self.size_factors, axis=1) / values.shape[1]
        )
        y = pad(values)
        weight = self.weights.rows(start, stop)
        codes = self._fit_rows(np.arange(stop - start), start, y, weight, None)
        groups: dict[int, tuple[Completion, list[int]]] = {}
        n = values.shape[1]
        for g in np.flatnonzero(codes == blocks.UNDECIDED).tolist():
            weighted = weight[min(g, weight.shape[0] - 1), :n] > 0.0
            completion = self.existence((values[g] > 0.0) & weighted, weighted)
            groups.setdefault(id(completion), (completion, []))[1].append(g)
        for completion, rows in groups.values():
            self._fit_rows(np.array(rows), start, y, weight, completion)
        self._close_unfitted(codes, start)

    def _scratch(self, basis: Basis) -> tuple[Floats, ...]:
        return make_scratch(basis.columns.shape[1], basis.columns.shape[0])

    def _fit_rows(
        self,
        rows: NDArray[np.intp],
        start: int,
        y: Floats,
        weight: Floats,
        completion: Completion | None,
    ) -> NDArray[np.int32]:
        """Fit some rows of a block in one basis, and write what they give.

        Without a ``completion`` the rows are screened, and only those whose estimate is known to
        exist are fitted.  Returns the code of every row.
        """
        genes = rows + start
        basis = self.basis if completion is None else completion.basis
        w = weight if weight.shape[0] == 1 else weight[rows]
        if completion is not None and completion.separated.any():
            w = np.where(pad(completion.separated[None, :].astype(np.float64)) > 0.0, 0.0, w)
        offset = self.offset.rows(start, start + y.shape[0])
        offset = offset if offset.shape[0] == 1 else offset[rows]
        estimate = self.dispersion is None
        alpha = np.zeros(rows.size) if self.dispersion is None else self.dispersion[genes]
        log_centre, precision = self._prior_of(genes)
        options = self.options
        p, rank = basis.to_coef.shape
        coef = np.zeros((rows.size, p))
        errors = np.zeros((rows.size, p))
        stats = np.full((rows.size, blocks.N_STATS), np.nan)
        counters = np.zeros((rows.size, blocks.N_COUNTERS), dtype=np.int32)
        hessian = np.zeros((rows.size, p, p))
        trace = np.full((rows.size, options.max_iter + 1 if options.trace else 0, rank + 4), np.nan)
        blocks.fit_block(
            np.ascontiguousarray(y[rows]), offset, w, alpha, basis.columns, basis.raw,
            basis.to_coef, basis.skeel, completion is None, estimate, options.cap,
            log_centre, precision,
            FISHER if options.fisher else NEWTON, options.tol, float(options.max_iter),
            self._scratch(basis),
            coef, errors, stats, counters, hessian, trace,
        )  # fmt: skip
        codes = counters[:, blocks.CODE].copy()
        done = np.flatnonzero(codes == blocks.EXISTS)
        genes, coef, stats, counters = genes[done], coef[done], stats[done], counters[done]
        stats[:, blocks.MIN_EIGENVALUE], stats[:, blocks.CONDITION] = scaled_spectra(hessian[done])
        self.coefficients[genes] = self.finite_coefficients[genes] = coef
        self.standard_errors[genes] = errors[done]
        self.stats[genes] = stats
        self.counters[genes] = counters
        self.status[genes] = self._statuses(stats, counters, estimate, completion)
        if estimate and self.prior is None:
            informative = np.count_nonzero(w > 0.0, axis=1)
            self._leave_undetermined(np.broadcast_to(informative <= rank, rows.size)[done], genes)
        if completion is not None and not completion.exists:
            self._complete(genes, completion)
            # The status does not tell these from finished ones; what is not reached is NaN.
            unfinished = genes[counters[:, blocks.CONVERGED] == 0]
            self.stats[unfinished, blocks.LOG_LIKELIHOOD] = np.nan
            self.standard_errors[unfinished] = np.nan
        if options.trace:
            for gene, rows_of_gene, steps in zip(
                genes, trace[done], counters[:, blocks.STEPS], strict=True
            ):
                self.traces[gene] = _trace(rows_of_gene[: steps + 1], basis.to_coef)
        return codes

    def _prior_of(self, genes: NDArray[np.intp]) -> Prior:
        if self.prior is None:
            return Prior(np.zeros(genes.size), 0.0)
        return Prior(self.prior.log_centre[genes], self.prior.precision)

    def _leave_undetermined(self, saturated: Mask, genes: NDArray[np.intp]) -> None:
        """Take back the dispersion of genes whose samples are fitted exactly whatever it is."""
        undetermined = genes[saturated]
        columns = np.array([blocks.DISPERSION, blocks.LOG_LIKELIHOOD, blocks.LEAD])
        self.stats[np.ix_(undetermined, columns)] = np.nan
        self.counters[undetermined, blocks.MAXIMA] = 0
        self.standard_errors[undetermined] = np.nan
        sound = np.isin(self.status[undetermined], (Status.CONVERGED, Status.BOUNDARY_DISPERSION))
        self.status[undetermined[sound]] = Status.SINGULAR

    def _statuses(
        self,
        stats: Floats,
        counters: NDArray[np.int32],
        estimate: bool,
        completion: Completion | None,
    ) -> NDArray[np.int8]:
        converged = counters[:, blocks.CONVERGED] == 1
        alpha = stats[:, blocks.DISPERSION]
        edge = estimate & ((alpha <= 0.0) | (alpha >= self.options.cap))
        fine = np.where(edge, Status.BOUNDARY_DISPERSION, Status.CONVERGED)
        if completion is not None and not completion.exists:
            fine = np.full(alpha.size, Status.SINGULAR if completion.singular else Status.SEPARATED)
        elif not converged.all():
            fine = np.where(converged, fine, Status.MAX_ITER)
        return fine.astype(np.int8)

    def _complete(self, genes: NDArray[np.intp], completion: Completion) -> None:
        """Write the limits of what has no finite value."""
        moved = completion.limits != 0.0
        self.coefficients[np.ix_(genes, np.flatnonzero(moved))] = completion.limits[moved]
        self.standard_errors[np.ix_(genes, np.flatnonzero(moved))] = np.nan
        self.stats[genes, blocks.MIN_EIGENVALUE] = 0.0
        self.stats[genes, blocks.CONDITION] = np.inf
        if completion.separated.any():
            for gene in genes:
                self.separated[gene] = completion.separated

    def _close_unfitted(self, codes: NDArray[np.int32], start: int) -> None:
        zero = start + np.flatnonzero(codes == blocks.ALL_ZERO)
        self.status[zero] = Status.ALL_ZERO
        self.stats[zero, blocks.DEVIANCE] = 0.0
        self.stats[zero, blocks.LOG_LIKELIHOOD] = 0.0
        empty = start + np.flatnonzero(codes == blocks.NO_WEIGHT)
        self.status[empty] = Status.INVALID
        if self.dispersion is not None:
            unfitted = np.r_[zero, empty]
            self.stats[unfitted, blocks.DISPERSION] = self.dispersion[unfitted]


def _trace(rows: Floats, to_coef: Floats) -> GeneTrace:
    gamma = rows[:, 4:]
    coefficients = np.add.reduce(gamma[:, None, :] * to_coef[None, :, :], axis=2)
    kind = np.where(rows[:, 0] == 0.0, "fisher", "newton")
    # Copies: a view would keep the trace of the whole block in memory.
    return GeneTrace(kind, rows[:, 1].copy(), rows[:, 2].copy(), rows[:, 3].copy(), coefficients)


def scaled_spectra(hessian: Floats) -> tuple[Floats, Floats]:
    """Return smallest eigenvalues and condition numbers (docs/math.md, 4.7).

    Of the unit-diagonal scaling of symmetric matrices (g, p, p), lower triangles given; NaN and
    infinity where a matrix is not finite or has a zero diagonal.
    """
    diagonal = np.sqrt(np.abs(np.einsum("gii->gi", hessian)))
    sound = np.isfinite(hessian).all(axis=(1, 2)) & (diagonal > 0.0).all(axis=1)
    low, condition = np.full(len(hessian), np.nan), np.full(len(hessian), np.inf)
    if hessian.shape[1] and sound.any():
        d = diagonal[sound]
        values = np.linalg.eigvalsh(hessian[sound] / (d[:, :, None] * d[:, None, :]))
        low[sound] = np.maximum(values[:, 0], 0.0)
        with np.errstate(divide="ignore"):
            condition[sound] = values[:, -1] / low[sound]
    return low, condition
