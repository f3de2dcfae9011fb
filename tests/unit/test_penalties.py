"""Which differences a penalty is made of, in which coding, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from countglm import InputError
from countglm._warn import CountglmWarning
from countglm.counts import as_count_matrix
from countglm.design import Design, as_design
from countglm.penalties import Penalty, chain, graph, lasso, pairwise, to_reference

OBS = pd.DataFrame({"g": list("aabbccdd"), "z": np.arange(8.0)})
COUNTS = as_count_matrix(np.ones((8, 2), dtype=int))


def design(formula: str = "~ g + z") -> Design:
    return as_design(formula, COUNTS, obs=OBS)


def test_all_pairs_in_order() -> None:
    found = pairwise("g").of(design())
    assert found.names == ("a - b", "a - c", "a - d", "b - c", "b - d", "c - d")
    assert found.nodes == ("a", "b", "c", "d")
    np.testing.assert_array_equal(found.cost, np.ones(6))
    # Intercept, b, c, d, z: the first level has no coefficient.
    np.testing.assert_array_equal(found.rows[0], [0, -1, 0, 0, 0])
    np.testing.assert_array_equal(found.rows[5], [0, 0, 1, -1, 0])


def test_a_chain_joins_neighbours_with_its_costs() -> None:
    found = chain("g", costs=[1.0, 2.0, 3.0]).of(design())
    assert found.names == ("b - a", "c - b", "d - c")
    np.testing.assert_array_equal(found.cost, [1.0, 2.0, 3.0])


def test_a_reference_is_the_first_level_or_a_named_one() -> None:
    assert to_reference("g").of(design()).names == ("b - a", "c - a", "d - a")
    assert to_reference("g", "c").of(design()).names == ("a - c", "b - c", "d - c")


def test_a_graph_has_the_edges_that_are_named() -> None:
    found = graph("g", [("a", "d"), ("d", "b")]).of(design())
    assert found.names == ("a - d", "d - b")


def test_lasso_takes_what_varies_or_what_is_named() -> None:
    found = lasso().of(design())
    assert found.names == ("g[T.b] - 0", "g[T.c] - 0", "g[T.d] - 0", "z - 0")
    np.testing.assert_array_equal(found.rows, np.eye(5)[1:])
    assert lasso(["z"]).of(design()).names == ("z - 0",)


def test_contrasts_are_effects_too() -> None:
    found = pairwise([["g", "b", "a"], ["g", "d", "c"]]).of(design())
    np.testing.assert_array_equal(found.rows, [[0, 1, 1, -1, 0]])


@pytest.mark.parametrize(
    "formula", ["~ C(g, contr.sum) + z", "~ C(g, contr.helmert) + z", "~ 0 + g + z", "~ z + g"]
)
@pytest.mark.parametrize("penalty", [pairwise("g"), chain("g"), to_reference("g", "b")])
def test_differences_mean_the_same_in_every_coding(formula: str, penalty: Penalty) -> None:
    one, two = design(), design(formula)
    beta = np.random.default_rng(1).normal(size=5)
    other = np.linalg.lstsq(two.matrix, one.matrix @ beta, rcond=None)[0]
    np.testing.assert_allclose(
        penalty.of(two).rows @ other, penalty.of(one).rows @ beta, atol=1e-13
    )


@pytest.mark.parametrize(
    ("penalty", "told"),
    [
        (pairwise("h"), "no factor with a main effect.*factors: 'g'"),
        (pairwise([["g", "b", "a"]]), "is the only one"),
        (pairwise([["g", "b", "a"], ["g", "b", "a"]]), "given twice"),
        (pairwise("g", costs=[1.0]), "6 positive numbers.*shape \\(1,\\)"),
        (pairwise("g", costs=[1, 1, 1, 1, 1, 0]), "1 cannot be used, first 0 at 5"),
        (pairwise("g", costs=[1, 1, 1, np.inf, 1, -1]), "2 cannot be used, first inf at 3"),
        (pairwise("g", costs=2.0), r"6 positive numbers, .* got shape \(\)"),
        (pairwise("g", costs="x"), "costs must hold real numbers; got str"),
        (pairwise("g", costs={"a": 1}), "costs must hold real numbers; got dict"),
        (chain("g", costs=[1, np.nan, 1]), "3 positive numbers"),
        (to_reference("g", "e"), "'e' is none of the effects: 'a'"),
        (graph("g", []), "needs edges"),
        (graph("g", [("a", "x")]), "'x' is none"),
        (graph("g", [("a", "a")]), "same effect"),
        (lasso(["nothing"]), "nothing"),
        (lasso("g"), "takes columns .* and 'g' is a factor: list columns out of 'Intercept'"),
        (lasso("z"), r"write lasso\(\['z'\]\)"),
        (lasso("q"), "there is no 'q'; the columns are 'Intercept'"),
    ],
)
def test_what_is_no_penalty_of_the_design_is_refused(penalty: Penalty, told: str) -> None:
    with pytest.raises(InputError, match=told):
        penalty.of(design())


def test_a_design_that_is_constant_has_nothing_for_a_lasso() -> None:
    with pytest.raises(InputError, match="has only the constant"):
        lasso().of(design("~ 1"))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: pairwise(5), "effects of a pairwise penalty .* or the name of a factor; got int"),
        (lambda: pairwise(None), "pairwise penalty .* got NoneType"),
        (lambda: pairwise({"a", "b"}), "pairwise penalty .* got set"),
        (lambda: pairwise([]), "needs effects, and the list of them is empty"),
        (lambda: chain(1.5), "effects of a chain penalty .* got float"),
        (lambda: to_reference(b"g"), "effects of a reference penalty .* got bytes"),
        (lambda: lasso(np.array(3)), "lasso penalty .* contrasts or columns; got ndarray"),
        (lambda: lasso([]), "A lasso penalty needs effects"),
        (lambda: graph("g", [1, 2]), "pairs of names of effects, .* edge 0 is 1"),
        (lambda: graph("g", [("a", "b"), ("a", "b", "c")]), r"edge 1 is \('a', 'b', 'c'\)"),
        (lambda: graph("g", ["ab"]), "edge 0 is 'ab'"),
        (lambda: graph("g", "ab"), "edges must be a list of pairs .* got str"),
        (lambda: graph("g", None), "edges must be a list of pairs .* got NoneType"),
    ],
)
def test_what_is_no_penalty_at_all_is_refused_at_once(
    make: Callable[[], Penalty], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        make()


def test_effects_and_edges_may_be_anything_with_an_order() -> None:
    given = pairwise(name for name in ("z", "g[T.b]"))
    assert given.of(design()).names == given.of(design()).names == ("z - g[T.b]",)
    assert graph("g", np.array([["a", "b"]])).of(design()).names == ("a - b",)


def test_a_chain_of_numbers_read_as_text_is_told() -> None:
    minutes = np.repeat(["0", "15", "120", "240"], 2)
    ordered = pd.Categorical(minutes, categories=["240", "120", "15", "0"], ordered=True)
    obs = pd.DataFrame({"text": minutes, "number": minutes.astype(int), "ordered": ordered})
    with pytest.warns(
        CountglmWarning, match="'text' in the order '0', '120', '15', '240', as text"
    ):
        chain("text").of(as_design("~ text", COUNTS, obs=obs))
    # Without a warning, which would be an error.
    assert chain("ordered").of(as_design("~ ordered", COUNTS, obs=obs)).names[0] == "120 - 240"
    pairwise("text").of(as_design("~ text", COUNTS, obs=obs))
    steps = chain("number").of(as_design("~ C(number)", COUNTS, obs=obs)).names
    assert steps == ("15 - 0", "120 - 15", "240 - 120")
