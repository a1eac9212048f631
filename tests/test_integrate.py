"""Initial value problems and integrals of `autograd_clone.scipy.integrate`."""

import warnings

import numpy as np
import pytest
import scipy.integrate

from autograd_clone import grad, hessian, jacfwd, jacobian, value_and_grad, vjp, vmap
from autograd_clone.engine.errors import (
    BatchedValueError,
    ClosedOverTraceError,
    NotConvergedError,
    UnsupportedKeywordError,
)
from autograd_clone.scipy import integrate

from . import oracle

TIGHT = {"rtol": 1e-10, "atol": 1e-10}
METHODS = ["RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA"]

# ---- solve_ivp -----------------------------------------------------------------------------------------------


def decay(y0, span, times, rate, drive, **options):
    field = lambda t, y, rate, drive: -rate * y + drive
    return integrate.solve_ivp(field, span, y0, t_eval=times, args=(rate, drive), **(TIGHT | options)).y


def decay_exact(y0, span, times, rate, drive):
    e = np.exp(-rate * (times - span[0]))
    return np.expand_dims(y0, 1) * e + np.expand_dims(drive, 1) / rate * (1 - e)


ARGUMENTS = (np.array([1.0, -0.5]), np.array([0.1, 1.2]), np.array([0.1, 0.4, 1.1]), 1.3, np.array([0.2, 0.4]))
WEIGHTS = np.random.default_rng(0).normal(size=(2, 3))


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
@pytest.mark.parametrize("i", range(5), ids=["y0", "t_span", "t_eval", "rate", "drive"])
def test_solve_ivp(i, sensitivity):
    def loss(x, solve, **options):
        return np.sum(WEIGHTS * solve(*ARGUMENTS[:i], x, *ARGUMENTS[i + 1 :], **options) ** 2)

    ours = lambda x: loss(x, decay, sensitivity=sensitivity)
    exact = lambda x: loss(x, decay_exact)
    x = np.asarray(ARGUMENTS[i])
    if i in (1, 2):  # no time outside of t_span
        ours_, exact_, x = ours, exact, np.array([0.3])
        moved = {1: lambda s: s * [1.0, 0.0] + [-0.3, 1.2], 2: lambda s: s * [0.0, 1.0, 1.0] + [0.1, 0.1, 0.8]}[i]
        ours, exact = lambda s: ours_(moved(s)), lambda s: exact_(moved(s))
    want = oracle.gradient(exact, x)
    np.testing.assert_allclose(grad(ours)(x), want, atol=1e-8)
    np.testing.assert_allclose(jacfwd(ours)(x), want, atol=1e-8)
    want = oracle.hessian(exact, x)
    np.testing.assert_allclose(jacfwd(grad(ours))(x), want, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_have_derivatives_as_accurate_as_their_solutions(method):
    tolerance = 1e-6
    fun = lambda rate: decay(np.ones(2), (0.0, 1.0), None, rate, np.zeros(2), method=method, rtol=tolerance, atol=tolerance)
    last = lambda rate: fun(rate)[0, -1]
    value, slope = value_and_grad(last)(1.5)
    assert value == pytest.approx(np.exp(-1.5), abs=20 * tolerance)
    assert slope == pytest.approx(-np.exp(-1.5), abs=20 * tolerance)
    adjoint = lambda rate: decay(
        np.ones(2), (0.0, 1.0), [0.5, 1.0], rate, 0.0, method=method, sensitivity="adjoint", rtol=tolerance
    )
    assert grad(lambda rate: adjoint(rate)[0, -1])(1.5) == pytest.approx(-np.exp(-1.5), abs=20 * tolerance)


@pytest.mark.parametrize("times", [None, np.linspace(0.5, 3.0, 4)])
def test_values_are_those_of_scipy(times):
    field = lambda t, y, k: np.stack([y[1], -k * y[0] * (1 + t)])
    want = scipy.integrate.solve_ivp(field, (0.0, 3.0), [1.0, 0.0], t_eval=times, args=(2.0,))
    results = []

    def last(k):
        results.append(integrate.solve_ivp(field, (0.0, 3.0), [1.0, 0.0], t_eval=times, args=(k,)))
        return results[0].y[0, -1]

    assert value_and_grad(last)(2.0)[0] == want.y[0, -1]
    (found,) = results
    assert type(found) is type(want)
    assert (found.status, found.nfev, found.success) == (want.status, want.nfev, True)
    np.testing.assert_array_equal(found.t, want.t)
    assert found.y.shape == want.y.shape


def test_the_end_of_a_free_run_is_differentiable():
    def last(end):
        return integrate.solve_ivp(lambda t, y: -2.0 * y, (0.0, end), [1.0], **TIGHT).y[0, -1]

    assert grad(last)(0.7) == pytest.approx(-2 * np.exp(-1.4), abs=1e-8)
    backwards = lambda start: integrate.solve_ivp(lambda t, y: -2.0 * y, (start, 0.0), [1.0], **TIGHT).y[0, -1]
    assert grad(backwards)(0.7) == pytest.approx(2 * np.exp(1.4), abs=1e-7)
    assert grad(lambda y: integrate.solve_ivp(lambda t, y: -y, (1.0, 1.0), [y]).y[0, -1])(2.0) == 1.0


def test_options_of_solve_ivp():
    def last(rate, **options):
        field = lambda t, y, p: [-p["rate"] * y[0], y[0] ** 2]
        times = np.linspace(0, 1, 3)
        return integrate.solve_ivp(field, (0, 1), [1, 0], t_eval=times, args=({"rate": rate},), **options).y[0, -1]

    jac = lambda t, y, p: [[-p["rate"], 0.0], [2 * y[0], 0.0]]
    several = {"method": "Radau", "jac": jac, "rtol": 1e-8, "atol": np.array([1e-8, 1e-7]), "max_step": 0.3, "first_step": 0.01}
    assert grad(last)(1.0, **several) == pytest.approx(-np.exp(-1.0), abs=1e-6)
    assert grad(last)(np.float32(1.0), vectorized=True, **TIGHT).dtype == np.float32
    assert grad(last)(1.0, vectorized=True, **TIGHT) == pytest.approx(-np.exp(-1.0), abs=1e-8)
    mapped = vmap(lambda rate: decay(np.ones(1), (0.0, 1.0), [1.0], rate, 0.0)[0, 0])
    np.testing.assert_allclose(mapped(np.array([1.0, 2.0])), np.exp([-1.0, -2.0]), rtol=1e-8)
    assert jacobian(lambda y: decay(y, (0.0, 1.0), [0.5, 1.0], 1.0, 0.0))(np.ones(2)).shape == (2, 2, 2)


def test_what_solve_ivp_refuses():
    field = lambda t, y, rate: -rate * y
    run = lambda rate, **options: integrate.solve_ivp(field, (0.0, 1.0), [1.0], args=(rate,), **options).y[0, -1]
    with pytest.raises(ClosedOverTraceError, match="args"):
        grad(lambda rate: integrate.solve_ivp(lambda t, y: -rate * y, (0.0, 1.0), [1.0]).y[0, -1])(1.0)
    with pytest.raises(ClosedOverTraceError, match="args"):
        grad(lambda rate: integrate.solve_ivp(lambda t, y: -rate * y, (0.0, 1.0), [rate]).y[0, -1])(1.0)
    with pytest.raises(UnsupportedKeywordError, match="events"):
        grad(run)(1.0, events=lambda t, y, rate: y[0] - 0.5)
    with pytest.raises(UnsupportedKeywordError, match="dense_output"):
        grad(run)(1.0, dense_output=True)
    with pytest.raises(UnsupportedKeywordError, match="max_step"):
        grad(lambda h: run(h, max_step=h))(1.0)
    with pytest.raises(TypeError, match="complex"):
        grad(lambda y: np.real(integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), [y]).y[0, -1]))(1.0j)
    with pytest.raises(BatchedValueError, match="t_eval"):
        vmap(run)(np.ones(2))
    with pytest.raises(NotConvergedError, match="step size"):
        grad(lambda y: integrate.solve_ivp(lambda t, y: y**2, (0.0, 2.0), [y]).y[0, -1])(1.0)
    with pytest.raises(ValueError, match="one-dimensional"):
        grad(run)(1.0, t_eval=np.ones((1, 1)))
    with pytest.raises(ValueError, match="sensitivity"):
        run(1.0, sensitivity="other")


def test_untraced_calls_are_scipys():
    solution = integrate.solve_ivp(lambda t, y: -y, (0.0, 2.0), [1.0], dense_output=True, events=lambda t, y: y[0] - 0.5, **TIGHT)
    assert solution.t_events[0][0] == pytest.approx(np.log(2.0))
    assert solution.sol(1.0)[0] == pytest.approx(np.exp(-1.0))
    assert integrate.quad(np.sin, 0, 1) == scipy.integrate.quad(np.sin, 0, 1)
    assert integrate.quad_vec(np.sin, 0, 1) == scipy.integrate.quad_vec(np.sin, 0, 1)
    assert integrate.dblquad(lambda y, x: x * y, 0, 1, 0, 1) == scipy.integrate.dblquad(lambda y, x: x * y, 0, 1, 0, 1)
    assert set(scipy.integrate.__all__) <= set(dir(integrate))


# ---- quad ----------------------------------------------------------------------------------------------------

INTEGRALS = {  # integral of one argument, closed form, argument
    "limits": (lambda b: integrate.quad(np.cos, -b, b**2)[0], lambda b: np.sin(b**2) + np.sin(b), 0.7),
    "parameter": (lambda c: integrate.quad(lambda x, c: np.exp(-c * x), 0, 1, (c,))[0], lambda c: (1 - np.exp(-c)) / c, 1.3),
    "infinite": (lambda c: integrate.quad(lambda x, c: np.exp(-c * x * x), -np.inf, np.inf, (c,))[0], lambda c: np.sqrt(np.pi / c), 1.3),
    "half-infinite": (lambda c: integrate.quad(lambda x, c: np.exp(-c * x), c, np.inf, c)[0], lambda c: np.exp(-c * c) / c, 0.9),
    "singular": (lambda c: integrate.quad(lambda x, c: x**c, 0, 1, (c,))[0], lambda c: 1 / (1 + c), -0.4),
    "cosine": (lambda c: integrate.quad(lambda x, c: np.exp(-c * x), 0, np.inf, (c,), weight="cos", wvar=2.0)[0], lambda c: c / (c * c + 4), 1.1),
    "break points": (lambda c: integrate.quad(lambda x, c: abs(x - 0.3) ** c, 0, 1, (c,), points=[0.3])[0], lambda c: (0.3 ** (c + 1) + 0.7 ** (c + 1)) / (c + 1), 1.5),
    "complex": (lambda c: np.real(integrate.quad(lambda x, c: np.exp(1j * c * x), 0, 1, (c,), complex_func=True)[0]), lambda c: np.sin(c) / c, 1.1),
    "double": (lambda c: integrate.dblquad(lambda y, x, c: c * x * y**c, c / 2, 2.0, 0.0, lambda x: x / 2, (c,))[0], lambda c: c / (c + 1) / 2 ** (c + 1) * (2 ** (c + 3) - (c / 2) ** (c + 3)) / (c + 3), 1.2),
    "vector": (lambda c: np.sum(integrate.quad_vec(lambda x, c: np.array([1.0, c]) * np.exp(-c * x), c, np.inf, args=(c,))[0]), lambda c: (1 + 1 / c) * np.exp(-c * c), 0.9),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals(name):
    ours, exact, at = INTEGRALS[name]
    assert ours(at) == pytest.approx(exact(at), abs=1e-8)
    slope = oracle.gradient(exact, at)
    assert grad(ours)(at) == pytest.approx(slope, abs=1e-7)
    assert jacfwd(ours)(at) == pytest.approx(slope, abs=1e-7)
    if name == "double":
        return  # nested integrals of a nested derivative take seconds
    curvature = oracle.hessian(exact, at)
    assert grad(grad(ours))(at) == pytest.approx(curvature, abs=1e-6)
    assert jacfwd(grad(ours))(at) == pytest.approx(curvature, abs=1e-6)


def test_many_parameters_share_the_points():
    calls = []

    def integrand(x, p):
        calls.append(x)
        return np.sum(p["a"] * np.exp(-p["b"] * x))

    area = lambda p: integrate.quad(integrand, 0, 1, (p,))[0]
    p = {"a": np.arange(1.0, 5.0), "b": np.float32(0.5)}
    slope = grad(area)(p)
    assert slope["b"].dtype == np.float32
    np.testing.assert_allclose(slope["a"], (1 - np.exp(-0.5)) / 0.5)
    assert slope["b"] == pytest.approx(10 * oracle.gradient(lambda b: (1 - np.exp(-b)) / b, 0.5), rel=1e-6)
    assert len(calls) == 42  # once for the integral and once for all of the derivatives


def test_hessians_and_batches_of_integrals():
    f = lambda p: integrate.quad(lambda x, p: np.exp(-p[0] * x) * np.cos(p[1] * x), p[2], 1.0, (p,))[0]

    def exact(p):
        s = -p[0] + 1j * p[1]
        return np.real((np.exp(s) - np.exp(s * p[2])) / s)

    p = np.array([0.4, 1.1, -0.3])
    np.testing.assert_allclose(hessian(f)(p), oracle.hessian(exact, p), atol=1e-7)
    np.testing.assert_allclose(vmap(f)(np.stack([p, 2 * p])), [exact(p), exact(2 * p)])
    shaped = lambda c: integrate.quad_vec(lambda x, c: c * np.ones((2, 1)) * x, 0.0, 1.0, args=(c,))[0]
    np.testing.assert_allclose(jacobian(shaped)(np.ones(3)).shape, (2, 3, 3))


def test_reports_of_integrals():
    seen = []
    grad(lambda c: seen.append(integrate.quad(lambda x, c: np.exp(c * x), 0, 1, (c,), full_output=1)) or seen[0][0])(1.0)
    ((_, error, info),) = seen
    assert error < 1e-10
    assert info["neval"] == 21
    seen.clear()
    grad(lambda c: seen.append(integrate.quad_vec(lambda x, c: np.exp(c * x), 0, 1, args=(c,), full_output=True)) or seen[0][0])(
        1.0
    )
    assert seen[0][2].success


def test_what_quad_refuses():
    for fun in (
        lambda c: integrate.quad(lambda x: c * x, 0, 1)[0],
        lambda c: integrate.quad(lambda x: c * x, 0, c)[0],
        lambda c: integrate.quad_vec(lambda x: c * x, 0, 1)[0],
        lambda c: integrate.dblquad(lambda y, x: c * x, 0, 1, 0, 1)[0],
        lambda c: integrate.dblquad(lambda y, x: x, 0, 1, 0, lambda x: c * x)[0],
    ):
        with pytest.raises(ClosedOverTraceError, match="args"):
            grad(fun)(1.0)
    with pytest.raises(UnsupportedKeywordError, match="weight"):
        grad(lambda b: integrate.quad(np.exp, 0, b, weight="sin", wvar=1.0)[0])(1.0)
    with pytest.raises(UnsupportedKeywordError, match="wvar"):
        grad(lambda w: integrate.quad(np.exp, 0, 1, weight="sin", wvar=w)[0] + integrate.quad(np.exp, 0, w, wvar=w)[0])(1.0)


# ---- sampled functions ---------------------------------------------------------------------------------------

RULES = {
    "trapezoid": integrate.trapezoid,
    "simpson": integrate.simpson,
    "cumulative_trapezoid": integrate.cumulative_trapezoid,
    "cumulative_simpson": integrate.cumulative_simpson,
}


@pytest.mark.parametrize("n", [2, 3, 6, 7])
@pytest.mark.parametrize("name", RULES)
def test_sampled_functions(name, n):
    rule, original = RULES[name], getattr(scipy.integrate, name)
    y, x = np.cos(np.arange(n)) + 2, np.linspace(0, 1.5, n) ** 1.5 + np.arange(n)
    wide = np.stack([y, y**2], 1)
    calls = {
        "y": (lambda f, y: f(y, x=x), y),
        "x": (lambda f, x: f(y, x=x), x),
        "both": (lambda f, x: f(np.cos(x), x=x), x),
        "dx": (lambda f, d: f(y, dx=d), 0.3),
        "axis": (lambda f, y: f(y, x=x, axis=0), wide),
        "x of an axis": (lambda f, x: f(wide, x=x, axis=0), x),
    }
    for label, (call, at) in calls.items():
        if name == "cumulative_simpson" and n == 2:
            continue  # SciPy returns the trapezoidal rule's
        loss = lambda at, rule, call=call: np.sum(call(rule, at) ** 2)
        value, slope = value_and_grad(loss)(at, rule)
        assert value == pytest.approx(loss(at, original))
        want = oracle.gradient(lambda at, loss=loss: loss(at, original), at)
        np.testing.assert_allclose(slope, want, atol=1e-8, err_msg=label)
        assert np.shape(jacobian(lambda at, call=call: call(rule, at))(at)) == np.shape(call(original, at)) + np.shape(at)


def test_cumulative_simpson_as_scipys():
    y, x = np.cos(np.arange(15.0)).reshape(3, 5), np.arange(15.0).reshape(3, 5) ** 1.5
    own = scipy.integrate.cumulative_simpson
    for options in (
        {}, {"dx": 0.3, "axis": 0}, {"x": x}, {"x": x[:, 1], "axis": 0}, {"dx": np.array([[0.1], [0.2], [0.3]])}, {"initial": 0.7, "x": x},
        {"initial": np.ones((1, 5)), "axis": -2},
    ):  # fmt: skip
        ans, pull = vjp(lambda y, options=options: integrate.cumulative_simpson(y, **options), y)
        np.testing.assert_allclose(ans, own(y, **options), rtol=1e-12, atol=1e-14)
        g = np.sin(np.arange(ans.size)).reshape(ans.shape)
        want = oracle.gradient(lambda y, g=g, options=options: np.sum(g * own(y, **options)), y)
        np.testing.assert_allclose(pull(g)[0], want, atol=1e-9)
    for options in ({"axis": 2}, {"x": -x}, {"x": x[:, 1]}, {"dx": np.ones(3)}, {"initial": np.ones(5)}):
        with pytest.raises(ValueError):
            own(y, **options)
        with pytest.raises(ValueError):
            vjp(lambda y, options=options: integrate.cumulative_simpson(y, **options), y)


def test_fixed_quad():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        area = lambda c: integrate.fixed_quad(lambda x, c: np.exp(c * x), 0.0, c, (c,))[0]
        assert grad(area)(0.3) == pytest.approx(oracle.gradient(lambda c: (np.exp(c * c) - 1) / c, 0.3))
        many = lambda c: integrate.fixed_quad(lambda x: np.stack([x**2, np.cos(x)]), c, 2.0, n=7)[0]
        np.testing.assert_allclose(many(0.3), scipy.integrate.fixed_quad(lambda x: np.stack([x**2, np.cos(x)]), 0.3, 2.0, n=7)[0])
        np.testing.assert_allclose(jacobian(many)(0.3), [-(0.3**2), -np.cos(0.3)], rtol=1e-9)
        assert grad(lambda c: integrate.fixed_quad(lambda x: c * x, 0.0, 2.0)[0])(0.3) == pytest.approx(2.0)
        with pytest.raises(ValueError, match="finite"):
            grad(lambda c: integrate.fixed_quad(np.exp, -np.inf, c)[0])(0.3)


def test_arrays_made_while_something_is_traced():
    from autograd_clone import numpy as agnp

    def last(rate):
        times, start = agnp.array([0.5, 1.0]), agnp.ones(1)
        events = lambda t, y: y[0] - 0.5
        assert type(integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), start, events=events).y) is np.ndarray
        assert type(integrate.quad(lambda x, a: a[0] * x, 0, agnp.ones(()), (start,))[0]) is float
        return integrate.solve_ivp(lambda t, y, rate: -rate * y, (0.0, 1.0), start, t_eval=times, args=(rate,), **TIGHT).y[0, -1]

    assert grad(last)(1.0) == pytest.approx(-np.exp(-1.0))
