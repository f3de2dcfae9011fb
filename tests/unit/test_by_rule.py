"""Genes fitted by a rule for their zeros, against the same genes with every sample visited."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from countglm import GLMFit, Status, _by_rule, _tiles, _visits, estimate_dispersion, fit_glm
from countglm._nonzeros import nonzeros_of
from countglm.basis import make_basis

pytestmark = pytest.mark.compiled

N, GENES = 480, 24
rng = np.random.default_rng(11)
GROUP = np.arange(N) % 4
DESIGN = np.column_stack([np.ones(N), GROUP >= 2, GROUP % 2]).astype(float)
DEPTH = np.exp(rng.normal(0, 0.6, N))


def simulated() -> np.ndarray:
    """Mostly zeros; the last genes miss in some groups, or everywhere, or have few zeros."""
    effects = rng.normal(0, 0.7, (3, GENES)) + np.array([[-1.0], [0.0], [0.0]])
    mu = DEPTH[:, None] * np.exp(DESIGN @ effects)
    alpha = np.exp(rng.normal(-0.5, 1.0, GENES))
    y = rng.poisson(mu * rng.gamma(1 / alpha, alpha, mu.shape))
    y[GROUP == 3, -1] = 0
    y[GROUP >= 2, -2] = 0
    y[GROUP != 0, -3] = 0
    y[:, -4] = 0
    y[:, -5] = rng.poisson(30 * DEPTH)
    y[:, -6] = 0
    y[7, -6] = 1
    return y


COUNTS = simulated()


def fitted(counts: Any = COUNTS, zeros: str = "auto", design: Any = DESIGN, **options: Any) -> Any:
    options = {"size_factors": DEPTH, "threads": 1} | options
    return fit_glm(counts, design, zeros=zeros, **options)


def assert_alike(a: GLMFit, b: GLMFit) -> None:
    """The same estimates within 1e-9 standard errors, and the same statements."""
    np.testing.assert_array_equal(a.status, b.status)
    sound = np.isfinite(b.standard_errors)
    np.testing.assert_array_equal(np.isfinite(a.standard_errors), sound)
    far = np.abs(a.coefficients[sound] - b.coefficients[sound]) / b.standard_errors[sound]
    assert far.max() < 1e-9
    np.testing.assert_array_equal(a.coefficients[np.isinf(a.coefficients)] > 0,
                                  b.coefficients[np.isinf(b.coefficients)] > 0)  # fmt: skip
    np.testing.assert_array_equal(np.isnan(a.coefficients), np.isnan(b.coefficients))
    np.testing.assert_allclose(a.dispersion, b.dispersion, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(a.standard_errors, b.standard_errors, rtol=1e-9)
    np.testing.assert_allclose(a.deviance, b.deviance, rtol=1e-11)
    np.testing.assert_allclose(a.log_likelihood, b.log_likelihood, rtol=1e-11)
    np.testing.assert_allclose(a.base_mean, b.base_mean, rtol=1e-13)
    np.testing.assert_allclose(a.min_eigenvalue, b.min_eigenvalue, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(a.separation_pattern >= 0, b.separation_pattern >= 0)
    for gene in np.flatnonzero(a.separation_pattern >= 0):
        mine = a.separated_samples[a.separation_pattern[gene]]
        np.testing.assert_array_equal(mine, b.separated_samples[b.separation_pattern[gene]])


@pytest.mark.parametrize("solver", ["irls", "newton"])
def test_the_estimates_are_those_of_visits(solver: str) -> None:
    a, b = fitted(solver=solver), fitted(zeros="visit", solver=solver)
    assert_alike(a, b)
    assert a.zeros_by_rule is not None
    np.testing.assert_array_equal(a.zeros_by_rule, (COUNTS == 0).mean(axis=0) >= 0.5)
    assert 1 <= np.count_nonzero(~a.zeros_by_rule) < GENES / 3
    assert b.zeros_by_rule is not None
    assert not b.zeros_by_rule.any()
    assert {Status.SEPARATED, Status.ALL_ZERO, Status.CONVERGED} <= set(a.status)
    # Zeros lie below the largest of their information, that of the samples at hand.
    sound = a.converged & b.converged
    assert (a.max_leverage[sound] >= b.max_leverage[sound] * (1 - 1e-9)).all()
    np.testing.assert_allclose(a.max_leverage[sound], b.max_leverage[sound], rtol=0.3)


@pytest.mark.parametrize("dispersion", [0.0, 1e-9, 0.2, 30.0])
def test_given_dispersions(dispersion: float) -> None:
    assert_alike(fitted(dispersion=dispersion), fitted(zeros="visit", dispersion=dispersion))


def test_weights_are_those_of_repeated_samples() -> None:
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], N)
    a, b = fitted(weights=weights), fitted(zeros="visit", weights=weights)
    assert a.zeros_by_rule.any()
    assert_alike(a, b)


def test_counts_that_are_no_whole_numbers() -> None:
    counts = np.where(COUNTS > 0, COUNTS + rng.choice([0.0, 0.25, 0.5], COUNTS.shape), 0.0)
    counts[:, 0] *= 3
    a, b = (fitted(counts, zeros=zeros, allow_noninteger=True) for zeros in ("auto", "visit"))
    assert a.zeros_by_rule.any()
    assert_alike(a, b)


def test_genes_that_wait_change_no_bit_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted()
    monkeypatch.setattr(_by_rule, "ROOM", 1)
    same_bits(whole, fitted(block_size=5))


def test_weights_of_one_sample_do_not_raise_the_leverage_of_another() -> None:
    weights = np.where(np.arange(N) == 3, 300.0, 1.0)
    fit = fitted(weights=weights, dispersion=0.4)
    known = np.isfinite(fit.max_leverage)
    assert known.sum() > GENES / 2
    assert fit.max_leverage[known].max() <= 1.0 + 1e-12


def test_large_counts_keep_their_deviance() -> None:
    counts = np.zeros((N, 2))
    counts[GROUP == 1] = 9000.0
    design = (GROUP == 1)[:, None] == np.array([True, False])
    a, b = (fitted(counts, zeros, design, dispersion=0.1, size_factors="none")
            for zeros in ("auto", "visit"))  # fmt: skip
    assert a.zeros_by_rule.all()
    assert (a.deviance >= 0.0).all()
    np.testing.assert_allclose(a.deviance, b.deviance, atol=1e-7)
    np.testing.assert_allclose(a.log_likelihood, b.log_likelihood, rtol=1e-11)


def test_many_samples_need_no_room_for_what_they_share(monkeypatch: pytest.MonkeyPatch) -> None:
    visited = fitted(zeros="visit")
    monkeypatch.setattr(_visits, "MANY", 1)
    same_bits(visited, fitted(zeros="visit"))
    y = COUNTS.T.astype(float)
    layout = _tiles.make_layout(make_basis(DESIGN), None)
    small = _tiles.narrowed(layout, y, own=False)
    assert small.at.end < layout.at.end - 2 * N
    assert _tiles.narrowed(layout, y + 0.5, own=True).at.table == N


def test_a_design_of_groups_and_one_that_is_singular() -> None:
    means = (GROUP[:, None] == np.arange(4)).astype(float)
    assert_alike(fitted(design=means), fitted(zeros="visit", design=means))


def test_what_forbids_a_rule() -> None:
    covariate = np.column_stack([DESIGN, np.linspace(-1, 1, N)])
    by_gene = np.ones((N, GENES))
    for options in ({"design": covariate}, {"weights": by_gene}, {"offset": 0.0 * by_gene}):
        assert not fitted(**options).zeros_by_rule.any()


def test_traces_end_where_the_fit_does() -> None:
    fit = fitted(dispersion=0.3, trace=True)
    trace = fit.trace[0]
    np.testing.assert_allclose(trace.deviance[-1], fit.deviance[0], rtol=1e-12)
    np.testing.assert_allclose(trace.coefficients[-1], fit.coefficients[0], rtol=1e-9)
    assert (np.diff(trace.deviance) <= 1e-12 * fit.deviance[0]).all()


def same_bits(a: GLMFit, b: GLMFit) -> None:
    skipped = {"provenance", "counts", "design", "gene_names", "trace"}
    for field in fields(a):
        if field.name not in skipped:
            mine, theirs = getattr(a, field.name), getattr(b, field.name)
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)


STORAGES = {
    "csr": scipy.sparse.csr_array,
    "csc": scipy.sparse.csc_matrix,
    "fortran": np.asfortranarray,
    "float": lambda y: y.astype(np.float32),
}


@pytest.mark.parametrize("storage", STORAGES)
def test_the_same_bits_from_every_storage(storage: str) -> None:
    same_bits(fitted(), fitted(STORAGES[storage](COUNTS)))


@pytest.mark.parametrize(("threads", "block"), [(2, None), (1, 1), (2, 3), (3, 100)])
def test_the_same_bits_for_any_blocks_and_threads(threads: int, block: int | None) -> None:
    same_bits(fitted(), fitted(threads=threads, block_size=block))


def test_a_gene_has_the_same_bits_among_any_others() -> None:
    whole = fitted()
    order = rng.permutation(GENES)[: GENES // 2]
    part = fitted(COUNTS[:, order])
    for name in ("coefficients", "dispersion", "standard_errors", "newton_decrement", "status"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[order])


def test_nonzeros_of_a_block() -> None:
    y = COUNTS[:, -5:].T.astype(float)
    given = nonzeros_of(y)
    np.testing.assert_array_equal(given.dense(N), y)
    np.testing.assert_array_equal(given.take(np.array([3, 0])).dense(N), y[[3, 0]])
    assert given.n_genes == 5


def test_a_saved_fit_still_says_which_genes_took_the_rule(tmp_path: Any) -> None:
    fit = fitted()
    fit.save(tmp_path / "fit.h5")
    np.testing.assert_array_equal(GLMFit.load(tmp_path / "fit.h5").zeros_by_rule, fit.zeros_by_rule)


def test_posterior_modes_are_those_of_visits_where_a_root_left_points_behind() -> None:
    # Gene 8 of this table once had its mode a hundredth off: the points around its own maximum,
    # apart by the last digits, misled the search of the shared one.
    draw = np.random.default_rng(5)
    n, genes = 900, 120
    group = draw.choice(3, n, p=[0.6, 0.395, 0.005])
    group[:2], group[2:7] = 3, 4
    depth = np.exp(draw.normal(0, 0.6, n))
    mu = draw.gamma(0.6, 1, genes)[None, :] * depth[:, None]
    mu = mu * np.exp(0.4 * (group == 1))[:, None]
    mu = mu * np.exp(draw.normal(0, 0.3, genes)[None, :] * (group == 1)[:, None])
    y = draw.negative_binomial(2, 2 / (2 + mu))
    for j in range(0, genes, 4):
        i = draw.integers(n)
        y[i, j] = draw.integers(50, 5000)
    design = (group[:, None] == np.arange(5)).astype(float)
    modes = [
        estimate_dispersion(y, design, size_factors=depth, zeros=zeros, threads=1).map
        for zeros in ("auto", "visit")
    ]
    np.testing.assert_allclose(*modes, rtol=1e-7)
