"""Genes as few weighted points, whose terms add up to those of all samples (docs/math.md, 12.17).

Up to a constant the log-likelihood is ``sum w y (eta - log(1 + a mu)) - sum w log(1 + a mu)/a``: a
sum over the counts and one over the samples, each of one smooth function of the log scale within a
group of samples with equal rows of the design.  Gauss rules give both.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._zero_rule import Quadrature, gauss_rule

if TYPE_CHECKING:
    from ._grouped_fit import GroupedFit
    from ._nonzeros import Nonzeros

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
# A count of 2^43 that is seen 2^-43 times has the terms of a count of 1, and none of a zero.
_SELDOM = 2.0**-43
# Samples from which on points are made of them where the design allows.
CONDENSED = 2_000


class Condensed(NamedTuple):
    """Points (m,) of some genes: their group, and counts, weights and log scales (m, g)."""

    group: Index
    y: Floats
    weight: Floats
    offset: Floats


def condense(grouped: GroupedFit, nonzeros: Nonzeros) -> Condensed:
    """Return the points that stand for all counts of some genes."""
    rule, n_genes = grouped.rule, nonzeros.n_genes
    n_groups = rule.sizes.size
    rules = [_rules_of_counts(grouped, nonzeros, gene) for gene in range(n_genes)]
    room = np.array([[part.nodes.size for part in parts] for parts in rules]).max(axis=0)
    first = rule.nodes.size + np.concatenate([[0], np.cumsum(room)])
    group = np.repeat(np.arange(n_groups), np.diff(rule.bounds))
    group = np.concatenate([group, np.repeat(np.arange(n_groups), room)])
    # Where there is nothing stands a zero of weight 0.
    y, weight = np.zeros((group.size, n_genes)), np.zeros((group.size, n_genes))
    offset = np.zeros((group.size, n_genes))
    weight[: rule.nodes.size] = rule.masses[:, None]
    offset[: rule.nodes.size] = rule.nodes[:, None]
    for gene, parts in enumerate(rules):
        for start, part in zip(first.tolist(), parts, strict=False):
            here = slice(start, start + part.nodes.size)
            y[here, gene] = 1.0 / _SELDOM
            weight[here, gene] = part.weights * _SELDOM
            offset[here, gene] = part.nodes
    return Condensed(group, y, weight, offset)


def _rules_of_counts(grouped: GroupedFit, nonzeros: Nonzeros, gene: int) -> list[Quadrature]:
    """Return the rule of the counts of a gene in every group."""
    rule = grouped.rule
    entries = slice(int(nonzeros.pointers[gene]), int(nonzeros.pointers[gene + 1]))
    samples = nonzeros.samples[entries]
    mass = nonzeros.values[entries] * rule.weight[samples]
    group = rule.group[samples]
    order = np.flatnonzero(mass > 0.0)
    order = order[np.argsort(group[order], kind="stable")]
    bounds = np.searchsorted(group[order], np.arange(rule.sizes.size + 1)).tolist()
    points, mass = grouped.offset[samples[order]], mass[order]
    found = []
    for a, b in pairwise(bounds):
        few = gauss_rule(points[a:b], mass[a:b]) if b > a else None
        found.append(few or Quadrature(points[a:b], mass[a:b], 0.0))
    return found
