"""Small programs that stress one thing each, and their gradients by hand.

A program is a function ``program(np, x, *data)`` of the array namespace; `x` is what it is differentiated
by. Beside it stands ``program_by_hand(x, *data)``, the derivative as a careful programmer would write it in
plain NumPy: it keeps the intermediates it needs and uses no identity that the program does not suggest,
except where a textbook closed form exists.
"""

import math

import numpy as np

# -- a chain of operations: five per block, of which only the tanh leaves something to remember --------


def chain(np, x, *, blocks=40):
    for _ in range(blocks):
        x = x * 1.01
        x = x + 0.01
        x = np.tanh(x)
        x = x - 0.01
        x = x / 1.01
    return np.sum(x)


def chain_by_hand(x, *, blocks=40):
    answers = []
    for _ in range(blocks):
        t = np.tanh(x * 1.01 + 0.01)
        answers.append(t)
        x = (t - 0.01) / 1.01
    g = np.ones_like(x)
    while answers:
        t = answers.pop()
        g = g / 1.01 * (1 - t * t) * 1.01
    return g


def scalar_chain(np, x, *, blocks=40):
    """The chain without the sum, which a scalar does not need."""
    for _ in range(blocks):
        x = x * 1.01
        x = x + 0.01
        x = np.tanh(x)
        x = x - 0.01
        x = x / 1.01
    return x


def scalar_chain_by_hand(x, *, blocks=40):
    """On Python floats, which are an order of magnitude cheaper than NumPy's."""
    x, answers = float(x), []
    for _ in range(blocks):
        t = math.tanh(x * 1.01 + 0.01)
        answers.append(t)
        x = (t - 0.01) / 1.01
    g = 1.0
    for t in reversed(answers):
        g = g / 1.01 * (1 - t * t) * 1.01
    return g


def checkpointed_chain(np, x, *, checkpoint, segments=10, blocks=6):
    """The chain in segments that are computed again on the way back."""

    def segment(x):
        for _ in range(blocks):
            x = np.tanh(x * 1.01 + 0.01)
            x = (x - 0.01) / 1.01
        return x

    segment = checkpoint(segment)
    for _ in range(segments):
        x = segment(x)
    return np.sum(x)


# -- broadcasting -------------------------------------------------------------------------------------


def broadcasting(np, x):
    """A column, a row and a scalar meet in every operation."""
    column, row, scalar = x
    z = column * row
    for _ in range(10):
        z = np.tanh(z + column) * row + scalar
    return np.sum(z * z)


def broadcasting_by_hand(x):
    column, row, scalar = x
    z, answers = column * row, []
    for _ in range(10):
        t = np.tanh(z + column)
        answers.append(t)
        z = t * row + scalar
    g = 2 * z
    g_column, g_row, g_scalar = np.zeros_like(column), np.zeros_like(row), 0.0
    for t in reversed(answers):
        g_scalar += g.sum()
        g_row += (g * t).sum(0)
        g = g * row * (1 - t * t)
        g_column += g.sum(1, keepdims=True)
    g_column += (g * row).sum(1, keepdims=True)
    g_row += (g * column).sum(0)
    return [g_column, g_row, g_scalar]


def broadcasting_inputs(rng, n):
    return ([rng.standard_normal((n, 1)), rng.standard_normal(n), np.float64(0.3)],)


# -- indexing -----------------------------------------------------------------------------------------


def indexing_loop(np, x):
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] * x[i]
    return total


def indexing_loop_by_hand(x):
    total, g = 0.0, np.empty_like(x)
    for i in range(len(x)):
        total = total + x[i] * x[i]
        g[i] = 2 * x[i]
    return g


def indexing_loop_scanned(np, x):
    from jax import lax

    return lax.scan(lambda total, i: (total + x[i] * x[i], None), 0.0, np.arange(len(x)))[0]


# -- products -----------------------------------------------------------------------------------------


def matmul_chain(np, W, x):
    for _ in range(20):
        x = x @ W
    return np.sum(x)


def matmul_chain_by_hand(W, x):
    factors = []
    for _ in range(20):
        factors.append(x)
        x = x @ W
    g, g_W = np.ones_like(x), np.zeros_like(W)
    for x in reversed(factors):
        g_W += x.T @ g
        g = g @ W.T
    return g_W


def matmul_chain_inputs(rng, n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0], rng.standard_normal((n, n))


def cholesky(np, B, weights):
    """Through the factor of ``B B^T + I``, so that no convention about symmetric arguments matters."""
    return np.sum(weights * np.linalg.cholesky(B @ B.T + np.eye(len(B))))


def cholesky_by_hand(B, weights):
    """Giles (2008), section 4.1, with the triangular solves of LAPACK."""
    from scipy.linalg import solve_triangular

    L = np.linalg.cholesky(B @ B.T + np.eye(len(B)))
    P = np.tril(L.T @ np.tril(weights))
    P[np.diag_indices_from(P)] *= 0.5
    S = solve_triangular(L, P, lower=True, trans=1, check_finite=False)
    S = solve_triangular(L, S.T, lower=True, trans=1, check_finite=False)
    return (S + S.T) @ B


def cholesky_inputs(rng, n):
    return rng.standard_normal((n, n)) / math.sqrt(n), rng.standard_normal((n, n))


# -- the Rosenbrock function and its second derivatives -----------------------------------------------


def rosenbrock(np, x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    head = x[:-1]
    valley = x[1:] - head**2
    slope = 1 - head
    np.sum(100.0 * valley**2 + slope**2)
    g = np.zeros_like(x)
    g[1:] = 200.0 * valley
    g[:-1] -= 400.0 * valley * head + 2 * slope
    return g


def rosenbrock_hessian_by_hand(x):
    main, off = _rosenbrock_bands(x)
    return np.diag(main) + np.diag(off, 1) + np.diag(off, -1)


def rosenbrock_hvp_by_hand(x, v):
    main, off = _rosenbrock_bands(x)
    product = main * v
    product[1:] += off * v[:-1]
    product[:-1] += off * v[1:]
    return product


def _rosenbrock_bands(x):
    head = x[:-1]
    main = np.zeros_like(x)
    main[:-1] = 1200.0 * head**2 - 400.0 * x[1:] + 2
    main[1:] += 200.0
    return main, -400.0 * head


def rosenbrock_inputs(rng, n):
    return (rng.uniform(-1, 1, n),)


def rosenbrock_hvp_inputs(rng, n):
    return rng.uniform(-1, 1, n), rng.standard_normal(n)


# -- dense Jacobians and higher orders ----------------------------------------------------------------


def two_layers(np, x, A, B):
    return np.tanh(B @ np.tanh(A @ x))


def two_layers_jacobian_by_hand(x, A, B):
    inner = np.tanh(A @ x)
    outer = np.tanh(B @ inner)
    if len(x) < len(outer):
        return (1 - outer**2)[:, None] * (B @ ((1 - inner**2)[:, None] * A))
    return ((1 - outer**2)[:, None] * B * (1 - inner**2)) @ A


def two_layers_inputs(rng, n_in, n_out):
    hidden = 50
    return (
        rng.standard_normal(n_in),
        rng.standard_normal((hidden, n_in)) / math.sqrt(n_in),
        rng.standard_normal((n_out, hidden)) / math.sqrt(hidden),
    )


def tanh(np, x):
    return np.tanh(x)


def tanh_third_derivative_by_hand(x):
    square = np.tanh(x) ** 2
    return (1 - square) * (6 * square - 2)
