"""A model fitted once, from which any number of contrasts are tested."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import resolve_offset, resolve_options, resolve_weights
from ._dispersion_choices import DispersionChoices
from ._fit_arrays import FitArrays
from ._model import Model
from ._resources import resolve_resources
from ._samples import compared_samples, with_annotation
from ._testing import Choices, contrast_table
from .deresult import DEResult
from .dispersion import (
    DispersionFit,
    Steps,
    fit_dispersions,
    given_dispersions,
    make_steps,
)
from .outliers import Outliers, find_outliers

if TYPE_CHECKING:
    import pandas as pd

    from .results import GLMFit

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Analysis:
    """Everything before the test of a contrast: fit, dispersions, outliers, and the choices."""

    steps: Steps
    fit: GLMFit
    dispersion: DispersionFit
    outliers: Outliers | None
    settings: dict[str, Any] = field(default_factory=dict)
    obs: Any = None
    var: pd.DataFrame | None = None

    def test(self, contrast: Any, choices: Choices) -> DEResult:
        """Return the result of one contrast; nothing is fitted again."""
        design = self.steps.model.design
        vector, label = design.contrast(contrast)
        table, filtering = contrast_table(
            self.fit, self.steps, vector, compared_samples(design, contrast), choices,
            self.outliers, self.obs,
        )  # fmt: skip
        settings = {**self.settings, **choices.record(), "contrast": vector.tolist()}
        return DEResult(
            table=with_annotation(table, self.var), fit=self.fit, dispersion=self.dispersion,
            contrast=vector, label=label, settings=settings, provenance=self.fit.provenance,
            filtering=filtering, outliers=self.outliers, var=self.var, obs=self.obs,
        )  # fmt: skip


def analyse(
    model: Model,
    mode: str,
    test: str,
    choices: DispersionChoices,
    given: Floats | None,
    cutoff: float,
    min_replicates: float,
) -> Analysis:
    """Fit a model: dispersions, coefficients, outliers, and again where counts are replaced."""
    steps = make_steps(model, mode, test=test)
    stages, arrays = _fitted(steps, choices, given)
    fit = model.assemble(arrays, "nb", {})
    if not np.isfinite(cutoff):
        return Analysis(steps=steps, fit=fit, dispersion=stages, outliers=None)
    outliers = find_outliers(fit, steps, cutoff, min_replicates)
    genes = np.flatnonzero(outliers.refitted)
    if genes.size:
        counts = model.counts.with_entries(
            outliers.replaced_gene, outliers.replaced_sample, outliers.replaced_count
        )
        part = make_steps(model.take(genes, counts), mode, test=test)
        kept = DispersionChoices(
            stages.trend_function or stages.trend[genes],
            stages.prior_variance,
            stages.residual_variance,
        )
        part_stages, part_arrays = _fitted(part, kept, None if given is None else given[genes])
        arrays.take(part_arrays, genes, np.arange(genes.size))
        stages = stages.with_rows(part_stages, genes)
        steps.model = replace(model, counts=counts)
        fit = steps.model.assemble(arrays, "nb", {})
    return Analysis(steps=steps, fit=fit, dispersion=stages, outliers=outliers)


def _fitted(
    steps: Steps, choices: DispersionChoices, given: Floats | None
) -> tuple[DispersionFit, FitArrays]:
    return fit_dispersions(steps, choices) if given is None else given_dispersions(steps, given)


def analysis_of(result: DEResult, counts: Any = None, threads: int | None = None) -> Analysis:
    """Return the analysis behind a result, to test another contrast of its fit.

    Raises
    ------
    InputError
        The result was loaded, and ``counts`` are missing or others.
    """
    fit = result.fit
    matrix = result.require_counts(counts)
    model = Model(
        matrix, fit.design, fit.size_factors,
        resolve_offset(fit.offset, fit.size_factors, matrix), resolve_weights(fit.weights, matrix),
        resolve_options("irls", fit.tol, 100, None, False, fit.n_samples),
        resolve_resources(threads),
    )  # fmt: skip
    steps = make_steps(model, result.settings["mode"])
    settings = dict(result.settings)
    return Analysis(
        steps=steps, fit=replace(fit, counts=matrix), dispersion=result.dispersion,
        outliers=result.outliers, settings=settings, obs=result.obs, var=result.var,
    )  # fmt: skip
