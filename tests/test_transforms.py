"""Every transform: values, `argnum` in its three forms, keywords, callables of all kinds, names, pickling."""

import copy
import functools
import pickle

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jet,
    jvp,
    linearize,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    stop_gradient,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
    vjp,
)
from autograd_clone.engine.pytree import flatten

from . import oracle

RNG = onp.random.default_rng(0)
A = RNG.normal(size=(3, 4))
X = RNG.normal(size=4)
V = RNG.normal(size=4)
U = RNG.normal(size=3)


def vector(x):
    return np.tanh(np.dot(A, x)) * x[0]


def scalar(x):
    return np.sum(np.sin(x) * np.dot(A.T, vector(x)))


JACOBIAN = oracle.jacobian(vector, X)
GRADIENT = oracle.gradient(scalar, X)
HESSIAN = oracle.hessian(scalar, X)


def close(got, want, tolerance=1e-7):
    onp.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


# ---- values ------------------------------------------------------------------------------------------------


def test_first_derivatives():
    close(grad(scalar)(X), GRADIENT)
    value, g = value_and_grad(scalar)(X)
    close(value, scalar(X))
    close(g, GRADIENT)
    for J in (jacobian, jacrev, jacfwd):
        close(J(vector)(X), JACOBIAN)
        close(J(scalar)(X), GRADIENT)
    close(elementwise_grad(lambda x: np.sin(x) * x)(X), onp.cos(X) * X + onp.sin(X))
    close(elementwise_grad(vector)(X), JACOBIAN.sum(0))
    close(deriv(lambda s: vector(s * X))(1.0), JACOBIAN @ X)
    close(deriv(lambda x: np.sin(x) * x)(X), onp.cos(X) * X + onp.sin(X))


def test_products():
    pull, value = make_vjp(vector)(X)
    close(value, vector(X))
    close(pull(U), U @ JACOBIAN)
    value, pull = vjp(vector, X)
    close(value, vector(X))
    close(pull(U)[0], U @ JACOBIAN)
    value, tangent = make_jvp(vector)(X)(V)
    close(value, vector(X))
    close(tangent, JACOBIAN @ V)
    value, tangent = jvp(vector, (X,), (V,))
    close(value, vector(X))
    close(tangent, JACOBIAN @ V)
    close(make_jvp_reversemode(vector)(X)(V), JACOBIAN @ V)
    value, push = linearize(vector, X)
    close(value, vector(X))
    close(push(V), JACOBIAN @ V)
    close(push(2 * V), 2 * JACOBIAN @ V)
    close(tensor_jacobian_product(vector)(X, U), U @ JACOBIAN)
    close(vector_jacobian_product(vector)(X, U), U @ JACOBIAN)


def test_second_derivatives():
    close(hessian(scalar)(X), HESSIAN, 1e-6)
    close(jacobian(grad(scalar))(X), HESSIAN, 1e-6)
    close(jacobian(jacobian(scalar))(X), HESSIAN, 1e-6)
    product, g = make_hvp(scalar)(X)
    close(g, GRADIENT)
    close(product(V), HESSIAN @ V, 1e-6)
    close(hvp(scalar, (X,), (V,)), HESSIAN @ V, 1e-6)
    close(hessian_tensor_product(scalar)(X, V), HESSIAN @ V, 1e-6)
    close(hessian_vector_product(scalar)(X, V), HESSIAN @ V, 1e-6)


def test_hessian_of_a_vector_function_has_output_shape_first():
    H = hessian(lambda x: np.array([x[0] ** 2, x[0] * x[1]]))(onp.array([1.0, 2.0]))
    onp.testing.assert_array_equal(H, [[[2, 0], [0, 0]], [[0, 1], [1, 0]]])


def test_gauss_newton_products():
    close(make_ggnvp(vector)(X)(V), JACOBIAN.T @ JACOBIAN @ V)
    h = lambda y: np.sum(np.exp(y))
    close(make_ggnvp(vector, h)(X)(V), JACOBIAN.T @ (onp.exp(vector(X)) * (JACOBIAN @ V)))
    f = lambda a, x: a * vector(x)
    close(make_ggnvp(f, h, 1)(2.0, X)(V), 4 * JACOBIAN.T @ (onp.exp(2 * vector(X)) * (JACOBIAN @ V)))


def test_a_gauss_newton_product_runs_nothing_again():
    runs = []

    def counted(x):
        runs.append("f")
        return vector(x)

    def loss(y):
        runs.append("g")
        return np.sum(np.exp(y))

    product = make_ggnvp(counted, loss)(X)
    assert runs == ["f", "g"]
    once = product(V)
    close(product(2 * V), 2 * once)
    assert runs == ["f", "g"]


def test_shapes_of_jacobians():
    f = lambda x: np.stack([np.sum(x, axis=1), np.sum(x, axis=1) ** 2])
    x = onp.arange(6.0).reshape(3, 2)
    for J in (jacobian, jacrev, jacfwd):
        assert J(f)(x).shape == (2, 3, 3, 2)
        assert J(lambda x: x * 1.0)(3.0).shape == ()
        assert J(lambda s: s * x)(3.0).shape == (3, 2)
        assert J(np.sum)(x).shape == (3, 2)
        assert J(lambda x: x[:0])(onp.ones(3)).shape == (0, 3)
        assert J(lambda x: np.ones(2) * np.sum(x))(onp.ones(0)).shape == (2, 0)
    assert hessian(np.sum)(x).shape == (3, 2, 3, 2)
    assert hessian(lambda x: x**2)(3.0) == 2.0


def test_tensor_products_with_matrices():
    f = lambda x: np.outer(x, x)
    x, T, M = onp.array([1.0, 2.0]), onp.array([[1.0, 2.0], [3.0, 4.0]]), onp.array([1.0, -1.0])
    close(tensor_jacobian_product(f)(x, T), onp.tensordot(T, oracle.jacobian(f, x), 2))
    g = lambda x: np.sum(np.dot(x, x.T) ** 2)
    X2 = onp.array([[1.0, 2.0], [0.5, -1.0]])
    close(hessian_tensor_product(g)(X2, T), onp.tensordot(oracle.hessian(g, X2), T, 2), 1e-6)
    del M


def test_tensor_of_a_partial_output():
    """A tensor with fewer axes than the output leaves the rest."""
    f = lambda x: np.outer(x, np.sin(x))
    x, u = onp.array([1.0, 2.0]), onp.array([3.0, -1.0])
    close(tensor_jacobian_product(f)(x, u), onp.tensordot(u, oracle.jacobian(f, x), 1))


def test_complex_derivatives():
    z = onp.array([0.5 + 1.0j, -0.3 + 0.2j])
    close(grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * onp.conj(z))
    close(
        grad(lambda z: np.real(np.sum(np.exp(z) * z)))(z),
        oracle.gradient(lambda z: onp.real(onp.sum(onp.exp(z) * z)), z),
    )
    close(holomorphic_grad(lambda z: np.exp(z) * z)(z), onp.exp(z) * (1 + z))
    close(holomorphic_grad(np.sin)(0.5 + 1j), onp.cos(0.5 + 1j))
    close(holomorphic_grad(holomorphic_grad(np.sin))(0.5 + 1j), -onp.sin(0.5 + 1j))
    close(jvp(lambda z: np.abs(z), (z,), (onp.array([1.0, 1j]),))[1], [0.5 / abs(z[0]), 0.2 / abs(z[1])])
    assert grad(lambda x: np.real((x + 2j) ** 2))(3.0) == 6.0


def test_holomorphic_grad_warns_of_real_input():
    with pytest.warns(UserWarning, match="not complex"):
        holomorphic_grad(lambda x: x**2)(1.0)


def test_gradient_keeps_shape_and_dtype():
    for x in (
        2.0,
        onp.float64(2.0),
        onp.float32(2.0),
        onp.array(2.0),
        onp.ones(1),
        onp.ones((1, 1)),
        onp.ones((2, 0)),
    ):
        g = grad(lambda x: np.sum(x**2))(x)
        assert onp.shape(g) == onp.shape(x)
        assert onp.asarray(g).dtype == onp.asarray(x).dtype
    assert type(grad(lambda x: x**2)(2.0)) is onp.float64
    assert type(grad(lambda x: x**2)(onp.float32(2.0))) is onp.float32
    assert type(grad(lambda z: np.abs(z))(1.0 + 1.0j)) is onp.complex128


def test_one_element_outputs_count_as_scalars():
    onp.testing.assert_array_equal(grad(lambda x: x * 2.0)(onp.ones(1)), [2.0])
    onp.testing.assert_array_equal(grad(lambda x: x * 2.0)(onp.ones((1, 1))), [[2.0]])


def test_integer_arrays_are_promoted():
    g = grad(lambda x: np.sum(x**2))(onp.array([1, 2]))
    assert g.dtype == onp.float64
    onp.testing.assert_array_equal(g, [2.0, 4.0])


def test_division_by_zero_is_that_of_numpy():
    with onp.errstate(divide="ignore", invalid="ignore"):
        assert grad(lambda x: 1.0 / x)(0.0) == -onp.inf


def test_grad_and_aux():
    g, aux = grad_and_aux(lambda x: (np.sum(x**2), x * 3.0))(X)
    close(g, 2 * X)
    close(aux, 3 * X)
    assert type(aux) is onp.ndarray
    g, aux = grad_and_aux(lambda a, x: (a * np.sum(x), ["any", a]), 1)(2.0, X)
    close(g, 2 * onp.ones(4))
    assert aux == ["any", 2.0]


def test_grad_named_and_multigrad_dict():
    f = lambda x, y, z=1.0: x * y**2 * z
    assert grad_named(f, "y")(3.0, 2.0) == 12.0
    assert grad_named(f, "y")(3.0, y=2.0) == 12.0
    assert grad_named(f, "z")(3.0, 2.0, z=2.0) == 12.0
    assert multigrad_dict(f)(3.0, 2.0) == {"x": 4.0, "y": 12.0, "z": 12.0}
    assert multigrad_dict(f)(3.0, z=2.0, y=2.0) == {"x": 8.0, "y": 24.0, "z": 12.0}
    assert multigrad_dict(lambda x, *ys, k=2.0: x * ys[0] * k)(3.0, 2.0)["ys"] == (6.0,)


def test_stop_gradient():
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    assert stop_gradient(3.0) == 3.0
    assert jvp(lambda x: stop_gradient(x), (3.0,), (1.0,))[1] is not None
    assert jvp(lambda x: stop_gradient(x) * x, (3.0,), (1.0,)) == (9.0, 3.0)


def test_checkpoint_computes_the_same():
    f = checkpoint(scalar)
    close(f(X), scalar(X))
    close(grad(f)(X), GRADIENT)
    close(hessian(f)(X), HESSIAN, 1e-6)
    close(jvp(f, (X,), (V,))[1], GRADIENT @ V)
    g = checkpoint(lambda a, x, scale=1.0: a * x * scale)
    assert grad(g, (0, 1))(2.0, 3.0, scale=5.0) == (15.0, 10.0)
    assert grad(lambda s: g(2.0, 3.0, scale=s))(5.0) == 6.0


def test_checkpoint_runs_the_function_again_in_the_backward_pass():
    calls = []
    f = checkpoint(lambda x: calls.append(1) or np.sin(x) * x)
    grad(f)(1.0)
    assert len(calls) == 2


def test_checkpoint_of_a_closure_over_a_traced_value():
    f = lambda a: grad(lambda x: checkpoint(lambda y: a * y**2)(x))(3.0) * a
    assert f(2.0) == 24.0
    assert grad(f)(2.0) == 24.0
    assert grad(lambda a: checkpoint(lambda y: a * y**2)(3.0))(2.0) == 9.0


# ---- rules of the user's own -------------------------------------------------------------------------------


def test_custom_vjp():
    @custom_vjp
    def f(x, y):
        return np.sin(x) * y

    f.defvjp(
        lambda x, y: (np.sin(x) * y, (x, y)),
        lambda res, g: (g * np.cos(res[0]) * res[1] * 10, g * np.sin(res[0])),
    )
    assert f(1.0, 2.0) == onp.sin(1.0) * 2
    gx, gy = grad(f, (0, 1))(1.0, 2.0)
    assert (gx, gy) == pytest.approx((onp.cos(1.0) * 20, onp.sin(1.0)))
    assert deriv(f)(1.0, 2.0) == pytest.approx(onp.cos(1.0) * 20)
    assert grad(grad(f))(1.0, 2.0) == pytest.approx(-onp.sin(1.0) * 20)
    assert deriv(grad(f))(1.0, 2.0) == pytest.approx(-onp.sin(1.0) * 20)


def test_custom_vjp_of_containers_with_zero_cotangents():
    @custom_vjp
    def f(p, flag):
        return {"out": p["a"] * p["b"], "b": p["b"]}

    f.defvjp(
        lambda p, flag: ({"out": p["a"] * p["b"], "b": p["b"]}, p),
        lambda p, g: ({"a": g["out"] * p["b"], "b": g["out"] * p["a"] + g["b"]}, None),
    )
    g = grad(lambda p: np.sum(f(p, "text")["out"] * f(p, "text")["b"]))(
        {"a": onp.array([2.0]), "b": onp.array([3.0])}
    )
    onp.testing.assert_array_equal(g["a"], [9.0])
    onp.testing.assert_array_equal(g["b"], [12.0])


def test_custom_jvp():
    @custom_jvp
    def f(x, y):
        return np.sin(x) * y

    @f.defjvp
    def _(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return f(x, y), np.cos(x) * y * tx * 10 + np.sin(x) * ty

    assert deriv(f)(1.0, 2.0) == pytest.approx(onp.cos(1.0) * 20)
    assert grad(f)(1.0, 2.0) == pytest.approx(onp.cos(1.0) * 20)
    assert grad(f, 1)(1.0, 2.0) == pytest.approx(onp.sin(1.0))
    assert grad(grad(f))(1.0, 2.0) == pytest.approx(-onp.sin(1.0) * 20)
    assert deriv(grad(f))(1.0, 2.0) == pytest.approx(-onp.sin(1.0) * 20)
    x = onp.array([0.1, 0.2])
    close(jacobian(f)(x, 2.0), onp.diag(onp.cos(x) * 20))


# ---- argnum ------------------------------------------------------------------------------------------------


def three(x, y, z=2.0):
    return np.sum(x**2 * y) * z


ONE, TWO = onp.array([1.0, 2.0]), onp.array([3.0, 5.0])
BY_ARGNUM = [grad, elementwise_grad, jacobian, jacrev, jacfwd, deriv]


@pytest.mark.parametrize("transform", [grad, elementwise_grad, jacobian, jacrev, jacfwd])
def test_argnum_forms(transform):
    gx, gy = 2 * ONE * TWO * 2, ONE**2 * 2
    for argnum in (0, "x", -2):
        close(transform(three, argnum)(ONE, TWO), gx)
    for argnum in (1, "y", -1):
        close(transform(three, argnum)(ONE, TWO), gy)
    for argnum in ((1, 0), [1, 0], ("y", "x"), ("y", 0)):
        got = transform(three, argnum)(ONE, TWO)
        assert type(got) is tuple
        close(got[0], gy)
        close(got[1], gx)
    assert type(transform(three, (0,))(ONE, TWO)) is tuple
    close(transform(three, argnum=1)(ONE, TWO), gy)
    close(transform(three, "z")(ONE, TWO, 2.0), onp.sum(ONE**2 * TWO))
    close(transform(three, "z")(ONE, TWO, z=2.0), onp.sum(ONE**2 * TWO))
    close(transform(three, "y")(ONE, y=TWO), gy)
    close(transform(three, 1)(ONE, y=TWO), gy)
    close(transform(three)(ONE, TWO, z=4.0), 2 * gx)
    close(transform(three, onp.int64(1))(ONE, TWO), gy)


@pytest.mark.parametrize("argnum", [0, "x"])
def test_argnum_of_the_other_transforms(argnum):
    gx = 2 * ONE * TWO * 2
    value, g = value_and_grad(three, argnum)(ONE, TWO)
    close(value, three(ONE, TWO))
    close(g, gx)
    close(make_vjp(three, argnum)(ONE, TWO)[0](1.0), gx)
    close(make_jvp(three, argnum)(ONE, TWO)(ONE)[1], gx @ ONE)
    close(make_jvp_reversemode(three, argnum)(ONE, TWO)(ONE), gx @ ONE)
    close(hessian(three, argnum)(ONE, TWO), onp.diag(4 * TWO))
    close(make_hvp(three, argnum)(ONE, TWO)[0](ONE), 4 * TWO * ONE)
    close(hessian_tensor_product(three, argnum)(ONE, TWO, ONE), 4 * TWO * ONE)
    close(tensor_jacobian_product(lambda x, y: x * y, argnum)(ONE, TWO, ONE), TWO * ONE)
    close(grad_and_aux(lambda x, y: (three(x, y), y), argnum)(ONE, TWO)[0], gx)


def test_jacobian_and_hessian_of_several_arguments():
    f = lambda x, y: np.outer(x, y)
    Jx, Jy = jacobian(f, (0, 1))(ONE, onp.ones(3))
    assert Jx.shape == (2, 3, 2)
    assert Jy.shape == (2, 3, 3)
    close(Jx, oracle.jacobian(lambda x: onp.outer(x, onp.ones(3)), ONE))
    H = hessian(lambda x, y: np.sum(x**2) * y**2, (0, 1))(ONE, 3.0)
    close(H[0][0], 18 * onp.eye(2))
    close(H[0][1], 12 * ONE)
    close(H[1][0], 12 * ONE)
    close(H[1][1], 2 * onp.sum(ONE**2))


def test_several_arguments_in_the_functional_forms():
    f = lambda x, y: x * y**2
    value, pull = vjp(f, 3.0, 2.0)
    assert value == 12.0
    assert pull(1.0) == (4.0, 12.0)
    assert jvp(f, (3.0, 2.0), (1.0, 10.0)) == (12.0, 124.0)
    assert linearize(f, 3.0, 2.0)[1](1.0, 10.0) == 124.0
    assert hvp(f, (3.0, 2.0), (1.0, 10.0)) == (40.0, 4.0 + 60.0)


# ---- callables of all kinds --------------------------------------------------------------------------------


class Model:
    """A model."""

    def __init__(self, a):
        self.a = a

    def loss(self, x, scale=1.0):
        """The loss."""
        return np.sum(x**2) * self.a * scale

    def __call__(self, x):
        return self.loss(x)

    slope = grad(lambda self, x: self.loss(x), 1)

    @staticmethod
    def fixed(x):
        return np.sum(x**2)

    @classmethod
    def made(cls, x):
        return cls(2.0).loss(x)


CALLABLES = {
    "method": (Model(3.0).loss, 6.0),
    "callable object": (Model(3.0), 6.0),
    "static method": (Model.fixed, 2.0),
    "class method": (Model.made, 4.0),
    "partial": (functools.partial(Model.loss, Model(3.0), scale=2.0), 12.0),
    "lambda": (lambda x: np.sum(x**2), 2.0),
    "lru_cache of identity": (functools.lru_cache(lambda x: np.sum(x * x)), 2.0),
    "checkpointed": (checkpoint(Model(3.0).loss), 6.0),
    "numpy function": (lambda x: np.sum(np.square(x)), 2.0),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_callables_of_all_kinds(name):
    f, factor = CALLABLES[name]
    close(grad(f)(ONE), factor * ONE)
    close(hessian(f)(ONE), factor * onp.eye(2))
    close(deriv(lambda s: f(s * ONE))(1.0), factor * ONE @ ONE)


def test_numpy_functions_themselves():
    assert grad(np.tanh)(0.0) == 1.0
    assert grad(onp.tanh)(0.0) == 1.0
    assert deriv(onp.exp)(0.0) == 1.0
    onp.testing.assert_array_equal(grad(onp.sum)(ONE), [1.0, 1.0])


def test_a_transform_as_an_attribute_of_a_class_is_a_method():
    close(Model(3.0).slope(ONE), 6 * ONE)


def test_a_callable_without_a_name():
    partial = functools.partial(np.sum)
    close(grad(partial)(ONE), [1.0, 1.0])
    assert "unknown" in grad(partial).__name__


def named(x):
    """Its documentation."""
    return np.sum(x**2)


NAMED = [
    grad, value_and_grad, elementwise_grad, deriv, jacobian, jacrev, jacfwd, hessian, holomorphic_grad,
    grad_and_aux, make_vjp, make_jvp, make_jvp_reversemode, make_hvp, hessian_tensor_product,
    tensor_jacobian_product, make_ggnvp, multigrad_dict,
]  # fmt: skip


@pytest.mark.parametrize("transform", NAMED)
def test_names_and_docstrings_are_kept(transform):
    g = transform(named)
    assert "named" in g.__name__
    assert "Its documentation." in g.__doc__
    assert g.__wrapped__ is named
    assert "named" in repr(g)


def test_names_say_transform_function_and_argument():
    assert grad(named).__name__ == "grad_of_named_wrt_argnum_0"
    assert checkpoint(named).__name__ == "named"
    assert checkpoint(named).__doc__ == "Its documentation."


def linear_loss(p, x):
    return np.sum(p["w"] * x)


PICKLED = [
    grad, value_and_grad, elementwise_grad, deriv, jacobian, jacrev, jacfwd, hessian, make_vjp, make_jvp,
    make_hvp, checkpoint, multigrad_dict, hessian_tensor_product, tensor_jacobian_product, make_ggnvp,
    make_jvp_reversemode,
]  # fmt: skip


@pytest.mark.parametrize("transform", PICKLED)
def test_transforms_of_module_functions_pickle(transform):
    again = pickle.loads(pickle.dumps(transform(named)))
    assert again.__name__ == transform(named).__name__
    copy.deepcopy(transform(named))


def test_pickled_transforms_compute():
    close(pickle.loads(pickle.dumps(grad(named)))(ONE), 2 * ONE)
    close(pickle.loads(pickle.dumps(grad(grad(scalar_cube))))(2.0), 12.0)
    close(pickle.loads(pickle.dumps(hessian(named)))(ONE), 2 * onp.eye(2))
    g = pickle.loads(pickle.dumps(grad(linear_loss)))({"w": ONE}, TWO)
    close(g["w"], TWO)
    close(pickle.loads(pickle.dumps(grad(Model(3.0).loss)))(ONE), 6 * ONE)
    close(pickle.loads(pickle.dumps(grad(functools.partial(three, z=1.0), 1)))(ONE, TWO), ONE**2)
    close(pickle.loads(pickle.dumps(grad(np.tanh)))(0.0), 1.0)
    close(pickle.loads(pickle.dumps(grad(checkpoint(named))))(ONE), 2 * ONE)


def scalar_cube(x):
    return x**3


def test_gradients_in_other_processes():
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(grad(np.tanh), [0.0, 1.0])) == [1.0, grad(np.tanh)(1.0)]


def test_derivatives_of_zero_arguments_and_keyword_only_functions():
    def f(*, x, y=2.0):
        return x * y

    assert grad(f, "x")(x=3.0) == 2.0
    assert grad(f, ("x", "y"))(x=3.0, y=4.0) == (4.0, 3.0)
    g = lambda *xs: xs[0] * xs[2]
    assert grad(g, 2)(1.0, 2.0, 3.0) == 1.0
    h = lambda **kw: kw["a"] * 2.0
    assert grad(h, "a")(a=1.0) == 2.0


@pytest.mark.parametrize("n", [3, 5000])
def test_results_share_no_memory_with_arguments(n):
    x, v = onp.linspace(0.0, 1.0, n), onp.linspace(1.0, 2.0, n)
    for f in (lambda x: x, lambda x: x[1:], lambda x: np.reshape(x, (1, -1)), lambda x: (x, x.T)):
        for got in (jvp(f, (x,), (v,)), make_jvp(f)(x)(v), linearize(f, x)[1](v), jet(f, (x,), ([v, v],))):
            for leaf in flatten(got)[0]:
                assert not onp.may_share_memory(leaf, x)
                assert not onp.may_share_memory(leaf, v)
                assert leaf.flags.writeable


def test_linearized_constants():
    """What nothing depends on has tangents as in forward mode: zeros of its shape, none of a string."""
    f = lambda x: {"constant": onp.ones((2, 3)), "position": np.argmax(x), "text": "a", "none": None, "y": np.sin(x)}
    x, v = onp.array([0.1, 0.2]), onp.array([1.0, 2.0])
    got, want = linearize(f, x)[1](v), jvp(f, (x,), (v,))[1]
    assert list(got) == list(want)
    for name in want:
        onp.testing.assert_array_equal(got[name], want[name])
        assert onp.shape(got[name]) == onp.shape(want[name])
    assert onp.shape(linearize(lambda x: onp.ones(3), x)[1](v)) == (3,)
    close(make_ggnvp(lambda x: onp.ones(3))(x)(v), onp.zeros(2))
