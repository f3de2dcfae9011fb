"""One wide penalised fit: optimum, certificate, path, choice, threads, mistakes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from countglm import (
    CountglmWarning,
    InputError,
    _wide_matrix,
    condition_design,
    fit_penalized,
    fit_penalized_wide,
    penalties,
)
from tests.support.wide_problems import KINDS, WideCase, objective, wide_case

N_KINDS = len(KINDS) * 4


def fit(case: WideCase, **options: Any) -> Any:
    """Fit a case along a short path."""
    ready = {"lambdas": 4, "lambda_ratio": 0.02, "ridge": 0.1, **case.options, **options}
    return fit_penalized_wide(
        case.y, case.design, case.penalty, offset=case.offset, weights=case.weights, **ready
    )


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(N_KINDS))
def test_no_point_nearby_is_lower_by_more_than_the_gap(seed: int) -> None:
    case = wide_case(seed)
    path = fit(case)
    assert path.converged.all()
    rng = np.random.default_rng(seed)
    for lam, beta, gap in zip(path.lambdas, path.coefficients, path.gap, strict=True):
        here = objective(case, beta, lam, 0.1)
        for size in (1e-6, 1e-4, 1e-2):
            there = objective(case, beta + size * rng.normal(size=beta.size), lam, 0.1)
            # Rounding of two sums of some hundred terms.
            assert there >= here - gap - 1e-12 * abs(here)


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(N_KINDS))
def test_both_ways_to_hold_differences_end_in_one_point(seed: int) -> None:
    case = wide_case(seed)
    exact, split = fit(case, tol=1e-12), fit(case, tol=1e-12, prox="admm")
    # The objective is curved by the ridge of 0.1 at least: |beta - beta*|² <= 2 gap / 0.1.
    apart = np.abs(exact.coefficients - split.coefficients).max(axis=1)
    bound = np.sqrt(20.0 * exact.gap) + np.sqrt(20.0 * split.gap)
    assert (apart <= bound + 1e-9).all()
    assert bound.max() < 1e-3


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_gap_bounds_what_is_left_at_a_point_that_is_no_optimum(seed: int) -> None:
    case = wide_case(seed, n=40, features=2)
    with pytest.warns(CountglmWarning, match="gap is above"):
        early = fit(case, lambdas=[0.5], tol=1e-13, max_iter=4)
    best = fit(case, lambdas=[0.5], tol=1e-12)
    left = objective(case, early.coefficients[0], 0.5, 0.1)
    left -= objective(case, best.coefficients[0], 0.5, 0.1)
    assert 0.0 < left <= early.gap[0] * (1.0 + 1e-6)
    # And is no wild bound.
    assert early.gap[0] < 100.0 * left


@pytest.mark.compiled
def test_proximal_newton_reaches_the_same_path_gene_by_gene() -> None:
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(5), 6)
    mu = np.exp(rng.normal(4.0, 1.0, (1, 3)) + (group[:, None] == 1) * rng.normal(size=(1, 3)))
    y = rng.negative_binomial(5.0, 1.0 / (1.0 + 0.2 * mu)).astype(float)
    x = (group[:, None] == np.arange(5)).astype(float)
    rows = [np.eye(5)[i] - np.eye(5)[j] for i in range(5) for j in range(i)]
    names = [f"x{j}" for j in range(5)]
    newton = fit_penalized(
        y, pd.DataFrame(x, columns=names), penalties.pairwise(names), dispersion=0.2,
        size_factors="none", lambdas=12, tol=1e-12,
    )  # fmt: skip
    for gene in range(3):
        for penalty in (penalties.pairwise(np.arange(5)), np.array(rows)):
            wide = fit_penalized_wide(
                y[:, gene], x, penalty, dispersion=0.2, lambdas=newton.lambdas[gene], tol=1e-13
            )
            # sqrt(2 gap) standard errors, of at most 0.2.
            np.testing.assert_allclose(
                wide.coefficients, newton.coefficients[gene], rtol=0.0, atol=1e-7
            )
        whole = fit_penalized_wide(
            y[:, gene], x, penalties.pairwise(np.arange(5)), dispersion=0.2, lambdas=2, tol=1e-12
        )
        assert whole.largest == pytest.approx(newton.lambdas[gene, 0], rel=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", range(5))
def test_differences_begin_just_below_the_largest_penalty(kind: int) -> None:
    case = wide_case(4 * kind, conditions=6)
    path = fit(case)
    assert np.abs(path.coefficients[0] @ case.rows.T).max() == 0.0
    assert path.relative_gap[0] <= 1e-8
    # A gap leaves coefficients its root: so much above the penalty it leaves no difference.
    largest = path.largest
    at = fit(case, lambdas=[largest * (1.0 + 1e-4), largest * (1.0 - 1e-2)], tol=1e-12)
    apart = np.abs(at.coefficients @ case.rows.T).max(axis=1)
    assert apart[0] == 0.0
    assert apart[1] > 0.0


def simulated(n: int, features: int, seed: int = 2) -> tuple[Any, Any]:
    """Counts of variants in three conditions; the first feature differs in "b"."""
    rng = np.random.default_rng(seed)
    x = sparse.random(n, features, density=min(0.5, 4.0 / features), random_state=rng).tocsr()
    x.data[:] = 1.0
    condition = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    first = x[:, 0].toarray().ravel()
    eta = 2.0 + x @ rng.normal(0.0, 0.4, features) + 1.5 * first * (condition == "b")
    return rng.poisson(np.exp(eta)).astype(float), condition_design(x, condition)


@pytest.mark.compiled
def test_labels_say_which_conditions_share_an_effect() -> None:
    y, design = simulated(600, 12)
    path = fit_penalized_wide(
        y, design, penalties.pairwise("condition"), family="poisson", lambdas=25, tol=1e-10
    )
    assert path.labels[0].max() == 0
    chosen = path.select()
    assert chosen.labels[0].tolist() == [0, 1, 0]
    assert (chosen.labels[1:].max(axis=1) > 0).sum() <= 1
    # The refit of the fused model is an ordinary fit: no penalty shrinks what is left.
    again = fit_penalized_wide(
        y, collapsed_by_hand(design, path, chosen), None, family="poisson", tol=1e-10
    )
    np.testing.assert_allclose(
        again.coefficients[0][path.clusters[chosen.index]], chosen.coefficients, atol=1e-4
    )
    frame = chosen.to_frame()
    assert frame.loc["a:0", "cluster"] == frame.loc["c:0", "cluster"]
    assert frame.loc["a:0", "refitted"] == frame.loc["c:0", "refitted"]
    assert "WideFit" in repr(chosen)
    assert "certified" in repr(path)


def collapsed_by_hand(design: Any, path: Any, chosen: Any) -> np.ndarray:
    """Add up the columns of every cluster."""
    clusters = path.clusters[chosen.index]
    dense = design.matrix.toarray()
    return np.column_stack([dense[:, clusters == k].sum(axis=1) for k in range(clusters.max() + 1)])


@pytest.mark.compiled
def test_threads_and_storage_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    # Threads at any size, and three blocks of rows.
    monkeypatch.setattr(_wide_matrix, "WORTH", 0)
    y, design = simulated(18_000, 12)
    found = [
        fit_penalized_wide(
            y, matrix, penalties.pairwise(design.columns), family="poisson", lambdas=3,
            threads=threads,
        )
        for matrix, threads in (
            (design.matrix, 1), (design.matrix, 2), (design.matrix.tocsc(), 3),
            (design.matrix.toarray(), 2),
        )
    ]  # fmt: skip
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].coefficients, other.coefficients)
        np.testing.assert_array_equal(found[0].gap, other.gap)


def test_a_rank_deficient_design_has_its_optimum_certified() -> None:
    case = wide_case(0, n=40, features=2)
    # Effects shared by all conditions beside those of each: one direction a feature moves nothing.
    shared = np.hstack([case.design.matrix.toarray(), case.design.matrix[:, :2].toarray() * 0.0])
    for k, columns in enumerate(case.design.columns):
        shared[:, -2 + k] = case.design.matrix[:, columns].toarray().sum(axis=1)
    path = fit_penalized_wide(
        case.y, shared, penalties.lasso(case.design.columns.ravel()), dispersion=0.3, lambdas=[1.0],
        tol=1e-10,
    )  # fmt: skip
    assert path.converged.all()
    # Of shifts that say the same the penalty takes those about the median.
    shifts = path.coefficients[0][case.design.columns]
    assert (np.median(shifts, axis=1) == 0.0).all()


def test_a_fused_model_without_a_finite_best_has_its_limit() -> None:
    x = np.kron(np.eye(3), np.ones((6, 1)))
    y = np.array([5.0, 6, 7, 4, 5, 6, 0, 0, 0, 0, 0, 0, 9, 7, 8, 6, 7, 9])
    path = fit_penalized_wide(
        y, x, penalties.pairwise(np.arange(3)), family="poisson", lambdas=[1.0], tol=1e-10
    )
    fit = path.at(0)
    assert np.isfinite(fit.penalized_coefficients).all()
    assert fit.coefficients[1] == -np.inf
    assert fit.coefficients[0] == pytest.approx(np.log(5.5), abs=1e-5)


def test_what_would_run_to_infinity_is_named() -> None:
    x = np.kron(np.eye(3), np.ones((4, 1)))
    y = np.repeat([5.0, 0.0, 3.0], 4)
    with pytest.raises(InputError, match=r"1 column.*infinity.*'1'"):
        fit_penalized_wide(y, x, penalties.pairwise([0, 2]), family="poisson")
    with pytest.raises(InputError, match="infinity"):
        fit_penalized_wide(y > 0, x, None, family="bernoulli")
    assert fit_penalized_wide(y, x, None, family="poisson", ridge=0.1).converged.all()


def test_without_a_penalty_it_is_the_ordinary_fit() -> None:
    x = np.kron(np.eye(2), np.ones((5, 1)))
    y = np.array([3.0, 4, 5, 2, 1, 9, 8, 7, 9, 12])
    path = fit_penalized_wide(y, x, None, family="poisson", tol=1e-14)
    np.testing.assert_allclose(path.coefficients[0], np.log([3.0, 9.0]), atol=1e-7)
    assert np.isnan(path.largest)


def test_fractions_are_taken_where_they_are_allowed() -> None:
    path = fit_penalized_wide(
        [0.5, 2.5], [[1.0], [1.0]], None, family="poisson", allow_noninteger=True, tol=1e-12
    )
    assert path.coefficients[0, 0] == pytest.approx(np.log(1.5), abs=1e-6)


def test_a_column_may_have_any_name() -> None:
    x = pd.DataFrame({"factor": [1.0, 1, 0, 0], "matrix": [0.0, 0, 1, 1]})
    path = fit_penalized_wide(
        [1.0, 2.0, 5.0, 6.0], x, penalties.pairwise(["factor", "matrix"]), family="gaussian",
        lambdas=[1.0], tol=1e-12,
    )  # fmt: skip
    # Means 1.5 and 5.5 of two each, drawn together by lambda / 2.
    np.testing.assert_allclose(path.coefficients[0], [2.0, 5.0], atol=1e-6)
    assert path.names == ("factor", "matrix")


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("family='beta' is not known", {"family": "beta"}),
    ("needs dispersion=", {"dispersion": None}),
    ("belongs to family='nb'", {"family": "poisson"}),
    ("belongs to family='binomial'", {"trials": 3}),
    ("above the number of trials", {"family": "binomial", "dispersion": None}),
    ("y has 1 value.*not finite and at least 0.*row 2", {"y": [1.0, 2.0, -1.0, 4.0]}),
    ("y has shape", {"y": [1.0, 2.0]}),
    ("y is missing", {"y": None}),
    ("design has 1 value", {"design": [[1.0], [np.nan], [0.0], [1.0]]}),
    ("design has shape", {"design": np.zeros((0, 2))}),
    ("names must be 2", {"names": ["a", "a"]}),
    ("weights has 1 value", {"weights": [1.0, 1.0, 1.0, -1.0]}),
    ("All weights are zero", {"weights": 0.0}),
    ("offset has 4 value.*Offsets are", {"offset": 1e4}),
    ("ridge must be", {"ridge": -1.0}),
    ("lambdas must be", {"lambdas": [1.0, 2.0]}),
    ("lambda_ratio=0", {"lambda_ratio": 0}),
    ("tol=0", {"tol": 0}),
    ("max_iter=0", {"max_iter": 0}),
    ("prox='best'", {"prox": "best"}),
    ("y has 1 value.*no whole numbers.*0.5 in row 1", {"y": [1.0, 0.5, 2.0, 3.0]}),
    (
        "trials has 4 value.*no whole numbers",
        {"family": "binomial", "dispersion": None, "trials": 4.5},
    ),
    ("family=.'nb'. is not known", {"family": ["nb"]}),
    ("ridge must hold real numbers", {"ridge": "a"}),
    ("lambdas must hold real numbers", {"lambdas": "a"}),
    ("costs must hold real numbers", {"penalty": penalties.lasso([0], costs="a")}),
    ("-1 is no column", {"penalty": penalties.lasso([-1])}),
]


@pytest.mark.parametrize(("message", "change"), MISTAKES)
def test_mistakes_are_told(message: str, change: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "y": [1.0, 2.0, 3.0, 4.0], "design": [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
        "penalty": penalties.pairwise([0, 1]), "dispersion": 0.1, **change,
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        fit_penalized_wide(**given)


def test_momentum_does_not_run_away_over_a_flat_likelihood() -> None:
    # Two columns that nearly always occur together, and counts far above their dispersion's scale.
    rng = np.random.default_rng(4)
    one = rng.random(400) < 0.5
    other = one ^ (rng.random(400) < 0.01)
    x = np.column_stack([np.ones(400), one, other, 100.0 + one]).astype(float)
    y = rng.negative_binomial(0.2, 0.2 / (0.2 + np.exp(1.0 + 4.0 * one)))
    ends = []
    for steps in (20, 200, 2000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CountglmWarning)
            path = fit_penalized_wide(y, x, None, dispersion=5.0, max_iter=steps, ridge=1e-6)
        ends.append(float(path.objective[0]))
    assert ends[1] <= ends[0] * (1.0 + 1e-6)
    assert ends[2] <= ends[1] * (1.0 + 1e-6)


def test_a_penalty_above_the_largest_is_the_fit_without_differences() -> None:
    case = wide_case(3)
    path = fit(case, lambdas=3)
    given = fit(case, lambdas=[5.0 * path.largest, path.largest, 0.5 * path.largest])
    assert given.largest == path.largest
    assert given.coefficients[0].tobytes() == given.coefficients[1].tobytes()
    assert given.coefficients[0].tobytes() == path.coefficients[0].tobytes()
    assert (given.gap[:2] <= path.gap[0] + 1e-12).all()
