"""The sections of docs/benchmarks.md on whole pipelines: ratios asked for, tables and figure."""

from __future__ import annotations

from typing import Any

from machine import machine_text
from pipeline_engines import ENGINES

OURS, OURS_ONE = "countglm", "countglm, 1 core"
FIGURE = "benchmarks-pipelines.svg"
# What a release has to show, by size: the least ratio of a peer's time to ours.
COMPLETE, DESEQ2, PYDESEQ2, VOOM = "the fastest complete peer", "DESeq2", "PyDESeq2", "limma-voom"
TARGETS: dict[str, dict[str, float | None]] = {
    COMPLETE: {"20000x8": 5, "20000x100": 20, "5000x1000": 20, "2000x10000": 20},
    f"{DESEQ2}, one core each": {"20000x8": 100, "20000x100": 100, "5000x1000": 100},
    PYDESEQ2: {"20000x8": 300, "20000x100": 200, "5000x1000": 100},
    f"{VOOM} (shown, not counted)": {},
}
ABOUT = """## Whole pipelines

From counts in memory to a table of adjusted p-values, every engine in a process of its own, pinned
to the same cores, with its own defaults and no filter before it (real tables: genes with at least
10 counts). **cold**, **second** and **warm** are as above: the first process, the next one of an
engine that compiles, and the best run inside a process; **ratio** is an engine's warm time over
ours. Memory is that of the process and of those that it starts. **FDR** and **power** at
padj < 0.1 count the simulated genes that change; on real tables **called** stands alone. The
distances are those of the coefficients to the optimum at the engine's own dispersions and size
factors, in standard errors, over genes with a finite estimate, judged in extended precision: what
stopping early, clamps of the means (DESeq2 and its ports) and weak priors cost. Dispersions
themselves differ between engines by intent, and are judged by error rate and power.

An engine marked * was too slow to wait for, and its time is the line through two smaller numbers of
genes; its other columns are those of the larger of these."""


def peer_times(engines: dict[str, Any]) -> dict[str, tuple[str, float, float] | None]:
    """Return for each row of the table of ratios: the peer, its warm time and ours."""

    def measured(name: str, ours: str = OURS) -> tuple[str, float, float] | None:
        found, mine = engines.get(name, {}), engines.get(ours, {})
        return (name, found["warm"], mine["warm"]) if "warm" in found and "warm" in mine else None

    complete = [measured(name) for name, about in ENGINES.items() if about.complete]
    fastest = [each for each in complete if each is not None and not ENGINES[each[0]].one_core]
    rows = (
        min(fastest, key=lambda each: each[1], default=None),
        measured(f"{DESEQ2}, 1 core", OURS_ONE),
        measured(PYDESEQ2),
        measured(VOOM),
    )
    return dict(zip(TARGETS, rows, strict=True))


def ratio_cell(found: tuple[str, float, float] | None, target: float | None, star: bool) -> str:
    """Return a ratio with the one asked for and whether it is reached."""
    if found is None:
        return "not measured"
    name, theirs, ours = found
    text = f"{theirs / ours:.3g}{'*' if star else ''}"
    if target is not None:
        text += f" (asked {target:g}: {'reached' if theirs / ours >= target else 'missed'})"
    return f"{text}, {name}"


def _ratios(studies: dict[str, Any]) -> list[str]:
    sizes = [name for name in studies if studies[name]["simulated"]]
    heads = " | ".join(_size(name) for name in sizes)
    lines = [
        "Warm time of a peer over ours, on as many cores for both:",
        "",
        f"| ours against | {heads} |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for row, targets in TARGETS.items():
        cells = []
        for size in sizes:
            engines = studies[size]["engines"]
            found = peer_times(engines)[row]
            star = found is not None and "extrapolated_from" in engines[found[0]]
            cells.append(ratio_cell(found, targets.get(size), star))
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def _size(name: str) -> str:
    return " x ".join(f"{int(part):,}" for part in name.split("x"))


def _row(engine: str, found: dict[str, Any], ours: float | None, simulated: bool) -> str:
    width = 11 if simulated else 9
    if "warm" not in found:
        return f"| {engine} | did not run: {found['error']} {'| ' * (width - 2)}|"
    star = "*" if "extrapolated_from" in found else ""
    second = f"{found['second']:.2f}" if "second" in found else ""
    ratio = "" if ours is None else f"{found['warm'] / ours:.3g}"
    cells = [
        engine + star, f"{found['cold']:.2f}", second, f"{found['warm']:.3f}", ratio,
        f"{found['memory_mb']:.0f}", f"{found['called']:,}",
    ]  # fmt: skip
    if simulated:
        cells += [f"{found['fdr']:.3f}", f"{found['power']:.3f}"]
    distance = found.get("distance", {"genes": 0})
    if distance["genes"]:
        cells += [f"{distance['median']:.0e}", f"{distance['max']:.0e}"]
    else:
        cells += ["", ""]
    return f"| {' | '.join(cells)} |"


def _study(study: dict[str, Any]) -> list[str]:
    engines, simulated = study["engines"], study["simulated"]
    truth = " FDR | power |" if simulated else ""
    lines = [
        "",
        f"### Pipelines on {study['description']}",
        "",
        f"`{study['formula']}`, {study['tested']} is tested; {study['cores']} cores. "
        + machine_text(study),
        "",
        f"| engine | cold s | second s | warm s | ratio | memory MB | called |{truth} median "
        "| worst |",
        "|---" * (11 if simulated else 9) + "|",
    ]
    for engine, found in engines.items():
        one_core = engine in ENGINES and ENGINES[engine].one_core
        ours = engines.get(OURS_ONE if one_core else OURS, {}).get("warm")
        lines.append(_row(engine, found, ours, simulated))
    parts = [
        f"{engine} from {found['extrapolated_from'][0]:,} and {found['extrapolated_from'][1]:,}"
        for engine, found in engines.items()
        if "extrapolated_from" in found
    ]
    if parts:
        lines += ["", f"*: genes measured: {'; '.join(parts)}."]
    versions = [found["version"] for found in engines.values() if "version" in found]
    return [*lines, "", f"Versions: {'; '.join(dict.fromkeys(versions))}."]


def pipelines(result: dict[str, Any]) -> list[str]:
    """Return the lines on whole pipelines."""
    studies = result["studies"]
    lines = [ABOUT, "", *_ratios(studies), "", f"![Seconds of every pipeline]({FIGURE})", ""]
    lines.append("What each engine runs: ")
    lines[-1] += "; ".join(f"{name}: {about.steps}" for name, about in ENGINES.items()) + "."
    for study in studies.values():
        lines += _study(study)
    return lines
