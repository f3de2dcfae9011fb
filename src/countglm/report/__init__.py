"""One self-contained HTML page about a fit: no network, static figures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from countglm._store import atomic_file

if TYPE_CHECKING:
    import pandas as pd

    from countglm.adapters.parity import ParityCertificate
    from countglm.deresult import DEResult
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
    with atomic_file(Path(path), force=force) as temporary:
        page = render_report(fit, tables, title=title)
        temporary.write_text(page, encoding="utf-8")


def write_de_report(
    results: Mapping[str, DEResult],
    path: str | os.PathLike[str],
    *,
    title: str = "Differential expression",
    force: bool = False,
) -> None:
    """Write a page on the results of one or several contrasts, by name, to ``path``.

    Raises
    ------
    InputError
        ``path`` exists and ``force`` is not given, or its folder cannot be written.
    """
    from countglm.report.de import render

    with atomic_file(Path(path), force=force) as temporary:
        page = render(results, title)
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

    with atomic_file(Path(path), force=force) as temporary:
        page = render(certificate, result, title or f"countglm against {certificate.engine}")
        temporary.write_text(page, encoding="utf-8")
