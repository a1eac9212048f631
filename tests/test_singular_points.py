"""What the derivative is at kinks, poles and ties: one table, to first and second order, in both modes.

``docs/singular.md`` says why. A row is (function, point, gradient, second derivative per operand or None).
"""

import warnings

import numpy as np
import pytest

from autograd_clone import checkpoint, grad, hessian, jacobian, jvp, vjp, vmap
from autograd_clone.engine.errors import AutogradError, MissingRuleError
from autograd_clone.scipy import special

from . import oracle

INF, NAN = np.inf, np.nan
LOG2 = np.log(2.0)

TABLE = {
    # absolute values: zero at zero
    "abs": (np.abs, (0.0,), (0.0,), (0.0,)),
    "fabs": (np.fabs, (0.0,), (0.0,), (0.0,)),
    "hypot at the origin": (np.hypot, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    "hypot on an axis": (np.hypot, (0.0, 2.0), (0.0, 1.0), (0.5, 0.0)),
    "hypot at infinity": (np.hypot, (-INF, 1.0), (-1.0, 0.0), (0.0, 0.0)),
    "copysign of zero": (np.copysign, (0.0, -1.0), (0.0, 0.0), (0.0, 0.0)),
    # powers
    "x**0": (lambda x: x**0, (0.0,), (0.0,), (0.0,)),
    "x**1": (lambda x: x**1, (0.0,), (1.0,), (0.0,)),
    "x**2": (lambda x: x**2, (0.0,), (0.0,), (2.0,)),
    "x**2.0": (lambda x: x**2.0, (0.0,), (0.0,), (2.0,)),
    "x**3": (lambda x: x**3, (0.0,), (0.0,), (0.0,)),
    "x**0.5": (lambda x: x**0.5, (0.0,), (INF,), (-INF,)),
    "x**-1": (lambda x: x**-1, (0.0,), (-INF,), (INF,)),
    "x**[0, 1, 2, 3]": (lambda x: np.sum(x ** np.arange(4.0)), (0.0,), (1.0,), (2.0,)),
    "negative base, whole exponent": (lambda x: np.sum(x ** np.array([2.0, 3.0])), (-2.0,), (8.0,), (-10.0,)),
    "negative base, negative exponent": (lambda x: x**-1, (-2.0,), (-0.25,), (-0.25,)),
    "0**0": (np.power, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    "0**1": (np.power, (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)),
    "0**2": (np.power, (0.0, 2.0), (0.0, 0.0), (2.0, 0.0)),
    "0**-1": (np.power, (0.0, -1.0), (-INF, -INF), (INF, INF)),
    "constant base zero": (lambda y: 0.0**y, (0.0,), (0.0,), (0.0,)),
    "0.5**inf": (np.power, (0.5, INF), (0.0, 0.0), (0.0, 0.0)),
    "2**-inf": (np.power, (2.0, -INF), (0.0, 0.0), (0.0, 0.0)),
    "inf**-1": (np.power, (INF, -1.0), (0.0, 0.0), (0.0, 0.0)),
    "inf**-1, float_power": (np.float_power, (INF, -1.0), (0.0, 0.0), (0.0, 0.0)),
    "(-0.0)**0.5": (lambda x: x**0.5, (-0.0,), (INF,), (-INF,)),
    "sqrt": (np.sqrt, (0.0,), (INF,), (-INF,)),
    "sqrt of minus zero": (np.sqrt, (-0.0,), (INF,), (-INF,)),
    "sqrt(-x)": (lambda x: np.sqrt(-x), (0.0,), (-INF,), (-INF,)),
    "cbrt": (np.cbrt, (0.0,), (INF,), (0.0,)),
    "log": (np.log, (0.0,), (INF,), (-INF,)),
    "log2": (np.log2, (0.0,), (INF,), (-INF,)),
    "log10": (np.log10, (0.0,), (INF,), (-INF,)),
    "log1p": (np.log1p, (-1.0,), (INF,), (-INF,)),
    "reciprocal": (np.reciprocal, (0.0,), (-INF,), (INF,)),
    "arcsin": (np.arcsin, (1.0,), (INF,), (INF,)),
    "arcsin at -1": (np.arcsin, (-1.0,), (INF,), (-INF,)),
    "arccos": (np.arccos, (1.0,), (-INF,), (-INF,)),
    "arccos at -1": (np.arccos, (-1.0,), (-INF,), (INF,)),
    "arccosh": (np.arccosh, (1.0,), (INF,), (-INF,)),
    "arctanh": (np.arctanh, (1.0,), (INF,), (INF,)),
    "arctanh at -1": (np.arctanh, (-1.0,), (INF,), (-INF,)),
    "divide": (np.divide, (1.0, 0.0), (INF, -INF), (0.0, INF)),
    # products with a zero that is there by chance: its derivative is not lost
    "x*sqrt(x)": (lambda x: x * np.sqrt(x), (0.0,), (0.0,), (INF,)),
    "x*x**0.5": (lambda x: x * x**0.5, (0.0,), (0.0,), (INF,)),
    "x**1.5": (lambda x: x**1.5, (0.0,), (0.0,), (INF,)),
    "x**2.5": (lambda x: x**2.5, (0.0,), (0.0,), (0.0,)),
    "sqrt(x)**3": (lambda x: np.sqrt(x) ** 3, (0.0,), (0.0,), (0.0,)),
    "x*log(x)": (lambda x: x * np.log(x), (0.0,), (-INF,), (INF,)),
    "x**2*sqrt(x)": (lambda x: x**2 * np.sqrt(x), (0.0,), (0.0,), (0.0,)),
    # kinks made of a slope that is zero and one that is infinite: symmetrical; the second derivative as that of difference quotients
    "sqrt(x**2)": (lambda x: np.sqrt(x**2), (0.0,), (0.0,), (INF,)),
    "sqrt(x*x)": (lambda x: np.sqrt(x * x), (0.0,), (0.0,), (INF,)),
    "(x*x)**0.5": (lambda x: (x * x) ** 0.5, (0.0,), (0.0,), (INF,)),
    "x*sqrt(x**2)": (lambda x: x * np.sqrt(x**2), (0.0,), (0.0,), (0.0,)),
    "x + sqrt(x**2)": (lambda x: x + np.sqrt(x**2), (0.0,), (1.0,), (INF,)),
    "sqrt(1 - cos(x))": (lambda x: np.sqrt(1 - np.cos(x)), (0.0,), (0.0,), (INF,)),
    "arccos(cos(x))": (lambda x: np.arccos(np.cos(x)), (0.0,), (0.0,), (INF,)),
    "arccosh(cosh(x))": (lambda x: np.arccosh(np.cosh(x)), (0.0,), (0.0,), (INF,)),
    "sqrt(abs(x))": (lambda x: np.sqrt(np.abs(x)), (0.0,), (0.0,), (0.0,)),
    "sqrt of a sum of squares": (lambda x, y: np.sqrt(x**2 + y**2), (0.0, 0.0), (0.0, 0.0), (INF, INF)),
    # extrema: equal shares
    "maximum": (np.maximum, (1.0, 1.0), (0.5, 0.5), (0.0, 0.0)),
    "minimum": (np.minimum, (1.0, 1.0), (0.5, 0.5), (0.0, 0.0)),
    "maximum of infinities": (np.maximum, (INF, INF), (0.5, 0.5), (0.0, 0.0)),
    "fmax": (np.fmax, (1.0, 1.0), (0.5, 0.5), (0.0, 0.0)),
    "fmax with NaN": (np.fmax, (NAN, 1.0), (0.0, 1.0), (0.0, 0.0)),
    "fmin with NaN": (np.fmin, (1.0, NAN), (1.0, 0.0), (0.0, 0.0)),
    # clip: at a bound, the bound's
    "clip at the lower bound": (np.clip, (1.0, 1.0, 2.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
    "clip at the upper bound": (np.clip, (2.0, 1.0, 2.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    "clip between": (np.clip, (1.5, 1.0, 2.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "clip, bounds crossed": (np.clip, (1.5, 2.0, 1.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    "clip without upper bound": (lambda x: np.clip(x, 1.0, None), (1.0,), (0.0,), (0.0,)),
    # logaddexp: limits of the weights, half each for one infinity twice
    "logaddexp(0, 0)": (np.logaddexp, (0.0, 0.0), (0.5, 0.5), (0.25, 0.25)),
    "logaddexp(-inf, -inf)": (np.logaddexp, (-INF, -INF), (0.5, 0.5), (0.0, 0.0)),
    "logaddexp(inf, inf)": (np.logaddexp, (INF, INF), (0.5, 0.5), (0.0, 0.0)),
    "logaddexp(inf, 0)": (np.logaddexp, (INF, 0.0), (1.0, 0.0), (0.0, 0.0)),
    "logaddexp(-inf, 0)": (np.logaddexp, (-INF, 0.0), (0.0, 1.0), (0.0, 0.0)),
    "logaddexp(800, 0)": (np.logaddexp, (800.0, 0.0), (1.0, 0.0), (0.0, 0.0)),
    "logaddexp2(0, 0)": (np.logaddexp2, (0.0, 0.0), (0.5, 0.5), (0.25 * LOG2, 0.25 * LOG2)),
    "logaddexp2(-inf, -inf)": (np.logaddexp2, (-INF, -INF), (0.5, 0.5), (0.0, 0.0)),
    # angles: zero at the origin and at infinity
    "arctan2 at the origin": (np.arctan2, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    "arctan2 on the cut": (np.arctan2, (0.0, -1.0), (-1.0, 0.0), (0.0, 0.0)),
    "arctan2(inf, 1)": (np.arctan2, (INF, 1.0), (0.0, 0.0), (0.0, 0.0)),
    "arctan2(inf, inf)": (np.arctan2, (INF, INF), (0.0, 0.0), (0.0, 0.0)),
    "arctan2 of the huge": (np.arctan2, (1e200, 1e200), (5e-201, -5e-201), (0.0, 0.0)),
    "arctan2 of the tiny": (np.arctan2, (1e-160, 1e-160), (5e159, -5e159), None),
    # sinc
    "sinc": (np.sinc, (0.0,), (0.0,), (-np.pi**2 / 3,)),
    "sinc near zero": (np.sinc, (1e-9,), (-np.pi**2 / 3 * 1e-9,), (-np.pi**2 / 3,)),
    "sinc at infinity": (np.sinc, (INF,), (0.0,), (0.0,)),
    # steps
    "sign": (np.sign, (0.0,), (0.0,), (0.0,)),
    "heaviside": (np.heaviside, (0.0, 0.3), (0.0, 1.0), (0.0, 0.0)),
    "remainder at a step": (np.remainder, (2.0, 1.0), (1.0, -2.0), (0.0, 0.0)),
    "fmod at a step": (np.fmod, (2.0, 1.0), (1.0, -2.0), (0.0, 0.0)),
    "modf at a step": (lambda x: np.modf(x)[0], (2.0,), (1.0,), (0.0,)),
    "round half way": (np.round, (0.5,), (0.0,), (0.0,)),
    "floor": (np.floor, (2.0,), (0.0,), (0.0,)),
    "interp at a sample point": (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 3.0]), (1.0,), (2.0,), (0.0,)),
    "frexp": (lambda x: np.frexp(x)[0], (0.0,), (1.0,), (0.0,)),
    "tanh far out": (np.tanh, (1000.0,), (0.0,), (0.0,)),
    "i0": (np.i0, (0.0,), (0.0,), (0.5,)),
}


SPECIAL = {
    "dawsn at infinity": ("dawsn", (INF,), 0.0, 0.0),
    "erfcx at infinity": ("erfcx", (INF,), 0.0, 0.0),
    "ellipk at minus infinity": ("ellipk", (-INF,), 0.0, 0.0),
    "ellipe at minus infinity": ("ellipe", (-INF,), 0.0, 0.0),
    "ellipkm1": ("ellipkm1", (0.0,), -INF, INF),
    "ellipkm1 at infinity": ("ellipkm1", (INF,), 0.0, 0.0),
    "exp1": ("exp1", (0.0,), -INF, INF),
    "exp1 of minus zero": ("exp1", (-0.0,), -INF, INF),
    "expi": ("expi", (0.0,), INF, -INF),
    "expi at infinity": ("expi", (INF,), INF, INF),
    "exprel at infinity": ("exprel", (INF,), INF, INF),
    "gamma at infinity": ("gamma", (INF,), INF, INF),
    "rgamma at infinity": ("rgamma", (INF,), 0.0, 0.0),
    "i0e at infinity": ("i0e", (INF,), 0.0, 0.0),
    "i1e at infinity": ("i1e", (-INF,), 0.0, 0.0),
    "k0": ("k0", (0.0,), -INF, INF),
    "k0e": ("k0e", (0.0,), -INF, INF),
    "k1": ("k1", (0.0,), -INF, INF),
    "k1e": ("k1e", (0.0,), -INF, INF),
    "y0": ("y0", (0.0,), INF, -INF),
    "y1": ("y1", (0.0,), INF, -INF),
    "log_ndtr at infinity": ("log_ndtr", (INF,), 0.0, 0.0),
    "log_ndtr at minus infinity": ("log_ndtr", (-INF,), INF, -1.0),
    "logit": ("logit", (0.0,), INF, -INF),
    "logit at 1": ("logit", (1.0,), INF, INF),
    "ndtri_exp": ("ndtri_exp", (0.0,), INF, INF),
    "wrightomega at infinity": ("wrightomega", (INF,), 1.0, 0.0),
}
NORMAL = np.exp(-0.5) / np.sqrt(2 * np.pi)
TABLE |= {
    "gammainc, infinite parameter": (special.gammainc, (INF, 1.0), (0.0, 0.0), (0.0, 0.0)),
    "inv_boxcox at its end": (special.inv_boxcox, (-1.0, 1.0), (1.0, -1.0), None),
    "inv_boxcox1p at its end": (special.inv_boxcox1p, (-1.0, 1.0), (1.0, -1.0), None),
    "owens_t(0, inf)": (special.owens_t, (0.0, INF), (0.0, 0.0), (0.0, 0.0)),
    "owens_t(inf, 0)": (special.owens_t, (INF, 0.0), (0.0, 0.0), (0.0, 0.0)),
    "powm1(0.5, inf)": (special.powm1, (0.5, INF), (0.0, 0.0), (0.0, 0.0)),
    "pseudo_huber(inf, 0)": (special.pseudo_huber, (INF, 0.0), (0.0, 0.0), (0.0, 1.0)),
    "stdtr with infinitely many degrees": (special.stdtr, (INF, 1.0), (0.0, NORMAL), (0.0, -NORMAL)),
    "stdtr at infinity": (special.stdtr, (2.0, INF), (0.0, 0.0), (0.0, 0.0)),
    "stdtrit with infinitely many degrees": (special.stdtrit, (INF, 0.5), (0.0, np.sqrt(2 * np.pi)), (0.0, 0.0)),
}
TABLE |= {key: (getattr(special, name), point, (first,), (second,)) for key, (name, point, first, second) in SPECIAL.items()}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_scalars(row):
    f, point, gradient, second = row
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # poles
        for i, want in enumerate(gradient):
            along = units(point, i)
            for got in (grad(f, i)(*point), jvp(f, point, along)[1]):
                assert got == pytest.approx(want, rel=1e-12, abs=1e-300)
        for i, want in enumerate(second or ()):
            along = units(point, i)
            slope = lambda *xs, along=along: jvp(f, xs, along)[1]
            for got in (grad(grad(f, i), i)(*point), jvp(grad(f, i), point, along)[1], grad(slope, i)(*point), jvp(slope, point, along)[1]):
                assert got == pytest.approx(want, rel=1e-12, abs=1e-15, nan_ok=True)


def units(point, i):
    return tuple(1.0 if k == i else 0.0 for k in range(len(point)))


def test_single_precision_is_kept():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for f, point, gradient, _ in TABLE.values():
            for i, want in enumerate(gradient):
                got = grad(lambda *xs, f=f: np.sum(f(*xs)), i)(*(np.full((2, 1), x, np.float32) for x in point))
                assert got.dtype == np.float32
                if abs(want) < 1e30 and max(map(abs, point)) < 1e30:
                    np.testing.assert_allclose(got, np.full((2, 1), want), rtol=1e-5)


# ---- arrays ------------------------------------------------------------------------------------------------

X = np.array([1.0, 2.0, 2.0, 1.0, 2.0])
WEIGHTS = np.arange(5.0)
THIRD = 1 / 3
TIES = {
    "max": (np.max, [0, THIRD, THIRD, 0, THIRD]),
    "min": (np.min, [0.5, 0, 0, 0.5, 0]),
    "max, initial value the same": (lambda x: np.max(x, initial=2.0), [0, 0.25, 0.25, 0, 0.25]),
    "max, masked": (lambda x: np.max(x, initial=0.0, where=X.cumsum() < 6), [0, 0.5, 0.5, 0, 0]),
    "nanmax": (np.nanmax, [0, THIRD, THIRD, 0, THIRD]),
    "fmax.reduce": (np.fmax.reduce, [0, THIRD, THIRD, 0, THIRD]),
    "median": (np.median, [0, THIRD, THIRD, 0, THIRD]),
    "quantile": (lambda x: np.quantile(x, 0.0), [0.5, 0, 0, 0.5, 0]),
    "sort": (lambda x: np.sort(x) @ WEIGHTS, [0.5, 3, 3, 0.5, 3]),
    "partition": (lambda x: np.partition(x, 1)[2:] @ WEIGHTS[2:], [0, 3, 3, 0, 3]),
    "unique": (lambda x: np.unique(x) @ WEIGHTS[:2], [0, THIRD, THIRD, 0, THIRD]),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x) @ WEIGHTS, [0, 1, 5, 0, 4]),
    "std of equal elements": (lambda x: np.std(x[1:3]), [0, 0, 0, 0, 0]),
    "std over an axis": (lambda x: np.sum(np.std(x[1:3][None, :], axis=1)), [0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("row", TIES.values(), ids=TIES)
def test_ties_share_equally(row):
    f, want = row
    np.testing.assert_allclose(grad(f)(X), want, rtol=1e-13, atol=1e-15)
    for i, e in enumerate(np.eye(5)):
        assert jvp(f, (X,), (e,))[1] == pytest.approx(want[i])
    assert np.array_equal(hessian(f)(X), np.zeros((5, 5)))


ZEROS = np.array([1.5, 0.0, 2.0, 0.0])
ONE_ZERO = np.array([1.5, 0.0, 2.0, 3.0])


def test_products_with_zeros():
    assert np.array_equal(grad(np.prod)(ZEROS), [0, 0, 0, 0])
    assert np.array_equal(grad(np.prod)(ONE_ZERO), [0, 9, 0, 0])
    want = np.zeros((4, 4))
    want[1, 3] = want[3, 1] = 3
    assert np.array_equal(hessian(np.prod)(ZEROS), want)
    total = lambda x: np.sum(np.cumprod(x))
    assert np.array_equal(grad(total)(ZEROS), [1, 1.5 * (1 + 2), 0, 0])
    want = np.zeros((4, 4))
    want[0, 1] = want[1, 0] = 3
    want[1, 2] = want[2, 1] = 1.5
    want[1, 3] = want[3, 1] = 3
    assert np.array_equal(hessian(total)(ZEROS), want)


def test_products_that_underflow_or_overflow():
    tiny = np.array([1e-200, 1e-200, 3.0])
    np.testing.assert_allclose(grad(np.prod)(tiny), [3e-200, 3e-200, 0], rtol=1e-13)
    np.testing.assert_allclose(grad(lambda x: np.cumprod(x)[1])(tiny), [1e-200, 1e-200, 0], rtol=1e-13)
    huge = np.array([0.0, 1e200, 1e200, 2.0])
    with np.errstate(over="ignore"):
        assert np.array_equal(grad(lambda x: np.sum(np.cumprod(x)[:2]))(huge), [1 + 1e200, 0, 0, 0])


def test_complex_numbers_at_zero():
    for f in (np.abs, np.angle, lambda z: np.real(np.sign(z)), lambda z: np.hypot(np.real(z), np.imag(z))):
        assert grad(f)(0j) == 0
    assert grad(lambda z: np.real(z**2))(0j) == 0
    g = grad(lambda z: np.sum(np.abs(z)))(np.array([0, 3 + 4j]))
    np.testing.assert_allclose(g, [0, 0.6 - 0.8j], rtol=1e-15)


def test_nans_that_are_left_out_have_no_derivative():
    x = np.array([1.0, NAN, 3.0])
    for f in (np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanstd, np.nanmax, np.nanmedian):
        g = grad(f)(x)
        assert np.isfinite(g).all()
        assert g[1] == 0
    assert np.array_equal(grad(lambda x: np.sum(np.nan_to_num(x)))(np.array([1.0, NAN, INF])), [1, 0, 0])


ROOTS_OF_SUMS = {
    "sum of squares": lambda x: np.sqrt(np.sum(x**2)),
    "of absolute values": lambda x: np.sqrt(np.sum(np.abs(x) ** 2)),
    "matmul": lambda x: np.sqrt(x @ x),
    "dot": lambda x: np.sqrt(np.dot(x, x)),
    "einsum": lambda x: np.sqrt(np.einsum("i,i", x, x)),
    "trace": lambda x: np.sqrt(np.trace(np.outer(x, x))),
    "each": lambda x: np.sum(np.sqrt(x * x)),
}


@pytest.mark.parametrize("f", ROOTS_OF_SUMS.values(), ids=ROOTS_OF_SUMS)
def test_norms_written_out(f):
    """At zero as `numpy.linalg.norm`, in every way to take the derivative."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for x in (np.zeros(3), np.array([0.0, 3.0, 4.0])):
            want = np.sign(x) if f is ROOTS_OF_SUMS["each"] else x / max(np.linalg.norm(x), 1)
            ways = [
                grad(f)(x),
                jacobian(f)(x),
                [jvp(f, (x,), (e,))[1] for e in np.eye(3)],
                vmap(grad(f))(x[None])[0],
                grad(checkpoint(f))(x),
                grad(lambda z: f(np.real(z)))(x + 0j),
            ]
            for got in ways:
                np.testing.assert_allclose(got, want, rtol=1e-15)
        distances = lambda x: np.sum(np.sqrt(np.sum((x[:, None] - x[None]) ** 2, axis=-1)))
        np.testing.assert_allclose(grad(distances)(np.array([[0.0, 0.0], [3.0, 4.0]])), [[-1.2, -1.6], [1.2, 1.6]], rtol=1e-15)
        for of_complex in (lambda z: np.sqrt(np.sum(np.real(z * np.conj(z)))), lambda z: np.sqrt(np.real(np.vdot(z, z)))):
            assert np.array_equal(grad(of_complex)(np.zeros(2, complex)), np.zeros(2))


# ---- second and third derivatives ----------------------------------------------------------------------------


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5])
def test_nothing_depends_on_the_exponent_of_zero(y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for f in (np.power, np.float_power):
            mixed = [grad(lambda x, y, f=f: grad(f, 0)(x, y), 1)(0.0, y), grad(lambda x, y, f=f: grad(f, 1)(x, y), 0)(0.0, y)]
            assert mixed == [0, 0]
            assert grad(lambda x, y, f=f: grad(f, 1)(x, y), 1)(0.0, y) == 0
            assert grad(f, 1)(0.0, y) == 0


@pytest.mark.parametrize("p", [2, 2.5, 3, 4])
def test_norms_at_elements_that_are_zero(p):
    x = np.array([0.0, 1.0, -2.0])
    for point in (x, x.astype(complex)):
        norm = lambda x: np.linalg.norm(x, p)
        want = oracle.gradient(norm, point, step=1e-3)
        np.testing.assert_allclose(grad(norm)(point), want, rtol=1e-8, atol=1e-8)
    slopes = lambda x: grad(lambda x: np.linalg.norm(x, p))(x)
    h = 1e-7
    want = np.stack([(slopes(x + h * e) - slopes(x - h * e)) / (2 * h) for e in np.eye(3)])
    np.testing.assert_allclose(hessian(lambda x: np.linalg.norm(x, p))(x), want, rtol=1e-6, atol=2e-4)


ORDERS = {
    "vector": [(np.linalg.norm, p, 3) for p in (None, 0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1)],
    "matrix": [(np.linalg.norm, p, (3, 2)) for p in (None, "fro", "nuc", 1, -1, 2, -2, INF, -INF)],
    "stack": [(lambda x, p: np.linalg.norm(x, p, axis=(-2, -1)), p, (2, 3, 2)) for p in (None, "fro", "nuc", 1, -1, 2, -2, INF, -INF)],
}


@pytest.mark.parametrize("rows", ORDERS.values(), ids=ORDERS)
def test_norms_of_zeros_have_the_derivative_zero(rows):
    for f, p, shape in rows:
        x = np.zeros(shape)
        loss = lambda x, f=f, p=p: np.sum(f(x, p))
        with np.errstate(divide="ignore" if p == -1 else "warn"):  # of the norm itself
            assert np.array_equal(grad(loss)(x), x), p
            assert jvp(loss, (x,), (np.ones(shape),))[1] == 0, p
            assert np.isfinite(hessian(loss)(x)).all(), p


SINGULAR = {
    "rank 2 of 3": np.diag([1.0, 2.0, 0.0]),
    "rank 1 of 3": np.ones((3, 3)),
    "rank 0 of 3": np.zeros((3, 3)),
    "rank 2 of 4": np.outer([1.0, 2, 3, 4], [1, 0, 1, 1]) + np.outer([1.0, 0, 0, 4], [1, 0, 2, 1]),
    "rank 1 of 5": np.outer(np.arange(5.0), np.ones(5)),
    "nearly singular": np.diag([1.0, 1e-9, 2.0]),
}


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_three_derivatives_of_a_determinant(a):
    u, v, w = np.random.default_rng(0).standard_normal((3, *a.shape))
    det = np.linalg.det
    along = lambda f, v: lambda x: jvp(f, (x,), (v,))[1]
    down = lambda f, v: lambda x: np.sum(grad(f)(x) * v)
    line = lambda f, v, h: lambda x: (f(x + h * v) - f(x - h * v)) / (2 * h)

    def exact(f, v):  # a polynomial of degree five at most along each line
        return lambda x: (64 * line(f, v, 0.25)(x) - 20 * line(f, v, 0.5)(x) + line(f, v, 1.0)(x)) / 45

    first = exact(det, u)
    second = exact(first, v)
    third = exact(second, w)
    for one in (along, down):
        assert one(det, u)(a) == pytest.approx(first(a), rel=1e-9, abs=1e-9)
        for two in (along, down):
            assert two(one(det, u), v)(a) == pytest.approx(second(a), rel=1e-9, abs=1e-9)
            for three in (along, down):
                assert three(two(one(det, u), v), w)(a) == pytest.approx(third(a), rel=1e-8, abs=1e-8)


def test_a_fourth_derivative_of_a_determinant_is_refused_at_a_singular_matrix():
    f = np.linalg.det
    for _ in range(3):
        f = lambda x, f=f: np.sum(grad(f)(x) ** 2)
    with pytest.raises(MissingRuleError, match="fourth derivative"):
        grad(f)(np.ones((3, 3)))


def test_power_transformation_of_zero_and_infinity():
    """SciPy's confluent hypergeometric function does not return for an infinite argument."""
    with np.errstate(all="ignore"):
        for x, lmbda, want in ((0.0, 0.5, 4.0), (0.0, -0.5, np.inf), (np.inf, -0.5, 4.0), (np.inf, 0.5, np.inf), (0.0, 0.0, np.inf)):
            assert grad(special.boxcox, 1)(x, lmbda) == want
            assert grad(special.boxcox1p, 1)(x - 1.0, lmbda) == want


def test_incomplete_gamma_function_near_the_parameter_zero():
    """There it is ``1 - a * exp1(x)``."""
    with np.errstate(all="ignore"):
        for x in (0.5, 1.0, 2.0):
            slope = grad(special.gammainc)
            for got in (grad(slope, 1)(0.0, x), jvp(slope, (0.0, x), (0.0, 1.0))[1], grad(grad(special.gammainc, 1))(0.0, x)):
                assert got == pytest.approx(np.exp(-x) / x, rel=1e-12)


@pytest.mark.parametrize("b", [0.5, 1.0, 2.0])
def test_mixed_derivatives_of_the_inverse_incomplete_beta_function_at_its_end(b):
    """``1 - (1 - y)**(1 / b)`` for the first parameter one."""
    of_y, of_b = grad(special.betaincinv, 2), grad(special.betaincinv, 1)
    with np.errstate(all="ignore"):
        found = [grad(of_y, 1)(1.0, b, 0.0), grad(of_b, 2)(1.0, b, 0.0), jvp(of_b, (1.0, b, 0.0), (0.0, 0.0, 1.0))[1]]
    assert found == pytest.approx([-1 / b**2] * 3, rel=1e-12)


@pytest.mark.parametrize(("y", "of_x"), [(0.0, 0.0), (0.5, np.inf), (1.0, 1.0), (2.0, 0.0)])
def test_a_power_of_zero_less_one(y, of_x):
    with np.errstate(all="ignore"):
        assert grad(special.powm1)(0.0, y) == of_x
        assert grad(special.powm1, 1)(0.0, y) == 0
        assert jvp(special.powm1, (0.0, y), (1.0, 1.0))[1] == of_x
        assert grad(special.powm1, 1)(0.0, -1.0) == -np.inf


@pytest.mark.parametrize("base", [-2, -2.0, np.float64(-2.0), np.array([-2.0])])
def test_complex_powers_of_negative_numbers(base):
    y = np.array([1.066 - 1.06j, 0.3 + 0.2j])
    np.testing.assert_allclose(jvp(lambda y: base**y, (y,), (y,))[1], base**y * np.log(-2 + 0j) * y, rtol=1e-13)


@pytest.mark.parametrize("f", [np.sum, np.prod, lambda x, dtype: np.concatenate([x, x], dtype=dtype), lambda x, dtype: np.stack([x, x], dtype=dtype)])
@pytest.mark.parametrize("dtype", ["d", "g"])
def test_python_objects_have_no_silent_derivative(f, dtype):
    def pulled(x):
        ans, pull = vjp(lambda x: f(x, dtype=object), x)
        return pull(np.ones_like(ans))

    with pytest.raises(AutogradError):
        pulled(np.array([1.5, 2.5], dtype))
