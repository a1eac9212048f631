"""Which functions of NumPy the packages differentiate: every function, on the samples of the tests, judged by differences.

    python -m benchmarks.coverage [--packages autograd_clone autograd jax mygrad] [--only NAME ...] [--verbose]

writes ``docs/coverage.json``, from which the page about coverage makes its table. For each function, package and mode it holds how
many samples had each of the outcomes in `OUTCOMES`. A mode is reverse or forward mode in double precision, reverse mode for complex
numbers, or reverse mode in single precision. The function is the one of the same name in the package's own namespace, and its
derivative is taken with respect to all of its floating-point arrays at once. Results of the packages that are named are replaced,
those of others are kept.

What is done so that no package is judged by another's conventions: helpers of samples (such as one that takes moduli because phases
are arbitrary) use the package's own functions; functions that read one triangle of a matrix are given its Hermitian part, because
others take the matrix to be Hermitian; and where the package's function returns other numbers than NumPy's, its derivative is not
called wrong.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import json
import signal
import sys
import warnings
from pathlib import Path

import numpy as np

from autograd_clone.engine.samples import Sampler
from tests import oracle
from tests.cases import DIFFERENTIABLE, accepted, cases, has_samples

FILE = Path(__file__).parent.parent / "docs" / "coverage.json"
MODES = {"reverse": np.float64, "forward": np.float64, "complex": np.complex128, "single": np.float32}
#: Right; wrong without an error (a number, or the shape); raised; right numbers of another dtype than the operand's; the function's
#: own value is not NumPy's.
OUTCOMES = ("right", "wrong", "raised", "dtype", "value")
#: Samples of a function that are tried, spread over all.
SAMPLES = 5
SECONDS = 20
#: Functions that read one triangle of a matrix.
TRIANGLES = {"numpy.linalg.eigh", "numpy.linalg.eigvalsh"}


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

    def value(self, loss, ys):
        return float(loss(*ys))

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

    def value(self, loss, ys):
        return float(loss(*ys).data)

    def gradient(self, loss, xs):
        loss(*xs).backward()
        if all(x.grad is None for x in xs):
            raise NotImplementedError("no gradient at all")
        return [np.zeros_like(x.data) if x.grad is None else x.grad for x in xs]

    def directional(self, loss, xs, vs):
        raise NotImplementedError


PACKAGES = {
    "autograd_clone": lambda: Autograd("autograd_clone"),
    "autograd": lambda: Autograd("autograd"),
    "jax": Jax,
    "mygrad": MyGrad,
}


def function_of(namespace, name):
    """The function of a NumPy name in a package's namespace."""
    here = namespace
    for part in name.split(".")[1:]:
        here = getattr(here, part)
    return here


@contextlib.contextmanager
def helpers_use(package):
    """While it lasts, what samples call as ``np`` is the package's namespace; NumPy's own is right for this package."""
    names = [name for name in sys.modules if name.startswith(("autograd_clone.rules", "autograd_clone.engine.samples"))]
    modules = [sys.modules[name] for name in names if getattr(sys.modules[name], "np", None) is np]
    if package.package.__name__ == "autograd_clone":
        modules = []
    for module in modules:
        module.np = package.numpy
    try:
        yield
    finally:
        for module in modules:
            module.np = np


def applied(case, function, values):
    """The sample's call of a function."""
    args, kwargs = case.arguments(values)
    via = case.sample.via
    if case.prim.name in TRIANGLES:
        inner, function = function, lambda a, *rest, **options: Sampler.hermitian(inner, a, *rest, **options)
    if via is None or via.__name__ == "called_here":
        return function(*args, **kwargs)
    return via(function, *args, **kwargs)


def verdict(package, case, mode):
    """One of the outcomes, or None where the function is not smooth."""
    rng = np.random.default_rng(1)
    xs = [np.array(x)[()] for x in case.values]
    vs = [oracle.direction(rng, x) for x in xs]

    def plainly(*values):
        return applied(case, case.prim.fun, values)

    outs = leaves(plainly(*xs))
    weights = [oracle.direction(rng, y) for y in outs]
    estimates = oracle.directional(plainly, xs, vs)
    want = sum(np.sum(np.real(w * e.value)) for w, e in zip(weights, estimates, strict=True))
    tolerance = 2e-3 if mode == "single" else 1e-6
    if not sum(np.sum(e.error) for e in estimates) <= tolerance / 4 * (1 + abs(want)):
        return None
    plain_value = sum(np.sum(np.real(w * y)) for w, y in zip(weights, outs, strict=True))
    with helpers_use(package):
        function = function_of(package.numpy, case.prim.name)
        loss = package.loss(lambda *values: applied(case, function, values), weights)
        ys = [package.array(x) for x in xs]
        if mode == "forward":
            got, kept = float(np.real(package.directional(loss, ys, vs))), True
        else:
            gradients = [np.asarray(g) for g in package.gradient(loss, ys)]
            if any(g.shape != np.shape(x) for g, x in zip(gradients, xs, strict=True)):
                return "wrong"
            got = sum(float(np.sum(np.real(g * v))) for g, v in zip(gradients, vs, strict=True))
            kept = all(g.dtype == x.dtype for g, x in zip(gradients, xs, strict=True))
        if abs(got - want) <= tolerance * (1 + abs(want)):
            return "right" if kept else "dtype"
        value = package.value(loss, ys)
    return "wrong" if abs(value - plain_value) <= tolerance * (1 + abs(plain_value)) else "value"


def tally(package, prim, verbose=False):
    """Mode -> how many samples had each outcome."""
    out = {}
    for mode, dtype in MODES.items():
        if mode == "complex" and not prim.complex:
            continue
        counts = dict.fromkeys(OUTCOMES, 0)
        chosen = [c for c in cases(prim, dtype) if c.values and accepted(c) and leaves(c.plain(*c.values))]
        for case in chosen[:: -(-len(chosen) // SAMPLES) or 1]:
            signal.alarm(SECONDS)
            try:
                found = verdict(package, case, mode)
            except TimeoutError:
                found = None
                print(f"# {case}: no result in {SECONDS} s")
            except Exception as error:  # noqa: BLE001 - whatever the package raises
                found = "raised"
                if verbose:
                    print(f"# {mode} {case}: {type(error).__name__}: {str(error)[:160]}")
            finally:
                signal.alarm(0)
            if found:
                counts[found] += 1
                if verbose and found not in ("right", "raised"):
                    print(f"# {mode} {case}: {found}")
        if sum(counts.values()):
            out[mode] = list(counts.values())
    return out


def is_public(prim):
    """Whether a record is of a function that users find under its name."""
    with contextlib.suppress(AttributeError):
        return prim.name.startswith("numpy.") and function_of(np, prim.name) is prim.fun and has_samples(prim)
    return False


PUBLIC = [prim for prim in DIFFERENTIABLE if is_public(prim)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--verbose", action="store_true", help="show what was not right")
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
        for prim in PUBLIC:
            if options.only and not any(part in prim.name for part in options.only):
                continue
            row = found["functions"].setdefault(prim.name, {})
            row[name] = tally(package, prim, options.verbose)
            print(name, prim.name, row[name], flush=True)
        write(found)


def write(found):
    """The file, one line for each function."""
    found["functions"] = dict(sorted(found["functions"].items()))
    FILE.write_text(json.dumps(found, separators=(",", ":")).replace('},"numpy', '},\n"numpy') + "\n")


def _interrupt(*_):
    raise TimeoutError


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _interrupt)
    main()
