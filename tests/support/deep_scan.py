"""Simulated deep mutational scans of several conditions whose wild types differ."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]


class DeepScan(NamedTuple):
    """A scan told from the reference's sequence, whatever the condition.

    ``design`` is the one-hot design, ``names`` its columns and ``conditions`` the label of every
    row; ``counts`` after selection are negative binomial about
    ``exp(offset + design beta)`` with dispersion ``alpha``. ``bundles`` has, by condition, the
    mutations that its wild type carries (places among the mutations); ``shifts`` are the columns
    of differences to the reference, none where every condition has effects of its own.
    """

    design: Any
    names: list[str]
    conditions: NDArray[Any]
    counts: Floats
    offset: Floats
    beta: Floats
    alpha: float
    bundles: dict[str, NDArray[np.intp]]
    shifts: NDArray[np.intp]


def simulate_deep_scan(
    variants: int = 20_000,
    sites: int = 100,
    changes: int = 20,
    conditions: int = 3,
    bundle: int = 15,
    joint: bool = False,
    seed: int = 1,
) -> DeepScan:
    """Return a scan of ``sites * changes`` mutations, three or so in a variant.

    Each condition has its wild type, every single mutant of it and variants of several mutations.
    The wild types of all conditions but the first differ from it at ``bundle`` sites. ``joint``:
    effects of the first condition, and shifts of the others against it; else a block of effects for
    every condition.
    """
    rng = np.random.default_rng(seed)
    labels = ["reference", *(f"homolog{d}" for d in range(1, conditions))]
    mutations = sites * changes
    effect = rng.normal(-0.3, 0.4, mutations)
    moved = rng.random((conditions, mutations)) < 0.03
    shift = np.where(moved, rng.normal(0.0, 0.6, (conditions, mutations)), 0.0)
    shift[0] = 0.0
    bundles, blocks = {}, []
    for d, label in enumerate(labels):
        wild = np.full(sites, -1)
        if d:
            wild[rng.choice(sites, bundle, replace=False)] = rng.integers(0, changes, bundle)
        bundles[label] = np.flatnonzero(wild >= 0) * changes + wild[wild >= 0]
        size = variants // conditions + (d < variants % conditions)
        blocks.append(_one_hot(_sequences(rng, wild, size, changes), changes))
    of_row = np.repeat(np.arange(conditions), [block.shape[0] for block in blocks])
    height = rng.normal(0.5, 0.2, conditions)
    offset = rng.normal(4.0, 0.7, variants)
    own = [effect + shift[d] for d in range(conditions)]
    # About one for each wild type, whatever the bundle does.
    height -= [own[d][bundles[label]].sum() for d, label in enumerate(labels)]
    eta = np.concatenate([height[d] + block @ own[d] for d, block in enumerate(blocks)])
    alpha = 0.05
    counts = rng.negative_binomial(1 / alpha, 1 / (1 + alpha * np.exp(offset + eta)))
    names = [f"s{m // changes + 1}.{m % changes + 1}" for m in range(mutations)]
    marks = sparse.csr_array(np.eye(conditions)[of_row])
    if joint:
        columns = [marks, sparse.vstack(blocks), *_alone(blocks)[1:]]
        beta = np.concatenate([height, effect, *shift[1:]])
        called = [*labels, *names, *(f"{d}:{m}" for d in labels[1:] for m in names)]
    else:
        columns = [marks, *_alone(blocks)]
        beta = np.concatenate([height, *own])
        called = [*labels, *(f"{d}:{m}" for d in labels for m in names)]
    first = conditions + mutations if joint else len(called)
    return DeepScan(
        sparse.hstack(columns).tocsr(), called, np.array(labels)[of_row], counts.astype(float),
        offset, beta, alpha, bundles, np.arange(first, len(called)),
    )  # fmt: skip


def _alone(blocks: list[Any]) -> list[Any]:
    """Each block in its own rows, zeros in the others."""
    rows = [block.shape[0] for block in blocks]
    out = []
    for d, block in enumerate(blocks):
        above = sparse.csr_array((sum(rows[:d]), block.shape[1]))
        below = sparse.csr_array((sum(rows[d + 1 :]), block.shape[1]))
        out.append(sparse.vstack([above, block, below]))
    return out


def _sequences(
    rng: np.random.Generator, wild: NDArray[np.intp], size: int, changes: int
) -> NDArray[np.intp]:
    """Variants (size, sites) of a wild type; -1 is what the reference has, 0 and on a change."""
    sites = wild.size
    sequences = np.tile(wild, (size, 1))
    # The wild type itself ten times, then single mutants to every other residue.
    row = 10
    for site in range(sites):
        for other in range(-1, changes):
            if other != wild[site] and row < size:
                sequences[row, site] = other
                row += 1
    for late in range(row, size):
        several = rng.choice(sites, min(sites, 1 + rng.poisson(3)), replace=False)
        # Another residue each time: one of the others, counted on from the wild type's.
        step = rng.integers(1, changes + 1, several.size)
        sequences[late, several] = (wild[several] + 1 + step) % (changes + 1) - 1
    return sequences


def _one_hot(sequences: NDArray[np.intp], changes: int) -> Any:
    row, site = np.nonzero(sequences >= 0)
    shape = (sequences.shape[0], sequences.shape[1] * changes)
    place = site * changes + sequences[row, site]
    return sparse.csr_array((np.ones(row.size), (row, place)), shape=shape)
