"""Nine ways down the same hill, each as a generator of points.

A method gets the loss and a start and yields a point a step. None knows when to stop: `run` in
laboratory.py does. Nothing here is tuned to a problem but what the name says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

import numpy as np

from laboratory import Floats, Glm, Method

ADAM_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
SUFFICIENT = 1e-4  # share of the promised decrease that a search along a line wants (Armijo)
HALVINGS = 60
MEMORY = 10


def gradient_descent(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Step ``1/L`` against the gradient, ``L`` a proven bound of the Hessian on the level set."""
    rate = 1.0 / glm.lipschitz(beta)
    while True:
        beta = beta - rate * glm.gradient(beta)
        yield beta


def search(glm: Glm, mu: Floats, step: Floats, slope: float) -> float:
    """Halve a step until the loss falls by a share of what the slope promises; 0 if never."""
    length = 1.0
    for _ in range(HALVINGS):
        if glm.change(mu, length * step) <= SUFFICIENT * length * slope:
            return length
        length /= 2
    return 0.0


def gradient_backtracking(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Descend along the gradient; try twice the last rate, and halve it until the loss falls."""
    rate = 1.0
    while True:
        mu = glm.means(beta)
        gradient = -glm.x.T @ glm.residual(mu)
        taken = search(glm, mu, -rate * gradient, -rate * float(gradient @ gradient))
        if taken == 0.0:
            return
        beta = beta - taken * rate * gradient
        rate *= 2 * taken
        yield beta


def adam(glm: Glm, beta: Floats, rate: float) -> Iterator[Floats]:
    """Average gradients and divide by their recent size (Kingma and Ba 2015, algorithm 1)."""
    mean, square = np.zeros_like(beta), np.zeros_like(beta)
    step = 0
    while True:
        step += 1
        gradient = glm.gradient(beta)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        size = np.sqrt(square / (1 - 0.999**step)) + 1e-8
        beta = beta - rate * mean / (1 - 0.9**step) / size
        yield beta


def two_loops(gradient: Floats, pairs: deque[tuple[Floats, Floats]]) -> Floats:
    """Apply the inverse Hessian that the last steps suggest (Nocedal and Wright, algorithm 7.4)."""
    out = gradient.copy()
    weights = []
    for moved, turned in reversed(pairs):
        weights.append(float(moved @ out) / float(moved @ turned))
        out -= weights[-1] * turned
    if pairs:
        moved, turned = pairs[-1]
        out *= float(moved @ turned) / float(turned @ turned)
    for (moved, turned), weight in zip(pairs, reversed(weights), strict=True):
        out += (weight - float(turned @ out) / float(moved @ turned)) * moved
    return out


def l_bfgs(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Learn the curvature from the last ten steps."""
    pairs: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)
    mu = glm.means(beta)
    gradient = -glm.x.T @ glm.residual(mu)
    while True:
        step = -two_loops(gradient, pairs)
        if not pairs:
            step /= max(1.0, float(np.sqrt(gradient @ gradient)))
        taken = search(glm, mu, step, float(gradient @ step))
        if taken == 0.0:
            return
        beta = beta + taken * step
        mu = glm.means(beta)
        turned = -glm.x.T @ glm.residual(mu) - gradient
        gradient = gradient + turned
        # Convex: the curvature along a step is positive, but for rounding.
        if float(turned @ step) > 0.0:
            pairs.append((taken * step, turned))
        yield beta


def safe_length(move: float) -> float:
    """Return the share of a Newton step that is sure to descend (docs/math.md, 3.4)."""
    return 1.0 if move <= 1.0 else float(np.log1p(move) / move)


def coordinate_descent(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """One safe Newton step in each coefficient by turns; a step of the method is one round."""
    while True:
        for j in range(beta.size):
            mu, column = glm.means(beta), glm.x[:, j]
            curvature = float(column**2 @ glm.observed(mu))
            move = float(column @ glm.residual(mu)) / curvature
            beta = beta.copy()
            beta[j] += safe_length(abs(move) * float(np.abs(column).max())) * move
        yield beta


def natural_gradient(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Full steps along the gradient in the metric of the Fisher information."""
    while True:
        mu = glm.means(beta)
        fisher = glm.gram(glm.expected(mu))
        beta = beta + np.linalg.solve(fisher, glm.x.T @ glm.residual(mu))
        yield beta


def irls(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Regress the working response on the design with working weights, as R's ``glm.fit`` does."""
    while True:
        mu = glm.means(beta)
        response = glm.x @ beta + (glm.y - mu) / mu
        root = np.sqrt(glm.expected(mu))
        q, r = np.linalg.qr(root[:, None] * glm.x)
        beta = np.linalg.solve(r, q.T @ (root * response))
        yield beta


def newton_step(glm: Glm, beta: Floats) -> Floats:
    mu = glm.means(beta)
    return np.linalg.solve(glm.gram(glm.observed(mu)), glm.x.T @ glm.residual(mu))


def newton(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Full Newton steps, come what may."""
    while True:
        beta = beta + newton_step(glm, beta)
        yield beta


def newton_safe(glm: Glm, beta: Floats) -> Iterator[Floats]:
    """Newton steps of the length that is sure to descend (docs/math.md, 3.4)."""
    while True:
        step = newton_step(glm, beta)
        beta = beta + safe_length(float(np.abs(glm.x @ step).max())) * step
        yield beta


METHODS: dict[str, Method] = {
    "gradient descent, 1/L": gradient_descent,
    "gradient descent, backtracking": gradient_backtracking,
    "Adam": partial(adam, rate=0.01),
    "L-BFGS": l_bfgs,
    "coordinate descent": coordinate_descent,
    "natural gradient": natural_gradient,
    "IRLS": irls,
    "Newton": newton,
    "Newton, safe length": newton_safe,
}
