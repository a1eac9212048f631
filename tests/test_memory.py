"""What is held in memory, and for how long: bounds in numbers of arrays, not in time."""

import gc
import tracemalloc
import weakref

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    jvp,
    linearize,
    make_vjp,
    value_and_grad,
)

N = 100_000
ARRAY = 8 * N
X = onp.linspace(-1.0, 1.0, N)


def peak(f, *args):
    """The most memory held at once during ``f(*args)``, beyond what was held before, in arrays."""
    f(*args)  # so that what is made once is not counted
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        f(*args)
        return (tracemalloc.get_traced_memory()[1] - before) / ARRAY
    finally:
        tracemalloc.stop()


def growth(f, *args):
    """By how much the memory held grows with every call of `f`, in bytes."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(50):
            f(*args)  # fills what Python and NumPy keep for reuse
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50):
            f(*args)
        return (tracemalloc.get_traced_memory()[0] - before) / 50
    finally:
        tracemalloc.stop()
        gc.enable()


# ---- peaks -------------------------------------------------------------------------------------------------


def mixed(x, n=300):
    """Of five operations one needs a residual of its own: the tanh."""
    for _ in range(n // 5):
        x = np.tanh(-(x * 1.01 + 0.01)) - 0.1
    return np.sum(x)


@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_a_chain_needs_its_residuals_and_four_arrays(transform):
    assert peak(transform(mixed), X) <= 60 + 4.0


def test_a_chain_of_linear_operations_keeps_nothing():
    def f(x):
        for _ in range(75):
            x = -(x * 2.0 + 1.0) / 2.0
        return np.sum(x)

    assert peak(grad(f), X) <= 4.0


def test_constants_are_kept_but_not_copied():
    c = onp.cos(X)

    def f(x):
        for _ in range(100):
            x = x * c + c
        return np.sum(x)

    assert peak(grad(f), X) <= 4.0


def test_sums_and_reshapes_keep_nothing():
    def f(x):
        total = 0.0
        for _ in range(50):
            x = x.reshape(-1, 10) + 1.0
            total = total + np.sum(x)
            x = np.ravel(x)
        return total

    assert peak(grad(f), X) <= 5.0


def test_branches_that_lead_nowhere_are_freed_at_once():
    def f(x):
        for _ in range(50):
            np.exp(np.sin(x) * x) * np.tanh(x)
        return np.sum(x)

    assert peak(grad(f), X) <= 6.0


def test_cotangents_are_freed_as_soon_as_they_are_used():
    def f(x):
        return sum(np.sum(x * float(k)) for k in range(100))

    assert peak(grad(f), X) <= 4.0

    def g(x):
        ys = [x * float(k) for k in range(20)]
        return sum(np.sum(y * 2.0) for y in ys)

    assert peak(grad(g), X) <= 20 + 4.0  # the list holds the outputs while f runs


def test_residuals_are_freed_during_the_backward_pass():
    """What the backward pass allocates fits into what it has already given back."""

    def f(x):
        for _ in range(40):
            x = np.tanh(x)
        return np.sum(np.tanh(x) * x)

    assert peak(grad(f), X) <= 42 + 4.0


def test_reading_elements_costs_no_array_each():
    def f(x):
        return sum(x[i] * x[i + 1] for i in range(300))

    assert peak(grad(f), X) <= 4.0


def test_slices_are_added_into_one_array():
    def f(x):
        return sum(np.sum(x[i:] * 2.0) for i in range(50))

    assert peak(grad(f), X) <= 5.0


def test_forward_mode_holds_no_history():
    def f(x):
        for _ in range(100):
            x = np.tanh(x * 1.01)
        return x

    assert peak(lambda x: jvp(f, (x,), (x,)), X) <= 8.0


# ---- checkpoint --------------------------------------------------------------------------------------------

SEGMENTS, LENGTH = 10, 20


def segment(x):
    for _ in range(LENGTH):
        x = np.tanh(x)
    return x


def plain(x):
    for _ in range(SEGMENTS):
        x = segment(x)
    return np.sum(x)


def checkpointed(x):
    for _ in range(SEGMENTS):
        x = checkpoint(segment)(x)
    return np.sum(x)


def test_checkpoint_lowers_the_peak_to_one_segment():
    onp.testing.assert_allclose(grad(checkpointed)(X), grad(plain)(X), rtol=1e-14)
    without, with_ = peak(grad(plain), X), peak(grad(checkpointed), X)
    assert SEGMENTS * LENGTH <= without
    assert with_ <= SEGMENTS + LENGTH + 5.0


def test_checkpoint_of_a_function_of_containers_saves_memory():
    def layer(state):
        x, count = state["x"], state["count"]
        for _ in range(LENGTH):
            x = np.tanh(x)
        return {"x": x, "count": count + 1}

    def f(x):
        state = {"x": x, "count": 0}
        for _ in range(SEGMENTS):
            state = checkpoint(layer)(state)
        return np.sum(state["x"])

    onp.testing.assert_allclose(grad(f)(X), grad(plain)(X), rtol=1e-14)
    assert peak(grad(f), X) <= SEGMENTS + LENGTH + 5.0


def test_nested_checkpoints():
    def half(x):
        for _ in range(SEGMENTS // 2):
            x = checkpoint(segment)(x)
        return x

    def f(x):
        return np.sum(checkpoint(half)(checkpoint(half)(x)))

    onp.testing.assert_allclose(grad(f)(X), grad(plain)(X), rtol=1e-14)
    assert peak(grad(f), X) <= 2 + SEGMENTS // 2 + LENGTH + 6.0


# ---- nothing stays -----------------------------------------------------------------------------------------

SMALL = onp.linspace(0.1, 1.0, 200)


def loss(x):
    y = np.sin(x) * x + np.exp(-x)
    return np.sum(y * y) + x[0] * np.sum(x[3:])


def failing(x):
    y = np.sin(x)
    raise ValueError(y.shape)


def caught(f):
    try:
        f()
    except ValueError:
        return


CALLS = {
    "grad": lambda: grad(loss)(SMALL),
    "value_and_grad": lambda: value_and_grad(loss)(SMALL),
    "elementwise_grad": lambda: elementwise_grad(lambda x: np.sin(x) * x)(SMALL),
    "jacobian": lambda: jacobian(lambda x: np.sin(x) * x[0])(SMALL[:20]),
    "hessian": lambda: hessian(loss)(SMALL[:5]),
    "grad of grad": lambda: grad(lambda x: np.sum(grad(loss)(x)))(SMALL),
    "jvp": lambda: jvp(loss, (SMALL,), (SMALL,)),
    "deriv of grad": lambda: deriv(lambda s: np.sum(grad(loss)(SMALL * s)))(1.0),
    "make_vjp": lambda: make_vjp(lambda x: np.sin(x) * x)(SMALL)[0](SMALL),
    "linearize": lambda: linearize(lambda x: np.sin(x) * x, SMALL)[1](SMALL),
    "checkpoint": lambda: grad(checkpoint(loss))(SMALL),
    "containers": lambda: grad(lambda p: np.sum(p["w"] * p["b"][0]))({"w": SMALL, "b": [SMALL, 2.0]}),
    "an exception": lambda: caught(lambda: grad(failing)(SMALL)),
    "an exception in an inner one": lambda: caught(lambda: grad(lambda x: grad(failing)(x))(SMALL)),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_reference_cycles(name):
    """Memory comes back without the garbage collector."""
    CALLS[name]()
    gc.collect()
    gc.disable()
    try:
        CALLS[name]()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_kept_after_a_call(name):
    assert growth(CALLS[name]) < SMALL.nbytes / 2  # Python keeps some freed tuples and lists for reuse


def test_a_result_holds_nothing_but_itself():
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = grad(mixed)(X)
        assert tracemalloc.get_traced_memory()[0] - before < 1.1 * ARRAY
    finally:
        tracemalloc.stop()
    assert result.base is None


def test_an_operand_nobody_needs_is_freed_while_the_function_runs():
    alive = []

    def f(x):
        y = x * 2.0
        reference = weakref.ref(y._value)
        z = y + 1.0
        del y
        alive.append(reference() is not None)
        return np.sum(z * x)

    grad(f)(onp.ones(3))
    assert alive == [False]


def test_a_pullback_frees_its_tape_when_it_is_dropped():
    references = []

    def f(x):
        y = np.tanh(x)
        references.append(weakref.ref(y._value))
        return y * y

    pull, value = make_vjp(f)(onp.ones(3))
    pull(onp.ones(3))
    assert references[0]() is not None  # a pullback may be called again
    del pull, value
    assert references[0]() is None


def test_memory_per_operation_is_small():
    """A scalar program of many operations: a few hundred bytes each."""

    def f(x):
        for _ in range(20_000):
            x = np.sin(x) * 1.5
        return x

    assert peak(grad(f), 0.5) * ARRAY / 40_000 < 400
