"""Results of differential expression for the R package: tables as arrays, R's functions as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.transformations import rlog, vst
from countglm.trend import Trend

if TYPE_CHECKING:
    from countglm.deresult import DEResult

Floats = NDArray[np.float64]
# Columns of a result's table that hold text.
_WORDS = ("test", "status", "na_reason")
# The setting that names R's method of adjustment.
_ADJUSTMENT = "r_p_adjust"


def result_arrays(result: DEResult) -> dict[str, Any]:
    """Return the table of a result and what R keeps about it.

    Returns
    -------
    dict
        ``names`` of the columns, without the genes' own annotation; ``numbers``: arrays
        (n_genes,); ``words``: text with None for none; ``label``, ``test``,
        ``mode``, ``alpha``, ``lfc_threshold``, ``p_adjust``; ``shrinkage``: a dict or None;
        ``filtering``: None, or threshold, chosen share, shares, rejections and their curve.
    """
    annotation = [] if result.var is None else list(result.var.columns)
    names = [name for name in result.table.columns if name not in annotation]
    table, settings = result.table, result.settings
    numbers = [name for name in names if name not in _WORDS]
    words = [name for name in names if name in _WORDS]
    return {
        "names": names,
        "numbers": {name: table[name].to_numpy(dtype=np.float64) for name in numbers},
        "words": {name: table[name].to_numpy(dtype=object) for name in words},
        "label": result.label,
        "test": settings["test"],
        "mode": settings["mode"],
        "alpha": float(settings["alpha"]),
        "lfc_threshold": float(settings["lfc_threshold"]),
        "p_adjust": adjustment_of(result),
        "shrinkage": _shrinkage(settings.get("shrinkage")),
        "filtering": _filtering(result),
    }


def _shrinkage(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Method, mode and the plain numbers of a shrinkage."""
    if record is None:
        return None
    plain = {name: value for name, value in record.items() if isinstance(value, str | float | bool)}
    return dict(plain)


def _filtering(result: DEResult) -> dict[str, Any] | None:
    found = result.filtering
    if found is None:
        return None
    return {
        "threshold": float(found.threshold),
        "chosen": float(found.theta[found.chosen]),
        "theta": np.asarray(found.theta, dtype=np.float64),
        "rejections": np.asarray(found.rejections, dtype=np.float64),
        "smooth": np.asarray(found.smooth, dtype=np.float64),
    }


def of_array(function: Callable[[list[float]], Any]) -> Callable[[Any], Floats]:
    """Return a function of R's numbers as one of an array of any shape, of one number per entry.

    Another number of values is returned as it is, so that the caller can say so.
    """

    def converted(values: Any) -> Floats:
        numbers = np.asarray(values, dtype=np.float64)
        given = np.asarray(function(numbers.ravel().tolist()), dtype=np.float64)
        return given.reshape(numbers.shape if given.size == numbers.size else -1)

    return converted


def parametric_trend(asymptotic: float, extra: float) -> Trend:
    """Return the dispersion trend ``asymptotic + extra / mean`` of another fit."""
    return Trend("parametric", np.array([asymptotic, extra]), None, "parametric")


def constant_trend(dispersion: float) -> Trend:
    """Return the dispersion trend of another fit that is the same at every mean."""
    return Trend("mean", np.array([dispersion]), None, "mean")


def named_adjustment(found: Any, name: str) -> Any:
    """Return results whose p-values a function of R has adjusted, with the name of its method.

    Parameters
    ----------
    found : DEResult, or dict of them
    name : str
        As R's ``p.adjust`` calls the method.
    """
    if isinstance(found, Mapping):
        return {label: named_adjustment(each, name) for label, each in found.items()}
    return replace(found, settings={**found.settings, _ADJUSTMENT: name})


def adjustment_of(result: DEResult) -> str:
    """Return the method that adjusted the p-values, ``"given"`` for a function without a name."""
    settings = result.settings
    chosen = settings["p_adjust"]
    if isinstance(chosen, str) and chosen != "given":
        return chosen
    return str(settings.get(_ADJUSTMENT, "given"))


def transform(verb: str, counts: Any, **options: Any) -> Floats:
    """Return `vst` or `rlog` of counts in R's orientation (n_genes, n_samples)."""
    function: Callable[..., Any] = vst if verb == "vst" else rlog
    values = function(counts, **options)
    return np.asarray(values, dtype=np.float64).T


def data_folder() -> str:
    """Return the path of the folder with the tables of the embedded studies."""
    return str(files("countglm") / "data")
