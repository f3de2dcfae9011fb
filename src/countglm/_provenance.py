"""What made a result: versions, processor, options."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
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
