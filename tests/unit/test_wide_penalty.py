"""Penalties of a wide design as differences of columns; blocks of conditions; left-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from countglm import InputError, condition_design, fit_penalized_wide, penalties
from countglm._wide_path import labels_of
from countglm._wide_penalty import differences_of
from countglm._wide_strength import largest_penalty
from countglm._wide_structure import structure_of

FEATURES = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
CONDITIONS = ["b", "b", "a", "a", "c", "c"]


def test_every_condition_has_a_block() -> None:
    frame = pd.DataFrame(FEATURES, columns=["x", "y"])
    design = condition_design(frame, pd.Categorical(CONDITIONS, ["c", "b", "a", "unused"]))
    assert design.conditions == ("c", "b", "a")
    assert design.names == ("c:y", "b:x", "b:y", "a:x", "a:y", "c", "b", "a")
    # No row of "c" has "x".
    assert design.columns.tolist() == [[-1, 1, 3], [0, 2, 4]]
    expected = np.zeros((6, 8))
    expected[0, [1, 6]] = 1.0
    expected[1, [1, 2, 6]] = 1.0
    expected[2, [4, 7]] = 2.0, 1.0
    expected[3, [3, 4, 7]] = 1.0
    expected[4, [0, 5]] = 1.0
    expected[5, 5] = 1.0
    np.testing.assert_array_equal(design.matrix.toarray(), expected)
    assert "6 rows x 8 columns" in repr(design)
    alone = condition_design(sparse.csc_matrix(FEATURES), CONDITIONS, intercepts=False)
    assert alone.names == ("a:0", "a:1", "b:0", "b:1", "c:1")


@pytest.mark.parametrize(
    ("penalty", "rows"),
    [
        (penalties.pairwise("condition"), ["b:x - a:x", "c:y - b:y", "c:y - a:y", "b:y - a:y"]),
        (penalties.chain("condition"), ["a:x - b:x", "b:y - c:y", "a:y - b:y"]),
        (penalties.to_reference("condition", "a"), ["b:x - a:x", "c:y - a:y", "b:y - a:y"]),
        (penalties.graph("condition", [("b", "c")]), ["b:y - c:y"]),
        (penalties.lasso(), ["c:y", "b:x", "b:y", "a:x", "a:y"]),
        (penalties.lasso(["b:x", 4]), ["b:x", "a:y"]),
        (penalties.pairwise([["b:x", "a:x", -1], [2, 4, 0]]),
         ["b:x - a:x", "b:y - a:y", "b:y - c:y", "a:y - c:y"]),
    ],
)  # fmt: skip
def test_a_penalty_names_its_differences(penalty: Any, rows: list[str]) -> None:
    design = condition_design(
        pd.DataFrame(FEATURES, columns=["x", "y"]), pd.Categorical(CONDITIONS, ["c", "b", "a"])
    )
    found = differences_of(penalty, design, design.names)
    words = []
    for row in found.matrix.toarray():
        plus, minus = np.flatnonzero(row == 1.0), np.flatnonzero(row == -1.0)
        words.append(" - ".join(design.names[j] for j in (*plus, *minus)))
    assert sorted(words) == sorted(rows)


def test_costs_belong_to_pairs_of_levels() -> None:
    design = condition_design(np.ones((6, 2)), CONDITIONS)
    found = differences_of(
        penalties.pairwise("condition", costs=[1.0, 2.0, 4.0]), design, design.names
    )
    rows = {
        tuple(np.flatnonzero(r)): c for r, c in zip(found.matrix.toarray(), found.cost, strict=True)
    }
    assert rows == {(0, 2): 1.0, (0, 4): 2.0, (2, 4): 4.0, (1, 3): 1.0, (1, 5): 2.0, (3, 5): 4.0}


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (penalties.pairwise("batch"), "'batch' is no factor of this design"),
        (penalties.to_reference("condition", "z"), "'z' is none of the levels"),
        (penalties.pairwise([["b:0", "nothing"]]), "'nothing'"),
        (penalties.pairwise([["b:0", "a:0"], ["b:0", "c:0"]]), "twice"),
        (penalties.pairwise([[0], [1]]), "as a table"),
        (penalties.pairwise([[0, -1], [1, -1]]), "compares nothing"),
        (penalties.lasso([0], costs=[0.0]), "costs must be 1 positive"),
        (np.eye(3), "its rows need one number"),
        (np.zeros((1, 9)), "row.s. of zeros"),
        (np.full((1, 9), np.inf), "not finite"),
        ("pairwise", "one of countglm.penalties or a matrix"),
    ],
)  # fmt: skip
def test_penalties_that_do_not_fit_are_told(penalty: Any, message: str) -> None:
    design = condition_design(np.ones((6, 2)), CONDITIONS)
    with pytest.raises(InputError, match=message):
        differences_of(penalty, design, design.names)


@pytest.mark.parametrize("kind", [int, float, np.int64])
def test_numbers_are_in_their_own_order(kind: Any) -> None:
    minutes = [kind(minute) for minute in (120, 0, 15, 30, 60, 180)]
    design = condition_design(np.eye(6), minutes)
    assert [float(level) for level in design.conditions] == [0, 15, 30, 60, 120, 180]
    assert design.names[-6:] == design.conditions
    # The first row is the fifth condition's.
    assert design.matrix[0].toarray().ravel()[-6:].tolist() == [0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": ["a", "b"]}, "conditions has shape"),
        ({"conditions": [None, *"aaaaa"]}, "1 missing"),
        ({"feature_names": ["x"]}, "feature_names has 1"),
        ({"features": np.ones(6)}, "1 dimension"),
        ({"conditions": ["a", np.nan, *"aaaa"]}, "1 missing.*row 1"),
        ({"conditions": pd.array([None, *"aaaaa"], dtype="string")}, "1 missing.*row 0"),
        ({"features": [["x"]] * 6}, "features must hold real numbers"),
        ({"features": [[np.nan]] * 6}, "features has 6 value.*row 0, column 0"),
        ({"feature_names": ["x"] * FEATURES.shape[1]}, "1 feature name stand"),
    ],
)
def test_conditions_that_do_not_fit_are_told(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"features": FEATURES, "conditions": CONDITIONS, **change}
    with pytest.raises(InputError, match=message):
        condition_design(given.pop("features"), given.pop("conditions"), **given)


def test_the_largest_penalty_of_a_cycle_is_the_worst_cut() -> None:
    # Of all pairs of four, what leaves one of them has three ways to go.
    d = np.array([np.eye(4)[i] - np.eye(4)[j] for i in range(4) for j in range(i)])
    rng = np.random.default_rng(3)
    for _ in range(5):
        v = rng.normal(size=6)
        flow = d.T @ v
        cuts = [
            abs(flow[list(part)].sum()) / (len(part) * (4 - len(part)))
            for part in ([0], [1], [2], [3], [0, 1], [0, 2], [0, 3])
        ]
        structure = structure_of(sparse.csr_matrix(d), np.ones(6))
        order = np.asarray(structure.rows)
        largest, best = largest_penalty(structure, v[order])
        assert largest == pytest.approx(max(cuts), rel=1e-9)
        # Their multipliers, within it.
        np.testing.assert_allclose(d[order].T @ best, flow, atol=1e-9)
        assert np.abs(best).max() <= largest * (1.0 + 1e-9)


def test_labels_count_in_order_of_first_appearance() -> None:
    clusters = np.array([[7, 3, 3, 7, 1, -1, 0, -1]])
    groups = np.array([[0, 1, 2], [3, 4, -1], [5, 6, 7]])
    assert labels_of(clusters, groups).tolist() == [[[0, 1, 1], [0, 1, -1], [0, 1, 0]]]


def few_rows() -> tuple[Any, Any]:
    """Poisson counts of two features in two conditions."""
    rng = np.random.default_rng(9)
    x = (rng.random((60, 2)) < 0.5).astype(float)
    condition = np.array(["a", "b"])[rng.integers(0, 2, 60)]
    mu = np.exp(1.0 + x[:, 0] * (1.0 + (condition == "b")))
    return rng.poisson(mu).astype(float), condition_design(x, condition)


def test_rows_that_are_left_out_choose_a_penalty() -> None:
    y, design = few_rows()
    path = fit_penalized_wide(
        y, design, penalties.pairwise("condition"), family="poisson", lambdas=6, tol=1e-6
    )
    found = path.cross_validate(3)
    # A gap of 1e-6 of the objective leaves about its root to the deviance of other rows.
    assert found.parts.shape == (3, 6)
    assert found.folds.tolist() == [i % 3 for i in range(60)]
    # By hand: one part with weights 0, the penalty smaller by its share.
    weights = (found.folds != 1).astype(float)
    other = fit_penalized_wide(
        y, design, penalties.pairwise("condition"), family="poisson", weights=weights, tol=1e-8,
        lambdas=path.lambdas[3:4] * weights.mean(),
    )  # fmt: skip
    mu = np.exp(design.matrix @ other.coefficients[0])[found.folds == 1]
    out = y[found.folds == 1]
    deviance = 2.0 * (np.where(out > 0, out * np.log(np.maximum(out, 1) / mu), 0) - out + mu).sum()
    assert found.parts[1, 3] == pytest.approx(deviance, rel=1e-3)
    least, wide = found.choose(), found.choose("one_se")
    assert wide.lam >= least.lam
    assert path.select("cv").index == path.cross_validate().choose().index
    again = path.cross_validate(found.folds)
    np.testing.assert_array_equal(again.parts, found.parts)
    assert (path.cross_validate(3, seed=4).folds != found.folds).any()


def test_criteria_price_coefficients() -> None:
    y, design = few_rows()
    path = fit_penalized_wide(
        y, design, penalties.pairwise("condition"), family="poisson", lambdas=[5.0, 1e-3], tol=1e-6
    )
    free = path.n_coefficients
    deviance = np.array([path.refit(i).deviance for i in range(2)])
    np.testing.assert_allclose(path.criterion("aic"), deviance + 2.0 * free)
    np.testing.assert_allclose(path.criterion("bic"), deviance + np.log(60) * free)
    assert (path.criterion("ebic") >= path.criterion("bic")).all()
    assert path.at(0).lam == 5.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: path.select("best"), "criterion='best'"),
        (lambda path: path.select(gamma=2.0), "gamma=2.0"),
        (lambda path: path.cross_validate(1), "folds=1"),
        (lambda path: path.cross_validate(np.zeros(60, int)), "one part"),
        (lambda path: path.cross_validate(np.zeros(3, int)), "parts of 60 rows"),
        (lambda path: path.cross_validate(3, seed=-1), "seed=-1"),
        (lambda path: path.cross_validate(3).choose("most"), "rule='most'"),
        (lambda path: path.labels, "labels are of penalties"),
        (lambda path: path.at(1), "index=1 is no place on this path"),
        (lambda path: path.at(0.5), "index=0.5 is no place"),
        (lambda path: path.at("a"), "index='a' is no place"),
        (lambda path: path.refit(-2), "index=-2 is no place"),
    ],
)
def test_choices_that_do_not_exist_are_told(call: Any, message: str) -> None:
    y, design = few_rows()
    path = fit_penalized_wide(
        y, design, penalties.lasso(), family="poisson", lambdas=[5.0], tol=1e-4
    )
    with pytest.raises(InputError, match=message):
        call(path)


def test_a_matrix_of_other_differences_has_no_refit() -> None:
    y, design = few_rows()
    path = fit_penalized_wide(y, design, np.ones((1, 6)), family="poisson", lambdas=[5.0], tol=1e-4)
    with pytest.raises(InputError, match="makes columns equal or 0"):
        path.select()
    assert "refitted" not in path.at(0).to_frame()


def test_one_condition_has_nothing_to_compare_with() -> None:
    design = condition_design(np.eye(3), ["a", "a", "a"])
    with pytest.raises(InputError, match="compares levels, and 'a' is the only one"):
        differences_of(penalties.pairwise("condition"), design, design.names)


@pytest.mark.compiled
def test_no_gaussian_model_is_chosen_that_fits_every_row() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 60))
    y = 3.0 * x[:, 0] - 2.0 * x[:, 1] + rng.normal(size=30)
    path = fit_penalized_wide(y, x, penalties.lasso(), family="gaussian", lambdas=8, tol=1e-6)
    values = path.criterion()
    full = path.n_coefficients > 15
    assert full.any()
    assert np.isinf(values[full]).all()
    assert path.n_coefficients[path.select().index] < 10
