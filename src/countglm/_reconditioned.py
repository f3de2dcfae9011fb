"""The result of `recondition`: a design in another coding, and the exact way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._codings import Coding
from ._condition_number import ConditionNumber
from ._names import Names, first_few, plural
from ._nb_values import numbers_of
from ._sparse_maps import SparseMap, from_sparse
from .design import Design
from .errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Reconditioned:
    """The same model in another coding; made by `countglm.recondition`.

    With ``X`` the design that was given and ``Z`` the new one, ``Z = X T`` with an invertible
    ``T``: every fitted value, and so every likelihood, is the same at ``beta = T gamma``. The maps
    are sums of few terms, formed with their rounding carried along.

    Attributes
    ----------
    matrix : (n, p) float64 array or csr_array
        ``Z``, sparse if the design was.
    names : tuple of str
        Names of its columns; one whose coefficient means what it did keeps its name.
    original_names : tuple of str
    coding : str
        ``"cell_means"``, ``"sum"``, ``"rereference"``, ``"qr"``, or ``"as given"``, which is also
        what ``"auto"`` gives where nothing has a smaller condition number.
    scaled : bool
        Whether columns were divided by powers of two as well.
    exact : bool
        True where the maps are known beforehand: whole numbers, rounded means, fractions such as
        1/3, each rounded once, and products of these, rounded once more. A mapped number has little
        more than the rounding of one sum. False for ``"qr"``, and for cells of many digits or more
        than 60, whose map is a computed inverse.
    condition_before, condition_after : ConditionNumber
        ``scaled`` (columns of length 1), ``raw`` (as they stand), and their relative errors
        ``tolerance`` and ``raw_tolerance``; docs/math.md, 4.8 and 19.7.
    considered : dict
        Scaled condition number of every coding that ``"auto"`` tried.
    wild_types : dict
        For ``"rereference"``: each condition's columns that are not 0 in its wild type, without
        the intercepts, which are not changed by one.
    turned : tuple of str
        Original names of the columns ``x`` that became ``1 - x``, whose coefficients change sign.
    """

    matrix: Any
    names: tuple[str, ...]
    original_names: tuple[str, ...]
    coding: str
    scaled: bool
    exact: bool
    condition_before: ConditionNumber
    condition_after: ConditionNumber
    considered: Mapping[str, float] = field(default_factory=dict)
    wild_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    turned: tuple[str, ...] = ()
    sample_names: Names | None = None
    _coding: Coding | None = field(default=None, repr=False)

    @property
    def _maps(self) -> Coding:
        if self._coding is None:
            raise InputError("This object was made by hand; countglm.recondition gives the maps.")
        return self._coding

    @property
    def transformation(self) -> Any:
        """``T`` (p, p) with ``matrix = X T`` and ``beta = T gamma``, a csr_array."""
        return self._maps.forward.csr()

    @property
    def inverse_transformation(self) -> Any:
        """``T⁻¹`` (p, p), which takes coefficients of the original design to the new one's."""
        return self._maps.backward.csr()

    @property
    def design(self) -> Design:
        """The new coding as a design for `countglm.fit_glm`.

        Raises
        ------
        InputError
            A sparse matrix: the fits gene by gene take dense designs.
        """
        if not isinstance(self.matrix, np.ndarray):
            raise InputError(
                "This design is sparse, and fits gene by gene take a dense one; pass .matrix to a "
                "solver for wide sparse problems, or .matrix.toarray() where it is small."
            )
        return Design(self.matrix, self.names, self.sample_names)

    def map_coefficients(self, coefficients: ArrayLike) -> Floats:
        """Return coefficients of the original design from those of the new one.

        Parameters
        ----------
        coefficients : (..., p)
            Of the columns `matrix`; one vector or a row for each gene.

        Returns
        -------
        (..., p) float64
            ``T gamma``, each with the rounding of one sum. Infinite coefficients stay infinite;
            NaN where infinities of both signs meet, which have no limit of their own.

        Raises
        ------
        InputError
            Another number of coefficients.
        """
        return self._maps.forward.apply(self._vectors(coefficients, "coefficients"))

    def inverse_coefficients(self, coefficients: ArrayLike) -> Floats:
        """Return coefficients (..., p) of the new design from those of the original one."""
        return self._maps.backward.apply(self._vectors(coefficients, "coefficients"))

    def map_covariance(self, covariance: ArrayLike) -> Floats:
        """Return the covariance of the original coefficients from that of the new ones.

        Parameters
        ----------
        covariance : (..., p, p)
            As `GLMFit.covariance` of a fit to `matrix` has it.

        Returns
        -------
        (..., p, p) float64
            ``T C T'``, symmetric.

        Raises
        ------
        InputError
            Another shape.
        """
        return self._sandwich(self._maps.forward, covariance)

    def inverse_covariance(self, covariance: ArrayLike) -> Floats:
        """Return the covariance (..., p, p) of the new coefficients from the original one's."""
        return self._sandwich(self._maps.backward, covariance)

    def map_penalty(self, rows: Any) -> Any:
        """Return a penalty or contrast in the new coefficients that means what it did.

        Parameters
        ----------
        rows : (m, p) or (p,) array, or sparse (m, p)
            ``D`` of a penalty ``lambda ||D beta||_1``, or contrasts, in the original coefficients.

        Returns
        -------
        as ``rows``
            ``D T``: ``D T gamma = D beta``, so that value, solution path and labels of fused
            effects are the same in either coding.

        Raises
        ------
        InputError
            Another number of columns.
        """
        if hasattr(rows, "tocsr"):
            if rows.shape[1] != len(self.names):
                raise self._wrong("rows of the penalty", rows.shape)
            return from_sparse(rows).times(self._maps.forward).csr()
        return self._maps.forward.transposed().apply(self._vectors(rows, "rows of the penalty"))

    def __repr__(self) -> str:
        return f"Reconditioned({self})"

    def __str__(self) -> str:
        before, after = self.condition_before, self.condition_after
        how = self.coding + (", columns scaled by powers of two" if self.scaled else "")
        n, p = self.matrix.shape
        lines = [
            f"{n:,} rows, {plural(p, 'column')}: {how}",
            f"condition number before: {before}",
            f"condition number after:  {after}",
        ]
        if np.isfinite(before.scaled) and np.isfinite(after.scaled):
            lines[-1] += f" ({before.scaled / after.scaled:.3g} times less)"
        lines += [
            f"wild type of {label}: {plural(len(columns), 'column')} other than 0 "
            f"({first_few(columns, 5)})"
            for label, columns in self.wild_types.items()
            if columns
        ]
        if not self.exact:
            lines.append("the maps back are rounded; those of the other codings are exact")
        return "\n".join(lines)

    def _sandwich(self, by: SparseMap, covariance: ArrayLike) -> Floats:
        values = numbers_of(covariance, "covariance")
        p = len(self.names)
        if values.ndim < 2 or values.shape[-2:] != (p, p):
            raise self._wrong("covariance", values.shape)
        half = np.swapaxes(by.apply(values), -1, -2)
        both = by.apply(half)
        return np.asarray(0.5 * (both + np.swapaxes(both, -1, -2)))

    def _vectors(self, values: ArrayLike, what: str) -> Floats:
        array = numbers_of(values, what)
        if array.ndim == 0 or array.shape[-1] != len(self.names):
            raise self._wrong(what, array.shape)
        return array

    def _wrong(self, what: str, shape: tuple[int, ...]) -> InputError:
        return InputError(
            f"Shape {shape} of the {what} does not fit {plural(len(self.names), 'column')}; "
            "the last axis is the columns of the design."
        )
