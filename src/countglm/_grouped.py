"""GroupedResult: the results of one analysis made in every group of samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._group_names import group_text, none_fitted
from ._names import first_few, plural
from .errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ._grouped_summary import GroupedSummary
    from .deresult import DEResult

Floats = NDArray[np.float64]
# A label of the column, or one of each column.
Group = Any


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class GroupedResult(Mapping[Group, "DEResult"]):
    """Differential expression of one contrast in every group: a mapping from group to DEResult.

    A group is the label in the column that ``by`` named, or a tuple of labels where it named
    several.

    Attributes
    ----------
    results : mapping
        DEResult by group, in the order of the levels. Those of many groups, beyond a part of the
        memory, wait in a temporary folder until they are asked for.
    by : tuple of str
        Names of the columns that tell the groups apart, also in `table`.
    failed : dict
        Why a group could not be fitted, by group.
    n_samples : dict
        Samples of every group, with those of the control; of the failed ones, too.
    messages : dict
        What was warned about a group, by group.
    caution : str
        Why p-values are too small, where cells were tested in place of replicates; else empty.
    control : label or None
        What every group was compared with.
    across : dict or None
        P-values (n_genes,) adjusted over all groups, by group.
    p_adjust_across : str or None
        How; ``"given"`` for a function.
    """

    results: Mapping[Group, DEResult]
    by: tuple[str, ...]
    failed: dict[Group, str] = field(default_factory=dict)
    n_samples: dict[Group, int] = field(default_factory=dict)
    messages: dict[Group, tuple[str, ...]] = field(default_factory=dict)
    caution: str = ""
    control: Any = None
    across: dict[Group, Floats] | None = None
    p_adjust_across: str | None = None

    def __getitem__(self, group: Group) -> DEResult:
        if group in self.results:
            return self.results[group]
        if group in self.failed:
            raise KeyError(f"{group_text(group)!r} was not fitted: {self.failed[group]}")
        known = first_few(map(group_text, self.results), 10)
        raise KeyError(f"there is no group {group_text(group)!r}; there are {known}")

    def __iter__(self) -> Iterator[Group]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def label(self) -> str:
        """The contrast in words, which in a screen is another for each group."""
        labels = list(dict.fromkeys(result.label for result in self.results.values()))
        if len(labels) == 1:
            return labels[0]
        if self.control is not None:
            return f"{self.by[-1]} vs {self.control}"
        return f"{len(labels)} contrasts"

    @property
    def group_columns(self) -> list[str]:
        """Names of the groups' columns in `table`: ``by_`` stands before those that are taken."""
        from ._grouped_table import column_names

        return column_names(self)

    @property
    def table(self) -> pd.DataFrame:
        """One row per group and gene: the groups' columns, ``gene``, then those of the results.

        With ``p_adjust_across``, ``padj_across`` follows ``padj``.
        """
        from ._grouped_table import tidy_table

        return tidy_table(self)

    def summary(self, alpha: float | None = None) -> GroupedSummary:
        """Count what was found in every group, as `DEResult.summary` does.

        Returns
        -------
        GroupedSummary
            Text when printed; the numbers are its ``facts``, and ``frame`` has a row per group.
        """
        from ._grouped_summary import summarise_groups

        return summarise_groups(self, alpha)

    def significant(self, alpha: float | None = None) -> pd.DataFrame:
        """Return the rows of the table with an adjusted p below ``alpha``, smallest p first.

        Of p-values adjusted over all groups where there are any.
        """
        from ._grouped_table import significant_rows

        return significant_rows(self, alpha)

    def test(self, contrast: Any = None, **choices: Any) -> GroupedResult:
        """Test another contrast of the same fits; choices are those of `DEResult.test`.

        None takes the contrast of every group again. Groups whose samples do not have it join the
        failed ones. P-values are adjusted over all groups again where they were, unless by a
        function, which a result does not keep.
        """
        if isinstance(contrast, Mapping):
            raise InputError("test() of groups takes one contrast; call it once for each.")

        def tested(result: DEResult) -> DEResult:
            if contrast is not None:
                again: DEResult = result.test(contrast, **choices)
                return again
            own: DEResult = replace(result.test(result.contrast, **choices), label=result.label)
            return own

        return self._each(tested)._adjusted_again()

    def shrink(self, **options: Any) -> GroupedResult:
        """Return the results with shrunken fold changes; options are those of `shrink`."""
        shrunken = self._each(lambda result: result.shrink(**options))
        gone = any("pvalue" not in result.table for result in shrunken.results.values())
        across = None if gone or self.across is None else dict(self.across)
        return replace(
            shrunken, across=across and {group: across[group] for group in shrunken.results}
        )

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        counts: Any = None,
        title: str | None = None,
        force: bool = False,
    ) -> list[Path]:
        """Write an index of all groups to ``path`` and a page for each beside it.

        Parameters
        ----------
        path : path
            The index, such as ``report.html``; pages are ``report_<group>.html``.
        counts : optional
            The counts of the analysis, of all groups, for results that were loaded: figures of
            samples need them, and are left out without.
        title : str, optional
            Heading of the index.
        force : bool
            Overwrite existing files.

        Returns
        -------
        list of Path
            The index, then the pages: at most 100, of the groups with most genes.

        Raises
        ------
        InputError
            Files that exist without ``force``, a folder that cannot be written, or counts other
            than those of the analysis.
        """
        from .report import write_groups_report

        heading = title or f"Differential expression by {', '.join(self.by)}: {self.label}"
        return write_groups_report(self, path, counts=counts, title=heading, force=force)

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write the results of all groups to one file: HDF5 (.h5, .hdf5) or .npz, no pickle.

        Counts are left out, as by `DEResult.save`.

        Raises
        ------
        InputError
            Unknown suffix, existing file without ``force``, or a folder that cannot be written.
        """
        from ._grouped_store import save_groups

        save_groups(self, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GroupedResult:
        """Read what `save` wrote; a foreign, newer or damaged file is an InputError."""
        from ._grouped_store import load_groups

        return cls(**load_groups(path))

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} not fitted" if self.failed else ""
        return (
            f"GroupedResult: {self.label} by {', '.join(self.by)}, "
            f"{plural(len(self), 'group')}{failed}\n  .table, .summary(), result[group]"
        )

    def _each(self, change: Callable[[DEResult], DEResult]) -> GroupedResult:
        from ._result_shelf import ResultShelf

        shelf = self.results.empty() if isinstance(self.results, ResultShelf) else None
        results: dict[Group, DEResult] = {}
        failed = dict(self.failed)
        for group, result in self.results.items():
            try:
                changed = change(result)
            except InputError as error:
                failed[group] = str(error)
                continue
            if shelf is None:
                results[group] = changed
            else:
                shelf.put(group, changed)
        kept = results if shelf is None else shelf
        if not kept:
            raise none_fitted(failed)
        return replace(self, results=kept, failed=failed)

    def _adjusted_again(self) -> GroupedResult:
        from ._grouped_table import adjusted_across

        known = self.across is not None and self.p_adjust_across != "given"
        across = adjusted_across(self.results, self.p_adjust_across) if known else None
        return replace(self, across=across)
