"""Splines and interpolation on grids."""

import numpy as np
import pytest
import scipy.interpolate

from autograd_clone import grad, hessian, jacfwd, jacobian, vmap
from autograd_clone import numpy as agnp
from autograd_clone.engine.errors import UnsupportedKeywordError
from autograd_clone.scipy import interpolate

from . import oracle

X = np.array([0.0, 0.7, 1.5, 2.0, 3.1, 4.0])
Y = np.array([1.0, -0.5, 0.3, 2.0, 1.1, 1.0])
INSIDE = np.array([[0.2, 1.2, 1.9], [2.6, 3.3, 3.9]])
CLAMPED = ((1, 0.5), (2, -1.0))
SPLINES = {
    "not-a-knot": lambda lib, y: lib.CubicSpline(X, y),
    "natural": lambda lib, y: lib.CubicSpline(X, y, bc_type="natural"),
    "clamped": lambda lib, y: lib.CubicSpline(X, y, bc_type=CLAMPED),
    "periodic": lambda lib, y: lib.CubicSpline(X, y, bc_type="periodic"),
    "hermite": lambda lib, y: lib.CubicHermiteSpline(X, y, 2.0 * y),
    "k=3": lambda lib, y: lib.make_interp_spline(X, y),
    "k=2": lambda lib, y: lib.make_interp_spline(X, y, k=2),
    "k=1": lambda lib, y: lib.make_interp_spline(X, y, k=1),
    "derivatives at the ends": lambda lib, y: lib.make_interp_spline(X, y, bc_type=([(1, 0.5)], [(1, -1.0)])),
    "basis": lambda lib, y: lib.BSpline([0, 0, 0, 1, 2, 3, 4, 4, 4], y, 2),
}
ONLY_POINTS = {
    "pchip": lambda lib, y: lib.PchipInterpolator(X, y),
    "akima": lambda lib, y: lib.Akima1DInterpolator(X, y),
}


@pytest.mark.parametrize("name", [*SPLINES, *ONLY_POINTS])
def test_derivatives_in_the_points(name):
    make = (SPLINES | ONLY_POINTS)[name]
    ours, original = make(interpolate, Y), make(scipy.interpolate, Y)
    total = lambda x: np.sum(ours(x) ** 2)
    slope = original(INSIDE, 1)
    np.testing.assert_allclose(grad(total)(INSIDE), 2 * original(INSIDE) * slope, atol=1e-12)
    np.testing.assert_allclose(jacfwd(total)(INSIDE), 2 * original(INSIDE) * slope, atol=1e-12)
    np.testing.assert_allclose(grad(grad(lambda x: ours(x)))(1.1), original(1.1, 2), atol=1e-12)
    np.testing.assert_allclose(grad(lambda x: ours(x, 1))(1.1), original(1.1, 2), atol=1e-12)
    np.testing.assert_allclose(vmap(ours)(INSIDE), original(INSIDE), atol=1e-14)
    np.testing.assert_allclose(vmap(grad(ours))(INSIDE[0]), slope[0], atol=1e-12)
    np.testing.assert_array_equal(ours(INSIDE), original(INSIDE))


@pytest.mark.parametrize("name", SPLINES)
def test_derivatives_in_the_values(name):
    make = SPLINES[name]
    fun = lambda y, lib=interpolate: make(lib, y)(INSIDE)
    exact = lambda y: make(scipy.interpolate, np.concatenate([y[:-1], y[:1]]) if name == "periodic" else y)(INSIDE)
    want = oracle.jacobian(exact, Y)
    np.testing.assert_allclose(jacobian(fun)(Y), want, atol=1e-10)
    np.testing.assert_allclose(jacfwd(fun)(Y), want, atol=1e-10)
    values = []
    grad(lambda y: values.append(fun(y)) or np.sum(values[0]))(Y)
    assert values[0].shape == INSIDE.shape
    both = lambda z: np.sum(make(interpolate, z[:6])(z[6:]) ** 2)
    exact = lambda z: np.sum(make(scipy.interpolate, np.append(z[:5], z[0]) if name == "periodic" else z[:6])(z[6:]) ** 2)
    z = np.concatenate([Y, INSIDE[0]])
    smooth = name != "k=1"
    np.testing.assert_allclose(grad(both)(z), oracle.gradient(exact, z, step=0.02 if smooth else 1e-3), atol=1e-6)
    if smooth:
        np.testing.assert_allclose(hessian(both)(z), oracle.hessian(exact, z, step=0.02), atol=1e-4)


def test_axes_and_extrapolation():
    wide = np.stack([Y, Y**2, Y - 1], 1)
    for axis, values in ((0, wide), (1, wide.T)):
        for make in (
            lambda lib, y, axis=axis: lib.CubicSpline(X, y, axis=axis, bc_type="natural"),
            lambda lib, y, axis=axis: lib.make_interp_spline(X, y, axis=axis),
            lambda lib, y, axis=axis: lib.CubicHermiteSpline(X, y, y, axis=axis),
        ):
            want = make(scipy.interpolate, values)(INSIDE)
            seen = []
            grad(lambda y, make=make, seen=seen: seen.append(make(interpolate, y)(INSIDE)) or np.sum(seen[0]))(values)
            assert seen[0].shape == want.shape
            np.testing.assert_allclose(seen[0]._value, want, atol=1e-12)
            jac = jacobian(make(interpolate, values))(INSIDE)
            assert jac.shape == want.shape + INSIDE.shape
    outside = np.array([-0.5, 4.7])
    for extrapolate in (None, True, False, "periodic"):
        ours, original = (lib.CubicSpline(X, Y, extrapolate=extrapolate) for lib in (interpolate, scipy.interpolate))
        np.testing.assert_allclose(jacobian(ours)(outside).diagonal(), original(outside, 1), atol=1e-12)
    line = interpolate.make_interp_spline(X, Y)
    np.testing.assert_allclose(jacobian(line)(outside).diagonal(), scipy.interpolate.make_interp_spline(X, Y)(outside, 1))
    ends = interpolate.CubicSpline(X, Y)
    np.testing.assert_allclose(jacobian(ends)(X).diagonal(), scipy.interpolate.CubicSpline(X, Y)(X, 1), atol=1e-12)


def test_the_rest_is_that_of_scipy():
    spline = interpolate.CubicSpline(X, Y)
    original = scipy.interpolate.CubicSpline(X, Y)
    assert spline.integrate(0.0, 2.0) == original.integrate(0.0, 2.0)
    np.testing.assert_array_equal(spline.derivative()(INSIDE), original.derivative()(INSIDE))
    slope = grad(lambda y: interpolate.CubicSpline(X, y).derivative()(1.1))(Y)
    np.testing.assert_allclose(slope, oracle.gradient(lambda y: scipy.interpolate.CubicSpline(X, y)(1.1, 1), Y), atol=1e-9)
    with pytest.raises(AttributeError, match="integrate"):
        grad(lambda y: interpolate.CubicSpline(X, y).integrate(0.0, 1.0))(Y)
    assert set(scipy.interpolate.__all__) <= set(dir(interpolate))
    assert grad(lambda a: interpolate.CubicSpline(agnp.array(X), agnp.array(Y))(1.0) * a)(2.0) == original(1.0)
    pieces = interpolate.PPoly(original.c, X)
    assert grad(pieces)(1.1) == pytest.approx(original(1.1, 1))
    np.testing.assert_allclose(jacobian(lambda c: interpolate.PPoly(c, X)(1.1))(original.c)[:, 1], 0.4 ** np.arange(3, -1, -1.0))


def test_points_of_interpolation_have_no_derivative():
    with pytest.raises(UnsupportedKeywordError, match="CubicSpline"):
        grad(lambda x: interpolate.CubicSpline(x, Y)(1.0))(X)
    with pytest.raises(UnsupportedKeywordError, match="Pchip"):
        grad(lambda y: interpolate.PchipInterpolator(X, y)(1.0))(Y)


# ---- grids -----------------------------------------------------------------------------------------------------

GRID = (np.array([0.0, 0.5, 2.0]), np.array([3.0, 1.5, 1.0, 0.0]))
VALUES = np.random.default_rng(0).normal(size=(3, 4))
POINTS = np.array([[0.2, 0.4], [1.7, 2.2], [0.7, 1.2]])


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("more", [(), (2,)])
def test_grids(method, more):
    values = np.random.default_rng(0).normal(size=(3, 4, *more))
    ours = lambda values, xi: interpolate.RegularGridInterpolator(GRID, values, method)(xi)
    exact = lambda values, xi: scipy.interpolate.RegularGridInterpolator(GRID, values, method)(xi)
    for i, x in enumerate((values, POINTS)):
        at = lambda f, x, i=i: f(x, POINTS) if i == 0 else f(values, x)
        want = oracle.jacobian(lambda x, at=at: at(exact, x), x)
        for derivative in (jacobian, jacfwd):
            np.testing.assert_allclose(derivative(lambda x, at=at: at(ours, x))(x), want, atol=1e-9)
    np.testing.assert_allclose(vmap(lambda x: ours(values, x)[0])(POINTS), exact(values, POINTS))
    np.testing.assert_array_equal(ours(values, POINTS), exact(values, POINTS))


def test_second_derivatives_on_a_grid():
    fun = lambda x, lib: np.sum(lib.interpn(GRID, VALUES, x) ** 2)
    want = oracle.hessian(lambda x: fun(x, scipy.interpolate), POINTS[:1])
    np.testing.assert_allclose(hessian(lambda x: fun(x, interpolate))(POINTS[:1]), want, atol=1e-7)


def test_outside_of_a_grid():
    out = np.array([[-1.0, 0.5], [0.2, 3.5], [0.2, 0.3]])
    fill = lambda lib, x: lib.interpn(GRID, VALUES, x, bounds_error=False, fill_value=7.0)
    slope = grad(lambda x: np.sum(fill(interpolate, x)))(out)
    np.testing.assert_array_equal(slope[:2], 0.0)
    beyond = lambda lib, x: lib.interpn(GRID, VALUES, x, bounds_error=False, fill_value=None)
    want = oracle.jacobian(lambda x: beyond(scipy.interpolate, x), out)
    np.testing.assert_allclose(jacobian(lambda x: beyond(interpolate, x))(out), want, atol=1e-9)
    with pytest.raises(ValueError, match="out of bounds in dimension 0"):
        grad(lambda x: np.sum(interpolate.interpn(GRID, VALUES, x)))(out)
    with pytest.raises(UnsupportedKeywordError, match="cubic"):
        grad(lambda x: np.sum(interpolate.interpn((X, X), np.ones((6, 6)), x, "cubic")))(out + 1)
    with pytest.raises(UnsupportedKeywordError, match="points"):
        grad(lambda g: np.sum(interpolate.interpn((g, GRID[1]), VALUES, POINTS)))(GRID[0])
