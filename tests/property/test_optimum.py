"""Small versions of the acceptance lists: distance, existence, dispersion against references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm import Status, fit_glm
from tests.accept.certificate import Tally, check_gene, gene_of
from tests.accept.dispersion import excess
from tests.accept.separation import Survey, examine
from tests.support import cases
from tests.support import reference as ref
from tests.support.profile import adjusted_profile_grid


def interaction_design(repeats: int = 3) -> np.ndarray:
    """Two strains at six times in treatment coding, with interaction: 12 coefficients."""
    cell = np.repeat(np.arange(12), repeats)
    strain = (cell // 6 == 1).astype(float)
    time = (cell[:, None] % 6 == np.arange(1, 6)).astype(float)
    return np.column_stack([np.ones(cell.size), strain, time, time * strain[:, None]])


@pytest.mark.parametrize("solver", ["irls", "newton"])
def test_extremes_lie_at_the_optimum_and_within_their_bound(solver: str) -> None:
    tally = Tally()
    for case in cases.extremes(31, 2):
        factors = cases.size_factors_of(case.counts)
        fit = fit_glm(
            case.counts,
            case.design,
            dispersion=case.dispersion,
            size_factors=factors,
            solver=solver,
            **case.options,
        )
        for index in range(fit.n_genes):
            check_gene(fit, gene_of(fit, case.counts, index), index, tally, {})
    assert tally.genes >= 15
    assert not tally.broken
    assert not tally.wrong_status
    assert all(ok for *_, ok in tally.claims())


@pytest.mark.parametrize("solver", ["irls", "newton"])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.0, 100.0])
def test_a_start_that_extrapolates_a_zero_finds_the_optimum(solver: str, alpha: float) -> None:
    # Least squares of the log counts predicts e^74 for the zero: the way back must be safe.
    design = np.array(
        [
            [-0.10407309182103876, -2.5331397703348704, -0.6546487324279143],
            [-0.509934084799098, 2.0238607042506094, -0.20491057979790958],
            [-0.7953313460738248, -0.261761809928258, -0.7636582864574512],
            [0.34409315199966345, -0.46413029935485434, -1.3119592777396019],
        ]
    )
    counts = np.array([528.0, 507.0, 561.0, 0.0])
    fit = fit_glm(counts[:, None], design, dispersion=alpha, size_factors="none", solver=solver)
    best = ref.maximise(ref.make_problem(counts, design), alpha)
    assert fit.status[0] == Status.CONVERGED
    distance = ref.distance(ref.make_problem(counts, design), fit.coefficients[0], best, alpha)
    assert distance <= 1e-8
    assert fit.distance_bound[0] >= distance


@pytest.mark.parametrize("solver", ["irls", "newton"])
def test_a_start_far_above_every_count_finds_the_optimum(solver: str) -> None:
    # Weighted least squares lets four zeros go where three counts send them: to e^161.
    design = np.array(
        [
            [-0.0006457355747690616, -0.6827640854529988, 405.96016787718213],
            [0.0005329863486969708, -1.1270157718400267, 596.7572655875135],
            [-8.464826085516838e-05, -0.05329946886380453, 1436.0302124678724],
            [-0.0022512511680310046, -0.8262714866697507, -283.8123574532846],
            [0.002217422205549312, 0.027454578324526635, 1950.784486535647],
            [0.00046804054583414034, 1.4733156615324174, -639.8360765850721],
            [0.0020323047603430927, 0.5067743391426497, -547.2037131269076],
        ]
    )
    counts = np.array([623.0, 0.0, 0.0, 0.0, 0.0, 682.0, 684.0])
    fit = fit_glm(counts[:, None], design, dispersion=0.0, size_factors="none", solver=solver)
    problem = ref.make_problem(counts, design)
    best = ref.maximise(problem, 0.0)
    assert fit.status[0] == Status.CONVERGED
    assert ref.distance(problem, fit.coefficients[0], best, 0.0) <= 1e-8


def test_existence_agrees_with_linear_programs() -> None:
    rng = np.random.default_rng(123)
    survey = Survey()
    for _ in range(60):
        examine(survey, rng, exact=True, limits=True)
    assert survey.separated >= 10
    assert survey.limits >= 3
    assert survey.exact_differs == 0
    assert not survey.wrong
    assert not survey.unfinished
    assert not survey.wrong_limits


def test_separated_samples_of_an_interaction_are_the_empty_cells() -> None:
    # Contrasts that cancel to rounding noise must not pass for directions of separation.
    rng = np.random.default_rng(77)
    design = interaction_design()
    empty = rng.random((12, 40)) < 0.3
    empty[0] = False
    counts = rng.poisson(1.5, (36, 40)).astype(float)
    counts[0] += 1.0
    for cell in range(12):
        rows = slice(3 * cell, 3 * cell + 3)
        counts[3 * cell] = np.maximum(counts[3 * cell], 1.0)
        counts[rows] = np.where(empty[cell], 0.0, counts[rows])
    fit = fit_glm(counts, design, size_factors="none")
    for gene in range(40):
        expected = np.repeat(empty[:, gene], 3)
        if not expected.any():
            assert fit.status[gene] in (Status.CONVERGED, Status.BOUNDARY_DISPERSION)
            continue
        assert fit.status[gene] == Status.SEPARATED
        told = fit.separated_samples[fit.separation_pattern[gene]]
        np.testing.assert_array_equal(told, expected)
        higher, where = excess(fit, counts, gene)
        assert higher <= 1e-8, f"gene {gene}: alpha {where} is better"


@pytest.mark.parametrize("alpha", [0.0, 1e-10, 0.1])
def test_a_basis_vector_of_rounding_noise_determines_nothing(alpha: float) -> None:
    # On the positive samples the last basis vector is 1e-17: it must not pass for full rank.
    design = np.array(
        [[0, 0, 1], [0, 0, 0], [0, 1, 1], [0, 1, 1], [1, 0, 0], [0, 1, 1], [1, 1, 1]], dtype=float
    )
    counts = np.array([0.0, 117.0, 106.0, 135.0, 86.0, 102.0, 130.0])
    fit = fit_glm(counts[:, None], design, dispersion=alpha, size_factors="none")
    assert fit.status[0] == Status.SEPARATED
    np.testing.assert_array_equal(fit.separated_samples[fit.separation_pattern[0]], counts == 0)
    np.testing.assert_array_equal(fit.coefficients[0, 1:], [np.inf, -np.inf])


def test_limits_that_can_go_both_ways_are_not_a_number() -> None:
    design = np.array(
        [[1, 2, 2, 0], [1, 0, 0, 0], [1, 1, 0, 1], [1, 2, -1, -1], [1, 1, -1, 1]], dtype=float
    )
    counts = np.array([[0.0], [540.0], [0.0], [0.0], [0.0]])
    fit = fit_glm(counts, design, dispersion=5.0, size_factors="none")
    np.testing.assert_array_equal(fit.coefficients[0, 1:], [-np.inf, np.nan, np.nan])
    assert fit.coefficients[0, 0] == pytest.approx(np.log(540.0), abs=1e-12)


def test_no_grid_finds_a_higher_profile() -> None:
    worst = 0.0
    for case in cases.small_studies(41, 12):
        fit = fit_glm(case.counts, case.design, size_factors="none")
        for index in np.flatnonzero(case.counts.sum(axis=0) > 0):
            worst = max(worst, excess(fit, case.counts, index)[0])
    assert worst <= 1e-8


@pytest.mark.parametrize(
    ("counts", "design"),
    [
        ([17, 196, 57, 158, 35, 217], "slopes"),
        ([0, 0, 0, 0, 0, 0, 0, 2], "groups"),
        ([1, 2, 3, 1, 10, 0, 18, 20], "groups"),
    ],
)
def test_hard_profiles_are_maximised_globally(counts: list[int], design: str) -> None:
    y = np.array(counts, dtype=float)
    n = y.size
    x = {
        "slopes": np.column_stack([np.ones(n), np.arange(n) % 2, np.linspace(-1, 1, n)]),
        "groups": np.column_stack([np.ones(n), np.repeat([0, 1], n // 2)]),
    }[design]
    fit = fit_glm(y[:, None], x, size_factors="none")
    assert excess(fit, y[:, None], 0)[0] <= 1e-8


def test_weights_enter_the_adjusted_profile() -> None:
    rng = np.random.default_rng(9)
    design = np.column_stack([np.ones(8), np.arange(8) % 2])
    counts = rng.negative_binomial(3, 0.05, (8, 6)).astype(float)
    weights = rng.uniform(0.2, 3.0, 8)
    fit = fit_glm(counts, design, size_factors="none", weights=weights)
    for gene in range(6):
        assert excess(fit, counts, gene, weights)[0] <= 1e-8


def test_a_profile_that_rises_to_the_cap_ends_there() -> None:
    counts = np.zeros((8, 1))
    counts[[0, 7, 3], 0] = [2.0, 1.0, 40.0]
    design = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4), np.linspace(-1, 1, 8) ** 2])
    fit = fit_glm(counts, design, size_factors="none", max_dispersion=0.5)
    assert fit.dispersion[0] == 0.5
    alpha = np.array([0.5, *np.geomspace(1e-6, 0.5, 200)])
    values = adjusted_profile_grid(counts[:, 0], design, np.zeros(8), alpha)
    assert float(values[0]) >= float(values.max()) - 1e-8


def digests(first: Any, second: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of the arrays of two fits."""
    from tests.accept.bits import digest

    return digest(first), digest(second)


@pytest.mark.parametrize("options", [{"threads": 2}, {"block_size": 7}, {"block_size": 64}])
def test_bits_do_not_depend_on_threads_and_blocks(options: dict[str, int]) -> None:
    rng = np.random.default_rng(10)
    counts = rng.negative_binomial(1, 0.1, (7, 150))
    design = np.column_stack([np.ones(7), np.arange(7) % 2, rng.normal(size=7)])
    first, second = digests(
        fit_glm(counts, design, size_factors="library", threads=1),
        fit_glm(counts, design, size_factors="library", **options),
    )
    assert first == second


def test_bits_do_not_depend_on_storage() -> None:
    from tests.accept.bits import storages

    rng = np.random.default_rng(11)
    counts = rng.negative_binomial(1, 0.1, (7, 60))
    design = np.column_stack([np.ones(7), np.arange(7) % 2])
    base = fit_glm(counts, design, size_factors="library")
    for label, stored in storages(counts):
        first, second = digests(base, fit_glm(stored, design, size_factors="library"))
        assert first == second, label


def test_bits_of_a_gene_do_not_depend_on_the_others() -> None:
    from tests.accept.bits import digest

    rng = np.random.default_rng(12)
    counts = rng.negative_binomial(1, 0.1, (7, 90))
    design = np.column_stack([np.ones(7), np.arange(7) % 2])
    factors = cases.size_factors_of(counts)
    whole = fit_glm(counts, design, size_factors=factors)
    for order in (rng.permutation(90), np.array([5, 17, 80]), np.array([42])):
        part = fit_glm(counts[:, order], design, size_factors=factors)
        assert digest(whole, order) == digest(part)
