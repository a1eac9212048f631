"""`misc` and `test_util`: flattening, optimizers, recorded graphs, fixed points, checks of derivatives."""

import collections
import dataclasses
from typing import NamedTuple

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import deriv, elementwise_grad, grad, jacobian, make_vjp, misc, primitive, value_and_grad
from autograd_clone.extend import defjvp, defvjp, vspace
from autograd_clone.misc.fixed_points import fixed_point
from autograd_clone.misc.flatten import flatten, flatten_func
from autograd_clone.misc.optimizers import adam, rmsprop, sgd, unflatten_optimizer
from autograd_clone.misc.tracers import const_graph, const_graph_unary, full_graph
from autograd_clone.test_util import (
    check_equivalent,
    check_grads,
    check_jvp,
    check_vjp,
    combo_check,
    make_numerical_jvp,
    scalar_close,
)
from autograd_clone.tracer import toposort
from autograd_clone.util import quick_grad_check

X = onp.array([0.5, -1.0, 2.0])

# ---- flatten ------------------------------------------------------------------------------------------------


def same(a, b):
    """Whether two pytrees have one structure and equal leaves."""
    if isinstance(b, dict):
        return type(a) is type(b) and set(a) == set(b) and all(same(a[k], b[k]) for k in b)
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return onp.shape(a) == onp.shape(b) and onp.all(a == b)


class Pair(NamedTuple):
    x: object
    y: object


@pytest.mark.parametrize(
    "tree",
    [
        1.0, X, (), [], {}, onp.ones((0, 3)), [1.0, (X, {"b": X, "a": 2.0})], {"b": [onp.ones((2, 2))], "a": 1.0},
        Pair(1.0, X), 1 + 2j, [X + 1j, 2j], collections.OrderedDict(z=1.0, a=X),
    ],
)  # fmt: skip
def test_flatten_and_back(tree):
    vector, unflatten = flatten(tree)
    assert vector.ndim == 1
    assert vector.size == sum(onp.size(leaf) for leaf in onp.atleast_1d(vector))
    assert same(unflatten(vector), tree)


def test_flatten_sorts_the_keys_of_dicts():
    vector, unflatten = flatten({"b": 1.0, "a": {"d": 2.0, "c": X}})
    assert vector.tolist() == [0.5, -1.0, 2.0, 2.0, 1.0]
    assert unflatten(vector + 1)["a"]["d"] == 3.0


def test_flatten_keeps_dtypes():
    unflatten = flatten({"a": onp.ones(2, onp.float32), "b": 1.0, "c": 1j})[1]
    back = unflatten(onp.arange(4.0) + 0j)
    assert [back[k].dtype for k in "abc"] == [onp.float32, onp.float64, onp.complex128]


def test_flatten_is_differentiable():
    tree = (1.0, {"a": X, "b": [onp.ones((2, 2)), 3.0]})
    check_grads(lambda t: flatten(t)[0])(tree)
    vector, unflatten = flatten(tree)
    check_grads(unflatten)(vector)
    g = grad(lambda t: np.sum(flatten(t)[0] ** 2))(tree)
    assert same(g, (2.0, {"a": 2 * X, "b": [2 * onp.ones((2, 2)), 6.0]}))


def test_flatten_of_a_dataclass():
    @dataclasses.dataclass
    class Line:
        slope: float
        points: onp.ndarray

    vector, unflatten = flatten(Line(1.0, X))
    assert vector.tolist() == [1.0, *X]
    assert unflatten(2 * vector).points.tolist() == (2 * X).tolist()


def test_flatten_func():
    flat, unflatten, start = flatten_func(lambda p, k: [k * p["a"], p["b"]], {"a": X, "b": 2.0})
    assert flat(start, 3.0).tolist() == [1.5, -3.0, 6.0, 2.0]
    assert unflatten(start)["b"] == 2.0
    assert jacobian(flat)(start, 3.0).tolist() == onp.diag([3.0, 3.0, 3.0, 1.0]).tolist()


def test_flatten_is_function_and_module():
    assert misc.flatten is flatten
    assert misc.const_graph is const_graph


# ---- optimizers ---------------------------------------------------------------------------------------------


def steps(optimize, **options):
    """The places that an optimizer visits on a quadratic, and where it ends."""
    visited = []
    start = {"x": onp.array([1.0, -2.0]), "y": 3.0}

    def callback(p, i, g):
        assert same(g, gradient(p, i))
        visited.append((i, p["y"]))

    end = optimize(gradient, start, callback, **options)
    assert start["y"] == 3.0
    assert set(end) == {"x", "y"}
    assert [i for i, _ in visited] == list(range(options["num_iters"]))
    return [float(y) for _, y in visited] + [float(end["y"])]


def gradient(p, i):
    return grad(lambda p: 0.5 * np.sum(p["x"] ** 2) + 0.5 * p["y"] ** 2)(p)


def test_sgd_follows_its_recurrence():
    y, v, want = 3.0, 0.0, [3.0]
    for _ in range(5):
        v = 0.9 * v - 0.1 * y
        y += 0.1 * v
        want.append(y)
    onp.testing.assert_allclose(steps(sgd, num_iters=5), want, rtol=1e-14)


def test_rmsprop_follows_its_recurrence():
    y, s, want = 3.0, 1.0, [3.0]
    for _ in range(5):
        s = 0.9 * s + 0.1 * y**2
        y -= 0.1 * y / (onp.sqrt(s) + 1e-8)
        want.append(y)
    onp.testing.assert_allclose(steps(rmsprop, num_iters=5), want, rtol=1e-14)


def test_adam_follows_its_recurrence():
    y, m, s, want = 3.0, 0.0, 0.0, [3.0]
    for i in range(5):
        m, s = 0.9 * m + 0.1 * y, 0.999 * s + 0.001 * y**2
        y -= 0.01 * (m / (1 - 0.9 ** (i + 1))) / (onp.sqrt(s / (1 - 0.999 ** (i + 1))) + 1e-8)
        want.append(y)
    onp.testing.assert_allclose(steps(adam, num_iters=5, step_size=0.01), want, rtol=1e-13)


@pytest.mark.parametrize("optimize", [sgd, rmsprop, adam])
def test_optimizers_reach_a_minimum(optimize):
    target = {"w": [onp.array([1.0, 2.0]), -3.0]}
    loss = lambda p, i=0: np.sum((p["w"][0] - target["w"][0]) ** 2) + (p["w"][1] - target["w"][1]) ** 2
    found = optimize(grad(loss), {"w": [onp.zeros(2), 0.0]}, num_iters=1000, step_size=0.05)
    assert loss(found) < 1e-3


def test_unflatten_optimizer():
    @unflatten_optimizer
    def one_step(grad, x, callback=None, rate=1.0):
        assert x.ndim == 1
        if callback:
            callback(x, 0, grad(x, 0))
        return x - rate * grad(x, 0)

    seen = []
    out = one_step(lambda p, i: [2 * p[0], p[1]], [X, 1.0], lambda p, i, g: seen.append((type(p), i, g[1])), rate=0.5)
    assert out[0].tolist() == [0, 0, 0]
    assert out[1] == 0.5
    assert seen == [(list, 0, 1.0)]


# ---- graphs -------------------------------------------------------------------------------------------------


def counting():
    calls = []

    @primitive
    def square(x):
        calls.append(x)
        return x**2

    defvjp(square, lambda ans, x: lambda g: g * 2 * x)
    defjvp(square, lambda t, ans, x: t * 2 * x)
    return square, calls


def test_const_graph_replays_primitives_only():
    square, calls = counting()
    runs = []

    def f(x, y):
        runs.append(1)
        return square(x) + square(onp.array([5.0, 1.0])) * y

    g = const_graph(f)
    assert g.__name__ == "f"
    for x, y in ((X[:2], 2.0), (X[1:], 3.0), (X[:2], -1.0)):
        onp.testing.assert_allclose(g(x, y), x**2 + onp.array([25.0, 1.0]) * y)
    assert len(runs) == 1
    assert len(calls) == 1 + 3  # of a constant once, of the variable every time


def test_const_graph_fixes_leading_arguments_and_keywords():
    f = lambda a, x, *, b: a * x + b
    g = const_graph(f, 2.0, b=1.0)
    assert g(3.0) == 7.0
    assert g(4.0) == 9.0


def test_const_graph_of_piecewise_functions():
    f = const_graph_unary(lambda x: np.sum(np.where(x > 0, x * np.floor(x), -x)) + np.sum(np.sort(x) * onp.arange(3)) + np.max(x))
    for x in (X, -X, 3 * X, onp.zeros(3)):
        want = onp.sum(onp.where(x > 0, x * onp.floor(x), -x)) + onp.sum(onp.sort(x) * onp.arange(3)) + onp.max(x)
        assert f(x) == want


def test_const_graph_of_indices_that_depend_on_the_input():
    f = const_graph_unary(lambda x: x[np.argsort(x)][0] * 2 + x[0])
    for x in (X, -X, X[::-1]):
        assert f(x) == 2 * onp.min(x) + x[0]


def test_const_graph_with_derivatives_inside_and_outside():
    f = lambda x: np.sum(np.sin(x) * x**2)
    gradient = const_graph_unary(grad(f))
    for x in (X, 2 * X):
        onp.testing.assert_allclose(gradient(x), grad(f)(x))
    replayed = const_graph_unary(f)
    replayed(X)
    onp.testing.assert_allclose(grad(replayed)(2 * X), grad(f)(2 * X))
    onp.testing.assert_allclose(deriv(lambda t: replayed(t * X))(2.0), deriv(lambda t: f(t * X))(2.0))
    both = const_graph_unary(value_and_grad(f))
    both(X)
    assert both(2 * X)[0] == f(2 * X)


def test_const_graph_of_containers():
    f = const_graph(lambda p, k: {"a": p["w"] * k, "b": [p["b"][1], np.linalg.slogdet(p["m"])[1]]})
    for k in (2.0, 3.0):
        m = k * onp.eye(2)
        out = f({"w": X * k, "b": (1.0, k), "m": m}, k)
        assert out["a"].tolist() == (X * k * k).tolist()
        assert out["b"] == [k, pytest.approx(2 * onp.log(k))]


def test_const_graph_refuses_what_a_graph_cannot_follow():
    with pytest.raises(TypeError, match="truth value"):
        const_graph_unary(lambda x: x if x > 0 else -x)(1.0)
    with pytest.warns(UserWarning, match="independent"), pytest.raises(Exception, match="does not depend on the input"):
        const_graph_unary(lambda x: 3.0)(1.0)


def test_full_graph():
    end = full_graph(lambda x, y, k: np.sin(x) * y + k, 0.5, 2.0, k=1.0)
    assert end.value == onp.sin(0.5) * 2.0 + 1.0
    fun, args, kwargs, parents = end.recipe
    assert fun.__name__ == "add"
    assert (args, kwargs) == ((onp.sin(0.5) * 2.0, 1.0), {})
    ((argnum, product),) = list(parents)
    assert argnum == 0
    assert product.recipe[0].__name__ == "multiply"

    order = list(toposort(end, lambda n: [p for _, p in n.recipe[3]]))
    root = order[-1]
    assert root.value is None
    assert root.recipe[1:] == ((), {}, [])
    assert [n.recipe[0].__name__ for n in order[:-1]].count("container_take") == 2
    for n in order[:-1]:
        assert n.recipe[0](*n.recipe[1], **n.recipe[2]) == n.value


# ---- fixed points -------------------------------------------------------------------------------------------


def newton(a):
    return lambda x: 0.5 * (x + a / x)


def descent(a):
    return lambda x: x - 0.05 * (x**2 - a)


def distance(x, y):
    return np.max(np.abs(x - y))


@pytest.mark.parametrize("iteration", [newton, descent])
def test_fixed_points_of_every_order(iteration):
    root = lambda a: fixed_point(iteration, a, 2.0, distance, 1e-13)
    assert root(2.0) == pytest.approx(onp.sqrt(2))
    assert grad(root)(2.0) == pytest.approx(0.5 * 2**-0.5)
    assert grad(grad(root))(2.0) == pytest.approx(-0.25 * 2**-1.5)
    assert deriv(root)(2.0) == pytest.approx(0.5 * 2**-0.5)


def test_fixed_points_of_containers():
    step = lambda p: lambda x: {"u": p["A"] @ x["u"] + p["b"]}
    far = lambda x, y: np.max(np.abs(x["u"] - y["u"]))
    p = {"A": onp.array([[0.2, 0.1], [0.0, 0.3]]), "b": onp.array([1.0, 2.0])}
    solve = lambda p: fixed_point(step, p, {"u": onp.zeros(2)}, far, 1e-14)["u"]
    direct = lambda p: np.linalg.solve(np.eye(2) - p["A"], p["b"])
    onp.testing.assert_allclose(solve(p), direct(p))
    g, want = (grad(lambda p, f=f: np.sum(f(p) ** 2))(p) for f in (solve, direct))
    onp.testing.assert_allclose(g["A"], want["A"])
    onp.testing.assert_allclose(g["b"], want["b"])


# ---- checks of derivatives ----------------------------------------------------------------------------------


def wrong(error):
    @primitive
    def foo(x):
        return x**3

    defvjp(foo, lambda ans, x: lambda g: g * 3 * x**2 * (1 + error))
    defjvp(foo, lambda t, ans, x: t * 3 * x**2)
    return foo


def test_check_grads_finds_a_wrong_rule():
    check_grads(wrong(0.0))(1.5)
    with pytest.raises(AssertionError, match=r"\(VJP\) check of foo failed"):
        check_grads(wrong(1e-3), modes=["rev"])(1.5)
    check_grads(wrong(1e-3), modes=["fwd"], order=1)(1.5)
    with pytest.raises(AssertionError):
        check_grads(wrong(1e-3), modes=["fwd", "rev"])(1.5)


def test_check_grads_finds_a_wrong_second_derivative():
    @primitive
    def foo(x):
        return x**3

    defvjp(foo, lambda ans, x: lambda g: g * 3 * onp.square(getval(x)))
    check_grads(foo, modes=["rev"], order=1)(1.5)
    with pytest.raises(AssertionError, match=r"\(VJP\) check of vjp_foo failed"):
        check_grads(foo, modes=["rev"], order=2)(1.5)


def getval(x):
    from autograd_clone.tracer import getval

    return getval(x)


def test_check_grads_takes_containers_and_several_arguments():
    check_grads(lambda p, x: {"a": p["w"] * x, "b": (np.sum(x), p["b"][0] ** 2)}, (0, 1))({"w": X, "b": [2.0]}, X + 3)
    check_grads(lambda z: z**2 * (1 + 1j))(1 + 2j)
    check_grads(lambda x, *, k: k * x**2)(X, k=3.0)
    check_grads(lambda x: np.array([x, x**2]), order=3)(1.0)


def test_check_grads_finds_the_wrong_space():
    @primitive
    def foo(x):
        return 2.0 * x

    defvjp(foo, lambda ans, x: lambda g: 2.0 * g)
    x = onp.ones(3, onp.float32)
    assert vspace(make_vjp(foo)(x)[0](onp.ones(3, onp.float32))) == vspace(x)


def test_combo_check_takes_all_combinations():
    seen = []

    def f(x, axis, keepdims=False):
        seen.append((axis, keepdims))
        return np.sum(x, axis=axis, keepdims=keepdims)

    combo_check(f, [0], order=1, modes=["rev"])([onp.ones((2, 3))], [0, 1], keepdims=[False, True])
    assert set(seen) == {(0, False), (0, True), (1, False), (1, True)}


def test_check_equivalent():
    check_equivalent({"a": X}, {"a": X.copy()})
    check_equivalent(1.0, onp.ones(()))
    with pytest.raises(AssertionError, match="VSpace mismatch"):
        check_equivalent(X, X.astype(onp.float32))
    with pytest.raises(AssertionError, match="VSpace mismatch"):
        check_equivalent([1.0], (1.0,))
    with pytest.raises(AssertionError, match="Value mismatch"):
        check_equivalent(X, X + 1.0)


def test_numerical_derivatives():
    f = lambda x: np.sin(x) * 2
    onp.testing.assert_allclose(make_numerical_jvp(f, X)(onp.ones(3)), 2 * onp.cos(X), rtol=1e-8)
    check_jvp(f, X)
    check_vjp(f, X)
    with pytest.raises(AssertionError):
        check_jvp(lambda x: x * getval(x), X)


def test_scalar_close():
    assert scalar_close(0.0, 0.0)
    assert scalar_close(1.0, 1.0 + 1e-7)
    assert scalar_close(1e9, 1e9 + 10)
    assert not scalar_close(1.0, 1.001)
    assert not scalar_close(1.0, -1.0)


def test_quick_grad_check(capsys):
    quick_grad_check(lambda x, k, power=2: k * np.sum(x**power), X, (3.0,), {"power": 4})
    assert "OK" in capsys.readouterr().out
    with pytest.raises(AssertionError):
        quick_grad_check(lambda x: np.sum(x * getval(x)), X, verbose=False)


def test_elementwise_of_flattened():
    vector, unflatten = flatten([X, 1.0])
    assert elementwise_grad(lambda v: unflatten(v)[0] ** 2)(vector).tolist() == [*(2 * X), 0.0]
