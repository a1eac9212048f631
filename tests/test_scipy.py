"""SciPy's areas beyond what the registry generates: reference values, edges, layouts, differential equations."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import scipy.special
import scipy.stats

from autograd_clone import grad, hessian, jacfwd, jacobian, jvp, vmap
from autograd_clone.engine.errors import (
    ClosedOverTraceError,
    MissingRuleError,
    NotDifferentiableError,
    UnsupportedKeywordError,
)
from autograd_clone.engine.primitive import REGISTRY
from autograd_clone.rules.special_incomplete import betainc_dab, gammainc_da
from autograd_clone.scipy import integrate, signal, special, stats

from . import oracle
from .cases import cases
from .checks import SINGLE, check, check_forward, check_reverse, check_second, seconds, truths

importlib.import_module("autograd_clone.scipy.stats._records")  # registers what stands for scipy.stats

INF = np.inf


def nested(f, i=0):
    """First and second derivative in one operand."""
    return grad(f, i), grad(grad(f, i), i)


# ---- incomplete gamma and beta functions: values of 60-digit arithmetic --------------------------------------

GAMMA_TABLE = [  # a, x, d/da, d2/da2 of the regularised lower incomplete gamma function
    (1e-3, 1e-4, -8.560635309048715, 72.29174306711671),
    (1e-3, 2.0, -0.04905334583936488, -0.152897768208244),
    (0.3, 0.2, -1.023380307220394, 0.9589911432920189),
    (0.3, 30.0, -1.961715447061042e-14, -1.014172804625744e-13),
    (1.0, 1.0, -0.4317297106348987, 0.0336180352999592),
    (5.0, 2.0, -0.05691325064457105, 0.05320435422232803),
    (5.0, 60.0, -1.318513780411374e-20, -3.323856334612396e-20),
    (100.0, 95.0, -0.03599113479283111, 0.001847944613725872),
    (100.0, 150.0, -2.538946697261135e-6, -1.030289989188926e-6),
    (1e6, 1.0005e6, -0.0003519920296234105, -1.759520451021777e-7),
]
BETA_TABLE = [  # a, b, x, d/da, d/db, d2/da db of the regularised incomplete beta function
    (0.01, 0.02, 0.5, -22.22404759522624, 11.11720463769259, 370.7463620216242),
    (0.3, 2.0, 1e-4, -0.692366288501622, 0.01453706111696192, -0.07821432757396718),
    (2.0, 0.3, 0.9999, -0.01453706111696144, 0.6923662885016081, 0.07821432757396621),
    (1.0, 1.0, 0.25, -0.3465735902799726, 0.2157615543388357, -0.1555281484970668),
    (5.0, 9.0, 0.1, -0.009250180353527419, 0.002436374743528402, -0.003033149571522104),
    (5.0, 9.0, 0.8, -0.000149425873514316, 0.0002105883681575249, 0.000177720241407878),
    (200.0, 30.0, 0.88, -0.0090157089253957, 0.06331658621390074, 0.0006399425150668413),
    (1e3, 2e3, 0.33, -0.009603762624452297, 0.004765531619658442, -4.710137787055149e-5),
    (1.0, 1e4, 1e-4, -0.4317006989316113, 3.678794407115471e-5, 2.123457765870674e-5),
]


@pytest.mark.parametrize(("a", "x", "first", "second"), GAMMA_TABLE)
def test_gammainc_in_its_parameter(a, x, first, second):
    assert gammainc_da(a, x) == pytest.approx(first, rel=1e-12)
    assert gammainc_da(a, x, order=2) == pytest.approx(second, rel=1e-12)
    d, d2 = nested(lambda a: special.gammaincc(a, x))
    assert d(a) == pytest.approx(-first, rel=1e-12)
    assert d2(a) == pytest.approx(-second, rel=1e-12)


@pytest.mark.parametrize(("a", "b", "x", "of_a", "of_b", "mixed"), BETA_TABLE)
def test_betainc_in_its_parameters(a, b, x, of_a, of_b, mixed):
    assert betainc_dab(a, b, x) == pytest.approx(of_a, rel=1e-11)
    assert betainc_dab(a, b, x, orders=(0, 1)) == pytest.approx(of_b, rel=1e-11)
    assert grad(grad(special.betainc, 1), 0)(a, b, x) == pytest.approx(mixed, rel=1e-10)


def test_incomplete_functions_in_blocks_of_any_size():
    a, x = np.linspace(0.1, 20, 3000), np.linspace(30, 0.01, 3000)
    whole = gammainc_da(a, x)
    some = [0, 1023, 1024, 2999]
    np.testing.assert_allclose(whole[some], [gammainc_da(a[i], x[i]) for i in some], rtol=1e-12)


# ---- special functions at their edges ------------------------------------------------------------------------

EDGES = {
    "entr": (special.entr, (0.0,), (INF,)),
    "entr outside": (special.entr, (-1.0,), (0.0,)),
    "xlogy at the origin": (special.xlogy, (0.0, 0.0), (-INF, 0.0)),
    "xlogy": (special.xlogy, (0.0, 2.0), (np.log(2.0), 0.0)),
    "rel_entr at the origin": (special.rel_entr, (0.0, 0.0), (0.0, 0.0)),
    "kl_div": (special.kl_div, (0.0, 1.0), (-INF, 1.0)),
    "rgamma at a pole of gamma": (special.rgamma, (-2.0,), (2.0,)),
    "binom of too many": (special.binom, (2.0, 3.0), (1 / 3, -1 / 3)),
    "poch through zero": (special.poch, (-2.0, 3.0), (2.0, None)),
    "gammainc at zero": (special.gammainc, (2.0, 0.0), (0.0, 0.0)),
    "gammainc of the exponential": (special.gammainc, (1.0, 0.0), (0.0, 1.0)),
    "gammainc at infinity": (special.gammainc, (2.0, INF), (0.0, 0.0)),
    "betainc at zero": (special.betainc, (2.0, 3.0, 0.0), (0.0, 0.0, 0.0)),
    "betainc at one": (special.betainc, (2.0, 1.0, 1.0), (0.0, 0.0, 2.0)),
    "log_ndtr far down": (special.log_ndtr, (-1e8,), (1e8,)),
    "log_ndtr far up": (special.log_ndtr, (50.0,), (0.0,)),
    "boxcox at lmbda 0": (special.boxcox, (2.0, 0.0), (0.5, 0.5 * np.log(2.0) ** 2)),
    "boxcox at zero": (special.boxcox, (0.0, 0.5), (INF, 4.0)),
    "inv_boxcox at lmbda 0": (special.inv_boxcox, (1.0, 0.0), (np.e, -0.5 * np.e)),
    "spence": (special.spence, (1.0,), (-1.0,)),
    "exprel": (special.exprel, (0.0,), (0.5,)),
    "j1": (special.j1, (0.0,), (0.5,)),
    "i1": (special.i1, (0.0,), (0.5,)),
    "sine integral": (lambda x: special.sici(x)[0], (0.0,), (1.0,)),
    "lambertw": (lambda x: np.real(special.lambertw(x)), (0.0,), (1.0,)),
    "stdtr in the middle": (special.stdtr, (3.0, 0.0), (0.0, 2 / (np.pi * np.sqrt(3)))),
    "huber at its kink": (special.huber, (1.0, 1.0), (0.0, 1.0)),
    "all weights zero": (lambda x: special.logsumexp(np.stack([x, x])), (-INF,), (0.0,)),
}


@pytest.mark.parametrize("case", EDGES)
def test_edges(case):
    f, point, want = EDGES[case]
    with np.errstate(all="ignore"):
        for i, d in enumerate(want):
            if d is not None:
                np.testing.assert_allclose(grad(f, i)(*point), d, rtol=1e-13)
                one = lambda x: f(*point[:i], x, *point[i + 1 :])  # noqa: B023
                np.testing.assert_allclose(jvp(one, (point[i],), (1.0,))[1], d, rtol=1e-13)


def test_second_derivatives_at_removable_singularities():
    for f, x, want in (
        (special.ellipk, 0.0, 9 * np.pi / 64),
        (special.spence, 1.0, 0.5),
        (special.exprel, 0.0, 1 / 3),
        (lambda x: special.boxcox(2.0, x), 0.0, np.log(2.0) ** 3 / 3),
        (lambda x: special.shichi(x)[0], 0.0, 0.0),
        (special.log_ndtr, -1e8, -1.0),
    ):
        with np.errstate(all="ignore"):
            assert nested(f)[1](x) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("z", [0.33 + 0.84j, 0.5 - 0.87j, 1.3 + 0.5j, 1 + 1e-9j, -0.6 + 0.2j, 3 - 4j])
def test_dilogarithm_of_complex_numbers(z):
    """The hypergeometric function that is its derivative is wrong near the first two in SciPy."""
    f = lambda z: np.real(special.spence(z))
    want = -1 + (z - 1) / 2 if abs(z - 1) < 1e-8 else np.log(z) / (1 - z)
    assert grad(f)(z) == pytest.approx(want, rel=1e-13)
    np.testing.assert_allclose(jvp(special.spence, (z,), (1.0 + 0j,))[1], want, rtol=1e-13)


@pytest.mark.parametrize("name", ["spherical_jn", "spherical_in"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_spherical_bessel_functions_left_of_zero(name, n):
    """Odd or even, as their order is."""
    f, x, sign = getattr(special, name), np.array([0.4, 1.7]), (-1) ** n
    np.testing.assert_allclose(f(n, -x), sign * f(n, x), rtol=1e-14)
    np.testing.assert_allclose(f(n, -x, derivative=True), -sign * f(n, x, derivative=True), rtol=1e-14)
    slope = lambda x: grad(lambda x: np.sum(f(n, x)))(x)
    np.testing.assert_allclose(slope(-x), -sign * slope(x), rtol=1e-14)


def test_logsumexp_of_infinities():
    x = np.array([INF, 1.0, INF])
    assert special.logsumexp(x) == INF
    assert np.array_equal(grad(special.logsumexp)(x), [0.5, 0, 0.5])
    assert np.array_equal(grad(special.logsumexp)(np.array([-INF, 0.0])), [0, 1])


def test_logsumexp_as_scipys():
    rng = np.random.default_rng(0)
    a, b = 100 * rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    for kw in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}, {"b": abs(b), "axis": 1}):
        np.testing.assert_allclose(special.logsumexp(a, **kw), scipy.special.logsumexp(a, **kw), rtol=1e-14)
    got, want = (s.logsumexp(a, b=b, axis=1, return_sign=True) for s in (special, scipy.special))
    np.testing.assert_allclose(got, want, rtol=1e-14)
    assert special.logsumexp([1, 2]) == pytest.approx(scipy.special.logsumexp([1, 2]))
    assert grad(lambda x: special.logsumexp([x, 2 * x]))(0.0) == pytest.approx(1.5)


PYTHON_FUNCTIONS = [
    ("multigammaln", (4.2, 3), 0),
    ("factorial", (3.3,), 0),
    ("comb", (5.5, 2.2), 0),
    ("comb", (5.5, 2.2), 1),
    ("perm", (5.5, 2.2), 0),
    ("perm", (5.5, 2.2), 1),
    ("polygamma", (2, 1.7), 1),
    ("zeta", (2.5, 1.2), 1),
    ("spherical_jn", (2, 1.3), 1),
    ("spherical_jn", (2, 1.3, True), 1),
    ("spherical_in", (0, 1.3, True), 1),
    ("jvp", (1, 1.3, 2), 1),
    ("kvp", (0.5, 1.3), 1),
    ("sinc", (0.7,), 0),
]


@pytest.mark.parametrize(("name", "args", "i"), PYTHON_FUNCTIONS)
def test_functions_that_scipy_has_in_python(name, args, i):
    ours, own = getattr(special, name), getattr(scipy.special, name)
    assert ours(*args) == pytest.approx(own(*args), rel=1e-14)
    traced = grad(lambda x: ours(*args[:i], x, *args[i + 1 :]))(args[i])
    assert traced == pytest.approx(oracle.gradient(lambda x: own(*args[:i], x, *args[i + 1 :]), args[i]), rel=1e-9)


@pytest.mark.filterwarnings("ignore:floating point number truncated")
def test_expn_of_a_float_is_that_of_its_integer_part():
    for n in (0.4, 0.99, 1.0, 1.7, 2.077):
        want = oracle.gradient(lambda x, n=n: scipy.special.expn(int(n), x), 0.6)
        assert grad(lambda x, n=n: special.expn(n, x))(0.6) == pytest.approx(want, rel=1e-8)
        assert grad(lambda x, n=n: special.expn(np.float64(n), x).sum())(np.array([0.6]))[0] == pytest.approx(want, rel=1e-8)


@pytest.mark.parametrize(("z", "m"), [(-1.407, 0.349), (-1.33, 0.54), (-0.438, -0.297), (-2.3, 1.6), (1.4, -2.7), (-2.4, -1.0), (0.3, 0.9)])
def test_poch_on_both_sides_of_zero(z, m):
    f = lambda z: scipy.special.poch(z, m)
    assert grad(f)(z) == pytest.approx(oracle.gradient(f, z), rel=1e-7)
    assert grad(grad(f))(z) == pytest.approx(oracle.gradient(grad(f), z), rel=1e-6)


def test_what_special_refuses():
    for f in (lambda v: special.jv(v, 1.0), lambda n: special.expn(n, 1.0), lambda a: special.hyp1f1(a, 1.0, 1.0)):
        with pytest.raises(MissingRuleError):
            grad(f)(2.0)
    with pytest.raises(MissingRuleError, match="'x'"):
        grad(special.zeta)(2.0)
    with pytest.raises(UnsupportedKeywordError, match="exact"):
        grad(lambda n: special.comb(n, 2.0, exact=True))(4.0)
    with pytest.raises(ValueError, match="greater"):
        special.multigammaln(0.5, 3)


def test_plain_scipy_ufuncs_load_their_rules():
    code = (
        "import sys, scipy.special, autograd_clone as ag\n"
        "assert 'autograd_clone.rules.special' not in sys.modules\n"
        "assert abs(ag.grad(scipy.special.erf)(0.0) - 2 / 3.141592653589793**0.5) < 1e-15\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- convolution ---------------------------------------------------------------------------------------------

LAYOUTS = [
    ((6,), (3,), None, ((), ())),
    ((3,), (6,), None, ((), ())),
    ((4, 5), (2, 3), None, ((), ())),
    ((2, 5, 4), (5, 3, 2), ([2], [2]), ([1], [0])),
    ((2, 5, 6), (3, 2), ([-1], [0]), ((), ())),
    ((2, 3, 5, 4), (3, 2, 3, 2), ([2, 3], [2, 3]), ([1], [0])),
    ((2, 3, 3, 2), (3, 2, 5, 4), ([2, 3], [2, 3]), ([1], [0])),
    ((4, 3), (3, 4), ([0], [1]), ([1], [0])),
]


def by_definition(A, B, axes, dot_axes, mode):
    """The definition, one pair of slices after the other."""
    axes = axes or (range(A.ndim), range(B.ndim))
    rows = [[i % X.ndim for i in r] for X, r in zip((A, B), axes, strict=True)]
    free = [[i for i in range(X.ndim) if i not in r and i not in d] for X, r, d in zip((A, B), rows, dot_axes, strict=True)]
    a = np.transpose(A, [*free[0], *dot_axes[0], *rows[0]])
    b = np.transpose(B, [*free[1], *dot_axes[1], *rows[1]])
    shapes = [tuple(X.shape[i] for i in f) for X, f in zip((A, B), free, strict=True)]
    summed = [A.shape[i] for i in dot_axes[0]]
    out = {
        (i, j): sum(scipy.signal.convolve(a[(*i, *k)], b[(*j, *k)], mode, "direct") for k in np.ndindex(*summed))
        for i in np.ndindex(*shapes[0])
        for j in np.ndindex(*shapes[1])
    }
    some = next(iter(out.values()))
    return np.array(list(out.values())).reshape(shapes[0] + shapes[1] + some.shape)


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
def test_convolve(layout, mode):
    shape_a, shape_b, axes, dot_axes = LAYOUTS[layout]
    rng = np.random.default_rng(layout)
    A, B = rng.normal(size=shape_a), rng.normal(size=shape_b)
    f = lambda A, B: signal.convolve(A, B, axes=axes, dot_axes=dot_axes, mode=mode)
    want = by_definition(A, B, axes, dot_axes, mode)
    np.testing.assert_allclose(f(A, B), want, atol=1e-13)
    W = rng.normal(size=want.shape)
    loss = lambda A, B: np.sum(W * f(A, B) ** 2)
    plain = lambda A, B: np.sum(W * by_definition(A, B, axes, dot_axes, mode) ** 2)
    V = [rng.normal(size=X.shape) for X in (A, B)]
    slope = sum(np.sum(g * v) for g, v in zip(grad(loss, (0, 1))(A, B), V, strict=True))
    assert slope == pytest.approx(oracle.directional(plain, [A, B], V)[0].value, rel=1e-9)


def test_convolve_by_fft_and_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(300, 300)), rng.normal(size=(9, 9))
    np.testing.assert_allclose(signal.convolve(A, B, "same"), scipy.signal.convolve(A, B, "same"), atol=1e-12)
    A, B = rng.normal(size=(2, 3, 8)), rng.normal(size=(3, 4, 3))
    f = lambda A: signal.convolve(A, B, axes=([2], [2]), dot_axes=([1], [0]))
    want = f(A), jacobian(f)(A)
    monkeypatch.setattr("autograd_clone.rules.signal._LARGEST_COPY", 1)
    np.testing.assert_allclose(f(A), want[0], atol=1e-14)
    np.testing.assert_allclose(jacobian(f)(A), want[1], atol=1e-14)


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
def test_functions_of_scipy_signal(mode):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(5, 6)), rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    for name in ("convolve", "correlate", "convolve2d", "fftconvolve"):
        own, ours = getattr(scipy.signal, name), getattr(signal, name)
        np.testing.assert_allclose(ours(A, B, mode), own(A, B, mode), atol=1e-13)
        slope = jvp(lambda A: ours(A, B, mode), (A,), (A,))[1]  # noqa: B023
        np.testing.assert_allclose(slope, own(A, B, mode), atol=1e-13)


def test_vmap_of_convolve():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(4, 7)), rng.normal(size=(4, 3))
    want = np.stack([np.convolve(a, b) for a, b in zip(A, B, strict=True)])
    np.testing.assert_allclose(vmap(signal.convolve)(A, B), want, atol=1e-14)
    np.testing.assert_allclose(vmap(lambda a: signal.convolve(a, B[0]))(A)[1], np.convolve(A[1], B[0]), atol=1e-14)
    np.testing.assert_allclose(vmap(lambda b: signal.convolve(A[0], b))(B)[1], np.convolve(A[0], B[1]), atol=1e-14)


def test_what_convolve_refuses():
    x = np.ones((3, 4))
    for call in (
        lambda: signal.convolve(x, x, mode="other"),
        lambda: signal.convolve(x, x[0]),
        lambda: signal.convolve(x, x, axes=([0], [0, 1])),
        lambda: signal.convolve(x, x, axes=([0, 0], [0, 1])),
        lambda: signal.convolve(x, x, axes=([0], [0]), dot_axes=([1], [0])),
        lambda: signal.convolve(x, x.T, mode="valid"),
        lambda: signal.convolve(x, x[:0]),
    ):
        with pytest.raises(ValueError, match="convolve"):
            call()
    with pytest.raises(UnsupportedKeywordError):
        signal.convolve2d(x, x, boundary="wrap")


# ---- distributions -------------------------------------------------------------------------------------------

CONTINUOUS = {
    "norm": [()],
    "beta": [(2.0, 3.0), (0.5, 0.5), (1.0, 1.0), (-1.0, 1.0)],
    "gamma": [(1.0,), (0.5,), (3.0,), (-1.0,)],
    "chi2": [(1.0,), (2.0,), (3.7,)],
    "t": [(1.0,), (3.3,), (INF,)],
    "expon": [()],
    "laplace": [()],
    "lognorm": [(0.7,)],
    "cauchy": [()],
    "logistic": [()],
    "uniform": [()],
}
DISCRETE = {"poisson": [(1.3,), (0.0,), (-1.0,)], "binom": [(4, 0.3), (4, 0.0), (0, 0.3), (2.5, 0.3)], "nbinom": [(2.5, 0.4)], "bernoulli": [(0.3,), (1.0,)]}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions_at_their_edges(name):
    x = np.array([-INF, -3.0, -1.0, -0.3, 0.0, 0.2, 0.5, 0.9, 1.0, 1.5, 4.0, 30.0, INF, np.nan])
    ours, own = getattr(stats, name), getattr(scipy.stats, name)
    for shapes in CONTINUOUS[name]:
        for where in ({}, {"loc": 0.3, "scale": 2.0}, {"scale": -1.0}):
            for method in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"):
                with np.errstate(all="ignore"):
                    got, want = (getattr(d, method)(x, *shapes, **where) for d in (ours, own))
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=f"{method} {shapes} {where}")


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions_at_their_edges(name):
    k = np.array([-1.0, 0, 1, 2.5, 3, 4, 5, INF, np.nan])
    ours, own = getattr(stats, name), getattr(scipy.stats, name)
    for shapes in DISCRETE[name]:
        for where in ({}, {"loc": 1}):
            for method in ("pmf", "logpmf", "cdf", "sf", "logsf"):
                with np.errstate(all="ignore"):
                    got, want = (getattr(d, method)(k, *shapes, **where) for d in (ours, own))
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-300, err_msg=f"{method} {shapes} {where}")


@pytest.mark.parametrize("name", CONTINUOUS)
def test_derivatives_are_finite_outside_the_support(name):
    shapes = CONTINUOUS[name][0]
    for method in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"):
        f = getattr(getattr(stats, name), method)
        for x in (-3.0, 30.0):
            assert np.all(np.isfinite(grad(f, tuple(range(3 + len(shapes))))(x, *shapes, 0.1, 1.3)))


RECORDS = [p for p in REGISTRY.values() if p.name.startswith("scipy.stats.")]


@pytest.mark.parametrize("prim", RECORDS, ids=lambda p: p.name)
def test_distributions_against_scipys(prim):
    """The values of SciPy's function, and in every mode and order the derivatives that its differences show."""

    def value(case):
        np.testing.assert_allclose(case.traced(*case.values), case.plain(*case.values), rtol=1e-9, atol=1e-13)

    check(cases(prim), value)
    check(truths(prim), check_reverse)
    check(truths(prim), check_forward)
    for mode in ("forward over reverse", "reverse over forward"):
        check(seconds(prim, np.float64), lambda item: check_second(item, mode))  # noqa: B023
    check(truths(prim, np.float32), lambda item: check_reverse(item, SINGLE))


def test_scipys_names_of_distributions():
    assert np.array_equal(stats.norm.rvs(size=3, random_state=0), scipy.stats.norm.rvs(size=3, random_state=0))
    assert stats.gamma.mean(2.0) == 2.0
    for f in (stats.norm.rvs, stats.gamma.mean):
        with pytest.raises(NotDifferentiableError, match="traced"):
            grad(f)(1.0)
    with pytest.raises(MissingRuleError, match="'k'"):
        grad(stats.poisson.pmf)(1.0, 2.0)
    with pytest.raises(MissingRuleError, match="'n'"):
        grad(stats.binom.logpmf, 1)(1, 2.0, 0.5)


def test_multivariate_normal():
    rng = np.random.default_rng(0)
    x, mean, root = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=(3, 3))
    cov = root @ root.T + np.eye(3)
    for args in ((x, mean, cov), (x[0], mean, cov), (x[None], mean, cov), (1.3,), (x[0], mean, 2.0), (x, mean, np.diag(cov))):
        np.testing.assert_allclose(stats.multivariate_normal.logpdf(*args), scipy.stats.multivariate_normal.logpdf(*args))
    singular = np.diag([1.0, 2.0, 0.0])
    for point in (np.array([1.0, 1.0, 0.0]), np.ones(3)):
        got, want = (s.multivariate_normal.logpdf(point, np.zeros(3), singular, True) for s in (stats, scipy.stats))
        np.testing.assert_allclose(got, want)
    slope = grad(lambda x: stats.multivariate_normal.logpdf(x, np.zeros(3), singular, True))(np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(slope, [-1, -0.5, 0])
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(mean, mean, singular)
    with pytest.raises(ValueError, match="semidefinite"):
        stats.multivariate_normal.logpdf(mean, mean, -cov)
    with pytest.raises(NotDifferentiableError):
        grad(lambda c: stats.multivariate_normal.logpdf(mean, mean, c, True))(singular)


def test_dirichlet():
    alpha = np.array([1.5, 2.0, 0.7])
    x = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]).T
    for point in (x[:, 0], x, x[:2]):
        np.testing.assert_allclose(stats.dirichlet.logpdf(point, alpha), scipy.stats.dirichlet.logpdf(point, alpha))
    assert stats.dirichlet.rvs(alpha, random_state=0).shape == (1, 3)
    for bad in (2 * x, -x, np.array([0.5, 0.5, 0.0])):
        with pytest.raises(ValueError, match="'x'"):
            stats.dirichlet.logpdf(bad, alpha)


# ---- differential equations ----------------------------------------------------------------------------------

TIMES = np.array([0.0, 0.3, 0.5, 1.2])
TIGHT = {"rtol": 1e-11, "atol": 1e-11}


def decay(y0, t, rate, drive, **options):
    """y' = -rate y + drive, whose solution `decay_exact` is."""
    return integrate.odeint(lambda y, t, rate, drive: -rate * y + drive, y0, t, (rate, drive), **TIGHT | options)


def decay_exact(y0, t, rate, drive):
    e = np.exp(-rate * (t - t[0]))[:, None]
    return y0 * e + drive / rate * (1 - e)


ARGUMENTS = (np.array([1.0, -0.5]), TIMES, 1.3, np.array([0.2, 0.4]))


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint", "auto"])
@pytest.mark.parametrize("i", range(4), ids=["y0", "t", "rate", "drive"])
def test_odeint(i, sensitivity):
    W = np.random.default_rng(0).normal(size=(4, 2))

    def loss(x, solve, **options):
        return np.sum(W * solve(*ARGUMENTS[:i], x, *ARGUMENTS[i + 1 :], **options) ** 2)

    ours = lambda x: loss(x, decay, sensitivity=sensitivity)
    x = np.asarray(ARGUMENTS[i])
    np.testing.assert_allclose(grad(ours)(x), oracle.gradient(lambda x: loss(x, decay_exact), x), atol=1e-8)
    np.testing.assert_allclose(jacfwd(ours)(x), oracle.gradient(lambda x: loss(x, decay_exact), x), atol=1e-8)
    want = oracle.hessian(lambda x: loss(x, decay_exact), x)
    np.testing.assert_allclose(jacobian(grad(ours))(x), want, atol=1e-6)
    np.testing.assert_allclose(jacfwd(grad(ours))(x), want, atol=1e-6)


def test_odeint_that_cannot_be_integrated_backwards():
    def last(rate, sensitivity):
        field = lambda y, t, rate: -rate * (y - np.cos(t))
        return integrate.odeint(field, [0.0], [0.0, 10.0], (rate,), sensitivity=sensitivity)[-1, 0]

    exact = lambda k: (k * k * np.cos(10.0) + k * np.sin(10.0)) / (1 + k * k)
    for sensitivity in ("adjoint", "forward"):
        assert grad(last)(50.0, sensitivity) == pytest.approx(oracle.gradient(exact, 50.0), abs=1e-8)


def test_odeint_arguments():
    def field(t, y, p, other):
        assert other == "unused"
        return [-p["rate"] * y[0], y[0]]

    def last(rate):
        options = {"tfirst": True, "rtol": [1e-10, 1e-10], "atol": 1e-10, "Dfun": jac, "tcrit": [0.5]}
        out, report = integrate.odeint(field, [1.0, 0.0], TIMES[::1], ({"rate": rate}, "unused"), full_output=1, **options)
        assert report["nfe"].shape == (3,)
        return out[-1, 0]

    jac = lambda t, y, p, other: [[-p["rate"], 0.0], [1.0, 0.0]]
    for x in (1.0, np.float32(1.0)):
        assert grad(last)(x) == pytest.approx(-1.2 * np.exp(-1.2), rel=1e-6)
    backwards = grad(lambda y: decay(y, TIMES[::-1], 1.3, 0.0)[-1, 0])(np.array([1.0]))
    np.testing.assert_allclose(backwards, np.exp(1.3 * 1.2))
    assert vmap(lambda rate: decay(np.ones(1), TIMES, rate, 0.0)[-1, 0])(np.array([1.0, 2.0])).shape == (2,)


def test_odeint_hessian_of_several_arguments():
    f = lambda p: np.sum(decay(p[:2], TIMES, p[2], p[3]) ** 2)
    exact = lambda p: np.sum(decay_exact(p[:2], TIMES, p[2], p[3]) ** 2)
    p = np.array([1.0, -0.5, 1.3, 0.2])
    np.testing.assert_allclose(hessian(f)(p), oracle.hessian(exact, p), atol=1e-6)


def test_what_odeint_refuses():
    with pytest.raises(ClosedOverTraceError, match="args"):
        grad(lambda rate: integrate.odeint(lambda y, t: -rate * y, [1.0], TIMES)[-1, 0])(1.0)
    with pytest.raises(TypeError, match="complex"):
        grad(lambda rate: np.real(decay(np.ones(1), TIMES, rate, 0.0)[-1, 0]))(1.0 + 1.0j)
    with pytest.raises(ValueError, match="sensitivity"):
        decay(np.ones(1), TIMES, 1.0, 0.0, sensitivity="other")
