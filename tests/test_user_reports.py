"""What users of NumPy differentiation reported as missing, wrong or painful: one test for each report."""

import contextlib
import copy
import gc
import pickle
import re
import threading
import tracemalloc
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    checkpoint,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    jacobian,
    jvp,
    register_pytree,
    stop_gradient,
    value_and_grad,
)
from autograd_clone.extend import defvjp, primitive
from autograd_clone.test_util import check_grads

from . import oracle

X = onp.array([0.3, -1.2, 2.1])


def agrees(fun, x, rtol=1e-7, atol=1e-9):
    """Reverse and forward mode of a scalar function agree with differences."""
    expected = oracle.gradient(fun, x)
    onp.testing.assert_allclose(grad(fun)(x), expected, rtol=rtol, atol=atol)
    direction = onp.linspace(0.5, 1.5, onp.size(x)).reshape(onp.shape(x))
    onp.testing.assert_allclose(jvp(fun, (x,), (direction,))[1], onp.sum(expected * direction), rtol=rtol, atol=atol)


# ---- silently wrong elsewhere ---------------------------------------------------------------------------------


def test_arrays_filled_element_by_element():
    def f(x):
        out = np.zeros(3)
        for i in range(3):
            out[i] = x[i] ** 2 * (i + 1)
        return np.sum(out * out)

    onp.testing.assert_allclose(grad(f)(X), 4 * X**3 * onp.array([1, 4, 9]))


def test_arrays_filled_by_blocks():
    def f(x):
        out = np.zeros((4, 4))
        out[:2, :2] = np.outer(x[:2], x[:2])
        out[2:, 2:] = np.eye(2) * x[2]
        return np.linalg.slogdet(out + 5 * np.eye(4))[1]

    agrees(f, X)


def test_an_alias_sees_what_is_added_in_place():
    def f(x):
        y = x * 1.0
        z = y
        y += x
        return np.sum(z * x)

    onp.testing.assert_allclose(grad(f)(X), 4 * X)


def test_a_constant_changed_after_its_use_does_not_corrupt_the_gradient():
    def f(x):
        c = onp.full(3, 2.0)
        y = np.sum(x * c)
        with contextlib.suppress(ValueError):  # it may be protected
            c[:] = 0.0
        return y

    onp.testing.assert_array_equal(grad(f)(X), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var", "std", "max", "min"])
def test_masked_reductions(name):
    mask = onp.array([True, False, True])
    options = {"initial": -9.0} if name == "max" else {"initial": 9.0} if name == "min" else {}
    agrees(lambda x: getattr(np, name)(x, where=mask, **options) ** 2, X)


def test_out_is_written():
    def f(x):
        out = np.zeros(())
        np.sum(x * x, out=out)
        return out * 1.0

    onp.testing.assert_allclose(grad(f)(X), 2 * X)


def test_where_sums_over_broadcast_axes():
    mask, y = X > 0, X
    assert grad(lambda t: np.sum(np.where(mask, t, y)))(2.0) == 2.0
    assert grad(lambda t: np.sum(np.where(mask, t, y)))(onp.ones((3, 1))).shape == (3, 1)


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x != 0, np.sin(x) / x, 1.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, x * np.log(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, np.arctan2(x, x), x), 0.0, 1.0),
    ],
)
def test_the_branch_that_is_not_taken(f, at, slope):
    x = onp.array([at, 0.5])
    with onp.errstate(all="ignore"):
        assert grad(lambda x: np.sum(f(x)))(x)[0] == slope
        assert jvp(f, (x,), (onp.ones(2),))[1][0] == slope
        assert onp.isfinite(hessian(lambda x: np.sum(f(x)))(x)).all()


def test_norms_at_zero():
    zero = onp.zeros(3)
    onp.testing.assert_array_equal(grad(np.linalg.norm)(zero), zero)
    onp.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x) ** 2)(zero), zero)
    onp.testing.assert_array_equal(grad(lambda x: np.std(x))(onp.ones(3)), zero)


def test_methods_of_arrays():
    A = onp.arange(6.0).reshape(2, 3)
    agrees(lambda x: np.sum(x.dot(A.T).copy().take([1, 0, 1]).cumprod()), X)
    agrees(lambda A: A.transpose(1, 0).diagonal().sum() * A.std(ddof=1), A + 1.0)


def test_plain_numpy_inside():
    def f(x):
        y = onp.concatenate([x, onp.sin(x)]).reshape(2, 3)
        return onp.sum(onp.gradient(y[0]) * y[1]) + onp.linalg.norm(y) + onp.add.reduce(onp.multiply.outer(x, x).ravel())

    agrees(f, X)


def test_float32_stays_float32():
    x = X.astype(onp.float32)
    for f in (np.mean, np.max, np.std, np.var, lambda x: np.sum(x, dtype=onp.float64), lambda x: np.sum(np.where(x > 0, x, 0) * X)):
        assert grad(f)(x).dtype == onp.float32


def test_products_with_zeros():
    x = onp.array([2.0, 0.0, 3.0])
    onp.testing.assert_array_equal(grad(np.prod)(x), [0.0, 6.0, 0.0])
    onp.testing.assert_array_equal(grad(lambda x: np.sum(np.cumprod(x)))(x), [1.0, 8.0, 0.0])


def test_ordinary_arguments_of_odeint():
    from autograd_clone.scipy.integrate import odeint

    def f(k):
        return np.sum(odeint(lambda y, t, k: -k * y, 2.0 * k, onp.array([0.0, 0.5, 1.0]), args=(k,), rtol=1e-11, atol=1e-11))

    agrees(f, onp.array([0.7, 1.3]), rtol=1e-5)


def test_conversions_say_what_to_do():
    import math

    with pytest.raises(TypeError, match=r"np\.sin"):
        grad(lambda x: math.sin(x))(1.0)
    with pytest.raises((TypeError, ValueError)) as caught:
        grad(lambda x: _written_into_plain(x))(1.0)
    told = [str(caught.value), str(caught.value.__cause__), *getattr(caught.value, "__notes__", ())]
    assert any("autograd_clone.numpy" in text for text in told)


def _written_into_plain(x):
    out = onp.zeros(2)
    out[0] = x
    return out[0]


def test_constant_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    S = sparse.csr_array(onp.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))
    agrees(lambda x: np.sum((S @ x) ** 2), X)
    agrees(lambda x: np.sum((x[:2] @ S) ** 2), X)


def test_checkpoints_of_functions_that_return_lists():
    f = checkpoint(lambda x: [np.sin(x), x * x])
    onp.testing.assert_allclose(grad(lambda x: np.sum(f(x)[0] + f(x)[1]))(X), onp.cos(X) + 2 * X)


def test_checkpoints_save_memory():
    def segment(x):
        for _ in range(20):
            x = np.sin(x) * 1.01
        return x

    def peak(segment):
        def f(x):
            for _ in range(5):
                x = segment(x)
            return np.sum(x)

        x = onp.linspace(0, 1, 20_000)
        grad(f)(x)
        tracemalloc.start()
        try:
            grad(f)(x)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(checkpoint(segment)) < 0.4 * peak(segment)


def test_copies_keep_the_gradient():
    assert grad(lambda x: np.sum(copy.deepcopy(x) * x))(X) == pytest.approx(2 * X)
    assert grad(lambda x: np.sum(copy.copy(x) * copy.deepcopy([x, {"a": x}])[1]["a"]))(X) == pytest.approx(2 * X)


def test_threads_do_not_share_traces():
    ready, go = threading.Event(), threading.Event()
    results = {}

    def slow(x):
        inner = grad(lambda y: wait(y) * y * x)(x)
        return inner * x

    def wait(y):
        ready.set()
        go.wait(10)
        return y

    thread = threading.Thread(target=lambda: results.update(slow=grad(slow)(1.0)))
    thread.start()
    ready.wait(10)
    results["fast"] = grad(lambda x: grad(lambda y: y * x)(x) * x)(3.0)
    go.set()
    thread.join()
    assert results == {"slow": 6.0, "fast": 6.0}


def test_forward_mode_of_linear_algebra():
    A = onp.array([[2.0, 0.3], [0.1, 1.5]])
    for f in (np.linalg.inv, np.linalg.det, lambda A: np.linalg.svd(A)[1], lambda A: np.linalg.qr(A)[1]):
        agrees(lambda A, f=f: np.sum(np.abs(f(A)) ** 2), A)


def test_chi2_with_any_degrees_of_freedom():
    from scipy import stats as sp

    from autograd_clone.scipy import stats

    f, h = lambda x: stats.chi2.logpdf(x, 2.5), 1e-6
    assert grad(f)(1.7) == pytest.approx((sp.chi2.logpdf(1.7 + h, 2.5) - sp.chi2.logpdf(1.7 - h, 2.5)) / (2 * h), rel=1e-6)


def test_integers_are_explained():
    with pytest.raises(TypeError, match=r"pass 3\.0"):
        grad(lambda x: x**2)(3)
    onp.testing.assert_array_equal(hessian(lambda x: np.sum(x**2))(onp.array([1, 2])), 2 * onp.eye(2))


# ---- often hit ------------------------------------------------------------------------------------------------


def test_jacobians_and_hessians_in_one_pass():
    calls = []

    def f(x):
        calls.append(1)
        return np.tanh(x) * np.sum(x)

    jacobian(f)(onp.linspace(0, 1, 50))
    hessian(lambda x: np.sum(f(x)))(onp.linspace(0, 1, 50))
    assert len(calls) < 10


def test_jacobians_of_several_arguments_and_containers():
    J = jacobian(lambda a, b: a * b, argnum=(0, 1))(X, 2.0)
    onp.testing.assert_array_equal(J[0], 2 * onp.eye(3))
    onp.testing.assert_array_equal(J[1], X)
    J = jacobian(lambda p: p["a"] * p["b"])({"a": X, "b": 2.0})
    onp.testing.assert_array_equal(J["b"], X)


Point = namedtuple("Point", "x y")


@dataclass
class Parameters:
    w: onp.ndarray
    name: str
    n: int


def test_parameters_in_any_structure():
    assert grad(lambda p: p.x * p.y**2)(Point(2.0, 3.0)) == Point(9.0, 12.0)
    g = grad(lambda p: np.sum(p.w**2) * p.n)(Parameters(X, "name", 2))
    onp.testing.assert_array_equal(g.w, 4 * X)
    assert grad(lambda p: p["a"] * p["b"])(OrderedDict(a=2.0, b=3.0)) == OrderedDict(a=3.0, b=2.0)
    assert grad(lambda p: p["a"] ** 2)(defaultdict(float, a=2.0))["a"] == 4.0


def test_products_that_are_smooth_at_zero():
    with onp.errstate(all="ignore"):
        for x in (0.0, onp.zeros(2)):
            assert onp.all(grad(lambda x: np.sum(x * np.sqrt(x)))(x) == 0)
            assert onp.all(grad(lambda x: np.sum(x * x**0.5))(x) == 0)


def test_interpolation():
    nodes, values = onp.array([0.0, 1.0, 2.0, 4.0]), onp.array([1.0, 3.0, 2.0, 5.0])
    agrees(lambda x: np.sum(np.interp(x, nodes, values) ** 2), onp.array([0.3, 1.6, 3.1]))
    agrees(lambda v: np.sum(np.interp(onp.array([0.3, 1.6, 3.1]), nodes, v) ** 2), values)


def test_messages_show_shape_type_and_cure():
    with pytest.raises(TypeError, match=r"\(3,\)") as caught:
        grad(np.sin)(X)
    assert "jacobian" in str(caught.value)


def test_missing_rules_are_named():
    unknown = primitive(lambda x: x)
    with pytest.raises(NotImplementedError, match="defvjp"):
        grad(unknown)(1.0)


def _cube(x):
    return x**3


def test_gradients_pickle():
    assert pickle.loads(pickle.dumps(grad(grad(_cube))))(2.0) == 12.0
    assert pickle.loads(pickle.dumps(value_and_grad(_cube)))(2.0) == (8.0, 12.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda A: np.sum(np.linalg.qr(A)[1] ** 2 * onp.arange(9.0).reshape(3, 3)),
        lambda A: np.sum(np.linalg.lstsq(A, X, rcond=None)[0] ** 2),
        lambda A: np.sum(np.linalg.eigvals(A).real ** 3),
        lambda A: np.sum(np.linalg.eigvalsh(A + A.T) ** 3),
        np.linalg.cond,
        lambda A: np.sum(np.linalg.matrix_power(A, 3)),
        lambda A: np.sum(np.linalg.tensorsolve(A, X) ** 2),
        lambda A: np.sum(np.linalg.tensorinv(A, ind=1) ** 2),
        lambda A: np.sum(np.linalg.solve(onp.stack([onp.eye(3), onp.eye(3)]) + A, X) ** 2),
        lambda A: np.linalg.norm(A, 1),
        lambda A: np.linalg.norm(A, 2),
        lambda A: np.linalg.norm(A, onp.inf),
        lambda A: np.linalg.norm(A[0], 1) + np.linalg.norm(A[1], onp.inf),
    ],
)
def test_linear_algebra(f):
    agrees(f, onp.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.7], [-0.2, 0.6, 3.0]]), rtol=1e-6)


def test_projectors_of_repeated_eigenvalues():
    Q = onp.linalg.qr(onp.array([[1.0, 2.0, 0.3], [0.5, -1.0, 1.0], [2.0, 0.1, -0.7]]))[0]
    A = Q @ onp.diag([1.0, 1.0, 3.0]) @ Q.T

    def largest(A):
        v = np.linalg.eigh((A + A.T) / 2)[1][:, 2:]
        return np.sum((v @ v.T) * onp.arange(9.0).reshape(3, 3))

    def other(A):
        V = np.linalg.eigh((A + A.T) / 2)[1][:, :2]
        return np.sum((V @ V.T) * onp.arange(9.0).reshape(3, 3))

    agrees(largest, A, rtol=1e-5, atol=1e-7)
    onp.testing.assert_allclose(grad(other)(A), -grad(largest)(A), atol=1e-10)


def test_determinants_of_singular_matrices():
    A = onp.array([[1.0, 2.0], [2.0, 4.0]])
    onp.testing.assert_allclose(grad(np.linalg.det)(A), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


def test_einsum_with_repeated_indices_and_axes_of_length_one():
    A = onp.arange(9.0).reshape(3, 3)
    onp.testing.assert_array_equal(grad(lambda A: np.einsum("ii->", A))(A), onp.eye(3))
    g = grad(lambda a: np.sum(np.einsum("ij,ij->j", a, A)))(onp.ones((1, 3)))
    onp.testing.assert_array_equal(g, A.sum(0, keepdims=True))


def test_broadcast_to_new_leading_axes():
    onp.testing.assert_array_equal(grad(lambda x: np.sum(np.broadcast_to(x, (4, 2, 3))))(X), [8.0, 8.0, 8.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda A: np.sort(A, axis=0) ** 2,
        lambda A: np.roll(A, (1, 2), (0, 1)) ** 2,
        lambda A: np.repeat(A, [1, 0, 2], axis=1) ** 2,
        lambda A: np.pad(A, 2, mode="reflect") ** 2 if A.shape[0] > 2 else np.pad(A, 1, mode="reflect") ** 2,
        lambda A: np.pad(A, 1, mode="wrap") ** 2,
        lambda A: np.diff(A, prepend=0.0, append=A[:, :1]) ** 2,
        lambda A: np.gradient(A, 0.5, onp.array([0.0, 1.0, 3.0]))[1] ** 2,
        lambda A: np.abs(np.fft.rfft(A, axis=1)) ** 2,
        lambda A: np.concatenate((A, 2 * A), axis=None) ** 2,
        lambda A: np.clip(A, onp.full((2, 1), 0.5), onp.array([3.1, 4.1, 2.1])) ** 2,
        lambda A: np.outer(A, A) ** 2,
    ],
)
def test_all_forms_of_functions(f):
    A = onp.array([[0.3, 1.2, 2.7], [4.4, 3.3, 5.6]])
    weights = onp.cos(onp.arange(onp.size(f(A)))).reshape(onp.shape(f(A)))
    agrees(lambda A: np.sum(f(A) * weights), A)


def test_incomplete_functions_in_their_parameters():
    from autograd_clone.scipy import special

    agrees(lambda p: special.gammainc(p[0], p[1]) + special.betainc(p[0], p[1], 0.4), onp.array([2.3, 1.7]))


def test_special_functions():
    from autograd_clone.scipy import special

    x = onp.array([0.3, 0.6])
    for f in (special.softmax, special.log_softmax, special.ndtr, special.log_expit, special.entr, special.expit):
        agrees(lambda x, f=f: np.sum(f(x) * onp.array([1.0, 2.0])), x)
    agrees(lambda x: np.sum(special.xlogy(x, x) + special.jv(1, x) + special.kv(2, x)), x)


def test_traced_values_can_be_printed():
    seen = []

    def f(x):
        seen.extend([f"{x:.3f}", repr(x), str(x)])
        return x * x

    grad(f)(1.25)
    assert seen[0] == "1.250"
    assert "1.25" in seen[1]
    assert "1.25" in seen[2]


def test_values_can_be_taken_out():
    assert grad(lambda x: stop_gradient(x) * x)(3.0) == 3.0
    assert grad(lambda p: stop_gradient({"a": p})["a"] * p)(3.0) == 3.0


def test_values_that_have_outlived_their_transform():
    leaked = []
    grad(lambda x: (leaked.append(x), x * x)[1])(1.0)
    with pytest.raises(Exception, match="already returned"):
        np.sin(leaked[0])


def test_lists_of_traced_values():
    f = lambda x: np.sum([x[0], x[1] * x[2]]) + np.sum(np.exp([x[0], x[2]])) + np.sum(np.outer([x[0], 1.0], [2.0, x[1]]))
    agrees(f, X)
    agrees(lambda x: np.sum(np.array([[x[0], 1], [2, x[1]]]) @ np.stack([x[:2], x[1:]])), X)


def test_isinstance_of_arrays():
    seen = []
    grad(lambda x: (seen.append(isinstance(x, onp.ndarray)), np.sum(x))[1])(X)
    assert seen == [True]


def test_plain_arrays_of_traced_numbers():
    g = grad(lambda x: np.sum(onp.array([x[0] * x[1], x[2]]) ** 2))(X)
    onp.testing.assert_allclose(g, oracle.gradient(lambda x: (x[0] * x[1]) ** 2 + x[2] ** 2, X), rtol=1e-7)


def test_gradients_of_long_lists_are_linear_in_their_length():
    def allocated(n):
        xs = [1.0] * n
        grad(lambda xs: sum([x * x for x in xs]))(xs)
        tracemalloc.start()
        try:
            grad(lambda xs: sum([x * x for x in xs]))(xs)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert allocated(4000) < 6 * allocated(1000)
    assert grad(lambda xs: sum([x * x for x in xs]))([1.0] * 4000) == [2.0] * 4000


def test_implicit_differentiation_of_fixed_points():
    from autograd_clone.misc.fixed_points import fixed_point

    def newton_sqrt(a):
        return fixed_point(lambda a: lambda x: 0.5 * (x + a / x), a, 1.0, lambda x, y: abs(x - y), 1e-12)

    assert grad(newton_sqrt)(2.0) == pytest.approx(0.5 / onp.sqrt(2.0))


def test_matrix_functions_and_factorisations():
    from autograd_clone.scipy import linalg

    A = onp.array([[2.0, 0.3], [0.4, 1.5]])
    for f in (linalg.expm, linalg.logm, linalg.inv, lambda A: linalg.solve(A, X[:2]), lambda A: linalg.lu(A)[2]):
        agrees(lambda A, f=f: np.sum(f(A) ** 2), A, rtol=1e-6)
    agrees(lambda x: np.sum(linalg.block_diag(x[:2], x[2:]) * 2 + linalg.toeplitz(x)[:2, :] ** 2), X)
    agrees(lambda A: np.sum(linalg.cho_solve(linalg.cho_factor(A @ A.T), X[:2]) ** 2), A, rtol=1e-6)


def test_custom_rules_with_several_outputs_containers_and_keywords():
    @primitive
    def both(x, scale=1.0):
        return x * scale, x**2

    defvjp(both, lambda ans, x, scale=1.0: lambda g: g[0] * scale + 2 * x * g[1])

    def f(x):
        a, b = both(x, scale=3.0)
        return np.sum(a * b)

    agrees(f, X)


def test_a_rule_of_the_wrong_shape_is_refused():
    @primitive
    def wrong(x):
        return x * 2

    defvjp(wrong, lambda ans, x: lambda g: np.sum(g))
    with pytest.raises(ValueError, match="wrong"):
        grad(lambda x: np.sum(wrong(x)))(X)


def test_errors_on_the_way_back_say_where_they_come_from():
    @primitive
    def failing(x):
        return x * 2

    def rule(g):
        raise RuntimeError("no")

    defvjp(failing, lambda ans, x: rule)
    with pytest.raises(RuntimeError) as caught:
        grad(lambda x: np.sum(failing(x)))(X)
    notes = "".join(caught.value.__notes__)
    assert "failing" in notes
    assert "test_user_reports.py" in notes


# ---- less frequent ---------------------------------------------------------------------------------------------


def test_the_complex_convention():
    assert grad(lambda z: np.real(z**2))(1.0 + 2.0j) == pytest.approx(2 * (1.0 + 2.0j))
    x = onp.array([1.0 + 1.0j, 2.0 - 1.0j])
    onp.testing.assert_allclose(grad(np.linalg.norm)(x), onp.conj(x) / onp.linalg.norm(x))


def test_ties_share_equally():
    onp.testing.assert_array_equal(grad(np.max)(onp.array([1.0, 1.0, 0.0])), [0.5, 0.5, 0.0])


def test_parameters_in_a_dictionary_for_scipys_minimisers():
    from scipy.optimize import minimize

    from autograd_clone.misc.flatten import flatten

    start, unflatten = flatten({"a": onp.ones(2), "b": 3.0})
    loss = value_and_grad(lambda v: np.sum((unflatten(v)["a"] - 2) ** 2) + unflatten(v)["b"] ** 2)
    found = minimize(loss, start, jac=True)
    onp.testing.assert_allclose(unflatten(found.x)["a"], [2.0, 2.0], atol=1e-5)


def test_gradients_by_keyword():
    assert grad_named(lambda x, y: x * y, "y")(2.0, y=3.0) == 2.0
    assert grad(lambda x, y: x * y, argnum="y")(2.0, y=3.0) == 2.0


def test_extended_precision():
    x = onp.longdouble(1) / 3
    assert grad(lambda x: x**3)(x) == 3 * x**2
    assert grad(lambda x: x**3)(x).dtype == onp.longdouble


def test_extra_results_are_plain():
    gradient, extra = grad_and_aux(lambda x: (np.sum(x**2), x * 2))(X)
    assert type(extra) is onp.ndarray
    onp.testing.assert_array_equal(gradient, 2 * X)


def test_assignment_and_higher_order_together():
    def f(x):
        y = x * 1.0
        y[1:] *= x[:-1]
        return np.sum(y**2)

    h = hessian(f)(X)
    onp.testing.assert_allclose(h, oracle.jacobian(grad(f), X), rtol=1e-6, atol=1e-8)


def test_wrong_argnum():
    with pytest.raises(Exception, match=r"argnum"):
        grad(lambda x: x, argnum=3)(1.0)
    with pytest.raises(TypeError, match=r"(?i)str"):
        grad(lambda x: x)("text")


def test_tracebacks_of_recording():
    x, y = Variable(5), Variable(2)
    (x * y + x / y).backward()
    assert (x.grad, y.grad) == (2.5, 3.75)


def test_checks_report_what_differs():
    @primitive
    def off(x):
        return x * x

    defvjp(off, lambda ans, x: lambda g: g * 2.1 * x)
    with pytest.raises(AssertionError) as caught:
        check_grads(off, modes=["rev"], order=1)(X)
    assert re.search(r"\d", str(caught.value))


def test_user_classes_as_parameters():
    class Model:
        def __init__(self, w):
            self.w = w

    register_pytree(Model, lambda m: ([m.w], None), lambda _, children: Model(*children))
    assert grad(lambda m: m.w**2)(Model(3.0)).w == 6.0


def test_elementwise_derivatives_nest():
    x = onp.linspace(-2, 2, 5)
    t = onp.tanh(x)
    onp.testing.assert_allclose(elementwise_grad(elementwise_grad(np.tanh))(x), -2 * t * (1 - t * t), atol=1e-12)


# ---- SciPy's solvers ------------------------------------------------------------------------------------------


def test_differential_equations_and_integrals_with_ordinary_arguments():
    from autograd_clone.scipy.integrate import quad, solve_ivp

    def last(k):
        return solve_ivp(lambda t, y, k: -k * y, (0.0, 1.0), [2.0], args=(k,), rtol=1e-10, atol=1e-10).y[0, -1]

    assert grad(last)(0.7) == pytest.approx(-2 * onp.exp(-0.7))
    assert grad(lambda k: quad(lambda x, k: onp.exp(-k * x), 0, onp.inf, args=(k,))[0])(2.0) == pytest.approx(-0.25)


def test_roots_and_minima_as_functions_of_parameters():
    from autograd_clone.scipy.optimize import minimize, root

    assert grad(lambda a: root(lambda x, a: x**3 - a, [1.0], args=(a,)).x[0])(8.0) == pytest.approx(1 / 12)
    loss = lambda p, a: np.sum((p["w"] - a) ** 2) + (p["b"] + a) ** 2
    start = {"w": onp.zeros((2, 2), onp.float32), "b": 1.0}
    found = minimize(loss, start, args=(3.0,)).x
    assert found["w"].dtype == onp.float32
    assert grad(lambda a: minimize(loss, start, args=(a,)).x["b"])(3.0) == pytest.approx(-1.0)


def test_splines_and_tables():
    from autograd_clone.scipy.interpolate import CubicSpline, RegularGridInterpolator

    nodes, values = onp.arange(5.0), onp.array([1.0, 3.0, 2.0, 5.0, 4.0])
    agrees(lambda x: np.sum(CubicSpline(nodes, values)(x) ** 2), onp.array([0.3, 1.6, 3.1]))
    agrees(lambda v: np.sum(CubicSpline(nodes, v)(onp.array([0.3, 1.6, 3.1])) ** 2), values)
    agrees(lambda x: RegularGridInterpolator((nodes, nodes), onp.outer(values, nodes))(x)[0], onp.array([1.3, 2.4]))


# ---- more of the above ----------------------------------------------------------------------------------------


def test_a_large_constant_changed_after_its_use_is_stopped():
    c = onp.full(5000, 2.0)

    def f(x):
        y = x * c
        c[:] = 0.0
        return np.sum(y)

    with pytest.raises(ValueError, match="read-only") as caught:
        grad(f)(onp.ones(5000))
    assert "copy" in "".join(caught.value.__notes__)
    c[:] = 3.0  # and afterwards it is writeable again
    onp.testing.assert_array_equal(grad(lambda x: np.sum(x * c))(onp.ones(5000)), c)


def test_every_function_of_numpy_is_differentiated_constant_or_refused_by_name():
    from numpy.testing import overrides

    from autograd_clone.engine.primitive import find

    functions = overrides.get_overridable_numpy_array_functions() | overrides.get_overridable_numpy_ufuncs()
    assert not [f for f in functions if find(f) is None and not f.__name__.startswith("_")]


def test_sparse_systems():
    sparse = pytest.importorskip("scipy.sparse")
    from autograd_clone.scipy.sparse import linalg

    S = sparse.csc_array(onp.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 0.0, 4.0]]))
    agrees(lambda b: np.sum(linalg.spsolve(S, b) ** 2), X)


def test_distributions():
    from autograd_clone.scipy import stats

    A = onp.array([[2.0, 0.3], [0.3, 1.5]])
    agrees(lambda A: stats.multivariate_normal.logpdf(X[:2], onp.zeros(2), 0.5 * (A + A.T)), A, rtol=1e-6)
    agrees(lambda p: stats.binom.logpmf(3, 7, p), onp.array(0.3))
    agrees(lambda p: stats.expon.logpdf(1.3, p[0], p[1]) + stats.laplace.logpdf(0.4, p[0], p[1]), onp.array([0.2, 1.4]))
    agrees(lambda p: stats.norm.ppf(p) + stats.gamma.ppf(p, 2.0), onp.array(0.3), rtol=1e-6)


def test_custom_rules_of_containers():
    @primitive
    def total(parts):
        return parts["a"] * parts["b"][0]

    defvjp(total, lambda ans, parts: lambda g: {"a": g * parts["b"][0], "b": [g * parts["a"]]})
    assert grad(lambda x: total({"a": x, "b": [x * x]}))(2.0) == 12.0


def test_gradients_leave_no_cycles():
    grad(lambda x: np.sum(np.sin(x) * x[::-1]))(X)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            grad(lambda x: np.sum(np.sin(x) * x[::-1]))(X)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_graph_is_used_again():
    from autograd_clone.misc.tracers import const_graph

    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.tanh(x) * x)

    again = const_graph(f)
    for k in range(3):
        onp.testing.assert_allclose(grad(again)(X + k), grad(f)(X + k))
    assert len(calls) == 4  # one of the graph


def test_annotations_are_shipped():
    from importlib.resources import files

    assert files("autograd_clone").joinpath("py.typed").is_file()
    assert grad.__annotations__
    assert grad.__doc__
