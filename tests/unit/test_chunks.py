"""A fit in parts: each travels, and together they are the fit as a whole, to the bit."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array

from countglm import _session
from countglm._arguments import resolve_dispersion
from countglm._chunks import (
    MOST_PARTS,
    PART_ENTRIES,
    LocalExecutor,
    Part,
    SentCounts,
    genes_of_part,
    parts_of,
    shared_of,
)
from countglm._digest import digest_of
from countglm._fit_arrays import _BY_GENE
from countglm._fitting import Prior, Problem
from countglm._model import Model, prepare_model
from countglm._resources import resolve_resources
from countglm.counts import CountMatrix, as_count_matrix
from tests.support.checkpoints import Sending

GENES, SAMPLES = 41, 12
DESIGN = np.column_stack([np.ones(SAMPLES), np.repeat([0.0, 1.0, 0.0], 4), np.repeat([0, 0, 1], 4)])


def _counts(sparse: bool = False) -> np.ndarray:
    rng = np.random.default_rng(5)
    mean = np.exp(rng.normal(-1.0 if sparse else 3.0, 1.0, GENES))
    values = rng.negative_binomial(3.0, 3.0 / (3.0 + mean), (SAMPLES, GENES))
    values[:4, 2] = 0  # separated
    values[4:, 3] = 0
    values[:4, 4] = 0
    values[:, 7] = 0
    values[1:, 30] = 0
    return values


def _model(session: Any = None, values: np.ndarray | None = None, **given: Any) -> Model:
    resources = resolve_resources(2, client=session)
    return prepare_model(
        _counts() if values is None else values, DESIGN, size_factors="library",
        resources=resources,
        session=None if session is None else _session.Session(resources, session, None), **given,
    )  # fmt: skip


def assert_same(one: Problem, other: Problem) -> None:
    for name in _BY_GENE:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for mine, theirs in zip(one.separated, other.separated, strict=True):
        assert (mine is None) == (theirs is None)
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(one.traces, other.traces, strict=True):
        assert (mine is None) == (theirs is None)
        for a, b in zip(mine or (), theirs or (), strict=True):
            np.testing.assert_array_equal(a, b)
    assert (one.learnt is None) == (other.learnt is None)
    for a, b in zip(one.learnt or (), other.learnt or (), strict=True):
        np.testing.assert_array_equal(a, b)


def _given(kind: str) -> dict[str, Any]:
    rng = np.random.default_rng(9)
    shape = (SAMPLES, GENES)
    return {
        "plain": {},
        "traced": {"trace": True},
        "by gene": {"offset": rng.normal(0, 0.1, shape), "weights": rng.uniform(0.5, 2, shape)},
        "by sample": {"offset": rng.normal(0, 0.1, SAMPLES), "weights": np.r_[0, np.ones(11)]},
        "newton": {"solver": "newton", "zeros": "visit"},
    }[kind]


@pytest.mark.compiled
@pytest.mark.parametrize("executor", [Sending(1), Sending(3), LocalExecutor(2)])
@pytest.mark.parametrize("kind", ["plain", "traced", "by gene", "by sample", "newton"])
def test_parts_have_the_bits_of_the_whole(kind: str, executor: Any) -> None:
    whole, parts = _model(**_given(kind)), _model(executor, **_given(kind))
    for alpha in (None, np.full(GENES, 0.2)):
        assert_same(parts.fit(parts.problem(alpha)), whole.fit(whole.problem(alpha)))


@pytest.mark.compiled
@pytest.mark.parametrize("executor", [Sending(1), LocalExecutor(2)])
@pytest.mark.parametrize("sparse", [False, True])
def test_searches_learn_from_each_other_in_parts(sparse: bool, executor: Any) -> None:
    found = []
    for model in (_model(values=_counts(sparse)), _model(executor, values=_counts(sparse))):
        first = model.fit(model.problem(None, finish=False))
        prior = Prior(np.log(np.linspace(0.1, 1.0, GENES)), 2.0)
        second = model.fit(model.problem(None, prior, finish=False, learnt=first.learnt))
        last = model.fit(model.problem(np.nan_to_num(second.alpha, nan=1.0), means=False))
        found.append((first, second, last))
    for one, other in zip(*found, strict=True):
        assert_same(one, other)


@pytest.mark.compiled
@pytest.mark.parametrize("limit", ["1kB", "20kB"])
def test_little_memory_changes_no_bit(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of few genes, of which one at once is made dense."""
    # A process of so little memory there is not.
    monkeypatch.setattr("countglm._model.threads_within", lambda limit, threads, work: threads)
    values = np.tile(_counts(sparse=True), (4, 1))
    values[:, 11] += 1
    given: dict[str, Any] = {"size_factors": "none"}
    counts, design = csc_array(values), np.tile(DESIGN, (4, 1))
    whole = prepare_model(counts, design, **given)
    small = resolve_resources(2, memory_limit=limit)
    tight = prepare_model(counts, design, resources=small, **given)
    parts = prepare_model(
        counts, design, resources=small, **given,
        session=_session.Session(small, LocalExecutor(2, small.room), None),
    )  # fmt: skip
    assert small.block(48) < whole.block
    expected = whole.fit(whole.problem(None))
    assert expected.by_rule.any()
    assert not expected.by_rule.all()
    for model in (tight, parts):
        assert_same(model.fit(model.problem(None)), expected)


def test_separated_samples_are_kept_once(plain_counts: CountMatrix) -> None:
    model = prepare_model(plain_counts, DESIGN, size_factors="none")
    executor = Sending(1)
    parts = _session.Session(resolve_resources(1, client=executor), executor, None)
    problem = model.problem(np.full(5, 0.1))
    parts.fit(problem, model.counts, "genes", 1)
    first, second = problem.separated[2], problem.separated[4]
    assert first is not None
    assert first is second


@pytest.fixture
def plain_counts() -> CountMatrix:
    return as_count_matrix(_counts()[:, :5])


def _parts(problem: Problem, model: Model, genes: int = 10) -> list[Part]:
    return list(parts_of(problem, model.counts, shared_of(problem), genes))


def test_a_digest_tells_all_that_a_result_depends_on() -> None:
    model = _model()
    base = [part.digest for part in _parts(model.problem(None), model)]
    assert len(set(base)) == len(base) == 5
    assert [part.digest for part in _parts(_model().problem(None), _model())] == base
    prior = Prior(np.zeros(GENES), 1.0)
    shifted = Prior(np.r_[np.zeros(GENES - 1), 1e-300], 1.0)
    alpha = resolve_dispersion(0.1, "nb", model.counts)
    others = {
        "prior": model.problem(None, prior),
        "centre": model.problem(None, shifted),
        "width": model.problem(None, prior._replace(precision=1.5)),
        "search": model.problem(None, finish=False),
        "means": model.problem(None, means=False),
        "given": model.problem(alpha),
        "given otherwise": model.problem(np.nextafter(alpha, 1.0)),
    }
    named = {
        name: [part.digest for part in _parts(problem, model)] for name, problem in others.items()
    }
    for option in ({"tol": 1e-6}, {"solver": "newton"}, {"zeros": "visit"}, {"max_iter": 7},
                   {"max_dispersion": 3.0}, {"offset": np.full(SAMPLES, 1e-9)},
                   {"weights": np.r_[np.ones(11), 2.0]}):  # fmt: skip
        changed_model = _model(**option)
        named[repr(option)] = [
            part.digest for part in _parts(changed_model.problem(None), changed_model)
        ]
    lasts = [base[-1], *(digests[-1] for digests in named.values())]
    assert len(set(lasts)) == len(lasts)
    assert named["centre"][:-1] == named["prior"][:-1]


def test_changed_counts_change_the_digests_of_their_parts_alone() -> None:
    values = _counts()
    model = prepare_model(values.copy(), DESIGN, size_factors="none")
    values[3, 15] += 1
    other = prepare_model(values, DESIGN, size_factors="none")
    one = [part.digest for part in _parts(model.problem(None), model)]
    two = [part.digest for part in _parts(other.problem(None), other)]
    assert [a == b for a, b in zip(one, two, strict=True)] == [True, False, True, True, True]


def test_counts_travel_by_their_nonzeros() -> None:
    values = _counts(sparse=True)
    matrix = as_count_matrix(values)
    part = next(parts_of(_problem_of(matrix), matrix, shared_of(_problem_of(matrix)), GENES))
    sent = pickle.loads(pickle.dumps(part.counts.sent()))
    assert isinstance(sent, SentCounts)
    np.testing.assert_array_equal(sent.block(0, GENES), values.T)
    np.testing.assert_array_equal(sent.block(5, 9), values.T[5:9])
    np.testing.assert_array_equal(part.counts.block(5, 9), values.T[5:9])
    assert sent.entries.values.size == np.count_nonzero(values)


def _problem_of(matrix: CountMatrix) -> Problem:
    return prepare_model(matrix, DESIGN, size_factors="none").problem(None)


@pytest.mark.parametrize(
    ("samples", "genes", "expected"),
    [(1_000_000, 2000, 16), (100, 20_000, 160), (8, 40, 16), (3_000_000_000, 50, 16)],
)
def test_the_size_of_parts_follows_from_the_shape(samples: int, genes: int, expected: int) -> None:
    size = genes_of_part(samples, genes)
    assert size == expected
    assert -(-genes // size) <= max(MOST_PARTS, genes * samples // PART_ENTRIES + 1)


def test_digests_tell_things_apart() -> None:
    things: list[tuple[Any, ...]] = [
        (), ("",), ("a", "b"), ("ab",), (1,), (1.0,), ("1",), (None,), (np.zeros(2),),
        (np.zeros((1, 2)),), (np.zeros(2, np.float32),), (np.zeros(1), np.zeros(1)),
        (np.array([0.0, -0.0]),),
    ]  # fmt: skip
    digests = {digest_of(*each) for each in things}
    assert len(digests) == len(things)
    assert digest_of(np.arange(6).reshape(2, 3).T) == digest_of(np.ascontiguousarray(
        np.arange(6).reshape(2, 3).T))  # fmt: skip
