"""Before the fit: reference levels of factors, and which genes take part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from countglm._names import plural
from countglm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from countglm.counts import CountMatrix


def check_min_count(min_count: float | None) -> None:
    """Raise InputError unless ``--min-count`` is a number of counts, where it is given."""
    if min_count is not None and not min_count >= 0:
        raise InputError(f"--min-count {min_count:g} must be a number of counts >= 0.")


def references_of(given: Sequence[str]) -> dict[str, str]:
    """Return the reference level by variable of ``variable=level``."""
    found: dict[str, str] = {}
    for text in given:
        variable, equals, level = text.partition("=")
        if not (equals and variable.strip() and level.strip()):
            meant = text.replace(",", "=", 1) if "," in text else "condition=untreated"
            raise InputError(f"--reference {text!r} must be variable=level, such as {meant}.")
        variable, level = variable.strip(), level.strip()
        if found.setdefault(variable, level) != level:
            raise InputError(
                f"--reference names two levels of {variable!r}, {found[variable]!r} and {level!r}; "
                "give one."
            )
    return found


def with_reference_levels(obs: Any, references: dict[str, str], models: Sequence[Any]) -> Any:
    """Return the sample table with the reference levels in front."""
    from countglm._sample_tables import with_references

    if references and obs is None:
        raise InputError("--reference needs a sample table; give one with --samples.")
    return with_references(obs, references, *models)


def kept_genes(
    matrix: CountMatrix,
    models: Sequence[Any],
    obs: Any,
    min_count: float | None,
    by_expression: bool,
) -> NDArray[np.bool_]:
    """Return which genes (n_genes,) take part: any design's filter by expression keeps a gene."""
    import numpy as np

    kept = np.ones(matrix.n_genes, dtype=np.bool_)
    if by_expression:
        from countglm.expression_filter import filter_by_expression

        kept[:] = False
        for model in models:
            kept |= filter_by_expression(matrix, model, obs=obs)
    if min_count is not None:
        for start, stop in matrix.stretches():
            found = matrix.nonzeros(start, stop)
            genes = np.flatnonzero(np.diff(found.pointers))
            totals = np.zeros(stop - start)
            if genes.size:
                totals[genes] = np.add.reduceat(found.values, found.pointers[genes])
            kept[start:stop] &= totals >= min_count
    if not kept.any():
        raise InputError(
            f"None of {plural(matrix.n_genes, 'gene')} passes --min-count or "
            "--filter-by-expression; lower the first, or leave them out."
        )
    return kept
