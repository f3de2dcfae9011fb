"""Named sequences of steps; no arithmetic of their own."""

from __future__ import annotations

from .deseq2 import differential_expression

__all__ = ["differential_expression"]
