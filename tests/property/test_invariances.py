"""What the estimate must do under changes whose effect is known without fitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from countglm import Status, fit_glm

SEEDS = st.integers(0, 2**32 - 1)
# Two exact fits of one problem differ by rounding only; in units of the standard error.
ROUNDING = 1e-10
FEW = settings(max_examples=20, deadline=None)


@dataclass(frozen=True)
class Genes:
    """A few genes with finite estimates: counts (n, g), design (n, p), dispersion (g,)."""

    counts: np.ndarray
    design: np.ndarray
    dispersion: np.ndarray
    size_factors: np.ndarray

    def fit(self, counts=None, design=None, **options):
        """Fit with these options in place of the genes' own."""
        chosen = {"dispersion": self.dispersion, "size_factors": self.size_factors} | options
        return fit_glm(
            self.counts if counts is None else counts,
            self.design if design is None else design,
            **chosen,
        )


def genes(seed: int, n: int | None = None) -> Genes:
    """Draw genes; counts are positive, so that every estimate exists."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 15)) if n is None else n
    p = int(rng.integers(1, 5))
    columns = [np.ones(n), np.arange(n) % 2, rng.normal(size=n), rng.normal(size=n) * 30 + 50]
    design = np.column_stack(columns[:p])
    dispersion = 10.0 ** rng.uniform(-7, 1, 6)
    level = np.exp(rng.uniform(0, 12, 6)) * np.exp(rng.normal(size=(n, 6)) * 0.5)
    return Genes(rng.poisson(level) + 1.0, design, dispersion, np.exp(rng.normal(size=n) * 0.4))


def assert_same(estimate, expected, standard_errors) -> None:
    """Assert equality to rounding, in standard errors."""
    gap = np.abs(estimate - expected) / standard_errors
    assert np.max(gap) <= ROUNDING, f"{np.max(gap):.2e} standard errors apart"


@FEW
@given(SEEDS, st.floats(-5, 5))
def test_scaling_an_offset_shifts_the_intercept(seed: int, shift: float) -> None:
    data = genes(seed)
    plain, moved = data.fit(), data.fit(offset=np.full(len(data.counts), shift))
    expected = plain.coefficients.copy()
    expected[:, 0] -= shift
    assert_same(moved.coefficients, expected, plain.standard_errors)
    np.testing.assert_allclose(moved.standard_errors, plain.standard_errors, rtol=1e-9)
    np.testing.assert_allclose(moved.log_likelihood, plain.log_likelihood, rtol=1e-12)


@FEW
@given(SEEDS)
def test_size_factors_are_offsets(seed: int) -> None:
    data = genes(seed)
    plain = data.fit()
    offset = np.repeat(np.log(data.size_factors)[:, None], data.counts.shape[1], axis=1)
    other = data.fit(size_factors="none", offset=offset)
    assert_same(other.coefficients, plain.coefficients, plain.standard_errors)


@FEW
@given(SEEDS)
def test_recoding_the_design_transforms_the_coefficients(seed: int) -> None:
    data = genes(seed)
    rng = np.random.default_rng(seed)
    p = data.design.shape[1]
    a = np.eye(p) + 0.4 * rng.uniform(-1, 1, (p, p)) / p
    plain, recoded = data.fit(), data.fit(design=data.design @ a)
    assert_same(recoded.coefficients @ a.T, plain.coefficients, plain.standard_errors)
    np.testing.assert_allclose(recoded.log_likelihood, plain.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(recoded.deviance, plain.deviance, rtol=1e-9, atol=1e-9)


@FEW
@given(SEEDS, st.booleans())
def test_a_duplicated_sample_is_weight_two(seed: int, estimate: bool) -> None:
    data = genes(seed, n=8)
    options = {"dispersion": None, "max_dispersion": 10.0} if estimate else {}
    weights = np.ones(8)
    weights[3] = 2.0
    weighted = data.fit(weights=weights, **options)
    twice = np.append(np.arange(8), 3)
    doubled = data.fit(
        counts=data.counts[twice],
        design=data.design[twice],
        size_factors=data.size_factors[twice],
        **options,
    )
    np.testing.assert_allclose(doubled.dispersion, weighted.dispersion, rtol=1e-7, atol=1e-12)
    # Beta follows the dispersion, which is known to its own rounding only.
    slack = 1e-6 if estimate else ROUNDING
    gap = np.abs(doubled.coefficients - weighted.coefficients) / weighted.standard_errors
    assert np.max(gap) <= slack
    np.testing.assert_allclose(doubled.standard_errors, weighted.standard_errors, rtol=slack)
    np.testing.assert_allclose(doubled.log_likelihood, weighted.log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(doubled.deviance, weighted.deviance, rtol=1e-6, atol=1e-9)


@FEW
@given(SEEDS)
def test_a_sample_of_weight_zero_is_no_sample(seed: int) -> None:
    data = genes(seed, n=9)
    weights = np.ones(9)
    weights[4] = 0.0
    kept = weights > 0
    weighted = data.fit(weights=weights)
    removed = data.fit(
        counts=data.counts[kept], design=data.design[kept], size_factors=data.size_factors[kept]
    )
    assert_same(weighted.coefficients, removed.coefficients, removed.standard_errors)
    np.testing.assert_allclose(weighted.log_likelihood, removed.log_likelihood, rtol=1e-12)


@FEW
@given(SEEDS, st.booleans())
def test_order_of_samples_does_not_matter(seed: int, estimate: bool) -> None:
    data = genes(seed)
    options = {"dispersion": None} if estimate else {}
    order = np.random.default_rng(seed).permutation(len(data.counts))
    plain = data.fit(**options)
    moved = data.fit(
        counts=data.counts[order],
        design=data.design[order],
        size_factors=data.size_factors[order],
        **options,
    )
    np.testing.assert_allclose(moved.dispersion, plain.dispersion, rtol=1e-7, atol=1e-12)
    gap = np.abs(moved.coefficients - plain.coefficients) / plain.standard_errors
    assert np.max(gap) <= (1e-6 if estimate else ROUNDING)


@FEW
@given(SEEDS, st.sampled_from([0.0, 1e-9, 0.3, 50.0]))
def test_constructed_solutions_are_found(seed: int, alpha: float) -> None:
    # mu = y makes the score zero at any dispersion: powers of integers have integer means.
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(9), rng.integers(0, 3, (9, 2))])
    if np.linalg.matrix_rank(design) < 3:
        design[:3, 1:] = [[1, 0], [0, 1], [2, 2]]
    base = rng.integers(2, 40, 3).astype(float)
    counts = np.prod(base**design, axis=1)[:, None]
    fit = fit_glm(counts, design, dispersion=alpha, size_factors="none")
    assert_same(fit.coefficients[0], np.log(base), fit.standard_errors[0])
    assert 0 <= fit.deviance[0] <= 1e-9
    assert fit.status[0] == Status.CONVERGED


@FEW
@given(SEEDS)
def test_poisson_is_dispersion_zero(seed: int) -> None:
    data = genes(seed)
    poisson = data.fit(family="poisson", dispersion=None)
    limit = data.fit(dispersion=0.0)
    np.testing.assert_array_equal(poisson.coefficients, limit.coefficients)
    np.testing.assert_array_equal(poisson.log_likelihood, limit.log_likelihood)
    assert np.all(poisson.dispersion == 0)


@FEW
@given(SEEDS)
def test_solvers_agree_and_deviance_is_not_negative(seed: int) -> None:
    data = genes(seed)
    irls, newton = data.fit(), data.fit(solver="newton")
    assert_same(irls.coefficients, newton.coefficients, newton.standard_errors)
    assert np.all(irls.deviance >= 0)
    assert np.all(newton.deviance >= 0)


@FEW
@given(SEEDS)
def test_tiny_dispersion_continues_the_poisson(seed: int) -> None:
    data = genes(seed)
    small = data.counts.max(axis=0) < 1e4
    poisson = data.fit(dispersion=0.0)
    mu = poisson.mu()
    for alpha in (1e-16, 1e-13, 1e-10):
        near = data.fit(dispersion=alpha)
        # d loglik / d alpha at 0 is half the sum of (y - mu)^2 - y.
        slope = 0.5 * np.sum((data.counts - mu) ** 2 - data.counts, axis=0)
        change = near.log_likelihood - poisson.log_likelihood
        scale = np.abs(poisson.log_likelihood)
        assert np.all(np.abs(change - alpha * slope)[small] <= (1e-13 * scale + 1e-6)[small])
        gap = np.abs(near.coefficients - poisson.coefficients) / poisson.standard_errors
        assert np.all(gap[small] <= alpha * 1e10 + ROUNDING)


@FEW
@given(SEEDS)
def test_relevelling_a_factor_leaves_contrasts(seed: int) -> None:
    data = genes(seed, n=12)
    level = np.arange(12) % 3
    batch = (np.arange(12) // 6).astype(float)
    one_hot = (level[:, None] == np.arange(3)).astype(float)
    contrasts = []
    for reference in range(3):
        others = [k for k in range(3) if k != reference]
        design = np.column_stack([np.ones(12), one_hot[:, others], batch])
        fit = data.fit(design=design)
        effect = np.zeros((3, fit.n_genes))
        effect[others] = fit.coefficients[:, 1:3].T
        contrasts.append((effect[2] - effect[0], effect[1] - effect[0]))
        if reference == 0:
            errors = fit.standard_errors[:, [2, 1]].T
    for other in contrasts[1:]:
        assert_same(np.array(other), np.array(contrasts[0]), errors)


def test_relevelling_by_formula_leaves_contrasts() -> None:
    import pandas as pd

    data = genes(8, n=12)
    names = np.array(["a", "b", "c"])[np.arange(12) % 3]
    estimates = []
    for reference in "abc":
        levels = [reference, *(x for x in "abc" if x != reference)]
        obs = pd.DataFrame({"level": pd.Categorical(names, levels)})
        fit = data.fit(design="~ level", obs=obs)
        vector, _ = fit.design.contrast(["level", "c", "b"])
        estimates.append(fit.coefficients @ vector)
        spread = np.sqrt(np.einsum("j,gjk,k->g", vector, fit.covariance, vector))
    assert_same(np.array(estimates[:2]), estimates[2], spread)


def test_status_is_the_first_that_applies() -> None:
    design = np.column_stack([np.ones(6), np.repeat([0.0, 1.0], 3)])
    counts = np.array(
        [
            [3, 4, 5, 2, 1, 3],  # weights all 0
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 9, 9, 9],  # zeros where the weight is
            [4, 0, 3, 9, 9, 9],  # one group has no weight
            [0, 0, 0, 5, 6, 7],
            [4, 5, 3, 5, 6, 7],
            [0, 0, 0, 0, 0, 0],  # weights all 0 and counts all 0
        ],
        dtype=float,
    ).T
    weights = np.ones((6, 7))
    weights[:, [0, 6]] = 0.0
    weights[3:, [2, 3]] = 0.0
    fit = fit_glm(counts, design, dispersion=0.1, size_factors="none", weights=weights)
    assert [Status(int(s)) for s in fit.status] == [
        Status.INVALID,
        Status.ALL_ZERO,
        Status.ALL_ZERO,
        Status.SINGULAR,
        Status.SEPARATED,
        Status.CONVERGED,
        Status.INVALID,
    ]
    assert np.all(fit.log_likelihood[[1, 2]] == 0)
    assert np.all(np.isnan(fit.coefficients[[0, 1, 2, 6]]))
    assert fit.coefficients[4, 0] == -np.inf
    assert fit.coefficients[4, 1] == np.inf


def test_running_out_of_iterations_is_said() -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(8), rng.normal(size=8)])
    counts = np.array([[0, 0, 0, 5000, 0, 0, 1, 2]], dtype=float).T
    fit = fit_glm(counts, design, dispersion=2.0, size_factors="none", max_iter=1)
    assert fit.status[0] == Status.MAX_ITER
    assert not fit.converged[0]
