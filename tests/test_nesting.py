"""Three transforms inside of each other, in every order, around a function that takes the variables of all three.

The function is an exponential of each variable, so a transform is a multiplication by a number that is known.
"""

from __future__ import annotations

from math import exp

import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    checkpoint_sequence,
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    grad,
    hvp,
    jacobian,
    jet,
    jvp,
    laplacian,
    linearize,
    vjp,
    vmap,
)


def by_vjp(f):
    """A function with a rule of its own, which closes over nothing."""
    out = custom_vjp(f)
    out.defvjp(lambda *xs: vjp(f, *xs), lambda back, g: back(g))
    return out


def by_jvp(f):
    out = custom_jvp(f)
    out.defjvp(lambda p, t: jvp(f, p, t))
    return out


#: Name -> (transform of ``f`` at ``x``, factor for ``f(x) = exp(k * x)``).
TRANSFORMS = {
    "grad": (lambda f, x: grad(f)(x), lambda k, x: k),
    "deriv": (lambda f, x: deriv(f)(x), lambda k, x: k),
    "jet": (lambda f, x: jet(f, (x,), ([1.0, 0.0],))[1][1], lambda k, x: k**2),
    "vmap": (lambda f, x: np.sum(vmap(f)(np.stack([x, 2 * x]))), lambda k, x: 1 + exp(k * x)),
    "vmap, one example": (lambda f, x: vmap(f)(np.stack([x, 3 * x, x * x]))[1], lambda k, x: exp(2 * k * x)),
    "checkpoint": (lambda f, x: checkpoint(f)(x), lambda k, x: 1),
    "sequence": (lambda f, x: checkpoint_sequence(lambda z: (z[0] * 1.0, z[1] + f(z[0])), 2, memory=1)((x, 0.0 * x))[1], lambda k, x: 2),
    "linearize": (lambda f, x: linearize(f, x)[1](2.0), lambda k, x: 2 * k),
    "jacobian": (lambda f, x: jacobian(lambda v: np.stack([f(v[0]), f(v[1]) * v[0]]))(np.stack([x, x]))[1, 1], lambda k, x: k * x),
    "laplacian": (lambda f, x: laplacian(lambda v: f(v[0] + 2 * v[1]))(np.stack([x / 3, x / 3])), lambda k, x: 5 * k**2),
    "hvp": (lambda f, x: hvp(f, (x,), (3.0,)), lambda k, x: 3 * k**2),
    "elementwise_grad": (lambda f, x: elementwise_grad(elementwise_grad(f))(x), lambda k, x: k**2),
}
RATES, POINT = (1.1, -0.7, 1.3), (0.4, -0.6, 0.9)


@pytest.mark.parametrize("outer", TRANSFORMS)
@pytest.mark.parametrize("middle", TRANSFORMS)
def test_every_order_of_three(outer, middle):
    def value(a, b, c):
        return np.exp(RATES[0] * a + RATES[1] * b + RATES[2] * c)

    start = value(*POINT)
    for inner in TRANSFORMS:
        names = outer, middle, inner
        (first, second, third), factors = zip(*(TRANSFORMS[name] for name in names), strict=True)
        # the points of the inner two do not depend on the outer variables, but are traced with them
        got = first(
            lambda a: second(lambda b: third(lambda c: value(a, b, c), POINT[2] + 0 * a * b), POINT[1] + 0 * a), POINT[0]  # noqa: B023
        )
        want = start
        for factor, k, x in zip(factors, RATES, POINT, strict=True):
            want = want * factor(k, x)
        assert abs(got - want) <= 1e-10 * abs(want), names


@pytest.mark.parametrize("ruled", [by_vjp, by_jvp])
@pytest.mark.parametrize("outer", TRANSFORMS)
def test_rules_between_two(outer, ruled):
    f = ruled(lambda a, c: np.exp(RATES[0] * a + RATES[2] * c))
    first, factor = TRANSFORMS[outer]
    for inner, (second, other) in TRANSFORMS.items():
        got = first(lambda a: second(lambda c: f(a, c), POINT[2] + 0 * a), POINT[0])  # noqa: B023
        want = exp(RATES[0] * POINT[0] + RATES[2] * POINT[2]) * factor(RATES[0], POINT[0]) * other(RATES[2], POINT[2])
        assert abs(got - want) <= 1e-10 * abs(want), (outer, inner)
