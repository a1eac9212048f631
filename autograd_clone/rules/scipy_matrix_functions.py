"""``scipy.linalg``: functions of matrices, matrix equations, polar factors.

A function f of matrices applied to a block triangular matrix gives its own derivative (Mathias 1996; Higham,
"Functions of Matrices", theorem 3.6)::

    f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]]

where L(A, E) is the derivative of f at A along E. Its adjoint is L(A.T, .). As f is a primitive here, this
holds at every order. Where a derivative is cheaper by another formula, that is used.
"""

from __future__ import annotations

import operator

import numpy as np
import scipy.linalg

from ..array.box import as_array
from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from ..engine.errors import UnsupportedKeywordError
from .linalg import check_square
from .matrices import H, T, conj, is_complex
from .scipy_linalg import at_least, double, refuse_unless, scipy_composite
from .tools import NOT_GIVEN, in_dtype


def block_triangular(a, e):
    """``[[A, E], [0, A]]``."""
    zeros = np.zeros(shape_of(a), np.result_type(a.dtype, e.dtype))
    return np.concatenate([np.concatenate([a, e], axis=-1), np.concatenate([zeros, a], axis=-1)], axis=-2)


def _derivative(f, a, e):
    """The derivative of a function of matrices."""
    n = shape_of(a)[-1]
    return f(block_triangular(a, e))[..., :n, n:]


# ---- expm --------------------------------------------------------------------------------------------------
# Al-Mohy and Higham (2009) compute exponential and derivative together, for three times the cost of the
# exponential.


def exponential_derivative(a, e):
    """The derivative of the matrix exponential at `a` along `e`."""
    if a.ndim == e.ndim == 2:
        return _one_exponential_derivative(a, e)
    shape = np.broadcast_shapes(a.shape, e.shape)
    pairs = zip(
        np.broadcast_to(a, shape).reshape(-1, *shape[-2:]),
        np.broadcast_to(e, shape).reshape(-1, *shape[-2:]),
        strict=True,
    )
    out = [_one_exponential_derivative(*pair) for pair in pairs]
    return np.stack(out).reshape(shape) if out else np.zeros(shape, np.result_type(a, e))


def _one_exponential_derivative(a, e):
    dtype = np.result_type(a, e)
    if dtype.char == "e":
        return _one_exponential_derivative(a.astype(np.float64), e.astype(np.float64)).astype(dtype)
    if a.shape != e.shape or a.shape[0] != a.shape[1]:
        raise ValueError("expected two square matrices of one size")
    if a.size == 0:
        return np.zeros(a.shape, dtype)
    a, e = a.astype(dtype, copy=False), e.astype(dtype, copy=False)  # SciPy would compute in the precision of the first
    return scipy.linalg.expm_frechet(a, e, compute_expm=False).astype(dtype, copy=False)


def _second_derivative(a, e, v):
    """The second derivative of the exponential at `a` along `e` and `v`."""
    zeros = np.zeros(shape_of(v), v.dtype)
    both = np.concatenate([np.concatenate([v, zeros], axis=-1), np.concatenate([zeros, v], axis=-1)], axis=-2)
    n = shape_of(a)[-1]
    return EXPM_DERIVATIVE(block_triangular(a, e), both)[..., :n, n:]


EXPM_DERIVATIVE = custom(
    exponential_derivative,
    operands=("a", "e"),
    vjp={"a": lambda g, a, e: _second_derivative(T(a), T(e), g), "e": lambda g, a: EXPM_DERIVATIVE(T(a), g)},
    jvp={"a": lambda t, a, e: _second_derivative(a, e, t), "e": lambda t, a: EXPM_DERIVATIVE(a, t)},
    samples=lambda s: [s(0.5 * s.array(3, 3), s.array(3, 3)), s(0.5 * s.array(2, 2, 2), s.array(2, 2, 2))],
)


def exponential(a):
    """``scipy.linalg.expm``."""
    if a.ndim < 2:
        raise ValueError("expected a matrix")
    return scipy.linalg.expm(a if a.flags.writeable else a.copy())  # SciPy before 1.15 takes no array that is read-only


EXPM = custom(
    exponential,
    vjp={"a": lambda g, a: EXPM_DERIVATIVE(T(a), g)},
    jvp={"a": lambda t, a: EXPM_DERIVATIVE(a, t)},
    samples=lambda s: [s(0.5 * s.array(3, 3)), s(0.5 * s.array(2, 3, 3))],
)


@scipy_composite(
    scipy.linalg.expm,
    samples=lambda s: [
        s(0.5 * s.array(3, 3)),
        s(0.5 * s.array(2, 3, 3)),
        s(np.zeros((2, 2), s.dtype)),
        s(s.array(1, 1)),
        s(3 * s.array(2, 2)),
    ],
)
def _expm(A):
    A = as_array(A)
    return EXPM(at_least(A if A.ndim > 1 else in_dtype(A, np.result_type(A.dtype, np.float64)), 2))


@scipy_composite(
    scipy.linalg.expm_frechet,
    cores={"A": 2, "E": 2},
    samples=lambda s: [
        s(0.5 * s.array(3, 3), s.array(3, 3)),
        s(0.5 * s.array(2, 2), s.array(2, 2), compute_expm=False),
        s(s.array(2, 2), s.array(2, 2), "blockEnlarge"),
    ],
)
def _expm_frechet(A, E, method=None, compute_expm=True):
    A, E = as_array(A), as_array(E)
    check_square(A)
    check_square(E)
    if shape_of(A) != shape_of(E):
        raise ValueError("a matrix and a direction of one shape are expected")
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"Unknown implementation {method}")
    if method != "blockEnlarge":
        A, E = double(A), double(E)
    derivative = EXPM_DERIVATIVE(A, E)
    return (EXPM(A), derivative) if compute_expm else derivative


# ---- functions of the exponential --------------------------------------------------------------------------


def _sine_and_cosine(a):
    """``sin(A)`` and ``cos(A)``."""
    forward = EXPM(1j * a)
    if not is_complex(a):
        return np.imag(forward), np.real(forward)
    backward = EXPM(-1j * a)
    return -0.5j * (forward - backward), 0.5 * (forward + backward)


def _hyperbolic(a):
    forward, backward = EXPM(a), EXPM(-a)
    return 0.5 * (forward - backward), 0.5 * (forward + backward)


def _small(s):
    return [s(0.5 * s.array(3, 3)), s(s.array(1, 1)), s(0.5 * s.array(2, 2, 2))]


_SINE, _COSINE = operator.itemgetter(0), operator.itemgetter(1)


def _tangent(sine_and_cosine):
    sine, cosine = sine_and_cosine
    return np.linalg.solve(cosine, sine)


for _f, _both, _pick in (
    (scipy.linalg.sinm, _sine_and_cosine, _SINE),
    (scipy.linalg.cosm, _sine_and_cosine, _COSINE),
    (scipy.linalg.tanm, _sine_and_cosine, _tangent),
    (scipy.linalg.sinhm, _hyperbolic, _SINE),
    (scipy.linalg.coshm, _hyperbolic, _COSINE),
    (scipy.linalg.tanhm, _hyperbolic, _tangent),
):
    composite(
        _f,
        lambda A, both=_both, pick=_pick: pick(both(as_array(A))),
        samples=_small,
        name=f"scipy.linalg.{_f.__name__}",
    )

# ---- Sylvester's equation and its kin ----------------------------------------------------------------------


def sylvester(a, b, q):
    """The solution X of ``A X + X B = Q``."""
    dtype = np.result_type(*(x.dtype if x.dtype.kind in "fc" else np.float64 for x in (a, b, q)))
    if dtype.char in "gG":
        dtype = np.dtype(dtype.char.replace("g", "d").replace("G", "D"))  # LAPACK has no longer numbers
    if (*a.shape, *b.shape) != (q.shape[0], q.shape[0], q.shape[1], q.shape[1]):
        raise ValueError("the shapes of the matrices do not match")
    if 0 in q.shape:
        return np.zeros(q.shape, dtype)
    # of one type, or the real Schur form of `a` would meet the complex solver
    return scipy.linalg.solve_sylvester(*(x.astype(dtype, copy=False) for x in (a, b, q))).astype(
        dtype, copy=False
    )


SYLVESTER = custom(
    sylvester,
    operands=("a", "b", "q"),
    vjp={
        "a": lambda g, a, b, ans: -(SYLVESTER(T(a), T(b), g) @ T(ans)),
        "b": lambda g, a, b, ans: -(T(ans) @ SYLVESTER(T(a), T(b), g)),
        "q": lambda g, a, b: SYLVESTER(T(a), T(b), g),
    },
    jvp={
        "a": lambda t, a, b, ans: -SYLVESTER(a, b, t @ ans),
        "b": lambda t, a, b, ans: -SYLVESTER(a, b, ans @ t),
        "q": lambda t, a, b: SYLVESTER(a, b, t),
    },
    samples=lambda s: [s(s.matrix(3), s.matrix(2), s.array(3, 2))],
)


@scipy_composite(
    scipy.linalg.solve_sylvester,
    cores={"a": 2, "b": 2, "q": 2},
    samples=lambda s: [
        s(s.matrix(3), s.matrix(2), s.array(3, 2)),
        s(s.matrix(2), s.matrix(2).real, s.array(2, 2)),
        s(s.matrix(2), s.matrix(1), s.real(2, 1)),
    ],
)
def _solve_sylvester(a, b, q):
    return SYLVESTER(as_array(a), as_array(b), as_array(q))


@scipy_composite(
    scipy.linalg.solve_continuous_lyapunov,
    cores={"a": 2, "q": 2},
    samples=lambda s: [s(s.matrix(3), s.array(3, 3)), s(s.matrix(2), s.real(2, 2))],
)
def _solve_continuous_lyapunov(a, q):
    a = at_least(a, 2)
    return SYLVESTER(a, H(a), at_least(q, 2))


if scipy.linalg.solve_lyapunov is not scipy.linalg.solve_continuous_lyapunov:
    composite(
        scipy.linalg.solve_lyapunov,
        _solve_continuous_lyapunov,
        samples=lambda s: [s(s.matrix(3), s.array(3, 3))],
    )


@scipy_composite(
    scipy.linalg.solve_discrete_lyapunov,
    cores={"a": 2, "q": 2},
    samples=lambda s: [
        s(0.2 * s.array(3, 3), s.array(3, 3)),
        s(0.2 * s.array(2, 2), s.array(2, 2), "direct"),
        s(0.2 * s.array(2, 2), s.array(2, 2), method="bilinear"),
    ],
)
def _solve_discrete_lyapunov(a, q, method=None):
    """The solution of ``A X A^H - X + Q = 0``, which is a linear system for the elements of X."""
    a, q = double(as_array(a)), double(as_array(q))
    n = shape_of(a)[-1]
    check_square(a)
    if shape_of(q) != shape_of(a):
        raise ValueError("A and Q are matrices of one shape")
    eye = np.eye(n, dtype=a.dtype)
    method = (method or ("direct" if n < 10 else "bilinear")).lower()
    if method not in ("direct", "bilinear"):
        raise ValueError(f"Unknown solver {method}")
    if method == "direct":
        x = np.linalg.solve(np.eye(n * n, dtype=a.dtype) - np.kron(a, conj(a)), np.reshape(q, -1))
        return np.reshape(x, (n, n))
    inverse = np.linalg.inv(H(a) + eye)
    b = (H(a) - eye) @ inverse
    return SYLVESTER(H(b), b, -2 * np.linalg.inv(a + eye) @ q @ inverse)


# ---- Riccati's equations -----------------------------------------------------------------------------------
# Implicit differentiation: with the closed-loop matrix C = A - B K, the derivative of the residual with
# respect to X is C^H dX + dX C in continuous time, C^H dX C - dX in discrete time.


def riccati(a, b, q, r, *, discrete):
    """The solution X of Riccati's algebraic equation."""
    solve = scipy.linalg.solve_discrete_are if discrete else scipy.linalg.solve_continuous_are
    return solve(a, b, q, r)


def _gain(a, b, r, x, discrete):
    if discrete:
        return np.linalg.solve(r + H(b) @ x @ b, H(b) @ x @ a)
    return np.linalg.solve(r, H(b) @ x)


def _riccati_push(dx_terms, a, b, r, x, discrete):
    """dX, for ``C^H dX + dX C + D = 0`` (or its like in discrete time) with D as given."""
    closed = a - b @ _gain(a, b, r, x, discrete)
    if discrete:
        return _solve_discrete_lyapunov(H(closed), dx_terms)
    return SYLVESTER(H(closed), closed, -dx_terms)


def _riccati_a(t, a, b, r, ans, discrete):
    k = _gain(a, b, r, ans, discrete)
    half = H(t) @ ans @ (a - b @ k) if discrete else H(t) @ ans
    return _riccati_push(half + H(half), a, b, r, ans, discrete)


def _riccati_b(t, a, b, r, ans, discrete):
    k = _gain(a, b, r, ans, discrete)
    half = H(k) @ H(t) @ ans @ (a - b @ k) if discrete else H(k) @ H(t) @ ans
    return _riccati_push(-(half + H(half)), a, b, r, ans, discrete)


def _riccati_q(t, a, b, r, ans, discrete):
    return _riccati_push(t, a, b, r, ans, discrete)


def _riccati_r(t, a, b, r, ans, discrete):
    k = _gain(a, b, r, ans, discrete)
    return _riccati_push(H(k) @ t @ k, a, b, r, ans, discrete)


RICCATI = custom(
    riccati,
    operands=("a", "b", "q", "r"),
    jvp={"a": _riccati_a, "b": _riccati_b, "q": _riccati_q, "r": _riccati_r},
    samples=lambda s: [s(*_control(s, 3, 2), discrete=d, via=_with_weights) for d in (False, True)],
)


def _control(s, n, m):
    return 0.4 * s.array(n, n), s.array(n, m), s.spd(n), s.spd(m)


def _with_weights(f, a, b, q, r, **keywords):
    """For samples: Hermitian weights."""
    return f(a, b, (q + H(q)) * 0.5, (r + H(r)) * 0.5, **keywords)


for _f, _is_discrete in ((scipy.linalg.solve_continuous_are, False), (scipy.linalg.solve_discrete_are, True)):

    @scipy_composite(
        _f,
        cores={"a": 2, "b": 2, "q": 2, "r": 2},
        operands=("a", "b", "q", "r"),
        samples=lambda s: [
            s(*_control(s, 3, 2), via=_with_weights),
            s(*_control(s, 2, 1), balanced=False, via=_with_weights),
        ],
    )
    def _are(a, b, q, r, balanced=True, discrete=_is_discrete, **others):
        refuse_unless("solve_discrete_are" if discrete else "solve_continuous_are", **others)
        return RICCATI(*(in_dtype(x, np.complex128 if is_complex(x) else np.float64) for x in map(as_array, (a, b, q, r))), discrete=discrete)


# ---- roots, logarithms, powers -----------------------------------------------------------------------------


def square_root(a):
    """The principal square root."""
    if a.ndim < 2:
        raise ValueError("expected a matrix")
    return scipy.linalg.sqrtm(a)


def logarithm(a):
    """The principal logarithm, in double precision."""
    return scipy.linalg.logm(double(a))


def fractional_power(a, p):
    """``A`` to the power of the number `p`."""
    return scipy.linalg.fractional_matrix_power(a, p)


def _stacked_sylvester(a, b, q):
    """`SYLVESTER` for stacks, which SciPy's own does not take before its version 1.16."""
    if q.ndim == 2:
        return SYLVESTER(a, b, q)
    return np.stack([_stacked_sylvester(a[i], b[i], q[i]) for i in range(len(q))]) if len(q) else q


def _within(s):
    """Matrices without eigenvalues on the closed negative axis."""
    return [s(s.spd(3)), s(s.matrix(3) + 3 * np.eye(3, dtype=s.dtype))]


def _in_double(samples):
    """Samples in double precision; of single precision SciPy warns."""
    return lambda s: samples(s) if s.dtype in (np.float64, np.complex128) else []


SQRTM = custom(
    square_root,
    vjp={"a": lambda g, ans: in_dtype(_stacked_sylvester(T(ans), T(ans), g), dtype_of(g))},
    jvp={"a": lambda t, ans: in_dtype(_stacked_sylvester(ans, ans, t), dtype_of(ans))},
    samples=lambda s: [*_within(s), s(s.spd(2, 2)), s(4 * np.eye(2, dtype=s.dtype))],
)
LOGM = custom(
    logarithm,
    vjp={"a": lambda g, a: _derivative(LOGM, T(a), g)},
    jvp={"a": lambda t, a: _derivative(LOGM, a, t)},
    samples=_in_double(lambda s: [*_within(s), s(np.eye(2, dtype=s.dtype))]),
)
POWER = custom(
    fractional_power,
    operands=("a", "p"),
    vjp={
        "a": lambda g, a, p: _derivative(lambda x: POWER(x, p), T(a), g),
        "p": lambda g, a, ans: np.sum(g * (LOGM(a) @ ans)),
    },
    jvp={
        "a": lambda t, a, p: _derivative(lambda x: POWER(x, p), a, t),
        "p": lambda t, a, ans: t * (LOGM(a) @ ans),
    },
    samples=_in_double(lambda s: [s(s.spd(3), 0.5), s(s.spd(2), s.real())]),
)


def sign(a):
    """``scipy.linalg.signm``."""
    return scipy.linalg.signm(a)


def _with_square_root(a, ans):
    """The square root of ``A @ A``, with which the derivative S of the sign solves ``N S + S N = dA - S dA
    S`` (Kenney and Laub 1991).
    """
    return a @ ans


def _sign_vjp(g, a, ans):
    n = T(_with_square_root(a, ans))
    y = SYLVESTER(n, n, g)
    return y - T(ans) @ y @ T(ans)


def _sign_jvp(t, a, ans):
    n = _with_square_root(a, ans)
    return SYLVESTER(n, n, t - ans @ t @ ans)


SIGNM = custom(
    sign,
    vjp={"a": _sign_vjp},
    jvp={"a": _sign_jvp},
    samples=lambda s: [s(s.matrix(3) - 2.4 * np.eye(3, dtype=s.dtype)), s(s.spd(2))],
)


def _one_result(name, disp=NOT_GIVEN, **others):
    if disp is NOT_GIVEN or disp:
        return
    raise UnsupportedKeywordError(f"scipy.linalg.{name}: the derivative does not support disp=False")


def _of_matrix(f, a):
    """For samples: a number as a matrix; SciPy 1.17 gives ``exp(a)`` for the square root of a number."""
    return f(np.atleast_2d(a))


@scipy_composite(
    scipy.linalg.sqrtm, samples=lambda s: [sample._replace(via=_of_matrix) for sample in _within(s)]
)
def _sqrtm(A, **others):
    _one_result("sqrtm", **others)
    return SQRTM(at_least(A, 2))


@scipy_composite(scipy.linalg.logm, samples=_in_double(_within))
def _logm(A, **others):
    _one_result("logm", **others)
    return LOGM(as_array(A))


@scipy_composite(scipy.linalg.signm, cores={"A": 2}, samples=lambda s: [s(s.matrix(3) - 2.4 * np.eye(3, dtype=s.dtype))])
def _signm(A, **others):
    _one_result("signm", **others)
    A = as_array(A)
    if A.ndim != 2:
        raise ValueError("expected one square matrix")
    return SIGNM(A)


@scipy_composite(
    scipy.linalg.fractional_matrix_power,
    samples=_in_double(
        lambda s: [
            s(s.spd(3), 0.5),
            s(s.spd(3), -1.3),
            s(s.matrix(3), 2),
            s(s.matrix(3), t=-1),
            s(s.spd(2), 0.3),
            s(s.spd(2), s.real()[()]),
        ]
    ),
)
def _fractional_matrix_power(A, t):
    A = as_array(A)
    if not isinstance(t, Box) and (isinstance(t, (int, np.integer)) or (isinstance(t, float) and t.is_integer())):
        return np.linalg.matrix_power(A, int(t))
    return POWER(A, t)


# ---- polar factors -----------------------------------------------------------------------------------------


@scipy_composite(
    scipy.linalg.polar,
    samples=lambda s: [
        s(s.array(3, 3)),
        s(s.array(4, 2)),
        s(s.array(2, 3), side="left"),
        s(s.array(3, 3), "left"),
        s(s.array(2, 3)),
        s(np.eye(3, dtype=s.dtype)),
    ],
)
def _polar(a, side="right"):
    """Through ``U^H A``, which is smooth where singular values are repeated, as the factors are."""
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    a = as_array(a)
    w, _, vh = np.linalg.svd(a, full_matrices=False)
    u = w @ vh
    return u, H(u) @ a if side == "right" else a @ H(u)


#: Whether SciPy's answer for complex matrices is the one that solves the problem, as it was not in old versions.
_CONJUGATES = scipy.linalg.orthogonal_procrustes([[1j]], [[1.0]])[0][0, 0].imag < 0


@scipy_composite(
    scipy.linalg.orthogonal_procrustes,
    cores={"A": 2, "B": 2},
    samples=lambda s: [s(s.array(4, 2), s.array(4, 2)), s(s.array(3, 3), s.array(3, 3))],
)
def _orthogonal_procrustes(A, B):
    A, B = as_array(A), as_array(B)
    if A.ndim != 2 or shape_of(A) != shape_of(B):
        raise ValueError("two matrices of one shape are expected")
    u, s, vh = np.linalg.svd(T(T(B) @ (conj(A) if _CONJUGATES else A)))
    return u @ vh, np.sum(s)
