"""What a result depends on, as far as the kind of the primitive tells.

* elementwise: on the elements that are combined, wherever the derivative is not declared to be zero
* linear: most linear primitives only move elements. Where each element of the result comes from is found by applying the
  primitive to the numbers of the elements, and believed after it has been applied to random numbers as well.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.primitive import Primitive
from .indexsets import IndexSets, stacked
from .trace import Application, PatternRule, PatternTrace

#: primitive's name -> rule, of those whose kind does not say what their result depends on; filled by `tables`.
RULES: dict[str, PatternRule] = {}


#: From so many elements on, arrays of numbers are not kept for the next time.
LARGE = 1 << 16


def rule_of(prim: Primitive) -> PatternRule:
    """The rule of a primitive."""
    rule = RULES.get(prim.name)
    if rule is not None:
        return rule
    if prim.kind == "elementwise" or (isinstance(prim.fun, np.ufunc) and prim.fun.signature is None):
        return elementwise
    return moved if prim.kind == "linear" else unknown


PatternTrace.rule_of = staticmethod(rule_of)


def unknown(call: Application) -> Any:
    """The rule of what has none."""
    return NotImplemented


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape with the number of each element, to be read only."""
    return _numbers(shape) if prod(shape) < LARGE else _numbers.__wrapped__(shape)


@functools.lru_cache(maxsize=16)
def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    out = np.arange(prod(shape), dtype=np.intp).reshape(shape)
    out.flags.writeable = False
    return out


# ---- elementwise ----------------------------------------------------------------------------------------------------


def elementwise(call: Application) -> Any:
    """The rule of functions that combine elements at the same place after broadcasting."""
    if isinstance(call.ans, (tuple, list)):
        return [_at_same_place(call, shape_of(a)) for a in call.ans]
    return _at_same_place(call, shape_of(call.ans))


def _at_same_place(call: Application, shape: tuple[int, ...]) -> IndexSets | None:
    out = None
    for i in call.active:
        sets = spread(call.sets[i], call.shape(i), shape)
        out = sets if out is None else out | sets
    return out


PatternTrace.at_same_place = staticmethod(elementwise)


def spread(sets: Any, shape: tuple[int, ...], new: tuple[int, ...]) -> IndexSets:
    """The sets of an array that is broadcast from `shape` to `new`."""
    if shape == new:
        return sets
    return sets.take(np.broadcast_to(numbers(shape), new).ravel())


# ---- movement -------------------------------------------------------------------------------------------------------


def moved(call: Application) -> Any:
    """The rule of functions that put each element somewhere, or nowhere, or to several places, and fill up with zeros."""
    sizes = [int(np.prod(call.shape(i))) for i in range(len(call.values))]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    places = _whence(call, starts, np.arange(1.0, starts[-1] + 1))
    if np.any((places < 0) | (places > starts[-1]) | (places != np.floor(places))):
        return NotImplemented
    places = places.astype(np.intp)
    marks = np.random.default_rng(0).random(starts[-1]) + 1.0
    if np.any(_whence(call, starts, marks) != np.concatenate([[0.0], marks])[places]):
        return NotImplemented
    sets = [IndexSets.empty(size, call.n) if s is None else s for s, size in zip(call.sets, sizes, strict=True)]
    return stacked(sets, call.n).take(places.ravel() - 1)


def _whence(call: Application, starts: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The function of `marks` in place of the elements; zeros in place of constants, where the function puts a constant too."""
    operands = []
    for i, value in enumerate(call.values):
        mine = marks[starts[i] : starts[i + 1]] if call.sets[i] is not None else np.zeros(starts[i + 1] - starts[i])
        mine = mine * (1 + 1j) if dtype_of(value).kind == "c" else mine
        operands.append(mine.reshape(call.shape(i)))
    params = call.given
    if params.get("dtype") is not None:
        params = params | {"dtype": np.result_type(*operands)}
    out = np.asarray(call.prim.fun(*operands, **params))
    return np.maximum(np.abs(out.real), np.abs(out.imag)) if out.dtype.kind == "c" else out
