"""Status codes, their order and sentences, and the exception for a caller's mistake."""

from __future__ import annotations

import pytest

from countglm import Status
from countglm.errors import InputError
from countglm.status import PRECEDENCE


def test_codes_are_stable() -> None:
    # Saved fits hold the numbers.
    assert {status.name: int(status) for status in Status} == {
        "CONVERGED": 0,
        "BOUNDARY_DISPERSION": 1,
        "MAX_ITER": 2,
        "SEPARATED": 3,
        "SINGULAR": 4,
        "ALL_ZERO": 5,
        "INVALID": 6,
    }


def test_order_of_precedence_names_every_status_once() -> None:
    assert [status.name for status in PRECEDENCE] == [
        "INVALID", "ALL_ZERO", "SINGULAR", "SEPARATED", "MAX_ITER", "BOUNDARY_DISPERSION",
        "CONVERGED",
    ]  # fmt: skip


@pytest.mark.parametrize("status", Status)
def test_sentences_are_sentences(status: Status) -> None:
    assert status.sentence[0].isupper()
    assert status.sentence.endswith(".")
    assert len(status.sentence) < 300
    assert "  " not in status.sentence


def test_sentences_differ() -> None:
    assert len({status.sentence for status in Status}) == len(Status)


def test_mistakes_are_value_errors() -> None:
    assert issubclass(InputError, ValueError)
    with pytest.raises(ValueError, match="wrong"):
        raise InputError("wrong")
