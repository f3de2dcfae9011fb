"""One page on whatever was found: a result, several contrasts by name, groups, or a fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._families import require_count_family
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm._grouped import GroupedResult
    from countglm.deresult import DEResult
    from countglm.results import GLMFit


def write_report(
    results: DEResult | Mapping[str, DEResult] | GroupedResult | GLMFit,
    path: str | os.PathLike[str],
    *,
    counts: Any = None,
    title: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write a page on a result, on several contrasts, on groups, or on a fit.

    Parameters
    ----------
    results : DEResult, mapping of str to DEResult, GroupedResult or GLMFit
        What `differential_expression` returned, for one contrast, a dict of them or with ``by``;
        or a fit.
    path : path
        Such as ``report.html``; of groups it is the index, and the pages stand beside it.
    counts : optional
        The counts of the analysis, samples x genes, for results that were loaded: figures of
        samples need them. A fit's page has no such figures.
    title : str, optional
        Heading of the page.
    force : bool
        Overwrite existing files.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        Something else than results, ``path`` exists and ``force`` is not given, its folder cannot
        be written, or counts other than those of the analysis.
    """
    from countglm._grouped import GroupedResult
    from countglm.deresult import DEResult
    from countglm.report import write_de_report
    from countglm.report import write_report as write_fit_report
    from countglm.results import GLMFit

    if isinstance(results, GroupedResult):
        return results.report(path, counts=counts, title=title, force=force)
    if isinstance(results, DEResult):
        results.report(path, counts=counts, title=title, force=force)
    elif isinstance(results, GLMFit):
        require_count_family(results, "write_report()")
        write_fit_report(results, path, title=title, force=force)
    elif (
        isinstance(results, Mapping)
        and results
        and all(isinstance(each, DEResult) for each in results.values())
    ):
        heading = title or f"Differential expression: {', '.join(map(str, results))}"
        named = {str(name): each for name, each in results.items()}
        write_de_report(named, path, counts=counts, title=heading, force=force)
    else:
        raise InputError(
            f"A report is of a DEResult, a dict of them, a GroupedResult or a GLMFit; got "
            f"{type(results).__name__}. Give what differential_expression or fit_glm returned."
        )
    return [Path(path)]
