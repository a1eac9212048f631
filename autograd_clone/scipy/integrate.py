"""`scipy.integrate`: differential equations and integrals, differentiable with respect to all that they depend on.

`odeint` and `solve_ivp` are differentiated by sensitivity and adjoint equations, `quad` and its relatives by Leibniz's rule;
solver and quadrature themselves are SciPy's, and are not traced. What varies is to be passed in ``args``. The rules for sampled
functions, `trapezoid`, `simpson` and others, are sums, which are traced.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> area = lambda rate: quad(lambda x, rate: np.exp(-rate * x), 0, np.inf, (rate,))[0]
>>> print(f"{grad(area)(2.0):.6f}")
-0.250000
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as _np
from scipy import integrate as _integrate

from ..engine.calls import youngest as _youngest
from ..rules import integrate as _rules
from ..rules import quadrature as _quadrature
from ..rules import sampled_integrals as _sampled

globals().update({_name: getattr(_integrate, _name) for _name in _integrate.__all__})

__all__ = list(_integrate.__all__)

# ---- differential equations ----------------------------------------------------------------------------------


def odeint(
    func: Callable,
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Callable | None = None,
    col_deriv: int = 0,
    full_output: int = 0,
    ml: int | None = None,
    mu: int | None = None,
    rtol: Any = None,
    atol: Any = None,
    tcrit: Any = None,
    h0: float = 0.0,
    hmax: float = 0.0,
    hmin: float = 0.0,
    ixpr: int = 0,
    mxstep: int = 0,
    mxhnil: int = 0,
    mxordn: int = 12,
    mxords: int = 5,
    printmessg: int = 0,
    tfirst: bool = False,
    *,
    sensitivity: str = "auto",
) -> Any:
    """Integrate a system of ordinary differential equations, as `scipy.integrate.odeint`.

    Parameters
    ----------
    func : callable
        ``func(y, t, *args)``, the derivative of ``y`` at time ``t``, written with differentiable functions. What varies
        must be passed in `args`: a traced value that `func` finds elsewhere is refused.
    y0 : (D,) array_like
        State at ``t[0]``.
    t : (T,) array_like
        Times, rising or falling.
    args : tuple, optional
        Further arguments of `func`: numbers, arrays, and containers of them; others are passed through.
    Dfun, col_deriv, full_output, ml, mu, rtol, atol, tcrit, h0, hmax, hmin, ixpr, mxstep, mxhnil, mxordn, mxords
        As in SciPy; those about the Jacobian are not used for derivatives.
    printmessg, tfirst
        As in SciPy.
    sensitivity : {'auto', 'forward', 'adjoint'}, optional
        How reverse mode is done: with the Jacobian of the state, integrated forwards with it, which is robust and costs
        D times the number of parameters; or with the adjoint equation, integrated backwards, which costs little more
        than the solution. By default the latter for larger systems.

    Returns
    -------
    (T, D) ndarray
        States at the times `t`; with `full_output` also SciPy's dict.

    Raises
    ------
    ClosedOverTraceError
        If `func` uses a traced value that is not among its arguments.

    Notes
    -----
    The error of a derivative is of the order of `rtol` and `atol`. Where the adjoint equation is not accurate, because
    the system cannot be integrated backwards, reverse mode turns to forward sensitivities by itself. Derivatives may be
    taken to any order and in any mode.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> def last(rate):
    ...     times = np.array([0.0, 1.0])
    ...     return odeint(lambda y, t, rate: -rate * y, [1.0], times, (rate,))[-1, 0]
    >>> print(f"{grad(last)(2.0):.6f}, {-np.exp(-2.0):.6f}")
    -0.135335, -0.135335
    """
    return _rules.odeint(
        func,
        y0,
        t,
        args,
        Dfun,
        full_output=bool(full_output),
        tfirst=tfirst,
        sensitivity=sensitivity,
        col_deriv=col_deriv,
        ml=ml,
        mu=mu,
        rtol=rtol,
        atol=atol,
        tcrit=tcrit,
        h0=h0,
        hmax=hmax,
        hmin=hmin,
        ixpr=ixpr,
        mxstep=mxstep,
        mxhnil=mxhnil,
        mxordn=mxordn,
        mxords=mxords,
        printmessg=printmessg,
    )


def solve_ivp(
    fun: Callable,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    sensitivity: str = "auto",
    **options: Any,
) -> Any:
    """Solve an initial value problem for a system of ordinary differential equations, as `scipy.integrate.solve_ivp`.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, the derivative of ``y`` at time ``t``, written with differentiable functions. What varies
        must be passed in `args`: a traced value that `fun` finds elsewhere is refused.
    t_span : pair of floats
        Where to start and to end.
    y0 : (N,) array_like
        State at the start.
    method : str or class, optional
        Any of SciPy's.
    t_eval : (T,) array_like, optional
        Times of the states that are returned. By default they are those of the solver's steps, which count as constants.
    dense_output, events : optional
        As in SciPy, as long as nothing is traced.
    vectorized : bool, optional
        As in SciPy.
    args : tuple, optional
        Further arguments of `fun`: numbers, arrays, and containers of them; others are passed through.
    sensitivity : {'auto', 'forward', 'adjoint'}, optional
        How reverse mode is done; see `odeint`.
    **options
        Of the solver. Those about the Jacobian are not used for derivatives.

    Returns
    -------
    OdeResult
        As SciPy's; ``t`` of shape ``(T,)`` and ``y`` of shape ``(N, T)`` are differentiable.

    Raises
    ------
    ClosedOverTraceError
        If `fun` uses a traced value that is not among its arguments.
    NotConvergedError
        If something is traced and the solver fails.

    Notes
    -----
    The error of a derivative is of the order of `rtol` and `atol`, as that of the solution is; by default these are 1e-3
    and 1e-6, which is little.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> def last(rate):
    ...     solution = solve_ivp(lambda t, y, rate: -rate * y, (0.0, 1.0), [1.0], args=(rate,), rtol=1e-8, atol=1e-8)
    ...     return solution.y[0, -1]
    >>> print(f"{grad(last)(2.0):.6f}, {-np.exp(-2.0):.6f}")
    -0.135335, -0.135335
    """
    return _rules.solve_ivp(
        fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, sensitivity=sensitivity, **options
    )


# ---- integrals of functions ----------------------------------------------------------------------------------


def quad(
    func: Callable,
    a: Any,
    b: Any,
    args: Any = (),
    full_output: int = 0,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Any = None,
    weight: str | None = None,
    wvar: Any = None,
    wopts: Any = None,
    maxp1: int = 50,
    limlst: int = 50,
    complex_func: bool = False,
) -> Any:
    """Integrate a function from `a` to `b`, as `scipy.integrate.quad`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)``, a number, written with differentiable functions. What varies must be passed in `args`.
    a, b : float
        Limits, which may be infinite; differentiable, unless there is a `weight`.
    args : tuple, optional
        Further arguments of `func`: numbers, arrays, and containers of them; others are passed through.
    full_output, epsabs, epsrel, limit, points, weight, wvar, wopts, maxp1, limlst, complex_func
        As in SciPy.

    Returns
    -------
    y : float
        The integral; differentiable.
    abserr : float
        Estimate of its error.
    infodict, message, explain
        As in SciPy, for `full_output`.

    Raises
    ------
    ClosedOverTraceError
        If `func` uses a traced value that is not among its arguments.

    Notes
    -----
    Derivatives are integrals of the derivative of `func` (Leibniz's rule), to the same tolerances. That supposes that they
    converge, and that no jump of `func` moves with a parameter: split the integral there.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(lambda b: quad(lambda x: x**2, 0.0, b)[0])(3.0):.6f}")
    9.000000
    """
    return _quadrature.quad(
        func,
        a,
        b,
        args,
        full_output,
        complex_func,
        epsabs=epsabs,
        epsrel=epsrel,
        limit=limit,
        points=points,
        weight=weight,
        wvar=wvar,
        wopts=wopts,
        maxp1=maxp1,
        limlst=limlst,
    )


def quad_vec(
    f: Callable,
    a: Any,
    b: Any,
    epsabs: float = 1e-200,
    epsrel: float = 1e-8,
    norm: str = "2",
    cache_size: float = 100e6,
    limit: float = 10000,
    workers: Any = 1,
    points: Any = None,
    quadrature: str | None = None,
    full_output: bool = False,
    *,
    args: Any = (),
) -> Any:
    """Integrate a function whose values are arrays, as `scipy.integrate.quad_vec`.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, an array, written with differentiable functions. What varies must be passed in `args`.
    a, b : float
        Limits, which may be infinite; differentiable.
    epsabs, epsrel, norm, cache_size, limit, workers, points, quadrature, full_output
        As in SciPy.
    args : tuple, optional
        Further arguments of `f`: numbers, arrays, and containers of them; others are passed through.

    Returns
    -------
    res : ndarray or float
        The integral; differentiable.
    err : float
        Estimate of its error, in the given norm.
    info : object
        As in SciPy, for `full_output`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import jacobian
    >>> powers = np.arange(3)
    >>> jacobian(lambda c: quad_vec(lambda x, c: (c * x) ** powers, 0.0, 1.0, args=(c,))[0])(2.0).round(6)
    array([0.      , 0.5     , 1.333333])
    """
    return _quadrature.quad_vec(
        f,
        a,
        b,
        args,
        full_output,
        epsabs=epsabs,
        epsrel=epsrel,
        norm=norm,
        cache_size=cache_size,
        limit=limit,
        workers=workers,
        points=points,
        quadrature=quadrature,
    )


def dblquad(
    func: Callable,
    a: Any,
    b: Any,
    gfun: Any,
    hfun: Any,
    args: Any = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> Any:
    """Integrate a function of two variables, as `scipy.integrate.dblquad`.

    Parameters
    ----------
    func : callable
        ``func(y, x, *args)``, a number, written with differentiable functions. What varies must be passed in `args`.
    a, b : float
        Limits of ``x``; differentiable.
    gfun, hfun : float or callable
        Limits of ``y``, or functions of ``x`` that return them; differentiable in ``x``.
    args : tuple, optional
        Further arguments of `func`.
    epsabs, epsrel : float, optional
        Tolerances, of the inner and of the outer integral.

    Returns
    -------
    y : float
        The integral; differentiable.
    abserr : float
        Estimate of its error.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> volume = lambda c: dblquad(lambda y, x, c: c * x * y**c, 0.0, 2.0, 0.0, lambda x: x / 2, (c,))[0]
    >>> print(f"{grad(volume)(1.0):.6f}")
    0.125000
    """
    a, b, args = _rules.settled((a, b, args if isinstance(args, tuple) else (args,)))
    if _youngest((a, b, gfun, hfun, args)) is None:
        plain = _rules.plainly(func, "dblquad", "integrand")
        gfun, hfun = (_rules.plainly(f, "dblquad", "inner limit") if callable(f) else f for f in (gfun, hfun))
        return _integrate.dblquad(plain, a, b, gfun, hfun, args, epsabs, epsrel)

    def inner(x: Any, low: Any, high: Any, *rest: Any) -> Any:
        low, high = (limit(x) if callable(limit) else limit for limit in (low, high))
        return quad(func, low, high, (x, *rest), 0, epsabs, epsrel)[0]

    return quad(inner, a, b, (gfun, hfun, *args), 0, epsabs, epsrel)


def fixed_quad(func: Callable, a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """Integrate a function by Gaussian quadrature of fixed order, as `scipy.integrate.fixed_quad`.

    The function is traced, so it may depend on traced values by itself as well as by `args`.

    Parameters
    ----------
    func : callable
        ``func(x, *args)`` of an array of points, which are along the last axis of what it returns.
    a, b : float
        Limits, which must be finite.
    args : tuple, optional
        Further arguments of `func`.
    n : int, optional
        How many points.

    Returns
    -------
    float or ndarray, None

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> print(f"{grad(lambda b: fixed_quad(np.cos, 0.0, b)[0])(0.0):.6f}")
    1.000000
    """
    if _youngest((a, b)) is None:
        return _integrate.fixed_quad(func, a, b, args, n)
    return _sampled.fixed_quad(func, a, b, args, n), None


# ---- integrals of sampled functions ---------------------------------------------------------------------------


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by the trapezoidal rule, as `scipy.integrate.trapezoid`.

    Parameters
    ----------
    y : array_like
        Samples.
    x : array_like, optional
        Their points.
    dx : float, optional
        Their distance, if `x` is not given.
    axis : int, optional
        Axis of the samples.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(trapezoid)(np.ones(4))
    array([0.5, 1. , 1. , 0.5])
    """
    return _np.trapezoid(y, x, dx, axis)


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by Simpson's rule, as `scipy.integrate.simpson`.

    Parameters
    ----------
    y : array_like
        Samples.
    x : array_like, optional
        Their points.
    dx : float, optional
        Their distance, if `x` is not given.
    axis : int, optional
        Axis of the samples.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(simpson)(np.ones(3)).round(6)
    array([0.333333, 1.333333, 0.333333])
    """
    if _youngest((x, dx)) is None:
        return _integrate.simpson(y, x=x, dx=dx, axis=axis)
    return _sampled.simpson(y, x if x is not None else dx * _np.arange(_np.shape(y)[axis]), axis)


def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """Integrate samples cumulatively by Simpson's rule, as `scipy.integrate.cumulative_simpson`.

    Parameters
    ----------
    y : array_like
        Samples.
    x : array_like, optional
        Their points, which must rise.
    dx : float or array_like, optional
        Their distance, if `x` is not given; an array has the shape of `y`, but one element along `axis`.
    axis : int, optional
        Axis of the samples.
    initial : float or array_like, optional
        What to put before the integrals and to add to them.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import jacobian
    >>> jacobian(cumulative_simpson)(np.ones(3)).round(6)
    array([[ 0.416667,  0.666667, -0.083333],
           [ 0.333333,  1.333333,  0.333333]])
    """
    if _youngest((y, x, dx, initial)) is None:
        return _integrate.cumulative_simpson(y, x=x, dx=dx, axis=axis, initial=initial)
    return _sampled.cumulative_simpson(y, x, dx, axis, initial)
