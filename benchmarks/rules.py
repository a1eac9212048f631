"""Backward time over forward time of every rule, at a size that fills a core's cache.

    python -m benchmarks.rules [--only NAME ...] [--above RATIO] [--megabytes 1]

The rules are those of the registry and the arguments the samples that the tests use, drawn larger. A row is a function: the time
of the function itself on plain arrays, of its recording and of the backward pass, both as multiples of it. The median is over the
function's samples of which larger ones make sense. What is slower than five times the function is printed last, with the reason
from `REASONS`; one without a reason is marked.
"""

import argparse
import math
import resource
import statistics
import time
import warnings

import numpy as np

from autograd_clone import vjp
from autograd_clone.engine.pytree import flatten, tree_map
from autograd_clone.engine.samples import Sampler
from tests.cases import DIFFERENTIABLE, Case, generated, has_samples

#: Above this ratio a rule needs a reason.
LIMIT = 5.0
#: A function that takes longer is measured with smaller arrays.
LONGEST = 0.03
#: Arguments with fewer elements measure the overhead of a call.
SMALLEST = 2000
#: Samples of a function that are measured.
MOST = 6
#: Bytes that the process may use: an outer product of large arrays fails instead of filling the machine.
MEMORY = 6 * 2**30

#: Why the way back takes longer than five times the way there, if the function makes a view.
VIEW = "a view takes no time itself; the way back writes an array"
FEW = "reads some elements of its operand; the gradient has all of them"
TWO = "reads its operands and writes little; each operand's gradient is as large as the operand"
CHOICE = "each operand takes two comparisons and a product"
PSI = "its derivative needs digamma, which takes that much longer"
PARAMETER = "the derivative with respect to a parameter has no closed form, and is a series or an integral"
#: Name, or its beginning -> why, for others.
REASONS = {
    "numpy.arctanh": "a division, and two more passes over memory, beside a vectorised function",
    "numpy.asarray": FEW,
    "numpy.choose": "one selection for each of the choices",
    "numpy.clip (ufunc)": "three operands, each with comparisons and a product",
    "numpy.compress": FEW,
    "numpy.copysign": "two signs and two products beside one vectorised operation",
    "numpy.divide": "two operands: three divisions and products beside one; sums where one was broadcast",
    "numpy.fft.ihfft": FEW,
    "numpy.fft.rfft": FEW,
    "numpy.fmax": CHOICE,
    "numpy.fmin": CHOICE,
    "numpy.histogram_bin_edges": "the least and the largest element, and whether others are equal to them",
    "numpy.linalg.matmul": "two products, one of them with the longer matrix transposed",
    "numpy.linalg.trace": FEW,
    "numpy.linalg.vecdot": TWO,
    "numpy.matmul": "two products, one of them with the longer matrix transposed",
    "numpy.matvec": TWO,
    "numpy.maximum": CHOICE,
    "numpy.minimum": CHOICE,
    "numpy.nancumprod": "sums of products of all others, without division, so that zeros are right",
    "numpy.nanprod": "products of all others, without division, so that zeros are right",
    "numpy.outer": "two products of the whole result with a vector",
    "numpy.partition": "a sort: NumPy does not say which permutation it has used",
    "numpy.polynomial.": "with many points and many coefficients, the matrix of the basis functions at all points is made",
    "numpy.polynomial.polynomial.polyvalfromroots": "products of all others, without division, so that zeros are right",
    "numpy.polyval": "two products and a sum over the points for each step of Horner's scheme",
    "numpy.ptp": "the least and the largest element, and whether others are equal to them",
    "numpy.take": FEW,
    "numpy.take_along_axis": "indices may repeat, so that what is taken is added up",
    "numpy.trace": FEW,
    "numpy.unstack": "makes views; the way back stacks them",
    "numpy.vdot": TWO,
    "numpy.vecdot": TWO,
    "numpy.vecmat": TWO,
    "scipy.linalg.cho_solve_banded": "both systems solved again, by the solver of general bands, and the gradient of the bands",
    "scipy.linalg.expm_frechet": "the second derivative is the exponential of a matrix of twice the size",
    "scipy.linalg.lu_factor": "two triangular solutions and two products beside one factorisation",
    "scipy.special.betainc": PARAMETER,
    "scipy.special.binom": PSI,
    "scipy.special.ellip": "a quotient of both complete integrals, with their series near zero",
    "scipy.special.eval_legendre": "a Jacobi polynomial, which takes longer than Legendre's",
    "scipy.special.exprel": "a series near zero, beside the closed form",
    "scipy.special.gamma": PSI,
    "scipy.special.gammainc": PARAMETER,
    "scipy.special.j1": "two more Bessel functions, one of them of any order, which takes longer",
    "scipy.special.polygamma": "the next polygamma function takes that much longer",
    "scipy.special.sici": "sine and cosine over the argument, with their limits at zero",
    "scipy.special.spence": "a logarithm, and a series near one",
    "scipy.special.stdtr": PARAMETER,
    "scipy.stats.beta.logsf": PARAMETER,
    "scipy.stats.dirichlet.entropy": "trigamma takes that much longer than what the entropy is made of",
    "scipy.stats.gamma.cdf": PARAMETER,
    "scipy.stats.t.sf": PARAMETER,
}


class Larger(Sampler):
    """Draws arrays whose axes are longer by a factor, unless one had more than so many elements."""

    def __init__(self, factor: float, most: int) -> None:
        super().__init__(np.float64)
        self.factor, self.most = factor, most

    def __getattribute__(self, name):
        own = super().__getattribute__(name)
        if name not in ("array", "real", "positive", "unit", "above_one", "nonzero", "distinct", "spd", "matrix", "mask"):
            return own
        return lambda *shape: own(*super(Larger, self).__getattribute__("larger")(shape))

    def larger(self, shape):
        grown = tuple(n * self.factor if n > 1 else n for n in shape)
        return shape if math.prod(grown) > self.most else grown

    def ints(self, high, *shape):
        return super().ints(high, *self.larger(shape))


def samples_of(prim, factor, most):
    """The samples of a record, with larger arrays."""
    sampler = Larger(factor, most)
    return list(prim.samples(sampler) if prim.samples is not None else generated(prim, sampler))


def larger_cases(prim, elements):
    """The samples with about so many elements in their largest array, operand or result."""
    best_cases, growing, factor = {}, None, 1
    while growing is None or growing:
        try:
            samples = samples_of(prim, factor, 2 * elements)
        except Exception:  # noqa: BLE001 - an argument of a sample does not fit larger arrays
            break
        still = []
        for k in range(len(samples)) if growing is None else growing:
            try:
                case = Case(prim, str(k), samples[k])
                start = time.perf_counter()
                result = case.plain(*case.values)
                took = time.perf_counter() - start
            except Exception:  # noqa: BLE001 - likewise
                continue
            largest = max(size(case), max((np.size(y) for y in flatten(result)[0]), default=0))
            if largest > 2 * elements or took > LONGEST or (k in best_cases and size(case) <= size(best_cases[k])):
                continue
            best_cases[k] = case
            if largest < elements:
                still.append(k)
        growing, factor = still, 2 * factor
    return [case for case in best_cases.values() if size(case) >= SMALLEST][:MOST]


def size(case):
    return max((np.size(x) for x in case.values), default=0)


def best(call, seconds=0.02):
    """The least time of a call, of as many as fit into some time but three at least; of the processor, which others may use too."""
    least, used, calls = np.inf, 0.0, 0
    while used < seconds or calls < 3:
        start = time.process_time()
        call()
        took = time.process_time() - start
        least, used, calls = min(least, took), used + took, calls + 1
    return least


def measure(case):
    """Seconds of the function, of its recording, and of the backward pass."""
    function = best(lambda: case.plain(*case.values))
    recorded = best(lambda: vjp(case.traced, *case.values))
    value, pull = vjp(case.traced, *case.values)
    g = tree_map(np.ones_like, value)
    return function, recorded, best(lambda: pull(g))


def makes_view(case):
    """Whether a result shares memory with an operand."""
    results = [y for y in flatten(case.plain(*case.values))[0] if isinstance(y, np.ndarray)]
    return any(np.may_share_memory(y, x) for y in results for x in case.values)


def rows_of(prim, elements):
    """Measurements of the samples of a record that can be enlarged, their sizes, and whether they make views."""
    for case in larger_cases(prim, elements):
        try:
            yield measure(case), size(case), makes_view(case)
        except Exception as error:  # noqa: BLE001 - a sample that only makes sense as it is
            print(f"# {prim.name}: {type(error).__name__}: {str(error)[:80]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--above", type=float, default=0.0, help="print rows above this ratio only")
    parser.add_argument("--megabytes", type=float, default=1.0, help="size of the largest array")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    print(f"{'function':45s} {'elements':>9s} {'forward us':>11s} {'recorded':>9s} {'backward':>9s}")
    slow, ratios = [], []
    for prim in DIFFERENTIABLE:
        public = prim.name.startswith(("numpy.", "scipy."))
        if not (public and has_samples(prim)) or (options.only and not any(part in prim.name for part in options.only)):
            continue
        rows = list(rows_of(prim, int(options.megabytes * 2**17)))
        if not rows:
            continue
        times, sizes, views = zip(*rows, strict=True)
        forward = statistics.median(t[0] for t in times)
        recorded = statistics.median(t[1] / t[0] for t in times)
        backward = statistics.median(t[2] / t[0] for t in times)
        ratios.append(backward)
        if backward >= options.above:
            print(f"{prim.name:45s} {max(sizes):9d} {forward * 1e6:11.1f} {recorded:9.2f} {backward:9.2f}", flush=True)
        if backward > LIMIT:
            slow.append((backward, prim.name, VIEW if any(views) else reason_for(prim.name)))
    print(f"\n{len(ratios)} functions; median {statistics.median(ratios):.2f}, {len(slow)} above {LIMIT:g}:")
    for ratio, name, reason in sorted(slow, reverse=True):
        print(f"{ratio:8.1f}  {name:40s} {reason}")


def reason_for(name):
    """Why a function is slow, from the longest key that its name begins with."""
    keys = [key for key in REASONS if name.startswith(key)]
    return REASONS[max(keys, key=len)] if keys else "NO REASON GIVEN"


if __name__ == "__main__":
    main()
