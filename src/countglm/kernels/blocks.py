"""The genes of one block: the compiled, cached entry that Python calls.

Blocks are gene-major float64 arrays (genes, samples).  ``offset`` and ``weight`` have one row for
all genes or one row a gene.
"""

from __future__ import annotations

from countglm._jit import entry, kernel, stay_apart
from countglm._jit.lanes import choose, load, spread, store
from countglm._jit.reference import by_reference

from .certificate import certify, standard_errors
from .columns import (
    ALL_ZERO,
    CODE,
    CONVERGED,
    DISPERSION,
    EXISTS,
    LEAD,
    N_STATS,
    NO_WEIGHT,
    STEPS,
    UNDECIDED,
)
from .deviance import put_lift, saturated_log_likelihood
from .layout import Block
from .loading import clear_nodes, load_gene
from .profiles import find_dispersions
from .search import START_DISPERSION
from .smallmat import factor, smallest_pivot
from .solver import set_start, solve
from .special import exp
from .tile import LANES, positive_equations


@kernel
def fill(d, at, frame, block, genes):
    """Put genes into the lanes; lanes left over repeat the last.  Return the counts listed."""
    # Not a literal 0, for which Numba would compile what takes it once more.
    rows = genes.size - genes.size
    for lane in range(LANES):
        listed, _ = load_gene(d, at, frame, lane, block, genes[min(lane, genes.size - 1)])
        rows = max(rows, listed)
    return rows


@kernel
def screen(d, at, frame, weight, genes, counters_out):
    """Set the codes: do the samples with positive counts alone determine the coefficients?"""
    stay_apart()
    positive, weighted = positive_equations(d, at, frame, weight)
    regular = factor(d, at.hessian, at.rank, spread(0.0), at.chol, at.size)
    regular = regular & (smallest_pivot(d, at.chol, at.rank) > 1e-4)
    for j in range(at.rank):
        # A column that is rounding on these samples would be scaled up to look like one.
        regular = regular & (load(d, at.hessian + j * (j + 3) // 2) > 1e-6)
    code = choose(regular, float(EXISTS), float(UNDECIDED))
    code = choose(positive == 0.0, float(ALL_ZERO), code)
    store(d, at.value, choose(weighted == 0.0, float(NO_WEIGHT), code))
    for lane in range(genes.size):
        counters_out[genes[lane], CODE] = int(d[at.value, lane])


@kernel
def screen_and_start(
    d, at, frame, scale, weight_row, block, order, screened, begin_search, counters_out
):
    """Sort out the genes whose estimate is not known to exist; start the others."""
    n_genes, carry = order.size, block.carry
    for g in range(n_genes):
        order[g] = g
        counters_out[g, CODE] = EXISTS
    if not (screened or begin_search):
        return
    for first in range(0, n_genes, LANES):
        genes = order[first : min(first + LANES, n_genes)]
        fill(d, at, frame, block, genes)
        if screened:
            screen(d, at, frame, weight_row, genes, counters_out)
        if begin_search:
            set_start(d, at, frame, scale, weight_row, spread(START_DISPERSION))
            for lane in range(genes.size):
                for k in range(at.rank):
                    carry[genes[lane], k] = d[at.coef + k, lane]


@kernel
def write_tile(d, at, genes, steps, coef_out, se_out, stats_out, counters_out):
    """Write what was found of the genes of a tile."""
    store(d, at.value, steps)
    for lane in range(genes.size):
        g = genes[lane]
        counters_out[g, STEPS] = int(d[at.value, lane])
        counters_out[g, CONVERGED] = 1 if d[at.slope, lane] > 0.0 else 0
        for j in range(at.p):
            coef_out[g, j] = d[at.raw_coef + j, lane]
            se_out[g, j] = d[at.errors + j, lane]
        for k in range(N_STATS):
            if k not in (DISPERSION, LEAD):
                stats_out[g, k] = d[at.stats + k, lane]


@kernel
def fit_tile(d, at, frame, scale, weight, genes, use_fisher, tol, max_steps, trace_out):
    """Fit the genes of a tile at the dispersions in ``alpha``; return the steps taken.

    A cold start: the same bits for a dispersion given and for one that was searched.
    """
    stay_apart()
    alpha = load(d, at.alpha)
    set_start(d, at, frame, scale, weight, alpha)
    steps = solve(d, at, frame, scale, weight, alpha, use_fisher, tol, max_steps, genes, trace_out)
    for j in range(at.p):
        total = spread(0.0)
        for k in range(at.rank):
            total += load(d, at.coef + k) * frame.to_coef[j, k]
        store(d, at.raw_coef + j, total)
    return steps


@entry
def fit_block(
    y,
    offset,
    weight,
    sparse,
    alpha,
    design,
    places,
    screened,
    estimate,
    again,
    fixed,
    finish,
    cap,
    prior_log,
    prior_precision,
    use_fisher,
    tol,
    max_steps,
    work,
    scale_row,
    order,
    memory,
    carry,
    times,
    slopes,
    coef_out,
    se_out,
    stats_out,
    counters_out,
    trace_out,
):
    """Fit every gene of a block: dispersion if asked, then coefficients, certificate, errors.

    ``design`` is a `Frame`, ``places`` an `At`.  By a rule for the zeros the genes are given by
    ``sparse``, and the samples of everything else are the nodes of the rule.  Where ``screened``,
    genes whose estimate is not known to exist are left out, with their code.
    ``times``, ``slopes`` and ``carry`` keep what a search learnt for another search of the gene,
    which is told by ``again``.  Where the means are ``fixed`` they are the exponentials of
    ``offset``, and the coefficients stay 0.
    """
    frame, at = by_reference(design), by_reference(places)
    n_genes = alpha.size
    own_offset = offset.shape[0] > 1
    if not own_offset:
        for i in range(at.n):
            scale_row[i] = exp(offset[0, i])
    scale = scale_row[: 0 if own_offset else at.n]
    weight_row = weight[0, : 0 if weight.shape[0] > 1 else at.n]
    block = by_reference(
        Block(
            y, offset, weight, sparse.pointers, sparse.samples, sparse.values, sparse.segment,
            sparse.scale, sparse.weight, carry, times, slopes,
        )
    )  # fmt: skip
    if at.rule > 0:
        clear_nodes(work, at)
    screen_and_start(
        work, at, frame, scale, weight_row, block, order[:n_genes], screened,
        estimate and not (again or fixed), counters_out,
    )  # fmt: skip
    count = 0
    for g in range(n_genes):
        if counters_out[g, CODE] == EXISTS:
            order[count] = g
            count += 1
            stats_out[g, DISPERSION] = alpha[g]
    if estimate:
        find_dispersions(
            work, at, frame, scale, weight_row, order[:count], block, memory, cap, prior_log,
            prior_precision, fixed, stats_out, counters_out,
        )  # fmt: skip
    if not finish:
        return
    for first in range(0, count, LANES):
        genes = order[first : min(first + LANES, count)]
        rows = fill(work, at, frame, block, genes)
        for lane in range(LANES):
            work[at.alpha, lane] = stats_out[genes[min(lane, genes.size - 1)], DISPERSION]
        put_lift(work, at, rows, load(work, at.alpha))
        steps = fit_tile(
            work, at, frame, scale, weight_row, genes, use_fisher, tol, max_steps, trace_out
        )
        dispersion = load(work, at.alpha)
        saturated = saturated_log_likelihood(work, at, rows, dispersion)
        good = certify(work, at, frame, scale, weight_row, dispersion, saturated, tol, at.stats)
        store(work, at.slope, choose(good, 1.0, 0.0))
        standard_errors(work, at, frame, at.errors)
        write_tile(work, at, genes, steps, coef_out, se_out, stats_out, counters_out)
