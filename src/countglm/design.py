"""The design: a full-rank matrix with named columns, in the order of the counts' samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._aliasing import aliased_columns, describe_aliased
from countglm._contrasts import factor_codings, resolve_contrast
from countglm._formula import FormulaSpec, Levels, build_formula
from countglm._names import (
    Names,
    first_few,
    label,
    match_table,
    plural,
    sample_names_of,
)
from countglm._sample_tables import as_sample_table
from countglm.counts import CountMatrix
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix; made by `as_design`.

    Attributes
    ----------
    matrix : (n_samples, n_coef) float64, C order, finite, full column rank
    names : n_coef column names, unique
    sample_names : object array of str (n_samples,) or None
    formula : str or None
    spec : FormulaSpec or None
        State of the formula (knots, levels) for `rebuild`; None for a given matrix or a loaded fit.
    factors : dict
        Levels, in their order, of every factor of the formula.
    codings : dict
        Per factor (n_levels, n_coef): how its levels enter by the main effect; serves `contrast`.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    sample_names: Names | None = None
    formula: str | None = None
    spec: FormulaSpec | None = None
    factors: Mapping[str, Levels] = field(default_factory=dict)
    codings: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def contrast(self, contrast: Any) -> tuple[NDArray[np.float64], str]:
        """Vector and label of a contrast.

        Parameters
        ----------
        contrast : str, [factor, tested, reference], list of names, or (n_coef,) numbers
            A column name takes that coefficient; a list of names their sum, and
            ``[[...], [...]]`` the sum of the first less that of the second. A factor's list
            compares two of its levels, whichever is the reference and whatever the coding; in a
            model with interactions it means the main effect.

        Returns
        -------
        vector : (n_coef,) float64
        label : str

        Raises
        ------
        InputError
            Unknown column, factor or level (the message lists what there is), or wrong numbers.
        """
        return resolve_contrast(contrast, self.names, self.factors, self.codings)

    def rebuild(self, new_obs: pd.DataFrame) -> NDArray[np.float64]:
        """The design (n_new, n_coef) of other samples, with remembered knots, centres and levels.

        Raises
        ------
        InputError
            A design without a formula, a missing column or value, or an unknown level.
        """
        if self.spec is None:
            raise InputError(
                "This design holds no formula state (it was given as a matrix, or loaded from a "
                "file); build it again from the formula and the sample table."
            )
        return self.spec.matrix(new_obs)


def is_mean_only(matrix: NDArray[np.float64]) -> bool:
    """Is a design (n_samples, n_coef) a single column of ones: the mean, under whatever name?"""
    return bool(matrix.shape[1] == 1 and (matrix == 1.0).all())


def as_design(
    design: Any, counts: CountMatrix, *, obs: Any = None, allow_saturated: bool = False
) -> Design:
    """Read a design and bring it into the order of the counts' samples.

    Parameters
    ----------
    design : array (n_samples, n_coef), DataFrame, formula or Design
        Columns of an array are called ``x0``, ``x1``, ...; a formula such as
        ``"~ batch + condition"`` is evaluated on the sample table.
    counts : CountMatrix
    obs : DataFrame, optional
        Sample table for a formula; ``counts.obs`` where it is not given.
    allow_saturated : bool
        Accept as many columns as samples (possible when the dispersion is given).

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Samples that do not match by name (or by number, where one side has no names), values that
        are missing or no numbers, columns that depend on others (they are named with these), too
        many columns, or a formula that cannot be evaluated.
    """
    if isinstance(design, Design):
        built = design
    elif isinstance(design, str):
        built = _from_formula(design, counts, obs)
    else:
        built = read_table(design)
    index = getattr(design, "index", None) if hasattr(design, "columns") else built.sample_names
    built = _in_order_of(built, counts, index)
    _check_values(built)
    _check_rank(built, allow_saturated)
    return built


def _from_formula(formula: str, counts: CountMatrix, obs: Any) -> Design:
    table = _sample_table(formula, counts, obs)
    names = sample_names_of(table.index)
    order = match_table(
        counts.sample_names, table.index, what="the sample table",
        gene_names=counts.gene_names,
    )  # fmt: skip
    if order is None:
        _check_rows(len(table), "The sample table", counts)
    else:
        table = table.iloc[order]
    shown = counts.sample_names if names is None else sample_names_of(table.index)
    return read_formula(formula, table, shown)


def read_formula(formula: str, table: pd.DataFrame, sample_names: Names | None) -> Design:
    """Evaluate a formula on a sample table, whose rows are the samples: rank is not looked at."""
    matrix, spec, data = build_formula(formula, table, sample_names)
    return Design(
        matrix=np.ascontiguousarray(matrix, dtype=np.float64),
        names=tuple(str(name) for name in matrix.columns),
        sample_names=sample_names,
        formula=formula,
        spec=spec,
        factors=dict(spec.factors),
        codings=factor_codings(spec, data),
    )


def _sample_table(formula: str, counts: CountMatrix, obs: Any) -> pd.DataFrame:
    table = as_sample_table(obs, counts)
    if table is None:
        raise InputError(
            f"The formula {formula!r} needs a sample table: pass obs= (a DataFrame with one row "
            "per sample), or counts as an AnnData."
        )
    return table


def read_table(design: Any) -> Design:
    """Read a matrix or a table of numbers as it stands: neither values nor rank are looked at."""
    columns = getattr(design, "columns", None)
    names: tuple[str, ...]
    samples = None
    if columns is not None and hasattr(design, "index"):
        names, samples = tuple(str(c) for c in columns), sample_names_of(design.index)
        _check_columns_are_numbers(design, names)
        matrix = design.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        matrix = _matrix(design)
        info = getattr(design, "design_info", None)  # patsy's matrices carry their names there
        names = tuple(getattr(info, "column_names", [f"x{j}" for j in range(matrix.shape[1])]))
    if len(set(names)) < len(names):
        repeated = [name for i, name in enumerate(names) if name in names[:i]]
        raise InputError(
            f"The design has several columns named {repeated[0]!r}; give each its own name."
        )
    return Design(np.array(matrix, dtype=np.float64, order="C"), names, samples)


def _check_columns_are_numbers(frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    for name, dtype in zip(names, frame.dtypes, strict=True):
        if getattr(dtype, "kind", "O") not in "biuf":
            raise InputError(
                f"Column {name!r} of the design holds {dtype} values, not numbers; code it as 0/1 "
                f"columns, or pass a formula such as '~ {name}' with this table as obs=."
            )


def _matrix(design: Any) -> NDArray[Any]:
    if isinstance(design, np.ma.MaskedArray):
        design = np.ma.filled(design.astype(np.float64), np.nan)
    try:
        matrix = np.asarray(design.toarray() if hasattr(design, "toarray") else design)
        if matrix.dtype.kind not in "biufO":
            raise TypeError(f"it holds {matrix.dtype} values")
        matrix = matrix.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The design is no matrix of numbers ({str(error).splitlines()[0]}); give an array "
            "(n_samples, n_coef), a DataFrame of numbers, or a formula with obs=."
        ) from error
    if matrix.ndim == 0:
        raise InputError(
            f"The design is {design!r}; give an array (n_samples, n_coef), a DataFrame of numbers, "
            "or a formula with obs=."
        )
    if matrix.ndim != 2:
        raise InputError(
            f"The design has {plural(matrix.ndim, 'dimension')} (shape {matrix.shape}); give one "
            "row per sample and one column per coefficient (a single column: x[:, None])."
        )
    return matrix


def _in_order_of(design: Design, counts: CountMatrix, index: Any) -> Design:
    order = None
    if index is not None:
        order = match_table(
            counts.sample_names, index, what="the design",
            gene_names=counts.gene_names,
        )  # fmt: skip
    if order is None:
        _check_rows(design.matrix.shape[0], "The design", counts)
        if design.sample_names is None and counts.sample_names is not None:
            return replace(design, sample_names=counts.sample_names)
        return design
    matrix = np.ascontiguousarray(design.matrix[order])
    return replace(design, matrix=matrix, sample_names=counts.sample_names)


def _check_rows(n_rows: int, what: str, counts: CountMatrix) -> None:
    if n_rows == counts.n_samples:
        return
    message = (
        f"{what} has {plural(n_rows, 'row')} and the counts {plural(counts.n_samples, 'sample')}"
    )
    if n_rows == counts.n_genes:
        raise InputError(
            f"{message} but {plural(counts.n_genes, 'gene')}: the counts look transposed. Rows are "
            "samples and columns are genes; pass counts.T."
        )
    raise InputError(f"{message}; give one row per sample, in the order of the counts.")


def _check_values(design: Design) -> None:
    bad = ~np.isfinite(design.matrix)
    if bad.any():
        sample, column = (int(k) for k in np.argwhere(bad)[0])
        value = design.matrix[sample, column]
        raise InputError(
            f"The design has {plural(int(bad.sum()), 'missing or infinite value')}, first {value} "
            f"in column {design.names[column]!r} at sample "
            f"{label(design.sample_names, sample)}; every sample needs a finite value."
        )


def _check_rank(design: Design, allow_saturated: bool) -> None:
    n, p = design.matrix.shape
    if p == 0:
        raise InputError("The design has no column; write '~ 1' for the mean alone.")
    if p > n:
        raise InputError(
            f"The design has {plural(p, 'column')} for {plural(n, 'sample')} "
            f"({first_few(design.names, 5)}), more than can be estimated; use fewer terms."
        )
    aliased = aliased_columns(design.matrix, design.names)
    if aliased:
        raise InputError(
            f"The design has rank {p - len(aliased)} with {plural(p, 'column')}: "
            f"{describe_aliased(aliased)}. Leave out one column or term of each such set; factors "
            "that vary together cannot be told apart."
        )
    if p == n and not allow_saturated:
        raise InputError(
            f"The design has as many columns as samples ({n}), which leaves nothing to estimate "
            "the dispersion from; use fewer terms, or give dispersion=."
        )
