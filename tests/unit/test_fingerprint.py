"""Fingerprints of counts: what they tell apart, what they do not see, and those of before."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from countglm._fingerprint import first_fingerprint, gene_hashes
from countglm._sources import DenseSource
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from tests.support.fits import synthetic_fit

COUNTS = np.arange(600).reshape(6, 100) ** 2 % 97


def test_every_change_is_seen() -> None:
    rng = np.random.default_rng(1)
    others = [COUNTS, COUNTS[::-1], COUNTS[:, ::-1], COUNTS.T, COUNTS[:, :-1], COUNTS / 4]
    for n in range(200):
        other = COUNTS.copy()
        sample, gene = rng.integers(6), rng.integers(100)
        if n % 2:
            other[sample, gene] += int(rng.choice([1, 2**40, 2**52]))
        else:
            # As many counts as before, of another sample or gene.
            other[sample, gene] += 1
            other[(sample + 1 + n % 5) % 6, (gene + n % 3) % 100] -= 1
        others.append(np.abs(other))
    distinct = {(each.shape, each.astype(float).tobytes()) for each in others}
    assert len(distinct) > 180
    matrices = [as_count_matrix(each, allow_noninteger=True) for each in others]
    assert len({matrix.fingerprint() for matrix in matrices}) == len(distinct)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", ">i4", "uint64", "float32", ">f8", "longdouble"]
)
def test_dtype_and_layout_do_not_matter(dtype: str) -> None:
    expected = gene_hashes(DenseSource(COUNTS))
    for values in (COUNTS.astype(dtype), np.asfortranarray(COUNTS.astype(dtype))):
        np.testing.assert_array_equal(gene_hashes(DenseSource(values)), expected)
    fractions = COUNTS.astype(np.float32) / 3
    np.testing.assert_array_equal(
        gene_hashes(DenseSource(fractions)), gene_hashes(DenseSource(fractions.astype(float)))
    )


def test_hashes_of_genes_follow_the_genes() -> None:
    counts = as_count_matrix(COUNTS)
    genes = np.array([7, 3, 90])
    rows = np.array([[1, 2, 3, 4, 5, 6.5], [0, 0, 0, 0, 0, 1], [9, 9, 9, 9, 9, 9]])
    changed = COUNTS.astype(float)
    changed[:, genes] = rows.T
    before = counts.take_genes(genes).fingerprint(), counts.with_rows(genes, rows).fingerprint()
    counts.fingerprint()
    assert counts.take_genes(genes).fingerprint() == before[0]
    assert before[0] == as_count_matrix(COUNTS[:, genes]).fingerprint()
    assert counts.with_rows(genes, rows).fingerprint() == before[1]
    assert before[1] == as_count_matrix(changed, allow_noninteger=True).fingerprint()
    assert counts.with_rows(genes, rows).without_replacement().fingerprint() == counts.fingerprint()
    assert counts.renamed([f"g{i}" for i in range(100)]).fingerprint() == counts.fingerprint()


@pytest.mark.parametrize(
    ("divisor", "text"),
    [(1, "0696086a4e02421a39769080d9e6a512"), (4, "abd06f88823c33071e1f45b056bb37c6")],
)
def test_fingerprints_of_earlier_results_are_recognised(divisor: int, text: str) -> None:
    values = COUNTS / divisor
    assert first_fingerprint(DenseSource(values)) == text
    for storage in (np.array, sp.csr_array, sp.csc_array):
        counts = as_count_matrix(storage(values), allow_noninteger=True)
        assert counts.has_fingerprint(text)
        assert counts.has_fingerprint(counts.fingerprint())
        assert counts.fingerprint() != text
    assert not as_count_matrix(values + 1, allow_noninteger=True).has_fingerprint(text)


def test_a_result_of_before_takes_its_counts() -> None:
    counts = np.arange(160.0).reshape(8, 20)
    fit = synthetic_fit(20, counts_fingerprint=first_fingerprint(DenseSource(counts)))
    assert fit.require_counts(counts).n_genes == 20
    with pytest.raises(InputError, match="not the counts of this fit"):
        fit.require_counts(counts + 1)


def test_values_that_no_word_holds_are_told_apart() -> None:
    large = np.array([1e19, -1e19, 2e19, 1e90, -1e90, 2.0**63, -(2.0**63), -(2.0**62), 1.0, 0.0])
    sources = [DenseSource(np.array([[value, 1.0], [2.0, value]])) for value in large]
    hashes = np.concatenate([gene_hashes(source) for source in sources])
    assert np.unique(hashes).size == 2 * large.size
