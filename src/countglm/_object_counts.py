"""Arrays of Python objects that are to be counts."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._count_checks import LARGEST_COUNT, error_at, missing_error
from countglm._names import Names, label
from countglm.errors import InputError


def object_counts(values: NDArray[Any], sample_names: Names | None, gene_names: Names) -> Any:
    """An object array (n_samples, n_genes) of numbers as float64; text is refused by name."""
    kinds = set(map(type, values.ravel().tolist()))
    if not all(issubclass(kind, numbers.Real | np.bool_) for kind in kinds):
        _refuse_objects(values, sample_names, gene_names)
    try:
        out = values.astype(np.float64)
    except OverflowError:
        out = np.where(_elementwise(values, lambda v: abs(v) > LARGEST_COUNT), np.inf, 0.0)
    # 2^53 + 1 rounds to 2^53 on conversion and would pass for it.
    for i, j in np.argwhere(out >= LARGEST_COUNT):
        if values[i, j] > LARGEST_COUNT:
            raise error_at("large", (int(i), int(j)), values[i, j], sample_names, gene_names)
    return out


def _refuse_objects(values: NDArray[Any], samples: Names | None, genes: Names) -> None:
    missing = _elementwise(values, _is_missing)
    wrong = _elementwise(values, lambda v: not isinstance(v, numbers.Real | np.bool_)) & ~missing
    if not wrong.any():
        raise missing_error(missing, samples, genes)
    gene, sample = (int(k) for k in np.argwhere(wrong.T)[0])
    value = values[sample, gene]
    kind = "text" if isinstance(value, str) else f"of type {type(value).__name__}"
    n = int(np.count_nonzero(wrong))
    raise InputError(
        f"{n:,} {'entry' if n == 1 else 'entries'} of the counts {'is' if n == 1 else 'are'} no "
        f"number but {kind}, first {str(value)[:40]!r} at sample {label(samples, sample)}, gene "
        f"{label(genes, gene)}; keep annotation out of the matrix and convert text to numbers."
    )


def _elementwise(values: NDArray[Any], test: Any) -> NDArray[np.bool_]:
    flat = np.fromiter((bool(test(v)) for v in values.ravel()), dtype=np.bool_, count=values.size)
    return flat.reshape(values.shape)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
