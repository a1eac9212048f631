"""Jacobians in few passes: all rows pulled back together, or all columns pushed forward together.

The unit cotangents (or tangents) of a chunk of rows (columns) are one batch, so a recording is walked once per chunk. How
many rows make a chunk is bounded by the memory that the largest array of the program takes when it is there once per row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from ..engine.batch import FALLBACKS, BatchTrace, TooManyAtOnce
from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import BatchedValueError
from ..engine.primitive import ELEMENTWISE_RULES
from ..engine.pytree import flatten
from ..engine.reverse import backward
from ..engine.zeros import backward_with_strong_zeros, is_finite
from .record import Tape, explain, finish, in_kind, leaves_of, push

#: Bytes that the largest array of a program may take in a chunk: what stays in the cache (measured for 500 rows of 500 numbers:
#: half of the time of one chunk of 2 MB).
CHUNK_BYTES = 1 << 19
#: Up to so many rows it is quicker to pull them back one by one: if they are plain arrays, and if they are not.
FEW, SINGLY = 5, 2
#: Outputs with so many elements get chunks of their own, in which the cotangents of the others need not be zeros.
LARGE = 32


#: How many columns at most are pushed forward together if nothing is known of the arrays that will be met, and the bytes
#: of such an array for all columns from which on the chunk is divided.
CAUTIOUS, PUSH_BYTES = 64, 1 << 24
#: Elements that rows must have more than columns to make up for another run of the function.
WORTH_A_RUN = 1000


class Piece(NamedTuple):
    """Elements ``start`` to ``stop`` of the flattened leaf number ``leaf``."""

    leaf: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.stop - self.start


def size_of(shape: tuple[int, ...]) -> int:
    """Number of elements of an array of this shape."""
    size = 1
    for n in shape:
        size *= n
    return size


def chunks(sizes: list[int], length: int) -> Iterator[list[Piece]]:
    """All elements of leaves of these sizes, in order, in chunks of at most `length`."""
    chunk: list[Piece] = []
    room = length
    for leaf, size in enumerate(sizes):
        if chunk and size >= LARGE:
            yield chunk
            chunk, room = [], length
        start = 0
        while start < size:
            stop = min(size, start + room)
            chunk.append(Piece(leaf, start, stop))
            room -= stop - start
            start = stop
            if room == 0 or (start == size >= LARGE):
                yield chunk
                chunk, room = [], length
    if chunk:
        yield chunk


def units(piece: Piece, before: int, rows: int, shape: tuple[int, ...], dtype: Any, unit: complex = 1) -> np.ndarray:
    """Unit arrays of `shape`, one per row from row `before` on; the other rows are zero.

    `unit` is what complex ones have in place of 1.

    Memory that was used before is filled with zeros; fresh pages, which `numpy.zeros` takes, cost several times as much.
    """
    n = size_of(shape)
    out = np.empty((rows, n), dtype)
    out.fill(0)
    stop = (before + piece.size) * n
    out.reshape(-1)[before * n + piece.start : stop : n + 1] = unit if dtype.kind == "c" else 1
    return out.reshape((rows, *shape))


def seeds_of(chunk: list[Piece], likes: list[Any], unit: complex = 1) -> dict[int, np.ndarray]:
    """Leaf -> its unit arrays in a chunk; `likes` has the shape and dtype of each leaf."""
    rows = sum(piece.size for piece in chunk)
    seeds, before = {}, 0
    for piece in chunk:
        shape, dtype = likes[piece.leaf]
        seeds[piece.leaf] = units(piece, before, rows, shape, dtype, unit)
        before += piece.size
    return seeds


class Collected:
    """Chunks of rows (or columns), put into one array as they come, so that no second copy of a Jacobian is ever made.

    Parameters
    ----------
    total : int
        Number of rows.
    last : bool
        Whether the axis that counts them, which comes first in each chunk, is to be the last.
    """

    def __init__(self, total: int, *, last: bool = False) -> None:
        self.total, self.axis = total, -1 if last else 0
        self.whole: Any = None
        self.filled = 0
        self.parts: list[Any] = []

    def add(self, part: Any) -> None:
        """Append a chunk."""
        n = shape_of(part)[0]
        if self.axis:
            part = np.moveaxis(part, 0, -1)
        elif n == self.total:
            self.parts.append(_own(part))
            return
        plain = type(part) is np.ndarray and (self.whole is None or self.whole.dtype == part.dtype)
        if self.parts or not plain:
            self._give_up()
            self.parts.append(part)
            return
        if self.whole is None:
            shape = (*part.shape[:-1], self.total) if self.axis else (self.total, *part.shape[1:])
            self.whole = np.empty(shape, part.dtype)
        self.whole[self._rows(self.filled, self.filled + n)] = part
        self.filled += n

    def _rows(self, start: int, stop: int) -> Any:
        return (..., slice(start, stop)) if self.axis else slice(start, stop)

    def _give_up(self) -> None:
        """Go over to a list of chunks: some are traced."""
        if self.whole is not None:
            self.parts = [self.whole[self._rows(0, self.filled)]]
            self.whole = None

    def result(self) -> Any:
        """All of them."""
        if self.whole is not None or not self.parts:
            return self.whole
        return self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts, axis=self.axis)


# ---- rows -----------------------------------------------------------------------------------------------------------


def pull_rows(tape: Tape, length: int | None = None, unit: complex = 1) -> list[Any]:
    """For each input leaf all rows, as an array of shape ``(rows, *shape)``; ``None`` for a leaf that cannot vary.

    Rows are the elements of the output leaves that depend on the input, in order.
    """
    likes = [(shape, dtype) for _, shape, dtype in tape.ends]
    sizes = [0 if dtype is None else size_of(shape) for shape, dtype in likes]
    if sum(sizes) <= SINGLY and length is None:
        length = 1
    rows = [None if like is None else Collected(sum(sizes)) for like in tape.leaves]
    for chunk in chunks(sizes, length or chunk_length(largest_array(tape))):
        for collected, part in zip(rows, _pull_chunk(tape, chunk, likes, unit), strict=True):
            if collected is not None:
                collected.add(part)
    return [None if collected is None else collected.result() for collected in rows]


def plain_rows(tape: Tape) -> Any:
    """The Jacobian of plain arrays of one dtype by each other, if it is a matter of one batch or of few rows: without many a check.

    ``None`` if it is another kind of Jacobian, or if one of these checks would have found something.
    """
    total, kind = 0, None
    for like in tape.leaves:
        if like is None or type(like[2]) is not bool or (kind is not None and like[1] is not kind):
            return None
        kind = like[1]
    for y, (_, shape, dtype) in zip(tape.outputs(), tape.ends, strict=True):
        total += size_of(shape)
        if type(y) not in _PLAIN or dtype is not kind:
            return None
    try:
        if 0 < total <= FEW:
            trees = [_row_by_row(tape, *end) for end in tape.ends]
        elif len(tape.ends) == 1 and 0 < total <= chunk_length(largest_array(tape)):
            trees = [_in_one_batch(tape, total, *tape.ends[0])]
        else:
            return None
    except Exception:  # noqa: BLE001 - raised again, with an explanation, where all is checked
        return None
    return None if any([tree is None for tree in trees]) else tape.outdef.unflatten(trees)


def _row_by_row(tape: Tape, end: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The rows of one output leaf; ``None`` if one is no plain array, or not finite."""
    n = size_of(shape)
    blocks = [np.empty((n, *size), dtype) for size, _, _ in tape.leaves]  # type: ignore[misc]
    for k in range(n):
        seed = np.zeros(shape, dtype)
        seed.reshape(-1)[k] = 1
        found = backward([(end, seed if shape else seed[()])])
        for block, node in zip(blocks, tape.roots, strict=True):
            row = found.get(node[0], _ZERO)
            if row is not _ZERO and (type(row) not in _PLAIN or row.dtype is not dtype or row.shape != block.shape[1:]):
                return None
            block[k] = row
    return _blocks(tape, blocks, shape)


def _in_one_batch(tape: Tape, n: int, end: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """As `_row_by_row`, all rows in one pass."""
    blocks = []
    with BatchTrace(n) as trace:
        found = backward([(end, trace.box(units(Piece(0, 0, n), 0, n, shape, dtype)))])
        for (size, _, _), node in zip(tape.leaves, tape.roots, strict=True):  # type: ignore[misc]
            rows = found.get(node[0])
            if not isinstance(rows, Box) or rows._trace is not trace or type(rows._value) is not np.ndarray:
                return None
            if rows._value.shape != (n, *size) or rows._value.dtype is not dtype:
                return None
            blocks.append(_own(rows._value))
    return _blocks(tape, blocks, shape)


def _blocks(tape: Tape, blocks: list[np.ndarray], shape: tuple[int, ...]) -> Any:
    for block in blocks:
        if not is_finite(block):
            return None
    return tape.treedef.unflatten([block.reshape(shape + block.shape[1:]) for block in blocks])


#: What plain arrays and numbers are, and a row that nothing reaches.
_PLAIN, _ZERO = frozenset({np.ndarray, np.float64, np.float32, np.complex128, np.complex64}), np.float64(0)


def _unit(likes: list[Any], leaf: int, i: int, unit: complex) -> dict[int, Any]:
    """The cotangents that are zero but for one element of one output leaf."""
    shape, dtype = likes[leaf]
    one = dtype.type(unit if dtype.kind == "c" else 1)
    if not shape:
        return {leaf: one}
    seed = np.zeros(shape, dtype)
    seed.reshape(-1)[i] = one
    return {leaf: seed}


def _pull_singly(tape: Tape, chunk: list[Piece], likes: list[Any], unit: complex) -> list[Any]:
    """One row, without a batch."""
    ((leaf, i, _),) = chunk
    seeds = _unit(likes, leaf, i, unit)
    return [None if h is None else np.reshape(h, (1, *shape_of(h))) for h in _pull(tape, seeds)]


def _pull_chunk(tape: Tape, chunk: list[Piece], likes: list[Any], unit: complex) -> list[Any]:
    """Some rows in one pass; one after the other if a rule cannot do with all at once."""
    rows = sum(piece.size for piece in chunk)
    if rows == 1:
        return _pull_singly(tape, chunk, likes, unit)
    try:
        with BatchTrace(rows) as trace:
            seeds = {leaf: trace.box(seed) for leaf, seed in seeds_of(chunk, likes, unit).items()}
            return [None if h is None else trace.all_of(h) for h in _pull(tape, seeds)]
    except BatchedValueError:
        FALLBACKS["rows of a Jacobian"] += 1
    out = [None if like is None else Collected(rows) for like in tape.leaves]
    for piece in chunk:
        for i in range(piece.start, piece.stop):
            for collected, row in zip(out, _pull_singly(tape, [Piece(piece.leaf, i, i + 1)], likes, unit), strict=True):
                if collected is not None:
                    collected.add(row)
    return [None if collected is None else collected.result() for collected in out]


def _own(x: Any) -> Any:
    """`x` as an array that nobody else sees."""
    return x.copy() if type(x) is np.ndarray and (x.base is not None or not x.flags.writeable) else x


def _pull(tape: Tape, seeds: dict[int, Any]) -> list[Any]:
    """The cotangents of the input leaves for those of some output leaves."""
    try:
        outs = tape.outputs()
        ends = [(tape.ends[leaf][0], in_kind(g, outs[leaf])) for leaf, g in seeds.items()]
        found = backward(list(ends))  # type: ignore[arg-type]
        if not all(map(is_finite, found.values())):
            found = backward_with_strong_zeros(ends)  # type: ignore[arg-type]
    except Exception as error:
        _explain(error, tape, seeds)
        raise
    return [None if like is None else finish(found.get(node[0]), *like) for node, like in zip(tape.roots, tape.leaves, strict=True)]


def _explain(error: Exception, tape: Tape, seeds: dict[int, Any]) -> None:
    gs = [seeds.get(k, None if dtype is None else np.zeros(shape, dtype)) for k, (_, shape, dtype) in enumerate(tape.ends)]
    explain(error, tape.fun, tape.x, tape.outdef.unflatten(gs))


# ---- columns --------------------------------------------------------------------------------------------------------


def push_columns(fun: Callable, x: Any, length: int | None = None, largest: int = 0) -> tuple[Any, list[Any], list[list[Any]]]:
    """The output, its structure, and for each output leaf and input leaf all columns, as the last axis.

    Parameters
    ----------
    fun, x
        A function and its argument, pytrees to pytrees.
    length : int, optional
        How many columns make a chunk.
    largest : int
        Bytes of the largest array, where that is known already.

    Returns
    -------
    treedef : TreeDef
        Structure of the output.
    leaves : list
        Output leaves.
    columns : list of lists
        ``columns[m][k]`` has shape ``(*shape of output leaf m, size of input leaf k)``; ``None`` where nothing varies.
    """
    few = type(x) is np.ndarray and x.dtype.kind == "f" and 1 < x.size <= min(CAUTIOUS, chunk_length(max(largest, 8 * x.size)))
    if few and length is None and (found := _at_once(fun, x)) is not None:
        return found
    _, values, treedef = leaves_of(x)
    likes = [None if v is None else (shape_of(v), dtype_of(v)) for v in values]
    sizes = [0 if like is None else size_of(like[0]) for like in likes]
    at_once = length or min(chunk_length(max([largest, *(8 * n for n in sizes)])), sum(sizes) if largest else CAUTIOUS)
    outs: list[Any] = []
    outdef = None
    whole: list[Collected] = []
    for chunk in chunks(sizes, max(at_once, 1)):
        for part in _bounded(fun, x, treedef, chunk, likes, 0 if length else PUSH_BYTES):
            outs, outdef, tangents = part
            whole = whole or [Collected(sum(sizes), last=True) for _ in outs]
            for collected, t in zip(whole, tangents, strict=True):
                if t is not None:
                    collected.add(t)
    if outdef is None:
        outs, outdef = flatten(fun(x))
        whole = [Collected(0) for _ in outs]
    return outdef, outs, [_split(collected.result(), sizes) for collected in whole]


def _at_once(fun: Callable, x: np.ndarray) -> tuple[Any, list[Any], list[list[Any]]] | None:
    """As `push_columns`, for a plain array of few numbers: all columns in one pass; ``None`` if arrays turn out to be too large."""
    n = x.size
    try:
        with BatchTrace(n, PUSH_BYTES) as trace:
            y, t = push(fun, x, trace.box(units(Piece(0, 0, n), 0, n, x.shape, x.dtype)))
            outs, outdef = flatten(y)
            columns = [None if part is None else trace.all_of(part) for part in outdef.flatten_like(t, "tangent")]
    except TooManyAtOnce:
        return None
    return outdef, outs, [[_with_batch_last(part)] for part in columns]


def _with_batch_last(part: Any) -> Any:
    if type(part) is not np.ndarray:
        return None if part is None else np.moveaxis(part, 0, -1)
    return np.ascontiguousarray(part.transpose((*range(1, part.ndim), 0)))


def _bounded(fun: Callable, x: Any, treedef: Any, chunk: list[Piece], likes: list[Any], limit: int) -> Iterator[tuple]:
    """A chunk pushed forward; in parts if arrays turn out to be larger than the arguments let expect."""
    try:
        yield _push_chunk(fun, x, treedef, chunk, likes, limit)
        return
    except TooManyAtOnce as found:
        length = chunk_length(found.row)
    for piece in chunk:
        for start in range(piece.start, piece.stop, length):
            part = Piece(piece.leaf, start, min(piece.stop, start + length))
            yield _push_chunk(fun, x, treedef, [part], likes, 0)


def _push_chunk(
    fun: Callable, x: Any, treedef: Any, chunk: list[Piece], likes: list[Any], limit: int
) -> tuple[list[Any], Any, list[Any]]:
    seeds = seeds_of(chunk, likes)
    if sum(piece.size for piece in chunk) == 1:
        single = {leaf: unit[0] for leaf, unit in seeds.items()}
        return _push_along(fun, x, treedef, single, _as_one_column, likes)
    with BatchTrace(sum(piece.size for piece in chunk), limit) as trace:
        boxed = {leaf: trace.box(unit) for leaf, unit in seeds.items()}
        return _push_along(fun, x, treedef, boxed, lambda t: None if t is None else trace.all_of(t), likes)


def _as_one_column(t: Any) -> Any:
    return None if t is None else np.reshape(t, (1, *shape_of(t)))


def _push_along(
    fun: Callable, x: Any, treedef: Any, seeds: dict[int, Any], take: Callable, likes: list[Any]
) -> tuple[list[Any], Any, list[Any]]:
    tangents = [seeds.get(k) for k in range(len(likes))]
    y, t = push(fun, x, treedef.unflatten(tangents))
    outs, outdef = flatten(y)
    return outs, outdef, [take(leaf) for leaf in outdef.flatten_like(t, "tangent")]


def _split(columns: Any, sizes: list[int]) -> list[Any]:
    """The columns of one output leaf by input leaf."""
    if columns is None or len(sizes) == 1:
        return [columns] * len(sizes)
    ends = list(accumulate(sizes))
    return [columns[..., end - size : end] for end, size in zip(ends, sizes, strict=True)]


# ---- which, and how many at once ------------------------------------------------------------------------------------------------


def prefers_columns(tape: Tape) -> bool:
    """Whether a Jacobian is better computed by columns, although the function then has to run again."""
    ins = [like for like in tape.leaves if like is not None]
    outs = [(shape, dtype) for _, shape, dtype in tape.ends if dtype is not None]
    if any(like[1].kind == "c" for like in (*ins, *outs)):
        return False
    n, m = sum(size_of(like[0]) for like in ins), sum(size_of(like[0]) for like in outs)
    return n < m and (m - n) * m > WORTH_A_RUN


def chunk_length(largest: int) -> int:
    """How many rows make a chunk, for a program whose largest array has so many bytes."""
    return max(1, CHUNK_BYTES // max(largest, 1))


def largest_array(tape: Tape) -> int:
    """Bytes of the largest cotangent that a recording is known to meet.

    Known are the inputs, the outputs, what elementwise rules keep (which has the shape of their cotangents), and the
    shapes that other rules keep; but not the arrays that those keep, which may be constant matrices.
    """
    largest = 8
    for like in (*tape.leaves, *((shape, dtype) for _, shape, dtype in tape.ends if dtype is not None)):
        if like is not None:
            largest = max(largest, size_of(like[0]) * like[1].itemsize)
    stack = [node for node, _, _ in tape.ends if node is not None]
    seen = {node[0] for node in stack}
    while stack:
        node = stack.pop()
        for k in range(1, len(node), 4):
            parent = node[k]
            order = parent[0]
            if order not in seen:
                seen.add(order)
                stack.append(parent)
            residual = node[k + 2]
            if type(residual) is np.ndarray:
                if residual.nbytes > largest and node[k + 1] in ELEMENTWISE_RULES:
                    largest = residual.nbytes
            elif type(residual) is tuple:
                largest = max(largest, _kept(residual, node[k + 1]))
    return largest


def _kept(residual: tuple, rule: Callable) -> int:
    """Bytes of the largest array or of the largest shape in a residual."""
    largest = 0
    for r in residual:
        kind = type(r)
        if kind is tuple and set(map(type, r)) == {int}:
            largest = max(largest, 8 * size_of(r))
        elif kind is int:  # the residual is itself a shape
            return 8 * size_of(residual) if set(map(type, residual)) == {int} else largest
        elif isinstance(r, (np.ndarray, Box)) and rule in ELEMENTWISE_RULES:
            largest = max(largest, r.nbytes)  # type: ignore[union-attr]
    return largest
