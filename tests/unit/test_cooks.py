"""Cook's distances: the pieces by hand, outliers found, spared and replaced."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from countglm._trimmed_moments import samples_in_cells, trimmed_mean
from countglm.cooks import (
    cooks_cutoff,
    cooks_distances,
    cooks_outliers,
    leverages,
    max_cooks,
    may_exceed,
    replace_outliers,
    robust_dispersion,
)
from countglm.errors import InputError


def two_groups(a: int, b: int) -> np.ndarray:
    return np.column_stack([np.ones(a + b), np.r_[np.zeros(a), np.ones(b)]])


def one_step_cooks(x, weight, residual):
    """Cook's definition with the one-step deletion of every sample, by explicit matrices."""
    information = x.T @ (weight[:, None] * x)
    out = np.empty(len(weight))
    for i in range(len(weight)):
        h = weight[i] * x[i] @ np.linalg.solve(information, x[i])
        change = np.linalg.solve(information, x[i]) * np.sqrt(weight[i]) * residual[i] / (1 - h)
        out[i] = change @ information @ change / x.shape[1]
    return out


class TestLeverages:
    x = np.column_stack([np.ones(7), np.arange(7.0), [1.0, 0, 2, 1, 1, 0, 3]])
    weight = np.random.default_rng(3).uniform(0.2, 9.0, (4, 7))

    def test_diagonal_of_the_hat_matrix(self) -> None:
        found = leverages(self.x, self.weight)
        for row, w in zip(found, self.weight, strict=True):
            root = np.sqrt(w)[:, None] * self.x
            hat = root @ np.linalg.inv(root.T @ root) @ root.T
            np.testing.assert_allclose(row, np.diag(hat), rtol=1e-11)
        np.testing.assert_allclose(found.sum(axis=1), 3.0, rtol=1e-14)

    def test_samples_without_information_have_none(self) -> None:
        weight = self.weight.copy()
        weight[1, 2] = 0.0
        found = leverages(self.x, weight)
        assert found[1, 2] == 0.0
        keep = np.arange(7) != 2
        np.testing.assert_allclose(found[1, keep], leverages(self.x[keep], weight[1:2, keep])[0])
        np.testing.assert_array_equal(found[[0, 2, 3]], leverages(self.x, weight[[0, 2, 3]]))

    def test_rank_that_is_left(self) -> None:
        x, weight = two_groups(3, 3), np.ones((2, 6))
        weight[0, 3:] = 0.0
        weight[1] = 0.0
        expected = [[1 / 3] * 3 + [0.0] * 3, [0.0] * 6]
        np.testing.assert_allclose(leverages(x, weight), expected, rtol=1e-15)

    def test_close_columns_and_a_sample_of_its_own(self) -> None:
        x = np.column_stack([np.ones(5), 1e7 + np.array([0.0, 1, 2, 3, 4]), [0.0, 0, 0, 0, 1]])
        found = leverages(x, np.full((1, 5), 2.0))[0]
        centred = np.array([-1.5, -0.5, 0.5, 1.5])
        np.testing.assert_allclose(found[:4], 0.25 + centred**2 / 5.0, rtol=1e-7)
        assert found[4] == pytest.approx(1.0, abs=1e-14)
        assert found.max() <= 1.0

    @pytest.mark.parametrize("distinct", [40, 4])
    def test_a_gene_alone_has_the_same_bits(self, distinct: int) -> None:
        rng = np.random.default_rng(distinct)
        x = np.column_stack([np.ones(40), rng.normal(size=distinct)[np.arange(40) % distinct]])
        weight = rng.gamma(1.0, 1.0, (9, 40))
        alone = [leverages(x, weight[i : i + 1])[0] for i in range(9)]
        np.testing.assert_array_equal(leverages(x, weight), alone)

    def test_cells_share_what_is_theirs(self) -> None:
        rng = np.random.default_rng(4)
        groups = np.column_stack([np.ones(4), [0.0, 1, 0, 1], [0.0, 0, 1, 1]])
        cell = rng.permutation(np.arange(30) % 4)
        weight = rng.gamma(0.3, 1.0, (6, 30))
        weight[1, cell == 2] = 0.0
        weight[2, np.isin(cell, (1, 2))] = 0.0
        weight[3, cell != 1] = 0.0
        weight[4, np.flatnonzero(cell == 0)[1:]] = 0.0
        found = leverages(groups[cell], weight)
        for row, w in zip(found, weight, strict=True):
            root = np.sqrt(w)[:, None] * groups[cell]
            expected = np.diag(root @ np.linalg.pinv(root.T @ root) @ root.T)
            np.testing.assert_allclose(row, expected, atol=1e-13)
        assert found[4, np.flatnonzero(cell == 0)[0]] <= 1.0


class TestRobustDispersion:
    @pytest.mark.parametrize("share", [0.0, 1 / 8, 0.2, 0.25, 1 / 3])
    @pytest.mark.parametrize("n", [3, 4, 7, 24])
    def test_trimmed_mean(self, share: float, n: int) -> None:
        rng = np.random.default_rng(n)
        values = rng.gamma(2.0, 10.0, (5, n))
        found = trimmed_mean(values, share)
        np.testing.assert_allclose(found, stats.trim_mean(values, share, axis=1), rtol=1e-14)
        np.testing.assert_array_equal(found, trimmed_mean(rng.permuted(values, axis=1), share))

    def test_three_replicates_are_judged_by_the_middle(self) -> None:
        q = np.array([[1.0, 30.0, 1000.0, 5.0]])
        x = two_groups(3, 1)
        # Middle value 30; squares 841, 0, 940900, the middle one 841.
        mean = q.mean()
        assert robust_dispersion(q, x)[0] == max((2.04 * 841.0 - mean) / mean**2, 0.04)

    @pytest.mark.parametrize(("n", "share", "factor"), [(8, 0.25, 1.86), (24, 0.125, 1.51)])
    def test_the_most_variable_large_cell_counts(self, n: int, share: float, factor: float) -> None:
        rng = np.random.default_rng(5)
        q = rng.negative_binomial(1.0, 0.01, (6, n + 2 + n)).astype(float)
        q[:, n + 2 :] *= 4.0
        x = np.column_stack(
            [np.r_[np.ones(n), np.zeros(n + 2)], np.r_[np.zeros(n + 2), np.ones(n)]]
        )
        expected = []
        for row in q:
            cells = [row[:n], row[n + 2 :]]
            spread = [(c - stats.trim_mean(c, share)) ** 2 for c in cells]
            v = factor * max(stats.trim_mean(s, share) for s in spread)
            expected.append(max((v - row.mean()) / row.mean() ** 2, 0.04))
        np.testing.assert_allclose(robust_dispersion(q, x), expected, rtol=1e-13)

    def test_without_replicates_all_samples_make_one_cell(self) -> None:
        q = np.random.default_rng(2).negative_binomial(2.0, 0.02, (3, 9)).astype(float)
        x = np.column_stack([np.ones(9), np.arange(9.0)])
        v = [1.51 * stats.trim_mean((r - stats.trim_mean(r, 1 / 8)) ** 2, 1 / 8) for r in q]
        m = q.mean(axis=1)
        np.testing.assert_allclose(
            robust_dispersion(q, x), np.maximum((v - m) / m**2, 0.04), rtol=1e-13
        )

    def test_even_counts_have_the_least_dispersion_and_no_counts_none(self) -> None:
        q = np.array([[9.0] * 6, [0.0] * 6])
        np.testing.assert_array_equal(robust_dispersion(q, two_groups(3, 3)), [0.04, np.nan])


class TestDistances:
    def test_genes_that_may_exceed_are_those_that_do_and_more(self) -> None:
        rng = np.random.default_rng(21)
        x = two_groups(8, 8)
        mu = rng.lognormal(3.0, 2.0, (400, 16))
        y = rng.poisson(mu * rng.gamma(1.0, 1.0, mu.shape)).astype(float)
        mu[:5] = np.nan
        mu[5:9, :8] = 0.0
        y[5:9, :8] = 0.0
        hat = leverages(x, np.where(mu > 0.0, mu / (1.0 + 0.3 * mu), 0.0))
        distances = cooks_distances(y, np.ones((1, 16)), mu, hat, x)
        for cutoff in (0.6, 1.0, 2.0):
            exceeding = (distances > cutoff).any(axis=1)
            assert 0 < exceeding.sum() < may_exceed(cutoff, y, mu, hat, 2).sum() < 395
            assert not (exceeding & ~may_exceed(cutoff, y, mu, hat, 2)).any()

    def test_cooks_own_definition(self) -> None:
        rng = np.random.default_rng(8)
        x = np.column_stack([two_groups(4, 5), rng.normal(size=9)])
        y = rng.negative_binomial(3.0, 0.05, (3, 9)).astype(float)
        scale = rng.uniform(0.5, 2.0, (3, 9))
        mu = rng.uniform(20.0, 90.0, (3, 9))
        weight = rng.uniform(1.0, 6.0, (3, 9))
        found = cooks_distances(y, scale, mu, leverages(x, weight), x)
        alpha = robust_dispersion(y / scale, x)
        for g in range(3):
            residual = (y[g] - mu[g]) / np.sqrt(mu[g] + alpha[g] * mu[g] ** 2)
            np.testing.assert_allclose(found[g], one_step_cooks(x, weight[g], residual), rtol=1e-10)
        # A weight enters the squared residual as it enters the leverage.
        w = rng.uniform(0.1, 2.0, (3, 9))
        weighted = cooks_distances(y, scale, mu, leverages(x, weight), x, weights=w)
        np.testing.assert_allclose(weighted, w * found, rtol=1e-15)

    def test_what_has_no_distance(self) -> None:
        x = two_groups(3, 3)
        y = np.array([[5.0, 0, 0, 0, 0, 0], [5.0, 7, 6, 9, 4, 4], [0.0] * 6])
        mu = np.array([[5.0 / 3] * 3 + [0.0] * 3, [6.0] * 6, [np.nan] * 6])
        leverage = np.full((3, 6), 1 / 3)
        leverage[1, 1] = 1.0
        found = cooks_distances(y, np.ones((1, 6)), mu, leverage, x)
        np.testing.assert_array_equal(found[0, 3:], 0.0)
        assert np.isnan(found[1]).tolist() == [False, True] + [False] * 4
        assert np.isnan(found[2]).all()

    def test_largest_among_replicates_only(self) -> None:
        d = np.array([[9.0, 1.0, 2.0, 3.0, 8.0], [9.0, np.nan, np.nan, np.nan, 8.0]])
        x = np.column_stack([[1.0, 0, 0, 0, 0], [0.0, 1, 1, 1, 0], [0.0, 0, 0, 0, 1]])
        np.testing.assert_array_equal(samples_in_cells(x, 3), [False, True, True, True, False])
        np.testing.assert_array_equal(max_cooks(d, x), [3.0, np.nan])
        assert np.isnan(max_cooks(d[:, :4], x[:4, :])).tolist() == [False, True]
        assert np.isnan(max_cooks(d, np.eye(5))).all()
        assert np.isnan(max_cooks(d[:, :2], two_groups(1, 1))).all()

    def test_cutoff_is_a_quantile_of_f(self) -> None:
        for n, p in ((6, 2), (96, 2), (36, 12), (3, 1)):
            assert cooks_cutoff(n, p) == pytest.approx(stats.f.isf(0.01, p, n - p), rel=1e-12)
        for n, p in ((4, 4), (3, 0)):
            with pytest.raises(InputError, match="no cutoff"):
                cooks_cutoff(n, p)


class TestOutliers:
    x = two_groups(3, 4)
    d = np.array([[0.1, 9.0, 0.1, 0.2, 0.2, 0.2, 0.2]] * 3)

    def test_a_low_count_among_high_ones_is_spared(self) -> None:
        y = np.array(
            [
                [5.0, 900.0, 6.0, 7.0, 4.0, 5.0, 6.0],
                [90.0, 0.0, 80.0, 70.0, 95.0, 60.0, 90.0],
                [90.0, 80.0, 85.0, 10.0, 9.0, 8.0, 70.0],
            ]
        )
        largest = max_cooks(self.d, self.x)
        spared = cooks_outliers(largest, 5.0, self.d, y, self.x, True)
        assert spared.tolist() == [True, False, True]
        # Two larger counts are too few; ties are not larger.
        y[1] = [90.0, 60.0, 80.0, 60.0, 60.0, 50.0, 40.0]
        assert cooks_outliers(largest, 5.0, self.d, y, self.x, True).all()
        assert cooks_outliers(largest, 5.0, self.d, y, self.x, False).all()
        assert not cooks_outliers(largest, 9.0, self.d, y, self.x, False).any()

    def test_genes_without_a_distance_keep_their_p_value(self) -> None:
        nothing = np.full((1, 7), np.nan)
        found = cooks_outliers(np.array([np.nan]), 1.0, nothing, nothing, self.x, True)
        assert not found.any()

    def test_samples_without_a_distance_are_not_the_worst(self) -> None:
        d = self.d[:1].copy()
        d[0, 0] = np.nan
        y = np.array([[0.0, 900.0, 5.0, 7.0, 8.0, 9.0, 7.0]])
        assert cooks_outliers(max_cooks(d, self.x), 5.0, d, y, self.x, True).all()

    def test_replacement_by_the_trimmed_mean(self) -> None:
        x = two_groups(7, 3)
        scale = np.linspace(0.5, 1.4, 10)[None, :]
        y = np.round(np.random.default_rng(4).uniform(10, 99, (3, 10)))
        d = np.full((3, 10), 0.5)
        d[0, 2] = d[0, 9] = d[1, 8] = 7.0
        d[2, :] = np.nan
        changed, replaceable = replace_outliers(y, scale, d, 6.0, x)
        assert replaceable.tolist() == [True] * 7 + [False] * 3
        expected = y.copy()
        kept = np.sort(y[0] / scale[0])[2:8]
        expected[0, 2] = np.trunc(kept.mean() * scale[0, 2])
        np.testing.assert_array_equal(changed, expected)
        none, replaceable = replace_outliers(y, scale, d, 6.0, x, min_replicates=8)
        np.testing.assert_array_equal(none, y)
        assert not replaceable.any()

    def test_too_few_replicates_to_tell(self) -> None:
        with pytest.raises(InputError, match="at least 3"):
            replace_outliers(self.d, np.ones((1, 7)), self.d, 1.0, self.x, min_replicates=2)
