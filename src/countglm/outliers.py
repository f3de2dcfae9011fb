"""Outlying counts: flagged by Cook's distance, or replaced and the gene fitted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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


def find_outliers(
    fit: GLMFit, steps: Steps, cutoff: float, min_replicates: float
) -> tuple[Outliers, Floats]:
    """Return the outliers of a fit, and the counts (g, n) of the genes to fit again.

    Genes with an outlier among at least ``min_replicates`` replicates get it replaced; what is
    left after that, in groups of three or more, flags the gene (docs/math.md, section 10).
    """
    model, x = steps.model, steps.model.design.matrix
    largest = np.full(model.n_genes, np.nan)
    flagged = np.zeros(model.n_genes, dtype=np.bool_)
    refit = np.zeros(model.n_genes, dtype=np.bool_)
    pieces: dict[int, tuple[Index, Floats, Floats]] = {}
    rules = _Rules(cutoff, min_replicates, _is_two_level(model))

    def task(start: int, stop: int) -> None:
        y = model.counts.block(start, stop)
        scale = np.broadcast_to(model.scale(start, stop), y.shape)
        mu, hat, weights = steps.entries(fit, start, stop)
        hat = np.where(np.isnan(fit.dispersion[start:stop, None]), np.nan, hat)
        if weights is None:
            found = rules.inspect(y, scale, mu, hat, None, x)
            changed, largest[start:stop], flagged[start:stop] = found
        else:
            changed = y.copy()
            for rows, columns in _weighted_alike(weights):
                at = np.ix_(rows, columns)
                parts = (y[at], scale[at], mu[at], hat[at], weights[at])
                found = rules.inspect(*parts, x[columns])
                changed[at], largest[start + rows], flagged[start + rows] = found
        # A gene whose outliers cannot be replaced would come out the same again.
        genes = np.flatnonzero(False if changed is y else (changed != y).any(axis=1))
        if genes.size:
            refit[start + genes] = True
            pieces[start] = (start + genes, y[genes], changed[genes])

    if model.weights.given is not None or samples_in_cells(x, MIN_CELL).any():
        wide = max(model.block, _TILE_ENTRIES // model.n_samples, _LEAST_GENES)
        model.each_block(task, "Cook's distances", block=wide)
    again, old, new = _joined(pieces, model.n_samples)
    where = np.argwhere(old != new)
    outliers = Outliers(
        max_cooks=largest, cutoff=cutoff, outlier=flagged, refitted=refit,
        replaced_gene=again[where[:, 0]], replaced_sample=where[:, 1],
        replaced_count=new[where[:, 0], where[:, 1]],
    )  # fmt: skip
    return outliers, new


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


def _joined(
    pieces: dict[int, tuple[Index, Floats, Floats]], n: int
) -> tuple[Index, Floats, Floats]:
    parts = [pieces[start] for start in sorted(pieces)]
    if not parts:
        return np.zeros(0, dtype=np.intp), np.zeros((0, n)), np.zeros((0, n))
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )


def _is_two_level(model: Model) -> bool:
    """Is the only factor one of two levels?  `cooks_outliers` asks for two columns as well."""
    return [len(levels) for levels in model.design.factors.values()] == [2]
