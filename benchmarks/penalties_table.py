"""The section of docs/benchmarks.md on penalised paths."""

from __future__ import annotations

from typing import Any

from machine import bits_text, machine_text


def penalties(result: dict[str, Any]) -> list[str]:
    """Return the lines of the section."""
    lines = [
        "## Penalised paths",
        "",
        f"`fit_penalized` with all pairs of {result['conditions']} conditions, "
        f"{result['genes']:,} genes x {result['samples']} samples, {result['lambdas']} penalties "
        "each, the fused models fitted anew; dispersions are given. At most "
        f"{result['target']:.0f} s on two threads are asked for. Memory is what the call adds at "
        f"its peak, most of which is the result. {machine_text(result)}",
        "",
        "| threads | seconds | CPU seconds | memory MB | of it the result | largest relative gap "
        "| steps a fit | five folds, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {threads} | {row['seconds']:.1f} | {row['cpu']:.1f} | {row['peak_mb']:.0f} "
        f"| {row['result_mb']:.0f} | {row['relative_gap']:.0e} | {row['steps']:.2f} "
        f"| {row['folds_seconds']:.1f} |"
        for threads, row in result["threads"].items()
    ]
    return [*lines, "", bits_text(result)]
