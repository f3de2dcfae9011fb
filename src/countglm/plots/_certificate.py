"""How near the fits stand to their optimum, and how well it is determined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.deresult import DEResult
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._style import (
    BLUE,
    INK,
    MANY,
    ORANGE,
    VERMILION,
    legend,
    logarithmic,
    scatter,
)
from countglm.results import GLMFit
from countglm.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# A decrement of 0 has no logarithm.
_FLOOR = 1e-18
# How far beyond the largest finite condition number infinite ones stand.
_MARGIN = 2.0
_REPLAYED = (
    "No certificate: mode 'replay' repeats DESeq2's stopping rules, and what those accept may "
    "stand away from the optimum."
)


def certificate(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw every gene's distance to its optimum against the condition number of its Hessian.

    Genes below the dashed line, the tolerance, stand at their optimum. To the right the data
    determine it less well; triangles at the margin, not at all: separated genes, whose
    coefficients are infinite.

    Parameters
    ----------
    result : DEResult or GLMFit
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The distance is the Newton decrement, in standard errors.

    Raises
    ------
    InputError
        Something other than a result or a fit.
    """
    fit = result.fit if isinstance(result, DEResult) else result
    if not isinstance(fit, GLMFit):
        raise InputError(
            "certificate() draws the result of differential_expression or fit_glm, not "
            f"an object of type {type(result).__name__}."
        )
    replayed = isinstance(result, DEResult) and result.settings["mode"] == "replay"
    drawn = np.isfinite(fit.newton_decrement) & ~np.isnan(fit.condition_number)
    with canvas(ax) as axes:
        if replayed or not drawn.any():
            say(axes, _REPLAYED if replayed else "No gene was fitted.")
            return axes
        many = int(drawn.sum()) > MANY
        height = np.maximum(fit.newton_decrement, _FLOOR)
        condition, beyond = _conditions(fit, drawn)
        for flag, colour, marker, word in _kinds(fit):
            some = flag & drawn
            label: str | None = f"{word} ({int(some.sum()):,})"
            for part, form in ((some & ~beyond, marker), (some & beyond, ">")):
                if part.any():
                    scatter(axes, condition[part], height[part], colour, form, label, many)
                    label = None
        logarithmic(axes, "x", "y")
        axes.axhline(fit.tol, color=INK, linewidth=1.0, linestyle="--")
        axes.annotate(
            "tolerance", (0.995, fit.tol), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha="right", fontsize=8.5,
        )  # fmt: skip
        axes.set_xlabel("condition number of the scaled Hessian")
        axes.set_ylabel("Newton decrement (standard errors)")
        legend(axes)
    return axes


def _conditions(fit: GLMFit, drawn: Bools) -> tuple[Floats, Bools]:
    """Return condition numbers to draw, and which are infinite: those stand at the right margin."""
    beyond = drawn & np.isinf(fit.condition_number)
    finite = fit.condition_number[drawn & ~beyond]
    margin = _MARGIN * float(finite.max()) if finite.size else _MARGIN
    return np.where(beyond, margin, fit.condition_number), beyond


def _kinds(fit: GLMFit) -> list[tuple[Bools, str, str, str]]:
    separated = fit.status == Status.SEPARATED
    return [
        (fit.converged, BLUE, "o", "at the optimum"),
        (separated, ORANGE, "D", "at the supremum, separated"),
        (~fit.converged & ~separated, VERMILION, "X", "not at an optimum"),
    ]
