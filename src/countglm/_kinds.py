"""Telling what a caller gave without importing the library that it comes from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def is_a(value: Any, module: str, *classes: str) -> bool:
    """isinstance without importing: an object of a library exists only once that is loaded."""
    loaded = sys.modules.get(module)
    return loaded is not None and any(isinstance(value, getattr(loaded, c, ())) for c in classes)


def advice_on(found: Sequence[tuple[str, str]]) -> str:
    """Advice naming the places that hold whole numbers, given with how each is asked for."""
    if not found:
        return ""
    names = " and ".join(name for name, _ in found)
    verb = "holds" if len(found) == 1 else "hold"
    return f"{names} {verb} whole numbers: {' or '.join(advice for _, advice in found)}."
