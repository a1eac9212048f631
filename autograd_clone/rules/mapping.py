"""Functions that apply a function of the user's: piecewise, along an axis, to every element."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..array.box import OF_PYTHON
from ..engine.box import Box, all_values, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite
from ..engine.errors import BatchedValueError
from ..engine.trace import apply
from .creation import as_array, cast_to, from_list, from_object_array, holds_box
from .indexing import SCATTER
from .joining import normal_axis

# ---- piecewise -------------------------------------------------------------------------------------


def piecewise(x, condlist, funclist, *args, **kw):
    """As `numpy.piecewise`; each function sees only the elements that its condition selects.

    Where the conditions differ between the examples of a batch, functions see all elements, and must be elementwise.
    """
    x = as_array(x)
    conditions = _conditions(shape_of(x), condlist, len(funclist))
    pairs = list(zip(conditions, funclist, strict=True))
    if any(isinstance(c, Box) for c in conditions):
        return _piecewise_of_batch(x, pairs, args, kw)
    out: Any = np.zeros(shape_of(x), dtype_of(x))
    done = np.zeros(shape_of(x), bool)
    for condition, function in reversed(pairs):  # later ones win
        place = condition & ~done
        done |= condition
        if callable(function) and not condition.any():
            continue
        value = as_array(function(x[condition], *args, **kw) if callable(function) else function)
        if shape_of(value):  # one for each element that is selected
            if len(shape_of(value)) > 1:
                raise TypeError("what is given for the elements that a condition selects has one axis")
            values = np.broadcast_to(value, (int(condition.sum()),))[place[condition]]
            out = out + apply(
                SCATTER,
                (cast_to(values, dtype_of(x)),),
                {"shape": shape_of(x), "dtype": dtype_of(x), "indices": [place]},
            )
        else:
            out = np.where(place, cast_to(value, dtype_of(x)), out)
    return out


def _piecewise_of_batch(x, pairs, args, kw):
    flat = np.reshape(x, -1)
    out = np.zeros(shape_of(flat), dtype_of(x))
    for condition, function in pairs:
        value = function
        if callable(function):
            with np.errstate(all="ignore"):  # the elements that are not selected may lie outside its domain
                value = function(flat, *args, **kw)
                _check_elementwise(function, lambda v, f=function: f(v, *args, **kw), flat, condition)
        if len(shape_of(value)) > 1:
            raise TypeError("the values of a function of several arrays have one axis")
        out = np.where(np.reshape(condition, -1), cast_to(as_array(value), dtype_of(x)), out)
    return np.reshape(out, shape_of(x))


def _check_elementwise(function, call, flat, condition):
    """Raise unless the values of a function at some elements are the same without the other elements."""
    values, chosen = all_values(flat).reshape(-1), all_values(condition).reshape(-1)
    if len(values) != len(chosen) or not chosen.any():
        return
    whole, part = (np.broadcast_to(all_values(call(v)), v.shape) for v in (values, values[chosen]))
    if not np.allclose(whole[chosen], part, rtol=1e-5, atol=0, equal_nan=True):
        raise BatchedValueError(
            f"numpy.piecewise: {getattr(function, '__name__', function)} does not map its elements one by one, and which elements "
            "it is given differs between the examples of a batch; write it with np.where"
        )


composite(
    np.piecewise,
    piecewise,
    samples=lambda s: [
        s(s.array(5), [s.mask(5), s.mask(5)], [np.sin, lambda x: x * x]),
        s(s.array(5), [s.mask(5)], [lambda x: x * x, 2.0]),
        s(s.array(2, 3), [s.mask(2, 3), s.mask(2, 3)], [np.sin, 1.0, np.exp]),
        s(s.array(), [True, False], [lambda x: x * x, 3.0]),
        s(s.array(4), s.mask(4), [lambda x, k, c=0: k * x * x + c, 1], 3.0, c=2.0),
    ],
)


def _conditions(shape: tuple, condlist: Any, n: int) -> list:
    """The conditions as boolean arrays of `shape`, as many as there are functions."""
    condlist = getval(condlist)
    if np.isscalar(condlist) or (not isinstance(condlist[0], (list, tuple, np.ndarray, Box)) and shape != ()):
        condlist = [condlist]
    conditions = [np.broadcast_to(_truth(getval(c)), shape) for c in condlist]
    if len(conditions) == n - 1:
        rest = conditions[0]
        for c in conditions[1:]:
            rest = np.logical_or(rest, c)
        conditions.append(np.logical_not(rest))
    if len(conditions) != n:
        raise ValueError(f"{len(conditions)} condition(s) need as many functions, or one more, not {n}")
    return conditions


def _truth(condition: Any) -> Any:
    return condition != 0 if isinstance(condition, Box) else np.asarray(condition, bool)


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """As `numpy.apply_along_axis`; the array, what the function closes over, or both may be traced."""
    arr = as_array(arr)
    ndim = len(shape_of(arr))
    axis = normal_axis(axis, ndim)
    moved = np.moveaxis(arr, axis, -1)
    lead = shape_of(moved)[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = [as_array(func1d(moved[i], *args, **kwargs)) for i in np.ndindex(lead)]
    out = np.reshape(as_array(rows), lead + shape_of(rows[0]))
    new = list(range(len(lead), len(shape_of(out))))
    return np.transpose(out, [*range(axis), *new, *range(axis, len(lead))])


composite(
    np.apply_along_axis,
    apply_along_axis,
    samples=lambda s: [
        s(lambda v: np.sum(v * v), 0, s.array(3, 4)),
        s(lambda v, k, c=0.0: v * v[0] * k + c, -1, s.array(2, 3), 2.0, c=1.0),
        s(lambda v: np.outer(v, v), 1, s.array(2, 3, 2)),
        s(lambda v: v * v, 0, s.array(3)),
    ],
)


@composite(
    np.apply_over_axes,
    samples=lambda s: [
        s(lambda a, axis: np.sum(a * a, axis), s.array(2, 3, 4), [0, -1]),
        s(lambda a, axis: np.sum(a * a, axis, keepdims=True), s.array(2, 3), 1),
    ],
)
def _apply_over_axes(func, a, axes):
    value = as_array(a)
    ndim = len(shape_of(value))
    for axis in np.atleast_1d(axes).tolist():
        axis = axis + ndim if axis < 0 else axis
        result = func(value, axis)
        if len(shape_of(result)) != ndim:
            result = np.expand_dims(result, axis)
            if len(shape_of(result)) != ndim:
                raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


class vectorize(np.vectorize):  # noqa: N801
    """As `numpy.vectorize`; the arguments, and what the function closes over, may be traced.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> relu = np.vectorize(lambda x: x if x > 0 else 0.0)
    >>> grad(lambda x: np.sum(relu(x)))(np.array([-1.0, 2.0]))
    array([0., 1.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function for every element."""
        if any(map(holds_box, args)) or any(map(holds_box, kwargs.values())):
            return self._traced_call(args, kwargs)
        out = super().__call__(*args, **kwargs)
        return (
            tuple(map(from_list, out))
            if isinstance(out, tuple)
            else from_list(out)
            if isinstance(out, np.ndarray)
            else out
        )

    def _traced_call(self, args: tuple, kwargs: dict) -> Any:
        given = dict(enumerate(args)) | kwargs
        names = [k for k in given if k not in self.excluded]
        arrays = {k: as_array(given[k]) for k in names}
        core = (
            dict.fromkeys(names, 0)
            if self.signature is None
            else dict(zip(names, _core_ndims(self.signature), strict=True))
        )
        lead = np.broadcast_shapes(*(shape_of(a)[: len(shape_of(a)) - core[k]] for k, a in arrays.items()))
        for k, a in arrays.items():
            arrays[k] = np.broadcast_to(a, lead + shape_of(a)[len(shape_of(a)) - core[k] :])
        calls = []
        for index in np.ndindex(lead):
            given.update({k: a[index] for k, a in arrays.items()})
            calls.append(self.pyfunc(*(given[i] for i in range(len(args))), **{k: given[k] for k in kwargs}))
        if not calls:
            raise ValueError("cannot call `vectorize` on size 0 inputs with traced values")
        if not isinstance(calls[0], tuple):
            return self._collected(calls, 0, lead)
        return tuple(self._collected(list(out), i, lead) for i, out in enumerate(zip(*calls, strict=True)))

    def _collected(self, values: list, i: int, lead: tuple) -> Any:
        """The i-th output of all calls, as one array."""
        out = as_array(values)
        out = np.reshape(out, lead + shape_of(out)[1:])
        return cast_to(out, self.otypes[i]) if self.otypes else out


def _core_ndims(signature: str) -> list[int]:
    """Number of core dimensions of each input in a signature such as "(m,n),(n)->(m)"."""
    groups = re.findall(r"\(([^()]*)\)", signature.split("->", maxsplit=1)[0])
    return [len(group.split(",")) if group.strip() else 0 for group in groups]


# ---- frompyfunc ------------------------------------------------------------------------------------


def of_python_function(ufunc, args, kwargs):
    """A ufunc made by `numpy.frompyfunc`: its Python function is called with traced elements, and the results are put together.

    Unlike NumPy, which returns objects, this returns a traced array of numbers.
    """
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    operands = [cast_to(np.broadcast_to(a, shape), object) if isinstance(a, Box) else a for a in arrays]
    results = ufunc(*operands, **kwargs)
    if isinstance(results, tuple):
        return tuple(from_object_array(np.asarray(r, object)) for r in results)
    return from_object_array(np.asarray(results, object))


OF_PYTHON.append(of_python_function)
