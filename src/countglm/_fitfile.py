"""GLMFit to and from a file: which fields are arrays, which are JSON, which are left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._store import read_arrays, write_arrays
from countglm.errors import InputError
from countglm.status import Status

if TYPE_CHECKING:
    from countglm.design import Design
    from countglm.results import GLMFit

KIND = "GLMFit"
# Shape of every array in terms of G genes, n samples, p coefficients and K patterns.
_REQUIRED = {
    "coefficients": "Gp",
    "standard_errors": "Gp",
    "finite_coefficients": "Gp",
    "dispersion": "G",
    "size_factors": "n",
    "deviance": "G",
    "log_likelihood": "G",
    "n_iter": "G",
    "status": "G",
    "newton_decrement": "G",
    "distance_bound": "G",
    "scaled_score": "G",
    "min_eigenvalue": "G",
    "condition_number": "G",
    "max_leverage": "G",
    "base_mean": "G",
    "separation_pattern": "G",
    "separated_samples": "Kn",
    "gene_names": "G",
}
_OPTIONAL = (
    "sample_names",
    "offset",
    "weights",
    "dispersion_maxima",
    "dispersion_lead",
    "zeros_by_rule",
    "trials",
    "separated_ones",
)
# Shapes that may stand there, of arrays that are checked after the required ones.
_FURTHER = {
    "design_matrix": ("np",),
    "sample_names": ("n",),
    "design_sample_names": ("n",),
    "offset": ("n", "nG"),
    "weights": ("n", "nG"),
    "trials": ("n", "nG"),
    "separated_ones": ("Kn",),
    "dispersion_maxima": ("G",),
    "zeros_by_rule": ("G",),
    "dispersion_lead": ("G",),
}
_TEXT = ("gene_names", "sample_names", "design_sample_names")
_META = {"family": str, "tol": float, "counts_fingerprint": str, "provenance": dict}
_DESIGN = {"names": list, "formula": str | None, "factors": dict, "codings": dict}


def save_fit(fit: GLMFit, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write ``fit`` without counts and trace."""
    write_arrays(path, KIND, *fit_contents(fit), force=force)


def fit_contents(fit: GLMFit) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of ``fit`` and what else there is, JSON-able, without counts and trace."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(fit, name) for name in _REQUIRED}
    arrays |= {name: getattr(fit, name) for name in _OPTIONAL if getattr(fit, name) is not None}
    arrays["design_matrix"] = fit.design.matrix
    if fit.design.sample_names is not None:
        arrays["design_sample_names"] = np.asarray(fit.design.sample_names, dtype=object)
    meta = {
        "family": fit.family,
        "tol": fit.tol,
        "counts_fingerprint": fit.counts_fingerprint,
        "provenance": fit.provenance,
        "design": {
            "names": list(fit.design.names),
            "formula": fit.design.formula,
            "factors": {
                name: [_json_level(level) for level in levels]
                for name, levels in fit.design.factors.items()
            },
            "codings": {name: coding.tolist() for name, coding in fit.design.codings.items()},
        },
    }
    return arrays, meta


def _json_level(level: Any) -> Any:
    value = level.item() if isinstance(level, np.generic) else level
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def load_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the keyword arguments of a GLMFit; counts and trace are None."""
    return fit_fields(*read_arrays(path, KIND), path)


def fit_fields(
    arrays: dict[str, NDArray[Any]], meta: dict[str, Any], path: str | os.PathLike[str]
) -> dict[str, Any]:
    """Make the keyword arguments of a GLMFit of what `fit_contents` returned, read from a file."""
    missing = [name for name in (*_REQUIRED, "design_matrix") if name not in arrays]
    if missing:
        raise damaged(path, f"it lacks {missing[0]}")
    _check_meta(meta, _META | {"design": dict}, path)
    _check_meta(meta["design"], _DESIGN, path)
    _check_arrays(arrays, path)
    fields: dict[str, Any] = {name: arrays[name] for name in _REQUIRED}
    fields |= {name: arrays.get(name) for name in _OPTIONAL}
    fields["design"] = _design(arrays, meta["design"], path)
    fields |= {name: meta[name] for name in ("family", "tol", "counts_fingerprint", "provenance")}
    return fields


def damaged(path: str | os.PathLike[str], why: str) -> InputError:
    """The error for a file whose content cannot be what was saved."""
    return InputError(f"{path} is damaged: {why}; save the fit again.")


def _check_meta(meta: dict[str, Any], kinds: dict[str, Any], path: str | os.PathLike[str]) -> None:
    for name, kind in kinds.items():
        if name not in meta:
            raise damaged(path, f"it lacks {name}")
        if not isinstance(meta[name], kind):
            raise damaged(path, f"{name} is of type {type(meta[name]).__name__}")


def _check_arrays(arrays: dict[str, NDArray[Any]], path: str | os.PathLike[str]) -> None:
    sizes: dict[str, int] = {}
    shapes = {name: (letters,) for name, letters in _REQUIRED.items()} | _FURTHER
    for name, choices in shapes.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.dtype.kind not in ("OU" if name in _TEXT else "biuf"):
            raise damaged(path, f"{name} holds {array.dtype}")
        if not any(_agrees(array.shape, letters, sizes) for letters in choices):
            raise damaged(
                path, f"{name} has shape {array.shape}, which disagrees with the other arrays"
            )
    patterns = arrays["separation_pattern"]
    if np.any((patterns < -1) | (patterns >= sizes["K"])):
        raise damaged(path, "separation_pattern points beyond separated_samples")
    if not np.isin(arrays["status"], [status.value for status in Status]).all():
        raise damaged(path, "status holds codes that have no meaning")


def _agrees(shape: tuple[int, ...], letters: str, sizes: dict[str, int]) -> bool:
    return len(shape) == len(letters) and all(
        sizes.setdefault(letter, size) == size for letter, size in zip(letters, shape, strict=True)
    )


def _design(
    arrays: dict[str, NDArray[Any]], meta: dict[str, Any], path: str | os.PathLike[str]
) -> Design:
    from countglm.design import Design

    matrix = np.ascontiguousarray(arrays["design_matrix"], dtype=np.float64)
    names = tuple(meta["names"])
    if len(names) != matrix.shape[1] or not all(isinstance(name, str) for name in names):
        raise damaged(path, f"the design has {matrix.shape[1]} columns and names {names}")
    try:
        factors = {name: tuple(levels) for name, levels in meta["factors"].items()}
        codings = {
            name: np.array(coding, dtype=np.float64) for name, coding in meta["codings"].items()
        }
    except (TypeError, ValueError) as error:
        raise damaged(path, f"the factors of its design cannot be read ({error})") from error
    for name, coding in codings.items():
        if coding.shape != (len(factors.get(name, ())), len(names)):
            raise damaged(path, f"the coding of factor {name!r} has shape {coding.shape}")
    return Design(
        matrix=matrix,
        names=names,
        sample_names=arrays.get("design_sample_names"),
        formula=meta["formula"],
        spec=None,
        factors=factors,
        codings=codings,
    )
