"""Parity certificates: our analysis beside R's, with the reason of every difference."""

from __future__ import annotations

from .certificate import ParityCertificate
from .comparison import compare
from .words import REASONS

__all__ = ["REASONS", "ParityCertificate", "compare"]
