"""Counts some of which are replaced: read by blocks, by samples and by their nonzeros."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from countglm.counts import as_count_matrix

RNG = np.random.default_rng(31)
COUNTS = RNG.poisson(0.3, (40, 15))
# Zeros that become counts, counts that become zero, others, and one that stays.
GENES = np.array([3, 3, 7, 0, 14, 3])
SAMPLES = np.array([5, 1, 39, 0, 2, 38])
VALUES = np.array([0.0, 4.0, 0.0, 9.0, 1.0, 2.5])
REPLACED = COUNTS.astype(float)
REPLACED[SAMPLES, GENES] = VALUES


@pytest.mark.parametrize("storage", [np.asarray, scipy.sparse.csc_array, scipy.sparse.csr_array])
def test_replaced_counts_are_read_in_every_way(storage) -> None:
    counts = as_count_matrix(storage(COUNTS))
    other = counts.with_entries(GENES, SAMPLES, VALUES)
    np.testing.assert_array_equal(other.block(0, 15), REPLACED.T)
    if other.by_samples:
        np.testing.assert_array_equal(other.samples(3, 8), REPLACED[3:8])
    for start, stop in ((0, 15), (2, 5), (8, 9), (3, 3)):
        found = other.nonzeros(start, stop)
        np.testing.assert_array_equal(found.dense(40), REPLACED.T[start:stop])
        for a, b in zip(found.pointers[:-1], found.pointers[1:], strict=True):
            assert (np.diff(found.samples[a:b]) > 0).all()
        assert (found.values > 0.0).all()
    np.testing.assert_array_equal(counts.block(0, 15), COUNTS.T)


def test_fingerprints_follow_replaced_counts() -> None:
    counts = as_count_matrix(COUNTS)
    before = counts.fingerprint()
    other = counts.with_entries(GENES, SAMPLES, VALUES)
    expected = as_count_matrix(REPLACED, allow_noninteger=True).fingerprint()
    assert other.fingerprint() == expected != before
    assert other.without_replacement().fingerprint() == before
    again = other.with_entries(GENES[:1], SAMPLES[:1], VALUES[1:2])
    assert again.fingerprint() != expected
    assert again.without_replacement().fingerprint() == before


def test_genes_of_replaced_counts() -> None:
    other = as_count_matrix(COUNTS).with_entries(GENES, SAMPLES, VALUES)
    genes = np.array([3, 4, 14])
    np.testing.assert_array_equal(other.take_genes(genes).block(0, 3), REPLACED.T[genes])
