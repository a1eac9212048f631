"""The tools for looking into a program: where a NaN came from, what was computed, what it took."""

import inspect
import threading

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    checkpoint,
    custom_vjp,
    detect_anomaly,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    jvp,
    make_vjp,
    value_and_grad,
)
from autograd_clone.engine.errors import AnomalyError

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def line_of(function, text):
    """``file:line`` of the line of a function that contains `text`."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + k for k, line in enumerate(lines) if text in line]
    return f"{inspect.getsourcefile(function)}:{number}"


# ---- anomalies -----------------------------------------------------------------------------------------------


def likelihood(x):
    shifted = x - 1.0
    logs = np.log(shifted)
    return np.sum(logs * logs)


def distances(x):
    squares = np.sum(x * x, axis=1)
    lengths = np.sqrt(squares)
    return np.mean(np.tanh(lengths))


def anomaly(f, *args, **options):
    with detect_anomaly(**options), pytest.raises(AnomalyError) as caught:
        f(*args)
    return str(caught.value)


@quiet
@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad, jacobian, hessian, make_vjp])
def test_the_line_where_a_value_became_nan(transform):
    message = anomaly(transform(likelihood), onp.array([2.0, 1.0, 0.5]))
    assert "numpy.log gave -inf, nan in 2 of 3 elements, the first at [1]" in message
    assert line_of(likelihood, "np.log") + " in likelihood" in message
    assert "logs = np.log(shifted)" in message
    assert "x: float64 of shape (3,), from -0.5 to 1.0, 0.0 at [1]" in message


@quiet
@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad])
def test_the_line_where_a_derivative_became_infinite(transform):
    x = onp.array([[3.0, 4.0], [0.0, 0.0]])
    message = anomaly(transform(distances), x)
    assert "the backward pass of numpy.sqrt, for its operand x, gave inf in 1 of 2 elements, the first at [1]" in message
    assert line_of(distances, "np.sqrt") in message
    assert "cotangent: float64 of shape (2,)" in message
    assert "output: float64 of shape (2,), from 0.0 to 5.0, 0.0 at [1]" in message


@quiet
def test_the_line_where_a_tangent_became_infinite():
    def roots(x):
        return np.sum(np.sqrt(x))

    message = anomaly(lambda x: jvp(roots, (x,), (onp.array([1.0, 2.0]),)), onp.array([4.0, 0.0]))
    assert "the tangent of numpy.sqrt gave inf in 1 of 2 elements, the first at [1]" in message
    assert line_of(roots, "np.sqrt") in message
    assert "tangent of x: float64 of shape (2,), from 1.0 to 2.0, 2.0 at [1]" in message


@quiet
def test_programs_that_are_right_pass():
    guarded = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))
    x = onp.array([0.0, 4.0])
    with detect_anomaly():
        onp.testing.assert_array_equal(grad(guarded)(x), [0, 0.25])
        assert grad(np.linalg.norm)(onp.zeros(2)).tolist() == [0, 0]
        for f in (distances, guarded, lambda x: np.sum(np.linalg.eigh(np.outer(x, x))[1] ** 4)):
            x = onp.array([[1.0, 2.0], [0.5, 3.0]]) if f is distances else onp.array([1.0, 2.5])
            expected = [t(f)(x) for t in (grad, hessian)]
        got = [t(f)(x) for t in (grad, hessian)]
    for a, b in zip(got, expected, strict=True):
        onp.testing.assert_array_equal(a, b)


@quiet
def test_a_branch_that_is_not_chosen():
    f = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0))
    x = onp.array([-1.0, 2.0])
    assert "numpy.log gave nan" in anomaly(grad(f), x)
    with detect_anomaly(forward=False):
        onp.testing.assert_array_equal(grad(f)(x), [0, 0.5])


@quiet
def test_infinities_may_be_allowed():
    f, x = lambda x: np.sum(np.exp(-1 / x**2)), onp.array([0.0, 1.0])
    assert "numpy.divide gave -inf" in anomaly(elementwise_grad(f), x)
    with detect_anomaly(inf=False):
        assert grad(lambda x: np.min(np.array([1 / x, 3.0 * x])))(0.0) == 3
    assert "numpy.subtract gave nan" in anomaly(grad(lambda x: 1 / x - 1 / x), 0.0, inf=False)


@quiet
def test_what_was_not_finite_before():
    message = anomaly(grad(lambda x: np.sum(x * 2)), onp.array([1.0, onp.nan]))
    assert "numpy.multiply gave nan in 1 of 2 elements, the first at [1]" in message
    assert "nan at [1]; it held 1 NaN or infinite element before" in message
    message = anomaly(grad(lambda x: x * onp.inf), 1.0)
    assert "x2: float64 inf; it held 1 NaN or infinite element before" in message
    assert "gave inf in its only element" in message
    message = anomaly(grad(lambda x: np.sum(np.concatenate([x, x]))), onp.array([onp.nan]))
    assert "arrays[0]: float64 of shape (1,)" in message
    assert "arrays[1]: float64 of shape (1,)" in message


@quiet
def test_the_second_derivative():
    def power(x):
        return np.sum(x**1.5)

    message = anomaly(grad(grad(power)), 0.0)
    assert line_of(power, "x**1.5") in message
    assert "numpy.power" in message


@quiet
def test_rules_of_ones_own_and_checkpoints():
    @custom_vjp
    def half(x):
        return x / 2

    half.defvjp(lambda x: (x / 2, x), lambda x, g: (g / (x - x),))
    message = anomaly(grad(lambda x: half(x) * 3), 1.0)
    assert "the backward pass of half gave inf" in message
    blown = custom_vjp(lambda x: x / 0)
    blown.defvjp(lambda x: (x / 0, x), lambda x, g: (g,))
    assert "<lambda> gave inf" in anomaly(grad(lambda x: blown(x) * 3), onp.float64(1.0))
    message = anomaly(grad(checkpoint(distances)), onp.zeros((1, 2)))
    assert "the backward pass of numpy.sqrt, which is a part of the backward pass of distances, for its operand x, gave inf" in message
    assert line_of(distances, "np.sqrt") in message


@quiet
def test_several_outputs():
    message = anomaly(grad(lambda x: np.sum(np.linalg.slogdet(np.outer(x, x))[1])), onp.array([1.0, 2.0]))
    assert "slogdet gave -inf" in message


@quiet
def test_variables():
    v = Variable([0.0, 4.0])
    with detect_anomaly():
        y = np.sum(np.sqrt(v))
    with pytest.raises(AnomalyError, match=r"the backward pass of numpy\.sqrt"):
        y.backward()
    assert v.grad is None
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"numpy\.log gave -inf"):
        np.log(v)
    with detect_anomaly():
        np.sum(v * Variable([1.0, 2.0], requires_grad=False)).backward()
    onp.testing.assert_array_equal(v.grad, [1, 2])


def test_an_exception_of_a_rule_names_the_line_once():
    @custom_vjp
    def broken(x):
        return x

    broken.defvjp(lambda x: (x, None), lambda _, g: 1 / 0)
    with detect_anomaly(), pytest.raises(ZeroDivisionError) as caught:
        grad(lambda x: broken(x) * 2)(1.0)
    assert [note.startswith("in the backward pass of broken, recorded at") for note in caught.value.__notes__] == [True]


@quiet
def test_detection_ends_with_its_block_and_is_for_one_thread():
    f, x = likelihood, onp.array([1.0])
    results = []
    with detect_anomaly():
        with detect_anomaly(inf=False):
            pass
        thread = threading.Thread(target=lambda: results.append(grad(f)(x)))
        thread.start()
        thread.join()
        with pytest.raises(AnomalyError):
            grad(f)(x)
    assert len(results) == 1
    assert not onp.isfinite(grad(f)(x)).all()

    @detect_anomaly()
    def decorated(x):
        return grad(f)(x)

    for _ in range(2):
        with pytest.raises(FloatingPointError):
            decorated(x)
