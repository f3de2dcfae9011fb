"""What proves a gene's fit: Newton decrement, rounding term, distance bound, conditioning.

Equation numbers refer to ``docs/math.md``; the theorem is generalised self-concordance with
constant 1, which the Poisson and the negative binomial with log link both satisfy.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, magnitude, root, spread, store

from .columns import (
    BOUND,
    CONDITION,
    DECREMENT,
    DEVIANCE,
    LOG_LIKELIHOOD,
    MAX_LEVERAGE,
    MIN_EIGENVALUE,
    SCORE,
)
from .family import (
    excess_deviance,
    expected_information,
    half_deviance,
    observed_information,
    poisson_share,
    residual,
)
from .layout import SEGMENT
from .smallmat import (
    apply_triangle,
    condition_bound,
    extreme_eigenvalues,
    factor,
    invert_factor,
    norm,
    quadratic_form,
)
from .special import exp, log1p
from .tile import CHUNK, add_row, add_to, clear, excess_mean, mean_of, predictor, weight_of

# Twice the unit round-off: the polynomial exp and log are good to about one of these.
EPS = 2.220446049250313e-16
# A scaled Hessian worse than this may be indefinite in exact arithmetic: no bound is claimed.
MAX_CONDITION = 1e12


@kernel
def absolute_terms(d, coef, rows, s):
    """Return the sum of the absolute terms of a linear predictor."""
    total = spread(0.0)
    for k in range(rows.shape[1]):
        total += magnitude(load(d, coef + k) * rows[s, k])
    return total


@kernel
def add_full(d, target, rows, s, value):
    """Add ``value`` times the outer product of row ``s`` to the lower half of a full matrix."""
    p = rows.shape[1]
    for j in range(p):
        product = value * rows[s, j]
        for k in range(j + 1):
            store(d, target + j * p + k, load(d, target + j * p + k) + product * rows[s, k])


@kernel
def add_noise(d, at, frame, s, curve, spread_of_eta, loose):
    """Add what rounding may do to the score through one segment (eq. 4.3), and a rule (3.7)."""
    # Sums run over a segment, over a chunk of segments, and over the chunks.
    units = SEGMENT + CHUNK + at.segments / CHUNK + (at.rank + 2) * frame.skeel
    noise = EPS * (curve * spread_of_eta + units * loose)
    if at.rule > 0:
        # Of a rule over the nodes, and over parts of the nonzeros.
        longer = (frame.bounds[s + 1] - frame.bounds[s]) + load(d, at.listed) / SEGMENT
        noise += (EPS * longer + frame.error) * loose
    for k in range(at.rank):
        moved = load(d, at.noise + k) + noise * magnitude(spread(frame.rows[s, k]))
        store(d, at.noise + k, moved)


@kernel
def zero_information(frame, s, unit, alpha):
    """Return the largest observed information of a zero of the segment, mu / (1 + alpha mu)².

    It rises up to alpha mu = 1 and falls beyond; that it is reached in between is taken for
    granted.
    """
    low, high = unit * frame.extent[s, 0], unit * frame.extent[s, 1]
    low_share, high_share = poisson_share(low, alpha), poisson_share(high, alpha)
    a, b = low * low_share * low_share, high * high_share * high_share
    top = choose(a > b, a, b)
    between = (alpha * low < 1.0) & (alpha * high > 1.0)
    return choose(between, 0.25 / choose(between, alpha, 1.0), top)


@kernel
def evaluate_excess(d, at, frame, s, unit, alpha, zeros):
    """Return what nonzeros add to score, observed information and half deviance (eq. 3.8).

    The third is the largest observed information of a sample of the segment, of whose zeros the
    sum is ``zeros``; the last the sum of the weighted counts.
    """
    slope, curve, value, seen = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
    heavy = frame.extent[s, 2]
    top = zero_information(frame, s, unit, alpha) * heavy
    for begin in range(frame.excess[s], frame.excess[s + 1], SEGMENT):
        part, bent, gained, events = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
        for e in range(begin, min(begin + SEGMENT, frame.excess[s + 1])):
            y, mu = load(d, at.excess + e), excess_mean(d, at, unit, e)
            share = poisson_share(mu, alpha)
            scaled = y * share
            information = alpha * scaled * (mu * share)
            part += scaled
            bent += information
            gained += excess_deviance(y, mu, share)
            events += y
            whole = information + heavy * (mu * share) * share
            top = choose((y > 0.0) & (whole > top), whole, top)
        slope += part
        curve += bent
        value += gained
        seen += events
    # Of unequal weights the largest may be that of another sample.
    top = choose(top > zeros + curve, zeros + curve, top)
    return slope, curve, top, value, seen


@kernel
def evaluate(d, at, frame, scale, weight, alpha):
    """Set score, Hessians and noise at the reported coefficients; return (deviance/2, sum w y).

    Leaves the observed information of every segment in ``first``, its largest in ``second``.
    """
    stay_apart()
    r, t, p = at.rank, frame.products.shape[1], at.p
    clear(d, at.score, r)
    clear(d, at.noise, r)
    clear(d, at.hessian, t)
    clear(d, at.fisher, t)
    clear(d, at.raw_hessian, p * p)
    half, events = load(d, at.lift), spread(0.0)
    for begin in range(0, at.segments, CHUNK):
        clear(d, at.part, r)
        clear(d, at.square, t)
        for s in range(begin, min(begin + CHUNK, at.segments)):
            unit = exp(predictor(d, at.raw_coef, frame.raw, s))
            slope, curve, loose, fisher = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
            value, heavy, top = spread(0.0), spread(0.0), spread(0.0)
            for i in range(frame.bounds[s], frame.bounds[s + 1]):
                y, w = load(d, at.y + i), weight_of(d, at, weight, i)
                mu = mean_of(d, at, scale, unit, i)
                share = poisson_share(mu, alpha)
                term = w * residual(y, mu, share)
                slope += term
                loose += magnitude(term)
                info = w * observed_information(y, mu, alpha, share)
                curve += info
                top = choose(info > top, info, top)
                fisher += w * expected_information(mu, share)
                value += w * half_deviance(y, mu, alpha, share)
                heavy += w
                events += w * y
            if at.rule > 0:
                more, bent, top, gained, seen = evaluate_excess(d, at, frame, s, unit, alpha, curve)
                slope += more
                loose += more
                curve += bent
                value += gained
                events += seen
            half += value
            store(d, at.first + s, choose(heavy > 0.0, 1.0, 0.0))
            store(d, at.second + s, top)
            add_row(d, at.part, frame.rows, s, slope)
            add_row(d, at.square, frame.products, s, curve)
            add_row(d, at.fisher, frame.products, s, fisher)
            add_full(d, at.raw_hessian, frame.raw, s, curve)
            terms = absolute_terms(d, at.coef, frame.rows, s)
            terms += absolute_terms(d, at.raw_coef, frame.raw, s)
            add_noise(d, at, frame, s, curve, (at.rank + 2.0) * terms + 5.0, loose)
        add_to(d, at.score, at.part, r)
        add_to(d, at.hessian, at.square, t)
    return half, events


@kernel
def distance_bound(decrement, radius):
    """Return the bound on the distance to the optimum, in standard errors (eq. 4.4).

    ``-log(1 - R lambda) / R``; infinite where R lambda >= 1 proves nothing.
    """
    v = radius * decrement
    proven = v < 1.0
    tiny = v < 1e-8
    safe = choose(proven & ~tiny, v, 0.5)
    bound = -log1p(-safe) / choose(radius > 0.0, radius, 1.0)
    # -log(1 - v) <= v (1 + v) for v <= 1/2, without 0/0 at v = 0.
    return choose(proven, choose(tiny, decrement * (1.0 + v), bound), math.inf)


@kernel
def scaled_score(d, at, events):
    """Return max_j |U_j| / sqrt(H_jj max(1, sum w y)) (eq. 4.5)."""
    worst = spread(0.0)
    most = choose(events > 1.0, events, 1.0)
    for j in range(at.rank):
        size = root(load(d, at.hessian + j * (j + 3) // 2) * most)
        value = magnitude(load(d, at.score + j)) / size
        value = choose(size > 0.0, value, math.inf)
        worst = choose(value > worst, value, worst)
    return worst


@kernel
def rounding_radius(d, at):
    """Return the decrement that rounding alone can cause, in standard errors (eq. 4.3)."""
    total = spread(0.0)
    for j in range(at.rank):
        s = spread(0.0)
        for k in range(j + 1):
            t = load(d, at.inverse + j * (j + 1) // 2 + k)
            s += magnitude(t) * load(d, at.noise + k)
        total += s * s
    return root(total)


@kernel
def largest_leverages(d, at, frame):
    """Return the largest x' H⁻¹ x, and the largest leverage, of samples with weight (eq. 4.2)."""
    stay_apart()
    form, leverage = spread(0.0), spread(0.0)
    for s in range(at.segments):
        value = quadratic_form(d, at.inverse, at.rank, frame.rows, s)
        value = value * load(d, at.first + s)
        form = choose(value > form, value, form)
        value = value * load(d, at.second + s)
        leverage = choose(value > leverage, value, leverage)
    return form, leverage


@kernel
def standard_errors(d, at, frame, out):
    """Set rows ``out`` to the standard errors from the Fisher information (eq. 4.6)."""
    stay_apart()
    sound = factor(d, at.fisher, at.rank, spread(0.0), at.chol, at.size)
    invert_factor(d, at.chol, at.size, at.rank, at.inverse)
    for j in range(at.p):
        total = quadratic_form(d, at.inverse, at.rank, frame.to_coef, j)
        store(d, out + j, choose(sound, root(total), math.nan))


@kernel
def certify(d, at, frame, scale, weight, alpha, saturated, tol, stats):
    """Certify the reported coefficients (eqs. 4.1 to 4.5); return where they are converged.

    Statistic k goes to row ``stats + k``.
    """
    stay_apart()
    half, events = evaluate(d, at, frame, scale, weight, alpha)
    # By a rule it is a difference, which rounding can make negative.
    store(d, stats + DEVIANCE, choose(half > 0.0, 2.0 * half, choose(half <= 0.0, 0.0, half)))
    store(d, stats + LOG_LIKELIHOOD, saturated - half)
    store(d, stats + SCORE, scaled_score(d, at, events))
    sound = factor(d, at.hessian, at.rank, spread(0.0), at.chol, at.size)
    invert_factor(d, at.chol, at.size, at.rank, at.inverse)
    apply_triangle(d, at.inverse, at.rank, at.score, at.vector)
    decrement = norm(d, at.vector, at.rank)
    floor = rounding_radius(d, at)
    form, leverage = largest_leverages(d, at, frame)
    total = decrement + floor
    healthy = sound & (condition_bound(d, at.inverse, at.size, at.rank) < MAX_CONDITION)
    store(d, stats + DECREMENT, choose(sound, total, math.inf))
    store(d, stats + BOUND, choose(healthy, distance_bound(total, root(form)), math.inf))
    store(d, stats + MAX_LEVERAGE, choose(sound, leverage, math.nan))
    low, high = extreme_eigenvalues(d, at.raw_hessian, at.p)
    least = choose(low > 0.0, low, choose(low <= 0.0, 0.0, math.nan))
    store(d, stats + MIN_EIGENVALUE, least)
    condition = choose(least > 0.0, high / choose(least > 0.0, least, 1.0), math.inf)
    store(d, stats + CONDITION, condition)
    return sound & ((total <= tol) | (decrement <= 4.0 * floor))
