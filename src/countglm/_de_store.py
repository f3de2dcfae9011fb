"""DEResult to and from one file: the fit, the table and every choice, without the counts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._fitfile import KIND as FIT_KIND
from ._fitfile import damaged, fit_contents, fit_fields
from ._frames import pack_frame, unpack_frame
from ._store import read_arrays, write_arrays
from .dispersion import DispersionFit
from .independent_filtering import Filtering
from .outliers import Outliers
from .results import GLMFit
from .trend import Trend

if TYPE_CHECKING:
    from .deresult import DEResult

Arrays = dict[str, NDArray[Any]]

_KIND = "DEResult"
_FRAMES = ("table", "var", "obs")
_READ_ERRORS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def save_result(result: DEResult, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write ``result`` without the counts."""
    write_arrays(path, _KIND, *result_contents(result), force=force)


def result_contents(result: DEResult) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of ``result`` and what else there is, JSON-able, without the counts."""
    parts, fit_meta = fit_contents(result.fit)
    arrays: Arrays = {f"fit.{name}": array for name, array in parts.items()}
    arrays["contrast"] = result.contrast
    meta: dict[str, Any] = {"fit": fit_meta, "label": result.label}
    for name in _FRAMES:
        meta[name] = pack_frame(getattr(result, name), name, arrays)
    meta["dispersion"] = _pack(result.dispersion, "dispersion", arrays)
    meta["filtering"] = _pack(result.filtering, "filtering", arrays)
    meta["outliers"] = _pack(result.outliers, "outliers", arrays)
    meta["settings"], meta["provenance"] = plain(result.settings), plain(result.provenance)
    return arrays, meta


def load_result_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the keyword arguments of a DEResult; the counts are not among them."""
    return result_fields(*read_arrays(path, _KIND), path)


def result_fields(
    arrays: Arrays, meta: dict[str, Any], path: str | os.PathLike[str]
) -> dict[str, Any]:
    """Return the keyword arguments of a DEResult from what `result_contents` gave."""
    try:
        found: dict[str, Any] = {"fit": _fit_of(arrays, meta, path)}
        found |= {name: unpack_frame(meta[name], name, arrays) for name in _FRAMES}
        for name, kind in (
            ("dispersion", DispersionFit),
            ("filtering", Filtering),
            ("outliers", Outliers),
        ):
            found[name] = _unpack(kind, meta[name], name, arrays)
        found |= {name: meta[name] for name in ("label", "settings", "provenance")}
        found["contrast"] = arrays["contrast"]
    except _READ_ERRORS as error:
        raise damaged(path, f"{type(error).__name__} {error} while reading it") from error
    n_genes, n_coef = found["fit"].n_genes, len(found["fit"].coef_names)
    if len(found["table"]) != n_genes or found["contrast"].shape != (n_coef,):
        raise damaged(path, "its table and its fit are not of the same genes and coefficients")
    return found


def load_fit(path: str | os.PathLike[str]) -> GLMFit:
    """Read the fit in a file of a GLMFit or a DEResult."""
    arrays, meta = read_arrays(path, FIT_KIND, _KIND)
    if meta["kind"] == FIT_KIND:
        return GLMFit(**fit_fields(arrays, meta, path))
    return _fit_of(arrays, meta, path)


def _fit_of(arrays: Arrays, meta: dict[str, Any], path: str | os.PathLike[str]) -> GLMFit:
    part = {n.removeprefix("fit."): a for n, a in arrays.items() if n.startswith("fit.")}
    if not isinstance(meta.get("fit"), dict):
        raise damaged(path, "it lacks its fit")
    return GLMFit(**fit_fields(part, meta["fit"], path))


def _pack(record: Any, key: str, arrays: Arrays) -> dict[str, Any] | None:
    """Put the arrays of a record into ``arrays``; return the rest."""
    if record is None:
        return None
    meta: dict[str, Any] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, np.ndarray):
            arrays[f"{key}.{each.name}"] = value
        elif each.name == "trend_function":
            meta[each.name] = _pack_trend(value, f"{key}.trend_function", arrays)
        else:
            meta[each.name] = plain(value)
    return meta


def _pack_trend(trend: Any, key: str, arrays: Arrays) -> dict[str, Any] | None:
    if not isinstance(trend, Trend):
        return None
    parts = trend.to_arrays()
    arrays |= {f"{key}.{n}": part for n, part in parts.items() if isinstance(part, np.ndarray)}
    return {n: part for n, part in parts.items() if isinstance(part, str)}


def _unpack(
    kind: Any, meta: dict[str, Any] | None, key: str, arrays: Mapping[str, NDArray[Any]]
) -> Any:
    if meta is None:
        return None
    values = dict(meta)
    for each in fields(kind):
        if f"{key}.{each.name}" in arrays:
            values[each.name] = arrays[f"{key}.{each.name}"]
    if values.get("trend_function") is not None:
        start = f"{key}.trend_function."
        parts = {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
        values["trend_function"] = Trend.from_arrays(values["trend_function"] | parts)
    return kind(**values)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def without_counts(result: DEResult) -> dict[str, Any]:
    """The fields of ``result`` that a pickle holds: neither counts nor functions of the caller."""
    state = {each.name: getattr(result, each.name) for each in fields(result)}
    state["fit"] = replace(
        result.fit, counts=None, design=replace(result.fit.design, spec=None), trace=None
    )
    if not isinstance(result.dispersion.trend_function, Trend):
        state["dispersion"] = replace(result.dispersion, trend_function=None)
    return state
