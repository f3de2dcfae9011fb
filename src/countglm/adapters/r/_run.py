"""Run an engine of R on the same counts, in a process of its own."""

from __future__ import annotations

import time
from typing import Any

from countglm._arguments import is_number
from countglm._parallel import is_whole
from countglm.adapters.r._options import find_engine, needed_packages, resolve_options
from countglm.adapters.r._process import ask_child
from countglm.adapters.r._request import Question, build_request
from countglm.adapters.r._result import RResult, assemble
from countglm.counts import as_count_matrix
from countglm.errors import InputError


def run_r(
    engine: str,
    counts: Any,
    obs: Any = None,
    design: Any = None,
    contrast: Any = None,
    *,
    reduced: Any = None,
    size_factors: Any = None,
    offset: Any = None,
    weights: Any = None,
    layer: str | None = None,
    gene_names: Any = None,
    threads: int = 1,
    timeout: float | None = None,
    **options: Any,
) -> RResult:
    """Run DESeq2, edgeR, limma-voom or glmGamPoi in R and return its tables and stages.

    R lives in a child process: its crash, its output and its threads do not touch the caller.

    Parameters
    ----------
    engine : {"DESeq2", "apeglm", "edgeR", "limma-voom", "glmGamPoi"}
        ``"apeglm"`` is DESeq2 with its fold changes shrunken by apeglm.
    counts : samples x genes
        Anything that `fit_glm` takes.
    obs : DataFrame, optional
        Sample table of a formula; matched by name. Levels go in the order of their categories.
    design : formula, matrix, DataFrame or Design
        A formula is R's own; a matrix is used as it is.
    contrast : optional
        ``[factor, tested, reference]``, a column's name (R's or formulaic's), names to add up,
        ``[[plus], [minus]]`` or one number per column. None: the last coefficient.
    reduced : formula, matrix or list of column names
        For ``test="LRT"`` of DESeq2.
    size_factors : (n_samples,) or str, optional
        Instead of the engine's own; ``"none"`` for 1, or the name of one of its methods.
    offset : (n_samples,) or (n_samples, n_genes), optional
        Natural logarithm, added to that of the size factors.
    weights : (n_samples,) or (n_samples, n_genes), optional
    layer, gene_names
        As in `fit_glm`.
    threads : int
        For R's linear algebra; the engines themselves use one.
    timeout : float, optional
        Seconds after which R is ended.
    **options
        Of DESeq2: test, fit_type, sf_type, lfc_threshold (log2), alt_hypothesis, alpha,
        cooks_cutoff, independent_filtering, min_replicates_for_replace, min_mu, use_t, shrink
        ("normal", "apeglm" or "ashr"); R's spelling is taken too. Of edgeR: test ("QL" or "LRT"),
        norm ("TMM", ...), robust, filter (by filterByExpr), prior_count. Of limma-voom: norm,
        robust, filter, span, keep_voom (its E and weights as further tables). Of glmGamPoi:
        norm, cox_reid.

    Returns
    -------
    RResult

    Raises
    ------
    InputError
        What is wrong with the input, and what to do.
    RError
        R, rpy2 or a package missing (with the line that installs it), an error in R, a child that
        was killed or took longer than ``timeout``.
    """
    begun = time.perf_counter()
    name, chosen = find_engine(engine)
    if isinstance(size_factors, str) and size_factors != "none":
        options = {chosen.methods: size_factors, **options}
        size_factors = None
    settings = resolve_options(name, chosen, options)
    if not is_whole(threads, 1):
        raise InputError(f"threads={threads!r} must be a whole number of at least 1.")
    if timeout is not None and not (is_number(timeout) and timeout > 0):
        raise InputError(f"timeout={timeout!r} must be a positive number of seconds, or None.")
    matrix = as_count_matrix(counts, layer=layer, gene_names=gene_names)
    asked = Question(obs, design, contrast, reduced, size_factors, offset, weights)
    request = build_request(name, chosen, matrix, asked, settings)
    sample_names = request["sample_names"]
    answer, log = ask_child(name, request, timeout, int(threads))
    seconds = time.perf_counter() - begun
    chose = {**settings, **asked.words()}
    return assemble(name, matrix, sample_names, contrast, answer, log, seconds, chose)


def require(engine: str, *, timeout: float | None = 60.0, **options: Any) -> dict[str, str]:
    """Return the versions of R and an engine's packages, in a second and without a table.

    For a look before long work: R is started, but the packages are not loaded.

    Parameters
    ----------
    engine : {"DESeq2", "apeglm", "edgeR", "limma-voom", "glmGamPoi"}
    timeout : float, optional
        Seconds after which R is ended.
    **options
        Those of `run_r`; some need a package more.

    Raises
    ------
    InputError
        An engine or option that is not known.
    RError
        R, rpy2 or a package is missing (with the line that installs it) or does not start.
    """
    name, chosen = find_engine(engine)
    packages = needed_packages(chosen, resolve_options(name, chosen, options))
    request = {"scripts": [], "function": None, "packages": packages}
    answer, _ = ask_child(name, request, timeout, 1)
    return dict(answer["versions"])
