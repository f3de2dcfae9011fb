"""What a look at a negative binomial loss found, and how it is told."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._names import plural

if TYPE_CHECKING:
    import pandas as pd

SEVERITIES = ("error", "warning", "note")
# A share of values from which on a finding is more than a note.
MANY = 0.01


@dataclass(frozen=True)
class Finding:
    """One fault of a loss, its parameters or its training.

    Attributes
    ----------
    code : str
        A short name that stays the same, such as "swapped"; the guide explains each.
    severity : {"error", "warning", "note"}
        "error": what is computed is not what was meant. "warning": it is, but training suffers.
        "note": worth knowing, too rare to matter.
    what : str
        What was found, how often and where first.
    why : str
        What it does.
    remedy : str
        What to do.
    """

    code: str
    severity: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        words = f"{self.severity} [{self.code}] {self.what} {self.why}"
        lines = textwrap.wrap(words, 96, subsequent_indent="    ", break_on_hyphens=False)
        remedy = textwrap.wrap(
            f"Do: {self.remedy}", 96, initial_indent="    ", subsequent_indent="    ",
            break_on_hyphens=False,
        )  # fmt: skip
        return "\n".join([*lines, *remedy])


@dataclass(frozen=True)
class NBLossReport:
    """What `check_nb_loss` found; print it.

    Attributes
    ----------
    findings : tuple of Finding
        Errors first, then warnings, then notes; empty where nothing is wrong.
    checked : tuple of str
        What could be looked at with what was given.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings, in their order."""
        return tuple(finding.code for finding in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding: code, severity, what, why, remedy."""
        import pandas as pd

        columns = ["code", "severity", "what", "why", "remedy"]
        rows = [[getattr(finding, name) for name in columns] for finding in self.findings]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        looked = textwrap.wrap(f"Looked at: {', '.join(self.checked)}.", 96)
        if not self.findings:
            return "\n".join(["Nothing is wrong with what was given.", *looked])
        n = [sum(f.severity == s for f in self.findings) for s in SEVERITIES]
        told = ", ".join(plural(k, s) for k, s in zip(n, SEVERITIES, strict=True) if k)
        return "\n".join([f"{told}:", *map(str, self.findings), *looked])


def where_first(
    bad: NDArray[np.bool_], values: NDArray[Any] | None = None, noun: str = "value"
) -> str:
    """Return ``3 of 200 values (1.5%), the first 7 at [0, 4]``."""
    bad = np.asarray(bad)
    if bad.size == 1:
        shown = "" if values is None else f" ({float(np.max(values)):.6g})"
        return f"the one {noun} given{shown}"
    n = int(np.count_nonzero(bad))
    words = f"{n:,} of {plural(bad.size, noun)} ({100.0 * n / max(1, bad.size):.3g}%)"
    if not n:
        return words
    first = tuple(int(k) for k in np.argwhere(bad)[0])
    shown = "" if values is None else f" {np.broadcast_to(values, bad.shape)[first]:.6g}"
    return f"{words}, the first{shown} at {list(first)}"


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity, otherwise in the order in which they were made."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
