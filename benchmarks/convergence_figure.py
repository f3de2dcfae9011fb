"""The figures of docs/laboratory.md: how solvers approach the optimum, and their paths to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from laboratory import Glm

# Colours that most colour-blind people tell apart; those that coincide have dashes on a band.
STYLES: dict[str, dict[str, Any]] = {
    "gradient descent, 1/L": {"color": "#999999"},
    "gradient descent, backtracking": {"color": "#000000"},
    "Adam": {"color": "#E69F00"},
    "L-BFGS": {"color": "#009E73"},
    "coordinate descent": {"color": "#CC79A7"},
    "natural gradient": {"color": "#56B4E9", "linewidth": 3.2},
    "IRLS": {"color": "#0072B2", "linestyle": (0, (2, 2))},
    "Newton": {"color": "#F0C9B0", "linewidth": 3.2},
    "Newton, safe length": {"color": "#D55E00", "linestyle": (0, (4, 1.5))},
    'fit_glm, "irls"': {"color": "#0072B2", "marker": "o"},
    'fit_glm, "newton"': {"color": "#D55E00", "marker": "s"},
}
BEGIN = 0.6  # where a logarithmic axis of steps shows the start
LOW, HIGH = 1e-10, 1e5
POSITION = re.compile(r"(\d+\.\d{2})\d+")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same results give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "countglm", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    # Hundredths of a point are enough, and Matplotlib ends lines of paths with blanks.
    lines = (
        POSITION.sub(r"\1", line) if line.lstrip().startswith(("M ", "L ", "C ", "Q ")) else line
        for line in path.read_text().splitlines()
    )
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def trajectories(result: dict[str, Any], path: Path, column: int) -> None:
    """Draw decrements against steps (column 0) or evaluations (1), one panel a problem."""
    plt = _pyplot()
    problems = result["problems"]
    rows = -(-len(problems) // 3)
    figure, axes = plt.subplots(
        rows, 3, figsize=(10.5, 2.6 * rows + 0.9), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    shown: dict[str, Any] = {}
    for axis, problem in zip(axes.flat, problems, strict=False):
        for name, style in STYLES.items():
            kept = problem["methods"].get(name)
            # A separated gene of fit_glm is a fit of other samples: it has no path of this kind.
            if kept is None or (name.startswith("fit_glm") and not problem["has_optimum"]):
                continue
            points = np.array(kept["curve"], dtype=float)
            across = np.where(points[:, column] > 0, points[:, column], BEGIN)
            line = {"linewidth": 1.4, "markersize": 3.0, "alpha": 0.9} | style
            (shown[name],) = axis.loglog(across, np.maximum(points[:, 2], LOW), **line)
        for target in (1e-2, 1e-4, 1e-8):
            axis.axhline(target, color="#cccccc", linewidth=0.6, zorder=0)
        title = problem["name"] + ("" if problem["has_optimum"] else ": no optimum")
        axis.set_title(title, fontsize=9)
        axis.set(xlim=(BEGIN * 0.85, 6e5 if column else 1.4e5), ylim=(LOW, HIGH))
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(problems) :]:
        axis.set_visible(False)
    word = "evaluations" if column else "steps"
    figure.supxlabel(f"{word} (the start at the left edge)", fontsize=9)
    figure.supylabel("Newton decrement (standard errors)", fontsize=9)
    figure.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=4, fontsize=8,
                  frameon=False)  # fmt: skip
    _save(figure, path)
    plt.close(figure)


def _contours(axis: Any, plt: Any, glm: Glm, best: Any, limits: tuple[Any, Any]) -> None:
    """Draw lines of equal loss, evenly on a logarithmic scale above the optimum."""
    across, up = (np.linspace(*each, 90) for each in limits)
    a, b = np.meshgrid(across, up)
    mu = glm.means_unseen(np.stack([a, b], axis=-1))
    height = glm.half_deviance(mu).sum(axis=-1)
    height = height - glm.half_deviance(glm.means_unseen(best)).sum() + 1e-9
    levels = np.geomspace(0.3, max(height.max(), 1.0), 14)
    axis.contour(a, b, height, levels=levels, colors="#d5d5d5", linewidths=0.7)


def paths(result: dict[str, Any], path: Path) -> None:
    """Draw the ways of the methods over the contours of problems of two parameters."""
    plt = _pyplot()
    pictures = result["pictures"]
    figure, axes = plt.subplots(
        1, len(pictures), figsize=(3.7 * len(pictures), 4.3), layout="constrained"
    )
    shown: dict[str, Any] = {}
    for axis, each in zip(axes, pictures, strict=True):
        glm = Glm(*(np.array(each[key]) for key in ("y", "x", "offset")), each["alpha"])
        best, start = np.array(each["optimum"]), glm.start
        half = np.maximum(1.3 * np.abs(start - best), 0.35 * np.abs(start - best).max())
        seen = np.concatenate([np.array(points) for points in each["paths"].values()])
        low, high = (
            np.maximum(seen.min(axis=0), best - half),
            np.minimum(seen.max(axis=0), best + half),
        )
        margin = 0.2 * (high - low)
        limits = tuple(zip(low - margin, high + margin, strict=True))
        _contours(axis, plt, glm, best, limits)
        for name, points in each["paths"].items():
            line = {"linewidth": 1.3, "marker": ".", "markersize": 4.0, "alpha": 0.9} | STYLES[name]
            (shown[name],) = axis.plot(*np.array(points).T, **line)
        axis.plot(*best, "*", color="black", markersize=11, zorder=5)
        axis.set(xlim=limits[0], ylim=limits[1], xlabel="intercept", ylabel="effect")
        axis.set_title(each["title"], fontsize=9)
        axis.tick_params(labelsize=7)
    figure.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=4, fontsize=8,
                  frameon=False)  # fmt: skip
    _save(figure, path)
    plt.close(figure)
