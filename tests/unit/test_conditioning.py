"""`recondition` as it is called: kinds of designs, the choice of a coding, fits in either."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import countglm
from countglm.design import read_formula
from tests.support.deep_scan import simulate_deep_scan

OBS = pd.DataFrame(
    {"group": list("aabbcc") * 2, "sex": list("mfmfmffmfmfm"), "age": np.linspace(70.0, 81.0, 12)},
    index=[f"s{i}" for i in range(12)],
)


def counts(seed: int = 1) -> pd.DataFrame:
    made = np.random.default_rng(seed).negative_binomial(5, 0.03, (12, 6))
    return pd.DataFrame(made, index=OBS.index)


@pytest.mark.parametrize("coding", ["cell_means", "sum", "rereference", "qr"])
def test_a_fit_in_either_coding_is_the_same_fit(coding: str) -> None:
    formula = "~ group + sex + age"
    made = countglm.recondition(formula, coding, obs=OBS, scale=coding == "sum")
    one = countglm.fit_glm(counts(), formula, obs=OBS, dispersion=0.1)
    other = countglm.fit_glm(counts(), made.design, dispersion=0.1)
    # Both are optima to 1e-8 standard errors and rounding; what is beyond is the map.
    np.testing.assert_allclose(
        made.map_coefficients(other.coefficients), one.coefficients, atol=1e-9, rtol=1e-9
    )
    np.testing.assert_allclose(made.map_covariance(other.covariance), one.covariance, rtol=1e-7)
    assert other.sample_names.tolist() == OBS.index.tolist()


def test_auto_takes_the_smallest_condition_number() -> None:
    made = countglm.recondition("~ group + sex", obs=OBS)
    assert made.coding == min(made.considered, key=made.considered.get)
    assert made.considered["as given"] == made.condition_before.scaled
    assert set(made.considered) == {"as given", "cell_means", "sum", "rereference"}
    assert countglm.recondition("~ group * sex", obs=OBS).coding == "cell_means"
    numbers = countglm.recondition("~ age", obs=OBS)
    assert numbers.coding == "sum"
    assert "times less" in str(numbers)
    alone = countglm.recondition(np.column_stack([[1.0, -1, 1, -1], [1.0, 1, -1, -1]]))
    assert alone.coding == "as given"
    np.testing.assert_array_equal(alone.matrix, [[1, 1], [-1, 1], [1, -1], [-1, -1]])
    near = np.column_stack([np.ones(9), np.arange(9.0), np.arange(9) + 1e-4 * np.arange(9) ** 2])
    assert countglm.recondition(near).coding == "qr"


def test_designs_of_all_kinds_are_read_alike() -> None:
    built = read_formula("~ group + age", OBS, None)
    fit = countglm.fit_glm(counts(), "~ group + age", obs=OBS, dispersion=0.1)
    table = pd.DataFrame(built.matrix, columns=list(built.names), index=OBS.index)
    expected = countglm.recondition("~ group + age", "sum", obs=OBS)
    for design in (built, fit, table, fit.design):
        made = countglm.recondition(design, "sum")
        np.testing.assert_array_equal(made.matrix, expected.matrix)
        assert made.names == expected.names
    for design in (built.matrix, sparse.csc_matrix(built.matrix), sparse.coo_array(built.matrix)):
        made = countglm.recondition(design, "sum", names=built.names)
        assert sparse.issparse(made.matrix) == sparse.issparse(design)
        np.testing.assert_array_equal(
            made.matrix.toarray() if sparse.issparse(design) else made.matrix, expected.matrix
        )


def test_conditions_may_be_a_column_of_the_sample_table() -> None:
    obs = OBS.assign(carried=[1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 1])
    made = countglm.recondition(
        "~ group + carried",
        "rereference",
        obs=obs,
        conditions="group",
        wild_type={"b": ["carried"]},
    )
    b = (obs.group == "b").to_numpy()
    np.testing.assert_array_equal(made.matrix[:, 3], obs.carried - b)
    np.testing.assert_array_equal(made.map_coefficients([0, 0, 0, 1.0]), [0, -1, 0, 1])


def test_a_sparse_design_stays_sparse_and_is_rereferenced() -> None:
    scan = simulate_deep_scan(variants=900, sites=12, changes=6, bundle=5)
    made = countglm.recondition(scan.design, names=scan.names, conditions=scan.conditions)
    assert made.coding == "rereference"
    assert set(made.considered) == {"as given", "rereference"}
    assert sparse.issparse(made.matrix)
    assert made.condition_after.scaled < 0.5 * made.condition_before.scaled
    assert "wild type of homolog1: 5 columns other than 0 ('homolog1:s" in str(made)
    plain = countglm.recondition(scan.design, "as given")
    assert plain.condition_before == plain.condition_after == made.condition_before
    assert abs(plain.matrix - scan.design).max() == 0.0
    with pytest.raises(countglm.InputError, match="fits gene by gene take a dense one"):
        _ = made.design
    scaled = countglm.recondition(scan.design, conditions=scan.conditions, scale=True)
    length = sparse.linalg.norm(scaled.matrix, axis=0)
    assert length.max() < 2.0 * length.min()
    assert scaled.condition_after.raw < 2.0 * scaled.condition_after.scaled


def test_storage_does_not_choose_the_coding() -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(20), rng.normal(100, 1, 20), rng.integers(0, 2, 20)])
    dense = countglm.recondition(matrix)
    stored = countglm.recondition(sparse.csr_array(matrix))
    assert stored.coding == dense.coding == "sum"
    assert stored.considered == dense.considered
    np.testing.assert_array_equal(stored.matrix.toarray(), dense.matrix)


def test_weights_of_rows_decide_as_in_the_fit() -> None:
    weights = np.where(OBS.group == "a", 1e-4, 1.0)
    plain = countglm.recondition("~ group", "sum", obs=OBS)
    weighted = countglm.recondition("~ group", "sum", obs=OBS, weights=weights)
    assert weighted.condition_before.scaled > 10 * plain.condition_before.scaled


def test_dependent_columns_are_mapped_and_their_condition_is_infinite() -> None:
    matrix = np.column_stack([np.ones(6), [1.0, 1, 1, 1, 1, 0], [0.0, 0, 0, 0, 0, 1]])
    made = countglm.recondition(matrix, "rereference")
    assert made.condition_before.scaled == made.condition_after.scaled == np.inf
    gamma = np.array([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(matrix @ made.map_coefficients(gamma), made.matrix @ gamma)


def test_mistakes_are_told() -> None:
    def complaint(*args: object, **options: object) -> str:
        with pytest.raises(countglm.InputError) as caught:
            countglm.recondition(*args, **options)
        return str(caught.value)

    ones = np.ones((4, 2))
    assert "coding='means' is unknown" in complaint(ones, "means")
    assert "needs a sample table" in complaint("~ group")
    assert "names= has 1 name for 2 columns" in complaint(ones, names=["a"])
    assert "names= has 'a' several times" in complaint(ones, names=["a", "a"])
    assert "1 missing or infinite value, first nan in column 'x1' at row 2" in complaint(
        np.array([[1.0, 2], [1, 3], [1, np.nan]])
    )
    assert "there is nothing to code" in complaint(np.ones((0, 2)))
    assert "weights= has shape (2,)" in complaint(ones, weights=[1.0, 1.0])
    assert "weights= is no array of real numbers" in complaint(ones, weights=["a"] * 4)
    assert "1 value below 0 or not finite, first -1 at row 2" in complaint(
        ones, weights=[1.0, 1, -1, 1]
    )
    for coding in ("sum", "qr", "cell_means", "as given"):
        for unused in ({"wild_type": ["zz"]}, {"sites": [None, 1]}, {"conditions": ["a"] * 4}):
            told = complaint(ones, coding, **unused)
            assert f"makes no use of {next(iter(unused))}=" in told
    assert "sites= has shape (1,)" in complaint(ones, sites=[None])
    assert "conditions='group' names a column" in complaint(ones, conditions="group")
    wide = sparse.csr_array((100_000, 1_000))
    assert "keeps it sparse" in complaint(wide, "qr")
    made = countglm.recondition("~ group", "sum", obs=OBS)
    for call in (made.map_coefficients, made.inverse_coefficients, made.map_penalty):
        with pytest.raises(countglm.InputError, match="the last axis is the columns"):
            call([1.0, 2.0])
    with pytest.raises(countglm.InputError, match="of the covariance does not fit 3 columns"):
        made.map_covariance(np.ones(3))
    for nothing in (["a"] * 3, object()):
        with pytest.raises(countglm.InputError, match="coefficients is no array of real numbers"):
            made.map_coefficients(nothing)
    with pytest.raises(countglm.InputError, match="rows of the penalty"):
        made.map_penalty(sparse.csr_array((2, 2)))
