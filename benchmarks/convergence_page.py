"""Write docs/laboratory.md and its figures from the kept result: no number is typed by hand."""

from __future__ import annotations

import json
from typing import Any

import convergence_figure
from convergence_text import CURVATURE, INTRODUCTION, METHOD, NATURAL, RATES, REPEAT
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


def _steps(problem: dict[str, Any], name: str) -> int | None:
    """Return the steps to the smallest distance, None where it was not reached."""
    found = problem["methods"][name]["reached"].get(TINIEST)
    return None if found is None else int(found["steps"])


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of the introduction."""
    finite = [problem for problem in result["problems"] if problem["has_optimum"]]
    second = [_steps(each, name) or 0 for each in finite for name in (SECOND[3], *SECOND[-2:])]
    slowest, first_order = FIRST[0], [name for name in FIRST if name != "L-BFGS"]
    bad = [each for each in finite if _steps(each, slowest) is None]
    usual = sorted((each for each in finite if each not in bad), key=lambda each: each["ratio"])
    least, most = usual[0], usual[-1]
    per = [(_steps(each, slowest) or 0) / each["ratio"] for each in usual]
    middle = [_steps(each, name) or 0 for each in usual for name in first_order[1:]]
    conditions = [each["condition"] for each in usual]
    arrived = [name for name in first_order if all(_steps(each, name) for each in bad)]
    return {
        "second_steps": f"{min(second)} to {max(second)}",
        "per_ratio": f"{min(per):.0f} to {max(per):.0f}",
        "fewest": f"{_steps(least, slowest):,}",
        "least_ratio": f"{least['ratio']:,.0f}",
        "most": f"{_steps(most, slowest):,}",
        "most_ratio": f"{most['ratio']:,.0f}",
        "least_condition": _number(min(conditions)),
        "most_condition": _number(max(conditions)),
        "middle_steps": f"{min(middle):,} to {max(middle):,}",
        "bad_ratios": " and ".join(f"{each['ratio']:.0e}" for each in bad),
        "bad_arrived": f"only {', '.join(arrived)} arrive" if arrived else "none of these arrives",
        "bfgs_steps": " and ".join(f"{_steps(each, 'L-BFGS'):,}" for each in bad),
        "newton_lost": sum(_steps(each, "Newton") is None for each in finite),
        "finite": len(finite),
        "limit": result["limit"],
    }


def _steps(problem: dict[str, Any], name: str) -> int | None:
    """Return the steps to the smallest distance, None where it was not reached."""
    found = problem["methods"][name]["reached"].get(TINIEST)
    return None if found is None else int(found["steps"])


def _curvatures(result: dict[str, Any]) -> list[str]:
    lines = []
    for problem in result["problems"]:
        if problem["has_optimum"]:
            steps, ratio = _steps(problem, FIRST[0]), problem["ratio"]
            cells = (f"{steps:,}", f"{steps / ratio:.0f}") if steps else ("not reached", "-")
            lines.append(
                f"| {problem['name']} | {_number(problem['condition'])} "
                f"| {_number(problem['weighted'])} | {_ratio(ratio)} | {' | '.join(cells)} |"
            )
    return lines


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"


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
        CURVATURE,
        *_curvatures(result),
        "",
        "## Pictures",
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
