"""The section of docs/benchmarks.md on a million cells."""

from __future__ import annotations

from typing import Any

from machine import machine_text


def million(result: dict[str, Any]) -> list[str]:
    """Return the lines on a table that is read from a file, and on engines beside it."""
    lines = [
        "## A million cells",
        "",
        f"{result['cells']:,} simulated cells x {result['genes']:,} genes, 4 groups in 2 batches, "
        f"{result['positive']:,} positive counts ({result['share']:.1%}), as h5ad with the cells "
        f"in rows. A fresh process each, {result['threads']} cores, kernels compiled before; "
        "seconds hold imports, reading, putting the counts in the order of the genes, dispersions, "
        "coefficients and tables. **memory** is the largest resident set; "
        f"{result['memory_gb']:.0f} GB at most is asked for. {machine_text(result)}",
        "",
        "| call | memory_limit | seconds | CPU s | ns a positive count | memory MB | by the rule |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['call']} | {row['limit']} | {row['seconds']:.1f} | {row['cpu']:.1f} "
        f"| {row['ns']:.0f} | {row['memory_mb']:.0f} | {row['by_rule']:,} |"
        for row in result["calls"]
    ]
    if "peers" not in result:
        return lines
    engines = result["peers"]["engines"]
    ours = engines["countglm"]["warm"]
    lines += [
        "",
        f"The first {result['peers']['cells']:,} of these cells, in memory as engines take them: "
        f"whole pipelines, warm, on the same cores. {result['ratio']:.0f} times is asked for.",
        "",
        "| engine | seconds | memory MB | over countglm |",
        "|---|---|---|---|",
    ]
    for engine, row in engines.items():
        if "error" in row:
            lines.append(f"| {engine} | did not run: {row['error']} | | |")
            continue
        about = " (extrapolated)" if "extrapolated_from" in row else ""
        lines.append(
            f"| {engine} | {row['warm']:.2f}{about} | {row.get('memory_mb', 0.0):.0f} "
            f"| {row['warm'] / ours:.1f} |"
        )
    return lines
