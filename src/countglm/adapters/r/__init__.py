"""R's own engines beside ours: run them in a child process, and compare results stage by stage."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._failures import RError
from ._result import RResult
from ._run import require, run_r

if TYPE_CHECKING:
    from countglm.adapters.parity import ParityCertificate, compare

__all__ = ["ParityCertificate", "RError", "RResult", "compare", "require", "run_r"]


def __getattr__(name: str) -> Any:
    # The certificate builds on what stands here, so it is looked up when asked for.
    if name not in ("compare", "ParityCertificate"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("countglm.adapters.parity"), name)
