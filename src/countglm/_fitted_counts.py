"""The counts, or other responses, that a fit was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._families import of_counts
from .errors import InputError

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit


def counts_of_fit(fit: GLMFit, counts: Any = None) -> CountMatrix:
    """Return the counts of a fit; ``counts`` are checked by fingerprint."""
    if counts is None:
        if fit.counts is None:
            raise InputError(
                "The counts are not stored with a loaded or unpickled result; pass them as "
                "counts= (samples x genes, the same values)."
            )
        return fit.counts
    if of_counts(fit):
        from .counts import as_count_matrix

        matrix = as_count_matrix(counts, allow_noninteger=True)
    else:
        from ._responses import read_responses

        matrix = read_responses(counts, fit.family)
    if not matrix.has_fingerprint(fit.counts_fingerprint):
        given, own = (matrix.n_samples, matrix.n_genes), (fit.n_samples, fit.n_genes)
        how = "in shape" if given != own else "in values or in the order of samples or genes"
        raise InputError(
            f"counts ({given[0]} samples x {given[1]} genes) are not the counts of this fit "
            f"({own[0]} x {own[1]}): they differ {how}. Pass the ones it was fitted to."
        )
    return matrix
