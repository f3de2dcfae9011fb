"""A fit whose samples fall into few groups with equal rows of the design.

What is summed over the samples of a group is a sum of one smooth function of their log scales, and
the nodes of the rule of the zeros give it (docs/math.md, 3.7): no sample is visited.  Arrays are
one row a gene, one column a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cells import add_rows
from ._zero_rule import zero_rule
from .status import Status

if TYPE_CHECKING:
    from ._nonzeros import Nonzeros
    from ._zero_rule import ZeroRule
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class NonzeroMeans(NamedTuple):
    """Of counts other than zero of some genes: gene (row), place and fitted mean of each (nnz,).

    ``place`` is that of gene and group in an array of genes x groups, flattened.
    """

    row: Index
    place: Index
    mu: Floats


@dataclass(frozen=True, eq=False)
class GroupedFit:
    """A fit, the rule of its groups of samples, and their log scales (n,)."""

    fit: GLMFit
    rule: ZeroRule
    offset: Floats

    @cached_property
    def node_scale(self) -> Floats:
        """What means are multiplied by at the nodes (m,)."""
        return np.exp(self.rule.nodes)

    @cached_property
    def first(self) -> Index:
        """A sample of every group (G,), of positive weight if there is one."""
        rule = self.rule
        first = np.zeros(rule.sizes.size, dtype=np.intp)
        for samples in (np.arange(rule.n_samples), np.flatnonzero(rule.weight > 0.0)):
            first[rule.group[samples[::-1]]] = samples[::-1]
        return first

    def means(self, genes: Index) -> Floats:
        """Return fitted means per unit of scale (g, G): 0 where separated, NaN without a fit."""
        fit, rows = self.fit, self.rule.rows
        eta = np.zeros((genes.size, rows.shape[0]))
        # One column after another: the order of addition is fixed, unlike in a BLAS product.
        for j in range(rows.shape[1]):
            eta += fit.finite_coefficients[genes, j, None] * rows[:, j]
        with np.errstate(over="ignore"):
            mean: Floats = np.exp(eta)
        pattern = fit.separation_pattern[genes]
        gone = np.flatnonzero(pattern >= 0)
        if gone.size:
            # Samples of a group are separated together.
            separated = fit.separated_samples[:, self.first][pattern[gone]]
            mean[gone] = np.where(separated, 0.0, mean[gone])
        mean[np.isin(fit.status[genes], (Status.ALL_ZERO, Status.INVALID))] = np.nan
        return mean

    def information(self, genes: Index, mean: Floats) -> Floats:
        """Return the expected information in eta of all samples of every group (g, G).

        ``mean`` is of `means`; NaN where that is, or is beyond all numbers.
        """
        mu, alpha = self._at_nodes(genes, mean)
        return self._sums(mu / (1.0 + alpha * mu))

    def observed_information(self, genes: Index, mean: Floats, nonzeros: Nonzeros) -> Floats:
        """Return the observed information in eta of all samples of every group (g, G)."""
        mu, alpha = self._at_nodes(genes, mean)
        total = self._sums(mu / (1.0 + alpha * mu) ** 2)
        found = self.nonzero_means(mean, nonzeros)
        alpha = self.fit.dispersion[genes][found.row]
        more = alpha * nonzeros.values * found.mu / (1.0 + alpha * found.mu) ** 2
        more *= self.rule.weight[nonzeros.samples]
        added = np.bincount(found.place, weights=more, minlength=total.size).reshape(total.shape)
        return total + added

    def nonzero_means(self, mean: Floats, nonzeros: Nonzeros) -> NonzeroMeans:
        """Return the fitted means of the counts other than zero."""
        row = np.repeat(np.arange(nonzeros.n_genes), np.diff(nonzeros.pointers))
        place = row * mean.shape[1] + self.rule.group[nonzeros.samples]
        return NonzeroMeans(row, place, self.rule.scale[nonzeros.samples] * np.take(mean, place))

    def _at_nodes(self, genes: Index, mean: Floats) -> tuple[Floats, Floats]:
        """Return fitted means (m, g) at the nodes, and dispersions (g,)."""
        counts = np.diff(self.rule.bounds)
        with np.errstate(over="ignore"):
            mu = np.repeat(np.ascontiguousarray(mean.T), counts, axis=0) * self.node_scale[:, None]
        return mu, self.fit.dispersion[genes]

    def _sums(self, values: Floats) -> Floats:
        """Return the sums (g, G) of values (m, g) at the nodes."""
        values *= self.rule.masses[:, None]
        bounds = self.rule.bounds.tolist()
        parts = [add_rows(values[a:b]) for a, b in pairwise(bounds)]
        return np.ascontiguousarray(np.array(parts).T)


def zeros_of(fit: GLMFit) -> str:
    """Return ``zeros=`` of the call that made a fit."""
    return str(fit.provenance.get("options", {}).get("zeros", "auto"))


def grouped_fit(fit: GLMFit) -> GroupedFit | None:
    """Return the groups of a fit, None where its samples have to be visited one by one."""
    if zeros_of(fit) == "visit":
        return None
    offset, weight = np.log(fit.size_factors), fit.weights
    if fit.offset is not None:
        if fit.offset.ndim != 1:
            return None
        offset = fit.offset + offset
    if weight is None:
        weight = np.ones(fit.n_samples)
    elif weight.ndim != 1:
        return None
    rule = zero_rule(fit.design.matrix, offset, weight)
    return None if rule is None else GroupedFit(fit, rule, offset)
