"""Arrays that hold no traced value, but that traced values may be written to: they act as plain arrays.

Plain NumPy is applied to what they hold, without a copy. The arrays that it makes of them are of the same kind again, so that
``out = 2 * np.ones(3)`` may be assigned to as well. As soon as a traced value has been written to the memory, the methods here step
aside for those of every box.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.calls import INTERPRETERS, CallPrimitive
from ..engine.pytree import flatten, tree_map
from .box import ALIASING, INTO_OUT, ArrayBox, call, has_out
from .foreign import is_factor_of_sparse, opaque
from .memory import CONSTANT, ConstantTrace
from .written import Written, constant, kept, looked_at


def is_constant(x: Any) -> bool:
    """Whether `x` is an array of this kind."""
    return type(x) is Written and x._trace is CONSTANT


def _holds_traced(*trees: Any) -> bool:
    """Whether there is a traced value in some arguments."""
    return any([isinstance(x, Box) and not is_constant(x) for x in flatten(trees)[0]])


def _plain(tree: Any) -> Any:
    leaves, treedef = flatten(tree)
    return treedef.unflatten(map(_read_only, leaves))


def _read_only(x: Any) -> Any:
    """`x`, as a plain array that cannot be written to if it is one of ours."""
    if not is_constant(x):
        return x
    view = x._seen().view()
    view.flags.writeable = False
    return view


def _results(x: Any, given: list) -> Any:
    """What NumPy has made of plain arrays: new arrays are assignable, parts of those that were given are read-only."""
    if type(x) is tuple or type(x) is list:
        return type(x)(_results(y, given) for y in x)
    if type(x) is not np.ndarray:
        return x
    if any([isinstance(a, np.ndarray) and np.may_share_memory(a, x) for a in given]):
        x = x.view()
        x.flags.writeable = False
        return x
    return kept(x)


def _copies_kept(x: Any) -> Any:
    """Plain arrays that a function has made where it might have returned views, as arrays of this kind."""
    return kept(x if x.base is None else x.copy(order="K")) if type(x) is np.ndarray else x


def _array_ufunc(self: Written, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if not is_constant(self) or _holds_traced(inputs, kwargs):
        return ArrayBox.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)
    if kwargs.get("out") is not None:
        return INTO_OUT[0](getattr(ufunc, method), inputs, kwargs)
    if method == "at":
        return ArrayBox.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)
    result = getattr(ufunc, method)(*map(looked_at, inputs), **_plain(kwargs))
    return tuple(map(kept, result)) if type(result) is tuple else kept(result)


def _array_function(self: Written, func: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
    if not is_constant(self) or _holds_traced(args, kwargs):
        return call(func, args, kwargs)
    if func in ALIASING:
        return _copies_kept(call(func, args, kwargs))
    if kwargs.get("out") is not None or has_out(func, args):
        return INTO_OUT[0](func, args, kwargs)
    args, kwargs = _plain(args), _plain(kwargs)
    return _results(func(*args, **kwargs), flatten((args, kwargs))[0])


def _array(self: Written) -> Callable:
    """``__array__`` of those that are plain; for the others there is none, as for any box."""
    if is_factor_of_sparse():
        return opaque
    if not is_constant(self):
        raise AttributeError("__array__")

    def array(dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        seen = self._seen()
        if copy or (dtype is not None and np.dtype(dtype) != seen.dtype):
            return np.array(seen, dtype)
        return _read_only(self)

    return array


def _of_constant(name: str) -> Callable:
    """A method that is that of the plain array if there are no traced values in it."""
    general = getattr(ArrayBox, name, None)

    def method(self: Written, *args: Any, **kwargs: Any) -> Any:
        if is_constant(self):
            return getattr(self._seen(), name)(*map(looked_at, args), **kwargs)
        if general is None:
            raise TypeError(f"a traced array has no {name}")
        return getattr(ArrayBox, name)(self, *args, **kwargs)

    method.__name__ = name
    return method


def _keeping_results(name: str) -> Callable:
    """A method of boxes; of a plain array, the arrays that it returns are of this kind as well."""

    def method(self: Written, *args: Any, **kwargs: Any) -> Any:
        plain = is_constant(self)
        result = getattr(ArrayBox, name)(self, *args, **kwargs)
        return _copies_kept(result) if plain else result

    method.__name__ = name
    return method


def _missing(self: Written, name: str) -> Any:
    """An attribute that arrays have and boxes do not."""
    if name.startswith("_") or not is_constant(self):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    return getattr(self._seen(), name)


def _int(self: Written) -> int:
    return int(self._seen()) if is_constant(self) else self._whole_number(sys._getframe(1))


def _reduce(self: Written, protocol: Any) -> Any:
    return self.snapshot().__reduce_ex__(protocol) if is_constant(self) else self.__reduce__()


def _copy(self: Written, memo: Any = None) -> Any:
    return constant(self._seen().copy(order="K")) if is_constant(self) else self.snapshot()


def _process(trace: ConstantTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A primitive of pytrees, of plain arrays only."""
    args, kwargs = tree_map(lambda x: x.bare() if isinstance(x, Box) else x, (args, kwargs))
    return prim(*args, **kwargs)


INTERPRETERS[ConstantTrace] = _process


def install() -> None:
    """Give `Written` these methods."""
    for name, method in vars(ArrayBox).items():
        if isinstance(method, FunctionType) and not name.startswith("_") and name not in vars(Written):
            setattr(Written, name, _keeping_results(name))
    for name in (
        "__bool__", "__complex__", "__contains__", "__float__", "__format__", "__index__", "__repr__", "item", "tolist",
    ):  # fmt: skip
        setattr(Written, name, _of_constant(name))
    own: dict[str, Any] = {
        "__array__": property(_array), "__array_function__": _array_function, "__array_ufunc__": _array_ufunc, "__copy__": _copy,
        "__deepcopy__": _copy, "__getattr__": _missing, "__int__": _int, "__reduce_ex__": _reduce,
    }  # fmt: skip
    for name, method in own.items():
        setattr(Written, name, method)
