"""Primitives and rules of the user's own, vector spaces, nodes driven by hand: the names of HIPS autograd."""

import pickle

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    core,
    deriv,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    jvp,
    make_jvp,
    make_vjp,
    tracer,
)
from autograd_clone.engine.errors import MissingRuleError
from autograd_clone.extend import (
    Box,
    JVPNode,
    SparseObject,
    VJPNode,
    VSpace,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    register_notrace,
    vspace,
)
from autograd_clone.test_util import check_grads

X = onp.array([0.5, -1.0, 2.0])


# ---- primitives and rules ----------------------------------------------------------------------------------


@primitive
def logsumexp(x):
    """Documentation of logsumexp."""
    top = onp.max(x)
    return top + onp.log(onp.sum(onp.exp(x - top)))


defvjp(logsumexp, lambda ans, x: lambda g: g * np.exp(x - ans))


@primitive
def scaled_power(x, n, scale=1.0, *, shift=0.0):
    return scale * x**n + shift


defvjp(scaled_power, lambda ans, x, n, scale=1.0, **_: lambda g: g * scale * n * x ** (n - 1), argnums=[0])
defjvp(scaled_power, lambda t, ans, x, n, scale=1.0, **_: t * scale * n * x ** (n - 1), argnums=[0])


def test_a_primitive_without_traced_arguments_just_runs():
    assert logsumexp(onp.zeros(2)) == pytest.approx(onp.log(2))
    assert logsumexp.__name__ == "logsumexp"
    assert logsumexp.__doc__ == "Documentation of logsumexp."
    assert logsumexp.fun(onp.zeros(2)) == pytest.approx(onp.log(2))


def test_a_primitive_sees_plain_values():
    seen = []

    @primitive
    def spy(x):
        seen.append(type(x))
        return x * 2.0

    defvjp(spy, lambda ans, x: lambda g: 2.0 * g)
    grad(lambda x: np.sum(spy(x)))(X)
    grad(lambda x: np.sum(grad(lambda y: np.sum(spy(y) * y))(x)))(X)
    assert set(seen) == {onp.ndarray}


def test_all_orders_and_modes_from_one_vjp():
    p = onp.exp(X) / onp.sum(onp.exp(X))
    H = onp.diag(p) - onp.outer(p, p)
    onp.testing.assert_allclose(grad(logsumexp)(X), p)
    onp.testing.assert_allclose(hessian(logsumexp)(X), H)
    onp.testing.assert_allclose(jacobian(grad(logsumexp))(X), H)
    assert jvp(logsumexp, (X,), (X,))[1] == pytest.approx(p @ X)
    onp.testing.assert_allclose(jvp(grad(logsumexp), (X,), (X,))[1], H @ X)
    check_grads(logsumexp, order=3)(X)


def test_all_orders_and_modes_from_one_jvp():
    @primitive
    def softplus(x):
        return onp.log1p(onp.exp(x))

    defjvp(softplus, lambda t, ans, x: t / (1 + np.exp(-x)))
    s = 1 / (1 + onp.exp(-X))
    onp.testing.assert_allclose(elementwise_grad(softplus)(X), s)
    onp.testing.assert_allclose(elementwise_grad(elementwise_grad(softplus))(X), s * (1 - s))
    onp.testing.assert_allclose(deriv(softplus)(X), s)
    onp.testing.assert_allclose(deriv(elementwise_grad(softplus))(X), s * (1 - s))


def test_keyword_arguments_reach_function_and_rules():
    f = lambda x: scaled_power(x, 3, scale=2.0, shift=1.0)
    assert f(2.0) == 17.0
    assert grad(f)(2.0) == 24.0
    assert deriv(f)(2.0) == 24.0
    assert grad(grad(f))(2.0) == 24.0
    assert grad(lambda x: scaled_power(x, 3, 2.0))(2.0) == 24.0


def test_none_is_a_zero_derivative():
    @primitive
    def select(i, x, y):
        return x[i] * y

    defvjp(
        select,
        None,
        lambda ans, i, x, y: lambda g: g * y * onp.eye(len(x))[i],
        lambda ans, i, x, y: lambda g: g * x[i],
    )
    defjvp(select, None, lambda t, ans, i, x, y: t[i] * y, lambda t, ans, i, x, y: x[i] * t)
    onp.testing.assert_array_equal(grad(select, 1)(1, X, 3.0), [0, 3, 0])
    assert grad(select, 2)(1, X, 3.0) == -1.0
    assert deriv(select, 2)(1, X, 3.0) == -1.0

    @primitive
    def floor(x):
        return onp.floor(x)

    defvjp(floor, None)
    defjvp(floor, None)
    assert grad(lambda x: floor(x) * x)(2.5) == 2.0
    assert deriv(lambda x: floor(x) * x)(2.5) == 2.0
    onp.testing.assert_array_equal(grad(lambda x: np.sum(floor(x)))(X), onp.zeros(3))


def test_rules_by_argnum():
    @primitive
    def product(x, y, z):
        return x * y * z

    defvjp_argnum(product, lambda argnum, ans, args, kwargs: lambda g: g * ans / args[argnum])
    defjvp_argnum(product, lambda argnum, t, ans, args, kwargs: t * ans / args[argnum])
    assert grad(product, (0, 1, 2))(2.0, 3.0, 5.0) == (15.0, 10.0, 6.0)
    assert deriv(product, 1)(2.0, 3.0, 5.0) == 10.0
    assert jvp(product, (2.0, 3.0, 5.0), (1.0, 1.0, 1.0))[1] == 31.0


def test_rules_for_all_argnums_at_once():
    calls = []

    @primitive
    def product(x, y):
        return x * y

    def vjp_maker(argnums, ans, args, kwargs):
        calls.append(argnums)
        return lambda g: [g * args[1 - i] for i in argnums]

    defvjp_argnums(product, vjp_maker)
    defjvp_argnums(
        product,
        lambda argnums, ts, ans, args, kwargs: sum(t * args[1 - i] for i, t in zip(argnums, ts, strict=True)),
    )
    assert grad(product, (0, 1))(2.0, 3.0) == (3.0, 2.0)
    assert grad(product, 1)(2.0, 3.0) == 2.0
    assert calls == [(0, 1), (1,)]
    assert jvp(product, (2.0, 3.0), (1.0, 10.0))[1] == 23.0


def test_linear_primitives():
    @primitive
    def twice(x, y=None):
        return 2 * x

    defjvp(twice, "same")
    assert deriv(twice)(3.0) == 2.0
    assert deriv(deriv(lambda x: twice(x) * x))(3.0) == 4.0
    with pytest.raises(MissingRuleError, match="twice"):  # its transpose is known to nobody
        grad(twice)(3.0)

    @primitive
    def product(x, y):
        return x * y

    def_linear(product)
    assert deriv(product, 1)(3.0, 4.0) == 3.0
    assert deriv(deriv(lambda x: product(x, x)))(3.0) == 2.0


def test_several_outputs():
    @primitive
    def polar(x, y):
        return onp.hypot(x, y), onp.arctan2(y, x)

    def vjp_maker(argnums, ans, args, kwargs):
        x, y = args
        r = ans[0]
        return lambda g: [
            (g[0] * x / r - g[1] * y / r**2, g[0] * y / r + g[1] * x / r**2)[i] for i in argnums
        ]

    defvjp_argnums(polar, vjp_maker)
    f = lambda x, y: polar(x, y)[0] * 2.0 + polar(x, y)[1] * 3.0
    want = (2 * 0.6 - 3 * 4 / 25, 2 * 0.8 + 3 * 3 / 25)
    assert grad(f, (0, 1))(3.0, 4.0) == pytest.approx(want)
    assert grad(lambda x: polar(x, 4.0)[1])(3.0) == pytest.approx(-4 / 25)  # one output unused
    assert deriv(f)(3.0, 4.0) == pytest.approx(want[0])
    assert grad(grad(lambda x: polar(x, 4.0)[0]))(3.0) == pytest.approx(16 / 125)


def test_container_operands_and_results():
    @primitive
    def model(p, xs):
        return {"sum": p["w"] * xs[0] + p["b"], "parts": [p["w"], xs[1]]}

    def for_p(ans, p, xs):
        return lambda g: {"w": g["sum"] * xs[0] + g["parts"][0], "b": g["sum"]}

    def for_xs(ans, p, xs):
        return lambda g: [g["sum"] * p["w"], g["parts"][1]]

    defvjp(model, for_p, for_xs)

    def f(p, xs):
        out = model(p, xs)
        return out["sum"] * out["parts"][0] + out["parts"][1] ** 2

    p, xs = {"w": 2.0, "b": 3.0}, [5.0, 7.0]
    gp, gxs = grad(f, (0, 1))(p, xs)
    assert gp == {"w": 2 * 5.0 + 13.0, "b": 2.0}
    assert gxs == [4.0, 14.0]
    assert jvp(f, (p, xs), ({"w": 1.0, "b": 0.0}, [0.0, 1.0]))[1] == 23.0 + 14.0


def test_objects_as_static_arguments():
    class Settings:
        factor = 3.0

    @primitive
    def f(x, settings, names, table):
        return x * settings.factor * len(names) * table["k"]

    defvjp(f, lambda ans, x, settings, names, table: lambda g: g * settings.factor * len(names) * table["k"])
    args = (Settings(), ["a", "b"], {"k": 2})
    assert grad(f)(1.0, *args) == 12.0
    assert deriv(f)(1.0, *args) == 12.0
    assert grad(lambda x: f(x, *args) ** 2)(1.0) == 288.0


def test_primitives_as_methods_and_closures():
    class Operator:
        def __init__(self, a):
            self.a = a

        @primitive
        def apply(self, x):
            return self.a * x

    defvjp(Operator.apply, None, lambda ans, self, x: lambda g: g * self.a)
    assert grad(Operator(3.0).apply)(2.0) == 3.0
    assert deriv(Operator(3.0).apply)(2.0) == 3.0

    def make(a):
        @primitive
        def apply(x):
            return a * x

        defvjp(apply, lambda ans, x: lambda g: g * a)
        return apply

    assert grad(lambda x: make(2.0)(x) * make(5.0)(x))(1.0) == 20.0


def test_rules_can_be_replaced():
    @primitive
    def f(x):
        return x**2

    defvjp(f, lambda ans, x: lambda g: g * 2 * x)
    assert grad(f)(3.0) == 6.0
    defvjp(f, lambda ans, x: lambda g: g * 100.0)
    assert grad(f)(3.0) == 100.0


def test_a_primitive_used_inside_an_outer_derivative():
    f = lambda a: np.sum(grad(lambda x: logsumexp(a * x))(X))
    h = 1e-5
    assert grad(f)(1.5) == pytest.approx((f(1.5 + h) - f(1.5 - h)) / (2 * h), rel=1e-7)


def test_rules_that_use_other_primitives():
    @primitive
    def cube(x):
        return x**3

    @primitive
    def square(x):
        return x**2

    defvjp(cube, lambda ans, x: lambda g: g * 3 * square(x))
    defvjp(square, lambda ans, x: lambda g: g * 2 * x)
    assert grad(cube)(2.0) == 12.0
    assert grad(grad(cube))(2.0) == 12.0
    assert grad(grad(grad(cube)))(2.0) == 6.0


def test_notrace_primitive():
    @notrace_primitive
    def rounded(x, digits=0):
        assert not isinstance(x, Box)
        return round(x, digits)

    assert grad(lambda x: x * rounded(x))(2.3) == 2.0
    assert grad(lambda x: x * rounded(x, digits=1))(2.34) == 2.3


def test_register_notrace():
    @primitive
    def sign(x):
        return onp.sign(x)

    register_notrace(VJPNode, sign)
    register_notrace(JVPNode, sign)
    assert grad(lambda x: x * sign(x))(-3.0) == -1.0
    assert deriv(lambda x: x * sign(x))(-3.0) == -1.0


def test_the_deprecated_methods():
    @primitive
    def product(x, y):
        return x * y

    with pytest.warns(UserWarning, match="deprecated"):
        product.defgrad(lambda ans, x, y: lambda g: g * y)
    with pytest.warns(UserWarning, match="deprecated"):
        product.defvjp(lambda g, ans, vs, gvs, x, y: g * x, argnum=1)
    assert grad(product, (0, 1))(2.0, 3.0) == (3.0, 2.0)

    @primitive
    def flat(x):
        return onp.sign(x)

    with pytest.warns(UserWarning, match="deprecated"):
        flat.defvjp_is_zero()
    assert grad(lambda x: flat(x) * x)(-2.0) == -1.0


def test_primitives_pickle_by_name():
    assert pickle.loads(pickle.dumps(logsumexp)) is logsumexp
    again = pickle.loads(pickle.dumps(grad(logsumexp)))
    onp.testing.assert_allclose(again(X), grad(logsumexp)(X))


def test_a_new_rule_for_a_function_of_numpy():
    before = grad(np.sinc)(0.3)
    saved = dict(core.primitive_vjps.own)
    from autograd_clone.engine.primitive import REGISTRY

    record = REGISTRY[onp.sinc]
    try:
        defvjp(np.sinc, lambda ans, x: lambda g: g * 42.0)
        assert grad(np.sinc)(0.3) == 42.0
        assert grad(onp.sinc)(0.3) == 42.0
    finally:
        REGISTRY[onp.sinc] = record
        core.primitive_vjps.own.clear()
        core.primitive_vjps.own.update(saved)
    assert grad(np.sinc)(0.3) == before


def test_rules_are_found_by_function():
    g = core.primitive_vjps[np.sin]((0,), onp.sin(0.5), (0.5,), {})(2.0)
    assert g[0] == pytest.approx(2 * onp.cos(0.5))
    t = core.primitive_jvps[np.multiply]((0, 1), (1.0, 10.0), 6.0, (2.0, 3.0), {})
    assert t == 23.0
    assert logsumexp in core.primitive_vjps
    assert np.sin in core.primitive_vjps
    assert (lambda x: x) not in core.primitive_vjps


# ---- vector spaces -----------------------------------------------------------------------------------------


def test_vspaces_of_arrays():
    space = vspace(onp.ones((2, 3)))
    assert (space.shape, space.size, space.ndim, space.dtype, space.iscomplex) == (
        (2, 3),
        6,
        2,
        onp.float64,
        False,
    )
    onp.testing.assert_array_equal(space.zeros(), onp.zeros((2, 3)))
    onp.testing.assert_array_equal(space.ones(), onp.ones((2, 3)))
    assert space.randn().shape == (2, 3)
    basis = list(space.standard_basis())
    assert len(basis) == 6
    onp.testing.assert_array_equal(sum(basis), onp.ones((2, 3)))
    assert space == vspace(onp.zeros((2, 3)))
    assert space != vspace(onp.zeros(6))
    assert space != vspace(onp.zeros((2, 3), complex))
    assert space.inner_prod(2 * space.ones(), space.ones()) == 12.0
    onp.testing.assert_array_equal(space.add(space.ones(), space.ones()), 2 * space.ones())
    onp.testing.assert_array_equal(space.scalar_mul(space.ones(), 3.0), 3 * space.ones())


def test_vspaces_of_complex_arrays():
    space = vspace(onp.ones(2, complex))
    assert space.iscomplex
    assert space.size == 4
    assert len(list(space.standard_basis())) == 4
    onp.testing.assert_array_equal(space.covector(onp.array([1 + 2j, 3j])), [1 - 2j, -3j])
    assert space.inner_prod(onp.array([1j, 0]), onp.array([1j, 1])) == 1.0


def test_vspaces_of_scalars_and_containers():
    assert vspace(3.0).shape == ()
    assert vspace(3.0).size == 1
    space = vspace({"a": onp.ones(2), "b": [1.0, (2.0 + 1j,)]})
    assert space.size == 2 + 1 + 2
    assert space.zeros()["b"] == [0.0, (0.0,)]
    assert len(list(space.standard_basis())) == 5
    assert space == vspace(space.randn())


def test_vspaces_of_traced_values():
    seen = []
    grad(lambda x: seen.append(vspace(x)) or np.sum(x))(onp.ones((2, 3)))
    assert seen[0] == vspace(onp.ones((2, 3)))


# ---- types of one's own ------------------------------------------------------------------------------------


class Tagged(onp.ndarray):
    pass


def test_registering_a_subclass_of_ndarray():
    from autograd_clone.numpy.numpy_boxes import ArrayBox
    from autograd_clone.numpy.numpy_vspaces import ArrayVSpace, ComplexArrayVSpace

    ArrayBox.register(Tagged)
    VSpace.register(Tagged, lambda x: ComplexArrayVSpace(x) if onp.iscomplexobj(x) else ArrayVSpace(x))
    x = onp.array([1.0, 2.0]).view(Tagged)
    g = grad(lambda x: np.sum(x**2))(x)
    onp.testing.assert_array_equal(g, [2.0, 4.0])
    assert isinstance(vspace(x), ArrayVSpace)
    assert isinstance(vspace(x * 1j), ComplexArrayVSpace)
    check_grads(lambda x: np.sum(np.sin(x) * x))(x)


def test_a_subclass_of_the_box():
    from autograd_clone.numpy.numpy_boxes import ArrayBox

    class Special(onp.ndarray):
        pass

    class SpecialBox(ArrayBox):
        __slots__ = ()

        def doubled(self):
            return self * 2.0

    SpecialBox.register(Special)
    x = onp.array([1.0, 2.0]).view(Special)
    kinds = []
    g = grad(lambda x: kinds.append(type(x)) or np.sum(x.doubled()))(x)
    assert kinds == [SpecialBox]
    onp.testing.assert_array_equal(g, [2.0, 2.0])


def test_sparse_cotangents():
    @primitive
    def third(x):
        return x[2]

    def mut_add(x, g):
        x[2] += g
        return x

    defvjp(third, lambda ans, x: lambda g: SparseObject(vspace(x), lambda a: mut_add(a, g)))
    onp.testing.assert_array_equal(grad(third)(X), [0.0, 0.0, 1.0])
    onp.testing.assert_array_equal(grad(lambda x: third(x) * 3.0 + np.sum(x) + third(x))(X), [1.0, 1.0, 5.0])


# ---- the engine driven by hand -----------------------------------------------------------------------------


def test_nodes_boxes_and_a_backward_pass():
    from autograd_clone.tracer import getval, isbox, new_box, trace_stack

    node = VJPNode.new_root()
    with trace_stack.new_trace() as t:
        x = new_box(onp.array([1.0, 2.0]), t, node)
        assert isbox(x)
        assert isinstance(x, Box)
        y = np.sum(np.sin(x) * x)
        assert isbox(y)
        assert getval(y) == pytest.approx(onp.sin(1) + 2 * onp.sin(2))
        assert y._value == getval(y)
        end = y._node
    assert isinstance(end, VJPNode)
    want = onp.sin([1.0, 2.0]) + onp.array([1.0, 2.0]) * onp.cos([1.0, 2.0])
    onp.testing.assert_allclose(core.backward_pass(1.0, end), want)


def test_forward_nodes_by_hand():
    from autograd_clone.tracer import new_box, trace_stack

    with trace_stack.new_trace() as t:
        x = new_box(2.0, t, JVPNode.new_root(1.0))
        y = x**3 * 2.0
        assert y._value == 16.0
        assert y._node.g == 24.0


def test_trace_with_a_start_node():
    value, node = tracer.trace(VJPNode.new_root(), lambda x: np.sin(x) * 2.0, 0.5)
    assert value == pytest.approx(2 * onp.sin(0.5))
    assert core.backward_pass(1.0, node) == pytest.approx(2 * onp.cos(0.5))
    with pytest.warns(UserWarning, match="independent"):
        value, node = tracer.trace(VJPNode.new_root(), lambda x: 3.0, 0.5)
    assert (value, node) == (3.0, None)


def test_core_make_vjp_and_make_jvp():
    pull, value = core.make_vjp(np.sin, 0.5)
    assert value == onp.sin(0.5)
    assert pull(2.0) == pytest.approx(2 * onp.cos(0.5))
    assert core.make_jvp(np.sin, 0.5)(2.0)[1] == pytest.approx(2 * onp.cos(0.5))
    assert make_vjp(np.sin)(0.5)[1] == value
    assert make_jvp(np.sin)(0.5)(1.0)[0] == value


def test_nodes_of_ones_own_record_the_program():
    from autograd_clone.tracer import Node, trace

    class Listing(Node):
        def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
            self.value = value
            self.lines = [line for p in parents for line in p.lines] + [fun.__name__]

        def initialize_root(self):
            self.value, self.lines = None, []

    _, end = trace(Listing.new_root(), lambda x: np.exp(np.sin(x) * 2.0), 0.5)
    assert end.lines == ["sin", "multiply", "exp"]


def test_toposort_of_a_graph():
    node = VJPNode.new_root()
    from autograd_clone.tracer import new_box, toposort, trace_stack

    with trace_stack.new_trace() as t:
        x = new_box(0.5, t, node)
        y = np.sin(x)
        z = y * y + x
    order = list(toposort(z._node))
    assert order[0] == z._node
    assert order[-1] == x._node
    assert order.index(y._node) < order.index(x._node)


def test_sums_of_cotangents():
    assert core.sum_outgrads([1.0, 2.0, 3.0]) == 6.0
    onp.testing.assert_array_equal(core.sum_outgrads([X, X]), 2 * X)
    assert core.sum_outgrads([{"a": 1.0}, {"a": 2.0}]) == {"a": 3.0}
