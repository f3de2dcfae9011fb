"""The laboratory of solvers: its methods, its certificate, and what the theory says of both."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest

import countglm
from tests.support.fresh import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
NAMES = ("laboratory", "laboratory_methods", "laboratory_problems", "convergence_theory")


@pytest.fixture(scope="module")
def lab() -> Iterator[types.SimpleNamespace]:
    """Yield the modules; their folder stands at the end of the path, behind Python's own."""
    sys.path.append(str(BENCHMARKS))
    try:
        yield types.SimpleNamespace(**{name: import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(BENCHMARKS))


def fitted(glm: object, **options: object) -> countglm.GLMFit:
    return countglm.fit_glm(
        glm.y[:, None], glm.x, size_factors="none", offset=glm.offset, dispersion=glm.alpha,
        threads=1, **options,
    )  # fmt: skip


@pytest.mark.parametrize("alpha", [0.0, 1e-8, 0.2])
def test_every_method_finds_the_optimum_of_fit_glm(
    lab: types.SimpleNamespace, alpha: float
) -> None:
    glm = lab.laboratory_problems.groups(alpha)
    fit = fitted(glm)
    for name, method in lab.laboratory_methods.METHODS.items():
        found = lab.laboratory.run(method, glm, glm.start, limit=4000)
        assert found.end == "certified", name
        # Certified to 1e-8 standard errors, which are at most 0.1 here.
        np.testing.assert_allclose(found.points[-1], fit.coefficients[0], atol=2e-9, rtol=0)


def test_derivatives_are_those_of_the_loss(lab: types.SimpleNamespace) -> None:
    for alpha in (0.0, 0.7):
        glm = lab.laboratory_problems.factorial(alpha)
        beta = glm.start + 0.1
        mu = glm.means(beta)
        h = 1e-5
        for move in h * np.eye(beta.size):
            up, down = glm.change(mu, move), glm.change(mu, -move)
            slope, curvature = (up - down) / (2 * h), (up + down) / h**2
            index = int(np.argmax(move))
            # Third and fourth derivatives are as large as the first two.
            assert slope == pytest.approx(glm.gradient(beta)[index], rel=1e-7)
            hessian = glm.gram(glm.observed(mu))[index, index]
            assert curvature == pytest.approx(hessian, rel=1e-5)
        half = glm.half_deviance(glm.means(beta + 0.3)) - glm.half_deviance(mu)
        assert half.sum() == pytest.approx(glm.change(mu, np.full(beta.size, 0.3)), rel=1e-10)


def test_the_certificate_bounds_the_distance(lab: types.SimpleNamespace) -> None:
    for alpha in (0.0, 0.2, 8.0):
        glm = lab.laboratory_problems.factorial(alpha)
        found = lab.laboratory.run(lab.laboratory_methods.newton_safe, glm, glm.start, target=1e-11)
        best = found.points[-1]
        for point, bound in zip(found.points, found.certificate.bound, strict=True):
            d = point - best
            hessian = glm.gram(glm.observed(glm.means(point)))
            assert np.sqrt(d @ hessian @ d) <= bound + 1e-10


def test_nothing_is_certified_where_there_is_no_optimum(lab: types.SimpleNamespace) -> None:
    for alpha in (0.0, 0.2):
        glm = lab.laboratory_problems.silent(alpha)
        for name, method in lab.laboratory_methods.METHODS.items():
            found = lab.laboratory.run(method, glm, glm.start, limit=300, settled=1e-8)
            # In exact arithmetic 4.4 would prove an optimum at any v < 1; decrements of 1e-8 hold
            # rounding of about 1e-15.
            assert (found.certificate.v > 1 - 1e-6).all(), name
            assert np.isinf(found.certificate.bound).all(), name
        # The decrement alone is fooled.
        assert found.certificate.decrement[-1] <= 1e-8
        assert fitted(glm).status[0] == countglm.Status.SEPARATED


def test_a_step_of_1_over_l_never_climbs(lab: types.SimpleNamespace) -> None:
    for alpha in (0.0, 1e-8, 8.0):
        glm = lab.laboratory_problems.factorial(alpha)
        bound = glm.lipschitz(glm.start)
        found = lab.laboratory.run(
            lab.laboratory_methods.gradient_descent, glm, glm.start, limit=200
        )
        for point, after in zip(found.points[:-1], found.points[1:], strict=True):
            mu, move = glm.means(point), after - point
            # A quadratic bound with L holds between them, and L bounds the Hessian at both.
            assert glm.change(mu, move) <= -0.5 * bound * (move @ move) * (1 - 1e-9)
            assert np.linalg.eigvalsh(glm.gram(glm.observed(mu)))[-1] <= bound


@pytest.mark.parametrize("alpha", [0.0, 0.2, 8.0])
def test_natural_gradient_is_irls_and_for_the_poisson_newton(
    lab: types.SimpleNamespace, alpha: float
) -> None:
    problems = lab.laboratory_problems
    for glm in (problems.groups(alpha), problems.cohort(alpha), problems.factorial(alpha)):
        q, r = np.linalg.qr(glm.x)
        turned = lab.laboratory.Glm(glm.y, q, glm.offset, alpha)
        apart = lab.convergence_theory.apart(turned, r @ glm.start)
        assert apart["IRLS"] < 1e-12
        if alpha == 0.0:
            assert apart["Newton"] < 1e-12
        else:
            assert apart["Newton"] > 1e-3


def test_natural_gradient_converges_at_the_rate_of_theory(lab: types.SimpleNamespace) -> None:
    factorial = lab.laboratory_problems.factorial
    for alpha in (0.1, 0.5, 2.0, 8.0):
        found = lab.convergence_theory.rate(factorial(alpha))
        # The error of 1e-5 standard errors enters once more through third derivatives.
        assert found["measured"] == pytest.approx(found["foretold"], abs=2e-5)
    assert lab.convergence_theory.rate(factorial(8.0))["foretold"] > 1


def test_both_informations_agree_where_each_group_has_its_mean(lab: types.SimpleNamespace) -> None:
    glm = lab.laboratory_problems.groups(0.5)
    level = lab.laboratory.Glm(glm.y, glm.x, np.zeros(glm.y.size), 0.5)
    mu = level.means(lab.convergence_theory.optimum(level))
    expected, observed = level.gram(level.expected(mu)), level.gram(level.observed(mu))
    np.testing.assert_allclose(expected, observed, rtol=1e-12, atol=1e-12 * expected.max())


def test_steps_of_1_over_l_go_with_the_ratio_of_curvatures(lab: types.SimpleNamespace) -> None:
    """And not with the condition number of the design, which is 4 where they are 42,601."""
    result = json.loads((BENCHMARKS / "results" / "convergence.json").read_text())
    kept = {each["name"]: each for each in result["problems"]}
    for problem in lab.laboratory_problems.made():
        if problem.has_optimum:
            found = lab.convergence_theory.curvature(problem.glm)
            assert found == pytest.approx({k: kept[problem.name][k] for k in found}, rel=1e-6)
    for each in kept.values():
        steps = each["methods"]["gradient descent, 1/L"]["reached"].get("1e-08")
        if steps is not None:
            # An error shrinks by 1 - 1/ratio a step, from about a standard error and more to 1e-8.
            assert np.log(1e7) < steps["steps"] / each["ratio"] < np.log(1e11)


def test_fit_glm_steps_as_the_laboratory_does(lab: types.SimpleNamespace) -> None:
    """Two programs that share no code, from the same start: the same points, step by step."""
    for alpha in (0.0, 0.2, 8.0):
        glm = lab.laboratory_problems.factorial(alpha)
        theirs = fitted(glm, solver="newton", trace=True).trace[0].coefficients
        ours = lab.laboratory.run(
            lab.laboratory_methods.newton_safe, glm, theirs[0], limit=len(theirs) - 1, target=0.0
        )
        # Coordinates and order of sums differ: rounding, of coefficients below 10.
        np.testing.assert_allclose(ours.points, theirs[: len(ours.points)], atol=1e-11, rtol=0)


def test_a_run_ends_where_it_should(lab: types.SimpleNamespace) -> None:
    glm, methods = lab.laboratory_problems.factorial(8.0), lab.laboratory_methods
    run = lab.laboratory.run
    lost = run(methods.newton, glm, glm.start, limit=100)
    assert lost.end in ("singular", "no number")
    assert run(methods.gradient_descent, glm, glm.start, limit=17).steps == 17
    found = run(methods.l_bfgs, glm, glm.start)
    assert found.end == "certified"
    assert found.first(1e-8) == found.steps
    assert (np.diff(found.seconds) > 0).all()
    # A step has a trial or more, and the gradient comes with the means of where it leads.
    assert (np.diff(found.evaluations) >= 2).all()


def test_the_page_shows_the_kept_result_and_leaves_no_cell_open(
    lab: types.SimpleNamespace,
) -> None:
    page = import_module("convergence_page")
    result = json.loads((BENCHMARKS / "results" / "convergence.json").read_text())
    text = page.text(result)
    assert text == page.PAGE.read_text()
    assert not re.search(r"\bnan\b|\bNone\b[^ ]|(?<!-)\binf\b", text)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) > 150
    assert [row for row in rows if not all(map(str.strip, row.strip("|").split("|")))] == []
