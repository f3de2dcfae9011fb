"""Dispersions of all genes: each alone, their trend over the mean, and both combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import as_real_array
from ._dispersion_choices import DispersionChoices, check_choices, check_trend
from ._exact_steps import ExactSteps
from ._fit_arrays import FitArrays
from ._model import Model, prepare_model
from ._moments import base_moments
from ._resources import resolve_resources
from ._session import open_session
from .errors import InputError
from .prior_variance import prior_variance as estimate_prior_variance
from .trend import Trend, fit_trend

if TYPE_CHECKING:
    import os

    import pandas as pd

    from .results import GLMFit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
MODES = ("exact", "replay")
# What replay makes of every dispersion where all gene-wise estimates are smaller than this.
TINY, ALL_TINY = 1e-6, 1e-7
STAGES = ("genewise", "trend", "map", "final", "outlier", "base_mean", "base_variance")
# Spreads of the log dispersion around the trend from which a gene keeps its own.
OUTLYING = 2.0


@dataclass(frozen=True, eq=False, kw_only=True)
class DispersionFit:
    """Dispersions of every gene, stage by stage (n_genes,); NaN for genes without counts.

    Attributes
    ----------
    genewise : (n_genes,)
        Of each gene alone; NaN also where no residual degree of freedom is left.
    trend : (n_genes,)
        What genes of this mean have on average.
    map : (n_genes,)
        Mode of the posterior under a log-normal prior around the trend.
    final : (n_genes,)
        As used: ``map``, or ``genewise`` where ``outlier``.
    outlier : (n_genes,) bool
        Genes that vary so much more than the trend that they keep their own dispersion.
    base_mean, base_variance : (n_genes,)
        Of the normalised counts.
    prior_variance : float
        Variance of the prior of the log dispersion.
    residual_variance : float
        Robust variance of the log residuals around the trend.
    trend_kind : str
        "parametric", "local", "mean", "given", or "none" where the dispersions were given; other
        than asked for where a fit failed.
    trend_coefficients : (2,), (1,) or (0,)
        Parametric: asymptotic dispersion and extra-Poisson coefficient.
    trend_function : Trend or None
        Callable: mean of normalised counts to dispersion; None where values were given.
    residual_df : int
        Samples minus coefficients.
    """

    genewise: Floats
    trend: Floats
    map: Floats
    final: Floats
    outlier: Mask
    base_mean: Floats
    base_variance: Floats
    prior_variance: float
    residual_variance: float
    trend_kind: str
    trend_coefficients: Floats
    trend_function: Trend | Callable[[Floats], Floats] | None
    residual_df: int

    def with_rows(self, part: DispersionFit, genes: NDArray[np.intp]) -> DispersionFit:
        """These dispersions with the stages of ``genes`` replaced by those of another fit."""
        stages = {name: getattr(self, name).copy() for name in STAGES}
        for name, values in stages.items():
            values[genes] = getattr(part, name)
        return replace(self, **stages)

    def to_frame(self, gene_names: Any = None) -> pd.DataFrame:
        """One row per gene with the stages, under the attributes' names."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in STAGES}
        index = None if gene_names is None else pd.Index(gene_names, name="gene")
        return pd.DataFrame(columns, index=index)


class Steps(Protocol):
    """Gene-wise, shrunken and final fits of one model, by one of the modes."""

    model: Model
    replay: bool

    @property
    def residual_df(self) -> int: ...

    def genewise(self) -> Floats: ...

    def shrunken(self, trend: Floats, prior_variance: float) -> Floats: ...

    def final(self, alpha: Floats, outlier: Mask) -> FitArrays: ...

    def entries(
        self, fit: GLMFit, start: int, stop: int
    ) -> tuple[Floats, Floats, Floats | None]: ...


def make_steps(model: Model, mode: str, *, test: str = "wald") -> Steps:
    """Return the steps of a mode, "exact" or "replay", for a Wald or likelihood ratio test."""
    if mode not in MODES:
        raise InputError(f"mode={mode!r} is not known; choose 'exact' or 'replay'.")
    if mode == "exact":
        return ExactSteps(model)
    from ._replay_steps import ReplaySteps

    return ReplaySteps(model, genewise_means=test == "lrt")


def estimate_dispersion(
    counts: Any,
    design: Any,
    *,
    size_factors: str | ArrayLike = "ratio",
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    fit_type: Any = "parametric",
    prior_variance: float | None = None,
    mode: str = "exact",
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    gene_names: Any = None,
    allow_noninteger: bool = False,
    max_dispersion: float | None = None,
    threads: int | None = None,
    block_size: int | None = None,
    progress: bool = False,
    memory_limit: int | str | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    zeros: str = "auto",
) -> DispersionFit:
    """Estimate the dispersion of every gene with the help of all others.

    Each gene alone, by the Cox-Reid adjusted profile likelihood; the trend of these over the
    mean; and the mode of each gene's posterior under a log-normal prior around the trend. A gene
    that lies far above the trend keeps its own estimate.

    Parameters
    ----------
    counts, design, size_factors, offset, weights, obs, layer, gene_names, allow_noninteger, \
    max_dispersion, threads, block_size, progress, memory_limit, client, checkpoint, zeros
        As in `fit_glm`; client, checkpoint and zeros with mode="exact".
    fit_type : {"parametric", "local", "mean"}, callable or (n_genes,)
        Kind of trend: ``a0 + a1/mean``, a local regression of log on log, or a constant. A
        parametric trend that cannot be fitted falls back to local, with a warning. A callable
        (a Trend of another fit) maps means to dispersions; numbers are used as they are.
    prior_variance : float, optional
        Variance of the log dispersion around the trend, > 0; None estimates it.
    mode : {"exact", "replay"}
        Every step at its optimum, or DESeq2 1.38's own starts, clamps and stopping rules.

    Returns
    -------
    DispersionFit

    Raises
    ------
    InputError
        As in `fit_glm`; an unknown kind of trend or mode; a variance that is not positive.

    References
    ----------
    docs/math.md, sections 5, 8, 9.  Love, Huber and Anders (2014), Genome Biology 15:550;
    Cox and Reid (1987), J. R. Stat. Soc. B 49:1.
    """
    resources = resolve_resources(threads, block_size, memory_limit, client, checkpoint, progress)
    with open_session(resources, mode) as session:
        model = prepare_model(
            counts, design, size_factors=size_factors, offset=offset, weights=weights, obs=obs,
            layer=layer, gene_names=gene_names, allow_noninteger=allow_noninteger,
            max_dispersion=max_dispersion, zeros=zeros, resources=resources, session=session,
        )  # fmt: skip
        choices = check_choices(fit_type, prior_variance, model)
        model.begin("estimate_dispersion", **choices.record())
        return fit_dispersions(make_steps(model, mode), choices)[0]


def fit_dispersions(steps: Steps, choices: DispersionChoices) -> tuple[DispersionFit, FitArrays]:
    """Return the dispersions of a model, and its coefficients at the final ones."""
    model = steps.model
    mean, variance = base_moments(model, replay=steps.replay)
    genewise = steps.genewise()
    function, kind, coefficients = _trend_of(choices.fit_type, mean, genewise, steps.replay)
    with_counts = mean > 0.0
    trend = np.full(model.n_genes, np.nan)
    given = choices.fit_type if function is None else function(mean[with_counts])
    if kind == "given" and function is not None:
        given = as_real_array(given, "What the function fit_type returns")
        check_trend(given, "What the function fit_type returns", mean[with_counts].shape)
    trend[with_counts] = given if function is not None else given[with_counts]
    width, spread = choices.prior_variance, choices.residual_variance
    if width is None or spread is None:
        found = estimate_prior_variance(genewise, trend, steps.residual_df, replay=steps.replay)
        width = found[0] if width is None else float(width)
        spread = found[1] if spread is None else spread
    known = genewise[~np.isnan(genewise)]
    if steps.replay and choices.prior_variance is None and known.size and known.max() < TINY:
        shrunken = np.where(np.isnan(genewise), np.nan, ALL_TINY)
    else:
        shrunken = steps.shrunken(trend, width)
    with np.errstate(divide="ignore", invalid="ignore"):
        outlier = np.log(genewise) > np.log(trend) + OUTLYING * np.sqrt(spread)
    final = np.where(outlier, genewise, shrunken)
    arrays = steps.final(final, outlier)
    arrays.base_mean = mean.copy()
    stages = DispersionFit(
        genewise=genewise, trend=trend, map=shrunken, final=final, outlier=outlier,
        base_mean=mean, base_variance=variance, prior_variance=width, residual_variance=spread,
        trend_kind=kind, trend_coefficients=coefficients, trend_function=function,
        residual_df=steps.residual_df,
    )  # fmt: skip
    return stages, arrays


def _trend_of(
    fit_type: Any, mean: Floats, genewise: Floats, replay: bool
) -> tuple[Any, str, Floats]:
    """Return the trend's function (None for given numbers), its kind and its coefficients."""
    if isinstance(fit_type, str):
        trend = fit_trend(mean, genewise, fit_type, replay=replay)
        return trend, trend.kind, trend.coefficients
    if isinstance(fit_type, Trend):
        return fit_type, fit_type.kind, fit_type.coefficients
    return (fit_type if callable(fit_type) else None), "given", np.zeros(0)


def given_dispersions(steps: Steps, alpha: Floats) -> tuple[DispersionFit, FitArrays]:
    """Return the fit at dispersions (n_genes,) that the caller gave; nothing is estimated."""
    mean, variance = base_moments(steps.model, replay=steps.replay)

    def unknown() -> Floats:
        return np.full(alpha.shape, np.nan)

    arrays = steps.final(alpha, np.zeros(alpha.shape, dtype=np.bool_))
    arrays.base_mean = mean.copy()
    stages = DispersionFit(
        genewise=unknown(), trend=unknown(), map=unknown(),
        final=np.where(mean > 0.0, arrays.alpha, np.nan),
        outlier=np.zeros(alpha.shape, dtype=np.bool_), base_mean=mean, base_variance=variance,
        prior_variance=float("nan"), residual_variance=float("nan"), trend_kind="none",
        trend_coefficients=np.zeros(0), trend_function=None, residual_df=steps.residual_df,
    )  # fmt: skip
    return stages, arrays
