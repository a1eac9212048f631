"""Taylor mode: high derivatives, Laplacians and divergences, estimates. The rules are in `test_jet_rules`.

The oracle for derivatives of high order is Cauchy's integral formula, by the trapezoidal rule on a circle: the Taylor
coefficients of an analytic function of NumPy, to nearly full precision.
"""

import gc
import tracemalloc
from math import comb, factorial

import numpy as onp
import pytest
import scipy.linalg
import scipy.special

import autograd_clone.numpy as np
import autograd_clone.scipy.linalg
from autograd_clone import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    deriv,
    derivatives,
    divergence,
    elementwise_grad,
    grad,
    hessian,
    hessian_diagonal,
    hutchinson_diagonal,
    hutchinson_trace,
    hvp,
    jacobian,
    jacobian_diagonal,
    jet,
    jvp,
    laplacian,
    taylor,
    vmap,
)
from autograd_clone.engine.box import Box, new_box
from autograd_clone.engine.errors import (
    LeakedBoxError,
    NonScalarOutputError,
    RuleShapeError,
    UnsupportedTypeError,
)
from autograd_clone.engine.jet import RECURRENCES, JetTrace, Series
from autograd_clone.engine.primitive import REGISTRY
from autograd_clone.engine.trace import Trace, apply
from autograd_clone.extend import defjvp, defvjp, primitive
from autograd_clone.transforms.vmap import fallbacks

RNG = onp.random.default_rng(3)
X = onp.array([0.3, -0.7, 1.1])


def by_circle(f, x, order, radius):
    """The Taylor coefficients of an analytic function."""
    n = 128
    points = x + radius * onp.exp(2j * onp.pi * onp.arange(n) / n)
    return onp.fft.fft(f(points)).real[: order + 1] / n / radius ** onp.arange(order + 1)


def close(got, want, rtol=1e-12):
    onp.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * onp.max(onp.abs(want), initial=1e-300))


def nested(f, order):
    """Forward mode applied to itself."""
    for _ in range(order):
        f = deriv(f)
    return f


# ---- values --------------------------------------------------------------------------------------------------

ANALYTIC = {
    "exp of sin": (lambda x: np.exp(np.sin(x)), 0.4, 1.0),
    "quotient": (lambda x: np.sin(x) / (2 + np.cos(3 * x)), 0.2, 0.3),
    "roots": (lambda x: np.sqrt(1 + x * x) * (3 + x) ** 1.7, 0.3, 0.6),
    "logarithms": (lambda x: np.log(2 + x) * np.log1p(x * x) / np.log2(3 + x), 0.1, 0.6),
    "inverse": (lambda x: np.arctan(x) + np.arcsin(x / 2) * np.arcsinh(x) - np.arctanh(x / 3), 0.2, 0.5),
    "hyperbolic": (lambda x: np.tanh(x) * np.cosh(x / 2) - np.sinh(2 * x) * np.tan(x / 3), 0.3, 0.8),
    "powers": (lambda x: x**5 - 3 * x**-2 + (1 + x) ** 0.5 + 2.0**x + (1 + x) ** x, 1.3, 0.6),
    "expm1": (lambda x: np.expm1(x) ** 3 * np.exp2(-x) + np.reciprocal(3 + x) + np.square(x), 0.5, 1.0),
    "erf": (lambda x: scipy.special.erf(x) * np.exp(-x), 0.3, 1.0),
}


@pytest.mark.parametrize(("f", "x", "radius"), ANALYTIC.values(), ids=ANALYTIC)
def test_twelve_coefficients(f, x, radius):
    got = taylor(f, 12)(x)
    want = by_circle(f, x, 12, radius)
    onp.testing.assert_allclose(onp.array(got) * radius ** onp.arange(13), want * radius ** onp.arange(13), rtol=1e-11, atol=1e-12)


def test_known_series():
    close(taylor(np.tan, 9)(0.0)[1::2], [1, 1 / 3, 2 / 15, 17 / 315, 62 / 2835])
    close(derivatives(lambda x: np.exp(np.exp(x) - 1), 8)(0.0), [1, 1, 2, 5, 15, 52, 203, 877, 4140])  # Bell
    close(derivatives(lambda x: 1 / np.cosh(x), 8)(0.0), [1, 0, -1, 0, 5, 0, -61, 0, 1385])  # Euler
    close(taylor(lambda x: (1 - x - x * x) ** -1, 12)(0.0), [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233])
    close(taylor(lambda x: (1 - np.sqrt(1 - 4 * x)) / 2, 9)(0.0), [0, 1, 1, 2, 5, 14, 42, 132, 429, 1430])  # Catalan


@pytest.mark.parametrize("name", sorted(RECURRENCES))
def test_recurrences_give_what_the_differential_equation_gives(name, monkeypatch):
    prim = next(p for p in REGISTRY.values() if p.name == name)
    xs = [0.4 + 0.5 * RNG.random(3) for _ in prim.operands]
    rows = [[RNG.normal(size=3) for _ in range(7)] for _ in prim.operands]
    got = jet(prim.fun, xs, rows)
    monkeypatch.delitem(RECURRENCES, name)
    want = jet(prim.fun, xs, rows)
    close(got[0], want[0])
    for a, b in zip(got[1], want[1], strict=True):
        close(a, b, 1e-9)


def test_chain_rule_of_faa_di_bruno():
    d = derivatives(np.sin, 3)(0.5)
    value, (d1, d2, d3) = jet(np.sin, (0.5,), ([2.0, 3.0, 5.0],))
    close([value, d1, d2, d3], [d[0], 2 * d[1], 4 * d[2] + 3 * d[1], 8 * d[3] + 18 * d[2] + 5 * d[1]])


def test_product_rule_of_leibniz():
    a, b = RNG.normal(size=6), RNG.normal(size=6)
    value, ds = jet(np.multiply, (a[0], b[0]), (a[1:], b[1:]))
    want = [sum(comb(k, j) * a[j] * b[k - j] for j in range(k + 1)) for k in range(6)]
    close([value, *ds], want)


def test_short_series_are_zero_from_there_on():
    long = jet(lambda x, y: x * np.exp(y), (1.0, 0.5), ([1.0, 0.0, 0.0], [2.0, 1.0, 0.0]))
    short = jet(lambda x, y: x * np.exp(y), (1.0, 0.5), ([1.0], [2.0, 1.0, 0.0]))
    close([long[0], *long[1]], [short[0], *short[1]])
    assert jet(np.sin, (0.5,), ([],)) == (np.sin(0.5), [])


def test_derivatives_of_elementwise_functions_and_of_curves():
    for f in (np.tanh, lambda x: x**3, lambda x: np.where(x > 0, np.sin(x), x * x)):
        got = derivatives(f, 4)(X)
        for k, d in enumerate(got):
            close(d, nested(f, k)(X))
    got = derivatives(lambda t: np.array([np.cos(t), np.sin(t)]), 3)(0.2)
    close(got[3], [onp.sin(0.2), -onp.cos(0.2)])


def test_results_are_numbers_of_numbers_and_arrays_of_arrays():
    for d in derivatives(lambda x: x * x, 4)(2.0):
        assert type(d) is onp.float64
    for d in derivatives(lambda x: x * x, 4)(onp.array(2.0)):
        assert onp.shape(d) == ()
    for d in derivatives(lambda x: x * x, 4)(X):
        assert type(d) is onp.ndarray
        assert d.flags.writeable
    assert derivatives(np.sin, 0)(0.5) == [np.sin(0.5)]
    assert [type(d) for d in derivatives(lambda x: 3.0, 2)(1.0)] == [float, onp.float64, onp.float64]


def test_no_two_results_share_memory():
    a, b = onp.ones(3), onp.ones(3)
    value, (d1, d2) = jet(lambda x: x, (a,), ([b, b],))
    d1[0] = 7.0
    assert b[0] == d2[0] == a[0] == value[0] == 1


@pytest.mark.parametrize("dtype", [onp.float32, onp.complex64, onp.complex128, onp.longdouble])
def test_dtypes_stay(dtype):
    x = onp.array([0.5, 0.25], dtype)
    f = lambda x: np.exp(x) * np.sin(2.0 * x) / (1 + x**2) + np.sqrt(x) + x**1.5 + 1.5**x + np.arcsin(x)
    for k, d in enumerate(derivatives(f, 3)(x)):
        assert d.dtype == dtype
        close(d, nested(f, k)(x), 1e-4 if onp.finfo(dtype).eps > 1e-10 else 1e-12)
    for d in derivatives(f, 3)(x[0]):
        assert d.dtype == dtype


def test_holomorphic_derivatives():
    z = 0.3 + 0.4j
    close(derivatives(lambda z: np.exp(1j * z), 5)(z), [1j**k * onp.exp(1j * z) for k in range(6)])
    close(derivatives(lambda t: np.abs(np.exp(1j * t) + 2), 3)(0.3), [nested(lambda t: np.abs(np.exp(1j * t) + 2), k)(0.3) for k in range(4)])


def test_pytrees():
    def f(p):
        return {"product": p["w"] * p["b"], "constant": 1.0, "name": "n"}

    p = {"w": X, "b": 3.0}
    value, ds = jet(f, (p,), ([{"w": onp.ones(3), "b": 1.0}, {"w": onp.zeros(3), "b": 0.0}],))
    close(value["product"], 3 * X)
    close(ds[0]["product"], 3 + X)
    close(ds[1]["product"], 2 * onp.ones(3))
    assert ds[0]["constant"] == 0
    assert ds[0]["name"] is None


def test_argnum():
    f = lambda x, y: x * y**3
    assert derivatives(f, 3, 1)(2.0, 1.0) == [2, 6, 12, 12]
    assert derivatives(f, 3, "y")(2.0, y=1.0) == [2, 6, 12, 12]
    assert taylor(f, 3, argnum=1)(2.0, 1.0) == [2, 6, 6, 2]


def test_structural_zeros_cost_nothing():
    """A polynomial of degree 2 has no coefficients beyond, not even computed ones."""
    with JetTrace(6) as trace:
        x = new_box(onp.float64(2.0), trace, Series([onp.float64(2.0), onp.float64(1.0), *[None] * 5]))
        y = 3 * x * x - x + 1
    assert y._link.known == [11, 11, 3, None, None, None, None]


# ---- kinks and singular points -------------------------------------------------------------------------------


def test_kinks_are_smooth_on_the_side_where_the_value_is():
    f = lambda x: np.abs(x) ** 3 + np.maximum(x, 0.5) ** 2 + np.clip(x, -0.5, 1.0) ** 2 + np.sign(x) * x + np.minimum(x * x, 1)
    for k, d in enumerate(derivatives(f, 4)(X)):
        close(d, nested(f, k)(X))
    close(derivatives(lambda x: np.max(x * X), 2)(2.0), [2.2, 1.1, 0])
    close(derivatives(lambda x: np.sum(np.sort(x * X) * np.arange(3.0)), 2)(2.0)[1], 0.3 + 2.2)


def test_singular_points_are_those_of_numpy():
    with onp.errstate(all="ignore"):
        d = derivatives(np.sqrt, 2)(0.0)
        assert d[0] == 0
        assert d[1] == onp.inf
        assert derivatives(lambda x: x**1.5, 2)(0.0)[:2] == [0, 0]
        assert derivatives(lambda x: x**1.5, 2)(0.0)[2] == onp.inf
        assert derivatives(np.log, 1)(0.0) == [-onp.inf, onp.inf]
    assert derivatives(lambda x: x**3, 4)(0.0) == [0, 0, 0, 6, 0]
    assert derivatives(lambda x: np.where(x > 0, np.sqrt(x + (x <= 0)), 0 * x), 2)(0.0) == [0, 0, 0]
    close(derivatives(np.sinc, 4)(0.0), [1, 0, -(onp.pi**2) / 3, 0, onp.pi**4 / 5])


def test_powers_near_zero_keep_their_digits():
    """A recurrence that divides by the base would not."""
    x, h = 1e-9, [1.0, 2.0, 6.0, 24.0, 120.0]
    got = jet(lambda x: x**3, (x,), (h,))[1]
    close(got, jet(lambda x: x * x * x, (x,), (h,))[1], 1e-14)


# ---- nesting -------------------------------------------------------------------------------------------------


def f(x):
    return np.sin(x) * np.exp(-x) + np.tanh(x) ** 3 / (1 + x * x)


FIFTH = [nested(f, k)(0.7) for k in range(6)]
THIRD = lambda x: derivatives(f, 3)(x)[3]

COMPOSITIONS = {
    "grad of jet": lambda: (grad(THIRD)(0.7), FIFTH[4]),
    "deriv of jet": lambda: (deriv(THIRD)(0.7), FIFTH[4]),
    "second gradient of jet": lambda: (grad(grad(THIRD))(0.7), FIFTH[5]),
    "jet of grad": lambda: (derivatives(grad(f), 4)(0.7), FIFTH[1:]),
    "jet of deriv": lambda: (derivatives(deriv(f), 4)(0.7), FIFTH[1:]),
    "jet of jet": lambda: (derivatives(THIRD, 2)(0.7), FIFTH[3:]),
    "grad of jet of grad": lambda: (grad(lambda x: derivatives(grad(f), 2)(x)[2])(0.7), FIFTH[4]),
    "vmap of jet": lambda: (vmap(THIRD)(X), derivatives(f, 3)(X)[3]),
    "jet of vmap": lambda: (derivatives(vmap(f), 3)(X)[3], derivatives(f, 3)(X)[3]),
    "vmap of grad of jet": lambda: (vmap(grad(THIRD))(X), derivatives(f, 4)(X)[4]),
    "grad of vmap of jet": lambda: (grad(lambda x: np.sum(vmap(THIRD)(x)))(X), derivatives(f, 4)(X)[4]),
    "jacobian of jet": lambda: (jacobian(lambda x: derivatives(f, 3)(x)[3])(X), onp.diag(derivatives(f, 4)(X)[4])),
    "elementwise": lambda: (elementwise_grad(THIRD)(X), derivatives(f, 4)(X)[4]),
    "checkpoint": lambda: (derivatives(checkpoint(f), 5)(0.7), FIFTH),
    "grad of jet of checkpoint": lambda: (grad(lambda x: derivatives(checkpoint(f), 3)(x)[3])(0.7), FIFTH[4]),
}


@pytest.mark.parametrize("case", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_composition(case):
    got, want = case()
    close(got, want, 1e-11)


def test_perturbations_are_not_confused():
    assert derivatives(lambda x: x * derivatives(lambda y: x * y, 1)(2.0)[1], 2)(3.0) == [9, 6, 2]


def test_jet_of_a_hessian():
    g = lambda t: hessian(lambda v: np.sum(np.sin(v * t)) * v[0])(X[:2])
    for k, d in enumerate(derivatives(g, 3)(0.3)):
        close(d, nested(g, k)(0.3))


def test_a_box_that_outlives_its_transform_says_so():
    kept = []
    derivatives(lambda x: kept.append(x) or x, 2)(1.0)
    with pytest.raises(LeakedBoxError):
        np.sin(kept[0])


def test_programs_with_assignments():
    def g(x):
        a = np.zeros(3)
        a[0] = x
        a[1:] = np.array([x * x, np.sin(x)])
        a += x
        return np.sum(a**2)

    for k, d in enumerate(derivatives(g, 3)(0.5)):
        close(d, nested(g, k)(0.5))
    close(derivatives(lambda x: np.zeros(2), 1)(0.5), onp.zeros((2, 2)))
    assert type(derivatives(lambda x: np.zeros(2), 1)(0.5)[0]) is onp.ndarray


# ---- rules of one's own --------------------------------------------------------------------------------------

SOFTPLUS = derivatives(lambda x: np.logaddexp(0.0, x), 6)(0.3)


def softplus(rules):
    calls = []

    @primitive
    def f(x):
        calls.append(1)
        return onp.logaddexp(0.0, x)

    if "vjp" in rules:
        defvjp(f, lambda ans, x: lambda g: g * np.exp(x - ans))
    if "jvp" in rules:
        defjvp(f, lambda t, ans, x: t * np.exp(x - ans))
    return f, calls


@pytest.mark.parametrize("rules", [["jvp"], ["vjp"], ["jvp", "vjp"]])
def test_primitives(rules):
    f, calls = softplus(rules)
    close(derivatives(f, 6)(0.3), SOFTPLUS)
    assert len(calls) <= 2


def test_a_function_that_is_its_own_derivative_is_found_to_be():
    calls = []

    @primitive
    def exponential(x):
        calls.append(1)
        return onp.exp(x)

    defjvp(exponential, lambda t, ans, x: t * exponential(x))
    close(derivatives(lambda x: exponential(2 * x), 10)(0.0), 2.0 ** onp.arange(11))
    assert len(calls) < 5


def test_custom_rules():
    @custom_jvp
    def f(x, y):
        return np.sin(x) * y, {"p": x * y}

    @f.defjvp
    def _(primals, tangents):
        (x, y), (s, t) = primals, tangents
        return f(x, y), (s * np.cos(x) * y + np.sin(x) * t, {"p": s * y + x * t})

    got = derivatives(lambda x: f(x, x * x), 4)(0.4)
    want = derivatives(lambda x: (np.sin(x) * x * x, {"p": x**3}), 4)(0.4)
    for a, b in zip(got, want, strict=True):
        close(a[0], b[0])
        close(a[1]["p"], b[1]["p"])

    @custom_vjp
    def g(x):
        return np.exp(x)

    g.defvjp(lambda x: (np.exp(x), np.exp(x)), lambda r, g: (g * r,))
    close(derivatives(lambda x: g(x * x), 5)(0.4), derivatives(lambda x: np.exp(x * x), 5)(0.4))


def test_differential_equations():
    from autograd_clone.scipy.integrate import odeint

    got = derivatives(lambda k: odeint(lambda y, t, k: -k * y, 1.0, onp.linspace(0, 1, 3), (k,))[-1, 0], 3)(1.3)
    close(got, onp.exp(-1.3) * onp.array([1, -1, 1, -1]), 1e-5)


# ---- linear algebra ------------------------------------------------------------------------------------------

A, B = RNG.normal(size=(3, 3)) + 4 * onp.eye(3), RNG.normal(size=(3, 3))
b = RNG.normal(size=3)


def pencil(t):
    return A + t * B


def cauchy(a, b):
    return [sum(a[j] @ b[k - j] for j in range(k + 1)) for k in range(len(a))]


def test_inverse_and_systems():
    inverse = onp.linalg.inv(A)
    want = [onp.linalg.matrix_power(-inverse @ B, k) @ inverse for k in range(6)]
    close(taylor(lambda t: np.linalg.inv(pencil(t)), 5)(0.0), want)
    solutions = [w @ b for w in want]
    close(taylor(lambda t: np.linalg.solve(pencil(t), b * (1 + t)), 5)(0.0), [s + r for s, r in zip(solutions, [0 * b, *solutions], strict=False)])
    upper = taylor(lambda t: autograd_clone.scipy.linalg.solve_triangular(np.triu(pencil(t)), b), 5)(0.0)
    inverse = onp.linalg.inv(onp.triu(A))
    close(upper, [onp.linalg.matrix_power(-inverse @ onp.triu(B), k) @ inverse @ b for k in range(6)])


def test_determinant_is_a_polynomial():
    t = onp.cos(onp.pi * onp.arange(4) / 3)
    want = onp.polynomial.polynomial.polyfit(t, [onp.linalg.det(pencil(s)) for s in t], 3)
    close(taylor(lambda t: np.linalg.det(pencil(t)), 5)(0.0), [*want, 0, 0], 1e-10)


def test_factorisations_satisfy_their_equations():
    order, S = 6, A @ A.T
    symmetric = lambda t: S + t * (B + B.T) + t * t * onp.diag(b)
    series = [S, B + B.T, onp.diag(b)] + [onp.zeros((3, 3))] * (order - 2)
    L = taylor(lambda t: np.linalg.cholesky(symmetric(t)), order)(0.0)
    close(cauchy(L, [x.T for x in L]), series, 1e-9)
    w, v = (list(x) for x in zip(*taylor(lambda t: tuple(np.linalg.eigh(symmetric(t))), order)(0.0), strict=True))
    close(cauchy(cauchy(v, [onp.diag(x) for x in w]), [x.T for x in v]), series, 1e-9)
    q, r = (list(x) for x in zip(*taylor(lambda t: tuple(np.linalg.qr(pencil(t))), order)(0.0), strict=True))
    close(cauchy(q, r), [A, B] + [onp.zeros((3, 3))] * (order - 1), 1e-9)
    u, s, vh = (list(x) for x in zip(*taylor(lambda t: tuple(np.linalg.svd(pencil(t))), order)(0.0), strict=True))
    close(cauchy(cauchy(u, [onp.diag(x) for x in s]), vh), [A, B] + [onp.zeros((3, 3))] * (order - 1), 1e-8)


def test_functions_of_matrices():
    E = onp.array([scipy.linalg.expm(0.5 * B) @ onp.linalg.matrix_power(B, k) / factorial(k) for k in range(7)])
    close(taylor(lambda t: autograd_clone.scipy.linalg.expm((0.5 + t) * B), 6)(0.0), E)
    S = A @ A.T
    R = taylor(lambda t: autograd_clone.scipy.linalg.sqrtm(S + t * (B + B.T)), 5)(0.0)
    close(cauchy(R, R), [S, B + B.T] + [onp.zeros((3, 3))] * 4, 1e-9)
    L = taylor(lambda t: autograd_clone.scipy.linalg.expm(autograd_clone.scipy.linalg.logm(S / 20 + t * B)), 3)(0.0)
    close(L, [S / 20, B] + [onp.zeros((3, 3))] * 2, 1e-8)


def test_bessel_functions_of_high_order():
    """``J_v' = (J_{v-1} - J_{v+1}) / 2``: each order is met once, not in each of 2**k terms."""
    got = derivatives(lambda x: scipy.special.jv(2.0, x), 9)(1.3)
    close(got, [scipy.special.jvp(2.0, 1.3, k) for k in range(10)], 1e-11)


# ---- cost ----------------------------------------------------------------------------------------------------


class Counting(Trace):
    """Counts primitives."""

    __slots__ = ("count",)

    def __init__(self):
        super().__init__()
        self.count = 0

    def process(self, prim, operands, params):
        self.count += 1
        ans = apply(prim, tuple(x._value if isinstance(x, Box) and x._trace is self else x for x in operands), params)
        return new_box(ans, self, None) if isinstance(ans, (onp.ndarray, onp.floating)) else ans

    def end(self):
        pass


def operations(f, order):
    with Counting() as trace:
        x = new_box(onp.float64(0.3), trace, None)
        derivatives(f, order)(x)
    return trace.count


@pytest.mark.parametrize("g", [f, lambda x: np.arcsin(x) ** 3 * np.cbrt(2 + x), lambda x: np.linalg.inv(x * A + B)[0, 0]])
def test_cost_grows_with_the_square_of_the_order(g):
    counts = [operations(g, k) for k in (4, 8, 16)]
    assert counts[1] < 4 * counts[0]
    assert counts[2] < 4.2 * counts[1]


def test_nothing_is_left_for_the_garbage_collector():
    derivatives(lambda x: np.arcsin(x) * f(x), 5)(0.3)
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(o, (Series, JetTrace)) for o in gc.get_objects())
        derivatives(lambda x: np.arcsin(x) * np.sum(np.linalg.inv(A * x)) * f(x), 5)(0.3)
        assert sum(isinstance(o, (Series, JetTrace)) for o in gc.get_objects()) == before
    finally:
        gc.enable()


# ---- errors --------------------------------------------------------------------------------------------------


def test_errors():
    with pytest.raises(RuleShapeError, match=r"shape \(2,\).*\(3,\)"):
        jet(np.sin, (X,), ([onp.ones(2)],))
    with pytest.raises(RuleShapeError, match="2 primals and series for 1"):
        jet(np.multiply, (X, X), ([X],))
    with pytest.raises(ValueError, match="negative"):
        derivatives(np.sin, -1)(0.5)
    with pytest.raises(TypeError):
        derivatives(np.sin, 1.5)(0.5)
    with pytest.raises(UnsupportedTypeError, match="takes a function"):
        derivatives(3.0, 2)
    with pytest.raises(UnsupportedTypeError):
        derivatives(np.sin, 2)("x")


# ---- Laplacian, divergence, diagonals ------------------------------------------------------------------------


def loss(x):
    return np.sum(np.sin(x) * x[::-1]) ** 2 + np.exp(np.mean(x)) + np.linalg.norm(x) ** 3


Y = RNG.normal(size=7)
H = hessian(loss)(Y)


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 7, 100])
def test_traces_and_diagonals(chunk_size):
    close(laplacian(loss, chunk_size=chunk_size)(Y), onp.trace(H))
    close(hessian_diagonal(loss, chunk_size=chunk_size)(Y), onp.diag(H))
    close(divergence(grad(loss), chunk_size=chunk_size)(Y), onp.trace(H))
    close(jacobian_diagonal(grad(loss), chunk_size=chunk_size)(Y), onp.diag(H))


def test_harmonic_functions():
    x = RNG.normal(size=3)
    close(1 + laplacian(lambda x: 1 / np.sqrt(np.sum(x**2)))(x), 1)
    close(1 + laplacian(lambda x: np.log(x[0] ** 2 + x[1] ** 2))(x), 1)
    close(laplacian(lambda x: np.sum(x * x, axis=-1) ** 2)(x), 20 * onp.sum(x * x))


def test_laplacian_of_any_output():
    g = lambda x: {"a": np.outer(np.sin(x), x), "b": (x[0], 1.0)}
    got = laplacian(g)(X)
    want = np.trace(hessian(lambda x: g(x)["a"])(X), axis1=-2, axis2=-1)
    close(got["a"], want)
    assert got["b"][0] == got["b"][1] == 0
    assert laplacian(lambda x: 1.0)(X) == 0
    assert laplacian(lambda x: x**3)(2.0) == 12


def test_pytrees_of_arguments():
    p = {"a": onp.ones(3), "b": 2.0, "name": "n"}
    g = lambda p: np.sum(p["a"] ** 2) * p["b"] ** 3
    assert laplacian(g)(p) == 6 * 8 + 3 * 12
    diagonal = hessian_diagonal(g)(p)
    close(diagonal["a"], [16, 16, 16])
    assert diagonal["b"] == 36
    assert diagonal["name"] is None
    field = lambda p: {"a": p["a"] * p["b"], "b": p["b"] ** 2, "name": "n"}
    assert divergence(field)(p) == 3 * 2 + 4
    assert jacobian_diagonal(field)(p)["b"] == 4
    assert laplacian(lambda x, y: x * np.sum(y**2), (0, 1))(2.0, X) == 12


def test_no_elements():
    empty = onp.zeros((0, 2))
    assert laplacian(lambda x: np.sum(x**2))(empty) == 0
    assert hessian_diagonal(lambda x: np.sum(x**2))(empty).shape == (0, 2)
    assert divergence(lambda x: x * x)(empty) == 0
    assert jacobian_diagonal(lambda x: x * x)(empty).shape == (0, 2)


def test_single_precision_of_laplacians():
    x = Y.astype(onp.float32)
    for got in (laplacian(loss)(x), hessian_diagonal(loss)(x), divergence(grad(loss))(x)):
        assert got.dtype == onp.float32
    close(laplacian(loss)(x), onp.trace(H), 1e-4)


def test_derivatives_of_laplacians():
    want = grad(lambda x: np.trace(hessian(loss)(x)))(Y)
    close(grad(laplacian(loss))(Y), want, 1e-11)
    close(grad(divergence(grad(loss)))(Y), want, 1e-11)
    close(jvp(laplacian(loss), (Y,), (Y,))[1], want @ Y, 1e-11)
    close(vmap(laplacian(loss))(onp.stack([Y, 2 * Y])), [laplacian(loss)(Y), laplacian(loss)(2 * Y)])
    biharmonic = laplacian(laplacian(lambda x: np.sum(x * x) ** 2))
    close(biharmonic(X), 8 * 3 * 5)
    close(grad(lambda w: laplacian(lambda x: np.sum(np.tanh(w @ x)))(X))(RNG.normal(size=(2, 3))).shape, (2, 3))


def test_the_function_runs_once_for_each_chunk():
    calls = []
    n = 70
    laplacian(lambda x: calls.append(1) or np.sum(x**4), chunk_size=20)(onp.ones(n))
    assert len(calls) == 4
    before = fallbacks()
    laplacian(loss)(Y)
    assert fallbacks() == before


def test_memory_does_not_grow_with_the_square():
    n = 3000
    x = onp.linspace(0, 1, n)
    g = lambda x: np.sum(np.sin(x) * np.roll(x, 1)) + np.sum(np.exp(-x * x))
    close(laplacian(g, chunk_size=16)(x), laplacian(g, chunk_size=50)(x), 1e-10)
    tracemalloc.start()
    laplacian(g, chunk_size=16)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 8 * n * 16 < 8 * n * n / 10


def test_errors_of_diagonals():
    with pytest.raises(UnsupportedTypeError, match="laplacian takes real"):
        laplacian(lambda z: np.real(z))(1j)
    with pytest.raises(NonScalarOutputError, match=r"shape \(3,\).*laplacian"):
        hessian_diagonal(lambda x: x**2)(X)
    with pytest.raises(NonScalarOutputError, match="dict"):
        hessian_diagonal(lambda x: {"a": x})(X)
    with pytest.raises(RuleShapeError, match=r"not square.*\(2,\).*\(3,\)"):
        divergence(lambda x: x[:2])(X)
    with pytest.raises(RuleShapeError):
        jacobian_diagonal(lambda x: (x, x))(X)
    with pytest.raises(ValueError, match="chunk_size"):
        laplacian(loss, chunk_size=0)


# ---- estimates -----------------------------------------------------------------------------------------------


def test_estimates_lie_within_their_errors():
    diagonal, trace = onp.diag(H), onp.trace(H)
    for value, error in (
        laplacian(loss, samples=500, rng=1)(Y),
        divergence(grad(loss), samples=500, rng=2)(Y),
        hutchinson_trace(lambda v: H @ v, Y, samples=500, rng=3),
    ):
        assert 0 < error < abs(trace)
        assert abs(value - trace) < 4 * error
    for value, error in (
        hessian_diagonal(loss, samples=500, rng=1)(Y),
        jacobian_diagonal(grad(loss), samples=500, rng=2)(Y),
        hutchinson_diagonal(lambda v: H @ v, Y, samples=500, rng=3),
    ):
        assert onp.all(abs(value - diagonal) < 4.5 * error)
        assert onp.all(error > 0)


def test_mean_and_standard_error():
    """Over all batches together: those of the samples."""
    n = 130
    signs = 2 * onp.random.default_rng(5).integers(0, 2, (n, 7)) - 1
    drawn = onp.einsum("si,ij,sj->s", signs, H, signs)
    value, error = hutchinson_trace(lambda v: H @ v, Y, samples=n, rng=ChunksOf(5, n, 7))
    close(value, drawn.mean())
    close(error, drawn.std(ddof=1) / onp.sqrt(n))


def ChunksOf(seed, n, size):
    """A generator that draws the rows of one array, however many at a time."""

    class Rows(onp.random.Generator):
        def integers(self, low, high, shape):
            self.at = getattr(self, "at", 0) + shape[0]
            return rows[self.at - shape[0] : self.at]

    rows = onp.random.default_rng(seed).integers(0, 2, (n, size))
    return Rows(onp.random.PCG64(seed))


def test_estimates_are_exact_for_diagonal_matrices():
    value, error = laplacian(lambda x: np.sum(x**3), samples=2, rng=0)(X)
    close(value, 6 * X.sum())
    assert error < 1e-14
    value, error = jacobian_diagonal(lambda x: x**2, samples=3)(X)
    close(value, 2 * X)
    assert onp.all(error < 1e-14)


def test_estimates_can_be_repeated():
    a, b, c = (laplacian(loss, samples=10, rng=seed)(Y).value for seed in (4, 4, 5))
    assert a == b != c
    rng = onp.random.default_rng(4)
    assert laplacian(loss, samples=10, rng=rng)(Y).value == a
    assert laplacian(loss, samples=10, rng=rng)(Y).value != a


def test_estimates_of_pytrees():
    p = {"a": onp.ones(3), "b": 2.0}
    g = lambda p: np.sum(p["a"] ** 2) * p["b"] ** 3
    value, error = hessian_diagonal(g, samples=400, rng=0)(p)
    assert onp.all(abs(value["a"] - 16) < 4.5 * error["a"])
    assert abs(value["b"] - 36) < 4.5 * error["b"]
    value, error = hutchinson_trace(lambda v: hvp(g, (p,), (v,)), p, samples=400, rng=0)
    assert abs(value - 84) < 4 * error


def test_products_that_take_one_vector_only():
    def product(v):
        return onp.asarray(v, dtype=float) @ H

    value, error = hutchinson_trace(product, Y, samples=50, rng=0)
    expected = hutchinson_trace(lambda v: v @ H, Y, samples=50, rng=0)
    close([value, error], expected)
    assert fallbacks()["samples of an estimate"] >= 1


def test_estimates_are_differentiable():
    got = grad(lambda s: laplacian(loss, samples=20, rng=0)(s * Y).value)(1.0)
    step = 1e-6
    up, down = (laplacian(loss, samples=20, rng=0)(s * Y).value for s in (1 + step, 1 - step))
    close(got, (up - down) / (2 * step), 1e-6)


def test_errors_of_estimates():
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        laplacian(loss, samples=1)(Y)
    with pytest.raises(RuleShapeError, match=r"square matrix.*\(7,\).*\(2,\)"):
        hutchinson_trace(lambda v: v[:2], Y, samples=4)
