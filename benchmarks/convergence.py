"""Every solver on the same problems: steps and seconds to a certified distance from the optimum.

    python benchmarks/convergence.py [--limit N] [--print]

The solvers are those of laboratory_methods.py, written as in a textbook, and `fit_glm` by its own
trace. Each point of each of them is judged by the same certificate. Seconds are the method's own,
without certificates, on one core, the least of several runs where these are short; one of `fit_glm`
is that of a whole call for one gene, with reading, checks and report.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

import numpy as np

import convergence_page
import countglm
from convergence_theory import curvature, differences, optimum, rates
from laboratory import LIMIT, TARGETS, Certificate, Glm, Method, Run, judge, run
from laboratory_methods import ADAM_RATES, METHODS, adam
from laboratory_problems import Problem, airway, covariate, groups, made
from machine import describe_machine, save_result

# Where there is no optimum a method is followed until a rule that looks at the decrement alone
# would call it converged.
NAIVE = 1e-8
SHORT, REPEATS = 2000, 7
CALLS = 30
BATCH = 1000
CURVE = 60
PATH_STEPS = {"gradient descent, 1/L": 3000, "Adam": 3000}
# Methods whose full steps may leave the picture are drawn for as long as they stay.
PATHS = (
    "gradient descent, 1/L", "gradient descent, backtracking", "Adam", "L-BFGS",
    "coordinate descent", "natural gradient", "Newton, safe length",
)  # fmt: skip


def timed(method: Method, problem: Problem, limit: int) -> Run:
    """Run a method, a short one several times, and give each step the least time that it took."""
    settled = 0.0 if problem.has_optimum else NAIVE
    follow = partial(run, method, problem.glm, problem.glm.start, limit=limit, settled=settled)
    first = follow()
    if first.steps > SHORT:
        return first
    clocks = [first.seconds] + [follow().seconds for _ in range(REPEATS - 1)]
    return Run(
        first.points, np.min(clocks, axis=0), first.evaluations, first.certificate, first.end
    )


def best_adam(problem: Problem, limit: int) -> tuple[float, Run]:
    """Return the constant rate that got furthest, found by trying them all, and its run."""

    def rank(found: Run) -> tuple[float, ...]:
        steps = [found.first(target) for target in reversed(TARGETS)]
        if found.end == "settled":
            steps[0] = found.steps
        missing = [np.inf if step is None else float(step) for step in steps]
        return (*missing, float(found.certificate.decrement.min()))

    runs = {rate: timed(partial(adam, rate=rate), problem, limit) for rate in ADAM_RATES}
    rate = min(runs, key=lambda each: rank(runs[each]))
    return rate, runs[rate]


def call_fit(glm: Glm, solver: str, copies: int = 1) -> tuple[Any, float]:
    """Return what `fit_glm` makes of a gene, and the seconds of the call."""
    counts = np.repeat(glm.y[:, None], copies, axis=1)
    before = time.perf_counter()
    fit = countglm.fit_glm(
        counts,
        glm.x,
        size_factors="none",
        offset=glm.offset,
        dispersion=glm.alpha,
        solver=solver,
        trace=copies == 1,
        threads=1,
    )
    return fit, time.perf_counter() - before


def trace_of(glm: Glm, solver: str) -> Run:
    """Return the iterates of `fit_glm`; the seconds of its one call stand at its end."""
    fit, _ = call_fit(glm, solver)
    points = fit.trace[0].coefficients
    steps = len(points)
    # Of a separated gene the samples that keep it finite are fitted, which fixes fewer contrasts.
    finite = np.isfinite(points).all()
    found = judge(glm, list(points)) if finite else Certificate(*np.full((3, steps), np.inf))
    seconds = np.zeros(steps)
    seconds[-1] = min(call_fit(glm, solver)[1] for _ in range(CALLS))
    return Run(points, seconds, np.arange(steps), found, countglm.Status(int(fit.status[0])).name)


def curve(found: Run) -> list[list[float]]:
    """Return steps, evaluations and decrements at points that are even on a logarithmic axis."""
    rows = np.unique(np.round(np.geomspace(1, found.steps + 1, CURVE)).astype(int) - 1)
    decrement = found.certificate.decrement
    return [
        [int(row), int(found.evaluations[row]), float(f"{decrement[row]:.3e}")]
        for row in rows
        if np.isfinite(decrement[row])
    ]


def record(found: Run, **more: Any) -> dict[str, Any]:
    """Return what is kept of a run."""
    reached = {}
    for target in TARGETS:
        step = found.first(target)
        if step is not None:
            reached[f"{target:.0e}"] = {
                "steps": step,
                "seconds": found.seconds[step],
                "evaluations": int(found.evaluations[step]),
            }
    decrement, v = found.certificate.decrement, found.certificate.v
    usable = np.isfinite(decrement)
    kept: dict[str, Any] = {"steps": found.steps, "end": found.end, "reached": reached}
    kept["seconds"] = found.seconds[-1]
    if usable.any():
        kept["decrement"] = float(decrement[usable].min())
        kept["last"] = float(decrement[usable][-1])
        kept["least_v"] = float(v[usable].min())
        kept["largest"] = float(np.abs(found.points[usable][-1]).max())
    return kept | {"curve": curve(found)} | more


def of_fit_glm(problem: Problem) -> dict[str, Any]:
    """Return what is kept of `fit_glm` by either solver."""
    out = {}
    for solver in ("irls", "newton"):
        found = trace_of(problem.glm, solver)
        batch = min(call_fit(problem.glm, solver, BATCH)[1] for _ in range(3)) / BATCH
        fit, _ = call_fit(problem.glm, solver)
        out[f'fit_glm, "{solver}"'] = record(
            found,
            call=found.seconds[-1],
            in_batch=batch,
            limits=[float(value) for value in fit.coefficients[0]],
        )
        # The call as a whole is what is timed, whichever target it passed on its way.
        for each in out[f'fit_glm, "{solver}"']["reached"].values():
            each["seconds"] = found.seconds[-1]
    return out


def measure(problem: Problem, limit: int) -> dict[str, Any]:
    """Run every method on a problem."""
    print(problem.name, flush=True)
    methods: dict[str, Any] = {}
    for name, method in METHODS.items():
        if name == "Adam":
            rate, found = best_adam(problem, limit)
            methods[name] = record(found, rate=rate)
        else:
            methods[name] = record(timed(method, problem, limit))
    methods |= of_fit_glm(problem)
    for name, kept in methods.items():
        steps = [kept["reached"].get(f"{target:.0e}", {}).get("steps") for target in TARGETS]
        print(f"  {name}: {steps}, {kept['end']} after {kept['steps']}", flush=True)
    return {
        "name": problem.name,
        "text": problem.text,
        "has_optimum": problem.has_optimum,
        "condition": float(np.linalg.cond(problem.glm.x)),
        **(curvature(problem.glm) if problem.has_optimum else {}),
        "methods": methods,
    }


def pictures(limit: int) -> list[dict[str, Any]]:
    """Follow methods through problems of two parameters, to be drawn over their contours."""
    out = []
    for title, glm in (
        ("Poisson, two groups coded -1/2 and 1/2", groups(0.0)),
        ("Poisson, a covariate far from 0", covariate(0.0)),
        ("NB, dispersion 8, the same covariate", covariate(8.0)),
    ):
        paths = {}
        for name in PATHS:
            steps = min(limit, PATH_STEPS.get(name, 200))
            found = run(METHODS[name], glm, glm.start, limit=steps, target=1e-4)
            rows = np.unique(np.round(np.geomspace(1, found.steps + 1, 60)).astype(int) - 1)
            paths[name] = [[float(f"{v:.5g}") for v in point] for point in found.points[rows]]
        out.append(
            {
                "title": title,
                "y": glm.y.tolist(),
                "x": glm.x.tolist(),
                "offset": glm.offset.tolist(),
                "alpha": glm.alpha,
                "optimum": optimum(glm).tolist(),
                "paths": paths,
            }
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare solvers on the same problems.")
    parser.add_argument("--limit", type=int, default=LIMIT, help="most steps of a method")
    parser.add_argument("--print", action="store_true", help="keep nothing")
    options = parser.parse_args()
    genes = airway()
    problems = [*made(), *genes]
    result = {
        "limit": options.limit,
        "adam_rates": ADAM_RATES,
        "batch": BATCH,
        "problems": [measure(problem, options.limit) for problem in problems],
        "differences": differences(problems),
        "rates": rates(genes),
        "pictures": pictures(options.limit),
        "machine": describe_machine(),
    }
    for row in result["differences"] + result["rates"]:
        print(row)
    if not options.print:
        save_result("convergence", result)
        convergence_page.write()


if __name__ == "__main__":
    main()
