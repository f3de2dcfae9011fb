"""Training logs of every kind as columns, and what the columns' names say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

from ._nb_facts import CLAMPED
from ._nb_libraries import LIBRARIES, our_name

Floats = NDArray[np.float64]

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BREAK = re.compile(r"[^a-z0-9]+")
_BEFORE = ("train", "training", "model", "params", "param", "batch")
_ENDS = ("min", "max", "mean", "median")
_OTHERS = {
    "val", "test", "eval", "kl", "kld", "reg", "l1", "l2", "aux", "adv", "disc", "class", "dev",
}  # fmt: skip
_OTHER_STARTS = ("valid", "regular", "penal", "advers", "discr", "classif", "auxil")
_SHARES = {"share", "frac", "fraction", "percent", "percentage", "pct", "ratio", "rate"}


def read_log(log: Any) -> dict[str, Floats]:
    """Return the numeric columns of a training log, one value a step.

    Entries that are arrays become two columns, of their least and largest values.

    Raises
    ------
    InputError
        A log that is none of a dict of sequences, a list of dicts, a DataFrame or a CSV file.
    """
    if isinstance(log, str | os.PathLike):
        import pandas as pd

        if not os.path.isfile(log):
            raise InputError(f"There is no training log {os.fspath(log)!r}; give a CSV file.")
        try:
            log = pd.read_csv(log)
        except (ValueError, OSError) as error:
            raise InputError(
                f"The training log {os.fspath(log)!r} is no table: {error}; give a CSV file with "
                "a header."
            ) from None
    if hasattr(log, "columns") and hasattr(log, "to_dict"):
        log = {str(name): log[name].tolist() for name in log.columns}
    if isinstance(log, list | tuple) and log and all(isinstance(row, Mapping) for row in log):
        names = dict.fromkeys(name for row in log for name in row)
        log = {name: [row.get(name, None) for row in log] for name in names}
    if not isinstance(log, Mapping) or not log:
        raise InputError(
            f"log of type {type(log).__name__} is no training log; give a dict of sequences, a "
            "list of dicts (one a step), a DataFrame or the path of a CSV file."
        )
    columns: dict[str, Floats] = {}
    for name, values in log.items():
        columns.update(_columns(str(name), values))
    if not columns:
        raise InputError("The training log has no column of numbers; log the loss of every step.")
    return _without_gaps(columns)


def _without_gaps(columns: dict[str, Floats]) -> dict[str, Floats]:
    """Return columns without the cells in which nothing was logged, and with all that became NaN.

    Nothing was logged where a column is mostly empty before its last number, and where one of
    which no row has both is filled instead, as those of training and validation are.
    """
    missing = {name: np.isnan(values) for name, values in columns.items()}
    found = {}
    for name, values in columns.items():
        empty, told = missing[name], np.flatnonzero(~missing[name])
        if not empty.any() or not told.size:
            found[name] = values
            continue
        instead = np.zeros(values.size, dtype=bool)
        for other in missing.values():
            if other.size == values.size and (empty | other).all():
                instead |= ~other
        dropped = empty & instead
        inner = (empty & ~instead)[: told[-1]]
        if 2 * inner.sum() >= max(1, told[-1]):
            dropped[: told[-1]] |= inner
            # After the last number there may be as much of nothing as there was between two.
            if values.size - 1 - told[-1] < np.diff(np.r_[-1, told]).max():
                dropped[told[-1] :] |= empty[told[-1] :]
        found[name] = values[~dropped]
    return found


def _columns(name: str, values: Any) -> Iterator[tuple[str, Floats]]:
    if values is None or isinstance(values, str):
        return
    values = values if getattr(values, "ndim", 1) and hasattr(values, "__len__") else [values]
    steps = [v.detach().cpu().numpy() if hasattr(v, "detach") else v for v in values]
    try:
        # None is a step at which nothing was logged.
        arrays = [np.asarray([] if v is None else v, dtype=np.float64).ravel() for v in steps]
    except (TypeError, ValueError):
        return
    if all(a.size <= 1 for a in arrays):
        logged = [a[0] for a in arrays if a.size]
        if logged:
            yield name, np.array(logged)
        return
    full = [a for a in arrays if a.size]
    yield f"{name}_min", np.array([a.min() for a in full])
    yield f"{name}_max", np.array([a.max() for a in full])


def words_of(column: str) -> list[str]:
    """Return the words of a column's name: ``train/zeroGrad_max`` is train, zero, grad, max."""
    return [w for w in _BREAK.split(_CAMEL.sub("_", column).lower()) if w]


def parameter_of(column: str, library: str | None = None) -> str | None:
    """Return the parameter that a column such as ``log_alpha_max`` or ``train/mu`` is about."""
    words = words_of(column)
    while len(words) > 1 and words[0] in _BEFORE:
        words = words[1:]
    end = False
    for at in (-1, 0):
        if len(words) > 1 and words[at] in _ENDS and not end:
            end = True
            del words[at]
    base = "_".join(words)
    # Alone, alpha is as often a weight; size, n and p count batches as often.
    known = base in LIBRARIES.get(library or "", {})
    if base in ("mu", "theta") or known or (base == "alpha" and end):
        base = our_name(base, library)
    return base if base in CLAMPED and base not in ("n", "p") else None


def is_end(column: str) -> bool:
    """Tell whether a column holds the least or the largest of many values."""
    return bool({"min", "max"} & set(words_of(column)))


def is_loss(column: str) -> bool:
    """Tell whether a column is the loss that is trained, not a penalty or one that is watched."""
    words = words_of(column)
    other = any(w in _OTHERS or w.startswith(_OTHER_STARTS) for w in words)
    return bool({"loss", "nll"} & set(words)) and not other


def is_share(column: str) -> bool:
    """Tell whether a column is the share of gradients that are 0, or of clamped entries."""
    words = words_of(column)
    about = any(w.startswith("grad") for w in words)
    zero = any(w.startswith(("zero", "dead")) for w in words)
    clamped = any(w.startswith("clamp") for w in words)
    return (about and zero) or (clamped and ("clamped" in words or bool(_SHARES & set(words))))


def is_gradient(column: str) -> bool:
    """Tell whether a column is a gradient or its norm."""
    words = words_of(column)
    return any(w.startswith(("grad", "gnorm")) for w in words) and not (
        is_share(column) or bool(_SHARES & set(words))
    )


def is_known(column: str, library: str | None = None) -> bool:
    """Tell whether more is looked for in a column than NaN."""
    return (
        is_loss(column) or is_share(column) or is_gradient(column)
        or parameter_of(column, library) is not None
    )  # fmt: skip
