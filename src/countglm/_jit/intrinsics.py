"""Operations that Numba lacks, as intrinsics, with plain-Python twins for uncompiled runs."""

from __future__ import annotations

import struct
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Arrays over samples are padded to a multiple of this, so that sums need no remainder.
LANES = 8
_config: Any = numba.config
JIT_DISABLED: bool = bool(_config.DISABLE_JIT)

if JIT_DISABLED:

    def float_bits(x: float) -> int:
        """Return the IEEE 754 bits of ``x`` as a signed 64-bit integer."""
        return int(struct.unpack("<q", struct.pack("<d", x))[0])

    def bits_float(bits: int) -> float:
        """Return the float64 whose IEEE 754 bits are ``bits``."""
        return float(struct.unpack("<d", struct.pack("<q", bits))[0])

    def lane_sum(a: Any) -> float:
        """Return the sum of ``a``."""
        return float(sum(a))

    def lane_dot(a: Any, b: Any) -> float:
        """Return the sum of ``a * b``."""
        return float(sum(a * b))

    def lane_dot3(a: Any, b: Any, c: Any) -> float:
        """Return the sum of ``a * b * c``."""
        return float(sum(a * b * c))

    def stay_apart() -> None:
        """Do nothing: there is no inlining in plain Python."""

    def stay_small() -> None:
        """Do nothing: there is no code size in plain Python."""

else:

    @intrinsic
    def float_bits(typingctx: Any, x: Any) -> Any:
        """Return the IEEE 754 bits of ``x`` as a signed 64-bit integer."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], ir.IntType(64))

        return types.int64(types.float64), codegen

    @intrinsic
    def bits_float(typingctx: Any, bits: Any) -> Any:
        """Return the float64 whose IEEE 754 bits are ``bits``."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], ir.DoubleType())

        return types.float64(types.int64), codegen

    _VECTOR = ir.VectorType(ir.DoubleType(), LANES)
    # As many sums under way at once as hide the latency of an addition.
    _CHAINS = 4

    def _sum_products(builder: Any, pointers: list[Any], size: Any) -> Any:
        """Emit the sum over entries of the product of arrays; ``size`` a multiple of LANES.

        ``_CHAINS`` vectors of ``LANES`` partial sums, added in a fixed tree: the order depends on
        ``size`` alone, whatever the vector width of the machine.
        """
        index_type = size.type
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(_CHAINS)]
        for chain in sums:
            builder.store(ir.Constant(_VECTOR, [0.0] * LANES), chain)

        def add(start: Any, chain: Any) -> None:
            value = None
            for pointer in pointers:
                place = builder.bitcast(builder.gep(pointer, [start]), _VECTOR.as_pointer())
                loaded = builder.load(place, align=8)
                value = loaded if value is None else builder.fmul(value, loaded, ("contract",))
            builder.store(builder.fadd(builder.load(chain), value, ("contract",)), chain)

        wide = ir.Constant(index_type, LANES * _CHAINS)
        lanes = ir.Constant(index_type, LANES)
        zero = ir.Constant(index_type, 0)
        whole = builder.sub(size, builder.urem(size, wide))
        with cgutils.for_range_slice(builder, zero, whole, wide, index_type) as (start, _):
            for k, chain in enumerate(sums):
                add(builder.add(start, ir.Constant(index_type, k * LANES)), chain)
        with cgutils.for_range_slice(builder, whole, size, lanes, index_type) as (start, _):
            add(start, sums[0])
        parts = [builder.load(chain) for chain in sums]
        vector = builder.fadd(builder.fadd(parts[0], parts[2]), builder.fadd(parts[1], parts[3]))
        values = [
            builder.extract_element(vector, ir.Constant(ir.IntType(32), k)) for k in range(LANES)
        ]
        while len(values) > 1:
            half = len(values) // 2
            values = [builder.fadd(values[k], values[k + half]) for k in range(half)]
        return values[0]

    def _emit_lane_sum(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, args, strict=True)
        ]
        size = builder.extract_value(arrays[0].shape, 0)
        return _sum_products(builder, [array.data for array in arrays], size)

    @intrinsic
    def lane_sum(typingctx: Any, a: Any) -> Any:
        """Return the sum of ``a`` (float64, C order, size a multiple of ``LANES``)."""
        return types.float64(a), _emit_lane_sum

    @intrinsic
    def lane_dot(typingctx: Any, a: Any, b: Any) -> Any:
        """Return the sum of ``a * b``."""
        return types.float64(a, b), _emit_lane_sum

    @intrinsic
    def lane_dot3(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
        """Return the sum of ``a * b * c``."""
        return types.float64(a, b, c), _emit_lane_sum

    def _marker(*attributes: str) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            for attribute in attributes:
                builder.function.attributes.add(attribute)
            return context.get_dummy_value()

        return types.void(), codegen

    @intrinsic
    def stay_apart(typingctx: Any) -> Any:
        """Keep the calling function out of line.

        LLVM would copy a large function into each of its callers, and again into theirs, and
        optimise every copy: compile time, which users wait for, grows several times.
        """
        return _marker("noinline")

    @intrinsic
    def stay_small(typingctx: Any) -> Any:
        """Keep the calling function out of line, its short loops neither unrolled nor vectorised.

        For loops over coefficients, which are few: the wide forms only cost compile time.
        """
        return _marker("noinline", "optsize")
