"""A Numba pipeline for functions that are only ever compiled into others.

Numba optimises each function with all that it calls, turns it into machine code, and then does
both again in every caller.  For a kernel that Python never calls only the last of these counts:
its library here keeps the unoptimised code for linking and emits nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.types.functions import BaseFunction
from numba.core.untyped_passes import IRProcessing


class _SilentCodegen:
    """The code generator of a library that emits no code, hence has no environment to set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: the symbol is defined where the kernel is linked in."""


def _keep(library: Any) -> None:
    """Leave the module as it is: whoever links it optimises the whole."""


def _close(library: Any) -> None:
    """Mark the library as final without machine code."""
    library._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class _PartLibrary(FunctionPass):
    """Give the function a library that is linked into others and never run."""

    _name = "countglm_part_library"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        codegen = state.targetctx.codegen()
        library = codegen.create_library(state.func_id.func_qualname)
        library.enable_object_caching()
        library._codegen = _SilentCodegen(codegen)
        library._optimize_final_module = MethodType(_keep, library)
        library._finalize_final_module = MethodType(_close, library)
        state.library = library
        return True


# Passes for what no kernel has: closures, ``with`` blocks, array expressions, literals, inlining.
_UNUSED = {
    "with_lifting",
    "inline_closure_likes",
    "dead_branch_prune",
    "make_function_op_code_to_jit_function",
    "inline_inlinables",
    "find_literally",
    "literal_unroll",
    "LiteralPropagation",
    "inline_overloads",
    "nopython_rewrites",
    "dump_parfor_diagnostics",
}


class PartCompiler(CompilerBase):
    """Numba's usual pipeline with that library, and without passes that no kernel needs."""

    def define_pipelines(self) -> list[Any]:
        """Return the nopython pipeline, the library made just before lowering."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state, "countglm_part")
        pipeline.add_pass_after(_PartLibrary, IRProcessing)
        pipeline.passes = [one for one in pipeline.passes if one[0].name() not in _UNUSED]
        pipeline.finalize()
        return [pipeline]


# What the pipeline relies on that Numba does not promise.
_RELIED_ON = ("_optimize_final_module", "_finalize_final_module", "_raise_if_finalized")


def part_options(library: type = CPUCodeLibrary) -> dict[str, Any]:
    """Return the decorator options of a kernel: this pipeline, or none where Numba has changed.

    Without it everything compiles as well, only about twice as slowly.
    """
    if all(hasattr(library, name) for name in _RELIED_ON):
        return {"pipeline_class": PartCompiler}
    return {}


@contextmanager
def _remembered_types() -> Iterator[None]:
    """Resolve each function and argument types once.

    Numba tries a dozen meanings of every operator, each time it meets one, before it comes to the
    right one: half of the compile time of the kernels.
    """
    resolve = BaseFunction.get_call_type
    known: dict[Any, Any] = {}

    def remember(self: Any, context: Any, args: Any, kws: Any) -> Any:
        key = (self, tuple(args), tuple(sorted(kws.items())))
        if key not in known:
            known[key] = resolve(self, context, args, kws)
        return known[key]

    # Numba's types are loosely annotated.
    base: Any = BaseFunction
    base.get_call_type = remember
    try:
        yield
    finally:
        base.get_call_type = resolve


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage seldom.

    The compiler makes objects by the million and no garbage in circles: looking for it at each 700
    takes a sixth of the time.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def compiling_leanly(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dispatcher's ``compile`` that does what this module is for."""

    @wraps(compile_)
    def compile_leanly(*args: Any, **kwargs: Any) -> Any:
        # One thread at a time: another would restore what it found when it came.
        with global_compiler_lock, _remembered_types(), _rare_collections():
            return compile_(*args, **kwargs)

    return compile_leanly
