"""Indices as programs write them, made ready to be kept: plain values, lists as arrays, arrays copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.box import Box, getval
from .box import FROM_LIST


def plain_index(index: Any) -> Any:
    """`index` without traced values; arrays are copied, so that a later change of them does no harm."""
    kind = type(index)
    if kind is tuple:
        return tuple([i if type(i) is int or type(i) is slice else plain_index(i) for i in index])
    if kind is list:
        values = [getval(i) for i in index]
        if any(isinstance(i, Box) for i in values):
            return FROM_LIST[0](values)  # positions of a batch
        index = np.array(values) if index else np.empty(0, np.intp)
    elif isinstance(index, Box):
        index = getval(index)
    elif kind is np.ndarray:
        return index.copy()
    elif kind is slice and (isinstance(index.start, Box) or isinstance(index.stop, Box)):
        return slice(getval(index.start), getval(index.stop), index.step)
    return index


def holds_positions(index: Any) -> bool:
    """Whether an index has boxes in it: positions of a batch, as any other trace has been taken out of its boxes."""
    if type(index) is tuple:
        return any([isinstance(item, Box) for item in index])
    return isinstance(index, Box)
