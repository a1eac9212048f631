"""`BatchBox`: the array box of a batch. It has the shape of one example and holds all of them.

Its operators take the common case, in which the arrays of all examples can be combined as they are, past the
dispatcher. Everything else goes the way of every box.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.batch import BatchTrace, no_single_value
from ..engine.box import all_values
from .box import KINDS, ArrayBox, call
from .foreign import TracedArray, is_asked_by_library, is_factor_of_sparse, opaque
from .written import aliased


class BatchBox(ArrayBox):
    """A traced array of which there is one per example; axis 0 of ``_value`` counts the examples."""

    __slots__ = ()
    batched = True

    # ---- what one example is -----------------------------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What `isinstance` takes it for beside a box: an array, or a number of its dtype."""
        if is_asked_by_library():
            return type(self)
        return TracedArray if self._value.ndim > 1 else self._value.dtype.type

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self._value.shape[1:]

    @property
    def ndim(self) -> int:
        """Number of dimensions of one example."""
        return self._value.ndim - 1

    @property
    def size(self) -> int:
        """Number of elements of one example."""
        size = 1
        for n in self._value.shape[1:]:
            size *= n
        return size

    @property
    def nbytes(self) -> int:
        """Bytes of one example."""
        return self.size * self._value.itemsize

    def __len__(self) -> int:
        shape = self._value.shape
        if len(shape) == 1:
            raise TypeError("len() of unsized object")
        return shape[1]

    # ---- what has one answer per example ---------------------------------------------------------------------

    def __bool__(self) -> bool:
        raise no_single_value("bool()", self)

    def __float__(self) -> float:
        raise no_single_value("float()", self)

    def __int__(self) -> int:
        raise no_single_value("int()", self)

    def __complex__(self) -> complex:
        raise no_single_value("complex()", self)

    def __index__(self) -> int:
        raise no_single_value("an index", self)

    def __format__(self, spec: str) -> str:
        values = all_values(self)
        if spec and not self.shape:  # a number is printed as one for each example
            return np.array2string(values, formatter={"all": lambda v: format(v, spec)})
        return format(values, spec)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        if is_factor_of_sparse():
            return opaque()
        raise no_single_value("a plain array (a plain array is read at such positions by np.take)", self)

    # ---- operations ---------------------------------------------------------------------------------

    def __invert__(self) -> Any:
        return call(np.invert, (self,), {})

    def __getitem__(self, index: Any) -> Any:
        kind = type(index)
        if (kind is int or kind is slice) and type(self._trace) is BatchTrace:
            box = _new(BatchBox)
            box._value = value = self._value[:, index]
            box._trace = self._trace
            box._link = None
            return aliased(box, self, index) if value.ndim > 1 else box
        return super().__getitem__(index)


BatchTrace.box_type = BatchBox
KINDS.add(BatchBox)
ArrayBox.type_mappings[BatchBox] = ArrayBox
_NUMBERS = frozenset({float, int, complex, bool, np.float64})
_new = object.__new__


def _binary(name: str, op: Callable) -> Callable:
    general = getattr(ArrayBox, name)

    def binary(a: BatchBox, b: Any) -> Any:
        x = a._value
        kind = type(b)
        if type(a._trace) is not BatchTrace:
            return general(a, b)
        if kind is BatchBox:
            y = b._value
            if b._trace is not a._trace or x.ndim != y.ndim:
                return general(a, b)
        elif kind is np.ndarray:
            if b.ndim >= x.ndim or b.dtype.hasobject:
                return general(a, b)
            y = b
        elif kind in _NUMBERS:
            y = b
        else:
            return general(a, b)
        box = _new(BatchBox)
        box._value = op(x, y)
        box._trace = a._trace
        box._link = None
        return box

    return binary


def _negative(a: BatchBox) -> Any:
    if type(a._trace) is not BatchTrace:
        return ArrayBox.__neg__(a)
    box = _new(BatchBox)
    box._value = -a._value
    box._trace = a._trace
    box._link = None
    return box


def install() -> None:
    """Give `BatchBox` its operators, once `ArrayBox` has its own."""
    for name in ("add", "sub", "mul", "truediv"):
        op = getattr(operator, name)
        setattr(BatchBox, f"__{name}__", _binary(f"__{name}__", op))
        setattr(BatchBox, f"__r{name}__", _binary(f"__r{name}__", _swapped(op)))
    BatchBox.__neg__ = _negative
    for name, ufunc in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor)):
        setattr(BatchBox, f"__{name}__", _of_bits(ufunc, swap=False))
        setattr(BatchBox, f"__r{name}__", _of_bits(ufunc, swap=True))


def _of_bits(ufunc: np.ufunc, *, swap: bool) -> Callable:
    """An operator on masks, which a batch has and no other trace."""

    def binary(a: BatchBox, b: Any) -> Any:
        return call(ufunc, (b, a) if swap else (a, b), {})

    return binary


def _swapped(op: Callable) -> Callable:
    return lambda x, y: op(y, x)
