"""The section of docs/benchmarks.md on one wide penalised problem."""

from __future__ import annotations

from typing import Any

from machine import bits_text, machine_text


def wide(result: dict[str, Any]) -> list[str]:
    """Return the lines of the section."""
    first = result["threads"]["1"]
    lines = [
        "## One wide penalised problem",
        "",
        f"`fit_penalized_wide` on {result['rows']:,} simulated variants with "
        f"{result['mutations']} mutations in three conditions, {first['columns']:,} columns and "
        f"{first['stored']:,} stored numbers: negative binomial, all differences between "
        f"conditions penalised, {result['lambdas']} penalties. {result['different']} mutations "
        f"differ in one condition; BIC finds {first['found']} of them and invents "
        f"{first['invented']}. {machine_text(result)}",
        "",
        "| threads | path, s | steps | most at one penalty | largest relative gap | certified "
        "| refits, s | five folds, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {threads} | {row['seconds']:.1f} | {row['steps']:,} | {row['most_steps']} "
        f"| {row['relative_gap']:.0e} | {row['certified']} of {result['lambdas']} "
        f"| {row['refits_seconds']:.1f} | {row['folds_seconds']:.1f} |"
        for threads, row in result["threads"].items()
    ]
    return [*lines, "", bits_text(result)]
