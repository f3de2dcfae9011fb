"""Cook's distances of samples in few groups, from the counts that may stand out.

In a group of samples with equal rows of the design the leverage is shared in proportion to the
information, so that both it and the distance of a zero grow with the sample's scale.  Equation
numbers refer to docs/math.md, section 10, where the bounds are proved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._trimmed_moments import MIN_CELL, MIN_ROBUST_DISPERSION
from ._trimmed_nonzeros import robust_dispersion_with_zeros, trimmed_mean_with_zeros
from .cooks import REPLACEMENT_TRIM, distances_at, hat_diagonal

if TYPE_CHECKING:
    from ._grouped_fit import GroupedFit
    from ._nonzeros import Nonzeros

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
# What rounding may take from a bound.
_SLACK = 1.0 - 1e-9
# Samples of which a gene takes longer to visit all than to be looked at by itself.
_MANY = 1 << 14
# Samples beyond this share are not few: then all are visited.
_MOST_VISITED = 0.25


@dataclass(frozen=True, eq=False)
class Inspected:
    """What was found in some genes (g,).

    ``largest`` and ``flagged`` as in `Outliers`; ``row, sample, count`` (m,) what is replaced by
    what; ``left`` (g,) genes that have to be looked at sample by sample.
    """

    largest: Floats
    flagged: Mask
    row: Index
    sample: Index
    count: Floats
    left: Mask


@dataclass(frozen=True, eq=False)
class CooksByRule:
    """Cook's distances of a fit with few groups of samples and without weights.

    Attributes
    ----------
    grouped : GroupedFit
    cutoff : float
        Distance over which a count is an outlier.
    min_replicates : float
        Samples of a group from which on outliers are replaced.
    two_levels : bool
        The design is one factor of two levels; see `cooks_outliers`.
    """

    grouped: GroupedFit
    cutoff: float
    min_replicates: float
    two_levels: bool

    @property
    def applies(self) -> bool:
        """Whether few zeros need a visit, whatever the counts."""
        return self.most_zeros * self.sizes.size <= _MOST_VISITED * self.grouped.rule.n_samples

    @cached_property
    def sizes(self) -> Index:
        return self.grouped.rule.sizes

    @cached_property
    def replaceable(self) -> Mask:
        """Groups (G,) in which outliers are replaced."""
        return self.sizes >= self.min_replicates

    @cached_property
    def reports(self) -> bool:
        """Whether distances are left to report where outliers are replaced."""
        return not bool(self.replaceable.all())

    def serves(self, nonzeros: Nonzeros) -> Mask:
        """Return which genes (g,) are inspected here.

        All, where samples are many and most genes are done with a bound; else those whose zeros are
        worth sparing.
        """
        if self.reports or self.grouped.rule.n_samples < _MANY:
            return self.grouped.rule.serves(nonzeros.pointers, nonzeros.values)
        return np.ones(nonzeros.n_genes, dtype=np.bool_)

    @cached_property
    def most_zeros(self) -> int:
        """The most zeros of a group that can exceed the cutoff (eq. 10.9)."""
        a = self.grouped.rule.rows.shape[1] * self.cutoff * MIN_ROBUST_DISPERSION * _SLACK
        least = ((2.0 * a + 1.0) - math.sqrt(4.0 * a + 1.0)) / (2.0 * a)
        return math.floor(1.0 / (least * _SLACK)) if least > 0.0 else self.grouped.rule.n_samples

    @cached_property
    def order(self) -> Index:
        """Samples by group, the largest scale first."""
        rule = self.grouped.rule
        return np.lexsort((-rule.scale, rule.group))

    @cached_property
    def starts(self) -> Index:
        """Where each group begins in `order` (G + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @cached_property
    def place(self) -> Index:
        """Where each sample (n,) stands in `order`."""
        place = np.empty(self.order.size, dtype=np.intp)
        place[self.order] = np.arange(self.order.size)
        return place

    @cached_property
    def top(self) -> Index:
        """Places in `order` of the samples whose zeros can exceed the cutoff, ascending."""
        ends = np.minimum(self.starts[:-1] + self.most_zeros, self.starts[1:])
        pairs = zip(self.starts[:-1].tolist(), ends.tolist(), strict=True)
        return np.concatenate([np.arange(a, b) for a, b in pairs])

    def inspect(self, genes: Index, nonzeros: Nonzeros) -> Inspected:
        """Return what is found in ``genes`` (positions in the fit), whose counts are given."""
        grouped, size = self.grouped, genes.size
        mean = grouped.means(genes)
        information = grouped.information(genes, mean)
        sound = np.isfinite(information)
        hat = hat_diagonal(grouped.rule.rows, np.where(sound, information, 0.0))
        alpha = grouped.fit.dispersion[genes]
        # Distances of groups whose outliers are replaced count as 0 in what is left.
        nothing = 0.0 if self.reports and self.replaceable.any() else np.nan
        largest, flagged = np.full(size, nothing), np.zeros(size, dtype=np.bool_)
        left = np.zeros(size, dtype=np.bool_)
        known = ~np.isnan(alpha) & ~np.isnan(mean).any(axis=1)
        odd = known & ~sound.all(axis=1)
        looked = known & ~odd
        if not self.reports:
            looked &= self._may_exceed(mean, alpha, information, hat, nonzeros)
        found: list[tuple[int, Index, Floats]] = []
        for row in np.flatnonzero(looked).tolist():
            entries = slice(int(nonzeros.pointers[row]), int(nonzeros.pointers[row + 1]))
            gene = _Gene(
                self, nonzeros.samples[entries], nonzeros.values[entries], mean[row],
                float(alpha[row]), information[row], hat[row],
            )  # fmt: skip
            left[row] = gene.unusual
            if gene.unusual:
                continue
            found.append((row, *gene.replacement))
            if self.reports:
                largest[row], flagged[row] = gene.left_over
        left |= odd
        rows = [np.full(samples.size, row) for row, samples, _ in found]
        return Inspected(
            largest, flagged, np.concatenate([np.zeros(0, dtype=np.intp), *rows]),
            np.concatenate([np.zeros(0, dtype=np.intp), *(samples for _, samples, _ in found)]),
            np.concatenate([np.zeros(0), *(counts for _, _, counts in found)]), left,
        )  # fmt: skip

    def _may_exceed(
        self, mean: Floats, alpha: Floats, information: Floats, hat: Floats, nonzeros: Nonzeros
    ) -> Mask:
        """Return the genes (g,) in which a distance may exceed the cutoff (eq. 10.8)."""
        rule = self.grouped.rule
        most = np.zeros(mean.shape[0])
        filled = np.flatnonzero(np.diff(nonzeros.pointers))
        if filled.size:
            most[filled] = np.maximum.reduceat(nonzeros.values, nonzeros.pointers[filled])
        least, largest = rule.extent[:, 0] * mean, rule.extent[:, 1] * mean
        alpha = alpha[:, None]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            share = np.where(information > 0.0, hat / information, 0.0)
            leverage = largest / (1.0 + alpha * largest) * share
            bound = np.maximum(most[:, None], largest) ** 2 * share
            bound /= (1.0 + alpha * least) * (1.0 + MIN_ROBUST_DISPERSION * least)
            bound /= np.where(leverage < _SLACK, (1.0 - leverage) ** 2, 0.0) * rule.rows.shape[1]
        # What is not a number, such as 0/0, tells nothing.
        return np.asarray((~(bound <= self.cutoff * _SLACK) & (share > 0.0)).any(axis=1))

    def zeros_to_visit(self, samples: NDArray[np.int32]) -> Index:
        """Return the zeros whose distance may exceed the cutoff, or is the largest of a group.

        ``samples`` are those of the other counts.
        """
        places = np.sort(self.place[samples])
        wanted = self.top
        if self.reports:
            wanted = np.union1d(wanted, self._first_zeros(places))
        at = np.minimum(np.searchsorted(places, wanted), places.size - 1)
        return np.asarray(self.order[wanted[places[at] != wanted]])

    def _first_zeros(self, places: Index) -> Index:
        """Return the place of the first zero of every group that has one."""
        bounds = np.searchsorted(places, self.starts)
        firsts = []
        for k, start in enumerate(self.starts[:-1].tolist()):
            within = places[bounds[k] : bounds[k + 1]] - start
            # As long as no zero comes between, the others are numbered without a gap.
            before = int(np.count_nonzero(within == np.arange(within.size)))
            if before < self.sizes[k]:
                firsts.append(start + before)
        return np.array(firsts, dtype=np.intp)


class _Gene:
    """One gene by the counts that may stand out: those other than zero, and some zeros."""

    def __init__(
        self,
        rules: CooksByRule,
        samples: NDArray[np.int32],
        values: Floats,
        mean: Floats,
        alpha: float,
        information: Floats,
        hat: Floats,
    ) -> None:
        rule = rules.grouped.rule
        self.rules = rules
        self.q = values / rule.scale[samples]
        self.q_group = rule.group[samples]
        zeros = rules.zeros_to_visit(samples)
        visited = np.concatenate([samples, zeros])
        order = np.argsort(visited)
        self.samples = visited[order]
        self.y = np.concatenate([values, np.zeros(zeros.size)])[order]
        self.group = rule.group[self.samples]
        self.mu = rule.scale[self.samples] * mean[self.group]
        self.leverage = self.mu / (1.0 + alpha * self.mu)
        self.leverage /= np.where(information > 0.0, information, 1.0)[self.group]
        self.leverage *= hat[self.group]

    @property
    def unusual(self) -> bool:
        """Whether zeros that are not visited may matter after all."""
        shared = self.rules.sizes[self.group] > 1
        hidden = ~(self.leverage < 1.0) & (self.y == 0.0) & shared
        return bool(~np.isfinite(self.leverage).all() | (self.rules.reports and hidden.any()))

    def _distances(self, alpha: float) -> Floats:
        p = self.rules.grouped.rule.rows.shape[1]
        distance = distances_at(self.y, self.mu, self.leverage, alpha, p, None)
        return np.where(self.leverage < 1.0, distance, np.nan)

    @cached_property
    def distances(self) -> Floats:
        """Cook's distances of the visited samples (eq. 10.4)."""
        alpha = robust_dispersion_with_zeros(self.q, self.q_group, self.rules.sizes)
        return self._distances(alpha)

    @cached_property
    def replacement(self) -> tuple[Index, Floats]:
        """Samples whose counts are replaced, and by what (eq. 10.7)."""
        rules = self.rules
        over = rules.replaceable[self.group]
        with np.errstate(invalid="ignore"):
            # No distance is larger than under the least dispersion.
            over = over & (self._distances(MIN_ROBUST_DISPERSION) > rules.cutoff)
            if over.any():
                over &= self.distances > rules.cutoff
        samples = self.samples[over].astype(np.intp)
        if not samples.size:
            return samples, np.zeros(0)
        n = rules.grouped.rule.n_samples
        mean = trimmed_mean_with_zeros(np.sort(self.q), n, REPLACEMENT_TRIM)
        counts = np.trunc(mean * rules.grouped.rule.scale[samples])
        changed = counts != self.y[over]
        return samples[changed], counts[changed]

    @property
    def left_over(self) -> tuple[float, bool]:
        """The largest distance where nothing is replaced, and whether it flags the gene."""
        rules = self.rules
        left = np.where(rules.replaceable[self.group], 0.0, self.distances)
        counted = left[rules.sizes[self.group] >= MIN_CELL]
        most = float(np.fmax.reduce(counted, initial=0.0 if rules.replaceable.any() else np.nan))
        flagged = most > rules.cutoff
        if flagged and rules.two_levels and rules.grouped.rule.rows.shape[1] == 2:
            worst = self.y[np.argmax(np.where(np.isnan(left), -1.0, left))]
            flagged = int(np.count_nonzero(self.y > worst)) < MIN_CELL
        return most, flagged
