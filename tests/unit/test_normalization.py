"""Normalisation factors: what they are made of, missing lengths, names and mistakes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import InputError, estimate_size_factors, fit_glm
from countglm.normalization import estimate_normalization_factors, from_tximport


@pytest.fixture
def study():
    rng = np.random.default_rng(5)
    y = rng.negative_binomial(5, 0.05, (4, 60))
    lengths = rng.uniform(500, 3000, 60) * rng.uniform(0.8, 1.2, (4, 60))
    return y, lengths


def test_every_gene_has_geometric_mean_one(study):
    factors = estimate_normalization_factors(*study)
    np.testing.assert_allclose(np.log(factors).mean(axis=0), 0, atol=1e-15)


def test_constant_lengths_leave_the_size_factors(study):
    y, _ = study
    factors = estimate_normalization_factors(y, np.full(y.shape, 800.0))
    s = estimate_size_factors(y)
    expected = np.broadcast_to((s / np.exp(np.log(s).mean()))[:, None], y.shape)
    np.testing.assert_allclose(factors, expected, rtol=1e-14)


def test_only_ratios_of_lengths_within_a_gene_matter(study):
    y, lengths = study
    scaled = lengths * np.random.default_rng(1).uniform(0.1, 10, y.shape[1])
    np.testing.assert_allclose(
        estimate_normalization_factors(y, scaled),
        estimate_normalization_factors(y, lengths),
        rtol=1e-13,
    )


@pytest.mark.parametrize("missing", [0.0, np.nan])
def test_a_missing_length_is_the_geometric_mean_of_the_others(study, missing):
    y, lengths = study
    lengths[:, 3] = [100.0, 400.0, missing, missing]
    lengths[:, 4] = missing
    filled = lengths.copy()
    filled[2:, 3], filled[:, 4] = 200.0, 77.0
    np.testing.assert_allclose(
        estimate_normalization_factors(y, lengths),
        estimate_normalization_factors(y, filled),
        rtol=1e-13,
    )


def test_given_depths_are_taken(study):
    y, lengths = study
    depth = np.array([1.0, 2.0, 0.5, 1.0])
    factors = estimate_normalization_factors(y, lengths, size_factors=depth)
    relative = lengths / np.exp(np.log(lengths).mean(axis=0))
    np.testing.assert_allclose(factors, relative * depth[:, None], rtol=1e-13)


@pytest.mark.parametrize("method", ["poscounts", "tmm", "library", "none"])
def test_other_rules_for_the_depth(study, method):
    factors = estimate_normalization_factors(*study, method)
    assert factors.shape == (4, 60)
    assert (factors > 0).all()


def test_the_order_of_the_genes_changes_no_bit(study):
    y, lengths = study
    order = np.random.default_rng(2).permutation(60)
    one = estimate_normalization_factors(y, lengths)
    other = estimate_normalization_factors(y[:, order], lengths[:, order])
    assert np.array_equal(one[:, order], other)


def test_lengths_are_matched_by_sample_name(study):
    names = list("abcd")
    y = pd.DataFrame(study[0], index=names)
    lengths = pd.DataFrame(study[1], index=names, columns=y.columns)
    factors = estimate_normalization_factors(y, lengths[::-1])
    assert factors.index.tolist() == names
    assert factors.equals(estimate_normalization_factors(y, lengths))


def test_estimated_counts_are_rounded_half_to_even(study):
    y, lengths = study
    estimated = y + 0.4
    estimated[0, :3] = [0.5, 1.5, 2.5]
    counts, factors = from_tximport(estimated, lengths)
    assert counts[0, :3].tolist() == [0, 2, 2]
    assert counts.dtype == np.int64
    assert np.array_equal(factors, estimate_normalization_factors(counts, lengths))
    frame = from_tximport(pd.DataFrame(estimated, index=list("abcd")), lengths)
    assert np.array_equal(frame.normalization_factors, factors)
    assert frame.counts.index.tolist() == list("abcd")


@pytest.mark.parametrize("kind", ["scaledTPM", "lengthScaledTPM"])
def test_scaled_abundances_hold_the_lengths_already(study, kind):
    counts, factors = from_tximport(study[0] + 0.2, study[1], counts_from_abundance=kind)
    assert np.array_equal(counts, study[0])
    assert factors is None


def test_mistakes_are_named(study):
    y, lengths = study
    for wrong, message in (
        (lengths[:, :-1], "lengths has shape"),
        (lengths[0], "lengths has shape"),
        (lengths.T, "transposed"),
        (np.where(lengths == lengths[1, 2], -5.0, lengths), "-5 for sample 1.*gene '2'"),
        (np.where(lengths == lengths[1, 2], np.inf, lengths), "inf for sample 1"),
    ):
        with pytest.raises(InputError, match=message):
            estimate_normalization_factors(y, wrong)
    with pytest.raises(InputError, match="method='iterate'"):
        estimate_normalization_factors(y, lengths, "iterate")
    with pytest.raises(InputError, match="counts_from_abundance='TPM'"):
        from_tximport(y, lengths, counts_from_abundance="TPM")
    with pytest.raises(InputError, match="need lengths"):
        from_tximport(y)


def test_pydeseq2_305_359_lengths_enter_the_fit(study):
    """Twice the length in the treated samples is twice the counts, and no difference."""
    y, lengths = study
    treated = np.array([0, 0, 1, 1])
    gene = np.full((4, 1), 300)
    y = np.column_stack([y, gene * (1 + treated)[:, None]])
    lengths = np.column_stack([lengths, 500.0 * (1 + treated)])
    counts, factors = from_tximport(y + 0.1, lengths)
    design = np.column_stack([np.ones(4), treated])
    options = {"dispersion": 0.05, "size_factors": "none"}
    fitted = fit_glm(counts, design, offset=np.log(factors), **options)
    depth = np.log(factors[:, -1] / lengths[:, -1])
    expected = (depth[:2].mean() - depth[2:].mean()) / np.log(2)
    assert fitted.coefficients[-1, 1] / np.log(2) == pytest.approx(expected, abs=0.02)
    plain = fit_glm(counts, design, dispersion=0.05)
    assert plain.coefficients[-1, 1] / np.log(2) > 0.7 + expected
