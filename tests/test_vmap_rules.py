"""Functions with rules of users' own inside of batches, nested with derivatives in every order.

Their rules see one example at a time, also where the boxes of younger traces lie around the batch.
"""

from __future__ import annotations

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    checkpoint_sequence,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jet,
    jvp,
    laplacian,
    linearize,
    make_ggnvp,
    primitive,
    vjp,
    vmap,
)
from autograd_clone.extend import defjvp, defvjp

X = onp.array([0.3, -0.7, 0.5])
V = onp.array([1.0, 2.0, -1.0])
S = onp.random.default_rng(0).normal(size=(4, 3))


def _one(a):
    """The rules are for one example."""
    assert np.shape(a) in ((), (3,))
    return a


def plain(a, b):
    return np.sin(a) * b * b


@primitive
def with_vjp(a, b):
    return onp.sin(_one(a)) * b * b


defvjp(with_vjp, lambda ans, a, b: lambda g: _one(g) * np.cos(a) * b * b, lambda ans, a, b: lambda g: g * np.sin(_one(a)) * 2 * b)


@primitive
def with_jvp(a, b):
    return onp.sin(_one(a)) * b * b


defjvp(with_jvp, lambda t, ans, a, b: _one(t) * np.cos(a) * b * b, lambda t, ans, a, b: t * np.sin(_one(a)) * 2 * b)


@custom_vjp
def with_custom_vjp(a, b):
    return plain(_one(a), b)


with_custom_vjp.defvjp(
    lambda a, b: (plain(a, b), (a, b)),
    lambda residual, g: (g * np.cos(residual[0]) * residual[1] ** 2, g * np.sin(residual[0]) * 2 * residual[1]),
)


@custom_jvp
def with_custom_jvp(a, b):
    return plain(_one(a), b)


with_custom_jvp.defjvp(
    lambda p, t: (plain(*p), t[0] * np.cos(p[0]) * p[1] ** 2 + t[1] * 2 * p[1] * np.sin(p[0])),
)

FUNCTIONS = [with_vjp, with_jvp, with_custom_vjp, with_custom_jvp, checkpoint(plain)]
NAMES = ["defvjp", "defjvp", "custom_vjp", "custom_jvp", "checkpoint"]


def third(f, x, v):
    """The third derivative along a curve."""
    return jet(f, (x,), ([v, X, V],))[1][2]


NESTS = {
    "hessian": lambda f: vmap(lambda s: hessian(lambda a: np.sum(f(a, s)))(X))(S),
    "hessian, chunks": lambda f: vmap(lambda s: hessian(lambda a: np.sum(f(a, s)), chunk_size=3)(X))(S),
    "hessian, both batched": lambda f: vmap(lambda s: hessian(lambda a: np.sum(f(a, s)), chunk_size=2)(s * 2))(S),
    "hessian, second operand": lambda f: vmap(lambda s: hessian(lambda b: np.sum(f(s, b)), chunk_size=3)(X))(S),
    "hvp": lambda f: vmap(lambda s: hvp(lambda a: np.sum(f(a, s)), (X,), (V,)))(S),
    "jacfwd": lambda f: vmap(lambda s: jacfwd(lambda a: f(a, s))(X))(S),
    "jacrev": lambda f: vmap(lambda s: jacrev(lambda a: f(a, s), chunk_size=3)(X))(S),
    "grad of grad": lambda f: vmap(lambda s: grad(lambda a: np.sum(grad(lambda a: np.sum(f(a, s)))(a) * V))(X))(S),
    "jvp of jvp": lambda f: vmap(lambda s: jvp(lambda a: jvp(lambda a: f(a, s), (a,), (V,))[1], (X,), (V,))[1])(S),
    "grad of jvp": lambda f: vmap(lambda s: grad(lambda a: np.sum(jvp(lambda a: f(a, s), (a,), (V,))[1]))(X))(S),
    "jvp of grad": lambda f: vmap(lambda s: jvp(grad(lambda a: np.sum(f(a, s))), (X,), (V,))[1])(S),
    "jvp of vjp, batched cotangent": lambda f: vmap(lambda s: jacfwd(lambda z: vjp(lambda a: f(a, V), z)[1](s)[0])(X))(S),
    "jet": lambda f: vmap(lambda s: third(lambda a: f(a, s), X, V))(S),
    "jet, batched point": lambda f: vmap(lambda s: third(lambda a: f(s, a), s, V))(S),
    "jet, batched direction": lambda f: vmap(lambda s: third(lambda a: f(a, V), X, s))(S),
    "jet of grad": lambda f: vmap(lambda s: third(grad(lambda a: np.sum(f(a, s))), X, V))(S),
    "grad of jet": lambda f: vmap(lambda s: grad(lambda a: np.sum(third(lambda b: f(b, s), a, V)))(X))(S),
    "laplacian": lambda f: vmap(lambda s: laplacian(lambda a: np.sum(f(a, s)))(X))(S),
    "linearize": lambda f: vmap(lambda s: linearize(lambda a: f(a, s), X)[1](V))(S),
    "ggnvp": lambda f: vmap(lambda s: make_ggnvp(lambda a: f(a, s))(X)(V))(S),
    "vmap of hessian": lambda f: vmap(lambda s: vmap(hessian(lambda a: np.sum(f(a, s))))(S))(S),
    "grad of vmap of hvp": lambda f: grad(lambda S: np.sum(vmap(lambda s: hvp(lambda a: np.sum(f(a, s)), (X,), (V,)))(S) ** 2))(S),
    "jacobian of vmap": lambda f: jacobian(lambda s: vmap(lambda a: f(a, s))(S))(X),
    "hessian of vmap": lambda f: hessian(lambda s: np.sum(vmap(lambda a: f(a, s))(S)), chunk_size=3)(X),
    "jet of vmap": lambda f: third(lambda s: vmap(lambda a: f(a, s))(S), X, V),
    "checkpoint": lambda f: vmap(lambda s: hessian(lambda a: np.sum(checkpoint(lambda z: f(z, s))(a)), chunk_size=3)(X))(S),
    "sequence": lambda f: vmap(
        lambda s: hessian(lambda a: np.sum(checkpoint_sequence(lambda z: f(z, s), 3, memory=1)(a)), chunk_size=3)(X)
    )(S),
}


@pytest.mark.parametrize("f", FUNCTIONS, ids=NAMES)
@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_as_without_rules(nest, f):
    onp.testing.assert_allclose(nest(f), nest(plain), rtol=1e-10, atol=1e-12)


def test_several_results():
    @primitive
    def both(a, b):
        return onp.sin(a) * b, onp.sum(b)

    defvjp(
        both,
        lambda ans, a, b: lambda g: g[0] * np.cos(a) * b,
        lambda ans, a, b: lambda g: g[0] * np.sin(a) + g[1] * np.ones(3),
    )
    use = lambda f: vmap(lambda s: hessian(lambda a: np.sum(f(a, s * a)[0] ** 2) * f(s, a)[1], chunk_size=3)(X))(S)
    onp.testing.assert_allclose(use(both), use(lambda a, b: (np.sin(a) * b, np.sum(b))), rtol=1e-10)


def test_no_examples():
    assert vmap(lambda s: hessian(lambda a: np.sum(with_vjp(a, s)), chunk_size=3)(X))(S[:0]).shape == (0, 3, 3)
