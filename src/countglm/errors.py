"""Exceptions for a caller's mistake: what is wrong, how many, where first, what to do."""

from __future__ import annotations


class InputError(ValueError):
    """Wrong input or wrong use; the message ends in a remedy. The CLI exits with status 2."""


class ClusterError(RuntimeError):
    """Workers or their scheduler are lost, through no mistake of the input; says what to do."""
