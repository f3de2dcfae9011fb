"""Parts of a fit on workers: placed, lost, sent again, refused; with workers of this process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm import _cluster, _cluster_crew, _cluster_work, fit_glm
from countglm._cluster import ClusterExecutor
from countglm._warn import CountglmWarning
from countglm.errors import ClusterError, InputError
from tests.support.crews import CANCELLED, Crew, Task

RNG = np.random.default_rng(11)
COUNTS = RNG.poisson(RNG.gamma(2.0, 10.0, 48), (6, 48))
DESIGN = np.column_stack([np.ones(6), np.repeat([0.0, 1.0], 3)])
HERE = _cluster_work.what_computes()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for workers all the time; a pool of one; nothing kept from another test."""
    monkeypatch.setattr(_cluster_crew, "LOOK", 0.0)
    monkeypatch.setattr(_cluster, "LOOK", 0.01)
    monkeypatch.setattr(_cluster_work, "means_here", lambda: (1, None))
    monkeypatch.setattr(_cluster_work, "worker_here", lambda: None)
    monkeypatch.setattr(_cluster_work, "_kept", _cluster_work._Kept())


def fit(client: Any, **options: Any) -> Any:
    return fit_glm(
        COUNTS,
        DESIGN,
        family="poisson",
        size_factors="none",
        client=client,
        block_size=8,
        **options,
    )


@pytest.fixture(scope="module")
def here() -> Any:
    return fit_glm(COUNTS, DESIGN, family="poisson", size_factors="none", threads=1)


def assert_same(one: Any, other: Any) -> None:
    for name in ("coefficients", "standard_errors", "deviance", "status", "newton_decrement"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_parts_are_shared_out_and_bring_the_same_bits(here: Any) -> None:
    crew = Crew("a", "b")
    assert_same(fit(crew), here)
    assert len(crew.parts) == 6
    assert {address for address, _ in crew.parts} == {"a", "b"}
    # The design went to each worker once, the counts of every part to one.
    assert len(crew.kept) == 2 + 6
    assert len(_cluster_work._kept) == 0  # and nothing stays


def test_counts_stay_where_they_are_from_one_fit_to_the_next() -> None:
    crew = Crew("a", "b")
    executor = ClusterExecutor(crew)
    fit(executor)
    first, sent = dict(reversed([(key, at) for at, key in crew.parts])), len(crew.kept)
    crew.parts.clear()
    fit(executor, tol=1e-9)
    assert {key: at for at, key in crew.parts} == first
    assert len(crew.kept) == sent + 2  # other options, the same counts


def test_a_worker_that_dies_loses_nothing(here: Any) -> None:
    crew = Crew("a", "b")
    crew.on_part = lambda address, number: crew.lose("a") if number == 3 else None
    assert crew.computes.keys() == {"a", "b"}
    assert_same(fit(crew), here)
    assert crew.computes.keys() == {"b"}
    assert {address for address, _ in crew.parts[3:]} == {"b"}


def test_all_workers_die_and_others_come(here: Any) -> None:
    crew = Crew("a")

    def on_part(address: str, number: int) -> Task | None:
        if number % 3:
            return None
        crew.computes[f"new{number}"] = HERE
        return crew.lose(address)

    crew.on_part = on_part
    assert_same(fit(crew), here)
    assert len(crew.parts) > 6


@pytest.mark.parametrize(
    "lost",
    [
        Task(error=CANCELLED),
        Task(error=OSError("the connection broke")),
        Task(status="lost"),
        Task(status="cancelled"),
    ],
)
def test_a_part_that_is_lost_is_run_again(here: Any, lost: Task) -> None:
    crew = Crew("a")
    crew.on_part = lambda address, number: lost if number == 2 else None
    assert_same(fit(crew), here)
    # Lost, then asked of a worker that does not have its counts, then sent again.
    assert len(crew.parts) == 8


def test_an_answer_that_is_late_is_waited_for(here: Any) -> None:
    class Late(Task):
        asked = 0

        def result(self, timeout: float | None = None) -> Any:
            self.asked += 1
            if self.asked < 3:
                raise TimeoutError
            return super().result()

    crew = Crew("a")
    submit = crew.submit
    crew.submit = lambda *given, **how: Late(submit(*given, **how).result())  # type: ignore[method-assign]
    assert_same(fit(crew), here)
    assert len(crew.parts) == 6


def test_an_answer_that_went_with_its_worker_is_made_again(here: Any) -> None:
    crew = Crew("a")
    lost = Task(_cluster_work.Absent(()))
    crew.on_part = lambda address, number: lost if number == 2 else None
    gather = crew.gather

    def gathered(tasks: list[Task], errors: str) -> Any:
        return [] if lost in tasks else gather(tasks, errors)

    crew.gather = gathered  # type: ignore[method-assign]
    assert_same(fit(crew), here)


def test_a_worker_that_has_begun_anew_is_sent_everything_again(here: Any) -> None:
    crew = Crew("a")

    def on_part(address: str, number: int) -> None:
        if number == 2:
            _cluster_work._kept = _cluster_work._Kept()

    crew.on_part = on_part
    assert_same(fit(crew), here)
    assert len(crew.parts) > 6


def test_a_part_that_takes_worker_after_worker_with_it_ends_the_call() -> None:
    crew = Crew("a")

    def on_part(address: str, number: int) -> Task:
        crew.computes[f"new{number}"] = HERE
        return crew.lose(address)

    crew.on_part = on_part
    with pytest.raises(ClusterError, match=r"Genes \d+ to \d+ were lost with 9 workers .*memory"):
        fit(crew)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("no more"), "Genes 0 to 7 failed on the worker a with MemoryError: no more; "
         "give workers more memory"),
        (RuntimeError("odd"), "with RuntimeError: odd; look at the log"),
    ],
)  # fmt: skip
def test_what_fails_on_a_worker_is_told(error: Exception, told: str) -> None:
    crew = Crew("a")
    crew.on_part = lambda address, number: Task(_cluster_work.Failed(error))
    with pytest.raises(ClusterError, match=told) as raised:
        fit(crew)
    assert raised.value.__cause__ is error


def test_a_mistake_of_the_caller_stays_one() -> None:
    crew = Crew("a")
    crew.on_part = lambda address, number: Task(_cluster_work.Failed(InputError("such counts")))
    with pytest.raises(InputError, match=r"^such counts$"):
        fit(crew)
    assert crew.cancelled  # what else was under way


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            HERE | {"numba": "0.1"},
            "worker b has numba 0.1, and here is .* same versions",
        ),
        (HERE | {"countglm": "9"}, "worker b has countglm 9, and here is"),
        (ModuleNotFoundError("No module named 'countglm'"), "worker b has no countglm .* named"),
        (RuntimeError("broken"), "worker b has no countglm that works"),
    ],
)
def test_workers_that_would_give_other_bits_are_refused(answer: Any, told: str) -> None:
    crew = Crew("a", b=answer)
    crew.computes.pop("a")
    with pytest.raises(InputError, match=told):
        fit(crew)
    assert crew.parts == []


def test_one_wrong_worker_among_others_is_refused_at_the_start() -> None:
    crew = Crew("a", b=HERE | {"numpy": "1"}, c=HERE | {"numpy": "2"})
    with pytest.raises(InputError, match=r"b has numpy 1.* \(the first of 2 workers that differ\)"):
        fit(crew)
    assert crew.parts == []


def test_a_wrong_worker_that_comes_later_gets_no_work(here: Any) -> None:
    crew = Crew("a")

    def on_part(address: str, number: int) -> None:
        crew.computes["late"] = HERE | {"scipy": "0"}

    crew.on_part = on_part
    with pytest.warns(CountglmWarning, match="worker late has scipy 0.* it is given no work"):
        found = fit(crew)
    assert_same(found, here)
    assert {address for address, _ in crew.parts} == {"a"}


def test_different_processors_are_told_of() -> None:
    crew = Crew("a", b=HERE | {"processor": "another"})
    with pytest.warns(CountglmWarning, match="different processors .*another.* agree to 1e-12"):
        fit(crew)


def test_a_cluster_without_workers_is_given_up() -> None:
    with pytest.raises(ClusterError, match="no worker for 0 s; start workers"):
        fit(ClusterExecutor(Crew(), patience=0.0))


def test_a_lost_scheduler_is_told() -> None:
    crew = Crew("a")
    crew.scheduler_lost = True
    with pytest.raises(ClusterError, match=r"scheduler of the cluster is lost \(no route to it\)"):
        fit(crew)


def test_an_asynchronous_client_is_refused() -> None:
    crew = Crew("a")
    crew.asynchronous = True
    with pytest.raises(InputError, match="client= is asynchronous"):
        fit(crew)


def test_what_is_large_is_sent_by_itself(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "LARGE", 100)
    crew = Crew("a", "b")
    ask, asked = crew.run, []

    def run(function: Any, *given: Any, **how: Any) -> Any:
        asked.append(function)
        return ask(function, *given, **how)

    crew.run = run  # type: ignore[method-assign]
    assert_same(fit(crew), here)
    assert asked.count(_cluster_work.keep) == 6
    assert len(crew.kept) == 2 + 6


def test_a_worker_that_goes_while_it_is_sent_something(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "LARGE", 100)
    crew = Crew("a", "b")
    ask = crew.run

    def run(function: Any, *given: Any, workers: list[str], **how: Any) -> Any:
        if function is _cluster_work.keep and workers == ["a"]:
            crew.computes.pop("a", None)
        return ask(function, *given, workers=workers, **how)

    crew.run = run  # type: ignore[method-assign]
    assert_same(fit(crew), here)
    assert {address for address, _ in crew.parts} == {"b"}


def test_offsets_of_every_gene_are_sent_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "LARGE", 1)
    offset = RNG.normal(size=COUNTS.shape) / 10
    given = {"family": "poisson", "size_factors": "none", "offset": offset}
    crew = Crew("a")
    found = fit_glm(COUNTS, DESIGN, client=crew, block_size=8, **given)
    assert_same(found, fit_glm(COUNTS, DESIGN, threads=1, **given))
    assert len(crew.kept) == 1 + 2 * 6


def test_what_is_least_used_is_given_up_for_room() -> None:
    kept = _cluster_work._Kept()
    for key in "abc":
        kept.put(key, key, 40, "me", room=100)
    assert [kept.get(key) for key in "abc"] == [None, "b", "c"]
    kept.get("b")
    kept.put("d", "d", 40, "you", room=100)
    assert kept.get("c") is None
    kept.forget("me")
    assert (kept.get("b"), kept.get("d")) == (None, "d")
    kept.put("d", "d", 40, "me", room=100)
    kept.forget("you")
    assert kept.get("d") == "d"


def test_a_thing_larger_than_all_room_is_kept_alone() -> None:
    kept = _cluster_work._Kept()
    kept.put("a", "a", 40, "me", room=100)
    kept.put("b", "b", 400, "me", room=100)
    assert (kept.get("a"), kept.get("b")) == (None, "b")


@pytest.mark.parametrize("large", [100, 1 << 20])
def test_workers_without_room_for_two_things_end_all_the_same(
    here: Any, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(_cluster_work, "SHARE_KEPT", 1e-12)
    monkeypatch.setattr(_cluster, "LARGE", large)
    crew = Crew("a", "b")
    executor = ClusterExecutor(crew)

    def on_part(address: str, number: int) -> None:
        assert number < 100, "parts go to and fro for ever"

    crew.on_part = on_part
    assert_same(fit(executor), here)
    assert_same(fit(executor), here)


def test_a_part_that_is_never_found_takes_all_it_needs_along(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cluster, "LARGE", 100)
    crew = Crew("a")

    def on_part(address: str, number: int) -> None:
        assert number < 100, "parts go to and fro for ever"
        _cluster_work._kept = _cluster_work._Kept()

    crew.on_part = on_part
    assert_same(fit(crew), here)
    assert len(crew.parts) == 3 * 6


def test_what_parts_on_their_way_need_is_not_given_up() -> None:
    kept = _cluster_work._Kept()
    for key in "abc":
        kept.put(key, key, 40, "me", room=100, needed={"a", "c"})
    assert [kept.get(key) for key in "abc"] == ["a", None, "c"]
