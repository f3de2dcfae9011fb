"""Eight numbers at once: a type for kernels that run eight genes side by side.

A value of type ``Lanes`` is a vector of ``LANES`` doubles, one lane a gene; arithmetic and
comparisons act lane by lane, so that no gene's numbers depend on its neighbours'.  The same
kernel source serves a single number and eight: the functions below take both.  Without
compilation a value is a NumPy array of ``LANES`` numbers.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from .intrinsics import JIT_DISABLED, LANES
from .plain_lanes import ROUNDER, ROUNDER_BITS, SQRT_HALF_BITS

if JIT_DISABLED:
    from .plain_lanes import (
        choose,
        exponent,
        load,
        magnitude,
        mantissa,
        root,
        some,
        spread,
        store,
        two_to,
    )
else:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.core.datamodel import models
    from numba.core.datamodel.registry import register_default
    from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
    from numba.extending import intrinsic, lower_builtin

    class LanesType(types.Type):
        """Numba's type of eight doubles."""

        def __init__(self) -> None:
            super().__init__(name="Lanes")

    class MaskType(types.Type):
        """Numba's type of eight truth values."""

        def __init__(self) -> None:
            super().__init__(name="Mask")

    lanes, mask = LanesType(), MaskType()
    _DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
    _INTEGERS = ir.VectorType(ir.IntType(64), LANES)
    _BITS = ir.VectorType(ir.IntType(1), LANES)
    _FMA = ("contract",)

    @register_default(LanesType)
    class _LanesModel(models.PrimitiveModel):
        def __init__(self, manager: Any, kind: Any) -> None:
            super().__init__(manager, kind, _DOUBLES)

    @register_default(MaskType)
    class _MaskModel(models.PrimitiveModel):
        def __init__(self, manager: Any, kind: Any) -> None:
            super().__init__(manager, kind, _BITS)

    def _splat(builder: Any, value: Any) -> Any:
        """Return ``value`` in every lane; a vector as it is."""
        if isinstance(value.type, ir.VectorType):
            return value
        kind = ir.VectorType(value.type, LANES)
        single = builder.insert_element(
            ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), order)

    def _define(functions: Any, result: Any, operands: list[Any], emit: Any) -> None:
        """Give functions of two operands a meaning where at least one of them has lanes."""

        def lower(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
            return emit(builder, _splat(builder, args[0]), _splat(builder, args[1]))

        for function in functions:
            cases = [signature(result, a, b) for a, b in operands]
            template = type("Template", (ConcreteTemplate,), {"key": function, "cases": cases})
            infer_global(function)(template)
            for a, b in operands:
                lower_builtin(function, a, b)(lower)

    def _compare(sign: str) -> Any:
        return lambda builder, x, y: builder.fcmp_ordered(sign, x, y)

    _PAIRS = [(lanes, lanes), (lanes, types.float64), (types.float64, lanes)]
    _MASKS = [(mask, mask)]
    # Contraction to a fused multiply-add is allowed, as in all kernels.
    _define((operator.add, operator.iadd), lanes, _PAIRS, lambda b, x, y: b.fadd(x, y, _FMA))
    _define((operator.sub, operator.isub), lanes, _PAIRS, lambda b, x, y: b.fsub(x, y, _FMA))
    _define((operator.mul, operator.imul), lanes, _PAIRS, lambda b, x, y: b.fmul(x, y, _FMA))
    _define((operator.truediv,), lanes, _PAIRS, lambda b, x, y: b.fdiv(x, y, _FMA))
    for _function, _sign in (
        (operator.lt, "<"),
        (operator.le, "<="),
        (operator.gt, ">"),
        (operator.ge, ">="),
        (operator.eq, "=="),
    ):
        _define((_function,), mask, _PAIRS, _compare(_sign))
    _define((operator.and_,), mask, _MASKS, lambda b, x, y: b.and_(x, y))
    _define((operator.or_,), mask, _MASKS, lambda b, x, y: b.or_(x, y))

    @infer_global(operator.invert)
    class _Invert(ConcreteTemplate):
        cases: ClassVar = [signature(mask, mask)]

    @infer_global(operator.neg)
    class _Negate(ConcreteTemplate):
        cases: ClassVar = [signature(lanes, lanes)]

    @lower_builtin(operator.invert, mask)
    def _invert(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
        return builder.not_(args[0])

    @lower_builtin(operator.neg, lanes)
    def _negate(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
        return builder.fneg(args[0])

    def _row(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
        """Return the address of row ``index`` of an (m, LANES) array, as one of vectors."""
        data = context.make_array(kind)(context, builder, array).data
        start = builder.mul(index, ir.Constant(index.type, LANES))
        return builder.bitcast(builder.gep(data, [start]), _DOUBLES.as_pointer())

    @intrinsic
    def load(typingctx: Any, a: Any, i: Any) -> Any:
        """Return row ``i`` of ``a`` (m, LANES)."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load(_row(context, builder, sig.args[0], *args), align=8)

        return lanes(a, types.intp), codegen

    @intrinsic
    def store(typingctx: Any, a: Any, i: Any, value: Any) -> Any:
        """Set row ``i`` of ``a`` (m, LANES)."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            place = _row(context, builder, sig.args[0], args[0], args[1])
            builder.store(_splat(builder, args[2]), place, align=8)
            return context.get_dummy_value()

        kind = lanes if value is lanes else types.float64
        return types.void(a, types.intp, kind), codegen

    @intrinsic
    def spread(typingctx: Any, x: Any) -> Any:
        """Return ``x`` in every lane."""
        return lanes(types.float64), lambda context, builder, sig, args: _splat(builder, args[0])

    @intrinsic
    def choose(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
        """Return ``a`` where the condition holds, else ``b``."""
        wide = condition is mask

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            yes, no = args[1:]
            if wide:
                yes, no = _splat(builder, yes), _splat(builder, no)
            return builder.select(args[0], yes, no)

        kinds = [lanes if x is lanes else types.float64 for x in (a, b)]
        if wide:
            return lanes(mask, *kinds), codegen
        return types.float64(types.boolean, types.float64, types.float64), codegen

    @intrinsic
    def some(typingctx: Any, condition: Any) -> Any:
        """Return whether the condition holds in any lane."""

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            byte = builder.bitcast(args[0], ir.IntType(LANES))
            return builder.icmp_unsigned("!=", byte, ir.Constant(ir.IntType(LANES), 0))

        return types.boolean(mask), codegen

    def _unary(name: str, doc: str, emit: Any) -> Any:
        """Return an intrinsic of one argument, a number or lanes."""

        def typed(typingctx: Any, x: Any) -> Any:
            kind = lanes if x is lanes else types.float64

            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return emit(builder, args[0])

            return kind(kind), codegen

        typed.__name__, typed.__doc__ = name, doc
        return intrinsic(typed)

    def _constant(like: Any, value: int) -> Any:
        """Return an integer constant of the shape of ``like``."""
        if isinstance(like.type, ir.VectorType):
            return ir.Constant(_INTEGERS, [value] * LANES)
        return ir.Constant(ir.IntType(64), value)

    def _bits(builder: Any, x: Any) -> Any:
        wide = isinstance(x.type, ir.VectorType)
        return builder.bitcast(x, _INTEGERS if wide else ir.IntType(64))

    def _number(builder: Any, bits: Any) -> Any:
        wide = isinstance(bits.type, ir.VectorType)
        return builder.bitcast(bits, _DOUBLES if wide else ir.DoubleType())

    def _emit_intrinsic(llvm_name: str) -> Any:
        def emit(builder: Any, x: Any) -> Any:
            suffix = f"v{LANES}f64" if isinstance(x.type, ir.VectorType) else "f64"
            kind = ir.FunctionType(x.type, [x.type])
            name = f"llvm.{llvm_name}.{suffix}"
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [x])

        return emit

    def _emit_two_to(builder: Any, shifted: Any) -> Any:
        bits = _bits(builder, shifted)
        k = builder.sub(bits, _constant(bits, ROUNDER_BITS - 1023))
        return _number(builder, builder.shl(k, _constant(k, 52)))

    def _exponent_bits(builder: Any, x: Any) -> Any:
        bits = _bits(builder, x)
        above = builder.sub(bits, _constant(bits, SQRT_HALF_BITS))
        return builder.ashr(above, _constant(bits, 52))

    def _emit_exponent(builder: Any, x: Any) -> Any:
        e = _exponent_bits(builder, x)
        shifted = _number(builder, builder.add(e, _constant(e, ROUNDER_BITS)))
        rounder = ir.Constant(ir.DoubleType(), ROUNDER)
        if isinstance(x.type, ir.VectorType):
            rounder = _splat(builder, rounder)
        return builder.fsub(shifted, rounder)

    def _emit_mantissa(builder: Any, x: Any) -> Any:
        e = _exponent_bits(builder, x)
        return _number(builder, builder.sub(_bits(builder, x), builder.shl(e, _constant(e, 52))))

    root = _unary("root", "Return the square root.", _emit_intrinsic("sqrt"))
    magnitude = _unary("magnitude", "Return the absolute value.", _emit_intrinsic("fabs"))
    two_to = _unary("two_to", "Return 2**k from ``shifted = k + ROUNDER``.", _emit_two_to)
    exponent = _unary("exponent", "Return k of ``x = m 2**k``, m near 1.", _emit_exponent)
    mantissa = _unary("mantissa", "Return m of ``x = m 2**k``, m near 1.", _emit_mantissa)

__all__ = [
    "ROUNDER", "choose", "exponent", "load", "magnitude", "mantissa", "root", "some", "spread",
    "store", "two_to",
]  # fmt: skip
