"""``fit_glm``: one generalised linear model for every gene, or other response."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ._arguments import resolve_dispersion
from ._families import RESPONSES
from ._model import prepare_model
from ._provenance import provenance
from ._resources import resolve_resources
from ._responses import refuse_count_options, refuse_trials, resolve_family
from ._session import open_session
from ._warn import recorded
from .results import GLMFit

if TYPE_CHECKING:
    import os

    import pandas as pd


def fit_glm(
    counts: Any,
    design: Any,
    *,
    family: str = "nb",
    trials: float | ArrayLike | None = None,
    size_factors: str | ArrayLike | None = None,
    offset: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    dispersion: float | ArrayLike | None = None,
    solver: str = "irls",
    tol: float = 1e-8,
    max_iter: int = 100,
    threads: int | None = None,
    gene_names: Any = None,
    progress: bool = False,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    allow_noninteger: bool = False,
    max_dispersion: float | None = None,
    trace: bool = False,
    block_size: int | None = None,
    memory_limit: int | str | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    zeros: str = "auto",
) -> GLMFit:
    """Fit a generalised linear model to every gene, with a certificate.

    The estimate of each gene is the optimum of its likelihood, and the result proves it: the
    Newton decrement says how many standard errors it can be off.  Where no finite optimum exists
    (separation) the limits are returned and the status says so.  The same input gives the same
    bits for any number of threads, block size and storage of the counts.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix, AnnData or Dask array, (n_samples, n_genes)
        Whole numbers from 0 to 2^53.  Of a binomial successes, from 0 to the trials; of a
        Gaussian any numbers up to 1e100; either may be one response, (n_samples,).
    design : (n_samples, n_coef) array, DataFrame or formula
        A formula such as ``"~ batch + condition"`` takes its variables from ``obs`` or from
        AnnData's ``.obs``.  Fewer columns than samples; as many if the dispersion is given.
    family : {"nb", "poisson", "binomial", "bernoulli", "gaussian"}
        Counts with variance ``mu + dispersion mu²`` or ``mu`` and log link; successes out of
        ``trials``, or of one trial each, with logit link; real numbers of one variance, with
        identity link.
    trials : float, (n_samples,) or (n_samples, n_genes), optional
        Of a binomial: whole numbers from 0 to 2^53, 1 by default; 0 leaves the sample out.
    size_factors : {"ratio", "poscounts", "iterate", "tmm", "library", "none"} or (n_samples,)
        Rule, or positive factors as given; see `estimate_size_factors`.  None is ``"ratio"`` for
        counts; other families have no size factors.
    offset : (n_samples,) or (n_samples, n_genes), optional
        Added to the linear predictor: natural logarithms beside the log size factors, log odds, or
        units of a Gaussian response.
    weights : (n_samples,) or (n_samples, n_genes), optional
        Likelihood weights >= 0: weight 2 is the sample counted twice.  Of a Gaussian inverse
        variances, up to a factor: its degrees of freedom count the samples of positive weight.
    dispersion : float or (n_genes,), optional
        Used as given (0 is Poisson); None estimates it for every gene by the maximum of the
        Cox-Reid adjusted profile likelihood (docs/math.md, section 5).
    solver : {"irls", "newton"}
        Fisher scoring finished by Newton steps, or Newton steps; both reach the same optimum, and
        for binomials they are the same steps.
    tol : float
        Largest Newton decrement of a converged gene, in standard errors, but for what is rounding
        (docs/math.md, 3.5), as of 1e12 trials.
    max_iter : int
        Steps of the coefficient fit.
    threads : int, optional
        None uses every core of the process's affinity.
    gene_names : (n_genes,), optional
        Names instead of those that ``counts`` carries.
    progress : bool
        Show a progress bar on stderr.
    obs : DataFrame, optional
        Variables of the samples, matched with the counts by sample name where both have names.
    layer : str, optional
        Layer of an AnnData to use as counts.
    allow_noninteger : bool
        Accept counts, successes and trials that are not whole numbers (a quasi-likelihood then).
    max_dispersion : float, optional
        Upper end of the estimated dispersion; ``max(10, n_samples)`` by default.
    trace : bool
        Keep the iterates of every gene in ``fit.trace``.
    block_size : int, optional
        Genes per task; it changes speed and memory, never a result.
    memory_limit : int or str, optional
        Bytes, or text such as ``"4GB"``, that the process is to stay below; counts on disk are
        read in blocks that fit.
    client : dask.distributed.Client or str, optional
        A cluster, or its scheduler's address, whose workers fit the genes.
    checkpoint : path, optional
        Folder that keeps finished genes: the same call starts again where an earlier one was
        stopped.  A folder of other counts, design, options or version is refused.
    zeros : {"auto", "visit"}
        Of genes that are mostly zeros a quadrature rule stands for the zeros of a group of samples,
        exact to rounding (docs/math.md); "visit" takes every zero alone.

    Returns
    -------
    GLMFit

    Raises
    ------
    InputError
        A ValueError that says what is wrong with the input, how many, where first, what to do.

    References
    ----------
    docs/math.md, sections 1 to 6 and 17.  McCullagh and Nelder (1989), Generalized Linear Models;
    Cox and Reid (1987), J. R. Stat. Soc. B 49:1; Haberman (1974), The Analysis of Frequency Data.
    """
    begun = time.perf_counter()
    if resolve_family(family) in RESPONSES:
        # Imported here: those who fit counts do not wait for it.
        from ._response_model import fit_responses

        refuse_count_options(
            family, size_factors=size_factors, dispersion=dispersion,
            max_dispersion=max_dispersion, client=client, checkpoint=checkpoint,
        )  # fmt: skip
        return fit_responses(
            counts, design, family=family, trials=trials, offset=offset, weights=weights, obs=obs,
            layer=layer, gene_names=gene_names, allow_noninteger=allow_noninteger, solver=solver,
            tol=tol, max_iter=max_iter, trace=trace, zeros=zeros,
            resources=resolve_resources(threads, block_size, memory_limit, progress=progress),
        )  # fmt: skip
    refuse_trials(trials, family)
    size_factors = "ratio" if size_factors is None else size_factors
    given = dispersion is not None or family == "poisson"
    resources = resolve_resources(threads, block_size, memory_limit, client, checkpoint, progress)
    with recorded() as warned, open_session(resources) as session:
        model = prepare_model(
            counts, design, size_factors=size_factors, offset=offset, weights=weights, obs=obs,
            layer=layer, gene_names=gene_names, allow_noninteger=allow_noninteger,
            allow_saturated=given, solver=solver, tol=tol, max_iter=max_iter,
            max_dispersion=max_dispersion, trace=trace, zeros=zeros, resources=resources,
            session=session,
        )  # fmt: skip
        alpha = resolve_dispersion(dispersion, family, model.counts)
        model.begin("fit_glm", dispersion=alpha)
        problem = model.fit(model.problem(alpha))
        options = model.options
        record = provenance(
            family=family,
            solver=solver,
            tol=options.tol,
            max_iter=options.max_iter,
            dispersion="estimated" if alpha is None else "given",
            max_dispersion=options.cap,
            size_factors=size_factors if isinstance(size_factors, str) else "given",
            formula=model.design.formula,
            zeros=zeros,
            **model.resources.record(model.n_samples),
            seconds=time.perf_counter() - begun,
        )
        return model.assemble(problem, family, record | {"warnings": warned})
