"""What the result of a primitive depends on, of those whose kind does not tell: reductions, sums, linear algebra along axes.

Products are in `contractions`. A rule takes an `Application` and gives the sets of the result, one `IndexSets` per output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..engine.cotangent import shape_of
from .indexsets import IndexSets, stacked
from .kinds import RULES, elementwise, moved, numbers, spread
from .trace import WHEREVER, Application, PatternRule, is_varying
from .written import WrittenSets


def rule(*names: str, wherever: bool = False) -> Callable:
    """Decorator: the rule of the primitives with these names; right for any positions among the parameters if `wherever`."""

    def install(function: PatternRule) -> PatternRule:
        if wherever:
            WHEREVER.add(function)
        for name in names:
            RULES[name] = function
        return function

    return install


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """A reduction's axes as non-negative numbers; all of them for ``None``."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(int(a) % ndim for a in (axis if isinstance(axis, Iterable) else (axis,)) if ndim)


def collected(sets: Any, shape: tuple[int, ...], axes: tuple[int, ...], only: np.ndarray | None = None) -> IndexSets:
    """Unions over `axes`, which keep the length one; over the elements in the mask `only`, if one is given."""
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    targets = np.broadcast_to(numbers(kept), shape).ravel()
    count = int(np.prod(kept))
    if only is None:
        return sets.merge(targets, count)
    sources = np.flatnonzero(np.broadcast_to(only, shape))
    return sets.merge(targets[sources], count, sources)


def mixed(sets: Any, shape: tuple[int, ...], axes: tuple[int, ...], new: tuple[int, ...]) -> IndexSets:
    """Sets of an array of shape `new` of which every element depends on all that lie in line with it along `axes`.

    All other axes are as in `shape`, or broadcast.
    """
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    return spread(collected(sets, shape, axes), kept, new)


def of_each_output(call: Application, sets_of: Callable[[tuple[int, ...]], IndexSets]) -> Any:
    """``sets_of(shape)`` for the shape of each output."""
    if isinstance(call.ans, (tuple, list)):
        return [sets_of(shape_of(a)) for a in call.ans]
    return sets_of(shape_of(call.ans))




# ---- element by element, though not of that kind ------------------------------------------------------------------------

for _name in (
    "cast_array", "copied", "root_or_zero", "numpy.float_power", "numpy.modf", "numpy.frexp", "numpy.angle", "numpy.unwrap",
    "scipy.special.sici", "scipy.special.shichi", "scipy.special.fresnel", "scipy.special.airy", "scipy.special.ellipj",
):  # fmt: skip
    RULES[_name] = elementwise


@rule("getitem")
def _read(call: Application) -> Any:
    """``x[index]``, which programs do once per element: the places are looked up, not tried out."""
    (sets,) = call.sets
    return sets.take(np.ravel(numbers(call.shape())[call.params["index"]]))  # type: ignore[union-attr]


@rule("padded")
def _padded(call: Application) -> Any:
    constant = Application(call.prim, call.values, call.sets, call.fixed, call.given | {"constant_values": 0}, call.ans, call.n)
    return moved(constant)


# ---- over axes ---------------------------------------------------------------------------------------------------------


@rule(
    "numpy.sum", "numpy.mean", "numpy.prod", "numpy.max", "numpy.amax", "numpy.min", "numpy.amin", "numpy.nanmax", "numpy.nanmin",
    "fmax_reduce", "fmin_reduce", "variance", "deviation", "euclidean", "power_norm",
)  # fmt: skip
def _reduced(call: Application) -> Any:
    where = call.params.get("where", True)
    only = None if where is True or where is np._NoValue or type(where) is not np.ndarray else where
    shape = call.shape()
    return collected(call.sets[0], shape, axes_of(call.params["axis"], len(shape)), only)


@rule("scipy.special.logsumexp", "scipy.special.logsumexp (return_sign)")
def _logsumexp(call: Application) -> Any:
    shape = np.broadcast_shapes(*(call.shape(i) for i, v in enumerate(call.values) if v is not None))
    parts = [spread(call.sets[i], call.shape(i), shape) for i in call.active]
    sets = parts[0] if len(parts) == 1 else parts[0] | parts[1]
    out = collected(sets, shape, axes_of(call.params.get("axis"), len(shape)))
    return of_each_output(call, lambda _: out)


@rule("numpy.trace")
def _trace(call: Application) -> Any:
    p = call.params
    diagonal = np.diagonal(numbers(call.shape()), p["offset"], p["axis1"], p["axis2"])
    sets = call.sets[0].take(diagonal.ravel())  # type: ignore[union-attr]
    return collected(sets, diagonal.shape, (diagonal.ndim - 1,))


@rule(
    "scipy.special.softmax", "scipy.special.log_softmax", "numpy.sort", "numpy.partition", "average_ties", "unpermuted",
    "numpy.fft.fft", "numpy.fft.ifft", "numpy.fft.rfft", "numpy.fft.irfft", wherever=True,
)  # fmt: skip
def _along(call: Application) -> Any:
    """Every element depends on all that lie on its line along the axis, or axes."""
    shape, new = call.shape(), shape_of(call.ans)
    axes = axes_of(call.params["axis"], len(shape))
    if len(axes) == len(shape):
        return call.sets[0].merge(np.zeros(len(call.sets[0]), np.intp), 1).take(np.zeros(int(np.prod(new)), np.intp))  # type: ignore[arg-type, union-attr]
    return mixed(call.sets[0], shape, axes, new)


@rule("order_statistics", wherever=True)
def _of_last_axis(call: Application) -> Any:
    shape = call.shape()
    return mixed(call.sets[0], shape, (len(shape) - 1,), shape_of(call.ans))


#: Module and prefix of the bases of series in `numpy.polynomial`.
BASES = {"polynomial": "poly", "chebyshev": "cheb", "legendre": "leg", "laguerre": "lag", "hermite": "herm", "hermite_e": "herme"}


@rule(*(f"numpy.polynomial.{module}.{prefix}val" for module, prefix in BASES.items()))
def _series(call: Application) -> Any:
    """The value at each point depends on the point and on all coefficients of its series."""
    new, parts = shape_of(call.ans), []
    x, c = call.shape(0), call.shape(1) or (1,)
    if call.sets[0] is not None:
        parts.append(spread(call.sets[0], x, new))
    if call.sets[1] is not None:
        kept = c[1:] + ((1,) * len(x) if call.params["tensor"] else ())
        parts.append(spread(collected(call.sets[1], c, (0,)), kept, new))
    return parts[0] if len(parts) == 1 else parts[0] | parts[1]


# ---- running along an axis -----------------------------------------------------------------------------------------------


def running(sets: IndexSets, shape: tuple[int, ...], axis: int) -> IndexSets:
    """Unions of all elements up to each along an axis, over windows of 1, 2, 4, ... elements."""
    places = np.moveaxis(numbers(shape), axis, -1)
    step = 1
    while step < shape[axis]:
        before = np.full(places.shape, -1, np.intp)
        before[..., step:] = places[..., :-step]
        sets = sets | sets.take(np.moveaxis(before, -1, axis).ravel())
        step *= 2
    return sets


@rule("numpy.cumsum", "numpy.cumprod")
def _running(call: Application) -> Any:
    shape, axis = call.shape(), call.params["axis"]
    if axis is None or not shape:
        shape, axis = (int(np.prod(shape)),), 0
    return running(call.sets[0], shape, axis % len(shape))  # type: ignore[arg-type]


@rule("recurrence")
def _recurrence(call: Application) -> Any:
    shape = shape_of(call.ans)
    parts = [spread(call.sets[i], call.shape(i), shape) for i in call.active]
    sets = parts[0] if len(parts) == 1 else parts[0] | parts[1]
    if not call.params["reverse"]:
        return running(sets, shape, len(shape) - 1)
    back = numbers(shape)[..., ::-1].ravel()
    return running(sets.take(back), shape, len(shape) - 1).take(back)


# ---- neighbours ------------------------------------------------------------------------------------------------------------


@rule("difference")
def _difference(call: Application) -> Any:
    line = np.moveaxis(numbers(call.shape()), call.params["axis"], 0)
    both = [np.moveaxis(part, 0, call.params["axis"]).ravel() for part in (line[1:], line[:-1])]
    return call.sets[0].take(both[0]) | call.sets[0].take(both[1])  # type: ignore[union-attr]


@rule("difference_adjoint")
def _difference_adjoint(call: Application) -> Any:
    axis = call.params["axis"]
    out = np.moveaxis(numbers(shape_of(call.ans)), axis, 0)
    targets = [np.moveaxis(part, 0, axis).ravel() for part in (out[1:], out[:-1])]
    return _added(call.sets[0], targets, out.size)


def _added(sets: Any, targets: list[np.ndarray], count: int) -> IndexSets:
    """Every element added at several places."""
    sources = np.tile(np.arange(len(sets)), len(targets))
    return sets.merge(np.concatenate(targets), count, sources)


@rule("sum_windows")
def _sum_windows(call: Application) -> Any:
    shape, axes = call.shape(), call.params["axes"]
    out = numbers(shape_of(call.ans))
    targets = np.empty(shape, np.intp)
    for place in np.ndindex(shape[out.ndim :]):
        start = [0] * out.ndim
        for axis, k in zip(axes, place, strict=True):
            start[axis] += k
        targets[(..., *place)] = out[tuple(slice(i, i + n) for i, n in zip(start, shape, strict=False))]
    return call.sets[0].merge(targets.ravel(), out.size)  # type: ignore[union-attr]


@rule("sum_segments")
def _sum_segments(call: Application) -> Any:
    out = numbers(shape_of(call.ans))
    targets = np.repeat(out, call.params["counts"], call.params["axis"])
    return call.sets[0].merge(targets.ravel(), out.size)  # type: ignore[union-attr]


# ---- scattering ------------------------------------------------------------------------------------------------------------


@rule("scatter_add")
def _scattered(call: Application) -> Any:
    out = numbers(call.params["shape"])
    parts, targets = [], []
    for i in call.active:
        places = out[call.params["indices"][i]]
        parts.append(spread(call.sets[i], call.shape(i), np.shape(places)))
        targets.append(np.ravel(places))
    return stacked(parts, call.n).merge(np.concatenate(targets), out.size)


@rule("assigned", wherever=True)
def _assigned(call: Application) -> Any:
    """An array with elements of another one at some places, which may themselves depend on the input."""
    value, array = (IndexSets.empty(int(np.prod(call.shape(i))), call.n) if s is None else s for i, s in enumerate(call.sets))
    place = call.params["place"]
    if is_varying(place, "iub"):  # each element may be what was there, or any that is written
        return array | value.merge(np.zeros(len(value), np.intp), 1).take(np.zeros(len(array), np.intp))
    if not (call.params["own"] and isinstance(array, WrittenSets) and array.is_open):
        array = WrittenSets(array)
    array.write(call.shape(1), place, value, call.shape(0))
    return array


@rule("numpy.bincount")
def _counted(call: Application) -> Any:
    if not call.fixed[0] or call.sets[1] is None:
        return NotImplemented
    return call.sets[1].merge(np.asarray(call.values[0], np.intp), np.size(call.ans))


# ---- matrices ----------------------------------------------------------------------------------------------------------------


@rule(
    "numpy.linalg.inv", "numpy.linalg.det", "numpy.linalg.slogdet", "numpy.linalg.cholesky", "numpy.linalg.eig", "unpivoted_lu",
    "hermitian_eigendecomposition", "singular_value_decomposition", "qr_decomposition", "exponential",
)  # fmt: skip
def _of_matrix(call: Application) -> Any:
    """Functions of a matrix, or of each in a stack: every element depends on the whole matrix."""
    shape = call.shape()
    stack = shape[:-2]
    whole = collected(call.sets[0], shape, (len(stack), len(stack) + 1))

    def sets_of(new: tuple[int, ...]) -> IndexSets:
        return spread(whole, stack + (1,) * (len(new) - len(stack)), new)

    return of_each_output(call, sets_of)


@rule("sparse_solve")
def _sparse_solve(call: Application) -> Any:
    """Every column of the solution depends on its own column of the right-hand side."""
    return mixed(call.sets[0], call.shape(), (0,), shape_of(call.ans))


@rule("numpy.linalg.solve", "triangular_solve")
def _solved(call: Application) -> Any:
    """Every column of the solution depends on the whole matrix and on its own column of the right-hand side."""
    new, parts = shape_of(call.ans), []
    a, b = call.shape(0), call.shape(1)
    vector = len(b) == 1
    if call.sets[0] is not None:
        whole = collected(call.sets[0], a, (len(a) - 2, len(a) - 1))
        parts.append(spread(whole, a[:-2] + ((1,) if vector else (1, 1)), new))
    if call.sets[1] is not None:
        parts.append(mixed(call.sets[1], b, (len(b) - (1 if vector else 2),), new))
    return parts[0] if len(parts) == 1 else parts[0] | parts[1]


