"""Variables: recording and `backward` in the manner of PyTorch, checked against `grad` and against written-out derivatives."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as onp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    checkpoint,
    custom_vjp,
    elementwise_grad,
    grad,
    hessian,
    jvp,
    no_grad,
    stop_gradient,
    vmap,
    zero_grad,
)
from autograd_clone.engine.errors import (
    FreedGraphError,
    InPlaceError,
    NonScalarOutputError,
    NotRecordedError,
    RuleShapeError,
    TracedConversionError,
    UnsupportedTypeError,
)


def gradients(f, *values, **kwargs):
    variables = [Variable(v) for v in values]
    f(*variables).backward(**kwargs)
    return [v.grad for v in variables]


# ---- gradients -----------------------------------------------------------------------------------------------


def test_integers_become_floating_point_numbers():
    x, y = Variable(5), Variable(2)
    z = x * y + x / y
    z.backward()
    assert x.grad == 2.5
    assert y.grad == 3.75
    assert x.dtype == z.dtype == onp.float64
    assert Variable(onp.arange(3)).dtype == onp.float64


def test_one_element_is_a_scalar():
    a, b = Variable([5.0]), Variable([6.0])
    y = a**3 - b**2
    y.backward()
    onp.testing.assert_array_equal(a.grad, [75.0])
    onp.testing.assert_array_equal(b.grad, [-12.0])


FUNCTIONS = {
    "operators": lambda x, y: np.sum((x + y) * x - y / (x * x + 1) + (-x) ** 2 + 2.0**y + abs(x)),
    "reflected operators": lambda x, y: np.sum(1 - x + 2 / (3 + y * y) + onp.ones(3) * x + onp.eye(3) @ y),
    "methods": lambda x, y: (x.reshape(3, 1) @ y.reshape(1, 3)).T.sum(axis=0).cumsum().mean() + x.dot(y) + x.max(),
    "indices": lambda x, y: x[0] * y[1:].sum() + x[[0, 0, 2]] @ y + x[y > 0.5].sum() + x[..., None][1, 0],
    "joining": lambda x, y: np.sum(np.concatenate([x, 2 * y]) ** 2) + np.stack([x[0], y[1]]).prod() + np.array([x[0], y[0]]).sum(),
    "plain NumPy": lambda x, y: onp.sum(onp.where(x > y, onp.sin(x), onp.exp(y))) + onp.linalg.norm(onp.outer(x, y)),
    "linear algebra": lambda x, y: np.linalg.det(np.outer(x, x) + np.diag(y)) + np.sum(np.linalg.solve(np.diag(y) + 1, x)),
    "several outputs": lambda x, y: sum(np.sum(part) for part in np.split(x * y, 3)) + np.sum(np.linalg.eigh(np.outer(x, y) + np.eye(3))[0]),
    "einsum": lambda x, y: np.einsum("i,j,i->", x, y, x),
    "iteration": lambda x, y: sum(a * b for a, b in zip(x, y, strict=True)),
    "functions without slope": lambda x, y: np.sum(np.floor(3 * x) * y + np.argmax(x) * y[np.argmax(x)] + np.round(x)) + x[1] * np.sign(y[0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_everything_that_grad_can_do(name):
    f, x, y = FUNCTIONS[name], onp.array([0.7, -0.2, 1.4]), onp.array([0.3, 1.1, 0.9])
    for got, expected in zip(gradients(f, x, y), grad(f, (0, 1))(x, y), strict=True):
        onp.testing.assert_allclose(got, expected, rtol=1e-14)


def test_special_functions_and_statistics():
    import autograd_clone.scipy.special as special
    import autograd_clone.scipy.stats as stats

    f = lambda x: special.gammaln(x).sum() + stats.norm.logpdf(x, 0.5, 2.0).sum() + special.logsumexp(x)
    x = onp.array([0.7, 1.2])
    onp.testing.assert_allclose(gradients(f, x)[0], grad(f)(x), rtol=1e-14)


def test_primitives_with_rules_of_ones_own():
    @custom_vjp
    def doubled(pair):
        return {"sum": pair[0] + pair[1], "twice": 2 * pair[0]}

    doubled.defvjp(lambda pair: (doubled.fun(pair), None), lambda _, g: ((g["sum"] + 2 * g["twice"], g["sum"]),))
    x, y = Variable(3.0), Variable([1.0, 2.0])
    out = doubled((x, y[0]))
    assert isinstance(out["twice"], Variable)
    (out["sum"] * out["twice"]).backward()
    assert x.grad == 6 + 2 * 4
    onp.testing.assert_array_equal(y.grad, [6.0, 0.0])
    with no_grad():
        assert not doubled((x, y[0]))["sum"].requires_grad


def test_checkpoint():
    x = Variable([1.0, 2.0])
    checkpoint(lambda x: np.sum(np.sin(x) ** 2))(x).backward()
    onp.testing.assert_allclose(x.grad, onp.sin(2 * x.data), rtol=1e-14)


def test_dtypes_and_shapes_are_those_of_the_leaves():
    x, y = Variable(onp.ones((2, 1), onp.float32)), Variable(onp.ones(3))
    np.sum(x * y).backward()
    assert (x.grad.shape, x.grad.dtype, type(x.grad)) == ((2, 1), onp.float32, onp.ndarray)
    assert (y.grad.shape, y.grad.dtype) == ((3,), onp.float64)


def test_complex_gradients_are_those_of_grad():
    f = lambda z: np.real(np.sum(z * z * np.conj(z)))
    z = onp.array([1 + 2j, 0.5 - 1j])
    onp.testing.assert_allclose(gradients(f, z)[0], grad(f)(z), rtol=1e-14)


def test_a_leaf_is_its_own_output():
    x = Variable(2.0)
    x.backward()
    assert x.grad == 1


def test_no_two_gradients_share_memory():
    x, y = Variable([1.0, 2.0]), Variable([3.0, 4.0])
    seed = onp.ones(2)
    (x + y).backward(seed)
    x.grad[0] = 7
    seed[1] = 9
    onp.testing.assert_array_equal(y.grad, [1, 1])
    onp.testing.assert_array_equal(x.grad, [7, 1])


def test_a_cotangent_may_be_given():
    x = Variable([1.0, 2.0])
    (x * x).backward([10, 100])
    onp.testing.assert_array_equal(x.grad, [20, 400])
    (x * x).backward(grad=Variable([1.0, 0.0]))
    onp.testing.assert_array_equal(x.grad, [22, 400])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_zero_times_infinity_in_a_branch_not_taken_is_zero():
    x = Variable([0.0, 4.0])
    np.sum(np.where(x > 0, np.sqrt(x), 0.0)).backward()
    onp.testing.assert_array_equal(x.grad, [0, 0.25])


def test_random_programs_have_the_gradients_of_grad():
    unary = [np.sin, np.exp, np.tanh, lambda x: x * x, lambda x: x.T, lambda x: x[::-1], lambda x: x - x.mean(0), np.sort]
    binary = [np.add, np.subtract, np.multiply, lambda a, b: a @ b, lambda a, b: np.where(a > b, a, b * 0.5)]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12))
    def check(program):
        def f(x, y):
            values = [x, y]
            for is_unary, which, i, j in program:
                a, b = values[i % len(values)], values[j % len(values)]
                values.append(unary[which % len(unary)](a) if is_unary else np.tanh(binary[which % len(binary)](a, b)))
            return np.sum(values[-1] * values[-2])

        x, y = onp.random.default_rng(0).normal(size=(2, 3, 3))
        for got, expected in zip(gradients(f, x, y), grad(f, (0, 1))(x, y), strict=True):
            onp.testing.assert_allclose(0 if got is None else got, expected, rtol=1e-12, atol=1e-13)

    check()


# ---- the life of a graph -------------------------------------------------------------------------------------


def test_gradients_accumulate_until_they_are_forgotten():
    x = Variable(3.0)
    (x * x).backward()
    first = x.grad
    (2 * x).backward()
    assert x.grad == x.gradient == 8
    assert first == 6
    x.zero_grad()
    assert x.grad is None
    (x * x).backward()
    y = Variable([1.0])
    y.backward()
    zero_grad({"weights": [x, y], "name": "model"})
    assert x.grad is y.grad is None


def test_a_second_pass_needs_the_graph():
    x = Variable([1.0, 2.0])
    middle = np.exp(x)
    y = middle.sum()
    y.backward(retain_graph=True)
    y.backward()
    onp.testing.assert_allclose(x.grad, 2 * onp.exp([1, 2]))
    with pytest.raises(FreedGraphError, match="retain_graph=True"):
        y.backward()
    with pytest.raises(FreedGraphError):
        (middle[0] * 2).backward()
    onp.testing.assert_allclose(x.grad, 2 * onp.exp([1, 2]))


def test_a_part_that_another_pass_has_not_seen_is_not_freed():
    x = Variable(2.0)
    a, b = x * x, x * 3
    a.backward()
    b.backward()
    assert x.grad == 7


def test_backward_frees_what_was_kept():
    x = Variable(onp.ones(1000))
    middle = np.exp(x) * 2
    kept = weakref.ref(middle._value)
    y = np.sum(np.sin(middle))
    del middle
    assert kept() is not None
    y.backward()
    assert kept() is None


def test_what_is_dropped_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = Variable(onp.ones(100))
        y = np.sin(x)
        y.retain_grad()
        z = np.sum(y * x)
        z.backward(retain_graph=True)
        references = [weakref.ref(v) for v in (x, y, z)]
        del x, y, z
        assert [r() for r in references] == [None] * 3
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_chain():
    x = y = Variable(1.0)
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1
    del y


def test_only_leaves_get_gradients_unless_others_retain_them():
    x = Variable(3.0)
    y = x * x
    z = 2 * y
    y.retain_grad()
    y.retain_grad()
    (z * y).backward(retain_graph=True)
    assert y.grad == 36
    assert z.grad is None
    assert x.grad == 36 * 6
    (z * y).backward()
    assert y.grad == 72


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_retained_gradients_of_several_outputs_and_strong_zeros():
    x = Variable([0.0, 4.0])
    low, high = np.split(x, 2)
    low.retain_grad()
    root = np.sqrt(x)
    root.retain_grad()
    (np.sum(np.where(x > 0, root, 0.0)) + low[0] * 5 + high[0] * 7).backward()
    onp.testing.assert_array_equal(low.grad, [5])
    onp.testing.assert_array_equal(root.grad, [0, 1])
    onp.testing.assert_array_equal(x.grad, [5, 7.25])


def test_an_error_in_the_backward_pass_leaves_no_gradient():
    @custom_vjp
    def broken(x):
        return x

    broken.defvjp(lambda x: (x, None), lambda _, g: 1 / 0)
    x = Variable(1.0)
    with pytest.raises(ZeroDivisionError):
        (x * 2 + broken(x)).backward()
    assert x.grad is None


# ---- what is recorded ------------------------------------------------------------------------------------------


def test_constants_record_nothing():
    c, x = Variable([1.0, 2.0], requires_grad=False), Variable([3.0, 4.0])
    y = np.exp(c) * 2
    assert isinstance(y, Variable)
    assert not y.requires_grad
    assert y.is_leaf
    with pytest.raises(NotRecordedError, match="requires_grad"):
        y.sum().backward()
    z = np.sum(y * x)
    assert z.requires_grad
    assert not z.is_leaf
    z.backward()
    onp.testing.assert_allclose(x.grad, y.data)
    assert c.grad is None


def test_no_grad():
    x = Variable([1.0, 2.0])
    with no_grad():
        y = x * 2
        with no_grad():
            pass
        assert not (x + y).requires_grad
        assert not np.concatenate([x, y]).requires_grad
        a, b = np.split(x, 2)
        assert isinstance(a, Variable)
        assert not b.requires_grad
    assert (x * y).requires_grad

    @no_grad()
    def predict(x):
        return x * 2

    assert not predict(predict(x)).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * y).requires_grad


def test_no_grad_is_for_one_thread():
    inside, done = threading.Event(), threading.Event()

    def other():
        with no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    assert (Variable(1.0) * 2).requires_grad
    done.set()
    thread.join()


def test_threads_record_into_graphs_of_their_own():
    results = []

    def work(seed):
        w = Variable(onp.full(3, seed))
        for _ in range(50):
            w.zero_grad()
            np.sum(np.sin(w) ** 2).backward()
        results.append((w.grad, onp.sin(2 * w.data)))

    threads = [threading.Thread(target=work, args=(0.1 * k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 8
    for got, expected in results:
        onp.testing.assert_allclose(got, expected, rtol=1e-14)


def test_requires_grad_can_be_set():
    x = Variable(2.0, requires_grad=False)
    assert x.requires_grad_() is x
    (x * x).backward()
    assert x.grad == 4
    x.requires_grad = False
    assert not (x * x).requires_grad
    y = Variable(1.0) * 2
    y.requires_grad = True
    with pytest.raises(NotRecordedError, match="detach"):
        y.requires_grad = False


def test_detach():
    x = Variable([1.0, 2.0])
    y = np.sum(x * x.detach())
    y.backward()
    onp.testing.assert_array_equal(x.grad, [1, 2])
    assert not x.detach().requires_grad
    assert x.requires_grad
    assert (x * 3).detach().data[1] == 6


# ---- updates -----------------------------------------------------------------------------------------------------


def test_gradient_descent():
    w = Variable([3.0, -2.0])
    same = w
    for _ in range(100):
        loss = np.sum((w - onp.array([1.0, 0.5])) ** 2)
        loss.backward()
        with no_grad():
            w -= 0.1 * w.grad
        w.zero_grad()
    assert same is w
    assert w.requires_grad
    onp.testing.assert_allclose(w.data, [1, 0.5], atol=1e-9)


UPDATES = {
    "iadd": lambda w: w.__iadd__(2),
    "isub": lambda w: w.__isub__(onp.array([1.0, 2.0, 3.0])),
    "imul": lambda w: w.__imul__(2),
    "itruediv": lambda w: w.__itruediv__(onp.array([1.0, 2.0, 4.0])),
    "ipow": lambda w: w.__ipow__(2),
    "ifloordiv": lambda w: w.__ifloordiv__(2),
    "imod": lambda w: w.__imod__(2),
    "element": lambda w: w.__setitem__((0, 1), 7),
    "mask": lambda w: w.__setitem__(w > 2, 0),
    "all": lambda w: w.__setitem__(..., onp.array([1.0, 2.0, 3.0])),
    "row": lambda w: w[0].__imul__(3),
    "column of the transpose, reversed": lambda w: w.T[::-1, 1].__iadd__(onp.array([1.0, 2.0, 3.0])),
    "view of a view": lambda w: w.reshape(3, 2)[1:].__setitem__((0, slice(None)), -1),
    "ravel": lambda w: w.ravel().__isub__(1),
}


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("name", UPDATES)
def test_updates_are_those_of_numpy(name, order):
    start = onp.array(onp.arange(6.0).reshape(2, 3), order=order)
    w, expected = Variable(start), start.copy()
    held, row, shadow = w.data, None, w.detach()
    with no_grad():
        row = w[1]
        UPDATES[name](w)
    UPDATES[name](expected)
    for seen in (w.data, held, shadow.data):
        onp.testing.assert_array_equal(seen, expected)
    onp.testing.assert_array_equal(row.data, expected[1])
    onp.testing.assert_array_equal(start, onp.arange(6.0).reshape(2, 3))


def test_an_update_does_not_touch_what_was_recorded():
    w, x = Variable([2.0, 3.0]), Variable([5.0, 7.0])
    y = np.sum(w * x) + np.sum(np.exp(w))
    with no_grad():
        w *= 100
    w.data -= 1
    w.data[0] = -4
    y.backward()
    onp.testing.assert_allclose(x.grad, [2, 3])
    onp.testing.assert_allclose(w.grad, onp.array([5, 7]) + onp.exp([2, 3]))
    onp.testing.assert_array_equal(w.data, [-4, 299])


def test_plain_arrays_that_a_graph_needs_do_not_change():
    small, large = onp.ones(3), onp.ones((2000, 3))
    v = Variable(onp.array([1.0, 2.0, 3.0]))
    y = np.sum(v * small) + np.sum(large @ v)
    small[0] = 100
    with pytest.raises(ValueError, match="read-only"):
        large[0] = 100
    y.backward()
    onp.testing.assert_array_equal(v.grad, 1 + 2000)
    large[0] = 100
    y = np.sum(large @ v)
    z = np.sum(v * large) * np.sum(v + large)
    assert not large.flags.writeable
    del y
    assert not large.flags.writeable
    z.backward(retain_graph=True)
    assert not large.flags.writeable
    del z
    assert large.flags.writeable
    with no_grad():
        large @ v
    large[0] = 1


def test_the_data_of_a_leaf_may_be_written_to():
    w = Variable([1.0, 2.0, 3.0])
    handle = w.data
    for k in range(3):
        handle[k] = 10 * k
        onp.testing.assert_array_equal((w + 0).data, handle)
    handle[1:] += 1
    assert w.sum().item() == 10 + 20 + 2
    w.data = onp.zeros(3)
    onp.testing.assert_array_equal(handle, 0)
    assert w.value is w.numpy() is w.data is handle
    s = Variable(2.0)
    s.data -= 0.5
    s.value *= 2
    assert s.item() == 3
    assert s.requires_grad
    with pytest.raises(InPlaceError, match=r"shape \(2,\) .* shape \(3,\)"):
        w.data = onp.zeros(2)


def test_the_data_of_a_result_may_not():
    y = Variable([1.0, 2.0]) * 2
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 1


def test_the_value_given_is_copied():
    given = onp.array([1.0, 2.0])
    w = Variable(given)
    given[0] = 9
    assert w.data[0] == 1
    with no_grad():
        w += 1
    assert given[1] == 2


def test_updates_that_would_have_to_be_recorded_are_refused():
    w = Variable([1.0, 2.0])
    with pytest.raises(InPlaceError, match="no_grad"):
        w -= 1
    with pytest.raises(InPlaceError, match="no_grad"):
        w[0] = 1
    y = w * 2
    with pytest.raises(InPlaceError, match="not recorded"):
        y += 1
    c = Variable([0.0, 0.0], requires_grad=False)
    with pytest.raises(InPlaceError, match="not recorded"):
        c += w
    with pytest.raises(InPlaceError, match="not recorded"):
        c[0] = w[0]
    c += 1
    c[0] = 5
    onp.testing.assert_array_equal(c.data, [5, 1])
    onp.testing.assert_array_equal(w.data, [1, 2])


def test_numpys_errors_of_updates():
    w = Variable(onp.ones(3, onp.float32))
    with no_grad():
        with pytest.raises(ValueError, match="broadcast"):
            w += onp.ones(2)
        with pytest.raises(TypeError, match="complex"):
            w *= 1j
        w += onp.ones(3)
    assert w.dtype == onp.float32
    assert w.data[0] == 2


# ---- beside the transforms ---------------------------------------------------------------------------------------


def test_variables_are_constants_in_grad():
    w = Variable([2.0, 3.0])
    x = onp.array([5.0, 7.0])
    g = grad(lambda x: np.sum(w * x**2))(x)
    assert isinstance(g, Variable)
    onp.testing.assert_array_equal(g.data, [20, 42])
    g.sum().backward()
    onp.testing.assert_array_equal(w.grad, [10, 14])


def test_higher_derivatives_of_variables():
    x = Variable(0.7)
    grad(grad(np.sin))(x).backward()
    assert x.grad == pytest.approx(-onp.cos(0.7), rel=1e-14)
    v = Variable([0.3, 0.4])
    h = hessian(lambda v: np.prod(v) ** 2)(v)
    h[0, 1].backward()
    onp.testing.assert_allclose(v.grad, [4 * 0.4, 4 * 0.3])
    t = jvp(lambda v: np.sum(v**3), (v,), (onp.ones(2),))[1]
    v.zero_grad()
    t.backward()
    onp.testing.assert_allclose(v.grad, 6 * v.data)


def test_vmap_over_variables():
    w, x = Variable([1.0, 2.0]), Variable(onp.arange(6.0).reshape(3, 2))
    y = vmap(lambda row: np.sum(w * row) ** 2)(x)
    y.sum().backward()
    f = lambda w, x: np.sum((x @ w) ** 2)
    for v, expected in zip((w, x), grad(f, (0, 1))(w.data, x.data), strict=True):
        onp.testing.assert_allclose(v.grad, expected)


def test_elementwise_grad_and_stop_gradient():
    x = Variable([0.1, 0.2])
    elementwise_grad(np.tanh)(x).sum().backward()
    onp.testing.assert_allclose(x.grad, elementwise_grad(elementwise_grad(np.tanh))(x.data))
    assert isinstance(stop_gradient(x), onp.ndarray)


def test_backward_inside_a_function_that_is_differentiated():
    def f(a):
        x = Variable(3.0)
        (x * x).backward()
        return a * x.grad

    assert grad(f)(2.0) == 6


def test_a_traced_value_cannot_become_a_variable():
    with pytest.raises(TracedConversionError, match="stop_gradient"):
        grad(lambda a: Variable(a) * a)(2.0)
    w = Variable([1.0, 2.0])

    def store(a):
        with no_grad():
            w[0] = a
        return a

    with pytest.raises(TracedConversionError, match="stop_gradient"):
        grad(store)(2.0)
    assert w.data[0] == 1


# ---- what a variable looks like ------------------------------------------------------------------------------------


def test_repr():
    assert repr(Variable(2)) == "Variable(2., requires_grad=True)"
    assert repr(Variable([1.0, 2.5], requires_grad=False)) == "Variable([1. , 2.5], requires_grad=False)"
    assert repr(Variable(onp.ones(1, onp.float32))) == "Variable([1.], dtype=float32, requires_grad=True)"
    assert repr(Variable(onp.ones((2, 2)))) == "Variable([[1., 1.],\n          [1., 1.]], requires_grad=True)"
    assert f"{Variable(2.5) * 2:.2f}" == "5.00"


def test_conversions():
    x = Variable([[1.5, 2.0]])
    assert x[0, 0].item() == x.item(0) == 1.5
    assert type(x[0, 0].item()) is float
    assert x.tolist() == [[1.5, 2.0]]
    assert (float(x[0, 1]), int(x[0, 1]), complex(x[0, 1]), bool(x[0, 1] > 1)) == (2.0, 2, 2 + 0j, True)
    assert (x.shape, x.ndim, x.size, len(x)) == ((1, 2), 2, 2, 1)
    onp.testing.assert_array_equal(onp.asarray(x.detach()), [[1.5, 2.0]])
    with pytest.raises(TracedConversionError, match="detach"):
        onp.asarray(x)
    with pytest.raises(ValueError, match="size 1"):
        x.item()


def test_variables_do_not_vanish_in_plain_arrays():
    x, plain = Variable([1.5, 2.0]), onp.zeros(2)
    with pytest.raises(ValueError, match="sequence") as caught:  # NumPy's own words, and ours as their cause
        plain[0] = x[0]
    assert isinstance(caught.value.__cause__, TracedConversionError)
    assert "np.stack" in str(caught.value.__cause__)
    with pytest.raises(TracedConversionError, match="plain arrays"):
        plain[:] = x
    with pytest.raises(TracedConversionError, match="plain arrays"):
        onp.array([x[0], x[1]])
    plain[0] = float(x[0])
    plain[1] = x.detach()[1]
    plain[0] += x[0].item()
    onp.testing.assert_array_equal(plain, [3.0, 2.0])


def test_copies_and_pickles():
    x = Variable([1.0, 2.0])
    np.sum(x * x).backward()
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        onp.testing.assert_array_equal(y.data, x.data)
        onp.testing.assert_array_equal(y.grad, x.grad)
        assert y.requires_grad
        y.zero_grad()
        np.sum(y * 3).backward()
        onp.testing.assert_array_equal(y.grad, [3, 3])
    onp.testing.assert_array_equal(x.grad, [2, 4])
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TracedConversionError, match="detach"):
            copied(x * 2)
    assert pickle.loads(pickle.dumps((x * 2).detach())).data[1] == 4


def test_a_subclass():
    class Parameter(Variable):
        __slots__ = ("name",)

    p = Parameter([1.0, 2.0])
    p.name = "weights"
    np.sum(p * p).backward()
    onp.testing.assert_array_equal(p.grad, [2, 4])
    with no_grad():
        p -= p.grad
    assert type(p) is Parameter
    assert type(copy.deepcopy(p)) is Parameter


@pytest.mark.parametrize("value", [True, "text", None, onp.array([True]), [Variable(1.0), Variable(2.0)], {}], ids=repr)
def test_values_that_no_variable_can_have(value):
    with pytest.raises((UnsupportedTypeError, TracedConversionError)):
        Variable(value)


def test_errors_of_backward():
    x = Variable([1.0, 2.0])
    with pytest.raises(NonScalarOutputError, match=r"shape \(2,\)"):
        (x * x).backward()
    with pytest.raises(NonScalarOutputError, match="complex128"):
        Variable(1j).backward()
    with pytest.raises(RuleShapeError, match=r"shape \(3,\), the output \(2,\)"):
        (x * x).backward(onp.ones(3))
    with pytest.raises(NotRecordedError):
        x.detach().retain_grad()
    assert x.grad is None
