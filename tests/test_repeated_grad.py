"""`elementwise_grad` and `deriv` applied to themselves: one run in Taylor mode, which must not differ from many runs."""

from __future__ import annotations

import warnings

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import checkpoint, custom_jvp, deriv, elementwise_grad, grad, jvp, primitive
from autograd_clone.extend import defvjp
from autograd_clone.transforms import gradients

from .cases import DIFFERENTIABLE
from .checks import per_record

X = onp.array([-1.3, -0.4, 0.2, 0.9])
UFUNCS = [
    p for p in DIFFERENTIABLE
    if p.kind == "elementwise" and isinstance(p.fun, onp.ufunc) and (p.name.startswith("numpy.") or p.fun.nin == 1)
]  # fmt: skip
#: Where functions have kinks, ties, poles and ends of their domains.
POINTS = (-1.0, 0.0, 1.0, 1.5)


def nested(transform, f, order):
    """The transform of a function that it does not know to be a transform."""
    for _ in range(order):
        f = transform(lambda x, f=f: f(x))
    return f


def repeated(transform, f, order):
    for _ in range(order):
        f = transform(f)
    return f


@pytest.fixture
def used(monkeypatch):
    """Whether Taylor mode has answered, call by call."""
    answers = []

    def spy(*args):
        found = original(*args)
        answers.append(found is not None and found is not NotImplemented)
        return found

    original = gradients.elementwise_derivative
    monkeypatch.setattr(gradients, "elementwise_derivative", spy)
    return answers


@per_record(UFUNCS)
def test_no_difference_at_kinks_and_singular_points(prim):
    n = prim.fun.nin
    for i in range(n):
        for constant in (0.0, 1.0) if n > 1 else (0.0,):

            def f(x, i=i, constant=constant):
                args = [constant] * n
                args[i] = x
                return prim.fun(*args)

            for point in POINTS:
                x = onp.array([point])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        want = nested(elementwise_grad, f, 3)(x)
                    except (TypeError, NotImplementedError, ValueError):
                        continue  # an operand without a derivative, or of integers
                    got = repeated(elementwise_grad, f, 3)(x)
                onp.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10, err_msg=f"operand {i} at {x}, others {constant}")


@pytest.mark.parametrize("transform", [elementwise_grad, deriv])
@pytest.mark.parametrize("order", [3, 5])
def test_elementwise_functions_take_one_run(transform, order, used):
    runs = []

    def f(x):
        runs.append(1)
        return np.where(x > 0, np.tanh(x), x**3) * np.exp(-x * x) + np.maximum(x, 0.5) / (2.0 + np.sin(x))

    want = nested(transform, f, order)(X)
    runs.clear()
    got = repeated(transform, f, order)(X)
    assert len(runs) == 1
    assert used == [True]
    onp.testing.assert_allclose(got, want, rtol=1e-10)
    single = X.astype(onp.float32)
    assert repeated(transform, f, order)(single).dtype == onp.float32
    assert type(repeated(transform, f, order)(0.3)) is onp.float64


@primitive
def opaque(x):
    return onp.sin(x)


defvjp(opaque, lambda ans, x: lambda g: g * np.cos(x))


@custom_jvp
def squared(x):
    return x * x


squared.defjvp(lambda primals, tangents: jvp(lambda x: x * x, primals, tangents))

OTHERS = {
    "sum": lambda x: x * np.sum(x**2),
    "moved": lambda x: x[::-1] * x**2,
    "broadcast": lambda x: np.sin(x) * onp.ones((2, 4)),
    "product": lambda x: onp.arange(16.0).reshape(4, 4) @ x**3,
    "catches all": lambda x: _caught(x),
    "checkpoint": checkpoint(lambda x: x**2 * np.sum(x)),
    "users' primitive": lambda x: opaque(x**2),
    "custom rule": lambda x: squared(x) ** 2,
    "not finite": lambda x: np.where(x > 0, np.sqrt(np.abs(x - 0.2)), 1.0) * x,
    "larger": lambda x: np.concatenate([x, x**2]),
}


def _caught(x):
    try:
        return x * np.sum(x**2)
    except BaseException:  # noqa: BLE001 - what it must not come to
        return x


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("transform", [elementwise_grad, deriv])
def test_others_are_taken_as_ever(name, transform, used):
    f = OTHERS[name]
    want = nested(transform, f, 3)(X)
    g = repeated(transform, f, 3)
    onp.testing.assert_array_equal(g(X), want)
    assert not any(used)
    used.clear()
    onp.testing.assert_array_equal(g(X), want)
    assert (len(used) == 1) == (name != "not finite")  # that of traced values, for which nothing is tried


def test_further_arguments_and_names(used):
    f = lambda a, x, c=1.0: a * np.sin(c * x)
    xs = onp.linspace(0.0, 1.0, 1000)
    want = -8 * onp.sin(2 * xs)
    for argnum in (1, "x"):
        g = elementwise_grad(elementwise_grad(f, argnum), argnum)
        onp.testing.assert_allclose(g(2.0, xs, c=2.0), want)
        onp.testing.assert_allclose(g(2.0, x=xs, c=2.0) if argnum == "x" else g(2.0, xs, 2.0), want)
    assert used == [True] * 4
    mixed = elementwise_grad(elementwise_grad(f, 0), 1)(xs, xs, 2.0)
    onp.testing.assert_allclose(mixed, 2 * onp.cos(2 * xs))
    assert len(used) == 4


def test_inside_of_other_transforms():
    third = lambda x: np.sum(repeated(elementwise_grad, np.tanh, 3)(x) ** 2)
    onp.testing.assert_allclose(grad(third)(X), grad(lambda x: np.sum(nested(elementwise_grad, np.tanh, 3)(x) ** 2))(X), rtol=1e-12)


def test_errors_are_those_of_the_function():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        repeated(elementwise_grad, f, 3)(X)
    assert np.all(repeated(elementwise_grad, np.sin, 2)(onp.ones(0)) == onp.ones(0))
