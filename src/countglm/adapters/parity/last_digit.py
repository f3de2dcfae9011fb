"""Does another last digit of the inputs lead the replayed search to R's dispersion?

Where a step gains just as much as the stopping rule asks for, the last digit decides whether the
search goes on, and a grid may follow (docs/math.md, 14.2). No rounding of the objective shows that,
but repeating the search does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._arguments import PerSample
from countglm.dispersion import make_steps

from .stages import Floats, Mask

if TYPE_CHECKING:
    from countglm._model import Model

_DRAWS = 24
_LARGEST = 4
_ULP = 2.0**-52


def reached(
    model: Model, genes: Mask, theirs: Floats, tolerance: float, prior: tuple[Floats, float] | None
) -> Mask:
    """Return which of ``genes`` come to R's dispersion from inputs of another last digit.

    Parameters
    ----------
    model : Model
        R's inputs.
    genes : (n_genes,) bool
        Genes to try.
    theirs : (n_genes,)
        R's gene-wise dispersions, or its MAP where ``prior`` holds trend and prior variance.
    tolerance : float
        Relative difference that is none.
    """
    found = np.zeros(genes.shape, dtype=np.bool_)
    left = np.flatnonzero(genes)
    for draw in range(_DRAWS):
        if not left.size:
            break
        rng = np.random.default_rng((_DRAWS, draw))
        steps: Any = make_steps(_shaken(model.take(left), rng), "replay")
        alpha = steps.genewise()
        if prior is not None:
            trend, width = prior
            alpha = steps.shrunken(trend[left] * (1.0 + _noise(rng, left.size)), width)
        with np.errstate(invalid="ignore"):
            there = np.abs(alpha / theirs[left] - 1.0) <= tolerance
        found[left[there]] = True
        left = left[~there]
    return found


def _noise(rng: np.random.Generator, size: int) -> Floats:
    return np.asarray(rng.integers(-_LARGEST, _LARGEST + 1, size) * _ULP, dtype=np.float64)


def _shaken(model: Model, rng: np.random.Generator) -> Model:
    """The model with size factors of another last digit."""
    values = model.offset.values
    shift = _noise(rng, model.n_samples)
    shift = shift if values.ndim == 1 else shift[:, None]
    return replace(model, offset=PerSample(values + shift, model.offset.given))
