"""Figures of the report as SVG text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from countglm._ranking import called, evidence
from countglm.report.drawing import (
    BLUE,
    GREY,
    INK,
    MANY,
    VERMILION,
    draw,
    legend,
    logarithmic,
    scatter,
)
from countglm.report.words import PADJ_LEVEL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from countglm.dispersion import DispersionFit
    from countglm.results import GLMFit


def certificate_histogram(fit: GLMFit) -> str:
    """Histogram of log10 Newton decrement of the converged genes, with the tolerance."""
    values = fit.newton_decrement[fit.converged]
    values = values[np.isfinite(values)]
    logs = np.log10(np.maximum(values, 1e-18))
    limit = float(np.log10(fit.tol))

    def paint(axes: Axes) -> None:
        low = min(float(logs.min()) if logs.size else limit, limit) - 0.5
        high = max(float(logs.max()) if logs.size else limit, limit) + 0.5
        axes.hist(logs, bins=np.linspace(low, high, 61).tolist(), color=BLUE)
        axes.axvline(limit, color=VERMILION, linewidth=1.5, linestyle="--")
        axes.annotate(
            "tolerance", (limit, 0.97), xycoords=("data", "axes fraction"), xytext=(-4, 0),
            textcoords="offset points", ha="right", va="top", color=VERMILION,
        )  # fmt: skip
        axes.set_xlabel("log10 Newton decrement (standard errors)")
        axes.set_ylabel("genes")

    return draw(paint)


def mean_dispersion(fit: GLMFit) -> str:
    """Dispersion against mean; genes at 0 or far below are drawn at the lower margin."""
    usable = fit.converged & (fit.base_mean > 0)
    mean, alpha = fit.base_mean[usable], fit.dispersion[usable]
    positive = alpha > 0
    many = mean.size > MANY
    floor = max(float(np.quantile(alpha[positive], 0.01)) / 3, 1e-9) if positive.any() else 1e-3
    low = alpha < floor

    def paint(axes: Axes) -> None:
        label = f"{int((~low).sum()):,} genes"
        scatter(axes, mean[~low], alpha[~low], BLUE, "o", label, many)
        if low.any():
            at_floor = np.full(int(low.sum()), floor)
            label = f"{int(low.sum()):,} at or near 0"
            scatter(axes, mean[low], at_floor, VERMILION, "v", label, many)
        logarithmic(axes, "x", "y")
        axes.set_xlabel("mean of counts divided by size factors")
        axes.set_ylabel("dispersion")
        legend(axes)

    return draw(paint)


def ma_plot(
    table: pd.DataFrame, level: float = PADJ_LEVEL, named: Sequence[tuple[int, str]] = ()
) -> str:
    """log2 fold change against mean; infinite and far values are drawn at the margin.

    ``named`` are rows of ``table`` to be called by a name.
    """
    known = table["log2FoldChange"].notna() & (table["baseMean"] > 0)
    shown = table[known]
    mean = shown["baseMean"].to_numpy(dtype=np.float64)
    change = shown["log2FoldChange"].to_numpy(dtype=np.float64)
    found = called(shown, level)
    word = "adjusted p" if evidence(table)[0] == "padj" else "s-value"
    many = mean.size > MANY
    finite = np.abs(change[np.isfinite(change)])
    edge = 1.15 * max(float(np.quantile(finite, 0.999)), 1.0) if finite.size else 1.0

    def paint(axes: Axes) -> None:
        axes.axhline(0.0, color=INK, linewidth=0.8)
        for flag, colour, label in (
            (~found, GREY, f"other ({int((~found).sum()):,})"),
            (found, VERMILION, f"{word} < {level:g} ({int(found.sum()):,})"),
        ):
            inside = flag & (np.abs(change) <= edge)
            scatter(axes, mean[inside], change[inside], colour, "o", label, many)
            for sign, marker in ((1, "^"), (-1, "v")):
                beyond = flag & (sign * change > edge)
                at_edge = np.full(int(beyond.sum()), sign * edge)
                scatter(axes, mean[beyond], at_edge, colour, marker, None, many)
        for row, name in named:
            at = table["baseMean"].iloc[row], table["log2FoldChange"].iloc[row]
            axes.annotate(
                name, (at[0], float(np.clip(at[1], -edge, edge))), xytext=(3, 3),
                textcoords="offset points", fontsize=7, color=INK,
            )  # fmt: skip
        logarithmic(axes, "x")
        axes.set_ylim(-1.08 * edge, 1.08 * edge)
        axes.set_xlabel("mean of counts divided by size factors")
        axes.set_ylabel("log2 fold change")
        legend(axes)

    return draw(paint)


def dispersion_trend(stages: DispersionFit) -> str:
    """Dispersion against mean: of each gene alone, as used, and the trend; least at a floor."""
    known = (stages.base_mean > 0) & np.isfinite(stages.genewise) & np.isfinite(stages.final)
    mean, alone, used = (v[known] for v in (stages.base_mean, stages.genewise, stages.final))
    line = stages.trend[known]
    low = [value for value in (alone, used) if (value > 0).any()]
    floor = max(min(float(np.quantile(v[v > 0], 0.01)) for v in low) / 3, 1e-9) if low else 1e-3
    many = mean.size > MANY

    def paint(axes: Axes) -> None:
        scatter(axes, mean, np.maximum(alone, floor), GREY, "o", "each gene alone", many)
        scatter(axes, mean, np.maximum(used, floor), BLUE, "o", "as used", many)
        if np.isfinite(line).any():
            order = np.argsort(mean)
            axes.plot(mean[order], line[order], color=VERMILION, linewidth=1.5, label="trend")
        logarithmic(axes, "x", "y")
        axes.set_xlabel("mean of counts divided by size factors")
        axes.set_ylabel("dispersion")
        legend(axes)

    return draw(paint)


def p_value_histogram(table: pd.DataFrame) -> str:
    """Histogram of the p-values in 40 bins."""
    values = table[evidence(table)[1]].dropna().to_numpy(dtype=np.float64)

    def paint(axes: Axes) -> None:
        axes.hist(values, bins=np.linspace(0, 1, 41).tolist(), color=BLUE)
        axes.axhline(values.size / 40, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, 1)
        axes.set_xlabel("p-value (dotted: flat, as without any effect)")
        axes.set_ylabel("genes")

    return draw(paint)
