"""Offsets, weights, dispersions and options of a fit: checked once, then handed out by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._names import Names, match_table, sample_names_of
from ._parallel import is_whole
from .errors import InputError

if TYPE_CHECKING:
    from .counts import GeneBlocks

Floats = NDArray[np.float64]
# exp() of a larger offset leaves double precision together with any count.
MAX_OFFSET = 600.0


@dataclass(frozen=True, eq=False)
class PerSample:
    """A (n,) vector for all genes or a (n, n_genes) matrix, given out as gene rows.

    ``given`` keeps what the caller passed, in the order of the counts; None for the default.
    """

    values: Floats
    given: Floats | None = None

    def rows(self, start: int, stop: int) -> Floats:
        """Return (1, n) for a vector, (stop - start, n) for a matrix."""
        if self.values.ndim == 1:
            return self.values[None, :]
        return np.ascontiguousarray(self.values[:, start:stop].T)

    def take(self, genes: NDArray[np.intp]) -> PerSample:
        """Return the same for some genes."""
        if self.values.ndim == 1:
            return self
        given = None if self.given is None else self.given[:, genes]
        return PerSample(self.values[:, genes], given)


def lies_within(value: Any, low: float, high: float) -> bool:
    """Return whether ``value`` is a finite number from ``low`` to ``high`` (no text, no NaN)."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and bool(np.isfinite(value) and low <= value <= high)


def as_real_array(value: Any, name: str) -> Floats:
    """Return ``value`` as a float64 array, or raise naming it."""
    try:
        raw = np.asarray(value)
        if raw.dtype.kind not in "biufO":
            raise TypeError(f"values of type {raw.dtype}")
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must hold real numbers; got {type(value).__name__}. Convert it to float."
        ) from error


def shaped(value: Any, name: str, counts: GeneBlocks) -> Floats:
    """Return (n,) or (n, n_genes) in the order of the counts: by name where names are given."""
    n, n_genes = counts.n_samples, counts.n_genes
    array = as_real_array(value, name)
    if array.shape != (n, n_genes) and array.shape != (n,):
        hint = ""
        if array.shape == (n_genes, n):
            hint = " It looks transposed: pass its transpose."
        raise InputError(
            f"{name} has shape {array.shape}; it must be ({n},), one value per sample, or "
            f"({n}, {n_genes}), samples x genes.{hint}"
        )
    index = getattr(value, "index", None)
    if index is not None and not callable(index):
        order = match_table(counts.sample_names, index, what=name)
        array = array if order is None else array[order]
    columns = getattr(value, "columns", None)
    if columns is not None and array.ndim == 2:
        check_genes(columns, name, counts.gene_names)
    # A copy of its own: the fit keeps it, and the caller may go on changing his.
    own = np.array(array, dtype=np.float64, order="C", copy=True)
    own.setflags(write=False)
    return own


def by_gene(value: Any, name: str, gene_names: Names) -> Floats:
    """Return values as numbers; a Series of all genes must have them in this order."""
    array = as_real_array(value, name)
    index = getattr(value, "index", None)
    if index is not None and not callable(index) and array.shape == gene_names.shape:
        check_genes(index, name, gene_names)
    return array


def check_genes(index: Any, name: str, gene_names: Names) -> None:
    """Raise unless the index of a table of ``gene_names``' length has these names, or none."""
    given = sample_names_of(index)
    if given is None:
        return
    wrong = np.flatnonzero(given != gene_names)
    if wrong.size:
        raise InputError(
            f"The gene names of {name} are not those of the counts: {wrong.size} of "
            f"{given.size} differ, first {given[wrong[0]]!r} where the counts have "
            f"{gene_names[wrong[0]]!r}. Bring them into the order of the counts."
        )


def _refuse(bad: NDArray[np.bool_], array: Floats, name: str, what: str, remedy: str) -> None:
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"sample {first[0]}" + (f", gene {first[1]}" if len(first) > 1 else "")
        raise InputError(
            f"{name} has {int(bad.sum())} value(s) that are {what}; the first is "
            f"{array[first]} at {place} (counted from 0). {remedy}"
        )


def resolve_offset(offset: Any, size_factors: Floats, counts: GeneBlocks) -> PerSample:
    """Return log size factors plus the caller's offset."""
    log_factors = np.log(size_factors)
    if offset is None:
        return PerSample(log_factors)
    given = shaped(offset, "offset", counts)
    _refuse(
        ~(np.abs(given) <= MAX_OFFSET),
        given,
        "offset",
        f"not finite or beyond ±{MAX_OFFSET:.0f}",
        "Offsets are natural logarithms: pass log(normalisation factors), without zeros.",
    )
    shift = log_factors if given.ndim == 1 else log_factors[:, None]
    return PerSample(given + shift, given)


def resolve_weights(weights: Any, counts: GeneBlocks) -> PerSample:
    """Return likelihood weights, 1 by default."""
    if weights is None:
        return PerSample(np.ones(counts.n_samples))
    given = shaped(weights, "weights", counts)
    _refuse(
        ~((given >= 0.0) & (given < np.inf)),
        given,
        "weights",
        "negative, NaN or infinite",
        "Weights are >= 0 and finite; 0 leaves the sample out.",
    )
    if not (given > 0.0).any():
        raise InputError("All weights are zero, so there is nothing to fit. Give positive weights.")
    return PerSample(given, given)


def resolve_dispersion(dispersion: Any, family: str, counts: GeneBlocks) -> Floats | None:
    """Return (n_genes,) dispersions, or None where they are to be estimated."""
    n_genes = counts.n_genes
    if family not in ("nb", "poisson"):
        raise InputError(f"family={family!r} is not known; choose 'nb' or 'poisson'.")
    if family == "poisson":
        if dispersion is not None and np.any(as_real_array(dispersion, "dispersion") != 0.0):
            raise InputError(
                "family='poisson' has dispersion 0; leave dispersion out or use family='nb'."
            )
        return np.zeros(n_genes)
    if dispersion is None:
        return None
    given = by_gene(dispersion, "dispersion", counts.gene_names)
    if given.shape not in ((), (1,), (n_genes,)):
        raise InputError(
            f"dispersion has shape {given.shape}; give one number or {n_genes} values, one a gene."
        )
    flat = given.reshape(-1)
    bad = ~((flat >= 0.0) & (flat <= 1e8))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"dispersion has {int(bad.sum())} value(s) that are negative, NaN or above 1e8; the "
            f"first is {flat[first]} at gene {first} (counted from 0). The variance is "
            "mu + dispersion mu²; use dispersion=None to estimate it."
        )
    return np.ascontiguousarray(np.broadcast_to(flat, (n_genes,)))


@dataclass(frozen=True)
class Options:
    """Checked numbers and switches of a fit."""

    fisher: bool
    tol: float
    max_iter: int
    cap: float
    trace: bool
    # "auto", or "visit" where every zero is to be visited.
    zeros: str = "auto"


def resolve_options(
    solver: str,
    tol: float,
    max_iter: int,
    max_dispersion: float | None,
    trace: bool,
    n: int,
    zeros: str = "auto",
) -> Options:
    """Return the options of a fit, or raise naming the first that is wrong."""
    if solver not in ("irls", "newton"):
        raise InputError(f"solver={solver!r} is not known; choose 'irls' or 'newton'.")
    if not is_number(tol) or not 0.0 < tol < 1.0:
        raise InputError(f"tol={tol!r} must lie between 0 and 1 (standard errors); 1e-8 is usual.")
    if not is_whole(max_iter, 1):
        raise InputError(f"max_iter={max_iter!r} must be a whole number of at least 1.")
    cap = float(max(10, n)) if max_dispersion is None else max_dispersion
    if not is_number(cap) or not 0.0 < cap <= 1e8:
        raise InputError(f"max_dispersion={max_dispersion!r} must be positive and at most 1e8.")
    if zeros not in ("auto", "visit"):
        raise InputError(f"zeros={zeros!r} is not known; choose 'auto' or 'visit'.")
    return Options(solver == "irls", float(tol), int(max_iter), float(cap), bool(trace), zeros)


def check_share(value: Any, name: str, meaning: str) -> float:
    """Return a number between 0 and 1, neither included, or raise naming it."""
    if not is_number(value) or not 0.0 < value < 1.0:
        raise InputError(f"{name}={value!r} must lie between 0 and 1: {meaning}.")
    return float(value)


def is_number(value: object) -> bool:
    """Return whether ``value`` is a real number (no bool)."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
