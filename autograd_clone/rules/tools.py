"""What several rule tables share: reduced axes put back, masks looked at, divisions that are zero at zero.

The functions here are used inside rules, so they work on plain and on traced arrays.
"""

from __future__ import annotations

from functools import lru_cache
from operator import index as as_int
from typing import Any

import numpy as np

from ..engine.box import Box, all_values
from ..engine.duck import is_duck
from ..engine.errors import DuckArrayError, UnsupportedKeywordError
from ..engine.primitive import public_name

#: NumPy's mark for a keyword argument that was not given.
NOT_GIVEN: Any = np._NoValue
#: NumPy's module of ufuncs.
UMATH: Any = vars(np)["_core"].umath



def anywhere(mask: Any, unknown: bool = True) -> bool:
    """Whether a mask is true anywhere: to skip the treatment of a rare case, not to choose what is computed.

    `numpy.count_nonzero` takes half the time of ``mask.any()``. A mask of a foreign type of array is not looked at; the answer
    is `unknown` then.
    """
    if type(mask) is not np.ndarray:
        mask = all_values(mask)
        if is_duck(mask):
            return unknown
    return bool(np.count_nonzero(mask))


def selected(g: Any, mask: Any) -> Any:
    """`g` where `mask` is true and zero elsewhere.

    A product takes a fifth of the time of `numpy.where`, but is not a number where `g` is infinite. When that is found out
    the computation is done again with `g` traced.
    """
    return np.where(mask, g, 0) if isinstance(g, Box) else g * mask


def truncates(dtype: Any, function: Any = None) -> bool:
    """Whether a ``dtype=`` argument makes integers of its operand, so that the derivative is zero; Python objects are refused."""
    if dtype is None:
        return False
    kind = np.dtype(dtype).kind
    if kind == "O":
        name = "" if function is None else f"{public_name(function)}: "  # a rule need not say it
        raise UnsupportedKeywordError(f"{name}the derivative does not support dtype=object; leave it to NumPy")
    return kind not in "fc"


def is_masked(where: Any) -> bool:
    """Whether a ``where=`` argument of a reduction leaves anything out."""
    return where is not NOT_GIVEN and where is not True


def given(**options: Any) -> dict[str, Any]:
    """Those keyword arguments that were given. Foreign types of array may not know NumPy's mark for the others."""
    return {k: v for k, v in options.items() if v is not NOT_GIVEN}


def in_dtype(x: Any, dtype: Any) -> Any:
    """`x` converted to `dtype`, unless that is ``None``."""
    return x if dtype is None else np.positive(x, dtype=dtype, casting="unsafe")


def refuse_out(function: Any, out: Any) -> None:
    """Raise if an output array was given: filling it would lose the derivative."""
    if out is not None and out is not NOT_GIVEN:
        raise UnsupportedKeywordError(
            f"{public_name(function)}: out= cannot be used with a traced array; assign the result to a name"
        )


def inverse_or_zero(r: Any) -> Any:
    """``1 / r``, and zero, with zero derivative, where `r` is zero."""
    return (r != 0) / (r + (r == 0))


def may_divide(products: Any) -> bool:
    """Whether products can be divided by their factors: none is zero, infinite or short of digits."""
    products = all_values(products)
    if is_duck(products):
        return False
    size = np.abs(products)
    return bool(np.all((size >= np.finfo(size.dtype).tiny) & (size < np.inf)))


# ---- axes --------------------------------------------------------------------------------------------


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """A reduction's axes as non-negative integers; all of them for ``None``."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int:
        if not -ndim <= axis < ndim and (ndim or axis not in (0, -1)):
            raise np.exceptions.AxisError(axis, ndim)
        return (axis % ndim,) if ndim else ()
    if type(axis) is not tuple and hasattr(axis, "__index__") and not getattr(axis, "shape", ()):
        axis = (axis,)
    axes = tuple([k for a in axis for k in axes_of(as_int(a), ndim)])
    if len(set(axes)) < len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements a reduction over `axis` takes together."""
    if type(axis) is int:
        return shape[axis] if shape else 1
    n = 1
    for a in axes_of(axis, len(shape)):
        n *= shape[a]
    return n


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape of a reduction with ``keepdims=True``."""
    return _kept(shape, axis if type(axis) is int else axes_of(axis, len(shape)))


@lru_cache(4096)
def _kept(shape: tuple[int, ...], axis: int | tuple[int, ...]) -> tuple[int, ...]:
    kept = list(shape)
    for a in axes_of(axis, len(shape)):
        kept[a] = 1
    return tuple(kept)


def expand(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """The result of a reduction of an array of `shape`, with reduced axes back in place, of length one."""
    return g.reshape(kept_shape(shape, axis))


_PLAIN = (np.ndarray, np.generic)


#: Elements up to which a number, and an array, is written out where it is repeated: operations on the result take less time.
FILLED, _COPIED = 1000, 16_384


def spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """The result of a reduction, repeated along the reduced axes; if it is large a view, without memory of its own.

    For small arrays this is where the time of a sum's backward pass goes. The constructor of `numpy.ndarray`
    makes the view in a tenth of the time of `numpy.broadcast_to`.
    """
    if not shape:
        return g if g.shape == () else g.reshape(())
    if not issubclass(type(g), _PLAIN):  # a box says that it is an array
        check_known_shape(shape)
        return np.broadcast_to(expand(g, shape, axis), shape)
    size = 1
    for n in shape:
        size *= n
    if axis is None:
        if size < FILLED:
            full = np.empty(shape, g.dtype)
            full.fill(g if g.shape == () else g.reshape(()))  # with keepdims, g has axes
            return full
        try:
            return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))
        except TypeError:
            check_known_shape(shape)
            raise
    kept = kept_shape(shape, axis)
    if g.shape != kept:
        g = g.reshape(kept)
    if size <= _COPIED:
        full = np.empty(shape, g.dtype)
        full[...] = g
        return full
    if not g.flags.c_contiguous:
        return np.broadcast_to(g, shape)
    return np.ndarray(shape, g.dtype, g, 0, [0 if n == 1 else s for n, s in zip(kept, g.strides, strict=True)])


def check_known_shape(shape: tuple[Any, ...]) -> None:
    """Raise if a lazy array does not know its shape, as after reading at a mask."""
    if any([n != n for n in shape]):
        raise DuckArrayError(
            f"the derivative of a reduction of an array of unknown shape {shape}, which comes of reading a lazy array at a mask; use "
            "np.where(mask, x, 0) instead"
        )


def along(axis: int, ndim: int, part: slice) -> tuple[slice, ...]:
    """The index that takes `part` of one axis."""
    return (slice(None),) * (axis % ndim) + (part,)


def flip(x: Any, axis: int) -> Any:
    """`x` read backwards along an axis."""
    return x[along(axis, x.ndim, slice(None, None, -1))]
