"""What NumPy itself says of a call that failed: code that computes a function by other means need not check every argument.

The function is called once more, on plain values. If it fails as well, its exception is the one that a program should see.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.batch import BatchTrace
from ..engine.box import Box


def complaint(function: Callable, args: tuple, kwargs: dict, error: Exception) -> Exception:
    """The exception of ``function(*args, **kwargs)`` on plain values; `error`, which the traced call has raised, if there is none.

    A function that calls a program's own functions is not called again.
    """
    values = [*args, *kwargs.values()]
    if any(callable(x) and not isinstance(x, (type, Box, np.ufunc)) for x in values):
        return error
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(*map(plain_copy, args), **{k: plain_copy(v) for k, v in kwargs.items()})
    except Exception as own:  # noqa: BLE001 - whatever it is
        return error if type(own) is type(error) else own.with_traceback(None)
    return error


def plain_copy(x: Any) -> Any:
    """A copy of `x` without traces; of a batch, the first example."""
    if isinstance(x, Box):
        return _first_value(x)
    if isinstance(x, np.ndarray):
        if x.dtype.hasobject:
            return np.array([plain_copy(e) for e in x.flat], x.dtype).reshape(x.shape)
        return x.copy()
    if type(x) is list or type(x) is tuple:
        return type(x)(map(plain_copy, x))
    return x


def _first_value(x: Box) -> Any:
    batches = 0
    value: Any = x
    while isinstance(value, Box):
        batches += isinstance(value._trace, BatchTrace)
        value = value._value
    for _ in range(batches):
        value = value[0] if len(value) else np.zeros(value.shape[1:], value.dtype)
    return np.copy(value) if isinstance(value, np.ndarray) else value
