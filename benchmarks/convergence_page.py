"""Write docs/laboratory.md and its figures from the kept result: no number is typed by hand."""

from __future__ import annotations

import json
from typing import Any

import convergence_figure
from laboratory import TARGETS
from machine import RESULTS, machine_text

PAGE = RESULTS.parent.parent / "docs" / "laboratory.md"
FIRST = (
    "gradient descent, 1/L", "gradient descent, backtracking", "Adam", "L-BFGS",
    "coordinate descent",
)  # fmt: skip
SECOND = (
    "natural gradient", "IRLS", "Newton", "Newton, safe length", 'fit_glm, "irls"',
    'fit_glm, "newton"',
)  # fmt: skip
TINIEST = f"{TARGETS[-1]:.0e}"

INTRODUCTION = """# Laboratory of solvers

Written by `benchmarks/convergence.py`; run it for your machine.

The coefficients of one gene at a given dispersion are the minimum of a convex function. Many
methods find it, and most are taught with a rate of convergence and a picture. Here all of them
start from the same point of the same problems, and one certificate judges every point that any of
them visits, so that "converged" means the same for all: the optimum exists, and is *proven* to
lie within so many standard errors ([the mathematics](math.md#4-certificate), 4.4). The solvers
are those of a textbook, a page of NumPy in `benchmarks/laboratory_methods.py`; `fit_glm` is there
by its own `trace=True`.

What to take from it:

- With the Hessian and a safe length of the steps 1e-8 takes {second_steps} steps on all of these
  problems, whatever the counts, the conditioning or the dispersion. Without it it takes
  {well_steps} steps where the design is well conditioned, and more than {limit:,} where the year of
  birth stands uncentred in it; only L-BFGS arrives there ({bfgs_steps} steps), because it learns
  the curvature on its way.
- Full Newton steps are a promise about a parabola: on {newton_lost} of {finite} problems with an
  optimum they lead to a singular system. With the safe length of 3.4 they arrive on all of them.
- Natural gradient is IRLS, for every family. For the Poisson it is Newton's method as well; for
  the negative binomial it is not, and converges at a rate that is known beforehand, or, with a
  large dispersion, not at all. That is why `fit_glm` scores first and then hands over to Newton.
- Where a gene is separated, decrements fall to 0 as if the method converged. The theorem is not
  fooled, and neither is `fit_glm`, which looks at the zeros before it iterates.
"""

METHOD = """## How it is measured

**Start.** The mean count in the intercept, no effects; `fit_glm` takes its own
([3.2](math.md#3-coefficients-at-a-given-dispersion)). **Step.** One change of all coefficients;
for coordinate descent a round through them. **Evaluation.** Means at a new point, and what
follows from them: value, gradient or second derivatives; trials of a search along a line count.
**Seconds** are spent in the method alone, without certificates, in NumPy on one core; those of
`fit_glm` are a whole call for one gene, with reading, existence, checks, certificate, standard
errors and report, and in a batch of {batch:,} such genes the time of one of them. **Certified**
within a distance means that the bound 4.4 is below it; the bound is claimed where R times the
decrement is at most a half. A method stops when 1e-8 standard errors are certified, or after
{limit:,} steps.

| method | a step |
|---|---|
| gradient descent, 1/L | against the gradient; L bounds all curvature on the start's level set |
| gradient descent, backtracking | the same with twice the last rate, halved until the loss falls |
| Adam | Kingma and Ba 2015; the constant rate that gets furthest of {rates} |
| L-BFGS | the last 10 steps make an inverse Hessian; halved until the loss falls |
| coordinate descent | a safe Newton step in each coefficient by turns |
| natural gradient | full step in the metric of the Fisher information |
| IRLS | regression of the working response with working weights |
| Newton | full step with the observed information |
| Newton, safe length | log(1 + S)/S of it where it moves a linear predictor by S > 1 |

Changes of the loss are computed from changes of the means, and not as differences of two losses:
those are rounding from about 1e-6 standard errors on, where a search along a line would end.
"""

NATURAL = """## Natural gradient, IRLS, Newton

For an exponential family in its own coordinates the Fisher information in the coefficients is
`X'WX`, so that a full step of natural gradient, `beta + (X'WX)⁻¹ U`, is the regression of the
working response: Fisher scoring, IRLS. For the Poisson with log link `W` is also the second
derivative, so that it is Newton's step too. For the negative binomial it is not (1.3 and 1.4 of
[the mathematics](math.md#1-model-score-information) differ).

Largest difference of the coefficients in the first eight steps, relative to the largest
coefficient. None of the three methods depends on coordinates, but for rounding; in an orthonormal
basis of the design there is least of that.

| problem | natural gradient and IRLS | the same, orthonormal basis | natural gradient and Newton |
|---|---|---|---|"""

RATES = """
Near the optimum a step of natural gradient multiplies the error by `I - H_expected⁻¹ H_observed`,
so that it shrinks by the spectral radius of this matrix each step. Foretold from the two
informations at the optimum, and measured over the last two steps from an error of 1e-5 standard
errors:

| problem | spectral radius | measured | difference | so that scoring |
|---|---|---|---|---|"""

REPEAT = """
The radius is 0 where every group has a mean of its own and depths are equal: then both
informations agree at the optimum. In these problems it grows with the dispersion; beyond 1
scoring leaves the optimum, however near it begins.
"""


def _number(value: float) -> str:
    if value == 0.0:
        return "0"
    return f"{value:.2g}" if 0.01 <= abs(value) < 1000 else f"{value:.0e}"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            break
    return f"{seconds / size:.{1 if seconds < 10 * size else 0}f} {unit}"


def _stopped(kept: dict[str, Any]) -> str:
    """Say what a method reached that did not reach what was asked."""
    if kept["end"] in ("singular", "no number"):
        word = "singular system" if kept["end"] == "singular" else "no number"
        return f"{word} after {kept['steps']:,}"
    told = f"{_number(kept['last'])} after {kept['steps']:,}"
    # Cycles pass by nearer than they end.
    if kept["decrement"] < kept["last"] / 2:
        told += f", {_number(kept['decrement'])} at the nearest"
    return told


def _short(problem: dict[str, Any], name: str) -> str:
    """Return a cell of the overview."""
    kept = problem["methods"][name]
    if not problem["has_optimum"]:
        if name.startswith("fit_glm"):
            return f"{kept['end']} after {kept['steps']:,}"
        return f"none; {_stopped(kept)}"
    if TINIEST in kept["reached"]:
        return f"{kept['reached'][TINIEST]['steps']:,}"
    return _stopped(kept)


def _overview(result: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    lines = [f"| problem | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for problem in result["problems"]:
        cells = [_short(problem, name) for name in names]
        lines.append(f"| {problem['name']} | {' | '.join(cells)} |")
    return lines


def _label(name: str, kept: dict[str, Any]) -> str:
    return f"{name}, rate {kept['rate']:g}" if "rate" in kept else name


def _finite(problem: dict[str, Any]) -> list[str]:
    """Return the table of a problem that has an optimum."""
    lines = [
        "| method | 1e-2 | 1e-4 | 1e-8 | evaluations |",
        "|---|---|---|---|---|",
    ]
    for name, kept in problem["methods"].items():
        cells = []
        for target in TARGETS:
            found = kept["reached"].get(f"{target:.0e}")
            if found is None:
                cells.append(f"{_stopped(kept)} ({_time(kept['seconds'])})")
            else:
                cells.append(f"{found['steps']:,} ({_time(found['seconds'])})")
        last = kept["reached"].get(TINIEST)
        evaluations = last["evaluations"] if last else kept["curve"][-1][1]
        lines.append(f"| {_label(name, kept)} | {' | '.join(cells)} | {evaluations:,} |")
    return lines + ["", _batch(problem)]


def _batch(problem: dict[str, Any]) -> str:
    irls, newton = (problem["methods"][name]["in_batch"] for name in SECOND[-2:])
    return (
        "The times of `fit_glm` are those of a whole call, whichever distance it passed on its "
        f"way; in a batch a gene takes {_time(irls)} with `irls` and {_time(newton)} with `newton`."
    )


def _infinite(problem: dict[str, Any]) -> list[str]:
    """Return the table of a problem that has no optimum."""
    lines = [
        "| method | ended | least decrement | least R times decrement | largest coefficient |",
        "|---|---|---|---|---|",
    ]
    for name, kept in problem["methods"].items():
        if name.startswith("fit_glm"):
            limits = ", ".join(f"{value:.3g}" for value in kept["limits"])
            told = f"status {kept['end']} after {kept['steps']:,} steps ({_time(kept['call'])})"
            lines.append(f"| {name} | {told} | no optimum | none claimed | limits {limits} |")
            continue
        word = {
            "settled": "decrement 1e-8",
            "limit": "the limit of steps",
            "stands still": "stands still",
        }.get(kept["end"], "singular system")
        lines.append(
            f"| {_label(name, kept)} | {word} after {kept['steps']:,} ({_time(kept['seconds'])}) "
            f"| {_number(kept['decrement'])} | {kept['least_v']:.6f} | {_number(kept['largest'])} |"
        )
    return lines + ["", _batch(problem)]


def _problem(problem: dict[str, Any]) -> list[str]:
    lines = ["", f"### {problem['name']}", ""]
    text = f"{problem['text']} Condition number of the design {_number(problem['condition'])}. "
    if problem["has_optimum"]:
        text += "Steps and seconds to a certified distance in standard errors."
        return [*lines, text, "", *_finite(problem)]
    text += (
        "The likelihood rises for ever along a direction, so that no cell can hold a distance. A "
        "method is followed until its decrement alone would pass for convergence at 1e-8. If R "
        "times the decrement were below 1 anywhere, the theorem would prove an optimum that is not "
        "there: its least value on the way stands beside."
    )
    return [*lines, text, "", *_infinite(problem)]


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of the introduction."""
    finite = [problem for problem in result["problems"] if problem["has_optimum"]]
    steps = [
        problem["methods"][name]["reached"][TINIEST]["steps"]
        for problem in finite
        for name in ("Newton, safe length", *SECOND[-2:])
    ]
    well = [
        problem["methods"][name]["reached"][TINIEST]["steps"]
        for problem in finite
        if problem["name"].endswith("well conditioned")
        for name in FIRST
    ]
    bad = [each for each in finite if each["name"].endswith("badly conditioned")]
    bfgs = [each["methods"]["L-BFGS"]["reached"][TINIEST]["steps"] for each in bad]
    return {
        "second_steps": f"{min(steps)} to {max(steps)}",
        "well_steps": f"{min(well):,} to {max(well):,}",
        "bfgs_steps": " and ".join(map(str, bfgs)),
        "newton_lost": sum(TINIEST not in each["methods"]["Newton"]["reached"] for each in finite),
        "finite": len(finite),
        "limit": result["limit"],
    }


def _differences(result: dict[str, Any]) -> list[str]:
    return [
        f"| {row['name']} | {row['coded']['IRLS']:.0e} | {row['orthonormal']['IRLS']:.0e} "
        f"| {_number(row['coded']['Newton'])} |"
        for row in result["differences"]
    ]


def _rates(result: dict[str, Any]) -> list[str]:
    lines = []
    for row in result["rates"]:
        apart = abs(row["measured"] - row["foretold"])
        verdict = "contracts" if row["foretold"] < 1 else "does not contract"
        lines.append(
            f"| {row['name']} | {row['foretold']:.5f} | {row['measured']:.5f} | {apart:.0e} "
            f"| {verdict} |"
        )
    return lines


def text(result: dict[str, Any]) -> str:
    """Return the page."""
    rates = ", ".join(f"{each:g}" for each in result["adam_rates"])
    batch = result["batch"]
    lines = [
        INTRODUCTION.format(**_summary(result)),
        METHOD.format(limit=result["limit"], rates=rates, batch=batch),
        machine_text(result),
        "",
        "## Steps to 1e-8",
        "",
        "Where a method does not get there, the decrement that it reached after so many steps. "
        "Where there is no optimum the cell begins with *none*.",
        "",
        "Without a Hessian; coordinate descent knows its diagonal:",
        "",
        *_overview(result, FIRST),
        "",
        "With the Hessian or the Fisher information:",
        "",
        *_overview(result, SECOND),
        "",
        "![Decrement against steps for every problem: second-order methods fall to rounding within "
        "ten steps, the others in hundreds or not at all](laboratory-steps.svg)",
        "",
        "![Decrement against evaluations: second-order methods lead as before]"
        "(laboratory-evaluations.svg)",
        "",
        "## Paths",
        "",
        "Problems of two coefficients. Contours are those of the loss; the star is the optimum.",
        "",
        "![Paths over contours: straight home with curvature, zigzag or crawl along the valley "
        "without](laboratory-paths.svg)",
        "",
        NATURAL,
        *_differences(result),
        RATES,
        *_rates(result),
        REPEAT,
        "## Every problem",
    ]
    for problem in result["problems"]:
        lines += _problem(problem)
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page and its figures from the kept result."""
    result = json.loads((RESULTS / "convergence.json").read_text())
    PAGE.write_text(text(result))
    convergence_figure.trajectories(result, PAGE.with_name("laboratory-steps.svg"), 0)
    convergence_figure.trajectories(result, PAGE.with_name("laboratory-evaluations.svg"), 1)
    convergence_figure.paths(result, PAGE.with_name("laboratory-paths.svg"))


if __name__ == "__main__":
    write()
