"""Many directions at once: batches of tangents for an argument that is a pytree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.batch import FALLBACKS, BatchTrace, TooManyAtOnce
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import BatchedValueError, UnsupportedTypeError
from ..engine.pytree import TreeDef, flatten, tree_map
from .record import leaves_of
from .rows import CAUTIOUS, PUSH_BYTES, Piece, chunk_length, chunks, seeds_of, size_of


class Directions:
    """The space of the tangents of a real argument, and the ways to go through it in batches.

    Attributes
    ----------
    treedef : TreeDef
        Structure of the argument.
    likes : list
        ``(shape, dtype)`` of each leaf; ``None`` for one that cannot vary.
    sizes : list of int
        Number of elements of each leaf.
    length : int
        How many directions make a batch.
    limit : int
        Bytes that an array may take in a batch, 0 if the length was given.

    Raises
    ------
    UnsupportedTypeError
        If the argument is not real.
    """

    def __init__(self, x: Any, transform: str, chunk_size: int | None) -> None:
        _, values, self.treedef = leaves_of(x)
        self.likes = [None if v is None else (shape_of(v), dtype_of(v)) for v in values]
        self.sizes = [0 if like is None else size_of(like[0]) for like in self.likes]
        self.length = chunk_size or min(chunk_length(8 * max(self.sizes, default=1)), CAUTIOUS)
        self.limit = 0 if chunk_size else PUSH_BYTES
        if any(like is not None and like[1].kind == "c" for like in self.likes):
            raise UnsupportedTypeError(f"{transform} takes real arguments only; pass real and imaginary part as two arrays")

    def zero(self) -> Any:
        """The tangent that is zero by structure."""
        return self.treedef.unflatten([None] * len(self.likes))

    def along_units(self, run: Callable[[BatchTrace, list[Piece], Any], Any]) -> Iterator[Any]:
        """``run(trace, chunk, tangents)`` for all unit vectors, a chunk of them at a time."""
        for chunk in chunks(self.sizes, self.length):
            try:
                yield self._along(run, chunk, self.limit)
                continue
            except TooManyAtOnce as found:  # arrays turned out to be larger than the arguments let expect
                length = chunk_length(found.row)
            for piece in chunk:
                for start in range(piece.start, piece.stop, length):
                    yield self._along(run, [Piece(piece.leaf, start, min(piece.stop, start + length))], 0)

    def _along(self, run: Callable, chunk: list[Piece], limit: int) -> Any:
        with BatchTrace(sum(piece.size for piece in chunk), limit) as trace:
            return run(trace, chunk, self._boxed(trace, seeds_of(chunk, self.likes)))

    def _boxed(self, trace: BatchTrace, vectors: dict[int, Any]) -> Any:
        return self.treedef.unflatten(trace.box(vectors[k]) if k in vectors else None for k in range(len(self.likes)))

    def along_signs(self, run: Callable[[Any], Any], n: int, rng: np.random.Generator) -> tuple[list[Any], TreeDef]:
        """``run(tangent)`` for `n` random vectors of signs: its leaves, stacked along axis 0, and their structure."""
        signs = {k: _signs(rng, n, *like) for k, like in enumerate(self.likes) if like is not None}
        try:
            with BatchTrace(n) as trace:
                leaves, treedef = flatten(run(self._boxed(trace, signs)))
                return [trace.all_of(q) for q in leaves], treedef
        except BatchedValueError:  # one after the other
            FALLBACKS["samples of an estimate"] += 1
        rows = []
        for i in range(n):
            one = (signs[k][i] if k in signs else None for k in range(len(self.likes)))
            leaves, treedef = flatten(run(self.treedef.unflatten(one)))
            rows.append(leaves)
        return [np.stack(column) for column in zip(*rows, strict=True)], treedef

    def put_together(self, parts: list[tuple[Piece, Any]]) -> Any:
        """A pytree like the argument, out of its elements."""
        return self.treedef.unflatten(
            None if like is None else _joined([values for piece, values in parts if piece.leaf == k], *like)
            for k, like in enumerate(self.likes)
        )


def _signs(rng: np.random.Generator, n: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return (2 * rng.integers(0, 2, (n, *shape)) - 1).astype(dtype)


def _joined(parts: list[Any], shape: tuple[int, ...], dtype: np.dtype) -> Any:
    whole = np.zeros(0, dtype) if not parts else parts[0] if len(parts) == 1 else np.concatenate(parts)
    return np.reshape(whole, shape) if shape else whole[0]


def none_or(f: Callable, tree: Any) -> Any:
    """`tree_map` that leaves ``None`` alone."""
    return tree_map(lambda leaf: None if leaf is None else f(leaf), tree)
