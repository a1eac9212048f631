"""Derivatives along many directions at once: tangents pushed forward and cotangents pulled back, as vectors.

A chunk of directions is one batch. Chunks are bounded by the bytes of the largest array of the program for all directions of a
chunk, as in `transforms.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine.batch import FALLBACKS, BatchTrace, TooManyAtOnce
from ..engine.errors import BatchedValueError
from ..engine.pytree import flatten
from ..transforms.record import Tape, push
from ..transforms.rows import PUSH_BYTES, chunk_length, largest_array
from .layout import Layout, input_layout, output_layout


def push_seeds(fun: Callable, x: Any, seeds: np.ndarray, length: int | None, name: str) -> np.ndarray:
    """The derivatives of `fun` at `x` along tangents.

    Parameters
    ----------
    fun, x
        A function and its argument, pytrees to pytrees.
    seeds : ndarray, shape (k, n)
        Tangents, as vectors.
    length : int, optional
        How many are pushed at once.
    name : str
        Of the transform, for messages.

    Returns
    -------
    ndarray, shape (k, m)
    """
    layout = input_layout(x, name)[2]
    count = len(seeds)
    step = length or max(1, min(count, PUSH_BYTES // max(8 * layout.size, 1)))
    parts: list[np.ndarray] = []
    start = 0
    while start < count or not parts:
        chunk = seeds[start : start + step]
        try:
            parts.append(_push(fun, x, layout, chunk, 0 if length or step == 1 else PUSH_BYTES, name))
            start += step
        except TooManyAtOnce as found:
            step = min(chunk_length(found.row), max(1, step // 2))
        except BatchedValueError:
            FALLBACKS["columns of a sparse Jacobian"] += 1
            step = 1
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _push(fun: Callable, x: Any, layout: Layout, seeds: np.ndarray, limit: int, name: str) -> np.ndarray:
    """The derivatives along some tangents in one pass."""
    count = len(seeds)
    parts = layout.split(seeds)
    if count == 1:
        return _along(fun, x, layout, {k: t[0] for k, t in parts.items()}, 1, lambda t: t, name)
    with BatchTrace(count, limit) as trace:
        return _along(fun, x, layout, {k: trace.box(t) for k, t in parts.items()}, count, trace.all_of, name)


def _along(fun: Callable, x: Any, layout: Layout, tangents: dict, count: int, take: Callable, name: str) -> np.ndarray:
    y, t = push(fun, x, layout.treedef.unflatten(tangents.get(k) for k in range(layout.treedef.size)))
    outs, treedef = flatten(y)
    out = output_layout(outs, treedef, name)
    found = [None if v is None else take(v) for v in treedef.flatten_like(t, "tangent")]
    full = [np.zeros((count, *out.shapes[k])) if v is None and k in out.shapes else v for k, v in enumerate(found)]
    return out.join(full, count)


class Pull:
    """A recorded function: ``pull(seeds)`` are the derivatives along cotangents, as vectors.

    Parameters
    ----------
    fun, x
        A function and its argument, pytrees to pytrees.
    length : int, optional
        How many cotangents are pulled at once.
    name : str
        Of the transform, for messages.
    """

    def __init__(self, fun: Callable, x: Any, length: int | None, name: str) -> None:
        self.input = input_layout(x, name)[2]
        self.tape = Tape(fun, x)
        self.output = output_layout(*flatten(self.tape.value), name)
        self.length = length or chunk_length(largest_array(self.tape))

    def __call__(self, seeds: np.ndarray) -> np.ndarray:
        parts = [part for k in range(0, len(seeds), self.length) for part in self._pull(seeds[k : k + self.length])]
        if not parts:
            return np.zeros((0, self.input.size))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _pull(self, seeds: np.ndarray) -> Iterator[np.ndarray]:
        if len(seeds) > 1:
            try:
                with BatchTrace(len(seeds)) as trace:
                    cotangents = {k: trace.box(g) for k, g in self.output.split(seeds).items()}
                    yield self._along(cotangents, len(seeds), trace.all_of)
                return
            except BatchedValueError:
                FALLBACKS["rows of a sparse Jacobian"] += 1
        for k in range(len(seeds)):
            yield self._along({i: g[0] for i, g in self.output.split(seeds[k : k + 1]).items()}, 1, lambda h: h)

    def _along(self, cotangents: dict, count: int, take: Callable) -> np.ndarray:
        tape = self.tape
        gs = [cotangents.get(k) for k in range(tape.outdef.size)]
        found = tape.treedef.flatten_like(tape.pull(tape.outdef.unflatten(gs)), "cotangent")
        return self.input.join([None if h is None else take(h) for h in found], count)
