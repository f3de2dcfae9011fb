"""Exceptions for a caller's mistake: what is wrong, how many, where first, what to do."""

from __future__ import annotations


class InputError(ValueError):
    """Wrong input or wrong use; the message ends in a remedy. The CLI exits with status 2."""


class ClusterError(RuntimeError):
    """Workers or their scheduler are lost, through no mistake of the input; says what to do."""


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, as on a full disk; what is kept stays."""


class CheckpointRefusedError(InputError):
    """A checkpoint of something else, or in use by another run."""
