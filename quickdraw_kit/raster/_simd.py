"""SIMD for kernels: vectors of sixteen int32, and arrays as bare addresses.

A pixel row is sampled on fifteen lines, and every operation is the same for all of them. So a
vector holds all lines: the crossings of an edge with a pixel row are computed, sorted and summed by
a handful of vector instructions. The compiler does not find these by itself (it unrolls a loop of
sixteen iterations before it vectorizes), so each operation is a function here that emits the
vector types of LLVM, which maps them to the registers of any machine. Only integers and
single roundings: the bits do not depend on the machine.

Inner loops see arrays as addresses, because numba counts a reference whenever a function takes an
array, and checks whether each index counts from the end; both together cost more than rendering.
Nothing checks bounds then: `Workspace` must be large enough.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

LANES = 16
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_I32, LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_ZERO = ir.Constant(_VECTOR, [0] * LANES)


class Lanes(types.Type):
    """The type of a vector of sixteen int32; it exists in kernels only."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _VECTOR)  # type: ignore[no-untyped-call]


def _operation(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Declare a function that kernels can call; numba infers the types."""
    return cast("Callable[..., Any]", intrinsic(emit))


@_operation
def addresses(typing: Any, workspace: Any) -> Any:
    """Turn a named tuple of arrays into their addresses; the caller keeps the arrays alive."""
    pointers = [types.CPointer(array.dtype) for array in workspace.types]  # type: ignore[no-untyped-call]
    tuple_type = types.NamedTuple(pointers, workspace.instance_class)  # type: ignore[no-untyped-call]

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = cgutils.unpack_tuple(builder, arguments[0])  # type: ignore[no-untyped-call]
        return context.make_tuple(
            builder,
            tuple_type,
            [
                context.make_array(array_type)(context, builder, array).data
                for array_type, array in zip(signature.args[0].types, arrays, strict=True)
            ],
        )

    return tuple_type(workspace), emit


def _vector_at(builder: Any, address: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(address, [index]), _VECTOR.as_pointer())


def _broadcast(builder: Any, value: Any, vector: Any) -> Any:
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
        return _broadcast(builder, builder.trunc(arguments[0], _I32), _VECTOR)

    return _LANES(types.int64), emit


def _elementwise(operation: Callable[..., Any], doc: str) -> Callable[..., Any]:
    @_operation
    def function(typing: Any, a: Any, b: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return operation(builder, *arguments)

        return _LANES(_LANES, _LANES), emit

    function.__doc__ = doc
    return function


plus = _elementwise(lambda builder, a, b: builder.add(a, b), "Return `a + b`.")
minus = _elementwise(lambda builder, a, b: builder.sub(a, b), "Return `a - b`.")
minimum = _elementwise(
    lambda builder, a, b: builder.select(builder.icmp_signed("<", a, b), a, b),
    "Return the smaller of `a` and `b`.",
)
maximum = _elementwise(
    lambda builder, a, b: builder.select(builder.icmp_signed(">", a, b), a, b),
    "Return the larger of `a` and `b`.",
)
zero_where_equal = _elementwise(
    lambda builder, a, b: builder.select(builder.icmp_signed("==", a, b), _ZERO, a),
    "Return `a`, or 0 where it is `b`.",
)


def _reduction(name: str, doc: str) -> Callable[..., Any]:
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


sum_lanes = _reduction("add", "Return the sum of the lanes.")
min_lane = _reduction("smin", "Return the smallest of the lanes.")
max_lane = _reduction("smax", "Return the largest of the lanes.")


@_operation
def crossings(typing: Any, base: Any, slope: Any, offset: Any, bits: Any, old: Any) -> Any:
    """Return `floor(base + slope * (place + 512 * lane))` in the lanes that have their bit set.

    It must not be negative there. The other lanes keep the old value.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, slope, offset = (_broadcast(builder, value, _DOUBLES) for value in arguments[:3])
        offset = builder.fadd(offset, ir.Constant(_DOUBLES, [512.0 * i for i in range(LANES)]))
        x = builder.fptosi(builder.fadd(base, builder.fmul(slope, offset)), _VECTOR)
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
