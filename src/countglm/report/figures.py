"""Figures of the report as SVG text: the plots of `countglm.plots`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from countglm import plots
from countglm.report.drawing import draw
from countglm.report.words import PADJ_LEVEL

if TYPE_CHECKING:
    import pandas as pd

    from countglm.results import GLMFit


def certificate(fit: GLMFit) -> str:
    """Newton decrement of every gene against the condition number of its Hessian."""
    return draw(lambda axes: plots.certificate(fit, ax=axes))


def mean_dispersion(fit: GLMFit) -> str:
    """Dispersion of every usable gene against its mean."""
    return draw(lambda axes: plots.dispersion(fit, ax=axes))


def ma_plot(
    table: pd.DataFrame, level: float = PADJ_LEVEL, named: Sequence[tuple[int, str]] = ()
) -> str:
    """Log2 fold change against mean; ``named`` are rows of ``table`` to be called by a name."""
    rows = [row for row, _ in named]
    return draw(lambda axes: plots.ma(table, alpha=level, label=rows, ax=axes))


def p_value_histogram(table: pd.DataFrame) -> str:
    """Histogram of the p-values."""
    return draw(lambda axes: plots.p_values(table, ax=axes))
