"""Outlying counts: flagged by Cook's distance, or replaced and the gene fitted again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._model import Model
from .cooks import (
    cooks_cutoff,
    cooks_distances,
    cooks_outliers,
    max_cooks,
    replace_outliers,
)
from .errors import InputError

if TYPE_CHECKING:
    from .dispersion import Steps
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


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


def resolve_cutoff(cooks: Any, n: int, p: int) -> float:
    """Return the cutoff for ``cooks=``: None or True for the 99% quantile of F, False for none."""
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
    n, p = x.shape
    largest = np.full(model.n_genes, np.nan)
    flagged = np.zeros(model.n_genes, dtype=np.bool_)
    refit = np.zeros(model.n_genes, dtype=np.bool_)
    pieces: dict[int, tuple[Index, Floats, Floats]] = {}
    two_levels = _is_two_level(model)

    def task(start: int, stop: int) -> None:
        y, scale = model.counts.block(start, stop), model.scale(start, stop)
        mu, hat = steps.entries(fit, start, stop)
        distances = cooks_distances(y, scale, mu, hat, x, p=p)
        distances = np.where(np.isnan(fit.dispersion[start:stop, None]), np.nan, distances)
        changed, _, replaceable = replace_outliers(y, scale, distances, cutoff, x, min_replicates)
        # A gene whose outliers cannot be replaced would come out the same again.
        rows = (changed != y).any(axis=1)
        refit[start:stop] = rows
        if rows.any():
            pieces[start] = (start + np.flatnonzero(rows), y[rows], changed[rows])
        if replaceable.all():
            return
        left = np.where(replaceable, 0.0, distances)
        largest[start:stop] = max_cooks(left, x)
        flagged[start:stop] = cooks_outliers(
            largest[start:stop], cutoff, left, y, x, two_level_factor=two_levels
        )

    model.each_block(task, "Cook's distances")
    genes, old, new = _joined(pieces, n)
    where = np.argwhere(old != new)
    outliers = Outliers(
        max_cooks=largest, cutoff=cutoff, outlier=flagged, refitted=refit,
        replaced_gene=genes[where[:, 0]], replaced_sample=where[:, 1],
        replaced_count=new[where[:, 0], where[:, 1]],
    )  # fmt: skip
    return outliers, new


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
    """Is the design one factor of two levels (and its intercept)?"""
    factors = model.design.factors
    alone = len(factors) == 1 and len(model.design.names) <= 2
    return alone and all(len(levels) == 2 for levels in factors.values())
