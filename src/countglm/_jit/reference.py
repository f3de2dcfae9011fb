"""Named tuples handed from kernel to kernel as one pointer.

Numba passes a tuple field by field, and copies all of it to read one: with dozens of fields most
of the code of a kernel, and of the time to compile it, goes into that.
"""

from __future__ import annotations

from typing import Any

from .intrinsics import JIT_DISABLED

if JIT_DISABLED:

    def by_reference(x: Any) -> Any:
        """Return the tuple itself."""
        return x

else:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.core.datamodel import models
    from numba.core.datamodel.registry import register_default
    from numba.core.imputils import lower_getattr_generic
    from numba.core.typing.templates import AttributeTemplate, infer_getattr
    from numba.extending import intrinsic

    class ReferenceType(types.Type):
        """Numba's type of a pointer to a named tuple that nobody writes."""

        def __init__(self, target: Any) -> None:
            self.target = target
            super().__init__(name=f"Reference({target})")

    @register_default(ReferenceType)
    class _ReferenceModel(models.PrimitiveModel):
        def __init__(self, manager: Any, kind: Any) -> None:
            super().__init__(manager, kind, ir.IntType(8).as_pointer())

    @intrinsic
    def by_reference(typingctx: Any, x: Any) -> Any:
        """Return a reference to a named tuple, good until the calling function returns."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = cgutils.alloca_once_value(builder, args[0])
            return builder.bitcast(place, ir.IntType(8).as_pointer())

        return ReferenceType(x)(x), codegen

    @infer_getattr
    class _Fields(AttributeTemplate):
        key = ReferenceType

        def generic_resolve(self, reference: Any, name: str) -> Any:  # type: ignore[override]
            target = reference.target
            return list(target)[target.fields.index(name)] if name in target.fields else None

    @lower_getattr_generic(ReferenceType)
    def _read(context: Any, builder: Any, kind: Any, pointer: Any, name: str) -> Any:
        target = kind.target
        place = target.fields.index(name)
        whole = context.get_value_type(target)
        if isinstance(whole, ir.ArrayType):
            offset = place * context.get_abi_sizeof(whole.element)
        else:
            offset = whole.get_element_offset(context.target_data, place)
        field = context.get_value_type(list(target)[place])
        byte = builder.gep(pointer, [ir.Constant(ir.IntType(64), offset)])
        value = builder.load(builder.bitcast(byte, field.as_pointer()))
        # It never changes: the optimiser may read it once, before a loop.
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value


__all__ = ["by_reference"]
