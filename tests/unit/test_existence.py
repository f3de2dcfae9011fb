"""Existence of the estimate: cases whose answer is known by hand, and exact rational programs."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from countglm import existence
from countglm.existence import Completion, ExistenceTest, completion_of, separated_samples
from tests.support.separation import coefficient_limits, exact_separated_samples

INF, NAN = np.inf, np.nan
ALL = slice(None)


def columns(*parts: object) -> np.ndarray:
    return np.column_stack([np.broadcast_to(np.asarray(p, dtype=float), 8) for p in parts])


A = np.array([0, 0, 0, 0, 1, 1, 1, 1])
B = np.array([0, 0, 1, 1, 0, 0, 1, 1])
GROUP = np.array([0, 0, 0, 1, 1, 1, 2, 2])
X = np.arange(8.0)
ONE_WAY = columns(1, GROUP == 1, GROUP == 2)
MEANS = columns(GROUP == 0, GROUP == 1, GROUP == 2)
TWO_WAY = columns(1, A, B)
CROSSED = columns(1, A, B, A * B)
SLOPE = columns(1, X)
SLOPE_IN_GROUP = columns(1, A, X)

# name: design, counts, separated samples, limits of the coefficients (0 = finite)
CASES = {
    "all positive": (ONE_WAY, [1, 2, 3, 4, 5, 6, 7, 8], [], [0, 0, 0]),
    "zeros inside groups": (ONE_WAY, [0, 2, 0, 0, 0, 6, 7, 0], [], [0, 0, 0]),
    "tested group zero": (ONE_WAY, [1, 2, 3, 0, 0, 0, 7, 8], [3, 4, 5], [0, -INF, 0]),
    "reference group zero": (ONE_WAY, [0, 0, 0, 4, 5, 6, 7, 0], [0, 1, 2], [-INF, INF, INF]),
    "two groups zero": (ONE_WAY, [1, 2, 0, 0, 0, 0, 0, 0], [3, 4, 5, 6, 7], [0, -INF, -INF]),
    "reference and another zero": (ONE_WAY, [0, 0, 0, 0, 0, 0, 7, 8], [0, 1, 2, 3, 4, 5],
                                   [-INF, NAN, INF]),
    "cell means, one zero": (MEANS, [0, 0, 0, 4, 5, 6, 7, 0], [0, 1, 2], [-INF, 0, 0]),
    "additive, one cell zero": (TWO_WAY, [1, 2, 3, 4, 5, 6, 0, 0], [], [0, 0, 0]),
    "additive, diagonal cells": (TWO_WAY, [1, 2, 0, 0, 0, 0, 7, 8], [], [0, 0, 0]),
    "additive, one margin zero": (TWO_WAY, [1, 2, 3, 4, 0, 0, 0, 0], [4, 5, 6, 7], [0, -INF, 0]),
    "additive, only one cell": (TWO_WAY, [1, 2, 0, 0, 0, 0, 0, 0], [2, 3, 4, 5, 6, 7],
                                [0, -INF, -INF]),
    "crossed, one cell zero": (CROSSED, [1, 2, 3, 4, 5, 6, 0, 0], [6, 7], [0, 0, 0, -INF]),
    "crossed, reference cell zero": (CROSSED, [0, 0, 3, 4, 5, 6, 7, 8], [0, 1],
                                     [-INF, INF, INF, -INF]),
    "crossed, margin zero": (CROSSED, [1, 2, 3, 4, 0, 0, 0, 0], [4, 5, 6, 7], [0, -INF, 0, NAN]),
    "crossed, diagonal zero": (CROSSED, [1, 2, 0, 0, 0, 0, 7, 8], [2, 3, 4, 5],
                               [0, -INF, -INF, INF]),
    "slope, overlap": (SLOPE, [0, 1, 0, 0, 4, 0, 0, 0], [], [0, 0]),
    "slope, one positive inside": (SLOPE, [0, 0, 0, 4, 0, 0, 0, 0], [], [0, 0]),
    "slope, positive at the end": (SLOPE, [0, 0, 0, 0, 0, 0, 0, 9], [0, 1, 2, 3, 4, 5, 6],
                                   [-INF, INF]),
    "slope, positive at the start": (SLOPE, [3, 0, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7],
                                     [0, -INF]),
    "slope, two values": (SLOPE, [3, 0, 0, 0, 0, 0, 0, 1], [], [0, 0]),
    "slope in groups, one group zero": (SLOPE_IN_GROUP, [1, 0, 3, 0, 0, 0, 0, 0], [4, 5, 6, 7],
                                        [0, -INF, 0]),
    "slope in groups, inner edges": (SLOPE_IN_GROUP, [0, 0, 0, 5, 6, 0, 0, 0], [], [0, 0, 0]),
    "slope in groups, facing": (SLOPE_IN_GROUP, [0, 0, 0, 5, 0, 0, 0, 8], [0, 1, 2, 4, 5, 6],
                                [-INF, -INF, INF]),
}  # fmt: skip


def complete(design: np.ndarray, positive: np.ndarray, weighted: np.ndarray) -> Completion | None:
    """The problem that remains, or None where the estimate exists."""
    answer = ExistenceTest(design)(positive, weighted)
    assert answer.exists == (
        not separated_samples(design, positive, weighted).any()
        and np.linalg.matrix_rank(design[weighted]) == design.shape[1]
    )
    return None if answer.exists else answer


def test_cases_agree_with_rational_arithmetic() -> None:
    # The table itself is judged: no entry rests on the author's head alone.
    for name, (design, counts, separated, limits) in CASES.items():
        positive = np.array(counts) > 0
        exact = np.flatnonzero(exact_separated_samples(design, positive)).tolist()
        assert exact == separated, name
        signs = np.sign(np.array(limits, dtype=float))
        np.testing.assert_array_equal(coefficient_limits(design, positive), signs, name)


@pytest.mark.parametrize("name", CASES)
def test_table_of_small_cases(name: str) -> None:
    design, counts, separated, limits = CASES[name]
    answer = complete(design, np.array(counts) > 0, np.ones(8, dtype=bool))
    if not separated:
        assert answer is None
        return
    assert answer is not None
    assert np.flatnonzero(answer.separated).tolist() == separated
    np.testing.assert_array_equal(answer.limits, limits)
    assert not answer.singular


@pytest.mark.parametrize(
    "design",
    [ONE_WAY, TWO_WAY, CROSSED, SLOPE, SLOPE_IN_GROUP],
    ids=["one-way", "two-way", "crossed", "slope", "slope in groups"],
)
def test_every_pattern_of_zeros_agrees_with_rational_arithmetic(design: np.ndarray) -> None:
    everything = np.ones(8, dtype=bool)
    patterns = list(itertools.product([False, True], repeat=8))[1::5]
    for pattern in patterns:
        positive = np.array(pattern)
        exact = exact_separated_samples(design, positive)
        answer = complete(design, positive, everything)
        assert (answer is not None) == exact.any(), pattern
        if answer is not None:
            np.testing.assert_array_equal(answer.separated, exact)
            signs = coefficient_limits(design, positive)
            expected = np.where(signs == 0.0, 0.0, np.copysign(np.inf, signs))
            np.testing.assert_array_equal(answer.limits, np.where(np.isnan(signs), NAN, expected))


def test_remaining_basis_determines_what_is_finite() -> None:
    design, counts, *_ = CASES["crossed, diagonal zero"]
    answer = complete(design, np.array(counts) > 0, np.ones(8, dtype=bool))
    assert answer is not None
    assert answer.basis.columns.shape[0] == 2
    kept = ~answer.separated
    np.testing.assert_allclose(design[kept] @ answer.basis.null, 0.0, atol=1e-14)
    # The rows say how the separated samples move along the directions, which move no other.
    moves = design[answer.separated] @ answer.directions
    np.testing.assert_allclose(answer.rows, moves, atol=1e-14)
    np.testing.assert_allclose(design[kept] @ answer.directions, 0.0, atol=1e-14)
    assert np.linalg.matrix_rank(answer.directions) == 2


@pytest.mark.parametrize(
    ("contrast", "limit"),
    [
        ([1, 0, 0], -INF),  # the reference group itself
        ([0, 1, 0], INF),
        ([0, -1, 0], -INF),
        ([0, 1, -1], 0.0),  # two infinite coefficients, finite difference
        ([1, 1, 0], 0.0),  # the level of a group with counts
        ([1, 0.5, 0.5], 0.0),
        ([0, 1, 1], INF),
        ([2, 1, 0], -INF),
    ],
)
def test_limits_of_contrasts_with_the_reference_group_zero(contrast, limit) -> None:
    answer = complete(ONE_WAY, np.array(CASES["reference group zero"][1]) > 0, np.ones(8, bool))
    assert answer is not None
    assert answer.limit(np.array(contrast, dtype=float)) == limit


def test_contrast_of_two_groups_that_are_both_zero_is_not_identified() -> None:
    answer = complete(ONE_WAY, np.array([1, 2, 3, 0, 0, 0, 0, 0]) > 0, np.ones(8, dtype=bool))
    assert answer is not None
    assert answer.limit(np.array([0.0, 1.0, 0.0])) == -INF
    assert np.isnan(answer.limit(np.array([0.0, 1.0, -1.0])))
    # Both fall without bound: so does their mean.
    assert answer.limit(np.array([0.0, 0.5, 0.5])) == -INF
    assert np.isnan(answer.limit(np.array([0.0, 1.0, -1e-3])))


def test_weights_of_zero_leave_coefficients_undetermined() -> None:
    weighted = GROUP != 1
    answer = complete(ONE_WAY, weighted.copy(), weighted)
    assert answer is not None
    assert answer.singular
    np.testing.assert_array_equal(answer.limits, [0.0, NAN, 0.0])
    assert not answer.separated.any()
    assert np.isnan(answer.limit(np.array([0.0, 1.0, -1.0])))
    assert answer.limit(np.array([1.0, 0.0, 1.0])) == 0.0


def test_weights_of_zero_that_keep_the_rank_do_not_matter() -> None:
    weighted = np.array([True, False, True, False, True, True, True, False])
    assert complete(ONE_WAY, weighted.copy(), weighted) is None


def test_a_zero_count_without_weight_separates_nothing() -> None:
    # Only the unweighted zeros stand between the samples and overlap.
    weighted = np.array([1, 1, 1, 1, 1, 1, 1, 0], dtype=bool)
    positive = np.array([0, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
    whole = complete(SLOPE, positive, np.ones(8, dtype=bool))
    assert whole is None
    part = complete(SLOPE, positive, weighted)
    assert part is not None
    assert np.flatnonzero(part.separated).tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(part.limits, [-INF, INF])


@pytest.mark.parametrize("shift", [0.0, 2020.0, -1e4])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_centre_and_scale_of_a_covariate_do_not_matter(shift: float, scale: float) -> None:
    design = columns(1, scale * (X + shift))
    everything = np.ones(8, dtype=bool)
    assert complete(design, np.array([0, 0, 1, 0, 0, 1, 0, 0]) > 0, everything) is None
    answer = complete(design, np.array([0, 0, 0, 0, 0, 0, 0, 1]) > 0, everything)
    assert answer is not None
    assert answer.separated.tolist() == [True] * 7 + [False]
    assert answer.limits[1] == INF


def test_recoding_maps_the_limits() -> None:
    positive = np.array(CASES["tested group zero"][1]) > 0
    treatment = complete(ONE_WAY, positive, np.ones(8, dtype=bool))
    means = complete(MEANS, positive, np.ones(8, dtype=bool))
    assert treatment is not None
    assert means is not None
    np.testing.assert_array_equal(treatment.separated, means.separated)
    np.testing.assert_array_equal(means.limits, [0.0, -INF, 0.0])


def test_completion_of_known_samples_is_that_of_the_search() -> None:
    for name in ("crossed, diagonal zero", "slope, positive at the end", "two groups zero"):
        design, _, separated, limits = CASES[name]
        mask = np.isin(np.arange(8), separated)
        answer = completion_of(design, mask, np.ones(8, dtype=bool))
        np.testing.assert_array_equal(answer.limits, limits)
        assert answer.singular == (not separated)


def test_answers_are_remembered_by_pattern() -> None:
    test = ExistenceTest(ONE_WAY)
    everything = np.ones(8, dtype=bool)
    positive = GROUP != 2
    first = test(positive, everything)
    assert test(positive.copy(), everything.copy()) is first
    assert test(everything, everything).exists
    other = test(positive, GROUP != 2)
    assert other is not first
    assert other.singular


def test_equal_designs_share_what_is_remembered() -> None:
    everything = np.ones(8, dtype=bool)
    first = ExistenceTest(SLOPE_IN_GROUP)(GROUP == 0, everything)
    assert ExistenceTest(np.asfortranarray(SLOPE_IN_GROUP))(GROUP == 0, everything) is first
    assert completion_of(ONE_WAY, GROUP == 2, everything) is completion_of(
        ONE_WAY.copy(), GROUP == 2, everything
    )


def test_many_patterns_at_once_are_what_each_is_alone() -> None:
    patterns = np.array(list(itertools.product([False, True], repeat=8)))[1:]
    everything = np.ones(8, dtype=bool)
    for design in (ONE_WAY, SLOPE_IN_GROUP):
        test = ExistenceTest(design)
        together = test.many(patterns, everything)
        assert all(a is test(p, everything) for a, p in zip(together, patterns, strict=True))
    some = patterns | (GROUP == 0)
    positive = patterns & some
    together = test.many(positive, some)
    for answer, part, weighted in zip(together, positive, some, strict=True):
        assert answer is test(part, weighted)
        alone = separated_samples(design[weighted], part[weighted], weighted[weighted])
        np.testing.assert_array_equal(answer.separated[weighted], alone)
        assert not answer.separated[~weighted].any()


def test_patterns_that_leave_one_problem_get_one_answer() -> None:
    # Replicates of one design row, and all patterns whose positive samples determine the rest.
    test = ExistenceTest(CROSSED)
    counts = np.array([[3, 0, 1, 0, 2, 2], [0, 1, 1, 1, 0, 5], [1, 1, 0, 1, 1, 1]])
    answers = test.many(np.pad(counts > 0, [(0, 0), (0, 2)]), np.ones(8, dtype=bool))
    assert len(set(map(id, answers))) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(existence, "MEMORY", 1000)
    monkeypatch.setattr(existence, "_MEMORY", existence._Memory())
    test = ExistenceTest(columns(1, X, X**2 / 7.0))
    everything = np.ones(8, dtype=bool)
    patterns = np.eye(8, dtype=bool)
    first = test.many(patterns, everything)
    again = test.many(patterns, everything)
    assert any(a is not b for a, b in zip(first, again, strict=True))
    for a, b in zip(first, again, strict=True):
        assert a.basis.columns.tobytes() == b.basis.columns.tobytes()
        np.testing.assert_array_equal(a.limits, b.limits)


def test_all_designs_share_one_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(existence, "MEMORY", 8_000)
    monkeypatch.setattr(existence, "_MEMORY", existence._Memory())
    everything, asked = np.ones(8, dtype=bool), 0
    for scale in range(1, 9):
        answers = ExistenceTest(columns(1, X * scale, X**2)).many(np.eye(8) > 0, everything)
        asked += sum(answer.nbytes for answer in answers)
        assert 0 < existence._MEMORY.nbytes <= 8_000
    assert asked > 2 * 8_000
    kept = existence._MEMORY._answers.values()
    assert sum(answer.nbytes for answer in kept) == existence._MEMORY.nbytes
    # What is larger than all memory is kept as long as it is the latest.
    monkeypatch.setattr(existence, "MEMORY", 1)
    test = ExistenceTest(columns(1, X, X**2))
    assert test(X > 2.0, everything) is test(X > 2.0, everything)


def test_threads_get_one_answer() -> None:
    test = ExistenceTest(CROSSED)
    positive = np.array([1, 1, 0, 0, 0, 0, 1, 1], dtype=bool)
    barrier = threading.Barrier(8)
    answers = []

    def ask() -> None:
        barrier.wait()
        answers.append(test(positive, np.ones(8, dtype=bool)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(answer) for answer in answers}) == 1
