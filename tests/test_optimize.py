"""Roots and minima that are differentiated by the implicit function theorem."""

import numpy as np
import pytest
import scipy.optimize

from autograd_clone import grad, hessian, implicit_root, jacfwd, jacobian, value_and_grad, vmap
from autograd_clone.engine.errors import (
    ClosedOverTraceError,
    NonScalarOutputError,
    NotConvergedError,
    SingularJacobianError,
    UnsupportedKeywordError,
    UnsupportedTypeError,
)
from autograd_clone.scipy import optimize

from . import oracle


def all_derivatives(fun, exact, x, atol=1e-6):
    """Reverse and forward mode, first and second order, agree with differences of a closed form."""
    np.testing.assert_allclose(fun(x), exact(x), atol=atol)
    want = oracle.jacobian(exact, x)
    np.testing.assert_allclose(jacobian(fun)(x), want, atol=atol)
    np.testing.assert_allclose(jacfwd(fun)(x), want, atol=atol)
    total, exact_total = lambda x: np.sum(fun(x) ** 2), lambda x: np.sum(exact(x) ** 2)
    want = oracle.hessian(exact_total, x)
    np.testing.assert_allclose(jacobian(grad(total))(x), want, atol=10 * atol)
    np.testing.assert_allclose(jacfwd(grad(total))(x), want, atol=10 * atol)


# ---- roots of several equations ------------------------------------------------------------------------------


def circle_and_line(x, p):
    return np.stack([x[0] ** 2 + x[1] ** 2 - p["r"] ** 2, x[1] - p["slope"] * x[0]])


def meeting_point(q):
    x = q[0] / np.sqrt(1 + q[1] ** 2)
    return np.stack([x, q[1] * x])


Q = np.array([2.0, 0.5])


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "df-sane", "broyden1"])
def test_root(method):
    fun = lambda q: optimize.root(circle_and_line, [1.5, 1.0], ({"r": q[0], "slope": q[1]},), method, tol=1e-11).x
    all_derivatives(fun, meeting_point, Q)


def test_root_with_a_jacobian():
    def jac(x, p):
        assert type(p["r"]) is np.float64
        return np.array([[2 * x[0], 2 * x[1]], [-p["slope"], 1.0]])

    fun = lambda q: optimize.root(circle_and_line, [1.5, 1.0], ({"r": q[0], "slope": q[1]},), jac=jac).x
    all_derivatives(fun, meeting_point, Q)
    both = lambda x, p: (circle_and_line(x, p), jac(x, p) if type(p["r"]) is np.float64 else None)
    fun = lambda q: optimize.root(both, [1.5, 1.0], ({"r": q[0], "slope": q[1]},), jac=True).x
    np.testing.assert_allclose(jacobian(fun)(Q), oracle.jacobian(meeting_point, Q), atol=1e-7)
    fun = lambda q: optimize.fsolve(circle_and_line, [1.5, 1.0], ({"r": q[0], "slope": q[1]},), jac)
    np.testing.assert_allclose(jacobian(fun)(Q), oracle.jacobian(meeting_point, Q), atol=1e-7)


def test_fsolve_and_reports():
    fun = lambda a: optimize.fsolve(lambda x, a: x**3 - a, np.ones(3), a, xtol=1e-12)
    all_derivatives(fun, np.cbrt, np.array([1.0, 2.0, 3.0]))
    seen = []
    grad(lambda a: seen.append(optimize.fsolve(lambda x, a: x**2 - a, [1.0], a, full_output=True)) or seen[0][0][0])(4.0)
    ((x, info, ier, message),) = seen
    assert (x.shape, ier, type(message), info["nfev"] > 3) == ((1,), 1, str, True)
    seen.clear()
    grad(lambda a: seen.append(optimize.root(lambda x, a: x**2 - a, [1.0], a)) or seen[0].x[0])(4.0)
    assert type(seen[0]) is scipy.optimize.OptimizeResult
    assert seen[0].success


def test_roots_in_batches_and_dtypes():
    fun = lambda a: optimize.root(lambda x, a: x**2 - a, [1.0], a).x[0]
    np.testing.assert_allclose(vmap(fun)(np.array([4.0, 9.0])), [2.0, 3.0])
    np.testing.assert_allclose(vmap(grad(fun))(np.array([4.0, 9.0])), [1 / 4, 1 / 6])
    slope = grad(fun)(np.float32(4.0))
    assert slope.dtype == np.float32
    assert slope == pytest.approx(0.25)
    assert grad(lambda x0: optimize.root(lambda x: x**2 - 4.0, x0).x[0])(np.array([1.0])) == [0.0]
    starts = vmap(lambda x0: optimize.newton(lambda x: x**2 - 4.0, x0))
    np.testing.assert_allclose(starts(np.array([1.0, -1.0])), [2.0, -2.0])


# ---- roots of one equation -----------------------------------------------------------------------------------

KEPLER = lambda E, M, e: E - e * np.sin(E) - M


def anomaly(q):
    """By the fixed point iteration, which converges for small eccentricities."""
    E = q[0]
    for _ in range(80):
        E = q[0] + q[1] * np.sin(E)
    return E


@pytest.mark.parametrize("name", ["brentq", "brenth", "ridder", "bisect", "toms748"])
def test_bracketing(name):
    solver = getattr(optimize, name)
    all_derivatives(lambda q: solver(KEPLER, 0.0, 4.0, (q[0], q[1]), xtol=1e-12), anomaly, np.array([1.0, 0.3]))
    root, report = solver(KEPLER, 0.0, 4.0, (1.0, 0.3), full_output=True)
    assert report.converged
    assert root == getattr(scipy.optimize, name)(KEPLER, 0.0, 4.0, (1.0, 0.3))
    with pytest.raises(ValueError, match="sign"):
        grad(lambda a: solver(lambda x, a: x**2 + a, 0.0, 1.0, (a,)))(1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"bracket": [0.0, 4.0]},
        {"bracket": [0.0, 4.0], "method": "bisect", "xtol": 1e-12},
        {"x0": 1.0, "x1": 1.2},
        {"x0": 1.0, "fprime": lambda E, M, e: 1 - e * np.cos(E)},
        {"x0": 1.0, "fprime": lambda E, M, e: 1 - e * np.cos(E), "fprime2": lambda E, M, e: e * np.sin(E)},
    ],
)
def test_root_scalar(options):
    fun = lambda q: optimize.root_scalar(KEPLER, (q[0], q[1]), **options).root
    all_derivatives(fun, anomaly, np.array([1.0, 0.3]))


def test_newton():
    all_derivatives(lambda q: optimize.newton(KEPLER, 1.0, args=(q[0], q[1])), anomaly, np.array([1.0, 0.3]))
    several = lambda a: optimize.newton(lambda x, a: x**3 - a, np.ones(3), args=(a,), tol=1e-12)
    all_derivatives(several, np.cbrt, np.array([1.0, 2.0, 3.0]))
    with pytest.raises(RuntimeError, match="converge"):
        grad(lambda a: optimize.newton(lambda x, a: x**2 + a, 1.0, args=(a,), disp=False))(1.0)


# ---- minima --------------------------------------------------------------------------------------------------

A = np.array([[3.0, 1.0], [1.0, 2.0]])
WITH_GRADIENT = ["BFGS", "CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
WITH_HESSIAN = ["Newton-CG", "trust-ncg", "trust-krylov", "dogleg", "trust-exact"]


def bowl(x, b):
    return 0.5 * x @ A @ x + 0.1 * np.sum(x**4) - b @ x


def bottom(b):
    """The minimum of the bowl by Newton's method."""
    x = np.zeros_like(b)
    for _ in range(30):
        x = x - np.linalg.solve(A + np.diag(1.2 * x**2), A @ x + 0.4 * x**3 - b)
    return x


@pytest.mark.parametrize("method", [None, *WITH_GRADIENT, *WITH_HESSIAN])
def test_minimize(method):
    b = np.array([1.0, -2.0])
    fun = lambda b: optimize.minimize(bowl, np.zeros(2), b, method, tol=1e-10).x
    np.testing.assert_allclose(fun(b), bottom(b), atol=1e-6)
    want = oracle.jacobian(bottom, b)
    np.testing.assert_allclose(jacobian(fun)(b), want, atol=1e-5)
    np.testing.assert_allclose(jacfwd(fun)(b), want, atol=1e-5)


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA"])
def test_minimize_without_gradient(method):
    fun = lambda b: optimize.minimize(bowl, np.zeros(2), b, method, tol=1e-9).x
    np.testing.assert_allclose(jacobian(fun)(np.array([1.0, -2.0])), oracle.jacobian(bottom, np.array([1.0, -2.0])), atol=1e-5)


def test_second_derivatives_of_minima():
    b = np.array([1.0, -2.0])
    all_derivatives(lambda b: optimize.minimize(bowl, np.zeros(2), b, tol=1e-12, method="trust-exact").x, bottom, b)
    least = lambda b: optimize.minimize(bowl, np.zeros(2), b, tol=1e-12).fun
    exact = lambda b: bowl(bottom(b), b)
    value, slope = value_and_grad(least)(b)
    assert value == pytest.approx(exact(b))
    np.testing.assert_allclose(slope, -bottom(b), atol=1e-6)
    np.testing.assert_allclose(hessian(least)(b), oracle.hessian(exact, b), atol=1e-5)


def test_the_gradient_is_supplied():
    plain = optimize.minimize(scipy.optimize.rosen, np.array([-1.2, 1.0]))
    assert plain.njev == plain.nfev  # one evaluation each: no differences
    np.testing.assert_allclose(plain.x, 1.0, atol=1e-7)
    differences = optimize.minimize(scipy.optimize.rosen, np.array([-1.2, 1.0]), jac="2-point")
    assert differences.nfev == 3 * differences.njev
    own = optimize.minimize(scipy.optimize.rosen, [-1.2, 1.0], jac=scipy.optimize.rosen_der)
    np.testing.assert_array_equal(own.x.shape, (2,))
    together = optimize.minimize(lambda x: (np.sum(x**2), 2 * x), [1.0, 2.0], jac=True)
    np.testing.assert_allclose(together.x, 0.0, atol=1e-7)


def test_unknowns_in_containers():
    def loss(p, target):
        assert p["w"].dtype == np.float32
        assert p["w"].shape == (2, 2)
        return np.sum((p["w"] - target) ** 2) + (p["more"][0] - 3.0) ** 2

    start = {"w": np.zeros((2, 2), np.float32), "more": [1.0]}
    found = optimize.minimize(loss, start, args=(2.0,))
    assert found.x["w"].dtype == np.float32
    np.testing.assert_allclose(found.x["w"], 2.0, rtol=1e-5)
    assert found.x["more"][0] == pytest.approx(3.0)
    slope = grad(lambda target: np.sum(optimize.minimize(loss, start, target).x["w"]))(np.float64(2.0))
    assert slope == pytest.approx(4.0, rel=1e-5)
    by_hand = lambda p: {"w": 2 * p["w"], "more": [2 * p["more"][0]]}
    squares = lambda p: np.sum(p["w"] ** 2) + p["more"][0] ** 2
    assert optimize.minimize(squares, start, jac=by_hand).success
    assert optimize.minimize(lambda x: np.sum((x - 1.0) ** 2), np.zeros((2, 3))).x.shape == (2, 3)
    assert optimize.minimize(lambda x: np.sum((x - 1.0) ** 2), 0.0).x.shape == (1,)


def test_unknowns_at_a_bound_stay_there():
    fun = lambda b: optimize.minimize(bowl, np.zeros(2), b, bounds=[(0.5, None), (None, None)]).x
    b = np.array([-1.0, -2.0])
    assert fun(b)[0] == 0.5
    inner = lambda b1: np.real(np.roots([0.4, 0.0, 2.0, 0.5 - b1])[np.abs(np.imag(np.roots([0.4, 0.0, 2.0, 0.5 - b1]))) < 1e-9])[0]
    slope = oracle.gradient(inner, b[1])
    np.testing.assert_allclose(jacobian(fun)(b), [[0.0, 0.0], [0.0, slope]], atol=1e-5)
    limited = lambda b: optimize.minimize(bowl, np.zeros(2), b, bounds=scipy.optimize.Bounds([0.5, -np.inf], np.inf)).x
    np.testing.assert_allclose(jacobian(limited)(b), jacobian(fun)(b), atol=1e-5)


def test_minima_are_exact_enough_although_scipy_complains():
    b = np.array([1.0, -2.0])
    run = lambda b: optimize.minimize(bowl, np.zeros(2), b, options={"gtol": 0.0})
    assert not run(b).success
    np.testing.assert_allclose(jacobian(lambda b: run(b).x)(b), oracle.jacobian(bottom, b), atol=1e-7)


# ---- what is refused -----------------------------------------------------------------------------------------


def test_what_is_refused():
    for fun in (
        lambda a: optimize.root(lambda x: x**2 - a, [1.0]).x[0],
        lambda a: optimize.brentq(lambda x: x**2 - a, 0.0, 9.0),
        lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2), [1.0]).x[0],
        lambda a: optimize.minimize(lambda x, b: np.sum((x - a * b) ** 2), [1.0], a).x[0],
        lambda a: implicit_root(lambda x, b: x - b, lambda b: a)(a),
    ):
        with pytest.raises(ClosedOverTraceError, match="arguments"):
            grad(fun)(4.0)
    with pytest.raises(NotConvergedError, match="root"):
        grad(lambda a: optimize.root(lambda x, a: x**2 + a, [1.0], a).x[0])(1.0)
    with pytest.raises(NotConvergedError, match="fsolve"):
        grad(lambda a: optimize.fsolve(lambda x, a: x**2 + a, [1.0], a)[0])(1.0)
    with pytest.raises((NotConvergedError, RuntimeError), match="converge"):
        grad(lambda a: optimize.root_scalar(lambda x, a: x**2 + a, (a,), x0=1.0, x1=1.1, maxiter=5).root)(1.0)
    with pytest.raises(NotConvergedError, match="iterations"):
        grad(lambda a: optimize.minimize(scipy.optimize.rosen, a * np.zeros(2), options={"maxiter": 2}).x[0])(1.0)
    with pytest.raises(SingularJacobianError, match="singular"):
        grad(
            lambda a: optimize.root(lambda x, a: np.stack([x[0] + x[1] - a, 2 * x[0] + 2 * x[1] - 2 * a]), [1.0, 1.0], a, "lm").x[0]
        )(1.0)
    with pytest.raises(SingularJacobianError, match="Hessian"):
        grad(lambda a: optimize.minimize(lambda x, a: (x[0] + x[1] - a) ** 2, [0.0, 0.0], a).x[0])(1.0)
    equal = {"type": "eq", "fun": lambda x: x[0] - x[1]}
    with pytest.raises(UnsupportedKeywordError, match="constraints"):
        grad(lambda a: optimize.minimize(lambda x, a: np.sum((x - a) ** 2), [0.0, 0.0], a, constraints=equal).x[0])(1.0)
    with pytest.raises(UnsupportedKeywordError, match="tol"):
        grad(lambda a: optimize.minimize(lambda x: np.sum(x**2), [0.0, 0.0], tol=a).x[0])(1.0)
    with pytest.raises(NonScalarOutputError, match=r"\(2,\)"):
        optimize.minimize(lambda x: x**2, [0.0, 1.0])
    with pytest.raises(UnsupportedTypeError, match="complex"):
        optimize.minimize(lambda x: np.sum(abs(x)), [1.0j])


def test_constraints_without_traced_values():
    equal = {"type": "eq", "fun": lambda x: x[0] - x[1]}
    found = optimize.minimize(lambda x: (x[0] - 1.0) ** 2 + (x[1] - 2.0) ** 2, [0.0, 0.0], constraints=equal)
    np.testing.assert_allclose(found.x, 1.5)
    assert set(scipy.optimize.__all__) <= set(dir(optimize))


# ---- solvers of one's own --------------------------------------------------------------------------------------


def test_implicit_root():
    seen = []

    def solver(p, start):
        seen.append(type(p["r"]))
        return {"x": scipy.optimize.root(lambda x: circle_and_line(x, p), start, tol=1e-12).x}

    solve = implicit_root(lambda x, p, start: circle_and_line(x["x"], p), solver)
    assert solve.__name__ == "solver"
    all_derivatives(lambda q: solve({"r": q[0], "slope": q[1]}, np.ones(2))["x"], meeting_point, Q)
    assert set(seen) == {np.float64}
    scalar = implicit_root(lambda x, a: x**2 - a, np.sqrt)
    assert scalar(4.0) == 2.0
    assert grad(grad(scalar))(4.0) == pytest.approx(-1 / 32)
    with pytest.raises(ValueError, match="2 equations for 1"):
        grad(implicit_root(lambda x, a: np.stack([x, a]), np.sqrt))(4.0)
