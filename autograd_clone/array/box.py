"""`ArrayBox`: a traced array or scalar. It looks like what it wraps and sends every operation to its trace.

Plain NumPy calls arrive through ``__array_ufunc__`` and ``__array_function__``; operators and methods come from
`operators` and `methods`. What is not registered is refused by name.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from numbers import Number, Real
from types import FrameType
from typing import Any

import numpy as np

from ..engine.batch import run_constant, youngest_batch
from ..engine.box import Box, all_values, getval
from ..engine.cotangent import NUMBERS
from ..engine.define import refusal
from ..engine.duck import is_duck
from ..engine.errors import BatchedParameterError, TracedConversionError, UnsupportedTypeError
from ..engine.primitive import REGISTRY, find, missing_rule, public_name
from ..engine.trace import apply
from .complaints import complaint
from .foreign import TracedArray, as_plain_array, is_asked_by_library, refuse_task
from .reading import is_storing, only_reads


class ArrayBox(Box):
    """A traced array (or scalar).

    ``_alias`` is unset in most. In a view it is what it is a view of and how; in an array that has been written to, the `Memory`
    that it looks at.
    """

    __slots__ = ("__weakref__", "_alias")

    _alias: Any

    # `operators` and `methods` put these there.
    __getitem__: Any
    __neg__: Any
    __pos__: Any
    __abs__: Any
    __divmod__: Any
    __rdivmod__: Any

    # ---- what it is, without its values -------------------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What `isinstance` takes it for beside a box: the type of the array or number in it."""
        kind = type(all_values(self))
        if is_asked_by_library():
            return type(self)
        if kind is np.ndarray:
            return TracedArray
        return kind if issubclass(kind, (np.ndarray, np.generic)) else type(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype:
        """Data type of the value."""
        return self._value.dtype

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self._value.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._value.nbytes

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:
        return id(self)

    def snapshot(self) -> Any:
        if type(self) not in KINDS:
            return self
        box: Any = object.__new__(type(self))
        box._value, box._trace, box._link = self._value, self._trace, self._link
        return box

    def __deepcopy__(self, memo: dict) -> Any:
        return self.snapshot()

    def __copy__(self) -> Any:
        return self.snapshot()

    # ---- reading the value --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        traces = []
        value: Any = self
        while isinstance(value, Box):
            traces.append(f"{type(value._trace).__name__} {value._trace.id}")
            value = value.looked_into()
        return f"ArrayBox({value!r}, dtype={self.dtype}, shape={self.shape}, trace={', '.join(traces)})"

    def __format__(self, spec: str) -> str:
        return format(getval(self), spec)

    def __float__(self) -> float:
        if only_reads(sys._getframe(1)):
            return float(all_values(self))
        raise TracedConversionError(_conversion_message("float", self))

    def as_integer_ratio(self) -> Any:
        """Refused, as ``float(x)`` is."""
        raise TracedConversionError(_conversion_message("float", self))

    def __reduce__(self) -> Any:
        raise TracedConversionError(
            f"a traced value ({getval(self)!r}) cannot be pickled, nor sent to another process, where nobody knows its trace; send "
            "stop_gradient(x) if only the number is wanted, or take the derivative in the other process"
        )

    def __int__(self) -> int:
        return self._whole_number(sys._getframe(1))

    def _whole_number(self, caller: FrameType) -> int:
        """The value without its fraction, of which the derivative is zero, if `caller` does not store it in an array."""
        if is_storing(caller):
            raise TracedConversionError(_conversion_message("int", self))
        return int(self._value)

    def __trunc__(self) -> int:
        return self.__int__()

    def __floor__(self) -> int:
        return int(np.floor(self))

    def __ceil__(self) -> int:
        return int(np.ceil(self))

    def __round__(self, ndigits: int | None = None) -> Any:
        return int(np.round(self)) if ndigits is None else np.round(self, ndigits)

    def __complex__(self) -> complex:
        raise TracedConversionError(_conversion_message("complex", self))

    # ---- NumPy's protocols --------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        fast = FAST[len(inputs)].get(ufunc)
        if fast is not None and not kwargs and method == "__call__":
            return fast(*inputs)
        if method == "__call__" and kwargs.get("out") is None:
            if any(map(defers_to, inputs)):
                return NotImplemented
            return call(ufunc, inputs, kwargs)
        handler = UFUNC_METHODS.get(method)
        try:
            if kwargs.get("out") is not None:
                return INTO_OUT[0](getattr(ufunc, method), inputs, kwargs)
            if handler is None:
                raise missing_rule(f"{public_name(ufunc)}.{method}", "0")
            return handler(ufunc, *inputs, **kwargs)
        except Exception as error:
            own = complaint(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs, error)
            if own is error:
                raise
            raise own from own.__cause__

    def __array_function__(self, func: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        return call(func, args, kwargs)

    __array__: Any = property(as_plain_array)
    __dask_tokenize__ = refuse_task
    __pandas_priority__ = 5000  # above those of Series and DataFrame, which leave operators to us


#: The classes of ordinary boxes of arrays; those of other traces are put here.
KINDS: set[type] = {ArrayBox}

NUMBERS.add(ArrayBox)
Box.type_mappings[ArrayBox] = ArrayBox
for _type in (
    np.ndarray, np.float64, np.float32, np.float16, np.longdouble, np.complex128, np.complex64, np.clongdouble, float, complex,
):  # fmt: skip
    ArrayBox.register(_type)

#: By number of arguments: function -> its specialised form (see `specialise`).
FAST: tuple[dict[Callable, Callable], ...] = tuple({} for _ in range(32))
#: Reduction -> its specialised form, which takes an array and the parameters `_ALONG`; set by the rules of reductions.
REDUCTIONS: dict[Callable, Callable] = {}
_ALONG = frozenset({"axis", "keepdims"})
#: name of a ufunc method (``reduce``, ``accumulate``, ``outer``, ...) -> ``handler(ufunc, *inputs, **kwargs)``.
UFUNC_METHODS: dict[str, Callable] = {}
#: makes an array of a (nested) list that holds traced values; set by the joining rules.
FROM_LIST: list[Callable] = []
#: ``INTO_OUT[0](func, args, kwargs)``: a call with an output array; ``AS_VIEW[0](prim, args, kwargs)``: one of a primitive
#: that makes views; set by the rules of assignment and of views.
INTO_OUT: list[Callable] = []
#: ``IN_LOOP[0](ufunc, args, kwargs)``: the arguments of a ufunc in the types that ``dtype=`` asks for; set by `creation`.
IN_LOOP: list[Callable] = []
#: Reduction -> ``f(args, kwargs)``, which takes a traced ``initial=``; set by the rules of reductions.
WITH_INITIAL: dict[Callable, Callable] = {}
#: ``OF_PYTHON[0](ufunc, args, kwargs)``: a call of what `numpy.frompyfunc` has made; set by the rules of mappings.
OF_PYTHON: list[Callable] = []
AS_VIEW: list[Callable] = []
#: Functions that return views of their arguments or the arguments themselves, if NumPy does, or that write into them.
ALIASING: set[Callable] = set()


def call(func: Callable, args: tuple, kwargs: dict) -> Any:
    """Apply a NumPy (or SciPy) function to arguments some of which are traced."""
    if not kwargs and len(args) < 32 and (fast := FAST[len(args)].get(func)) is not None:
        return fast(*args)
    if kwargs and len(args) == 1 and func in REDUCTIONS and kwargs.keys() <= _ALONG:
        ans = REDUCTIONS[func](*args, **kwargs)
        if ans is not NotImplemented:
            return ans
    prim = REGISTRY.get(func) or find(func)
    if prim is None:
        if isinstance(func, np.ufunc) and set("".join(func.types)) <= set("O->"):
            return OF_PYTHON[0](func, args, kwargs)
        raise missing_rule(public_name(func), _first_traced(args, kwargs))
    kind = prim.kind
    try:
        if kwargs.get("out") is not None or (len(args) > 2 and has_out(func, args)):
            return INTO_OUT[0](func, args, kwargs)
        if kwargs and func in WITH_INITIAL and isinstance(kwargs.get("initial"), Box):
            return WITH_INITIAL[func](args, kwargs)
        if kind in _DIFFERENTIABLE:
            kwargs.pop("out", None)
            if kwargs and isinstance(func, np.ufunc) and ("dtype" in kwargs or "signature" in kwargs):
                args, kwargs = IN_LOOP[0](func, args, kwargs)
            if prim.view is not None:
                return AS_VIEW[0](prim, args, kwargs)
            if kwargs or len(args) > 1 or prim.variadic is not None:
                try:
                    operands, params = prim.split(args, kwargs)
                except BatchedParameterError as found:
                    return found.trace.apply_with(prim, args, kwargs, as_arrays)  # type: ignore[attr-defined]
                if len(operands) > 1 or not isinstance(operands[0], Box):
                    return apply(prim, as_arrays(operands), params)
                return operands[0]._trace.process(prim, operands, params)
            return args[0]._trace.process(prim, args, kwargs)
        if kind == "composite":
            if prim.batch is not None and (trace := youngest_batch(args)) is not None:
                return trace.call_each(func, args, kwargs)
            result = prim.implementation(*args, **kwargs)  # type: ignore[misc]
            return result if func in ALIASING else detached(result, args)
        if kind == "zero":
            return run_constant(prim, tuple(map(_plain, args)), {k: _plain(v) for k, v in kwargs.items()})
        if kind == "call":
            return prim(*args, **kwargs)
        raise refusal(prim)
    except Exception as error:
        if kind == "call":  # code of the program
            raise
        own = complaint(func, args, kwargs, error)
        if own is error:
            raise
        raise own from own.__cause__


def detached(x: Any, args: tuple) -> Any:
    """The result of a function that returns new arrays: no view, and none of its arguments."""
    kind = type(x)
    if kind in KINDS:
        given = [a for arg in args for a in (arg if type(arg) in (list, tuple) else (arg,))]
        return x.snapshot() if getattr(x, "_alias", None) is not None or any([x is a for a in given]) else x
    if isinstance(x, Box) or not isinstance(x, (tuple, list)):
        return x
    parts = [detached(part, args) for part in x]
    return x._make(parts) if hasattr(x, "_make") else kind(parts)


def has_out(func: Callable, args: tuple) -> bool:
    """Whether an output array is given by position."""
    place = place_of_out(func)
    return len(args) > place and args[place] is not None


@functools.cache
def place_of_out(func: Callable) -> int:
    """Where the parameter ``out`` stands among those that can be given by position; a large number if it is none of them."""
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        return _NOWHERE
    for i, p in enumerate(parameters):
        if p.kind is not p.POSITIONAL_OR_KEYWORD and p.kind is not p.POSITIONAL_ONLY:
            break
        if p.name == "out":
            return i
    return _NOWHERE


_NOWHERE = 1 << 30
_DIFFERENTIABLE = frozenset({"elementwise", "linear", "multilinear", "custom"})


#: Types of operands that need no further look.
_ORDINARY = {ArrayBox, float, int, bool, complex, np.float64, np.float32, np.complex128, np.int64, np.bool_, type(None), slice, str}
#: Whether values of a type have operations of their own with arrays, which go before ours.
_DEFERRED_TO: dict[type, bool] = {}


def as_array(x: Any) -> Any:
    """`x` as an array: as it is if it is one, traced or not; lists that hold traced values become traced arrays."""
    x = as_operand(x)
    return x if isinstance(x, (Box, np.ndarray)) or is_duck(x) else np.asarray(x)


def as_arrays(operands: tuple) -> tuple:
    """`operands` with lists, tuples and array-like objects made into arrays, traced if they hold traced values."""
    for x in operands:
        if type(x) not in _ORDINARY and (type(x) is not np.ndarray or x.dtype.hasobject):
            return tuple(map(as_operand, operands))
    return operands


def as_operand(x: Any) -> Any:
    """`x` as a rule may have it: not a list, not an array of Python objects some of which are traced, no unknown array-like."""
    kind = type(x)
    if kind in _ORDINARY:
        return x
    if isinstance(x, Box):
        return x.bare()
    if isinstance(x, np.generic):
        return x
    if isinstance(x, np.ndarray):
        if not x.dtype.hasobject:
            return x
        return _of_numbers(x.tolist(), x.shape) if x.ndim else _of_numbers([x[()]])[0]
    if kind is list or kind is tuple:
        return _of_numbers(x)
    if isinstance(x, Number):
        return float(x) if isinstance(x, Real) or not hasattr(x, "__complex__") else complex(x)  # type: ignore[arg-type]
    if isinstance(x, Sequence) or (hasattr(kind, "__array__") and not hasattr(kind, "__array_function__")):
        return as_operand(np.asarray(x))
    return x


def _of_numbers(x: Any, shape: tuple | None = None) -> Any:
    """A (nested) list as an array, which is traced if there are traced values in it; not as one of Python objects."""
    made = FROM_LIST[0](x)
    if type(made) is np.ndarray and (made.dtype.hasobject or (shape is not None and made.shape != shape)):
        raise UnsupportedTypeError(
            "an array of Python objects, not all numbers, met a traced value; make it an array of numbers (astype(float), ...)"
        )
    return made


def defers_to(x: Any) -> bool:
    """Whether an operation with `x` is left to `x`: a container such as `xarray.DataArray` that holds arrays, traced ones too.

    Types with both of NumPy's protocols are arrays themselves and are computed with. Those of pandas cannot hold traced arrays,
    and are taken for the arrays in them.
    """
    kind = type(x)
    if kind not in _DEFERRED_TO:
        own = getattr(kind, "__array_ufunc__", np.ndarray.__array_ufunc__)
        _DEFERRED_TO[kind] = (
            own is None or (own is not np.ndarray.__array_ufunc__ and not hasattr(kind, "__array_function__"))
        ) and not (isinstance(x, (Box, np.ndarray, np.generic)) or hasattr(kind, "__pandas_priority__"))
    return _DEFERRED_TO[kind]


def _plain(x: Any) -> Any:
    if isinstance(x, Box):
        return getval(x)
    if type(x) in (list, tuple):
        return type(x)(map(_plain, x))
    return x


def _first_traced(args: tuple, kwargs: dict) -> str:
    for i, x in enumerate(args):
        if isinstance(x, Box) or (isinstance(x, (list, tuple)) and any(isinstance(y, Box) for y in x)):
            return str(i)
    return next((repr(k) for k, v in kwargs.items() if isinstance(v, Box)), "?")


def _conversion_message(to: str, box: Box) -> str:
    return (
        f"{to}() was applied to a traced value ({getval(box)!r}); the result would not be differentiated. Use the NumPy "
        f"function instead (np.sin for math.sin, ...), or {to}(stop_gradient(x)) if only the number is wanted. If it was to be "
        "written into an array, make that array with autograd_clone.numpy (zeros, array, ...) inside the function."
    )
