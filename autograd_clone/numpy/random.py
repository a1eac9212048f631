"""The names of `numpy.random`. A random draw has no derivative, and its parameters must be plain numbers.

Where the derivative with respect to a parameter is wanted, draw from a distribution without parameters and transform:
``loc + scale * np.random.standard_normal(size)``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType as _ModuleType
from typing import Any

import numpy as _np

from ..engine.errors import NotDifferentiableError as _NotDifferentiableError
from ..rules.creation import as_array as _as_array
from ..rules.creation import holds_box as _holds_box


def _refusing(function: Callable) -> Callable:
    """`function`, but with a clear error for a traced parameter."""

    @functools.wraps(function)
    def draw(*args: Any, **kwargs: Any) -> Any:
        if any(map(_holds_box, args)) or any(map(_holds_box, kwargs.values())):
            raise _NotDifferentiableError(
                f"numpy.random.{function.__name__} cannot be given a traced value: a random draw has no derivative with respect to "
                "its parameters. Draw from a distribution without parameters and transform, as in "
                "loc + scale * np.random.standard_normal(size)."
            )
        return function(*args, **kwargs)

    return draw


globals().update({
    name: _refusing(value) if callable(value) and not isinstance(value, type) else value
    for name, value in vars(_np.random).items()
    if not name.startswith("_") and not isinstance(value, _ModuleType)
})


def permutation(x: Any) -> Any:
    """As `numpy.random.permutation`; the elements may be traced."""
    permuted = _np.random.permutation
    if not _holds_box(x):
        return permuted(x)
    x = _as_array(x)
    return x[permuted(len(x))]


def shuffle(x: Any) -> None:
    """As `numpy.random.shuffle`; the elements may be traced."""
    if _holds_box(x):
        x[...] = permutation(x)
    else:
        shuffled = _np.random.shuffle
        shuffled(x)


def choice(a: Any, size: Any = None, replace: bool = True, p: Any = None) -> Any:
    """As `numpy.random.choice`; the elements may be traced, their probabilities may not."""
    if not _holds_box(a):
        return _refusing(_np.random.choice)(a, size, replace, p)
    a = _as_array(a)
    if a.ndim != 1:
        raise ValueError("a must be 1-dimensional")
    return a[_refusing(_np.random.choice)(len(a), size, replace, p)]


def __getattr__(name: str) -> Any:
    return getattr(_np.random, name)
