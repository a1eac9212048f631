"""`NodeArrayBox`: the array box of a trace that makes a user's node for every operation.

What is a constant for the derivatives is recorded here as well, so that a replayed graph computes it anew. What would
freeze a value of the first run into the graph, a branch above all, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.box import Box, all_values
from ..engine.errors import TracedConversionError
from ..engine.nodes import NodeTrace
from .box import KINDS, ArrayBox, call
from .foreign import is_factor_of_sparse, opaque


class NodeArrayBox(ArrayBox):
    """A traced array of which every use is recorded by a node of the user's class."""

    __slots__ = ()
    batched = True  # the value is that of one run
    recorded = True

    def __bool__(self) -> bool:
        raise self._frozen("the truth value")

    def __int__(self) -> int:
        raise self._frozen("the whole number")

    def __index__(self) -> int:
        raise self._frozen("a position")

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        if is_factor_of_sparse():
            return opaque()
        raise self._frozen("a plain array")

    def __invert__(self) -> Any:
        return call(np.invert, (self,), {})

    def __format__(self, spec: str) -> str:
        return format(all_values(self), spec)

    def _frozen(self, what: str) -> TracedConversionError:
        return TracedConversionError(
            f"{what} of a value that is being recorded was asked for; a graph run again with other inputs could not follow "
            "it. Use np.where in place of a branch, and NumPy's functions in place of others"
        )


NodeTrace.array_box = ArrayBox
NodeTrace.box_type = NodeArrayBox
KINDS.add(NodeArrayBox)
Box.type_mappings[NodeArrayBox] = ArrayBox
