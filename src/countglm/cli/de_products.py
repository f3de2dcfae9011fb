"""What ``countglm de`` leaves in its output folder."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._warn import warn
from countglm.cli.ending import SUMMARY_TEXT, text_of_tests
from countglm.cli.normalized import write_normalized
from countglm.cli.origin import INPUT, Origin
from countglm.cli.products import (
    free_name,
    plain_name,
    sample_table,
    summary,
    write_summary,
    write_table,
)
from countglm.report import write_de_report
from countglm.report.html import document, paragraphs, section

if TYPE_CHECKING:
    from anndata import AnnData

    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult


def write_de_products(
    results: Mapping[str, DEResult],
    counts: CountMatrix,
    folder: Path,
    *,
    suffix: str,
    dropped: int,
    title: str,
    with_report: bool,
    h5ad_from: tuple[Any, Any] | None,
    command: str = "de",
    normalized: bool = True,
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Fill ``folder`` with tables, results, report and summary; return the summary.

    ``suffix`` ends the names of the tables; ``dropped`` genes were left out before. From counts
    as they were read and their sample table, where given, comes result.h5ad. ``normalized``
    asks for the table of counts over size factors. The page and the summary tell the ``origin``.
    """
    # HDF5 packs without holding Python up: results are saved while tables are written.
    with ThreadPoolExecutor(1) as pool:
        saving: list[Future[None]] = []
        contrasts = []
        for name, result in results.items():
            contrasts.append(_write_contrast(name, result, folder, suffix))
            saving.append(pool.submit(result.save, folder / contrasts[-1]["result"]))
        keys = _keys(results)
        first = next(iter(results.values()))
        for result in _fits(results):
            write_table(sample_table(result.fit), folder / free_name(folder, "samples", suffix))
            stages = result.dispersion.to_frame(result.fit.gene_names)
            write_table(stages, folder / free_name(folder, "dispersions", suffix))
        if normalized:
            write_normalized(first.fit, counts, folder / f"normalized_counts{suffix}")
        told = text_of_tests(results, dropped)
        (folder / SUMMARY_TEXT).write_text(told, encoding="utf-8")
        for each in saving:
            each.result()
    if h5ad_from is not None:
        annotated = _annotated(results, keys, *h5ad_from)
        annotated.write_h5ad(folder / "result.h5ad", compression="gzip")
        contrasts = [each | {"h5ad_key": keys[each["name"]]} for each in contrasts]
    if with_report:
        _write_page(results, folder / "report.html", title, origin)
    facts = summary(first.fit, command) | {
        "title": title,
        INPUT: None if origin is None else origin.facts(),
        "n_dropped": dropped,
        "normalized_counts": f"normalized_counts{suffix}" if normalized else None,
        "settings": first.settings,
        "designs": [each.settings["design"] for each in _fits(results)],
        "contrasts": contrasts,
    }
    return write_summary(facts, folder)


def _write_page(
    results: Mapping[str, DEResult], path: Path, title: str, origin: Origin | None
) -> None:
    """Write the page, and go on without where that fails: nobody should fit again for a page."""
    try:
        about = None if origin is None else origin.about()
        write_de_report(results, path, title=title, about=about)
    except Exception as error:
        told = (
            f"The report could not be made: {type(error).__name__}: {error}. The tables and all "
            "other files are complete; 'countglm report' makes the page from them."
        )
        warn(told)
        path.write_text(document(title, [section("Report", paragraphs([told]))]), encoding="utf-8")


def _write_contrast(name: str, result: DEResult, folder: Path, suffix: str) -> dict[str, Any]:
    table = free_name(folder, f"test_{plain_name(name)}", suffix)
    write_table(result.table, folder / table)
    stored = f"result_{table.removeprefix('test_').removesuffix(suffix)}.h5"
    facts = result.summary().facts
    return {"name": name, "file": table, "result": stored, **facts}


def _fits(results: Mapping[str, DEResult]) -> list[DEResult]:
    """The first result of every design."""
    found: dict[int, DEResult] = {}
    for result in results.values():
        found.setdefault(id(result.dispersion), result)
    return list(found.values())


def _keys(results: Mapping[str, DEResult]) -> dict[str, str]:
    """Return the name of every result in result.h5ad, numbered where it must be."""
    if len(results) == 1:
        return dict.fromkeys(results, "countglm_de")
    keys: dict[str, str] = {}
    for name in results:
        stem = key = f"countglm_de_{plain_name(name)}"
        number = 1
        while key in keys.values():
            number += 1
            key = f"{stem}_{number}"
        keys[name] = key
    return keys


def _annotated(
    results: Mapping[str, DEResult], keys: Mapping[str, str], raw: Any, obs: Any
) -> AnnData:
    """The AnnData that was read, or a new one with the counts, with every result in it."""
    from anndata import AnnData
    from scipy import sparse

    adata = raw.load() if hasattr(raw, "load") else raw
    if hasattr(raw, "columns"):
        adata = AnnData(sparse.csr_matrix(raw.to_numpy()), obs=obs)
        adata.obs_names, adata.var_names = raw.index.astype(str), raw.columns.astype(str)
    for name, result in results.items():
        adata = result.to_anndata(adata, keys[name], force=True)
    return adata
