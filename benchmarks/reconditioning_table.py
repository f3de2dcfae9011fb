"""The section on codings of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from machine import machine_text


def reconditioning(result: dict[str, Any]) -> list[str]:
    """Return the lines of the section."""
    lines = [
        "## Codings of deep mutational scans",
        "",
        f"Simulated scans: {result['variants']:,} variants, three conditions, 2,000 mutations, "
        "wild types that differ from the reference at 15 sites. The same negative binomial model "
        "in the codings of `countglm.recondition(..., 'rereference')`, by the same accelerated "
        "gradient method (FISTA, backtracking, restarts; a few lines of "
        "`benchmarks/reconditioning.py`, not `fit_penalized_wide`) from the same start, until the "
        "objective is within a "
        f"relative {result['tolerance']:.0e} of its minimum. **Condition** is that of the design "
        "with columns of length 1, **as it stands** that of the design itself, which this "
        "method meets. **Mapped back** is about the maps and not about the solver whose iterations "
        "stand beside it: the optimum by Newton's method in this coding, mapped to the given one, "
        "less that of the last coding; the largest difference of a coefficient. With a lasso the "
        "signs, and which coefficients are 0, are those found in the last coding. "
        + machine_text(result),
    ]
    for label, scan in result["scans"].items():
        lines += [
            "",
            f"### {label.capitalize()}",
            "",
            f"{scan['columns']:,} columns."
            + (f" Lasso on the shifts, lambda {result['lambda']:g}." if "shifts" in label else ""),
            "",
            "| coding | entries | condition | as it stands | iterations | times fewer | s "
            "| mapped back |",
            "|---|---|---|---|---|---|---|---|",
        ]
        first = scan["rows"][0]["iterations"]
        for row in scan["rows"]:
            reached = "" if row["reached"] else " (not reached)"
            same = f"{row['difference']:.0e}" if row is not scan["rows"][-1] else ""
            lines.append(
                f"| {row['coding']} | {row['entries']:,} | {row['scaled']:.1f} | {row['raw']:.1f} "
                f"| {row['iterations']:,}{reached} | {first / row['iterations']:.1f} "
                f"| {row['seconds']:.2f} | {same} |"
            )
    return lines
