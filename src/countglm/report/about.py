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
    layer : str
        Layer of the counts; empty for ``X``.
    size_factors : str
        File of the size factors, where they were given as one.
    min_count : float or None
        Counts in all samples together that a gene needed.
    by_expression : bool
        Were genes kept by `filter_by_expression`?
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
    layer: str = ""
    size_factors: str = ""
    min_count: float | None = None
    by_expression: bool = False
    command: Sequence[str] = ()
    n_dropped: int = 0
    drop_rule: str = ""
    without_counts: str = ""


NOTHING = About()
