"""What NumPy itself says of a call that failed: code that computes a function by other means need not check every argument.

The function is called once more, on plain values. If it fails as well, its exception is the one that a program should see.
Otherwise the call is one that the derivative does not support.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Any

import numpy as np

from ..engine.batch import BatchTrace
from ..engine.box import Box
from ..engine.cotangent import dtype_of
from ..engine.errors import AutogradError, UnsupportedCallError
from ..engine.primitive import public_name


def complaint(function: Callable, args: tuple, kwargs: dict, error: Exception) -> Exception:
    """The exception to raise instead of `error`, which ``function(*args, **kwargs)`` of traced values has raised; `error` itself if
    it is as good: ours, one of the same type as NumPy's, or perhaps one of the program.

    A function that calls a program's own functions is not called again.
    """
    if isinstance(error, AutogradError):
        _name(function, error)
        return error
    if isinstance(error, _FOR_ALL_TO_SEE) or any(map(_is_of_program, (*args, *kwargs.values()))):
        return error
    try:
        with np.errstate(all="ignore"):
            function(*map(plain_copy, args), **{k: plain_copy(v) for k, v in kwargs.items()})
    except Exception as own:  # noqa: BLE001 - whatever it is
        return error if type(own) is type(error) else own.with_traceback(None)
    unsupported = UnsupportedCallError(
        f"{_name_of(function)}: the derivative does not support a call with these arguments ({type(error).__name__}: {error})"
    )
    unsupported.__cause__ = error
    return unsupported


@contextmanager
def asking(function: Callable, args: tuple, kwargs: dict) -> Iterator[None]:
    """Around what prepares or computes ``function(*args, **kwargs)`` of traced values: raises what `complaint` says."""
    try:
        yield
    except Exception as error:
        own = complaint(function, args, kwargs, error)
        if own is error:
            raise
        raise own from own.__cause__


def asked(function: Callable) -> Callable:
    """Decorator of code that computes `function`: let `function` compute the plain values first, so that it may refuse them.

    The result is of the dtype that it has. For functions that cost little beside the code.
    """

    def decorate(code: Callable) -> Callable:
        @functools.wraps(code)
        def called(*args: Any, **kwargs: Any) -> Any:
            with np.errstate(all="ignore"):
                own = function(*map(plain_copy, args), **{k: plain_copy(v) for k, v in kwargs.items()})
            out = code(*args, **kwargs)
            if isinstance(own, tuple) or dtype_of(out) == dtype_of(own) or dtype_of(own).kind not in "fc":
                return out
            return out.astype(dtype_of(own))

        return called

    return decorate


#: What says nothing of the arguments.
_FOR_ALL_TO_SEE = (MemoryError, RecursionError, FloatingPointError, Warning)


def _is_of_program(x: Any) -> bool:
    """Whether an argument is a function that may be the program's own."""
    return callable(x) and not isinstance(x, (type, Box, np.ufunc, BuiltinFunctionType))


def _name_of(function: Callable) -> str:
    owner = getattr(function, "__self__", None)
    return f"{public_name(owner)}.{function.__name__}" if isinstance(owner, np.ufunc) else public_name(function)


def _name(function: Callable, error: AutogradError) -> None:
    """Add to one of our errors which function it is about, where it does not say so."""
    name = _name_of(function)
    said = " ".join([str(error), *getattr(error, "__notes__", ())])
    if name.rpartition(".")[2] not in said:
        error.add_note(f"in {name}")


def plain(x: Any) -> Any:
    """`x` without traces; of a batch, the first example."""
    if isinstance(x, Box):
        return _first_value(x)
    if isinstance(x, np.ndarray) and x.dtype.hasobject:
        copy = np.empty(x.shape, x.dtype)
        copy.flat = [plain(e) for e in x.flat]  # type: ignore[assignment, misc]
        return copy
    if type(x) is list or type(x) is tuple:
        return type(x)(map(plain, x))
    return x


def plain_copy(x: Any) -> Any:
    """As `plain`, for code that may write into it."""
    if type(x) is list or type(x) is tuple:
        return type(x)(map(plain_copy, x))
    value = plain(x)
    return value.copy() if isinstance(value, np.ndarray) else value


def _first_value(x: Box) -> Any:
    batches = 0
    value: Any = x
    while isinstance(value, Box):
        batches += isinstance(value._trace, BatchTrace)
        value = value._value
    for _ in range(batches):
        value = value[0, ...] if len(value) else np.zeros(value.shape[1:], value.dtype)
    is_number = batches and not np.ndim(value) and getattr(x, "_alias", None) is None  # of a batch, only views are arrays
    return value[()] if is_number else value
