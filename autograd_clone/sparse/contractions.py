"""What products of arrays depend on: `numpy.matmul` and its kin, `numpy.einsum`, convolutions.

Every product of axes is brought to the form of an `einsum` with one label per axis. An element of the result depends on an
element of an operand if the labels fit and the other operands are not zero there; the zeros of a constant operand are
known. Where no other operand has known zeros, unions over the summed axes come first, so that nothing of the size of the
product is ever made; otherwise the nonzeros of the constant are gone through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.cotangent import shape_of
from .indexsets import IndexSets, union
from .kinds import numbers, spread
from .tables import mixed, rule
from .trace import Application

Labels = tuple[Any, ...]


class Factor:
    """An operand with distinct labels: the numbers of its elements, and where a constant is not zero.

    Attributes
    ----------
    labels : tuple
        One per axis of `numbers`.
    numbers : ndarray
        The number of each element in the operand.
    nonzero : ndarray of bool, optional
        Like `numbers`, if zeros are known.
    """

    __slots__ = ("labels", "nonzero", "numbers")

    def __init__(self, labels: Labels, shape: tuple[int, ...], sizes: dict, value: Any = None) -> None:
        names, places = list(labels), numbers(shape)
        k = 0
        while k < len(names):
            if names[k] in names[:k]:  # twice in one operand: a diagonal
                first = names.index(names[k])
                places = np.moveaxis(np.diagonal(places, 0, first, k), -1, first)
                del names[k]
            elif places.shape[k] == 1 and sizes[names[k]] != 1:  # stretched
                places = np.take(places, 0, axis=k)
                del names[k]
            else:
                k += 1
        self.labels, self.numbers = tuple(names), places
        nonzero = None if value is None else np.ravel(value)[places] != 0
        self.nonzero = None if nonzero is None or nonzero.all() else nonzero


def contraction(call: Application, terms: Sequence[Labels], output: Labels, shapes: Sequence[tuple] | None = None) -> IndexSets:
    """The sets of an einsum of the operands, whose axes have the labels `terms`, with the axes `output` in the result."""
    shapes = shapes or [call.shape(i) for i in range(len(terms))]
    sizes: dict[Any, int] = {}
    for labels, shape in zip(terms, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    factors = [
        Factor(labels, shape, sizes, value if fixed else None)
        for labels, shape, value, fixed in zip(terms, shapes, call.values, call.fixed, strict=True)
    ]
    return union([
        _of_one(call.sets[i], factors[i], [f for j, f in enumerate(factors) if j != i and f.nonzero is not None], output, sizes)
        for i in call.active
    ])  # fmt: skip


def _of_one(sets: Any, mine: Factor, masks: list[Factor], output: Labels, sizes: dict) -> IndexSets:
    """What the result depends on through one operand; `masks` are the constants with zeros."""
    masked = {label for f in masks for label in f.labels}
    summed = [label for label in mine.labels if label not in output and label not in masked]
    kept = tuple(label for label in mine.labels if label not in summed)
    sets = _summed(sets, mine, kept, sizes)
    if not masks:
        ordered = tuple(label for label in output if label in kept)
        if ordered != kept:
            sets = sets.take(_placed(kept, ordered, sizes))
    else:
        ordered = tuple(label for label in output if label in kept or label in masked)
        sets = _masked(sets, kept, masks, ordered, sizes)
    shape = tuple(sizes[label] if label in ordered else 1 for label in output)
    return spread(sets, shape, tuple(sizes[label] for label in output))


def _shape(labels: Labels, sizes: dict) -> tuple[int, ...]:
    return tuple(sizes[label] for label in labels)


def _placed(labels: Labels, order: Labels, sizes: dict) -> np.ndarray:
    """The numbers of the elements of an array with axes `labels`, read with the axes in another order."""
    return numbers(_shape(labels, sizes)).transpose([labels.index(label) for label in order]).ravel()


def _summed(sets: Any, mine: Factor, kept: Labels, sizes: dict) -> IndexSets:
    """The sets of an operand with all axes but `kept` summed."""
    order = [*kept, *(label for label in mine.labels if label not in kept)]
    places = mine.numbers.transpose([mine.labels.index(label) for label in order])
    if len(kept) == len(order):
        return sets.take(places.ravel())
    shape = _shape(kept, sizes)
    targets = np.broadcast_to(numbers(shape).reshape(shape + (1,) * (len(order) - len(kept))), places.shape)
    return sets.merge(targets.ravel(), int(np.prod(shape)), places.ravel())


def _masked(sets: IndexSets, kept: Labels, masks: list[Factor], output: Labels, sizes: dict) -> IndexSets:
    """Unions over the axes not in `output`, where no constant is zero."""
    wanted = tuple(dict.fromkeys([*output, *kept]))
    labels = tuple(label for label in wanted if any(label in f.labels for f in masks))
    free = tuple(label for label in wanted if label not in labels)
    mask = np.ones(_shape(labels, sizes), bool)
    for f in masks:
        mask &= _aligned(f, labels, sizes)
    nonzeros = dict(zip(labels, np.nonzero(mask), strict=True)) if labels else {}
    others = dict(zip(free, map(np.ravel, np.indices(_shape(free, sizes), np.intp)), strict=True))
    targets, sources = (
        np.add.outer(_offsets(nonzeros, axes, sizes), _offsets(others, axes, sizes)).ravel() for axes in (output, kept)
    )
    return sets.merge(targets, int(np.prod(_shape(output, sizes))), sources)


def _aligned(factor: Factor, labels: Labels, sizes: dict) -> np.ndarray:
    """Where a constant is not zero, for any place along its other axes, with axes that broadcast against those of `labels`."""
    other = tuple(k for k, label in enumerate(factor.labels) if label not in labels)
    mine = [label for label in factor.labels if label in labels]
    nonzero = np.any(factor.nonzero, axis=other) if other else factor.nonzero
    order = [mine.index(label) for label in labels if label in mine]
    return np.transpose(nonzero, order).reshape([sizes[label] if label in mine else 1 for label in labels])  # type: ignore[arg-type]


def _offsets(positions: dict, labels: Labels, sizes: dict) -> np.ndarray:
    """Where in an array with axes `labels`, in C order, lie places that are given along some of them."""
    count = len(next(iter(positions.values()))) if positions else 1
    out, step = np.zeros(count, np.intp), 1
    for label in reversed(labels):
        if label in positions:
            out += positions[label] * step
        step *= sizes[label]
    return out


# ---- the functions as contractions -----------------------------------------------------------------------------------------


@rule("einsum_1", "einsum_2", "einsum_n")
def _einsum(call: Application) -> Any:
    terms, _, output = call.params["subscripts"].partition("->")
    return contraction(call, [tuple(t) for t in terms.split(",")], tuple(output))


def _labels(ndim: int, core: Labels, places: Any) -> Labels:
    """Labels of an operand: `core` at `places`, by default at the end, and negative numbers for the axes that are broadcast."""
    batch = list(range(len(core) - ndim, 0))
    if places is None:
        return (*batch, *core)
    at = [p % ndim for p in ((places,) if isinstance(places, (int, np.integer)) else places)]
    named = dict(zip(at, core, strict=True))
    rest = iter(batch)
    return tuple(named[k] if k in named else next(rest) for k in range(ndim))


def _of_matrices(call: Application, first: Labels, second: Labels, output: Labels) -> Any:
    """A product of some axes of two operands, with the others broadcast."""
    places = call.params.get("axes")
    if call.params.get("axis") is not None:
        places = [call.params["axis"]] * 2
    if call.params.get("keepdims"):
        return NotImplemented
    a, b, out = [*places, ()][:3] if places else (None, None, None)
    ndims = len(call.shape(0)), len(call.shape(1))
    batch = max(ndims[0] - len(first), ndims[1] - len(second))
    terms = [_labels(ndims[0], first, a), _labels(ndims[1], second, b)]
    return contraction(call, terms, _labels(batch + len(output), output, out))


@rule("numpy.matmul")
def _matmul(call: Application) -> Any:
    a, b = len(call.shape(0)), len(call.shape(1))
    first, second = ("k",) if a == 1 else ("i", "k"), ("k",) if b == 1 else ("k", "j")
    return _of_matrices(call, first, second, (() if a == 1 else ("i",)) + (() if b == 1 else ("j",)))


@rule("numpy.vecdot")
def _vecdot(call: Application) -> Any:
    return _of_matrices(call, ("k",), ("k",), ())


@rule("numpy.matvec")
def _matvec(call: Application) -> Any:
    return _of_matrices(call, ("i", "k"), ("k",), ("i",))


@rule("numpy.vecmat")
def _vecmat(call: Application) -> Any:
    return _of_matrices(call, ("k",), ("k", "j"), ("j",))


def _summed_pairs(call: Application, pairs: list[tuple[int, int]]) -> IndexSets:
    """The sum over pairs of axes, one of each operand; the axes that remain stand one after the other."""
    terms = []
    for k in (0, 1):
        names: list[Any] = [(k, axis) for axis in range(len(call.shape(k)))]
        for pair in pairs:
            names[pair[k]] = ("summed", pair)
        terms.append(tuple(names))
    return contraction(call, terms, tuple(label for term in terms for label in term if label[0] != "summed"))


@rule("numpy.dot")
def _dot(call: Application) -> Any:
    a, b = len(call.shape(0)), len(call.shape(1))
    return _summed_pairs(call, [(a - 1, max(b - 2, 0))] if a and b else [])


@rule("numpy.inner")
def _inner(call: Application) -> Any:
    a, b = len(call.shape(0)), len(call.shape(1))
    return _summed_pairs(call, [(a - 1, b - 1)] if a and b else [])


@rule("numpy.tensordot")
def _tensordot(call: Application) -> Any:
    axes, a, b = call.params["axes"], len(call.shape(0)), len(call.shape(1))
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        return _summed_pairs(call, [(a - int(axes) + k, k) for k in range(int(axes))])
    first, second = (np.ravel(x).tolist() for x in axes)
    return _summed_pairs(call, [(i % a, j % b) for i, j in zip(first, second, strict=True)])


@rule("numpy.outer")
def _outer(call: Application) -> Any:
    return contraction(call, [("i",), ("j",)], ("i", "j"), [(int(np.size(v)),) for v in call.values])


@rule("numpy.vdot")
def _vdot(call: Application) -> Any:
    return contraction(call, [("i",), ("i",)], (), [(int(np.size(v)),) for v in call.values])


@rule("numpy.cross")
def _cross(call: Application) -> Any:
    """Of vectors in three dimensions, element ``i`` depends on the elements that are not number ``i``."""
    p = call.params
    axes = (p["axisa"], p["axisb"], p["axisc"]) if p["axis"] is None else (p["axis"],) * 3
    if any(call.shape(i)[axes[i]] != 3 for i in (0, 1)):
        return NotImplemented
    shape = np.moveaxis(np.empty(shape_of(call.ans), bool), axes[2], -1).shape
    parts = []
    for i in call.active:
        places = np.broadcast_to(np.moveaxis(numbers(call.shape(i)), axes[i], -1), shape)
        for by in (1, 2):
            others = np.moveaxis(np.roll(places, by, axis=-1), -1, axes[2])
            parts.append(call.sets[i].take(others.ravel()))  # type: ignore[union-attr]
    return union(parts)


@rule("sparse_product")
def _sparse_product(call: Application) -> Any:
    """A product with a constant matrix of SciPy, of a vector or of each column of a matrix."""
    matrix, new = call.params["matrix"].tocoo(), shape_of(call.ans)
    columns = np.arange(int(np.prod(new[1:])))
    targets = np.add.outer(matrix.coords[0].astype(np.intp) * len(columns), columns)
    sources = np.add.outer(matrix.coords[1].astype(np.intp) * len(columns), columns)
    return call.sets[0].merge(targets.ravel(), int(np.prod(new)), sources.ravel())  # type: ignore[union-attr]


# ---- convolutions ------------------------------------------------------------------------------------------------------------


def _nonzeros(call: Application, i: int) -> np.ndarray:
    """Where an operand may be other than zero."""
    value = np.ravel(call.values[i])
    return np.flatnonzero(value) if call.fixed[i] else np.arange(value.size)


@rule("convolution")
def _convolution(call: Application) -> Any:
    parts = []
    for i in call.active:
        mine, other = np.arange(np.size(call.values[i])), _nonzeros(call, 1 - i)
        targets = np.add.outer(other, mine)
        sources = np.broadcast_to(mine, targets.shape)
        parts.append(call.sets[i].merge(targets.ravel(), int(np.size(call.ans)), sources.ravel()))  # type: ignore[union-attr]
    return union(parts)


@rule(*(f"{basis}_product{end}" for basis in ("leg", "lag", "herm", "herme") for end in ("", "_transposed")))
def _product_of_series(call: Application) -> Any:
    new = shape_of(call.ans)
    return union([mixed(call.sets[i], call.shape(i), (len(call.shape(i)) - 1,), new) for i in call.active])


@rule("sliding_products")
def _sliding_products(call: Application) -> Any:
    count, parts = int(np.size(call.ans)), []
    places = np.arange(count)
    if call.sets[0] is not None:
        sources = np.add.outer(_nonzeros(call, 1), places)
        parts.append(call.sets[0].merge(np.broadcast_to(places, sources.shape).ravel(), count, sources.ravel()))
    if call.sets[1] is not None:
        window = np.arange(np.size(call.values[1]))
        inside = np.isin(np.add.outer(places, window), _nonzeros(call, 0))
        targets, sources = np.nonzero(inside)
        parts.append(call.sets[1].merge(targets, count, sources))
    return union(parts)
