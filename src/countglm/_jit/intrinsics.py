"""What Numba lacks for kernels of any kind, with plain-Python twins for uncompiled runs."""

from __future__ import annotations

from typing import Any

import numba
from numba import types
from numba.extending import intrinsic

# Genes that kernels take at once, one a lane of the vector unit.
LANES = 8
_config: Any = numba.config
JIT_DISABLED: bool = bool(_config.DISABLE_JIT)

if JIT_DISABLED:

    def stay_apart() -> None:
        """Do nothing: there is no inlining in plain Python."""

else:

    @intrinsic
    def stay_apart(typingctx: Any) -> Any:
        """Keep the calling function out of line.

        LLVM would copy a large function into each of its callers, and again into theirs, and
        optimise every copy: compile time, which users wait for, grows several times.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            builder.function.attributes.add("noinline")
            return context.get_dummy_value()

        return types.void(), codegen
