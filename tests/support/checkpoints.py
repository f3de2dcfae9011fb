"""A small study fitted with a checkpoint, and a count of the parts that are computed."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from countglm._chunks import Finished, Part, Shared, run_part
from countglm._kept_parts import KeptParts
from tests.support.simulated import simulate

COUNTS, OBS = simulate(genes=150, samples=16, seed=3)


def kept(folder: Path) -> list[Path]:
    """Return the finished parts, the oldest first."""
    whole = (path for path in (folder / "parts").iterdir() if not path.name.startswith("."))
    return sorted(whole, key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of the parts that are computed, and so put."""
    put, seen = KeptParts.put, []

    def counting(self: KeptParts, digest: str, arrays: Any) -> None:
        seen.append(digest)
        put(self, digest, arrays)

    monkeypatch.setattr(KeptParts, "put", counting)
    return seen


class Sending:
    """Runs parts from what would be sent: pickled, away from the counts at hand."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.seen: list[Part] = []

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        return 8

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        there = pickle.loads(pickle.dumps(shared))
        # In another order than that of the genes.
        for part in reversed(list(parts)):
            self.seen.append(part)
            rows, counts = pickle.loads(pickle.dumps((part.rows, part.counts.sent())))
            yield part, run_part(there, rows, counts, self._threads)
