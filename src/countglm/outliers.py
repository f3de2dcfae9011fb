"""Outlying counts: flagged by Cook's distance, or replaced and the gene fitted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._cooks_by_rule import CooksByRule
from ._grouped_fit import grouped_fit
from ._model import Model
from ._trimmed_moments import MIN_CELL, samples_in_cells
from .cooks import (
    Replacement,
    cooks_cutoff,
    cooks_distances,
    cooks_outliers,
    max_cooks,
    may_exceed,
    replace_outliers,
)
from .errors import InputError

if TYPE_CHECKING:
    from .dispersion import Steps
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Entries that are looked at together, 256 kB an array, but some genes at least.
_TILE_ENTRIES = 1 << 15
_LEAST_GENES = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Outliers:
    """Cook's distances of a fit.

    Attributes
    ----------
    max_cooks : (n_genes,)
        Largest distance over samples with at least three replicates; NaN where none is left.
    cutoff : float
        Distance from which a count is an outlier; infinite where nothing is flagged.
    outlier : (n_genes,) bool
        Genes that lose their p-value.
    refitted : (n_genes,) bool
        Genes fitted again with replaced counts.
    replaced_gene, replaced_sample : (m,) intp
        Where counts were replaced.
    replaced_count : (m,)
        What they were replaced by.
    """

    max_cooks: Floats
    cutoff: float
    outlier: Mask
    refitted: Mask
    replaced_gene: Index
    replaced_sample: Index
    replaced_count: Floats


def resolve_cutoff(cooks: Any, model: Model, mode: str) -> float:
    """Return the cutoff for ``cooks=``: None or True for the 99% quantile of F, False for none.

    Samples without weight do not count, but in replay, where they do.
    """
    n, p = model.design.matrix.shape
    n = n if mode == "replay" else model.n_weighted
    if cooks is False:
        return np.inf
    if cooks is None or cooks is True:
        return cooks_cutoff(n, p) if n > p else np.inf
    if not isinstance(cooks, int | float | np.number) or not cooks > 0.0:
        raise InputError(
            f"cooks_cutoff={cooks!r} must be a positive number, None for the 99% quantile of "
            "F(p, n - p), or False to flag nothing."
        )
    return float(cooks)


def find_outliers(fit: GLMFit, steps: Steps, cutoff: float, min_replicates: float) -> Outliers:
    """Return the outliers of a fit.

    Genes with an outlier among at least ``min_replicates`` replicates get it replaced; what is
    left after that, in groups of three or more, flags the gene (docs/math.md, section 10).
    """
    model = steps.model
    found = _Found(model.n_genes)
    visits = _Visits(fit, steps, _Rules(cutoff, min_replicates, _is_two_level(model)), found)
    by_rule = _by_rule(fit, steps, cutoff, min_replicates)

    def task(start: int, stop: int) -> None:
        if by_rule is None:
            for first in range(start, stop, visits.step):
                genes = np.arange(first, min(first + visits.step, stop))
                visits.inspect(genes, model.counts.block(first, first + genes.size))
            return
        nonzeros = model.counts.nonzeros(start, stop)
        served = by_rule.serves(nonzeros)
        few = np.flatnonzero(served)
        seen = by_rule.inspect(start + few, nonzeros.take(few))
        found.largest[start + few], found.flagged[start + few] = seen.largest, seen.flagged
        found.replace(start + few[seen.row], seen.sample, seen.count)
        many = np.sort(np.concatenate([np.flatnonzero(~served), few[seen.left]]))
        for first in range(0, many.size, visits.step):
            some = many[first : first + visits.step]
            visits.inspect(start + some, nonzeros.take(some).dense(model.n_samples))

    if model.weights.given is not None or samples_in_cells(model.design.matrix, MIN_CELL).any():
        wide = max(model.block, visits.step)
        model.each_block(task, "Cook's distances", block=wide)
    return found.outliers(cutoff)


def _by_rule(fit: GLMFit, steps: Steps, cutoff: float, min_replicates: float) -> CooksByRule | None:
    """Return how genes that are mostly zeros are inspected, None where all counts are visited."""
    model = steps.model
    if steps.replay or model.weights.given is not None or model.options.zeros == "visit":
        return None
    grouped = grouped_fit(fit)
    if grouped is None:
        return None
    rules = CooksByRule(grouped, cutoff, min_replicates, _is_two_level(model))
    return rules if rules.applies else None


class _Found:
    """What is found; every block writes rows of its own."""

    def __init__(self, n_genes: int) -> None:
        self.largest: Floats = np.full(n_genes, np.nan)
        self.flagged: Mask = np.zeros(n_genes, dtype=np.bool_)
        self._replaced: list[tuple[Index, Index, Floats]] = []

    def replace(self, genes: Index, samples: Index, counts: Floats) -> None:
        """Keep what counts (m,) are to be replaced by."""
        if genes.size:
            self._replaced.append((genes, samples, counts))

    def outliers(self, cutoff: float) -> Outliers:
        """Return everything, replaced counts gene by gene and sample by sample."""
        none = (np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros(0))
        gene, sample, count = map(np.concatenate, zip(none, *self._replaced, strict=True))
        order = np.lexsort((sample, gene))
        # A gene whose outliers cannot be replaced would come out the same again.
        refitted = np.zeros(self.flagged.size, dtype=np.bool_)
        refitted[gene] = True
        return Outliers(
            max_cooks=self.largest, cutoff=cutoff, outlier=self.flagged, refitted=refitted,
            replaced_gene=gene[order], replaced_sample=sample[order],
            replaced_count=count[order],
        )  # fmt: skip


class _Visits:
    """Cook's distances of every sample, for some genes at a time."""

    def __init__(self, fit: GLMFit, steps: Steps, rules: _Rules, found: _Found) -> None:
        self._fit, self._steps, self._rules, self._found = fit, steps, rules, found
        n = steps.model.n_samples
        self.step = max(_TILE_ENTRIES // n, _LEAST_GENES if n <= _TILE_ENTRIES else 1)

    def inspect(self, genes: Index, y: Floats) -> None:
        """Inspect ``genes``, ascending, whose counts (g, n) are given."""
        model, found = self._steps.model, self._found
        x = model.design.matrix
        start, stop = int(genes[0]), int(genes[-1]) + 1
        rows = slice(None) if genes.size == stop - start else genes - start
        scale = np.broadcast_to(model.scale(start, stop), (stop - start, y.shape[1]))[rows]
        mu, hat, weights = self._steps.entries(self._fit, start, stop)
        mu, hat = mu[rows], hat[rows]
        hat = np.where(np.isnan(self._fit.dispersion[genes, None]), np.nan, hat)
        if weights is None:
            parts = self._rules.inspect(y, scale, mu, hat, None, x)
            changed, found.largest[genes], found.flagged[genes] = parts
        else:
            weights, changed = weights[rows], y.copy()
            for alike, columns in _weighted_alike(weights):
                at = np.ix_(alike, columns)
                some = (y[at], scale[at], mu[at], hat[at], weights[at])
                parts = self._rules.inspect(*some, x[columns])
                changed[at], found.largest[genes[alike]], found.flagged[genes[alike]] = parts
        if changed is not y:
            row, sample = np.nonzero(changed != y)
            found.replace(genes[row], sample, changed[row, sample])


@dataclass(frozen=True, eq=False)
class _Rules:
    cutoff: float
    min_replicates: float
    two_levels: bool

    def inspect(
        self,
        y: Floats,
        scale: Floats,
        mu: Floats,
        hat: Floats,
        weights: Floats | None,
        x: Floats,
    ) -> tuple[Floats, Floats, Mask]:
        """Return counts with outliers replaced, largest distances left, and genes flagged."""
        unknown, nothing = np.full(y.shape[0], np.nan), np.zeros(y.shape[0], dtype=np.bool_)
        if not samples_in_cells(x, MIN_CELL).any():
            return y, unknown, nothing
        if samples_in_cells(x, self.min_replicates).all():
            # Then no distance is reported, and most genes are far from the cutoff.
            genes = np.flatnonzero(may_exceed(self.cutoff, y, mu, hat, x.shape[1], weights))
            if not genes.size:
                return y, unknown, nothing
            w = None if weights is None else weights[genes]
            parts = (y[genes], scale[genes], mu[genes], hat[genes])
            changed = y.copy()
            changed[genes] = self._replaced(*parts, w, x)[0].counts
            return changed, unknown, nothing
        replacement, distances = self._replaced(y, scale, mu, hat, weights, x)
        left = distances
        if replacement.replaceable.any():
            left = np.where(replacement.replaceable, 0.0, distances)
        most = max_cooks(left, x)
        outlier = cooks_outliers(most, self.cutoff, left, y, x, two_level_factor=self.two_levels)
        return replacement.counts, most, outlier

    def _replaced(
        self,
        y: Floats,
        scale: Floats,
        mu: Floats,
        hat: Floats,
        weights: Floats | None,
        x: Floats,
    ) -> tuple[Replacement, Floats]:
        distances = cooks_distances(y, scale, mu, hat, x, weights=weights)
        least = self.min_replicates
        return replace_outliers(y, scale, distances, self.cutoff, x, least), distances


def _weighted_alike(weights: Floats) -> Iterator[tuple[Index, Index]]:
    """Yield genes (rows) whose weights are positive in the same samples, and those samples."""
    patterns, group = np.unique(weights > 0.0, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        if pattern.any():
            yield np.flatnonzero(group.reshape(-1) == k), np.flatnonzero(pattern)


def _is_two_level(model: Model) -> bool:
    """Is the only factor one of two levels?  `cooks_outliers` asks for two columns as well."""
    return [len(levels) for levels in model.design.factors.values()] == [2]
