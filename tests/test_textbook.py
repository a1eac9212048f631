"""Programs as one finds them in textbooks and tutorials, with the numbers they must give."""

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    deriv,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    make_hvp,
    make_jvp,
    make_vjp,
    value_and_grad,
)
from autograd_clone.extend import defvjp, primitive
from autograd_clone.test_util import check_grads

from . import oracle

# ---- regression --------------------------------------------------------------------------------------------


def test_linear_regression_with_a_list_of_parameters():
    rng = onp.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    true_w, true_b = onp.array([1.5, -2.0, 0.5]), 0.7
    y = x @ true_w + true_b

    def loss(params):
        w, b = params
        return np.mean((np.dot(x, w) + b - y) ** 2)

    params = [onp.zeros(3), 0.0]
    gradient = grad(loss)
    residual = -y
    g = gradient(params)
    onp.testing.assert_allclose(g[0], 2 * x.T @ residual / 50)
    assert g[1] == pytest.approx(2 * residual.mean())
    for _ in range(2000):
        g = gradient(params)
        params = [p - 0.1 * d for p, d in zip(params, g, strict=True)]
    onp.testing.assert_allclose(params[0], true_w, atol=1e-8)
    assert params[1] == pytest.approx(true_b, abs=1e-8)


INPUTS = onp.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]])
TARGETS = onp.array([True, True, False, True])


def sigmoid(x):
    return 0.5 * (np.tanh(x / 2.0) + 1)


def training_loss(weights):
    predictions = sigmoid(np.dot(INPUTS, weights))
    likelihoods = predictions * TARGETS + (1 - predictions) * (1 - TARGETS)
    return -np.sum(np.log(likelihoods))


def test_logistic_regression():
    weights = onp.array([0.0, 0.0, 0.0])
    assert training_loss(weights) == pytest.approx(2.772588722239781, rel=1e-15)
    gradient = grad(training_loss)
    onp.testing.assert_allclose(gradient(weights), oracle.gradient(training_loss, weights), rtol=1e-9)
    for _ in range(100):
        weights = weights - gradient(weights) * 0.01
    assert training_loss(weights) == pytest.approx(1.067270675787016, rel=1e-13)


def test_logistic_regression_checks_itself():
    check_grads(training_loss, order=2)(onp.array([0.3, -0.2, 0.1]))


# ---- derivatives of one function ---------------------------------------------------------------------------


def tanh(x):
    return (1.0 - np.exp(-2 * x)) / (1.0 + np.exp(-2 * x))


def test_four_nested_derivatives_of_tanh():
    x = onp.linspace(-10, 10, 100)
    d1, d2 = elementwise_grad(np.tanh), elementwise_grad(elementwise_grad(np.tanh))
    d3 = elementwise_grad(d2)
    d4 = elementwise_grad(d3)
    t = onp.tanh(x)
    s = 1 - t**2
    onp.testing.assert_allclose(d1(x), s, atol=1e-15)
    onp.testing.assert_allclose(d2(x), -2 * t * s, atol=1e-15)
    onp.testing.assert_allclose(d3(x), -2 * s**2 + 4 * t**2 * s, atol=1e-14)
    onp.testing.assert_allclose(d4(x), 16 * t * s**2 - 8 * t**3 * s, atol=1e-14)


def test_tanh_by_hand():
    x = onp.linspace(-3, 3, 20)
    onp.testing.assert_allclose(elementwise_grad(tanh)(x), 1 - onp.tanh(x) ** 2, rtol=1e-10)
    assert grad(tanh)(1.0) == pytest.approx(0.419974341614026, rel=1e-13)
    assert grad(grad(tanh))(1.0) == pytest.approx(-0.6397000084492246, rel=1e-12)


def test_the_sine_by_its_taylor_series():
    def taylor_sine(x):
        ans = current = x
        i = 0
        while np.abs(current) > 0.001:
            current = -current * x**2 / ((2 * i + 3) * (2 * i + 2))
            ans = ans + current
            i += 1
        return ans

    assert grad(taylor_sine)(onp.pi) == pytest.approx(-0.9998995297042177, rel=1e-12)


def test_a_piecewise_function():
    def f(x):
        return np.where(x < -1, -x - 0.5, np.where(x < 1, 0.5 * x**2, x - 0.5))

    x = onp.array([-3.0, -0.5, 0.0, 0.25, 2.0])
    onp.testing.assert_array_equal(elementwise_grad(f)(x), [-1.0, -0.5, 0.0, 0.25, 1.0])
    onp.testing.assert_array_equal(elementwise_grad(elementwise_grad(f))(x), [0, 1, 1, 1, 0])

    def by_branches(x):
        if x < -1:
            return -x - 0.5
        return 0.5 * x**2 if x < 1 else x - 0.5

    assert [grad(by_branches)(v) for v in x] == [-1.0, -0.5, 0.0, 0.25, 1.0]


def test_rosenbrock():
    def f(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x = onp.array([-1.2, 1.0])
    onp.testing.assert_allclose(grad(f)(x), [-215.6, -88.0])
    onp.testing.assert_allclose(hessian(f)(x), [[1330.0, 480.0], [480.0, 200.0]])
    onp.testing.assert_array_equal(grad(f)(onp.ones(5)), onp.zeros(5))
    v = onp.array([1.0, 2.0])
    onp.testing.assert_allclose(make_hvp(f)(x)[0](v), onp.array([[1330.0, 480.0], [480.0, 200.0]]) @ v)


def test_newtons_method():
    f = lambda x: x**3 - 2 * x - 5
    x = 2.0
    for _ in range(6):
        x = x - f(x) / deriv(f)(x)
    assert x == pytest.approx(2.0945514815423265, rel=1e-15)


def test_polar_coordinates_have_jacobian_determinant_r():
    f = lambda p: np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1])])
    J = jacobian(f)(onp.array([2.0, 0.7]))
    onp.testing.assert_allclose(J, [[onp.cos(0.7), -2 * onp.sin(0.7)], [onp.sin(0.7), 2 * onp.cos(0.7)]])
    assert onp.linalg.det(J) == pytest.approx(2.0)


# ---- a primitive of one's own ------------------------------------------------------------------------------


@primitive
def logsumexp(x):
    """Numerically stable log(sum(exp(x)))."""
    max_x = onp.max(x)
    return max_x + onp.log(onp.sum(onp.exp(x - max_x)))


def logsumexp_vjp(ans, x):
    x_shape = x.shape
    return lambda g: np.full(x_shape, g) * np.exp(x - np.full(x_shape, ans))


defvjp(logsumexp, logsumexp_vjp)


def test_a_custom_logsumexp_with_its_hessian():
    y = onp.array([1.5, 6.7, 1e-10])
    p = onp.exp(y - onp.log(onp.sum(onp.exp(y))))
    example = lambda y: logsumexp(y**2)
    assert grad(lambda y: logsumexp(y))(y) == pytest.approx(p)
    onp.testing.assert_allclose(hessian(logsumexp)(y), onp.diag(p) - onp.outer(p, p), atol=1e-15)
    onp.testing.assert_allclose(
        grad(example)(y), oracle.gradient(lambda y: onp.log(onp.sum(onp.exp(y**2))), y), rtol=1e-7, atol=1e-15
    )
    check_grads(example, modes=["rev"])(y)
    check_grads(example, modes=["fwd", "rev"])(y)


# ---- Fourier, complex, linear algebra, convolution ---------------------------------------------------------


def test_gradients_through_fourier_transforms():
    rng = onp.random.default_rng(0)
    x, k = rng.normal(size=(2, 16))

    def energy(x):
        return np.sum(np.abs(np.fft.fft(x)) ** 2)

    onp.testing.assert_allclose(grad(energy)(x), 2 * 16 * x)  # Parseval

    def filtered(x):
        return np.real(np.fft.ifft(np.fft.fft(x) * np.fft.fft(k)))

    circulant = onp.array([[k[(i - j) % 16] for j in range(16)] for i in range(16)])
    onp.testing.assert_allclose(jacobian(filtered)(x), circulant, atol=1e-13)
    onp.testing.assert_allclose(
        jacobian(lambda x: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k)))(x), circulant, atol=1e-13
    )
    onp.testing.assert_allclose(
        grad(lambda x: np.sum(np.real(np.fft.fft2(x)) ** 2))(rng.normal(size=(3, 5))).shape, (3, 5)
    )
    check_grads(lambda x: np.real(np.fft.ifftn(np.fft.fftn(x) ** 2)))(rng.normal(size=(3, 4)))


def test_complex_functions():
    z = 0.6 - 1.3j
    assert grad(lambda z: np.abs(z) ** 2)(z) == pytest.approx(2 * z.conjugate())
    assert grad(lambda z: np.real(z))(z) == 1
    assert grad(lambda z: np.imag(z))(z) == -1j
    assert grad(np.abs)(z) == pytest.approx(z.conjugate() / abs(z))
    assert grad(np.angle)(z) == pytest.approx(oracle.gradient(onp.angle, z)[()], rel=1e-9)

    def iterate(c):
        z = 0.0
        for _ in range(5):
            z = z * z + c
        return np.real(z * np.conj(z))

    assert grad(iterate)(0.2 + 0.1j) == pytest.approx(oracle.gradient(iterate, 0.2 + 0.1j)[()], rel=1e-9)


def test_slogdet():
    rng = onp.random.default_rng(1)
    A = rng.normal(size=(4, 4)) + 3 * onp.eye(4)
    onp.testing.assert_allclose(grad(lambda A: np.linalg.slogdet(A)[1])(A), onp.linalg.inv(A).T)
    S = A @ A.T
    inverse = onp.linalg.inv(S)
    H = hessian(lambda S: np.linalg.slogdet(S)[1])(S)
    onp.testing.assert_allclose(
        H, -onp.einsum("jk,li->ijkl", inverse, inverse).transpose(0, 1, 2, 3), rtol=1e-10
    )
    batch = onp.stack([A, S, A.T])
    g = grad(lambda A: np.sum(np.linalg.slogdet(A)[1]))(batch)
    onp.testing.assert_allclose(g, onp.linalg.inv(batch).swapaxes(-1, -2))


def test_gaussian_process_likelihood():
    rng = onp.random.default_rng(2)
    x, y = rng.normal(size=(2, 8))
    distances = (x[:, None] - x) ** 2

    def negative_log_likelihood(log_params):
        amplitude, scale, noise = np.exp(log_params)
        K = amplitude * np.exp(-0.5 * distances / scale) + noise * np.eye(8)
        return 0.5 * np.dot(y, np.linalg.solve(K, y)) + 0.5 * np.linalg.slogdet(K)[1]

    def by_cholesky(log_params):
        amplitude, scale, noise = np.exp(log_params)
        K = amplitude * np.exp(-0.5 * distances / scale) + noise * np.eye(8)
        L = np.linalg.cholesky(K)
        a = np.linalg.solve(L, y)
        return 0.5 * np.dot(a, a) + np.sum(np.log(np.diag(L)))

    p = onp.array([0.1, -0.3, -1.0])
    want = oracle.gradient(negative_log_likelihood, p)
    onp.testing.assert_allclose(grad(negative_log_likelihood)(p), want, rtol=1e-8)
    onp.testing.assert_allclose(grad(by_cholesky)(p), want, rtol=1e-8)
    onp.testing.assert_allclose(hessian(by_cholesky)(p), hessian(negative_log_likelihood)(p), rtol=1e-8)


@pytest.mark.parametrize("mode", ["full", "valid"])
def test_convolution_in_several_dimensions(mode):
    convolve = pytest.importorskip("autograd_clone.scipy.signal").convolve
    rng = onp.random.default_rng(3)
    A, B = rng.normal(size=(2, 6, 7)), rng.normal(size=(2, 3, 2))

    def f(A, B):
        return np.sum(np.sin(convolve(A, B, axes=([1, 2], [1, 2]), dot_axes=([0], [0]), mode=mode)))

    onp.testing.assert_allclose(grad(f, 0)(A, B), oracle.gradient(lambda A: f(A, B), A), rtol=1e-7, atol=1e-9)
    onp.testing.assert_allclose(grad(f, 1)(A, B), oracle.gradient(lambda B: f(A, B), B), rtol=1e-7, atol=1e-9)
    check_grads(f, order=2)(A, B)


# ---- models ------------------------------------------------------------------------------------------------


def test_a_neural_network_learns_xor():
    rng = onp.random.default_rng(0)
    x, y = onp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), onp.array([0.0, 1, 1, 0])
    params = [(rng.normal(size=(2, 8)), onp.zeros(8)), (rng.normal(size=(8, 1)), onp.zeros(1))]

    def predict(params):
        (w1, b1), (w2, b2) = params
        return sigmoid(np.dot(np.tanh(np.dot(x, w1) + b1), w2) + b2)[:, 0]

    loss = lambda params: np.mean((predict(params) - y) ** 2)
    for _ in range(500):
        value, g = value_and_grad(loss)(params)
        params = [
            tuple(p - 2.0 * d for p, d in zip(layer, dl, strict=True))
            for layer, dl in zip(params, g, strict=True)
        ]
    assert value < 1e-2


def test_an_ode_by_runge_kutta():
    def solve(a, n=200):
        y, h = onp.array([1.0, 0.0]), 1.0 / n
        f = lambda y: np.stack([y[1], -(a**2) * y[0]])
        for _ in range(n):
            k1 = f(y)
            k2 = f(y + h / 2 * k1)
            k3 = f(y + h / 2 * k2)
            k4 = f(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    a = 1.3
    assert grad(lambda a: solve(a)[0])(a) == pytest.approx(-onp.sin(a), rel=1e-8)
    onp.testing.assert_allclose(deriv(solve)(a), [-onp.sin(a), -onp.sin(a) - a * onp.cos(a)], rtol=1e-8)


def test_a_recurrent_network_forward_and_backward_agree():
    rng = onp.random.default_rng(4)
    W, U, xs = rng.normal(size=(5, 5)) / 3, rng.normal(size=(5, 2)), rng.normal(size=(20, 2))

    def final(W):
        h = np.zeros(5)
        for x in xs:
            h = np.tanh(np.dot(W, h) + np.dot(U, x))
        return h

    V, g = rng.normal(size=(5, 5)), rng.normal(size=5)
    pull, _ = make_vjp(final)(W)
    _, t = make_jvp(final)(W)(V)
    assert np.sum(pull(g) * V) == pytest.approx(np.dot(g, t), rel=1e-12)


def test_gaussian_mixture_likelihood():
    rng = onp.random.default_rng(5)
    data = rng.normal(size=(30, 2))

    def log_likelihood(p):
        d = data[:, None, :] - p["means"]
        quadratic = -0.5 * np.sum(d**2 * np.exp(-p["log_scales"]), axis=2) - 0.5 * np.sum(
            p["log_scales"], axis=1
        )
        weights = p["logits"] - np.log(np.sum(np.exp(p["logits"])))
        a = quadratic + weights
        top = np.max(a, axis=1, keepdims=True)
        return np.sum(top[:, 0] + np.log(np.sum(np.exp(a - top), axis=1)))

    p = {
        "means": rng.normal(size=(3, 2)),
        "log_scales": 0.1 * rng.normal(size=(3, 2)),
        "logits": rng.normal(size=3),
    }
    g = grad(log_likelihood)(p)
    for key, value in p.items():
        want = oracle.gradient(lambda v, key=key: log_likelihood(p | {key: v}), value)
        onp.testing.assert_allclose(g[key], want, rtol=1e-8, atol=1e-8)


def test_a_fluid_simulation_in_miniature():
    """Advection by rolled arrays and interpolation, with respect to the starting velocities."""
    n = 6
    rng = onp.random.default_rng(6)

    def project(vx, vy):
        p = np.zeros((n, n))
        div = -0.5 * (
            np.roll(vx, -1, axis=1)
            - np.roll(vx, 1, axis=1)
            + np.roll(vy, -1, axis=0)
            - np.roll(vy, 1, axis=0)
        )
        for _ in range(5):
            p = (div + np.roll(p, 1, 1) + np.roll(p, -1, 1) + np.roll(p, 1, 0) + np.roll(p, -1, 0)) / 4.0
        return vx - 0.5 * (np.roll(p, -1, 1) - np.roll(p, 1, 1)), vy - 0.5 * (
            np.roll(p, -1, 0) - np.roll(p, 1, 0)
        )

    def advect(f, vx, vy):
        ys, xs = onp.meshgrid(onp.arange(n), onp.arange(n), indexing="ij")
        cx, cy = (xs - vx).ravel(), (ys - vy).ravel()
        left, top = np.floor(cx).astype(int), np.floor(cy).astype(int)
        rw, bw = cx - left, cy - top
        right, bottom = (left + 1) % n, (top + 1) % n
        left, top = left % n, top % n
        flat = (1 - rw) * ((1 - bw) * f[top, left] + bw * f[bottom, left]) + rw * (
            (1 - bw) * f[top, right] + bw * f[bottom, right]
        )
        return np.reshape(flat, (n, n))

    smoke, target = rng.random((2, n, n))

    def loss(v):
        vx, vy = v[0], v[1]
        s = smoke
        for _ in range(2):
            vx, vy = project(advect(vx, vx, vy), advect(vy, vx, vy))
            s = advect(s, vx, vy)
        return np.mean((s - target) ** 2)

    v = 0.3 * rng.normal(size=(2, n, n))
    w = rng.normal(size=v.shape)
    (want,) = oracle.directional(loss, [v], [w], step=1e-3)
    assert np.sum(grad(loss)(v) * w) == pytest.approx(want.value, rel=1e-6)
