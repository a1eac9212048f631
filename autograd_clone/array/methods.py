"""The methods and attributes of `numpy.ndarray`, made from the functions that do the same.

A method that a program may call in a loop (``x.T``, ``x.reshape``) is added to `METHODS` by the rule table
that has its primitive; the rest is here. What writes into an array, or reads its bytes in place, raises and
says what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.batch import no_single_value
from ..engine.box import Box, getval
from ..engine.errors import NotDifferentiableError
from ..engine.primitive import REGISTRY
from .box import ArrayBox, call
from .complaints import complaint
from .written import is_number

#: Methods and properties that rule tables contribute, by name.
METHODS: dict[str, Any] = {}

#: Methods whose signature is that of the function of the same name, with the array first.
SAME_AS_FUNCTION = (
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "choose",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
)

#: Methods that write into the array -> what to write instead.
IN_PLACE = {
    "resize": "np.resize(x, new_shape), which returns a new array",
    "setfield": "np.where with a mask",
    "setflags": "a plain array",
    "__delitem__": "np.delete(x, index), which returns a new array",
}

#: Attributes and methods that look at memory rather than at numbers, and are taken from the plain value.
OF_VALUE = ("base", "ctypes", "data", "device", "flags", "strides")
OF_VALUE_METHODS = ("dump", "dumps", "tobytes", "tofile", "__contains__", "__dlpack_device__")

#: ufuncs of two arguments that NumPy applies to object arrays by calling a method of this name.
BINARY_BY_NAME = ("arctan2", "fmod", "hypot")


def _method(function: Callable) -> Callable:
    own = _plain_method(function.__name__) if hasattr(np.ndarray, function.__name__) else None

    def method(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
        try:
            return call(function, (self, *args), kwargs)
        except Exception as error:
            as_method = error if own is None else complaint(own, (self, *args), kwargs, error)
            if as_method is error:
                raise
            raise as_method from as_method.__cause__

    return _named(method, function.__name__)


def _plain_method(name: str) -> Callable:
    """NumPy's method, of arrays or numbers, as a function."""

    def method(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    method.__qualname__, method.__module__ = f"ndarray.{name}", "numpy"
    return method


def _named(method: Callable, name: str) -> Callable:
    method.__name__ = name
    method.__qualname__ = f"ArrayBox.{name}"
    method.__doc__ = f"As `numpy.ndarray.{name}`."
    return method


def _refused(name: str, instead: str) -> Callable:
    def method(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
        raise NotDifferentiableError(
            f"ndarray.{name} writes into its array, which a trace cannot follow; use {instead}"
        )

    return _named(method, name)


def _of_value(name: str) -> property:
    def attribute(self: ArrayBox) -> Any:
        return getattr(np.asarray(getval(self)), name)

    return property(attribute, doc=f"`numpy.ndarray.{name}` of the plain value.")


def _method_of_value(name: str) -> Callable:
    def method(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
        value = getval(self)
        if name == "__contains__" and is_number(self):
            return args[0] in np.float64(0.0)  # type: ignore[operator]  # raises
        if isinstance(value, Box):
            raise no_single_value(f"ndarray.{name}", value)
        return getattr(np.asarray(value), name)(*map(getval, args), **kwargs)

    return _named(method, name)


def _conjugate(of_complex: Callable) -> Callable:
    def conjugate(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
        return self if not args and not kwargs and self.dtype.kind == "f" else of_complex(self, *args, **kwargs)

    return _named(conjugate, "conjugate")


_clip = _method(np.clip)


def clip(self: ArrayBox, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    """As `numpy.ndarray.clip`, where a bound may be missing, unlike in the function."""
    return _clip(self, min, max, **kwargs) if out is None else _clip(self, min, max, out, **kwargs)


def compress(self: ArrayBox, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """As `numpy.ndarray.compress`."""
    return call(np.compress, (condition, self, axis, out), {})


def item(self: ArrayBox, *args: Any) -> Any:
    """As `numpy.ndarray.item`, but the element stays traced."""
    np.broadcast_to(0.0, self.shape).item(*args)  # raises what NumPy raises
    if not args:
        return self[(0,) * self.ndim]
    index = args[0] if len(args) == 1 else args
    if isinstance(index, tuple):
        return self[index]
    return call(np.ravel, (self,), {})[index]


def tolist(self: ArrayBox) -> Any:
    """As `numpy.ndarray.tolist`, with traced scalars."""
    return [x.tolist() for x in self] if self.ndim else self[()]


def view(self: ArrayBox, *args: Any, **kwargs: Any) -> Any:
    """As `numpy.ndarray.view`, which must not read the bytes as another type."""
    shape = [min(n, 1) for n in self.shape[:-1]] + list(self.shape[-1:])
    seen = np.zeros(shape, self.dtype).view(*args, **kwargs)  # raises what NumPy raises
    if type(seen) is np.ndarray and seen.dtype == self.dtype:
        return self if is_number(self) else self[...]  # an array of its own, whose shape may be set
    raise NotDifferentiableError(
        f"ndarray.view({', '.join(map(repr, (*args, *kwargs.values())))}) reads the bytes of a traced array; use x.real, x.imag or "
        "x.astype"
    )


def to_device(self: ArrayBox, device: str, /, *, stream: Any = None) -> Any:
    """As `numpy.ndarray.to_device`: the only device is ``"cpu"``."""
    np.empty(0).to_device(device, stream=stream)  # type: ignore[arg-type]
    return self


def byteswap(self: ArrayBox, inplace: bool = False) -> Any:
    """Refused: the bytes of a traced array are not its numbers."""
    raise NotDifferentiableError("ndarray.byteswap reads the bytes of a traced array; use a plain array")


def getfield(self: ArrayBox, dtype: Any, offset: int = 0) -> Any:
    """Refused, likewise."""
    raise NotDifferentiableError("ndarray.getfield reads the bytes of a traced array; use x.real, x.imag or a plain array")


def install() -> None:
    """Give `ArrayBox` its methods, from the registry."""
    for fun in REGISTRY:
        if isinstance(fun, np.ufunc) and (
            fun.nin == 1 or fun.__name__ in BINARY_BY_NAME
        ):  # object arrays of boxes call these
            setattr(ArrayBox, fun.__name__, _method(fun))
    ArrayBox.conj = ArrayBox.conjugate = _conjugate(ArrayBox.conjugate)  # type: ignore[attr-defined]
    for name in SAME_AS_FUNCTION:
        setattr(ArrayBox, name, _method(getattr(np, name)))
    for name, instead in IN_PLACE.items():
        setattr(ArrayBox, name, _refused(name, instead))
    for name in OF_VALUE:
        setattr(ArrayBox, name, _of_value(name))
    for name in OF_VALUE_METHODS:
        setattr(ArrayBox, name, _method_of_value(name))
    for method in (clip, compress, item, tolist, view, to_device, byteswap, getfield):
        setattr(ArrayBox, method.__name__, method)
    for name, value in METHODS.items():
        setattr(ArrayBox, name, value)
    ArrayBox.__array_priority__ = 100.0
    ArrayBox.value = property(getval)  # type: ignore[attr-defined]
