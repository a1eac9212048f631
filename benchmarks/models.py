"""Programs that people differentiate for a living, and their gradients by hand.

Same form as in `elementary`; ``..._scanned`` is the program with its loop as ``lax.scan``, which is how it is
written for ``jax.jit`` (an unrolled loop takes XLA minutes to compile).
"""

import math
from itertools import pairwise

import numpy as np

# -- logistic regression, as in the tutorial of every automatic differentiation package ----------------


def logistic_regression(np, w, X, targets):
    predictions = 0.5 * (np.tanh(X @ w / 2.0) + 1)
    likelihoods = predictions * targets + (1 - predictions) * (1 - targets)
    return -np.sum(np.log(likelihoods))


def logistic_regression_by_hand(w, X, targets):
    predictions = 0.5 * (np.tanh(X @ w / 2.0) + 1)
    return X.T @ (predictions - targets)


def logistic_regression_hessian_by_hand(w, X, targets):
    predictions = 0.5 * (np.tanh(X @ w / 2.0) + 1)
    return (X.T * (predictions * (1 - predictions))) @ X


def logistic_regression_inputs(rng, n, features):
    X = rng.standard_normal((n, features))
    w = rng.standard_normal(features) / features
    return w, X, (rng.uniform(size=n) < 0.5).astype(float)


# -- multi-layer perceptron with a softmax ------------------------------------------------------------


def mlp(np, params, X, targets):
    h = X
    for i in range(0, len(params) - 2, 2):
        h = np.tanh(h @ params[i] + params[i + 1])
    logits = h @ params[-2] + params[-1]
    logits = logits - np.amax(logits, axis=1, keepdims=True)
    log_probabilities = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.sum(log_probabilities * targets) / len(X)


def mlp_by_hand(params, X, targets):
    layers = [X]
    for i in range(0, len(params) - 2, 2):
        layers.append(np.tanh(layers[-1] @ params[i] + params[i + 1]))
    logits = layers[-1] @ params[-2] + params[-1]
    exponentials = np.exp(logits - np.amax(logits, axis=1, keepdims=True))
    probabilities = exponentials / np.sum(exponentials, axis=1, keepdims=True)
    g, gradient = (probabilities - targets) / len(X), []
    for i in range(len(params) - 2, -1, -2):
        h = layers.pop()
        gradient += [g.sum(0), h.T @ g]
        if i:
            g = (g @ params[i].T) * (1 - h * h)
    return gradient[::-1]


def mlp_inputs(rng, batch, *sizes):
    params = []
    for n_in, n_out in pairwise(sizes):
        params += [rng.standard_normal((n_in, n_out)) / math.sqrt(n_in), 0.1 * rng.standard_normal(n_out)]
    labels = rng.integers(sizes[-1], size=batch)
    return params, rng.standard_normal((batch, sizes[0])), np.eye(sizes[-1])[labels]


# -- recurrent networks over 100 steps ----------------------------------------------------------------


def rnn(np, params, X, target):
    W, U, b = params
    h = X[0] @ W
    for t in range(1, len(X)):
        h = np.tanh(X[t] @ W + h @ U + b)
    return np.sum((h - target) ** 2)


def rnn_by_hand(params, X, target):
    W, U, b = params
    h = X[0] @ W
    states = [h]
    for t in range(1, len(X)):
        h = np.tanh(X[t] @ W + h @ U + b)
        states.append(h)
    g = 2 * (h - target)
    g_W, g_U, g_b = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    for t in range(len(X) - 1, 0, -1):
        g = g * (1 - states[t] * states[t])
        g_W += X[t].T @ g
        g_U += states[t - 1].T @ g
        g_b += g.sum(0)
        g = g @ U.T
    g_W += X[0].T @ g
    return [g_W, g_U, g_b]


def rnn_scanned(np, params, X, target):
    from jax import lax

    W, U, b = params
    h, _ = lax.scan(lambda h, x: (np.tanh(x @ W + h @ U + b), None), X[0] @ W, X[1:])
    return np.sum((h - target) ** 2)


def rnn_inputs(rng, hidden, batch, steps=100):
    params = [
        rng.standard_normal((hidden, hidden)) / math.sqrt(hidden),
        rng.standard_normal((hidden, hidden)) / math.sqrt(hidden),
        rng.standard_normal(hidden),
    ]
    return params, rng.standard_normal((steps, batch, hidden)), rng.standard_normal((batch, hidden))


def lstm(np, params, X, target):
    h, c = 0.0 * target, 0.0 * target
    for t in range(len(X)):
        h, c = _lstm_cell(np, params, X[t], h, c)
    return np.sum((h - target) ** 2)


def _lstm_cell(np, params, x, h, c):
    W, U, b = params
    n = h.shape[1]
    z = x @ W + h @ U + b
    keep = _sigmoid(np, z[:, :n])
    write = _sigmoid(np, z[:, n : 2 * n])
    show = _sigmoid(np, z[:, 2 * n : 3 * n])
    c = keep * c + write * np.tanh(z[:, 3 * n :])
    return show * np.tanh(c), c


def _sigmoid(np, z):
    return 0.5 * (np.tanh(0.5 * z) + 1)


def lstm_by_hand(params, X, target):
    W, U, b = params
    n = target.shape[1]
    h, c, steps = np.zeros_like(target), np.zeros_like(target), []
    for t in range(len(X)):
        z = X[t] @ W + h @ U + b
        gates = 0.5 * (np.tanh(0.5 * z[:, : 3 * n]) + 1)
        new = np.tanh(z[:, 3 * n :])
        previous = h, c
        c = gates[:, :n] * c + gates[:, n : 2 * n] * new
        shown = np.tanh(c)
        h = gates[:, 2 * n :] * shown
        steps.append((*previous, gates, new, shown))
    g_W, g_U, g_b = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    g_h, g_c = 2 * (h - target), np.zeros_like(target)
    for t in range(len(X) - 1, -1, -1):
        h, c, gates, new, shown = steps.pop()
        g_c = g_c + g_h * gates[:, 2 * n :] * (1 - shown * shown)
        g_z = np.empty((len(target), 4 * n))
        g_z[:, :n] = g_c * c
        g_z[:, n : 2 * n] = g_c * new
        g_z[:, 2 * n : 3 * n] = g_h * shown
        g_z[:, : 3 * n] *= gates * (1 - gates)
        g_z[:, 3 * n :] = g_c * gates[:, n : 2 * n] * (1 - new * new)
        g_W += X[t].T @ g_z
        g_U += h.T @ g_z
        g_b += g_z.sum(0)
        g_h = g_z @ U.T
        g_c = g_c * gates[:, :n]
    return [g_W, g_U, g_b]


def lstm_scanned(np, params, X, target):
    from jax import lax

    zeros = 0.0 * target
    (h, _), _ = lax.scan(lambda state, x: (_lstm_cell(np, params, x, *state), None), (zeros, zeros), X)
    return np.sum((h - target) ** 2)


def lstm_inputs(rng, hidden, batch, steps=100):
    params = [
        rng.standard_normal((hidden, 4 * hidden)) / math.sqrt(hidden),
        rng.standard_normal((hidden, 4 * hidden)) / math.sqrt(hidden),
        rng.standard_normal(4 * hidden),
    ]
    return params, rng.standard_normal((steps, batch, hidden)), rng.standard_normal((batch, hidden))


# -- Gaussian mixture with diagonal covariances -------------------------------------------------------


def gaussian_mixture(np, params, X):
    logits, means, log_scales = params
    scaled = (X[:, None, :] - means) * np.exp(-log_scales)
    joint = logits - np.sum(log_scales, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    largest = np.amax(joint, axis=1, keepdims=True)
    total = np.log(np.sum(np.exp(joint - largest), axis=1, keepdims=True)) + largest
    return len(X) * np.log(np.sum(np.exp(logits))) - np.sum(total)


def gaussian_mixture_by_hand(params, X):
    logits, means, log_scales = params
    precisions = np.exp(-log_scales)
    scaled = (X[:, None, :] - means) * precisions
    joint = logits - np.sum(log_scales, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    responsibilities = np.exp(joint - np.amax(joint, axis=1, keepdims=True))
    responsibilities /= np.sum(responsibilities, axis=1, keepdims=True)
    counts = responsibilities.sum(0)
    weights = np.exp(logits)
    weighted = responsibilities[:, :, None] * scaled
    return [
        len(X) * weights / weights.sum() - counts,
        -weighted.sum(0) * precisions,
        counts[:, None] - (weighted * scaled).sum(0),
    ]


def gaussian_mixture_inputs(rng, n, dimension, components=5):
    means = rng.standard_normal((components, dimension))
    X = means[rng.integers(components, size=n)] + rng.standard_normal((n, dimension))
    log_scales = 0.1 * rng.standard_normal((components, dimension))
    return [rng.standard_normal(components), means + 0.1, log_scales], X


# -- likelihood of a Gaussian process -----------------------------------------------------------------


def gaussian_process(np, params, distances, noise, y):
    """Negative log likelihood; `params` are the logarithms of length scale, amplitude and noise."""
    K = np.exp(params[1]) * np.exp(-0.5 * distances * np.exp(-2 * params[0])) + np.exp(params[2]) * noise
    L = np.linalg.cholesky(K)
    whitened = np.linalg.solve(L, y)
    return 0.5 * np.sum(whitened * whitened) + np.sum(np.log(np.diag(L)))


def gaussian_process_by_hand(params, distances, noise, y):
    """Rasmussen and Williams (2006), equation 5.9."""
    scaled = distances * np.exp(-2 * params[0])
    smooth = np.exp(params[1]) * np.exp(-0.5 * scaled)
    inverse = np.linalg.inv(smooth + np.exp(params[2]) * noise)
    alpha = inverse @ y
    g = 0.5 * (inverse - np.outer(alpha, alpha))
    weighted = g * smooth
    return np.array([np.sum(weighted * scaled), np.sum(weighted), np.exp(params[2]) * np.trace(g)])


def gaussian_process_inputs(rng, n):
    x = np.sort(rng.uniform(-3, 3, n))
    y = np.sin(x) + 0.3 * rng.standard_normal(n)
    return np.array([0.1, 0.2, -1.0]), (x[:, None] - x) ** 2, np.eye(n), y


# -- ordinary differential equations by the classical Runge-Kutta method ------------------------------

STEP = 0.01


def lotka_volterra(np, rates, start, *, steps):
    """Scalars only: the state is two numbers and the parameters are unpacked."""
    prey, predator = start
    a, b, c, d = rates
    for _ in range(steps):
        prey, predator = _lotka_volterra_step(prey, predator, a, b, c, d)
    return prey * prey + predator * predator


def _lotka_volterra_step(x, y, a, b, c, d):
    k1, m1 = x * (a - b * y), y * (d * x - c)
    u, v = x + STEP / 2 * k1, y + STEP / 2 * m1
    k2, m2 = u * (a - b * v), v * (d * u - c)
    u, v = x + STEP / 2 * k2, y + STEP / 2 * m2
    k3, m3 = u * (a - b * v), v * (d * u - c)
    u, v = x + STEP * k3, y + STEP * m3
    k4, m4 = u * (a - b * v), v * (d * u - c)
    return x + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4), y + STEP / 6 * (m1 + 2 * m2 + 2 * m3 + m4)


def lotka_volterra_by_hand(rates, start, *, steps):
    """The discrete adjoint, on Python floats."""
    (x, y), (a, b, c, d) = map(float, start), map(float, rates)
    trajectory = []
    for _ in range(steps):
        trajectory.append((x, y))
        x, y = _lotka_volterra_step(x, y, a, b, c, d)
    gx, gy, total = 2 * x, 2 * y, [0.0, 0.0, 0.0, 0.0]
    for x, y in reversed(trajectory):
        gx, gy = _lotka_volterra_step_adjoint(x, y, a, b, c, d, gx, gy, total)
    return np.array(total)


def _lotka_volterra_step_adjoint(x, y, a, b, c, d, gx, gy, total):
    stages, u, v = [], x, y
    for h in (STEP / 2, STEP / 2, STEP, 0.0):
        stages.append((u, v))
        u, v = x + h * (u * (a - b * v)), y + h * (v * (d * u - c))
    sum_u, sum_v = gx, gy
    gu = gv = 0.0  # cotangents of the point that the following stage was evaluated at
    weights = STEP / 6, STEP / 3, STEP / 3, STEP / 6
    distances = 0.0, STEP, STEP / 2, STEP / 2
    for (u, v), weight, h in zip(reversed(stages), weights, distances, strict=True):
        gk, gm = weight * gx + h * gu, weight * gy + h * gv
        total[0] += gk * u
        total[1] -= gk * u * v
        total[2] -= gm * v
        total[3] += gm * u * v
        gu, gv = gk * (a - b * v) + gm * d * v, gm * (d * u - c) - gk * b * u
        sum_u += gu
        sum_v += gv
    return sum_u, sum_v


def lotka_volterra_scanned(np, rates, start, *, steps):
    from jax import lax

    (prey, predator), _ = lax.scan(
        lambda state, _: (_lotka_volterra_step(*state, *rates), None), tuple(start), None, length=steps
    )
    return prey * prey + predator * predator


def lotka_volterra_inputs(rng):
    return np.array([1.1, 0.4, 0.4, 0.1]), np.array([10.0, 5.0])


def neural_ode(np, W, y, *, steps=50):
    for _ in range(steps):
        y = _neural_ode_step(np, W, y)
    return np.sum(y * y)


def _neural_ode_step(np, W, y):
    k1 = np.tanh(W @ y)
    k2 = np.tanh(W @ (y + STEP / 2 * k1))
    k3 = np.tanh(W @ (y + STEP / 2 * k2))
    k4 = np.tanh(W @ (y + STEP * k3))
    return y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def neural_ode_by_hand(W, y, *, steps=50):
    records = []
    for _ in range(steps):
        stages, slopes = [y], [np.tanh(W @ y)]
        for h in (STEP / 2, STEP / 2, STEP):
            stages.append(y + h * slopes[-1])
            slopes.append(np.tanh(W @ stages[-1]))
        records.append((stages, slopes))
        y = y + STEP / 6 * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3])
    g, g_W = 2 * y, np.zeros_like(W)
    for stages, slopes in reversed(records):
        total, g_point = g, 0.0
        for i, weight, h in ((3, 1, 0.0), (2, 2, STEP), (1, 2, STEP / 2), (0, 1, STEP / 2)):
            g_slope = (STEP / 6 * weight * g + h * g_point) * (1 - slopes[i] * slopes[i])
            g_W += g_slope[:, None] * stages[i]
            g_point = W.T @ g_slope
            total = total + g_point
        g = total
    return g_W


def neural_ode_scanned(np, W, y, *, steps=50):
    from jax import lax

    y, _ = lax.scan(lambda y, _: (_neural_ode_step(np, W, y), None), y, None, length=steps)
    return np.sum(y * y)


def neural_ode_inputs(rng, n):
    return rng.standard_normal((n, n)) / math.sqrt(n), rng.standard_normal(n)
