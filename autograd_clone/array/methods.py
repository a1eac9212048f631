"""The methods and attributes of `numpy.ndarray`, generated from the functions that do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import getval
from ..engine.primitive import REGISTRY
from .box import ArrayBox, call

#: Methods whose signature is that of the function of the same name, with the array first.
SAME_AS_FUNCTION = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "cumprod", "cumsum", "diagonal", "dot", "max", "mean", "min",
    "nonzero", "prod", "ravel", "repeat", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
)  # fmt: skip


def _method(function: Callable) -> Callable:
    def method(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
        return call(function, (self, *args), kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"As `numpy.ndarray.{function.__name__}`."
    return method


def reshape(self: ArrayBox, *shape: Any, order: str = "C") -> Any:
    """As `numpy.ndarray.reshape`."""
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]


def transpose(self: ArrayBox, *axes: Any) -> Any:
    """As `numpy.ndarray.transpose`."""
    if not axes or axes == (None,):
        return np.transpose(self)  # type: ignore[call-overload]
    return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)  # type: ignore[call-overload]


def flatten(self: ArrayBox, order: str = "C") -> Any:
    """As `numpy.ndarray.flatten`."""
    return np.reshape(self, -1, order=order)  # type: ignore[call-overload]


def item(self: ArrayBox, *args: Any) -> Any:
    """As `numpy.ndarray.item`, but the element stays traced."""
    if not args:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return np.reshape(self, ())  # type: ignore[call-overload]
    index = args[0] if len(args) == 1 else args
    if isinstance(index, tuple):
        return self[index]
    return np.reshape(self, -1)[index]  # type: ignore[call-overload]


def tolist(self: ArrayBox) -> Any:
    """As `numpy.ndarray.tolist`, with traced scalars."""
    return [x.tolist() if x.ndim else x for x in self] if self.ndim else self


def _properties() -> dict[str, Callable]:
    return {
        "T": lambda self: np.transpose(self),
        "mT": lambda self: np.swapaxes(self, -1, -2),
        "real": lambda self: np.real(self),
        "imag": lambda self: np.imag(self),
        "flat": lambda self: np.reshape(self, -1),
    }


def install() -> None:
    """Give `ArrayBox` its methods, from the registry."""
    for fun in REGISTRY:
        if isinstance(fun, np.ufunc) and fun.nin == 1:  # object arrays of boxes call these
            setattr(ArrayBox, fun.__name__, _method(fun))
    ArrayBox.conj = ArrayBox.conjugate  # type: ignore[attr-defined]
    for name in SAME_AS_FUNCTION:
        setattr(ArrayBox, name, _method(getattr(np, name)))
    for method in (reshape, transpose, flatten, item, tolist):
        setattr(ArrayBox, method.__name__, method)
    for name, getter in _properties().items():
        setattr(ArrayBox, name, property(getter))
    ArrayBox.__array_priority__ = 100.0  # type: ignore[attr-defined]
    ArrayBox.value = property(getval)  # type: ignore[attr-defined]
