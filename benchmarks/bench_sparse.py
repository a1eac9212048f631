"""Sparse Jacobians and Hessians, compared in one run.

    python benchmarks/bench_sparse.py [--quick] [--only TEXT ...]

Small problems are compared with the dense Jacobians of this package, of HIPS autograd and of PyTorch; large ones, of which no
dense Jacobian fits into memory, with SciPy's finite differences, which group columns as well and are given the pattern and their
groups beforehand. Each result is checked against a derivative by hand before anything is timed. The exit status is 1 if one
was wrong.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize._numdiff import approx_derivative, group_columns

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from autograd_clone import grad, hessian, jacobian, sparse_hessian, sparse_jacobian
from autograd_clone.sparse import jacobian_sparsity
from benchmarks import measure, packages
from benchmarks.compare import _print_table as print_table
from benchmarks.compare import _ratio as ratio

# ---- programs, and their derivatives by hand -----------------------------------------------------------------------------


def tridiagonal(np, x):
    """Broyden's system."""
    inner = (3 - 2 * x[1:-1]) * x[1:-1] - x[:-2] - 2 * x[2:] + 1
    first, last = (3 - 2 * x[:1]) * x[:1] - 2 * x[1:2] + 1, (3 - 2 * x[-1:]) * x[-1:] - x[-2:-1] + 1
    return np.concatenate([first, inner, last])


def tridiagonal_by_hand(x):
    n = len(x)
    return sparse.diags_array([np.full(n - 1, -1.0), 3 - 4 * x, np.full(n - 1, -2.0)], offsets=[-1, 0, 1], format="csr")


def bratu(np, u):
    """Bratu's equation on a square, by differences of five points."""
    edge = np.zeros_like(u[:1])
    v = np.concatenate([edge, u, edge])
    side = np.zeros_like(v[:, :1])
    v = np.concatenate([side, v, side], 1)
    return v[:-2, 1:-1] + v[2:, 1:-1] + v[1:-1, :-2] + v[1:-1, 2:] - 4 * u + 0.001 * np.exp(u)


def bratu_by_hand(u):
    k = len(u)
    line = sparse.diags_array([np.ones(k - 1), np.full(k, -2.0), np.ones(k - 1)], offsets=[-1, 0, 1])
    grid = sparse.kron(sparse.eye_array(k), line) + sparse.kron(line, sparse.eye_array(k))
    return (grid + sparse.diags_array(0.001 * np.exp(u.ravel()))).tocsr()


class Bundle:
    """Projections of points into cameras with nine parameters each: rotation, shift, focal length, two of distortion.

    Parameters
    ----------
    cameras, points, observations : int
    """

    def __init__(self, cameras, points, observations):
        rng = np.random.default_rng(1)
        self.split, self.shapes = 9 * cameras, ((cameras, 9), (points, 3))
        seen = rng.permutation(np.stack(np.divmod(np.arange(cameras * points), points), 1))[:observations]
        self.camera, self.point = seen[np.lexsort(seen.T)].T

    def draw(self, rng):
        count = self.shapes[0][0]
        cameras = np.concatenate([0.1 * rng.normal(size=(count, 5)), np.tile([5.0, 1.0, 0.0, 0.0], (count, 1))], 1)
        return np.concatenate([cameras.ravel(), rng.normal(size=3 * self.shapes[1][0])])

    def __call__(self, np, p):
        cameras, points = np.reshape(p[: self.split], self.shapes[0]), np.reshape(p[self.split :], self.shapes[1])
        return np.reshape(self.projected(np, cameras[self.camera], points[self.point]), (-1,))

    @staticmethod
    def projected(np, c, x):
        """The image of each point in its camera (Rodrigues' formula, then perspective, then radial distortion)."""
        r = c[:, :3]
        squared = np.sum(r * r, 1) + 1e-12
        angle = squared**0.5
        sine, cosine = np.sin(angle) / angle, (1 - np.cos(angle)) / squared
        cross = _cross(np, r, x)
        moved = x + sine[:, None] * cross + cosine[:, None] * _cross(np, r, cross) + c[:, 3:6]
        image = -moved[:, :2] / moved[:, 2:]
        size = np.sum(image * image, 1)
        return image * (c[:, 6] * (1 + size * (c[:, 7] + size * c[:, 8])))[:, None]

    def by_hand(self, p):
        """Each image depends on the parameters of one camera and one point: complex steps along those of all at once."""
        c = p[: self.split].reshape(self.shapes[0])[self.camera].astype(complex)
        x = p[self.split :].reshape(self.shapes[1])[self.point].astype(complex)
        blocks = []
        for k in range(12):
            both = c.copy(), x.copy()
            both[k // 9][:, k % 9] += 1e-30j
            blocks.append(self.projected(np, *both).imag.ravel() / 1e-30)
        columns = np.concatenate([9 * self.camera[:, None] + np.arange(9), self.split + 3 * self.point[:, None] + np.arange(3)], 1)
        rows = np.arange(2 * len(self.camera))
        entries = (np.stack(blocks, 1).ravel(), (np.repeat(rows, 12), np.repeat(columns, 2, axis=0).ravel()))
        return sparse.coo_array(entries, shape=(len(rows), len(p))).tocsr()


def _cross(np, a, b):
    return np.stack(
        [a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1], a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2], a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]], 1
    )


def rosenbrock(np, x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    diagonal = np.zeros_like(x)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    return sparse.diags_array([-400 * x[:-1], diagonal, -400 * x[:-1]], offsets=[-1, 0, 1], format="csr")


@dataclass(frozen=True)
class Problem:
    """A program with a sparse derivative.

    Parameters
    ----------
    name : str
    program : callable
        ``program(np, x)``.
    by_hand : callable
        ``by_hand(x)``, a sparse matrix.
    draw : callable
        ``draw(rng)`` gives `x`.
    order : int
        1 for a Jacobian, 2 for a Hessian.
    large : bool
        Whether it is compared with finite differences, rather than with dense derivatives.
    """

    name: str
    program: Callable
    by_hand: Callable
    draw: Callable
    order: int = 1
    large: bool = False


def _normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def _bundle(name, *sizes, large=False):
    bundle = Bundle(*sizes)
    return Problem(name, bundle, bundle.by_hand, bundle.draw, large=large)


PROBLEMS = [
    Problem("tridiagonal 500", tridiagonal, tridiagonal_by_hand, _normal(500)),
    Problem("grid 16x16", bratu, bratu_by_hand, _normal(16, 16)),
    _bundle("bundle 600x225", 5, 60, 300),
    Problem("hessian 50", rosenbrock, rosenbrock_by_hand, _normal(50), order=2),
    Problem("hessian 500", rosenbrock, rosenbrock_by_hand, _normal(500), order=2),
    Problem("tridiagonal 100000", tridiagonal, tridiagonal_by_hand, _normal(100_000), large=True),
    Problem("grid 316x316", bratu, bratu_by_hand, _normal(316, 316), large=True),
    _bundle("bundle 40000x15450", 50, 5000, 20_000, large=True),
    Problem("hessian 100000", rosenbrock, rosenbrock_by_hand, _normal(100_000), order=2, large=True),
]

# ---- measuring ---------------------------------------------------------------------------------------------------------


def digits(got, want):
    """Decimal digits that all entries have right, relative to the largest entry of their row."""
    got, want = sparse.csr_array(got), sparse.csr_array(want)
    scale = abs(want).max(axis=1).toarray().ravel()
    error = abs(got - want).max(axis=1).toarray().ravel()
    worst = np.max(error / np.where(scale, scale, 1))
    return -np.log10(max(worst, np.finfo(float).eps / 2))


class Sparse:
    """The calls that are compared on one problem, and the tables' rows.

    Parameters
    ----------
    problem : Problem
    rounds : int
        Of timing.
    """

    def __init__(self, problem, rounds):
        self.problem, self.rounds = problem, rounds
        self.x = problem.draw(np.random.default_rng(0))
        self.want = problem.by_hand(self.x)
        self.program = partial(problem.program, packages.load("autograd_clone").np)
        transform = sparse_jacobian if problem.order == 1 else sparse_hessian
        self.each = transform(self.program)
        self.again = transform(self.program, reuse=True, check=False)
        self.checked = transform(self.program, reuse=True)
        self.failures = []

    def small(self):
        """Times of dense derivatives over that of a sparse one whose pattern is known."""
        calls = {"f": partial(self.program, self.x)}
        ours = {"again": self.again, "checked": self.checked, "each": self.each}
        calls |= {name: self._right(name, partial(f, self.x)) for name, f in ours.items()}
        dense = jacobian if self.problem.order == 1 else hessian
        calls["dense"] = self._right("dense", lambda: dense(self.program)(self.x))
        for name in ("autograd", "torch"):
            calls[name] = self._right(name, self._peer(name))
        times = measure.seconds({k: f for k, f in calls.items() if f is not None}, rounds=self.rounds)
        base = times["again"]
        columns = ("checked", "each", "dense", "autograd", "torch")
        relative = [ratio(times[k] / base if k in times else None, k) for k in columns]
        row = [self.problem.name, f"{self.again.coloring.passes}", f"{base * 1e6:.4g}", f"{base / times['f']:.3g}", *relative]
        return row, {k: times[k] / base for k in columns if k in times}

    def large(self):
        """Passes, memory, and finite differences."""
        calls = {"f": partial(self.program, self.x)}
        ours = {"again": self.again, "checked": self.checked, "each": self.each}
        calls |= {name: self._right(name, partial(f, self.x)) for name, f in ours.items()}
        differences = self._differences()
        calls["differences"] = lambda: differences(self.x.ravel())
        times = measure.seconds(calls, rounds=self.rounds)
        peak = measure.peak_bytes(lambda: self.each(self.x))
        mine, theirs = digits(self.each(self.x), self.want), digits(differences(self.x.ravel()), self.want)
        base = times["again"]
        row = [
            self.problem.name, f"{self.again.coloring.passes}", f"{base * 1e3:.3g}", f"{base / times['f']:.3g}",
            *(f"{times[k] / base:.3g}" for k in ("checked", "each", "differences")),
            f"{peak / 1e6:.3g}", f"{peak / self.want.nnz:.3g}", f"{mine:.1f}", f"{theirs:.1f}",
        ]  # fmt: skip
        return row, {"passes": self.again.coloring.passes, "time": times["differences"] / base, "digits": mine - theirs}

    def _right(self, name, call):
        """`call`, unless its result is wrong."""
        if call is None:
            return None
        got = call()
        got = got.toarray() if sparse.issparse(got) and not self.problem.large else got
        got = got if sparse.issparse(got) else np.reshape(np.asarray(got), self.want.shape)
        right = digits(got, self.want)
        if right < 9:
            self.failures.append(f"{self.problem.name}, {name}: {right:.1f} digits")
            return None
        return call

    def _peer(self, name):
        """The dense derivative by another package."""
        package = packages.load(name)
        if package is None:
            return None
        f = partial(self.problem.program, package.np)
        transform = package.transforms["jacobian" if self.problem.order == 1 else "hessian"]
        return partial(transform(f), package.variable(self.x))

    def _differences(self):
        """SciPy's finite differences, with the pattern and its groups of columns."""
        shape = self.x.shape

        def flat(x):
            return np.ravel(self.program(x.reshape(shape)))

        f = flat if self.problem.order == 1 else grad(self.program)
        pattern = jacobian_sparsity(f)(self.x.ravel()).tocsr().astype(int)
        groups = group_columns(pattern)
        return lambda x: approx_derivative(f, x, method="2-point", sparsity=(pattern, groups))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="rows with one of these in the name")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args(arguments)
    rounds = 3 if options.quick else 15
    rows, found, failures = {False: [], True: []}, {}, []
    for problem in PROBLEMS:
        if any(text in problem.name for text in options.only):
            case = Sparse(problem, rounds)
            row, found[problem.name] = case.large() if problem.large else case.small()
            rows[problem.large].append(row)
            failures += case.failures
    over = ["", "passes", "time", "over f"]
    if rows[False]:
        header = [*over, "checked", "each call", "dense", "autograd", "torch"]
        print_table("Known pattern: microseconds; then how many times as long the others take", header, rows[False])
    if rows[True]:
        header = [*over, "checked", "each call", "differences", "peak MB", "bytes per entry", "digits", "differences'"]
        print_table("Large: milliseconds; then how many times as long; memory and accuracy", header, rows[True])
    _targets(found)
    if failures:
        print("\n".join(["\nFailed, and therefore not timed\n", *failures]))
    return 1 if failures else 0


def _targets(found):
    print("\nTargets\n")
    for name, measured in found.items():
        for what, least in (("autograd", 1), ("torch", 1), ("time", 1), ("digits", 6)):
            if what in measured:
                met = "met" if measured[what] >= least else "MISSED"
                print(f"{met:6}  {name}, {what}: {measured[what]:.3g}, at least {least}")
        if name.startswith("tridiagonal") and "passes" in measured:
            print(f"{'met' if measured['passes'] <= 4 else 'MISSED':6}  {name}, passes: {measured['passes']}, at most 4")


if __name__ == "__main__":
    sys.exit(main())
