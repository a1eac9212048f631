"""Derivatives of high order by Taylor mode: one run of the function on power series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial
from typing import Any

import numpy as np

from ..engine.box import Box, new_box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import RuleShapeError
from ..engine.forward import match
from ..engine.jet import JetTrace, Series
from ..engine.pytree import flatten
from ..engine.transpose import zeros_like
from .nary import Argnum, Transform
from .record import leaves_of, variable


def push_series(fun: Callable, x: Any, coefficients: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Taylor mode: ``fun(x)``, and its Taylor coefficients of order 1, 2, ... along a curve through `x`.

    Parameters
    ----------
    fun : callable
        Takes and returns a pytree.
    x : pytree
    coefficients : sequence of pytrees
        The coefficients of the curve, each of the structure of `x`; ``None`` at a leaf for zero.
    """
    leaves, values, treedef = leaves_of(x)
    rows = [treedef.flatten_like(c, "series") for c in coefficients]
    with JetTrace(len(rows)) as trace:
        boxed = [
            leaf if v is None else new_box(v, trace, Series([v, *(_fitted(c, v) for c in column)]))
            for leaf, v, *column in zip(leaves, values, *rows, strict=True)
        ]
        outs, outdef = flatten(fun(treedef.unflatten(boxed)))
        del boxed
        series = [_taken(y, trace) for y in outs]
    return outdef.unflatten(s[0] for s in series), [outdef.unflatten(s[k] for s in series) for k in range(1, len(rows) + 1)]


def _fitted(c: Any, value: Any) -> Any:
    """A coefficient of an argument, in the dtype of that."""
    if c is None:
        return None
    if shape_of(c) != shape_of(value):
        raise RuleShapeError(f"a coefficient of the series has shape {shape_of(c)}, its argument {shape_of(value)}")
    return match(c if hasattr(c, "dtype") else dtype_of(value).type(c), value)


def _taken(y: Any, trace: JetTrace) -> list[Any]:
    """The coefficients of a result, the caller's own."""
    if type(y) is np.ndarray and y.dtype == object and any(isinstance(e, Box) for e in y.flat):
        y = np.stack(list(y.flat)).reshape(y.shape)
    if isinstance(y, Box) and y._trace is trace:
        known = [y._link[k] for k in range(trace.order + 1)]
        return [zeros_like(y) if c is None else c.copy() if type(c) is np.ndarray else c for c in known]
    zero = None if variable(y) is None else zeros_like(variable(y))
    return [y] + [zero] * trace.order
