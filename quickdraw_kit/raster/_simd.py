"""Sixteen int32 side by side as one value of a kernel, and bare addresses.

A pixel row is sampled on fifteen lines. All that is done to one line is done to the fifteen of
them, so they travel together: the crossings of an edge with a whole pixel row are computed, sorted
and summed by a handful of vector instructions. The compiler does not find these by itself (it
unrolls a loop of sixteen turns before it looks for vectors), so they are spelled out here, one
operation a function, in the vector types of LLVM, which fits them to the registers of any machine.
Integers and single roundings only: the bits do not depend on the machine.

The inner loops see the memory they work in by its addresses. An array is counted each time a
function takes it, and each of its indices is looked at for whether it counts from the end; both
together cost more than the rendering.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "LANES",
    "addresses",
    "crossings",
    "highest",
    "larger",
    "leading_zeros",
    "load",
    "lowest",
    "minus",
    "plus",
    "smaller",
    "splat",
    "store",
    "total",
    "trailing_zeros",
    "unless",
]

LANES = 16
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_I32, LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_ZERO = ir.Constant(_VECTOR, [0] * LANES)


class Lanes(types.Type):
    """The type of the sixteen, known to kernels only."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _operation(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Declare an operation of kernels; what it takes and returns is numba's matter."""
    return cast("Callable[..., Any]", intrinsic(emit))


@_operation
def addresses(typing: Any, workspace: Any) -> Any:
    """Turn a named tuple of arrays into one of their addresses. The caller keeps the arrays."""
    pointers = [types.CPointer(array.dtype) for array in workspace.types]  # type: ignore[no-untyped-call]
    kind = types.NamedTuple(pointers, workspace.instance_class)  # type: ignore[no-untyped-call]

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = cgutils.unpack_tuple(builder, arguments[0])  # type: ignore[no-untyped-call]
        return context.make_tuple(
            builder,
            kind,
            [
                context.make_array(array_kind)(context, builder, array).data
                for array_kind, array in zip(signature.args[0].types, arrays, strict=True)
            ],
        )

    return kind(workspace), emit


def _vector_at(builder: Any, address: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(address, [index]), _VECTOR.as_pointer())


def _in_all(builder: Any, value: Any, vector: Any) -> Any:
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, value, _I32(0))
    return builder.shuffle_vector(first, empty, _ZERO)


@_operation
def load(typing: Any, address: Any, index: Any) -> Any:
    """Read sixteen int32, from `address[index]` on."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_vector_at(builder, *arguments), align=4)

    return _LANES(address, types.intp), emit


@_operation
def store(typing: Any, address: Any, index: Any, a: Any) -> Any:
    """Write sixteen int32, from `address[index]` on."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _vector_at(builder, *arguments[:2]), align=4)
        return context.get_dummy_value()

    return types.void(address, types.intp, _LANES), emit


@_operation
def splat(typing: Any, value: Any) -> Any:
    """Return an integer in all lanes."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _in_all(builder, builder.trunc(arguments[0], _I32), _VECTOR)

    return _LANES(types.int64), emit


def _lane_by_lane(operation: Callable[..., Any], doc: str) -> Callable[..., Any]:
    @_operation
    def function(typing: Any, a: Any, b: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return operation(builder, *arguments)

        return _LANES(_LANES, _LANES), emit

    function.__doc__ = doc
    return function


plus = _lane_by_lane(lambda builder, a, b: builder.add(a, b), "Return `a + b`.")
minus = _lane_by_lane(lambda builder, a, b: builder.sub(a, b), "Return `a - b`.")
smaller = _lane_by_lane(
    lambda builder, a, b: builder.select(builder.icmp_signed("<", a, b), a, b),
    "Return the smaller of `a` and `b`.",
)
larger = _lane_by_lane(
    lambda builder, a, b: builder.select(builder.icmp_signed(">", a, b), a, b),
    "Return the larger of `a` and `b`.",
)
unless = _lane_by_lane(
    lambda builder, a, b: builder.select(builder.icmp_signed("==", a, b), _ZERO, a),
    "Return `a`, or 0 where it is `b`.",
)


def _over_all_lanes(name: str, doc: str) -> Callable[..., Any]:
    @_operation
    def function(typing: Any, a: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            reduce = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module,
                ir.FunctionType(_I32, [_VECTOR]),
                f"llvm.vector.reduce.{name}.v{LANES}i32",
            )
            return builder.sext(builder.call(reduce, arguments), _I64)

        return types.int64(_LANES), emit

    function.__doc__ = doc
    return function


total = _over_all_lanes("add", "Return the sum of the lanes.")
lowest = _over_all_lanes("smin", "Return the smallest of the lanes.")
highest = _over_all_lanes("smax", "Return the largest of the lanes.")


@_operation
def crossings(typing: Any, base: Any, slope: Any, place: Any, bits: Any, old: Any) -> Any:
    """Return `floor(base + slope * (place + 512 * lane))` in the lanes that have their bit set.

    It must not be negative there. The other lanes keep the old value.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, slope, place = (_in_all(builder, value, _DOUBLES) for value in arguments[:3])
        place = builder.fadd(place, ir.Constant(_DOUBLES, [512.0 * i for i in range(LANES)]))
        x = builder.fptosi(builder.fadd(base, builder.fmul(slope, place)), _VECTOR)
        bits = builder.trunc(arguments[3], ir.IntType(LANES))
        chosen = builder.bitcast(bits, ir.VectorType(ir.IntType(1), LANES))
        return builder.select(chosen, x, arguments[4])

    number = types.float64
    return _LANES(number, number, number, types.int64, _LANES), emit


def _bits(name: str, doc: str) -> Callable[..., Any]:
    @_operation
    def function(typing: Any, value: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(arguments[0], ir.IntType(1)(0))

        return types.int64(types.int64), emit

    function.__doc__ = doc
    return function


trailing_zeros = _bits("cttz", "Return how many low bits are zero, of 64.")
leading_zeros = _bits("ctlz", "Return how many high bits are zero, of 64.")
