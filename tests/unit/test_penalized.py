"""Penalised fits: conditions of the optimum, gaps that hold, another solver, every reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import countglm
from countglm import InputError, PenalizedPath, Status, fit_glm, fit_penalized
from countglm.kernels import duality, penalized, triangular
from countglm.penalties import chain, lasso, pairwise, to_reference
from tests.support import convex
from tests.support.compiled import compiled
from tests.support.penalized import FAMILIES, GAP, KKT, SOLVED, Case, random_case


def smooth(case: Case, beta: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the log-likelihood without constants, with the ridge, and its gradient."""
    x, y, w = case.design.matrix, case.y, case.weight
    eta = x @ beta + case.offset
    if case.family == "poisson":
        value, slope = np.exp(eta) - y * eta, np.exp(eta) - y
    elif case.family == "nb":
        r = 1.0 / case.size
        share = 1.0 / (1.0 + r * np.exp(-eta))
        value = (y + r) * np.logaddexp(0.0, eta + np.log(case.size)) - y * eta
        slope = (y + r) * share - y
    elif case.family == "binomial":
        value = case.size * np.logaddexp(0.0, eta) - y * eta
        slope = case.size / (1.0 + np.exp(-eta)) - y
    else:
        value, slope = 0.5 * (eta - y) ** 2, eta - y
    drawn = case.ridge @ beta
    return float(w @ value + 0.5 * beta @ drawn), x.T @ (w * slope) + drawn


def objective(case: Case, beta: np.ndarray) -> float:
    held = np.abs(case.differences.rows @ beta) @ case.differences.cost
    return smooth(case, beta)[0] + case.lam * float(held)


def optimality(case: Case, beta: np.ndarray) -> float:
    """Largest entry of ``gradient + rows' v`` for the best v that the optimum allows."""
    rows, bound = case.differences.rows, case.lam * case.differences.cost
    value = rows @ beta
    sign = np.where(np.abs(value) > 1e-8, np.sign(value), 0.0)
    low, high = np.where(sign == 0.0, -bound, sign * bound), np.where(
        sign == 0.0, bound, sign * bound
    )  # fmt: skip
    gradient, one = smooth(case, beta)[1], np.ones((beta.size, 1))
    found = linprog(
        np.r_[np.zeros(bound.size), 1.0],
        A_ub=np.vstack([np.hstack([rows.T, -one]), np.hstack([-rows.T, -one])]),
        b_ub=np.r_[-gradient, gradient], bounds=[*zip(low, high, strict=True), (0.0, None)],
    )  # fmt: skip
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", range(5))
def test_the_optimum_satisfies_its_conditions(family: str, kind: int) -> None:
    case = random_case(kind, family, kind)
    beta, facts = case.fit()
    assert facts[0, SOLVED] == 1.0
    assert facts[0, GAP] < 1e-10
    assert facts[0, KKT] < 1e-10
    # The program is solved to 1e-7 of the gradient's size.
    assert optimality(case, beta[0]) < 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_another_solver_finds_the_same(seed: int) -> None:
    case = random_case(200 + seed, FAMILIES[seed % 4], seed % 5)
    beta, _ = case.fit()
    other = convex.minimise(
        case.family, case.y, case.design.matrix, case.differences.rows,
        case.lam * case.differences.cost, offset=case.offset, weight=case.weight, size=case.size,
        ridge=case.ridge,
    )  # fmt: skip
    np.testing.assert_allclose(beta[0], other, atol=1e-5)


@compiled
def gap_at(code, y, x, offset, weight, size, ridge, d, beta, v, work):
    penalized.expand(code, y, x, offset, weight, size, ridge, beta, work)
    triangular.factor(work.hessian, work.chol, x.shape[1])
    return duality.duality_gap(code, y, x, weight, size, ridge, d, beta, v, work)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gap_bounds_what_is_missing(family: str) -> None:
    case = random_case(31, family, 0)
    best = objective(case, case.fit()[0][0])
    problem, rng, work = case.problem(), np.random.default_rng(7), case.problem().work()
    y, offset, weight, size = (part[0] for part in problem.data.of(0, 1))
    bound = case.lam * case.differences.cost
    work.bound[:] = bound
    gamma = np.linalg.lstsq(problem.to_coef, case.fit()[0][0], rcond=None)[0]
    finite = 0
    for size_of_error in (1e-9, 1e-4, 0.01, 0.1, 0.5):
        for _ in range(4):
            # Any point, with any dual point in the box: neither is near the optimum.
            point = gamma + size_of_error * rng.normal(size=gamma.size)
            v = bound * rng.uniform(-1.0, 1.0, bound.size)
            gap, _ = gap_at(
                problem.data.code, y, problem.x, offset, weight, size, problem.ridge,
                problem.rows, point, v, work,
            )  # fmt: skip
            missing = objective(case, problem.to_coef @ point) - best
            # Rounding of the two objectives, some hundreds each.
            assert -1e-11 <= missing <= gap + 1e-11
            finite += bool(np.isfinite(gap))
    assert finite >= 10


def test_without_a_penalty_to_speak_of_it_is_the_ordinary_fit() -> None:
    case = random_case(2, "nb", 0)
    case = replace(case, ridge=np.zeros_like(case.ridge))
    fit = fit_glm(
        case.y[:, None].astype(int), case.design.matrix, dispersion=float(case.size[0]),
        size_factors="none", offset=case.offset, weights=case.weight,
    )  # fmt: skip
    beta, _ = case.fit(1e-9)
    np.testing.assert_allclose(beta[0], fit.coefficients[0], atol=1e-7)


def study(genes: int = 6, seed: int = 3, groups: int = 4) -> tuple[np.ndarray, pd.DataFrame]:
    """Counts of groups of three samples; the first gene has none, the second none in a group."""
    rng = np.random.default_rng(seed)
    level = np.repeat(np.arange(groups), 3)
    shift = rng.normal(0.0, 0.8, (groups, genes)) * (rng.random((groups, genes)) < 0.5)
    mu = rng.lognormal(4.0, 1.0, genes) * np.exp(shift[level])
    counts = rng.negative_binomial(8.0, 8.0 / (8.0 + mu))
    counts[:, 0] = 0
    counts[level == 1, 1] = 0
    return counts, pd.DataFrame({"g": [chr(97 + k) for k in level], "b": list("xyz") * groups})


def path_of(formula: str = "~ b + g", penalty: Any = None, **choices: Any) -> PenalizedPath:
    counts, obs = study()
    given = {"dispersion": 0.12, "size_factors": "none", "lambdas": 6, "obs": obs}
    return fit_penalized(counts, formula, penalty or pairwise("g"), **given | choices)


@pytest.mark.parametrize(
    "formula", ["~ 0 + g + b", "~ b + C(g, contr.sum)", "~ b + C(g, contr.poly)", "relevelled"]
)
def test_no_reference_is_special_to_pairs(formula: str) -> None:
    one = path_of()
    assert one.lambdas[0, 0] == 1.0
    obs = study()[1]
    if formula == "relevelled":
        formula, obs["g"] = "~ b + g", pd.Categorical(obs["g"], categories=list("cdab"))
    two = path_of(formula, obs=obs, lambdas=one.lambdas)
    np.testing.assert_allclose(two.lambdas, one.lambdas, rtol=1e-12)
    np.testing.assert_allclose(
        two.coefficients[1:] @ two.design.matrix.T,
        one.coefficients[1:] @ one.design.matrix.T, atol=1e-8,
    )  # fmt: skip
    order = [two.differences.nodes.index(name) for name in one.differences.nodes]
    fused = [labels[..., None] == labels[..., None, :] for labels in
             (one.labels[1:], two.labels[1:][..., order])]  # fmt: skip
    np.testing.assert_array_equal(*fused)


@pytest.mark.compiled
def test_threads_and_blocks_change_no_bit() -> None:
    one = path_of(threads=1)
    for two in (path_of(threads=2, block_size=2), path_of(threads=2, block_size=1)):
        for name in ("lambdas", "coefficients", "gap", "kkt_residual", "deviance", "n_iter"):
            assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
        assert one.refits.coefficients.tobytes() == two.refits.coefficients.tobytes()
        assert one.refits.standard_errors.tobytes() == two.refits.standard_errors.tobytes()


def test_a_gene_is_what_it_is_alone() -> None:
    counts, _ = study()
    path = path_of()
    for gene in (1, 4):
        alone = fit_penalized(
            counts[:, [gene]], "~ b + g", pairwise("g"), obs=study()[1], dispersion=0.12,
            size_factors="none", lambdas=6,
        )  # fmt: skip
        assert alone.coefficients[0].tobytes() == path.coefficients[gene].tobytes()


def test_genes_without_counts_are_told_and_a_group_without_is_fitted() -> None:
    path = path_of()
    assert path.status.tolist() == [Status.ALL_ZERO] + [Status.CONVERGED] * 5
    assert np.isnan(path.coefficients[0]).all()
    assert np.isnan(path.gap[0]).all()
    # The ordinary fit of the second is infinite; a penalised one has a finite optimum.
    assert np.isfinite(path.coefficients[1]).all()
    assert path.relative_gap[1:].max() < 1e-12
    assert path.refits.status[1, -1] == Status.SEPARATED
    frame = path.select("bic").to_frame()
    assert frame["groups"].iloc[0] == ""
    assert frame["status"].tolist() == ["ALL_ZERO"] + ["CONVERGED"] * 5


def test_a_gene_that_another_term_separates_is_told() -> None:
    counts, obs = study()
    counts[obs["b"] == "x", 3] = 0
    path = fit_penalized(
        counts, "~ b + g", pairwise("g"), obs=obs, dispersion=0.12, size_factors="none", lambdas=3
    )
    assert path.status[3] == Status.SEPARATED
    assert np.isnan(path.coefficients[3]).all()


@pytest.mark.compiled
def test_refits_are_ordinary_fits_of_merged_levels() -> None:
    counts, obs = study()
    path = path_of(lambdas=12)
    for step in (0, 1, 4, 11):
        for gene in range(2, 6):
            labels = path.labels[gene, step]
            merged = dict(zip(path.differences.nodes, "pqrs", strict=True))
            merged = {name: "pqrs"[k] for name, k in zip(merged, labels, strict=True)}
            formula = "~ b + m" if labels.max() else "~ b"
            fit = fit_glm(
                counts[:, [gene]], formula, obs=obs.assign(m=obs["g"].map(merged)),
                dispersion=0.12, size_factors="none",
            )  # fmt: skip
            np.testing.assert_allclose(
                path.design.matrix @ path.refits.coefficients[gene, step],
                fit.design.matrix @ fit.coefficients[0], atol=1e-9,
            )  # fmt: skip
            np.testing.assert_allclose(path.refits.deviance[gene, step], fit.deviance, rtol=1e-9)
            assert path.degrees_of_freedom[gene, step] == fit.design.matrix.shape[1]


def test_weights_of_zero_leave_samples_out() -> None:
    counts, obs = study()
    weights = np.ones(12)
    weights[[2, 7]] = 0.0
    kept = weights > 0.0
    given = {"dispersion": 0.12, "size_factors": "none", "lambdas": 5}
    one = fit_penalized(counts, "~ g", pairwise("g"), obs=obs, weights=weights, **given)
    two = fit_penalized(counts[kept], "~ g", pairwise("g"), obs=obs[kept], **given)
    np.testing.assert_allclose(one.coefficients[1:], two.coefficients[1:], atol=1e-9)
    np.testing.assert_allclose(one.deviance[1:], two.deviance[1:], rtol=1e-10)
    by_gene = np.repeat(weights[:, None], counts.shape[1], axis=1)
    three = fit_penalized(counts, "~ g", pairwise("g"), obs=obs, weights=by_gene, **given)
    assert three.coefficients.tobytes() == one.coefficients.tobytes()


def test_offsets_move_the_intercept() -> None:
    one = path_of()
    two = path_of(offset=np.full(12, 0.7))
    np.testing.assert_allclose(two.lambdas[1:], one.lambdas[1:], rtol=1e-9)
    apart = one.coefficients[1:] - two.coefficients[1:]
    np.testing.assert_allclose(apart[:, :, 0], 0.7, atol=1e-8)
    np.testing.assert_allclose(apart[:, :, 1:], 0.0, atol=1e-8)


def test_a_penalty_of_costs_is_that_of_another_strength() -> None:
    one = path_of(penalty=chain("g"))
    two = path_of(penalty=chain("g", costs=[2.0, 2.0, 2.0]))
    np.testing.assert_allclose(two.lambdas[1:], 0.5 * one.lambdas[1:], rtol=1e-12)
    np.testing.assert_allclose(two.coefficients[1:], one.coefficients[1:], atol=1e-9)


@pytest.mark.compiled
def test_a_ridge_is_the_same_in_every_coding() -> None:
    one = path_of(ridge=0.5)
    two = path_of("~ 0 + g + b", ridge=0.5, lambdas=one.lambdas)
    np.testing.assert_allclose(
        two.coefficients[1:] @ two.design.matrix.T, one.coefficients[1:] @ one.design.matrix.T,
        atol=1e-8,
    )  # fmt: skip
    assert one.relative_gap[1:].max() < 1e-12
    # It draws towards no difference.
    free = path_of(lambdas=one.lambdas)
    spread = [np.ptp(p.coefficients[2:, -1] @ p.differences.effects.T, axis=1) for p in (one, free)]
    assert (spread[0] < spread[1]).all()


def test_a_precision_of_the_coefficients_moves_all_of_them() -> None:
    path = path_of(penalty=lasso(), ridge=np.full(6, 2.0))
    assert path.relative_gap[1:].max() < 1e-12
    assert (path.labels[1:, 0] == 0).all()


def test_a_saturated_design_is_fitted_at_a_given_dispersion() -> None:
    counts, _ = study()
    obs = pd.DataFrame({"t": list("abcd")})
    path = fit_penalized(
        counts[::3], "~ t", pairwise("t"), obs=obs, dispersion=0.1, size_factors="none", lambdas=5
    )
    fitted = path.status == Status.CONVERGED
    assert fitted.sum() >= 4
    assert path.relative_gap[fitted].max() < 1e-12


def test_effects_equal_as_they_stand_have_a_path_too() -> None:
    counts = np.tile([[40], [55], [30]], (3, 1))
    obs = pd.DataFrame({"g": np.repeat(list("abc"), 3)})
    path = fit_penalized(
        counts, "~ g", pairwise("g"), obs=obs, dispersion=0.1, size_factors="none", lambdas=4
    )
    assert path.status[0] == Status.CONVERGED
    assert (path.labels == 0).all()


@pytest.mark.compiled
def test_a_shift_of_the_reference_alone() -> None:
    # Group a is twice the others: one difference among pairs that hold the rest together, but
    # three among differences to a, of which the noisiest goes first.
    rng = np.random.default_rng(8)
    level = np.repeat(np.arange(4), 6)
    counts = rng.poisson(np.where(level == 0, 90.0, 45.0)[:, None], (24, 8))
    obs = pd.DataFrame({"g": [chr(97 + k) for k in level]})
    first = {}
    for penalty in (pairwise("g"), to_reference("g")):
        path = fit_penalized(
            counts, "~ g", penalty, obs=obs, family="poisson", size_factors="none", lambdas=30
        )
        place = np.argmax(path.labels.max(axis=2) > 0, axis=1)
        first[penalty.kind] = path.at(place).labels
    assert (first["pairwise"] == [0, 1, 1, 1]).all(axis=1).mean() > 0.8
    assert not (first["reference"] == [0, 1, 1, 1]).all(axis=1).any()


def test_criteria_choose_between_refits() -> None:
    path = path_of(lambdas=20)
    bic, aic, ebic = (path.select(name) for name in ("bic", "aic", "ebic"))
    value = path.refits.deviance + np.log(12.0) * path.degrees_of_freedom
    assert (bic.index[1:] == np.argmin(value[1:], axis=1)).all()
    assert (aic.labels[1:].max(axis=1) >= bic.labels[1:].max(axis=1)).all()
    # One, seven, six and one ways to part four levels into groups.
    extra = np.log([1.0, 7.0, 6.0, 1.0])[path.degrees_of_freedom - 3]
    assert (ebic.index[1:] == np.argmin((value + extra)[1:], axis=1)).all()
    frame = bic.to_frame()
    row = frame.iloc[2]
    names = [name for name in frame if str(name).startswith("label:")]
    assert row["n_groups"] == row[names].nunique() == len(str(row["groups"]).split(" | "))
    np.testing.assert_array_equal(bic.lambdas, path.lambdas[np.arange(6), bic.index])
    assert repr(path).startswith("PenalizedPath: 6 genes x 20 penalties, nb, pairwise")


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"penalty": "pairwise"}, "penalty is a str; make one by"),
        ({"lambdas": 0}, "lambdas must be"),
        ({"lambdas": [1.0, 2.0]}, "do not grow"),
        ({"lambdas": [1.0, -1.0]}, "positive"),
        ({"lambdas": [np.inf, 1.0]}, "finite"),
        ({"lambdas": np.ones((3, 2))}, "lambdas must be"),
        ({"lambda_ratio": 0.0}, "lambda_ratio=0.0"),
        ({"lambda_ratio": "small"}, "lambda_ratio='small'"),
        ({"ridge": -1.0}, "ridge must be"),
        ({"ridge": [1.0, 2.0]}, "ridge must be"),
        ({"family": "gamma"}, "family='gamma'"),
        ({"dispersion": -1.0}, "dispersion has"),
        ({"tol": 0.0}, "tol=0.0"),
        ({"tol": "fine"}, "tol='fine'"),
    ],
)
def test_what_cannot_be_is_refused(choices: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        path_of(**choices)


@pytest.mark.parametrize(
    ("choices", "told"),
    [(("best",), "criterion='best'"), (("ebic", 2.0), "gamma=2.0")],
)
def test_unknown_criteria_are_refused(choices: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        path_of().select(*choices)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("index", "told"),
    [
        (99, "1 place.* that the path has not, first 99; .* from 0 to 3"),
        (-1, "first -1"),
        ([0, 3, 4, 5, 0, 0], "2 place.*, first 4"),
        (1.5, "a whole number or 6 of them.*; got 1.5"),
        ("a", "got 'a'"),
        (None, "got None"),
        (True, "got True"),
        ([0, 1, 2], r"got shape \(3,\) and type int64"),
        ([[0], [1, 2]], "a whole number or 6"),
    ],
)
def test_a_place_that_a_path_has_not_is_refused(index: Any, told: str) -> None:
    path = path_of(lambdas=4)
    with pytest.raises(InputError, match=told):
        path.at(index)


def test_places_are_one_for_all_genes_or_one_for_each() -> None:
    path = path_of(lambdas=4)
    assert path.at(2).index.tolist() == [2] * 6
    each = np.arange(6) % 4
    fit = path.at(each)
    each[:] = 0
    assert fit.index.tolist() == [0, 1, 2, 3, 0, 1]


def test_dispersions_not_given_are_estimated() -> None:
    counts, obs = study(genes=30, seed=9)
    path = fit_penalized(counts, "~ g", chain("g"), obs=obs, lambdas=3)
    stages = countglm.estimate_dispersion(counts, "~ g", obs=obs)
    known = ~np.isnan(stages.final)
    np.testing.assert_array_equal(path.dispersion[known], stages.final[known])
    assert path.provenance["options"]["tol"] == 1e-9


def test_a_converged_path_has_its_certificate_whatever_the_data() -> None:
    # Counts up to 10⁹, dispersions up to 300, offsets of tens: flat and steep at once.
    rng = np.random.default_rng(0)
    level, genes = np.repeat(np.arange(3), 3), 12
    alpha, mean = 10 ** rng.uniform(-10, 2.5, genes), 10 ** rng.uniform(-1, 7, genes)
    mu = mean * np.exp(rng.normal(0.0, 3.0, (3, genes))[level])
    shape = 1.0 / np.maximum(alpha, 1e-6)
    counts = np.minimum(rng.poisson(np.minimum(rng.gamma(shape, 1.0 / shape, mu.shape) * mu, 1e12)),
                        2**31)  # fmt: skip
    path = fit_penalized(
        counts, "~ g", pairwise("g"), obs=pd.DataFrame({"g": [chr(97 + k) for k in level]}),
        dispersion=alpha, size_factors="none", offset=rng.normal(0.0, 5.0, 9), lambdas=6,
        lambda_ratio=1e-6,
    )  # fmt: skip
    fitted = path.status == Status.CONVERGED
    assert fitted.sum() >= 10
    assert path.relative_gap[fitted].max() <= 1e-8
