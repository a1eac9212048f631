"""Repeated eigenvalues and singular values: smooth functions have their derivative, others NaN or an error.

The functions are smooth although eigenvectors are not, so differences of the plain functions are the truth.
"""

from __future__ import annotations

import numpy as np
import pytest

import autograd_clone.scipy.linalg as scipy_linalg
from autograd_clone import grad, hessian, jacfwd, jacrev, jvp, linearize, value_and_grad, vmap
from autograd_clone.engine.errors import DirectionNeededError
from autograd_clone.variable import Variable

from . import oracle

rng = np.random.default_rng(0)


def orthogonal(n, complex=False):
    x = rng.standard_normal((n, n))
    return np.linalg.qr(x + 1j * rng.standard_normal((n, n)) if complex else x)[0]


def hermitian(w, complex=False):
    q = orthogonal(len(w), complex)
    return H((q * w) @ np.conj(q.T))


def H(a):
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def with_values(s, m, n):
    return orthogonal(m)[:, : len(s)] * s @ orthogonal(n)[: len(s)]


SYMMETRIC = {
    "one pair": hermitian([1.0, 1, 2, 3]),
    "a triple": hermitian([1.0, 1, 1, 3]),
    "two pairs": hermitian([1.0, 1, 2, 2]),
    "diagonal": np.diag([2.0, 1, 1, 3]),
    "identity": np.eye(4),
    "zero": np.zeros((4, 4)),
    "complex": hermitian([1.0, 1, 2, 3], complex=True),
}


def spectral(f):
    """``V diag(f(w)) V^H`` of the Hermitian part."""

    def function(a, eigh=np.linalg.eigh):
        w, v = eigh(H(a))
        return (v * f(w)) @ np.conj(np.swapaxes(v, -1, -2))

    return function


OF_BOTH = {
    "exp": spectral(np.exp),
    "shifted inverse": spectral(lambda w: 1 / (5 + w)),
    "the matrix itself": spectral(lambda w: w),
    "zero there": spectral(lambda w: np.sin(np.pi * w)),
    "a sum": lambda a: spectral(np.exp)(a) + spectral(np.sin)(a) @ np.diag([1.0, 2, 3, 4]),
}


def directions(a, n=2):
    return [oracle.direction(rng, a) for _ in range(n)]


def weights(shape, a):
    return oracle.direction(rng, np.zeros(shape, a.dtype))


def check_first_order(f, a, c):
    """``Re sum(c * f(a))`` in every mode."""
    loss = lambda x: np.sum(np.real(c * f(x)))
    (d,) = directions(a, 1)
    want = pytest.approx(float(oracle.directional(loss, [a], [d], step=0.02)[0].value), rel=1e-7, abs=1e-8)
    assert jvp(loss, (a,), (d,))[1] == want
    assert np.sum(np.real(grad(loss)(a) * d)) == want
    assert np.sum(np.real(value_and_grad(loss)(a)[1] * d)) == want
    assert linearize(loss, a)[1](d) == want
    assert np.sum(np.real(vmap(grad(loss))(np.stack([a, a + H(d) if a.shape[0] == a.shape[1] else a + d]))[0] * d)) == want
    if a.dtype.kind == "f":
        assert np.sum(jacfwd(loss)(a) * d) == want
        assert np.einsum("ij,ijkl,kl", c, jacfwd(f)(a), d) == want
        assert np.einsum("ij,ijkl,kl", c, jacrev(f)(a), d) == want


@pytest.mark.parametrize("name", OF_BOTH)
@pytest.mark.parametrize("a", SYMMETRIC.values(), ids=SYMMETRIC)
def test_functions_of_eigenvalues_and_eigenvectors(a, name):
    check_first_order(OF_BOTH[name], a, weights((4, 4), a))


@pytest.mark.parametrize("a", SYMMETRIC.values(), ids=SYMMETRIC)
def test_weights_that_hide_what_eigenvalues_and_eigenvectors_share(a):
    check_first_order(spectral(lambda w: np.sin(np.pi * w)), a, np.ones((4, 4), a.dtype))
    check_first_order(spectral(np.exp), a, np.ones((4, 4), a.dtype))


def test_scipy_eigh():
    a = SYMMETRIC["one pair"]
    check_first_order(lambda x: spectral(np.exp)(x, scipy_linalg.eigh), a, weights((4, 4), a))


RECTANGULAR = {
    "a pair": with_values([2.0, 2, 1], 3, 3),
    "a pair, wide": with_values([2.0, 2, 1], 3, 4),
    "a triple, tall": with_values([2.0, 2, 2], 5, 3),
    "identity": np.eye(3),
    "part of the identity": np.eye(3, 4),
    "rank two": with_values([2.0, 1], 3, 3),
    "rank one": with_values([2.0], 3, 4),
    "zero": np.zeros((3, 3)),
}


def product_of_svd(f, full_matrices=False):
    """``U f(S) V^H``, which is smooth where `f` is odd."""

    def function(a):
        u, s, vh = np.linalg.svd(a, full_matrices)
        k = s.shape[-1]
        return (u[..., :k] * f(s)) @ vh[..., :k, :]

    return function


@pytest.mark.parametrize("full_matrices", [False, True])
@pytest.mark.parametrize("a", RECTANGULAR.values(), ids=RECTANGULAR)
def test_functions_of_singular_values_and_vectors(a, full_matrices):
    check_first_order(product_of_svd(lambda s: s, full_matrices), a, weights(a.shape, a))
    check_first_order(product_of_svd(lambda s: s**3 - np.sin(s), full_matrices), a, weights(a.shape, a))


# ---- second derivatives --------------------------------------------------------------------------------------


def second_derivatives(loss, a, d, e):
    return {
        "forward over reverse": lambda: np.sum(np.real(jvp(grad(loss), (a,), (e,))[1] * d)),
        "reverse over reverse": lambda: np.sum(np.real(grad(lambda x: np.sum(np.real(grad(loss)(x) * d)))(a) * e)),
        "reverse over forward": lambda: np.sum(np.real(grad(lambda x: jvp(loss, (x,), (d,))[1])(a) * e)),
        "forward over forward": lambda: jvp(lambda x: jvp(loss, (x,), (d,))[1], (a,), (e,))[1],
    }


OF_VALUES = {
    "sum of exp": lambda w: np.sum(np.exp(w)),
    "product": np.prod,
    "log of a sum": lambda w: np.log(np.sum(np.exp(2 * w))),
}


@pytest.mark.parametrize("function", OF_VALUES.values(), ids=OF_VALUES)
@pytest.mark.parametrize("a", SYMMETRIC.values(), ids=SYMMETRIC)
def test_symmetric_functions_of_eigenvalues_to_second_order(a, function):
    loss = lambda x: function(np.linalg.eigvalsh(H(x)))
    d, e = directions(a)
    want = float(oracle.second_directional(loss, [a], [d], [e])[0].value)
    for value in second_derivatives(loss, a, d, e).values():
        assert value() == pytest.approx(want, rel=1e-6, abs=1e-7)
    if a.dtype.kind == "f":
        assert np.einsum("ijkl,ij,kl", hessian(loss)(a), d, e) == pytest.approx(want, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("name", ["a pair", "a triple, tall", "identity"])
def test_symmetric_functions_of_singular_values_to_second_order(name):
    a = RECTANGULAR[name]
    loss = lambda x: np.sum(np.linalg.svd(x, compute_uv=False) ** 4)
    d, e = directions(a)
    want = float(oracle.second_directional(loss, [a], [d], [e])[0].value)
    for value in second_derivatives(loss, a, d, e).values():
        assert value() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("name", ["one pair", "diagonal", "complex"])
def test_projectors_to_second_order(name):
    a = SYMMETRIC[name]
    c = weights((4, 4), a)

    def loss(x):
        v = np.linalg.eigh(H(x))[1][:, :2]
        return np.sum(np.real(c * (v @ np.conj(v.T))))

    d, e = directions(a)
    want = float(oracle.second_directional(loss, [a], [d], [e], step=0.02)[0].value)
    for value in second_derivatives(loss, a, d, e).values():
        assert value() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("w", [[1.0, 1, 2], [2.0, 2, 2]])
def test_second_derivatives_of_functions_of_both_are_never_wrong(w):
    a = hermitian(w)
    c = weights(a.shape, a)
    loss = lambda x: np.sum(np.real(c * spectral(np.exp)(x)))
    d, e = directions(a)
    want = float(oracle.second_directional(loss, [a], [d], [e])[0].value)
    for value in second_derivatives(loss, a, d, e).values():
        got = value()
        assert np.isnan(got) or got == pytest.approx(want, rel=1e-6)


# ---- what has no derivative ------------------------------------------------------------------------------


def test_an_eigenvector_of_a_repeated_eigenvalue_has_no_gradient():
    assert np.isnan(grad(lambda x: np.linalg.eigh(x)[1][0, 0])(SYMMETRIC["one pair"])).all()


def test_the_largest_eigenvalue_has_a_subgradient():
    a = hermitian([1.0, 2, 3, 3])
    for f in (lambda x: np.linalg.eigvalsh(x)[-1], lambda x: np.linalg.eigh(x)[0][-1]):
        g = H(grad(f)(a))
        assert np.trace(g) == pytest.approx(1)
        assert np.sum(g * a) == pytest.approx(3)


def test_a_variable_says_what_to_use():
    x = Variable(SYMMETRIC["one pair"])
    loss = np.sum(spectral(np.exp)(x))
    with pytest.raises(DirectionNeededError, match="Use grad or jvp"):
        loss.backward()
