"""What the R package calls: its counts and designs, and errors and warnings as values.

Values cross as `_wire` says: an R array arrives under its own shape in Fortran order, so genes x
samples becomes samples x genes by a transposed view.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._fit_covariance import covariance_of
from countglm._residuals import residuals
from countglm._scaling import resolve_scale
from countglm.adapters._r_words import in_words_of_r
from countglm.adapters._wire import empty, encode, fill, text
from countglm.counts import as_count_matrix
from countglm.design import Design, as_design
from countglm.diagnostics import diagnose
from countglm.errors import InputError
from countglm.glm import fit_glm
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from countglm.counts import CountMatrix
    from countglm.results import GLMFit

__all__ = [
    "call",
    "count_matrix",
    "covariance",
    "dense",
    "design",
    "diagnosis",
    "empty",
    "encode",
    "fill",
    "fit_arrays",
    "fit_counts",
    "fit_residuals",
    "frame",
    "means",
    "method",
    "named",
    "plain_design",
    "sparse",
    "text",
]


def call(verb: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Call a function of countglm or of this module; nothing is raised to R.

    Parameters
    ----------
    verb : str
        A name of this module or of `countglm`, or ``module.name`` of another adapter.
    arguments, options
        By position and by name; text as `text` makes it, arrays as `empty` and `fill` do.

    Returns
    -------
    dict
        ``ok``; ``value``, any object; and where it failed ``error_class`` (``"input"`` for the
        caller's mistake, else the name of the exception), ``message`` and ``trace``;
        ``warnings``, a list of texts.
    """
    outcome: dict[str, Any] = {"ok": True, "value": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", category)
        try:
            outcome["value"] = _function(verb)(*arguments, **dict(options))
        except InputError as error:
            message = in_words_of_r(str(error), verb)
            outcome |= {"ok": False, "error_class": "input", "message": message}
        except Exception as error:
            kind = type(error).__name__
            outcome |= {"ok": False, "error_class": kind, "message": f"{kind}: {error}"}
            outcome["trace"] = "".join(traceback.format_exception(error))
    outcome["warnings"] = [in_words_of_r(str(warning.message), verb) for warning in caught]
    return outcome


def _function(verb: str) -> Callable[..., Any]:
    import countglm

    module, _, name = verb.rpartition(".")
    if module:
        other: Callable[..., Any] = getattr(import_module(f"countglm.adapters.{module}"), name)
        return other
    own: Callable[..., Any] | None = globals().get(verb) if verb in __all__ else None
    return getattr(countglm, verb) if own is None else own


def method(target: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """Return what the method ``name`` of ``target`` returns."""
    return getattr(target, name)(*arguments, **options)


def named(names: Any, values: Sequence[Any]) -> dict[str, Any]:
    """Return a dict under names that reticulate would not keep: those outside ASCII."""
    return dict(zip(map(str, names), values, strict=True))


def dense(array: NDArray[Any]) -> NDArray[Any]:
    """Return R's genes x samples as samples x genes: a view."""
    return array.T


def sparse(
    p: NDArray[np.int32], i: NDArray[np.int32], x: NDArray[Any], n_genes: int, n_samples: int
) -> Any:
    """Return a dgCMatrix of genes x samples as CSR of samples x genes, which has the same arrays.

    Parameters
    ----------
    p : (n_samples + 1,); i, x : (n_entries,)
        Slots of the dgCMatrix.
    n_genes, n_samples : int
    """
    from scipy.sparse import csr_array

    return csr_array((x, i, p), shape=(int(n_samples), int(n_genes)), copy=False)


def count_matrix(
    counts: Any, gene_names: Any, sample_names: Any, allow_noninteger: bool = False
) -> CountMatrix:
    """Return validated counts with the names of R's dimnames; see `as_count_matrix`."""
    return as_count_matrix(
        counts, gene_names=gene_names, sample_names=sample_names,
        allow_noninteger=allow_noninteger,
    )  # fmt: skip


def design(
    matrix: NDArray[np.float64],
    names: Any,
    counts: CountMatrix,
    formula: str | None = None,
    levels: Mapping[str, Any] | None = None,
    codings: Mapping[str, NDArray[np.float64]] | None = None,
    allow_saturated: bool = False,
) -> Design:
    """Return the Design of R's model matrix, checked against the counts.

    Parameters
    ----------
    matrix : (n_samples, n_coef)
        In the order of the counts' samples.
    names : (n_coef,) of str
    counts : CountMatrix
    formula : str, optional
        As R writes it.
    levels : dict, optional
        Levels of each factor of the formula, in R's order.
    codings : dict, optional
        Per factor (n_levels, n_coef): the rows of the design at each level, by the main effect.
    allow_saturated : bool
        As many columns as samples, which the fit refuses where it estimates the dispersion.
    """
    built = Design(
        matrix=np.array(matrix, dtype=np.float64, order="C"),
        names=tuple(str(name) for name in names),
        sample_names=counts.sample_names,
        formula=formula,
        factors={name: tuple(map(str, each)) for name, each in (levels or {}).items()},
        codings={name: np.array(each, order="C") for name, each in (codings or {}).items()},
    )
    return as_design(built, counts, allow_saturated=allow_saturated)


def frame(names: Any, columns: Sequence[Any], levels: Sequence[Any], index: Any) -> pd.DataFrame:
    """Return an R data.frame: columns, of factors as text with their levels in order."""
    import pandas as pd

    table = {}
    for name, values, known in zip(names, columns, levels, strict=True):
        table[str(name)] = values if known is None else pd.Categorical(values, list(known))
    return pd.DataFrame(table, index=pd.Index(index))


def fit_arrays(fit: GLMFit) -> dict[str, Any]:
    """Return the arrays of a fit, but not offset and weights, which R has."""
    names = (
        *("coefficients", "standard_errors", "finite_coefficients", "dispersion", "size_factors"),
        *("deviance", "log_likelihood", "n_iter", "converged", "newton_decrement"),
        *("distance_bound", "min_eigenvalue", "condition_number", "max_leverage", "base_mean"),
        *("gene_names", "sample_names", "family", "tol", "provenance"),
    )
    arrays = {name: getattr(fit, name) for name in names}
    arrays["status"] = [Status(code).name for code in fit.status]
    arrays["sentences"] = {status.name: status.sentence for status in Status}
    arrays["df_residual"] = np.float64(fit.n_samples - len(fit.coef_names))
    return arrays


def fit_counts(
    counts: CountMatrix, design: Design, normalization_factors: Any = None, **options: Any
) -> GLMFit:
    """Return `fit_glm` of counts that may be divided by a factor per sample and gene."""
    if normalization_factors is not None:
        scale = resolve_scale(counts, "none", normalization_factors)
        options = options | scale.model_arguments()
    return fit_glm(counts, design, **options)


def means(fit: GLMFit, genes: Any = None) -> NDArray[np.float64]:
    """Return fitted means in R's orientation (genes, n_samples)."""
    return fit.mu(_places(genes)).T


def fit_residuals(fit: GLMFit, kind: str, genes: Any = None) -> NDArray[np.float64]:
    """Return residuals in R's orientation (genes, n_samples); see `residuals`."""
    return residuals(fit, kind, _places(genes)).T


def covariance(fit: GLMFit, genes: Any = None, observed: bool = False) -> NDArray[np.float64]:
    """Return covariances (n_coef, n_coef, genes) from the expected or observed information."""
    index = fit.gene_index(_places(genes))
    counts = fit.require_counts() if observed else None
    return np.moveaxis(covariance_of(fit, index, counts), 0, -1)


def _places(genes: Any) -> Any:
    """Places that R counts from 0 as indices."""
    return None if genes is None else np.asarray(genes, dtype=np.intp)


def diagnosis(fit: GLMFit) -> dict[str, Any]:
    """Return the table of genes and the report on the design of `diagnose`."""
    found = diagnose(fit)
    report = {part.name: getattr(found.design, part.name) for part in fields(found.design)}
    return {"genes": found.genes, "design": report, "text": str(found)}


def plain_design(matrix: NDArray[np.float64], names: Any) -> Design:
    """Return a Design (n_samples, n_coef) without names of samples: rows go by position."""
    return Design(np.array(matrix, dtype=np.float64, order="C"), tuple(map(str, names)))
