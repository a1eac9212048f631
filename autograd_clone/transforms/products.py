"""Products with the Jacobian that never form it: from the left (VJP, reverse mode), from the right (JVP, forward mode)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .nary import Argnum, Transform
from .record import Tape, linear_tape, push


class VJPFunction:
    """``vjp(g)``: the cotangent of the input for the cotangent `g` of the output. Reusable; does not run the function again."""

    __slots__ = ("_tape",)

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def __call__(self, g: Any) -> Any:
        return self._tape.pull(g)


class JVPFunction:
    """``jvp(v)``: the output and its derivative along `v`."""

    __slots__ = ("_fun", "_x")

    def __init__(self, fun: Callable, x: Any) -> None:
        self._fun, self._x = fun, x

    def __call__(self, v: Any) -> tuple[Any, Any]:
        return push(self._fun, self._x, v)


class LinearizedFunction:
    """``f_jvp(v)``: the derivative along `v` at a fixed point. Reusable; does not run the function again."""

    __slots__ = ("_tape",)

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def __call__(self, v: Any) -> Any:
        return self._tape.pull(v)


def _make_vjp(fun: Callable, x: Any) -> tuple[Callable, Any]:
    tape = Tape(fun, x, lasting=True)
    return VJPFunction(tape), tape.value


def _make_jvp(fun: Callable, x: Any) -> Callable:
    return JVPFunction(fun, x)


def _make_jvp_reversemode(fun: Callable, x: Any) -> Callable:
    return _linearize(fun, x)[1]


def _linearize(fun: Callable, x: Any) -> tuple[Any, Callable]:
    """The VJP is linear in its cotangent, so recording it and pulling back through the recording gives the JVP."""
    tape = Tape(fun, x, lasting=True)
    return tape.value, LinearizedFunction(linear_tape(tape))


def make_vjp(fun: Callable, argnum: Argnum = 0) -> Callable:
    """Vector-Jacobian products in reverse mode.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns ``(vjp, value)``, where ``vjp(g)`` has the structure of the argument.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> vjp_fun, value = make_vjp(np.sin)(0.0)
    >>> vjp_fun(2.0)
    np.float64(2.0)
    """
    return Transform(_make_vjp, fun, argnum)


def make_jvp(fun: Callable, argnum: Argnum = 0) -> Callable:
    """Jacobian-vector products in forward mode.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns ``jvp``, where ``jvp(v)`` is ``(value, derivative along v)``.

    Examples
    --------
    >>> make_jvp(lambda x: x**2)(3.0)(1.0)
    (np.float64(9.0), np.float64(6.0))
    """
    return Transform(_make_jvp, fun, argnum)


def make_jvp_reversemode(fun: Callable, argnum: Argnum = 0) -> Callable:
    """Jacobian-vector products out of reverse mode alone: ``make_jvp_reversemode(fun)(x)(v)`` is the derivative along `v`.

    Examples
    --------
    >>> make_jvp_reversemode(lambda x: x**2)(3.0)(1.0)
    np.float64(6.0)
    """
    return Transform(_make_jvp_reversemode, fun, argnum)


def vjp(fun: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of ``fun(*primals)`` and its VJP.

    Parameters
    ----------
    fun : callable
    *primals : pytrees
        All arguments; each is differentiated.

    Returns
    -------
    value : pytree
    vjp_fun : callable
        ``vjp_fun(g)`` is a tuple with a cotangent for every primal.

    Examples
    --------
    >>> value, vjp_fun = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> vjp_fun(1.0)
    (np.float64(3.0), np.float64(2.0))
    """
    tape = Tape(_Spread(fun), primals, lasting=True)
    return tape.value, VJPFunction(tape)


def jvp(fun: Callable, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The value of ``fun(*primals)`` and its derivative along `tangents`, in forward mode.

    Parameters
    ----------
    fun : callable
    primals, tangents : sequences of pytrees
        Of equal structure.

    Returns
    -------
    value, tangent : pytrees

    Examples
    --------
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (np.float64(6.0), np.float64(3.0))
    """
    return push(_Spread(fun), tuple(primals), tuple(tangents))


def linearize(fun: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of ``fun(*primals)`` and its derivative there as a linear function, which does not run `fun` again.

    Examples
    --------
    >>> value, f_jvp = linearize(lambda x: x**3, 2.0)
    >>> f_jvp(1.0), f_jvp(10.0)
    (np.float64(12.0), np.float64(120.0))
    """
    value, linear = _linearize(_Spread(fun), primals)
    return value, _Gather(linear)


class _Spread:
    """A function of several arguments as a function of their tuple."""

    __slots__ = ("fun",)

    def __init__(self, fun: Callable) -> None:
        self.fun = fun

    def __call__(self, args: tuple) -> Any:
        return self.fun(*args)


class _Gather:
    """A function of a tuple as a function of several arguments."""

    __slots__ = ("fun",)

    def __init__(self, fun: Callable) -> None:
        self.fun = fun

    def __call__(self, *args: Any) -> Any:
        return self.fun(args)
