"""The table 'item: required | measured | ok' that every acceptance list fills."""

from __future__ import annotations

import sys
import time


class Table:
    """Collects and prints the rows; remembers whether any item failed."""

    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self.failed: list[str] = []
        self.rows = 0
        self._clock = time.perf_counter()

    def row(self, item: str, required: str, measured: str, ok: bool) -> None:
        """Print one row with the seconds since the last one."""
        now = time.perf_counter()
        mark = "ok" if ok else "FAIL"
        print(f"{item}: {required} | {measured} | {mark}  ({now - self._clock:.0f} s)", flush=True)
        self._clock = time.perf_counter()
        self.rows += 1
        if not ok:
            self.failed.append(item)

    def not_run(self, item: str, why: str) -> None:
        """Print an item that this machine cannot check."""
        print(f"{item}: not run, {why}", flush=True)

    def detail(self, text: str) -> None:
        """Print what reproduces a failure."""
        for line in text.splitlines():
            print(f"    {line}", flush=True)

    def finish(self) -> int:
        """Print the verdict; exit status 1 where an item failed."""
        if not self.rows:
            print("nothing was checked", file=sys.stderr)
            return 1
        if self.failed:
            print(f"{len(self.failed)} of {self.rows} items FAILED: {'; '.join(self.failed)}")
            return 1
        print(f"all {self.rows} items hold")
        return 0
