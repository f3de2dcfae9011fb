"""Condition numbers of deep mutational scans and what they cost a solver, coding by coding.

The same negative binomial model of the same simulated counts is fitted in several codings of the
same design by the same accelerated gradient method (FISTA with backtracking and restarts), from the
same start: all coefficients 0 is one point in every coding. Counted are the iterations until the
objective is within a relative 1e-8 of its minimum. The minimum itself is found by Newton's method,
in every coding, with the signs and zeros of the last one; mapped back, these coefficients are
compared, which says that the maps are exact and nothing of the gradient method.

    python benchmarks/reconditioning.py [--variants N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

sys.path.append(str(Path(__file__).resolve().parent.parent))

from scipy import sparse

from countglm import recondition
from machine import describe_machine, save_result
from table import write_page
from tests.support.deep_scan import DeepScan, simulate_deep_scan

TOLERANCE = 1e-8
LONGEST = 100_000
# Weight of the lasso on shifts between conditions.
LAMBDA = 10.0
CODINGS: dict[str, dict[str, Any]] = {
    "as given": {"wild_type": {}},
    "own wild type": {},
    "own wild type, sites": {"sites": True},
    "scaled": {"wild_type": {}, "scale": True},
    "own wild type, scaled": {"scale": True},
    "own wild type, sites, scaled": {"sites": True, "scale": True},
}


class Problem(NamedTuple):
    """Minus log-likelihood with a lasso: ``penalty`` (p,) multiplies absolute coefficients."""

    z: Any
    zt: Any
    y: np.ndarray
    offset: np.ndarray
    alpha: float
    penalty: np.ndarray

    def parts(self, eta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Loss, its slope and its curvature in the linear predictor."""
        with np.errstate(over="ignore", invalid="ignore"):
            mu = np.exp(eta)
            share = 1.0 / (1.0 + self.alpha * mu)
            loss = (self.y + 1.0 / self.alpha) * np.log1p(self.alpha * mu) - self.y * eta
            curvature = mu * (1.0 + self.alpha * self.y) * share**2
            return float(loss.sum()), (mu - self.y) * share, curvature

    def restricted(self, columns: np.ndarray) -> Problem:
        """The problem of some columns."""
        z = self.z[:, columns]
        return self._replace(z=z, zt=z.T.tocsr(), penalty=self.penalty[columns])


def fista(problem: Problem, best: float, limit: int = LONGEST) -> tuple[np.ndarray, int, float]:
    """Return coefficients, iterations and objective, once near the best one or at the limit."""
    x = np.zeros(problem.z.shape[1])
    z, eta, eta_x = x, problem.offset, problem.offset
    t, steepness = 1.0, 1.0
    iteration = 0
    while iteration < limit:
        iteration += 1
        loss, slope, _ = problem.parts(eta)
        gradient = problem.zt @ slope
        while True:
            new = z - gradient / steepness
            new = np.sign(new) * np.maximum(np.abs(new) - problem.penalty / steepness, 0.0)
            step = new - z
            eta_new = problem.offset + problem.z @ new
            found = problem.parts(eta_new)[0]
            bound = loss + gradient @ step + 0.5 * steepness * (step @ step)
            if found <= bound + 1e-12 * abs(loss):
                break
            steepness *= 2.0
        objective = found + float(problem.penalty @ np.abs(new))
        if objective - best <= TOLERANCE * abs(best):
            break
        # Momentum that points uphill is dropped (O'Donoghue and Candes 2015).
        if (z - new) @ (new - x) > 0.0:
            t = 1.0
        after = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        momentum = (t - 1.0) / after
        z, eta = new + momentum * (new - x), eta_new + momentum * (eta_new - eta_x)
        x, eta_x, t = new, eta_new, after
        steepness *= 0.98
    return new, iteration, objective


def newton(problem: Problem, signs: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the minimum where penalised coefficients have these signs, and its objective."""
    p = signs.size
    x, tilt = np.zeros(p), problem.penalty * signs
    squares = problem.z.multiply(problem.z).T.tocsr()
    before = np.inf
    for _ in range(100):
        _, slope, curvature = problem.parts(problem.offset + problem.z @ x)
        gradient = problem.zt @ slope + tilt
        size = squares @ curvature
        hessian = LinearOperator((p, p), lambda v, c=curvature: problem.zt @ (c * (problem.z @ v)))
        scale = LinearOperator((p, p), lambda v, s=size: v / s)
        step, _ = cg(hessian, -gradient, rtol=1e-12, maxiter=5000, M=scale)
        far = np.abs(problem.z @ step).max()
        x = x + step / max(1.0, far)
        # Quadratic until only rounding is left.
        if far < 1e-6 and far > 0.1 * before:
            break
        before = far
    loss = problem.parts(problem.offset + problem.z @ x)[0]
    return x, loss + float(problem.penalty @ np.abs(x))


def optimum(problem: Problem) -> tuple[np.ndarray, float]:
    """Return the minimum: signs by many iterations of FISTA, the rest by Newton's method."""
    p = problem.z.shape[1]
    if not problem.penalty.any():
        return newton(problem, np.zeros(p))
    near, _, _ = fista(problem, np.nan, 1500)  # no objective is near NaN
    active = (near != 0.0) | (problem.penalty == 0.0)
    x = np.zeros(p)
    x[active], objective = newton(problem.restricted(active), np.sign(near[active]))
    _, slope, _ = problem.parts(problem.offset + problem.z @ x)
    beyond = np.abs(problem.zt @ slope)[~active] - problem.penalty[~active]
    if beyond.max(initial=0.0) > 1e-9 or (np.sign(x[active]) * np.sign(near[active]) < 0.0).any():
        raise RuntimeError(
            "The signs of the optimum were not found; ask FISTA for more iterations."
        )
    return x, objective


def as_problem(scan: DeepScan, made: Any, penalty: np.ndarray) -> Problem:
    """Return the problem in a coding; the penalty is of single coefficients in every one."""
    size = np.asarray(abs(made.map_penalty(sparse.diags_array(penalty).tocsr())).sum(axis=0))
    z = made.matrix.tocsr()
    return Problem(z, z.T.tocsr(), scan.counts, scan.offset, scan.alpha, size)


def compare(scan: DeepScan, penalty: np.ndarray, codings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per coding, in their order; the optimum is taken from the last."""
    sites = [name.split(".")[0] if "." in name else None for name in scan.names]
    rows: list[dict[str, Any]] = []
    best, reference = 0.0, np.zeros(0)
    for name, options in reversed(codings.items()):
        options = {**options, **({"sites": sites} if "sites" in options else {})}
        made = recondition(
            scan.design, "rereference", names=scan.names, conditions=scan.conditions, **options
        )
        problem = as_problem(scan, made, penalty)
        if not rows:
            minimum, best = optimum(problem)
            reference = made.map_coefficients(minimum)
        start = made.inverse_coefficients(reference)
        active = (start != 0.0) | (problem.penalty == 0.0)
        own = np.zeros(start.size)
        own[active], _ = newton(problem.restricted(active), np.sign(start[active]))
        began = time.perf_counter()
        _, iterations, objective = fista(problem, best)
        rows.append(
            {
                "coding": name,
                "scaled": made.condition_after.scaled,
                "raw": made.condition_after.raw,
                "entries": int(made.matrix.nnz),
                "iterations": iterations,
                "reached": objective - best <= TOLERANCE * abs(best),
                "seconds": time.perf_counter() - began,
                "difference": float(np.abs(made.map_coefficients(own) - reference).max()),
            }
        )
        print(format_row(rows[-1]), flush=True)
    return rows[::-1]


def format_row(row: dict[str, Any]) -> str:
    """One line of a coding."""
    reached = "" if row["reached"] else " (not reached)"
    return (
        f"  {row['coding']:30s} condition {row['scaled']:7.1f} scaled {row['raw']:7.1f} raw, "
        f"FISTA {row['iterations']:6,} iterations{reached} in {row['seconds']:.2f} s, "
        f"mapped back within {row['difference']:.1e}"
    )


def main() -> None:
    """Run the scans, print and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=20_000)
    variants = parser.parse_args().variants
    result: dict[str, Any] = {"variants": variants, "tolerance": TOLERANCE, "lambda": LAMBDA}
    result["scans"] = {}
    for joint in (False, True):
        scan = simulate_deep_scan(variants, joint=joint)
        penalty = np.zeros(len(scan.names))
        if joint:
            penalty[scan.shifts] = LAMBDA
        # Effects told by site would mix shifts, of which the lasso takes each by itself.
        codings = {n: o for n, o in CODINGS.items() if not (joint and "sites" in o)}
        label = "shared effects and penalised shifts" if joint else "effects of each condition"
        print(f"{label}: {scan.design.shape[0]:,} x {scan.design.shape[1]:,}", flush=True)
        rows = compare(scan, penalty, codings)
        result["scans"][label] = {"columns": len(scan.names), "rows": rows}
    save_result("reconditioning", {**result, "machine": describe_machine()})
    write_page()


if __name__ == "__main__":
    main()
