"""Progress of long work: a bar for a person, now and then a line for the log of a job.

Both tell the rate and the time that remains; nothing is shown where none is asked for.
"""

from __future__ import annotations

import builtins
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Seconds between two lines of a log, and before the first: what is shorter needs none.
LINE_SECONDS = 30.0
_GENES = "genes"


@contextmanager
def progress_bar(
    show: bool, total: int, what: str = _GENES, unit: str = _GENES
) -> Iterator[Callable[[int], object] | None]:
    """Yield a function to call with the number of items done, or None if ``show`` is False.

    ``what`` names the work, where that is more than its ``unit``.
    """
    if not show:
        yield None
        return
    work = "" if what == unit else what
    if not _watched():
        lines = _Lines(total, unit, work)
        yield lines.update
        lines.close()
        return
    with _bar()(total=total, unit=f" {unit}", desc=work or None, leave=False) as bar:
        yield bar.update


def _watched() -> bool:
    """Is there a notebook or a terminal?"""
    notebook = getattr(builtins, "__IPYTHON__", False)
    return bool(notebook) or (sys.stderr is not None and sys.stderr.isatty())


def _bar() -> Any:
    if not getattr(builtins, "__IPYTHON__", False):
        from tqdm import tqdm

        return tqdm
    with warnings.catch_warnings():
        # Without widgets a notebook shows the bar of a terminal, which serves as well.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm as fitting

    return fitting


class _Lines:
    """Lines on stderr, every now and then."""

    def __init__(self, total: int, unit: str, work: str) -> None:
        self._total, self._unit = total, unit
        self._work = f"{work}: " if work else ""
        self._done = self._done_before = 0
        self._begun = self._told = time.monotonic()

    def update(self, more: int) -> None:
        """Count what is done, and tell it if it is time to."""
        self._done += more
        now = time.monotonic()
        if now - self._told >= LINE_SECONDS and self._done < self._total:
            # The rate of late: what a checkpoint had took no time.
            rate = max(self._done - self._done_before, 1) / (now - self._told)
            left = (self._total - self._done) / rate
            self._told, self._done_before = now, self._done
            self._say(
                f"{100 * self._done // self._total}%, {rate:.3g} a second, {_span(left)} left"
            )

    def close(self) -> None:
        """Tell the end, if there was something to tell before."""
        if self._told > self._begun:
            self._say(f"done in {_span(time.monotonic() - self._begun)}")

    def _say(self, text: str) -> None:
        if sys.stderr is not None:
            done = f"{self._done:,} of {self._total:,} {self._unit}"
            print(f"countglm: {self._work}{done}, {text}", file=sys.stderr, flush=True)


def _span(seconds: float) -> str:
    """Return a time in words: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
