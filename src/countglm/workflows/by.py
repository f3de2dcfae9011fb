"""One analysis in every group of samples: counts read once, each group as if it were alone."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import shaped
from countglm._checkpoint import Checkpoint
from countglm._group_counts import WAITING_BYTES, SplitCounts, group_matrix, in_batches
from countglm._group_designs import GroupDesigns
from countglm._group_names import group_text, none_fitted
from countglm._group_outcomes import GroupOutcome, grouped_result, tell_of_groups
from countglm._grouping import Grouping, SampleGroup, group_samples
from countglm._memory import room_for_counts
from countglm._names import match_table, plural
from countglm._nonzeros import Nonzeros
from countglm._p_adjust import check_adjustment
from countglm._progress import progress_bar
from countglm._pseudoreplication import check_replicates, find_nesting
from countglm._resources import resolve_resources
from countglm._result_shelf import ResultShelf
from countglm._sample_tables import as_sample_table, with_references
from countglm._warn import gathered, warn
from countglm.counts import CountMatrix, Reading, as_count_matrix
from countglm.errors import CheckpointRefusedError, InputError
from countglm.size_factors import resolve_size_factors

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult
    from countglm.design import Design

Workflow = TypeVar("Workflow", bound=Callable[..., Any])
# Part of the memory that is left which counts of groups may take; the rest is for fits.
_SHARE_OF_ROOM = 1 / 3
# The same of their results; what is beyond waits in a temporary folder.
_SHARE_OF_RESULTS = 1 / 5
# Arguments with a value per sample, or per sample and gene.
_PER_SAMPLE = ("offset", "weights", "normalization_factors")


def with_groups(workflow: Workflow) -> Workflow:
    """Make a workflow of one set of samples take ``by=``: then it runs in every group of them."""
    signature = inspect.signature(workflow)

    @functools.wraps(workflow)
    def run(*args: Any, **options: Any) -> Any:
        if options.get("by") is not None:
            given = signature.bind(*args, **options)
            given.apply_defaults()
            return _in_every_group(workflow, given.arguments)
        for name in ("control", "p_adjust_across"):
            if options.get(name) is not None:
                raise InputError(f"{name}= belongs to by=, which makes groups; leave it out.")
        return workflow(*args, **options)

    return cast(Workflow, run)


def warn_of_cells(
    design: Design, contrasts: Mapping[str, Any], obs: pd.DataFrame | None, replicates: Any
) -> None:
    """Warn once where a contrast was given to donors whose cells are tested one by one."""
    vectors = [design.contrast(contrast)[0] for contrast in contrasts.values()]
    nesting = find_nesting(design, vectors, obs, replicates)
    if nesting is not None:
        warn(nesting.message())


@dataclass(frozen=True, eq=False)
class _Run:
    """All that the groups share."""

    workflow: Callable[..., Any]
    counts: CountMatrix
    designs: GroupDesigns
    grouping: Grouping
    replicates: Any
    per_sample: dict[str, NDArray[np.float64]]
    memory_limit: int | None
    shelves: dict[str, ResultShelf]
    options: dict[str, Any]

    def outcomes(self, progress: bool) -> dict[Any, GroupOutcome]:
        """Return what comes of every group, by its label."""
        groups = self.grouping.groups
        with progress_bar(progress, len(groups), unit="groups", what="groups") as advance:
            found = {}
            for group, held in self._with_counts():
                results, found[group.label] = self.fit(group, held)
                for name, result in results.items():
                    self.shelves[name].put(group.label, result)
                if advance is not None:
                    advance(1)
        return found

    def _with_counts(self) -> Iterator[tuple[SampleGroup, Nonzeros | None]]:
        """Yield groups with their nonzeros; as many as fit in memory share one reading."""
        entries = int(self.counts.nonzero_sizes().sum())
        each = WAITING_BYTES * entries / self.counts.n_samples
        room = room_for_counts(self.memory_limit) * _SHARE_OF_ROOM
        for groups, held in in_batches(self.grouping.groups, each, room):
            split = None
            if held:
                wanted = _wanted(groups, self.grouping.n_codes)
                split = SplitCounts(self.counts, self.grouping.codes, wanted)
            for group in groups:
                yield group, None if split is None else split.of_group(group)

    def fit(
        self, group: SampleGroup, held: Nonzeros | None
    ) -> tuple[dict[str, DEResult], GroupOutcome]:
        """Return what comes of a group; its counts are in memory until then, where they fit."""
        rows = group.rows
        matrix, source = group_matrix(self.counts, rows, held)
        options: dict[str, Any] = {name: values[rows] for name, values in self.per_sample.items()}
        if self.options["checkpoint"] is not None:
            options["checkpoint"] = _folder(self.options["checkpoint"], group.label)
        with gathered() as messages:
            try:
                model = self.designs.of(group, matrix)
                results = self.workflow(
                    matrix, model.design, model.contrasts, obs=model.table, reduced=model.reduced,
                    replicates=False, **self.options | options,
                )  # fmt: skip
                vectors = [model.design.contrast(each)[0] for each in model.contrasts.values()]
                nesting = find_nesting(model.design, vectors, model.table, self.replicates)
            except CheckpointRefusedError:
                # Of the whole call: no group would fare better.
                raise
            except InputError as error:
                return {}, GroupOutcome(dict.fromkeys(self.designs.contrasts, str(error)))
            finally:
                source.release()
        labels = group.label if isinstance(group.label, tuple) else (group.label,)
        named = {
            "group": dict(zip(self.grouping.by, labels, strict=True)),
            "control": self.grouping.control,
        }
        results = {
            name: replace(result, settings=result.settings | named)
            for name, result in results.items()
        }
        return results, GroupOutcome(model.refused, tuple(dict.fromkeys(messages)), nesting)


def _in_every_group(workflow: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Run ``workflow`` with the arguments ``given`` in every group."""
    data, design, contrast, by, control, replicates, across, progress, obs, reference, reduced = (
        given.pop(name)
        for name in ("data", "design", "contrast", "by", "control", "replicates",
                     "p_adjust_across", "progress", "obs", "reference", "reduced")
    )  # fmt: skip
    across = given["p_adjust"] if across is True else across or None
    if across is not None:
        check_adjustment(across, "p_adjust_across")
    resources = resolve_resources(
        given["threads"], given["block_size"], given["memory_limit"], given["client"],
        given["checkpoint"],
    )  # fmt: skip
    limit, folder = resources.memory_limit, resources.checkpoint
    reading = Reading(limit, folder, keep=folder is not None)
    counts = as_count_matrix(
        data, layer=given.pop("layer"), gene_names=given.pop("gene_names"),
        allow_noninteger=given["allow_noninteger"], reading=reading,
    )  # fmt: skip
    table = _in_order(as_sample_table(obs, counts), counts)
    table = with_references(table, reference, design)
    check_replicates(replicates, table)
    grouping = group_samples(by, control, table, counts)
    designs = GroupDesigns(design, contrast, table, counts, grouping, reduced)
    per_sample = _per_sample(given, counts)
    shelves = _shelves(designs.contrasts, grouping, counts, limit)
    run = _Run(workflow, counts, designs, grouping, replicates, per_sample, limit, shelves, given)
    with _means(given):
        outcomes = run.outcomes(progress)
    reading.done()
    grouped = {
        name: grouped_result(results, name, outcomes, grouping, across)
        for name, results in shelves.items()
    }
    if not any(grouped.values()):
        raise none_fitted(next(iter(grouped.values())).failed)
    tell_of_groups(grouped, outcomes, grouping)
    if not isinstance(contrast, Mapping):
        return grouped[""]
    return {name: each for name, each in grouped.items() if each}


@contextmanager
def _means(given: dict[str, Any]) -> Iterator[None]:
    """Hold what all groups share in ``given``: one connection, and the folder of checkpoints."""
    with ExitStack() as held:
        if given["checkpoint"] is not None:
            held.enter_context(closing(Checkpoint(Path(given["checkpoint"]))))
        if given["client"] is not None:
            from countglm._cluster import executor_of

            given["client"] = held.enter_context(executor_of(given["client"]))
        yield


def _shelves(
    names: Iterable[str], grouping: Grouping, counts: CountMatrix, limit: int | None
) -> dict[str, ResultShelf]:
    """Return where the results of every contrast are kept."""
    by_label = {group.label: group for group in grouping.groups}

    def counts_of(label: Any) -> CountMatrix:
        return group_matrix(counts, by_label[label].rows, None)[0]

    names = list(names)
    room = room_for_counts(limit) * _SHARE_OF_RESULTS / len(names)
    return {name: ResultShelf(room, counts_of) for name in names}


def _in_order(table: pd.DataFrame | None, counts: CountMatrix) -> pd.DataFrame | None:
    """Return the sample table in the order of the counts."""
    if table is None:
        return None
    order = match_table(
        counts.sample_names, table.index, what="the sample table", gene_names=counts.gene_names
    )
    if order is None and len(table) != counts.n_samples:
        raise InputError(
            f"The sample table has {plural(len(table), 'row')} and the counts "
            f"{plural(counts.n_samples, 'sample')}; give one row per sample."
        )
    return table if order is None else table.iloc[order]


def _per_sample(given: dict[str, Any], counts: CountMatrix) -> dict[str, NDArray[np.float64]]:
    """Return the arguments with a row per sample, in the order of the counts."""
    found = {
        name: shaped(given[name], name, counts) for name in _PER_SAMPLE if given[name] is not None
    }
    if not isinstance(given["size_factors"], str):
        found["size_factors"] = resolve_size_factors(counts, given["size_factors"])
    return found


def _wanted(groups: list[SampleGroup], n_codes: int) -> NDArray[np.bool_]:
    """Which codes (n_codes,) are those of a group, or of a control beside one."""
    wanted = np.zeros(n_codes, dtype=np.bool_)
    for group in groups:
        wanted[group.code] = True
        if group.control_code is not None:
            wanted[group.control_code] = True
    return wanted


def _folder(checkpoint: Any, label: Any) -> Path:
    """The folder of a group in a checkpoint: its name, and a digest of what names leave out."""
    plain = "".join(char if char.isalnum() else "_" for char in group_text(label))[:60]
    return Path(checkpoint) / f"{plain}_{blake2b(repr(label).encode(), digest_size=4).hexdigest()}"
