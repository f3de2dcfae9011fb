"""What a page can tell besides its results: where the counts came from, and how it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class About:
    """Facts about an analysis that its results do not hold.

    Attributes
    ----------
    source, samples : str
        Files of the counts and of the sample table.
    command : sequence of str
        The command line as it was typed, word by word.
    n_dropped : int
        Genes that were left out before the fit.
    drop_rule : str
        Why, such as "fewer than 10 counts in all samples together".
    without_counts : str
        Where the counts cannot be had: why, and how to get the figures that need them.
    """

    source: str = ""
    samples: str = ""
    command: Sequence[str] = ()
    n_dropped: int = 0
    drop_rule: str = ""
    without_counts: str = ""


NOTHING = About()
