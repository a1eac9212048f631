"""Derivatives of high order in Taylor mode: one run of the function on power series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import factorial
from operator import index
from typing import Any

import numpy as np

from ..array.written import released
from ..engine.anomaly import detection
from ..engine.box import Box, new_box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.direction import DOUBTS
from ..engine.errors import RuleShapeError
from ..engine.forward import match
from ..engine.jet import ElementwiseTrace, JetTrace, NotElementwise, Series
from ..engine.protection import hold_argument
from ..engine.pytree import flatten, is_container, tree_map
from ..engine.transpose import zeros_like
from ..engine.zeros import is_finite
from .nary import Argnum, Transform
from .record import finish, leaves_of, variable

#: Elements from which on second derivatives, too, are quicker in Taylor mode than derivatives of derivatives (measured: of 10, half
#: as quick to as quick, of 1000 by a quarter quicker).
WORTH_SERIES = 500
_REAL = frozenset({np.ndarray, np.float64, np.float32})


def push_series(fun: Callable, x: Any, coefficients: Sequence[Any], trace: JetTrace | None = None) -> tuple[Any, list[Any]]:
    """Taylor mode: ``fun(x)``, and its Taylor coefficients of order 1, 2, ... along a curve through `x`.

    Parameters
    ----------
    fun : callable
        Takes and returns a pytree.
    x : pytree
    coefficients : sequence of pytrees
        The Taylor coefficients of the curve, each of the structure of `x`; ``None`` at a leaf is zero.
    trace : JetTrace, optional
        Interprets; it is ended here.
    """
    leaves, values, treedef = leaves_of(x)
    rows = [treedef.flatten_like(c, "series") for c in coefficients]
    with trace or JetTrace(len(rows)) as trace:
        boxed = [
            leaf if v is None else new_box(hold_argument(trace, v), trace, Series([v, *(_fitted(c, v) for c in column)]))
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
        known = y._link.known
        return [_zero(known[0]) if c is None else c.copy() if type(c) is np.ndarray else c for c in known]
    value = variable(y)
    return [released(y, 1)] + [None if value is None else _zero(value)] * trace.order


def _zero(value: Any) -> Any:
    """The derivative zero: a number of a number, an array of an array."""
    zero = zeros_like(value)
    return zero[()] if isinstance(value, np.generic) else zero


def elementwise_derivative(fun: Callable, x: Any, order: int) -> Any:
    """The derivative of an elementwise function of a real array, or of a number; ``None`` if it is not to be had in this way.

    It is not if the result is not finite (where reverse mode has means of its own), or if anything goes wrong, which the caller
    meets again when it takes derivatives of derivatives. ``NotImplemented`` if an operation is not elementwise.
    """
    if type(x) is float:
        x = np.float64(x)
    if type(x) not in _REAL or x.dtype.char not in "fd" or detection() is not None:
        return None
    if order == 2 and x.size < WORTH_SERIES:
        return None
    trace, doubts = ElementwiseTrace(order, x.shape), DOUBTS.count
    known = None
    with suppress(NotElementwise, Exception):
        known = _along_ones(fun, x, trace)
    if trace.refused:
        return NotImplemented
    if DOUBTS.count != doubts or known is None:
        return None
    value, last = known[0], known[order]
    if not hasattr(value, "dtype") or value.shape != x.shape or value.dtype != x.dtype:
        return None
    if last is None:
        last = _zero(value)
    if not is_finite(last):
        return None
    return finish(last * factorial(order), x.shape, x.dtype, type(x) is np.ndarray)


def _along_ones(fun: Callable, x: Any, trace: ElementwiseTrace) -> list[Any] | None:
    """The coefficients of ``fun(x)`` along ones, of which the last may be an array of the argument's; ``None`` of a container."""
    ones = np.ones(x.shape, x.dtype) if x.shape or type(x) is np.ndarray else x.dtype.type(1)
    with trace:
        y = fun(new_box(hold_argument(trace, x), trace, Series([x, ones, *[None] * (trace.order - 1)])))
        if isinstance(y, Box) and y._trace is trace:
            return y._link.known
    return None if is_container(y) or variable(y) is None else [released(y, 1)] + [None] * trace.order


def _times(c: Any, factor: float) -> Any:
    """A pytree times a number."""
    return c if factor == 1 else tree_map(lambda leaf: None if leaf is None else leaf * factor, c)


def jet(fun: Callable, primals: Sequence[Any], series: Sequence[Sequence[Any]]) -> tuple[Any, list[Any]]:
    """Derivatives of ``fun`` along a curve, up to any order, in one run of the function (Taylor mode).

    For each argument `series` has the derivatives of a curve ``x(t)`` at ``t = 0``, of which the value is in `primals`. The
    result is the value and the derivatives of ``fun(x(t))``. The numbers are **derivatives, not Taylor coefficients**: nothing
    is divided by factorials, as in ``jax.experimental.jet``.

    Parameters
    ----------
    fun : callable
    primals : sequence of pytrees
        All arguments.
    series : sequence of sequences of pytrees
        For each argument the derivatives of its curve, ``[x', x'', ...]``, each with the structure and shapes of the argument.
        The longest says how many derivatives are computed; what the others lack is zero.

    Returns
    -------
    primal_out : pytree
        ``fun(*primals)``.
    series_out : list of pytrees
        Its derivatives, each with the structure of the value.

    See Also
    --------
    derivatives : ``f, f', f'', ...`` at a point.
    taylor : coefficients of a Taylor polynomial.
    jvp : first derivatives only.

    Notes
    -----
    The cost of a nonlinear operation grows with the square of the order, that of a linear one in proportion to it; forward
    mode applied to itself doubles with each order. Every function with a derivative rule takes part: those without a
    recurrence of their own satisfy the differential equation that the rule is, which is solved for the coefficients.

    References
    ----------
    Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 13.

    Examples
    --------
    The derivatives of ``sin(t**2)`` at 0, where ``t**2`` has the derivatives 0, 2, 0, 0:

    >>> import autograd_clone.numpy as np
    >>> value, ds = jet(np.sin, (0.0,), ([0.0, 2.0, 0.0, 0.0],))
    >>> print(value, *ds)
    0.0 0.0 2.0 0.0 0.0
    """
    primals, rows = tuple(primals), [list(row) for row in series]
    if len(primals) != len(rows):
        raise RuleShapeError(f"jet was given {len(primals)} primals and series for {len(rows)}")
    order = max(map(len, rows), default=0)
    coefficients = [
        tuple(_times(row[k], 1 / factorial(k + 1)) if k < len(row) else _none(x) for x, row in zip(primals, rows, strict=True))
        for k in range(order)
    ]
    value, found = push_series(lambda xs: fun(*xs), primals, coefficients)
    return value, [_times(c, factorial(k)) for k, c in enumerate(found, 1)]


def _none(x: Any) -> Any:
    return tree_map(lambda _: None, x)


def _coefficients(fun: Callable, x: Any, order: int) -> list[Any]:
    """The value of `fun` and its Taylor coefficients along ones."""
    order = index(order)
    if order < 0:
        raise ValueError(f"the order of a derivative must not be negative, got {order}")
    if order == 0:
        return [fun(x)]
    ones = tree_map(lambda leaf: None if variable(leaf) is None else np.ones(shape_of(leaf), dtype_of(variable(leaf))), x)
    value, found = push_series(fun, x, [ones] + [_none(x)] * (order - 1))
    return [value, *found]


def _derivatives(fun: Callable, x: Any, order: int) -> list[Any]:
    return [_times(c, factorial(k)) for k, c in enumerate(_coefficients(fun, x, order))]


def _taylor(fun: Callable, x: Any, order: int) -> list[Any]:
    return _coefficients(fun, x, order)


def derivatives(fun: Callable, order: int, argnum: Argnum = 0) -> Callable:
    """The value and the first derivatives of a function of one number: ``[f, f', ..., f^(order)]``.

    Parameters
    ----------
    fun : callable
        A function of a number, with any output; or an elementwise function of an array, whose derivatives are then those of each
        element. (For any other function of an array they are derivatives along the vector of ones.)
    order : int
        Of the last derivative.
    argnum : int or str
        The argument to differentiate with respect to.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns the list.

    See Also
    --------
    jet : along any curve.
    elementwise_grad : the first derivative, in reverse mode.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> derivatives(lambda x: x**3, order=4)(2.0)
    [np.float64(8.0), np.float64(12.0), np.float64(12.0), np.float64(6.0), np.float64(0.0)]
    >>> derivatives(np.exp, 2)(np.array([0.0, np.log(2.0)]))
    [array([1., 2.]), array([1., 2.]), array([1., 2.])]
    """
    return Transform(_derivatives, fun, argnum, order)


def taylor(fun: Callable, order: int, argnum: Argnum = 0) -> Callable:
    """The coefficients of the Taylor polynomial of a function of one number: ``f(x + h) = c[0] + c[1] h + c[2] h**2 + ...``.

    Parameters are those of `derivatives`, which differ from the coefficients by factorials.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns the list of ``order + 1`` coefficients, from the lowest order on.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from numpy.polynomial import Polynomial
    >>> c = taylor(lambda x: 1 / (1 - x), order=5)(0.0)
    >>> print(*c)
    1.0 1.0 1.0 1.0 1.0 1.0
    >>> print(Polynomial(c)(0.1), 1 / (1 - 0.1))
    1.11111 1.11111...
    """
    return Transform(_taylor, fun, argnum, order)
