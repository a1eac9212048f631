"""Jacobians and Hessians in few passes: against one row at a time, and in every composition with other transforms."""

import tracemalloc
import warnings
from functools import partial

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    make_vjp,
    primitive,
    vmap,
)
from autograd_clone.engine.batch import FALLBACKS
from autograd_clone.engine.pytree import flatten
from autograd_clone.extend import defjvp, defvjp
from autograd_clone.transforms import rows

from . import oracle

RNG = onp.random.default_rng(0)
X = RNG.normal(size=5)
A = RNG.normal(size=(3, 5))


def tridiagonal(x):
    return np.concatenate([x[:1] ** 2, (3 - 2 * x[1:-1]) * x[1:-1] - x[:-2] - 2 * x[2:], np.sin(x[-1:])])


FUNCTIONS = {
    "vector": lambda x: np.tanh(A @ x) * x[0],
    "matrix": lambda x: np.outer(x, np.cos(x)),
    "scalar": lambda x: np.sum(x**2) * x[1],
    "one element": lambda x: x[1:2] ** 2,
    "two elements": lambda x: x[1:3] ** 2,
    "tridiagonal": tridiagonal,
    "none": lambda x: x[:0],
    "constant": lambda x: np.ones((2, 3)) + 0 * x[0],
    "untraced": lambda x: onp.arange(3.0),
    "many": lambda x: np.repeat(x, 60)[:257] ** 2,
    "assembled": lambda x: np.array([x[0] * x[1], np.sum(x), 3.0]),
    "sorted": lambda x: np.sort(x)[::-1] ** 2,
    "picked": lambda x: x[onp.array([[0, 1], [1, 4]])] * x[2],
    "solved": lambda x: np.linalg.solve(np.diag(1 + x**2) + 0.1 * np.outer(x, x), x),
    "where": lambda x: np.where(x > 0, np.exp(x), -x),
}


def by_rows(f, x):
    """The definition: one pass back for every output element."""
    vjp, y = make_vjp(f)(x)
    y = onp.asarray(y)
    units = onp.eye(y.size, dtype=y.dtype).reshape((y.size, *y.shape))
    out = [vjp(e if y.shape else e[()]) for e in units]
    return onp.reshape(onp.stack(out), y.shape + onp.shape(x)) if out else onp.zeros(y.shape + onp.shape(x))


def same(got, want, rtol=1e-12):
    assert type(got) is onp.ndarray
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    assert got.flags.writeable
    onp.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize("chunk", [None, 1, 2, 1000])
def test_as_row_by_row(name, transform, chunk):
    f = FUNCTIONS[name]
    want = by_rows(f, X) if name != "untraced" else onp.zeros((3, 5))
    same(transform(f, chunk_size=chunk)(X), want)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"untraced", "none", "constant"}))
def test_against_differences(name):
    onp.testing.assert_allclose(
        jacobian(FUNCTIONS[name])(X), oracle.jacobian(FUNCTIONS[name], X), rtol=1e-7, atol=1e-8
    )


@pytest.mark.parametrize("mode", ["auto", "reverse", "forward"])
def test_modes(mode):
    for f in FUNCTIONS.values():
        onp.testing.assert_allclose(jacobian(f, mode=mode)(X), jacrev(f)(X), rtol=1e-12, atol=1e-13)


def test_no_rule_falls_back_to_single_rows():
    before = FALLBACKS.copy()
    for f in FUNCTIONS.values():
        jacrev(f)(X)
        jacfwd(f)(X)
        hessian(f)(X)
    assert FALLBACKS == before


def test_wrong_options():
    with pytest.raises(ValueError, match="mode must be"):
        jacobian(np.sin, mode="sideways")
    for transform in (jacobian, jacrev, jacfwd, hessian):
        with pytest.raises(ValueError, match="chunk_size"):
            transform(np.sin, chunk_size=0)


@pytest.mark.parametrize("dtype", [onp.float32, onp.float64, onp.longdouble])
def test_precision(dtype):
    x = X.astype(dtype)
    for transform in (jacobian, jacrev, jacfwd, hessian):
        assert transform(lambda x: np.sin(x) * x[0])(x).dtype == dtype


def test_scalars():
    for transform in (jacobian, jacrev, jacfwd):
        same(onp.asarray(transform(lambda x: x**3)(2.0)), onp.asarray(12.0))
        same(transform(lambda x: x * onp.array([1.0, 2.0]))(2.0), onp.array([1.0, 2.0]))
        same(transform(np.sum)(onp.ones(2)), onp.ones(2))
    same(onp.asarray(hessian(lambda x: x**3)(2.0)), onp.asarray(12.0))


def test_complex_rows():
    z = X[:3] + 1j * X[2:]
    same(jacobian(lambda z: z**2)(z), by_rows(lambda z: z**2, z))
    same(jacobian(lambda z: np.real(z) * np.imag(z))(z), by_rows(lambda z: np.real(z) * np.imag(z), z))
    same(hessian(lambda z: np.real(np.sum(z**3)))(z), by_rows(grad(lambda z: np.real(np.sum(z**3))), z))


@pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd, partial(jacrev, chunk_size=2), partial(jacobian, chunk_size=1)])
def test_complex_functions_of_real_numbers(transform):
    """Real and imaginary part have derivatives, in every mode."""
    f = lambda x: np.repeat(np.exp(1j * x) * np.sum(x), 3)
    u, v = (transform(lambda x, part=part: part(f(x)))(X) for part in (np.real, np.imag))
    same(transform(f)(X), u + 1j * v)
    same(onp.stack([transform(f)(x) for x in (X, 2 * X)]), vmap(transform(f))(onp.stack([X, 2 * X])))
    assert transform(f)(X.astype(onp.float32)).dtype == onp.complex64
    onp.testing.assert_allclose(transform(lambda t: np.exp(1j * t))(0.3), 1j * onp.exp(0.3j))
    if "jacfwd" not in str(transform):
        mixed = transform(lambda p: {"c": np.exp(1j * p["x"]) * p["z"], "r": np.abs(p["z"]) * p["x"]})({"x": X, "z": X + 1j})
        same(mixed["c"]["x"], onp.diag(1j * onp.exp(1j * X) * (X + 1j)))
        same(mixed["c"]["z"], onp.diag(onp.exp(1j * X)))
        same(mixed["r"]["x"], onp.diag(onp.abs(X + 1j)))
        same(mixed["r"]["z"], onp.diag(X * (X - 1j) / onp.abs(X + 1j)))


def test_columns_where_there_are_fewer():
    calls = []

    def f(x):
        calls.append(type(x._trace).__name__)
        return np.outer(np.arange(1.0, 400.0), x)

    J = jacobian(f)(X[:2])
    assert calls == ["ReverseTrace", "ForwardTrace"]
    same(J, jacrev(f)(X[:2]))
    calls.clear()
    jacobian(lambda x: f(x)[0])(X[:2])
    assert calls == ["ReverseTrace"]


def test_one_pass_back_for_all_rows():
    seen = []

    @primitive
    def spy(x):
        return x * 1.0

    defvjp(spy, lambda ans, x: lambda g: seen.append(g) or g)
    jacrev(lambda x: spy(x) ** 2)(X)
    assert len(seen) == 5  # a user's rule is given one row at a time
    assert all(type(g) is onp.ndarray and g.shape == (5,) for g in seen)

    backs = []
    original = rows.backward
    rows.backward = lambda end: backs.append(1) or original(end)
    try:
        jacrev(np.sin)(onp.ones(50))
        assert len(backs) == 1
        jacrev(np.sin, chunk_size=20)(onp.ones(50))
        assert len(backs) == 4
    finally:
        rows.backward = original


def test_chunks_bound_the_memory():
    length = rows.chunk_length(8 * 1_000_000)
    assert length == 1
    assert rows.chunk_length(8 * 100) * 8 * 100 <= rows.CHUNK_BYTES
    sizes = [3, 40, 0, 5, 5, 100]
    for length in (1, 7, 64, 1000):
        pieces = [p for chunk in rows.chunks(sizes, length) for p in chunk]
        assert all(sum(p.size for p in chunk) <= length for chunk in rows.chunks(sizes, length))
        covered = [(p.leaf, i) for p in pieces for i in range(p.start, p.stop)]
        assert covered == [(leaf, i) for leaf, n in enumerate(sizes) for i in range(n)]


@pytest.mark.parametrize("transform", [jacrev, jacfwd])
def test_peak_of_memory(transform):
    """Of a program with arrays of 0.8 MB, for 120 rows or columns: some such arrays, not 120."""
    n = 100_000
    f = lambda x: np.sum(np.sin(np.repeat(x, n // 120 + 1)[:n] ** 2).reshape(100, -1), axis=1) * np.ones(100)
    x = RNG.normal(size=120)
    transform(f)(x)
    tracemalloc.start()
    transform(f)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (10 if transform is jacrev else 70) * 8 * n
    assert transform(f, chunk_size=1)(x).shape == (100, 120)


# ---- pytrees and several arguments -----------------------------------------------------------------------------


def tree_function(p):
    return {
        "a": p["u"] * 2 * p["v"][0],
        "b": (np.sum(p["v"]) * p["u"][0], p["v"] ** 2),
        "c": "text",
        "d": 1.0,
    }


P = {"u": X[:2], "v": X[2:]}


@pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_pytrees(transform, chunk):
    f = lambda p: {k: v for k, v in tree_function(p).items() if k != "c"}
    J = transform(f, chunk_size=chunk)(P)
    assert set(J) == {"a", "b", "d"}
    for key in ("u", "v"):
        for path in (("a",), ("b", 0), ("b", 1)):

            def leaf(x, key=key, path=path):
                y = f({**P, key: x})
                for k in path:
                    y = y[k]
                return y

            got = J
            for k in path:
                got = got[k]
            same(got[key], by_rows(leaf, P[key]))
        same(J["d"][key], onp.zeros(P[key].shape))


def test_blocks_share_no_memory():
    J = jacobian(lambda x: (x**2, x**3, [x[0]]))(X)
    blocks = flatten(J)[0]
    assert not any(onp.shares_memory(a, b) for i, a in enumerate(blocks) for b in blocks[:i])


@pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
def test_several_argnums(transform):
    f = lambda a, b, c: np.outer(a, b) * c
    a, b, c = X[:2], X[2:4], 3.0
    Ja, Jc = transform(f, (0, 2))(a, b, c)
    same(Ja, by_rows(lambda a: f(a, b, c), a))
    same(Jc, onp.outer(a, b))
    same(transform(f, "b")(a, b, c=c), by_rows(lambda b: f(a, b, c), b))


def test_hessian_of_pytrees_and_argnums():
    f = lambda a, b: np.sum(a**2) * np.sum(np.sin(b)) + a[0] * b[1]
    a, b = X[:2], X[2:]
    H = hessian(f, (0, 1))(a, b)
    want = by_rows(grad(lambda x: f(x[:2], x[2:])), X)
    same(H[0][0], want[:2, :2])
    same(H[0][1], want[:2, 2:])
    same(H[1][0], want[2:, :2])
    same(H[1][1], want[2:, 2:])
    H = hessian(lambda p: f(p["a"], p["b"]))({"a": a, "b": b})
    same(H["a"]["b"], want[:2, 2:])


# ---- Hessians ------------------------------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


SCALARS = {
    "rosenbrock": rosenbrock,
    "logistic": lambda x: np.sum(np.log(1 + np.exp(A @ x))),
    "determinant": lambda x: np.linalg.det(np.outer(x, x) + np.diag(x**2 + 1)),
    "norm": lambda x: np.linalg.norm(x),
    "cubic": lambda x: np.einsum("i,j,k,ij->", x, x, x, onp.ones((5, 5))),
    "index": lambda x: x[1] * x[2] ** 2 + x[-1],
}


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("chunk", [None, 1, 2])
def test_hessian(name, chunk):
    f = SCALARS[name]
    H = hessian(f, chunk_size=chunk)(X)
    same(H, by_rows(grad(f), X), rtol=1e-9)
    onp.testing.assert_allclose(H, H.T, rtol=1e-12, atol=1e-12 * onp.max(onp.abs(H)))


def test_hessian_of_an_array_is_the_jacobian_of_the_jacobian():
    f = lambda x: np.outer(x, x**2)[:2]
    want = jacobian(jacobian(f))(X)
    assert want.shape == (2, 5, 5, 5)
    same(hessian(f)(X), want)
    same(hessian(lambda x: x[:1] ** 3)(X), jacobian(jacobian(lambda x: x[:1] ** 3))(X))


# ---- compositions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize("inner", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize("chunk", [None, 2])
def test_jacobian_of_jacobian(outer, inner, chunk):
    f = lambda x: np.tanh(A @ x) ** 2
    want = onp.stack(
        [
            onp.stack([by_rows(lambda x, k=k, i=i: by_traced_row(f, x, k)[i], X) for i in range(5)])
            for k in range(3)
        ]
    )
    same(outer(inner(f, chunk_size=chunk), chunk_size=chunk)(X), want, rtol=1e-10)


def by_traced_row(f, x, k):
    return grad(lambda x: f(x)[k])(x)


def test_third_derivatives():
    f = lambda x: np.sum(x**4) * x[0]
    T = jacobian(hessian(f))(X)
    assert T.shape == (5, 5, 5)
    onp.testing.assert_allclose(T, jacfwd(jacrev(jacfwd(f)))(X), rtol=1e-12, atol=1e-12)
    onp.testing.assert_allclose(T, onp.transpose(T, (2, 0, 1)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
def test_grad_through_a_jacobian(transform):
    """Of a function that itself uses a Jacobian, with the outer variable inside and around it."""

    def penalty(w):
        J = transform(lambda x: np.tanh(w * x) * w[0])(X)
        return np.sum(J**2) + np.trace(J)

    def by_hand(w):
        d = w[0] * w * (1 - np.tanh(w * X) ** 2)
        return np.sum(d**2) + np.sum(d)

    w = RNG.normal(size=5)
    onp.testing.assert_allclose(grad(penalty)(w), grad(by_hand)(w), rtol=1e-10)
    t = RNG.normal(size=5)
    onp.testing.assert_allclose(jvp(penalty, (w,), (t,))[1], jvp(by_hand, (w,), (t,))[1], rtol=1e-10)
    onp.testing.assert_allclose(hessian(penalty)(w), hessian(by_hand)(w), rtol=1e-9)


def test_jvp_of_a_jacobian():
    value, tangent = jvp(jacobian(lambda x: x**3), (X,), (X,))
    same(value, onp.diag(3 * X**2))
    same(tangent, onp.diag(6 * X**2))


def test_vmap_of_jacobians_and_back():
    B = RNG.normal(size=(4, 5))
    for transform in (jacobian, jacrev, jacfwd, hessian):
        f = tridiagonal if transform is not hessian else rosenbrock
        want = onp.stack([transform(f)(x) for x in B])
        onp.testing.assert_allclose(vmap(transform(f))(B), want, rtol=1e-12, atol=1e-12)
    J = jacobian(vmap(tridiagonal))(B)
    assert J.shape == (4, 5, 4, 5)
    for i in range(4):
        for j in range(4):
            want = jacobian(tridiagonal)(B[i]) if i == j else onp.zeros((5, 5))
            onp.testing.assert_allclose(J[i, :, j], want, rtol=1e-12, atol=1e-13)


# ---- users' rules, and what cannot be batched ----------------------------------------------------------------------


def _cube():
    @primitive
    def cube(x):
        return onp.asarray(x) ** 3

    return cube


def test_users_vjp_that_only_takes_plain_arrays():
    cube = _cube()

    def vjp(ans, x):
        def pull(g):
            out = onp.empty_like(onp.asarray(g, float))  # nothing traced can stand here
            for i in range(out.size):
                out[i] = float(g[i]) * 3 * x[i] ** 2
            return out

        return pull

    defvjp(cube, vjp)
    same(jacobian(cube)(X), onp.diag(3 * X**2))
    same(jacobian(lambda x: A @ cube(x))(X), A * 3 * X**2)


def test_users_jvp_that_only_takes_plain_arrays():
    cube = _cube()
    defjvp(
        cube, lambda t, ans, x: onp.array([float(a) * 3 * float(b) ** 2 for a, b in zip(t, x, strict=True)])
    )
    same(jacfwd(cube)(X), onp.diag(3 * X**2))


def test_custom_rules_with_a_branch():
    @custom_vjp
    def clipped(x):
        return x * 1.0

    clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (min(g, 0.5),))
    same(
        jacobian(lambda x: np.array([clipped(x[0]) * 3, clipped(x[1])]))(X[:2]),
        onp.array([[0.5, 0], [0, 0.5]]),
    )

    @custom_jvp
    def cubed(x):
        return x**3

    cubed.defjvp(
        lambda primals, tangents: (
            cubed(*primals),
            tangents[0] * 3 * primals[0] ** 2 if float(np.sum(tangents[0])) else 0 * primals[0],
        )
    )
    same(jacfwd(cubed)(X), onp.diag(3 * X**2))


def test_checkpoint():
    f = checkpoint(lambda x: np.sin(A @ x) ** 2)
    plain = lambda x: np.sin(A @ x) ** 2
    for transform in (jacobian, jacrev, jacfwd, hessian):
        onp.testing.assert_allclose(transform(f)(X), transform(plain)(X), rtol=1e-12, atol=1e-14)


def test_zero_times_infinity_in_a_branch_not_taken():
    x = onp.array([0.0, 1.0, 4.0])
    f = lambda x: np.where(x > 0, np.sqrt(x), 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(jacobian(f)(x), onp.diag([0, 0.5, 0.25]))
        same(jacrev(f)(x), onp.diag([0, 0.5, 0.25]))
        onp.testing.assert_allclose(
            hessian(lambda x: np.sum(f(x)))(x), onp.diag([0, -0.25, -1 / 32]), atol=1e-15
        )
        many = jacobian(lambda x: np.repeat(f(x), 60))(x)
        onp.testing.assert_allclose(many, onp.repeat(onp.diag([0, 0.5, 0.25]), 60, axis=0))


def test_an_error_in_a_rule_says_where():
    bad = _cube()
    defvjp(bad, lambda ans, x: lambda g: g[:1])
    with pytest.raises(ValueError, match="cube"):
        jacobian(lambda x: bad(x) * 2)(X)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_hessians_of_few_numbers_are_pulled_back_through_one_gradient(n):
    runs = []

    def f(x):
        runs.append(1)
        return np.sum(np.sin(x) * x[::-1] ** 2)

    x = onp.linspace(0.2, 1.1, n)
    H = hessian(f)(x)
    assert len(runs) == 1
    onp.testing.assert_allclose(H, H.T, rtol=1e-13)
    onp.testing.assert_allclose(H, hessian(f, chunk_size=n)(x), rtol=1e-12)
    both = hessian(lambda p: np.stack([f(p["a"]), f(p["a"]) * p["b"]]))({"a": x, "b": 2.0})
    onp.testing.assert_allclose(both["a"]["a"], onp.stack([H, 2 * H]), rtol=1e-12)
    onp.testing.assert_allclose(both["b"]["a"][1], grad(f)(x), rtol=1e-12)
