"""The arrays that a fit fills gene by gene, and the frozen result made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import columns
from .results import GLMFit

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .design import Design

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
_BY_GENE = (
    "coefficients",
    "finite_coefficients",
    "standard_errors",
    "stats",
    "counters",
    "status",
    "base_mean",
    "by_rule",
)


class GeneTrace(NamedTuple):
    """Iterates of one gene's coefficient fit; row 0 is the start.

    Row k holds the point after k steps: the coefficients and deviance there, the length of the
    step that led to it (0 for the start), the decrement by the model of the step that leaves it,
    and the kind of that model ("fisher" or "newton").
    """

    kind: NDArray[np.str_]
    step_length: Floats
    newton_decrement: Floats
    deviance: Floats
    coefficients: Floats


def gene_trace(rows: Floats, to_coef: Floats) -> GeneTrace:
    """Return the trace of one gene from the rows that the kernels kept."""
    gamma = rows[:, 4 : 4 + to_coef.shape[1]]
    coefficients = np.add.reduce(gamma[:, None, :] * to_coef[None, :, :], axis=2)
    kind = np.where(rows[:, 0] == 0.0, "fisher", "newton")
    # Copies: a view would keep the trace of the whole block in memory.
    return GeneTrace(kind, rows[:, 1].copy(), rows[:, 2].copy(), rows[:, 3].copy(), coefficients)


class FitArrays:
    """One row per gene of everything that a fit reports; NaN where nothing was written."""

    def __init__(self, n_genes: int, p: int) -> None:
        self.coefficients: Floats = np.full((n_genes, p), np.nan)
        self.finite_coefficients: Floats = np.full((n_genes, p), np.nan)
        self.standard_errors: Floats = np.full((n_genes, p), np.nan)
        self.stats: Floats = np.full((n_genes, columns.N_STATS), np.nan)
        self.counters: NDArray[np.int32] = np.zeros((n_genes, columns.N_COUNTERS), dtype=np.int32)
        self.status: NDArray[np.int8] = np.zeros(n_genes, dtype=np.int8)
        self.base_mean: Floats = np.zeros(n_genes)
        self.by_rule: NDArray[np.bool_] = np.zeros(n_genes, dtype=np.bool_)
        self.separated: list[NDArray[np.bool_] | None] = [None] * n_genes
        self.traces: list[GeneTrace | None] = [None] * n_genes

    @property
    def alpha(self) -> Floats:
        """Dispersions (n_genes,) of the fit."""
        return self.stats[:, columns.DISPERSION]

    def take(self, other: FitArrays, genes: Index, rows: Index | None = None) -> None:
        """Replace ``genes`` by the rows of ``other`` (rows ``genes`` of it, if none are given)."""
        rows = genes if rows is None else rows
        for name in _BY_GENE:
            getattr(self, name)[genes] = getattr(other, name)[rows]
        for gene, row in zip(genes.tolist(), rows.tolist(), strict=True):
            self.separated[gene] = other.separated[row]
            self.traces[gene] = other.traces[row]

    def take_search(self, other: FitArrays) -> None:
        """Take what the search of the dispersions found: maxima, lead, passes."""
        self.stats[:, columns.LEAD] = other.stats[:, columns.LEAD]
        for counter in (columns.MAXIMA, columns.PASSES):
            self.counters[:, counter] = other.counters[:, counter]


def assemble_fit(
    arrays: FitArrays,
    counts: CountMatrix,
    design: Design,
    *,
    size_factors: Floats,
    offset: Floats | None,
    weights: Floats | None,
    family: str,
    tol: float,
    provenance: dict[str, Any],
    traced: bool = False,
    trials: Floats | None = None,
    ones: list[NDArray[np.bool_] | None] | None = None,
) -> GLMFit:
    """Return the frozen result of arrays that are complete."""
    stats, n = arrays.stats, counts.n_samples
    lost = arrays.separated if ones is None else _beside(arrays.separated, ones)
    pattern, masks = _patterns(lost, n if ones is None else 2 * n)
    separated = np.ascontiguousarray(masks[:, :n])
    return GLMFit(
        coefficients=arrays.coefficients,
        standard_errors=arrays.standard_errors,
        dispersion=stats[:, columns.DISPERSION].copy(),
        size_factors=size_factors,
        deviance=stats[:, columns.DEVIANCE].copy(),
        log_likelihood=stats[:, columns.LOG_LIKELIHOOD].copy(),
        n_iter=arrays.counters[:, columns.STEPS].copy(),
        status=arrays.status,
        newton_decrement=stats[:, columns.DECREMENT].copy(),
        distance_bound=stats[:, columns.BOUND].copy(),
        scaled_score=stats[:, columns.SCORE].copy(),
        min_eigenvalue=stats[:, columns.MIN_EIGENVALUE].copy(),
        condition_number=stats[:, columns.CONDITION].copy(),
        max_leverage=stats[:, columns.MAX_LEVERAGE].copy(),
        base_mean=arrays.base_mean,
        finite_coefficients=arrays.finite_coefficients,
        separation_pattern=pattern,
        separated_samples=separated,
        gene_names=counts.gene_names,
        sample_names=counts.sample_names,
        design=design,
        offset=offset,
        weights=weights,
        family=family,
        tol=tol,
        provenance=provenance,
        counts=counts,
        counts_fingerprint=counts.fingerprint(),
        dispersion_maxima=arrays.counters[:, columns.MAXIMA].copy(),
        dispersion_lead=stats[:, columns.LEAD].copy(),
        zeros_by_rule=arrays.by_rule,
        trace=tuple(arrays.traces) if traced else None,
        trials=trials,
        separated_ones=None if ones is None else np.ascontiguousarray(masks[:, n:]),
    )


def _beside(
    separated: list[NDArray[np.bool_] | None], ones: list[NDArray[np.bool_] | None]
) -> list[NDArray[np.bool_] | None]:
    """Return both masks of every gene in one (2 n,): patterns differ if either does."""
    return [
        None if a is None or b is None else np.concatenate([a, b])
        for a, b in zip(separated, ones, strict=True)
    ]


def _patterns(
    separated: list[NDArray[np.bool_] | None], n: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Number the distinct sets of separated samples in the order of their first gene."""
    pattern = np.full(len(separated), -1, dtype=np.int32)
    known: dict[bytes, int] = {}
    # Of a million samples a set is told from others once: genes of one kind share it.
    places: dict[int, int] = {}
    masks: list[NDArray[np.bool_]] = []
    for gene, mask in enumerate(separated):
        if mask is None:
            continue
        if id(mask) not in places:
            key = np.packbits(mask).tobytes()
            if key not in known:
                known[key] = len(masks)
                masks.append(mask)
            places[id(mask)] = known[key]
        pattern[gene] = places[id(mask)]
    return pattern, np.array(masks, dtype=np.bool_).reshape(len(masks), n)
