"""Counts of some genes by their entries other than zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries, entries_of

Floats = NDArray[np.float64]


class Nonzeros(NamedTuple):
    """Entries other than zero of some genes, gene after gene, samples ascending.

    Those of gene ``g`` are ``[pointers[g], pointers[g + 1])``.
    """

    pointers: NDArray[np.int64]  # (g + 1,)
    samples: NDArray[np.int32]  # (nnz,)
    values: Floats  # (nnz,)

    @property
    def n_genes(self) -> int:
        return self.pointers.size - 1

    @property
    def genes(self) -> NDArray[np.intp]:
        """The gene (nnz,) of every entry."""
        return np.repeat(np.arange(self.n_genes), np.diff(self.pointers))

    def take(self, genes: NDArray[np.intp]) -> Nonzeros:
        """Return some of the genes, in the order asked for."""
        sizes = np.diff(self.pointers)[genes]
        pointers = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(self.pointers[genes] - pointers[:-1], sizes) + np.arange(pointers[-1])
        return Nonzeros(pointers, self.samples[places], self.values[places])

    def dense(self, n_samples: int) -> Floats:
        """Return the counts as an array (g, n_samples)."""
        out = np.zeros((self.n_genes, n_samples))
        out[self.genes, self.samples] = self.values
        return out


def as_nonzeros(entries: Entries) -> Nonzeros:
    """Return entries of genes in the types of `Nonzeros`."""
    return Nonzeros(
        np.asarray(entries.pointers, dtype=np.int64),
        np.asarray(entries.places, dtype=np.int32),
        np.asarray(entries.values, dtype=np.float64),
    )


def chained(parts: Sequence[Nonzeros]) -> Nonzeros:
    """Return the genes of all parts, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    sizes = [np.diff(part.pointers) for part in parts]
    return Nonzeros(
        np.concatenate([[0], np.cumsum(np.concatenate([np.empty(0, dtype=np.int64), *sizes]))]),
        np.concatenate([np.empty(0, dtype=np.int32), *(part.samples for part in parts)]),
        np.concatenate([np.empty(0), *(part.values for part in parts)]),
    )


def nonzeros_of(block: NDArray[Any]) -> Nonzeros:
    """Return the nonzeros of a dense block of genes (g, n)."""
    return as_nonzeros(entries_of(block))
