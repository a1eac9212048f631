"""NumPy's classes of series as classes whose coefficients and domains may be traced.

A class of NumPy delegates all arithmetic to the functions of its module, which it names as its attributes, and to
`numpy.polynomial.polyutils`. The classes here name the functions of this package instead, and have the same methods.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from . import polyutils


def traceable(cls: type, module: str) -> type:
    """A subclass of one of NumPy's classes of series that uses the functions of the module named `module`."""
    functions = sys.modules[module]
    base = next(c for c in cls.__mro__ if "__call__" in vars(c))
    members: dict[str, Any] = {name: _rebound(f) for name, f in vars(base).items() if _uses_utilities(f)}
    for name, f in vars(cls).items():
        if isinstance(f, staticmethod) and hasattr(functions, f.__func__.__name__):
            members[name] = staticmethod(getattr(functions, f.__func__.__name__))
    members["_val"] = staticmethod(_composing(vars(cls)["_val"].__func__, base, members["_val"].__func__))
    doc = f"As `{cls.__module__}.{cls.__name__}`; coefficients, domain, window and points may be traced."
    return type(cls.__name__, (cls,), members | {"__module__": module, "__doc__": doc})


def _composing(own: Callable, base: type, value: Callable) -> Callable:
    """The function for values, which for a point that is a series itself is NumPy's: that knows only operators."""

    def composing(x: Any, c: Any) -> Any:
        if not isinstance(x, base):
            return value(x, c)
        elements = np.empty(len(c), object)
        elements[:] = list(c)
        return own(x, elements)

    return composing


def _code_of(f: Any) -> Any:
    return f.__func__ if isinstance(f, classmethod) else f


def _uses_utilities(f: Any) -> bool:
    f = _code_of(f)
    return inspect.isfunction(f) and isinstance(f.__globals__.get("pu"), ModuleType) and "pu" in f.__code__.co_names


def _rebound(f: Any) -> Any:
    """A method that looks up `polyutils` here."""
    old = _code_of(f)
    new = FunctionType(old.__code__, {**old.__globals__, "pu": polyutils}, old.__name__, old.__defaults__, old.__closure__)
    new.__kwdefaults__ = old.__kwdefaults__
    new.__qualname__ = old.__qualname__
    new.__doc__ = f"As `numpy.polynomial.{old.__qualname__}`."
    return classmethod(new) if isinstance(f, classmethod) else new
