"""One small adapter per Python engine: a problem in, natural-log coefficients (n_genes, p) out.

Each engine runs with its own default tolerances unless its name says otherwise. Packages are
imported inside the adapters: the import is part of a cold start and of nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from problems import Problem

Floats = NDArray[np.float64]


def countglm(problem: Problem, *, threads: int) -> Floats:
    from countglm import fit_glm

    fit = fit_glm(
        problem.counts,
        problem.design,
        size_factors=problem.size_factors,
        dispersion=problem.dispersion,
        threads=threads,
    )
    return np.asarray(fit.coefficients)


def statsmodels(problem: Problem) -> Floats:
    from statsmodels.genmod.families import NegativeBinomial
    from statsmodels.genmod.generalized_linear_model import GLM

    offset = np.log(problem.size_factors)
    rows = []
    for y, alpha in zip(problem.counts.T, problem.dispersion, strict=True):
        model = GLM(y, problem.design, family=NegativeBinomial(alpha=alpha), offset=offset)
        rows.append(model.fit().params)
    return np.array(rows)


def glum(problem: Problem, *, gradient_tol: float | None) -> Floats:
    from glum import GeneralizedLinearRegressor, NegativeBinomialDistribution

    offset = np.log(problem.size_factors)
    rows = []
    for y, alpha in zip(problem.counts.T, problem.dispersion, strict=True):
        model = GeneralizedLinearRegressor(
            family=NegativeBinomialDistribution(alpha),
            link="log",
            alpha=0,
            fit_intercept=False,
            gradient_tol=gradient_tol,
        )
        rows.append(model.fit(problem.design, y, offset=offset).coef_)
    return np.array(rows)


def pydeseq2(problem: Problem) -> Floats:
    from pydeseq2.default_inference import DefaultInference

    coefficients, *_ = DefaultInference(n_cpus=1).irls(
        counts=problem.counts,
        size_factors=problem.size_factors,
        design_matrix=problem.design,
        disp=problem.dispersion,
        min_mu=0.5,
        beta_tol=1e-8,
    )
    return np.asarray(coefficients)


def edgepython(problem: Problem) -> Floats:
    from edgepython import glm_fit

    fit = glm_fit(
        np.ascontiguousarray(problem.counts.T),
        problem.design,
        dispersion=problem.dispersion,
        offset=np.log(problem.size_factors),
        prior_count=0.0,
    )
    return np.asarray(fit["coefficients"])


def pyedger(problem: Problem) -> Floats:
    from pyedger import glmFit

    fit = glmFit(
        np.ascontiguousarray(problem.counts.T),
        problem.design,
        dispersion=problem.dispersion,
        offset=np.log(problem.size_factors),
        prior_count=0.0,
    )
    return np.asarray(fit.coefficients)


ENGINES: dict[str, Callable[[Problem], Floats]] = {
    "countglm": partial(countglm, threads=1),
    "countglm, 2 threads": partial(countglm, threads=2),
    "statsmodels GLM": statsmodels,
    "glum": partial(glum, gradient_tol=None),
    "glum, gradient_tol=1e-8": partial(glum, gradient_tol=1e-8),
    "PyDESeq2 irls": pydeseq2,
    "edgePython glm_fit": edgepython,
    "pyedger glmFit": pyedger,
}
# One gene at a time in Python or R: their time is that of a gene, however many there are.
ONE_BY_ONE = ("statsmodels GLM", "glum", "glum, gradient_tol=1e-8", "glm.fit")
FEW_GENES = 200


def genes_for(engine: str, n_genes: int) -> int:
    """Return how many of ``n_genes`` an engine is asked to fit."""
    return min(n_genes, FEW_GENES) if engine in ONE_BY_ONE else n_genes


def package_of(engine: str) -> str:
    """Return the package that an engine belongs to."""
    return engine.replace(",", "").split()[0].lower()


def run(name: str, problem: Problem) -> Floats:
    """Run one engine without its warnings, which are judged by the distance instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ENGINES[name](problem)
