"""``countglm shard``, ``run-shard`` and ``merge``: one analysis by an array of jobs.

Every job makes the call that ``countglm de`` would make, and the folder of the plan holds the
parts of its fits that are finished: what one job computes, the others find there.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from contextlib import closing, nullcontext, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import first_few, plural
from countglm._warn import warn
from countglm.cli.output import check_output, output_folder
from countglm.cli.products import dumps
from countglm.cli.shard_plan import (
    DONE,
    PARTS,
    Plan,
    read_plan,
    stamp_of,
    tables_of,
    with_whole_paths,
)
from countglm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from countglm._chunks import Finished, LocalExecutor, Part, Shared
    from countglm.cli.de import Prepared
    from countglm.counts import Reading

# Where batch systems put the number of a job in its array.
_NUMBERS = (
    "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "LSB_JOBINDEX", "SGE_TASK_ID",
)  # fmt: skip
# Options of `countglm de` that say where and how its output is written.
_OUTPUTS = (
    "output", "force", "as_json", "table_format", "compress", "with_h5ad", "no_report",
    "normalized",
)  # fmt: skip
# Parts a shard, at least, so that shards that are done can help the others.
_PARTS_A_SHARD = 4


def shard(*, shards: int, output: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Check everything that can be checked before the fit, and write the plan."""
    from countglm._provenance import what_computes
    from countglm.counts import Reading

    if options["mode"] == "replay":
        raise InputError(
            "--mode replay repeats a published analysis in one go; use countglm de for it."
        )
    options = with_whole_paths(options)
    with output_folder(output, force=force) as folder:
        stamp = stamp_of(options["counts"])
        # Counts that have to be brought into the order of genes are so once, for all jobs.
        asked = _prepared(options, Reading(options["memory_limit"], folder, keep=True))
        n_samples, n_genes = asked.matrix.n_samples, asked.matrix.n_genes
        block_size = _block_size(n_samples, n_genes, shards)
        n_parts = -(-n_genes // block_size)
        bounds = [min(k * n_parts // shards * block_size, n_genes) for k in range(shards + 1)]
        plan = Plan(
            shards=shards, block_size=block_size, options=options, tables=tables_of(options),
            ranges=[list(pair) for pair in pairwise(bounds)], stamp=stamp,
            counts=asked.matrix.fingerprint(), computes=what_computes(),
        )  # fmt: skip
        # What the call refuses before its first fit is refused here.
        asked.options.update(client=_Trial(), block_size=block_size)
        with suppress(_EnoughError):
            asked.results()
        plan.write(folder)
    facts = {"shards": shards, "genes": n_genes, "samples": n_samples, "block_size": block_size}
    click.echo(dumps(facts) if as_json else _told_plan(plan, n_genes, output))


def _told_plan(plan: Plan, n_genes: int, output: Path) -> str:
    run = f"countglm run-shard {output}"
    n = plan.shards
    return "\n".join(
        [
            f"{plural(n, 'shard')} of {plural(n_genes, 'gene')} planned in {output}. Run them, as "
            "many at once as you like:",
            f"  SLURM  sbatch --array=1-{n} --wrap '{run}'",
            f"  PBS    echo '{run}' | qsub -J 1-{n}",
            f"  LSF    bsub -J 'countglm[1-{n}]' {run}",
            f"Then:    countglm merge {output} -o RESULTS",
        ]
    )


def run_shard(folder: Path, number: int | None, *, threads: int | None, as_json: bool) -> None:
    """Compute a shard: its genes, what others leave undone, and what follows from all of them."""
    from countglm._kept_arrays import write_whole
    from countglm._provenance import what_computes
    from countglm._shared_parts import SharedParts

    begun = time.perf_counter()
    plan = _checked_plan(folder)
    number = _number(number, plan.shards)
    executor = _local(plan, threads)
    with closing(SharedParts(folder / PARTS, executor, number - 1, plan.shards)) as shared:
        # Intervals and shrinkage are not made in parts, but where the shards are merged.
        asked = _prepared(plan.options | {"interval": None, "shrink": None}, plan.reading(folder))
        plan.check_counts(asked.matrix.fingerprint())
        asked.options.update(client=shared, block_size=plan.block_size, threads=threads)
        asked.results()
    facts: dict[str, Any] = {
        "shard": number, "computed": shared.computed, "found": shared.found,
        "seconds": time.perf_counter() - begun, "host": platform.node(),
        "processor": what_computes()["processor"],
    }  # fmt: skip
    (folder / DONE).mkdir(exist_ok=True)
    write_whole(folder / DONE / f"{facts['shard']}.json", json.dumps(facts).encode())
    click.echo(
        dumps(facts)
        if as_json
        else f"Shard {facts['shard']}: {plural(facts['computed'], 'part')} computed here, "
        f"{facts['found']:,} found, in {facts['seconds']:.0f} s."
    )


def merge(
    folder: Path,
    *,
    output: Path,
    force: bool,
    as_json: bool,
    verbose: bool,
    threads: int | None,
    finish: bool,
) -> None:
    """Write what ``countglm de`` would have written, from the parts that the shards computed."""
    from countglm._shared_parts import FinishedParts, SharedParts
    from countglm.cli.de import run
    from countglm.cli.inputs import check_input_is_kept

    check_output(output, force=force)
    plan = _checked_plan(folder)
    check_input_is_kept(plan.options["counts"], output)
    _tell_of_processors(folder)
    local, parts = _local(plan, threads), folder / PARTS
    executor: Any
    if finish:
        executor = SharedParts(parts, local, 0, 1)
    else:
        executor = FinishedParts(parts, local, _remedy(folder, plan))
    options = plan.options | {"client": executor, "block_size": plan.block_size}
    options |= {"threads": threads, "output": output, "force": force, "as_json": as_json}
    options |= {"checkpoint": None, "reading": plan.reading(folder), "verbose": verbose}
    with closing(executor) if finish else nullcontext():
        run(**options, check=lambda asked: plan.check_counts(asked.matrix.fingerprint()))


def _local(plan: Plan, threads: int | None) -> LocalExecutor:
    from countglm._chunks import LocalExecutor
    from countglm._resources import resolve_resources

    means = resolve_resources(threads, memory_limit=plan.options["memory_limit"])
    return LocalExecutor(means.threads, means.room)


def _remedy(folder: Path, plan: Plan) -> str:
    left = [k for k in range(1, plan.shards + 1) if not (folder / DONE / f"{k}.json").exists()]
    which = "run a shard"
    if left:
        numbers = ", ".join(map(str, left[:5])) + (", ..." if len(left) > 5 else "")
        which = f"shard {numbers} has not finished: run it"
        if len(left) > 1:
            which = f"shards {numbers} have not finished: run them"
    return f"{which} (again) with countglm run-shard {folder} N, or compute here with --finish."


def _checked_plan(folder: Path) -> Plan:
    plan = read_plan(folder)
    plan.check_versions()
    plan.check_tables()
    return plan


def _prepared(options: dict[str, Any], reading: Reading) -> Prepared:
    from countglm.cli.de import prepare

    asked = {name: value for name, value in options.items() if name not in _OUTPUTS}
    return prepare(**asked, reading=reading)


def _block_size(n_samples: int, n_genes: int, shards: int) -> int:
    from countglm._chunks import genes_of_part
    from countglm._parallel import MIN_BLOCK, TILE

    even = -(-n_genes // (_PARTS_A_SHARD * shards))
    return max(MIN_BLOCK, min(genes_of_part(n_samples, n_genes), -(-even // TILE) * TILE))


def _number(given: int | None, shards: int) -> int:
    """Return the number of the shard: as given, or that of this job in its array."""
    number, said = given, "SHARD"
    if number is None:
        told = [(name, os.environ[name]) for name in _NUMBERS if os.environ.get(name, "").isdigit()]
        # Outside of an array LSF says 0.
        told = [(name, text) for name, text in told if text != "0" or name != "LSB_JOBINDEX"]
        if not told:
            raise InputError(
                f"Which of {plural(shards, 'shard')}? Give its number, or run in an array job; "
                f"none of {', '.join(_NUMBERS)} is set."
            )
        said, number = told[0][0], int(told[0][1])
    if not 1 <= number <= shards:
        raise InputError(
            f"{said} is {number}, and shards have the numbers 1 to {shards}; use an array 1-"
            f"{shards}."
        )
    return number


def _tell_of_processors(folder: Path) -> None:
    found = set()
    for path in (folder / DONE).glob("*.json"):
        try:
            found.add(str(json.loads(path.read_text(encoding="utf-8"))["processor"]))
        except (OSError, ValueError, KeyError):
            print(f"countglm: {path} cannot be read", file=sys.stderr)
    if len(found) > 1:
        warn(
            f"The shards ran on different processors ({first_few(sorted(found))}); results agree "
            "with those of one processor to 1e-12, and not to the last bit."
        )


class _EnoughError(Exception):
    """The call has come to its first fit."""


class _Trial:
    """An executor that computes nothing."""

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        from countglm._chunks import genes_of_part

        return genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        for _ in parts:
            raise _EnoughError
        yield from ()
