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
