"""How much memory the process has taken, and how much more it may take."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_STATM, _MEMINFO = Path("/proc/self/statm"), Path("/proc/meminfo")
# Limit and use of the control group of a container or a batch job: version 2, then version 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
# Where no limit is given, the part of the free memory that counts may take.
_SHARE_OF_FREE = 0.5
_UNKNOWN_FREE = 2 << 30


def resident_memory() -> int:
    """Return the bytes of memory that this process holds now."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def free_memory() -> int:
    """Return the bytes that this process may still take, as the system or its container says."""
    found = [_free_on_machine(), *(_free_in_group(Path(a), Path(b)) for a, b in _GROUPS)]
    return min((free for free in found if free is not None), default=_UNKNOWN_FREE)


def room_for_counts(memory_limit: int | None) -> int:
    """Return the bytes that reading counts may take beside what the process holds now.

    Not more than half of the free memory where no limit is given; not below 0.
    """
    if memory_limit is None:
        return int(free_memory() * _SHARE_OF_FREE)
    return max(0, memory_limit - resident_memory())


def in_words(size: float) -> str:
    """Return a number of bytes as a person reads it."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size / 1e3:.3g} kB" if size >= 1e3 else f"{size:.0f} bytes"


def _free_on_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_in_group(limit: Path, used: Path) -> int | None:
    try:
        most, now = limit.read_text().strip(), used.read_text().strip()
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - int(now))
