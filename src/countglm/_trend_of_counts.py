"""The dispersion trend of a table of counts, from all genes or from some that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._model import prepare_model
from ._moments import base_moments
from ._parallel import is_whole
from .dispersion import MODES, make_steps
from .errors import InputError
from .trend import KINDS, Trend, fit_trend

if TYPE_CHECKING:
    from ._model import Model
    from ._scaling import Scale
    from .counts import CountMatrix

Floats = NDArray[np.float64]
# Means of normalised counts that a gene needs to stand for others.
_EXPRESSED = 5.0


def trend_of_counts(
    counts: CountMatrix,
    scale: Scale,
    *,
    design: Any,
    blind: bool,
    fit_type: Any,
    mode: str,
    n_subset: int | None = None,
    obs: Any = None,
    threads: int | None = None,
) -> Trend | Any:
    """Return the trend of the dispersions, or ``fit_type`` itself where it is a function.

    Blind means a design of the mean alone: all differences between samples count as dispersion.
    """
    if mode not in MODES:
        raise InputError(f"mode={mode!r} is not known; choose 'exact' or 'replay'.")
    if blind and design is not None:
        raise InputError(
            "design= is used with blind=False only; leave it out, or pass blind=False to keep "
            "differences between groups out of the dispersion."
        )
    if not blind and design is None and not callable(fit_type):
        raise InputError("blind=False needs design=: a formula or a matrix.")
    if callable(fit_type):
        return fit_type
    if fit_type not in KINDS:
        raise InputError(
            f"fit_type={fit_type!r} is not known; choose from {', '.join(KINDS)}, or give the "
            "trend of another fit."
        )
    if n_subset is not None and not is_whole(n_subset, 2):
        raise InputError(f"n_subset={n_subset!r} must be a whole number of at least 2, or None.")
    matrix = np.ones((counts.n_samples, 1)) if blind else design
    model = prepare_model(counts, matrix, obs=obs, threads=threads, **scale.model_arguments())
    if n_subset is not None:
        model = _representatives(model, int(n_subset), mode)
    steps = make_steps(model, mode)
    genewise = steps.genewise()
    mean, _ = base_moments(model, replay=steps.replay)
    return fit_trend(mean, genewise, fit_type, replay=steps.replay)


def _representatives(model: Model, number: int, mode: str) -> Model:
    """The model of genes whose means are evenly spaced in rank, all genes where too few are high.

    Genes of one mean are taken by their counts, and by position in replay.
    """
    mean, _ = base_moments(model)
    high = np.flatnonzero(mean > _EXPRESSED)
    if high.size < number:
        return model
    keys: tuple[Floats, ...] = (mean[high],)
    if mode != "replay":
        counts = np.concatenate([model.counts.block(g, g + 1) for g in high.tolist()])
        keys = (*counts.T, mean[high])
    ranked = high[np.lexsort(keys)]
    places = np.rint(np.linspace(1.0, high.size, number)).astype(np.intp) - 1
    return model.take(ranked[places])
