"""Penalised fits of responses that are no counts: by their definition, and by their own refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm import penalties
from countglm.errors import InputError
from countglm.status import Status

GROUPS, EACH = 3, 6
OBS = pd.DataFrame({"group": np.repeat([f"g{k}" for k in range(GROUPS)], EACH)})
X = np.repeat(np.eye(GROUPS), EACH, axis=0)


def responses(family: str) -> tuple[np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(8)
    eta = np.repeat([0.0, 0.0, 1.2], EACH)[:, None] + 0.3 * rng.normal(size=(1, 3))
    if family == "gaussian":
        return eta + 0.5 * rng.normal(size=(GROUPS * EACH, 3)), None
    trials = rng.integers(1, 12, GROUPS * EACH)
    return rng.binomial(trials[:, None], 1.0 / (1.0 + np.exp(-eta))), trials


def path_of(
    family: str, **options: object
) -> tuple[countglm.PenalizedPath, np.ndarray, np.ndarray]:
    y, trials = responses(family)
    path = countglm.fit_penalized(
        y, "~ group", penalties.pairwise("group"), obs=OBS, family=family, trials=trials,
        lambdas=6, lambda_ratio=0.02, **options,
    )  # fmt: skip
    return path, y, np.ones(y.shape[0]) if trials is None else trials


@pytest.mark.parametrize("family", ["binomial", "gaussian"])
def test_the_optimality_conditions_hold_group_by_group(family: str) -> None:
    path, y, trials = path_of(family)
    assert (path.status == Status.CONVERGED).all()
    assert path.relative_gap.max() < 1e-12
    coding = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]], dtype=float)
    for gene in range(y.shape[1]):
        for step in range(path.lambdas.shape[1]):
            level = coding @ path.coefficients[gene, step]
            mean = X @ level if family == "gaussian" else trials / (1 + np.exp(-(X @ level)))
            # What the data pull at every group is held by the signs of its differences: exactly
            # where groups differ, by at most the penalty where they are equal.
            pull = X.T @ (y[:, gene] - mean)
            lam = path.lambdas[gene, step]
            apart = level[:, None] - level[None, :]
            sign = np.where(np.abs(apart) < 1e-8, 0.0, np.sign(apart))
            equal = (np.abs(apart) < 1e-8).sum(axis=1) - 1
            assert (np.abs(pull - lam * sign.sum(axis=1)) <= lam * equal + 1e-9).all()
            assert pull.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("family", ["binomial", "gaussian"])
def test_a_chosen_fit_is_the_ordinary_fit_of_the_groups_that_are_left(family: str) -> None:
    path, y, trials = path_of(family)
    chosen = path.select("bic")
    for gene in range(y.shape[1]):
        labels = chosen.labels[gene]
        merged = np.eye(labels.max() + 1)[labels][np.repeat(np.arange(GROUPS), EACH)]
        fit = countglm.fit_glm(
            y[:, [gene]], merged, family=family, trials=trials if family == "binomial" else None
        )
        level = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]]) @ chosen.coefficients[gene]
        np.testing.assert_allclose(level, fit.coefficients[0][labels], rtol=1e-9, atol=1e-9)
    assert not any(name.startswith("log2") for name in chosen.to_frame().columns)


def test_a_gaussian_is_chosen_with_its_variance_unknown() -> None:
    path, y, _ = path_of("gaussian")
    again = countglm.fit_penalized(
        1000.0 * y, "~ group", penalties.pairwise("group"), obs=OBS, family="gaussian",
        lambdas=6, lambda_ratio=0.02,
    )  # fmt: skip
    np.testing.assert_allclose(again.lambdas, 1000.0 * path.lambdas, rtol=1e-12)
    assert (again.select("bic").index == path.select("bic").index).all()
    assert (again.select("ebic").index == path.select("ebic").index).all()


def test_a_response_without_an_optimum_says_so_and_stops_no_other() -> None:
    y, trials = responses("binomial")
    y[:, 1] = 0
    y[:EACH, 2] = trials[:EACH]
    path = countglm.fit_penalized(
        y, "~ group", penalties.pairwise("group"), obs=OBS, family="binomial", trials=trials
    )
    # All failures have no finite mean; one group of successes is held by the penalty.
    assert path.status.tolist() == [Status.CONVERGED, Status.SEPARATED, Status.CONVERGED]
    assert np.isnan(path.coefficients[1]).all()
    assert np.isfinite(path.coefficients[2]).all()
    assert path.select("bic").to_frame()["groups"].iloc[1] == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": "gaussian", "trials": 2}, "trials"),
        ({"family": "binomial", "dispersion": 0.1}, "dispersion= is not for"),
        ({"family": "poisson", "trials": 2}, "trials= is for family='binomial'"),
        ({"family": "gamma"}, "family='gamma' is not known"),
    ],
)
def test_options_of_another_family_are_refused(options: dict[str, object], words: str) -> None:
    y, _ = responses("binomial")
    with pytest.raises(InputError, match=words):
        countglm.fit_penalized(y, "~ group", penalties.pairwise("group"), obs=OBS, **options)


def test_samples_without_trials_are_left_out() -> None:
    y, trials = responses("binomial")
    none = trials.copy()
    none[[0, 7]] = 0
    kept = none > 0
    options = {"lambdas": 4, "family": "binomial"}
    path = countglm.fit_penalized(
        np.where(kept[:, None], y, 0), "~ group", penalties.pairwise("group"), obs=OBS,
        trials=none, **options,
    )  # fmt: skip
    other = countglm.fit_penalized(
        y[kept], "~ group", penalties.pairwise("group"), obs=OBS[kept], trials=none[kept], **options
    )
    assert (path.status == Status.CONVERGED).all()
    np.testing.assert_allclose(path.coefficients, other.coefficients, rtol=1e-9, atol=1e-12)
    assert (path.select("bic").index == other.select("bic").index).all()


@pytest.mark.parametrize("unit", [1e-9, 1e12])
def test_a_gaussian_has_the_same_groups_in_every_unit(unit: float) -> None:
    path, y, _ = path_of("gaussian")
    again = countglm.fit_penalized(
        unit * y, "~ group", penalties.pairwise("group"), obs=OBS, family="gaussian",
        lambdas=6, lambda_ratio=0.02,
    )  # fmt: skip
    assert (again.status == Status.CONVERGED).all()
    np.testing.assert_allclose(
        again.coefficients, unit * path.coefficients, rtol=1e-9, atol=1e-12 * unit
    )
    assert (again.labels == path.labels).all()
    np.testing.assert_allclose(again.deviance, unit**2 * path.deviance, rtol=1e-9)
    assert again.relative_gap.max() < 1e-12
    assert (again.select("cv").index == path.select("cv").index).all()


def test_an_effect_per_base_is_no_difference_of_zero() -> None:
    place = np.linspace(1e8, 2e8, 24)
    y = np.random.default_rng(2).poisson(np.exp(4e-8 * (place - 1.5e8) + 3.0))
    rows = pd.DataFrame({"place": place})
    found = [
        countglm.fit_penalized(
            y[:, None], "~ place", penalties.lasso(["place"]), obs=table, family="poisson",
            size_factors="none", lambdas=5,
        )
        for table in (rows, rows * 1e-8)
    ]  # fmt: skip
    assert (found[0].labels == found[1].labels).all()
    assert (found[0].degrees_of_freedom[:, 1:] == 2).all()
    np.testing.assert_allclose(
        found[0].refits.coefficients[0, -1, 1] * 1e8, found[1].refits.coefficients[0, -1, 1], 1e-9
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lambdas": "many"}, "lambdas must hold real numbers"),
        ({"lambdas": 1.0}, "lambdas must be a whole number"),
        ({"ridge": "some"}, "ridge must hold real numbers"),
    ],
)
def test_strengths_that_are_none_are_refused(options: dict[str, object], words: str) -> None:
    y, _ = responses("gaussian")
    with pytest.raises(InputError, match=words):
        countglm.fit_penalized(
            y, "~ group", penalties.pairwise("group"), obs=OBS, family="gaussian", **options
        )


def test_a_group_without_weight_is_singular_and_not_unfinished() -> None:
    y, _ = responses("gaussian")
    weights = np.repeat([1.0, 0.0, 1.0], EACH)
    path = countglm.fit_penalized(
        y, "~ group", penalties.pairwise("group"), obs=OBS, family="gaussian", weights=weights
    )
    assert (path.status == Status.SINGULAR).all()


def test_a_gaussian_model_without_residuals_is_not_chosen() -> None:
    y, _ = responses("gaussian")
    weights = np.zeros(GROUPS * EACH)
    weights[::EACH] = 1.0
    path = countglm.fit_penalized(
        y, "~ group", penalties.pairwise("group"), obs=OBS, family="gaussian", weights=weights
    )
    assert (path.degrees_of_freedom[:, -1] == GROUPS).all()
    for criterion in ("bic", "aic", "ebic"):
        assert (path.select(criterion).labels.max(axis=1) < GROUPS - 1).all()


def test_the_main_effect_of_an_interacting_factor_is_no_effect_to_share() -> None:
    y, _ = responses("gaussian")
    obs = OBS.assign(sex=np.tile(["f", "m"], GROUPS * EACH // 2))
    for formula in ("~ sex * group", "~ group + group:sex"):
        with pytest.raises(InputError, match="'group' interacts with 'sex'"):
            countglm.fit_penalized(
                y, formula, penalties.pairwise("group"), obs=obs, family="gaussian"
            )
    merged = obs.assign(cell=obs["group"] + obs["sex"])
    path = countglm.fit_penalized(
        y, "~ cell", penalties.pairwise("cell"), obs=merged, family="gaussian", lambdas=4
    )
    assert (path.status == Status.CONVERGED).all()
