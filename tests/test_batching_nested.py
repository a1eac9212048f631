"""Every rule in the registry in a batch that is differentiated, in a batch of a batch, and its second derivatives in a batch.

`test_batching` has the derivative inside of the batch, as in ``vmap(grad(f))``; here are ``grad`` and ``jvp`` of ``vmap(f)``,
``vmap(jacobian(f))`` and ``vmap(hessian(f))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_clone.engine.batch import BatchTrace
from autograd_clone.engine.box import Box
from autograd_clone.engine.cotangent import shape_of

from . import modes, oracle
from .checks import check, per_record, same
from .test_batching import ONE_BY_ONE, SIZE, TESTED, Batch, batches, compare, only_known_loops

__all__ = ["only_known_loops"]
RULED = [p for p in TESTED if p.name not in ONE_BY_ONE]
#: Number of cotangents in the batch inside of the batch.
INNER = 2


def ruled_batches(prim: Any) -> list[Batch]:
    """The batches of which all leaves differ between the examples."""
    return [b for b in batches(prim) if b.case.ruled() and len(b.mapped) == len(b.case.values)]


def mapped(batch: Batch) -> Callable[..., list[Any]]:
    """The function of all examples at once, from stacked leaves to stacked outputs."""

    def f(*stacks: Any) -> list[Any]:
        with BatchTrace(SIZE) as trace:
            outs = modes.leaves(batch.case.traced(*map(trace.box, stacks)))
            return [all_of(trace, y) for y in outs]

    return f


def all_of(trace: BatchTrace, y: Any) -> Any:
    """A result for all examples, which may be a box of an older trace."""
    return trace.all_of(y) if isinstance(y, Box) else np.broadcast_to(y, (trace.size, *shape_of(y)))


def directions(batch: Batch, seed: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """For each example a cotangent of each output and a tangent of each leaf."""
    rng = np.random.default_rng(seed)
    ys = oracle.leaves(batch.case.plain(*batch.case.values))
    gs = [[oracle.direction(rng, y) for y in ys] for _ in range(SIZE)]
    return gs, [[oracle.direction(rng, x) for x in batch.case.values] for _ in range(SIZE)]


def stacked(rows: list[list[Any]]) -> list[Any]:
    return [np.stack(column) for column in zip(*rows, strict=True)]


@per_record(RULED)
def test_derivatives_of_a_batch(prim):
    """Reverse and forward mode of the function of all examples."""

    def body(batch: Batch) -> None:
        ruled, f = batch.case.ruled(), batch.case.traced
        gs, ts = directions(batch, 1)
        ts = [[t if i in ruled else None for i, t in enumerate(row)] for row in ts]
        xs = stacked(batch.examples)
        _, got = modes.vjp(mapped(batch), xs, lambda _: stacked(gs), ruled)
        wanted = [modes.vjp(f, e, lambda _: g, ruled)[1] for e, g in zip(batch.examples, gs, strict=True)]  # noqa: B023
        for i in ruled:
            same(got[i], np.stack([row[i] for row in wanted]), f"cotangent {i}", 1e-9)
        tangents = [np.stack(c) if i in ruled else None for i, c in enumerate(zip(*ts, strict=True))]
        _, got = modes.jvp(mapped(batch), xs, tangents)
        wanted = [modes.jvp(f, e, t)[1] for e, t in zip(batch.examples, ts, strict=True)]
        for k, t in enumerate(got):
            same(t, np.stack([row[k] for row in wanted]), f"tangent {k}", 1e-9)

    check(ruled_batches(prim), body)


@per_record(RULED)
def test_a_batch_of_cotangents_in_a_batch(prim):
    """The rows of a Jacobian for each example."""

    def body(batch: Batch) -> None:
        ruled = batch.case.ruled()
        gs = directions(batch, 2)[0][:INNER]

        def pull(values: list[Any], g: list[Any]) -> list[Any]:
            return [h for h in modes.vjp(batch.case.traced, values, lambda _: g, ruled)[1] if h is not None]

        with BatchTrace(SIZE) as outer:
            xs = batch.boxes(outer)
            with BatchTrace(INNER) as inner:
                got = [all_of(inner, h) for h in pull(xs, [inner.box(g) for g in stacked(gs)])]
            compare(outer, got, [stacked([pull(e, g) for g in gs]) for e in batch.examples], "rows")

    check(ruled_batches(prim), body)


@per_record(RULED)
def test_second_derivatives_in_a_batch(prim):
    """Forward over reverse mode of each example."""

    def body(batch: Batch) -> None:
        ruled = batch.case.ruled()
        gs, ts = (rows[0] for rows in directions(batch, 3))

        def product(values: list[Any]) -> list[Any]:
            def gradient(*xs: Any) -> list[Any]:
                full = list(values)
                for i, x in zip(ruled, xs, strict=True):
                    full[i] = x
                return [h for h in modes.vjp(batch.case.traced, full, lambda _: gs, ruled)[1] if h is not None]

            return modes.jvp(gradient, [values[i] for i in ruled], [ts[i] for i in ruled])[1]

        with BatchTrace(SIZE) as trace:
            compare(trace, product(batch.boxes(trace)), [product(e) for e in batch.examples], "second derivative", 1e-8)

    check(ruled_batches(prim), body)
