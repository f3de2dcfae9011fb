"""ParityCertificate: where two analyses agree, and why they do not where they do not."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.errors import InputError

from .stages import BY_NAME
from .summary import p_moved
from .text import certificate_text
from .words import REASONS, sentence

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ParityCertificate:
    """An analysis of ours beside one of R, stage by stage and gene by gene.

    Attributes
    ----------
    engine : str
        R's package.
    versions : dict
        Of R, its packages and countglm.
    mode : str
        Of our analysis, "exact" or "replay".
    label : str
        The contrast in words.
    tolerance : float
        Relative size of a difference that is none.
    stages : DataFrame
        By stage: values compared, beyond the tolerance, with a (finite) value on one side only,
        median, 99% quantile and largest difference of the others, its unit and place, tolerance,
        verdict (equal, explained, unexplained, not compared).
    calls : dict
        Genes below ``alpha`` in both analyses and in one only; Jaccard index.
    values : DataFrame
        Per gene ``"<stage> ours"`` and ``"<stage> theirs"``; fold changes are log2.
    reasons : DataFrame
        Genes x stages: a key of `REASONS`, "" within the tolerance.
    evidence : DataFrame
        Per gene: Newton decrement of R's coefficients, in standard errors; by how much their
        log-likelihood is below the optimum; R's lowest fitted mean; by how much the objective of
        R's gene-wise and MAP dispersions is below ours.
    seconds : float
    settings : dict
        Choices of both analyses.
    warnings : list of str
        What R warned of.
    """

    engine: str
    versions: dict[str, str]
    mode: str
    label: str
    tolerance: float
    stages: pd.DataFrame
    calls: dict[str, Any]
    values: pd.DataFrame
    reasons: pd.DataFrame
    evidence: pd.DataFrame
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def unexplained(self) -> int:
        """Genes with a difference that no computed reason accounts for."""
        return int((self.reasons == "unknown").any(axis=1).sum())

    @property
    def passed(self) -> bool:
        """Is every difference beyond the tolerance accounted for?"""
        return self.unexplained == 0 and not self.unexplained_stages

    @property
    def unexplained_stages(self) -> tuple[str, ...]:
        """Stages with a difference that no computed reason accounts for."""
        verdicts = self.stages["verdict"]
        return tuple(str(name) for name in verdicts.index[verdicts == "unexplained"])

    @cached_property
    def _first(self) -> Any:
        """Per gene the first stage that differs, -1 for none."""
        differ = self.reasons.to_numpy() != ""
        return np.where(differ.any(axis=1), differ.argmax(axis=1), -1)

    @property
    def first_reasons(self) -> Any:
        """Per gene the reason at the first stage that differs, "" for none."""
        # Where none differs, any stage's code is "".
        return self.reasons.to_numpy()[np.arange(len(self.reasons)), self._first]

    def genes(self) -> pd.DataFrame:
        """Genes that differ: first stage, reason, sentence, fold changes, p; worst first.

        Unexplained ones come first, then by the change of the digits of p beside their number.
        """
        import pandas as pd

        rows = np.flatnonzero(self._first >= 0)
        columns = [f"{name} {side}" for name in ("log2 fold change", "p-value", "adjusted p")
                   for side in ("ours", "theirs")]  # fmt: skip
        numbers = self.values.iloc[rows]
        names = np.array(list(BY_NAME), dtype=object)
        first = names[self._first[rows]]
        told = pd.DataFrame(
            {
                "first stage": first,
                "reason": self.first_reasons[rows],
                "sentence": self._sentences(rows),
            },
            index=numbers.index,
        )
        table = pd.concat([told, numbers[columns], self.evidence.iloc[rows]], axis=1)
        known = ~(self.reasons.iloc[rows] == "unknown").any(axis=1).to_numpy()
        return table.iloc[np.lexsort((-p_moved(numbers), known))]

    def _sentences(self, rows: Any) -> list[str]:
        """What moves the fold change or, where it agrees, the first stage that differs."""
        names = list(BY_NAME)
        codes = self.reasons.to_numpy()
        change = names.index("log2 fold change")
        stage = np.where(codes[rows, change] != "", change, self._first[rows])
        values, evidence = _records(self.values.iloc[rows]), _records(self.evidence.iloc[rows])
        return [
            sentence(codes[row, at], names[at], value, told, self.engine)
            for row, at, value, told in zip(rows, stage, values, evidence, strict=True)
        ]

    def explain(self, gene: str) -> str:
        """Say of one gene, stage by stage, where and why it differs.

        Genes of one name are told one after the other.

        Raises
        ------
        InputError
            A gene that the analysis does not have.
        """
        found = np.flatnonzero(self.reasons.index == gene)
        if not found.size:
            raise InputError(f"The analysis has no gene {gene!r}; see .reasons.index.")
        equal = f"{gene}: equal at every stage, to {self.tolerance:.0e}."
        return "\n\n".join("\n".join(self._told(int(row))) or equal for row in found)

    def _told(self, row: int) -> list[str]:
        """The sentences of one row, stage by stage."""
        values, evidence = (
            _records(table.iloc[[row]])[0] for table in (self.values, self.evidence)
        )
        codes = {name: self.reasons[name].iloc[row] for name in BY_NAME}
        return [
            sentence(code, name, values, evidence, self.engine)
            for name, code in codes.items()
            if code
        ]

    def reason_counts(self) -> pd.DataFrame:
        """Number of genes by reason and stage, with the reason in words."""
        columns = {str(name): self.reasons[name] for name in self.reasons}
        counts = self._in_order({k: v[v != ""].value_counts() for k, v in columns.items()})
        counts.insert(0, "words", [REASONS[code] for code in counts.index])
        return counts

    def call_reasons(self) -> pd.DataFrame:
        """Genes called by one analysis only, by the reason of their adjusted p."""
        ours, theirs = (
            self.values[f"adjusted p {side}"].to_numpy() < self.calls["alpha"]
            for side in ("ours", "theirs")
        )
        codes = self.reasons["adjusted p"]
        columns = {"only ours": ours & ~theirs, "only theirs": theirs & ~ours}
        counts = {name: codes[which].value_counts() for name, which in columns.items()}
        table = self._in_order(counts)
        table.insert(0, "words", [REASONS[code] for code in table.index])
        return table

    @staticmethod
    def _in_order(counts: Mapping[str, Any]) -> pd.DataFrame:
        """Counts by reason, in the order of `REASONS`."""
        import pandas as pd

        table = pd.DataFrame(counts)
        table = table.reindex([code for code in REASONS if code in table.index])
        return table.fillna(0).astype(int).rename_axis("reason")

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold: versions, stages, calls, numbers of genes by reason, settings."""
        return {
            "engine": self.engine,
            "versions": self.versions,
            "mode": self.mode,
            "contrast": self.label,
            "tolerance": self.tolerance,
            "passed": self.passed,
            "unexplained": self.unexplained,
            "stages": _finite(self.stages.to_dict("index")),
            "calls": self.calls,
            "reasons": self.reason_counts().to_dict("index"),
            "call_reasons": self.call_reasons().to_dict("index"),
            "settings": self.settings,
            "warnings": self.warnings,
            "seconds": self.seconds,
        }

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, default=_number)

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write `to_json` to ``path``.

        Raises
        ------
        InputError
            An existing file without ``force``, or a folder that cannot be written.
        """
        try:
            with open(path, "w" if force else "x", encoding="utf-8") as file:
                file.write(self.to_json() + "\n")
        except FileExistsError as error:
            raise InputError(f"{os.fspath(path)} exists; pass force=True to replace it.") from error
        except OSError as error:
            raise InputError(f"{os.fspath(path)} cannot be written: {error.strerror}.") from error

    def __str__(self) -> str:
        return certificate_text(self)

    def __repr__(self) -> str:
        verdict = "every difference explained" if self.passed else f"{self.unexplained} unexplained"
        return f"<ParityCertificate against {self.engine}: {self.label}, {verdict}>"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, each a dict by column."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.to_numpy()]


def _finite(rows: Mapping[Any, Mapping[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Rows without NaN, which is no JSON."""
    return {
        str(name): {
            str(key): None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in row.items()
        }
        for name, row in rows.items()
    }


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)
