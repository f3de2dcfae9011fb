"""What makes a value no count: one pass over the matrix, one sentence about the first offender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries
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

    def add_entries(
        self, rule: str, bad: NDArray[np.bool_], at: NDArray[np.int64], n: int, values: Any
    ) -> None:
        """The same of single entries at ``gene * n + sample``."""
        found = np.flatnonzero(bad)
        if found.size == 0:
            return
        tally = self.tallies.setdefault(rule, _Tally())
        first = found[np.argmin(at[found])]
        gene, sample = divmod(int(at[first]), n)
        if tally.count == 0 or (gene, sample) < (tally.gene, tally.sample):
            tally.gene, tally.sample, tally.value = gene, sample, values[first]
        tally.count += found.size

    def report(
        self, samples: Names | None, genes: Names, elsewhere: Callable[[], str] | None
    ) -> None:
        """Raise InputError on the first rule that is broken, if any is."""
        for rule in _RULES:
            if rule in self.tallies:
                found = elsewhere() if elsewhere is not None and rule in _TRANSFORMED else ""
                raise InputError(_sentence(rule, self.tallies[rule], samples, genes, found))


class CountCheck:
    """Checks counts that are read in parts, as `check_counts` does those at hand."""

    def __init__(
        self,
        shape: tuple[int, int],
        sample_names: Names | None,
        gene_names: Names,
        allow_noninteger: bool,
        elsewhere: Callable[[], str] | None = None,
    ) -> None:
        self._n_samples = shape[0]
        self._names = (sample_names, gene_names)
        self._allow_noninteger = allow_noninteger
        self._elsewhere = elsewhere
        self._findings = _Findings()

    def choices(self) -> dict[str, Any]:
        """What decides, beside the values, whether they pass."""
        return {"allow_noninteger": self._allow_noninteger}

    def look(self, entries: Entries, first: int, *, by_gene: bool) -> bool:
        """Take note of what is wrong in lines from ``first`` on; return whether all was well."""
        _require_numbers(entries.values.dtype)
        if not _block_valid(entries.values, self._allow_noninteger):
            lines, places = entries.lines + first, entries.places.astype(np.int64)
            genes, samples = (lines, places) if by_gene else (places, lines)
            at = genes * self._n_samples + samples
            for rule, bad in _offences(entries.values, self._allow_noninteger):
                self._findings.add_entries(rule, bad, at, self._n_samples, entries.values)
        return not self._findings.tallies

    def finish(self) -> None:
        """Raise InputError where something was wrong."""
        self._findings.report(*self._names, self._elsewhere)


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
    findings.report(sample_names, gene_names, elsewhere)


def holds_counts(source: Source) -> bool:
    """Whether every value is a whole number from 0 to 2^53."""
    n_samples, n_genes = source.shape
    step = max(1, _BLOCK_ENTRIES // max(n_samples, 1))
    for start in range(0, n_genes, step):
        block = source.native(start, min(start + step, n_genes))
        if not holds_counts_in(block):
            return False
    return True


def holds_counts_in(values: NDArray[Any]) -> bool:
    """The same of an array."""
    return values.dtype.kind in "biuf" and _block_valid(values, False)


def error_at(
    rule: str, at: tuple[int, int], value: Any, samples: Names | None, genes: Names
) -> InputError:
    """The error for one value, at (sample, gene), that breaks a rule."""
    tally = _Tally(1, at[1], at[0], value)
    return InputError(_sentence(rule, tally, samples, genes))


def missing_error(missing: NDArray[np.bool_], samples: Names | None, genes: Names) -> InputError:
    """The error for missing counts, given where they are (n_samples, n_genes)."""
    findings = _Findings()
    findings.add("missing", missing.T, np.full(missing.T.shape, np.nan), 0)
    return InputError(_sentence("missing", findings.tallies["missing"], samples, genes))


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
    for rule, bad in _offences(block, allow_noninteger):
        findings.add(rule, bad, block, start)


def _offences(
    values: NDArray[Any], allow_noninteger: bool
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield rules with the values that break them."""
    if values.dtype.kind == "b":
        return
    if values.dtype.kind == "f":
        yield "missing", np.isnan(values)
        yield "infinite", np.isinf(values)
        values = np.where(np.isfinite(values), values, 0).astype(np.result_type(values, np.float64))
        if not allow_noninteger:
            yield "fraction", values != np.floor(values)
    if values.dtype.kind != "u":
        yield "negative", values < 0
    yield "large", values > LARGEST_COUNT


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
