"""Results of differential expression for the R package: tables as arrays, R's functions as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        "p_adjust": settings["p_adjust"] if isinstance(settings["p_adjust"], str) else "given",
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
    """Return a function of R's numbers as one of an array, of one number per entry."""

    def converted(values: Any) -> Floats:
        numbers = np.asarray(values, dtype=np.float64)
        given = function(numbers.tolist())
        return np.asarray(given, dtype=np.float64).reshape(-1)

    return converted


def parametric_trend(asymptotic: float, extra: float) -> Trend:
    """Return the dispersion trend ``asymptotic + extra / mean`` of another fit."""
    return Trend("parametric", np.array([asymptotic, extra]), None, "parametric")


def transform(verb: str, counts: Any, **options: Any) -> Floats:
    """Return `vst` or `rlog` of counts in R's orientation (n_genes, n_samples)."""
    function: Callable[..., Any] = vst if verb == "vst" else rlog
    values = function(counts, **options)
    return np.asarray(values, dtype=np.float64).T


def data_folder() -> str:
    """Return the path of the folder with the tables of the embedded studies."""
    return str(files("countglm") / "data")
