"""Samples that lie nearer to another group than to the rest of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.report.cautions import find_cautions
from countglm.report.sample_facts import sample_facts
from countglm.report.sample_places import nearer_samples

pytestmark = pytest.mark.compiled
NEARER = "Samples nearer to another group than to their own"
UNLIKE = "Samples unlike the rest of their group"


def study(each: int, *, share: float = 0.1, noise: float = 0.0, n_genes: int = 1500):
    """Two groups; a share of the genes changes, and the first sample has noise of its own."""
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b"], each)
    log_mean = rng.normal(4.5, 1.2, n_genes)
    effect = np.where(rng.random(n_genes) < share, rng.normal(0.0, 1.2, n_genes), 0.0)
    eta = log_mean + np.outer(labels == "b", effect)
    eta[0] += noise * rng.normal(size=n_genes)
    alpha = 0.08 * np.exp(rng.normal(0.0, 0.5, n_genes))
    table = rng.negative_binomial(1 / alpha, 1 / (1 + alpha * np.exp(eta)))
    names = [f"s{i}" for i in range(2 * each)]
    return pd.DataFrame(table, names), pd.DataFrame({"group": labels}, names)


def told(table: pd.DataFrame, obs: pd.DataFrame) -> dict[str, str]:
    result = countglm.differential_expression(
        table, "~ group", ["group", "b", "a"], obs=obs, threads=1
    )
    return {each.heading: each.told for each in find_cautions({"": result}, sample_facts(result))}


@pytest.mark.parametrize("each", [3, 6])
def test_two_samples_that_were_swapped(each: int) -> None:
    table, obs = study(each)
    assert NEARER not in told(table, obs)
    obs.loc["s1", "group"], obs.loc[f"s{each}", "group"] = "b", "a"
    words = told(table, obs)[NEARER]
    assert words.count(" times as far from the others of group ") == 2
    assert "s1 is " in words
    assert f"s{each} is " in words


def test_groups_that_do_not_differ_have_no_swapped_samples() -> None:
    for each in (3, 6):
        assert NEARER not in told(*study(each, share=0.0))


def test_the_group_of_an_outlying_sample_is_not_said_to_be_swapped() -> None:
    for each in (3, 6):
        found = told(*study(each, noise=1.0))
        assert "s0 is " in found[UNLIKE]
        assert NEARER not in found


@pytest.mark.parametrize("swap", [(1, 0), (1, 2), (5, 6), (7, 2)])
def test_swaps_within_and_between_donors_of_airway(swap: tuple[int, int]) -> None:
    adata = countglm.datasets.airway()
    dex = adata.obs["dex"].astype(str).to_numpy()
    dex[list(swap)] = dex[list(swap)[::-1]]
    adata.obs["dex"] = dex
    result = countglm.differential_expression(
        adata, "~ cell + dex", ["dex", "trt", "untrt"], threads=1
    )
    assert {each.sample for each in sample_facts(result).nearer} == set(swap)


def test_distances_are_those_of_fits_without_the_sample() -> None:
    rng = np.random.default_rng(6)
    obs = pd.DataFrame({"batch": list("xyzxyzxyz"), "group": list("aaaabbbbb")})
    table, values = rng.poisson(50, (9, 40)), rng.normal(size=(9, 40))
    design = countglm.fit_glm(table, "~ batch + group", obs=obs, family="poisson").design
    x, found = design.matrix, nearer_samples(design, values, 0.0)
    assert len(found) == 9
    for each in found:
        kept = np.arange(9) != each.sample
        there = obs.assign(**{each.factor: obs[each.factor].where(kept, each.other)})
        beta = np.linalg.lstsq(x[kept], values[kept], rcond=None)[0]
        missed = []
        for row in (x[each.sample], design.rebuild(there)[each.sample]):
            spread = 1 + row @ np.linalg.inv(x[kept].T @ x[kept]) @ row
            missed.append(np.mean((values[each.sample] - row @ beta) ** 2) / spread)
        np.testing.assert_allclose(each.times, missed[0] / missed[1], rtol=1e-10)
