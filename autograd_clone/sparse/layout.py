"""The leaves of a pytree as one vector: which numbers of the vector are which leaf's, in what order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import UnsupportedTypeError
from ..engine.pytree import TreeDef, flatten
from ..transforms.record import leaves_of


class Layout:
    """Where the elements of each leaf stand in a vector of all: leaf after leaf, dictionaries in the order of their keys.

    Attributes
    ----------
    treedef : TreeDef
    order : list of int
        The leaves that have a place in the vector, in its order.
    shapes, dtypes, starts : dict
        By number of the leaf.
    size : int
        Length of the vector.
    """

    __slots__ = ("dtypes", "order", "shapes", "size", "starts", "treedef")

    def __init__(self, leaves: list[Any], treedef: TreeDef) -> None:
        self.treedef = treedef
        self.order = [k for k in _in_order(treedef) if leaves[k] is not None]
        self.shapes = {k: shape_of(leaves[k]) for k in self.order}
        self.dtypes = {k: dtype_of(leaves[k]) for k in self.order}
        self.starts: dict[int, int] = {}
        self.size = 0
        for k in self.order:
            self.starts[k] = self.size
            self.size += int(np.prod(self.shapes[k]))

    def split(self, rows: np.ndarray) -> dict[int, np.ndarray]:
        """Vectors, one per row, as one array per leaf with the rows in front, in the leaf's dtype."""
        out = {}
        for k in self.order:
            start, shape = self.starts[k], self.shapes[k]
            part = rows[:, start : start + int(np.prod(shape))]
            out[k] = part.reshape((len(rows), *shape)).astype(self.dtypes[k], copy=False)
        return out

    def join(self, leaves: list[Any], count: int) -> np.ndarray:
        """Arrays with `count` rows in front, one per leaf, as vectors."""
        parts = [np.reshape(leaves[k], (count, int(np.prod(self.shapes[k])))) for k in self.order]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts, axis=1) if parts else np.zeros((count, 0))


def _in_order(treedef: TreeDef) -> list[int]:
    """The numbers of the leaves, those of dictionaries in the order of the keys."""
    return flatten(_sorted(treedef.unflatten(range(treedef.size))))[0]


def _sorted(tree: Any) -> Any:
    if type(tree) is dict:
        return {k: _sorted(tree[k]) for k in sorted(tree)}
    if type(tree) in (list, tuple):
        return type(tree)(map(_sorted, tree))
    return tree


def input_layout(x: Any, name: str) -> tuple[list[Any], list[Any], Layout]:
    """The leaves of an argument, those as variables (``None`` for constants), and where they stand."""
    leaves, values, treedef = leaves_of(x)
    for value, path in zip(values, treedef.paths(), strict=True):
        if isinstance(value, Box):
            raise UnsupportedTypeError(
                f"{name}: the argument{path} is traced (by grad, jacobian, vmap, ...), but the result is a SciPy matrix, which "
                "cannot be; call it outside of other transforms, or use jacobian, jvp and vjp, which can be nested"
            )
        if value is not None:
            if not isinstance(value, (np.ndarray, np.generic)):
                kind = type(value).__name__
                raise UnsupportedTypeError(f"{name}: the argument{path} is of type {kind}; NumPy arrays are expected")
            check_real(value, f"the argument{path}", name)
    return leaves, values, Layout(values, treedef)


def output_layout(leaves: list[Any], treedef: TreeDef, name: str) -> Layout:
    """Where the numbers in an output stand; what is no number has no place."""
    for y, path in zip(leaves, treedef.paths(), strict=True):
        if is_number(y):
            check_real(y, f"the output{path}", name)
    return Layout([y if is_number(y) else None for y in leaves], treedef)


def is_number(y: Any) -> bool:
    """Whether an output is an array of numbers, or a number."""
    return isinstance(y, (int, float, complex)) or (hasattr(y, "dtype") and y.dtype.kind in "fciub")


def check_real(x: Any, what: str, name: str) -> None:
    """Raise if `x` is complex."""
    if dtype_of(x).kind == "c":
        raise UnsupportedTypeError(
            f"{name}: {what} is complex (dtype {dtype_of(x)}); a sparse Jacobian is of real numbers. Write the function in terms "
            "of the real and imaginary parts, or use jacobian or holomorphic_grad"
        )
