"""``countglm report DIR``: the page of an output folder, made again from what lies in it."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import plural
from countglm.cli.earlier import SUMMARY, whole_summary
from countglm.cli.found_counts import (
    WITHOUT_COUNTS,
    Sought,
    found_counts,
    given_counts,
    normalized_file,
)
from countglm.cli.origin import origin_from
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
    _check_page(page, folder, summary, counts)
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
    if matrix is None:
        _check_nothing_lost(page, without, by)
    title = summary.get("title") or f"{folder.resolve().name}: {first.label}"
    told: dict[str, Any] = {"counts": matrix, "title": title, "about": origin.about(without)}
    if by:
        pages = report.write_groups_report(results, page, force=force, **told)
    else:
        report.write_de_report(results, page, force=force, **told)
        pages = [page]
    _remember(folder, pages, summary)
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
    summary = whole_summary(folder)
    if not any(each.get("result") for each in summary.get("contrasts") or []):
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
        if each.get("result")
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


def _check_page(page: Path, folder: Path, summary: Mapping[str, Any], counts: Path | None) -> None:
    """Refuse a target that is not for a page, or is a file of the analysis."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The report is a page for a browser: name {page} with .html at its end.")
    origin = origin_from(summary)
    inputs = [counts] if counts is not None else []
    inputs += [Path(origin.folder) / name for name in (origin.counts, origin.samples) if name]
    if page.resolve() in {path.resolve() for path in (*inputs, *origin.places(folder))}:
        raise InputError(f"{page} is an input of the analysis; name another file with -o.")


def _check_nothing_lost(page: Path, without: str, by: bool) -> None:
    """Refuse to replace a page that has figures of samples by one that cannot have them."""
    groups = f"{glob.escape(page.stem)}_*{page.suffix}"
    earlier = [page, *(page.parent.glob(groups) if by else ())]
    # A page made without counts holds the sentence, and has no figures to lose.
    if page.exists() and not any(
        WITHOUT_COUNTS in path.read_text(encoding="utf-8", errors="replace") for path in earlier
    ):
        raise InputError(
            f"{page} may show the samples, and a page without the counts cannot: "
            f"{without.removesuffix(WITHOUT_COUNTS).rstrip(' .')}. Name them with --counts, or "
            "another page with -o."
        )


def _remember(folder: Path, pages: list[Path], summary: dict[str, Any]) -> None:
    """Add pages in the folder to the files that its summary names, which a later run replaces."""
    from countglm._store import atomic_file

    own = {path.name for path in pages if path.parent.resolve() == folder.resolve()}
    if own <= set(summary["files"]):
        return
    summary["files"] = sorted({*summary["files"], *own})
    with atomic_file(folder / SUMMARY, force=True) as temporary:
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
