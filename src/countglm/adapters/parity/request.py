"""The run of R that repeats the choices of a result."""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.cooks import cooks_cutoff

if TYPE_CHECKING:
    from countglm.adapters.r import RResult
    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult

# What means the same to R and to formulaic: names that R takes without quotes, and operators.
_PLAIN = re.compile(r"~(?:[\s+:*0-9-]|[A-Za-z][\w.]*)+", re.ASCII)
# Rules of size factors that DESeq2 has; others are handed over as numbers.
_RULES = ("ratio", "poscounts", "iterate")


def contrast_form(result: DEResult) -> Any:
    """The contrast as it was given: a column's name, [factor, tested, reference], or numbers.

    Which one it was matters to R: samples without counts are handled by the form.
    """
    design = result.fit.design
    if result.label in design.names:
        return result.label
    for factor, levels in design.factors.items():
        for tested, reference in permutations(levels, 2):
            if result.label == f"{factor} {tested} vs {reference}":
                return [factor, tested, reference]
    return result.contrast


def run_engine(
    result: DEResult, counts: CountMatrix, threads: int, timeout: float | None
) -> RResult:
    """Run DESeq2 on the counts with the choices of a result.

    With the formula where R makes the same design matrix of it, else with the matrix.
    """
    from countglm.adapters.r import run_r

    design = result.fit.design
    options = options_of(result) | {"threads": threads, "timeout": timeout}
    formula = design.formula
    if formula is not None and result.obs is not None and _PLAIN.fullmatch(formula):
        theirs = run_r(
            "DESeq2", counts, result.obs, formula, contrast_form(result), **options
        )  # fmt: skip
        matrix = theirs.design.to_numpy(dtype=np.float64)
        if matrix.shape == design.matrix.shape and np.allclose(matrix, design.matrix, rtol=1e-12):
            return theirs
    return run_r("DESeq2", counts, None, design, result.contrast, **options)


def options_of(result: DEResult) -> dict[str, Any]:
    """The choices of a result as options of `run_r`."""
    settings, fit = result.settings, result.fit
    options: dict[str, Any] = {
        "fit_type": settings["fit_type"],
        "alpha": settings["alpha"],
        "independent_filtering": bool(settings["independent_filtering"]),
        "use_t": settings["use_t"],
        "offset": fit.offset,
    }
    rule = settings["size_factors"]
    if rule in _RULES and fit.offset is None:
        options["sf_type"] = rule
    else:
        options["size_factors"] = fit.size_factors
    if settings["test"] == "lrt":
        options |= {"test": "LRT", "reduced": settings["reduced"]}
    elif settings["lfc_threshold"] > 0.0 or settings["alternative"] not in (
        "greaterAbs", "greaterAbs2014",
    ):  # fmt: skip
        alternative = settings["alternative"].replace("greaterAbs2014", "greaterAbs")
        options |= {"lfc_threshold": settings["lfc_threshold"], "alt_hypothesis": alternative}
    cutoff = settings["cooks_cutoff"]
    if cutoff is None:
        options["cooks_cutoff"] = False
    elif abs(cutoff - cooks_cutoff(fit.n_samples, fit.design.matrix.shape[1])) > 1e-9:
        options["cooks_cutoff"] = cutoff
    replicates = settings["min_replicates_for_replacement"]
    options["min_replicates_for_replace"] = np.inf if replicates is None else replicates
    return options
