"""Arguments that few programs give: NumPy's own value and its derivative, or NumPy's own exception. Random calls found these."""

from __future__ import annotations

import numpy as onp
import pytest
import scipy.linalg
import scipy.special

import autograd_clone.numpy as np
from autograd_clone import jvp, vjp, vmap
from autograd_clone.engine.errors import AutogradError, TracedConversionError, UnsupportedCallError, UnsupportedTypeError
from autograd_clone.scipy import linalg, special

from . import modes, oracle
from .cases import TAKES_STACKS

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
RNG = onp.random.default_rng(5)
A = RNG.normal(size=(3, 3))
SPD = A @ A.T + 3 * onp.eye(3)
BANDS = onp.array([[0.0, 0.3, -0.4], [3.0, 4.0, 3.5]])


def agrees(f, plain, *xs):
    """The value is that of the plain function, and reverse mode, forward mode and differences agree."""
    vs = [oracle.direction(RNG, x) for x in xs]
    ys, pull = vjp(lambda *xs: tuple(modes.leaves(f(*xs))), *xs)
    ts = jvp(lambda *xs: tuple(modes.leaves(f(*xs))), xs, vs)[1]
    gs = [oracle.direction(RNG, y) for y in ys]
    for y, t, want, slope in zip(ys, ts, oracle.leaves(plain(*xs)), oracle.directional(plain, xs, vs), strict=True):
        assert y.dtype == want.dtype
        onp.testing.assert_allclose(y, want, rtol=1e-9, atol=1e-12)
        onp.testing.assert_allclose(t, slope.value, rtol=1e-6, atol=1e-7)
    onp.testing.assert_allclose(modes.pair(pull(tuple(gs)), vs), modes.pair(gs, ts), rtol=1e-8, atol=1e-10)


# ---- stacks in SciPy -------------------------------------------------------------------------------------

STACKED = [
    ("solve_triangular", (onp.stack([SPD, SPD.T]), A[0])),
    ("solve_banded", ((1, 1), onp.stack([SPD, 2 * SPD]), A[0])),
    ("solveh_banded", (onp.stack([BANDS, 2 * BANDS]), A[0])),
    ("solve_sylvester", (onp.stack([SPD, A]), SPD, A)),
    ("solve_continuous_lyapunov", (onp.stack([SPD, SPD + 1]), A)),
    ("solve_discrete_lyapunov", (onp.stack([0.1 * A, 0.3 * A]), A)),
    ("eigvalsh", (onp.stack([A, 2 * A]), SPD)),
    ("expm_frechet", (onp.stack([A, 2 * A]), A)),
    ("lu_factor", (onp.stack([A, 2 * A]),)),
    ("qr", (onp.stack([A, 2 * A]),)),
    ("lstsq", (onp.stack([A[:, :2], A[:, 1:]]), A[0])),
    ("eigvalsh_tridiagonal", (A[:2], A[0, :2])),
    ("diagsvd", (A[:2], 3, 4)),
]


@pytest.mark.parametrize(("name", "args"), STACKED, ids=[name for name, _ in STACKED])
def test_stacks_of_matrices(name, args):
    """One part after the other where the code knows no stacks; others broadcast against them."""
    places = [i for i, a in enumerate(args) if isinstance(a, onp.ndarray)]

    def call(fun):
        def f(*xs):
            given = list(args)
            for i, x in zip(places, xs, strict=True):
                given[i] = x
            return fun(*given)

        return f

    if not TAKES_STACKS:
        pytest.skip("this version of SciPy takes no stacks")
    agrees(call(getattr(linalg, name)), call(getattr(scipy.linalg, name)), *[args[i] for i in places])


def test_stacks_of_riccati_equations():
    if not TAKES_STACKS:
        pytest.skip("this version of SciPy takes no stacks")
    weights = SPD, SPD[:2, :2]
    for f, plain in (
        (linalg.solve_continuous_are, scipy.linalg.solve_continuous_are), (linalg.solve_discrete_are, scipy.linalg.solve_discrete_are),
    ):  # fmt: skip
        agrees(lambda a, b, f=f: f(a, b, *weights), lambda a, b, f=plain: f(a, b, *weights), onp.stack([A, 2 * A]), A[:, :2])


def test_what_is_stored_outside_of_the_bands():
    ab = onp.array([[2.0], [3.0], [4.1]])  # of a matrix of one row
    agrees(linalg.cholesky_banded, scipy.linalg.cholesky_banded, ab)


# ---- pseudo-inverses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "plain", "cutoff"),
    [(np.linalg.pinv, onp.linalg.pinv, {"rcond": 0.5}), (linalg.pinv, scipy.linalg.pinv, {"rtol": 0.5}),
     (linalg.pinv, scipy.linalg.pinv, {"atol": 1.0})],
)  # fmt: skip
def test_singular_values_that_are_cut_off(ours, plain, cutoff):
    """They vary with the matrix, so what is left of it is none of constant rank times a constant."""
    u, v = onp.linalg.qr(RNG.normal(size=(4, 3)))[0], onp.linalg.qr(A)[0]
    a = (u * [2.0, 1.5, 0.3]) @ v
    agrees(lambda a: ours(a, **cutoff), lambda a: plain(a, **cutoff), a)
    agrees(lambda a: ours(a.T, **cutoff), lambda a: plain(a.T, **cutoff), a)
    stack = onp.stack([a, 2 * a])
    onp.testing.assert_allclose(vmap(lambda a: ours(a, **cutoff))(stack), [plain(x, **cutoff) for x in stack], rtol=1e-9)


# ---- elementwise -------------------------------------------------------------------------------------------


def test_a_dtype_that_is_asked_for():
    """The rules compute in the types that the loop does: left of zero the real functions are undefined."""
    x = onp.array([-1.5, -0.3])
    agrees(lambda x: special.yve(2, x, dtype=complex), lambda x: scipy.special.yve(2, x + 0j), onp.array([1.5, 0.4]))
    for f, plain in ((np.log, onp.log), (np.sqrt, onp.sqrt)):
        agrees(lambda x, f=f: f(x, dtype=complex), lambda x, f=plain: f(x + 0j), x)
        agrees(lambda x, f=f: f(x, signature="D->D"), lambda x, f=plain: f(x + 0j), x)
    agrees(lambda x: np.power(x, 0.5, dtype=complex), lambda x: (x + 0j) ** 0.5, x)
    agrees(lambda x: np.power(-2.0, x, dtype=complex), lambda x: (-2.0 + 0j) ** x, x)


def test_logarithms_of_negative_numbers_beside_complex_ones():
    x, y = A[0] + 1j * A[1], onp.array([-1.5, -2.5, 0.7])
    agrees(special.xlogy, scipy.special.xlogy, x, y)
    agrees(special.xlog1py, scipy.special.xlog1py, x, y - 1)


def test_the_narrowest_voigt_profile_is_lorentz():
    agrees(lambda x, gamma: special.voigt_profile(x, 0, gamma), lambda x, gamma: scipy.special.voigt_profile(x, 0, gamma), A[0], 1 + A[1] ** 2)
    assert vjp(lambda s: special.voigt_profile(0.4, s, 1.2), 0.0)[1](1.0)[0] == 0


# ---- arrays ------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Passing a value for k:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize("k", [2.5, 1.5, -0.5, 3, onp.array(1)])
def test_a_fraction_of_a_turn(k):
    agrees(lambda x: np.rot90(x, k), lambda x: onp.rot90(x, k), A[:2])


def test_repeated_less_than_no_times():
    for shape, reps in (((3, 0), -9), ((0,), (2, 3)), ((2,), {}), ((), ())):
        x = onp.ones(shape)
        assert vjp(lambda x, r=reps: np.tile(x, r), x)[1](onp.tile(x, reps))[0].shape == shape


def test_equal_elements_of_a_set_that_is_assumed_to_have_none():
    a, b = onp.array([2.0, 2.0, -0.5, 1.0]), onp.array([1.0, 3.0])
    t = onp.array([1.0, 2.0, 3.0, 4.0])
    assert onp.array_equal(jvp(lambda a: np.setdiff1d(a, b, True), (a,), (t,))[1], [1.0, 2.0, 3.0])


def test_an_infinite_step():
    for ends in ((1.0, 4.0), (4.0, 1.0), (1.0, 1.0)):
        for step in (onp.inf, -onp.inf, 1e300):
            assert onp.array_equal(vjp(lambda s, ends=ends: np.arange(*ends, s), step)[0], onp.arange(*ends, step)), (ends, step)
    assert vjp(lambda start: np.arange(start, 4.0, onp.inf), 1.0)[1](onp.ones(1))[0] == 1.0


def test_infinite_points_of_a_vandermonde_matrix():
    x = onp.array([2.0 + 1j, -onp.inf + 0j])
    onp.testing.assert_array_equal(vjp(np.vander, x)[0], onp.vander(x))


def test_a_traced_initial_value_of_a_number():
    for f, plain in ((np.nanmax, onp.nanmax), (np.nanmin, onp.nanmin)):
        for x in (onp.float64(2.5), onp.float64(onp.nan), onp.array([0.5, onp.nan]), onp.array([onp.nan, onp.nan])):
            for initial in (0.123, 3.0):
                assert onp.array_equal(vjp(lambda i, f=f, x=x: f(x, initial=i), initial)[0], plain(x, initial=initial), equal_nan=True)


def test_variances_of_truth_values_about_a_traced_mean():
    x = onp.array([True, False, True])
    for mean in (onp.float32(0.5), 0.5):
        assert vjp(lambda m: np.var(x, mean=m), mean)[0].dtype == onp.var(x, mean=mean).dtype


def test_axes_that_are_an_array_of_none():
    x = A[None]
    for f in (lambda x: np.transpose(x, onp.array(0)), lambda x: np.roll(x, 1, onp.array(0)), lambda x: np.flip(x, onp.array(0))):
        assert onp.array_equal(vmap(f)(A), onp.stack([f(row) for row in A]))
    assert onp.array_equal(vmap(lambda x: np.expand_dims(x, onp.array(0)))(x), x[:, None])


# ---- what NumPy refuses -----------------------------------------------------------------------------------

WHERE = onp.array([1, 0, 1])
REFUSED = [
    (lambda np, x: np.diff(x, axis=5), A),
    (lambda np, x: np.nanmean(x, where=WHERE), A),
    (lambda np, x: np.nanvar(x, where=1.0 * WHERE), A),
    (lambda np, x: np.nanstd(x, dtype=int), A),
    (lambda np, x: np.nanstd(x, mean=np.datetime64("2020-01-01")), A),
    (lambda np, x: np.copy(x, order=2), A),
    (lambda np, x: np.linalg.vector_norm(x, axis=1.0, keepdims=True), A),
    (lambda np, x: np.polydiv(x[:0], [1.0, 2.0]), A[0]),
    (lambda np, x: np.correlate(x[:0], x[:0]), A[0]),
    (lambda np, x: np.multiply.reduce(x, initial=None, where=np.True_), A),
    (lambda np, x: np.fmax.reduce(A, initial=x), A),
    (lambda np, x: np.median(x, overwrite_input=A), A),
    (lambda np, x: np.einsum(A, x), A[0]),
    (lambda np, x: x.var(keepdims=2**63), A),
    (lambda np, x: np.tile(x), A),
    (lambda np, x: x.reshape(2 + 1j, copy=False), A[:2, :0]),
    (lambda np, x: np.left_shift.reduce(np.array([3, 5], np.int16), out=x), onp.zeros(())),
    (lambda np, x: np.logaddexp.reduce(np.array([3j, 5]), out=x), onp.zeros(())),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_numpys_own_exception(k):
    f, x = REFUSED[k]
    with pytest.raises(Exception) as own:
        f(onp, x)
    with pytest.raises(own.type):
        vjp(lambda x: f(np, x), x)
    with pytest.raises((own.type, AutogradError)):
        vmap(lambda x: f(np, x))(onp.stack([x, x]))


def test_lists_are_no_arrays():
    if hasattr(np, "astype"):
        with pytest.raises(TypeError, match="list"):
            vjp(lambda x: np.astype([x, 1.0], float), 1.0)
    with pytest.raises(TypeError):
        vjp(lambda x: special.hyp1f1(0.5, 2.0, x, [x]), 1.0)


REFUSED_BY_SCIPY = [
    (lambda linalg, x: linalg.solve_sylvester(x, [["1.0"] * 3] * 3, x), A),
    (lambda linalg, x: linalg.solve_triangular(x, A[0], 1, False, ["a", "b"]), SPD),
    (lambda linalg, x: linalg.solve_triangular(onp.array([[1.0, 2.0], [0.0, 0.0]]), x), A[0, :2]),
    (lambda linalg, x: linalg.eigvalsh(x, subset_by_value=onp.array([0.0, 1.0])), SPD),
    (lambda linalg, x: linalg.eigvalsh(x, subset_by_value=(0.0, 1.0, 2.0)), SPD),
    (lambda linalg, x: linalg.eigvalsh(x, subset_by_value=(1.0, 0.0)), SPD),
    (lambda linalg, x: linalg.cho_solve([x, SPD], A[0]), SPD),
]


@pytest.mark.parametrize("k", range(len(REFUSED_BY_SCIPY)))
def test_scipys_own_exception(k):
    f, x = REFUSED_BY_SCIPY[k]
    with pytest.raises(Exception) as own:
        f(scipy.linalg, x)
    with pytest.raises(own.type):
        vjp(lambda x: f(linalg, x), x)


def test_traced_values_on_the_diagonal_of_a_plain_array():
    for a in (onp.zeros((2, 2)), onp.zeros((2, 2), "m8[s]")):
        with pytest.raises(TracedConversionError, match="fill_diagonal"):
            vjp(lambda x, a=a: np.fill_diagonal(a, x), 1.0)
    with pytest.raises(UnsupportedTypeError, match=r"array of Python objects|dtype object"):
        vjp(lambda x: onp.array([x, len], object), 1.0)


def test_objects_that_are_numbers():
    assert vjp(lambda x: np.add(onp.array(2.5, object), x), 1.0)[0] == 3.5


@pytest.mark.parametrize("pivots", [[0, 3, 1], [-1, 0, 0], [0.0, 1.0, 2.0]])
def test_pivots_that_are_no_rows(pivots):
    """SciPy would exchange what lies outside of the matrix."""
    with pytest.raises(UnsupportedCallError, match="pivots"):
        vjp(lambda b: linalg.lu_solve((SPD, onp.array(pivots)), b), A[0])
