"""The same model in a better-scaled coding, and the exact way back to the one that was given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._cell_means import cell_means
from ._codings import Coding, deviations, orthonormal, scaled, unchanged
from ._collinearity import NOTABLE
from ._condition_number import ConditionNumber, condition_number
from ._names import label, plural, sample_names_of
from ._reconditioned import Reconditioned
from ._rereferencing import Conditions, Rereferenced, as_conditions, rereference
from ._sparse_maps import SparseMap, from_array, from_sparse
from .design import Design, read_formula, read_table
from .errors import InputError
from .results import GLMFit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CODINGS = ("auto", "as given", "cell_means", "sum", "rereference", "qr")
# A sparse design with more entries than this is not made dense for a dense coding.
_DENSE = 50_000_000
# What "auto" tries costs a look at every pair of columns.
_FEW_COLUMNS = 200
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
        or more; of wide or sparse designs re-referencing alone is tried. ``"as given"``: for
        ``scale``, and for the figures.
    obs : DataFrame, optional
        Sample table of a formula.
    names : (p,) str, optional
        Names of the columns of an array or sparse matrix; ``x0, x1, ...`` if not given.
    conditions : (n,) labels or str, optional
        Condition of every row, for ``"rereference"``; or a column of ``obs``. One for all rows if
        not given. Each that has a wild type to change needs an intercept: a column, or a
        sum of columns, that marks it.
    wild_type : dict, sequence or None
        From condition to the names of the columns that are 1 in its wild type, or to the wild
        type's row (p,) of the design, numbers allowed; one of these for a single condition. If not
        given: a column is in the wild type of a condition if it is 0 or 1 and more than half of the
        condition's rows have 1.
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
    given = _read(design, obs, names)
    rows = _weights(weights, given.matrix.shape[0])
    groups = _conditions(conditions, obs, given.matrix.shape[0])
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


class _Given:
    """A design as it was given: entries, names, whether sparse, and what a formula knows."""

    def __init__(self, matrix: SparseMap, sparse: bool, design: Design) -> None:
        self.matrix, self.sparse, self.names = matrix, sparse, design.names
        self.sample_names, self.factors = design.sample_names, design.factors

    @property
    def dense(self) -> Floats:
        """The matrix as an array, for codings that have no sparse form."""
        n, p = self.matrix.shape
        if n * p > _DENSE:
            raise InputError(
                f"This coding of {n:,} x {p:,} columns is dense ({n * p * 8 / 1e9:.1f} GB); "
                "use coding='rereference', which keeps it sparse."
            )
        return self.matrix.dense()


class _Told(NamedTuple):
    """What was said of conditions, for re-referencing."""

    conditions: Conditions
    wild_type: Any
    sites: ArrayLike | None


def _read(design: Any, obs: pd.DataFrame | None, names: ArrayLike | None) -> _Given:
    if isinstance(design, GLMFit):
        design = design.design
    sparse = hasattr(design, "tocsr")
    if isinstance(design, str):
        if obs is None:
            raise InputError(f"The formula {design!r} needs a sample table: pass obs=.")
        built = read_formula(design, obs, sample_names_of(obs.index))
    elif sparse:
        if len(design.shape) != 2:
            raise InputError(f"The design has shape {design.shape}; give one row per observation.")
        built = Design(np.empty((0, 0)), tuple(f"x{j}" for j in range(design.shape[1])))
    else:
        built = design if isinstance(design, Design) else read_table(design)
    matrix = from_sparse(design) if sparse else from_array(built.matrix)
    if not matrix.shape[0] or not matrix.shape[1]:
        raise InputError(f"The design has shape {matrix.shape}: there is nothing to code.")
    if names is not None:
        built = replace(built, names=_names(names, matrix.shape[1]))
    bad = ~np.isfinite(matrix.values)
    if bad.any():
        first = int(bad.argmax())
        row, column = int(matrix.rows[first]), built.names[int(matrix.cols[first])]
        raise InputError(
            f"The design has {plural(int(bad.sum()), 'missing or infinite value')}, first "
            f"{matrix.values[first]} in column {column!r} at row {label(built.sample_names, row)}; "
            "every row needs finite values."
        )
    return _Given(matrix, sparse, built)


def _names(names: ArrayLike, p: int) -> tuple[str, ...]:
    given = tuple(str(name) for name in np.asarray(names, dtype=object).ravel())
    if len(given) != p:
        raise InputError(f"names= has {plural(len(given), 'name')} for {plural(p, 'column')}.")
    if len(set(given)) < p:
        twice = next(name for k, name in enumerate(given) if name in given[:k])
        raise InputError(f"names= has {twice!r} several times; give each column its own name.")
    return given


def _conditions(given: ArrayLike | str | None, obs: pd.DataFrame | None, n: int) -> Conditions:
    if isinstance(given, str):
        if obs is None or given not in obs.columns:
            raise InputError(
                f"conditions={given!r} names a column of the sample table; pass obs= with such a "
                "column, or one label per row."
            )
        given = obs[given].to_numpy()
    return as_conditions(given, n)


def _weights(weights: ArrayLike | None, n: int) -> Floats | None:
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0.0).any():
        raise InputError(
            f"weights= has shape {values.shape}; give {n:,} finite numbers >= 0, one per row."
        )
    return values


def _make(coding: str, given: _Given, told: _Told) -> Rereferenced:
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
    given: _Given, told: _Told, before: ConditionNumber, weights: Floats | None
) -> tuple[str, Rereferenced, dict[str, ConditionNumber]]:
    """Return the coding of the smallest condition number, and those of all that were tried."""
    best, chosen, least = "as given", _make("as given", given, told), before.scaled
    tried = {best: before}
    few = given.matrix.shape[1] <= _FEW_COLUMNS and not given.sparse
    for coding in ("cell_means", "sum", "rereference") if few else ("rereference",):
        try:
            made = _make(coding, given, told)
        except InputError:
            # A mistake in what was said of wild types is the caller's; a coding may just not fit.
            if told.wild_type is not None and coding == "rereference":
                raise
            continue
        tried[coding] = after = condition_number(given.matrix.times(made.coding.forward), weights)
        if after.scaled * _WORTH < least:
            best, chosen, least = coding, made, after.scaled
    if few and NOTABLE <= least < np.inf:
        best, chosen = "qr", _make("qr", given, told)
        tried[best] = condition_number(given.matrix.times(chosen.coding.forward), weights)
    return best, chosen, tried
