"""Telling what the result of a primitive of one's own depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.calls import CallPrimitive
from ..engine.errors import UnsupportedTypeError

#: Primitive -> what was declared of it.
DECLARED: dict[Any, Any] = {}


def def_pattern(fun: Any, pattern: str | Callable) -> None:
    """Declare what the result of a primitive of your own depends on.

    Without a declaration, every element of the result is taken to depend on all elements of all arguments.

    Parameters
    ----------
    fun : callable
        Made by `primitive`, `custom_vjp` or `custom_jvp`.
    pattern : {"elementwise"} or callable
        ``"elementwise"``: each element of the result depends on the elements of the arguments at its own place, after
        broadcasting. A callable is given the arguments, as plain values, and returns for each of their arrays a matrix (sparse
        or not, nonzero where there is a dependence) with one row per element of the result and one column per element of the
        array, or ``None`` where there is none.

    Examples
    --------
    >>> import numpy
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import primitive, sparse_jacobian
    >>> from autograd_clone.extend import defvjp
    >>> @primitive
    ... def cube(x):
    ...     return numpy.power(x, 3)
    >>> defvjp(cube, lambda ans, x: lambda g: 3 * x**2 * g)
    >>> def_pattern(cube, "elementwise")
    >>> sparse_jacobian(cube)(np.array([1.0, 2.0])).toarray()
    array([[ 3.,  0.],
           [ 0., 12.]])
    """
    if not isinstance(fun, CallPrimitive):
        raise UnsupportedTypeError(
            f"def_pattern takes what primitive, custom_vjp or custom_jvp return, got {fun!r} of type {type(fun).__name__}"
        )
    if pattern != "elementwise" and not callable(pattern):
        raise ValueError(f"def_pattern: the pattern must be 'elementwise' or callable, got {pattern!r}")
    DECLARED[fun] = pattern
