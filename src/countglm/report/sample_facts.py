"""Numbers about every sample of a fit, computed once for the sections that tell of samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm.report.comparison import level_names
from countglm.report.sample_groups import sample_names
from countglm.report.sample_places import (
    LEVERAGE_LEFT,
    Nearer,
    most_different,
    nearer_samples,
    projected,
)

if TYPE_CHECKING:
    from countglm.deresult import DEResult

Floats = NDArray[np.float64]

# More counts than this are not transformed for a picture (a gigabyte of memory), and of more
# samples a picture of each says nothing.
MOST_ENTRIES, MOST_SAMPLES = 40_000_000, 1000
# Genes of largest mean: those beyond them are hardly expressed.
_GENES = 20_000
# Variance left, in that of the median sample, from which a sample is unlike its group; squared
# distance to the own group, in that to another, from which it is nearer to the other.
UNEXPLAINED, NEARER = 4.0, 1.5


@dataclass(frozen=True, eq=False)
class SampleFacts:
    """What is known of the samples of a fit.

    Attributes
    ----------
    result : DEResult
        Any result of the fit.
    names : list of str
    """

    result: DEResult
    names: list[str]

    @property
    def with_counts(self) -> bool:
        """Are the counts of the fit at hand?"""
        return self.result.fit.counts is not None

    @property
    def few_enough(self) -> bool:
        """Can every sample be shown?"""
        fit = self.result.fit
        return fit.n_samples <= MOST_SAMPLES and fit.n_samples * fit.n_genes <= MOST_ENTRIES

    @cached_property
    def totals(self) -> Floats | None:
        """Counts of every sample in all (n_samples,); None without counts."""
        if not self.with_counts:
            return None
        from countglm._columns import column_totals
        from countglm._replaced import given_counts

        return np.asarray(column_totals(given_counts(self.result)), dtype=np.float64)

    @cached_property
    def factors(self) -> Floats:
        """What the counts of a sample were divided by (n_samples,), on average over the genes."""
        from countglm.plots._values import scale_of

        return np.asarray(scale_of(self.result).per_sample, dtype=np.float64)

    @cached_property
    def values(self) -> Floats | None:
        """Variance-stabilised counts (n_samples, n_genes); None where they cannot be had."""
        if not (self.with_counts and self.few_enough):
            return None
        from countglm.plots._values import stabilized

        return stabilized(self.result)

    @cached_property
    def clear_values(self) -> Floats | None:
        """The values of the genes of largest mean (n_samples, up to 20,000)."""
        if self.values is None:
            return None
        genes = np.sort(np.argsort(-self.result.fit.base_mean, kind="stable")[:_GENES])
        return np.asarray(self.values[:, genes])

    @cached_property
    def unexplained(self) -> Floats | None:
        """Variance that the design leaves to a sample, in that of the median sample (n_samples,).

        Of the clear genes to which most is left; NaN for a sample that the design fits exactly.
        """
        values, design = self.clear_values, self.result.fit.design.matrix
        if values is None:
            return None
        return left_by(design, values[:, most_different(projected(design, values).rest)])

    @cached_property
    def nearer(self) -> list[Nearer]:
        """Samples that lie nearer to another group than to the rest of their own.

        Not those that only share a group with a sample that is unlike it: they lie as they should.
        """
        if self.clear_values is None or self.unexplained is None:
            return []
        found = nearer_samples(self.result.fit.design, self.clear_values, NEARER)
        if not found:
            return []
        unlike = np.nan_to_num(self.unexplained) > UNEXPLAINED
        levels = level_names(self.result.fit.design)
        return [
            each
            for each in found
            if unlike[each.sample]
            or not unlike[np.array(levels[each.factor], dtype=object) == each.own].any()
        ]

    @cached_property
    def far_counts(self) -> Floats | None:
        """The Cook's distance that one gene in twenty exceeds, by sample (n_samples,)."""
        n, p = self.result.fit.design.matrix.shape
        if not (self.with_counts and self.few_enough) or n <= p:
            return None
        from countglm.plots._cooks import cooks_quantiles

        return np.asarray(cooks_quantiles(self.result)[4])

    @cached_property
    def replaced(self) -> NDArray[np.intp]:
        """Counts of every sample that were replaced as outliers (n_samples,)."""
        outliers, n = self.result.outliers, self.result.fit.n_samples
        if outliers is None:
            return np.zeros(n, dtype=np.intp)
        return np.bincount(outliers.replaced_sample, minlength=n)


def sample_facts(result: DEResult) -> SampleFacts:
    """Return what is known of the samples of the fit of ``result``."""
    return SampleFacts(result, sample_names(result.fit.design))


def left_by(design: Floats, values: Floats) -> Floats:
    """Return the mean square (n,) that a design (n, p) leaves to the rows of ``values`` (n, G).

    Corrected for what a sample's own leverage hides, and in units of the median sample. NaN where
    next to nothing can be left.
    """
    seen = projected(design, values)
    leverage = seen.leverage
    square = np.mean(seen.rest**2, axis=1)
    square = np.where(leverage < 1.0 - LEVERAGE_LEFT, square, np.nan)
    square /= np.where(leverage < 1.0, 1.0 - leverage, 1.0)
    middle = float(np.nanmedian(square)) if np.isfinite(square).any() else 0.0
    return square / middle if middle > 0.0 else np.full(square.shape, np.nan)
