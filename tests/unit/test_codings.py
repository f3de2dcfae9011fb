"""Codings of small designs: the same model, exact maps, names that a person knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.design import read_formula

LEVELS = np.random.default_rng(1)
OBS = pd.DataFrame(
    {
        "a": pd.Categorical(LEVELS.permutation(list("xyz") * 8), list("xyz")),
        "b": LEVELS.permutation(list("uv") * 12),
        "age": 60.0 + 8.0 * LEVELS.normal(size=24).round(2),
    }
)
FORMULAS = ("~ a", "~ a + b", "~ a * b", "~ a * age", "~ a * b * age", "~ age + I(age**2)")
# The three that are exact, on what they are given; products are recoded along.
CODINGS = ("cell_means", "sum", "rereference", "qr")


def in_formula(formula: str) -> np.ndarray:
    return read_formula(formula, OBS, None).matrix


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("scale", [False, True])
def test_fitted_values_and_covariances_are_the_same(formula: str, coding: str, scale: bool) -> None:
    original = in_formula(formula)
    if coding == "cell_means" and "a" not in formula.replace("age", ""):
        with pytest.raises(countglm.InputError, match="no coding of this model"):
            countglm.recondition(formula, coding, obs=OBS)
        return
    made = countglm.recondition(formula, coding, obs=OBS, scale=scale)
    rng = np.random.default_rng(2)
    p = original.shape[1]
    gamma = rng.normal(size=(3, p)) / np.abs(made.matrix).max(axis=0)
    beta = made.map_coefficients(gamma)
    size = np.abs(beta) @ np.abs(original.T)
    assert np.abs(gamma @ made.matrix.T - beta @ original.T).max() < 1e-13 * size.max()
    back = made.inverse_coefficients(beta)
    np.testing.assert_allclose(back, gamma, rtol=1e-9, atol=1e-12 * np.abs(beta).max())
    half = rng.normal(size=(2, p, p))
    covariance = half @ half.swapaxes(-1, -2)
    mapped = made.map_covariance(covariance)
    t = made.transformation.toarray()
    np.testing.assert_allclose(
        mapped, t @ covariance @ t.T, rtol=1e-9, atol=1e-12 * abs(mapped).max()
    )
    np.testing.assert_array_equal(mapped, mapped.swapaxes(-1, -2))
    np.testing.assert_allclose(
        t @ made.inverse_transformation.toarray(), np.eye(p), atol=1e-9 * abs(t).max()
    )
    rows = rng.normal(size=(4, p))
    np.testing.assert_allclose(made.map_penalty(rows) @ gamma[0], rows @ beta[0], rtol=1e-8)


def test_cells_of_a_one_way_layout_are_their_means() -> None:
    made = countglm.recondition("~ a * b", "cell_means", obs=OBS)
    assert set(np.unique(made.matrix)) == {0.0, 1.0}
    assert (made.matrix.sum(axis=1) == 1.0).all()
    assert made.exact
    assert made.condition_after.scaled == pytest.approx(1.0, abs=1e-12)
    # The map is made of whole numbers: an interaction is a difference of differences.
    assert set(np.unique(made.transformation.data)) == {-1.0, 1.0}
    assert "Intercept + a[T.y] + b[T.v] + a[T.y]:b[T.v]" in made.names


def test_levels_become_means_of_the_first_factor() -> None:
    made = countglm.recondition("~ a + b", "cell_means", obs=OBS)
    assert made.names == ("a[x]", "a[y]", "a[z]", "b[T.v]")
    np.testing.assert_array_equal(made.matrix, in_formula("~ 0 + a + b"))
    np.testing.assert_array_equal(made.map_coefficients([5.0, 7.0, 4.0, 1.0]), [5, 2, -1, 1])


def test_sum_coding_is_that_of_the_formula() -> None:
    made = countglm.recondition("~ a * b", "sum", obs=OBS)
    # The first level is the one left out here, the last one there.
    obs = OBS.assign(a=OBS.a.cat.reorder_categories(list("yzx")), b=OBS.b.map({"v": "1", "u": "2"}))
    np.testing.assert_array_equal(
        made.matrix, in_formula_of("~ C(a, contr.sum) * C(b, contr.sum)", obs)
    )
    assert made.names == (
        "Intercept", "a[S.y]", "a[S.z]", "b[S.v]", "a[S.y]:b[S.v]", "a[S.z]:b[S.v]",
    )  # fmt: skip


def in_formula_of(formula: str, obs: pd.DataFrame) -> np.ndarray:
    return read_formula(formula, obs, None).matrix


def test_numbers_are_told_from_a_rounded_mean() -> None:
    made = countglm.recondition("~ b * age", "sum", obs=OBS)
    middle = float(made.names[2].removeprefix("age - "))
    assert abs(middle - OBS.age.mean()) <= 0.5
    assert middle == round(middle)
    np.testing.assert_array_equal(made.matrix[:, 2], OBS.age - middle)
    assert made.names[3] == f"b[S.v]:(age - {middle:g})"
    assert made.condition_before.scaled > 30 > 3 > made.condition_after.scaled


def test_names_that_are_sums_stand_in_brackets() -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(20), rng.normal(-100, 1, 20), np.arange(20) % 4 > 0])
    turned = countglm.recondition(matrix, "rereference", scale=True)
    assert turned.names[2] == "(1 - x2) / 0.5"
    # Below 0 the mean is added, and its digits are all there.
    middle = countglm.recondition(matrix - [0, 1e6, 0], "sum", scale=True).names[1]
    assert middle.startswith("x1 + 1000")
    np.testing.assert_allclose(float(middle.removeprefix("x1 + ")), 1e6 + 100, atol=1)


@pytest.mark.parametrize("coding", ["sum", "rereference", "qr", "auto"])
@pytest.mark.parametrize("sizes", [(1e300, 1e-300), (1e-290, 1e305), (1e-170, 1e170)])
def test_columns_of_any_size_are_coded_without_overflow(
    coding: str, sizes: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    plain = np.column_stack([np.ones(20), rng.normal(100, 1, 20), rng.integers(0, 2, 20)])
    for scale in (False, True):
        made = countglm.recondition(plain * [1.0, *sizes], coding, scale=scale)
        np.testing.assert_allclose(made.condition_before.scaled, 276.0, rtol=1e-3)
        assert np.isfinite(made.matrix).all()
        if coding == "sum":
            assert made.condition_after.scaled < 1.3


def test_a_map_of_products_inverts_to_the_rounding_of_its_entries() -> None:
    """An age of 63.625 beside thirds: both maps are rounded numbers, those back twice."""
    obs = pd.DataFrame({"g": list("aabbcc") * 3, "age": 61 + np.arange(18) % 7.0})
    made = countglm.recondition("~ g * age", "sum", obs=obs)
    one = made.transformation @ made.inverse_transformation
    assert abs(one - np.eye(6)).max() <= 2.0**-53 * 63.625


def test_columns_of_an_array_are_grouped_as_they_exclude_each_other() -> None:
    matrix = in_formula("~ a * b")
    made = countglm.recondition(matrix, "sum")
    np.testing.assert_array_equal(
        made.matrix, countglm.recondition("~ a * b", "sum", obs=OBS).matrix
    )
    assert made.names == (
        "x0", "x1 (sum)", "x2 (sum)", "x3 (sum)", "x4 (recoded)", "x5 (recoded)",
    )  # fmt: skip
    means = countglm.recondition(in_formula("~ a + b"), "cell_means")
    assert means.names == ("not x1, x2", "mean of x1", "mean of x2", "x3")


def test_orthonormal_columns_say_that_their_map_is_rounded() -> None:
    made = countglm.recondition("~ a * b * age", "qr", obs=OBS)
    assert not made.exact
    assert "the maps back are rounded" in str(made)
    np.testing.assert_allclose(made.matrix.T @ made.matrix, 16.0 * np.eye(12), atol=1e-11)
    twice = np.column_stack([np.ones(5), np.arange(5), 2 * np.arange(5)])
    with pytest.raises(countglm.InputError, match="'x2' is a combination of the columns before"):
        countglm.recondition(twice, "qr")


def test_large_one_way_layouts_are_inverted_in_floats() -> None:
    groups = np.repeat(np.arange(70), 2)
    matrix = np.column_stack([np.ones(140), groups[:, None] == np.arange(1, 70)]).astype(float)
    made = countglm.recondition(matrix, "cell_means")
    assert not made.exact
    gamma = np.random.default_rng(4).normal(size=70)
    np.testing.assert_allclose(
        matrix @ made.map_coefficients(gamma), made.matrix @ gamma, atol=1e-12
    )


def test_a_design_without_a_constant_has_no_sum_coding() -> None:
    with pytest.raises(countglm.InputError, match="no constant column"):
        countglm.recondition("~ 0 + a + b", "sum", obs=OBS)
