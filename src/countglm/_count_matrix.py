"""The counts of samples x genes, whatever they are stored in, read by genes or by samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from countglm._by_samples import gene_stretches, sample_rows
from countglm._derived_counts import GeneSubset, ReplacedRows
from countglm._entries import Entries
from countglm._fingerprint import (
    MARK,
    fingerprint_of,
    first_fingerprint,
    gene_hashes,
    row_hashes,
    sparse_hashes,
)
from countglm._names import Names, first_few, name_array, plural
from countglm._nonzeros import Nonzeros
from countglm._replaced_entries import ReplacedEntries
from countglm._sources import DenseSource, Source, sizes_of
from countglm._warn import warn
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class GeneBlocks(Protocol):
    """What a fit needs of counts: shape, names and gene-major blocks."""

    @property
    def n_samples(self) -> int: ...

    @property
    def n_genes(self) -> int: ...

    @property
    def sample_names(self) -> Names | None: ...

    @property
    def gene_names(self) -> Names: ...

    def block(self, start: int, stop: int) -> NDArray[np.float64]:
        """Genes [start, stop) as float64 (stop - start, n_samples)."""
        ...

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        """Genes [start, stop) by their entries other than zero."""
        ...


class CountMatrix:
    """Counts of samples x genes, read as gene-major float64 blocks.

    Made by `as_count_matrix`, which validates the values. The caller's storage is kept by
    reference and read block by block; several threads may read at once.

    Attributes
    ----------
    n_samples, n_genes : int
    sample_names : object array of str (n_samples,), or None where the input carries no names
    gene_names : object array of str (n_genes,)
        ``"0"``, ``"1"``, ... where the input carries no names.
    obs : DataFrame or None
        The sample table of an AnnData, in the order of the samples.
    var : DataFrame or None
        The annotation of the genes in an AnnData, in their order.
    """

    def __init__(
        self,
        source: Source,
        sample_names: Names | None,
        gene_names: Names,
        obs: pd.DataFrame | None = None,
        var: pd.DataFrame | None = None,
    ) -> None:
        self._source = source
        self.n_samples, self.n_genes = source.shape
        self.sample_names = sample_names
        self.gene_names = gene_names
        self.obs = obs
        self.var = var
        self._hashes: NDArray[np.uint64] | None = None
        self._sizes: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        return f"CountMatrix of {plural(self.n_samples, 'sample')} x {plural(self.n_genes, 'gene')}"

    def block(self, start: int, stop: int) -> NDArray[np.float64]:
        """Genes [start, stop) as a fresh C-contiguous float64 array (stop - start, n_samples)."""
        native = self._source.native(start, stop)
        out = np.array(native, dtype=np.float64, order="C", copy=True)
        if native.dtype.kind == "f":
            out += 0.0  # -0.0 becomes 0.0: equal counts have equal bits
        return out

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        """Genes [start, stop) by their entries other than zero."""
        return self._source.nonzeros(start, stop)

    def stretches(self, entries: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield neighbouring genes [start, stop) with about ``entries`` nonzeros, to be read."""
        return gene_stretches(self._source, entries)

    def sample_rows(self, entries: int) -> Iterator[tuple[int, Entries]]:
        """Yield (first sample, samples by their nonzeros), about ``entries`` of them at once."""
        return sample_rows(self._source, entries)

    def nonzero_sizes(self) -> NDArray[np.int64]:
        """Number of counts other than zero of every gene (n_genes,)."""
        if self._sizes is None:
            sizes = [
                np.diff(self._source.nonzeros(start, stop).pointers)
                for start, stop in self.stretches()
            ]
            self._sizes = np.concatenate(sizes)
        return self._sizes

    @property
    def is_sparse(self) -> bool:
        """Whether the zeros are not stored."""
        return sizes_of(self._source) is not None

    @property
    def in_file(self) -> dict[str, Any] | None:
        """What names these counts in a file that stores them by genes; None for all others."""
        identity: dict[str, Any] | None = getattr(self._source, "identity", None)
        return identity

    @property
    def by_samples(self) -> bool:
        """Whether some samples can be read without passing over the counts of all."""
        return self._source.sample(0) is not None

    def samples(
        self, start: int, stop: int, genes: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Counts of samples [start, stop) as a fresh float64 array (stop - start, n_genes).

        Of ``genes`` (positions, ascending) only, if given.  For counts that are read `by_samples`.
        """
        out = np.empty((stop - start, self.n_genes if genes is None else genes.size))
        for i, row in enumerate(out, start):
            values = self._source.sample(i)
            assert values is not None
            row[:] = values if genes is None else values[genes]
        out += 0.0
        return out

    def fingerprint(self) -> str:
        """Text that tells shape and values apart; storage, dtype and names do not enter."""
        return fingerprint_of(self.n_samples, self.gene_hashes())

    def gene_hashes(self) -> NDArray[np.uint64]:
        """Hashes (n_genes,) of the counts of every gene."""
        if self._hashes is None:
            self._hashes = (
                sparse_hashes(self._source, self.stretches())
                if self.is_sparse
                else gene_hashes(self._source)
            )
        return self._hashes

    def has_fingerprint(self, text: str) -> bool:
        """Whether ``text`` is the fingerprint of these counts, by today's rule or the first."""
        return text == (
            self.fingerprint() if text.startswith(MARK) else first_fingerprint(self._source)
        )

    def take_genes(self, genes: NDArray[np.intp]) -> CountMatrix:
        """Some genes of these counts, read from the same storage."""
        var = None if self.var is None else self.var.iloc[genes]
        some = self._of(GeneSubset(self._source, genes), self.gene_names[genes], var)
        some._hashes = None if self._hashes is None else self._hashes[genes]
        return some

    def with_rows(self, genes: NDArray[np.intp], rows: NDArray[np.float64]) -> CountMatrix:
        """These counts with the rows (g, n_samples) of ``genes`` replaced; nothing is copied."""
        other = self._of(ReplacedRows(self._source, genes, rows), self.gene_names, self.var)
        if self._hashes is not None:
            other._hashes = self._hashes.copy()
            other._hashes[genes] = row_hashes(rows)
        return other

    def with_entries(
        self, genes: NDArray[np.intp], samples: NDArray[np.intp], values: NDArray[np.float64]
    ) -> CountMatrix:
        """These counts with some of them (m,) replaced, no place twice; nothing is copied."""
        source = ReplacedEntries(self._source, genes, samples, values)
        other = self._of(source, self.gene_names, self.var)
        if self._hashes is not None:
            changed = np.unique(genes)
            other._hashes = self._hashes.copy()
            other._hashes[changed] = gene_hashes(GeneSubset(source, changed))
        return other

    def without_replacement(self) -> CountMatrix:
        """These counts before `with_rows` and `with_entries`."""
        original = getattr(self._source, "original", self._source)
        return self._of(original, self.gene_names, self.var)

    def in_memory(self) -> CountMatrix:
        """These counts read once and kept as float64, to be read many times."""
        return self.with_values(self.block(0, self.n_genes).T)

    def with_values(self, values: NDArray[Any]) -> CountMatrix:
        """Other values (n_samples, n_genes) of the same samples and genes."""
        return self._of(DenseSource(values), self.gene_names, self.var)

    def renamed(self, gene_names: Any) -> CountMatrix:
        """The same counts under other gene names."""
        names = given_names(gene_names, self.n_genes, "gene_names", "gene", "column")
        warn_of_repeated_genes(names)
        same = self._of(self._source, names, self.var)
        same._hashes = self._hashes
        return same

    def _of(self, source: Source, gene_names: Names, var: pd.DataFrame | None) -> CountMatrix:
        return CountMatrix(source, self.sample_names, gene_names, self.obs, var)


def given_names(given: Any, n: int, argument: str, noun: str, axis: str) -> Names:
    if isinstance(given, str):
        raise InputError(
            f"{argument} is a single string; give a sequence with one name per {noun}."
        )
    try:
        names = name_array(given)
    except TypeError:
        raise InputError(
            f"{argument} is of type {type(given).__name__}; give a sequence with one name per "
            f"{noun}."
        ) from None
    if names.size != n:
        raise InputError(
            f"{argument} has {plural(names.size, 'name')} for {plural(n, noun)}; give one "
            f"per {axis} of the counts."
        )
    return names


def warn_of_repeated_genes(names: Names) -> None:
    if len(set(names)) == names.size:
        return
    repeated = [name for name, times in Counter(names).items() if times > 1]
    warn(
        f"{plural(len(repeated), 'gene name')} {'occurs' if len(repeated) == 1 else 'occur'} more "
        f"than once ({first_few(repeated)}); all rows are kept."
    )
