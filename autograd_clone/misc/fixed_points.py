"""Differentiating through a fixed point by the implicit function theorem, not through its iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.user import defvjp, primitive
from ..engine.vspace import vspace
from ..transforms.products import _make_vjp


@primitive
def fixed_point(f: Callable, a: Any, x0: Any, distance: Callable, tol: float) -> Any:
    """The fixed point ``x = f(a)(x)``, by iteration from `x0`; differentiable with respect to `a`.

    Parameters
    ----------
    f : callable
        ``f(a)`` returns the map to iterate.
    a : pytree
        Parameters.
    x0 : pytree
        Start.
    distance : callable
        ``distance(x, x_previous)``; the iteration stops when it is at most `tol`.
    tol : float

    Notes
    -----
    The adjoint ``w = g + w J`` is itself the fixed point of a map, found by the same iteration (Christianson, 1994).

    Examples
    --------
    >>> from autograd_clone import grad
    >>> newton_sqrt = lambda a: lambda x: 0.5 * (x + a / x)
    >>> grad(lambda a: fixed_point(newton_sqrt, a, 1.0, lambda x, y: abs(x - y), 1e-12))(4.0).round(8)
    np.float64(0.25)
    """
    step = f(a)
    x, previous = step(x0), x0
    while distance(x, previous) > tol:
        x, previous = step(x), x
    return x


def _adjoint(ans: Any, f: Callable, a: Any, x0: Any, distance: Callable, tol: float) -> Callable:
    def adjoint_map(params: tuple) -> Callable:
        a, x, g = params
        vjp_x, _ = _make_vjp(f(a), x)
        return lambda w: vspace(x).add(vjp_x(w), g)

    vjp_a, _ = _make_vjp(lambda a: f(a)(ans), a)

    def vjp(g: Any) -> Any:
        return vjp_a(fixed_point(adjoint_map, (a, ans, g), vspace(x0).zeros(), distance, tol))

    return vjp


defvjp(fixed_point, None, _adjoint, None)
