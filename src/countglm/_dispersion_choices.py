"""What a caller chooses of the dispersions: kind of trend, width of the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import by_gene, is_number
from .errors import InputError

if TYPE_CHECKING:
    from ._model import Model

Floats = NDArray[np.float64]
FIT_TYPES = ("parametric", "local", "mean")


@dataclass(frozen=True, eq=False)
class DispersionChoices:
    """What is given instead of estimated; the defaults estimate everything."""

    fit_type: Any = "parametric"
    prior_variance: float | None = None
    residual_variance: float | None = None

    def record(self) -> dict[str, Any]:
        """What tells these choices from others; functions have no text of their own."""
        kind = type(self.fit_type).__name__ if callable(self.fit_type) else self.fit_type
        return {"fit_type": kind, "prior_variance": self.prior_variance}


def check_choices(fit_type: Any, prior_variance: float | None, model: Model) -> DispersionChoices:
    """Return what the caller chose, or raise naming what is wrong."""
    if isinstance(fit_type, str):
        if fit_type not in FIT_TYPES:
            raise InputError(
                f"fit_type={fit_type!r} is not known; choose from {', '.join(FIT_TYPES)}, or give "
                "a function of the mean or one dispersion per gene."
            )
    elif not callable(fit_type):
        fit_type = by_gene(fit_type, "fit_type", model.counts.gene_names)
        check_trend(fit_type, "fit_type as numbers", (model.n_genes,))
    positive = is_number(prior_variance) and 0.0 < float(prior_variance or 0.0) < np.inf
    if prior_variance is not None and not positive:
        raise InputError(f"prior_variance={prior_variance!r} must be positive (of log dispersion).")
    return DispersionChoices(fit_type, prior_variance)


def check_trend(values: Floats, name: str, shape: tuple[int, ...]) -> None:
    """Raise unless ``values`` are dispersions, as many as they must be."""
    bad = int((~((values > 0.0) & (values < np.inf))).sum())
    if values.shape != shape or bad:
        raise InputError(
            f"{name} must hold {shape[0]} positive finite dispersions, one a gene; it has shape "
            f"{values.shape}, {bad} not positive and finite."
        )
