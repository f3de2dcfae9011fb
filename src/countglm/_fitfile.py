"""GLMFit to and from a file: which fields are arrays, which are JSON, which are left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._store import read_arrays, write_arrays
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.design import Design
    from countglm.results import GLMFit

_KIND = "GLMFit"
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
_OPTIONAL = ("sample_names", "offset", "weights")


def save_fit(fit: GLMFit, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write ``fit`` without counts and trace."""
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
    write_arrays(path, _KIND, arrays, meta, force=force)


def _json_level(level: Any) -> Any:
    value = level.item() if isinstance(level, np.generic) else level
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def load_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the keyword arguments of a GLMFit; counts and trace are None."""
    arrays, meta = read_arrays(path, _KIND)
    missing = [name for name in (*_REQUIRED, "design_matrix") if name not in arrays]
    if missing or not isinstance(meta.get("design"), dict):
        raise InputError(
            f"{path} lacks {(missing or ['design'])[0]}: it is damaged; save the fit again."
        )
    _check_shapes(arrays, path)
    fields: dict[str, Any] = {name: arrays[name] for name in _REQUIRED}
    fields |= {name: arrays.get(name) for name in _OPTIONAL}
    fields["design"] = _design(arrays, meta["design"])
    fields |= {name: meta[name] for name in ("family", "tol", "counts_fingerprint", "provenance")}
    return fields


def _check_shapes(arrays: dict[str, NDArray[Any]], path: str | os.PathLike[str]) -> None:
    sizes: dict[str, int] = {}
    for name, letters in _REQUIRED.items():
        shape = arrays[name].shape
        agrees = len(shape) == len(letters) and all(
            sizes.setdefault(letter, size) == size
            for letter, size in zip(letters, shape, strict=True)
        )
        if not agrees:
            raise InputError(
                f"{path}: {name} has shape {shape}, which disagrees with the other arrays: the "
                "file is damaged; save the fit again."
            )


def _design(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> Design:
    from countglm.design import Design

    return Design(
        matrix=np.ascontiguousarray(arrays["design_matrix"]),
        names=tuple(meta["names"]),
        sample_names=arrays.get("design_sample_names"),
        formula=meta["formula"],
        spec=None,
        factors={name: tuple(levels) for name, levels in meta["factors"].items()},
        codings={name: np.array(coding) for name, coding in meta["codings"].items()},
    )
