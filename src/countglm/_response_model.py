"""Responses that are no counts: inputs checked, fits run, the result assembled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ._arguments import PerSample, resolve_options, resolve_weights
from ._families import BINOMIAL
from ._fit_arrays import assemble_fit
from ._model import Model
from ._provenance import provenance
from ._resources import Resources
from ._response_fit import ResponseProblem
from ._responses import (
    check_responses,
    check_size_of_weights,
    read_responses,
    resolve_family,
    resolve_shift,
    resolve_trials,
)
from ._spellings import warn_of_like_levels
from ._warn import recorded
from .design import as_design
from .errors import InputError
from .results import GLMFit


def fit_responses(
    responses: Any,
    design: Any,
    *,
    family: str,
    resources: Resources,
    solver: str,
    tol: float,
    max_iter: int,
    zeros: str,
    trace: bool,
    **inputs: Any,
) -> GLMFit:
    """Fit a binomial or Gaussian model to every response.

    Parameters and errors are those of `fit_glm`.
    """
    begun = time.perf_counter()
    name = resolve_family(family)
    with recorded() as warned:
        model, trials = prepare_responses(
            responses, design, name, family, resources, (solver, tol, max_iter, None, trace),
            zeros, **inputs,
        )  # fmt: skip
        _require_residuals(model, name)
        problem = run_responses(model, trials, name)
        options = model.options
        record = provenance(
            family=family, solver=solver, tol=options.tol, max_iter=options.max_iter,
            dispersion="none" if name == BINOMIAL else "residual variance", size_factors="none",
            formula=model.design.formula,
            # Every response is visited, whatever was asked for.
            zeros="visit",
            **resources.record(model.n_samples), seconds=time.perf_counter() - begun,
        )  # fmt: skip
        return assemble_responses(model, problem, trials, name, record | {"warnings": warned})


def _require_residuals(model: Model, family: str) -> None:
    n, p = model.design.matrix.shape
    if family != BINOMIAL and p == n:
        raise InputError(
            f"The design has as many columns as samples ({n}), which leaves nothing to estimate "
            "the variance of a Gaussian from; use fewer terms."
        )


def run_responses(model: Model, trials: PerSample, family: str) -> ResponseProblem:
    """Fit every response of a model whose inputs are checked."""
    problem = ResponseProblem(
        model.counts, model.design.matrix, model.offset, model.weights, trials, family,
        model.options,
    )  # fmt: skip
    # A binomial's samples stand twice in the kernels, with weights of their own.
    copies = 4 if family == BINOMIAL else 1
    block = model.resources.block(copies * model.n_samples)

    def each_block(task: Callable[[int, int], None]) -> None:
        model.each_block(task, "responses", block=block)

    problem.run(each_block)
    return problem


def assemble_responses(
    model: Model, problem: ResponseProblem, trials: PerSample, family: str, record: dict[str, Any]
) -> GLMFit:
    """The frozen result of a problem that was run."""
    return assemble_fit(
        problem, model.counts, model.design, size_factors=model.size_factors,
        offset=model.offset.given, weights=model.weights.given, family=family,
        tol=model.options.tol, provenance=record, traced=model.options.trace,
        trials=trials.given, ones=problem.ones,
    )  # fmt: skip


def prepare_responses(
    responses: Any,
    design: Any,
    family: str,
    asked: str,
    resources: Resources,
    choices: tuple[str, float, int, None, bool] = ("newton", 1e-8, 100, None, False),
    zeros: str = "auto",
    *,
    trials: Any,
    offset: Any,
    weights: Any,
    obs: Any,
    layer: str | None,
    gene_names: Any,
    allow_noninteger: bool,
) -> tuple[Model, PerSample]:
    """Check all inputs; return the model, whose size factors are 1, and the trials."""
    matrix = read_responses(responses, family, layer=layer, gene_names=gene_names)
    tries = resolve_trials(trials, family, asked, matrix, allow_noninteger)
    check_responses(matrix, family, tries, allow_noninteger)
    built = as_design(design, matrix, obs=obs, allow_saturated=True)
    if isinstance(design, str):
        warn_of_like_levels(built.factors)
    weight = resolve_weights(weights, matrix)
    check_size_of_weights(weight, family)
    shift = resolve_shift(offset, family, matrix)
    ones = np.ones(matrix.n_samples)
    options = resolve_options(*choices, matrix.n_samples, zeros)
    return Model(matrix, built, ones, shift, weight, options, resources, None), tries
