"""The engine: nesting to any depth and in any order, programs long and interrupted, values that leak."""

import functools
import itertools
import sys

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    make_jvp,
    make_vjp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autograd_clone.engine.errors import LeakedBoxError

from . import oracle


def by_reverse(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


def by_forward(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


DERIVATIVES = {"grad": grad, "deriv": deriv, "vjp": by_reverse, "jacobian": jacobian, "jvp": by_forward}


def wave(x):
    return np.sin(x) * np.exp(0.3 * x)


def wave_derivative(x, n):
    return ((0.3 + 1j) ** n * onp.exp((0.3 + 1j) * x)).imag


# ---- nesting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modes", list(itertools.product(["grad", "deriv"], repeat=5)), ids="-".join)
def test_five_nested_derivatives_in_every_order_of_modes(modes):
    f = functools.reduce(lambda f, mode: DERIVATIVES[mode](f), modes, wave)
    assert f(0.7) == pytest.approx(wave_derivative(0.7, 5), rel=1e-12)


@pytest.mark.parametrize("modes", list(itertools.product(DERIVATIVES, repeat=3)), ids="-".join)
def test_three_nested_derivatives_by_every_transform(modes):
    f = functools.reduce(lambda f, mode: DERIVATIVES[mode](f), modes, wave)
    assert f(0.7) == pytest.approx(wave_derivative(0.7, 3), rel=1e-12)


@pytest.mark.parametrize("modes", list(itertools.product(["reverse", "forward"], repeat=4)), ids="-".join)
def test_four_nested_derivatives_of_arrays(modes):
    def derivative(f, mode):
        if mode == "reverse":
            return elementwise_grad(f)
        return lambda x: jvp(f, (x,), (np.ones_like(x),))[1]

    x = onp.linspace(-1, 1, 7)
    got = functools.reduce(derivative, modes, wave)(x)
    onp.testing.assert_allclose(got, wave_derivative(x, 4), rtol=1e-12)


def test_the_ninth_derivative():
    f = wave
    for k in range(9):
        f = (grad, deriv)[k % 2](f)
    assert f(0.2) == pytest.approx(wave_derivative(0.2, 9), rel=1e-11)


def test_hessian_by_every_pair_of_modes():
    A = onp.random.default_rng(0).normal(size=(4, 4))

    def f(x):
        return np.sum(np.tanh(A @ x) ** 2) * x[0] + np.prod(x)

    x = onp.array([0.4, -0.3, 1.2, 0.8])
    want = oracle.hessian(lambda x: onp.sum(onp.tanh(A @ x) ** 2) * x[0] + onp.prod(x), x)
    for outer, inner in itertools.product([jacrev, jacfwd], repeat=2):
        onp.testing.assert_allclose(outer(inner(f))(x), want, rtol=1e-6, atol=1e-6)
    onp.testing.assert_allclose(hessian(f)(x), want, rtol=1e-6, atol=1e-6)


# ---- perturbation confusion --------------------------------------------------------------------------------

PAIRS = list(itertools.product(DERIVATIVES, repeat=2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
class TestPerturbationsAreKeptApart:
    def test_inner_function_adds_the_outer_variable(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        assert d_outer(lambda x: x * d_inner(lambda y: x + y)(1.0))(1.0) == 1.0

    def test_inner_function_multiplies_the_outer_variable(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        assert d_outer(lambda x: x * d_inner(lambda y: x * y)(2.0))(3.0) == 6.0

    def test_inner_derivative_taken_at_the_outer_variable(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        assert d_outer(lambda x: d_inner(lambda y: y * y * x)(x))(3.0) == 12.0

    def test_inner_function_ignores_its_own_variable(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        assert d_outer(lambda x: d_inner(lambda y: x * x)(x) + x)(3.0) == 1.0

    def test_both_variables_meet_in_one_product(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        f = lambda x: d_inner(lambda y: np.sin(x * y) * x)(x * 2.0)
        # d/dy = x^2 cos(x y); at y = 2x: x^2 cos(2 x^2)
        want = 2 * 0.7 * onp.cos(2 * 0.49) - 0.49 * 4 * 0.7 * onp.sin(2 * 0.49)
        assert d_outer(f)(0.7) == pytest.approx(want, rel=1e-13)

    def test_three_levels(self, outer, inner):
        d_outer, d_inner = DERIVATIVES[outer], DERIVATIVES[inner]
        f = lambda x: d_inner(lambda y: d_outer(lambda z: x * y * z * z)(y))(x)
        # 2 x y^2 in y, then 4 x y at y = x: 4 x^2
        assert d_outer(f)(1.5) == pytest.approx(12.0)


def test_independent_derivatives_side_by_side():
    f = lambda x: grad(lambda y: x * y**2)(x) * deriv(lambda y: x + y**3)(x)
    assert grad(f)(2.0) == pytest.approx(6 * 4 * 2.0**3)


def test_a_function_that_is_its_own_inner_function():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert grad(lambda x: power(x, 6))(2.0) == 6 * 2.0**5
    assert grad(grad(lambda x: power(x, 6)))(2.0) == 30 * 2.0**4


def test_recursive_derivatives():
    def falling(x, n):
        """x^n differentiated n times, each time one level deeper."""
        return x * 1.0 if n == 0 else grad(lambda y: falling(y, n - 1) * y)(x)

    # D(y) = 1 * x; D(D(x) y): g0 = x, g1 = d(x*x) = 2x, g2 = d(2x*x) = 4x, ...
    assert falling(1.5, 5) == 1.5 * 2**5


# ---- what a program may do ---------------------------------------------------------------------------------


def test_control_flow_follows_values():
    def f(x):
        total = 0.0
        while total < 10:
            total = total + x * x if x > 0 else total - x
        return total

    assert grad(f)(2.0) == 12.0
    assert grad(f)(-3.0) == -4.0


def test_a_value_used_many_times():
    def f(x):
        for _ in range(50):
            x = x + x
        return x

    assert grad(f)(1.0) == 2.0**50
    assert deriv(f)(1.0) == 2.0**50


def test_a_constant_result_has_gradient_zero():
    assert grad(lambda x: 3.0)(2.0) == 0.0
    onp.testing.assert_array_equal(grad(lambda x: 3.0)(onp.ones((2, 3))), onp.zeros((2, 3)))
    assert deriv(lambda x: 3.0)(2.0) == 0.0
    onp.testing.assert_array_equal(jacobian(lambda x: onp.ones(2))(onp.ones(3)), onp.zeros((2, 3)))


def test_the_identity_has_gradient_one():
    assert grad(lambda x: x)(2.0) == 1.0
    assert deriv(lambda x: x)(2.0) == 1.0
    assert grad(grad(lambda x: x))(2.0) == 0.0


def test_mutating_containers_inside_a_function():
    def f(x):
        rows = []
        for i in range(3):
            rows.append(x[i] ** 2)
            rows[-1] = rows[-1] * 2
        state = {"total": 0.0}
        for row in rows:
            state["total"] += row
        return state["total"]

    onp.testing.assert_array_equal(grad(f)(onp.array([1.0, 2.0, 3.0])), [4.0, 8.0, 12.0])


def test_generators_are_interleaved():
    def iterates(x):
        while True:
            x = np.sin(x) * 1.5
            yield x

    def g(x):
        one, two = iterates(x), iterates(x * 2.0)
        total = 0.0
        for _ in range(4):
            total = total + next(one) * next(two)
            third = iterates(x)
            total = total + grad(lambda y, it=third: y * next(it))(x)
        return total

    def plain(x):
        one, two, slope = iterates(x), iterates(x * 2.0), 1.5 * onp.sin(x)
        return sum(next(one) * next(two) + slope for _ in range(4))

    (want,) = oracle.complex_step(plain, [onp.array(0.4)], [1.0])
    assert grad(g)(0.4) == pytest.approx(want, rel=1e-12)
    assert deriv(g)(0.4) == pytest.approx(want, rel=1e-12)


def test_a_generator_that_outlives_two_gradients():
    def running():
        total, x = 0.0, None
        while True:
            x = yield total
            total = x * x

    coroutine = running()
    next(coroutine)
    assert grad(lambda x: coroutine.send(x) * 3.0)(2.0) == 12.0
    assert grad(lambda x: coroutine.send(x) * x)(2.0) == 12.0


def test_pullbacks_are_called_in_any_order():
    vjp_1, _ = make_vjp(lambda x: np.sin(x) * x)(0.5)
    vjp_2, _ = make_vjp(lambda x: np.exp(x) * x)(0.5)
    first, second = vjp_1(1.0), vjp_2(1.0)
    assert vjp_2(2.0) == 2 * second
    assert vjp_1(2.0) == 2 * first
    assert (vjp_1(1.0), vjp_2(1.0)) == (first, second)


def test_value_and_grad_runs_the_function_once():
    calls = []
    assert value_and_grad(lambda x: calls.append(1) or x * x)(3.0) == (9.0, 6.0)
    assert len(calls) == 1


def test_pullback_does_not_run_the_function_again():
    calls = []
    pull, _ = make_vjp(lambda x: calls.append(1) or np.sin(x))(onp.ones(3))
    pull(onp.ones(3))
    pull(onp.zeros(3))
    assert len(calls) == 1


# ---- results belong to the caller --------------------------------------------------------------------------


def test_gradients_do_not_share_memory():
    gx, gy = grad(lambda x, y: np.sum(x + y), (0, 1))(onp.ones(3), onp.ones(3))
    gx += 10
    onp.testing.assert_array_equal(gy, onp.ones(3))


def test_gradients_are_writeable():
    for f in (
        np.sum,
        np.mean,
        lambda x: np.sum(x.T),
        lambda x: x[0, 0],
        lambda x: np.sum(np.broadcast_to(x, (2, 2, 2))),
    ):
        g = grad(f)(onp.ones((2, 2)))
        g += 1


def test_gradient_does_not_share_memory_with_constants_or_inputs():
    c, x = onp.arange(3.0), onp.ones(3)
    for f in (lambda x: np.sum(x * c), lambda x: np.sum(x * x) / 2, lambda x: np.dot(x, c)):
        g = grad(f)(x)
        g[:] = 99
        onp.testing.assert_array_equal(c, [0, 1, 2])
        onp.testing.assert_array_equal(x, [1, 1, 1])


def test_pullback_leaves_its_cotangent_alone():
    g = onp.ones(3)
    pull, _ = make_vjp(lambda x: x + x * 2.0 + np.sin(x))(onp.ones(3))
    first = pull(g)
    first += 100
    onp.testing.assert_array_equal(g, onp.ones(3))
    onp.testing.assert_allclose(pull(g), 3 + onp.cos(onp.ones(3)))
    same, _ = make_vjp(lambda x: x)(onp.ones(3))
    out = same(g)
    out += 100
    onp.testing.assert_array_equal(g, onp.ones(3))


def test_cotangents_of_shared_operands_are_not_mixed_up():
    def f(x):
        y = x * 1.0
        z = y + y  # one cotangent goes to y twice
        w = z + y
        return np.sum(w * z) + np.sum(y)

    onp.testing.assert_array_equal(grad(f)(onp.array([1.0, 2.0])), [13.0, 25.0])


# ---- long programs -----------------------------------------------------------------------------------------

N = 100_000


def chain(x, n=N):
    for _ in range(n):
        x = x * 1.00001
    return x


@pytest.mark.parametrize("x", [1.0, onp.ones(2)], ids=["scalar", "array"])
def test_a_hundred_thousand_chained_operations(x):
    want = 1.00001**N
    onp.testing.assert_allclose(elementwise_grad(chain)(x), want * onp.ones_like(x), rtol=1e-9)
    onp.testing.assert_allclose(make_jvp(chain)(x)(onp.ones_like(x))[1], want * onp.ones_like(x), rtol=1e-9)


def test_a_long_chain_with_nonlinear_operations_and_sharing():
    def f(x):
        y = x
        for _ in range(N // 10):
            y = np.sin(y) + x
        return y

    (want,) = oracle.complex_step(f, [onp.array(0.5)], [1.0])
    assert grad(f)(0.5) == pytest.approx(want, rel=1e-10)


def test_a_long_chain_differentiated_twice():
    n = 10_000
    f = lambda x: chain(x, n) ** 2
    assert grad(grad(f))(1.0) == pytest.approx(2 * 1.00001 ** (2 * n), rel=1e-9)
    assert deriv(grad(f))(1.0) == pytest.approx(2 * 1.00001 ** (2 * n), rel=1e-9)


def test_a_long_tape_is_dropped_without_recursion():
    pull, _ = make_vjp(chain)(1.0)
    del pull
    pull, _ = make_vjp(lambda x: np.exp(chain(x) * 1e-9))(onp.ones(3))
    del pull


def test_no_recursion_in_the_backward_pass():
    pull, _ = make_vjp(lambda x: chain(x, 5_000) * x)(1.0)
    limit = sys.getrecursionlimit()
    depth = len(list(itertools.takewhile(lambda f: f is not None, _frames())))
    sys.setrecursionlimit(depth + 60)
    try:
        got = pull(1.0)
    finally:
        sys.setrecursionlimit(limit)
    assert got == pytest.approx(2 * 1.00001**5_000)


def _frames():
    frame = sys._getframe()
    while True:
        yield frame
        frame = frame.f_back if frame is not None else None


def test_a_list_of_two_thousand_numbers():
    got = grad(lambda xs: functools.reduce(lambda a, b: a + b * b, xs, 0.0))([float(i) for i in range(2000)])
    assert got == [2.0 * i for i in range(2000)]


def test_a_loop_over_the_elements_of_an_array():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total = total + x[i] * x[-1 - i]
        return total

    x = onp.arange(2000.0)
    onp.testing.assert_array_equal(grad(f)(x), 2 * x[::-1])


# ---- interrupted programs ----------------------------------------------------------------------------------


class Interrupted(Exception):  # noqa: N818 - it is not an error
    pass


@pytest.mark.parametrize("transform", [grad, deriv, jacobian, hessian, value_and_grad, elementwise_grad])
@pytest.mark.parametrize("step", range(4))
def test_results_are_right_after_an_exception_in_the_middle(transform, step):
    def f(x, fail):
        for k in range(4):
            x = np.sin(x) * grad(lambda y: y * y)(x)
            if fail and k == step:
                raise Interrupted
        return x

    want = transform(f)(0.5, False)
    with pytest.raises(Interrupted):
        transform(f)(0.5, True)
    assert transform(f)(0.5, False) == want
    assert grad(wave)(0.7) == pytest.approx(wave_derivative(0.7, 1), rel=1e-12)


def test_an_exception_caught_inside_an_outer_derivative():
    def broken(y):
        np.exp(y)
        raise Interrupted

    def f(x):
        try:
            grad(broken)(x)
        except Interrupted:
            return x**3
        return x

    assert grad(f)(2.0) == 12.0
    assert grad(grad(f))(2.0) == 12.0
    assert deriv(grad(f))(2.0) == 12.0


def test_an_exception_in_the_backward_pass_leaves_nothing_behind():
    from autograd_clone.extend import defvjp, primitive

    @primitive
    def broken(x):
        return x * 2.0

    def raising(g):
        raise Interrupted

    defvjp(broken, lambda ans, x: raising)
    for _ in range(2):
        with pytest.raises(Interrupted):
            grad(lambda x: np.sin(broken(x)))(1.0)
        assert grad(lambda x: grad(np.sin)(x) * x)(1.0) == pytest.approx(onp.cos(1) - onp.sin(1))


def test_keyboard_interrupts_pass_through():
    def f(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grad(f)(1.0)
    assert grad(np.square)(3.0) == 6.0


# ---- values that leak --------------------------------------------------------------------------------------

USES = {
    "ufunc": lambda b: np.sin(b),
    "multiply by number": lambda b: b * 2.0,
    "number times": lambda b: 2.0 * b,
    "add to itself": lambda b: b + b,
    "add array": lambda b: b + onp.ones(3),
    "array plus": lambda b: onp.ones(3) + b,
    "negate": lambda b: -b,
    "power": lambda b: b**2,
    "index": lambda b: b[0],
    "sum": lambda b: np.sum(b),
    "method": lambda b: b.sum(),
    "matmul": lambda b: b @ onp.ones(3),
    "reshape": lambda b: b.reshape(3, 1),
    "array function": lambda b: onp.concatenate([b, b]),
    "new gradient": lambda b: grad(lambda x: np.sum(x * b))(onp.ones(3)),
}
ENDINGS = {
    "grad": lambda f: grad(f)(onp.ones(3)),
    "value_and_grad": lambda f: value_and_grad(f)(onp.ones(3)),
    "jacobian": lambda f: jacobian(f)(onp.ones(3)),
    "jvp": lambda f: jvp(f, (onp.ones(3),), (onp.ones(3),)),
    "make_vjp": lambda f: make_vjp(f)(onp.ones(3)),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_leaked_value_is_refused(ending, use):
    leaked = []

    def f(x):
        leaked.append(x * 1.5)
        return np.sum(x)

    ENDINGS[ending](f)
    with pytest.raises(LeakedBoxError, match=r"already\s+returned"):
        USES[use](leaked[0])


def test_a_value_leaked_through_an_exception_is_refused():
    leaked = []

    def f(x):
        leaked.append(x)
        raise Interrupted

    for transform in (grad, deriv):
        with pytest.raises(Interrupted):
            transform(f)(1.0)
        with pytest.raises(LeakedBoxError):
            leaked.pop() * 2.0


def test_a_closure_that_holds_a_traced_value_is_refused_later():
    closures = []
    grad(lambda x: closures.append(lambda y: x * y) or x)(3.0)
    with pytest.raises(LeakedBoxError):
        closures[0](2.0)


def test_a_leaked_value_can_still_be_read():
    leaked = []
    grad(lambda x: leaked.append(x) or x * 2.0)(3.0)
    assert "3.0" in repr(leaked[0])
    assert stop_gradient(leaked[0]) == 3.0


def test_values_of_an_outer_derivative_may_leave_an_inner_one():
    kept = []

    def outer(x):
        grad(lambda y: kept.append(x * 2.0) or y)(1.0)
        return kept[-1] * x

    assert grad(outer)(3.0) == 12.0


def test_auxiliary_results_are_plain():
    g, aux = grad_and_aux(lambda x: (x**2, {"x": x, "half": x / 2}))(3.0)
    assert g == 6.0
    assert type(aux["x"]) is onp.float64
    assert aux["half"] * 2 == 3.0


# ---- odds and ends -----------------------------------------------------------------------------------------


def test_checkpoint_nests_with_everything():
    f = checkpoint(lambda x: np.sin(x) * np.exp(0.3 * x))
    for n in range(1, 4):
        for modes in itertools.product([grad, deriv], repeat=n):
            d = functools.reduce(lambda f, mode: mode(f), modes, f)
            assert d(0.7) == pytest.approx(wave_derivative(0.7, n), rel=1e-12)


def test_stop_gradient_at_every_level():
    f = lambda x: x * stop_gradient(x) ** 2
    assert grad(f)(3.0) == 9.0
    assert deriv(f)(3.0) == 9.0
    assert grad(grad(f))(3.0) == 0.0


def test_traced_values_look_like_what_they_wrap():
    def f(x):
        assert x.shape == (2, 3)
        assert x.ndim == 2
        assert x.size == 6
        assert x.dtype == onp.float64
        assert len(x) == 2
        assert onp.shape(x) == (2, 3)
        assert [row.shape for row in x] == [(3,), (3,)]
        return np.sum(x)

    onp.testing.assert_array_equal(grad(f)(onp.ones((2, 3))), onp.ones((2, 3)))
