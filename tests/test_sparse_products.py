"""Constant sparse matrices of SciPy in products and systems with traced arrays."""

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse import linalg

from autograd_clone import Variable, grad, hessian, jacfwd, jacobian, sparse_jacobian, vmap
from autograd_clone import numpy as agnp
from autograd_clone.engine.batch import FALLBACKS
from autograd_clone.scipy import sparse
from autograd_clone.test_util import check_grads

FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(2, 3)) * [[1, 0, 1], [0, 1, 1]]
PRODUCTS = {
    "S @ vector": (lambda S, x: S @ x, (3,)),
    "S @ column": (lambda S, x: S @ x, (3, 1)),
    "S @ matrix": (lambda S, x: S @ x, (3, 2)),
    "S.dot": (lambda S, x: S.dot(x), (3,)),
    "vector @ S": (lambda S, x: x @ S, (2,)),
    "row @ S": (lambda S, x: x @ S, (1, 2)),
    "matrix @ S": (lambda S, x: x @ S, (4, 2)),
    "S.T @ matrix": (lambda S, x: S.T @ x, (2, 2)),
    "matrix @ S.T": (lambda S, x: x @ S.T, (2, 3)),
}


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name, form, kind):
    product, shape = PRODUCTS[name]
    S = getattr(scipy.sparse, f"{form}_{kind}")(DENSE)
    x = RNG.normal(size=shape)
    fun = lambda x: product(S, x)
    want = np.stack([fun(e.reshape(shape)) for e in np.eye(x.size)], -1).reshape(*fun(x).shape, *shape)
    for derivative in (jacobian, jacfwd):
        np.testing.assert_allclose(derivative(fun)(x), want)
    values = []
    grad(lambda x: values.append(fun(x)) or np.sum(values[0]))(x)
    assert values[0].shape == fun(x).shape
    second = hessian(lambda x: np.sum(fun(x) ** 2))(x)
    np.testing.assert_allclose(second, 2 * np.tensordot(want, want, (range(fun(x).ndim),) * 2))


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_in_batches(name):
    product, shape = PRODUCTS[name]
    S = scipy.sparse.csr_array(DENSE)
    xs = RNG.normal(size=(5, *shape))
    FALLBACKS.clear()
    fun = vmap(lambda x: product(S, x))
    np.testing.assert_allclose(fun(xs), [product(S, x) for x in xs])
    slope = vmap(grad(lambda x: np.sum(product(S, x) ** 3)))
    np.testing.assert_allclose(slope(xs), [grad(lambda x: np.sum(product(S, x) ** 3))(x) for x in xs])
    assert not FALLBACKS


def test_sparse_matrices_multiply_by_a_star():
    S = scipy.sparse.csr_matrix(DENSE)
    np.testing.assert_allclose(jacobian(lambda x: S * x)(np.ones(3)), DENSE)
    np.testing.assert_allclose(jacobian(lambda x: x * S)(np.ones(2)), DENSE.T)
    np.testing.assert_allclose(jacobian(lambda x: x[0] * np.ones(3) @ S.T)(np.ones(1))[:, 0], DENSE.sum(1))


def test_vectors_and_single_rows():
    v = scipy.sparse.coo_array(np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(grad(lambda x: v @ x)(np.ones(3)), [1, 0, 2])
    np.testing.assert_allclose(grad(lambda x: x @ v)(np.ones(3)), [1, 0, 2])
    assert jacobian(lambda x: v @ x)(np.ones((3, 2))).shape == (2, 3, 2)
    for form in FORMATS:
        row = getattr(scipy.sparse, f"{form}_array")(np.ones((1, 3)))
        assert jacobian(lambda x, row=row: row @ x)(np.ones(3)).shape == (*(row @ np.ones(3)).shape, 3)


@pytest.mark.parametrize("of_matrix", [np.float32, np.float64, np.complex64, np.int64])
@pytest.mark.parametrize("of_array", [np.float32, np.float64, np.complex128])
def test_dtypes(of_matrix, of_array):
    S = scipy.sparse.csr_array(DENSE.round()).astype(of_matrix)
    x = np.ones(3, of_array)
    seen = []
    slope = grad(lambda x: seen.append(S @ x) or np.real(np.sum(S @ x)))(x)
    assert seen[0].dtype == (S @ x).dtype
    assert slope.dtype == of_array
    np.testing.assert_allclose(slope, DENSE.round().sum(0))


def test_variables_and_assignable_arrays():
    S = scipy.sparse.csr_array(DENSE)
    x = Variable(np.ones(3))
    ((S @ x) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * DENSE.T @ DENSE.sum(1))

    def fun(x):
        out = agnp.zeros(3)
        first = S @ out
        out[1] = x
        return np.sum(first) + np.sum(S @ out)

    assert grad(fun)(1.0) == pytest.approx(DENSE[:, 1].sum())


def test_the_pattern_of_a_product():
    S = scipy.sparse.diags_array([np.ones(6), np.ones(5)], offsets=[0, 1])
    found = sparse_jacobian(lambda x: (S @ x) ** 2)(np.arange(1.0, 7.0))
    assert found.nnz == 11
    np.testing.assert_allclose(found.toarray(), jacobian(lambda x: (S @ x) ** 2)(np.arange(1.0, 7.0)))
    assert sparse_jacobian(lambda x: S @ np.reshape(x, (6, 2)))(np.ones(12)).nnz == 22


def test_shapes_that_do_not_fit():
    S = scipy.sparse.csr_array(DENSE)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2,\)"):
        grad(lambda x: np.sum(S @ x))(np.ones(2))
    with pytest.raises(ValueError, match=r"1-D and 2-D"):
        grad(lambda x: np.sum(S @ x))(np.ones((2, 3, 1)))


def test_elsewhere_boxes_are_no_opaque_objects():
    def fun(x):
        assert not hasattr(x, "__array__")
        return np.sum(np.array([x[0], x[1]]))

    assert grad(fun)(np.ones(2)).tolist() == [1, 1]


# ---- systems -------------------------------------------------------------------------------------------------

A = np.array([[4.0, 1.0, 0.0], [0.5, 3.0, 0.0], [0.0, 1.0, 2.0]])


@pytest.mark.parametrize("kind", ["csc_array", "csr_array", "csc_matrix", "dok_array"])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2)])
def test_spsolve(shape, kind):
    matrix, b = getattr(scipy.sparse, kind)(A), RNG.normal(size=shape)
    solve = lambda b: sparse.linalg.spsolve(matrix.tocsc(), b)
    assert jacobian(solve)(b).shape == solve(b).shape + shape
    check_grads(solve, modes=["fwd", "rev"], order=2)(b)
    want = np.linalg.solve(A.T, np.ones((3, *shape[1:])))
    np.testing.assert_allclose(grad(lambda b: np.sum(sparse.linalg.spsolve(matrix, b)))(b), want)


def test_a_matrix_is_factorised_once(monkeypatch):
    calls = []
    splu = linalg.splu
    monkeypatch.setattr(linalg, "splu", lambda *args, **kwargs: calls.append(1) or splu(*args, **kwargs))
    solve = sparse.linalg.factorized(scipy.sparse.csc_array(A))
    fun = lambda b: np.sum(solve(b) ** 3)
    np.testing.assert_allclose(solve(np.ones(3)), np.linalg.solve(A, np.ones(3)))
    inverse = np.linalg.inv(A)
    want = 6 * inverse.T @ np.diag(inverse.sum(1)) @ inverse
    np.testing.assert_allclose(hessian(fun)(np.ones(3)), want)
    vmap(grad(fun))(np.ones((4, 3)))
    assert len(calls) == 1


def test_dtypes_of_solutions():
    matrix = scipy.sparse.csc_array(A.astype(np.float32))
    assert grad(lambda b: np.sum(sparse.linalg.spsolve(matrix, b)))(np.ones(3, np.float32)).dtype == np.float32
    slope = grad(lambda b: np.real(np.sum(sparse.linalg.spsolve(matrix, b))))(np.ones(3, np.complex64))
    assert slope.dtype == np.complex64
    np.testing.assert_allclose(slope, np.linalg.inv(A).sum(0), rtol=1e-6)


def test_systems_that_cannot_be_solved():
    with pytest.raises(ValueError, match="square"):
        sparse.linalg.factorized(scipy.sparse.csc_array(DENSE))
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(2,\)"):
        grad(lambda b: np.sum(sparse.linalg.spsolve(scipy.sparse.csc_array(A), b)))(np.ones(2))
    with pytest.raises(RuntimeError, match="singular"):
        grad(lambda b: np.sum(sparse.linalg.spsolve(scipy.sparse.csc_array(np.ones((2, 2))), b)))(np.ones(2))


def test_everything_of_scipy_is_here():
    assert set(scipy.sparse.__all__) <= set(dir(sparse))
    assert sparse.csr_array is scipy.sparse.csr_array
    assert set(linalg.__all__) <= set(dir(sparse.linalg))


@pytest.mark.parametrize("n", [3, 3000])
@pytest.mark.parametrize("form", ["csr", "dia", "coo"])
def test_a_matrix_that_is_changed_after_its_use(form, n):
    S = getattr(scipy.sparse, f"{form}_array")(scipy.sparse.eye_array(n))

    def fun(x):
        y = S @ (x @ S)
        if S.data.flags.writeable:  # then the product has its own copy
            S.data[...] = 0.0
        return np.sum(y**2)

    np.testing.assert_array_equal(grad(fun)(np.ones(n)), 2.0)
    S.data[...] = 1.0
    if n < 10:
        np.testing.assert_array_equal(hessian(fun)(np.ones(n)), 2 * np.eye(n))
    S.data[...] = 5.0  # it may be written to again
