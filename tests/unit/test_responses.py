"""Responses from every container, and what is wrong with them told in one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import countglm
from countglm import InputError

X = np.column_stack([np.ones(8), [0.0, 1, 2, 3, 4, 5, 6, 7]])
Y = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1], [1, 0], [1, 0.0]])


def fitted(responses, **options):
    return countglm.fit_glm(responses, X, **{"family": "bernoulli", **options})


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y.astype(bool),
        lambda y: y.astype(np.int8),
        lambda y: y.tolist(),
        lambda y: sparse.csr_array(y),
        lambda y: sparse.csc_matrix(y),
        lambda y: pd.DataFrame(y, columns=["a", "b"]),
        lambda y: pd.DataFrame(y.astype(bool)),
        lambda y: pd.DataFrame(y).astype("boolean"),
        lambda y: y.astype(object),
        lambda y: AnnData(y),
    ],
)
def test_containers_give_the_same_bits(make):
    np.testing.assert_array_equal(fitted(make(Y)).coefficients, fitted(Y).coefficients)


def test_one_response_may_be_a_vector():
    whole = fitted(Y)
    for one in (Y[:, 0], Y[:, 0].tolist(), pd.Series(Y[:, 0] > 0, name="smoker")):
        fit = fitted(one)
        np.testing.assert_array_equal(fit.coefficients[0], whole.coefficients[0])
    assert fit.gene_names.tolist() == ["smoker"]
    assert fitted(Y[:, 0], gene_names=["cases"]).gene_names.tolist() == ["cases"]


def test_names_layers_and_formulas_are_those_of_counts():
    obs = pd.DataFrame({"dose": X[:, 1]}, index=[f"s{i}" for i in range(8)])
    adata = AnnData(np.zeros((8, 2)), obs=obs, layers={"cases": Y})
    adata.var_names = ["a", "b"]
    fit = countglm.fit_glm(adata, "~ dose", family="bernoulli", layer="cases")
    np.testing.assert_array_equal(fit.coefficients, fitted(Y).coefficients)
    assert fit.coef_names == ("Intercept", "dose")
    assert fit.gene_names.tolist() == ["a", "b"]
    frame = pd.DataFrame(Y, index=obs.index)
    mixed = countglm.fit_glm(frame, "~ dose", obs=obs.iloc[::-1], family="bernoulli")
    np.testing.assert_array_equal(mixed.coefficients, fit.coefficients)


@pytest.mark.parametrize(
    ("change", "family", "words"),
    [
        ((3, 1, np.nan), "bernoulli", "1 response is missing .* sample 3 .*, column '1'"),
        ((3, 1, np.inf), "gaussian", "1 response is infinite"),
        ((0, 0, -1.0), "bernoulli", "1 response is negative; the first is -1"),
        ((5, 1, 2.0), "bernoulli", "larger than the trials; the first is 2 of 1 trial at"),
        ((5, 1, 0.5), "binomial", "no whole numbers; the first is 0.5 .*allow_noninteger"),
        ((5, 1, 1e155), "gaussian", "1 response is too large to be squared; .* larger unit"),
    ],
)
def test_a_wrong_response_is_named(change, family, words):
    sample, gene, value = change
    y = Y.copy()
    y[sample, gene] = value
    with pytest.raises(InputError, match=words):
        fitted(y, family=family)


def test_all_offenders_are_counted():
    with pytest.raises(InputError, match=r"4 responses are larger .* 3 of 2 trials at sample 1 "):
        fitted(Y[:, 1] * 0.0 + [0, 3, 1, 3, 3, 2, 0, 3], family="binomial", trials=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "logit"}, "family='logit' is not known; choose 'nb' or 'poisson' for counts"),
        ({"family": 3}, "family=3 is not known"),
        ({"size_factors": "ratio"}, "size_factors= is not for family='bernoulli'"),
        ({"size_factors": np.ones(8)}, "size_factors= is not for"),
        ({"dispersion": 0.1}, "dispersion= is not for family='bernoulli'"),
        ({"max_dispersion": 1.0, "family": "gaussian"}, "max_dispersion= is not for"),
        ({"client": "tcp://x"}, "client= is not for"),
        ({"checkpoint": "folder"}, r"fit.save\(\). Leave checkpoint out"),
        ({"trials": 2}, "family='bernoulli'; its responses are 0 or 1"),
        ({"trials": 2, "family": "gaussian"}, "leave trials out"),
        ({"trials": 2, "family": "nb"}, "trials= is for family='binomial'"),
        ({"trials": -1, "family": "binomial"}, "trials has 1 value that is negative"),
        ({"trials": [1.0] * 7 + [np.nan], "family": "binomial"}, "first at sample 7"),
        ({"trials": np.ones(3), "family": "binomial"}, r"trials has shape \(3,\)"),
        ({"offset": np.full(8, 601.0)}, "as log odds, within ±600"),
        ({"offset": np.full(8, np.inf), "family": "gaussian"}, "offsets are finite"),
        ({"offset": np.full(8, 1e155), "family": "gaussian"}, "within ±1e.100, so that"),
        ({"trials": 2.5, "family": "binomial"}, "1 value that is no whole number .*noninteger"),
        ({"trials": np.arange(8) + 1.5, "family": "binomial"}, "8 values .* no whole numbers"),
        ({"weights": np.zeros(8)}, "All weights are zero"),
        ({"weights": np.full(8, 1e60), "family": "gaussian"}, "at most 1e.60.*divide them"),
        ({"weights": np.full(8, 1e-60), "family": "gaussian"}, "at most 1e-60.*divide them"),
        ({"tol": 2.0}, "tol=2.0"),
        ({"solver": "adam"}, "solver='adam'"),
    ],
)
def test_wrong_options_are_told(options, words):
    with pytest.raises(InputError, match=words):
        fitted(Y, **options)


def test_no_size_factors_may_be_said():
    fit = fitted(Y, size_factors="none")
    assert fit.size_factors.tolist() == [1.0] * 8
    assert fit.provenance["options"]["size_factors"] == "none"


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        (np.array([["a", "b"]] * 8), "no plain numbers"),
        (np.zeros((8, 0)), "0 columns"),
        (np.zeros((1, 3)), "1 sample"),
        (["a"] * 8, "no plain numbers"),
        (5, "The responses are of type int; give an array"),
        (None, "of type NoneType"),
        (np.zeros((2, 2, 2)), "The responses have 3 dimensions"),
        ([[1], [0, 1]], "no rectangular table"),
        (pd.Categorical(list("ababbaab")), "responses must hold real numbers"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(responses, words):
    with pytest.raises(InputError, match=words):
        fitted(responses)


def test_gaussian_offsets_may_be_large():
    y = Y + 1e6
    fit = fitted(y, family="gaussian", offset=np.full(8, 1e6))
    np.testing.assert_allclose(fit.coefficients, fitted(Y, family="gaussian").coefficients,
                               atol=1e-9)  # fmt: skip


GAPS = [1, 0, None, 0, 1, 1, 0, 1]


@pytest.mark.parametrize(
    "responses",
    [
        GAPS,
        pd.Series(GAPS),
        pd.Series(GAPS, dtype="Int64"),
        pd.array(GAPS),
        pd.DataFrame({"0": pd.array(GAPS, dtype="boolean")}),
        pd.Index(GAPS, dtype="Int64"),
        np.ma.array([1, 0, 1, 0, 1, 1, 0, 1], mask=[value is None for value in GAPS]),
    ],
)
def test_a_gap_is_told_as_a_response(responses):
    with pytest.raises(InputError, match=r"1 response is missing .* sample 2 .*, column '0'"):
        fitted(responses)


def test_columns_of_pandas_are_vectors():
    whole = fitted([1, 0, 1, 0, 1, 1, 0, 1]).coefficients
    for one in (pd.array([1, 0, 1, 0, 1, 1, 0, 1]), pd.Index([1, 0, 1, 0, 1, 1, 0, 1])):
        np.testing.assert_array_equal(fitted(one).coefficients, whole)


def test_small_values_are_refused_only_where_all_of_a_column_are():
    y = np.column_stack([Y[:, 0], np.arange(8) * 1e-170])
    with pytest.raises(InputError, match=r"7 responses are too small .* column '1'. .*smaller"):
        fitted(y, family="gaussian")
    y[0, 1] = 1.0
    assert fitted(y, family="gaussian").converged.all()


@pytest.mark.parametrize("unit", [1e99, 1e-99])
def test_every_unit_that_is_taken_has_its_digits(unit):
    y = Y[:, 0] + 0.1 * X[:, 1]
    one, other = (fitted(k * y, family="gaussian", weights=np.full(8, 1e49)) for k in (1.0, unit))
    assert other.status.tolist() == [0]
    np.testing.assert_allclose(other.standard_errors, unit * one.standard_errors, rtol=1e-12)
    np.testing.assert_allclose(other.coefficients, unit * one.coefficients, rtol=1e-12)
    assert other.counts_fingerprint != one.counts_fingerprint


def test_fractions_of_trials_may_be_asked_for():
    fit = fitted(Y[:, 0] * 1.5, family="binomial", trials=2.5, allow_noninteger=True)
    twice = fitted(Y[:, 0] * 3.0, family="binomial", trials=5)
    np.testing.assert_allclose(fit.coefficients, twice.coefficients, rtol=1e-12)


def test_what_rounding_leaves_is_converged():
    trials = np.full(8, 2.0**50)
    fit = fitted(np.floor(trials * (0.3 + 0.05 * X[:, 1])), family="binomial", trials=trials)
    assert fit.converged.all()
    assert fit.newton_decrement[0] > fit.tol


def test_as_many_columns_as_samples_leave_a_gaussian_no_variance():
    with pytest.raises(InputError, match=r"variance of a Gaussian from; use fewer terms\.$"):
        countglm.fit_glm(Y, np.eye(8), family="gaussian")
    obs = pd.DataFrame({"g": list("abcdefgh")})
    pairs = countglm.penalties.chain("g")
    path = countglm.fit_penalized(
        X[:, 1] ** 2, "~ g", pairs, family="gaussian", obs=obs, lambdas=[1.0, 0.1]
    )
    assert (path.gap <= 1e-9).all()


def test_shares_with_weights_are_successes_of_trials():
    trials = np.array([2.0, 3, 4, 5, 6, 7, 8, 9])
    won = np.array([1.0, 1, 2, 2, 4, 3, 6, 5])
    whole = fitted(won, family="binomial", trials=trials)
    shares = fitted(won / trials, family="binomial", weights=trials, allow_noninteger=True)
    np.testing.assert_allclose(whole.coefficients, shares.coefficients, rtol=1e-12)
    np.testing.assert_allclose(whole.deviance, shares.deviance, rtol=1e-12)
