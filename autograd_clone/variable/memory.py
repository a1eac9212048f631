"""Arrays that belong to variables: nobody writes to them, and an update replaces them by changed copies.

A view (``w[0]``, ``w.T``, ``w.detach()``) is kept beside the array that it is a view of; when that has been replaced, the
view is made anew at the same place of the new one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def frozen(array: Any) -> Any:
    """`array`, which belongs to a variable from now on: not to be written to, and a number if it has no axes."""
    if not isinstance(array, np.ndarray):
        return array
    array.flags.writeable = False
    return array if array.ndim else array[()]


def changeable(value: Any) -> Any:
    """A copy of a variable's array in the same layout, to be written to."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    return np.array(value) if isinstance(value, np.generic) else value.copy()


def memory_of(array: Any) -> Any:
    """The array whose memory `array` shows; itself, if it has its own."""
    base = getattr(array, "base", None)
    return array if base is None else base


def moved(view: Any, old: Any, new: Any) -> Any:
    """What shows of the array `new` what `view` shows of `old`, which has the same layout."""
    if view is old:
        return new
    return np.ndarray(view.shape, view.dtype, new, _address(view) - _address(old), view.strides)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two contiguous arrays of one shape hold the same bytes."""
    return np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


def is_held_elsewhere(array: np.ndarray) -> bool:
    """Whether somebody refers to an array beside an attribute and a variable of the caller, or it cannot be told."""
    return not _COUNTED or sys.getrefcount(array) > _ALONE


#: From Python 3.14 on references may be borrowed, and without the GIL they are counted in two parts.
_COUNTED = sys.version_info < (3, 14) and getattr(sys, "_is_gil_enabled", lambda: True)()
_ALONE = 4
