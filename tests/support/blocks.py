"""Genes through the compiled entry as the library calls it, and tiles of genes for its kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from countglm._tiles import Layout, Learnt, Task, make_filled, make_layout, make_learnt, run_kernels
from countglm.basis import Basis, make_basis
from countglm.kernels import columns, layout
from countglm.kernels.layout import LANES, At, Frame


class BlockFit(NamedTuple):
    """What ``fit_block`` writes for every gene, and what its searches learnt."""

    coefficients: np.ndarray
    standard_errors: np.ndarray
    stats: np.ndarray
    counters: np.ndarray
    trace: np.ndarray
    learnt: Learnt
    layout: Layout

    def path(self, gene: int = 0) -> np.ndarray:
        """Rows of the trace that the solver wrote: kind, length, decrement, deviance, gamma."""
        return self.trace[gene, : self.counters[gene, columns.STEPS] + 1]


def per_sample(values: Any, n: int, default: float) -> np.ndarray:
    """(1, n) or (g, n) rows of an offset or weight."""
    given = np.full(n, default) if values is None else np.asarray(values, dtype=float)
    return np.ascontiguousarray(np.atleast_2d(given))


def fit_block(
    counts: Any,
    design: Any,
    alpha: Any = 0.1,
    *,
    offset: Any = None,
    weight: Any = None,
    prior: tuple[Any, float] | None = None,
    max_iter: int = 100,
    trace: bool = False,
    basis: Basis | None = None,
    learnt: Learnt | None = None,
    order: np.ndarray | None = None,
    **task: Any,
) -> BlockFit:
    """Fit counts (g, n) or (n,) on a design (n, p); ``prior`` is (log centre, precision).

    ``learnt`` of an earlier search is used by this one.  With an ``order`` of the samples the
    counts, offsets and weights are in that order, and the design is not.
    """
    y = np.atleast_2d(np.asarray(counts, dtype=float))
    basis = make_basis(np.asarray(design, dtype=float)) if basis is None else basis
    layout = make_layout(basis, order)
    genes, n = y.shape
    again = learnt is not None
    if learnt is None:
        learnt = make_learnt(genes, layout.at.rank)
    centre, precision = (0.0, 0.0) if prior is None else prior
    asked: dict[str, Any] = {"screened": False, "estimate": False, "cap": 10.0, "fisher": True}
    filled = make_filled(genes, layout.at.p, max_iter + 1 if trace else 0)
    run_kernels(
        np.ascontiguousarray(y), per_sample(offset, n, 0.0), per_sample(weight, n, 1.0),
        np.broadcast_to(np.asarray(alpha, dtype=float), genes).copy(),
        np.broadcast_to(np.asarray(centre, dtype=float), genes).copy(), layout,
        Task(**(asked | task), precision=precision, again=again, max_steps=float(max_iter)),
        learnt, filled,
    )  # fmt: skip
    if not (task.get("screened") or asked["screened"]):
        assert (filled.counters[:, columns.CODE] == columns.EXISTS).all()
    parts = (filled.coef, filled.errors, filled.stats, filled.counters, filled.trace)
    return BlockFit(*parts, learnt, layout)


class Tile(NamedTuple):
    """Up to eight genes in their lanes; what no kernel has written is NaN."""

    d: np.ndarray
    at: At
    frame: Frame
    scale: np.ndarray
    weight: np.ndarray
    basis: Basis

    @property
    def args(self) -> tuple[Any, ...]:
        """What most kernels take first: workspace, places, frame, scale and weight."""
        return self[:5]

    def rows(self, start: int, count: int, lane: int = 0) -> np.ndarray:
        """Values of a lane."""
        return self.d[start : start + count, lane].copy()

    def put(self, start: int, values: Any) -> None:
        """Set a vector (k,) of all lanes, or one (lanes, k) of the first lanes each."""
        given = np.asarray(values, dtype=float)
        if given.ndim == 1:
            self.d[start : start + given.size] = given[:, None]
        else:
            self.d[start : start + given.shape[1], : given.shape[0]] = given.T

    def matrix(self, start: int, lane: int = 0) -> np.ndarray:
        """The symmetric matrix (r, r) whose packed lower triangle begins at ``start``."""
        r = self.at.rank
        out = np.zeros((r, r))
        below = np.tril_indices(r)
        out[below] = self.rows(start, below[0].size, lane)
        return out + np.tril(out, -1).T


def make_tile(
    counts: Any,
    design: Any,
    alpha: Any = 0.1,
    *,
    offset: Any = None,
    weight: Any = None,
    basis: Basis | None = None,
) -> Tile:
    """Lay out genes (g, n) or (n,); offsets and weights are shared, or (g, n)."""
    y = np.atleast_2d(np.asarray(counts, dtype=float))
    design = np.asarray(design, dtype=float)
    basis = make_basis(design) if basis is None else basis
    frame, at = make_layout(basis, None)
    d = layout.make_work(at)
    d[:] = np.nan
    d[at.lift] = 0.0
    lane_of = np.minimum(np.arange(LANES), y.shape[0] - 1)
    d[at.y : at.y + at.n] = y[lane_of].T
    scale, heavy = np.exp(per_sample(offset, at.n, 0.0)), per_sample(weight, at.n, 1.0)
    if scale.shape[0] > 1:
        d[at.scale : at.scale + at.n] = scale[lane_of].T
    if heavy.shape[0] > 1:
        d[at.weight : at.weight + at.n] = heavy[lane_of].T
    d[at.alpha] = np.broadcast_to(np.asarray(alpha, dtype=float), y.shape[0])[lane_of]
    return Tile(d, at, frame, _shared(scale), _shared(heavy), basis)


def _shared(rows: np.ndarray) -> np.ndarray:
    """The row of all genes; an empty one where every gene has its own."""
    return rows[0] if rows.shape[0] == 1 else np.zeros(0)


def singles(case: Tile) -> Tile:
    """The same genes with every sample a segment of its own."""
    frame, of = case.frame, np.repeat(np.arange(case.at.segments), np.diff(case.frame.bounds))
    apart = frame._replace(
        bounds=np.arange(of.size + 1), rows=frame.rows[of], products=frame.products[of],
        raw=frame.raw[of], excess=np.zeros(of.size + 1, dtype=np.int64),
        extent=np.zeros((of.size, 3)),
    )  # fmt: skip
    at = layout.place(case.at.n, case.at.n, case.at.rank, case.at.p)
    d = layout.make_work(at)
    d[:] = np.nan
    # Between what is kept of samples and of genes lie two rows for every segment.
    d[: at.first] = case.d[: at.first]
    d[at.coef :] = case.d[case.at.coef :]
    return Tile(d, at, apart, case.scale, case.weight, case.basis)
