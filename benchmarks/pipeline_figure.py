"""The figure of docs/benchmarks.md: warm seconds of every pipeline, one panel a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline_engines import ENGINES

OURS, PEER, ASIDE = "#b2182b", "#4d4d4d", "#b0b0b0"


def _colour(engine: str) -> str:
    if engine.startswith("countglm"):
        return OURS
    return PEER if engine in ENGINES and ENGINES[engine].complete else ASIDE


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw a bar an engine on a logarithmic axis; extrapolated ones are hatched."""
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same results give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "countglm", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    studies = list(result["studies"].values())
    columns = min(2, len(studies))
    rows = -(-len(studies) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(6.2 * columns, 3.7 * rows), squeeze=False, layout="constrained"
    )
    for axis, study in zip(axes.flat, studies, strict=False):
        bars = [(name, each) for name, each in study["engines"].items() if "warm" in each][::-1]
        names = [name for name, _ in bars]
        seconds = [each["warm"] for _, each in bars]
        drawn = axis.barh(names, seconds, color=[_colour(name) for name in names], height=0.7)
        for bar, (_, each) in zip(drawn, bars, strict=True):
            if "extrapolated_from" in each:
                bar.set_hatch("//")
                bar.set_edgecolor("white")
        axis.bar_label(drawn, [f"{value:.2g} s" for value in seconds], padding=3, fontsize=7)
        axis.set(xscale="log", title=study["description"], xlabel="seconds, warm")
        axis.set_xlim(min(seconds, default=1.0) / 2, max(seconds, default=1.0) * 4)
        axis.tick_params(axis="y", labelsize=8)
        axis.title.set_fontsize(9)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(studies) :]:
        axis.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
