"""The same model in a better-scaled coding, and the exact way back to the one that was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._cell_means import cell_means
from ._coding_input import Given, labels_of_rows, read_given, weights_of_rows
from ._codings import Coding, deviations, orthonormal, scaled, unchanged
from ._collinearity import NOTABLE
from ._condition_number import ConditionNumber, condition_number
from ._reconditioned import Reconditioned
from ._rereferencing import Conditions, Rereferenced, as_conditions, rereference
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CODINGS = ("auto", "as given", "cell_means", "sum", "rereference", "qr")
# What "auto" tries costs a look at every pair of columns, and a sparse design its sparsity.
_FEW_COLUMNS, _FEW_ENTRIES = 200, 1_000_000
# A coding is preferred to the design as it stands if it is better by this factor.
_WORTH = 1.01


def recondition(
    design: Any,
    coding: str = "auto",
    *,
    obs: pd.DataFrame | None = None,
    names: ArrayLike | None = None,
    conditions: ArrayLike | str | None = None,
    wild_type: Any = None,
    sites: ArrayLike | None = None,
    scale: bool = False,
    weights: ArrayLike | None = None,
) -> Reconditioned:
    """Give the same model in another coding, with exact maps of coefficients and covariances back.

    A coding decides how far a solver that follows gradients has to go, and how much rounding costs:
    the condition number says by how much. It decides nothing of the fitted values. Take the new
    design to the solver and what it finds back with `Reconditioned.map_coefficients`. (`fit_glm`
    itself works in coordinates of its own and needs no help.)

    Parameters
    ----------
    design : formula, DataFrame, array (n, p), scipy sparse matrix, Design or GLMFit
        Columns may depend on each other (not for ``"qr"``): the maps hold, and the condition
        number is infinite.
    coding : {"auto", "as given", "cell_means", "sum", "rereference", "qr"}
        ``"cell_means"``: a coefficient per cell where the design is a one-way layout (interactions
        in full), else per level of its first factor. ``"sum"``: levels about the mean of the
        levels, numbers about their (rounded) mean, products along with them. ``"rereference"``:
        columns of 0 and 1 told from what each condition's own wild type has. ``"qr"``: orthonormal
        columns, which no person reads. ``"auto"``: of the first three and the design as it
        stands, what has the smallest scaled condition number, and ``"qr"`` where that is still 30
        or more; of more than 200 columns, and of a sparse design of more than a million places,
        re-referencing alone is tried. ``"as given"``: for ``scale``, and for the figures.
    obs : DataFrame, optional
        Sample table of a formula.
    names : (p,) str, optional
        Names of the columns of an array or sparse matrix; ``x0, x1, ...`` if not given.
    conditions : (n,) labels or str, optional
        Condition of every row, for ``"rereference"``; or a column of ``obs``. One for all rows if
        not given. Each that has a wild type to change needs an intercept: a column, or a
        sum of columns, that marks it. A Series goes by its labels where the design has them, and
        so do ``weights`` and ``sites``.
    wild_type : dict, sequence or None
        From condition to the names of the columns that are 1 in its wild type, or to the wild
        type's row (p,) of the design, numbers allowed; one of these for a single condition. Where
        None is in the place of either: a column is in the wild type of a condition if it is 0 or 1
        and more than half of the condition's rows have 1. Conditions that a dict leaves out keep
        their columns, as if their wild type were 0 in all. Intercepts may be among the names: they
        take up the difference, and are not themselves changed.
    sites : (p,) labels, optional
        Site of every column, None for others: columns of one site and condition exclude each
        other. What becomes ``1 - x`` then becomes 1 less all columns of its site, the mark of the
        residue that had no column, and effects at the site are told from the wild type's residue.
    scale : bool
        Divide the columns by powers of two as well, which is exact, so that their lengths agree
        within a factor of 2.
    weights : (n,), optional
        Weights of the rows in the condition numbers, such as the fitted means: it is
        ``sqrt(W) X`` that decides in a GLM.

    Returns
    -------
    Reconditioned
        ``.matrix`` and ``.names``; ``.condition_before`` and ``.condition_after``;
        ``.map_coefficients``, ``.map_covariance``, ``.map_penalty`` and the inverses.

    Raises
    ------
    InputError
        A coding that the design has not got (no constant, no factor, no intercept of a condition,
        dependent columns), unknown names, values that are not finite, or wrong lengths.

    References
    ----------
    docs/math.md, section 19. van der Sluis (1969), Numer. Math. 14:14, on the scaling of columns.

    Examples
    --------
    >>> import numpy as np, countglm
    >>> carried = np.array([1.0, 1, 1, 1, 1, 1, 0, 1])  # a mutation that the wild type has
    >>> design = np.column_stack([np.ones(8), carried])
    >>> better = countglm.recondition(design, "rereference", names=["wt", "A5G"])
    >>> better.names
    ('wt (own wild type)', '1 - A5G')
    >>> better.map_coefficients([2.0, 0.5])
    array([ 2.5, -0.5])
    """
    if coding not in CODINGS:
        raise InputError(f"coding={coding!r} is unknown; choose one of {', '.join(CODINGS)}.")
    _check_use(coding, conditions=conditions, wild_type=wild_type, sites=sites)
    given = read_given(design, obs, names)
    rows = weights_of_rows(weights, given)
    groups = as_conditions(labels_of_rows(conditions, given, obs), given.matrix.shape[0])
    told = _Told(groups, wild_type, sites)
    before = condition_number(given.matrix, rows)
    tried: dict[str, ConditionNumber] = {}
    if coding == "auto":
        coding, made, tried = _best(given, told, before, rows)
    else:
        made = _make(coding, given, told)
    changed = made.coding
    if scale:
        changed = changed.then(scaled(given.matrix.times(changed.forward), changed.names))
    matrix = given.matrix.times(changed.forward)
    after = None if scale else tried.get(coding)
    wild = zip(groups.labels, made.wild_type, strict=False)
    return Reconditioned(
        matrix=matrix.csr() if given.sparse else matrix.dense(),
        names=changed.names,
        original_names=given.names,
        coding=coding,
        scaled=scale,
        exact=changed.exact,
        condition_before=before,
        condition_after=condition_number(matrix, rows) if after is None else after,
        considered={name: found.scaled for name, found in tried.items()},
        wild_types={d: tuple(given.names[k] for k in np.flatnonzero(row)) for d, row in wild},
        turned=tuple(given.names[k] for k in np.flatnonzero(made.turned)),
        sample_names=given.sample_names,
        _coding=changed,
    )


def _check_use(coding: str, **told: Any) -> None:
    """Refuse what a coding would not look at."""
    unused = [f"{name}=" for name, value in told.items() if value is not None]
    if unused and coding not in ("auto", "rereference"):
        raise InputError(
            f"coding={coding!r} makes no use of {' and '.join(unused)}: only re-referencing does; "
            "leave that out, or take coding='rereference' or 'auto'."
        )


class _Told(NamedTuple):
    """What was said of conditions, for re-referencing."""

    conditions: Conditions
    wild_type: Any
    sites: ArrayLike | None


def _make(coding: str, given: Given, told: _Told) -> Rereferenced:
    if coding == "rereference":
        return rereference(given.matrix, given.names, *told)
    made: Coding
    if coding == "cell_means":
        made = cell_means(given.dense, given.names, given.factors)
    elif coding == "sum":
        made = deviations(given.dense, given.names)
    elif coding == "qr":
        made = orthonormal(given.dense, given.names)
    else:
        made = unchanged(given.names)
    return Rereferenced(made, np.zeros((0, 0)), np.zeros(len(given.names), dtype=np.bool_))


def _best(
    given: Given, told: _Told, before: ConditionNumber, weights: Floats | None
) -> tuple[str, Rereferenced, dict[str, ConditionNumber]]:
    """Return the coding of the smallest condition number, and those of all that were tried."""
    best, chosen, least = "as given", _make("as given", given, told), before.scaled
    tried = {best: before}
    n, p = given.matrix.shape
    few = p <= _FEW_COLUMNS and not (given.sparse and n * p > _FEW_ENTRIES)
    for coding in ("cell_means", "sum", "rereference") if few else ("rereference",):
        try:
            made = _make(coding, given, told)
        except InputError:
            # A mistake in what was said of wild types is the caller's; a coding may just not fit.
            said = told.wild_type is not None or told.sites is not None
            if said and coding == "rereference":
                raise
            continue
        tried[coding] = after = condition_number(given.matrix.times(made.coding.forward), weights)
        if after.scaled * _WORTH < least:
            best, chosen, least = coding, made, after.scaled
    if few and NOTABLE <= least < np.inf:
        best, chosen = "qr", _make("qr", given, told)
        tried[best] = condition_number(given.matrix.times(chosen.coding.forward), weights)
    return best, chosen, tried
