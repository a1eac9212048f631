"""In-place operators, ``x += y`` and the rest, and the operators of `Written` arrays.

An array changes, for all who look at it; a number, as NumPy's are, is replaced. ``x += y`` computes ``x + y`` and puts it in the
place of `x`, by the rules that NumPy has for its output: the shape is that of `x`, the dtype is cast to that of `x` if both are
of one kind.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import Box, all_values
from ..engine.cotangent import dtype_of, shape_of
from ..engine.places import through
from ..engine.primitive import REGISTRY
from ..engine.user import OVERRIDDEN
from .box import KINDS, ArrayBox
from .memory import CONSTANT, check_writeable
from .operators import ARITHMETIC, COMPARISONS
from .specialise import binary
from .written import Written, attached, gather, is_number, kept, looked_at, set_class, thaw, write


def overwrite(x: Any, new: Any, ufunc: Callable, *operands: Any, casting: Any = "same_kind") -> None:
    """Put what `ufunc` has made of `operands` in the place of all elements of `x`."""
    shape, dtype = x.shape, x.dtype
    if shape_of(new) != shape:
        fits = len(shape_of(new)) <= len(shape) and np.broadcast_shapes(shape_of(new), shape) == shape
        if not fits:
            raise ValueError(
                f"non-broadcastable output operand with shape {shape} doesn't match the broadcast shape {shape_of(new)}"
            )
    if dtype_of(new) is not dtype and not np.can_cast(dtype_of(new), dtype, casting):
        _refuse_cast(dtype_of(new), dtype, casting, ufunc, operands)
    if type(x) in KINDS:
        if x._trace.views:
            gather(x._trace)
        if getattr(x, "_alias", None) is None and _lies_like(x, new):
            x._value, x._trace, x._link = new._value, new._trace, new._link
            if type(new) is not type(x):
                set_class(x, type(new))
            return
    else:
        memory, path = attached(x)
        if not path and _lies_like(memory.box(), new):
            thaw(memory)
            memory.replace(new, shared=True)
            return
    write(x, Ellipsis, new)


def _lies_like(x: Any, new: Any) -> bool:
    """Whether a box could take the place of `x`, a box or a plain array, with the same layout in memory."""
    if type(new) not in KINDS or new.shape != x.shape:  # all examples of a batch may look like the array
        return False
    old, value = x._value if isinstance(x, Box) else x, new._value
    if type(old) is not np.ndarray:
        old, value = all_values(old), all_values(value)
    return (
        type(value) is np.ndarray is type(old)
        and value.dtype is old.dtype
        and value.strides == old.strides
        and value.shape == old.shape
    )


def _refuse_cast(given: np.dtype, wanted: np.dtype, casting: str, ufunc: Callable, operands: tuple) -> None:
    """Raise NumPy's error."""
    if isinstance(ufunc, np.ufunc):
        ufunc(*(np.empty(0, dtype_of(x)) for x in operands), out=np.empty(0, wanted), casting=casting)
    raise TypeError(f"Cannot cast array data from {given!r} to {wanted!r} according to the rule {casting!r}")


def _updating(name: str, ufunc: np.ufunc, op: Callable) -> Callable:
    """The in-place form of an operator, for all that is no number of a reverse trace."""
    in_place = getattr(operator, f"i{name}")

    def update(self: Any, other: Any) -> Any:
        if is_number(self):
            return op(self, other)
        if type(self) is Written and self._trace is CONSTANT:
            plain = looked_at(other)
            if not isinstance(plain, Box):
                memory, path = self._alias
                check_writeable(path)
                in_place(through(memory.own(), path), plain)
                return self
        new = op(self, other)
        if not isinstance(new, (Box, np.ndarray, np.generic)):
            return new
        overwrite(self, new, ufunc, self, other)
        return self

    return update


# ---- operators of arrays that have been written to ------------------------------------------------------------------------


def _of_written(name: str, op: Callable, *, swapped: bool = False) -> Callable:
    def method(self: Written, other: Any) -> Any:
        if self._trace is CONSTANT:
            plain = looked_at(other)
            if isinstance(plain, Box):
                return getattr(ArrayBox, name)(self, other)
            return kept(op(plain, self._seen()) if swapped else op(self._seen(), plain))
        Written._settled(self)
        return getattr(self, name)(other)

    return method


def _of_written_alone(name: str, op: Callable) -> Callable:
    def method(self: Written) -> Any:
        if self._trace is CONSTANT:
            return kept(op(self._seen()))
        Written._settled(self)
        return getattr(self, name)()

    return method


def install() -> None:
    """Give boxes their in-place operators, once they have the others."""
    for name, (ufunc, op) in ARITHMETIC.items():
        update = _updating(name, ufunc, op)
        prim = REGISTRY[ufunc]
        if name in _SYMBOLS and None not in (prim.vjps.get(0), prim.vjps.get(1)):
            update = binary(prim, f"x1 {_SYMBOLS[name]} x2", in_place=update)
        setattr(ArrayBox, f"__i{name}__", update)
        setattr(Written, f"__i{name}__", _updating(name, ufunc, op))
        setattr(Written, f"__{name}__", _of_written(f"__{name}__", op))
        setattr(Written, f"__r{name}__", _of_written(f"__r{name}__", op, swapped=True))
    for name, (_, op) in COMPARISONS.items():
        setattr(Written, f"__{name}__", _of_written(f"__{name}__", op))
    for name in ("neg", "pos", "abs"):
        setattr(Written, f"__{name}__", _of_written_alone(f"__{name}__", getattr(operator, name)))
    Written.__hash__ = ArrayBox.__hash__  # type: ignore[method-assign]
    OVERRIDDEN.append(_forget)


_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**"}


def _forget(fun: Callable) -> None:
    """Drop what was specialised for a function whose rule a user has replaced."""
    for name, (ufunc, op) in ARITHMETIC.items():
        if ufunc is fun:
            setattr(ArrayBox, f"__i{name}__", _updating(name, ufunc, op))
