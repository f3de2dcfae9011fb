"""Outliers of genes that are mostly zeros: found without visiting the zeros, and the same."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from countglm._cooks_by_rule import CooksByRule
from countglm._exact_steps import ExactSteps
from countglm._grouped_fit import grouped_fit
from countglm._model import Model, prepare_model
from countglm._moments import base_moments
from countglm.outliers import Outliers, find_outliers
from tests.support.sparse_fits import GENES, fit_of, study


def model_of(one: SimpleNamespace, zeros: str) -> Model:
    return prepare_model(
        one.counts, one.x, size_factors=one.factors, zeros=zeros, threads=1,
    )  # fmt: skip


def outliers_of(one: SimpleNamespace, zeros: str, cutoff: float, least: float) -> Outliers:
    return find_outliers(one.fit, ExactSteps(model_of(one, zeros)), cutoff, least)


def same(one: Outliers, other: Outliers) -> None:
    np.testing.assert_array_equal(one.outlier, other.outlier)
    np.testing.assert_array_equal(one.refitted, other.refitted)
    np.testing.assert_array_equal(one.replaced_gene, other.replaced_gene)
    np.testing.assert_array_equal(one.replaced_sample, other.replaced_sample)
    np.testing.assert_array_equal(one.replaced_count, other.replaced_count)
    np.testing.assert_allclose(one.max_cooks, other.max_cooks, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cutoff", [0.05, 1.0, 3.8])
@pytest.mark.parametrize("least", [7, np.inf])
def test_the_outliers_are_those_of_all_samples(seed: int, cutoff: float, least: float) -> None:
    one = study(1500, seed)
    found = outliers_of(one, "auto", cutoff, least)
    same(found, outliers_of(one, "visit", cutoff, least))
    assert found.refitted.any() == (least == 7)
    assert found.outlier.any() == (least == np.inf)


@pytest.mark.parametrize("log_mean", [-3.0, 0.0, 4.0])
def test_of_many_samples_no_gene_is_visited_whole(
    monkeypatch: pytest.MonkeyPatch, log_mean: float
) -> None:
    one = study(1500, 11, log_mean=log_mean)
    expected = outliers_of(one, "visit", 3.8, 7)
    monkeypatch.setattr("countglm._cooks_by_rule._MANY", 1)
    monkeypatch.setattr("countglm.outliers._Visits.inspect", None)
    same(outliers_of(one, "auto", 3.8, 7), expected)


def grouped(sizes: list[int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(3), sizes))


@pytest.mark.parametrize("sizes", [[5, 3, 1200], [2, 6, 1200], [1, 700, 700], [6, 6, 1500]])
@pytest.mark.parametrize("least", [4, 7, np.inf])
def test_groups_of_few_samples(sizes: list[int], least: float) -> None:
    for seed in range(3):
        one = study(sum(sizes), seed, grouped(sizes, seed))
        found = outliers_of(one, "auto", 0.8, least)
        same(found, outliers_of(one, "visit", 0.8, least))
    assert np.isnan(found.max_cooks).all() == (min(sizes) >= least)


@pytest.mark.parametrize("least", [7, np.inf])
def test_zeros_can_be_outliers(least: float) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        group, factors = rng.integers(0, 3, 1500), np.exp(rng.normal(0.0, 0.3, 1500))
        # A few samples so deep that they should have counts of every gene.
        deep = rng.integers(0, 1500, 12)
        factors[deep] *= 100.0
        counts = rng.poisson(factors[:, None] * rng.uniform(0.2, 0.5, GENES))
        counts[deep] *= np.arange(GENES) % 3 == 0
        one = fit_of(counts, factors, group, np.full(GENES, 0.05))
        found = outliers_of(one, "auto", 0.3, least)
        same(found, outliers_of(one, "visit", 0.3, least))
        assert found.refitted.any() == (least == 7)
        assert (counts[found.replaced_sample, found.replaced_gene] == 0).sum() == (
            found.replaced_count.size
        )


def test_two_levels_spare_a_low_count_among_high_ones() -> None:
    one = study(900, 5, np.random.default_rng(5).integers(0, 2, 900))
    one.x = one.fit.design.matrix = np.ascontiguousarray(one.x[:, :2])
    one.fit.finite_coefficients = np.ascontiguousarray(one.fit.finite_coefficients[:, :2])
    found = {}
    for zeros in ("auto", "visit"):
        model = model_of(one, zeros)
        object.__setattr__(model.design, "factors", {"group": ("a", "b")})
        found[zeros] = find_outliers(one.fit, ExactSteps(model), 0.3, np.inf)
    same(*found.values())
    assert found["auto"].outlier.any()
    assert (found["auto"].max_cooks > 0.3).sum() > found["auto"].outlier.sum()


def test_few_zeros_are_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    one = study(1500, 9)
    visited: list[int] = []
    looked: list[int] = []
    inspect, visit = CooksByRule.inspect, CooksByRule.zeros_to_visit

    def seen(self, genes, nonzeros):
        found = inspect(self, genes, nonzeros)
        visited.append(genes.size - int(found.left.sum()))
        return found

    def zeros(self, samples):
        found = visit(self, samples)
        looked.append(found.size)
        return found

    monkeypatch.setattr(CooksByRule, "inspect", seen)
    monkeypatch.setattr(CooksByRule, "zeros_to_visit", zeros)
    outliers_of(one, "auto", 3.8, 7)
    few = ((one.counts > 0).sum(axis=0) <= 750).sum()
    assert sum(visited) == few
    # Of most genes no count at all is looked at, of the others a few zeros of every group.
    assert 0 < len(looked) < 0.7 * few
    assert max(looked) <= 3 * CooksByRule(grouped_fit(one.fit), 3.8, 7, False).most_zeros


@pytest.mark.parametrize("cutoff", [0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("p", [1, 3, 8])
def test_the_bound_on_zeros(cutoff: float, p: int) -> None:
    rules = CooksByRule(
        SimpleNamespace(rule=SimpleNamespace(rows=np.zeros((4, p)), n_samples=10**6)), cutoff, 7,
        False,
    )  # fmt: skip
    # However large the mean: with this many equal leverages in a group no zero exceeds.
    leverage = 1.0 / (rules.most_zeros + 1)
    assert leverage / (1.0 - leverage) ** 2 / 0.04 / p <= cutoff
    leverage = 1.0 / rules.most_zeros
    if rules.most_zeros > 1:
        assert leverage / (1.0 - leverage) ** 2 / 0.04 / p > cutoff


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_without_the_zeros(weighted: bool) -> None:
    one = study(1500, 12)
    weights = np.random.default_rng(1).uniform(0.0, 2.0, 1500) if weighted else None
    found = [
        base_moments(
            prepare_model(one.counts, one.x, size_factors=one.factors, zeros=zeros, weights=weights)
        )
        for zeros in ("auto", "visit")
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
