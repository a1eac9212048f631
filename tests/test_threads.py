"""Many threads that differentiate at once: never a wrong number."""

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import checkpoint, deriv, grad, hessian, jacobian, jvp, value_and_grad


def run_at_once(jobs):
    """Run the jobs in threads that start together; return their results."""
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]


def pause():
    """Let another thread go on, in the middle of a trace."""
    time.sleep(random.random() * 1e-4)


def cubic(x):
    pause()
    y = x * x
    pause()
    return y * x


@pytest.mark.parametrize("outer", [grad, deriv])
@pytest.mark.parametrize("inner", [grad, deriv])
def test_second_derivatives_in_many_threads(outer, inner):
    def job(a):
        return lambda: [outer(inner(cubic))(a + k) for k in range(10)]

    results = run_at_once([job(float(i)) for i in range(8)])
    assert results == [[6 * (i + k) for k in range(10)] for i in range(8)]


def test_different_transforms_and_depths_at_once():
    x = onp.array([0.5, -1.0, 2.0])

    def f(x):
        pause()
        return np.sum(x**3) + x[0] * x[1]

    H = onp.diag(6 * x)
    H[0, 1] = H[1, 0] = 1.0
    g = 3 * x**2 + onp.array([x[1], x[0], 0])
    jobs = {
        "grad": (lambda: grad(f)(x), g),
        "hessian": (lambda: hessian(f)(x), H),
        "jacobian": (lambda: jacobian(grad(f))(x), H),
        "jvp": (lambda: jvp(grad(f), (x,), (onp.ones(3),))[1], H.sum(1)),
        "third": (lambda: grad(grad(grad(lambda s: cubic(s) * s)))(2.0), 48.0),
        "value": (lambda: value_and_grad(checkpoint(f))(x)[1], g),
    }
    for _ in range(10):
        for (name, (_, want)), got in zip(
            jobs.items(), run_at_once([j for j, _ in jobs.values()]), strict=True
        ):
            onp.testing.assert_allclose(got, want, rtol=1e-13, err_msg=name)


def test_a_derivative_that_ends_while_another_is_inside_its_inner_one():
    inside, ended = threading.Event(), threading.Event()

    def slow():
        def inner(y):
            inside.set()
            assert ended.wait(5)
            return y * y * y

        return grad(lambda x: grad(inner)(x) * x)(1.0)

    def quick():
        assert inside.wait(5)
        result = grad(lambda x: x * grad(np.sin)(x))(0.0)
        ended.set()
        return result

    assert run_at_once([slow, quick]) == [9.0, 1.0]


def test_one_program_split_over_threads():
    """The threads of a pool work on traced values of one outer derivative."""

    def f(x):
        with ThreadPoolExecutor(4) as pool:
            parts = list(pool.map(lambda i: np.sin(x[i]) * grad(lambda y: y * y * x[i])(x[i]), range(8)))
        return sum(parts)

    x = onp.linspace(0.1, 0.8, 8)
    want = 4 * x * onp.sin(x) + 2 * x**2 * onp.cos(x)
    for _ in range(10):
        onp.testing.assert_allclose(grad(f)(x), want, rtol=1e-12)
        onp.testing.assert_allclose(grad(lambda x: f(x) * 1.0)(x), want, rtol=1e-12)


def test_exceptions_in_some_threads_do_not_disturb_the_others():
    def job(i):
        def f(x):
            pause()
            if i % 2:
                raise ValueError(str(i))
            return grad(cubic)(x) * x

        def run():
            results = []
            for k in range(10):
                try:
                    results.append(grad(f)(float(k)))
                except ValueError as error:
                    results.append(str(error))
            return results

        return run

    for i, got in enumerate(run_at_once([job(i) for i in range(6)])):
        assert got == ([str(i)] * 10 if i % 2 else [9.0 * k**2 for k in range(10)])


def test_threads_that_read_an_array_that_has_been_written_to():
    """The first that asks for its value makes an ordinary traced array of it, while others are asking."""

    def f(x):
        y = np.zeros(8)
        y[:] = x
        y[2:4] *= x[0]
        z = y[1:7]
        parts = run_at_once([lambda i=i: np.sum(y * float(i + 1)) + np.sum(z * z) + y[i] for i in range(4)])
        return sum(parts)

    x = onp.linspace(0.5, 1.0, 8)
    y = x * onp.where((onp.arange(8) == 2) | (onp.arange(8) == 3), x[0], 1.0)
    slope = 10.0 + 8.0 * y * ((onp.arange(8) > 0) & (onp.arange(8) < 7)) + (onp.arange(8) < 4)
    want = slope * y / x
    want[0] += slope[2] * x[2] + slope[3] * x[3]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            onp.testing.assert_allclose(grad(f)(x), want, rtol=1e-12)
    finally:
        sys.setswitchinterval(before)
