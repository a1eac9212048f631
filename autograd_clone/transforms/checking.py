"""Checking derivatives numerically: `check_grads` and its parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.vspace import vspace
from .nary import Argnum, Transform, name_of
from .products import _make_jvp, _make_vjp

TOLERANCE = 1e-6
RELATIVE_TOLERANCE = 1e-6
STEP = 1e-6


def scalar_close(a: float, b: float) -> bool:
    """Whether two numbers agree within the tolerance of a finite difference."""
    return bool(abs(a - b) < TOLERANCE or abs(a - b) < RELATIVE_TOLERANCE * abs(a + b))


def make_numerical_jvp(f: Callable, x: Any) -> Callable:
    """``jvp(v)``, the derivative of `f` at `x` along `v`, by central differences of step 1e-6."""
    y = f(x)
    x_space, y_space = vspace(x), vspace(y)

    def jvp(v: Any) -> Any:
        plus = f(x_space.add(x, x_space.scalar_mul(v, STEP / 2)))
        minus = f(x_space.add(x, x_space.scalar_mul(v, -STEP / 2)))
        return y_space.scalar_mul(y_space.add(plus, y_space.scalar_mul(minus, -1.0)), 1 / STEP)

    return jvp


def check_vjp(f: Callable, x: Any) -> None:
    """Compare the VJP of `f` at `x` with differences along a random direction; `AssertionError` if they differ."""
    vjp, y = _make_vjp(f, x)
    x_space, y_space = vspace(x), vspace(y)
    v, g = x_space.randn(), y_space.randn()
    got = vjp(y_space.covector(g))
    assert vspace(got) == x_space, f"the cotangent of {name_of(f)} lives in {vspace(got)}, its argument in {x_space}"
    analytic = x_space.inner_prod(v, x_space.covector(got))
    numeric = y_space.inner_prod(make_numerical_jvp(f, x)(v), g)
    assert scalar_close(analytic, numeric), (
        f"Derivative (VJP) check of {name_of(f)} failed with arg {x}:\nanalytic: {analytic}\nnumeric:  {numeric}"
    )


def check_jvp(f: Callable, x: Any) -> None:
    """Compare the JVP of `f` at `x` with differences along a random direction; `AssertionError` if they differ."""
    jvp = _make_jvp(f, x)
    v = vspace(x).randn()
    check_equivalent(jvp(v)[1], make_numerical_jvp(f, x)(v))


def check_equivalent(x: Any, y: Any) -> None:
    """Assert that two values live in one space and agree along a random direction."""
    x_space, y_space = vspace(x), vspace(y)
    assert x_space == y_space, f"VSpace mismatch:\nx: {x_space}\ny: {y_space}"
    v = x_space.randn()
    a, b = x_space.inner_prod(x, v), x_space.inner_prod(y, v)
    assert scalar_close(a, b), f"Value mismatch:\nx: {x}\ny: {y}"


def _check_grads(f: Callable, x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    for mode in modes:
        if mode not in ("fwd", "rev"):
            raise ValueError(f"modes are 'fwd' and 'rev', got {mode!r}")
    if "fwd" in modes:
        check_jvp(f, x)
        if order > 1:
            _check_second(lambda xv: _make_jvp(f, xv[0])(xv[1])[1], f"jvp_{name_of(f)}", (x, vspace(x).randn()), modes, order)
    if "rev" in modes:
        check_vjp(f, x)
        if order > 1:
            _check_second(lambda xg: _make_vjp(f, xg[0])[0](xg[1]), f"vjp_{name_of(f)}", (x, vspace(f(x)).randn()), modes, order)


def _check_second(f: Callable, name: str, x: tuple, modes: Sequence[str], order: int) -> None:
    f.__name__ = name
    _check_grads(f, x, modes, order - 1)


def check_grads(f: Callable, argnum: Argnum = 0, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> Callable:
    """Check the derivatives of a function against finite differences along random directions.

    Parameters
    ----------
    f : callable
    argnum : int, str, or sequence of them
        Which argument(s) to check.
    modes : sequence of {"fwd", "rev"}
    order : int
        Up to which derivative; above one, every mixture of the modes.

    Returns
    -------
    callable
        Takes the arguments of `f`; raises `AssertionError` where a derivative is wrong.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> check_grads(np.sin)(0.5)
    """
    return Transform(_check_grads, f, argnum, modes=modes, order=order)


def combo_check(fun: Callable, *check_args: Any, **check_kwargs: Any) -> Callable:
    """`check_grads` for every combination of the given arguments; it takes a list of values for each.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> combo_check(np.sum, [0])([np.ones((2, 3))], axis=[None, 0, 1])
    """
    check = check_grads(fun, *check_args, **check_kwargs)

    def combinations(*arg_lists: Any, **kwarg_lists: Any) -> None:
        for args in itertools.product(*arg_lists):
            for values in itertools.product(*kwarg_lists.values()):
                check(*args, **dict(zip(kwarg_lists, values, strict=True)))

    return combinations


def quick_grad_check(
    fun: Callable,
    arg0: Any,
    extra_args: Sequence[Any] = (),
    kwargs: dict | None = None,
    verbose: bool = True,
    eps: float = 1e-4,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    rs: np.random.RandomState | None = None,
) -> None:
    """Compare the gradient with a difference along one random direction; `AssertionError` if they differ.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> quick_grad_check(lambda x: np.sum(x**2), np.ones(3), verbose=False)
    """
    from .gradients import grad

    kwargs = kwargs or {}
    rs = rs or np.random.RandomState()
    direction = rs.standard_normal(np.shape(arg0))
    direction = direction / np.sqrt(np.vdot(direction, direction))
    arg0 = np.asarray(arg0, dtype=float)
    up, down = (fun(arg0 + s * eps / 2 * direction, *extra_args, **kwargs) for s in (1, -1))
    numeric = (up - down) / eps
    analytic = np.sum(grad(fun)(arg0, *extra_args, **kwargs) * direction)
    assert np.allclose(numeric, analytic, rtol=rtol, atol=atol), f"numeric {numeric}, analytic {analytic}"
    if verbose:
        print(f"gradient projection OK (numeric {numeric}, analytic {analytic})")  # noqa: T201 - what `verbose` asks for
