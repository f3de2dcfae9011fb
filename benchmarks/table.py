"""Write docs/benchmarks.md from the kept results: no number of that page is typed by hand."""

from __future__ import annotations

import json
from typing import Any

import cost_table
import million_table
import penalties_table
import pipeline_figure
import pipeline_table
import reconditioning_table
import wide_table
from machine import RESULTS, machine_text

ROOT = RESULTS.parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
# The README shows this problem, between these two lines.
SHOWN = "airway"
BEGIN, END = "<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->"

INTRODUCTION = """# Benchmarks

Written by `benchmarks/table.py` from `benchmarks/results/`; run `make bench` for your machine.

Speed without accuracy says little: an engine that stops early is fast. So each time stands beside
the distance of the coefficients to the optimum, in standard errors, judged by a solver in extended
precision that shares no code with any engine (`benchmarks/reference.py`).

- **cold**: seconds from the start of a fresh process to the first result, with imports, and with
  compilation where an engine compiles (empty cache); **second**: the next process.
- **warm**: time of a repeat inside the process, the best of up to five. Fits at given dispersions
  show it by the gene: engines that take one gene at a time are given fewer **genes**.
- **memory**: largest resident set of the process, in MB.
- **median, worst**: distance to the optimum over the genes, in standard errors; **beyond 0.01**:
  genes farther than that.

Some engines bound the fitted means or coefficients from below (DESeq2 and PyDESeq2 keep
`mu >= 0.5`), and DESeq2 adds a very weak prior; their distance holds the effect of that too.
"""


def _row(engine: str, found: dict[str, Any], genes: int) -> str:
    if "error" in found:
        return f"| {engine} | did not run: {found['error']} | | | | | | | |"
    distance = found["distance"]
    fitted = found.get("genes", genes)
    return (
        f"| {engine} | {fitted:,} | {found['cold']:.2f} | {found['second']:.2f} "
        f"| {found['warm'] / fitted * 1e6:.2f} | {found['memory_mb']:.0f} "
        f"| {distance['median']:.1e} | {distance['max']:.1e} | {distance['beyond_0.01']} |"
    )


def _engines(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Engines: coefficients at given dispersions",
        "",
        "Dispersions and size factors are given, every gene has a finite estimate, each engine "
        "keeps its own default tolerance and runs on one thread, unless its name says otherwise.",
    ]
    for problem in result["problems"].values():
        lines += [
            "",
            f"### {problem['description']}",
            "",
            f"{problem['n_genes']:,} genes, {problem['n_coef']} coefficients; the reference's own "
            f"last step was {problem['reference_last_step']:.0e} standard errors. "
            + machine_text(problem),
            "",
            "| engine | genes | cold s | second s | warm µs a gene | memory MB | median | worst "
            "| beyond 0.01 |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            _row(engine, found, problem["n_genes"]) for engine, found in problem["engines"].items()
        ]
        measured = [found["version"] for found in problem["engines"].values() if "version" in found]
        lines += ["", f"Versions: {'; '.join(dict.fromkeys(measured))}."]
    return lines


def _kernel(result: dict[str, Any]) -> list[str]:
    kinds = list(result["passes"][0]["ns"])
    lines = [
        "## One pass over one gene",
        "",
        "Nanoseconds per entry on one core; an entry is one count of one sample. What a pass is of "
        f"each kind is told by `benchmarks/kernel_pass.py`. {machine_text(result)}",
        "",
        f"| samples | coefficients | {' | '.join(kinds)} |",
        "|---" * (len(kinds) + 2) + "|",
    ]
    for row in result["passes"]:
        each = " | ".join(f"{row['ns'][kind]:.2f}" for kind in kinds)
        lines.append(f"| {row['n_samples']:,} | {row['n_coef']} | {each} |")
    return lines


def _startup(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Start-up",
        "",
        "Medians over fresh processes, in seconds. " + machine_text(result),
        "",
        "| what | wall | CPU |",
        "|---|---|---|",
    ]
    rows = [
        f"| {label} | {seconds['wall']:.2f} | {seconds['cpu']:.2f} |"
        for label, seconds in result["seconds"].items()
    ]
    return lines + rows


def _pydeseq2(result: dict[str, Any]) -> list[str]:
    seconds, calls = result["seconds"], result["calls"]
    clock = f"Wall seconds on {result['cpus']} cores for both"
    if result["cpus"] == 1:
        clock = "CPU seconds on one core for both"
    lines = [
        "## Inside PyDESeq2",
        "",
        f"{result['study']}, `{result['design']}`, {result['genes']:,} genes, {result['fitted']:,} "
        f"of them with counts; PyDESeq2 {result['version']}. {clock}, best of "
        f"{result['repeats']} warm. {machine_text(result)}",
        "",
        "The whole pipeline, from counts to shrunken estimates, with "
        "`inference=countglm.adapters.pydeseq2.Inference()` and with its own; what is not in the "
        "fits is PyDESeq2's own, and the same.",
        "",
        "| | own inference, s | countglm, s | ratio |",
        "|---|---|---|---|",
    ]
    for label, key in (("pipeline", "pipeline"), ("its fits", "fits")):
        theirs, ours = seconds["PyDESeq2"][key], seconds["countglm"][key]
        lines.append(f"| {label} | {theirs:.1f} | {ours:.2f} | {theirs / ours:.1f} |")
    lines += [
        "",
        f"Genes at adjusted p < {result['alpha']}: {calls['PyDESeq2']:,} with its own inference, "
        f"{calls['countglm']:,} with this one, {calls['both']:,} with both.",
        "",
        "Stage by stage, both asked what the pipeline asked its own inference. **Worse** counts "
        "the genes (for the trend: rounds) whose PyDESeq2 objective, a negative log-likelihood, is "
        "more than 0.001 above the other's, **by** the largest excess; the largest relative "
        "difference stands where a method has no objective.",
        "",
        "| stage | own, s | countglm, s | ratio | own worse | by | countglm worse | by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stage, row in result["stages"].items():
        start = f"| {stage} | {row['theirs']:.3f} | {row['ours']:.3f} "
        start += f"| {row['theirs'] / row['ours']:.1f} "
        if "difference" in row:
            lines.append(f"{start}| differ by {row['difference']:.0e} | | | |")
            continue
        lines.append(
            f"{start}| {row['theirs_worse']:,} of {row['genes']:,} | {row['theirs_worst']:.2g} "
            f"| {row['ours_worse']:,} | {row['ours_worst']:.0e} |"
        )
    return lines


def _crossing(result: dict[str, Any]) -> list[str]:
    lines = [
        "## From R",
        "",
        f"`fit_glm()` of the R package on {result['genes']:,} genes x 100 samples, or as many as "
        "the name says, beside the same call in Python plus one copy of the matrix into fresh "
        "memory; the coefficients have the same bits. CPU seconds (and elapsed ones in brackets) "
        f"with {result['threads']} threads, the least of "
        f"{result['rounds'] * result['repeats']} calls in processes of both languages by turns; "
        f"at most {result['longest']} is asked for. {machine_text(result)}",
        "",
        "Memory is what a first call adds to the process at its peak, in MB: results and scratch "
        "are part of it. **Stored** is what the counts take as R keeps them, **dense** as a matrix "
        "of doubles, which a dgCMatrix never becomes: less than half of it is asked for with 2,000 "
        "samples. Of a dense matrix R may add one copy to what Python adds, the **heap** that R "
        f"fills before it collects what it has thrown away, and {result['margin_mb']:.0f} MB.",
        "",
        "| counts in R | R, s | Python, s | copy, s | R / (Python + copy) "
        "| R adds | Python adds | heap | stored | dense | load |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, row in result["kinds"].items():
        lines.append(
            f"| {kind} | {row['r']:.2f} ({row['r_wall']:.2f}) "
            f"| {row['python']:.2f} ({row['python_wall']:.2f}) | {row['copy']:.4f} "
            f"| {row['ratio']:.2f} | {row['r_mb']:.0f} | {row['python_mb']:.0f} "
            f"| {row['heap_mb']:.0f} | {row['object_mb']:.0f} | {row['dense_mb']:.0f} "
            f"| {row['load']} |"
        )
    return lines


SECTIONS = {
    "pipelines": pipeline_table.pipelines,
    "engines": _engines,
    "kernel_pass": _kernel,
    "profile": cost_table.profile,
    "memory": cost_table.memory,
    "scaling": cost_table.scaling,
    "million": million_table.million,
    "penalties": penalties_table.penalties,
    "wide": wide_table.wide,
    "startup": _startup,
    "pydeseq2_backend": _pydeseq2,
    "crossing": _crossing,
    "reconditioning": reconditioning_table.reconditioning,
}


def _summary(result: dict[str, Any]) -> str:
    problem = result["problems"][SHOWN]
    lines = [
        "",
        f"Coefficients of {problem['n_genes']:,} genes of {problem['description']}, dispersions "
        "given: time of a repeat in one process, and distance to the optimum in standard errors.",
        "",
        "| engine | µs a gene | median distance | worst distance |",
        "|---|---|---|---|",
    ]
    for engine, found in problem["engines"].items():
        if "error" not in found:
            distance = found["distance"]
            each = found["warm"] / found.get("genes", problem["n_genes"]) * 1e6
            lines.append(
                f"| {engine} | {each:,.1f} | {distance['median']:.0e} | {distance['max']:.0e} |"
            )
    return "\n".join([*lines, ""])


def write_readme(result: dict[str, Any]) -> None:
    """Replace the table between the two marks of the README."""
    before, rest = README.read_text().split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{_summary(result)}\n{END}{after}")


def write_page() -> None:
    """Write the page from whichever results exist, and the README's table."""
    lines = [INTRODUCTION]
    for name, section in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            lines += [*section(json.loads(path.read_text())), ""]
            if name == "engines":
                write_readme(json.loads(path.read_text()))
            if name == "pipelines":
                figure = PAGE.with_name(pipeline_table.FIGURE)
                pipeline_figure.draw(json.loads(path.read_text()), figure)
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    write_page()
