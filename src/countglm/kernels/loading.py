"""Genes into lanes: counts, means per unit, weights, and the list of their positive counts."""

from __future__ import annotations

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import spread, store

from .special import exp


@kernel
def clear_table(d, at, lane):
    """Empty the list of counts: of mass 0, at a count that every function takes."""
    for k in range(at.table):
        d[at.values + k, lane] = 1.0
        d[at.masses + k, lane] = 0.0


@kernel
def gather(d, at, lane, top):
    """Make a list of the masses that stand at the places of their counts; return its length."""
    count = 0
    for k in range(1, int(top) + 1):
        mass = d[at.masses + k, lane]
        d[at.masses + k, lane] = 0.0
        if mass > 0.0:
            d[at.values + count, lane] = float(k)
            d[at.masses + count, lane] = mass
            count += 1
    return count


@kernel
def tabulate(d, at, lane, y, weight):
    """List the positive counts of a gene with their weights; return (their number, the largest).

    Where there are more of them than the largest is, every distinct count stands once.
    """
    top, positives = 0.0, 0
    whole = True
    for i in range(at.n):
        if y[i] > 0.0 and weight[i] > 0.0:
            positives += 1
            top = y[i] if y[i] > top else top
            whole = whole and y[i] == float(int(y[i]))
    clear_table(d, at, lane)
    if whole and top < positives:
        for i in range(at.n):
            if y[i] > 0.0 and weight[i] > 0.0:
                d[at.masses + int(y[i]), lane] += weight[i]
        d[at.masses, lane] = 0.0
        return gather(d, at, lane, top), top
    count = 0
    for i in range(at.n):
        if y[i] > 0.0 and weight[i] > 0.0:
            d[at.values + count, lane] = y[i]
            d[at.masses + count, lane] = weight[i]
            count += 1
    return count, top


@kernel
def load_counts(d, at, lane, block, gene):
    """Put a gene into a lane, sample by sample; return (counts listed, the largest)."""
    own_offset, own_weight = block.offset.shape[0] > 1, block.weight.shape[0] > 1
    y, weight = block.y[gene], block.weight[gene if own_weight else 0]
    for i in range(at.n):
        d[at.y + i, lane] = y[i]
    if own_offset:
        offset = block.offset[gene]
        for i in range(at.n):
            d[at.scale + i, lane] = exp(offset[i])
    if own_weight:
        for i in range(at.n):
            d[at.weight + i, lane] = weight[i]
    return tabulate(d, at, lane, y, weight)


@kernel
def load_nonzeros(d, at, frame, lane, block, gene):
    """Put a gene into a lane by its nonzeros; return (counts listed, the largest).

    Where they lie in their segment does not depend on the room there.
    """
    top, positives = 0.0, 0
    whole = True
    for s in range(at.segments):
        d[at.first + s, lane] = 0.0
    for k in range(block.pointers[gene], block.pointers[gene + 1]):
        i = block.places[k]
        y, w = block.values[k], block.sample_weight[i]
        if w > 0.0:
            s = block.segment[i]
            e = frame.excess[s] + int(d[at.first + s, lane])
            d[at.first + s, lane] += 1.0
            d[at.excess + e, lane] = w * y
            d[at.excess_scale + e, lane] = block.sample_scale[i]
            positives += 1
            top = y if y > top else top
            whole = whole and y == float(int(y))
    for s in range(at.segments):
        for e in range(frame.excess[s] + int(d[at.first + s, lane]), frame.excess[s + 1]):
            d[at.excess + e, lane] = 0.0
            d[at.excess_scale + e, lane] = 1.0
    d[at.listed, lane] = float(positives)
    clear_table(d, at, lane)
    distinct = whole and top < positives
    count = 0
    for k in range(block.pointers[gene], block.pointers[gene + 1]):
        y, w = block.values[k], block.sample_weight[block.places[k]]
        if w > 0.0 and distinct:
            d[at.masses + int(y), lane] += w
        elif w > 0.0:
            d[at.values + count, lane] = y
            d[at.masses + count, lane] = w
            count += 1
    return gather(d, at, lane, top) if distinct else count, top


@kernel
def load_gene(d, at, frame, lane, block, gene):
    """Put a gene into a lane; return (counts listed, the largest)."""
    if at.rule > 0:
        return load_nonzeros(d, at, frame, lane, block, gene)
    return load_counts(d, at, lane, block, gene)


@kernel
def clear_nodes(d, at):
    """Set the counts of the nodes, which stand for zeros."""
    stay_apart()
    for i in range(at.n):
        store(d, at.y + i, spread(0.0))
