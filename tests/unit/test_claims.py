"""Claims on work in a shared folder: kept from others while their owner lives."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from countglm import _claims
from countglm._claims import SILENCE, Claims


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Claims, Claims]:
    """The claims of two processes; both are this one, which the claims do not know."""
    return Claims(tmp_path / "claims"), Claims(tmp_path / "claims")


def test_what_one_has_another_does_not_get(pair: tuple[Claims, Claims]) -> None:
    one, other = pair
    assert one.take("part")
    assert not other.take("part")
    assert other.take("another")
    one.drop("part")
    assert other.take("part")


def test_claims_end_with_their_owner(pair: tuple[Claims, Claims], tmp_path: Path) -> None:
    one, other = pair
    assert one.take("a")
    assert one.take("b")
    one.close()
    assert other.take("a")
    assert other.take("b")
    other.close()
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_claim_that_is_not_renewed_is_taken_over(
    pair: tuple[Claims, Claims], tmp_path: Path
) -> None:
    one, other = pair
    assert one.take("part")
    path = tmp_path / "claims" / "part"
    silent = path.stat().st_mtime - SILENCE - 1.0
    os.utime(path, (silent, silent))
    assert other.take("part")
    assert path.stat().st_mtime > silent + SILENCE / 2
    assert not one.take("part")


def test_what_a_dead_process_of_this_machine_claimed_is_free(
    pair: tuple[Claims, Claims], tmp_path: Path
) -> None:
    one, other = pair
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert one.take("part")
    path = tmp_path / "claims" / "part"
    path.write_text(f"{platform.node()} {ended.pid}")
    assert other.take("part")
    assert path.read_text() == f"{platform.node()} {os.getpid()}"
    path.write_text(f"elsewhere {ended.pid}")
    assert not one.take("part")


def test_claims_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_claims, "SIGN", 0.01)
    claims = Claims(tmp_path / "claims")
    claims.take("part")
    path = tmp_path / "claims" / "part"
    os.utime(path, (1.0, 1.0))
    for _ in range(1000):
        if path.stat().st_mtime > 1.0:
            break
        claims._ended.wait(0.01)
    assert path.stat().st_mtime > 1.0
    claims.close()


def test_dropping_what_is_gone_is_no_error(pair: tuple[Claims, Claims], tmp_path: Path) -> None:
    one, _ = pair
    one.take("part")
    (tmp_path / "claims" / "part").unlink()
    one.drop("part")
    assert one.take("part")
