"""Accelerated proximal gradient steps with backtracking and restarts (docs/math.md, 18.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._wide_certificate import Certificate, certify
from ._wide_problem import Local, Nearest, WideProblem
from .kernels.families import COUNTS

Floats = NDArray[np.float64]
# The metric is that of the curvature at the point where a run begins; renewed after so many steps.
RENEW = (10, 30, 100, 300, 1000, 3000)
# A step's length is tried anew, longer by this, after every restart.
LONGER, SHORTER = 0.7, 1.5
# Steps of this length, squared, are rounding where so many certificates have gained nothing.
FLOOR, STUCK = 1e-18, 3
# Momentum raises no logarithm of a mean by more: what it meets there would be another curvature.
FARTHEST = 1.0
# Momentum may raise the objective by this part of it above its least; beyond, it is forgotten.
RISE = 1e-6
# Curvatures below this part of the largest do not make a column's step longer.
LEAST = 1e-10


@dataclass(frozen=True)
class Settings:
    """When a run ends, and how it steps."""

    tol: float
    max_iter: int
    # Whether columns are measured by their curvatures, or all alike.
    scaled: bool = True
    # "fista", or "ista" without momentum.
    momentum: bool = True


@dataclass
class State:
    """Where a run stands: coefficients, predictors without drift, multipliers, length of steps."""

    beta: Floats
    eta: Floats
    v: Floats
    stiff: float = 1.0
    metric: Floats | None = None


@dataclass(frozen=True)
class Found:
    """The end of a run: its point, multipliers, certificate and steps."""

    beta: Floats
    eta: Floats
    v: Floats
    certificate: Certificate
    objective: float
    steps: int
    gradients: int

    @property
    def relative_gap(self) -> float:
        """The gap as a part of the objective, or of 1 where that is less (eq. 18.7)."""
        return self.certificate.gap / max(1.0, self.objective)


def metric_at(problem: WideProblem, at: Local, settings: Settings) -> Floats:
    """Return the scale (p,) of steps: curvatures of the columns (eq. 18.5)."""
    diagonal = problem.x.diagonal(at.curve) + problem.ridge
    largest = float(diagonal.max(initial=0.0)) or 1.0
    if not settings.scaled:
        return np.full(diagonal.size, largest)
    return np.where(diagonal > LEAST * largest, diagonal, largest)


class Run:
    """One minimisation at one penalty; see `minimise`."""

    def __init__(
        self, problem: WideProblem, lam: float, nearest: Nearest, settings: Settings, state: State
    ) -> None:
        self.problem, self.lam, self.nearest = problem, lam, nearest
        self.settings, self.state = settings, state
        self.gradients, self.least = 0, math.inf
        self.begin()
        # The objective where the run begins.
        self.scale = problem.objective(state.eta, state.beta, lam)

    def begin(self) -> None:
        """Forget the momentum, clear the predictors of rounding and renew the metric."""
        state = self.state
        state.eta = self.problem.rows.offset + self.problem.x.times(state.beta)
        before = state.metric
        state.metric = metric_at(self.problem, self.problem.local(state.eta), self.settings)
        if before is not None:
            # Steps stay as long as they were where curvatures have grown.
            state.stiff *= min(1.0, float((before / state.metric).max(initial=0.0)) or 1.0)
        self.restart()

    def restart(self) -> None:
        """Forget the momentum and try longer steps."""
        state = self.state
        self.past_beta, self.past_eta, self.age = state.beta, state.eta, 1.0
        state.stiff = max(state.stiff * LONGER, 1e-3)

    def momentum(self) -> tuple[float, float]:
        """Return the age after this step, and the part of the last step that is made again."""
        older = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * self.age * self.age))
        carry = (self.age - 1.0) / older if self.settings.momentum else 0.0
        if self.problem.rows.code == COUNTS:
            ahead = float((self.state.eta - self.past_eta).max(initial=0.0))
            carry = min(carry, FARTHEST / ahead) if ahead > 0.0 else carry
        return older, carry

    def step(self) -> float:
        """Make one step; return the length of the gradient map, squared, in the metric's dual."""
        state, problem = self.state, self.problem
        older, carry = self.momentum()
        y = state.beta + carry * (state.beta - self.past_beta)
        at = problem.local(state.eta + carry * (state.eta - self.past_eta))
        slope = problem.gradient(at, y)
        self.gradients += 1
        metric = state.metric
        assert metric is not None
        floor = 1e-4 * self.settings.tol * self.scale / max(self.problem.structure.n_components, 1)
        tol = floor
        while True:
            tau = state.stiff * metric
            # Where that is not known closely the certificate tells what is left.
            new, _ = self.nearest(tau, y - slope / tau, self.lam, tol, state.v)
            apart = new - y
            move = problem.x.times(apart)
            squared = float(np.add.reduce(metric * apart * apart))
            risen = problem.divergence(at, move)
            risen += 0.5 * float(np.add.reduce(problem.ridge * apart * apart))
            if 2.0 * risen <= state.stiff * squared * (1.0 + 1e-9):
                break
            # Beyond double precision, not a number included, it has risen without end.
            needed = 2.0 * risen / squared if squared > 0.0 and risen < math.inf else math.inf
            state.stiff = min(max(SHORTER * state.stiff, needed), 10.0 * state.stiff)
        value = problem.objective(at.eta + move, new, self.lam)
        if carry > 0.0 and not value <= self.least + RISE * max(1.0, abs(self.least)):
            # Ahead, where the loss is flat, its curvature said nothing of what lies between.
            self.restart()
            return math.inf
        self.least = min(self.least, value)
        # The map against the way that was made: momentum overshoots.
        turned = float(np.add.reduce(metric * (y - new) * (new - state.beta))) > 0.0
        self.past_beta, self.past_eta, self.age = state.beta, state.eta, older
        state.beta, state.eta = new, at.eta + move
        if turned:
            self.restart()
        return state.stiff * squared

    def finish(self, steps: int) -> Found:
        """Return the point with its certificate, predictors and objective formed anew."""
        state, problem = self.state, self.problem
        state.eta = problem.rows.offset + problem.x.times(state.beta)
        certificate = certify(problem, state.beta, state.eta, state.v, self.lam)
        objective = problem.objective(state.eta, state.beta, self.lam)
        return Found(
            state.beta, state.eta, state.v.copy(), certificate, objective, steps, self.gradients
        )


def minimise(
    problem: WideProblem, lam: float, nearest: Nearest, settings: Settings, state: State
) -> Found:
    """Minimise from ``state``, which is left at the end, until the certificate holds."""
    run = Run(problem, lam, nearest, settings, state)
    wanted = settings.tol * max(1.0, run.scale)
    wait, checked, least, stuck = 0, math.inf, math.inf, 0
    for steps in range(1, settings.max_iter + 1):
        length = run.step()
        wait -= 1
        # The map's length is about twice the gap where columns do not lean on each other.
        if (length <= wanted and length <= 0.5 * checked and wait <= 0) or wait < -200:
            found = run.finish(steps)
            if found.relative_gap <= settings.tol:
                return found
            stuck = stuck + 1 if found.certificate.gap > 0.5 * least else 0
            least = min(least, found.certificate.gap)
            if length <= FLOOR * max(1.0, found.objective) and stuck >= STUCK:
                return found
            wait, checked = 10, length
            wanted = min(wanted, settings.tol * max(1.0, found.objective))
        if steps in RENEW:
            run.begin()
    return run.finish(settings.max_iter)
