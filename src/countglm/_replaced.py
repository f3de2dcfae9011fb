"""The counts that a result was fitted to, made of the ones that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .counts import as_count_matrix
from .errors import InputError

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .deresult import DEResult
    from .results import GLMFit


def fitted_counts(result: DEResult, counts: Any) -> CountMatrix:
    """Return ``counts`` with the outliers of ``result`` replaced, checked to be those of its fit.

    Raises
    ------
    InputError
        Counts missing after loading, or other than those of the analysis.
    """
    outliers = result.outliers
    if counts is None or outliers is None or not outliers.replaced_gene.size:
        return result.fit.require_counts(counts)
    matrix = as_count_matrix(counts, allow_noninteger=True)
    if (matrix.n_samples, matrix.n_genes) == (result.fit.n_samples, result.fit.n_genes):
        matrix = matrix.with_entries(
            outliers.replaced_gene, outliers.replaced_sample, outliers.replaced_count
        )
    return result.fit.require_counts(matrix)


def given_counts(result: DEResult, counts: Any = None) -> CountMatrix:
    """Return the counts of an analysis as they were given, checked to be those.

    Raises
    ------
    InputError
        Counts missing after loading, or other than those of the analysis.
    """
    fitted = fitted_counts(result, counts)
    if counts is None:
        return fitted.without_replacement()
    return as_count_matrix(counts, allow_noninteger=True)


def with_counts(results: Mapping[str, DEResult], counts: Any) -> Mapping[str, DEResult]:
    """Return results whose fits hold ``counts``, those of the analysis; None changes nothing.

    Results of one fit keep sharing it.

    Raises
    ------
    InputError
        Other counts than those of the analysis.
    """
    if counts is None:
        return results
    fits: dict[int, GLMFit] = {}
    found = {}
    for name, result in results.items():
        own = result.fit
        if id(own) not in fits:
            fits[id(own)] = replace(own, counts=fitted_counts(result, counts))
        found[name] = replace(result, fit=fits[id(own)])
    return found


def with_counts_of_group(results: Mapping[str, DEResult], counts: Any) -> Mapping[str, DEResult]:
    """Do as `with_counts` for results of one group, whose samples are some of ``counts``.

    Raises
    ------
    InputError
        Samples without names, or that the counts do not have; other counts.
    """
    if counts is None or not results:
        return results
    from ._group_counts import group_matrix

    names = next(iter(results.values())).fit.sample_names
    matrix = as_count_matrix(counts, allow_noninteger=True)
    if names is None or matrix.sample_names is None:
        raise InputError(
            "The counts of a group are found by the names of its samples, which are missing here; "
            "leave counts out."
        )
    rows = np.flatnonzero(np.isin(matrix.sample_names.astype(str), names.astype(str)))
    if rows.size != names.size:
        raise InputError(
            f"counts have {rows.size} of the {names.size} samples of a group; pass the ones that "
            "were analysed."
        )
    return with_counts(results, group_matrix(matrix, rows, None)[0])
