"""Small functions on argument tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def subvals(x: Sequence[Any], changes: Iterable[tuple[int, Any]]) -> tuple:
    """`x` as a tuple with some elements replaced."""
    out = list(x)
    for i, value in changes:
        out[i] = value
    return tuple(out)


def subval(x: Sequence[Any], i: int, value: Any) -> tuple:
    """`x` as a tuple with element `i` replaced."""
    return subvals(x, [(i, value)])


def func(f: Callable) -> Callable:
    """`f` itself (it once took the function out of an unbound method)."""
    return f
