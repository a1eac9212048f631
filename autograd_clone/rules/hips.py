"""Functions that HIPS autograd's rule modules offer to the writers of rules, on this package's terms.

``metadata(x)`` is ``(shape, ndim, dtype, iscomplex)``, which is what a rule should hold of an operand rather than the
operand itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, project, shape_of
from ..engine.primitive import REGISTRY, Primitive, find
from ..engine.trace import apply
from ..engine.user import notrace_primitive, primitive
from .indexing import SCATTER

Metadata = tuple[tuple[int, ...], int, np.dtype, bool]


def metadata(x: Any) -> Metadata:
    """Shape, number of axes, dtype, and whether it is complex."""
    shape, dtype = shape_of(x), dtype_of(x)
    return shape, len(shape), dtype, dtype.kind == "c"


def unbroadcast(g: Any, target_meta: Metadata, broadcast_idx: int = 0) -> Any:
    """`g` summed to the shape of an operand that was broadcast, and made real if that was.

    With ``broadcast_idx=-1``, missing axes are trailing rather than leading ones.
    """
    shape, ndim, dtype, _ = target_meta
    if broadcast_idx == -1:
        extra = len(shape_of(g)) - ndim
        g = np.sum(g, axis=tuple(range(-extra, 0))) if extra > 0 else g
    return project(g, (shape, dtype, None))


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


def untake(x: Any, index: Any, space: Any) -> Any:
    """Zeros of the vector space `space` with `x` added at `index`."""
    return apply(SCATTER, (x,), {"shape": space.shape, "dtype": space.dtype, "indices": [index]})


def array_from_args(array_args: tuple, array_kwargs: dict, *items: Any) -> Any:
    """The array of `items`, traced if one is."""
    from .creation import from_list

    return np.asarray(from_list(list(items)), *array_args, **array_kwargs) if array_args or array_kwargs else from_list(list(items))


def concatenate_args(axis: int | None, *arrays: Any) -> Any:
    """``np.concatenate(arrays, axis)``."""
    return np.concatenate(arrays, axis)


def astype(x: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True) -> Any:
    """``x.astype(dtype, ...)``."""
    return x.astype(dtype, order=order, casting=casting, subok=subok, copy=copy)


def wrap_intdtype(cls: type) -> type:
    """`cls` as it is: dtypes need no wrapper here."""
    return cls


def notrace_functions() -> list[Callable]:
    """The functions of the registry that are piecewise constant."""
    return [fun for fun, prim in REGISTRY.items() if prim.kind == "zero"]


def wrap_namespace(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Copy the public names of a module's ``__dict__`` into another; functions without a record become primitives."""
    functions = (FunctionType, BuiltinFunctionType, np.ufunc)
    for name, obj in old.items():
        if isinstance(obj, functions) or type(obj).__name__ == "_ArrayFunctionDispatcher":
            new[name] = _wrapped(obj)
        elif isinstance(obj, (type, int, float, str, bool)) or obj is None:
            new[name] = obj


def _wrapped(fun: Callable) -> Callable:
    record = find(fun)
    if record is None:
        return primitive(fun)
    if isinstance(fun, np.ufunc) or hasattr(fun, "_implementation"):
        return fun  # NumPy's own dispatch brings the call to its record
    if record.kind == "zero":
        return notrace_primitive(fun)
    return record if isinstance(record, Primitive) and record.implementation is None else record.implementation or record
