"""`scipy.special`, differentiable.

The ufuncs can be called from here or from SciPy itself; those of this module also take lists that hold traced
values. Other functions here stand in for those of SciPy that are plain Python and could not see a traced value.

What is not differentiable in an argument says so when a traced value is passed there: the orders of Bessel
functions, the parameters of hypergeometric functions, the degrees of polynomials.

Notes
-----
The incomplete gamma and beta functions, and the distribution functions made of them, are
differentiated with respect to their parameters too, to any order, with a relative error of about 1e-12 for a
first derivative.

At the end of a domain, derivatives are one-sided limits, and may be infinite: ``entr`` at 0 has the
derivative ``inf``. Outside the domain, where a function is constant or infinite, they are zero.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> from autograd_clone.scipy import special
>>> print(f"{grad(special.gammainc)(2.0, 3.0):.10f}")
-0.1974254196
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as _np
from scipy import special as _special

from ..array.box import as_array as _as_array
from ..engine.box import Box as _Box
from ..engine.errors import UnsupportedKeywordError as _UnsupportedKeywordError
from ..engine.primitive import find as _find
from ..numpy._ufuncs import accepting_lists as _accepting_lists
from ..rules import special as _rules
from ..rules.tools import anywhere as _anywhere

for _name in _special.__all__:
    _value = getattr(_special, _name)
    if isinstance(_value, _np.ufunc) and _find(_value) is not None:
        _value = _accepting_lists(_value, __name__)
    globals()[_name] = _value


# ---- reductions -------------------------------------------------------------------------------------------


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """Logarithm of a sum of exponentials, without overflow.

    Parameters
    ----------
    a : array_like
        Exponents, real or complex.
    axis : int or tuple of ints, optional
        Axes to sum over; all by default.
    b : array_like, optional
        Factors of the exponentials, broadcast against `a`; they may be negative or zero.
    keepdims : bool, optional
        Keep the reduced axes with length one.
    return_sign : bool, optional
        Return the logarithm of the sum's absolute value, and its sign. For complex operands the sign is that of the
        plain values: it is not differentiated.

    Returns
    -------
    ndarray or scalar, or a pair of them
        ``log(sum(b * exp(a)))``.

    Notes
    -----
    An exponent of minus infinity has the derivative zero, also if all of them are.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(logsumexp)(np.array([0.0, 0.0, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    primitive = _rules.SIGNED_LOGSUMEXP if return_sign else _rules.LOGSUMEXP
    a = _as_array(a)
    if b is not None:
        return primitive(a, _as_array(b), axis=axis, keepdims=keepdims)
    if _is_traced(a) and not return_sign:
        return _rules.traced_logsumexp(a, axis, keepdims)
    return primitive(a, axis=axis, keepdims=keepdims)


def softmax(x: Any, axis: Any = None) -> Any:
    """Exponentials divided by their sum.

    Parameters
    ----------
    x : array_like
        Exponents.
    axis : int or tuple of ints, optional
        Axes along which the result sums to one; all by default.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import jacobian
    >>> jacobian(softmax)(np.zeros(2))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    return _rules.SOFTMAX(_as_array(x), axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Logarithm of `softmax`, accurate where that is tiny.

    Parameters
    ----------
    x : array_like
        Exponents.
    axis : int or tuple of ints, optional
        As for `softmax`.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda x: log_softmax(x)[0])(np.zeros(2))
    array([ 0.5, -0.5])
    """
    return _rules.LOG_SOFTMAX(_as_array(x), axis=axis)


# ---- gamma functions --------------------------------------------------------------------------------------


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma.

    Parameters
    ----------
    n : int or array of ints
        Order, not negative.
    x : array_like
        Argument, real or (for one `n`) complex.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(polygamma, 1)(0, 1.0):.6f}")
    1.644934
    """
    return _rules.POLYGAMMA(_as_array(x)[()], n=n)


def multigammaln(a: Any, d: int) -> Any:
    """Logarithm of the multivariate gamma function.

    Parameters
    ----------
    a : array_like
        Larger than ``(d - 1) / 2``.
    d : int
        Dimension.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(multigammaln)(2.0, 1):.6f}")
    0.422784
    """
    if _np.ndim(d) or d != int(d):
        raise ValueError("d should be a positive integer (dimension)")
    a = _as_array(a)
    if _anywhere(a <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln: a must be greater than (d - 1) / 2, which is {0.5 * (d - 1)}")
    terms = _special.gammaln(_np.expand_dims(a, -1) - 0.5 * _np.arange(d))
    return _np.sum(terms, axis=-1) + 0.25 * d * (d - 1) * log(pi)


def factorial(n: Any, exact: bool = False, **options: Any) -> Any:
    """The factorial ``gamma(n + 1)``, and zero for negative `n`.

    Parameters
    ----------
    n : array_like
        Integers, or (with ``exact=False``) real numbers.
    exact : bool, optional
        Integer arithmetic; not for traced values.
    **options
        SciPy's ``extend``; not for traced values.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(factorial)(1.0):.6f}")
    0.422784
    """
    n = _as_array(n)
    if exact or options or not _is_traced(n):
        _refuse(n, "exact=True or extend=" if exact or options else "")
        return _special.factorial(n, exact=exact, **options)
    inside = n >= 0
    return _np.where(inside, _special.gamma(_np.where(inside, n, 0) + 1), 0)


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """Number of ways to choose `k` of `N` things: the binomial coefficient, zero unless ``0 <= k <= N``.

    Parameters
    ----------
    N, k : array_like
        Integers, or (with ``exact=False``) real numbers.
    exact : bool, optional
        Integer arithmetic; not for traced values.
    repetition : bool, optional
        Things may be chosen more than once.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(comb)(4.0, 2.0):.6f}")
    3.500000
    """
    N, k = _as_array(N)[()], _as_array(k)[()]
    if exact or not (_is_traced(N) or _is_traced(k)):
        _refuse(N, "exact=True")
        _refuse(k, "exact=True")
        return _special.comb(N, k, exact=exact, repetition=repetition)
    if repetition:
        N = N + k - 1
    inside = (k <= N) & (N >= 0) & (k >= 0)
    return _np.where(inside, _special.binom(N, k), 0)


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Number of ordered choices of `k` of `N` things, zero unless ``0 <= k <= N``.

    Parameters
    ----------
    N, k : array_like
        Integers, or (with ``exact=False``) real numbers.
    exact : bool, optional
        Integer arithmetic; not for traced values.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(perm)(4.0, 2.0):.6f}")
    7.000000
    """
    N, k = _as_array(N)[()], _as_array(k)[()]
    if exact or not (_is_traced(N) or _is_traced(k)):
        _refuse(N, "exact=True")
        _refuse(k, "exact=True")
        return _special.perm(N, k, exact=exact)
    inside = (k <= N) & (N >= 0) & (k >= 0)
    return _np.where(inside, _special.poch(_np.where(inside, N - k, 0.0) + 1, _np.where(inside, k, 0.0)), 0)


# ---- functions with an order or a branch ------------------------------------------------------------------


def _spherical(name: str) -> Any:
    original = _rules.mended(getattr(_special, name))
    primitive, slope = _rules.SPHERICAL[name]

    def spherical(n: Any, z: Any, derivative: bool = False) -> Any:
        z, n = _as_array(z)[()], _np.asarray(n)[()]
        if not _is_traced(z):
            return original(n, z, derivative=derivative)
        return slope(1.0, z, n) if derivative else primitive(z, n=n)

    return _named_like(original, spherical)


def _bessel_derivative(name: str) -> Any:
    def bessel_derivative(v: Any, z: Any, n: int = 1) -> Any:
        return _rules.DERIVATIVES[name](_as_array(z)[()], v=v, n=n)

    return _named_like(getattr(_special, name), bessel_derivative)


def _named_like(original: Any, function: Any) -> Any:
    function.__name__ = function.__qualname__ = original.__name__
    function.__doc__ = original.__doc__.replace(">>>", "$")  # their examples are not run with ours
    function.__wrapped__ = original
    return function


spherical_jn, spherical_yn = _spherical("spherical_jn"), _spherical("spherical_yn")
spherical_in, spherical_kn = _spherical("spherical_in"), _spherical("spherical_kn")
jvp, yvp = _bessel_derivative("jvp"), _bessel_derivative("yvp")
ivp, kvp = _bessel_derivative("ivp"), _bessel_derivative("kvp")
h1vp, h2vp = _bessel_derivative("h1vp"), _bessel_derivative("h2vp")


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """Lambert's W function, ``w * exp(w) == z``.

    Parameters
    ----------
    z : array_like
        Argument, real or complex.
    k : int or array of ints, optional
        Branch.
    tol : float, optional
        Tolerance of SciPy's iteration.

    Returns
    -------
    ndarray or scalar
        Complex.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda x: np.real(lambertw(x)))(0.0)
    np.float64(1.0)
    """
    return _rules.LAMBERTW(_as_array(z)[()], k=k, tol=tol)


def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The Hurwitz zeta function ``sum((n + q) ** -x)``, or for ``q=None`` Riemann's.

    Parameters
    ----------
    x : array_like
        Exponent; not differentiable.
    q : array_like, optional
        Differentiable.
    out : ndarray, optional
        For the result; not for traced values.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(zeta, 1)(2.0, 1.0):.6f}")
    -2.404114
    """
    q = q if q is None else _as_array(q)[()]
    if not (_is_traced(x) or _is_traced(q)):
        return _special.zeta(x, q, out)
    _refuse(q, "" if out is None else "out=")
    return _rules.HURWITZ(1.0 if q is None else q, x=x)


def sinc(x: Any) -> Any:
    """As `numpy.sinc`.

    Parameters
    ----------
    x : array_like
        Argument.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> grad(sinc)(0.5) < 0
    np.True_
    """
    return _np.sinc(_as_array(x)[()])


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow.

    Parameters
    ----------
    x : array_like
        Argument.

    Returns
    -------
    ndarray or scalar

    Examples
    --------
    >>> from autograd_clone import grad
    >>> grad(softplus)(0.0)
    np.float64(0.5)
    """
    return _np.logaddexp(0.0, _as_array(x)[()])


def _is_traced(x: Any) -> bool:
    return isinstance(x, _Box)


def _refuse(x: Any, option: str) -> None:
    if option and _is_traced(x):
        raise _UnsupportedKeywordError(f"{option} cannot be used with a traced value")
