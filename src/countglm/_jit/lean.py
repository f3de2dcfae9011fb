"""A Numba pipeline for functions that are only ever compiled into others.

Numba optimises each function with all that it calls, turns it into machine code, and then does
both again in every caller.  For a kernel that Python never calls only the last of these counts:
its library here keeps the unoptimised code for linking and emits nothing.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
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


class PartCompiler(CompilerBase):
    """Numba's usual pipeline with that library."""

    def define_pipelines(self) -> list[Any]:
        """Return the nopython pipeline, the library made just before lowering."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state, "countglm_part")
        pipeline.add_pass_after(_PartLibrary, IRProcessing)
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
