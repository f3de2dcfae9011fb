"""What theory foretells of the solvers of the laboratory, beside what they do.

How much curvature varies, at which rate natural gradient contracts, and which methods are one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from laboratory import Floats, Glm, run
from laboratory_methods import METHODS, natural_gradient, newton_safe
from laboratory_problems import Problem, cohort, factorial, groups


def optimum(glm: Glm) -> Floats:
    """Return the optimum to rounding."""
    return run(newton_safe, glm, glm.start, limit=60, target=0.0).points[-1]


def curvature(glm: Glm) -> dict[str, float]:
    """Return what the steps of a method without the Hessian depend on.

    ``weighted`` is the condition number of ``sqrt(W) X`` with the weights at the optimum, and
    ``ratio`` that of the bound L, which a step of 1/L heeds, to the least curvature there.
    """
    weight = glm.observed(glm.means_unseen(optimum(glm)))
    singular = np.linalg.svd(glm.x * np.sqrt(weight)[:, None], compute_uv=False)
    return {
        "weighted": float(singular[0] / singular[-1]),
        "ratio": float(glm.lipschitz(glm.start) / singular[-1] ** 2),
    }


def rate(glm: Glm) -> dict[str, float]:
    """Return how a step of natural gradient changes a small error: foretold, and measured.

    Near the optimum the error is multiplied by ``I - H_expected⁻¹ H_observed``, whose eigenvalues
    are real. The error begins along the eigenvector of the largest; two steps are compared.
    """
    best = optimum(glm)
    mu = glm.means_unseen(best)
    expected, observed = glm.gram(glm.expected(mu)), glm.gram(glm.observed(mu))
    values, vectors = np.linalg.eig(np.eye(best.size) - np.linalg.solve(expected, observed))
    leading = int(np.argmax(np.abs(values)))
    direction = vectors[:, leading].real
    start = best + 1e-5 * direction / np.sqrt(direction @ observed @ direction)
    found = run(natural_gradient, glm, start, limit=200, target=0.0, settled=1e-15)
    d = found.points - best
    error = np.sqrt(np.einsum("ki,ij,kj->k", d, observed, d))
    small = np.flatnonzero((error > 1e-10) & (error < 1e-2))
    last = small[-1] if small[-1] - small[0] == small.size - 1 else small[0] + 2
    return {
        "foretold": float(np.abs(values[leading])),
        "measured": float(np.sqrt(error[last] / error[last - 2])) if last >= 2 else 0.0,
        "steps": int(last),
    }


def rates(genes: list[Problem]) -> list[dict[str, Any]]:
    """Compare theory and measurement where scoring contracts fast, slowly and not at all."""
    problems = [(f"crossed, dispersion {alpha:g}", factorial(alpha)) for alpha in (0.1, 0.5, 1, 2)]
    problems += [(f"crossed, dispersion {alpha:g}", factorial(alpha)) for alpha in (4.0, 8.0)]
    problems += [(f"cohort, dispersion {alpha:g}", cohort(alpha)) for alpha in (0.2, 2.0)]
    problems += [("two groups of different depths, dispersion 0.2", groups(0.2))]
    problems += [(each.name, each.glm) for each in genes if each.has_optimum and each.glm.alpha > 0]
    return [{"name": name, "alpha": glm.alpha} | rate(glm) for name, glm in problems]


def apart(glm: Glm, start: Floats) -> dict[str, float]:
    """Return how far IRLS and Newton are from natural gradient in eight steps, at the most.

    Relative to the largest coefficient of natural gradient after as many steps.
    """
    points = {
        name: run(METHODS[name], glm, start, limit=8, target=0.0).points
        for name in ("natural gradient", "IRLS", "Newton")
    }
    out = {}
    for other in ("IRLS", "Newton"):
        rows = min(len(points["natural gradient"]), len(points[other]))
        one, two = points["natural gradient"][:rows], points[other][:rows]
        usable = np.isfinite(one).all(axis=1) & np.isfinite(two).all(axis=1)
        relative = np.abs(one - two).max(axis=1)[usable] / np.abs(one).max(axis=1)[usable]
        out[other] = float(relative.max())
    return out


def differences(problems: list[Problem]) -> list[dict[str, Any]]:
    """Compare natural gradient, IRLS and Newton step by step, in the coding and out of it.

    None of the three depends on the coordinates, but for rounding; an orthonormal basis of the
    design leaves the least of that.
    """
    out = []
    for problem in problems:
        if problem.has_optimum:
            glm = problem.glm
            q, r = np.linalg.qr(glm.x)
            turned = Glm(glm.y, q, glm.offset, glm.alpha)
            out.append(
                {
                    "name": problem.name,
                    "alpha": glm.alpha,
                    "coded": apart(glm, glm.start),
                    "orthonormal": apart(turned, r @ glm.start),
                }
            )
    return out
