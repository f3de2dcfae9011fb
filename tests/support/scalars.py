"""The kernels of numbers in a form that tests can call, compiled or not."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

from countglm._jit import callable_form
from countglm.kernels import family as _family
from countglm.kernels import special as _special


def _callable(module: ModuleType) -> SimpleNamespace:
    """Return the module's own functions by name, each compiled when it is first called."""
    own = {
        name: callable_form(value)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    return SimpleNamespace(**constants, **own)


special = _callable(_special)
family = _callable(_family)
