"""Sparse Jacobians and Hessians against the dense ones; patterns, colourings and index sets against slow definitions."""

import itertools
import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as onp
import pytest
import scipy.integrate
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, splu, spsolve

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    primitive,
    sparse_hessian,
    sparse_jacobian,
    stop_gradient,
    vmap,
)
from autograd_clone.engine.errors import (
    IntegerInputError,
    LeakedBoxError,
    NonScalarOutputError,
    NotSparseError,
    PatternError,
    UnsupportedTypeError,
)
from autograd_clone.engine.pytree import flatten
from autograd_clone.extend import defvjp
from autograd_clone.sparse import (
    SparsityPattern,
    color_hessian,
    color_jacobian,
    def_pattern,
    hessian_sparsity,
    jacobian_sparsity,
)
from autograd_clone.sparse.columns import ORDERS
from autograd_clone.sparse.indexsets import IndexSets, stacked
from autograd_clone.sparse.symmetric import ORDERS as SYMMETRIC_ORDERS

RNG = onp.random.default_rng(0)
X = RNG.normal(size=12)


def matrix_of(tree, m, n):
    """A dense Jacobian of one array, or of several arguments, as a matrix."""
    blocks = [onp.reshape(b, (m, -1)) for b in flatten(tree)[0]]
    return onp.concatenate(blocks, axis=1) if blocks else onp.zeros((m, n))


def close(got, want, rtol=1e-12):
    got = got.toarray() if sparse.issparse(got) else got
    assert got.shape == want.shape
    onp.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * max(1, onp.abs(want).max(initial=0)))


# ---- programs ------------------------------------------------------------------------------------------------------------


def tridiagonal(x):
    return np.concatenate([x[:1] ** 2, (3 - 2 * x[1:-1]) * x[1:-1] - x[:-2] - 2 * x[2:], np.sin(x[-1:])])


def arrow(x):
    return np.concatenate([np.sum(x**2)[None], x[0] * x[1:] + x[1:] ** 3])


def overwritten(x):
    y = x * x[::-1]
    y[x < 0] = 0.0
    y[np.argmax(x)] = x[0]
    y[3:5] *= x[1]
    y.T[-1] = 2.0
    return y


def by_loop(x):
    out = np.zeros(len(x))
    out[0] = x[0] ** 2
    for i in range(1, len(x)):
        out[i] = x[i - 1] * x[i] if i % 2 else np.exp(x[i])
    return out


BAND = sparse.diags_array([onp.ones(12 - abs(k)) for k in (-3, 0, 1)], offsets=[-3, 0, 1]).toarray()
SCATTERED = (RNG.random((9, 12)) < 0.2) * RNG.normal(size=(9, 12))
CAMERA, POINT = RNG.integers(0, 3, 20), RNG.integers(0, 6, 20)


def bundle(p):
    cameras, points = np.reshape(p[:12], (3, 4)), np.reshape(p[12:], (6, 3))
    c, q = cameras[CAMERA], points[POINT]
    moved = q + c[:, :3]
    return np.ravel(c[:, 3:] * moved[:, :2] / (3 + moved[:, 2:] ** 2))


@primitive
def cube(x):
    return onp.power(x, 3)


defvjp(cube, lambda ans, x: lambda g: 3 * x**2 * g)


@custom_vjp
def doubled(x):
    return 2 * x


doubled.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))


@custom_jvp
def tripled(x):
    return 3 * x


tripled.defjvp(lambda primals, tangents: (3 * primals[0], 3 * tangents[0]))

PROGRAMS = {
    "tridiagonal": (tridiagonal, X),
    "banded": (lambda x: np.tanh(BAND @ x) * x, X),
    "constant matrix": (lambda x: np.dot(SCATTERED, x) ** 2, X),
    "sparse constant": (lambda x: sparse.csr_array(SCATTERED) @ x**2, X),
    "sparse constant on columns": (lambda x: (sparse.coo_array(SCATTERED[:, :4]) @ np.reshape(x, (4, 3))) ** 2, X),
    "contraction": (lambda x: np.einsum("ij,j,kj->ik", SCATTERED, x, SCATTERED), X),
    "arrow": (arrow, X),
    "blocks": (lambda x: np.ravel(np.linalg.inv(np.reshape(x, (3, 2, 2)) + 4 * np.eye(2))), X),
    "bundle adjustment": (bundle, RNG.normal(size=30)),
    "loop": (by_loop, X),
    "overwritten": (overwritten, X),
    "list": (lambda x: np.array([x[0] * x[3], x[1], 2.0, np.sum(x[:3])]), X),
    "matrix in, matrix out": (lambda u: u[1:, :] * u[:-1, :] + np.sin(u[1:, ::-1]), X.reshape(4, 3)),
    "laplacian": (lambda u: np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u**2, X.reshape(3, 4)),
    "padded": (lambda u: np.pad(u, 1)[2:, 1:-1] * u - np.diff(np.pad(u, ((0, 1), (0, 0))), axis=0), X.reshape(3, 4)),
    "number to vector": (lambda t: t * np.arange(1.0, 4.0), 0.5),
    "number to number": (np.sin, onp.float64(0.5)),
    "one output": (lambda x: np.sum(x[::2] ** 2), X),
    "empty rows and columns": (lambda x: np.concatenate([x[2:4] ** 2, onp.ones(3), x[7:8] * x[2]]), X),
    "constant": (lambda x: onp.arange(3.0), X),
    "no output": (lambda x: x[:0] ** 2, X),
    "integer output": (lambda x: np.floor(x).astype(int), X),
    "selection": (lambda x: np.where(x > 0, x * x[::-1], 0.0) + np.maximum(x, x[0]), X),
    "sorted": (lambda x: np.sort(x[:4]) * x[4:8], X),
    "picked": (lambda x: x[np.argsort(x)[:3]] * x[:3], X),
    "masked": (lambda x: x[x > 0] ** 2, X),
    "cumulative": (lambda x: np.cumsum(x[:4]) * np.cumprod(x[4:8]), X),
    "transformed": (lambda x: np.real(np.fft.ifft(np.fft.fft(np.reshape(x, (3, 4))) ** 2)), X),
    "convolved": (lambda x: np.convolve(x, onp.array([1.0, 0.0, -1.0]), "same") * x, X),
    "normalised": (lambda x: np.reshape(x, (4, 3)) / np.linalg.norm(np.reshape(x, (4, 3)), axis=1, keepdims=True), X),
    "products": (lambda x: np.cross(np.reshape(x[:6], (2, 3)), np.reshape(x[6:], (2, 3))), X),
    "outer": (lambda x: np.outer(x[:3], x[3:5]), X),
    "solved": (lambda x: np.linalg.solve(BAND[:4, :4] + 2 * np.eye(4), np.reshape(x, (4, 3))), X),
    "interpolated": (lambda x: np.interp(x, onp.arange(-3.0, 4.0), onp.arange(7.0) ** 2), X),
    "batched inside": (lambda x: vmap(lambda a, b: a * np.sin(b))(x[1:], x[:-1]), X),
    "gradient inside": (lambda x: elementwise_grad(np.tanh)(x) * x, X),
    "checkpoint": (checkpoint(tridiagonal), X),
    "primitive": (lambda x: np.concatenate([cube(x[:3]), x[3:]]), X),
    "custom rules": (lambda x: np.concatenate([doubled(x[:2] ** 2), tripled(x[2:4] * x[4:6])]), X),
    "stopped": (lambda x: x * stop_gradient(x[::-1]), X),
    "single precision": (lambda x: x[1:] * x[:-1], X.astype(np.float32)),
    "from single to double": (lambda x: x[1:].astype(np.float64) * 0.5, X.astype(np.float32)),
}
MODES = ("auto", "forward", "reverse", "bidirectional")


@pytest.fixture(params=PROGRAMS, name="program")
def _program(request):
    return PROGRAMS[request.param]


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_is_the_dense_one(program, mode):
    f, x = program
    want = onp.reshape(jacobian(f)(x), (onp.size(f(x)), onp.size(x)))
    got = sparse_jacobian(f, mode=mode, check=True)(x)
    assert isinstance(got, sparse.csr_array)
    assert got.has_canonical_format
    close(got, want, 1e-5 if onp.asarray(x).dtype == np.float32 else 1e-12)


def test_pattern_is_no_larger_than_it_has_to_be():
    exact = ["tridiagonal", "banded", "constant matrix", "sparse constant", "sparse constant on columns", "arrow", "blocks", "bundle adjustment", "loop", "laplacian", "padded",
             "convolved", "normalised", "products", "outer", "empty rows and columns", "interpolated", "batched inside", "stopped"]  # fmt: skip
    for name in exact:
        f, x = PROGRAMS[name]
        want = onp.reshape(jacobian(f)(x), (onp.size(f(x)), onp.size(x))) != 0
        assert onp.array_equal(jacobian_sparsity(f)(x).toarray(), want), name


@pytest.mark.parametrize("detect", ["trace", "probe"])
def test_pattern_covers_other_points(program, detect):
    f, x = program
    if onp.ndim(x) == 0 or f is PROGRAMS["masked"][0]:  # there the number of outputs depends on signs
        return
    pattern = jacobian_sparsity(f, detect=detect)(x).toarray()
    for _ in range(3):
        y = (x + (RNG.normal(size=x.shape) if detect == "trace" else 1e-6)).astype(x.dtype)
        assert not (onp.reshape(jacobian(f)(y), pattern.shape) != 0)[~pattern].any()


def test_dtype_is_that_of_the_dense_jacobian():
    for mode in ("forward", "reverse"):
        for name in ("single precision", "from single to double"):
            f, x = PROGRAMS[name]
            assert sparse_jacobian(f, mode=mode)(x).dtype == jacobian(f, mode=mode)(x).dtype


# ---- Hessians ------------------------------------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def loop_of_pairs(x):
    total = 0.0
    for i in range(0, len(x) - 1, 2):
        total = total + np.exp(x[i] * x[i + 1])
    return total


SCALARS = {
    "rosenbrock": (rosenbrock, X),
    "tip": (lambda x: np.sum(x[0] * x[1:] ** 2) + np.sum(x**4), X),
    "loop": (loop_of_pairs, X),
    "grid": (lambda u: np.sum((u[1:] - u[:-1]) ** 4) + np.sum(np.cos(u[:, 1:] * u[:, :-1])), X.reshape(3, 4)),
    "blocks": (lambda x: np.sum(np.linalg.det(np.reshape(x, (3, 2, 2)))), X),
    "bundle adjustment": (lambda p: 0.5 * np.sum(bundle(p) ** 2), RNG.normal(size=30)),
    "linear": (lambda x: np.sum(x * onp.arange(12.0)), X),
    "some linear": (lambda x: np.sum(x[:6]) + np.sum(x[6:] ** 3), X),
    "constant": (lambda x: onp.float64(3.0), X),
    "dense": (lambda x: np.log(np.sum(np.exp(x))), X),
    "number": (np.cos, 0.5),
    "selection": (lambda x: np.sum(np.where(x > 0, x**2, -x) * np.maximum(x[::-1], 0.1)), X),
    "sorted": (lambda x: np.sum(np.sort(x[:4]) ** 3) + x[5] * x[6], X),
    "matrix": (lambda x: np.dot(np.dot(SCATTERED, x) ** 2, np.ones(9)), X),
    "single precision": (lambda x: np.sum(x[1:] * x[:-1] ** 2), X.astype(np.float32)),
}


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("coloring", ["star", "acyclic", "forward"])
def test_hessian_is_the_dense_one(name, coloring):
    f, x = SCALARS[name]
    n = onp.size(x)
    got = sparse_hessian(f, coloring=coloring, check=True)(x)
    close(got, onp.reshape(hessian(f)(x), (n, n)), 1e-4 if name.startswith("single") else 1e-11)
    assert got.dtype == onp.asarray(x).dtype
    if coloring != "forward":
        assert onp.array_equal(got.toarray(), got.toarray().T)


def test_hessian_pattern_is_no_larger_than_it_has_to_be():
    for name in ("rosenbrock", "tip", "loop", "grid", "bundle adjustment", "linear", "some linear", "constant", "matrix"):
        f, x = SCALARS[name]
        want = onp.reshape(hessian(f)(x), (x.size, x.size)) != 0
        assert onp.array_equal(hessian_sparsity(f)(x).toarray(), want), name


def test_hessian_by_probing():
    f, x = SCALARS["rosenbrock"]
    assert hessian_sparsity(f, detect="probe")(x) == hessian_sparsity(f)(x)


def test_hessian_of_a_vector_function_is_an_error():
    with pytest.raises(NonScalarOutputError):
        sparse_hessian(tridiagonal)(X)


# ---- random programs -------------------------------------------------------------------------------------------------------

UNARY = [np.sin, np.exp, np.square, np.abs, np.negative, np.floor, lambda a: np.sqrt(1 + a**2), lambda a: np.maximum(a, 0.0)]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, lambda a, b: a / (2 + b**2), lambda a, b: np.where(a > b, a, b * a), np.arctan2]
def written(a, k):
    b = a * 1.0
    b[k % len(a) :: 2] = a[0]
    b[a > 0] *= 2.0
    b[-1] = k
    return b


RESHAPING = [
    written,
    lambda a, k: np.roll(a, k), lambda a, k: a[::-1], lambda a, k: a[k % len(a) :], lambda a, k: a[: 1 + k % len(a)],
    lambda a, k: np.concatenate([a[k % len(a) :], a]), lambda a, k: np.repeat(a, 1 + k % 3)[: len(a)], lambda a, k: np.diff(a) if len(a) > 1 else a,
    lambda a, k: np.cumsum(a), lambda a, k: np.sort(a), lambda a, k: a * np.sum(a), lambda a, k: a - np.mean(a[: 1 + k % len(a)]),
    lambda a, k: np.reshape(np.outer(a[:2], a), -1)[:6], lambda a, k: a[onp.arange(0, len(a), 1 + k % 2)], lambda a, k: np.pad(a, (k % 2, 1)),
    lambda a, k: np.take(a, onp.array([k % len(a), 0, k % len(a)])), lambda a, k: a[np.argmax(a)] * a, lambda a, k: a[np.argsort(a)],
    lambda a, k: np.convolve(a, onp.array([1.0, 0.0, 2.0])), lambda a, k: np.tile(a, 2)[k % len(a) :], lambda a, k: np.flip(np.cumprod(a[:3])),
    lambda a, k: np.matmul((onp.arange(3 * len(a)).reshape(3, -1) + k) % 3 % 2.0, a), lambda a, k: np.where(onp.arange(len(a)) % 2 == 0, a, a[k % len(a)]),
    lambda a, k: np.einsum("i,ij->j", a, (onp.arange(2.0 * len(a)).reshape(-1, 2) % 3)), lambda a, k: np.stack([a, a[::-1]]).T.ravel(),
    lambda a, k: np.triu(np.outer(a, a)).ravel()[:5], lambda a, k: a / np.linalg.norm(a + 1), lambda a, k: stop_gradient(a) * a,
    lambda a, k: np.max(a) * a[:2], lambda a, k: np.where(stop_gradient(a) > 0, 1.0, 0.0) * a[::-1],
]  # fmt: skip
STEPS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=8)


def run(steps, x):
    """The program that some numbers stand for."""
    values = [x]
    for op, i, k in steps:
        a, b = values[i % len(values)], values[k % len(values)]
        kind, op = op % 3, op // 3
        if kind == 0:
            values.append(UNARY[op % len(UNARY)](a))
        elif kind == 1:
            n = min(len(a), len(b))
            values.append(BINARY[op % len(BINARY)](a[:n], b[:n]))
        else:
            values.append(RESHAPING[op % len(RESHAPING)](a, k))
        values[-1] = values[-1] / (1 + np.sum(stop_gradient(values[-1]) ** 2)) ** 0.5  # numbers stay moderate
    return np.concatenate(values[1:])


@settings(max_examples=120, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 5))
def test_no_entry_of_a_random_program_is_missed(steps, seed):
    rng = onp.random.default_rng(seed)
    points = rng.normal(size=(4, 5))
    pattern = jacobian_sparsity(lambda x: run(steps, x))(points[0])
    for x in points:
        dense = jacobian(lambda x: run(steps, x))(x)
        assert pattern.shape == dense.shape
        assert not ((dense != 0) & ~pattern.toarray()).any()
    close(sparse_jacobian(lambda x: run(steps, x), check=True)(points[0]), jacobian(lambda x: run(steps, x))(points[0]), 1e-9)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 5))
def test_no_second_derivative_of_a_random_program_is_missed(steps, seed):
    points = onp.random.default_rng(seed).normal(size=(3, 5))

    def f(x):
        y = run(steps, x)
        return np.sum(y * onp.cos(onp.arange(len(y)))) + np.sum(x**2)

    pattern = hessian_sparsity(f)(points[0])
    for x in points:
        assert not ((hessian(f)(x) != 0) & ~pattern.toarray()).any()
    close(sparse_hessian(f, check=True)(points[0]), hessian(f)(points[0]), 1e-8)


# ---- what may stand around ------------------------------------------------------------------------------------------------


def test_argnum_further_arguments_and_keywords():
    def f(a, x, *, power=1):
        return a * x[1:] ** power + x[:-1]

    got = sparse_jacobian(f, argnum=1)(2.0, X, power=3)
    close(got, jacobian(f, 1)(2.0, X, power=3))
    close(sparse_jacobian(f, argnum="x")(2.0, X, power=2), jacobian(f, "x")(2.0, X, power=2))


def test_several_arguments_stand_side_by_side():
    def f(a, b):
        return a[:3] * b[0]

    a, b = X[:4], X[4:6]
    want = jacobian(f, (0, 1))(a, b)
    close(sparse_jacobian(f, argnum=(0, 1))(a, b), onp.concatenate(want, axis=1))


def test_pytrees_are_read_leaf_after_leaf_with_sorted_keys():
    def f(p):
        return {"late": p["w"][0] * p["b"], "early": [np.sum(p["w"]), p["w"][1:] ** 2]}

    p = {"w": X[:3], "b": X[3:5], "name": "no number"}
    got = sparse_jacobian(f)(p).toarray()
    dense = jacobian(f)(p)
    order = [dense["early"][0], dense["early"][1], dense["late"]]
    close(got, onp.concatenate([onp.concatenate([onp.reshape(row[k], (-1, onp.size(p[k]))) for k in ("b", "w")], axis=1) for row in order]))
    quadratic = lambda q: np.sum(q["a"] ** 2 * q["z"])
    q = {"z": X[:2], "a": X[2:4]}
    blocks = hessian(quadratic)(q)
    close(sparse_hessian(quadratic)(q), onp.block([[blocks[i][j] for j in ("a", "z")] for i in ("a", "z")]))


@pytest.mark.parametrize("mode", MODES)
def test_pytrees_in_every_mode(mode):
    def f(p):
        return [p["b"] * p["a"][0], {"y": np.cumsum(p["a"]), "x": 3}]

    p = {"b": X[:2], "a": X[2:5].astype(np.float32)}
    dense = jacobian(f)(p)
    rows = [dense[0], dense[1]["y"]]
    want = onp.concatenate([onp.concatenate([row[k] for k in ("a", "b")], axis=1) for row in rows])
    got = sparse_jacobian(f, mode=mode, check=True)(p).toarray()
    close(onp.delete(got, 2, axis=0), want, 1e-6)
    assert not got[2].any()  # of the integer, which comes first in its dictionary


def test_argument_is_left_as_it_was():
    def f(x):
        x[1:] += x[:-1]
        x[0] = 3.0
        return x

    x = X.copy()
    pattern = jacobian_sparsity(f)(x)
    assert onp.array_equal(x, X)
    want = onp.eye(12) + onp.eye(12, k=-1)
    want[0] = 0
    assert onp.array_equal(pattern.toarray(), want)
    close(sparse_jacobian(f, check=True)(x), want)


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "dense"])
def test_formats(format):
    got = sparse_jacobian(tridiagonal, format=format)(X)
    assert isinstance(got, onp.ndarray if format == "dense" else getattr(sparse, f"{format}_array"))
    close(got, jacobian(tridiagonal)(X))


def test_chunks_make_no_difference():
    whole = sparse_jacobian(arrow, mode="forward")(X).toarray()
    for mode, chunk_size in itertools.product(MODES, (1, 2, 5, 100)):
        close(sparse_jacobian(arrow, mode=mode, chunk_size=chunk_size)(X), whole)
        close(sparse_hessian(rosenbrock, chunk_size=chunk_size)(X), hessian(rosenbrock)(X), 1e-11)


def test_large_arrays_are_divided_by_themselves(monkeypatch):
    from autograd_clone.sparse import passes

    monkeypatch.setattr(passes, "PUSH_BYTES", 2000)
    close(sparse_jacobian(lambda x: np.sum(np.outer(x, onp.ones(50)) ** 2, axis=1) * x[0])(X), jacobian(lambda x: 50 * x**2 * x[0])(X), 1e-11)


def test_method():
    class Model:
        rate = 3.0

        @sparse_jacobian
        def slope(self, x):
            raise NotImplementedError

        jac = sparse_jacobian(lambda self, x: self.rate * x[1:] * x[:-1], argnum=1)

    close(Model().jac(X), jacobian(lambda x: 3.0 * x[1:] * x[:-1])(X))


def test_name_and_representation():
    jac = sparse_jacobian(tridiagonal)
    assert jac.__name__ == "sparse_jacobian_of_tridiagonal_wrt_argnum_0"
    assert repr(jac) == "<sparse_jacobian_of_tridiagonal_wrt_argnum_0>"
    jac(X)
    assert repr(jac) == "<sparse_jacobian_of_tridiagonal_wrt_argnum_0: <Coloring 12 x 12, forward: 3 tangents>>"


def test_pickle():
    pattern = jacobian_sparsity(tridiagonal)(X)
    coloring = color_jacobian(pattern)
    for thing in (pattern, coloring, sparse_jacobian(tridiagonal, pattern=coloring)):
        again = pickle.loads(pickle.dumps(thing))
        assert repr(again) == repr(thing)
    close(again(X), jacobian(tridiagonal)(X))


# ---- how often, and what is kept --------------------------------------------------------------------------------------------


def counted(f):
    calls = []

    def g(*args):
        calls.append(1)
        return f(*args)

    return g, calls


def test_number_of_passes_does_not_grow():
    for n in (10, 1000, 100_000):
        jac = sparse_jacobian(tridiagonal)
        matrix = jac(onp.linspace(-1, 1, n))
        assert (jac.passes, jac.coloring.passes, matrix.nnz) == (3, 3, 3 * n - 4)
        hess = sparse_hessian(rosenbrock, reuse=True)
        hess(onp.linspace(-1, 1, n))
        assert hess.passes == 3
        hess(onp.linspace(-1, 2, n))
        assert hess.passes == 4  # with the check


def test_function_runs_once_to_detect_and_once_to_push():
    f, calls = counted(tridiagonal)
    jac = sparse_jacobian(f, reuse=True)
    jac(X)
    assert len(calls) == 2
    jac(X + 1)
    assert len(calls) == 3
    f, calls = counted(tridiagonal)
    sparse_jacobian(f, pattern=jacobian_sparsity(tridiagonal)(X), mode="reverse")(X)
    assert len(calls) == 1


def test_memory_grows_as_the_size_does():
    peaks = []
    for n in (20_000, 100_000):
        x = onp.linspace(-1, 1, n)
        tracemalloc.start()
        sparse_jacobian(tridiagonal)(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]
    assert peaks[1] < 1000 * 100_000  # bytes; a dense one has 80 GB


def test_pattern_and_colouring_serve_again():
    pattern = jacobian_sparsity(tridiagonal)(X)
    for given_ in (pattern, pattern.tocsr(), pattern.toarray(), color_jacobian(pattern, "reverse")):
        jac = sparse_jacobian(tridiagonal, pattern=given_)
        for x in (X, X - 2, 10 * X):
            close(jac(x), jacobian(tridiagonal)(x))
    hess = sparse_hessian(rosenbrock, pattern=hessian_sparsity(rosenbrock)(X))
    for x in (X, X - 2):
        close(hess(x), hessian(rosenbrock)(x), 1e-11)


def test_reuse_finds_again_for_other_shapes():
    jac = sparse_jacobian(tridiagonal, reuse=True)
    for n in (5, 9, 5, 9):
        x = RNG.normal(size=n)
        close(jac(x), jacobian(tridiagonal)(x))
    scaled = sparse_jacobian(lambda x, y: np.outer(x, y), reuse=True)
    for n in (2, 3, 2):
        y = RNG.normal(size=n)
        close(scaled(X, y), onp.kron(onp.eye(12), y[:, None]))


def test_matrix_belongs_to_the_caller():
    jac = sparse_jacobian(tridiagonal, reuse=True)
    first = jac(X)
    first.data[:] = 0
    first.indices[:] = 0
    close(jac(X), jacobian(tridiagonal)(X))


def test_missing_entries_are_found():
    pattern = jacobian_sparsity(tridiagonal)(X).toarray()
    assert pattern[4, 5]
    pattern[4, 5] = False
    for mode in MODES:
        with pytest.raises(PatternError, match="lacks entries of the derivative"):
            sparse_jacobian(tridiagonal, pattern=pattern, mode=mode)(X)
    assert sparse_jacobian(tridiagonal, pattern=pattern, check=False)(X).nnz == pattern.sum()
    lower = onp.eye(12, dtype=bool)
    with pytest.raises(PatternError, match="lacks entries"):
        sparse_hessian(rosenbrock, pattern=lower)(X)


def test_another_branch_is_found_out():
    def f(x):
        return x * x[::-1] if x[0] > 0 else x**2

    jac = sparse_jacobian(f, reuse=True)
    jac(-onp.abs(X))
    with pytest.raises(PatternError, match="another branch"):
        jac(onp.abs(X))
    both = jacobian_sparsity(f)(onp.abs(X)) | jacobian_sparsity(f)(-onp.abs(X))
    for x in (onp.abs(X), -onp.abs(X)):
        close(sparse_jacobian(f, pattern=both)(x), jacobian(f)(x))
        close(sparse_jacobian(f)(x), jacobian(f)(x))


def test_zero_times_infinity_is_zero_as_in_the_dense_jacobian():
    def f(x):
        return np.where(x > 0, np.sqrt(x), 0.0) * x[::-1]

    x = onp.array([0.0, 1.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = jacobian(f)(x)
        assert onp.isfinite(want).all()
        close(sparse_jacobian(f)(x), want)
        want = hessian(lambda x: np.sum(f(x)))(x)
        assert onp.isfinite(want).all()
        close(sparse_hessian(lambda x: np.sum(f(x)))(x), want)


def test_declared_patterns():
    @primitive
    def smooth(x):
        return (x[1:] + x[:-1]) ** 2 / 4

    defvjp(smooth, lambda ans, x: lambda g: np.concatenate([g * (x[1:] + x[:-1]) / 2, onp.zeros(1)]) + np.concatenate([onp.zeros(1), g * (x[1:] + x[:-1]) / 2]))
    pattern = jacobian_sparsity(smooth)(X)
    assert pattern.nnz == 11 * 12
    assert pattern.dense == {"smooth": 1}
    assert "assumed dense: smooth" in repr(pattern)
    def_pattern(smooth, lambda x: onp.eye(len(x) - 1, len(x)) + onp.eye(len(x) - 1, len(x), 1))
    assert jacobian_sparsity(smooth)(X).nnz == 22
    close(sparse_jacobian(smooth, check=True)(X), jacobian(smooth)(X))
    def_pattern(smooth, lambda x: onp.eye(3))
    with pytest.raises(PatternError, match=r"declared for smooth has shape \(3, 3\)"):
        jacobian_sparsity(smooth)(X)
    with pytest.raises(UnsupportedTypeError, match="def_pattern takes what primitive"):
        def_pattern(np.sin, "elementwise")
    with pytest.raises(ValueError, match="'elementwise' or callable"):
        def_pattern(smooth, "banded")


# ---- errors ----------------------------------------------------------------------------------------------------------------


def test_errors_name_what_is_wrong():
    with pytest.raises(UnsupportedTypeError, match=r"the argument is complex \(dtype complex128\)"):
        sparse_jacobian(tridiagonal)(X + 0j)
    with pytest.raises(UnsupportedTypeError, match="the output is complex"):
        sparse_jacobian(lambda x: np.fft.fft(x))(X)
    with pytest.raises(UnsupportedTypeError, match="the argument is traced"):
        grad(lambda x: sparse_jacobian(tridiagonal)(x)[0, 0])(X)
    with pytest.raises(UnsupportedTypeError, match="the argument is traced"):
        vmap(lambda x: sparse_hessian(rosenbrock)(x))(X.reshape(3, 4))
    with pytest.raises(IntegerInputError):
        sparse_jacobian(lambda x: x**2)(3)
    with pytest.raises(UnsupportedTypeError, match="takes a function"):
        sparse_jacobian(X)
    with pytest.raises(PatternError, match="the pattern has 3 columns, the argument 12 elements"):
        sparse_jacobian(tridiagonal, pattern=onp.eye(3))(X)
    with pytest.raises(PatternError, match="the pattern has 3 rows, the output 12 elements"):
        sparse_jacobian(tridiagonal, pattern=onp.ones((3, 12)))(X)
    with pytest.raises(PatternError, match="with two axes"):
        sparse_jacobian(tridiagonal, pattern=onp.ones(12))(X)
    with pytest.raises(PatternError, match="mode 'star'"):
        sparse_jacobian(tridiagonal, pattern=color_hessian(onp.eye(12)))(X)
    with pytest.raises(PatternError, match="must be symmetric"):
        sparse_hessian(rosenbrock, pattern=onp.triu(onp.ones((12, 12))))(X)
    for wrong in ({"mode": "sideways"}, {"order": "random"}, {"detect": "guess"}, {"format": "bsr"}, {"chunk_size": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}.* must be"):
            sparse_jacobian(tridiagonal, **wrong)(X)


def test_what_is_not_sparse_says_so():
    with pytest.raises(NotSparseError, match="is not sparse, or detection cannot see that it is"):
        sparse_jacobian(lambda x: x / np.sum(x))(onp.ones(50_000))


def test_numbers_on_which_all_depend_cost_nothing():
    pattern = jacobian_sparsity(lambda x: np.sum(x / np.sum(x))[None] * x[:2])(onp.ones(50_000))
    assert pattern.nnz == 100_000


def test_boxes_do_not_leak():
    kept = []
    jacobian_sparsity(lambda x: kept.append(x) or x**2)(X)
    with pytest.raises(LeakedBoxError):
        np.sin(kept[0])
    with pytest.raises(LeakedBoxError):
        cube(kept[0])


def test_import_leaves_scipy_alone():
    code = "import sys, autograd_clone, autograd_clone.sparse; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- SciPy's solvers ---------------------------------------------------------------------------------------------------------


def broyden(x):
    """Broyden's tridiagonal system."""
    y = np.concatenate([onp.zeros(1), x, onp.zeros(1)])
    return (3 - 2 * x) * x - y[:-2] - 2 * y[2:] + 1


START = -onp.ones(30)


@pytest.mark.parametrize("solver", ["exact", "lsmr"])
def test_least_squares(solver):
    jac = sparse_jacobian(broyden, reuse=True, format="dense" if solver == "exact" else "csr")
    found = scipy.optimize.least_squares(broyden, START, jac=jac, tr_solver=solver)
    assert found.success
    assert onp.abs(found.fun).max() < 1e-8
    assert jac.coloring.passes == 3


def test_least_squares_with_default_solver_and_arguments():
    def residual(p, t, y):
        return np.exp(-p[0] * t) * p[1] - y

    t = onp.linspace(0, 1, 20)
    found = scipy.optimize.least_squares(residual, [1.0, 1.0], jac=sparse_jacobian(residual), args=(t, 3 * onp.exp(-2 * t)))
    onp.testing.assert_allclose(found.x, [2, 3], rtol=1e-6)


def test_root():
    found = scipy.optimize.root(broyden, START, jac=sparse_jacobian(broyden, reuse=True, format="dense"))
    assert found.success
    solve = splu(sparse_jacobian(broyden, format="csc")(START)).solve
    options = {"jac_options": {"inner_M": LinearOperator((30, 30), solve)}}
    found = scipy.optimize.root(broyden, START, method="krylov", options=options)
    assert found.success
    assert onp.abs(found.fun).max() < 1e-5


def test_newton_with_a_sparse_solver():
    x, jac = START, sparse_jacobian(broyden, reuse=True)
    for _ in range(8):
        x = x - spsolve(jac(x).tocsc(), broyden(x))
    assert onp.abs(broyden(x)).max() < 1e-13


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_solve_ivp(method):
    def heat(t, u):
        v = np.concatenate([onp.zeros(1), u, onp.zeros(1)])
        return 400 * (v[:-2] - 2 * u + v[2:]) - u**3

    u0 = onp.sin(onp.linspace(0, 3, 20))
    jac = sparse_jacobian(heat, argnum=1, reuse=True)
    found = scipy.integrate.solve_ivp(heat, (0, 0.5), u0, method=method, jac=jac)
    without = scipy.integrate.solve_ivp(heat, (0, 0.5), u0, method=method)
    assert found.success
    assert found.njev >= 1
    assert jac.coloring.passes == 3
    onp.testing.assert_allclose(found.y[:, -1], without.y[:, -1], atol=1e-4)


def test_minimize_with_constraints():
    def curve(x):
        return x[1:] ** 2 + x[:-1]

    constraint = scipy.optimize.NonlinearConstraint(
        curve, -onp.inf, 1.5, jac=sparse_jacobian(curve, reuse=True), hess=sparse_hessian(lambda x, v: np.dot(v, curve(x)), reuse=True)
    )
    for constraints in ([], [constraint]):
        found = scipy.optimize.minimize(
            rosenbrock, onp.zeros(8), jac=grad(rosenbrock), hess=sparse_hessian(rosenbrock, reuse=True), method="trust-constr",
            constraints=constraints, options={"gtol": 1e-7},
        )  # fmt: skip
        assert found.success
        assert found.optimality < 1e-5
        assert found.constr_violation < 1e-8 if constraints else found.fun < 1e-12


# ---- patterns ------------------------------------------------------------------------------------------------------------------


def test_patterns_are_values():
    a = SparsityPattern.of(onp.array([[1, 0, 2], [0, 0, 3]]))
    b = SparsityPattern.of(sparse.coo_array(([0.0, 1.0, 1.0], ([0, 1, 1], [1, 2, 2])), shape=(2, 3)))
    assert (a.nnz, b.nnz, a.shape, a.longest_row, a.T.longest_row) == (3, 2, (2, 3), 2, 2)
    assert onp.array_equal((a | b).toarray(), [[1, 1, 1], [0, 0, 1]])
    assert b <= a | b
    assert not a <= b
    assert a != b
    assert a.T.T == a
    assert SparsityPattern.of(a.T.tocsr()) == a.T
    with pytest.raises(PatternError, match="cannot be united"):
        a | a.T
    with pytest.raises(TypeError):
        a | 3


# ---- colourings ------------------------------------------------------------------------------------------------------------------


def patterns(symmetric=False, square=False):
    """Strategy: small patterns of all densities."""

    @st.composite
    def draw(draw):
        m, n = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        n = m if square or symmetric else n
        rng = onp.random.default_rng(draw(st.integers(0, 10_000)))
        a = rng.random((m, n)) < draw(st.sampled_from([0.05, 0.2, 0.5, 0.9]))
        return a | a.T if symmetric else a

    return draw()


def recovered(coloring, dense):
    """What a colouring makes of a matrix, whose sums it is given."""
    sums = []
    for colors, matrix in ((coloring.column_colors, dense.T), (coloring.row_colors, dense)):
        if colors is None:
            sums.append(None)
        else:
            count = colors.max(initial=-1) + 1
            sums.append(onp.array([matrix[colors == c].sum(axis=0) for c in range(count)]).reshape(count, matrix.shape[1]))
    out = onp.zeros(dense.shape)
    out[coloring.pattern.row_numbers(), coloring.pattern.indices] = coloring.decompress(*sums)
    return out


@settings(max_examples=150, deadline=None)
@given(a=patterns(), mode=st.sampled_from(MODES), order=st.sampled_from(["auto", "quick", *ORDERS]))
def test_every_matrix_is_recovered(a, mode, order):
    dense = a * onp.random.default_rng(0).integers(1, 100, a.shape).astype(float)
    coloring = color_jacobian(a, mode, order)
    assert onp.array_equal(recovered(coloring, dense), dense)
    assert coloring.passes == coloring.tangents + coloring.cotangents
    if mode in ("forward", "reverse"):
        slow_check_of_columns(a if mode == "forward" else a.T, coloring.column_colors if mode == "forward" else coloring.row_colors)
    if mode == "auto":
        assert coloring.passes <= min(color_jacobian(a, m, order).passes for m in ("forward", "reverse"))


def slow_check_of_columns(a, colors):
    for i, j in itertools.combinations(range(a.shape[1]), 2):
        if (a[:, i] & a[:, j]).any():
            assert colors[i] != colors[j]
    assert onp.array_equal(colors >= 0, a.any(axis=0))


@settings(max_examples=150, deadline=None)
@given(a=patterns(symmetric=True), method=st.sampled_from(["star", "acyclic", "forward"]), order=st.sampled_from(["auto", "quick", *SYMMETRIC_ORDERS]))
def test_every_symmetric_matrix_is_recovered(a, method, order):
    values = onp.random.default_rng(0).integers(1, 100, a.shape).astype(float)
    dense = a * (values + values.T)
    coloring = color_hessian(a, method, order)
    assert onp.array_equal(recovered(coloring, dense), dense)
    if method != "forward":
        slow_check_of_colors(a, coloring.column_colors, method)


def slow_check_of_colors(a, colors, method):
    """Neighbours differ; two colours make stars (no path of four vertices) or trees (no cycle)."""
    n = len(a)
    off = a & ~onp.eye(n, dtype=bool)
    assert not (off & (colors[:, None] == colors[None, :])).any()
    for pair in itertools.combinations(sorted(set(colors.tolist())), 2):
        some = onp.flatnonzero(onp.isin(colors, pair))
        graph = off[onp.ix_(some, some)]
        count, labels = sparse.csgraph.connected_components(graph)
        for k in range(count):
            part = graph[onp.ix_(labels == k, labels == k)]
            assert part.sum() // 2 == len(part) - 1  # a tree
            if method == "star":
                assert (part.sum(axis=0) > 1).sum() <= 1  # with one inner vertex


def band(n, *offsets):
    return sum(onp.eye(n, k=k) for k in offsets)


@pytest.mark.parametrize(("a", "forward", "best"), [
    (onp.eye(9), 1, 1), (band(9, -1, 0, 1), 3, 3), (band(20, -2, -1, 0, 1, 2), 5, 5), (onp.ones((4, 30)), 30, 4), (onp.ones((30, 4)), 4, 4),
    (onp.zeros((3, 4)), 0, 0), (onp.kron(onp.eye(5), onp.ones((3, 3))), 3, 3),
    (onp.r_[onp.ones((1, 20)), onp.eye(20)], 20, 2),  # one full row
    (onp.c_[onp.ones((20, 2)), onp.eye(20)], 3, 3),  # two full columns
    (onp.minimum(onp.eye(20) + onp.r_[onp.ones((1, 20)), onp.zeros((19, 20))] + onp.c_[onp.ones((20, 1)), onp.zeros((20, 19))], 1), 20, 3),
    (onp.minimum(band(40, -1, 0, 1) + onp.r_[onp.ones((2, 40)), onp.zeros((38, 40))] + onp.c_[onp.ones((40, 1)), onp.zeros((40, 39))], 1), 40, 6),
])  # fmt: skip
def test_known_numbers_of_groups(a, forward, best):
    assert color_jacobian(a, "forward").passes == forward
    assert color_jacobian(a).passes == best
    assert color_jacobian(a.T).passes == best


@pytest.mark.parametrize(("a", "star", "acyclic"), [
    (onp.eye(6), 1, 1), (band(30, -1, 0, 1), 3, 2), (band(30, -1, 1), 3, 2), (onp.ones((5, 5)), 5, 5), (onp.zeros((3, 3)), 0, 0),
    (onp.minimum(onp.eye(30) + onp.r_[onp.ones((1, 30)), onp.zeros((29, 30))] + onp.c_[onp.ones((30, 1)), onp.zeros((30, 29))], 1), 2, 2),
    (onp.kron(onp.eye(4), onp.ones((3, 3))), 3, 3), (band(31, -2, -1, 0, 1, 2), 4, 3),
])  # fmt: skip
def test_known_numbers_of_symmetric_groups(a, star, acyclic):
    assert color_hessian(a, "star").passes <= star + (star == 4)
    assert color_hessian(a, "acyclic").passes == acyclic


def test_large_patterns_are_coloured_in_time_that_grows_with_their_entries():
    """A tip with very many neighbours, and rows of very different lengths: each would take minutes by a quadratic method."""
    n = 100_000
    tip = sparse.coo_array((onp.ones(2 * n), (onp.r_[onp.zeros(n, int), onp.arange(n)], onp.r_[onp.arange(n), onp.zeros(n, int)])), shape=(n, n))
    a = SparsityPattern.of(sparse.eye_array(n) + tip)
    assert color_hessian(a).passes == 2
    assert color_hessian(a, "acyclic").passes == 2
    assert color_jacobian(a).passes == 3


def test_smallest_last_is_best_for_a_grid():
    """The five-point star on a grid needs five groups; the natural order takes more."""
    line = sparse.diags_array([onp.ones(19), onp.ones(20), onp.ones(19)], offsets=[-1, 0, 1])
    grid = sparse.kron(sparse.eye_array(20), line) + sparse.kron(line, sparse.eye_array(20))
    assert color_jacobian(grid, order="natural").passes > 5
    assert color_jacobian(grid).passes == 5


# ---- index sets --------------------------------------------------------------------------------------------------------------------

SETS = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=8)


def made(sets, n=6):
    flat = [i for s in sets for i in sorted(s)]
    indptr = onp.cumsum([0, *map(len, sets)]).astype(onp.int32)
    full = onp.array([len(s) == n for s in sets])
    out = IndexSets(n, indptr, onp.array(flat, onp.int32))
    return IndexSets(n, *_emptied(out, full), full) if full.any() else out


def _emptied(sets, full):
    rest = sets._without(full)
    return rest.indptr, rest.indices


def as_sets(a):
    a = a.written_out()
    return [set(a.indices[i:j].tolist()) for i, j in itertools.pairwise(a.indptr.tolist())]


@settings(max_examples=200, deadline=None)
@given(a=SETS, data=st.data())
def test_index_sets_are_sets(a, data):
    b = [data.draw(st.sets(st.integers(0, 5))) for _ in a]
    places = data.draw(st.lists(st.integers(-1, len(a) - 1), min_size=1, max_size=10))
    targets = data.draw(st.lists(st.integers(0, 3), min_size=len(places), max_size=len(places)))
    sources = [max(p, 0) for p in places]
    x, y = made(a), made(b)
    assert as_sets(x) == a
    assert as_sets(x | y) == [s | t for s, t in zip(a, b, strict=True)]
    assert as_sets(x.take(onp.array(places))) == [a[p] if p >= 0 else set() for p in places]
    assert as_sets(stacked([x, y], 6)) == a + b
    for count in (1, 4):
        got = x.merge(onp.array(targets) % count, count, onp.array(sources))
        assert as_sets(got) == [set().union(*(a[s] for s, t in zip(sources, targets, strict=True) if t % count == k)) for k in range(count)]
    for sets in (x | y, x.take(onp.array(places)), got):
        assert all(onp.all(onp.diff(sets.indices[i:j]) > 0) for i, j in itertools.pairwise(sets.indptr))


def test_large_index_sets_take_the_other_way():
    n = 5000
    a, b = IndexSets.singletons(0, n, n), IndexSets.singletons(0, n, n).take(onp.arange(n)[::-1])
    union = a | b
    assert as_sets(union) == [{i, n - 1 - i} for i in range(n)]
    assert (union | a).indices is not None
    assert len((a | a).indices) == n


def test_nothing_that_depends_on_anything():
    """A pattern without entries takes no passes."""
    x = onp.array([0.3, -0.7, 0.5])
    for f, n, shape in (
        (lambda x: onp.ones(2), 3, (2, 3)),
        (lambda x: np.floor(x), 3, (3, 3)),
        (lambda x: x[:0], 3, (0, 3)),
        (lambda x: x, 0, (0, 0)),
        (lambda x: {"a": onp.ones(2), "b": x[:0]}, 3, (2, 3)),
    ):
        for mode in ("auto", "forward", "reverse"):
            jac = sparse_jacobian(f, mode=mode)
            J = jac(x[:n])
            assert J.shape == shape
            assert J.nnz == jac.passes == 0
    for f in (lambda x: 3.0, np.sum, lambda x: np.sum(np.floor(x))):
        assert sparse_hessian(f)(x).toarray().tolist() == onp.zeros((3, 3)).tolist()
        assert sparse_hessian(f)(x[:0]).shape == (0, 0)
