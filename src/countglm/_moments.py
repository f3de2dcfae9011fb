"""Mean and variance of the normalised counts of every gene (docs/math.md, 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._zero_rule import zero_rule

if TYPE_CHECKING:
    from ._model import Model
    from ._zero_rule import ZeroRule

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
# Entries of genes whose zeros are visited that are looked at together: 2 MB an array.
_ENTRIES = 1 << 18


def base_moments(model: Model, *, replay: bool = False) -> tuple[Floats, Floats]:
    """Return mean and variance (n_genes,) of the normalised counts (docs/math.md, 5.5).

    With weights the exact mode takes weighted moments; replay those of normalised counts times the
    weights as given, as DESeq2 does.  Where samples share their scale and weights, genes that are
    mostly zeros are summed over their other counts.
    """
    mean, variance = np.zeros(model.n_genes), np.zeros(model.n_genes)
    rule = None if replay else rule_of(model)

    def visit(genes: Index, counts: Floats) -> None:
        # Genes that are no neighbours share scale and weights.
        start, stop = int(genes[0]), int(genes[-1]) + 1
        q = counts / model.scale(start, stop)
        mean[genes], variance[genes] = _of_all(q, model.weight_rows(start, stop), replay)

    def task(start: int, stop: int) -> None:
        step = max(1, _ENTRIES // model.n_samples)
        if rule is None:
            for first in range(start, stop, step):
                last = min(first + step, stop)
                visit(np.arange(first, last), model.counts.block(first, last))
            return
        nonzeros = model.counts.nonzeros(start, stop)
        served = rule.serves(nonzeros.pointers, nonzeros.values)
        few, many = np.flatnonzero(served), np.flatnonzero(~served)
        weight = None if model.weights.given is None else rule.weight
        for row in few.tolist():
            entries = slice(int(nonzeros.pointers[row]), int(nonzeros.pointers[row + 1]))
            samples = nonzeros.samples[entries]
            q = nonzeros.values[entries] / rule.scale[samples]
            found = _of_nonzeros(q, samples, rule.n_samples, weight)
            mean[start + row], variance[start + row] = found
        for first in range(0, many.size, step):
            some = many[first : first + step]
            visit(start + some, nonzeros.take(some).dense(model.n_samples))

    model.each_block(task, "means")
    return mean, variance


def rule_of(model: Model) -> ZeroRule | None:
    """Return the groups of samples of a model, None where all zeros are to be visited."""
    offset, weight = model.offset.values, model.weights.values
    if model.options.zeros == "visit" or offset.ndim != 1 or weight.ndim != 1:
        return None
    return zero_rule(model.design.matrix, offset, weight)


def _of_all(q: Floats, weight: Floats | None, replay: bool) -> tuple[Floats, Floats]:
    """Return the moments (g,) of normalised counts (g, n) with weights (1, n) or (g, n)."""
    n = q.shape[1]
    if weight is None or replay:
        q = q if weight is None else q * weight
        m = np.add.reduce(q, axis=1) / n
        return m, np.add.reduce((q - m[:, None]) ** 2, axis=1) / (n - 1)
    total = np.maximum(np.add.reduce(np.broadcast_to(weight, q.shape), axis=1), 1e-300)
    m = np.add.reduce(weight * q, axis=1) / total
    spread = np.add.reduce(weight * (q - m[:, None]) ** 2, axis=1) / total
    return m, spread * (n / (n - 1))


def _of_nonzeros(
    q: Floats, samples: NDArray[np.int32], n: int, weight: Floats | None
) -> tuple[float, float]:
    """Return the moments of a gene from its normalised counts other than zero, of ``n``."""
    if weight is None:
        m = float(np.add.reduce(q)) / n
        squares = float(np.add.reduce((q - m) ** 2)) + (n - q.size) * m * m
        return m, squares / (n - 1)
    own = weight[samples]
    total = max(float(np.add.reduce(weight)), 1e-300)
    m = float(np.add.reduce(own * q)) / total
    zeros = max(total - float(np.add.reduce(own)), 0.0)
    squares = float(np.add.reduce(own * (q - m) ** 2)) + zeros * m * m
    return m, squares / total * (n / (n - 1))
