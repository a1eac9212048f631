"""Solutions of equations by a solver of the user's own, differentiated by the implicit function theorem."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..rules import implicit as _rules


def implicit_root(equations: Callable, solver: Callable) -> Callable:
    """A solver whose result can be differentiated: nothing inside of it is traced.

    Parameters
    ----------
    equations : callable
        ``equations(x, *params)``, written with differentiable functions, is zero for the result ``x`` of the solver: a pytree of
        as many numbers as `x` has. For a minimum, the gradient.
    solver : callable
        ``solver(*params)`` returns ``x``, a pytree of real arrays. It may do anything, in any language, since it is given plain
        values.

    Returns
    -------
    callable
        As `solver`, and differentiable with respect to `params`, which are numbers, arrays, and containers of them.

    Raises
    ------
    SingularJacobianError
        If the Jacobian of the equations is singular at the solution.
    ClosedOverTraceError
        If `solver` uses a traced value that is not among its arguments.

    See Also
    --------
    autograd_clone.scipy.optimize.root, autograd_clone.misc.fixed_points.fixed_point, custom_vjp

    Notes
    -----
    From ``F(x(p), p) = 0`` follows ``J dx = -F_p dp``, where ``J`` is the Jacobian of `equations` in ``x``, which is factorised
    (Griewank and Walther 2008, chapter 15). Derivatives are as accurate as the solution, may be taken in any mode, and to any
    order.

    References
    ----------
    A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM 2008.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> def by_bisection(a):
    ...     low, high = 0.0, 10.0
    ...     while high - low > 1e-12:
    ...         middle = (low + high) / 2
    ...         low, high = (middle, high) if middle**3 < a else (low, middle)
    ...     return low
    >>> cube_root = implicit_root(lambda x, a: x**3 - a, by_bisection)
    >>> print(f"{cube_root(8.0):.6f} {grad(cube_root)(8.0):.6f}")
    2.000000 0.083333
    """

    @functools.wraps(solver)
    def solution(*params: Any) -> Any:
        return _rules.implicit_root(equations, solver, params)

    return solution
