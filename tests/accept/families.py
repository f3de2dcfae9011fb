"""Binomial fits against linear programs, statsmodels and fifty digits; least squares too."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np
import statsmodels.api as sm

from countglm import GLMFit, Status, fit_glm
from tests.accept.table import Table
from tests.support.logit import Drawn, draw, separated_by_program
from tests.support.separation import exact_separated_samples

# In digits of the coefficients: what statsmodels reaches where it converges.
AGREEMENT = 1e-9


@dataclass
class Tally:
    """What was seen of random problems."""

    problems: int = 0
    separated: int = 0
    wrong: list[str] = field(default_factory=list)
    unfinished: int = 0
    apart: float = 0.0
    compared: int = 0
    outside: float = 0.0
    measured: int = 0


def fitted(one: Drawn) -> GLMFit:
    """Return the fit of a problem."""
    return fit_glm(one.y, one.x, family="binomial", trials=one.trials, weights=one.weights)


def separated_of(fit: GLMFit) -> np.ndarray:
    """Return the samples (n,) that a fit of one response calls separated."""
    pattern = int(fit.separation_pattern[0])
    none = np.zeros(fit.n_samples, dtype=bool)
    return none if pattern < 0 else fit.separated_samples[pattern]


def by_statsmodels(one: Drawn) -> Any:
    """Return its fit where it converges, after a second start from its own end; else None."""
    keep = (one.trials > 0) & (one.weights > 0)
    model = sm.GLM(
        np.column_stack([one.y, one.trials - one.y])[keep], one.x[keep],
        family=sm.families.Binomial(), freq_weights=one.weights[keep],
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = model.fit(tol=1e-14, maxiter=200)
        return model.fit(start_params=first.params, tol=1e-15, maxiter=200)


def optimum(one: Drawn, start: np.ndarray) -> np.ndarray:
    """Return the optimum to fifty digits by Newton's method from near it, rounded."""
    with mp.workdps(50):
        x, p = mp.matrix(one.x.tolist()), one.x.shape[1]
        beta = mp.matrix(start.tolist())
        for _ in range(12):
            eta = x * beta
            score, hessian = mp.zeros(p, 1), mp.zeros(p, p)
            for i in range(one.y.size):
                t, w = mp.mpf(one.trials[i]), mp.mpf(one.weights[i])
                share = 1 / (1 + mp.exp(-eta[i]))
                row = x[i, :]
                score += row.T * (w * (mp.mpf(one.y[i]) - t * share))
                hessian += row.T * row * (w * t * share * (1 - share))
            step = mp.lu_solve(hessian, score)
            beta += step
            if mp.norm(step) <= mp.mpf(10) ** -30 * (1 + mp.norm(beta)):
                return np.array([float(v) for v in beta])
    raise ArithmeticError("Newton's method did not end in twelve steps")


def check_random(table: Table) -> None:
    """Random designs: separation by programs, optimum by statsmodels and by fifty digits."""
    rng, tally = np.random.default_rng(8), Tally()
    many = 200 if table.quick else 2000
    while tally.problems < many:
        one = draw(rng)
        fit = fitted(one)
        tally.problems += 1
        found, expected = separated_of(fit), separated_by_program(one)
        if not np.array_equal(found, expected):
            # A program in floats may be wrong itself.
            expected = separated_by_program(one, exact_separated_samples)
            if not np.array_equal(found, expected):
                tally.wrong.append(f"problem {tally.problems}: {found.sum()}, {expected.sum()}")
        tally.separated += int(expected.any())
        tally.unfinished += int(fit.status[0] == Status.MAX_ITER)
        if fit.status[0] == Status.CONVERGED:
            compare(one, fit, tally)
    table.row(
        f"separation of {many} random designs ({tally.separated} separated)",
        "as by linear programs", f"{len(tally.wrong)} differ", not tally.wrong,
    )  # fmt: skip
    table.detail("\n".join(tally.wrong))
    table.row("unfinished fits of these", "0", str(tally.unfinished), tally.unfinished == 0)
    table.row(
        f"statsmodels, {tally.compared} that have an optimum", f"<= {AGREEMENT:.0e} relative",
        f"{tally.apart:.1e}", tally.apart <= AGREEMENT,
    )  # fmt: skip
    table.row(
        f"distance to the optimum in fifty digits, {tally.measured} fits",
        "<= distance_bound", f"{tally.outside:.2f} of it at most", tally.outside <= 1.0,
    )  # fmt: skip


def compare(one: Drawn, fit: GLMFit, tally: Tally) -> None:
    """Compare a finite estimate with statsmodels, and now and then with fifty digits."""
    other = by_statsmodels(one)
    pairs = (
        (fit.coefficients[0], other.params, fit.standard_errors[0]),
        (fit.standard_errors[0], other.bse, fit.standard_errors[0]),
        (fit.log_likelihood, np.array([other.llf]), np.abs(fit.log_likelihood) + 1.0),
    )
    if other.converged:
        tally.compared += 1
        for mine, its, scale in pairs:
            tally.apart = max(
                tally.apart, float(np.max(np.abs(mine - its) / (np.abs(its) + scale)))
            )
    if tally.compared % 10 == 0:
        away = optimum(one, fit.coefficients[0]) - fit.coefficients[0]
        information = np.linalg.inv(fit.covariance[0])
        # Coefficients are rounded to doubles, which the bound is not about.
        rounding = np.sqrt(np.abs(information)) @ (1.2e-16 * np.abs(fit.coefficients[0]))
        distance = np.sqrt(max(0.0, away @ information @ away))
        share = max(0.0, distance - float(np.max(rounding))) / fit.distance_bound[0]
        tally.outside = max(tally.outside, float(share))
        tally.measured += 1


def check_bits(table: Table) -> None:
    """The same bits for threads and blocks, of both families."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(60), rng.normal(size=(60, 3))])
    trials = rng.integers(0, 9, 60).astype(float)
    successes = rng.binomial(trials.astype(int)[:, None], 0.3, (60, 500)).astype(float)
    successes[:, ::7] = np.where(x[:, 1, None] > 0, trials[:, None], 0.0)
    differ = []
    for family, y, more in (
        ("binomial", successes, {"trials": trials}),
        ("gaussian", rng.normal(size=(60, 500)), {"weights": rng.random((60, 500))}),
    ):
        fits = [
            fit_glm(y, x, family=family, threads=threads, block_size=size, **more)
            for threads, size in ((1, None), (2, 16), (2, 128))
        ]
        for name in ("coefficients", "standard_errors", "deviance", "distance_bound", "status"):
            values = [getattr(fit, name).tobytes() for fit in fits]
            differ += [f"{family} {name}"] * (len(set(values)) > 1)
    table.row("bits, 1 and 2 threads, three block sizes", "the same", f"{len(differ)} differ",
              not differ)  # fmt: skip
    table.detail("\n".join(differ))


def check_gaussian(table: Table) -> None:
    """Least squares with weights and designs of condition up to 1e6 against statsmodels."""
    rng, apart = np.random.default_rng(6), 0.0
    many = 40 if table.quick else 400
    for _ in range(many):
        n, p = int(rng.integers(8, 60)), int(rng.integers(1, 6))
        x = np.column_stack([np.ones(n), rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p)])
        y, weights = x @ rng.normal(size=p + 1) + rng.normal(size=n), rng.random(n) + 0.01
        fit = fit_glm(y, x, family="gaussian", weights=weights)
        other = sm.WLS(y, x, weights=weights).fit()
        for mine, its in (
            (fit.coefficients[0], other.params), (fit.standard_errors[0], other.bse),
            (fit.log_likelihood, np.array([other.llf])),
        ):  # fmt: skip
            scale = np.abs(its) + (other.bse if its.size > 1 else 1.0)
            apart = max(apart, float(np.max(np.abs(mine - its) / scale)))
    table.row(f"least squares, {many} weighted designs, statsmodels", "<= 1e-9 relative",
              f"{apart:.1e}", apart <= AGREEMENT)  # fmt: skip


def check(table: Table) -> None:
    """Fill the table with separation, optimum, bits and least squares."""
    check_random(table)
    check_bits(table)
    check_gaussian(table)
