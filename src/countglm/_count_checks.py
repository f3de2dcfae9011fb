"""What makes a value no count: one pass over the matrix, one sentence about the first offender."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._names import Names, label
from countglm._sources import Source
from countglm.errors import InputError

LARGEST_COUNT = 2**53
# Bytes of the integers that can pass it.
_WIDE = 8
# Entries looked at together: they and what is made of them stay in the processor's cache.
_BLOCK_ENTRIES = 131_072
# Rules that normalised, scaled or centred values break: the counts may stand elsewhere.
_TRANSFORMED = ("missing", "negative", "fraction")


@dataclass(frozen=True)
class _Rule:
    """A way to be wrong: how one and several are called, and what to do about it."""

    one: str
    many: str
    remedy: str


# In the order of reporting: the first rule that is broken anywhere is the one reported.
_RULES: dict[str, _Rule] = {
    "missing": _Rule(
        "count is missing (NaN)",
        "counts are missing (NaN)",
        "every gene needs a count in every sample: fill them in, or drop these genes or samples.",
    ),
    "infinite": _Rule(
        "count is infinite",
        "counts are infinite",
        "counts are finite numbers of reads: look where the table was computed.",
    ),
    "negative": _Rule(
        "count is negative",
        "counts are negative",
        "counts are numbers of reads: give the raw ones, not log, scaled or centred values.",
    ),
    "large": _Rule(
        "count is larger than 2^53",
        "counts are larger than 2^53",
        "beyond 2^53 double precision skips integers: check the units.",
    ),
    "fraction": _Rule(
        "count is not a whole number",
        "counts are not whole numbers",
        "give raw counts, or pass allow_noninteger=True for estimated counts (RSEM, tximport).",
    ),
}


@dataclass
class _Tally:
    count: int = 0
    gene: int = -1
    sample: int = -1
    value: Any = None


@dataclass
class _Findings:
    tallies: dict[str, _Tally] = field(default_factory=dict)

    def add(self, rule: str, bad: NDArray[np.bool_], block: NDArray[Any], start: int) -> None:
        n = int(np.count_nonzero(bad))
        if n == 0:
            return
        tally = self.tallies.setdefault(rule, _Tally())
        if tally.count == 0:
            gene, sample = np.unravel_index(int(np.argmax(bad)), bad.shape)
            tally.gene, tally.sample = start + int(gene), int(sample)
            tally.value = block[gene, sample]
        tally.count += n


def check_counts(
    source: Source,
    sample_names: Names | None,
    gene_names: Names,
    *,
    allow_noninteger: bool,
    elsewhere: Callable[[], str] | None = None,
) -> None:
    """Raise InputError unless every count is finite, >= 0, <= 2^53 and (if asked) whole.

    ``elsewhere`` tells where else in the container whole numbers stand, if anywhere; it is called
    only where these values are none.
    """
    stored = source.stored()
    if stored is not None and _all_valid(stored, allow_noninteger):
        return
    n_samples, n_genes = source.shape
    step = max(1, _BLOCK_ENTRIES // n_samples)
    findings = _Findings()
    for start in range(0, n_genes, step):
        block = source.native(start, min(start + step, n_genes))
        _require_numbers(block.dtype)
        if stored is not None or not _block_valid(block, allow_noninteger):
            _tally(block, start, findings, allow_noninteger)
    for rule in _RULES:
        if rule in findings.tallies:
            found = elsewhere() if elsewhere is not None and rule in _TRANSFORMED else ""
            tally = findings.tallies[rule]
            raise InputError(_sentence(rule, tally, sample_names, gene_names, found))


def holds_counts(source: Source) -> bool:
    """Whether every value is a whole number from 0 to 2^53."""
    n_samples, n_genes = source.shape
    step = max(1, _BLOCK_ENTRIES // max(n_samples, 1))
    for start in range(0, n_genes, step):
        block = source.native(start, min(start + step, n_genes))
        if block.dtype.kind not in "biuf" or not _block_valid(block, False):
            return False
    return True


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
            tally = _Tally(1, int(j), int(i), values[i, j])
            raise InputError(_sentence("large", tally, sample_names, gene_names))
    return out


def missing_error(missing: NDArray[np.bool_], samples: Names | None, genes: Names) -> InputError:
    """The error for missing counts, given where they are (n_samples, n_genes)."""
    findings = _Findings()
    findings.add("missing", missing.T, np.full(missing.T.shape, np.nan), 0)
    return InputError(_sentence("missing", findings.tallies["missing"], samples, genes))


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


def _require_numbers(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biuf":
        held = {"U": "text", "S": "text", "T": "text", "c": "complex numbers", "M": "dates"}
        raise InputError(
            f"The counts hold {held.get(dtype.kind, 'no plain numbers')} (dtype {dtype}); give "
            "integers, or floats with whole values."
        )


def _all_valid(values: NDArray[Any], allow_noninteger: bool) -> bool:
    _require_numbers(values.dtype)
    return all(
        _block_valid(values[k : k + _BLOCK_ENTRIES], allow_noninteger)
        for k in range(0, values.size, _BLOCK_ENTRIES)
    )


def _block_valid(block: NDArray[Any], allow_noninteger: bool) -> bool:
    """Whether no rule is broken; written so that NaN fails the first comparison."""
    kind = block.dtype.kind
    if block.size == 0 or (kind in "bu" and block.dtype.itemsize < _WIDE):
        return True
    # As Python numbers: against an array, 2^53 would be rounded to float16 or uint64 to float64.
    if not block.min().item() >= 0:
        return False
    if kind == "i" and block.dtype.itemsize < _WIDE:
        return True
    if not block.max().item() <= LARGEST_COUNT:
        return False
    return kind != "f" or allow_noninteger or bool((block == np.floor(block)).all())


def _tally(block: NDArray[Any], start: int, findings: _Findings, allow_noninteger: bool) -> None:
    if block.dtype.kind == "b":
        return
    if block.dtype.kind == "f":
        findings.add("missing", np.isnan(block), block, start)
        findings.add("infinite", np.isinf(block), block, start)
        block = np.where(np.isfinite(block), block, 0).astype(np.result_type(block, np.float64))
        if not allow_noninteger:
            findings.add("fraction", block != np.floor(block), block, start)
    if block.dtype.kind != "u":
        findings.add("negative", block < 0, block, start)
    findings.add("large", block > LARGEST_COUNT, block, start)


def _sentence(
    rule: str, tally: _Tally, samples: Names | None, genes: Names, found: str = ""
) -> str:
    told = _RULES[rule]
    remedy = found or told.remedy
    where = f"at sample {label(samples, tally.sample)}, gene {label(genes, tally.gene)}"
    value = "" if rule == "missing" else f"{tally.value} "
    if tally.count == 1:
        return f"One {told.one} ({value}{where}); {remedy}"
    return f"{tally.count:,} {told.many}, first {value}{where}; {remedy}"
