"""Classes of `numpy.polynomial` with traced coefficients, domains, points and roots, against NumPy's own and differences."""

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import grad, hessian, jacobian, jvp, vmap

from . import oracle

CLASSES = ["Polynomial", "Chebyshev", "Legendre", "Laguerre", "Hermite", "HermiteE"]
C = onp.array([0.7, -0.4, 0.9, 0.3])
D = onp.array([0.5, 0.8])
DOMAIN = onp.array([-0.3, 1.7])
X = onp.array([-0.2, 0.4, 1.1])

#: name -> (function of a class and an array, the array)
CALLS = {
    "values in the coefficients": (lambda K, c: K(c)(X), C),
    "values in the points": (lambda K, x: K(C)(x), X),
    "values in the domain": (lambda K, d: K(C, domain=d, window=[-1.0, 1.0])(X), DOMAIN),
    "product": (lambda K, c: (K(c) * K(D)).coef, C),
    "sum with a number": (lambda K, c: (c[0] * K(c) + c[1] - K(D)).coef, C),
    "power": (lambda K, c: (K(c) ** 3).coef, C[:3]),
    "quotient": (lambda K, c: divmod(K(c), K(D))[0].coef, C),
    "remainder": (lambda K, c: (K(c) % K(D)).coef, C),
    "derivative": (lambda K, d: K(C, domain=d).deriv(2).coef, DOMAIN),
    "integral": (lambda K, d: K(C, domain=d).integ(2, k=[0.3, d[0]], lbnd=0.2)(0.4), DOMAIN),
    "from roots": (lambda K, r: K.fromroots(r)(0.3), X),
    "fit in the values": (lambda K, y: K.fit(onp.linspace(-1, 2, 4), y, 2).coef, C),
    "fit in the points": (lambda K, x: K.fit(x, onp.append(X, 1.0), 2)(0.3), onp.array([-1.0, 0.1, 0.8, 2.0])),
    "conversion": (lambda K, c: K(c).convert(kind=K).trim().coef, C),
    "composition": (lambda K, c: K(c)(K(c[:2])).coef, C[:3]),
    "points of a line": (lambda K, d: K(C, domain=d).linspace(3), DOMAIN),
    "identity": (lambda K, d: K.identity(d).coef, DOMAIN),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("cls", CLASSES)
def test_classes(cls, name):
    function, x = CALLS[name]
    own, numpys = getattr(np.polynomial, cls), getattr(onp.polynomial, cls)
    f, plain = (lambda x, K=K: np.concatenate([np.ravel(y) for y in np.atleast_1d(function(K, x))]) for K in (own, numpys))
    onp.testing.assert_allclose(f(x), plain(x), rtol=1e-12)
    want = oracle.jacobian(plain, x, step=0.02)
    onp.testing.assert_allclose(jacobian(f)(x), want, rtol=1e-7, atol=1e-8)
    onp.testing.assert_allclose(jvp(f, (x,), (x,))[1], want @ x, rtol=1e-7, atol=1e-8)
    loss = lambda x: np.sum(f(x) ** 2)
    numeric = oracle.hessian(lambda x: onp.sum(plain(x) ** 2), x, step=0.02)
    onp.testing.assert_allclose(hessian(loss)(x), numeric, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", CLASSES)
def test_roots(cls):
    own, numpys = getattr(np.polynomial, cls), getattr(onp.polynomial, cls)
    c = numpys.fromroots([-0.5, 0.2, 0.9]).coef
    want = oracle.jacobian(lambda c: numpys(c).roots(), c, step=0.01)
    onp.testing.assert_allclose(jacobian(lambda c: own(c).roots())(c), want, rtol=1e-6, atol=1e-6)
    assert isinstance(own(c), numpys)
    assert str(own(C)) == str(numpys(C))


def test_lists_of_traced_values_and_batches():
    f = lambda a: np.polynomial.polynomial.polyval(0.3, [a, 2.0, a * a])
    assert grad(f)(0.5) == pytest.approx(1 + 2 * 0.5 * 0.09)
    batch = onp.stack([C, 2 * C])
    values = vmap(lambda c: np.polynomial.Chebyshev(c)(X))(batch)
    onp.testing.assert_allclose(values, [onp.polynomial.Chebyshev(c)(X) for c in batch], rtol=1e-13)


def test_interpolation_of_a_traced_function():
    f = lambda a: np.polynomial.Chebyshev.interpolate(lambda x: np.exp(a * x), 4, domain=[0, 1]).coef
    plain = lambda a: onp.polynomial.Chebyshev.interpolate(lambda x: onp.exp(a * x), 4, domain=[0, 1]).coef
    onp.testing.assert_allclose(jacobian(f)(0.7), oracle.jacobian(plain, 0.7), rtol=1e-8)
