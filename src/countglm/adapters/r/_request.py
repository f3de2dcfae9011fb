"""What the caller gives, checked here and put into the terms of R."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import PerSample, as_real_array, resolve_offset, resolve_weights
from countglm._formula import plain_column
from countglm._names import match_table, plural
from countglm._sample_tables import as_sample_table
from countglm.adapters.r._options import Engine, needed_packages
from countglm.counts import CountMatrix
from countglm.design import Design, as_design
from countglm.errors import InputError
from countglm.size_factors import resolve_size_factors

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_INTEGER = 2**31 - 1
# The two levels of a boolean column, in Python's words and in R's.
_FLAGS = {"False": "FALSE", "True": "TRUE"}


@dataclass(frozen=True)
class Question:
    """What the caller asks of an engine, as given."""

    obs: Any
    design: Any
    contrast: Any
    reduced: Any
    size_factors: Any
    offset: Any
    weights: Any

    def words(self) -> dict[str, Any]:
        """Return what was asked beside the options of the engine, without the values."""
        return {
            "reduced": _word(self.reduced),
            "size_factors": _word(self.size_factors),
            "offset": self.offset is not None,
            "weights": self.weights is not None,
        }


def _word(given: Any) -> str | None:
    return given if isinstance(given, str | None) else "given"


def build_request(
    name: str, engine: Engine, counts: CountMatrix, asked: Question, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the request that the child hands to the engine's R function."""
    for what, given, allowed in (
        ("weights", asked.weights, engine.weights),
        ("offset", asked.offset, engine.offset),
    ):
        if given is not None and not allowed:
            raise InputError(f"{name} takes no {what}; leave {what}= out.")
    request: dict[str, Any] = {
        "scripts": list(engine.scripts),
        "function": engine.function,
        "packages": needed_packages(engine, options),
        "options": dict(options),
        "counts": _values(name, counts),
        "sample_names": _sample_names(counts),
        "size_factors": _size_factors(asked.size_factors, counts),
        "offset": _offset(asked.offset, counts),
        "weights": _weights(asked.weights, counts),
    }
    request.update(_design(counts, asked.obs, asked.design))
    formulaic = _formulaic(counts, asked)
    contrast = _contrast(asked.contrast, asked.design, counts, formulaic)
    request["contrast"] = _in_levels_of_r(contrast, request["frame"])
    if options.get("test") == "LRT" and engine.function == "deseq2":
        request["reduced"] = _reduced(asked.reduced, counts, asked.obs, formulaic)
    elif asked.reduced is not None:
        raise InputError("reduced= belongs to test='LRT' of DESeq2; leave it out.")
    return request


def _values(name: str, counts: CountMatrix) -> NDArray[Any]:
    """Counts (n_samples, n_genes), as R's whole numbers where they fit."""
    values = np.ascontiguousarray(counts.block(0, counts.n_genes).T)
    if values.max() <= _LARGEST_INTEGER and np.array_equal(values, np.floor(values)):
        return values.astype(np.int32)
    if name in ("DESeq2", "apeglm"):
        i, j = (int(k) for k in np.unravel_index(np.argmax(values), values.shape))
        raise InputError(
            f"{name} holds counts as whole numbers up to {_LARGEST_INTEGER:,}, and gene "
            f"{str(counts.gene_names[j])!r} has {values[i, j]:,.15g}; leave such genes out."
        )
    return values


def _sample_names(counts: CountMatrix) -> list[str]:
    if counts.sample_names is None:
        return [f"sample{i + 1}" for i in range(counts.n_samples)]
    return [str(name) for name in counts.sample_names]


def _full(values: PerSample, counts: CountMatrix) -> NDArray[np.float64]:
    """A value per sample and gene (n_samples, n_genes)."""
    rows = values.rows(0, counts.n_genes)
    return np.ascontiguousarray(np.broadcast_to(rows, (counts.n_genes, counts.n_samples)).T)


def _size_factors(given: Any, counts: CountMatrix) -> NDArray[np.float64] | None:
    return None if given is None else resolve_size_factors(counts, given)


def _offset(given: Any, counts: CountMatrix) -> NDArray[np.float64] | None:
    if given is None:
        return None
    return _full(resolve_offset(given, np.ones(counts.n_samples), counts), counts)


def _weights(given: Any, counts: CountMatrix) -> NDArray[np.float64] | None:
    return None if given is None else _full(resolve_weights(given, counts), counts)


def _design(counts: CountMatrix, obs: Any, design: Any) -> dict[str, Any]:
    if design is None:
        raise InputError("A design is needed: a formula such as '~ condition', or a matrix.")
    if not isinstance(design, str):
        built = as_design(design, counts)
        return {"design": built.matrix.T.copy(), "design_names": list(built.names), "frame": {}}
    table = as_sample_table(obs, counts)
    if table is None:
        raise InputError(
            f"The formula {design!r} needs a sample table: pass obs= (a DataFrame with one row "
            "per sample), or counts as an AnnData."
        )
    order = match_table(
        counts.sample_names, table.index, what="the sample table", gene_names=counts.gene_names
    )
    if order is None and len(table) != counts.n_samples:
        raise InputError(
            f"The sample table has {plural(len(table), 'row')} and the counts "
            f"{plural(counts.n_samples, 'sample')}; give one row per sample, in the same order."
        )
    table = table if order is None else table.iloc[order]
    return {"formula": design, "frame": _frame(table, design)}


def _frame(table: pd.DataFrame, formula: str) -> dict[str, Any]:
    """The columns that the formula may name; levels in the order of categories, used ones only."""
    columns = {}
    for label in table.columns:
        if str(label) not in formula:
            continue
        column = table[label]
        if column.ndim != 1:
            raise InputError(
                f"The sample table has several columns named {str(label)!r}; rename or drop all "
                "but one."
            )
        columns[str(label)] = _column(column, str(label))
    return columns


def _column(column: pd.Series[Any], name: str) -> dict[str, Any]:
    absent = column.isna().to_numpy()
    if absent.any():
        # R names the sample, where the formula does use this column.
        return {"kind": "number", "values": np.where(absent, np.nan, 0.0)}
    plain = plain_column(column, name)
    if getattr(plain.dtype, "kind", "O") in "iuf":
        return {"kind": "number", "values": plain.to_numpy(dtype=np.float64)}
    levels = [str(level) for level in plain.cat.categories]
    if set(levels) <= set(_FLAGS):
        levels = [_FLAGS[level] for level in levels]
    codes = np.asarray(plain.cat.codes, dtype=np.int32) + np.int32(1)
    return {"kind": "factor", "levels": levels, "codes": codes}


def _formulaic(counts: CountMatrix, asked: Question) -> dict[str, NDArray[np.float64]]:
    """Columns by formulaic's names, where names are used and formulaic reads the formula."""
    named = isinstance(asked.contrast, str | list | tuple) or isinstance(asked.reduced, list)
    if not isinstance(asked.design, str) or not named:
        return {}
    try:
        built = as_design(asked.design, counts, obs=asked.obs)
    except InputError:
        # R judges the formula; this only serves names that R does not use.
        return {}
    return {name: built.matrix[:, j].copy() for j, name in enumerate(built.names)}


def _contrast(
    contrast: Any, design: Any, counts: CountMatrix, formulaic: Mapping[str, Any]
) -> dict[str, Any]:
    if contrast is None:
        return {"kind": "names", "plus": [""], "minus": []}
    if not isinstance(design, str) and not isinstance(contrast, str):
        vector, _ = as_design(design, counts).contrast(contrast)
        return {"kind": "numbers", "values": vector}
    if isinstance(contrast, str):
        return {"kind": "names", "plus": [contrast], "minus": [], "aliases": dict(formulaic)}
    parts = list(contrast)
    lists = [list(part) for part in parts if isinstance(part, list | tuple)]
    if lists and len(lists) == len(parts) <= 2:
        plus, minus = [*lists, []][:2]
        return {"kind": "names", "plus": plus, "minus": minus, "aliases": dict(formulaic)}
    if len(parts) == 3 and isinstance(parts[0], str):
        factor, tested, reference = (str(part) for part in parts)
        return {"kind": "levels", "factor": factor, "tested": tested, "reference": reference}
    if parts and all(isinstance(part, str) for part in parts):
        return {"kind": "names", "plus": parts, "minus": [], "aliases": dict(formulaic)}
    return {"kind": "numbers", "values": as_real_array(parts, "contrast")}


def _in_levels_of_r(contrast: dict[str, Any], frame: Mapping[str, Any]) -> dict[str, Any]:
    """The contrast with the levels of a boolean factor under the names that R has for them."""
    known = frame.get(contrast.get("factor", ""), {}).get("levels", [])
    if not set(known) & set(_FLAGS.values()):
        return contrast
    named = {side: contrast[side] for side in ("tested", "reference")}
    return contrast | {
        side: level if level in known else _FLAGS.get(level, level) for side, level in named.items()
    }


def _reduced(
    reduced: Any, counts: CountMatrix, obs: Any, formulaic: Mapping[str, Any]
) -> dict[str, Any]:
    if reduced is None:
        raise InputError("test='LRT' compares two designs; give the smaller one as reduced=.")
    if isinstance(reduced, str):
        return {"kind": "formula", "text": reduced}
    if isinstance(reduced, list | tuple) and all(isinstance(name, str) for name in reduced):
        dropped = [name[1:] for name in reduced if name.startswith("-")]
        kept = [name for name in reduced if not name.startswith("-")]
        return {"kind": "names", "keep": kept, "drop": dropped, "aliases": dict(formulaic)}
    built: Design = as_design(reduced, counts, obs=obs)
    return {"kind": "matrix", "values": built.matrix.T.copy(), "names": list(built.names)}
