"""Functions that HIPS autograd's rule modules offer to the writers of rules, on this package's terms.

``metadata(x)`` is ``(shape, ndim, dtype, iscomplex)``, which is what a rule should hold of an operand rather than the
operand itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.calls import CallPrimitive
from ..engine.cotangent import add_pieces, dtype_of, project, shape_of
from ..engine.cotangent import unbroadcast as sum_to
from ..engine.nodes import FORMS, Call, Named
from ..engine.primitive import REGISTRY, find
from ..engine.tables import ALIASES, OVERRIDDEN
from ..engine.user import defjvp, defvjp, notrace_primitive, primitive, trace_primitives_map
from ..engine.vspace import SparseObject
from .creation import STACK, array
from .einsum import parse
from .indexing import GETITEM, getitem, plain_index
from .joining import JOIN
from .shape import RESHAPE

Metadata = tuple[tuple[int, ...], int, np.dtype, bool]


def metadata(x: Any) -> Metadata:
    """Shape, number of axes, dtype, and whether it is complex."""
    shape, dtype = shape_of(x), dtype_of(x)
    return shape, len(shape), dtype, dtype.kind == "c"


def unbroadcast(g: Any, target_meta: Metadata, broadcast_idx: int = 0) -> Any:
    """`g` summed to the shape of an operand that was broadcast, and made real if that was.

    With ``broadcast_idx=-1``, missing axes are trailing rather than leading ones.

    Examples
    --------
    >>> unbroadcast(np.ones((3, 2)), metadata(np.ones(2)))
    array([3., 3.])
    """
    shape, ndim, _, iscomplex = target_meta
    if broadcast_idx == -1:
        extra = len(shape_of(g)) - ndim
        g = np.sum(g, axis=tuple(range(-extra, 0))) if extra > 0 else g
    g = sum_to(g, shape)
    return np.real(g) if dtype_of(g).kind == "c" and not iscomplex else g


def unbroadcast_f(target: Any, f: Callable) -> Callable:
    """``lambda g: unbroadcast(f(g), metadata(target))``, which does not hold `target`."""
    meta = metadata(target)
    return lambda g: unbroadcast(f(g), meta)


def broadcast(x: Any, target: Any) -> Any:
    """A tangent with the shape of `target`, complex if that is."""
    shape, _, _, iscomplex = metadata(target)
    x = np.broadcast_to(x, shape)
    return x + 0j if iscomplex and dtype_of(x).kind != "c" else x


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """One where ``x == z``, a half where ``x == y`` as well: how a tie of two is shared."""
    return (x == z) / (1.0 + (x == y))


def replace_zero(x: Any, value: Any) -> Any:
    """`x` with `value` in place of zeros."""
    return np.where(x, x, value)


def match_complex(target: Any, x: Any) -> Any:
    """`x` made complex, or real, as `target` is."""
    wanted, seen = dtype_of(target).kind == "c", dtype_of(x).kind == "c"
    if wanted == seen:
        return x
    return x + 0j if wanted else np.real(x)


def repeat_to_match_shape(g: Any, shape: tuple, dtype: Any, axis: Any, keepdims: bool) -> tuple[Any, int]:
    """The cotangent of a reduction along `axis` repeated to the operand's `shape`, and how many elements were reduced."""
    if shape == ():
        return g, 1
    axes = range(len(shape)) if axis is None else [a % len(shape) for a in ([axis] if np.ndim(axis) == 0 else axis)]
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    reps = int(np.prod([shape[i] for i in axes]))
    return np.broadcast_to(np.reshape(g, kept), shape), reps


def dot_adjoint_0(b: Any, g: Any, a_meta: Metadata, b_meta: Metadata) -> Any:
    """The cotangent of `a` in ``np.dot(a, b)``."""
    a_ndim, b_ndim = a_meta[1], b_meta[1]
    if a_ndim == 0:
        return project(np.sum(b * g), (a_meta[0], a_meta[2], None))
    if b_ndim == 0:
        return project(g * b, (a_meta[0], a_meta[2], None))
    axes = (
        (list(range(a_ndim - 1, a_ndim + b_ndim - 2)), [i for i in range(b_ndim) if i != max(b_ndim - 2, 0)])
        if b_ndim > 1
        else ([], [])
    )
    return project(np.tensordot(g, b, axes=axes), (a_meta[0], a_meta[2], None))


def dot_adjoint_1(a: Any, g: Any, a_meta: Metadata, b_meta: Metadata) -> Any:
    """The cotangent of `b` in ``np.dot(a, b)``."""
    a_ndim, b_ndim = a_meta[1], b_meta[1]
    if b_ndim == 0:
        return project(np.sum(a * g), (b_meta[0], b_meta[2], None))
    if a_ndim == 0:
        return project(g * a, (b_meta[0], b_meta[2], None))
    lead = list(range(a_ndim - 1))
    out = np.tensordot(a, g, axes=(lead, lead))
    return project(np.moveaxis(out, 0, max(b_ndim - 2, 0)), (b_meta[0], b_meta[2], None))


@primitive
def untake(x: Any, index: Any, space: Any) -> SparseObject:
    """What adds `x` at ``[index]`` to an array of the vector space `space`: the cotangent of an indexed array.

    Examples
    --------
    >>> from autograd_clone.core import sparse_add, vspace
    >>> space = vspace(np.zeros(3))
    >>> sparse_add(space, None, untake(5.0, 1, space))
    array([0., 5., 0.])
    """

    def mut_add(a: Any) -> Any:
        add_pieces(a, [plain_index(index)], [x])
        return a

    return SparseObject(space, mut_add)


defvjp(untake, lambda ans, x, index, space: lambda g: g[index])
defjvp(untake, "same")


# ---- the namespace --------------------------------------------------------------------------------------


def array_from_args(array_args: tuple, array_kwargs: dict, *items: Any) -> Any:
    """The array of `items`, traced if one is.

    Examples
    --------
    >>> array_from_args((), {"ndmin": 2}, 1.0, 2.0)
    array([[1., 2.]])
    """
    return array(list(items), *array_args, **array_kwargs)


def parse_einsum_input(*args: Any) -> tuple[str, str, list]:
    """The arguments of an `einsum` call as subscripts of the inputs, subscripts of the output, and arrays.

    Examples
    --------
    >>> parse_einsum_input("...i,i", np.ones((2, 3)), np.ones(3))[:2]
    ('Ai,i', 'A')
    """
    subscripts, arrays = parse(args)
    inputs, _, output = subscripts.partition("->")
    return inputs, output, arrays


def concatenate_args(axis: int | None, *arrays: Any) -> Any:
    """``np.concatenate(arrays, axis)``.

    Examples
    --------
    >>> concatenate_args(0, np.ones(1), np.zeros(2))
    array([1., 0., 0.])
    """
    return np.concatenate(arrays, axis)


def astype(x: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """``x.astype(dtype, ...)``."""
    return x.astype(dtype, order=order, casting=casting, subok=subok, copy=copy)


class _IntegerType(type):
    """The type of an integer dtype that takes traced values and otherwise passes for NumPy's."""

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__mro__[1]

    def __hash__(cls) -> int:
        return hash(cls.__mro__[1])

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__mro__[1])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])


def wrap_intdtype(cls: Any) -> Any:
    """An integer dtype of NumPy as one that may be called with traced values: the result is a plain integer.

    Examples
    --------
    >>> int64 = wrap_intdtype(np.int64)
    >>> int64(2.7), np.dtype(int64) == np.int64, isinstance(np.int64(1), int64)
    (np.int64(2), True, True)
    """

    def new(_: type, *args: Any, **kwargs: Any) -> Any:
        return convert(*args, **kwargs)

    convert = notrace_primitive(cls)
    return _IntegerType(cls.__name__, (cls,), {"__new__": new, "__module__": cls.__module__, "__doc__": cls.__doc__})


#: Functions of shape and dtype alone, which HIPS autograd lists.
notrace_functions: list[Callable] = [np.ndim, np.shape, np.iscomplexobj, np.result_type]
_INTEGERS = frozenset({np.int8, np.int16, np.int32, np.int64, np.integer})
_UNCHANGED = frozenset({float, int, type(None), type})


def wrap_namespace(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Copy a module's ``__dict__`` into another: functions that have no record become primitives, to be given rules.

    Types and numbers are copied, an object under several names gets one wrapper, all else is left out.

    Examples
    --------
    >>> import math
    >>> space = {}
    >>> wrap_namespace(math.__dict__, space)
    >>> space["cos"](0.0), space["pi"]
    (1.0, 3.141592653589793)
    """
    made: dict[int, Any] = {}
    for name, obj in old.items():
        if id(obj) not in made:
            if isinstance(obj, type) and obj in _INTEGERS:
                made[id(obj)] = wrap_intdtype(obj)
            elif type(obj) in _UNCHANGED:
                made[id(obj)] = obj
            elif callable(obj):
                made[id(obj)] = obj if isinstance(obj, type) else _wrapped(obj)
            else:
                continue
        new[name] = made[id(obj)]


def _wrapped(fun: Callable) -> Callable:
    if isinstance(fun, CallPrimitive):
        return fun
    record = find(fun) if getattr(fun, "__hash__", None) else None
    if record is None:
        return primitive(fun)
    if isinstance(fun, np.ufunc) or hasattr(fun, "_implementation"):
        return trace_primitives_map[fun]  # NumPy's own dispatch brings the call to its record
    if record.kind == "zero":
        return notrace_primitive(fun)
    return record.implementation if record.kind == "composite" else record


# ---- what a user's nodes show -----------------------------------------------------------------------------


def _shown_item(operands: tuple, params: dict) -> Call:
    return Named("__getitem__", lambda x, index: x[index]), (operands[0], params["index"]), {}


def _shown_stack(operands: tuple, params: dict) -> Call:
    if params["axis"] == 0 and params.get("dtype") is None:
        return array_from_args, ((), {}, *operands), {}
    return Named("stack", lambda *items, **options: np.stack(items, **options)), operands, params


def _shown_shape(operands: tuple, params: dict) -> Call:
    return np.reshape, (operands[0], params["shape"], *([params["order"]] if params["order"] != "C" else [])), {}


FORMS[GETITEM] = _shown_item
FORMS[STACK] = _shown_stack
FORMS[RESHAPE] = _shown_shape
FORMS[JOIN] = lambda operands, params: (concatenate_args, (params["axis"], *operands), {})

# ``ArrayBox.__getitem__`` is a key of the rule tables, and a rule given for it counts.
ALIASES[ArrayBox.__getitem__] = getitem  # type: ignore[attr-defined]


def _follow(fun: Any) -> None:
    if fun is getitem:
        ArrayBox.__getitem__ = REGISTRY[getitem]  # type: ignore[attr-defined]


OVERRIDDEN.append(_follow)
