"""One self-contained HTML page about a fit: no network, static figures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._store import atomic_file
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from countglm._grouped import GroupedResult
    from countglm.adapters.parity import ParityCertificate
    from countglm.deresult import DEResult
    from countglm.report.about import About
    from countglm.results import GLMFit


def render_report(
    fit: GLMFit,
    tables: Mapping[str, pd.DataFrame] | None = None,
    *,
    title: str | None = None,
) -> str:
    """Return the report of ``fit`` as one HTML page.

    Parameters
    ----------
    fit : GLMFit
        The fit to describe.
    tables : mapping of label to DataFrame, optional
        Tables of `countglm.wald_test`, each under the contrast's label.
    title : str, optional
        Heading of the page.

    Returns
    -------
    str
        HTML with style and figures inside; needs no other file and no network.
    """
    from countglm.report.page import render

    heading = title or f"countglm: {fit.design.formula or 'fit'}"
    return render(fit, tables or {}, heading)


def write_report(
    fit: GLMFit,
    path: str | os.PathLike[str],
    tables: Mapping[str, pd.DataFrame] | None = None,
    *,
    title: str | None = None,
    force: bool = False,
) -> None:
    """Write `render_report` to ``path``.

    Raises
    ------
    InputError
        ``path`` exists and ``force`` is not given, or its folder cannot be written.
    """
    with atomic_file(_target(path), force=force) as temporary:
        page = render_report(fit, tables, title=title)
        temporary.write_text(page, encoding="utf-8")


def write_de_report(
    results: Mapping[str, DEResult],
    path: str | os.PathLike[str],
    *,
    counts: Any = None,
    title: str = "Differential expression",
    about: About | None = None,
    force: bool = False,
) -> None:
    """Write a page on the results of one or several contrasts, by name, to ``path``.

    At 60,000 genes it takes up to 4 MB, and 2 MB more for each further contrast; once the data
    reach 12 MB, the contrasts that follow show their first genes only.

    Parameters
    ----------
    results : mapping of str to DEResult
        Results by the name of their contrast.
    path : path
        HTML with style, figures, data and script inside; needs no other file and no network.
    counts : optional
        The counts of the analysis, samples x genes, for results that were loaded: figures of
        samples are made of them. Without any counts the page says which figures are left out.
    title : str
        Heading of the page.
    about : About, optional
        What the results do not hold: files, command line, genes left out before.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    InputError
        ``path`` exists and ``force`` is not given, or its folder cannot be written; counts other
        than those of the analysis.
    """
    from countglm._replaced import with_counts
    from countglm.report.about import NOTHING
    from countglm.report.de import render

    with atomic_file(_target(path), force=force) as temporary:
        page = render(with_counts(results, counts), title, about or NOTHING)
        temporary.write_text(page, encoding="utf-8")


def write_groups_report(
    grouped: GroupedResult | Mapping[str, GroupedResult],
    path: str | os.PathLike[str],
    *,
    counts: Any = None,
    title: str = "Differential expression by group",
    about: About | None = None,
    force: bool = False,
) -> list[Path]:
    """Write an index of all groups to ``path``, and beside it a page for each of them.

    Parameters
    ----------
    grouped : GroupedResult, or a mapping of them by the name of their contrast
        Results of `differential_expression` with ``by``.
    path : path
        The index, such as ``report.html``; pages are ``report_<group>.html``. No page needs a
        network.
    counts : optional
        The counts of the analysis, of all groups, for results that were loaded.
    title : str
        Heading of the index.
    about : About, optional
        What the results do not hold: files, command line, genes left out before.
    force : bool
        Overwrite existing files.

    Returns
    -------
    list of Path
        The index, then the pages. Of more than 100 groups those with most genes have a page.

    Raises
    ------
    InputError
        A file exists and ``force`` is not given, or the folder cannot be written; counts other
        than those of the analysis.
    """
    from countglm._grouped import GroupedResult
    from countglm._replaced import with_counts_of_group
    from countglm._store import check_target
    from countglm.report.about import NOTHING
    from countglm.report.groups import (
        FULL_PAGES,
        page_names,
        pages_answer,
        render_group,
        render_index,
    )

    index = _target(path)
    named = {"": grouped} if isinstance(grouped, GroupedResult) else grouped
    pages = page_names(named, index.stem)
    for name in (index.name, *pages.values()):
        check_target(index.with_name(name), force=force)
    caution = next((each.caution for each in named.values()), "")
    answers = pages_answer(named, pages)
    for group, name in pages.items():
        own = {label: each[group] for label, each in named.items() if group in each}
        results = with_counts_of_group(own, counts)
        page = render_group(
            group, results, title, index.name, caution, about or NOTHING, answers=answers,
            brief=len(pages) > FULL_PAGES,
        )  # fmt: skip
        _write(page, index.with_name(name), force)
    _write(render_index(named, title, pages), index, force)
    return [index, *(index.with_name(name) for name in pages.values())]


def _target(path: Any) -> Path:
    """Return the path of a page.

    Raises
    ------
    InputError
        Something that names no file.
    """
    if isinstance(path, str | os.PathLike) and os.fspath(path):
        return Path(path)
    raise InputError(f"path={path!r} must be the name of a file, such as 'report.html'.")


def _write(page: str, path: Path, force: bool) -> None:
    with atomic_file(path, force=force) as temporary:
        temporary.write_text(page, encoding="utf-8")


def write_parity_report(
    certificate: ParityCertificate,
    result: DEResult,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    force: bool = False,
) -> None:
    """Write a page on the agreement of a result with another engine, and on the result itself.

    Parameters
    ----------
    certificate : ParityCertificate
        What `countglm.compare` found for ``result``.
    result : DEResult
        The result that was compared.
    path : path
        HTML with style and figures inside; needs no other file and no network.
    title : str, optional
        Heading of the page.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    InputError
        ``path`` exists and ``force`` is not given, or its folder cannot be written.
    """
    from countglm.report.parity import render

    with atomic_file(_target(path), force=force) as temporary:
        page = render(certificate, result, title or f"countglm against {certificate.engine}")
        temporary.write_text(page, encoding="utf-8")
