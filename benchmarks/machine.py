"""Where results are kept, and what is written down of the machine that gave them."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_machine() -> dict[str, Any]:
    """Return CPU, cores, load and versions: what a reader needs to judge a time."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "numba", "scipy", "countglm")},
        "date": time.strftime("%Y-%m-%d"),
    }


def machine_text(result: dict[str, Any]) -> str:
    """Return one sentence on the machine of a result."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']} at the end, "
        f"{machine['system']}, Python {machine['python']}, {packages}; {machine['date']}."
    )


def save_result(name: str, result: dict[str, Any]) -> None:
    """Keep one benchmark's result as JSON beside the others."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def threads_agree(rows: dict[str, Any]) -> bool:
    """Print and return whether the results of one and two threads have the same digest."""
    same = bool(rows["1"]["digest"] == rows["2"]["digest"])
    print(f"bits of 1 and 2 threads: {'the same' if same else 'DIFFERENT'}")
    return same


def bits_text(result: dict[str, Any]) -> str:
    """Return the sentence on the bits of one and two threads."""
    bits = "the same" if result["same_bits"] else "not the same"
    return f"The results of one and two threads have {bits} bits."
