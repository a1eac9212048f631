"""Containers as arguments and results: lists, tuples, dicts, named tuples, dataclasses, other classes."""

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any, NamedTuple

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jvp,
    linearize,
    make_jvp,
    make_vjp,
    register_pytree,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autograd_clone.engine.errors import AutogradError, RuleShapeError, UnsupportedTypeError

W = onp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = onp.array([0.5, -0.5])


class Pair(NamedTuple):
    w: Any
    b: Any


Loose = namedtuple("Loose", "w b")  # both forms are in use


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    name: str = "layer"


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    w: Any
    b: Any


class Registered:
    def __init__(self, w, b):
        self.w, self.b = w, b


register_pytree(Registered, lambda r: ((r.w, r.b), None), lambda aux, children: Registered(*children))


class DictChild(dict):
    """A subclass of dict that is not registered."""


def loss(w, b):
    return np.sum(np.tanh(np.dot(w, np.ones(3)) + b) ** 2) + w[0, 0] * b[1]


GW, GB = grad(loss, (0, 1))(W, B)

CONTAINERS = {
    "list": (lambda w, b: [w, b], lambda p: (p[0], p[1])),
    "tuple": (lambda w, b: (w, b), lambda p: (p[0], p[1])),
    "dict": (lambda w, b: {"w": w, "b": b}, lambda p: (p["w"], p["b"])),
    "dict with odd keys": (lambda w, b: {(1, 2): w, 3.5: b}, lambda p: (p[(1, 2)], p[3.5])),
    "OrderedDict": (lambda w, b: OrderedDict(w=w, b=b), lambda p: (p["w"], p["b"])),
    "defaultdict": (lambda w, b: defaultdict(list, w=w, b=b), lambda p: (p["w"], p["b"])),
    "NamedTuple": (Pair, lambda p: (p.w, p.b)),
    "namedtuple": (Loose, lambda p: (p.w, p.b)),
    "dataclass": (Layer, lambda p: (p.w, p.b)),
    "frozen dataclass": (Frozen, lambda p: (p.w, p.b)),
    "slotted dataclass": (Slotted, lambda p: (p.w, p.b)),
    "registered class": (Registered, lambda p: (p.w, p.b)),
    "nested": (lambda w, b: {"a": [Pair(w, None), ("x", b)]}, lambda p: (p["a"][0].w, p["a"][1][1])),
}


@pytest.fixture(params=CONTAINERS)
def container(request):
    return CONTAINERS[request.param]


def test_gradient_has_the_structure_of_the_argument(container):
    make, take = container
    p = make(W, B)

    def f(p):
        assert type(p) is type(make(W, B))
        return loss(*take(p))

    g = grad(f)(p)
    assert type(g) is type(p)
    gw, gb = take(g)
    onp.testing.assert_allclose(gw, GW)
    onp.testing.assert_allclose(gb, GB)
    value, g = value_and_grad(f)(p)
    assert value == pytest.approx(loss(W, B))
    onp.testing.assert_allclose(take(g)[1], GB)


def test_the_argument_itself_is_left_alone(container):
    make, take = container
    p = make(W, B)
    grad(lambda p: loss(*take(p)))(p)
    assert take(p)[0] is W
    assert take(p)[1] is B


def test_every_transform_takes_containers(container):
    make, take = container
    p, v = make(W, B), make(onp.ones((2, 3)), onp.array([1.0, 2.0]))
    f = lambda p: loss(*take(p))
    slope = onp.sum(GW) + GB @ [1.0, 2.0]
    assert jvp(f, (p,), (v,))[1] == pytest.approx(slope)
    assert make_jvp(f)(p)(v)[1] == pytest.approx(slope)
    assert linearize(f, p)[1](v) == pytest.approx(slope)
    onp.testing.assert_allclose(take(vjp(f, p)[1](2.0)[0])[0], 2 * GW)
    onp.testing.assert_allclose(take(make_vjp(f)(p)[0](2.0))[1], 2 * GB)
    onp.testing.assert_allclose(take(grad(checkpoint(f))(p))[1], GB)
    onp.testing.assert_allclose(take(elementwise_grad(lambda p: np.sin(take(p)[1]))(p))[1], onp.cos(B))
    onp.testing.assert_allclose(take(jacobian(f)(p))[0], GW)
    onp.testing.assert_allclose(take(jacfwd(f)(p))[0], GW)


def test_functions_may_return_containers(container):
    make, take = container

    def f(x):
        return make(np.outer(x, x), np.sin(x))

    x = onp.array([0.3, 0.7])
    value, pull = vjp(f, x)
    assert type(value) is type(make(W, B))
    onp.testing.assert_allclose(take(value)[1], onp.sin(x))
    (got,) = pull(make(onp.ones((2, 2)), onp.ones(2)))
    onp.testing.assert_allclose(got, 2 * onp.sum(x) + onp.cos(x))
    _, t = jvp(f, (x,), (onp.array([1.0, 0.0]),))
    onp.testing.assert_allclose(take(t)[0], [[0.6, 0.7], [0.7, 0.0]])
    J = jacobian(f)(x)
    onp.testing.assert_allclose(take(J)[1], onp.diag(onp.cos(x)))
    assert onp.shape(take(J)[0]) == (2, 2, 2)


def test_inner_transforms_of_traced_containers(container):
    make, take = container

    def f(s):
        g = grad(lambda p: loss(*take(p)))(make(W * s, B * s))
        return np.sum(take(g)[0]) + np.sum(take(g)[1])

    h = 1e-5
    assert grad(f)(1.0) == pytest.approx((f(1 + h) - f(1 - h)) / (2 * h), rel=1e-6)
    assert deriv(f)(1.0) == pytest.approx(grad(f)(1.0), rel=1e-12)


def test_a_list_is_a_real_list():
    def f(p):
        first, *rest = p
        p.append(first * 2.0)
        p[0] = p[0] + rest[0]
        p += [p[-1]]
        return sum(x * x for x in p)

    # (a+b)^2 + b^2 + 2 (2a)^2
    a, b = 2.0, 3.0
    assert grad(f)([a, b]) == [2 * (a + b) + 16 * a, 2 * (a + b) + 2 * b]


def test_a_dict_is_a_real_dict():
    def f(p):
        p["z"] = p["x"] * p["y"]
        return sum(v for _, v in sorted(p.items())) + dict(**p)["z"] + p.get("none", 0.0) + p.pop("x")

    assert grad(f)({"x": 2.0, "y": 3.0}) == {"x": 8.0, "y": 5.0}


def test_a_dict_keeps_the_order_of_its_keys():
    assert list(grad(lambda p: p["b"] * p["a"])({"b": 1.0, "a": 2.0})) == ["b", "a"]


def test_a_defaultdict_keeps_its_factory():
    g = grad(lambda p: p["a"] * len(p["missing"]) + p["a"])(defaultdict(list, a=1.0))
    assert g.default_factory is list
    assert g["a"] == 1.0


def test_keyword_unpacking_and_star_arguments():
    def model(w, *, b, scale=1.0):
        return np.sum(w * scale + b)

    g = grad(lambda p: model(p["w"], **{k: v for k, v in p.items() if k != "w"}))
    assert g({"w": 1.0, "b": 2.0, "scale": 3.0}) == {"w": 3.0, "b": 1.0, "scale": 1.0}
    assert grad(lambda p: model(*p[:1], b=p[1]))([1.0, 2.0]) == [1.0, 1.0]


@pytest.mark.parametrize("odd", ["text", None, True, b"bytes", len, onp.array(["a"]), onp.array([True])])
def test_leaves_that_cannot_vary_pass_through(odd):
    seen = []

    def f(p):
        seen.append(p["odd"])
        return p["x"] ** 2

    g = grad(f)({"x": 3.0, "odd": odd})
    assert g["x"] == 6.0
    assert seen[0] is odd
    _, t = jvp(f, ({"x": 3.0, "odd": odd},), ({"x": 1.0, "odd": None},))
    assert t == 6.0


def test_integers_among_floats_are_promoted():
    g = grad(lambda p: p["x"] ** 2 * p["n"])({"x": 3.0, "n": 2})
    assert g == {"x": 12.0, "n": 9.0}
    g = grad(lambda p: np.sum(p[0] ** 2) * p[1])([onp.array([1, 2]), 3.0])
    onp.testing.assert_array_equal(g[0], [6.0, 12.0])


def test_gradients_keep_dtype_and_realness_of_each_leaf():
    p = {
        "f4": onp.ones(2, onp.float32),
        "f8": onp.ones(2),
        "ld": onp.ones(2, onp.longdouble),
        "c8": onp.ones(2, onp.complex64),
        "c16": onp.ones(2, onp.complex128),
        "zero": onp.float64(1.0),
    }
    g = grad(
        lambda p: np.real(np.sum(p["f4"] * p["f8"] * p["c8"] * p["c16"]) * p["zero"]) + np.sum(p["ld"] ** 2)
    )(p)
    assert {k: v.dtype for k, v in g.items()} == {k: v.dtype for k, v in p.items()}
    assert {k: onp.shape(v) for k, v in g.items()} == {k: onp.shape(v) for k, v in p.items()}


def test_unused_leaves_get_zeros():
    g = grad(lambda p: p["x"] * 2.0)({"x": 1.0, "y": onp.ones((2, 3)), "z": [1.0, {"u": 2.0}]})
    onp.testing.assert_array_equal(g["y"], onp.zeros((2, 3)))
    assert g["z"] == [0.0, {"u": 0.0}]


def test_empty_containers():
    assert grad(lambda p: p[0] * 2.0)([1.0, [], {}, ()]) == [2.0, [], {}, ()]
    assert grad(lambda p, x: x * 1.0 + len(p))([], 2.0) == []


def test_one_array_in_two_places():
    a = onp.array([1.0, 2.0])
    g = grad(lambda p: np.sum(p[0] * p[1] ** 2))([a, a])
    onp.testing.assert_array_equal(g[0], a**2)
    onp.testing.assert_array_equal(g[1], 2 * a**2)


def test_hessian_of_a_container_is_a_container_of_containers():
    H = hessian(lambda p: p["x"] ** 2 * np.sum(p["y"]))({"x": 3.0, "y": onp.array([1.0, 2.0])})
    assert H["x"]["x"] == 6.0
    onp.testing.assert_array_equal(H["x"]["y"], [6.0, 6.0])
    onp.testing.assert_array_equal(H["y"]["x"], [6.0, 6.0])
    onp.testing.assert_array_equal(H["y"]["y"], onp.zeros((2, 2)))


def test_hvp_of_containers():
    got = hvp(lambda p: p["x"] ** 2 * p["y"], ({"x": 3.0, "y": 2.0},), ({"x": 1.0, "y": 1.0},))
    assert got == {"x": 2 * 2.0 + 2 * 3.0, "y": 6.0}


def test_stop_gradient_of_containers():
    f = lambda p: p["x"] * stop_gradient(p)["x"] + stop_gradient([p["y"], "text", None])[0]
    assert grad(f)({"x": 3.0, "y": 1.0}) == {"x": 3.0, "y": 0.0}


def test_registered_classes_as_results_of_inner_gradients():
    def f(x):
        g = grad(lambda r: r.w**2 * r.b)(Registered(x, 2.0))
        assert type(g) is Registered
        return g.w * g.b

    assert grad(f)(3.0) == 4 * 3 * 9.0  # 4 x * x^2


def test_cotangents_must_have_the_structure_of_the_output():
    _, pull = vjp(lambda x: {"a": x, "b": x * 2.0}, 1.0)
    with pytest.raises(RuleShapeError, match="keys"):
        pull({"a": 1.0})
    with pytest.raises(RuleShapeError):
        pull(1.0)
    with pytest.raises(RuleShapeError):
        jvp(lambda p: p[0] * p[1], ([1.0, 2.0],), ([1.0],))


@pytest.mark.parametrize("odd", [["a", None], {"x": "text"}, ("a",)])
def test_a_container_with_nothing_to_differentiate_is_refused(odd):
    with pytest.raises(UnsupportedTypeError, match="cannot differentiate"):
        grad(lambda p: 1.0)(odd)


def test_an_unregistered_class_is_refused_by_name():
    class Opaque:
        pass

    with pytest.raises(AutogradError, match="Opaque"):
        grad(lambda p: 1.0)(Opaque())


def test_a_subclass_of_dict_keeps_working_inside():
    """A container that is not registered is a leaf that cannot vary, never a silent zero."""
    with pytest.raises(UnsupportedTypeError, match="DictChild"):
        grad(lambda p: p["x"] * 2.0)(DictChild(x=1.0))
