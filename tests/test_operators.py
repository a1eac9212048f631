"""Every operator on traced values, with every kind of other operand, on either side, in every mode."""

import itertools
import operator

import numpy as np
import pytest

from autograd_clone import deriv, elementwise_grad, grad, jacobian

from . import modes, oracle

A = np.array([[0.53, 1.47, 2.61], [0.71, 1.13, 1.87]])
M = np.array([[0.5, 1.5], [0.7, 1.1]])

ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": operator.mod,
}
OTHERS = {
    "int": 3,
    "bool": True,
    "float": 2.3,
    "np.float64": np.float64(2.3),
    "np.float32": np.float32(2.5),
    "np.int64": np.int64(3),
    "0-d": np.array(2.3),
    "(1,)": np.array([2.3]),
    "(3,)": np.array([0.3, 0.9, 2.1]),
    "(2, 1)": np.array([[0.4], [2.2]]),
    "(2, 3)": np.array([[0.4, 0.9, 2.2], [1.6, 0.3, 2.9]]),
    "(4, 1, 3)": np.linspace(0.31, 2.37, 12).reshape(4, 1, 3),
    "integers": np.array([1, 2, 3]),
    "float32": np.array([0.3, 0.9, 2.1], np.float32),
    "complex": 0.4 + 0.3j,
    "complex array": np.array([0.4 + 0.3j, 1.0, 2.0 - 1j]),
    "list": [0.3, 0.9, 2.1],
}
TRACED = {
    "float": 1.3,
    "np.float64": np.float64(1.3),
    "0-d": np.array(1.3),
    "(3,)": np.array([0.45, 1.35, 2.65]),
    "(2, 3)": A,
}


def check_all_modes(f, x, step=0.05):
    """First and second derivatives of `f` at `x`, against the oracle."""
    x = np.asarray(x)
    rng = np.random.default_rng(0)
    v, w = oracle.direction(rng, x), oracle.direction(rng, x)
    (truth,) = oracle.directional(f, [x], [v], step=step)
    assert np.all(truth.error < 1e-9 * np.maximum(1, abs(truth.value))), "the oracle is not sure"
    y = np.asarray(f(x))
    g, c = oracle.direction(rng, y), oracle.direction(rng, y)
    outs, grads = modes.vjp(f, [x], lambda _: [g])
    np.testing.assert_allclose(outs[0], y, rtol=1e-14)
    assert outs[0].dtype == y.dtype
    assert grads[0].shape == x.shape
    assert grads[0].dtype == x.dtype
    want = modes.pair([g], [truth.value])
    assert abs(modes.pair(grads, [v]) - want) < 1e-9 * max(1, abs(want)), (
        f"reverse: {modes.pair(grads, [v])}, {want}"
    )
    outs, ts = modes.jvp(f, [x], [v])
    np.testing.assert_allclose(outs[0], y, rtol=1e-14)
    np.testing.assert_allclose(ts[0], truth.value, rtol=1e-8, atol=1e-9, err_msg="forward")
    assert ts[0].dtype == y.dtype
    loss = modes.Loss([g], [c])
    (second,) = oracle.second_directional(lambda x: loss([f(x)]), [x], [v], [w], step=step)
    assert second.error < 1e-6 * max(1, abs(second.value)), "the oracle is not sure"
    for name, mode in modes.SECOND_ORDER.items():
        got = mode(f, [x], loss, [v], [w])
        assert abs(got - second.value) < 1e-6 * max(1, abs(second.value)), (
            f"{name}: {got}, expected {second.value}"
        )


CASES = list(itertools.product(ARITHMETIC, OTHERS, TRACED))


def skipped(symbol, other, x):
    """What has no value, or no derivative, in plain NumPy."""
    if symbol == "%" and other.startswith("complex"):
        return True
    return other == "list" and x in ("float", "np.float64", "0-d")


@pytest.mark.parametrize(("symbol", "other", "x"), [c for c in CASES if not skipped(*c)])
def test_arithmetic_with_a_constant(symbol, other, x):
    op, c = ARITHMETIC[symbol], OTHERS[other]
    if symbol == "**" and other == "integers":
        c = c.astype(float)  # NumPy refuses nothing here, but 1 ** x is flat
    step = 0.004 if symbol == "%" else 0.05
    check_all_modes(lambda x: op(x, c), TRACED[x], step)
    check_all_modes(lambda x: op(c, x), TRACED[x], step)


@pytest.mark.parametrize("symbol", ARITHMETIC)
@pytest.mark.parametrize(("x", "y"), list(itertools.product(TRACED, repeat=2)))
def test_arithmetic_of_two_traced_values(symbol, x, y):
    op, a, b = ARITHMETIC[symbol], np.asarray(TRACED[x]) * 1.07, np.asarray(TRACED[y])
    check_all_modes(
        lambda x: op(x, b * x[()] if x.ndim == 0 else b * x.ravel()[0]), a, 0.004 if symbol == "%" else 0.05
    )
    rng = np.random.default_rng(1)
    va, vb = oracle.direction(rng, a), oracle.direction(rng, b)
    (want,) = oracle.directional(op, [a, b], [va, vb], step=0.004)
    g = oracle.direction(rng, want.value)
    _, grads = modes.vjp(op, [a, b], lambda _: [g])
    assert [h.shape for h in grads] == [a.shape, b.shape]
    assert modes.pair(grads, [va, vb]) == pytest.approx(modes.pair([g], [want.value]), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(modes.jvp(op, [a, b], [va, vb])[1][0], want.value, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("symbol", ARITHMETIC)
def test_a_value_with_itself(symbol):
    op = ARITHMETIC[symbol]
    for x in (np.array(1.3), np.array([0.45, 1.35, 2.65])):
        if symbol != "%":
            check_all_modes(lambda x: op(x, x), x)
        check_all_modes(lambda x: op(x * 1.7, x), x)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**"])
def test_complex_operands(symbol):
    op, z = ARITHMETIC[symbol], np.array([0.5 + 0.3j, 1.2 - 0.7j, 2.0 + 1.0j])
    for c in (2, 2.5, 0.4 - 0.3j, np.array([0.3, 0.9, 2.1]), np.array([0.4 + 0.3j, 1.0, 2.0 - 1j])):
        check_all_modes(lambda z, c=c: op(z, c), z)
        check_all_modes(lambda z, c=c: op(c, z), z)
    check_all_modes(lambda z: op(z, z * (1 + 1j)), z)


@pytest.mark.parametrize("x", TRACED)
def test_unary_operators(x):
    for op in (operator.neg, operator.pos, operator.abs):
        check_all_modes(op, TRACED[x])
        check_all_modes(op, -np.asarray(TRACED[x]))


SHAPES = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)), ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul(left, right):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=left), rng.normal(size=right)
    check_all_modes(lambda a: a @ b, a)
    check_all_modes(lambda b: a @ b, b)
    if left == right[::-1] and len(left) > 1 and 0 not in left:
        check_all_modes(lambda a: a @ a.T, a)
    check_all_modes(lambda a: a @ (b * np.sum(a)), a)


def test_divmod_and_floor_division():
    check_all_modes(lambda x: divmod(x, 0.7)[1], np.array([1.0, 2.0, -1.0]))
    check_all_modes(lambda x: divmod(2.3, x)[1], np.array([0.5, 0.7, 0.9]))
    assert grad(lambda x: x * (x // 0.7))(1.0) == 1.0
    assert grad(lambda x: x * (5.0 // x))(2.0) == 2.0
    assert grad(lambda x: x * divmod(x, 0.7)[0])(1.0) == 1.0


def test_round_trips_of_integer_powers():
    for n in (0, 1, 2, 3, -1, -2, 0.5, 1.5, 2.0):
        check_all_modes(lambda x, n=n: x**n, np.array([0.45, 1.35, 2.65]))
        check_all_modes(lambda x, n=n: x**n, np.array(1.3))
    for n in (0, 1, 2, 3, -1):
        check_all_modes(lambda x, n=n: x**n, np.array([-0.45, -1.35, -2.65]))


def test_reflected_and_augmented_forms():
    def f(x):
        y = x
        y += 1.0
        y *= x
        y -= 0.5
        y /= 2.0
        y **= 2
        return y

    assert grad(f)(1.2) == pytest.approx(2 * ((1.2 * 2.2 - 0.5) / 2) * (2 * 1.2 + 1) / 2)
    x = np.array([1.2, 0.4])  # an array changes in place, and x with it
    np.testing.assert_allclose(elementwise_grad(f)(x), 2 * (((x + 1) ** 2 - 0.5) / 2) * (x + 1))
    np.testing.assert_array_equal(x, [1.2, 0.4])


COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", COMPARISONS)
def test_comparisons_give_plain_booleans(op):
    other = np.array([1.0, 2.0, 3.0])

    def f(x):
        for result, want in [
            (op(x, other), op(X, other)),
            (op(other, x), op(other, X)),
            (op(x, 2), op(X, 2)),
            (op(2.0, x), op(2.0, X)),
            (op(x, x), op(X, X)),
            (op(x[0], x[1]), op(X[0], X[1])),
        ]:
            assert type(result) in (np.ndarray, np.bool_)
            np.testing.assert_array_equal(result, want)
        return np.sum(x)

    X = np.array([1.0, 2.5, 3.0])
    for transform in (grad, deriv, lambda f: grad(lambda x: np.sum(grad(f)(x)))):
        transform(f)(X)


def test_truth_and_branches():
    f = lambda x: x * 2.0 if x else x * 3.0
    assert grad(f)(1.0) == 2.0
    assert grad(f)(0.0) == 3.0
    assert grad(lambda x: max(x, 2.0) * min(x, 5.0))(3.0) == 6.0
    assert grad(lambda x: sorted([x, 2.0, 1.0])[2] * 2.0)(3.0) == 2.0
    with pytest.raises(ValueError, match="ambiguous"):
        grad(lambda x: 1.0 if x else 2.0)(np.ones(2))


def test_numpy_scalars_and_arrays_on_the_left():
    """``ndarray * box`` and ``np.float64 * box`` arrive through NumPy's protocol."""
    left = np.array([2.0, 3.0])
    for f in (
        lambda x: left * x,
        lambda x: left + x,
        lambda x: left - x,
        lambda x: left / x,
        lambda x: left**x,
        lambda x: left @ x,
    ):
        got = jacobian(f)(np.array([0.5, 1.5]))
        np.testing.assert_allclose(got, oracle.jacobian(f, np.array([0.5, 1.5])), rtol=1e-8, atol=1e-9)
    for c in (np.float64(2.0), np.float32(2.0), np.int32(2), np.longdouble(2.0)):
        assert grad(lambda x, c=c: c * x)(3.0) == 2.0
        assert grad(lambda x, c=c: c / x)(2.0) == -0.5
        assert grad(lambda x, c=c: c - x)(2.0) == -1.0


def test_in_place_operation_of_an_array_with_a_traced_value_is_never_silent():
    """``array += traced`` must give the right gradient or an error."""

    def f(x):
        total = np.zeros(2)
        total += x
        return np.sum(total * total)

    try:
        got = grad(f)(np.array([1.0, 2.0]))
    except (TypeError, ValueError, RuntimeError):
        return
    np.testing.assert_array_equal(got, [2.0, 4.0])


def test_single_precision_stays_single():
    x = np.array([0.5, 1.5], np.float32)
    for f in (
        lambda x: x * 2,
        lambda x: 2.5 * x,
        lambda x: x / 3.0,
        lambda x: x**2,
        lambda x: x**2.0,
        lambda x: 1 - x,
        lambda x: -x,
    ):
        dtypes = []
        g = grad(lambda x, f=f, seen=dtypes: seen.append(f(x).dtype) or np.sum(f(x)))(x)
        assert dtypes == [np.float32]
        assert g.dtype == np.float32
        assert modes.jvp(f, [x], [x])[1][0].dtype == np.float32
