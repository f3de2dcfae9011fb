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


class Block(NamedTuple):
    """The genes of a block, and what searches learn of them."""

    y: Floats
    offset: Floats
    weight: Floats
    carry: Floats
    times: Floats
    slopes: Floats


class At(NamedTuple):
    """First rows of everything in the workspace, (rows, LANES)."""

    n: int
    segments: int
    rank: int
    p: int
    y: int
    scale: int
    weight: int
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
    errors: int
    stats: int
    end: int


def place(n: int, segments: int, rank: int, p: int) -> At:
    """Return where things lie for ``n`` samples in ``segments``, of rank ``rank``."""
    triangle, full = rank * (rank + 1) // 2, p * p
    over_samples = [n] * 5 + [segments] * 2
    matrices = [rank, p] + [rank] * 7 + [triangle] * 5 + [full]
    sizes = [*over_samples, *matrices, rank, rank, 1, 1, 1, 1, p, N_STATS]
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return At(n, segments, rank, p, *starts)


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
    n, r = rows.shape[0], columns.shape[0]
    changes = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    runs = [0, *changes.tolist(), n]
    cuts = [np.arange(runs[k], runs[k + 1], SEGMENT) for k in range(len(runs) - 1)]
    bounds = np.concatenate([*cuts, [n]]).astype(np.int64)
    chosen = rows[bounds[:-1]]
    basis = np.ascontiguousarray(chosen[:, :r])
    pairs = [(j, k) for j in range(r) for k in range(j + 1)]
    products = np.empty((basis.shape[0], len(pairs)))
    for place_of, (j, k) in enumerate(pairs):
        products[:, place_of] = basis[:, j] * basis[:, k]
    reach = float(np.sqrt(np.max(np.add.reduce(basis * basis, axis=1), initial=0.0)))
    return Frame(
        bounds, basis, products, np.ascontiguousarray(chosen[:, r:]),
        np.ascontiguousarray(to_coef), float(skeel), reach,
    )  # fmt: skip
