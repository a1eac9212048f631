"""The table of workloads: a program, its derivative by hand, its inputs, the transform that is timed.

`WORKLOADS` holds whole programs, `JACOBIANS` derivatives with many numbers, `OPERATIONS` chains of one operation (cost
per operation). All inputs are drawn from a fixed seed, in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from benchmarks import elementary as e
from benchmarks import jacobians as j
from benchmarks import models as m


@dataclass(frozen=True)
class Workload:
    """One row of the comparison.

    Parameters
    ----------
    name : str
        What ``--only`` selects by.
    program : callable
        ``program(np, x, *data)``, differentiated by `x`: an array or a list of arrays.
    by_hand : callable
        ``by_hand(x, *data)``: what `transform` of the program has to give, in plain NumPy.
    inputs : callable
        ``inputs(rng)`` gives ``(x, *data)``.
    transform : {"grad", "jacobian", "rows", "hessian", "hvp", "third"}
        Which derivative is taken; ``"rows"`` are the Jacobians of the program for each row of `x`. The last item of
        the data of ``"hvp"`` is the vector.
    compute_bound : bool
        Whether time is spent in NumPy's loops and BLAS, so that it should be close to `by_hand`.
    other_forms : dict
        Programs for packages (by name) that `program` does not serve; None leaves the package out.
    repeats : int
        How often the one operation of the program is repeated; times are divided by it.
    """

    name: str
    program: Callable
    by_hand: Callable
    inputs: Callable
    transform: str = "grad"
    compute_bound: bool = False
    other_forms: dict | None = None
    repeats: int = 1

    def draw(self):
        """Inputs of a run, the same every time."""
        return self.inputs(np.random.default_rng(0))

    def expected(self):
        """The derivative by hand."""
        return self.by_hand(*self.draw())

    def form_for(self, package_name):
        """The program in the form that the package needs."""
        return (self.other_forms or {}).get(package_name, self.program)


def _normal(*shape):
    return lambda rng: (rng.standard_normal(shape),)


def _half(rng):
    return (np.float64(0.5),)


def _with_scan(program):
    return {"jax-jit": program}


def _family(name, program, by_hand, inputs, sizes, **options):
    """One row per size; a size is the arguments of `inputs`, and `compute_bound` names the large ones."""
    large = options.pop("compute_bound", ())
    for label, size in sizes.items():
        yield Workload(
            f"{name} {label}",
            program,
            by_hand,
            lambda rng, size=size: inputs(rng, *size),
            compute_bound=label in large,
            **options,
        )


def _lotka_volterra(steps, without=MappingProxyType({})):
    return Workload(
        f"ode lotka-volterra {steps}",
        partial(m.lotka_volterra, steps=steps),
        partial(m.lotka_volterra_by_hand, steps=steps),
        m.lotka_volterra_inputs,
        other_forms=_with_scan(partial(m.lotka_volterra_scanned, steps=steps)) | without,
    )


_NOT_MYGRAD = {"mygrad": None}  # which has no linear algebra
_RECURRENT = {"h16 b1": (16, 1), "h64 b16": (64, 16)}
_LINES = {"2": (2,), "100": (100,), "10000": (10_000,)}

WORKLOADS = [
    Workload("chain scalar", e.scalar_chain, e.scalar_chain_by_hand, _half),
    Workload("chain 10", e.chain, e.chain_by_hand, _normal(10)),
    Workload("chain 1000", e.chain, e.chain_by_hand, _normal(1000)),
    Workload("chain 1M", e.chain, e.chain_by_hand, _normal(1_000_000), compute_bound=True),
    *_family(
        "broadcasting",
        e.broadcasting,
        e.broadcasting_by_hand,
        e.broadcasting_inputs,
        {"10": (10,), "300": (300,)},
    ),
    Workload(
        "indexing loop",
        e.indexing_loop,
        e.indexing_loop_by_hand,
        _normal(1000),
        other_forms=_with_scan(e.indexing_loop_scanned),
    ),
    *_family(
        "matmul chain",
        e.matmul_chain,
        e.matmul_chain_by_hand,
        e.matmul_chain_inputs,
        {"4": (4,), "32": (32,), "128": (128,)},
        compute_bound=("128",),
    ),
    *_family("rosenbrock", e.rosenbrock, e.rosenbrock_by_hand, e.rosenbrock_inputs, _LINES),
    *_family(
        "logistic",
        m.logistic_regression,
        m.logistic_regression_by_hand,
        m.logistic_regression_inputs,
        {"4x3": (4, 3), "1000x20": (1000, 20), "10000x50": (10_000, 50)},
    ),
    *_family(
        "mlp",
        m.mlp,
        m.mlp_by_hand,
        m.mlp_inputs,
        {"toy": (4, 4, 8, 8, 3), "b32": (32, 784, 100, 10), "b256": (256, 784, 100, 10)},
        compute_bound=("b256",),
    ),
    *_family(
        "rnn", m.rnn, m.rnn_by_hand, m.rnn_inputs, _RECURRENT, other_forms=_with_scan(m.rnn_scanned)
    ),
    *_family(
        "lstm", m.lstm, m.lstm_by_hand, m.lstm_inputs, _RECURRENT, other_forms=_with_scan(m.lstm_scanned)
    ),
    *_family(
        "mixture",
        m.gaussian_mixture,
        m.gaussian_mixture_by_hand,
        m.gaussian_mixture_inputs,
        {"d2": (500, 2), "d10": (1000, 10), "d64": (2000, 64)},
        compute_bound=("d64",),
    ),
    *_family(
        "gaussian process",
        m.gaussian_process,
        m.gaussian_process_by_hand,
        m.gaussian_process_inputs,
        {"20": (20,), "200": (200,)},
        other_forms=_NOT_MYGRAD,
    ),
    *_family(
        "cholesky",
        e.cholesky,
        e.cholesky_by_hand,
        e.cholesky_inputs,
        {"10": (10,), "300": (300,)},
        compute_bound=("300",),
        other_forms=_NOT_MYGRAD,
    ),
    _lotka_volterra(100),
    _lotka_volterra(1000, without={"jax": None}),  # which takes half a minute without compilation
    *_family(
        "ode neural",
        m.neural_ode,
        m.neural_ode_by_hand,
        m.neural_ode_inputs,
        {"2": (2,), "100": (100,)},
        other_forms=_with_scan(m.neural_ode_scanned),
    ),
    *_family(
        "jacobian",
        e.two_layers,
        e.two_layers_jacobian_by_hand,
        e.two_layers_inputs,
        {"100 to 100": (100, 100), "10 to 1000": (10, 1000)},
        transform="jacobian",
    ),
    *_family(
        "hessian rosenbrock",
        e.rosenbrock,
        e.rosenbrock_hessian_by_hand,
        e.rosenbrock_inputs,
        {"50": (50,)},
        transform="hessian",
    ),
    *_family(
        "hessian logistic",
        m.logistic_regression,
        m.logistic_regression_hessian_by_hand,
        m.logistic_regression_inputs,
        {"1000x20": (1000, 20)},
        transform="hessian",
    ),
    *_family(
        "hvp rosenbrock",
        e.rosenbrock,
        e.rosenbrock_hvp_by_hand,
        e.rosenbrock_hvp_inputs,
        {"100": (100,), "10000": (10_000,)},
        transform="hvp",
    ),
    Workload("third of tanh 10", e.tanh, e.tanh_third_derivative_by_hand, _normal(10), transform="third"),
    Workload("third of tanh 1000", e.tanh, e.tanh_third_derivative_by_hand, _normal(1000), transform="third"),
]

JACOBIANS = [
    *_family(
        "jacobian",
        e.two_layers,
        e.two_layers_jacobian_by_hand,
        e.two_layers_inputs,
        {"100 to 100": (100, 100), "10 to 1000": (10, 1000), "1000 to 10": (1000, 10)},
        transform="jacobian",
    ),
    *_family(
        "tridiagonal", j.tridiagonal, j.tridiagonal_by_hand, j.tridiagonal_inputs, {"500": (500,)}, transform="jacobian"
    ),
    *_family(
        "bundle adjustment", j.reprojection, j.reprojections_by_hand, j.reprojection_inputs, {"300": (300,)}, transform="rows"
    ),
    *_family(
        "hessian",
        e.rosenbrock,
        e.rosenbrock_hessian_by_hand,
        e.rosenbrock_inputs,
        {"10": (10,), "50": (50,)},
        transform="hessian",
    ),
    *_family("hvp", e.rosenbrock, e.rosenbrock_hvp_by_hand, e.rosenbrock_hvp_inputs, {"10000": (10_000,)}, transform="hvp"),
    Workload("third of tanh 10", e.tanh, e.tanh_third_derivative_by_hand, _normal(10), transform="third"),
]


# -- cost per operation -------------------------------------------------------------------------------

REPEATS = 200


def _operation(name, kind, step, step_by_hand):
    """Repeat ``step(np, x, c, A, mask)``; ``step_by_hand(g, x, ans, c, A, mask)`` is its VJP."""

    def program(np, x, *data):
        for _ in range(REPEATS):
            x = step(np, x, *data)
        return x if kind == "scalar" else np.sum(x)

    def by_hand(x, *data):
        points = []
        for _ in range(REPEATS):
            answer = step(np, x, *data)
            points.append((x, answer))
            x = answer
        g = np.ones_like(x)
        while points:
            g = step_by_hand(g, *points.pop(), *data)
        return g

    return Workload(f"{name} {kind}", program, by_hand, _OPERANDS[kind], repeats=REPEATS)


def _scalar_operands(rng):
    return np.float64(1.0), np.float64(0.99), np.float64(1.0), np.True_


def _vector_operands(rng):
    A = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    return np.ones(10), rng.uniform(0.98, 1.02, 10), A, np.arange(10) % 3 > 0


_OPERANDS = {"scalar": _scalar_operands, "vector": _vector_operands}

# name, step, its VJP, whether it exists for scalars
_STEPS = [
    ("x * 1.01", lambda np, x, c, A, mask: x * 1.01, lambda g, x, ans, c, A, mask: g * 1.01, True),
    ("x * c", lambda np, x, c, A, mask: x * c, lambda g, x, ans, c, A, mask: g * c, True),
    ("x + x", lambda np, x, c, A, mask: x + x, lambda g, x, ans, c, A, mask: g + g, True),
    ("tanh", lambda np, x, c, A, mask: np.tanh(x), lambda g, x, ans, c, A, mask: g * (1 - ans * ans), True),
    ("x ** 2", lambda np, x, c, A, mask: x**2, lambda g, x, ans, c, A, mask: g * 2 * x, True),
    ("x[:]", lambda np, x, c, A, mask: x[:], lambda g, x, ans, c, A, mask: g, False),
    (
        "sum * c",
        lambda np, x, c, A, mask: np.sum(x, axis=0, keepdims=True) * c,
        lambda g, x, ans, c, A, mask: np.full_like(x, np.sum(g * c)),
        False,
    ),
    ("dot", lambda np, x, c, A, mask: np.dot(A, x), lambda g, x, ans, c, A, mask: A.T @ g, False),
    (
        "where",
        lambda np, x, c, A, mask: np.where(mask, x, c),
        lambda g, x, ans, c, A, mask: np.where(mask, g, 0.0),
        True,
    ),
]

OPERATIONS = [
    Workload("one call", lambda np, x: x * x, lambda x: 2 * x, _half),  # what a derivative costs at least
    *(
        _operation(name, kind, step, step_by_hand)
        for kind in ("vector", "scalar")
        for name, step, step_by_hand, for_scalars in _STEPS
        if kind == "vector" or for_scalars
    ),
]


# -- peak memory and growth ---------------------------------------------------------------------------


def chain_workload(blocks, size):
    """A chain of five times `blocks` operations on `size` numbers."""
    return Workload(
        f"chain of {5 * blocks} on {size}",
        partial(e.chain, blocks=blocks),
        partial(e.chain_by_hand, blocks=blocks),
        _normal(size),
        repeats=5 * blocks,
    )


def checkpointed_workload(package, segments, blocks, size):
    """The same chain in segments under the package's own `checkpoint`, for packages that have one."""
    program = partial(e.checkpointed_chain, checkpoint=package.checkpoint, segments=segments, blocks=blocks)
    return Workload(
        f"chain of {5 * segments * blocks} on {size}, checkpointed in {segments}",
        program,
        partial(e.chain_by_hand, blocks=segments * blocks),
        _normal(size),
        other_forms=None if package.checkpoint else {package.name: None},
        repeats=5 * segments * blocks,
    )


def memory_workloads(package, size):
    """Pairs of a workload whose peak of memory is of interest, and the bytes that it needs where known.

    A chain of 300 operations needs its 60 answers of tanh and four more arrays. In ten segments it needs the
    inputs of the segments, the six answers of the one that is on the tape, and four more.
    """
    return [
        (chain_workload(60, size), 64 * 8 * size),
        (checkpointed_workload(package, 10, 6, size), 20 * 8 * size),
        *((w, None) for w in WORKLOADS if w.name in _MEMORY_NAMES),
    ]


_MEMORY_NAMES = {"indexing loop", "rosenbrock 10000", "mlp b256", "lstm h64 b16", "mixture d64"}
