"""What a fit found of some genes, as arrays by name that can be sent and kept, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._fit_arrays import _BY_GENE, GeneTrace
from ._tiles import Learnt

if TYPE_CHECKING:
    from ._fitting import Problem

Arrays = dict[str, NDArray[Any]]
Mask = NDArray[np.bool_]
_LEARNT = "learnt_"
_TRACE = "trace_"


def arrays_of(problem: Problem) -> Arrays:
    """Return everything that the fit of a problem found, one row a gene."""
    arrays: Arrays = {name: getattr(problem, name) for name in _BY_GENE}
    if problem.learnt is not None:
        arrays |= {_LEARNT + name: rows for name, rows in problem.learnt._asdict().items()}
    masks: dict[bytes, int] = {}
    kinds = np.full(len(problem.separated), -1, dtype=np.int32)
    for gene, mask in enumerate(problem.separated):
        if mask is not None:
            kinds[gene] = masks.setdefault(np.packbits(mask).tobytes(), len(masks))
    packed = np.frombuffer(b"".join(masks), dtype=np.uint8)
    arrays["separated"] = kinds
    arrays["separated_masks"] = packed.reshape(len(masks), -(-problem.counts.n_samples // 8))
    if problem.options.trace and problem.finish:
        arrays |= _traces(problem.traces)
    return arrays


def _traces(traces: list[GeneTrace | None]) -> Arrays:
    """Return the iterates of all genes one after another, and how many (g,) each gene has."""
    known = [trace for trace in traces if trace is not None]
    steps = [-1 if trace is None else trace.kind.size for trace in traces]
    out: Arrays = {_TRACE + "steps": np.array(steps, dtype=np.int64)}
    for name in GeneTrace._fields:
        if known:
            out[_TRACE + name] = np.concatenate([getattr(trace, name) for trace in known])
    return out


class Collector:
    """Puts the arrays of parts in their places in a problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        # Genes share the masks of separated samples, which are long.
        self._masks: dict[bytes, Mask] = {}

    def put(self, start: int, stop: int, arrays: Arrays) -> None:
        """Write what was found of genes [start, stop)."""
        problem = self._problem
        for name in _BY_GENE:
            getattr(problem, name)[start:stop] = arrays[name]
        if _LEARNT + Learnt._fields[0] in arrays:
            self._put_learnt(start, stop, arrays)
        masks = [self._mask(row) for row in arrays["separated_masks"]]
        for gene, kind in enumerate(arrays["separated"].tolist(), start):
            problem.separated[gene] = None if kind < 0 else masks[kind]
        if _TRACE + "steps" in arrays:
            self._put_traces(start, arrays)

    def _put_learnt(self, start: int, stop: int, arrays: Arrays) -> None:
        problem, names = self._problem, Learnt._fields
        if problem.learnt is None:
            shapes = [(problem.counts.n_genes, *arrays[_LEARNT + name].shape[1:]) for name in names]
            problem.learnt = Learnt(*(np.empty(shape) for shape in shapes))
        for name, rows in problem.learnt._asdict().items():
            rows[start:stop] = arrays[_LEARNT + name]

    def _mask(self, packed: NDArray[np.uint8]) -> Mask:
        key = packed.tobytes()
        if key not in self._masks:
            n = self._problem.counts.n_samples
            self._masks[key] = np.unpackbits(packed, count=n).astype(np.bool_)
        return self._masks[key]

    def _put_traces(self, start: int, arrays: Arrays) -> None:
        at = 0
        for gene, steps in enumerate(arrays[_TRACE + "steps"].tolist(), start):
            if steps < 0:
                continue
            rows = slice(at, at + steps)
            fields = (arrays[_TRACE + name][rows].copy() for name in GeneTrace._fields)
            self._problem.traces[gene] = GeneTrace(*fields)
            at += steps
