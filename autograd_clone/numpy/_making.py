"""Making arrays, such that inside a transform traced values may be written into what is made.

Outside of transforms the functions are NumPy's own and return plain arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.complaints import asking, complaint
from ..array.written import kept
from ..engine.tables import ALIASES
from ..engine.trace import LIVE, tracing
from ..rules import creation

#: Those that make arrays of what they are given; an array stays as it is.
CONVERTERS = ("asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray", "piecewise", "require")
#: The functions of the namespace that make arrays.
MAKERS = (
    "arange", "array", "copy", "empty", "empty_like", "eye", "full", "full_like", "geomspace", "identity", "linspace", "logspace",
    "ones", "ones_like", "tri", "zeros", "zeros_like",
)  # fmt: skip


_VALUES = (list, tuple, int, float, complex, np.generic)


def assignable(fun: Callable) -> Callable:
    """A function that makes arrays, as one that inside a transform makes such that traced values may be written to them."""
    plain = getattr(np, fun.__name__)

    @functools.wraps(fun)
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            made = fun(*args, **kwargs)
        except Exception as error:
            own = complaint(plain, args, kwargs, error)
            if own is error:
                raise
            raise own from own.__cause__
        if not LIVE or type(made) is not np.ndarray or not tracing():
            return made
        if made.base is not None:
            if fun is creation.array:  # copy=False: a view of what it was given
                return made
            made = made.copy()
        return made if args and made is args[0] else kept(made)

    ALIASES[function] = ALIASES.get(fun, fun)
    return function


def complaining(fun: Callable) -> Callable:
    """A function that raises what NumPy's function of the same name raises, and makes assignable arrays of lists and numbers."""
    plain = getattr(np, fun.__name__)

    @functools.wraps(fun)
    def function(*args: Any, **kwargs: Any) -> Any:
        with asking(plain, args, kwargs):
            made = fun(*args, **kwargs)
        if LIVE and type(made) is np.ndarray and args and isinstance(args[0], _VALUES) and tracing():
            return kept(made)
        return made

    ALIASES[function] = ALIASES.get(fun, fun)
    return function
