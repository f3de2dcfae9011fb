"""What made a result: versions, processor, options."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ._version import __version__


@cache
def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


@cache
def _version(package: str) -> str:
    return version(package)


def provenance(**options: Any) -> dict[str, Any]:
    """Return versions, processor, time and ``options`` as a dictionary that JSON can hold."""
    packages = {name: _version(name) for name in ("numpy", "numba", "scipy")}
    return {
        "versions": {"countglm": __version__, "python": platform.python_version(), **packages},
        "platform": sys.platform,
        "cpu": _cpu(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": options,
    }


@cache
def what_computes() -> dict[str, str]:
    """Return what decides the bits of a result, by name, and the processor."""
    record = provenance()
    digest = hashlib.blake2b(digest_size=8)
    here = Path(__file__).resolve().parent
    for path in sorted(here.rglob("*.py")):
        digest.update(path.relative_to(here).as_posix().encode())
        digest.update(path.read_bytes())
    names = ("countglm", "numba", "numpy", "scipy")
    versions = {name: str(record["versions"][name]) for name in names}
    return {**versions, "sources of countglm": digest.hexdigest(), "processor": str(record["cpu"])}


def in_common(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what records agree on, in depth."""
    first, *others = records
    found: dict[str, Any] = {}
    for name, value in first.items():
        values: list[Any] = [other.get(name) for other in others]
        if isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in values):
            found[name] = in_common([value, *values])
        elif all(each == value for each in values):
            found[name] = value
    return found
