"""The methods of ufuncs on traced arrays, against NumPy's values and the oracle's derivatives."""

import numpy as np
import pytest

from autograd_clone import grad, hessian, jacobian, jvp, vmap
from autograd_clone.engine.errors import TracedConversionError, UnsupportedKeywordError

from . import oracle

X = np.array([[0.5, 1.6, 2.5, 0.9], [1.7, 0.3, 0.85, 2.1], [1.1, 2.3, 1.4, 0.6]])
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True]])
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin,
    np.logaddexp, np.logaddexp2, np.hypot, np.copysign, np.remainder, np.fmod,
]  # fmt: skip


def per_ufunc(ufuncs):
    return pytest.mark.parametrize("ufunc", ufuncs, ids=[u.__name__ for u in ufuncs])


def agrees(f, x):
    """Value, Jacobian by both modes, and the Hessian of a sum of squares."""
    want = oracle.jacobian(f, x)
    np.testing.assert_allclose(jacobian(f)(x), want, rtol=1e-8, atol=1e-8)
    v = np.random.default_rng(0).normal(size=np.shape(x))
    value, t = jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=1e-13, strict=True)
    np.testing.assert_allclose(t, np.tensordot(want, v, np.ndim(x)), rtol=1e-8, atol=1e-8)
    loss = lambda x: np.sum(f(x) ** 2)
    np.testing.assert_allclose(hessian(loss)(x), oracle.hessian(loss, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": -2, "keepdims": True}], ids=str)
@per_ufunc(BINARY)
def test_reduce(ufunc, options):
    agrees(lambda x: ufunc.reduce(x, **options), X[:, :3])


@per_ufunc([np.add, np.multiply, np.maximum, np.fmin, np.logaddexp, np.hypot])
def test_reduce_over_several_axes_from_an_initial_value_and_under_a_mask(ufunc):
    agrees(lambda x: ufunc.reduce(x, axis=(1, 0), keepdims=True), X[:2, :3])
    agrees(lambda x: ufunc.reduce(x, axis=None, initial=1.3), X[:2, :3])
    agrees(lambda x: ufunc.reduce(x, axis=0, initial=0.4, where=MASK[:2, :3]), X[:2, :3])


@per_ufunc(BINARY)
def test_reduce_from_an_initial_value(ufunc):
    agrees(lambda x: ufunc.reduce(x, axis=1, initial=1.3), X[:, :3])
    agrees(lambda x: np.stack([ufunc.reduce(x[1:], initial=x[0]), ufunc.reduce(x[4:], initial=x[2])]), X[0])


@per_ufunc([np.divide, np.subtract, np.copysign, np.logaddexp])
def test_reduce_under_a_mask_from_an_initial_value(ufunc):
    agrees(lambda x: ufunc.reduce(x, axis=0, initial=0.4, where=MASK[:, :3]), X[:, :3])


@per_ufunc([np.floor_divide, np.heaviside, np.nextafter])
def test_the_first_element_goes_through_a_piecewise_constant_ufunc(ufunc):
    x = np.array([[0.7, 1.3, 2.1], [1.9, 0.4, 0.6]])
    agrees(lambda x: ufunc.accumulate(x, axis=1), x)
    agrees(lambda x: ufunc.reduce(x[:1]), x)
    agrees(lambda x: ufunc.reduceat(x, [0, 1, 2], axis=1), x)


@pytest.mark.parametrize("options", [{}, {"initial": None}, {"initial": 0.0}], ids=str)
def test_hypot_of_one_element_is_the_element_only_if_there_is_no_identity(options):
    x = np.array([[-1.5, 0.7]])
    f = lambda x: np.hypot.reduce(x, axis=0, **options)
    agrees(f, x)
    np.testing.assert_array_equal(vmap(f)(np.stack([x, 2 * x])), np.stack([f(x), f(2 * x)]))


@per_ufunc([np.minimum, np.fmin, np.multiply, np.subtract])
def test_an_unsigned_operand_of_64_bits_does_not_become_negative(ufunc):
    x = np.array([-2.169, 0.5])
    for n in (np.uint64(2**63), np.full(2, 2**64 - 1, np.uint64)):
        slope = float(np.max(n)) if ufunc is np.multiply else 1.0
        np.testing.assert_allclose(grad(lambda x, n=n: np.sum(ufunc(x, n)))(x), slope)
        np.testing.assert_allclose(jvp(lambda x, n=n: ufunc.outer(x, n), (x,), (x,))[1].T, np.broadcast_to(slope * x, (*np.shape(n), 2)))


def test_reduce_where_numpy_is_wrong():
    # The vectorised loops of NumPy 2.4 take power.reduce([2, 3, 2]) for 4, and mistake arctan2.reduce too.
    x = np.array([2.0, 3.0, 2.0])
    for ufunc in (np.power, np.arctan2):
        want = lambda x, ufunc=ufunc: ufunc(ufunc(x[0], x[1]), x[2])
        value, _ = jvp(ufunc.reduce, (x,), (np.zeros(3),))
        np.testing.assert_allclose(value, want(x), rtol=1e-13)
        np.testing.assert_allclose(grad(ufunc.reduce)(x), oracle.gradient(want, x), rtol=1e-8)


@pytest.mark.parametrize("axis", [0, -1])
@per_ufunc(BINARY)
def test_accumulate(ufunc, axis):
    agrees(lambda x: ufunc.accumulate(x, axis=axis), X[:, :3])


@pytest.mark.parametrize("indices", [[0, 2], [0, 3, 1, 2], [2, 2, 0], []], ids=str)
@per_ufunc([np.add, np.multiply, np.maximum, np.logaddexp, np.subtract])
def test_reduceat(ufunc, indices):
    agrees(lambda x: ufunc.reduceat(x, np.array(indices, int), axis=1), X[:2])


@per_ufunc(BINARY)
def test_outer(ufunc):
    agrees(lambda x: ufunc.outer(x[0, :2], x[:2, 1:3]), X)
    agrees(lambda x: ufunc.outer(x, 1.1), X[0])
    agrees(lambda x: ufunc.outer([1.15, 0.71], x), X[0])


def test_dtype():
    x = X.astype(np.float32)
    assert grad(lambda x: np.sum(np.add.reduce(x, dtype=np.float64)))(x).dtype == np.float32
    agrees(lambda x: np.multiply.accumulate(x, axis=1, dtype=np.complex128).real, X[:2, :2])


def test_methods_of_constant_ufuncs_give_plain_values():
    def f(x):
        assert np.logical_and.reduce(x > 0, axis=1).all()
        assert np.array_equal(np.greater.outer(x[0], x[1]), np.greater.outer(X[0], X[1]))
        assert np.array_equal(np.logical_or.accumulate(x, axis=0), np.ones(X.shape, bool))
        assert np.array_equal(np.logical_or.reduceat(x, [0, 1], axis=1), np.ones((3, 2), bool))
        return np.sum(x)

    assert np.array_equal(grad(f)(X), np.ones(X.shape))


def test_what_is_refused():
    with pytest.raises(TracedConversionError, match=r"numpy\.add\.at"):
        grad(lambda x: np.add.at(np.zeros(3), [0, 1, 1, 2], x))(X[0])
    with pytest.raises(UnsupportedKeywordError, match="out="):
        grad(lambda x: np.add.reduce(x, out=np.zeros(())))(X[0])
    with pytest.raises(ValueError, match="does not have an identity"):
        grad(lambda x: np.divide.reduce(x, where=np.array([True, False, True, True])))(X[0])
    with pytest.raises(UnsupportedKeywordError, match=r"numpy\.divide\.reduce.*dtype=object"):
        grad(lambda x: np.divide.reduce(x, dtype=object))(X)
    with pytest.raises(ValueError, match="not reorderable"):
        grad(lambda x: np.subtract.reduce(x, axis=(0, 1)))(X)
