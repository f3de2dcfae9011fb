"""Dispersions of replay: its objective, search, grids and starts, the fault at 1e-8 included."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import replay
from countglm.errors import InputError
from countglm.replay import _adjustment, _line_search

TWO_GROUPS = np.column_stack([np.ones(8), np.arange(8) >= 4])


def simulated(genes=200, x=TWO_GROUPS, seed=4):
    rng = np.random.default_rng(seed)
    n = x.shape[0]
    scale = np.exp(rng.normal(0, 0.3, (1, n)))
    mu = scale * np.exp(rng.uniform(0.0, 7.0, (genes, 1)) + rng.normal(size=(genes, 1)) * x[:, 1])
    alpha = rng.gamma(1.0, 0.3, genes) + 1e-6
    y = rng.poisson(rng.gamma(1 / alpha[:, None], alpha[:, None] * mu)).astype(float)
    return y[y.sum(axis=1) > 0], scale, rng


def objective_of(y, mu, x, weights=None, **prior):
    return _line_search.Objective(
        y, mu, weights, _adjustment.make_adjustment(x, weights, 1e-2), **prior
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("prior", [{}, {"variance": 0.4}])
def test_slope_is_the_derivative_of_the_objective(weighted, prior):
    x = np.column_stack([TWO_GROUPS, np.arange(8.0) ** 2])
    y, scale, rng = simulated(40, x)
    weights = rng.uniform(0.0, 1.0, y.shape) if weighted else None
    if prior:
        prior["centre"] = rng.normal(-2, 1, len(y))
    objective = objective_of(y, np.maximum(scale * 5.0, y), x, weights, **prior)
    at = rng.uniform(np.log(1e-3), 1.0, len(y))
    numeric = (objective.value(at + 1e-4) - objective.value(at - 1e-4)) / 2e-4
    np.testing.assert_allclose(objective.slope(at), numeric, 1e-4, 1e-4)


@pytest.mark.parametrize(
    "x", [TWO_GROUPS, np.column_stack([TWO_GROUPS, np.arange(8) % 3])], ids=["groups", "general"]
)
def test_a_gene_has_the_same_bits_alone_and_in_a_block(x):
    y, scale, rng = simulated(x=x)
    weights = rng.uniform(0.0, 1.0, y.shape)
    trend = np.full(len(y), 0.2)
    for w in (None, weights):
        block = replay.genewise_dispersion(y, scale, x, weights=w)
        posterior = replay.map_dispersion(
            y, block.mu, x, block.alpha, trend, 0.5, weights=w, cap=10.0
        )
        for gene in rng.permutation(len(y))[:25]:
            row = slice(gene, gene + 1)
            part = None if w is None else w[row]
            alone = replay.genewise_dispersion(y[row], scale, x, weights=part)
            for one, other in zip(alone, block, strict=True):
                np.testing.assert_array_equal(one, other[row])
            mode = replay.map_dispersion(
                y[row], alone.mu, x, alone.alpha, trend[row], 0.5, weights=part, cap=10.0
            )
            assert mode.alpha[0] == posterior.alpha[gene]
            assert mode.iterations[0] == posterior.iterations[gene]


def test_a_start_at_the_floor_stays_there():
    y = np.array([[1, 2, 2, 1, 10, 0, 18, 20], [1, 2, 3, 1, 10, 0, 18, 20.0]])
    fit = replay.genewise_dispersion(y, np.ones((1, 8)), TWO_GROUPS)
    # One count more in the first group gives the second gene an excess variance to start from.
    np.testing.assert_allclose(fit.alpha, [1e-8, 0.847184183926], 1e-9)
    objective = objective_of(y, fit.mu, TWO_GROUPS)
    better = objective.value(np.log([0.87, 0.87])) - objective.value(np.log([1e-8, 1e-8]))
    assert (better > 8.0).all()


def test_most_searches_end_near_a_stationary_point():
    y, scale, _ = simulated()
    fit = replay.genewise_dispersion(y, scale, TWO_GROUPS)
    inside = fit.converged & (fit.alpha > 1e-4) & (fit.alpha < 9.0)
    slope = objective_of(y, fit.mu, TWO_GROUPS).slope(np.log(fit.alpha))
    assert inside.sum() > 100
    assert np.median(np.abs(slope[inside])) < 0.002


def test_means_of_groups_are_those_of_normalised_counts():
    y, scale, _ = simulated(50)
    fit = replay.genewise_dispersion(y, scale, TWO_GROUPS)
    group = np.repeat([0, 1], 4)
    means = np.stack([(y / scale)[:, group == k].mean(axis=1) for k in (0, 1)], axis=1)
    np.testing.assert_allclose(fit.mu, np.maximum(means[:, group] * scale, 0.5), 1e-12)


def test_means_of_other_designs_are_those_of_the_coefficients():
    x = np.column_stack([TWO_GROUPS, np.arange(8) % 3])
    y, scale, _ = simulated(30, x)
    fit = replay.genewise_dispersion(y, scale, x)
    assert (fit.mu >= 0.5).all()
    # Weights of 1 change nothing but the way to a design of groups.
    weighted = replay.genewise_dispersion(y, scale, x, weights=np.ones_like(y))
    np.testing.assert_allclose(weighted.alpha, fit.alpha, 1e-9)


def test_grid_takes_the_best_of_its_points():
    y, scale, _ = simulated(60)
    mu = replay.genewise_dispersion(y, scale, TWO_GROUPS).mu
    objective = objective_of(y, mu, TWO_GROUPS)
    best = _line_search.grid_search(objective, 10.0)
    coarse = np.linspace(np.log(1e-8), np.log(10.0), 20)
    spacing = coarse[1] - coarse[0]
    for k in range(len(y)):
        one = objective.take(np.arange(len(y)) == k)
        centre = max(coarse, key=lambda point: one.value(np.array([point]))[0])
        points = np.linspace(centre - spacing, centre + spacing, 20)
        values = [one.value(np.array([point]))[0] for point in points]
        assert best[k] == points[np.argmax(values)]


def test_search_that_runs_out_of_steps_ends_on_the_grid(monkeypatch):
    y, scale, _ = simulated(60)
    fit = replay.genewise_dispersion(y, scale, TWO_GROUPS)
    trend = np.full(len(y), 0.3)
    modes = replay.map_dispersion(y, fit.mu, TWO_GROUPS, fit.alpha, trend, 0.5, cap=10.0)
    monkeypatch.setattr(_line_search, "MAX_STEPS", 2)
    monkeypatch.setattr("countglm.replay.dispersion.MAX_STEPS", 2)
    short = replay.map_dispersion(y, fit.mu, TWO_GROUPS, fit.alpha, trend, 0.5, cap=10.0)
    ended = short.iterations == 2
    assert ended.sum() > 30
    # The grid's points are 0.12 apart.
    assert (np.abs(np.log(short.alpha / modes.alpha)) < 0.13).all()
    assert (short.alpha != modes.alpha)[ended].all()


def test_prior_pulls_towards_the_trend():
    y, scale, _ = simulated()
    fit = replay.genewise_dispersion(y, scale, TWO_GROUPS)
    trend = np.full(len(y), 0.3)
    narrow, wide = (
        replay.map_dispersion(y, fit.mu, TWO_GROUPS, fit.alpha, trend, v, cap=10.0).alpha
        for v in (1e-4, 1.0)
    )
    assert (np.abs(np.log(narrow / 0.3)) <= np.abs(np.log(wide / 0.3)) + 1e-3).all()
    np.testing.assert_allclose(narrow, 0.3, 0.1)


def test_moment_start_takes_the_mean_of_all_genes_where_given():
    # A start at the floor stays there, so the moments decide between 1e-8 and the optimum.
    y, scale, _ = simulated()
    own = replay.genewise_dispersion(y, scale, TWO_GROUPS)
    huge = replay.genewise_dispersion(y, scale, TWO_GROUPS, mean_inverse_scale=1e9)
    assert (own.alpha > 1e-3).mean() > 0.5
    assert (huge.alpha < 1e-7).mean() > 0.95


def test_no_residual_degrees_of_freedom():
    with pytest.raises(InputError, match="2 samples and 2 coefficients"):
        replay.genewise_dispersion(np.ones((1, 2)), np.ones((1, 2)), np.array([[1.0, 0], [1, 1]]))
