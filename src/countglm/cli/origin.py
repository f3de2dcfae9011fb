"""Where the counts of an output folder came from: written by a run, read by who comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countglm.report.about import About

INPUT = "input"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run was asked, as far as its results do not hold it.

    Attributes
    ----------
    counts, samples : str
        The files as they were named on the command line; samples may be empty.
    folder : str
        Where the command ran.
    layer : str or None
        Layer of the counts.
    size_factors : str
        File of the size factors; empty for a method.
    min_count : float or None
        As the option of that name.
    by_expression : bool
        Was ``--filter-by-expression`` given?
    command : tuple of str
        The command line, word by word.
    n_dropped : int
        Genes left out before the fit, by ``drop_rule``.
    """

    counts: str = ""
    samples: str = ""
    folder: str = ""
    layer: str | None = None
    size_factors: str = ""
    min_count: float | None = None
    by_expression: bool = False
    command: tuple[str, ...] = ()
    n_dropped: int = 0
    drop_rule: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what the summary of the folder keeps."""
        return {
            "counts": self.counts,
            "samples": self.samples,
            "folder": self.folder,
            "layer": self.layer,
            "size_factors": self.size_factors,
            "min_count": self.min_count,
            "by_expression": self.by_expression,
            "command": list(self.command),
            "n_dropped": self.n_dropped,
            "drop_rule": self.drop_rule,
        }

    def about(self, without_counts: str = "") -> About:
        """Return what a page tells of it."""
        return About(
            source=self.counts,
            samples=self.samples,
            layer=self.layer or "",
            size_factors=self.size_factors,
            min_count=self.min_count,
            by_expression=self.by_expression,
            command=self.command,
            n_dropped=self.n_dropped,
            drop_rule=self.drop_rule,
            without_counts=without_counts,
        )

    def places(self, beside: Path) -> list[Path]:
        """Return where the counts may lie: where they were, or in or next to the output folder."""
        if not self.counts:
            return []
        named = Path(self.counts)
        return [Path(self.folder) / named, beside / named.name, beside.parent / named.name]


def origin_of(
    counts: Path, samples: Path | None, options: Mapping[str, Any], n_dropped: int
) -> Origin:
    """Return the origin of a run of the command line with ``options``."""
    import click

    context = click.get_current_context(silent=True)
    words = None if context is None else context.find_root().obj
    return Origin(
        counts=str(counts),
        samples="" if samples is None else str(samples),
        folder=str(Path.cwd()),
        layer=options.get("layer"),
        size_factors=_file_of(str(options.get("size_factors", "none"))),
        min_count=options.get("min_count"),
        by_expression=bool(options.get("by_expression")),
        command=tuple(words or ()),
        n_dropped=n_dropped,
        drop_rule=_rule(options) if n_dropped else "",
    )


def origin_from(summary: Mapping[str, Any]) -> Origin:
    """Return the origin that a summary tells; an old one tells of no files."""
    known = dict(summary.get(INPUT) or {})
    known["command"] = tuple(known.get("command") or ())
    known.setdefault("n_dropped", int(summary.get("n_dropped") or 0))
    names = Origin.__dataclass_fields__
    return Origin(**{name: value for name, value in known.items() if name in names})


def _file_of(size_factors: str) -> str:
    """The file that ``--size-factors`` names; empty for a method."""
    from countglm.size_factors import METHODS

    return "" if size_factors in METHODS else size_factors


def _rule(options: Mapping[str, Any]) -> str:
    """Why genes were left out before the fit."""
    least = options.get("min_count")
    rules = [] if least is None else [f"fewer than {least:g} counts in all samples together"]
    if options.get("by_expression"):
        rules.append("too few counts by edgeR's rule of expression")
    return " or ".join(rules)
