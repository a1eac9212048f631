"""What rules do for matrices that are too large for the samples of the registry, against differences along random directions."""

import numpy as np
import pytest

from autograd_clone import grad, hessian_vector_product
from autograd_clone.rules.linalg import LOOK_FROM
from autograd_clone.rules.triangular import BLAS_FROM

from . import oracle

PRECISION = {np.float32: 3e-4, np.float64: 1e-9, np.complex64: 3e-4, np.complex128: 1e-9}
RNG = np.random.default_rng(5)


def drawn(dtype, *shape):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


def check(f, x, v, dtype):
    """First and second derivatives along `v`; the function is real."""
    g = grad(f)(x)
    assert (g.dtype, g.shape) == (x.dtype, x.shape)
    exact, along = oracle.exact(x), oracle.exact(v)
    (first,) = oracle.directional(lambda y: [f(y)], [exact], [along])
    np.testing.assert_allclose(np.sum(np.real(g * v)), first.value, rtol=PRECISION[dtype])
    if np.dtype(dtype).kind == "f":
        curvature = np.sum(hessian_vector_product(f)(x, v) * v)
        slope = lambda t: np.sum(grad(f)(exact + t * along) * along)
        (second,) = oracle.directional(lambda t: [slope(t)], [oracle.exact(np.zeros(()))], [oracle.exact(np.ones(()))])
        np.testing.assert_allclose(curvature, second.value, rtol=10 * PRECISION[dtype])


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("options", [{}, {"upper": True}])
def test_cholesky(dtype, options):
    n = BLAS_FROM + 35
    a, v, w = drawn(dtype, n, n), drawn(dtype, n, n), drawn(dtype, n, n)
    a = a @ a.conj().T / n + 2 * np.eye(n, dtype=dtype)
    v = (v + v.conj().T) / n

    def f(x):
        x = 0.5 * (x + np.conj(x.T))
        return np.sum(np.real(w * np.linalg.cholesky(x, **options)))

    check(f, a, v, dtype)


def test_cholesky_of_an_ill_conditioned_matrix():
    """A kernel of close points has a condition of 1e10, of which only the root may be lost."""
    x, rng = np.linspace(0, 3, 40), np.random.default_rng(0)
    k, g = np.exp(-0.5 * (x[:, None] - x) ** 2) + 1e-10 * np.eye(40), rng.standard_normal((40, 40))
    factor = np.linalg.cholesky(k)
    p = np.tril(factor.T @ g).astype(np.longdouble)
    p[np.diag_indices(40)] /= 2

    def solved(b):
        out = b.copy()
        for i in range(39, -1, -1):
            out[i] = (out[i] - factor[i + 1 :, i].astype(np.longdouble) @ out[i + 1 :]) / factor[i, i]
        return out

    want = solved(solved((p + p.T) / 2).T)
    got = grad(lambda a: np.sum(g * np.linalg.cholesky(a)))(k)
    assert np.linalg.norm((got - want).astype(float)) < 1e-11 * np.linalg.norm(want.astype(float))


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("columns", [(), (2,)])
@pytest.mark.parametrize("half", [np.tril, np.triu])
def test_systems_with_a_triangular_matrix(half, columns, dtype):
    """Its derivative is that of any matrix, in the other triangle too."""
    n = LOOK_FROM + 3
    a = half(drawn(dtype, n, n) / np.array(n, dtype)) + 2 * np.eye(n, dtype=dtype)
    b, w = drawn(dtype, n, *columns), drawn(dtype, n, *columns)
    check(lambda x: np.sum(np.real(w * np.linalg.solve(x, b))), a, drawn(dtype, n, n) / np.array(n, dtype), dtype)
    check(lambda y: np.sum(np.real(w * np.linalg.solve(a, y)) ** 2), b, drawn(dtype, n, *columns), dtype)
