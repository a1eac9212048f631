"""Derivatives of high order, Laplacians and checkpointed loops, compared in one run.

    python benchmarks/bench_higher_order.py [--quick] [--only TEXT ...]

Derivatives in Taylor mode are compared with reverse mode applied to itself, of this package, of HIPS autograd and of PyTorch;
Laplacians with the trace of the Hessian, Jacobians of few rows with a loop over the rows. Each is checked against Cauchy's
integral formula or a derivative by hand before anything is timed. For a loop of 10 000 steps the table says what is kept and
what is computed again. The exit status is 1 if a result was wrong.
"""

import argparse
import sys
import time
from functools import partial
from math import factorial
from pathlib import Path

import numpy as np

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autograd_clone import (
    checkpoint_sequence,
    deriv,
    derivatives,
    elementwise_grad,
    grad,
    hessian,
    hessian_diagonal,
    jacobian,
    laplacian,
    make_vjp,
    vmap,
)
from benchmarks import measure, packages
from benchmarks.compare import _print_table as print_table
from benchmarks.compare import _ratio as ratio

OURS = packages.load("autograd_clone")
PEERS = {name: package for name in ("autograd", "torch") if (package := packages.load(name)) is not None}

# ---- programs ------------------------------------------------------------------------------------------------------------


def scalar_program(np, x):
    """Twenty operations on a number."""
    y = np.sin(x) * x
    y = np.tanh(np.exp(-y) + x)
    y = np.log(1.0 + y * y) / (1.0 + x)
    y = np.cos(np.sqrt(y + 2.0)) - x
    y = np.arctan(y) * x + 1.0
    return np.exp(-y) * y - 0.5


def elementwise_program(np, x):
    return np.tanh(x) * np.exp(-x * x) + np.sin(x) / (1.0 + x * x)


def network(np, weights, x):
    """A scalar function of a vector: three layers."""
    for w in weights[:-1]:
        x = np.tanh(np.matmul(w, x))
    return np.sum(np.matmul(weights[-1], x) ** 2)


def by_circle(f, x, order, radius=0.2):
    """A derivative of an analytic function, by Cauchy's integral formula."""
    n = 64
    values = f(np.expand_dims(x, -1) + radius * np.exp(2j * np.pi * np.arange(n) / n))
    return (np.fft.fft(values)[..., order].real / n / radius**order) * factorial(order)


def nested(transform, f, order):
    for _ in range(order):
        f = transform(f)
    return f


def torch_derivative(f, order):
    import torch

    def derivative(x):
        y = f(x)
        for k in range(1, order + 1):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=k < order)
        return y

    return derivative


def layer(np_, matrix, x):
    return np_.tanh(matrix @ np_.sin(x)) * 2.0


def looped_rows(fun, x):
    """The Jacobian as one writes it without `jacobian`."""
    vjp, y = make_vjp(fun)(x)
    rows = np.empty((y.size, x.size))
    for row, unit in zip(rows, np.eye(y.size), strict=True):
        row[:] = vjp(unit)
    return rows


# ---- comparisons -----------------------------------------------------------------------------------------------------------


class Comparison:
    """The tables, and what they mean.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    """

    def __init__(self, options):
        self.options = options
        self.rounds = 5 if options.quick else 15
        self.failures, self.targets = [], []

    def run(self):
        for table in (self.orders, self.elementwise, self.laplacians, self.per_example, self.few_rows, self.loops):
            if any(text in table.__name__ for text in self.options.only):
                table()
        print("\nTargets\n")
        print("\n".join(self.targets or ["none measured"]))
        if self.failures:
            print("\n".join(["\nFailed, and therefore not timed\n", *self.failures]))
        return 1 if self.failures else 0

    def right(self, what, calls, want, rtol=1e-9):
        """The calls with a right result."""
        kept = {}
        for name, call in calls.items():
            got = call()
            wrong = measure.disagreement(np.asarray(got.detach() if hasattr(got, "detach") else got), np.asarray(want), rtol)
            if wrong:
                self.failures.append(f"{what}, {name}: {wrong}")
            else:
                kept[name] = call
        return kept

    def target(self, met, text):
        self.targets.append(f"{'met' if met else 'MISSED':6}  {text}")

    def orders(self):
        """The derivative of order k of a function of a number."""
        x, header, rows = 0.3, ["order", "Taylor", "reverse", "forward", *PEERS], []
        f = partial(scalar_program, OURS.np)
        for k in range(1, 6 if self.options.quick else 7):
            calls = {
                "Taylor": lambda k=k: derivatives(f, k)(x)[k],
                "reverse": partial(nested(grad, f, k), x),
                "forward": partial(nested(deriv, f, k), x),
            }
            for name, package in PEERS.items():
                g = partial(scalar_program, package.np)
                transform = torch_derivative(g, k) if name == "torch" else nested(package.transforms["grad"], g, k)
                calls[name] = partial(transform, package.variable(x))
            calls = self.right(f"order {k}", calls, by_circle(partial(scalar_program, np), x, k), 1e-8)
            times = measure.seconds(calls, rounds=self.rounds)
            base = times["Taylor"]
            rows.append([str(k), f"{base * 1e6:.4g}", *(ratio(times[n] / base if n in times else None, n) for n in header[2:])])
            if k == 5:
                self.target(times["reverse"] >= 20 * base, f"5th derivative, reverse over Taylor mode: {rows[-1][2]}, at least 20")
        print_table("Derivatives of 20 operations on a number: microseconds; then how many times as long", header, rows)

    def elementwise(self):
        """The third derivative of an elementwise function."""
        header, rows = ["size", "Taylor", "elementwise_grad", "reverse", *PEERS], []
        f = partial(elementwise_program, OURS.np)
        for n in (10, 1000, 100_000):
            x = np.linspace(-2.0, 2.0, n)
            calls = {
                "Taylor": lambda x=x: derivatives(f, 3)(x)[3],
                "elementwise_grad": partial(nested(elementwise_grad, f, 3), x),
                "reverse": partial(nested(lambda g: elementwise_grad(partial(g)), f, 3), x),
            }
            for name, package in PEERS.items():
                g = partial(elementwise_program, package.np)
                transform = torch_derivative(g, 3) if name == "torch" else package.transforms["third"](g)
                calls[name] = partial(transform, package.variable(x))
            calls = self.right(f"third derivative of {n}", calls, by_circle(partial(elementwise_program, np), x, 3))
            times = measure.seconds(calls, rounds=self.rounds)
            base = times["Taylor"]
            rows.append([str(n), f"{base * 1e6:.4g}", *(ratio(times[k] / base if k in times else None, k) for k in header[2:])])
            if "torch" in times:
                for name in ("Taylor", "elementwise_grad"):
                    factor = times["torch"] / times[name]
                    self.target(factor > 1, f"third derivative of {n} elements, torch over {name}: {factor:.3g}, at least 1")
        print_table("Third derivative of an elementwise function: microseconds; then how many times as long", header, rows)

    def laplacians(self):
        header, rows = ["inputs", "laplacian", "diagonal", "Hessian", *PEERS, "f", "peak", "peak of the Hessian"], []
        rng = np.random.default_rng(0)
        for n in (10, 100, 500):
            weights = [rng.normal(size=(64, n)) / n**0.5, rng.normal(size=(64, 64)) / 8, rng.normal(size=(4, 64)) / 8]
            x = rng.normal(size=n)
            f = partial(network, OURS.np, weights)
            calls = {
                "laplacian": partial(laplacian(f), x),
                "diagonal": lambda f=f, x=x: np.sum(hessian_diagonal(f)(x)),
                "Hessian": lambda f=f, x=x: np.trace(hessian(f)(x)),
            }
            for name, package in PEERS.items():
                ws = [package.array(w) for w in weights]
                transform = package.transforms["hessian"](partial(network, package.np, ws))
                v = package.variable(x)
                calls[name] = lambda transform=transform, v=v, np_=package.np: np_.trace(transform(v))
            calls = self.right(f"Laplacian in {n} variables", calls, laplacian_by_hand(weights, x))
            times = measure.seconds(calls | {"f": partial(f, x)}, rounds=self.rounds)
            base = times["laplacian"]
            peaks = [measure.peak_bytes(calls[name]) for name in ("laplacian", "Hessian")]
            relative = [ratio(times[k] / base if k in times else None, k) for k in header[2:-2]]
            rows.append([str(n), f"{base * 1e6:.4g}", *relative, *(f"{p / 1e3:.4g}" for p in peaks)])
        print_table("Laplacian of a network: microseconds; then how many times as long; peaks in kB", header, rows)

    def per_example(self):
        """Gradients for each example of a batch."""
        header, rows = ["examples", "vmap(grad)", "loop", "gradient of the sum"], []
        rng = np.random.default_rng(0)
        w = rng.normal(size=(32, 16)) / 4
        np_ = OURS.np

        def loss(w, x):
            return np_.sum(np_.tanh(w @ x) ** 2)

        for n in (10, 100, 1000):
            xs = rng.normal(size=(n, 16))
            y = np.tanh(xs @ w.T)
            want = np.einsum("ni,nj->nij", 2 * y * (1 - y * y), xs)
            calls = {
                "vmap(grad)": lambda xs=xs: vmap(grad(loss), in_axes=(None, 0))(w, xs),
                "loop": lambda xs=xs: np.stack([grad(loss)(w, x) for x in xs]),
            }
            calls = self.right(f"gradients of {n} examples", calls, want)
            total = partial(grad(lambda w, xs: np_.sum(np_.tanh(xs @ w.T) ** 2)), w, xs)
            times = measure.seconds(calls | {"gradient of the sum": total}, rounds=self.rounds)
            base = times["vmap(grad)"]
            rows.append([str(n), f"{base * 1e6:.4g}", *(f"{times[k] / base:.3g}" for k in header[2:])])
        print_table("Gradients for each example: microseconds; then how many times as long", header, rows)

    def few_rows(self):
        """Jacobians with few rows, which a batch of rows makes no quicker, against a loop over the rows."""
        header, rows = ["rows", *(f"of {n}" for n in (3, 30, 1000))], []
        rng = np.random.default_rng(0)
        for m in (1, 2, 3, 4, 5, 6, 8, 16):
            cells = []
            for n in (3, 30, 1000):
                matrix, x = rng.normal(size=(m, n)) / n, rng.normal(size=n)
                f = partial(layer, OURS.np, matrix)
                calls = {"jacobian": lambda f=f, x=x: jacobian(f)(x), "loop": lambda f=f, x=x: looped_rows(f, x)}
                want = 2 * (1 - np.tanh(matrix @ np.sin(x)) ** 2)[:, None] * matrix * np.cos(x)
                times = measure.seconds(self.right(f"Jacobian {n} to {m}", calls, want), rounds=2 * self.rounds)
                cells.append(times["loop"] / times["jacobian"])
            rows.append([str(m), *(f"{c:.3g}" for c in cells)])
            self.target(min(cells) >= 1, f"{m} rows, a loop over make_vjp over jacobian: {min(cells):.3g}, at least 1")
        print_table("Jacobians of few rows: how many times as long a loop over make_vjp takes", header, rows)

    def loops(self):
        """10 000 steps with memory for some states."""
        n, size = (2000 if self.options.quick else 10_000), 1000
        x, header, rows = np.linspace(0.0, 1.0, size), ["states", "computed again", "peak over bound", "time over plain"], []
        np_ = OURS.np
        calls = 0

        def step(x):
            nonlocal calls
            calls += 1
            return x + 0.001 * np_.sin(x)

        def plain(x):
            for _ in range(n):
                x = step(x)
            return np_.sum(x)

        want = 1.0
        for state in _states(x, n):
            want = want * (1 + 0.001 * np.cos(state))
        reference = _once(partial(grad(plain), x))
        for memory in (10, 30, 100, 300, 1000):
            f = partial(grad(lambda x, memory=memory: np_.sum(checkpoint_sequence(step, n, memory)(x))), x)
            if not self.right(f"{memory} states", {"checkpoint_sequence": f}, want):
                continue
            calls = 0
            seconds = _once(f)
            again, peak = calls / n - 1, measure.peak_bytes(f) / (memory * 8 * size)
            rows.append([str(memory), f"{again:.3f}", f"{peak:.3f}", f"{seconds / reference:.3g}"])
            if memory == 100 and n == 10_000:
                self.target(again < 3, f"{n} steps with {memory} states, computed again: {again:.3f} times, below 3")
                self.target(peak < 1.2, f"{n} steps with {memory} states, peak over bound: {peak:.3f}, at most 1.2")
        print_table(f"A loop of {n} steps, each with a state of {8 * size} bytes", header, rows)


def laplacian_by_hand(weights, x):
    """By the chain rule for the derivatives along all unit vectors at once."""
    first, second = np.eye(len(x)), np.zeros(len(x))
    for w in weights[:-1]:
        x, first, second = w @ x, w @ first, w @ second
        y = np.tanh(x)
        slope = 1 - y * y
        second = slope * second - 2 * y * slope * np.sum(first**2, axis=1)
        x, first = y, slope[:, None] * first
    x, first, second = weights[-1] @ x, weights[-1] @ first, weights[-1] @ second
    return np.sum(2 * first**2) + np.sum(2 * x * second)


def _states(x, n):
    for _ in range(n):
        yield x
        x = x + 0.001 * np.sin(x)


def _once(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="tables with one of these in the name")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a shorter loop")
    return Comparison(parser.parse_args(arguments)).run()


if __name__ == "__main__":
    sys.exit(main())
