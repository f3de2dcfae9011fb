"""Coefficients of eight genes at given dispersions: Fisher scoring and Newton in one loop.

The two differ in the weights of the quadratic model alone.  Equation numbers refer to
``docs/math.md``.
"""

from __future__ import annotations

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, some, spread, store

from .deviance import half_deviance_sum
from .smallmat import back_solve, factor, half_solve, norm
from .special import log1p
from .tile import largest_move, score_and_information, start_equations

# Fisher steps hand over to Newton below this decrement, in standard errors ...
HANDOVER = 0.1
# ... or after two steps that do not shrink the decrement by this factor.
SLOW = 0.25
# Below this decrement a Newton step leaves an error of its square.
NEAR = 1e-6
# Below this one a decrement that no longer shrinks is rounding.
NOISE = 1e-4
MAX_RIDGE = 1e3
# The decrement where no ridge makes the information positive.
HOPELESS = 1e300


@kernel
def factor_with_ridge(d, at):
    """Factor the information, adding the smallest ridge that makes it positive.

    Returns the ridge; more than ``MAX_RIDGE`` where none does.
    """
    stay_apart()
    ridge = spread(0.0)
    while True:
        sound = factor(d, at.hessian, at.rank, ridge, at.chol, at.size)
        failed = ~sound & (ridge <= MAX_RIDGE)
        if not some(failed):
            return choose(sound, ridge, 1e6)
        ridge = choose(failed, choose(ridge > 0.0, 100.0 * ridge, 1e-13), ridge)


@kernel
def newton_step(d, at):
    """Set the step from score and information; return (decrement, ridge), eq. 3.3."""
    ridge = factor_with_ridge(d, at)
    half_solve(d, at.chol, at.size, at.rank, at.score, at.vector)
    decrement = norm(d, at.vector, at.rank)
    back_solve(d, at.chol, at.size, at.rank, at.vector, at.step)
    return choose(ridge > MAX_RIDGE, HOPELESS, decrement), ridge


@kernel
def set_start(d, at, frame, scale, weight, alpha):
    """Set the coefficients to the weighted least squares of log(y + 1/4) - offset (eq. 3.2)."""
    start_equations(d, at, frame, scale, weight, alpha)
    _, ridge = newton_step(d, at)
    for k in range(at.rank):
        store(d, at.coef + k, choose(ridge > MAX_RIDGE, 0.0, load(d, at.step + k)))


@kernel
def step_length(d, at, frame, weight):
    """Return the length of a step that is sure to lower the deviance (eq. 3.4).

    1 where it moves no linear predictor by more than 1, else log(1 + S)/S for the largest move S.
    """
    one = spread(1.0)
    size = norm(d, at.step, at.rank) * frame.reach
    if not some(size > 1.0):
        return one
    move = choose(size > 1.0, largest_move(d, at, frame, weight, at.step), 0.0)
    safe = choose(move > 1.0, move, 1.0)
    return choose(move > 1.0, log1p(safe) / safe, one)


@kernel
def take_step(d, at, length):
    """Add ``length`` steps to the coefficients."""
    for k in range(at.rank):
        # Not length * step: a step that is not taken may not be a number.
        moved = load(d, at.coef + k) + length * load(d, at.step + k)
        store(d, at.coef + k, choose(length > 0.0, moved, load(d, at.coef + k)))


@kernel
def record(d, at, frame, scale, weight, alpha, fisher, length, decrement, steps, genes, trace):
    """Keep the iterates of the genes of a tile: kind, step, decrement, deviance, coefficients."""
    stay_apart()
    # Rows that have room at any rank.
    store(d, at.decrement, steps)
    store(d, at.slope, 2.0 * half_deviance_sum(d, at, frame, scale, weight, at.coef, alpha))
    for lane in range(genes.size):
        row = int(d[at.decrement, lane])
        store(d, at.value, choose(fisher, 0.0, 1.0))
        trace[genes[lane], row, 0] = d[at.value, lane]
        store(d, at.value, length)
        trace[genes[lane], row, 1] = d[at.value, lane]
        store(d, at.value, decrement)
        trace[genes[lane], row, 2] = d[at.value, lane]
        trace[genes[lane], row, 3] = d[at.slope, lane]
        for k in range(at.rank):
            trace[genes[lane], row, 4 + k] = d[at.coef + k, lane]


@kernel
def solve(d, at, frame, scale, weight, alpha, use_fisher, tol, max_steps, genes, trace):
    """Minimise the deviances from the current coefficients; return the steps taken.

    1. score, information, factor, decrement at the current point;
    2. Fisher scoring hands over to Newton near the optimum, or where it does not contract;
    3. step, shortened so that the deviance is sure to fall;
    4. stop after a full Newton step from a decrement of ``NEAR`` or of rounding: the certificate
       judges where it led.
    """
    stay_apart()
    fisher = spread(use_fisher) > 0.0
    near = min(NEAR, 100.0 * tol)
    steps, slow = spread(0.0), spread(0.0)
    previous, length = spread(1e300), spread(0.0)
    active = spread(max_steps) > 0.0
    while some(active):
        score_and_information(d, at, frame, scale, weight, at.coef, alpha, fisher)
        decrement, ridge = newton_step(d, at)
        if trace.shape[1] > 0:
            record(
                d, at, frame, scale, weight, alpha, fisher, length, decrement, steps, genes, trace
            )
        settled = decrement <= near
        stalled = (decrement <= NOISE) & (decrement > SLOW * previous)
        last = (settled | stalled) & ~fisher & (ridge == 0.0)
        slow = choose(fisher & (decrement > SLOW * previous), slow + 1.0, 0.0)
        fisher = fisher & ~(active & ((decrement < HANDOVER) | (slow >= 2.0)))
        previous = decrement
        hopeless = ridge > MAX_RIDGE
        taken = choose(active & ~hopeless, step_length(d, at, frame, weight), 0.0)
        take_step(d, at, taken)
        steps += choose(taken > 0.0, 1.0, 0.0)
        length = choose(taken > 0.0, taken, length)
        active = active & ~(last | hopeless) & (steps < max_steps)
    if trace.shape[1] > 0:
        # The row where each gene ended: the loop goes on only as long as one of the tile moves.
        score_and_information(d, at, frame, scale, weight, at.coef, alpha, fisher)
        decrement, _ = newton_step(d, at)
        record(d, at, frame, scale, weight, alpha, fisher, length, decrement, steps, genes, trace)
    return steps
