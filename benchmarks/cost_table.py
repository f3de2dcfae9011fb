"""The sections of docs/benchmarks.md on stages, memory and growth."""

from __future__ import annotations

from typing import Any

from machine import machine_text

# No stage but the kernels may take more than this share of a pipeline's time.
LARGEST_SHARE = 0.25
KERNELS = ("gene-wise dispersions", "posterior dispersions", "coefficients, certificate")


def profile(result: dict[str, Any]) -> list[str]:
    """Return the lines on where the time of a pipeline goes."""
    lines = [
        "## Stages of a pipeline",
        "",
        "`differential_expression` with its defaults on one thread, CPU seconds of the quickest "
        "run. **passes**: those over a gene's samples, steps of a search or of the coefficients, "
        "on average over the genes that were fitted; **ns**: all time of the stage over its passes "
        "and entries; **over bare**: that over the bare pass, gradient and Hessian and nothing "
        f"else on one core. {machine_text(result)}",
    ]
    for row in result["sizes"].values():
        largest = max(
            (each["share"], stage) for stage, each in row["stages"].items() if stage not in KERNELS
        )
        verdict = "within" if largest[0] <= LARGEST_SHARE else "beyond"
        lines += [
            "",
            f"{row['description']}: {row['seconds']:.3f} s; the bare pass takes "
            f"{row['bare_ns']:.2f} ns an entry. Beside the kernels the most goes to "
            f"{largest[1]}, {largest[0]:.1%}: {verdict} the {LARGEST_SHARE:.0%} that is allowed; "
            f"to all of them together {row['beside_kernels']:.1%}.",
            "",
            "| stage | seconds | share | passes | ns | over bare |",
            "|---|---|---|---|---|---|",
        ]
        for stage, each in row["stages"].items():
            counted = "| | | |"
            if "passes" in each:
                counted = f"| {each['passes']:.1f} | {each['ns']:.2f} | {each['ratio']:.1f} |"
            lines.append(f"| {stage} | {each['seconds']:.4f} | {each['share']:.1%} {counted}")
    return lines


def memory(result: dict[str, Any]) -> list[str]:
    """Return the lines on peak memory."""
    lines = [
        "## Memory of a pipeline",
        "",
        f"`differential_expression` on {result['genes']:,} genes x {result['samples']:,} samples "
        f"with {result['threads']} threads, after one small call: the peak above the process and "
        f"its input, in MB, and as a share of the {result['dense_mb']:.0f} MB that the counts "
        f"would take as float64; at most {result['target']} is asked for. **kept** is what the "
        f"process holds afterwards, the result with it. {machine_text(result)}",
        "",
        "| counts stored as | peak | kept | share | |",
        "|---|---|---|---|---|",
    ]
    for kind, row in result["kinds"].items():
        verdict = "reached" if row["share"] <= result["target"] else "missed"
        if kind.startswith("CSR"):
            # Stored so, counts that are not zero take more than they would as float64.
            verdict = "nothing asked"
        lines.append(
            f"| {kind} | {row['peak_mb']:.0f} | {row['kept_mb']:.0f} | {row['share']:.2f} "
            f"| {verdict} |"
        )
    return lines


def scaling(result: dict[str, Any]) -> list[str]:
    """Return the lines on how time grows, and what threads bring."""
    threads = result["threads"]
    lines = [
        "## Growth of a pipeline",
        "",
        "Wall seconds of `differential_expression`, the best of several warm runs on one thread. "
        "The slope of log time over log size is 1 where time is proportional to size; what is "
        f"needed whatever the size lets it fall below. {machine_text(result)}",
        "",
        "| over | sizes | seconds | slope |",
        "|---|---|---|---|",
    ]
    for what in ("genes", "samples"):
        sizes = ", ".join(f"{size:,}" for size in result[what]["sizes"])
        times = ", ".join(f"{each:.3f}" for each in result[what]["seconds"])
        lines.append(f"| {what} | {sizes} | {times} | {result[what]['slope']:.2f} |")
    one = threads["seconds"][0]
    gains = [
        f"{number} threads {each:.3f} s, {one / each:.2f} times as fast"
        for number, each in zip(threads["threads"], threads["seconds"], strict=True)
        if number > 1
    ]
    lines += [
        "",
        f"On {result['genes']['sizes'][2]:,} genes x 100 samples: one thread {one:.3f} s; "
        f"{'; '.join(gains)}. {threads['target']} times is asked for with 2 threads.",
    ]
    return lines
