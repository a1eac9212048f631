"""Checkpoints and checkpointed sequences: what they compute, how often, and what they keep."""

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    checkpoint,
    checkpoint_sequence,
    custom_vjp,
    derivatives,
    grad,
    hessian,
    hvp,
    jacobian,
    jacrev,
    jvp,
    laplacian,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_clone.engine.errors import ClosedOverTraceError, LeakedBoxError, UnsupportedTypeError
from autograd_clone.engine.primitive import REGISTRY
from autograd_clone.transforms.revolve import advances, longest, repetitions, room_for, stride

X = onp.array([0.2, 0.5, 0.9])
W = onp.array([0.3, 0.7, 1.1])
TWO = onp.stack([X, 2 * X])


def close(got, want, rtol=1e-12):
    onp.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * onp.max(onp.abs(want), initial=1e-300))


def peak(f, *args):
    """The most that a call holds at once."""
    f(*args)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    f(*args)
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


# ---- the schedule --------------------------------------------------------------------------------------------


@cache
def least(n, c):
    """The least number of steps run to reverse `n` steps with `c` states: by trying all places for the next one."""
    if n <= 1:
        return 0
    if c == 1:
        return n * (n - 1) // 2
    return min(m + least(n - m, c - 1) + least(m, c) for m in range(1, n))


@cache
def by_strides(n, c):
    if n <= 1:
        return 0
    if c == 1:
        return n * (n - 1) // 2
    m = stride(n, c - 1)
    assert 1 <= m < n
    return m + by_strides(n - m, c - 1) + by_strides(m, c)


@pytest.mark.parametrize("c", range(1, 10))
def test_schedule_is_the_best(c):
    for n in range(1, 60):
        assert least(n, c) == advances(n, c) == by_strides(n, c)


def test_numbers_of_the_schedule():
    assert longest(3, 2) == 10
    assert repetitions(10, 3) == 2
    assert repetitions(11, 3) == 3
    assert room_for(10, 2) == 3
    assert room_for(11, 2) == 4
    assert advances(10_000, 100) == 3 * 10_000 - 5253


# ---- sequences -----------------------------------------------------------------------------------------------


class Loop:
    """A sequence and the same loop without checkpoints, which count their steps."""

    def __init__(self, n, memory, closure=False):
        self.n, self.memory, self.closure, self.count = n, memory, closure, 0

    def step(self, x, i, w):
        self.count += 1
        return x + 0.1 * np.sin(x * np.exp(np.log(w)) + 0.1 * i) * x[::-1]

    def plain(self, x, w):
        for i in range(self.n):
            x = self.step(x, i, w)
        return np.sum(x**2)

    def sequence(self, x, w):
        if self.closure:
            return np.sum(checkpoint_sequence(lambda x, i: self.step(x, i, w), self.n, self.memory)(x) ** 2)
        state = checkpoint_sequence(lambda state, i: (self.step(state[0], i, state[1]), state[1]), self.n, self.memory)((x, w))
        return np.sum(state[0] ** 2)


@pytest.mark.parametrize("memory", [1, 2, 3, 10])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("closure", [False, True])
def test_gradients_and_number_of_steps(n, memory, closure):
    loop = Loop(n, memory, closure)
    want = grad(loop.plain, (0, 1))(X, W)
    loop.count = 0
    got = grad(loop.sequence, (0, 1))(X, W)
    assert loop.count == n + advances(n, memory)
    close(got[0], want[0])
    close(got[1], want[1])
    value, g = value_and_grad(loop.sequence)(X, W)
    close(g, want[0])
    assert value == loop.plain(X, W)


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_only_what_is_closed_over_is_differentiated(n):
    """The initial state is a plain array: the first step shows that there is something to record."""
    loop = Loop(n, 3, closure=True)
    want = grad(loop.plain, 1)(X, W)
    loop.count = 0
    close(grad(loop.sequence, 1)(X, W), want)
    assert loop.count == n + advances(n, 3) + (n == 1)


def test_values_are_computed_once():
    loop = Loop(20, 2)
    assert loop.sequence(X, W) == loop.plain(X, W)
    assert loop.count == 40
    loop.count = 0
    jvp(loop.sequence, (X, W), (X, W))
    assert loop.count == 20


def test_no_steps():
    assert grad(lambda x: np.sum(checkpoint_sequence(np.sin, 0)(x) ** 2))(X) == pytest.approx(2 * X)
    x = checkpoint_sequence(np.sin, 0)(X)
    assert x is X


def test_step_with_and_without_number():
    assert checkpoint_sequence(lambda x: x + 1, 5)(0.0) == 5
    assert checkpoint_sequence(lambda x, i: x + i, 5)(0.0) == 10
    assert checkpoint_sequence(lambda x, dt=0.5: x + dt, 4)(0.0) == 2
    assert checkpoint_sequence(lambda *a: a[0] + len(a), 4)(0.0) == 4
    assert checkpoint_sequence(np.negative, 3)(1.0) == -1


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize("memory", [1, 3, 20])
def test_peak_memory(memory, closure):
    """So many states, and those that are being worked on."""
    n, size = 60, 20_000
    x, w = onp.linspace(0, 1, size), onp.linspace(0.5, 1.5, size)

    def loss(x, w):
        if closure:
            return np.sum(checkpoint_sequence(lambda x: x + 0.01 * np.sin(x * w), n, memory)(x))
        return np.sum(checkpoint_sequence(lambda x: x + 0.01 * np.sin(x), n, memory)(x))

    most = peak(grad(loss, 1 if closure else 0), x, w) / (8 * size)
    assert memory - 1 <= most < memory + (13 if closure else 10)


@pytest.mark.slow
def test_ten_thousand_steps_with_memory_for_a_hundred_states():
    n, memory, size = 10_000, 100, 1000
    count = 0

    def step(x):
        nonlocal count
        count += 1
        return x + 0.001 * np.sin(x)

    f = grad(lambda x: np.sum(checkpoint_sequence(step, n, memory)(x)))
    tracemalloc.start()
    f(onp.linspace(0, 1, size))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == n + advances(n, memory)
    assert count / n - 1 < 3
    assert most < 1.2 * memory * 8 * size


def test_default_memory_bounds_the_repetitions():
    n, count = 1000, 0

    def step(x):
        nonlocal count
        count += 1
        return x + 0.001 * np.sin(x)

    grad(checkpoint_sequence(step, n))(1.0)
    assert count <= 4 * n


def test_states_of_any_structure():
    """With integers and strings, and arrays that grow."""

    def step(s, i):
        grown = np.concatenate([s["x"], s["x"][:1] * i])
        return {"x": grown, "k": s["k"] + 1, "name": s["name"], "f": s["f"] * np.sin(s["x"][s["k"]])}

    def loss(run):
        def of(x):
            s = run({"x": x, "k": 0, "name": "n", "f": 1.0})
            assert s["k"] == 6
            assert s["name"] == "n"
            return np.sum(s["x"] * np.arange(1.0, len(s["x"]) + 1)) * s["f"]

        return of

    def plain(s):
        for i in range(6):
            s = step(s, i)
        return s

    for memory in (1, 2, 6):
        close(grad(loss(checkpoint_sequence(step, 6, memory)))(X), grad(loss(plain))(X))


def test_single_precision_stays():
    x = X.astype(onp.float32)
    assert grad(lambda x: np.sum(checkpoint_sequence(lambda x: x + 0.1 * np.sin(x), 5, 2)(x)))(x).dtype == onp.float32


def test_complex_states():
    f = lambda run: lambda z: np.real(np.sum(run(z) ** 2))
    step = lambda z: z + 0.1j * np.exp(z)
    z = X + 1j * W
    plain = lambda z: step(step(step(z)))
    close(grad(f(checkpoint_sequence(step, 3, 1)))(z), grad(f(plain))(z))


# ---- under other transforms ----------------------------------------------------------------------------------

SEQUENCES = {"state": Loop(12, 3), "closure": Loop(12, 3, closure=True)}
TRANSFORMS = {
    "jvp": lambda f: jvp(f, (X, W), (W, X))[1],
    "hessian": lambda f: hessian(f, 1)(X, W),
    "mixed": lambda f: jacobian(grad(f, 1), 0)(X, W),
    "reverse over reverse": lambda f: jacrev(grad(f, 0), 1)(X, W),
    "hvp": lambda f: hvp(lambda w: f(X, w), (W,), (X,)),
    "grad of grad": lambda f: grad(lambda w: np.sum(grad(f)(X, w) ** 2))(W),
    "grad of jvp": lambda f: grad(lambda w: jvp(f, (X, w), (w, X))[1])(W),
    "vmap of grad": lambda f: vmap(grad(f, 1), (0, None))(TWO, W),
    "grad of vmap, parameters": lambda f: grad(lambda w: np.sum(vmap(f, (0, None))(TWO, w)))(W),
    "grad of vmap, batched parameters": lambda f: grad(lambda w: np.sum(vmap(f)(TWO, w)))(TWO),
    "grad of vmap, states": lambda f: grad(lambda x: np.sum(vmap(f, (0, None))(x, W)))(TWO),
    "derivatives": lambda f: derivatives(lambda t: f(X * t, W), 3)(0.7)[3],
    "derivatives, parameters": lambda f: derivatives(lambda t: f(X, W * t), 3)(0.7)[3],
    "grad of derivatives": lambda f: grad(lambda t: derivatives(lambda t: f(X * t, W * t), 2)(t)[2])(0.7),
    "laplacian": lambda f: laplacian(f)(X, W),
    "grad of laplacian": lambda f: grad(laplacian(f))(X, W),
    "jacobian": lambda f: jacobian(lambda w: np.stack([f(X, w), f(w, X)]))(W),
}


@pytest.mark.parametrize("loop", SEQUENCES.values(), ids=SEQUENCES)
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_of_sequences(transform, loop):
    close(transform(loop.sequence), transform(loop.plain), 1e-11)


def block(x, w):
    return np.sin(x * np.exp(w)) @ np.outer(w, x) + np.where(x > 0.4, x, w**2)


def ruled(f):
    """A function with a rule of its own, which is no other than it would have anyway."""
    out = custom_vjp(f)
    out.defvjp(lambda *xs: vjp(f, *xs), lambda back, g: back(g))
    return out


CHECKPOINTS = {
    "arguments": lambda x, w: np.sum(checkpoint(block)(checkpoint(block)(x, w), w) ** 2),
    "keywords": lambda x, w: np.sum(checkpoint(block)(x=checkpoint(block)(x, w=w), w=w) ** 2),
    "closure": lambda x, w: np.sum(checkpoint(lambda x: block(x, w))(checkpoint(lambda x: block(x, w))(x)) ** 2),
    "policy": lambda x, w: np.sum(checkpoint(block, policy="products")(checkpoint(block, policy=[np.exp, np.sin])(x, w), w) ** 2),
    "nested": lambda x, w: checkpoint(lambda x, w: np.sum(checkpoint(block)(checkpoint(block)(x, w), w) ** 2))(x, w),
    "nested closure": lambda x, w: checkpoint(lambda x: np.sum(checkpoint(lambda y: block(y, w))(checkpoint(block)(x, w)) ** 2))(x),
    "nested closure under a policy": lambda x, w: checkpoint(
        lambda x, w: np.sum(checkpoint(lambda y: block(y, np.exp(np.log(w))))(checkpoint(block, policy=np.exp)(np.exp(np.log(x)), w)) ** 2), policy=[np.exp, np.sin]
    )(x, w),
    "sequence under a policy": lambda x, w: checkpoint(
        lambda x, w: np.sum(checkpoint_sequence(lambda y: block(y, np.exp(np.log(w))), 2, 1)(np.exp(np.log(x))) ** 2), policy=np.exp
    )(x, w),
    "in a sequence": lambda x, w: np.sum(checkpoint_sequence(lambda x: checkpoint(lambda y: block(y, w))(x), 2, 1)(x) ** 2),
    "in a rule": lambda x, w: np.sum(ruled(lambda x, w: checkpoint(lambda y: block(y, w))(np.sinh(np.arcsinh(checkpoint(block)(x, w)))))(x, w) ** 2),
    "a sequence in a rule": lambda x, w: np.sum(ruled(lambda x, w: checkpoint_sequence(lambda y: block(y, w), 2, 1)(np.exp(np.log(x))))(x, w) ** 2),
    "of a sequence": lambda x, w: np.sum(checkpoint(lambda w: checkpoint_sequence(lambda x: block(x, w), 2, 1)(x))(w) ** 2),
}


@pytest.mark.parametrize("f", CHECKPOINTS.values(), ids=CHECKPOINTS)
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_of_checkpoints(transform, f):
    close(transform(f), transform(lambda x, w: np.sum(block(block(x, w), w) ** 2)), 1e-11)


def test_vjp_can_be_pulled_again():
    for f in (checkpoint_sequence(lambda x: x + 0.1 * np.sin(x), 12, 3), checkpoint(lambda x: np.sin(x) * W)):
        _, pull = vjp(f, X)
        first, second = pull(W)[0], pull(W)[0]
        onp.testing.assert_array_equal(first, second)
        close(pull(2 * W)[0], 2 * first)


def test_pulling_from_many_threads():
    def loss(w):
        return np.sum(checkpoint_sequence(lambda x, i: x + 0.1 * np.sin(x * w + i), 50, 4)(X)) + np.sum(checkpoint(lambda x: x * w)(X))

    _, pull = vjp(loss, W)
    want = grad(loss)(W)
    with ThreadPoolExecutor(8) as pool:
        for k, (g,) in enumerate(pool.map(pull, onp.arange(1.0, 40.0)), 1):
            close(g, k * want)


def test_a_trace_that_was_reopened_ends_again():
    kept = []

    def loss(w):
        kept.append(w * 1.0)
        return np.sum(checkpoint_sequence(lambda x: x * w, 5, 2)(X))

    grad(loss)(W)
    with pytest.raises(LeakedBoxError):
        np.sin(kept[0])


# ---- single checkpoints --------------------------------------------------------------------------------------


def chain(x, w):
    for _ in range(8):
        x = np.tanh(x * w)
    return x


def test_closures_save_as_much_as_arguments():
    x, w = onp.linspace(0, 1, 10_000), onp.linspace(0.5, 1.5, 10_000)

    def run(wrap):
        def loss(x, w):
            for _ in range(6):
                x = wrap(w)(x)
            return np.sum(x)

        return peak(grad(loss, (0, 1)), x, w)

    without = run(lambda w: lambda x: chain(x, w))
    arguments = run(lambda w: lambda x: checkpoint(chain)(x, w))
    closure = run(lambda w: checkpoint(lambda x: chain(x, w)))
    assert arguments < 0.45 * without
    assert closure < 1.1 * arguments


def test_policy_keeps_results():
    """The functions named run once, all others twice; the gradient is the same."""
    calls = {}

    def counted(name):
        fun = REGISTRY[name].fun

        def run(*args, **kwargs):
            calls[name.__name__] = calls.get(name.__name__, 0) + 1
            return fun(*args, **kwargs)

        return run

    A = onp.random.default_rng(0).normal(size=(3, 3))
    f = lambda x: np.sum(np.tanh(np.matmul(A, np.sin(x))))
    patched = [REGISTRY[g] for g in (onp.matmul, onp.tanh, onp.sin)]
    before = [(p.fun, p.kernel) for p in patched]
    for p, g in zip(patched, (onp.matmul, onp.tanh, onp.sin), strict=True):
        p.fun = p.kernel = counted(g)
    try:
        want = grad(f)(X)
        results = {}
        for policy in ("products", np.tanh, [np.tanh, np.sin], (np.matmul, np.tanh, np.sin)):
            calls.clear()
            close(grad(checkpoint(lambda x: f(np.positive(x)), policy=policy))(X), want)
            results[str(policy)] = dict(calls)
    finally:
        for p, (fun, kernel) in zip(patched, before, strict=True):
            p.fun, p.kernel = fun, kernel
    counts = [tuple(r.get(name, 0) for name in ("matmul", "tanh", "sin")) for r in results.values()]
    assert counts == [(1, 2, 2), (2, 1, 2), (2, 1, 1), (1, 1, 1)]


def test_policy_needs_memory_and_saves_time():
    n, size = 6, 20_000
    x = onp.linspace(0.1, 1, size)

    def run(policy):
        def f(x):
            for _ in range(4):
                x = np.exp(-np.sin(x) * x)
            return x

        g = checkpoint(f, policy=policy)

        def loss(x):
            for _ in range(n):
                x = g(x)
            return np.sum(x)

        return peak(grad(loss), x) / (8 * size)

    nothing, some, more = run(None), run(np.exp), run([np.exp, np.sin, np.multiply])
    assert nothing + 2 * n < some < more


def test_decorator():
    @checkpoint
    def f(x):
        """Its documentation."""
        return np.sin(x)

    @checkpoint(policy=np.sin)
    def g(x):
        return np.sin(x) ** 2

    assert f.__doc__ == "Its documentation."
    assert grad(f)(0.0) == 1
    close(grad(g)(1.0), onp.sin(2.0))


def test_methods():
    class Model:
        def __init__(self, w):
            self.w = w

        @checkpoint
        def loss(self, x):
            return np.sum(np.sin(self.w * x))

    close(grad(lambda w: Model(w).loss(X))(W), X * onp.cos(W * X))


def test_results_that_are_inputs_or_constants():
    def f(x):
        y = checkpoint(lambda t: [x, t, x + 1, 2.0, {"a": t * x}])(x * 2)
        return np.sum(y[0] + y[1] + y[2] * y[3] + y[4]["a"])

    close(grad(f)(X), 1 + 2 + 2 + 4 * X)
    assert checkpoint(lambda x: 3.0)(1.0) == 3
    assert grad(lambda x: checkpoint(lambda x: 3.0)(x) + x)(1.0) == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_branches_that_were_not_taken():
    f = lambda t: np.where(t > 0, np.sqrt(t), 0.0)
    x = onp.array([0.0, 4.0])
    close(grad(lambda x: np.sum(checkpoint(f)(x) * x))(x), [0, 3])
    close(grad(lambda x: np.sum(checkpoint(lambda t: f(t) * x)(x)))(x), [0, 3])
    close(grad(lambda x: np.sum(checkpoint_sequence(lambda t: f(t) * x, 2, 1)(x)))(x), grad(lambda x: np.sum(f(f(x) * x) * x))(x))


def test_variables():
    w = Variable([1.0, 2.0])
    checkpoint(lambda x: np.sum(np.sin(x) * w))(w).backward()
    close(w.grad, onp.sin([1, 2]) + onp.cos([1, 2]) * onp.array([1, 2]))
    w = Variable([1.0, 2.0])
    np.sum(checkpoint_sequence(lambda x: x * 1.1, 10, memory=2)(w)).backward()
    close(w.grad, [1.1**10, 1.1**10])
    w = Variable([1.0, 2.0])
    np.sum(checkpoint_sequence(lambda x: x * w, 3, memory=2)(onp.ones(2))).backward()
    close(w.grad, [3, 12])


# ---- programs that write into arrays -------------------------------------------------------------------------


def heat(x):
    """Writes into its argument."""
    x[1:-1] += 0.1 * (x[2:] - 2 * x[1:-1] + x[:-2])
    return x


def now_and_then(state, i):
    """Writes into a buffer that it otherwise hands on."""
    x, buffer = state
    if i % 5 == 3:
        buffer *= 0.5
        buffer += x
    return x + 0.1 * np.sin(x) * buffer, buffer


@pytest.mark.parametrize("memory", [1, 2, 4, 20])
def test_steps_that_write_into_their_arguments(memory):
    x = onp.array([0.0, 1.0, 0.5, 0.2, 0.0])

    def plain(x):
        x = x * 1.0
        for _ in range(12):
            x = heat(x)
        return np.sum(x**2)

    close(grad(lambda x: np.sum(checkpoint_sequence(heat, 12, memory)(x) ** 2))(x), grad(plain)(x))
    close(grad(lambda x: np.sum(checkpoint_sequence(heat, 12, memory)(np.exp(x)) ** 2))(x), grad(lambda x: plain(np.exp(x)))(x))
    assert x.tolist() == [0.0, 1.0, 0.5, 0.2, 0.0]
    assert x.flags.writeable


@pytest.mark.parametrize("memory", [1, 2, 4, 20])
def test_states_that_share_an_array_which_is_written_later(memory):
    def run(x, buffer):
        state = x, np.array(buffer)
        for i in range(12):
            state = now_and_then(state, i)
        return np.sum(state[0] ** 2)

    sequence = lambda x, buffer: np.sum(checkpoint_sequence(now_and_then, 12, memory)((x, buffer))[0] ** 2)
    buffer = W.copy()
    close(grad(sequence)(X, buffer), grad(run)(X, W))
    close(grad(sequence, 1)(X, buffer), grad(run, 1)(X, W))
    for got, want in zip(grad(sequence, (0, 1))(X, buffer), grad(run, (0, 1))(X, W), strict=True):
        close(got, want)
    onp.testing.assert_array_equal(buffer, W)
    assert buffer.flags.writeable


@pytest.mark.parametrize("n", [3, 5000])
def test_functions_that_write_into_their_arguments(n):
    def f(x, c):
        x[0] = 0.0
        c[1] = 7.0
        return x * c

    x, c = onp.linspace(0, 1, n), onp.linspace(1, 2, n)
    before, want = c.copy(), c.copy()
    want[:2] = 0.0, 7.0
    close(grad(lambda x: np.sum(checkpoint(f)(x * 1.0, c)))(x), want)
    close(grad(lambda x: np.sum(checkpoint(f, policy=np.multiply)(x * 1.0, c)))(x), want)
    onp.testing.assert_array_equal(c, before)


@pytest.mark.parametrize("n", [3, 5000])
def test_constants_that_change_between_the_passes(n):
    """Small ones are copied; large ones are read-only as long as the function runs, as for every operation."""
    x = onp.linspace(0, 1, n)

    def f(x, c):
        y = checkpoint(lambda x, c: np.sin(x) * c)(x, c)
        c[:] = 0.0
        return np.sum(y)

    c = onp.full(n, 3.0)
    if n < 1000:
        close(grad(f)(x, c), 3 * onp.cos(x))
    else:
        with pytest.raises(ValueError, match="read-only"):
            grad(f)(x, c)
        assert c[0] == 3
    assert c.flags.writeable


@pytest.mark.parametrize("n", [3, 5000])
def test_constants_that_change_before_a_vjp_is_pulled(n):
    x, c = onp.linspace(0, 1, n), onp.full(n, 3.0)
    _, pull = vjp(lambda x: checkpoint(lambda x, c: np.sin(x) * c)(x, c), x)
    _, pull_sequence = vjp(lambda x: checkpoint_sequence(lambda s: (s[0] + np.sin(s[0]) * s[1], s[1]), 3, 2)((x, c))[0], x)
    want = pull(onp.ones(n))[0], pull_sequence(onp.ones(n))[0]
    c[:] = 0.0
    x[:] = 0.0
    close(pull(onp.ones(n))[0], want[0])
    close(pull_sequence(onp.ones(n))[0], want[1])


# ---- errors --------------------------------------------------------------------------------------------------


def test_what_is_closed_over_must_not_change():
    def f(x):
        a = x * 1.0
        y = checkpoint(lambda t: t * a)(x)
        a[0] = 100.0
        return np.sum(y)

    with pytest.raises(ClosedOverTraceError, match="pass it as an argument"):
        grad(f)(X)


def test_arguments_may_change():
    def f(x):
        a = x * 1.0
        y = checkpoint(lambda t: t * t)(a)
        a[0] = 100.0
        return np.sum(y)

    close(grad(f)(X), 2 * X)


def test_errors():
    for policy in ("prod", len, np.floor, [np.linalg.eigh]):
        with pytest.raises((ValueError, UnsupportedTypeError), match="checkpoint"):
            checkpoint(chain, policy=policy)
    with pytest.raises(UnsupportedTypeError, match="takes a function"):
        checkpoint(3.0)
    with pytest.raises(UnsupportedTypeError, match="takes a function"):
        checkpoint_sequence(3.0, 2)
    with pytest.raises(ValueError, match="negative"):
        checkpoint_sequence(np.sin, -1)
    with pytest.raises(ValueError, match="memory"):
        checkpoint_sequence(np.sin, 3, memory=0)
    with pytest.raises(TypeError):
        checkpoint_sequence(np.sin, 2.5)


def test_errors_of_the_function_are_its_own():
    def step(x, i):
        if i == 3:
            raise RuntimeError("in step 3")
        return np.sin(x)

    with pytest.raises(RuntimeError, match="in step 3"):
        grad(checkpoint_sequence(step, 5, 2))(1.0)
    with pytest.raises(RuntimeError, match="in step 3"):
        grad(checkpoint(lambda x: step(x, 3)))(1.0)
