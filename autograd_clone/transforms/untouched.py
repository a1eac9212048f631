"""Arrays that a function is not to change, although it may write into its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.protection import lock
from ..engine.pytree import flatten, tree_map
from ..engine.trace import RELEASE, Trace


class Untouched:
    """A pytree whose plain arrays, which others may hold too, are read-only until it is let go."""

    __slots__ = ("_holder", "tree")

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self._holder = Trace()
        for x in flatten(tree)[0]:
            if type(x) is np.ndarray:
                lock(self._holder, x)

    def let_go(self) -> None:
        """Make the arrays writeable again, unless somebody else holds them."""
        if self._holder.held:
            RELEASE[0](self._holder)

    __del__ = let_go


class Frozen:
    """A pytree that nobody else holds for long: a lighter form of `Untouched`, to be let go in the reverse order of making.

    Attributes
    ----------
    tree : pytree
        With copies in place of views, the memory of which somebody may write to by another name.
    """

    __slots__ = ("_arrays", "tree")

    def __init__(self, tree: Any) -> None:
        leaves, treedef = flatten(tree)
        leaves = [x.copy(order="K") if type(x) is np.ndarray and x.base is not None else x for x in leaves]
        self.tree = treedef.unflatten(leaves)
        self._arrays = [x for x in leaves if type(x) is np.ndarray and x.flags.writeable]
        for x in self._arrays:
            x.setflags(write=False)

    def let_go(self) -> None:
        """Make the arrays writeable again."""
        for x in self._arrays:
            x.setflags(write=True)
        self._arrays = []

    __del__ = let_go


def on_copies_if_it_writes(fun: Callable, tree: Any, *others: Any) -> Any:
    """``fun(tree, *others)``; with copies of the arrays in `tree`, if `fun` fails because it writes into what is read-only."""
    try:
        return fun(tree, *others)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
    return fun(tree_map(lambda x: x.copy() if type(x) is np.ndarray else x, tree), *others)
