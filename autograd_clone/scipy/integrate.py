"""`scipy.integrate.odeint`, differentiable with respect to starting point, times and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..rules import integrate as _rules

__all__ = ["odeint"]


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
