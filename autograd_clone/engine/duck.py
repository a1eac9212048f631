"""Arrays of foreign types that implement both of NumPy's dispatch protocols, such as those of Dask.

The engine computes with them as with any other array, and never looks at their numbers: they may be lazy. So what a rule
finds out by looking, to save work where it is not needed, it does for them in any case. (The name is that of NEP 22.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import DuckArrayError

_KNOWN: dict[type, bool] = dict.fromkeys((np.ndarray, np.float64, np.bool_, float, int, bool), False)


def is_duck(x: Any) -> bool:
    """Whether a plain value is an array of a foreign type."""
    kind = type(x)
    known = _KNOWN.get(kind)
    if known is None:
        protocols = hasattr(kind, "__array_ufunc__") and hasattr(kind, "__array_function__")
        known = _KNOWN[kind] = protocols and not issubclass(kind, (np.ndarray, np.generic)) and not hasattr(kind, "_trace")
    return known


def any_duck(xs: Iterable[Any]) -> bool:
    """Whether there is an array of a foreign type among plain values."""
    kinds = set(map(type, xs))
    return not kinds <= _ORDINARY and any([is_duck(x) for x in xs])


_ORDINARY = frozenset(_KNOWN)


def zeros(shape: Any, dtype: Any, like: Any) -> Any:
    """Zeros, of the type of array that `like` is if that is a foreign one."""
    return np.zeros(shape, dtype, like=like) if is_duck(like) else np.zeros(shape, dtype)


def ones(shape: Any, dtype: Any, like: Any) -> Any:
    """Ones, of the type of array that `like` is if that is a foreign one."""
    if is_duck(like):
        return np.ones(shape, dtype, like=like)
    out = np.empty(shape, dtype)
    out.fill(1)
    return out


def blame(error: Exception, what: str, values: Any) -> None:
    """Raise a `DuckArrayError` in place of `error` if it may be that a type of array among `values` cannot do something.

    Other errors are those of the arguments, and are left alone.
    """
    kinds = {type(x) for x in values if is_duck(x)}
    if kinds and isinstance(error, (TypeError, NotImplementedError, AttributeError)) and not isinstance(error, DuckArrayError):
        names = " and ".join(sorted(f"{k.__module__}.{k.__qualname__}" for k in kinds))
        raise DuckArrayError(
            f"{what} cannot be computed for arrays of type {names}, which do not support a function that it takes: {error}. "
            "Write it in terms of functions that they support, or use NumPy arrays in this place"
        ) from error
