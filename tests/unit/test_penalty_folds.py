"""Cross-validated choice of a penalty: folds, what is left out, rules, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm import InputError, PenalizedPath, fit_penalized
from countglm._penalty_folds import deal
from countglm.penalties import pairwise

GIVEN: dict[str, Any] = {"dispersion": 0.05, "size_factors": "none"}


def study(genes: int = 4, replicates: int = 4, seed: int = 2) -> tuple[np.ndarray, pd.DataFrame]:
    """Three groups of which the third is twice the others; a last gene without counts."""
    rng = np.random.default_rng(seed)
    level = np.repeat(np.arange(3), replicates)
    mu = rng.lognormal(5.0, 0.5, genes) * np.where(level == 2, 2.0, 1.0)[:, None]
    counts = rng.negative_binomial(20.0, 20.0 / (20.0 + mu))
    counts[:, -1] = 0
    return counts, pd.DataFrame({"g": [chr(97 + k) for k in level]})


def path_of(**choices: Any) -> PenalizedPath:
    counts, obs = study()
    return fit_penalized(counts, "~ g", pairwise("g"), obs=obs, **GIVEN | {"lambdas": 5} | choices)


def test_equal_samples_are_dealt_in_turn() -> None:
    design = np.array([[1.0, 0.0]] * 4 + [[1.0, 1.0]] * 4)
    assert deal(design, 2, None).tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    # The order of the rows' values does not matter, nor does a coding.
    coded = design @ np.array([[1.0, 2.0], [0.0, -1.0]])
    mixed = [0, 4, 1, 5, 2, 6, 3, 7]
    assert deal(coded[mixed], 3, None).tolist() == deal(design[mixed], 3, None).tolist()
    shuffled = deal(design, 4, np.random.default_rng(1))
    assert sorted(shuffled[:4]) == sorted(shuffled[4:]) == [0, 1, 2, 3]


def test_each_part_is_predicted_by_the_others() -> None:
    counts, obs = study()
    path = path_of()
    found = path.cross_validate(2)
    assert found.folds.tolist() == [0, 1] * 6
    # The same by hand: fit without the part at the penalties that its size asks for.
    kept = found.folds != 0
    half = fit_penalized(
        counts[kept], "~ g", pairwise("g"), obs=obs[kept], **GIVEN, lambdas=0.5 * path.lambdas
    )
    x, y = path.design.matrix[~kept], counts[~kept]
    for gene in range(3):
        mu = np.exp(half.coefficients[gene] @ x.T)
        seen = y[:, gene]
        r = 1.0 / 0.05
        deviance = 2 * (seen * np.log(seen / mu) - (seen + r) * np.log((seen + r) / (mu + r)))
        np.testing.assert_allclose(found.parts[0, gene], deviance.sum(axis=1), rtol=1e-7)
    np.testing.assert_allclose(found.deviance[:3], found.parts[:, :3].sum(axis=0), rtol=1e-15)
    assert np.isnan(found.deviance[3]).all()


@pytest.mark.compiled
def test_rules_choose_the_least_or_a_larger_penalty() -> None:
    path = path_of(lambdas=8)
    found = path.cross_validate(4)
    least, cautious = found.choose(), found.choose("one_se")
    assert (least.index[:3] == np.argmin(found.deviance[:3], axis=1)).all()
    assert (cautious.index <= least.index).all()
    row = np.arange(3)
    limit = (found.deviance + found.standard_error)[row, least.index[:3]]
    assert (found.deviance[row, cautious.index[:3]] <= limit).all()
    # A gene without a fit has the largest penalty.
    assert least.index[3] == 0
    assert (path.select("cv").index == path.cross_validate().choose().index).all()
    # Twofold is far beyond the noise.
    assert (least.labels[:3].max(axis=1) > 0).all()


def test_genes_may_share_a_place() -> None:
    path = path_of(lambdas=8)
    found = path.cross_validate(4)
    shared = found.choose(shared=True)
    total = found.deviance[:3].sum(axis=0)
    assert (shared.index == np.argmin(total)).all()
    assert np.ptp(found.choose("one_se", shared=True).index) == 0


@pytest.mark.compiled
def test_folds_are_the_same_again_and_others_by_another_seed() -> None:
    path = path_of()
    one, two, three = (path.cross_validate(4, seed=seed) for seed in (0, 0, 5))
    assert one.parts.tobytes() == two.parts.tobytes()
    assert (one.folds != three.folds).any()
    assert three.folds.tolist() == path.cross_validate(4, seed=5).folds.tolist()


def test_weights_of_zero_are_in_no_part() -> None:
    weights = np.ones(12)
    weights[5] = 0.0
    found = path_of(weights=weights).cross_validate(2)
    assert found.folds[5] == -1
    assert np.isfinite(found.deviance[:3]).all()


@pytest.mark.parametrize("folds", [1, 13, 2.5, "two", True])
def test_numbers_of_parts_that_cannot_be(folds: Any) -> None:
    with pytest.raises(InputError, match="folds="):
        path_of().cross_validate(folds)


def test_other_refusals() -> None:
    path = path_of()
    with pytest.raises(InputError, match="seed=-1"):
        path.cross_validate(2, seed=-1)
    with pytest.raises(InputError, match="rule='best'"):
        path.cross_validate(2).choose("best")
    counts, obs = study(replicates=1)
    alone = fit_penalized(counts, "~ g", pairwise("g"), obs=obs, lambdas=3, **GIVEN)
    with pytest.raises(InputError, match="is all that tells of a coefficient"):
        alone.cross_validate(2)
