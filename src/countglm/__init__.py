"""countglm: exact, certified and parallel count GLMs for every gene of a count matrix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from ._warn import CountglmWarning
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    from . import datasets, likelihood, penalties, plots
    from ._grouped import GroupedResult
    from ._penalized_path import PenalizedFit, PenalizedPath
    from ._penalty_folds import CrossValidation
    from ._reconditioned import Reconditioned
    from ._wide_blocks import ConditionDesign, condition_design
    from ._wide_folds import WideCrossValidation
    from ._wide_path import WideFit, WidePath
    from .adapters.parity import ParityCertificate, compare
    from .adapters.r import RResult, run_r
    from .aggregation import collapse_replicates, pseudobulk
    from .conditioning import recondition
    from .deresult import DEResult
    from .diagnostics import Diagnosis, diagnose
    from .dispersion import DispersionFit, estimate_dispersion
    from .expression_filter import filter_by_expression
    from .glm import fit_glm
    from .inference import benjamini_hochberg, wald_test
    from .intervals import confidence_intervals
    from .likelihood_ratio import likelihood_ratio_test
    from .normalization import estimate_normalization_factors, from_tximport
    from .penalized import fit_penalized
    from .report.several import write_report
    from .results import GLMFit
    from .shrinkage import shrink, svalues
    from .size_factors import estimate_size_factors
    from .transformations import (
        RegularizedLog,
        VarianceStabilizer,
        fit_rlog,
        fit_vst,
        fpkm,
        fpm,
        normalized_counts,
        rlog,
        vst,
    )
    from .trend import Trend, fit_trend
    from .wide import fit_penalized_wide
    from .workflows import differential_expression

# Names that load on first use, so that ``import countglm`` stays quick.
_LAZY = {
    "ConditionDesign": "_wide_blocks",
    "CrossValidation": "_penalty_folds",
    "DEResult": "deresult",
    "Diagnosis": "diagnostics",
    "DispersionFit": "dispersion",
    "GLMFit": "results",
    "GroupedResult": "_grouped",
    "ParityCertificate": "adapters.parity",
    "PenalizedFit": "_penalized_path",
    "PenalizedPath": "_penalized_path",
    "RResult": "adapters.r",
    "Reconditioned": "_reconditioned",
    "RegularizedLog": "transformations",
    "Trend": "trend",
    "VarianceStabilizer": "transformations",
    "WideCrossValidation": "_wide_folds",
    "WideFit": "_wide_path",
    "WidePath": "_wide_path",
    "benjamini_hochberg": "inference",
    "collapse_replicates": "aggregation",
    "compare": "adapters.parity",
    "condition_design": "_wide_blocks",
    "confidence_intervals": "intervals",
    "datasets": "",
    "diagnose": "diagnostics",
    "differential_expression": "workflows",
    "estimate_dispersion": "dispersion",
    "estimate_normalization_factors": "normalization",
    "estimate_size_factors": "size_factors",
    "filter_by_expression": "expression_filter",
    "fit_glm": "glm",
    "fit_penalized": "penalized",
    "fit_penalized_wide": "wide",
    "fit_rlog": "transformations",
    "fit_trend": "trend",
    "fit_vst": "transformations",
    "fpkm": "transformations",
    "fpm": "transformations",
    "from_tximport": "normalization",
    "likelihood": "",
    "likelihood_ratio_test": "likelihood_ratio",
    "normalized_counts": "transformations",
    "penalties": "",
    "plots": "",
    "pseudobulk": "aggregation",
    "recondition": "conditioning",
    "rlog": "transformations",
    "run_r": "adapters.r",
    "shrink": "shrinkage",
    "svalues": "shrinkage",
    "vst": "transformations",
    "wald_test": "inference",
    "write_report": "report.several",
}

__all__ = [
    "ConditionDesign",
    "CountglmWarning",
    "CrossValidation",
    "DEResult",
    "Diagnosis",
    "DispersionFit",
    "GLMFit",
    "GroupedResult",
    "InputError",
    "ParityCertificate",
    "PenalizedFit",
    "PenalizedPath",
    "RResult",
    "Reconditioned",
    "RegularizedLog",
    "Status",
    "Trend",
    "VarianceStabilizer",
    "WideCrossValidation",
    "WideFit",
    "WidePath",
    "__version__",
    "benjamini_hochberg",
    "collapse_replicates",
    "compare",
    "condition_design",
    "confidence_intervals",
    "datasets",
    "diagnose",
    "differential_expression",
    "estimate_dispersion",
    "estimate_normalization_factors",
    "estimate_size_factors",
    "filter_by_expression",
    "fit_glm",
    "fit_penalized",
    "fit_penalized_wide",
    "fit_rlog",
    "fit_trend",
    "fit_vst",
    "fpkm",
    "fpm",
    "from_tximport",
    "likelihood",
    "likelihood_ratio_test",
    "normalized_counts",
    "penalties",
    "plots",
    "pseudobulk",
    "recondition",
    "rlog",
    "run_r",
    "shrink",
    "svalues",
    "vst",
    "wald_test",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'countglm' has no attribute {name!r}")
    module = _LAZY[name]
    value = import_module(f".{module or name}", __name__)
    if module:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
