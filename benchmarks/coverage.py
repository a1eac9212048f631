"""Which functions of NumPy the packages differentiate: every function, on the samples of the tests, judged by differences.

    python -m benchmarks.coverage [--packages autograd_clone autograd jax mygrad] [--only NAME ...]

writes ``docs/coverage.json``, from which the page about coverage makes its table. For each function, package and mode it holds how
many samples came out right, how many wrong without an error, and how many raised. A mode is reverse or forward mode in double
precision, reverse mode for complex numbers, or reverse mode in single precision. The function is the one of the same name in the
package's own namespace. Results of another package are replaced, those of packages that are not installed are kept.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import signal
import warnings
from pathlib import Path

import numpy as np

from tests import oracle
from tests.cases import DIFFERENTIABLE, accepted, cases, has_samples

FILE = Path(__file__).parent.parent / "docs" / "coverage.json"
MODES = {"reverse": np.float64, "forward": np.float64, "complex": np.complex128, "single": np.float32}
SAMPLES = 12
SECONDS = 20


def leaves(result):
    """The floating-point outputs, in order."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result] if getattr(result, "dtype", None) is not None and np.dtype(result.dtype).kind in "fc" else []


class Autograd:
    """HIPS autograd, and what has its interface."""

    def __init__(self, name):
        self.package = importlib.import_module(name)
        self.numpy = importlib.import_module(f"{name}.numpy")
        for module in ("linalg", "fft", "polynomial"):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{name}.numpy.{module}")

    def array(self, x):
        return x

    def loss(self, call, weights):
        def loss(*xs):
            terms = [self.numpy.sum(self.numpy.real(w * y)) for w, y in zip(weights, leaves(call(*xs)), strict=True)]
            return sum(terms[1:], terms[0])

        return loss

    def gradient(self, loss, xs):
        return self.package.grad(loss, tuple(range(len(xs))))(*xs)

    def directional(self, loss, xs, vs):
        def along(i):
            return self.package.make_jvp(lambda x: loss(*xs[:i], x, *xs[i + 1 :]))(xs[i])(vs[i])[1]

        return sum(along(i) for i in range(len(xs)))


class Jax(Autograd):
    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        self.package, self.numpy = jax, jax.numpy

    def array(self, x):
        return self.numpy.asarray(x)

    def gradient(self, loss, xs):
        return self.package.grad(loss, tuple(range(len(xs))))(*xs)

    def directional(self, loss, xs, vs):
        return self.package.jvp(loss, tuple(xs), tuple(map(self.array, vs)))[1]


class MyGrad(Autograd):
    def __init__(self):
        import mygrad

        self.package = self.numpy = mygrad

    def array(self, x):
        return self.package.tensor(x)

    def loss(self, call, weights):
        def loss(*xs):
            return sum(self.package.sum(w * y) for w, y in zip(weights, leaves(call(*xs)), strict=True))

        return loss

    def gradient(self, loss, xs):
        loss(*xs).backward()
        return [np.zeros_like(x.data) if x.grad is None else x.grad for x in xs]

    def directional(self, loss, xs, vs):
        raise NotImplementedError


PACKAGES = {
    "autograd_clone": lambda: Autograd("autograd_clone"),
    "autograd": lambda: Autograd("autograd"),
    "jax": Jax,
    "mygrad": MyGrad,
}


def function_of(package, name):
    """The function of a NumPy name in a package's namespace."""
    here = package.numpy
    for part in name.split(".")[1:]:
        here = getattr(here, part)
    return here


def verdict(package, case, mode):
    """``"right"``, ``"wrong"`` or ``"raised"``."""
    rng = np.random.default_rng(1)
    xs = [np.array(x)[()] for x in case.values]
    vs = [oracle.direction(rng, x) for x in xs]
    outs = leaves(case.plain(*xs))
    weights = [oracle.direction(rng, y) for y in outs]
    estimates = oracle.directional(case.plain, xs, vs)
    want = sum(np.sum(np.real(w * e.value)) for w, e in zip(weights, estimates, strict=True))
    if sum(np.sum(e.error) for e in estimates) > 1e-5 * (1 + abs(want)):
        return None  # not smooth there
    function = function_of(package, case.prim.name)

    def call(*values):
        args, kwargs = case.arguments(values)
        return function(*args, **kwargs) if case.sample.via is None else case.sample.via(function, *args, **kwargs)

    loss = package.loss(call, weights)
    ys = [package.array(x) for x in xs]
    tolerance = 2e-3 if mode == "single" else 1e-6
    if mode == "forward":
        got = float(np.real(package.directional(loss, ys, vs)))
    else:
        gradients = package.gradient(loss, ys)
        if any(np.shape(g) != np.shape(x) or np.dtype(np.asarray(g).dtype) != x.dtype for g, x in zip(gradients, xs, strict=True)):
            return "wrong"
        got = sum(float(np.sum(np.real(np.asarray(g) * v))) for g, v in zip(gradients, vs, strict=True))
    return "right" if abs(got - want) <= tolerance * (1 + abs(want)) else "wrong"


def tally(package, prim):
    """Mode -> how many samples are right, wrong, raise."""
    out = {}
    for mode, dtype in MODES.items():
        if mode == "complex" and not prim.complex:
            continue
        counts = {"right": 0, "wrong": 0, "raised": 0}
        chosen = [c for c in cases(prim, dtype) if c.values and accepted(c) and leaves(c.plain(*c.values))]
        for case in chosen[:SAMPLES]:
            signal.alarm(SECONDS)
            try:
                found = verdict(package, case, mode)
            except Exception:  # noqa: BLE001 - whatever the package raises
                found = "raised"
            finally:
                signal.alarm(0)
            if found:
                counts[found] += 1
        if sum(counts.values()):
            out[mode] = list(counts.values())
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    found = json.loads(FILE.read_text()) if FILE.exists() else {"versions": {}, "functions": {}}
    found["versions"]["numpy"] = np.__version__
    for name in options.packages:
        try:
            package = PACKAGES[name]()
        except ImportError:
            print(f"{name} is not installed")
            continue
        try:
            found["versions"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found["versions"][name] = getattr(package.package, "__version__", "")
        for prim in DIFFERENTIABLE:
            if not prim.name.startswith("numpy.") or " " in prim.name or not has_samples(prim):
                continue
            if options.only and not any(part in prim.name for part in options.only):
                continue
            row = found["functions"].setdefault(prim.name, {})
            row[name] = tally(package, prim)
            print(name, prim.name, row[name], flush=True)
    found["functions"] = dict(sorted(found["functions"].items()))
    FILE.write_text(json.dumps(found, indent=None, separators=(",", ":")).replace('},"numpy', '},\n"numpy') + "\n")


def _interrupt(*_):
    raise TimeoutError


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _interrupt)
    main()
