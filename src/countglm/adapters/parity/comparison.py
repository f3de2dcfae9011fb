"""``compare``: run R beside a result and certify where they agree and why they do not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._replaced import given_counts
from countglm._samples import compared_samples
from countglm.errors import InputError
from countglm.independent_filtering import RULES, independent_filtering
from countglm.inference import benjamini_hochberg

from . import stages
from .attribution import Attribution, Sides
from .certificate import ParityCertificate
from .evidence import collect, evidence_frame
from .question import check_result, other_threshold
from .request import contrast_form, run_engine
from .sides import TheirInputs, column, our_values, their_inputs, their_values
from .summary import calls_in_common, factor_row, prior_row, stage_table, values_frame

if TYPE_CHECKING:
    from countglm.adapters.r import RResult
    from countglm.deresult import DEResult


def compare(
    result: DEResult,
    against: str = "DESeq2",
    *,
    theirs: RResult | None = None,
    counts: Any = None,
    tolerance: float = 1e-6,
    threads: int = 1,
    timeout: float | None = None,
) -> ParityCertificate:
    """Analyse the same counts with the real DESeq2 and account for every difference.

    R runs with the choices of the result. Values are compared stage by stage, and for every gene
    beyond the tolerance the reason is computed: our steps are repeated at R's inputs to the
    stage, which tells what came from earlier stages, and R's own estimate is judged by its
    objective and its Newton decrement there.

    Parameters
    ----------
    result : DEResult
        In either mode, of an analysis that estimated its dispersions, without weights.
    against : {"DESeq2"}
    theirs : RResult, optional
        What `run_r` returned for the same counts, design and contrast, instead of a run.
    counts : optional
        The counts of the analysis, samples x genes; needed after `DEResult.load`.
    tolerance : float
        Relative size of a difference that is none, in (0, 1): of a dispersion, of a standard
        error, of the larger of fold change and error, of 1 plus a statistic or the digits of a p.
    threads : int
        Of R's linear algebra.
    timeout : float, optional
        Seconds after which R is stopped.

    Returns
    -------
    ParityCertificate

    Raises
    ------
    InputError
        A result that DESeq2 cannot repeat, other counts, or an analysis of another table.
    RError
        R, rpy2 or DESeq2 missing, or an error in R; the message says what to install.

    References
    ----------
    docs/math.md, section 15.
    """
    begun = time.perf_counter()
    _check(result, against, tolerance)
    matrix = given_counts(result, counts)
    if theirs is None:
        theirs = run_engine(result, matrix, threads, timeout)
    inputs = their_inputs(result, theirs, matrix)
    ours, other = our_values(result), their_values(theirs)
    compared = compared_samples(result.fit.design, contrast_form(result))
    evidence = collect(result, inputs, (ours, other), theirs.info, compared, tolerance)
    sides = _sides(result, theirs, inputs, ours, other)
    codes = Attribution(sides, evidence, tolerance).run()
    factors = result.fit.size_factors, theirs.size_factors
    priors = result.dispersion.prior_variance, theirs.info.get("prior_variance")
    index = result.table.index
    import pandas as pd

    reasons = pd.DataFrame(codes, index=index)
    frame = values_frame(ours, other, index)
    return ParityCertificate(
        engine=against, versions=dict(theirs.versions) | _our_version(),
        mode=result.settings["mode"], label=result.label, tolerance=tolerance,
        stages=stage_table(
            (ours, other), reasons, tolerance,
            factor_row(factors, result.fit.sample_names, result.settings["size_factors"]),
            prior_row(priors, evidence.repetition.prior_gap, tolerance),
        ),
        calls=calls_in_common(ours, other, result.settings["alpha"]),
        values=frame, reasons=reasons, evidence=evidence_frame(evidence, index),
        seconds=time.perf_counter() - begun,
        settings={"ours": dict(result.settings), "theirs": _plain(theirs.info)},
        warnings=[str(each) for each in theirs.info.get("warnings", [])],
    )  # fmt: skip


def _check(result: DEResult, against: str, tolerance: float) -> None:
    if against != "DESeq2":
        raise InputError(
            f"against={against!r} is not known; compare(against='DESeq2') certifies parity, and "
            "run_r runs the other engines."
        )
    if not 0.0 < tolerance < 1.0:
        raise InputError(f"tolerance={tolerance!r} must lie between 0 and 1; 1e-6 is the default.")
    check_result(result)


def _our_version() -> dict[str, str]:
    from countglm._version import __version__

    return {"countglm": __version__}


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name != "warnings"}


def _sides(
    result: DEResult,
    theirs: RResult,
    inputs: TheirInputs,
    ours: dict[str, stages.Floats],
    other: dict[str, stages.Floats],
) -> Sides:
    n = result.fit.n_genes
    none = np.zeros(n, dtype=np.bool_)
    outliers = result.outliers
    cutoff = theirs.info.get("cooks_cutoff", result.settings["cooks_cutoff"]) or np.inf
    with np.errstate(invalid="ignore"):
        distant = column(theirs.genes, "maxCooks") > cutoff
    return Sides(
        ours=ours, theirs=other,
        our_replaced=none if outliers is None else outliers.refitted,
        their_replaced=inputs.replaced,
        our_outlier=none if outliers is None else outliers.outlier,
        their_outlier=distant & np.isnan(other[stages.P]),
        our_reason=result.table["na_reason"].fillna("").to_numpy(dtype=object),
        same_scale=_same_scale(result, inputs), replay=result.settings["mode"] == "replay",
        test=result.settings["test"], their_converged=inputs.converged,
        padj_repeated=_padj_repeated(result, other),
        other_threshold=other_threshold(result, theirs),
    )  # fmt: skip


def _same_scale(result: DEResult, inputs: TheirInputs) -> bool:
    """Do both divide counts by the same numbers?"""
    ours = np.log(result.fit.size_factors)
    if (given := result.fit.offset) is not None:
        ours = given + (ours if given.ndim == 1 else ours[:, None])
    theirs = inputs.model.offset.values
    if ours.ndim != theirs.ndim:
        ours, theirs = (each if each.ndim == 2 else each[:, None] for each in (ours, theirs))
    return bool(np.abs(ours - theirs).max() <= stages.EXACT)


def _padj_repeated(result: DEResult, other: dict[str, stages.Floats]) -> bool:
    """Does our adjustment, by one of DESeq2's rules, make R's adjusted p of R's p?"""
    p, mean = other[stages.P], np.nan_to_num(other[stages.BASE_MEAN])
    if result.settings["independent_filtering"]:
        alpha = result.settings["alpha"]
        made = [independent_filtering(p, mean, alpha=alpha, rule=rule).padj for rule in RULES]
    else:
        made = [benjamini_hochberg(p)]
    stage = stages.BY_NAME[stages.PADJ]
    return any(
        bool((np.abs(stages.changes(stage, each, other[stages.PADJ])) <= 1e-8).all())
        for each in made
    )
