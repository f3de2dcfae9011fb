"""countglm: exact, certified and parallel count GLMs for every gene of a count matrix."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from ._warn import CountglmWarning
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    from . import datasets
    from .diagnostics import Diagnosis, diagnose
    from .glm import fit_glm
    from .inference import benjamini_hochberg, wald_test
    from .results import GLMFit
    from .size_factors import estimate_size_factors

# Names that load on first use, so that ``import countglm`` stays quick.
_LAZY = {
    "Diagnosis": "diagnostics",
    "GLMFit": "results",
    "benjamini_hochberg": "inference",
    "datasets": "",
    "diagnose": "diagnostics",
    "estimate_size_factors": "size_factors",
    "fit_glm": "glm",
    "wald_test": "inference",
}

__all__ = [
    "CountglmWarning",
    "Diagnosis",
    "GLMFit",
    "InputError",
    "Status",
    "__version__",
    "benjamini_hochberg",
    "datasets",
    "diagnose",
    "estimate_size_factors",
    "fit_glm",
    "wald_test",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'countglm' has no attribute {name!r}")
    module = _LAZY[name]
    value = import_module(f".{module or name}", __name__)
    if module:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
