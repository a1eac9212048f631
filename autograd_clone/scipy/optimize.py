"""`scipy.optimize`: roots and minima that can be differentiated with respect to the parameters of the problem.

Every name of `scipy.optimize` is here. `root`, `fsolve`, `root_scalar`, `brentq` and its relatives, `newton` and `minimize` are
differentiated by the implicit function theorem: the solver is SciPy's and is not traced, so that a derivative costs one system
of linear equations however many iterations there were. What varies is to be passed in ``args``.

`minimize` differentiates the function by itself, in place of finite differences, and takes dictionaries, lists of arrays and
other pytrees of unknowns.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> cube_root = lambda a: brentq(lambda x, a: x**3 - a, 0.0, 10.0, args=(a,))
>>> print(f"{grad(cube_root)(8.0):.6f}, {1 / 12:.6f}")
0.083333, 0.083333
"""

from __future__ import annotations

import functools as _functools
from collections.abc import Callable
from inspect import signature as _signature
from typing import Any

import numpy as _np
from scipy import optimize as _optimize

from ..engine.errors import NotConvergedError as _NotConvergedError
from ..rules import optimize as _rules

globals().update({_name: getattr(_optimize, _name) for _name in _optimize.__all__})

__all__ = list(_optimize.__all__)


# ---- roots of several equations ------------------------------------------------------------------------------


def root(
    fun: Callable,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable | None = None,
    options: dict | None = None,
) -> Any:
    """Find a root of a vector function, as `scipy.optimize.root`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, as many numbers as `x`, written with differentiable functions. What varies must be passed in `args`.
    x0 : array_like
        Initial guess. The root counts as independent of it.
    args : tuple, optional
        Further arguments of `fun`: numbers, arrays, and containers of them; the root is differentiable with respect to them.
    method, jac, tol, callback, options : optional
        As in SciPy. A `jac` is used by the solver; the derivative of the root takes that of `fun`.

    Returns
    -------
    OptimizeResult
        As SciPy's; ``x`` is differentiable, the rest are plain values.

    Raises
    ------
    ClosedOverTraceError
        If `fun` uses a traced value that is not among its arguments.
    NotConvergedError
        If something is traced and the solver does not succeed.
    SingularJacobianError
        If the Jacobian of `fun` is singular at the root.

    Notes
    -----
    From ``fun(x(p), p) = 0`` follows ``J dx = -dfun/dp dp``. Derivatives are as accurate as the root.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import jacobian
    >>> meet = lambda x, r: np.array([x[0] ** 2 + x[1] ** 2 - r**2, x[0] - x[1]])
    >>> jacobian(lambda r: root(meet, [1.0, 1.0], args=(r,)).x)(2.0).round(6)
    array([0.707107, 0.707107])
    """
    strict = _rules.is_differentiated(x0, args)

    def run(fun: Callable, x0: Any, args: tuple) -> tuple[Any, Any]:
        found = _optimize.root(fun, x0, args, method, jac, tol, callback, options)
        if strict and not found.success:
            raise _NotConvergedError(f"root: {found.message} The point that was reached, {found.x}, is not differentiated.")
        return found.x, found

    given = {"tol": tol, "options": options}
    x, found = _rules.solution("scipy.optimize.root", fun, x0, args, run, given, returns_jacobian=jac is True)
    found.x = x
    return found


def fsolve(
    func: Callable,
    x0: Any,
    args: Any = (),
    fprime: Callable | None = None,
    full_output: int = 0,
    **options: Any,
) -> Any:
    """Find a root of a vector function, as `scipy.optimize.fsolve`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)``, as many numbers as `x`, written with differentiable functions. What varies must be passed in `args`.
    x0 : array_like
        Initial guess. The root counts as independent of it.
    args : tuple, optional
        Further arguments of `func`; the root is differentiable with respect to them.
    fprime, full_output : optional
        As in SciPy.
    **options
        SciPy's other keywords: ``xtol``, ``maxfev``, ``band``, ``epsfcn``, ``factor``, ``diag``, ``col_deriv``.

    Returns
    -------
    x : ndarray
        The root; differentiable.
    infodict, ier, mesg
        As in SciPy, for `full_output`.

    Raises
    ------
    NotConvergedError
        If something is traced and the solver does not succeed.

    See Also
    --------
    root

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> omega = lambda a: fsolve(lambda x, a: x * np.exp(x) - a, [1.0], args=(a,))[0]
    >>> print(f"{grad(omega)(np.e):.6f}")
    0.183940
    """
    strict = _rules.is_differentiated(x0, args)

    def run(func: Callable, x0: Any, args: tuple) -> tuple[Any, Any]:
        if not strict and not full_output:
            return _optimize.fsolve(func, x0, args, fprime, **options), ()
        x, *report = _optimize.fsolve(func, x0, args, fprime, full_output=True, **options)
        if strict and report[1] != 1:
            raise _NotConvergedError(f"fsolve: {report[2]} The point that was reached, {x}, is not differentiated.")
        return x, report

    x, report = _rules.solution("scipy.optimize.fsolve", func, x0, args, run, options)
    return (x, *report) if full_output else x


# ---- roots of one equation -----------------------------------------------------------------------------------


def root_scalar(
    f: Callable,
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    **options: Any,
) -> Any:
    """Find a root of a scalar function, as `scipy.optimize.root_scalar`.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, written with differentiable functions. What varies must be passed in `args`.
    args : tuple, optional
        Further arguments of `f`; the root is differentiable with respect to them.
    method, bracket, fprime, fprime2, x0, x1 : optional
        As in SciPy. The root counts as independent of `bracket`, `x0` and `x1`.
    **options
        SciPy's other keywords: ``xtol``, ``rtol``, ``maxiter``, ``options``.

    Returns
    -------
    RootResults
        As SciPy's; ``root`` is differentiable.

    Raises
    ------
    NotConvergedError
        If something is traced and the solver does not converge.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> kepler = lambda E, M, e: E - e * np.sin(E) - M
    >>> anomaly = lambda e: root_scalar(kepler, (1.0, e), bracket=[0.0, 4.0]).root
    >>> print(f"{grad(anomaly)(0.3):.6f}")
    1.048008
    """
    strict = _rules.is_differentiated(args, bracket, x0, x1)
    start, options = _starts(bracket, x0, x1), {"method": method, **options}

    def run(f: Callable, start: Any, args: tuple) -> tuple[Any, Any]:
        values = iter(start)
        given: dict[str, Any] = {} if bracket is None else {"bracket": [next(values), next(values)]}
        given |= {k: next(values) for k, v in (("x0", x0), ("x1", x1)) if v is not None}
        found = _optimize.root_scalar(f, args, fprime=fprime, fprime2=fprime2, **given, **options)
        if strict and not found.converged:
            raise _NotConvergedError(f"root_scalar: {found.flag}; the point that was reached, {found.root}, is not differentiated")
        return found.root, found

    x, found = _rules.solution("scipy.optimize.root_scalar", f, start, args, run, options)
    found.root = x
    return found


def _starts(bracket: Any, *points: Any) -> Any:
    """The points that a solver starts from, as a vector."""
    values = [*(() if bracket is None else bracket), *(x for x in points if x is not None)]
    return _np.stack([_rules.as_array(x) for x in values]) if values else _np.zeros(0)


def _bracketing(name: str) -> Callable:
    """A function that finds the root in an interval."""
    original = getattr(_optimize, name)
    names = [k for k in _signature(original).parameters if k not in ("f", "a", "b", "args")]

    @_functools.wraps(original)
    def solver(f: Callable, a: Any, b: Any, args: Any = (), *positional: Any, **options: Any) -> Any:
        options |= dict(zip(names, positional, strict=False))
        full_output = options.pop("full_output", False)

        def run(f: Callable, interval: Any, args: tuple) -> tuple[Any, Any]:
            return original(f, float(interval[0]), float(interval[1]), args=args, full_output=True, **options)

        x, report = _rules.solution(f"scipy.optimize.{name}", f, _starts((a, b)), args, run, options)
        return (x, report) if full_output else x

    solver.__doc__ = f"""Find a root of a scalar function in an interval, as `scipy.optimize.{name}`.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, written with differentiable functions. What varies must be passed in `args`.
    a, b : float
        Ends of an interval, at which `f` has different signs. The root counts as independent of them.
    args : tuple, optional
        Further arguments of `f`; the root is differentiable with respect to them.
    *positional, **options
        SciPy's other arguments.

    Returns
    -------
    float, or a pair of it and SciPy's report for ``full_output=True``
        The root; differentiable.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{{grad(lambda a: {name}(lambda x, a: x * x - a, 0.0, 9.0, (a,)))(4.0):.6f}}")
    0.250000
    """
    return solver


brentq, brenth, ridder = _bracketing("brentq"), _bracketing("brenth"), _bracketing("ridder")
bisect, toms748 = _bracketing("bisect"), _bracketing("toms748")


def newton(
    func: Callable,
    x0: Any,
    fprime: Callable | None = None,
    args: Any = (),
    tol: float = 1.48e-8,
    maxiter: int = 50,
    fprime2: Callable | None = None,
    x1: Any = None,
    rtol: float = 0.0,
    full_output: bool = False,
    disp: bool = True,
) -> Any:
    """Find a root near `x0`, or one for each element of it, as `scipy.optimize.newton`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)``, written with differentiable functions. What varies must be passed in `args`.
    x0 : float or array_like
        Initial guess. The root counts as independent of it.
    fprime : callable, optional
        As in SciPy.
    args : tuple, optional
        Further arguments of `func`; the root is differentiable with respect to them.
    tol, maxiter, fprime2, x1, rtol, full_output, disp : optional
        As in SciPy.

    Returns
    -------
    float or ndarray, or as SciPy for `full_output`
        The root; differentiable.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(lambda a: newton(lambda x, a: x * x - a, 1.0, args=(a,)))(4.0):.6f}")
    0.250000
    """
    disp = disp or _rules.is_differentiated(args, x0)
    options = {"tol": tol, "maxiter": maxiter, "x1": x1, "rtol": rtol}

    def run(func: Callable, x0: Any, args: tuple) -> tuple[Any, Any]:
        x0 = x0 if _np.ndim(x0) else _np.asarray(x0)[()]
        x, *report = _optimize.newton(func, x0, fprime, args, fprime2=fprime2, full_output=True, disp=disp, **options)
        return x, report

    x, report = _rules.solution("scipy.optimize.newton", func, x0, args, run, options)
    return (x, *report) if full_output else x


# ---- minima --------------------------------------------------------------------------------------------------


def minimize(
    fun: Callable,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable | None = None,
    options: dict | None = None,
) -> Any:
    """Minimise a scalar function, as `scipy.optimize.minimize`, with its gradient by automatic differentiation.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, a number, written with differentiable functions. What varies must be passed in `args`.
    x0 : array_like or pytree
        Initial guess. `fun` is called with unknowns of this structure: an array of any shape, or a dict, a list of arrays, ...
        Single precision is kept. The minimum counts as independent of `x0`.
    args : tuple, optional
        Further arguments of `fun`: numbers, arrays, and containers of them; the minimum is differentiable with respect to them.
    method : str or callable, optional
        As in SciPy.
    jac : callable, bool or str, optional
        As in SciPy. By default the gradient is that of `fun` by reverse mode, for methods that take one;
        ``"2-point"`` asks for differences.
    hess, hessp : optional
        As in SciPy. By default, and with the default of `jac`, methods that need one of them get it from `fun`.
    bounds, constraints, tol, callback, options : optional
        As in SciPy. Bounds, constraints and `callback` are about the vector of all unknowns, in the order of the pytree.
        Constraints are refused where something is traced.

    Returns
    -------
    OptimizeResult
        As SciPy's. ``x`` has the structure of `x0`; ``x`` and ``fun`` are differentiable, the rest are plain values.

    Raises
    ------
    ClosedOverTraceError
        If `fun` uses a traced value that is not among its arguments.
    NotConvergedError
        If something is traced and what was found is no minimum.
    SingularJacobianError
        If the Hessian is singular at the minimum.

    Notes
    -----
    At a minimum the gradient is zero, which defines it as a function of the parameters: ``H dx = -d(gradient)/dp dp``.
    Unknowns at a bound stay there. Derivatives are as accurate as the minimum, which is sought to the tolerance `tol`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> x, y = np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0])
    >>> loss = lambda line, ridge: np.sum((line["slope"] * x + line["start"] - y) ** 2) + ridge * line["slope"] ** 2
    >>> fit = lambda ridge: minimize(loss, {"slope": 0.0, "start": 0.0}, args=(ridge,)).x
    >>> print(f"{fit(0.0)['slope']:.5f} {fit(0.0)['start']:.5f}")
    2.00000 1.00000
    >>> print(f"{grad(lambda ridge: fit(ridge)['slope'])(0.0):.5f}")
    -0.40000
    """
    return _rules.minimize(
        fun,
        x0,
        args,
        method,
        jac,
        {
            "hess": hess,
            "hessp": hessp,
            "bounds": bounds,
            "constraints": constraints,
            "tol": tol,
            "callback": callback,
            "options": options,
        },
    )
