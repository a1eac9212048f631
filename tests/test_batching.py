"""Every rule in the registry under a batch: the function, its VJP and its JVP, against one example after the other.

The examples of a batch are the leaves of the same sample drawn with different seeds; what is not differentiated
(masks, indices, axes) is that of the first seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from autograd_clone.engine.batch import FALLBACKS, RULES, BatchTrace
from autograd_clone.engine.box import Box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.primitive import REGISTRY, Primitive

from . import modes, oracle
from .cases import DIFFERENTIABLE, IS_NEW, ZERO, Case, cases, has_samples
from .checks import check, close, per_record

SIZE = 3
TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]
TESTED_ZERO = [p for p in ZERO if has_samples(p)]

#: Primitives that have no batching rule, and are applied to one example after the other.
LOOPED = frozenset({
    # matrix functions and banded systems, which LAPACK and SciPy take one at a time
    "banded_system", "exponential", "exponential_derivative", "fractional_power", "logarithm", "riccati", "square_root", "sylvester",
    "unpivoted_lu", "_pivots", "_turn", "_adapted", "_rotated", "_eigenvectors", "_tridiagonal", "_eig", "_qr_order", "_rq", "sign", "numpy.roots", *(f"numpy.polynomial.{module}roots" for module in ("polynomial.poly", "chebyshev.cheb", "legendre.leg", "laguerre.lag", "hermite.herm", "hermite_e.herme")), "scipy.linalg._special_matrices.block_diag",
    # convolutions of several axes, histograms, weighted quantiles
    "convolve_channels", "numpy.bincount", "numpy.histogram_bin_edges", "order_statistics", "weighted_ranks",
    # generalised ufuncs with ``axes``
    "numpy.matmul", "numpy.matvec", "numpy.vecdot", "numpy.vecmat",
    # sets, positions and other results whose shape depends on the values
    "intersect1d", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse",
    "unique_values", "numpy.argwhere", "numpy.flatnonzero", "numpy.nonzero", "numpy.lexsort",
    # one truth value per example
    "numpy.allclose", "numpy.array_equal", "numpy.array_equiv",
    # where the sorted array or the bins differ between the examples
    "numpy.searchsorted", "numpy.digitize", "numpy.isin",
})  # fmt: skip
#: Functions of which NumPy or (an old) SciPy decides by the values whether the result is complex: the examples are multiples of one.
TYPE_BY_VALUE = frozenset({"numpy.linalg.eig", "numpy.linalg.eigvals", "numpy.roots", "numpy.poly", "scipy.linalg.sqrtm", "square_root"})
#: Composites that ask for values, so that a batch goes through them only if it is not differentiated inside.
ONE_BY_ONE = frozenset({
    "numpy.trim_zeros", "numpy.unique", "numpy.unique_values", "numpy.unique_all", "numpy.unique_counts", "numpy.unique_inverse",
})  # fmt: skip


@pytest.fixture(autouse=True)
def only_known_loops():
    """Fail where something was taken one example after the other that is not in the list."""
    before = FALLBACKS.copy()
    yield
    met = {name for name, n in FALLBACKS.items() if n > before[name] and name != "<lambda>"}
    assert met <= LOOPED, met - LOOPED


class Batch:
    """A case with `SIZE` examples of some of its leaves."""

    def __init__(self, case: Case, others: Sequence[Case], mapped: Sequence[int]) -> None:
        self.case = case
        self.mapped = list(mapped)
        draws = [case, *others]
        self.examples = [
            [draws[k].values[i] if i in mapped else case.values[i] for i in range(len(case.values))]
            for k in range(SIZE)
        ]

    def __repr__(self) -> str:
        return f"{self.case!r} with leaves {self.mapped} batched"

    def boxes(self, trace: BatchTrace) -> list[Any]:
        """The leaves, those with examples as boxes."""
        return [
            trace.box(np.stack([e[i] for e in self.examples])) if i in self.mapped else x
            for i, x in enumerate(self.case.values)
        ]


def batches(prim: Primitive, dtype: Any = np.float64) -> list[Batch]:
    """Each case with all leaves batched, and with each of them alone."""
    draws = [cases(prim, dtype, seed) for seed in range(SIZE)]
    out = []
    for case, *others in zip(*draws, strict=True):
        if prim.name in TYPE_BY_VALUE:
            others = [case.replaced([c * x for x in case.values], "scaled") for c in (0.5, 2)]
        if any([shape_of(x) for x in o.values] != [shape_of(x) for x in case.values] for o in others):
            others = [case] * (SIZE - 1)
        n = len(case.values)
        if n:
            out.append(Batch(case, others, range(n)))
        if n > 1:
            out += [Batch(case, others, [i]) for i in range(n)]
    return out


def all_examples(trace: BatchTrace, y: Any) -> np.ndarray:
    """A result as the array of all examples."""
    if trace.owns(y):
        y = y._value
        assert not isinstance(y, Box)
        return np.asarray(y)
    assert not isinstance(y, Box), f"a box of another trace came out: {y!r}"
    return np.broadcast_to(y, (SIZE, *shape_of(y)))


def compare(
    trace: BatchTrace, got: list[Any], wanted: list[list[Any]], what: str, rtol: float = 1e-9
) -> None:
    """`got` under the batch against `wanted` for each example."""
    assert len(got) == len(wanted[0]), f"{what}: {len(got)} outputs, expected {len(wanted[0])}"
    for k, y in enumerate(got):
        rows = [np.asarray(w[k]) for w in wanted]
        assert shape_of(y) == rows[0].shape, f"{what} {k}: got shape {shape_of(y)}, expected {rows[0].shape}"
        assert dtype_of(y) == rows[0].dtype, f"{what} {k}: got dtype {dtype_of(y)}, expected {rows[0].dtype}"
        close(all_examples(trace, y), np.stack(rows), f"{what} {k}", rtol)


def leaves(result: Any) -> list[Any]:
    """All arrays of a result, of whatever dtype."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result]


@per_record(TESTED)
def test_value(prim):
    def body(batch: Batch) -> None:
        with BatchTrace(SIZE) as trace:
            got = modes.leaves(batch.case.traced(*batch.boxes(trace)))
            wanted = [oracle.leaves(batch.case.plain(*e)) for e in batch.examples]
            compare(trace, got, wanted, "value")

    check(batches(prim), body)


@per_record([p for p in TESTED if p.name not in ONE_BY_ONE])
def test_vjp(prim):
    """With batched operands and cotangents, and with batched cotangents alone, as in a Jacobian."""

    def body(batch: Batch) -> None:
        ruled = batch.case.ruled()
        ys = oracle.leaves(batch.case.plain(*batch.case.values))
        rng = np.random.default_rng(1)
        gs = [[oracle.direction(rng, y) for y in ys] for _ in range(SIZE)]

        def pull(values: list[Any], g: list[Any]) -> list[Any]:
            return [h for h in modes.vjp(batch.case.traced, values, lambda _: g, ruled)[1] if h is not None]

        rows: list[tuple[str, Callable, list]] = [("vjp", batch.boxes, batch.examples)]
        if len(batch.mapped) == len(batch.case.values):
            rows.append(
                ("vjp of batched cotangents", lambda _: batch.case.values, [batch.case.values] * SIZE)
            )
        for what, boxes, examples in rows:
            with BatchTrace(SIZE) as trace:
                seeds = [trace.box(np.stack(column)) for column in zip(*gs, strict=True)]
                got = pull(boxes(trace), seeds)
                wanted = [pull(e, g) for e, g in zip(examples, gs, strict=True)]
                compare(trace, got, wanted, what)

    check([b for b in batches(prim) if b.case.ruled()], body)


@per_record([p for p in TESTED if p.name not in ONE_BY_ONE])
def test_jvp(prim):
    """With batched operands and tangents, and with batched tangents alone."""

    def body(batch: Batch) -> None:
        ruled = batch.case.ruled()
        rng = np.random.default_rng(2)
        xs = batch.case.values
        ts = [[oracle.direction(rng, x) for x in xs] for _ in range(SIZE)]

        def push(values: list[Any], t: list[Any]) -> list[Any]:
            return modes.jvp(batch.case.traced, values, [v if i in ruled else None for i, v in enumerate(t)])[
                1
            ]

        rows: list[tuple[str, Callable, list]] = [("jvp", batch.boxes, batch.examples)]
        if len(batch.mapped) == len(xs):
            rows.append(("jvp of batched tangents", lambda _: xs, [xs] * SIZE))
        for what, boxes, examples in rows:
            with BatchTrace(SIZE) as trace:
                tangents = [trace.box(np.stack(column)) for column in zip(*ts, strict=True)]
                got = push(boxes(trace), tangents)
                wanted = [push(e, t) for e, t in zip(examples, ts, strict=True)]
                compare(trace, got, wanted, what)

    check([b for b in batches(prim) if b.case.ruled()], body)


@per_record(TESTED_ZERO)
def test_constant(prim):
    """Functions that run on plain values give one result per example."""

    def body(batch: Batch) -> None:
        with BatchTrace(SIZE) as trace:
            got = leaves(batch.case.traced(*batch.boxes(trace)))
            wanted = [leaves(batch.case.plain(*e)) for e in batch.examples]
            compare(trace, got, wanted, "value")

    check(constant_batches(prim), body)


def constant_batches(prim: Primitive) -> list[Batch]:
    """As `batches`; the record of a constant function has no operands, so all floating arrays of a sample are its leaves."""
    out = []
    for case in cases(prim, np.float64):
        xs = [k for k, a in enumerate(case.sample.args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        case.paths, case.names = [("args", k) for k in xs], [str(k) for k in xs]
        case.values = [case.sample.args[k] for k in xs]
        rng = np.random.default_rng(3)
        others = [
            case.replaced([rng.permuted(x.ravel()).reshape(x.shape) for x in case.values], "permuted")
            for _ in range(SIZE - 1)
        ]
        for o in others:
            o.values = [o.sample.args[k] for k in xs]
        if xs:
            out.append(Batch(case, others, range(len(xs))))
        if len(xs) > 1:
            out += [Batch(case, others, [i]) for i in range(len(xs))]
    return out


def test_rules_are_of_primitives_that_exist():
    names = {p.name for p in REGISTRY.values() if isinstance(p, Primitive)}
    assert {name for name in RULES if IS_NEW or not _is_too_new(name)} <= names


def _is_too_new(name):
    """Whether this version of NumPy lacks the function."""
    thing = np
    for part in name.split(".")[1:] if name.startswith("numpy.") else ():
        thing = getattr(thing, part, None)
    return thing is None
