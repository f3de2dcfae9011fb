"""R's own engines beside ours: run them in a child process, and compare results stage by stage."""

from __future__ import annotations

from ._failures import RError
from ._result import RResult
from ._run import run_r

__all__ = ["RError", "RResult", "run_r"]
