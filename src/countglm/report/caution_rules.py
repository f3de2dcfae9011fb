"""What a caution is, and a rule that finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts


@dataclass(frozen=True)
class Caution:
    """A point that needs attention.

    Attributes
    ----------
    heading : str
        What it is, in a few words.
    told : str
        What was seen, with its numbers.
    remedy : str
        What to do about it.
    grave : bool
        It may mislead who does not know of it; others are good to know.
    """

    heading: str
    told: str
    remedy: str
    grave: bool = True


@dataclass(frozen=True)
class Rule:
    """What is looked at, and when it becomes a caution.

    Attributes
    ----------
    looked_at : str
        The rule in words, with its limit.
    find : callable
        From the facts of the samples and a result to cautions.
    of_fit : bool
        It depends on the fit alone: contrasts that share one need it once.
    """

    looked_at: str
    find: Callable[[SampleFacts, DEResult], Sequence[Caution]]
    of_fit: bool = False
