"""Checking derivatives numerically: `check_grads` and its parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.pytree import flatten
from ..engine.vspace import vspace
from .nary import Argnum, argument_name, name_of, select
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


def check_vjp(f: Callable, x: Any, labels: Any = "x") -> None:
    """Compare the VJP of `f` at `x` with differences along a random direction; `AssertionError` if they differ.

    The error compares the derivatives with respect to the elements of `x`, which `labels` names.
    """
    vjp, y = _make_vjp(f, x)
    x_space, y_space = vspace(x), vspace(y)
    v, g = x_space.randn(), y_space.randn()
    got = vjp(y_space.covector(g))
    assert vspace(got) == x_space, f"the cotangent of {name_of(f)} lives in {vspace(got)}, its argument {labels} in {x_space}"
    numeric_jvp = make_numerical_jvp(f, x)
    _compare(
        f"Derivative (VJP) check of {name_of(f)} failed",
        lambda u: x_space.inner_prod(u, x_space.covector(got)),
        lambda u: y_space.inner_prod(numeric_jvp(u), g),
        x,
        v,
        labels,
    )


def check_jvp(f: Callable, x: Any, labels: Any = "x") -> None:
    """Compare the JVP of `f` at `x` with differences along a random direction; `AssertionError` if they differ.

    The error compares the derivatives with respect to the elements of `x`, which `labels` names.
    """
    jvp, numeric_jvp = _make_jvp(f, x), make_numerical_jvp(f, x)
    v = vspace(x).randn()
    got, expected = jvp(v)[1], numeric_jvp(v)
    y_space = vspace(got)
    assert y_space == vspace(expected), f"the tangent of {name_of(f)} lives in {y_space}, its value in {vspace(expected)}"
    g = y_space.randn()
    _compare(
        f"Derivative (JVP) check of {name_of(f)} failed",
        lambda u: y_space.inner_prod(got if u is v else jvp(u)[1], g),
        lambda u: y_space.inner_prod(expected if u is v else numeric_jvp(u), g),
        x,
        v,
        labels,
    )


def _compare(failed: str, analytic: Callable, numeric: Callable, x: Any, v: Any, labels: Any) -> None:
    """Assert that two linear functions agree at `v`; if they do not, say at which unit vectors they do not."""
    a, b = analytic(v), numeric(v)
    if scalar_close(a, b):
        return
    lines = [f"{failed}. Along a random direction:", f"analytic: {a}", f"numeric:  {b}"]
    for label, space, directions in _unit_vectors(x, labels):
        found = [(place, analytic(u), numeric(u)) for place, u in directions]
        wrong = [row for row in found if not scalar_close(row[1], row[2])]
        number = f"{len(found)} element{'' if len(found) == 1 else 's'}"
        looked_at = number if len(found) == space.size else f"{number} looked at (of {space.size})"
        lines.append(f"with respect to {label}: {len(wrong) or 'none'} of {looked_at} wrong")
        if wrong:
            wrong.sort(key=lambda row: -abs(row[1] - row[2]))
            lines.append(f"  {'element':16}{'analytic':>24}{'numeric':>24}{'difference':>14}")
            lines += [f"  {place:16}{a!s:>24}{b!s:>24}{a - b:>14.2e}" for place, a, b in wrong[:_ROWS]]
            if len(wrong) > _ROWS:
                lines.append(f"  and {len(wrong) - _ROWS} more")
    raise AssertionError("\n".join(lines))


#: How many elements of an argument are looked at, and how many are shown, when a check has failed.
_LOOKED_AT, _ROWS = 256, 10


def _unit_vectors(x: Any, labels: Any) -> Iterator[tuple[str, Any, Iterator[tuple[str, Any]]]]:
    """For each leaf of `x` its label, its space, and unit vectors of the space of `x` with the element that each belongs to."""
    leaves, treedef = flatten(x)
    spaces = [vspace(leaf) for leaf in leaves]

    def directions(k: int) -> Iterator[tuple[str, Any]]:
        space = spaces[k]
        shape = getattr(space, "shape", None)
        indices = [str(list(i)) if i else "itself" for i in np.ndindex(*shape)] if isinstance(shape, tuple) else []
        names = indices if len(indices) == space.size else [f"{i}{part}" for i in indices for part in ("", " * 1j")]
        step = -(-space.size // _LOOKED_AT)
        for n, e in enumerate(space.standard_basis()):
            if n % step == 0:
                name = names[n] if names else f"number {n}"
                yield name, treedef.unflatten([e if j == k else s.zeros() for j, s in enumerate(spaces)])

    for k, label in enumerate(_labels(x, labels)):
        yield label, spaces[k], directions(k)


def _labels(x: Any, labels: Any) -> list[str]:
    """What the leaves of `x` are called, if `labels` are the names of `x` or of its elements."""
    if isinstance(labels, str):
        return [labels + path for path in flatten(x)[1].paths()]
    return [text for part, label in zip(x, labels, strict=True) for text in _labels(part, label)]


def check_equivalent(x: Any, y: Any) -> None:
    """Assert that two values live in one space and agree along a random direction."""
    x_space, y_space = vspace(x), vspace(y)
    assert x_space == y_space, f"VSpace mismatch:\nx: {x_space}\ny: {y_space}"
    v = x_space.randn()
    a, b = x_space.inner_prod(x, v), x_space.inner_prod(y, v)
    assert scalar_close(a, b), f"Value mismatch:\nx: {x}\ny: {y}"


def _check_grads(f: Callable, x: Any, modes: Sequence[str], order: int, labels: Any) -> None:
    for mode in modes:
        if mode not in ("fwd", "rev"):
            raise ValueError(f"modes are 'fwd' and 'rev', got {mode!r}")
    if "fwd" in modes:
        check_jvp(f, x, labels)
        if order > 1:
            f_jvp = _named(lambda xv: _make_jvp(f, xv[0])(xv[1])[1], f"jvp_{name_of(f)}")
            _check_grads(f_jvp, (x, vspace(x).randn()), modes, order - 1, (labels, "the tangent"))
    if "rev" in modes:
        check_vjp(f, x, labels)
        if order > 1:
            f_vjp = _named(lambda xg: _make_vjp(f, xg[0])[0](xg[1]), f"vjp_{name_of(f)}")
            _check_grads(f_vjp, (x, vspace(f(x)).randn()), modes, order - 1, (labels, "the cotangent"))


def _named(f: Callable, name: str) -> Callable:
    f.__name__ = name
    return f


class CheckGrads:
    """What `check_grads` returns."""

    def __init__(self, fun: Callable, argnum: Argnum, modes: Sequence[str], order: int) -> None:
        self.fun, self.argnum, self.modes, self.order = fun, argnum, modes, order
        self.__name__ = f"check_grads_of_{name_of(fun)}"

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        unary, x = select(self.fun, self.argnum, args, kwargs)
        several = isinstance(self.argnum, (tuple, list))
        argnums: Any = self.argnum if several else [self.argnum]
        labels = [f"argument {argument_name(self.fun, a, args)}" for a in argnums]
        _check_grads(_named(unary, name_of(self.fun)), x, self.modes, self.order, labels if several else labels[0])


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
        Takes the arguments of `f`; raises `AssertionError` where a derivative is wrong. The message names the arguments and
        their elements, with the analytic and the numeric derivative side by side.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> check_grads(np.sin)(0.5)
    """
    return CheckGrads(f, argnum, modes, order)


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
