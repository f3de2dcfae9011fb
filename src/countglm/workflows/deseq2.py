"""Differential expression in the manner of DESeq2: the sequence of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from countglm._arguments import is_number, resolve_dispersion
from countglm._dispersion_choices import check_choices
from countglm._model import prepare_model
from countglm._provenance import provenance
from countglm._reduced import nested_design
from countglm._resources import resolve_resources
from countglm._sample_tables import as_sample_table, with_references
from countglm._samples import (
    gene_annotation,
    named_contrasts,
    resolve_normalization,
)
from countglm._session import open_session
from countglm._testing import resolve_choices, resolve_statistic
from countglm._trimmed_moments import MIN_CELL
from countglm._warn import recorded
from countglm.analysis import analyse
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.outliers import resolve_cutoff
from countglm.workflows.by import warn_of_cells, with_groups

if TYPE_CHECKING:
    import os

    import pandas as pd

    from countglm._model import Model
    from countglm._testing import Choices
    from countglm.trend import Trend


@with_groups
def differential_expression(
    data: Any,
    design: Any,
    contrast: Any = None,
    *,
    method: str = "deseq2",
    mode: str = "exact",
    alpha: float = 0.1,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    gene_names: Any = None,
    reference: Mapping[str, Any] | None = None,
    size_factors: str | ArrayLike = "ratio",
    control_genes: Any = None,
    geo_means: ArrayLike | None = None,
    normalization_factors: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    dispersion: float | ArrayLike | None = None,
    fit_type: str | Trend | Callable[..., Any] | ArrayLike = "parametric",
    prior_variance: float | None = None,
    test: str = "wald",
    reduced: Any = None,
    lfc_threshold: float = 0.0,
    alternative: str = "greaterAbs",
    use_t: bool = False,
    cooks_cutoff: float | bool | None = None,
    min_replicates_for_replacement: float = 7,
    independent_filtering: bool | str = True,
    filter_statistic: ArrayLike | None = None,
    p_adjust: Any = "BH",
    interval: str | None = None,
    level: float = 0.95,
    solver: str = "irls",
    tol: float = 1e-8,
    max_iter: int = 100,
    max_dispersion: float | None = None,
    allow_noninteger: bool = False,
    threads: int | None = None,
    block_size: int | None = None,
    progress: bool = False,
    memory_limit: int | str | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    zeros: str = "auto",
    by: Any = None,
    control: Any = None,
    replicates: str | bool | None = None,
    p_adjust_across: Any = None,
) -> Any:
    """Test every gene for differential expression, from counts to adjusted p-values.

    Size factors, dispersions shared between genes, coefficients at their optimum, Cook's
    distances with replacement of outlying counts, the test, independent filtering.

    Parameters
    ----------
    data, design, obs, layer, gene_names, size_factors, offset, weights, solver, tol, max_iter, \
    max_dispersion, allow_noninteger, threads, block_size, progress, memory_limit, client, \
    checkpoint, zeros
        As in `fit_glm`. Replay has iterations of its own and refuses client, checkpoint, and
        solver, tol, max_iter, max_dispersion and zeros other than the defaults.
    contrast : str, [factor, tested, reference], (n_coef,), list of names or dict
        Coefficient; comparison of two levels; weights; names to add up, ``[[plus], [minus]]``.
        A dict of several gives a dict of results from one fit. None: the last coefficient.
    method : {"deseq2"}
    mode : {"exact", "replay"}
        Every step at its optimum, with a certificate; or the start values, clamps, stopping
        rules and fallbacks of DESeq2 1.38, to reproduce a published analysis.
    alpha : float
        False discovery rate at which the filtering is tuned and `DEResult.summary` counts.
    reference : dict, optional
        Reference level by variable of the formula, such as ``{"condition": "untreated"}``.
    control_genes, geo_means : optional
        As in `estimate_size_factors`.
    normalization_factors : (n_samples, n_genes), optional
        Instead of size factors; see `from_tximport`.
    dispersion : float or (n_genes,), optional
        Final dispersions as given; nothing is estimated.
    fit_type, prior_variance
        As in `estimate_dispersion`.
    test : {"wald", "lrt"}
    reduced : formula, matrix, DataFrame or list of column names
        For ``"lrt"``: the design without what is tested.
    lfc_threshold, alternative, use_t
        As in `wald_test`; in replay "greaterAbs" is DESeq2 1.38's, "greaterAbs2014".
    cooks_cutoff : float, False or None
        Distance that flags an outlier; None is the 99% quantile of F(p, n - p), False flags none.
    min_replicates_for_replacement : float
        From so many replicates on, at least 3, outlying counts are replaced and the gene is
        fitted again; infinity turns it off.
    independent_filtering : bool or {"new", "1.38"}
        Leave genes of low mean out of the adjustment where that gives more discoveries, by
        DESeq2's rule since 1.39.7 or the one before (replay's default).
    filter_statistic : (n_genes,), optional
        Instead of the mean of normalised counts.
    p_adjust : {"BH", "BY", "none"} or callable
        Adjustment; a function maps p-values (n_genes,), NaN where there is none, to adjusted ones.
    interval : {"wald", "profile"}, optional
        Adds ``ciLower, ciUpper`` (log2) of confidence ``level``.
    by : str, list of str or (n_samples,) labels, optional
        Column or columns of the sample table, or labels: every group of samples is analysed as if
        it were alone, and counts are read once. A group that cannot be fitted stops no other.
    control : label, optional
        Level of the last column of ``by``, such as a non-targeting guide: each other level is a
        group together with these samples, and by default is compared with them.
    replicates : str or False, optional
        Column of what a condition is given to, such as donors: warns where their cells are tested
        one by one. None looks for such a column by its name; False says that rows are replicates.
    p_adjust_across : {"BH", "BY"}, True or callable, optional
        Adjusts p-values over all groups, too (True: by ``p_adjust``), in ``padj_across``.

    Returns
    -------
    DEResult, or a dict of them by the names of ``contrast``; with ``by``, GroupedResult

    Warns
    -----
    CountglmWarning
        Where rows are no replicates; once for all groups.

    Raises
    ------
    InputError
        One sentence: what is wrong with the input, how many, where first, what to do.

    References
    ----------
    docs/math.md, sections 1 to 11 and 14.  Love, Huber and Anders (2014), Genome Biology 15:550.
    """
    begun = time.perf_counter()
    _check_method(method, mode, solver, tol, max_iter, max_dispersion, zeros)
    enough = _replicates(min_replicates_for_replacement)
    choices = resolve_choices(
        mode, test=test, reduced=reduced, lfc_threshold=lfc_threshold, alternative=alternative,
        use_t=use_t, alpha=alpha, independent_filtering=independent_filtering, interval=interval,
        level=level, filter_statistic=filter_statistic, p_adjust=p_adjust,
    )  # fmt: skip
    resources = resolve_resources(threads, block_size, memory_limit, client, checkpoint, progress)
    with recorded() as warned, open_session(resources, mode) as session:
        counts = as_count_matrix(
            data, layer=layer, gene_names=gene_names, allow_noninteger=allow_noninteger,
            reading=resources.reading,
        )  # fmt: skip
        samples = _own(with_references(as_sample_table(obs, counts), reference, design))
        scaling = {"control_genes": control_genes, "geo_means": geo_means}
        factors, shift = resolve_normalization(
            counts, size_factors, normalization_factors, offset, threads, scaling
        )
        model = prepare_model(
            counts, design, size_factors=factors, offset=shift, weights=weights, obs=samples,
            allow_saturated=dispersion is not None, solver=solver, tol=tol, max_iter=max_iter,
            max_dispersion=max_dispersion, zeros=zeros, resources=resources, session=session,
        )  # fmt: skip
        contrasts = named_contrasts(contrast, model.design)
        warn_of_cells(model.design, contrasts, samples, replicates)
        cutoff = resolve_cutoff(cooks_cutoff, model, mode)
        given = resolve_dispersion(dispersion, "nb", counts)
        stage_choices = check_choices(fit_type, prior_variance, model)
        choices = _matched(choices, model, samples)
        settings = {
            "method": method,
            "mode": mode,
            "design": model.design.formula or list(model.design.names),
            "size_factors": size_factors if isinstance(size_factors, str) else "given",
            "normalization_factors": normalization_factors is not None, "solver": solver,
            **{name: "given" for name, value in scaling.items() if value is not None},
            "max_iter": max_iter, "zeros": zeros, "allow_noninteger": allow_noninteger,
            **_what_was_given(given is not None, fit_type, prior_variance, max_dispersion),
            **_finite(cooks_cutoff=cutoff, min_replicates_for_replacement=enough),
        }  # fmt: skip
        model.begin("differential_expression", dispersion=given, **stage_choices.record())
        analysis = analyse(model, mode, test, stage_choices, given, cutoff, enough)
        record = provenance(
            **settings, **resources.record(model.n_samples), seconds=time.perf_counter() - begun
        ) | {"warnings": warned}
        fit, var = replace(analysis.fit, provenance=record), gene_annotation(data, counts.n_genes)
        analysis = replace(analysis, fit=fit, settings=settings, obs=samples, var=var)
        results = {name: analysis.test(each, choices) for name, each in contrasts.items()}
    return results if isinstance(contrast, Mapping) else next(iter(results.values()))


def _own(samples: pd.DataFrame | None) -> pd.DataFrame | None:
    """A copy: the result keeps it, and the caller may go on changing his."""
    return None if samples is None else samples.copy()


def _finite(**numbers: float) -> dict[str, Any]:
    """Settings as JSON has them: None where a number is infinite."""
    return {name: value if np.isfinite(value) else None for name, value in numbers.items()}


def _what_was_given(
    dispersion: bool, fit_type: Any, prior_variance: float | None, max_dispersion: float | None
) -> dict[str, Any]:
    """The settings that tell what was not estimated."""
    return {
        "fit_type": fit_type if isinstance(fit_type, str) else "given",
        "dispersion": "given" if dispersion else "estimated",
        "prior_variance": "estimated" if prior_variance is None else float(prior_variance),
        "max_dispersion": None if max_dispersion is None else float(max_dispersion),
    }


def _check_method(
    method: str,
    mode: str,
    solver: str,
    tol: float,
    max_iter: int,
    max_dispersion: float | None,
    zeros: str,
) -> None:
    if method != "deseq2":
        raise InputError(f"method={method!r} is not known; choose 'deseq2'.")
    foreign = {
        "solver": solver != "irls",
        "tol": tol != 1e-8,
        "max_iter": max_iter != 100,
        "max_dispersion": max_dispersion is not None,
        "zeros": zeros != "auto",
    }
    named = [name for name, given in foreign.items() if given]
    if mode == "replay" and named:
        raise InputError(
            f"mode='replay' has the iterations and limits of DESeq2 1.38, so {', '.join(named)} "
            "would change nothing; leave out, or choose mode='exact'."
        )


def _matched(choices: Choices, model: Model, samples: pd.DataFrame | None) -> Choices:
    """Return the choices, with what has to fit the data checked before anything is fitted."""
    if choices.test == "lrt":
        nested_design(model.design, choices.reduced, lambda: model.counts, obs=samples)
    statistic = resolve_statistic(choices.filter_statistic, model.counts.gene_names)
    return replace(choices, filter_statistic=statistic)


def _replicates(least: Any) -> float:
    if not is_number(least) or not least >= MIN_CELL:
        raise InputError(
            f"min_replicates_for_replacement={least!r} must be a number of at least {MIN_CELL}: "
            "fewer replicates cannot tell an outlier. Infinity turns replacement off."
        )
    return float(least)
