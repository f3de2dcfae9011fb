"""A short text that two count matrices share only if their values are equal.

Every gene has a 64-bit hash: the sum over samples of its counts times odd weights that look random,
modulo 2^64, as in multilinear hashing (Carter and Wegman 1979).  The fingerprint is a
cryptographic hash of the shape and of these.  It guards against mistakes, not against forgery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from countglm._nonzeros import Nonzeros

Hashes = NDArray[np.uint64]
# Marks the rule; without it stand the fingerprints of before, see `first_fingerprint`.
MARK = "2:"
_ENTRIES = 65_536
_FIRST_ENTRIES = 262_144
_FRACTIONS = 0x9E3779B97F4A7C15
_WORD = 2.0**63


class Blocks(Protocol):
    """Gene-major blocks of values of any real dtype, and their entries other than zero."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def native(self, start: int, stop: int) -> NDArray[Any]: ...

    def nonzeros(self, start: int, stop: int) -> Nonzeros: ...


def gene_hashes(source: Blocks) -> Hashes:
    """Return a hash of the counts of every gene (n_genes,)."""
    n_samples, n_genes = source.shape
    step = max(1, _ENTRIES // n_samples)
    hashes = np.empty(n_genes, dtype=np.uint64)
    for start in range(0, n_genes, step):
        stop = min(start + step, n_genes)
        hashes[start:stop] = row_hashes(source.native(start, stop))
    return hashes


def sparse_hashes(source: Blocks, stretches: Iterable[tuple[int, int]]) -> Hashes:
    """Return the same from the entries other than zero of genes [start, stop) at once."""
    n_samples, n_genes = source.shape
    weights = _sample_weights(n_samples)
    hashes = np.zeros(n_genes, dtype=np.uint64)
    for start, stop in stretches:
        pointers, samples, values = source.nonzeros(start, stop)
        genes = np.flatnonzero(np.diff(pointers))
        if genes.size:
            terms = _words(values) * weights[samples]
            hashes[start + genes] = np.add.reduceat(terms, pointers[genes])
    return hashes


def row_hashes(block: NDArray[Any]) -> Hashes:
    """Return a hash of every row of counts (g, n), whatever their dtype."""
    words = _words(block)
    words *= _sample_weights(block.shape[1])
    return np.asarray(np.add.reduce(words, axis=1))


def fingerprint_of(n_samples: int, hashes: Hashes) -> str:
    """Return the fingerprint of counts with these hashes of the genes."""
    digest = hashlib.blake2b(f"{n_samples}x{hashes.size}".encode(), digest_size=16)
    digest.update(hashes.astype("<u8").tobytes())
    return MARK + digest.hexdigest()


def first_fingerprint(source: Blocks) -> str:
    """Return the fingerprint of results saved before hashes of genes: a hash of all values."""
    n_samples, n_genes = source.shape
    digest = hashlib.blake2b(f"{n_samples}x{n_genes}".encode(), digest_size=16)
    step = max(1, _FIRST_ENTRIES // n_samples)
    for start in range(0, n_genes, step):
        stop = min(start + step, n_genes)
        block = np.array(source.native(start, stop), dtype=np.float64, order="C")
        positive = block != 0.0
        digest.update(np.packbits(positive).tobytes())
        digest.update(_compact(block[positive]).tobytes())
    return digest.hexdigest()


def _sample_weights(n_samples: int) -> Hashes:
    return _mixed(np.arange(1, n_samples + 1, dtype=np.uint64)) | np.uint64(1)


def _words(values: NDArray[Any]) -> Hashes:
    """Return a fresh word for every count, 0 for 0: itself, and what scatters its fraction."""
    if values.dtype.kind != "f":
        return values.astype(np.uint64)
    values = values.astype(np.float64)
    whole = np.floor(values)
    # What no word can hold is whole, and its bits stand for it.
    if whole.size and max(whole.max(), -whole.min()) >= _WORD:
        far = np.abs(whole) >= _WORD
        words: Hashes = np.where(far, 0.0, whole).astype(np.int64).view(np.uint64)
        words[far] = _mixed(values[far].view(np.uint64))
    else:
        words = whole.astype(np.int64).view(np.uint64)
    values -= whole
    if values.any():
        words += _mixed(values.view(np.uint64)) * np.uint64(_FRACTIONS)
    return words


def _mixed(values: Hashes) -> Hashes:
    """Scatter 64-bit words, 0 to 0 (the finaliser of Steele, Lea and Flood's splitmix64, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _compact(values: NDArray[np.float64]) -> NDArray[Any]:
    """Values in four bytes each where these hold them exactly, little-endian, for hashing."""
    if values.size == 0 or values.max() > 0xFFFFFFFF:
        return values.astype("<f8")
    whole = values.astype("<u4")
    return whole if np.array_equal(whole, values) else values.astype("<f8")
