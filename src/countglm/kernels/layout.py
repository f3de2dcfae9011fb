"""How a design lies in segments of samples, and where eight genes' numbers lie in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._jit import LANES as LANES

from .columns import N_STATS

# Most samples of a segment.
SEGMENT = 64

Floats = NDArray[np.float64]


class Nonzero(NamedTuple):
    """Samples of genes that are given by their nonzeros, room for these and for distinct counts."""

    samples: int = 0
    capacity: int = 0
    table: int = 0


NOTHING = Nonzero()


class Frame(NamedTuple):
    """What all genes of a block share."""

    # of the segments: first samples (s + 1,), rows of the basis (s, r) and of the design (s, p)
    bounds: NDArray[np.int64]
    rows: Floats
    products: Floats
    raw: Floats
    # from basis coordinates to coefficients (p, r), and what that does to rounding
    to_coef: Floats
    skeel: float
    # longest row of the basis: no linear predictor moves by more than this times the step
    reach: float
    # where the zeros of a segment are told by a few nodes: first rows of its nonzeros (s + 1,),
    # smallest and largest scale and largest weight (s, 3), relative error of the rule (3.7)
    excess: NDArray[np.int64]
    extent: Floats
    error: float


class Sparse(NamedTuple):
    """Nonzero counts of the genes of a block; segment, scale and weight of every sample."""

    pointers: NDArray[np.int64]
    samples: NDArray[np.int32]
    values: Floats
    segment: NDArray[np.int32]
    scale: Floats
    weight: Floats


class Block(NamedTuple):
    """The genes of a block, and what searches learn of them."""

    y: Floats
    offset: Floats
    weight: Floats
    pointers: NDArray[np.int64]
    places: NDArray[np.int32]
    values: Floats
    segment: NDArray[np.int32]
    sample_scale: Floats
    sample_weight: Floats
    carry: Floats
    times: Floats
    slopes: Floats


class At(NamedTuple):
    """First rows of everything in the workspace, (rows, LANES)."""

    n: int
    samples: int
    rule: int
    table: int
    segments: int
    rank: int
    p: int
    y: int
    scale: int
    weight: int
    excess: int
    excess_scale: int
    values: int
    masses: int
    first: int
    second: int
    coef: int
    raw_coef: int
    score: int
    part: int
    step: int
    motion: int
    vector: int
    size: int
    noise: int
    hessian: int
    square: int
    chol: int
    inverse: int
    fisher: int
    raw_hessian: int
    kept: int
    kept_motion: int
    alpha: int
    slope: int
    decrement: int
    value: int
    lift: int
    listed: int
    errors: int
    stats: int
    end: int


def place(
    n: int,
    segments: int,
    rank: int,
    p: int,
    nonzeros: Nonzero = NOTHING,
    *,
    table: int | None = None,
    own: bool = True,
) -> At:
    """Return where things lie for ``n`` samples in ``segments``, of rank ``rank``.

    By a rule ``n`` counts its nodes, and ``nonzeros`` tells of the samples.  ``table`` is the room
    for distinct counts, ``n`` if not given; offsets or weights of its ``own`` need room in a gene.
    """
    rule = int(nonzeros.samples > 0)
    table = nonzeros.table if rule else n if table is None else table
    triangle, full = rank * (rank + 1) // 2, p * p
    apart = n if own else 0
    over_samples = [n, apart, apart] + [nonzeros.capacity] * 2 + [table] * 2 + [segments] * 2
    matrices = [rank, p] + [rank] * 7 + [triangle] * 5 + [full]
    sizes = [*over_samples, *matrices, rank, rank, 1, 1, 1, 1, 1, 1, p, N_STATS]
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    samples = nonzeros.samples if rule else n
    return At(n, samples, rule, table, segments, rank, p, *starts)


def make_work(at: At) -> Floats:
    """Return the memory of a workspace, on the boundary of a cache line."""
    line = LANES * 8
    raw = np.zeros(at.end * LANES + LANES)
    skip = (-raw.ctypes.data % line) // 8
    return raw[skip : skip + at.end * LANES].reshape(at.end, LANES)


def make_frame(columns: Floats, raw: Floats, to_coef: Floats, skeel: float) -> Frame:
    """Return the frame of basis columns (r, n) and design columns (p, n).

    Segments are runs of samples with equal rows, cut to at most ``SEGMENT`` samples.
    """
    rows = np.concatenate([columns, raw]).T
    changes = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    runs = [0, *changes.tolist(), rows.shape[0]]
    cuts = [np.arange(runs[k], runs[k + 1], SEGMENT) for k in range(len(runs) - 1)]
    bounds = np.concatenate([*cuts, [rows.shape[0]]]).astype(np.int64)
    first = bounds[:-1]
    none = np.zeros(bounds.size, dtype=np.int64)
    extent = np.zeros((first.size, 3))
    return frame_of(
        bounds, columns[:, first], raw[:, first], to_coef, skeel, none, extent, 0.0
    )  # fmt: skip


def frame_of(
    bounds: NDArray[np.int64],
    columns: Floats,
    raw: Floats,
    to_coef: Floats,
    skeel: float,
    excess: NDArray[np.int64],
    extent: Floats,
    error: float,
) -> Frame:
    """Return the frame of segments: basis columns (r, s) and design columns (p, s)."""
    basis = np.ascontiguousarray(columns.T)
    pairs = [(j, k) for j in range(basis.shape[1]) for k in range(j + 1)]
    products = np.empty((basis.shape[0], len(pairs)))
    for place_of, (j, k) in enumerate(pairs):
        products[:, place_of] = basis[:, j] * basis[:, k]
    reach = float(np.sqrt(np.max(np.add.reduce(basis * basis, axis=1), initial=0.0)))
    return Frame(
        bounds, basis, products, np.array(raw.T, order="C"), np.ascontiguousarray(to_coef),
        float(skeel), reach, excess, extent, float(error),
    )  # fmt: skip
