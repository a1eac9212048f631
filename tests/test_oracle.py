"""The oracle itself, against derivatives known in closed form."""

import numpy as np
import pytest

from . import oracle

X = np.array([0.3, -1.2, 2.0])
V = np.array([1.0, -0.5, 0.25])


def test_first_directional_derivative_is_nearly_exact():
    (got,) = oracle.directional(lambda x: np.sin(x) * np.exp(x), [X], [V])
    want = (np.cos(X) + np.sin(X)) * np.exp(X) * V
    assert abs(got.value - want).max() < 1e-11
    assert (got.error < 1e-9).all()


def test_second_directional_derivative():
    W = np.array([0.5, 1.0, -1.0])
    (got,) = oracle.second_directional(lambda x: np.exp(x[0] * x[1]) * x[2], [X], [V], [W])
    a, b, c = X
    e = np.exp(a * b)
    H = np.array(
        [
            [b * b * e * c, (1 + a * b) * e * c, b * e],
            [(1 + a * b) * e * c, a * a * e * c, a * e],
            [b * e, a * e, 0],
        ]
    )
    np.testing.assert_allclose(got.value, V @ H @ W, rtol=1e-9)
    np.testing.assert_allclose(
        oracle.hessian(lambda x: np.exp(x[0] * x[1]) * x[2], X), H, rtol=1e-8, atol=1e-8
    )


def test_long_double_keeps_its_precision():
    x = np.longdouble(1) / 3
    (got,) = oracle.directional(np.exp, [x], [np.longdouble(1)])
    assert abs(got.value - np.exp(x)) < 1e-15
    assert got.value.dtype == np.longdouble


def test_single_precision_is_raised_to_double():
    (got,) = oracle.directional(np.exp, [np.float32(0.5)], [np.float32(1)])
    np.testing.assert_allclose(got.value, np.exp(0.5), rtol=1e-12)


@pytest.mark.parametrize("v", [1.0, 1j, 0.6 - 0.8j])
def test_complex_functions_are_differentiated_over_the_reals(v):
    z = np.array([0.4 + 0.9j])
    (analytic,) = oracle.directional(lambda z: z**3, [z], [np.array([v])])
    np.testing.assert_allclose(analytic.value, 3 * z**2 * v, rtol=1e-11)
    (modulus,) = oracle.directional(lambda z: np.abs(z) ** 2, [z], [np.array([v])])
    np.testing.assert_allclose(modulus.value, 2 * np.real(np.conj(z) * v), rtol=1e-11)


def test_gradient_of_a_complex_array_follows_the_convention():
    z = np.array([0.4 + 0.9j, -1.0 + 0.2j])
    np.testing.assert_allclose(
        oracle.gradient(lambda z: np.sum(np.abs(z) ** 2), z), 2 * np.conj(z), rtol=1e-10
    )


def test_jacobian_has_output_shape_first():
    A = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(oracle.jacobian(lambda x: A @ x, X), A, rtol=1e-10, atol=1e-12)


def test_several_outputs_and_integer_outputs():
    got = oracle.directional(lambda x: (x**2, np.argsort(x), [np.sum(x)]), [X], [V])
    np.testing.assert_allclose(got[0].value, 2 * X * V, rtol=1e-10)
    np.testing.assert_allclose(got[1].value, V.sum(), rtol=1e-10)
    assert len(got) == 2


def test_complex_step_has_no_error():
    (got,) = oracle.complex_step(lambda x: np.exp(x) * np.sin(x), [X], [V])
    np.testing.assert_allclose(got, (np.cos(X) + np.sin(X)) * np.exp(X) * V, rtol=1e-15)


def test_a_kink_shows_in_the_error_estimate():
    (got,) = oracle.directional(lambda x: np.abs(x - 1e-5), [np.array(0.0)], [np.array(1.0)])
    assert got.error > 1e-5


def test_a_jump_shows_in_the_error_estimate():
    x = np.array([-2.46622923, 2.54789782, -1.25069576])
    y = np.array([-0.17653326, 0.64245684, -0.06413009])
    v = np.array([-0.98946939, 0.64245684, 0.8])
    (got,) = oracle.directional(lambda y: np.remainder(x, y), [y], [v])
    sure = got.error < 1e-8
    np.testing.assert_allclose(got.value[sure], (-np.floor(x / y) * v)[sure], rtol=1e-8)
