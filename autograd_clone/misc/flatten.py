"""A pytree of arrays as one flat vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.cotangent import cast, dtype_of, shape_of
from ..engine.pytree import TreeDef
from ..engine.pytree import flatten as flatten_tree


class Unflatten:
    """``unflatten(vector)``: the vector's entries in the shapes and structure of the example."""

    def __init__(self, treedef: TreeDef, shapes: list[tuple], dtypes: list[np.dtype]) -> None:
        self.treedef, self.shapes, self.dtypes = treedef, shapes, dtypes

    def __call__(self, vector: Any) -> Any:
        leaves, start = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            stop = start + int(np.prod(shape))
            leaf = np.reshape(vector[start:stop], shape)
            leaves.append(cast(leaf, dtype) if dtype.kind in "fc" else leaf)
            start = stop
        return self.treedef.unflatten(leaves)


def flatten(value: Any) -> tuple[Any, Callable]:
    """A pytree of arrays and numbers as one vector, with the function that undoes it. Differentiable both ways.

    Parameters
    ----------
    value : pytree
        Its leaves are joined in order, dict values in the order of their sorted keys.

    Returns
    -------
    vector : ndarray, shape (n,)
    unflatten : callable
        ``unflatten(vector)`` has the structure, shapes and dtypes of `value`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> vector, unflatten = flatten({"b": 1.0, "a": np.zeros(2)})
    >>> vector
    array([0., 0., 1.])
    >>> unflatten(vector + 1)["b"]
    array(2.)
    """
    leaves, treedef = flatten_tree(_sorted(value))
    shapes, dtypes = [shape_of(x) for x in leaves], [dtype_of(x) for x in leaves]
    unflatten = Unflatten(treedef, shapes, dtypes)
    if not leaves:
        return np.zeros(0), unflatten
    if len(leaves) == 1:
        return np.ravel(leaves[0]), unflatten
    return np.concatenate([np.ravel(x) for x in leaves]), unflatten


def _sorted(value: Any) -> Any:
    """`value` with every plain dict in the order of its keys."""
    if type(value) is dict:
        return {k: _sorted(value[k]) for k in sorted(value)}
    if type(value) in (list, tuple):
        return type(value)(map(_sorted, value))
    return value


def flatten_func(func: Callable, example: Any) -> tuple[Callable, Callable, Any]:
    """`func` as a function of vectors: ``(flat_func, unflatten, flat_example)``.

    Examples
    --------
    >>> flat, unflatten, x = flatten_func(lambda p: [2 * p[0], p[1]], [1.0, 3.0])
    >>> flat(x)
    array([2., 3.])
    """
    flat_example, unflatten = flatten(example)

    def flat_func(x: Any, *args: Any) -> Any:
        return flatten(func(unflatten(x), *args))[0]

    return flat_func, unflatten, flat_example
