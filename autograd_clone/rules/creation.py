"""Arrays made of traced values: from nested lists, from fill values; and copies and casts.

Data enters as anything NumPy calls array_like, with traced values anywhere inside it, and leaves as a
traced array. `as_array` is what other rules use on arguments that may be such lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from ..array.box import FROM_LIST, IN_LOOP, ArrayBox
from ..array.methods import METHODS
from ..array.written import in_memory, is_number
from ..engine.batch import RULES, elementwise, values_only
from ..engine.box import Box, all_values, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, linear, zero
from ..engine.duck import any_duck, is_duck
from ..engine.errors import UnsupportedKeywordError, UnsupportedTypeError
from ..engine.primitive import REGISTRY
from ..engine.reverse import ReverseTrace, next_order

# ---- arrays of lists -------------------------------------------------------------------------------


def stack_items(*items, axis, dtype=None):
    """Arrays of one shape, stacked along a new axis (a nonnegative number)."""
    if any_duck(items):
        return np.stack(items if dtype is None else [x.astype(dtype) for x in items], axis)
    if axis == 0:
        return np.array(items, dtype)
    return np.stack(items, axis, dtype=dtype, casting="unsafe")


def _item(g, argnum, axis):
    return g[argnum] if axis == 0 else g[(slice(None),) * axis + (argnum,)]


STACK = linear(
    stack_items,
    items=_item,
    options={
        "operands": ("*items",),
        "defaults": {"axis": 0, "dtype": None},
        "harmless": ("dtype",),
        "samples": lambda s: [
            s(s.array(2, 3), s.array(2, 3), axis=0),
            s(s.array(2, 3), s.array(2, 3), axis=2),
            s(s.array(), s.array(), s.array(), axis=0, dtype=s.dtype),
        ],
    },
)


def assemble(items: Sequence, axis: int, new_axis: bool, combine: Callable, general: Callable) -> Any:
    """An array of which each item is a part, under one reverse trace; all else goes to `general`.

    Parameters
    ----------
    items : sequence
        Arrays and numbers, some of them traced.
    axis : int
        Nonnegative axis of the result along which the items lie one after the other.
    new_axis : bool
        Whether the items lack that axis, and each takes one place.
    combine : callable
        ``combine(values)`` makes the result of plain values.
    general : callable
        ``general(items)`` makes it of any.
    """
    trace = None
    node: list[Any] = [None]
    values = []
    before = (slice(None),) * axis
    start = 0
    dtype = None
    alike = True
    for item in items:
        value = item._value if type(item) is ArrayBox else item
        stop = start + (1 if new_axis else value.shape[axis])
        if value is not item:
            if item._trace is not trace:
                if trace is not None:
                    return general(items)
                trace, dtype = item._trace, value.dtype
            alike = alike and value.dtype is dtype
            index: Any = start if new_axis else slice(start, stop)
            node += item._link, _part, (*before, index) if axis else index, None
        values.append(value)
        start = stop
    kinds = set(map(type, values))
    if type(trace) is not ReverseTrace or not (
        kinds <= _PLAIN or all(k is ArrayBox or not issubclass(k, Box) for k in kinds)
    ):
        return general(items)
    ans = assemble(values, axis, new_axis, combine, general) if ArrayBox in kinds else combine(values)
    if not alike or ans.dtype is not dtype:
        _note_casts(node, [v for v, item in zip(values, items, strict=True) if v is not item], ans.dtype)
    node[0] = next_order()
    return ArrayBox(ans, trace, node)


_PLAIN = {np.ndarray, np.float64, float, int}


def _part(g, index):
    return g[index]


def _note_casts(node: list, values: list, dtype: np.dtype) -> None:
    """Write into `node` which cotangents must be cast back to their operand's dtype."""
    if dtype.kind not in "fc":
        raise UnsupportedTypeError(
            f"traced values cannot stand in an array of dtype {dtype}, which the values beside them ask for"
        )
    for k, value in enumerate(values):
        if value.dtype is not dtype:
            node[4 * k + 4] = (value.shape, value.dtype, None)


def stack(items: list) -> Any:
    """``np.array(items)``, where some of the items, which have one shape, are traced."""
    return assemble(items, 0, True, lambda values: stack_items(*values, axis=0), lambda items: STACK(*items, axis=0))


def from_list(x: Any) -> Any:
    """An array of a nested list or tuple, or of an object array; a traced one if traced values are in it."""
    if isinstance(x, np.ndarray):
        return from_object_array(x)
    kinds = set(map(type, x))
    if list in kinds or tuple in kinds:
        x = [from_list(e) if type(e) is list or type(e) is tuple else e for e in x]
        kinds = set(map(type, x))
    return stack(x) if any(issubclass(k, Box) for k in kinds) else np.array(x)


def from_object_array(x: Any) -> Any:
    """A traced array out of an object array that holds traced values; `x` itself if it does not."""
    items = list(x.ravel()) if x.dtype.hasobject else []
    if not any(isinstance(e, Box) for e in items):
        return x
    flat = stack(items)
    return np.reshape(flat, x.shape + flat.shape[1:])


FROM_LIST.append(from_list)


def as_array(x: Any) -> Any:
    """`x` as a traced or plain array (a scalar stays one)."""
    if type(x) is ArrayBox:
        return x
    if type(x) is np.ndarray:
        return from_object_array(x) if x.dtype.hasobject else x
    if type(x) is list or type(x) is tuple:
        return from_list(x)
    return x if isinstance(x, Box) or hasattr(x, "shape") else np.asarray(x)


def as_operand(x: Any) -> Any:
    """As `as_array`, but a Python number stays one, so that it does not widen the dtype of what it meets."""
    return x if type(x) in NUMBERS else as_array(x)


#: Types of Python numbers.
NUMBERS = frozenset({bool, int, float, complex})


def holds_box(x: Any) -> bool:
    """Whether a traced value is in `x`, which may be a nested list or tuple, or an object array."""
    kind = type(x)
    if kind is list or kind is tuple:
        for k in set(map(type, x)):
            if issubclass(k, Box):
                return True
            if k is list or k is tuple or k is np.ndarray:
                return any(map(holds_box, x))
        return False
    if kind is np.ndarray and x.dtype.hasobject:
        return any(map(holds_box, x.ravel().tolist()))
    return isinstance(x, Box)


# ---- copies and casts ------------------------------------------------------------------------------


def cast_array(x, dtype):
    """``x.astype(dtype)``."""
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x).astype(dtype)


def copied(x, *, order="K"):
    """A copy of `x`."""
    return x.copy() if isinstance(x, np.generic) or is_duck(x) else np.array(x, order=order)


CAST = linear(
    cast_array,
    x=lambda g: g,  # the engine restores the dtype
    options={
        "harmless": ("dtype",),
        "samples": lambda s: [
            s(s.array(2, 3), dtype=s.dtype),
            s(s.array(), dtype=np.complex128),
            s(s.array(0), dtype=s.dtype),
        ],
    },
)
COPY = linear(
    copied,
    x=lambda g: g,
    options={"harmless": ("order",), "samples": lambda s: [s(s.array(2, 3)), s(s.array()), s(s.array(2, 3), order="F")]},
)


def array_of_number(x):
    """``np.asarray(x)`` of a number."""
    return np.asarray(x)


ARRAY_OF_NUMBER = linear(
    array_of_number, x=lambda g: g[()], options={"samples": lambda s: [s(s.array()[()]), s(s.array())]}
)
RULES["array_of_number"] = elementwise


def of_no_axes(x: Any) -> Any:
    """`x`, but of a traced number an array of no axes: a program can write into it."""
    if not isinstance(x, Box) or not is_number(x):
        return x
    x = ARRAY_OF_NUMBER(x)
    return in_memory(x) if is_number(x) else x  # the numbers of a batch are told from arrays by their memory


def cast_to(x: Any, dtype: Any) -> Any:
    """`x` with `dtype`; a plain array where the dtype has no derivative, traced scalars for ``object``."""
    dtype = np.dtype(dtype)
    if dtype == dtype_of(x):
        return x
    if dtype.kind in "fc":
        return CAST(x, dtype=dtype)
    if dtype.kind == "O":
        return _object_array(x)
    return CAST(getval(x), dtype=dtype)


def _in_loop(ufunc: np.ufunc, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The operands of a ufunc in the types that ``dtype=`` or ``signature=`` says to compute in, and the other keywords.

    So the rules compute in them too: of a negative number that is to be taken for a complex one there is a logarithm. What is no
    loop of numbers is left to NumPy.
    """
    signature = kwargs.get("signature")
    if kwargs.get("dtype") is not None:
        signature = (None,) * ufunc.nin + (np.dtype(kwargs["dtype"]),) * ufunc.nout
    if signature is None or len(args) != ufunc.nin or ufunc.signature is not None:
        return args, kwargs
    kinds = tuple(type(x) if type(x) in NUMBERS else dtype_of(as_array(x)) for x in args)
    try:
        loop = ufunc.resolve_dtypes(kinds + (None,) * ufunc.nout, signature=signature, casting=kwargs.get("casting", "same_kind"))[: ufunc.nin]
    except (TypeError, ValueError):
        return args, kwargs
    if any(dtype.kind not in "fc" for dtype in loop):
        return args, kwargs
    cast = tuple(dtype.type(x) if type(x) in NUMBERS else cast_to(as_array(x), dtype) for x, dtype in zip(args, loop, strict=True))
    return cast, {k: v for k, v in kwargs.items() if k not in ("dtype", "signature")}


IN_LOOP.append(_in_loop)


def _object_array(x: Any) -> np.ndarray:
    out = np.empty(shape_of(x), object)
    for index in np.ndindex(out.shape):
        out[index] = x[index]
    return out


def _astype(x, dtype, /, *, copy=True, device=None):
    if not isinstance(x, (np.ndarray, np.generic, Box)):
        raise TypeError(f"astype() takes an array or a scalar of NumPy, not a {type(x).__name__}")
    out = cast_to(x, dtype)
    return COPY(out) if copy and out is x else out


composite(
    np.astype,
    _astype,
    samples=lambda s: [
        s(s.array(2, 3), s.dtype),
        s(s.array(3), np.complex128, copy=False),
        s(s.array(), s.dtype),
    ],
)


@composite(
    np.copy, samples=lambda s: [s(s.array(2, 3)), s(s.array(2, 3), order="F", subok=True), s(s.array())]
)
def _copy(a, order="K", subok=False):
    if order is not None:
        np.copy(0.0, order=order)  # raises, if it is no order
    return of_no_axes(COPY(as_array(a), order=order))


def astype_method(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
    """As `numpy.ndarray.astype`."""
    if casting != "unsafe" and not np.can_cast(self.dtype, dtype, casting):
        raise TypeError(
            f"cannot cast from {self.dtype!r} to {np.dtype(dtype)!r} according to the rule {casting!r}"
        )
    return _astype(self, dtype, copy=copy)


METHODS["astype"] = astype_method
METHODS["copy"] = lambda self, order="C": COPY(self, order=order) if is_number(self) else of_no_axes(COPY(self, order=order))

# ---- array, asarray and their kin ------------------------------------------------------------------


def through(own, samples):
    """Samples of ``own()``, a function of the namespace: NumPy's does not ask traced values what to do."""

    def called_here(f, *args, **kwargs):
        return own()(*args, **kwargs)

    return lambda s: [sample._replace(via=called_here) for sample in samples(s)]


def _no_box(dtype: Any) -> Any:
    """`dtype`, if it is one: NumPy would take a traced value, which has a dtype, for that."""
    if isinstance(dtype, Box):
        raise TypeError("Cannot construct a dtype from an array")
    return dtype


def _check(dtype: Any, order: Any) -> None:
    """Raise what NumPy raises if a dtype or an order is none."""
    if dtype is not None or order is not None:
        np.array(0.0, _no_box(dtype), order=order)


def _given(**options: Any) -> dict:
    return {k: v for k, v in options.items() if v is not None}


@composite(
    np.array,
    samples=through(
        lambda: array,
        lambda s: [
            s(s.array(2, 3)),
            s([s.array(), 1.0, s.array()]),
            s([[s.array(2), [1.0, 2.0]], [s.array(2), s.array(2)]], ndmin=4),
            s([s.array(3), s.array(3)], dtype=s.dtype, copy=None, order="F"),
        ],
    ),
)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None, **options):
    """As `numpy.array`, for (nested lists of) traced values.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda x: np.sum(np.array([x, 2 * x]) ** 2))(1.0)
    np.float64(10.0)
    """
    if not holds_box(object):
        return np.array(object, _no_box(dtype), copy=copy, order=order, subok=subok, ndmin=ndmin, **options)
    if options:
        raise UnsupportedKeywordError(f"numpy.array: {', '.join(options)} cannot be used with traced values")
    _check(dtype, order)
    ndmin = as_int(ndmin)
    out = as_array(object)
    if copy is False and (out is not object or (dtype is not None and np.dtype(dtype) != dtype_of(out))):
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    if dtype is not None:
        out = cast_to(out, dtype)
    if copy and out is object:
        out = COPY(out, order=order or "K")
    ndim = len(shape_of(out))
    return np.reshape(out, (1,) * (ndmin - ndim) + shape_of(out)) if ndmin > ndim else of_no_axes(out)


@composite(
    np.asarray,
    samples=through(
        lambda: asarray,
        lambda s: [
            s(s.array(2, 3)),
            s([s.array(), s.array()], dtype=s.dtype),
            s(s.array(), copy=True, order="F"),
        ],
    ),
)
def asarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """As `numpy.asarray`, for (nested lists of) traced values."""
    if holds_box(a):
        return array(a, dtype, copy=copy, order=order)
    return np.asarray(a, _no_box(dtype), order, **_given(device=device, copy=copy))


@composite(
    np.asanyarray,
    samples=through(
        lambda: asanyarray, lambda s: [s([s.array(), s.array()]), s(s.array(3), s.dtype, "C", copy=True)]
    ),
)
def asanyarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """As `numpy.asanyarray`, for (nested lists of) traced values."""
    if holds_box(a):
        if copy is not None:
            np.asanyarray(0.0, copy=True)  # raises, before NumPy 2.1
        return array(a, dtype, copy=copy, order=order)
    return np.asanyarray(a, _no_box(dtype), order, **_given(device=device, copy=copy))


@composite(
    np.ascontiguousarray,
    samples=through(
        lambda: ascontiguousarray,
        lambda s: [s(s.array(2, 3)), s([s.array(), s.array()], dtype=s.dtype), s(s.array())],
    ),
)
def ascontiguousarray(a, dtype=None, *, like=None):
    """As `numpy.ascontiguousarray`, for (nested lists of) traced values."""
    return array(a, dtype, copy=None, ndmin=1) if holds_box(a) else np.ascontiguousarray(a, _no_box(dtype))


@composite(
    np.asfortranarray,
    samples=through(lambda: asfortranarray, lambda s: [s(s.array(2, 3)), s(s.array(), s.dtype)]),
)
def asfortranarray(a, dtype=None, *, like=None):
    """As `numpy.asfortranarray`, for (nested lists of) traced values."""
    return array(a, dtype, copy=None, ndmin=1) if holds_box(a) else np.asfortranarray(a, _no_box(dtype))


@composite(
    np.asarray_chkfinite,
    samples=through(
        lambda: asarray_chkfinite, lambda s: [s(s.array(2, 3)), s([s.array(), s.array()], s.dtype, "C")]
    ),
)
def asarray_chkfinite(a, dtype=None, order=None):
    """As `numpy.asarray_chkfinite`, for (nested lists of) traced values."""
    out = asarray(a, dtype, order)
    np.asarray_chkfinite(all_values(out))
    return out


@composite(
    np.require,
    samples=through(lambda: require, lambda s: [s(s.array(2, 3)), s(s.array(2, 3), None, ["C", "W"])]),
)
def require(a, dtype=None, requirements=None, *, like=None):
    """As `numpy.require`; memory layout is a matter of plain arrays only."""
    return array(a, dtype, copy=None) if holds_box(a) else np.require(a, _no_box(dtype), requirements)


# ---- fill values -----------------------------------------------------------------------------------


def _filled(shape, fill_value, dtype):
    fill_value = as_array(fill_value)
    return of_no_axes(np.broadcast_to(fill_value if dtype is None else cast_to(fill_value, dtype), shape))


@composite(
    np.full,
    samples=through(
        lambda: full,
        lambda s: [
            s((2, 3), s.array()),
            s(4, s.array(4), s.dtype, "F"),
            s((2, 3), s.array(2, 1), dtype=s.dtype, order="C"),
            s((), s.array()),
            s((0, 2), s.array()),
        ],
    ),
)
def full(shape, fill_value, dtype=None, order="C", *, device=None, like=None):
    """As `numpy.full`; the fill value may be traced."""
    if holds_box(fill_value):
        np.empty((), _no_box(dtype), order=order)  # raises, if one of them is none
        return _filled(shape, fill_value, dtype)
    return np.full(shape, fill_value, dtype, order, **_given(device=device))


_FULL_LIKE = values_only(np.full_like)


@composite(
    np.full_like,
    samples=through(
        lambda: full_like,
        lambda s: [
            s(np.zeros((2, 3), s.dtype), s.array()),
            s(np.zeros(3), s.array(4, 1), s.dtype, "C", True, (4, 2)),
            s(np.zeros(()), s.array(), dtype=s.dtype),
        ],
    ),
)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """As `numpy.full_like`; the fill value may be traced."""
    a = as_array(a)
    if holds_box(fill_value):
        np.empty_like(0.0, dtype=dtype, order=order, subok=subok)  # raises, if one of them is none
        return _filled(shape_of(a) if shape is None else shape, fill_value, dtype or dtype_of(a))
    return _FULL_LIKE(getval(a), fill_value, dtype, order, subok, shape, **_given(device=device))


_f: Any
for _f in (
    np.zeros_like,
    np.ones_like,
    np.empty_like,
    np.zeros,
    np.ones,
    np.empty,
    np.eye,
    np.identity,
    np.tri,
):
    zero(_f)
for _f in (
    np.frombuffer,
    np.fromfile,
    np.fromiter,
    np.fromstring,
    np.fromfunction,
    np.loadtxt,
    np.genfromtxt,
):
    zero(_f)
for _f in (np.ones, np.eye, np.identity, np.tri, np.fromfunction, np.loadtxt, np.genfromtxt):
    zero(_f.__globals__[f"_{_f.__name__}_with_like"])  # what arrives for ``np.ones(3, like=x)``
composite(np.full.__globals__["_full_with_like"], full, samples=REGISTRY[np.full].samples)
composite(np.require.__globals__["_require_with_like"], require, samples=REGISTRY[np.require].samples)
