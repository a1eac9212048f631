"""`scipy.interpolate`: splines and interpolation on grids, differentiable in the points and, where linear, in the values.

Every name of `scipy.interpolate` is here. Those that this module defines take traced points; `CubicSpline`, `CubicHermiteSpline`,
`PPoly`, `BSpline`, `make_interp_spline`, `RegularGridInterpolator` and `interpn` take traced values as well, on which the result
depends linearly. There is no derivative with respect to the points that were interpolated.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> spline = CubicSpline([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 8.0, 27.0])
>>> print(f"{grad(spline)(1.5):.6f}, {grad(grad(spline))(1.5):.6f}")
6.750000, 9.000000
"""

from __future__ import annotations

from math import factorial as _factorial
from typing import Any

import numpy as _np
from scipy import interpolate as _interpolate

from ..array.box import as_array as _as_array
from ..engine.calls import youngest as _youngest
from ..engine.errors import UnsupportedKeywordError as _UnsupportedKeywordError
from ..rules import splines as _rules
from ..rules.integrate import settled as _settled

globals().update({_name: getattr(_interpolate, _name) for _name in _interpolate.__all__})

__all__ = list(_interpolate.__all__)


# ---- piecewise polynomials -------------------------------------------------------------------------------------


class _Piecewise:
    """A piecewise polynomial. What it does not have is that of SciPy's object, which it stands for if no value is traced."""

    def __init__(self, original: Any, c: Any, x: Any, inner: tuple[int, int], extrapolate: Any, axis: int) -> None:
        self.original, self.c, self.x, self.inner, self.extrapolate, self.axis = original, c, x, inner, extrapolate, axis

    def _set_from(self, original: Any) -> None:
        """Be what SciPy has made of plain values."""
        c, x, inner = _pieces_of(original)
        _Piecewise.__init__(self, original, c, x, inner, original.extrapolate, original.axis)

    def _set_linear(self, build: Any, y: Any, axis: int, *, periodic: bool = False) -> None:
        """Be the interpolant of traced values."""
        y = _np.moveaxis(y, axis, 0)
        example = build(_np.zeros(y.shape), False)
        c = _rules.pieces(lambda values, homogeneous: _pieces_of(build(values, homogeneous))[0], y, periodic=periodic)
        _, x, inner = _pieces_of(example)
        _Piecewise.__init__(self, None, c, x, inner, example.extrapolate, axis % y.ndim)

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of order `nu`, at points of any shape."""
        x = _settled(x)
        if self.original is not None and _youngest((x,)) is None:
            return self.original(x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return _rules.evaluate(_rules.derived(self.c, nu), self.x, x, self.inner, extrapolate, self.axis)

    def derivative(self, nu: int = 1) -> Any:
        """The derivative, a piecewise polynomial."""
        made = _Piecewise.__new__(_Piecewise)
        if self.original is not None:
            made._set_from(self.original.derivative(nu))
        else:
            made.__init__(None, _rules.derived(self.c, nu), self.x, self.inner, self.extrapolate, self.axis)  # type: ignore[misc]
        return made

    def __getattr__(self, name: str) -> Any:
        original = self.__dict__.get("original")
        if name.startswith("__") or original is None:
            raise AttributeError(f"{type(self).__name__!r} of traced values has no attribute {name!r}")
        return getattr(original, name)


def _pieces_of(original: Any) -> tuple[Any, Any, tuple[int, int]]:
    """Coefficients, ends of pieces, and the first and the last piece."""
    if isinstance(original, _interpolate.PPoly):
        return original.c, original.x, (0, len(original.x) - 2)
    t, k = original.t, original.k
    line = _interpolate.BSpline(t, original.c, k, axis=0) if original.axis else original
    c = _np.stack([line(t[:-1], nu) / _factorial(nu) for nu in range(k, -1, -1)])
    return c, t, (k, len(t) - k - 2)


class PPoly(_Piecewise):
    """A piecewise polynomial in the power basis, as `scipy.interpolate.PPoly`.

    Parameters
    ----------
    c : (K, M, ...) array_like
        Coefficients, of the highest power first; differentiable.
    x : (M + 1,) array_like
        Where the pieces begin and end.
    extrapolate : bool or 'periodic', optional
        As in SciPy.
    axis : int, optional
        As in SciPy.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda c: PPoly(c, [0.0, 1.0])(0.5))(np.ones((2, 1)))
    array([[0.5],
           [1. ]])
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        c, x = _settled((c, x))
        _rules.refuse_traced("PPoly", x=x)
        if _youngest((c,)) is None:
            self._set_from(_interpolate.PPoly(c, x, extrapolate, axis))
        else:
            c, x = _as_array(c), _np.asarray(x, float)
            super().__init__(None, c, x, (0, len(x) - 2), True if extrapolate is None else extrapolate, axis)


class CubicSpline(_Piecewise):
    """Interpolation by a cubic spline, as `scipy.interpolate.CubicSpline`.

    Parameters
    ----------
    x : (N,) array_like
        Points, rising.
    y : array_like
        Values, N along `axis`; differentiable.
    axis : int, optional
        As in SciPy.
    bc_type : str or pair, optional
        As in SciPy.
    extrapolate : bool or 'periodic', optional
        As in SciPy.

    Notes
    -----
    For traced values a matrix of ``4 * N**2`` numbers is made. For ``bc_type="periodic"`` the last of the values is not used.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda y: CubicSpline(np.arange(4.0), y)(1.5))(np.zeros(4))
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None) -> None:
        x, y = _settled((x, y))
        _rules.refuse_traced("CubicSpline", x=x, bc_type=bc_type)
        if _youngest((y,)) is None:
            self._set_from(_interpolate.CubicSpline(x, y, axis, bc_type, extrapolate))
            return

        def build(values: Any, homogeneous: bool) -> Any:
            ends = _homogeneous(bc_type, values.shape[1:]) if homogeneous else bc_type
            return _interpolate.CubicSpline(x, values, 0, ends, extrapolate)

        self._set_linear(build, _as_array(y), axis, periodic=bc_type == "periodic")


class CubicHermiteSpline(_Piecewise):
    """Interpolation of values and slopes, as `scipy.interpolate.CubicHermiteSpline`.

    Parameters
    ----------
    x : (N,) array_like
        Points, rising.
    y, dydx : array_like
        Values and slopes, N along `axis`; differentiable.
    axis : int, optional
        As in SciPy.
    extrapolate : bool or 'periodic', optional
        As in SciPy.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda slopes: CubicHermiteSpline([0.0, 1.0], [0.0, 0.0], slopes)(0.5))(np.zeros(2))
    array([ 0.125, -0.125])
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        x, y, dydx = _settled((x, y, dydx))
        _rules.refuse_traced("CubicHermiteSpline", x=x)
        if _youngest((y, dydx)) is None:
            self._set_from(_interpolate.CubicHermiteSpline(x, y, dydx, axis, extrapolate))
            return

        def build(both: Any, homogeneous: bool) -> Any:
            values, slopes = _np.split(both, 2)
            return _interpolate.CubicHermiteSpline(x, values, slopes, 0, extrapolate)

        y, dydx = _np.moveaxis(_as_array(y), axis, 0), _np.moveaxis(_as_array(dydx), axis, 0)
        self._set_linear(build, _np.concatenate([y, dydx]), 0)
        self.axis = axis % y.ndim


class PchipInterpolator(_Piecewise):
    """Monotone interpolation, as `scipy.interpolate.PchipInterpolator`; differentiable in the points at which it is evaluated.

    Parameters
    ----------
    x : (N,) array_like
        Points, rising.
    y : array_like
        Values, N along `axis`.
    axis : int, optional
        As in SciPy.
    extrapolate : bool, optional
        As in SciPy.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(PchipInterpolator([0.0, 1.0, 2.0], [0.0, 1.0, 4.0]))(1.0):.6f}")
    1.500000
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        x, y = _settled((x, y))
        _rules.refuse_traced("PchipInterpolator", x=x, y=y)
        self._set_from(_interpolate.PchipInterpolator(x, y, axis, extrapolate))


class Akima1DInterpolator(_Piecewise):
    """Akima's interpolation, as `scipy.interpolate.Akima1DInterpolator`; differentiable in the points of evaluation.

    Parameters
    ----------
    x : (N,) array_like
        Points, rising.
    y : array_like
        Values, N along `axis`.
    axis : int, optional
        As in SciPy.
    **options
        As in SciPy.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> print(f"{grad(Akima1DInterpolator([0.0, 1.0, 2.0], [0.0, 2.0, 4.0]))(1.0):.6f}")
    2.000000
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, **options: Any) -> None:
        x, y = _settled((x, y))
        _rules.refuse_traced("Akima1DInterpolator", x=x, y=y)
        self._set_from(_interpolate.Akima1DInterpolator(x, y, axis, **options))


class BSpline(_Piecewise):
    """A spline in the B-spline basis, as `scipy.interpolate.BSpline`.

    Parameters
    ----------
    t : (N + k + 1,) array_like
        Knots.
    c : array_like
        Coefficients, N along `axis`; differentiable.
    k : int
        Degree.
    extrapolate : bool or 'periodic', optional
        As in SciPy.
    axis : int, optional
        As in SciPy.

    Notes
    -----
    An instance has, as `c` and `x`, the pieces in the power basis.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda c: BSpline([0.0, 0.0, 1.0, 2.0, 2.0], c, 1)(0.25))(np.zeros(3))
    array([0.75, 0.25, 0.  ])
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        t, c = _settled((t, c))
        _rules.refuse_traced("BSpline", t=t)
        if _youngest((c,)) is None:
            self._set_from(_interpolate.BSpline(t, c, k, extrapolate, axis))
            return
        count = len(t) - k - 1
        c = _np.moveaxis(_as_array(c), axis, 0)[:count]
        self._set_linear(lambda values, homogeneous: _interpolate.BSpline(t, values, k, extrapolate), c, 0)
        self.axis = axis % c.ndim


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: bool = True
) -> Any:
    """Interpolate by a B-spline, as `scipy.interpolate.make_interp_spline`.

    Parameters
    ----------
    x : (N,) array_like
        Points, rising.
    y : array_like
        Values, N along `axis`; differentiable.
    k : int, optional
        Degree.
    t, bc_type, axis, check_finite : optional
        As in SciPy.

    Returns
    -------
    BSpline

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda y: make_interp_spline([0.0, 1.0, 2.0], y, k=2)(0.5))(np.zeros(3)).round(6)
    array([ 0.375,  0.75 , -0.125])
    """
    x, y = _settled((x, y))
    _rules.refuse_traced("make_interp_spline", x=x, t=t, bc_type=bc_type)
    made = BSpline.__new__(BSpline)
    if _youngest((y,)) is None:
        made._set_from(_interpolate.make_interp_spline(x, y, k, t, bc_type, axis, check_finite))
        return made

    def build(values: Any, homogeneous: bool) -> Any:
        ends = _homogeneous(bc_type, values.shape[1:]) if homogeneous else bc_type
        return _interpolate.make_interp_spline(x, values, k, t, ends, 0, check_finite)

    made._set_linear(build, _as_array(y), axis, periodic=bc_type == "periodic")
    return made


def _homogeneous(bc_type: Any, shape: tuple[int, ...]) -> Any:
    """Conditions at the ends with zeros in place of the values of derivatives."""
    if bc_type is None or isinstance(bc_type, str):
        return bc_type

    def one(end: Any, *, several: bool) -> Any:
        if end is None or isinstance(end, str):
            return end
        if several:
            return [(order, _np.zeros(shape)) for order, _ in end]
        return (end[0], _np.zeros(shape))

    return tuple(one(end, several=isinstance(end, list)) for end in bc_type)


# ---- grids -----------------------------------------------------------------------------------------------------


class RegularGridInterpolator:
    """Interpolation on a rectangular grid, as `scipy.interpolate.RegularGridInterpolator`.

    Parameters
    ----------
    points : tuple of array_like
        The grid along each of its axes, rising or falling.
    values : array_like
        Values on the grid; differentiable for the methods ``"linear"`` and ``"nearest"``.
    method : str, optional
        As in SciPy; where something is traced, ``"linear"`` or ``"nearest"``.
    bounds_error : bool, optional
        Whether points outside of the grid are an error.
    fill_value : float or None, optional
        What the value is there; with ``None`` it is extrapolated.
    **options
        As in SciPy, for other methods.

    Notes
    -----
    On a face between two cells, the derivative is that of the upper one.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> table = RegularGridInterpolator(([0.0, 1.0], [0.0, 2.0]), np.array([[0.0, 2.0], [3.0, 9.0]]))
    >>> grad(lambda x: table(x)[0])(np.array([0.5, 1.0]))
    array([5., 2.])
    """

    def __init__(
        self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = _np.nan, **options: Any
    ) -> None:
        points, values = _settled((tuple(points), values))
        for axis in points:
            _rules.refuse_traced("RegularGridInterpolator", points=axis)
        self.original = None
        if _youngest((values,)) is None:
            self.original = _interpolate.RegularGridInterpolator(
                points, values, method, bounds_error=bounds_error, fill_value=fill_value, **options
            )
        self.grid, self.values, self.method = points, values, method
        self.bounds_error, self.fill_value = bounds_error, fill_value

    def __call__(self, xi: Any, method: str | None = None, **options: Any) -> Any:
        """Values at points, whose coordinates are in the last axis of `xi`."""
        xi = _settled(xi)
        if self.original is not None and _youngest((xi,)) is None:
            return self.original(xi, method, **options)
        method = self.method if method is None else method
        if method not in ("linear", "nearest"):
            raise _UnsupportedKeywordError(
                f"RegularGridInterpolator: method={method!r} is not supported where something is traced; 'linear' and 'nearest' are"
            )
        if isinstance(xi, tuple):
            xi = _np.stack(_np.broadcast_arrays(*map(_as_array, xi)), axis=-1)
        xi = _as_array(xi)
        if xi.ndim == 1:  # one point, or a row of them on a grid of one axis
            xi = xi.reshape((-1, len(self.grid)))
        return _rules.on_grid(self.grid, self.values, xi, method, self.bounds_error, self.fill_value)


def interpn(points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = _np.nan) -> Any:
    """Interpolate on a rectangular grid, as `scipy.interpolate.interpn`.

    Parameters
    ----------
    points : tuple of array_like
        The grid along each of its axes.
    values : array_like
        Values on the grid; differentiable.
    xi : array_like
        Points, with coordinates in the last axis; differentiable.
    method, bounds_error, fill_value : optional
        As for `RegularGridInterpolator`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda v: interpn(([0.0, 1.0, 2.0],), v, np.array([1.25]))[0])(np.zeros(3))
    array([0.  , 0.75, 0.25])
    """
    if _youngest(_settled((tuple(points), values, xi))) is None:
        return _interpolate.interpn(points, values, xi, method, bounds_error, fill_value)
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
