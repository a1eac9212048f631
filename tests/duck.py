"""`Duck`: an array of a foreign type that implements NumPy's two protocols, and whose numbers cannot be looked at."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class LookedError(TypeError):
    """Somebody asked for the numbers of a duck array."""


class Duck(NDArrayOperatorsMixin):
    """As a lazy array: everything is computed by protocols and methods, nothing can be converted."""

    def __init__(self, value):
        self.value = value

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: Duck(self.value.T))
    real = property(lambda self: Duck(self.value.real))
    imag = property(lambda self: Duck(self.value.imag))

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if not all(isinstance(x, (Duck, np.ndarray, np.generic, Number)) for x in inputs):
            return NotImplemented
        if "out" in kwargs or method in ("at", "reduceat"):
            raise NotImplementedError(f"{ufunc.__name__}.{method} writes into an array")
        return wrapped(getattr(ufunc, method)(*unwrapped(inputs), **unwrapped(kwargs)))

    def __array_function__(self, func, types, args, kwargs):
        if not all(issubclass(t, (Duck, np.ndarray)) for t in types):
            return NotImplemented
        if any(x is not None for x in np.atleast_1d(kwargs.get("out"))):
            raise NotImplementedError(f"{func.__name__} writes into an array")
        return wrapped(func(*unwrapped(args), **unwrapped(kwargs)))

    def __getitem__(self, index):
        return Duck(self.value[unwrapped(index)])

    def __setitem__(self, index, value):
        self.value = self.value.copy()
        self.value[unwrapped(index)] = unwrapped(value)

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def _look(self, *args, **kwargs):
        raise LookedError("the numbers of a duck array were asked for")

    __array__ = __bool__ = __float__ = __int__ = __complex__ = __index__ = _look

    def __repr__(self):
        return f"Duck({self.shape}, {self.dtype})"


def _method(name):
    def method(self, *args, **kwargs):
        return wrapped(getattr(self.value, name)(*unwrapped(args), **unwrapped(kwargs)))

    return method


for _name in (
    "all", "any", "argmax", "argmin", "astype", "clip", "conj", "copy", "cumsum", "dot", "max", "mean", "min", "prod", "ravel",
    "repeat", "reshape", "squeeze", "std", "sum", "swapaxes", "transpose", "var",
):  # fmt: skip
    setattr(Duck, _name, _method(_name))


def wrapped(x: Any) -> Any:
    """Arrays as duck arrays, also in tuples and lists."""
    if isinstance(x, (np.ndarray, np.generic)):
        return Duck(np.asarray(x))
    if isinstance(x, (tuple, list)):
        items = [wrapped(item) for item in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    return x


def unwrapped(x: Any) -> Any:
    """Duck arrays as plain ones, also in containers."""
    if isinstance(x, Duck):
        return x.value[()]
    if isinstance(x, slice):
        return slice(unwrapped(x.start), unwrapped(x.stop), unwrapped(x.step))
    if isinstance(x, dict):
        return {k: unwrapped(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        items = [unwrapped(item) for item in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    return x
