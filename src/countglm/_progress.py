"""Progress on stderr for long work, and nothing where none is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(show: bool, total: int, unit: str) -> Iterator[Callable[[int], object] | None]:
    """Yield a function to call with the number of items done, or None if ``show`` is False."""
    if not show:
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {unit}", unit_scale=False, leave=False) as bar:
        yield bar.update
