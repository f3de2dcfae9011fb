"""Kernels in a form that tests can call, compiled with the options of the package or not at all.

``numbers`` calls a kernel with one number at a time, ``lanes`` with eight side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from countglm._jit import _OPTIONS, JIT_DISABLED, LANES, _njit, callable_form
from countglm._jit import lanes as _lanes


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function that calls kernels, compiled as they are; plain where they are plain."""
    if JIT_DISABLED:
        return _quiet(function)
    return _njit(**_OPTIONS)(function)


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plain function that divides by zero and overflows as compiled code does."""

    @wraps(function)
    def call(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*[np.float64(a) if isinstance(a, float) else a for a in args])

    return call


def argument_names(kernel: Any) -> list[str]:
    """Return the names of the arguments of a kernel."""
    return list(signature(getattr(kernel, "py_func", kernel)).parameters)


def numbers(kernel: Any) -> Any:
    """Return a kernel as a function of numbers and arrays."""
    return _quiet(kernel) if JIT_DISABLED else callable_form(kernel)


def lanes(kernel: Any) -> Callable[..., np.ndarray]:
    """Return a kernel as a function of arrays (m,), of which it takes eight numbers at a time."""
    names = argument_names(kernel)
    loaded = ", ".join(f"load({name}, i)" for name in names)
    source = (
        f"def run(out, {', '.join(names)}):\n"
        "    for i in range(out.shape[0]):\n"
        f"        store(out, i, kernel({loaded}))\n"
    )
    scope = {"kernel": kernel, "load": _lanes.load, "store": _lanes.store}
    exec(source, scope)
    run = compiled(scope["run"])

    def call(*args: Any) -> np.ndarray:
        arrays = np.broadcast_arrays(*[np.atleast_1d(np.asarray(a, dtype=float)) for a in args])
        size = arrays[0].size
        rows = -(-size // LANES)
        # The last tile is filled up with copies of the last number.
        tiles = [np.resize(np.append(a, np.full(LANES, a[-1])), (rows, LANES)) for a in arrays]
        out = np.empty((rows, LANES))
        run(out, *tiles)
        return out.ravel()[:size]

    return call


def own_kernels(module: ModuleType, form: Callable[[Any], Any]) -> SimpleNamespace:
    """Return the module's constants and own kernels by name, each kernel in a form to call."""
    own = {
        name: form(value)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    return SimpleNamespace(**constants, **own)
