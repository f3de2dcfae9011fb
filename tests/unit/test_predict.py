"""Means of new samples of every family, their limits, and results that were saved and read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import InputError

X = np.column_stack([np.ones(12), np.tile([0.0, 1.0, 2.0, 3.0], 3)])
RNG = np.random.default_rng(2)
COUNTS = RNG.poisson(20, (12, 3))
CASES = np.column_stack(
    [np.tile([0, 0, 1, 1], 3), np.ones(12), [0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1]]
)
FITS = {
    "poisson": lambda: countglm.fit_glm(COUNTS, X, family="poisson", size_factors="none"),
    "binomial": lambda: countglm.fit_glm(CASES, X, family="binomial"),
    "gaussian": lambda: countglm.fit_glm(COUNTS.astype(float), X, family="gaussian"),
}


@pytest.mark.parametrize("family", FITS)
def test_the_samples_of_the_fit_have_its_means(family):
    fit = FITS[family]()
    np.testing.assert_allclose(fit.predict(X), fit.mu(), rtol=1e-14)
    np.testing.assert_array_equal(fit.predict(X, genes=[2, 0]), fit.predict(X)[:, [2, 0]])
    frame = pd.DataFrame({"x1": X[:, 1], "other": 0.0, "x0": 1.0})
    np.testing.assert_array_equal(fit.predict(frame), fit.predict(X))
    np.testing.assert_array_equal(fit.predict(X[3]), fit.predict(X[3:4]))


def test_links_and_offsets():
    row, shift = np.array([[1.0, 1.5]]), 0.4
    for family, link in (
        ("poisson", np.exp), ("binomial", lambda v: 1 / (1 + np.exp(-v))), ("gaussian", lambda v: v)
    ):  # fmt: skip
        fit = FITS[family]()
        eta = row @ fit.coefficients[2] + shift
        np.testing.assert_allclose(fit.predict(row, shift, [2]), [link(eta)], rtol=1e-12)
        by_gene = np.array([[9.0, 9.0, shift]])
        np.testing.assert_allclose(fit.predict(row, by_gene)[:, 2], link(eta), rtol=1e-12)


def test_separated_responses_are_predicted_by_their_limits():
    fit = FITS["binomial"]()
    # Cut between 1 and 2; where exactly the data do not say.
    rows = np.column_stack([np.ones(5), [0.5, 1.0, 1.5, 2.0, 9.0]])
    np.testing.assert_array_equal(fit.predict(rows)[:, 0], [0.0, 0.0, np.nan, 1.0, 1.0])
    # All are successes: inside their range so are new ones, beyond it nothing is known.
    assert fit.predict([[1.0, 1.7]])[0, 1] == 1.0
    assert np.isnan(fit.predict([[1.0, 3.1]])[0, 1])


def test_silent_counts_are_predicted_by_their_limits():
    counts = np.column_stack([[0] * 6 + [9] * 6, [9] * 6 + [9] * 6])
    groups = np.column_stack([np.ones(12), [0] * 6 + [1] * 6])
    fit = countglm.fit_glm(counts, groups, family="poisson", size_factors="none")
    np.testing.assert_allclose(fit.predict([[1.0, 0.0], [1.0, 1.0]])[:, 0], [0.0, 9.0], rtol=1e-9)
    assert fit.predict([[1.0, 2.0]])[0, 0] == np.inf


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_a_result_is_the_same_when_read(tmp_path, suffix):
    trials = np.full((12, 3), 2.0)
    fit = countglm.fit_glm(CASES, X, family="binomial", trials=trials)
    fit.save(tmp_path / f"fit.{suffix}")
    read = countglm.GLMFit.load(tmp_path / f"fit.{suffix}")
    assert read.family == "binomial"
    np.testing.assert_array_equal(read.trials, trials)
    np.testing.assert_array_equal(read.mu(), fit.mu())
    np.testing.assert_array_equal(read.predict(X), fit.predict(X))
    pd.testing.assert_frame_equal(read.to_frame(), fit.to_frame())
    one = countglm.wald_test(read, "x1", counts=CASES)
    pd.testing.assert_frame_equal(one, countglm.wald_test(fit, "x1"))
    with pytest.raises(InputError, match="differ in values"):
        read.require_counts(1.0 - CASES)
    assert "3 responses x 12 samples, binomial" in repr(read)


def test_tables_are_in_log_odds():
    fit = FITS["binomial"]()
    table = fit.to_frame()
    assert {"x1", "SE:x1"} <= set(table.columns)
    assert table["x1"].iloc[2] == fit.coefficients[2, 1]
    test = countglm.wald_test(fit, "x1")
    assert list(test.columns[:3]) == ["mean", "estimate", "se"]
    assert test["estimate"].iloc[2] == fit.coefficients[2, 1]
    threshold = countglm.wald_test(fit, "x1", lfc_threshold=0.1)
    away = (abs(fit.coefficients[2, 1]) - 0.1) / fit.standard_errors[2, 1]
    near = countglm.wald_test(fit, "x1", lfc_threshold=0.1, alternative="greaterAbs2014")
    np.testing.assert_allclose(abs(near["stat"].iloc[2]), away, rtol=1e-12)
    assert threshold["pvalue"].iloc[2] > test["pvalue"].iloc[2]
    assert "CONVERGED" in str(fit.diagnose())


@pytest.mark.parametrize(
    ("design", "offset", "words"),
    [
        (np.ones((2, 3)), 0.0, r"design has shape \(2, 3\); give \(m, 2\)"),
        (pd.DataFrame({"x0": [1.0]}), 0.0, "lacks 1 of the columns of the fit, first 'x1'"),
        (
            [[1.0, np.nan]],
            0.0,
            r"1 value\(s\) that are missing or infinite, first in row 0 of 'x1'",
        ),
        (np.ones((2, 2)), np.ones(3), r"offset has shape \(3,\)"),
        (np.ones((2, 2)), np.nan, "not finite"),
    ],
)
def test_wrong_new_samples_are_told(design, offset, words):
    with pytest.raises(InputError, match=words):
        FITS["gaussian"]().predict(design, offset)
