"""The engine driven by hand: boxes, trace numbers, nodes and graphs, rule tables, types of one's own."""

import dataclasses
import operator
from typing import NamedTuple

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import builtins, core, deriv, elementwise_grad, grad, hessian, jacobian, make_jvp, make_vjp, tracer
from autograd_clone.builtins import DictBox, SequenceBox, container_take, container_untake, make_sequence
from autograd_clone.core import VSpace, backward_pass, primitive_jvps, primitive_vjps, vspace
from autograd_clone.engine.errors import AutogradError, MissingRuleError, UnsupportedTypeError
from autograd_clone.engine.pytree import flatten
from autograd_clone.extend import (
    Box,
    JVPNode,
    SparseObject,
    VJPNode,
    defjvp,
    defvjp,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    register_notrace,
)
from autograd_clone.numpy.numpy_boxes import ArrayBox
from autograd_clone.test_util import check_grads
from autograd_clone.tracer import Node, find_top_boxed_args, getval, isbox, new_box, toposort, trace, trace_stack

X = onp.array([0.5, -1.0, 2.0])


def by_hand(x, number=0):
    return new_box(x, number, VJPNode.new_root())


# ---- boxes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [X, 2.0, 1 + 2j, onp.float32(2), onp.float64(2), onp.longdouble(2), onp.ones(2, onp.float16)])
def test_values_are_boxed_as_arrays(value):
    box = by_hand(value)
    assert type(box) == ArrayBox  # noqa: E721 (what programs write)
    assert isinstance(box, Box)
    assert isbox(box)
    assert onp.all(getval(box) == value)
    assert ArrayBox in tracer.box_types


@pytest.mark.parametrize("value", [1, True, "a", None])
def test_what_cannot_be_boxed(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        by_hand(value)


def test_boxes_can_be_made_from_the_parts_of_others():
    def again(x):
        assert type(x) == ArrayBox  # noqa: E721
        return ArrayBox(onp.asarray(x._value), x._trace, x._node)

    assert grad(lambda x: np.sum(again(x) ** 2))(X).tolist() == (2 * X).tolist()
    assert grad(lambda x: np.sum(again(again(x) * x)))(X).tolist() == (2 * X).tolist()
    assert deriv(lambda x: ArrayBox(onp.asarray(x._value), x._trace, x._node) ** 2)(3.0) == 6.0
    x = by_hand(3.0)
    assert backward_pass(1.0, (ArrayBox(x._value, 0, x._node) ** 2)._node) == 6.0


def test_traces_compare_with_numbers():
    inner = []

    def f(x):
        def g(y):
            inner.append((x._trace, y._trace))
            return x * y

        return grad(g)(x)

    with trace_stack.new_trace() as number:
        box = by_hand(1.0, number)
        assert isinstance(number, int)
        assert box._trace == number
        assert trace_stack.top == number
        grad(f)(2.0)
    ((a, b),) = inner
    assert number < a < b
    assert b > a >= a
    assert a != b
    assert by_hand(1.0)._trace == 0
    assert trace_stack.top == -1


def test_a_box_looks_like_its_value():
    seen = []

    def f(x):
        y = x[0]
        seen.append((x.shape, x.ndim, x.size, x.dtype, len(x), y.shape, y.ndim, y.size, y.dtype, hash(x) == hash(x)))
        seen.append([type(x > 0), type(x == x), type(onp.zeros(3) < x), type(y > 0), bool(y > 0), [type(r) for r in x]])
        assert not hasattr(x, "requires_grad")
        assert x
        with pytest.raises(TypeError):
            iter(y)
        with pytest.raises(TypeError):
            len(y)
        return y

    with pytest.raises(ValueError, match="truth value"):
        grad(f)(X)
    first, second = seen
    assert first == ((3,), 1, 3, onp.float64, 3, (), 0, 1, onp.float64, True)
    assert second[:3] == [onp.ndarray] * 3
    assert second[3:] == [onp.bool_, True, [ArrayBox] * 3]


def test_conversions_are_refused():
    for convert in (float, complex, "{:d}".format):
        with pytest.raises((TypeError, ValueError)):
            grad(lambda x, convert=convert: convert(x) * x)(2.0)


def test_getval_and_stop_at_every_level():
    seen = []
    f = lambda x: grad(lambda y: seen.append(getval([x, {"k": (y, 1)}])) or x * y)(x * 2)
    grad(f)(3.0)
    assert seen == [[3.0, {"k": (6.0, 1)}]]
    assert type(seen[0][0]) is onp.float64
    plain = [1.0, {"a": 2}]
    assert getval(plain) is plain


def test_a_function_may_stand_for_a_box_class():
    class Tensor(onp.ndarray):
        trainable = True

    class NotTrainableError(Exception):
        pass

    def to_box(tensor, trace, node):
        if not tensor.trainable:
            raise NotTrainableError
        return ArrayBox(onp.asarray(tensor), trace, node)

    Box.type_mappings[Tensor] = to_box
    VSpace.mappings[Tensor] = lambda x: VSpace.mappings[onp.ndarray](onp.asarray(x))
    try:
        x = X.view(Tensor)
        assert grad(lambda x: np.sum(x**2))(x).tolist() == (2 * X).tolist()
        assert type(by_hand(x)) is ArrayBox
        x.trainable = False
        with pytest.raises(NotTrainableError):
            grad(lambda x: np.sum(x**2))(x)
        with pytest.raises(NotTrainableError):
            by_hand(x)
    finally:
        del Box.type_mappings[Tensor], VSpace.mappings[Tensor]


def test_plain_numpy_on_traced_values():
    f = lambda x: onp.sum(onp.sin(x)) + onp.prod(x) + onp.max(x) - onp.min(x) + onp.dot(x, x)
    h = lambda x: np.sum(np.sin(x)) + np.prod(x) + np.max(x) - np.min(x) + np.sum(x * x)
    onp.testing.assert_allclose(grad(f)(X), grad(h)(X))
    with pytest.raises(TypeError):
        grad(lambda x: onp.sum(x, out=onp.zeros(())))(X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: onp.array([x, 2 * x]).sum(),
        lambda x: onp.sum(onp.array([x, 2 * x])),
        lambda x: np.sum(onp.array([x, x + x])),
        lambda x: np.sum(np.sin(onp.array([x, 2 * x]))),
        lambda x: np.sum(onp.array([x, 2 * x]) * x),
        lambda x: np.sum(x * onp.array([x, 2 * x])),
        lambda x: np.array([x, x]) @ onp.array([x, 2 * x]),
        lambda x: onp.array([x, 2 * x]) @ np.array([x, x]),
        lambda x: np.dot(onp.array([x, 2 * x]), onp.ones(2)),
        lambda x: sum([x, x * x]),
    ],
)
def test_arrays_of_python_objects_that_are_traced(f):
    check_grads(f)(1.3)


# ---- operands of other types --------------------------------------------------------------------------------


class Convertible:
    """Can be made an array, and has a product of its own that must not be asked."""

    __array_priority__ = 1

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __rmatmul__(self, other):
        raise AssertionError("asked")


def test_an_operand_that_can_be_made_an_array_is_one():
    A = Convertible(onp.array([[2.0, 1.0], [0.0, 3.0]]))
    x = onp.array([1.0, 2.0])
    onp.testing.assert_array_equal(grad(lambda x: x @ A @ x)(x), (A.array + A.array.T) @ x)
    onp.testing.assert_array_equal(deriv(lambda t: np.sum((t * x) @ A))(1.0), onp.sum(x @ A.array))
    onp.testing.assert_array_equal(hessian(lambda x: x @ A @ x)(x), A.array + A.array.T)
    onp.testing.assert_array_equal(grad(lambda x: np.sum(np.dot(x, A)))(x), onp.sum(A.array, axis=1))


class Container:
    """Holds an array, and computes with arrays itself."""

    def __init__(self, data):
        self.data = data

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Container(getattr(ufunc, method)(*(x.data if isinstance(x, Container) else x for x in inputs), **kwargs))

    __mul__ = __rmul__ = lambda self, other: onp.multiply(self, other)
    __rpow__ = lambda self, other: onp.power(other, self)


@pytest.mark.parametrize("operator", [grad, elementwise_grad, jacobian])
def test_a_container_gets_its_turn(operator):
    c = Container(onp.array([1.0, 2.0, 3.0]))
    for f, want in (
        (lambda x: x * c, c.data),
        (lambda x: c * x, c.data),
        (lambda x: np.multiply(x, c), c.data),
        (lambda x: np.maximum(x * c, 0.0), c.data * (X > 0)),
        (lambda x: onp.abs(c * x), c.data * onp.sign(X)),
        (lambda x: Container(x) * c, c.data),
        (lambda x: x * Container(x), 2 * X),
    ):
        onp.testing.assert_array_equal(operator(lambda x, f=f: np.sum(f(x).data))(X), want)
    assert deriv(lambda x: (x * c).data)(1.0).tolist() == c.data.tolist()
    assert grad(grad(lambda x: np.sum((x**c).data)))(1.0) == 0 + 2 + 6


def test_an_operand_that_nobody_knows_is_refused():
    with pytest.raises(TypeError, match="unsupported operand"):
        grad(lambda x: x * object())(1.0)

    class Own:
        def __rmul__(self, other):
            return other * 5.0

    assert grad(lambda x: x * Own())(1.0) == 5.0


# ---- reverse mode -------------------------------------------------------------------------------------------


def test_a_graph_may_be_pulled_through_repeatedly():
    x = by_hand(X)
    y = np.sin(x) * x
    for g in (onp.eye(3)[0], onp.eye(3)[2], onp.eye(3)[0]):
        onp.testing.assert_allclose(backward_pass(g, y._node), g * (onp.cos(X) * X + onp.sin(X)))
    rows = [backward_pass(1.0, y[i]._node) for i in range(3)]
    onp.testing.assert_allclose(rows, onp.diag(onp.cos(X) * X + onp.sin(X)))
    pull, _ = make_vjp(lambda x: np.sin(x) * x)(X)
    onp.testing.assert_array_equal(pull(onp.ones(3)), pull(onp.ones(3)))


def test_cotangents_are_neither_checked_nor_changed():
    x = by_hand(2.0)
    y = (x * x)._node
    assert backward_pass(1, y) == 4.0
    assert backward_pass(onp.float32(1), y) == 4.0
    assert backward_pass(1.0, x._node) == 1.0
    big = onp.ones(100_000)
    pull, _ = make_vjp(lambda x: np.tanh(x * 3.0) + x)(big)
    g = onp.ones(100_000)
    pull(g)
    assert onp.all(g == 1)
    assert onp.all(backward_pass(g, (by_hand(big) * 3.0 + 1.0)._node) == 3)
    assert onp.all(g == 1)
    f = lambda a: backward_pass(a * 1.0, (by_hand(3.0) ** 2)._node)
    assert grad(f)(5.0) == 6.0


def test_nodes_have_parents_and_rules():
    x, y = by_hand(2.0), by_hand(5.0)
    z = x * y
    node = z._node
    assert isinstance(node, VJPNode)
    assert node.parents == [x._node, y._node]
    assert x._node.parents == []
    assert tuple(node.vjp(10.0)) == (50.0, 20.0)
    assert {node: 1}[z._node] == 1
    (item,) = by_hand(X)[1]._node.vjp(4.0)
    assert item.tolist() == [0, 4, 0]


def test_nodes_of_users_primitives():
    @primitive
    def weigh(w, pair, scale=1.0):
        return w * (pair[0] + pair[1]) * scale, w

    defvjp_argnums(
        weigh,
        lambda argnums, ans, args, kwargs: lambda g: [
            (g[0] * (args[1][0] + args[1][1]) + g[1], (g[0] * args[0], g[0] * args[0]))[i] for i in argnums
        ],
    )
    w, a, b = by_hand(2.0), by_hand(3.0), by_hand(4.0)
    first, second = weigh(w, (a, b))
    assert first._node.parents == [w._node, a._node, b._node]
    assert list(first._node.vjp(1.0)) == [7.0, 2.0, 2.0]
    assert list(second._node.vjp(1.0)) == [1.0, 0.0, 0.0]
    assert list(toposort(first._node))[-1] in (w._node, a._node, b._node)


def test_boxes_of_one_number_meet():
    x, y = by_hand(2.0), by_hand(5.0)
    assert find_top_boxed_args((x, 1.0, y)) == ([(0, x), (2, y)], 0, VJPNode)
    assert find_top_boxed_args((1.0,)) == ([], -1, None)
    assert backward_pass(1.0, (x * y)._node) in (5.0, 2.0)  # of two roots, the last


def test_boxes_outlive_the_block_that_opened_their_trace():
    with trace_stack.new_trace() as number:
        x = by_hand(3.0, number)
    assert backward_pass(1.0, (x**2)._node) == 6.0
    entered = trace_stack.new_trace().__enter__()
    y = by_hand(3.0, entered)
    assert backward_pass(1.0, np.sin(y * y)._node) == pytest.approx(6 * onp.cos(9))


def test_traces_by_hand_nest_with_transforms():
    f = lambda a: backward_pass(1.0, (by_hand(a * 1.0) ** 3)._node)  # 3 a^2, at number 0 below the trace of grad
    with trace_stack.new_trace() as number:
        x = by_hand(2.0, number)
        y = grad(lambda t: t**2 * x)(3.0)  # 6 x
    assert y._value == 12.0
    assert backward_pass(1.0, y._node) == 6.0
    assert f(2.0) == 12.0


def test_forward_nodes():
    with trace_stack.new_trace() as number:
        x = new_box(X, number, JVPNode.new_root(onp.ones(3)))
        y = np.sin(x) * 2.0
    assert isinstance(y._node, JVPNode)
    onp.testing.assert_allclose(y._node.g, 2 * onp.cos(X))
    assert ArrayBox(y._value, y._trace, y._node)._node.g is y._node.g


def test_trace_of_containers():
    value, node = trace(VJPNode.new_root(), lambda p: p["a"] * p["b"][1] + p["b"][1], {"a": 2.0, "b": [3.0, 4.0]})
    assert value == 12.0
    assert backward_pass(1.0, node) == {"a": 4.0, "b": [0.0, 3.0]}
    value, node = trace(VJPNode.new_root(), lambda x: (x * 2, {"k": x * x, "c": 1}), 3.0)
    assert value == (6.0, {"k": 9.0, "c": 1})
    assert backward_pass((1.0, {"k": 10.0, "c": None}), node) == 62.0
    value, node = trace(JVPNode.new_root(1.0), lambda x: [x * 2], 3.0)
    assert (value, node.g) == ([6.0], [2.0])


def test_toposort_with_other_parents():
    parents = {"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []}
    order = list(toposort("d", parents.__getitem__))
    assert order[0] == "d"
    assert order[-1] == "a"
    assert sorted(order) == ["a", "b", "c", "d"]
    assert list(toposort(())) if hasattr((), "parents") else True


# ---- nodes of one's own -------------------------------------------------------------------------------------


class Listing(Node):
    def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
        self.value, self.fun, self.args, self.kwargs = value, fun, args, kwargs
        self.parent_argnums, self.parents = parent_argnums, parents

    def initialize_root(self):
        self.value, self.fun, self.parents = None, None, ()


def recorded(f, x):
    """What is recorded of ``f(x)``, in order; every node is replayed on the way."""
    value, end = trace(Listing.new_root(), f, x)
    nodes = [n for n in toposort(end) if n.fun is not None][::-1]
    for n in nodes:
        for got, was in zip(flatten(n.fun(*n.args, **n.kwargs))[0], flatten(n.value)[0], strict=True):
            onp.testing.assert_array_equal(got, was)
        assert len(n.parents) == len(n.parent_argnums)
        hash(n.fun)
    assert value is end.value
    return [(n.fun.__name__, *n.args, *n.kwargs.items()) for n in nodes]


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (lambda x: 2 * x, [("multiply", 2, 1.5)]),
        (lambda x: -(x / 3), [("divide", 1.5, 3), ("negative", 0.5)]),
        (lambda x: x % 2, [("remainder", 1.5, 2)]),
        (lambda x: x**2 + 1, [("power", 1.5, 2), ("add", 2.25, 1)]),
        (lambda x: abs(x), [("absolute", 1.5)]),
        (np.floor, [("floor", 1.5)]),
        (lambda x: np.array([x, 4.0]), [("array_from_args", (), {}, 1.5, 4.0)]),
        (lambda x: np.concatenate([np.array([x]), onp.ones(1)]), [("array_from_args", (), {}, 1.5), ("concatenate_args", 0, [1.5], [1.0])]),
    ],
)
def test_operations_on_numbers_are_recorded_under_numpys_names(f, want):
    assert [tuple(onp.asarray(a).tolist() if isinstance(a, onp.ndarray) else a for a in line) for line in recorded(f, 1.5)] == want


def test_operations_on_arrays_are_recorded_under_numpys_names():
    x = onp.arange(6.0).reshape(2, 3)
    names = lambda f: [line[0] for line in recorded(f, x)]
    assert recorded(lambda x: x.sum(axis=0), x)[0][2:] == (("axis", 0),)
    assert recorded(lambda x: x[0], x)[0][2:] == (0,)
    assert recorded(lambda x: x.reshape(3, 2), x)[0][2:] == ((3, 2),)
    assert names(lambda x: x.sum(axis=0)) == ["sum"]
    assert names(lambda x: x[0]) == ["__getitem__"]
    assert names(lambda x: x.reshape(3, 2).T) == ["reshape", "transpose"]
    assert names(lambda x: np.where(x > 1, x, 0.0)) == ["greater", "where"]
    assert names(lambda x: x[np.argsort(x[0]) * 0]) == ["__getitem__", "argsort", "multiply", "gathered"]
    assert names(lambda x: np.linalg.svd(x)[1])[-1] == "container_take"
    assert names(lambda x: onp.sum(onp.sin(x))) == ["sin", "sum"]


def test_what_depends_on_shapes_alone_is_not_recorded():
    x = onp.ones((2, 3))
    f = lambda x: x * (np.shape(x)[0] + np.ndim(x) + np.size(x) + x.ndim + np.iscomplexobj(x))
    assert [line[0] for line in recorded(f, x)] == ["multiply"]


def test_users_primitives_are_recorded_whole():
    @primitive
    def norm(pair, power=2):
        return (pair[0] ** power + pair[1] ** power) ** (1 / power)

    assert recorded(lambda p: norm((p[0], p[1]), power=2), (3.0, 4.0))[-1] == ("norm", (3.0, 4.0), ("power", 2))
    register_notrace(Listing, norm)
    assert [line[0] for line in recorded(lambda p: norm(p) * p[0], (3.0, 4.0))] == ["container_take", "multiply"]


def test_containers_are_recorded_as_one_value():
    assert [line[0] for line in recorded(lambda t: t[0] * t[1], (2.0, 3.0))] == ["container_take", "container_take", "multiply"]
    assert recorded(lambda t: t["a"], {"a": 1.0}) == [("container_take", {"a": 1.0}, "a")]
    assert recorded(lambda x: (x, x), 1.0) == [("make_sequence", tuple, 1.0, 1.0)]
    assert recorded(lambda x: {"k": x}, 1.0)[-1] == ("_make_dict", ["k"], [1.0])


def test_a_branch_on_a_recorded_value_is_refused():
    for f in (lambda x: x if x > 0 else -x, lambda x: onp.ones(3)[np.argmax(np.array([x]))] * x, lambda x: x * float(x)):
        with pytest.raises(TypeError):
            recorded(f, 1.0)


def test_derivatives_are_recorded_too():
    lines = [line[0] for line in recorded(grad(lambda x: x * x * x), 2.0)]
    assert set(lines) == {"multiply", "add"}
    replay = trace(Listing.new_root(), grad(lambda x: np.sum(np.where(x > 0, np.sin(x), x))), X)[1]
    assert "greater" in [n.fun.__name__ for n in toposort(replay) if n.fun is not None]


# ---- containers ---------------------------------------------------------------------------------------------


def test_containers_of_boxes_pass_for_traced_containers():
    seen = []

    def f(p, t):
        seen.append((isinstance(p, DictBox), isinstance(t, SequenceBox), isinstance(p, SequenceBox), isinstance(p, dict)))
        return p["a"] * t[0]

    grad(f, (0, 1))({"a": 1.0}, (2.0,))
    assert seen == [(True, True, False, True)]
    assert not isinstance({"a": 1.0}, DictBox)
    assert not isinstance([1.0], SequenceBox)


def test_traced_containers_behave_like_their_type():
    p = new_box({"b": 2.0, "a": 1.0}, 0, VJPNode.new_root())
    s = new_box([1.0, 2.0, 3.0], 0, VJPNode.new_root())
    assert isinstance(p, DictBox)
    assert sorted(p) == sorted(p.keys()) == ["a", "b"]
    assert [getval(v) for v in p.values()] == [2.0, 1.0]
    assert [(k, getval(v)) for k, v in p.items()] == [("b", 2.0), ("a", 1.0)]
    assert getval(dict(**p)["a"]) == 1.0
    assert p.get("c", 7) == 7
    assert "a" in p
    assert len(p) == 2
    assert [getval(v) for v in s] == [1.0, 2.0, 3.0]
    assert [getval(v) for v in operator.add(s, [4.0])] == [1.0, 2.0, 3.0, 4.0]
    assert [getval(v) for v in operator.add([0.0], s)] == [0.0, 1.0, 2.0, 3.0]
    assert [getval(v) for v in s[1:]] == [2.0, 3.0]
    assert getval(s[:-1][0]) == 1.0
    assert s.index(2.0) == 1
    assert builtins.isinstance(s, list)
    assert builtins.type(p) is dict
    assert backward_pass(1.0, (s[1] * s[1:][0] + s[-1])._node) == [0.0, 4.0, 1.0]
    assert backward_pass(1.0, (p["a"] * 3.0)._node) == {"b": 0.0, "a": 3.0}


def test_taking_out_and_putting_in():
    space = vspace({"a": X, "b": [1.0, 2.0]})
    made = container_untake(X, "a", space)
    assert isinstance(made, SparseObject)
    assert core.sparse_add(space, None, made)["a"].tolist() == X.tolist()
    assert container_untake([1.0], slice(1, 2), vspace([0.0, 0.0])).dense() == [0.0, 1.0]
    assert make_sequence(list, 1.0, 2.0) == [1.0, 2.0]
    check_grads(lambda x, y: make_sequence(tuple, x, y), argnum=(0, 1))(1.0, X)
    check_grads(lambda s: container_take(s, 1))([1.0, X])
    check_grads(lambda x: core.sparse_add(space, None, container_untake(x, "a", space)))(X)


def test_boxes_in_containers_are_found():
    @primitive
    def block(parts, names):
        return onp.concatenate([onp.ravel(p) for p in parts])

    def pull(ans, parts, names):
        sizes = onp.cumsum([onp.size(p) for p in parts])[:-1]
        return lambda g: tuple(np.reshape(h, onp.shape(p)) for h, p in zip(np.split(g, sizes), parts, strict=True))

    defvjp(block, pull, None)

    class Pair(NamedTuple):
        x: object
        y: object

    for param in ((X, onp.ones((2, 2))), Pair(X, 2.0)):
        g = grad(lambda p: np.sum(block(p, ["a"]) ** 2))(param)
        assert type(g) is type(param)
        for a, b in zip(g, param, strict=True):
            onp.testing.assert_array_equal(a, 2 * b)
    assert grad(lambda x: np.sum(block((x, X), "n") ** 2))(3.0) == 6.0
    assert deriv(lambda x: np.sum(block((x, X), "n") ** 2))(3.0) == 6.0


# ---- rules --------------------------------------------------------------------------------------------------


def test_rules_of_numpys_functions_can_be_called():
    x = onp.arange(6.0).reshape(2, 3)
    assert primitive_vjps[np.sin]((0,), onp.sin(0.5), (0.5,), {})(2.0)[0] == pytest.approx(2 * onp.cos(0.5))
    assert primitive_vjps[np.multiply]((0, 1), 6.0, (2.0, 3.0), {})(1.0) == (3.0, 2.0)
    assert primitive_vjps[np.multiply]((1,), 6.0, (2.0, 3.0), {})(1.0) == (2.0,)
    assert primitive_vjps[np.sum]((0,), x.sum(0), (x,), {"axis": 0})(onp.arange(3.0))[0].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert primitive_vjps[np.mean]((0,), x.mean(), (x,), {})(6.0)[0].tolist() == onp.ones((2, 3)).tolist()
    assert primitive_vjps[ArrayBox.__getitem__]((0,), x[0], (x, 0), {})(onp.ones(3))[0].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert primitive_vjps[VSpace.add]((1, 2), 3.0, (vspace(1.0), 1.0, 2.0), {})(5.0) == [5.0, 5.0]
    assert primitive_jvps[np.sin]((0,), (2.0,), onp.sin(0.5), (0.5,), {}) == pytest.approx(2 * onp.cos(0.5))
    assert primitive_jvps[np.multiply]((0, 1), (1.0, 1.0), 6.0, (2.0, 3.0), {}) == 5.0
    assert primitive_jvps[np.mean]((0,), (x,), x.mean(), (x,), {}) == 2.5


def test_rules_that_nobody_made_are_not_found():
    for key in (np.iscomplex, np.floor, len, primitive(lambda x: x)):
        assert key not in primitive_vjps
        assert primitive_vjps.pop(key, None) is None
        with pytest.raises(KeyError):
            primitive_vjps[key]
    assert np.iscomplex(1j)
    assert grad(lambda x: np.floor(x) * x)(2.5) == 2.0


@pytest.mark.parametrize("f", [np.sinc, np.multiply, np.negative, np.mean])
def test_rules_can_be_taken_away_and_given_back(f):
    use = {
        np.sinc: lambda x: np.sinc(x), np.multiply: lambda x: x * 3.0, np.negative: lambda x: -x, np.mean: lambda x: np.mean(x),
    }[f]  # fmt: skip
    want, tangent = grad(use)(0.3), deriv(use)(0.3)
    maker = primitive_vjps.pop(f)
    try:
        with pytest.raises(NotImplementedError, match=f.__name__):
            grad(use)(0.3)
        assert deriv(use)(0.3) == tangent
        primitive_vjps[f] = lambda argnums, ans, args, kwargs: lambda g: [42.0 * g for _ in argnums]
        assert grad(use)(0.3) == 42.0
        assert deriv(use)(0.3) == tangent
    finally:
        primitive_vjps[f] = maker
    assert grad(use)(0.3) == want
    assert grad(grad(lambda x: use(x) * x))(0.3) == pytest.approx(2 * want, abs=10)


def test_a_rule_for_indexing():
    x = onp.ones(3)
    maker = primitive_vjps[ArrayBox.__getitem__]
    defvjp(ArrayBox.__getitem__, lambda ans, x, index: lambda g: 7.0 * onp.ones(3))
    try:
        assert grad(lambda x: x[0])(x).tolist() == [7, 7, 7]
    finally:
        primitive_vjps[ArrayBox.__getitem__] = maker
    assert grad(lambda x: x[0])(x).tolist() == [1, 0, 0]


def test_a_rule_for_something_piecewise_constant():
    assert grad(lambda x: np.sum(np.sign(x)))(X).tolist() == [0, 0, 0]
    defvjp(np.sign, lambda ans, x: lambda g: g)
    try:
        assert grad(lambda x: np.sum(np.sign(x)))(X).tolist() == [1, 1, 1]
        assert deriv(lambda x: np.sign(x))(2.0) == 0.0
    finally:
        from autograd_clone.engine.primitive import REGISTRY

        REGISTRY[onp.sign] = REGISTRY[onp.sign].base
    assert grad(lambda x: np.sum(np.sign(x)))(X).tolist() == [0, 0, 0]


def test_a_traced_keyword_is_traced_through_or_refused():
    @primitive
    def scaled(x, *, by):
        return x * by

    defvjp(scaled, lambda ans, x, by: lambda g: g * by)
    assert grad(lambda by: scaled(2.0, by=by))(3.0) == 2.0
    with pytest.raises(MissingRuleError, match="by"):
        grad(lambda by: scaled(by, by=by))(3.0)


def test_a_traced_value_that_is_not_an_argument_is_refused():
    @primitive
    def apply(f, x):
        return f(x)

    defvjp(apply, None, lambda ans, f, x: lambda g: g * f(1.0))
    assert grad(lambda x: apply(lambda y: 3.0 * y, x))(2.0) == 3.0
    with pytest.raises(AutogradError, match="not among its arguments"):
        grad(lambda x: apply(lambda y: x * y, x))(2.0)
    with pytest.raises(AutogradError, match="not among its arguments"):
        grad(lambda x: grad(lambda z: apply(lambda y: z * y, x))(1.0))(2.0)


@pytest.mark.parametrize("result", [3, "a", None, onp.arange(3), (1, "b")])
def test_a_differentiated_primitive_must_return_something_differentiable(result):
    @primitive
    def f(x):
        return result

    defvjp(f, lambda ans, x: lambda g: g)
    assert f(1.0) is result
    with pytest.raises(TypeError, match="returned a value of type"):
        grad(lambda x: [f(x), x][1])(1.0)
    register_notrace(VJPNode, f)
    assert grad(lambda x: [f(x), x][1])(1.0) == 1.0


def test_primitives_of_callables_without_a_name():
    import functools

    f = primitive(functools.partial(onp.add, 1.0))
    assert f(1.0) == 2.0
    assert f.__name__ == "[unknown name]"
    defvjp(f, lambda ans, x: lambda g: g)
    assert grad(f)(1.0) == 1.0
    assert tracer.trace_primitives_map[f.fun] is f
    assert tracer.trace_primitives_map[onp.sin] is np.sin
    assert tracer.trace_primitives_map[onp.sum] is np.sum


def test_constants_of_a_mode():
    assert np.floor in tracer.notrace_primitives[VJPNode]
    assert np.floor in tracer.notrace_primitives[JVPNode]
    assert np.floor not in tracer.notrace_primitives[Listing]
    register_notrace(VJPNode, np.floor)
    assert deriv(np.floor)(1.5) == 0.0
    mutable = []
    assert notrace_primitive(lambda x: x)(mutable) is mutable


def test_a_replaced_rule_of_one_mode_leaves_the_other():
    before = dict(primitive_jvps.own)
    defjvp(np.tanh, lambda t, ans, x: 5.0 * t)
    try:
        assert deriv(np.tanh)(0.0) == 5.0
        assert grad(np.tanh)(0.0) == 1.0
    finally:
        primitive_jvps.own.clear()
        primitive_jvps.own.update(before)
    assert deriv(np.tanh)(0.0) == 1.0


# ---- sparse and running sums --------------------------------------------------------------------------------


def test_sparse_cotangents_of_every_order():
    @primitive
    def untake(x, index, space):
        def mut_add(a):
            onp.add.at(a, index, x)
            return a

        return SparseObject(space, mut_add)

    @primitive
    def take(x, index):
        return x[index]

    defvjp(take, lambda ans, x, index: lambda g: untake(g, index, vspace(x)))
    defvjp(untake, lambda ans, x, index, space: lambda g: take(g, index))
    f = lambda x: np.sum(take(x, [0, 2]) ** 3) + take(x, 1)
    onp.testing.assert_allclose(grad(f)(X), [3 * 0.25, 1.0, 12.0])
    onp.testing.assert_allclose(hessian(f)(X), onp.diag([3.0, 0.0, 12.0]))
    check_grads(f, modes=["rev"], order=3)(X)


def test_running_sums():
    sparse = SparseObject(vspace(onp.zeros(2)), lambda a: a + 1)
    assert core.add_outgrads(None, 1.0) == (1.0, False)
    assert core.add_outgrads((1.0, False), 2.0) == (3.0, True)
    total, owned = core.add_outgrads(None, sparse)
    assert (total.tolist(), owned) == ([1.0, 1.0], True)
    kept = onp.ones(2)
    total, owned = core.add_outgrads((kept, False), sparse)
    assert (total.tolist(), owned, kept.tolist()) == ([2.0, 2.0], True, [1.0, 1.0])
    mine = onp.ones(2)
    assert core.add_outgrads((mine, True), onp.ones(2))[0] is mine
    assert core.sum_outgrads(iter([1.0, 2.0, 3.0])) == 6.0
    assert core.sum_outgrads([sparse]).tolist() == [1.0, 1.0]


# ---- vector spaces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2.0, X, 1 + 2j, X + 1j, [1.0, X], (X, 2j), {"a": X, "b": [1.0]}, [], (), {}])
def test_operations_of_vector_spaces(value):
    space = vspace(value)
    x, y = space.randn(), space.randn()
    assert len(list(space.standard_basis())) == space.size
    if space.size:
        check_grads(space.add, (0, 1))(x, y)
        check_grads(space.scalar_mul, (0, 1))(x, 2.0)
        check_grads(space.inner_prod, (0, 1))(x, y)
        check_grads(space.covector)(x)
        assert vspace(space.mut_add(None, x)) == space
        for e in space.standard_basis():
            assert space.inner_prod(e, e) == 1


def test_mut_add_keeps_the_buffer():
    space = vspace(X)
    a = X.copy()
    assert space.mut_add(a, X) is a
    assert space.mut_add(None, X) is not X


def test_spaces_are_equal_by_class_shape_and_dtype():
    assert vspace(1.0) == vspace(onp.ones(())) == vspace(onp.float64(2))
    assert vspace([1.0]) != vspace((1.0,))
    assert vspace({"a": 1.0}) != vspace({"b": 1.0})
    assert vspace(onp.ones(2, onp.float32)) != vspace(onp.ones(2))
    assert vspace([1.0, (2.0,)]).shape[1] == vspace((2.0,))
    for bad in (1, onp.bool_(True), "a", None):
        with pytest.raises(TypeError, match=type(bad).__name__):
            vspace(bad)


def test_spaces_of_named_tuples():
    class Point(NamedTuple):
        x: object
        y: object

    class PointVSpace(builtins.NamedTupleVSpace):
        seq_type = Point

    PointVSpace.register(Point)
    try:
        p = Point(1.0, X)
        assert isinstance(vspace(p), PointVSpace)
        assert type(vspace(p).zeros()) is Point
        assert vspace(p).zeros().y.tolist() == [0, 0, 0]
        assert grad(lambda p: p.x * np.sum(p.y))(p).x == 1.5
    finally:
        del VSpace.mappings[Point]


# ---- values of one's own types ------------------------------------------------------------------------------


class Polynomial:
    """A value that is no array: coefficients by degree."""

    def __init__(self, terms):
        self.terms = terms

    @primitive
    def __call__(self, x):
        return sum((c * x**k for k, c in self.terms.items()), 0.0)

    def __add__(self, other):
        return vspace(self).add(self, other)

    def __mul__(self, a):
        return vspace(self).scalar_mul(self, a)


defvjp(Polynomial.__call__, lambda ans, p, x: lambda g: Polynomial({k: x**k for k in p.terms}) * g)


class PolynomialBox(Box, Polynomial):
    @property
    def terms(self):
        return self._value.terms


PolynomialBox.register(Polynomial)


class PolynomialVSpace(VSpace):
    def __init__(self, value):
        self.degrees = tuple(value.terms)

    size = property(lambda self: len(self.degrees))

    def zeros(self):
        return Polynomial(dict.fromkeys(self.degrees, 0.0))

    def _add(self, p, q):
        return Polynomial({k: p.terms[k] + q.terms[k] for k in self.degrees})

    def _scalar_mul(self, p, a):
        return Polynomial({k: a * c for k, c in p.terms.items()})

    def _inner_prod(self, p, q):
        return sum(p.terms[k] * q.terms[k] for k in self.degrees)


PolynomialVSpace.register(Polynomial)


def test_gradient_with_respect_to_a_value_of_a_users_type():
    p = Polynomial({0: 1.0, 2: 3.0})
    g = grad(lambda p: p(2.0) ** 2 + p(1.0))(p)  # p(2) = 13
    assert type(g) is Polynomial
    assert g.terms == {0: 27.0, 2: 105.0}
    g = grad(lambda t: t[0](2.0) * t[1])((p, 2.0))
    assert g[0].terms == {0: 2.0, 2: 8.0}
    assert grad(lambda p: 3.0 * X[0])(p).terms == {0: 0.0, 2: 0.0}
    assert grad(lambda p: (p + p * 2.0)(2.0))(p).terms == {0: 3.0, 2: 12.0}
    assert grad(lambda a: (p * a)(2.0))(5.0) == 13.0
    with pytest.raises(UnsupportedTypeError):
        grad(lambda p: 1.0)(object())


def test_a_users_value_in_an_outer_derivative():
    f = lambda a: vspace(POINT).inner_prod(grad(lambda p: p(2.0) * a)(POINT), POINT)
    assert f(3.0) == 39.0
    assert grad(f)(3.0) == 13.0


POINT = Polynomial({0: 1.0, 2: 3.0})


def test_a_registered_dataclass_is_a_value():
    @dataclasses.dataclass
    class Angle:
        degrees: float

        def __add__(self, other):
            return Angle(self.degrees + other.degrees)

    class AngleBox(Box):
        degrees = property(lambda self: read(self))

    class AngleVSpace(VSpace):
        size = 1
        zeros = lambda self: Angle(0.0)

    AngleBox.register(Angle)
    AngleVSpace.register(Angle)
    read = primitive(lambda angle: angle.degrees)
    defvjp(read, lambda ans, angle: lambda g: Angle(g))
    assert grad(lambda a: a.degrees * a.degrees)(Angle(3.0)) == Angle(6.0)
    assert grad(lambda p: p["a"].degrees * p["b"])({"a": Angle(3.0), "b": 2.0}) == {"a": Angle(2.0), "b": 3.0}


def test_sums_are_made_by_the_vector_space():
    class Bag:
        def __init__(self, n):
            self.n = n

        def __add__(self, other):
            raise AssertionError("asked")

    class BagBox(Box):
        n = property(lambda self: read(self))

    class BagVSpace(VSpace):
        size = 1
        zeros = lambda self: Bag(0.0)
        _add = lambda self, a, b: Bag(a.n + b.n)

    BagBox.register(Bag)
    BagVSpace.register(Bag)
    read = primitive(lambda bag: bag.n)
    defvjp(read, lambda ans, bag: lambda g: Bag(g))
    assert grad(lambda bag: read(bag) * read(bag))(Bag(3.0)).n == 6.0


def test_operator_attrgetter_still_sorts():
    assert [n[0] for n in toposort(by_hand(1.0)._node, operator.attrgetter("parents"))]


def test_make_vjp_and_make_jvp_of_core():
    pull, value = core.make_vjp(lambda p: {"s": p[0] * p[1]}, (2.0, 3.0))
    assert value == {"s": 6.0}
    assert pull({"s": 10.0}) == (30.0, 20.0)
    pull, value = core.make_vjp(lambda x: 3.0, X)
    assert pull(1.0).tolist() == [0, 0, 0]
    push = core.make_jvp(lambda p: p[0] * p[1], (2.0, 3.0))
    assert push((1.0, 10.0)) == (6.0, 23.0)
    assert make_jvp(np.sin)(X)(onp.ones(3))[1].tolist() == onp.cos(X).tolist()
