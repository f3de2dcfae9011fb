"""How many threads fit in a limit of memory."""

from __future__ import annotations

import re

import numpy as np
import pytest

from countglm import _thread_memory, fit_glm
from countglm._thread_memory import RESERVE, Work, threads_within
from countglm.errors import InputError

MB = 1 << 20


def test_a_thread_holds_the_lanes_of_a_gene_and_the_block() -> None:
    n = 100_000
    dense = Work(n, 0, genes=16, dense_entries=4 * n)
    assert dense.bytes_of_thread() >= 16 * 8 * n
    apart = Work(n, n, genes=16, dense_entries=4 * n)
    assert apart.bytes_of_thread() > dense.bytes_of_thread()
    few = Work(n, 0, 16, 4 * n, sizes=np.full(64, n // 100))
    many = Work(n, 0, 16, 4 * n, sizes=np.append(np.full(64, n // 100), n))
    assert few.bytes_of_thread() < dense.bytes_of_thread() / 4
    assert many.bytes_of_thread() > few.bytes_of_thread() + 64 * n


def test_threads_are_as_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(100_000, 0, genes=16, dense_entries=400_000)
    each = work.bytes_of_thread()
    monkeypatch.setattr(_thread_memory, "resident_memory", lambda: 500 * MB)
    monkeypatch.setattr(_thread_memory, "lent_memory", lambda: 100 * MB)
    held = 400 * MB + RESERVE
    assert threads_within(None, 8, work) == 8
    assert threads_within(held + 3 * each, 8, work) == 3
    assert threads_within(held + 30 * each, 8, work) == 8
    with pytest.raises(InputError, match="give at least") as refused:
        threads_within(held + each - 1, 8, work)
    told = re.findall(r"([\d.]+) (GB|MB)", str(refused.value))
    amounts = [float(number) * (1e9 if unit == "GB" else 1e6) for number, unit in told]
    # What is held and what is needed add up to what is asked for.
    assert amounts[1] + amounts[2] == pytest.approx(amounts[3], rel=0.01)


@pytest.mark.compiled
def test_a_limit_that_is_too_little_says_what_would_do() -> None:
    rng = np.random.default_rng(2)
    counts, design = rng.poisson(0.2, (5000, 20)), np.ones((5000, 1))
    with pytest.raises(InputError, match="give at least"):
        fit_glm(counts, design, size_factors="none", memory_limit="10MB")
    ample = fit_glm(counts, design, size_factors="none", memory_limit="8GB")
    plain = fit_glm(counts, design, size_factors="none")
    np.testing.assert_array_equal(ample.coefficients, plain.coefficients)
