"""``countglm report DIR``: the page of an output folder, made again from what lies in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import plural
from countglm.cli.found_counts import Sought, found_counts, given_counts, normalized_file
from countglm.cli.origin import origin_from
from countglm.cli.output import SUMMARY, read_summary
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm._grouped import GroupedResult
    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult

PAGE = "report.html"


def run(*, folder: Path, counts: Path | None, output: Path | None, force: bool) -> None:
    """Run the command: find the results and their counts, write the page, tell where it lies."""
    from countglm import report
    from countglm._store import check_target

    summary = _summary(folder)
    page = folder / PAGE if output is None else output
    check_target(page, force=force)
    results = _results(folder, summary)
    by = bool(summary.get("by"))
    origin = origin_from(summary)
    first = next(iter(results.values()))
    sought = Sought(
        fit=next(iter(first.values())).fit if by else first.fit,
        folder=folder,
        origin=origin,
        normalized="" if by else normalized_file(summary, folder),
        accept=_acceptance(results, by),
    )
    matrix, without = found_counts(sought) if counts is None else (given_counts(sought, counts), "")
    title = summary.get("title") or f"{folder.resolve().name}: {first.label}"
    told: dict[str, Any] = {"counts": matrix, "title": title, "about": origin.about(without)}
    if by:
        pages = report.write_groups_report(results, page, force=force, **told)
    else:
        report.write_de_report(results, page, force=force, **told)
        pages = [page]
    _remember(folder, pages)
    click.echo("\n".join([*([without] if without else []), _written(pages)]))


def _written(pages: list[Path]) -> str:
    size = sum(path.stat().st_size for path in pages) / 1e6
    more = f" and {plural(len(pages) - 1, 'page')} of groups" if len(pages) > 1 else ""
    return f"Report     {pages[0]}{more} ({size:.1f} MB)"


def _summary(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder; name the output folder of a run of countglm de."
        )
    summary = read_summary(folder)
    if not summary:
        raise InputError(
            f"{folder} holds no {SUMMARY} of countglm; name the output folder of a run of "
            "countglm de."
        )
    if not any(each.get("result") for each in summary.get("contrasts", [])):
        raise InputError(
            f"{folder} holds no stored result of differential expression (result_*.h5), so there "
            "is nothing to report; run countglm de."
        )
    return summary


def _results(folder: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Load the results of all contrasts by name."""
    from countglm._grouped import GroupedResult
    from countglm.deresult import DEResult

    stored = {
        each["name"]: folder / Path(each["result"]).name
        for each in summary["contrasts"]
        if each["result"]
    }
    if summary.get("by"):
        return {name: GroupedResult.load(path) for name, path in stored.items()}
    return _shared({name: DEResult.load(path) for name, path in stored.items()})


def _shared(results: Mapping[str, DEResult]) -> dict[str, DEResult]:
    """Let results of one fit share it again, so that a page tells of it once."""
    first: dict[Any, DEResult] = {}
    found = {}
    for name, result in results.items():
        fit = result.fit
        arrays = (fit.design.matrix, fit.dispersion, fit.finite_coefficients)
        key = (fit.counts_fingerprint, fit.coef_names, *(each.tobytes() for each in arrays))
        own = first.setdefault(key, result)
        found[name] = replace(result, fit=own.fit, dispersion=own.dispersion)
    return found


def _acceptance(results: Mapping[str, Any], by: bool) -> Callable[[CountMatrix], object]:
    """Return what refuses counts that are not those of the results."""
    from countglm._replaced import with_counts, with_counts_of_group

    def whole(matrix: CountMatrix) -> object:
        return with_counts(results, matrix)

    def in_groups(matrix: CountMatrix) -> object:
        grouped: GroupedResult = next(iter(results.values()))
        return [with_counts_of_group({"": each}, matrix) for each in grouped.values()]

    return in_groups if by else whole


def _remember(folder: Path, pages: list[Path]) -> None:
    """Add pages in the folder to the files that its summary names, which a later run replaces."""
    from countglm._store import atomic_file

    own = {path.name for path in pages if path.parent.resolve() == folder.resolve()}
    summary = read_summary(folder)
    if own <= set(summary["files"]):
        return
    summary["files"] = sorted({*summary["files"], *own})
    with atomic_file(folder / SUMMARY, force=True) as temporary:
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
