"""Classes of `numpy.polynomial` with traced coefficients, domains, points and roots, against NumPy's own and differences."""

import tracemalloc

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import grad, hessian, jacobian, jvp, vjp, vmap

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


MODULES = {"poly": "polynomial", "cheb": "chebyshev", "leg": "legendre", "lag": "laguerre", "herm": "hermite", "herme": "hermite_e"}


def functions(basis, name):
    """The function of the namespace, and NumPy's."""
    return tuple(getattr(getattr(space.polynomial, MODULES[basis]), basis + name) for space in (np, onp))


@pytest.mark.parametrize("name", ["leg", "lag", "herm", "herme"])
@pytest.mark.parametrize(("n", "m"), [(60, 4), (40, 50)])
def test_products_of_long_series(name, n, m):
    """Both modes against NumPy's product of unit vectors, and no table of all products of basis functions."""
    own, plain = functions(name, "mul")
    rng = onp.random.default_rng(0)
    a, b, g = rng.normal(size=n), rng.normal(size=m), rng.normal(size=n + m - 1)
    tracemalloc.start()
    value, pull = vjp(own, a, b)
    of_a, of_b = pull(g)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 * (n + m) * max(n, m)
    onp.testing.assert_allclose(value, plain(a, b), rtol=1e-10, atol=1e-12 * onp.max(onp.abs(value)))
    for found, other in ((of_a, b), (of_b, a)):
        for i in (0, 1, 3, len(found) // 2, len(found) - 1):
            unit = onp.append(onp.zeros(i), 1.0)
            with_g = lambda product, g: product[: len(g)] @ g[: len(product)]  # NumPy's may have a zero at its end
            size = sum(with_g(onp.abs(plain(unit, e[: j + 1])), onp.abs(g)) for j, e in enumerate(onp.diag(other)))
            assert abs(found[i] - with_g(plain(unit, other), g)) < 1e-13 * size
    tangent = jvp(own, (a, b), (a, -b))[1]
    assert onp.max(onp.abs(tangent)) < 1e-12 * onp.max(onp.abs(value))


@pytest.mark.parametrize("name", MODULES)
def test_the_product_of_a_long_series_with_the_variable(name):
    own, plain = functions(name, "mulx")
    c = onp.random.default_rng(0).normal(size=20_000)
    value, pull = vjp(own, c)
    onp.testing.assert_allclose(value, plain(c), rtol=1e-13, atol=1e-15)
    (back,) = pull(value)
    assert back @ c == pytest.approx(value @ value, rel=1e-12)
    assert [onp.asarray(x).tolist() for x in jvp(own, (onp.zeros(1),), (onp.zeros(1),))] == [[0.0], [0.0]]


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(("n", "call"), [(101, "der"), (102, "der"), (130, "int")])
def test_calculus_of_long_series(name, n, call):
    own, plain = functions(name, call)
    rng = onp.random.default_rng(0)
    for dtype, rtol in ((float, 1e-11), (onp.float32, 1e-4), (complex, 1e-11)):
        if dtype is onp.float32 and name in ("herm", "herme") and call == "int":
            continue  # the value at the lower bound overflows
        c = rng.normal(size=(n, 2)).astype(dtype) / (1 + onp.arange(n)[:, None]).astype(dtype)
        keywords = {} if call == "der" else {"lbnd": 0.3, "k": [0.5]}
        value, tangent = jvp(lambda c, keywords=keywords: own(c, 1, **keywords), (c,), (c,))
        want = plain(c, 1, **keywords)
        assert value.dtype == want.dtype
        onp.testing.assert_allclose(value, want, rtol=rtol, atol=rtol * onp.max(onp.abs(want)))
        if call == "der":
            onp.testing.assert_allclose(tangent, want, rtol=rtol, atol=rtol * onp.max(onp.abs(want)))
    values, _ = functions(name, "val")
    points = onp.linspace(-0.9, 0.9, 5)
    c = rng.normal(size=n) * 0.1 ** onp.arange(n)
    slopes = functions(name, "val")[1](points, functions(name, "der")[1](c))
    onp.testing.assert_allclose(grad(lambda x: np.sum(values(x, c)))(points), slopes, rtol=1e-11)
