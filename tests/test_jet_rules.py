"""Every differentiable record of the registry in Taylor mode: against nested forward mode along the same curve."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import pytest

from autograd_clone.engine.box import new_box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.jet import JetTrace, Series

from . import modes, oracle
from .cases import DIFFERENTIABLE, Case, cases, has_samples
from .checks import check, close, per_record

TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]
ORDER = 3


def curve(case: Case) -> tuple[list[int], list[list[np.ndarray]]]:
    """The leaves that vary, and for each a row of coefficients of order 1 to `ORDER`."""
    rng = np.random.default_rng(5)
    ruled = case.ruled()
    return ruled, [[oracle.direction(rng, case.values[i], 0.5) for _ in range(ORDER)] for i in ruled]


def by_jet(case: Case, ruled: list[int], rows: list[list[Any]]) -> list[list[Any]]:
    """For each output its Taylor coefficients of order 0 to `ORDER`."""
    with JetTrace(ORDER) as trace:
        xs = list(case.values)
        for i, row in zip(ruled, rows, strict=True):
            xs[i] = new_box(xs[i], trace, Series([xs[i], *row]))
        outs = modes.leaves(case.traced(*xs))
        return [_coefficients(y, trace) for y in outs]


def with_zeros(rows: list[list[Any]], places: set[int]) -> tuple[list[list[Any]], list[list[Any]]]:
    """The rows with coefficients left out at some orders, and with zeros there."""
    left_out = [[None if k in places else c for k, c in enumerate(row, 1)] for row in rows]
    return left_out, [[np.zeros_like(c) if k in places else c for k, c in enumerate(row, 1)] for row in rows]


def _coefficients(y: Any, trace: JetTrace) -> list[Any]:
    zero = modes.zeros_like(y)
    if getattr(y, "_trace", None) is not trace:
        return [y] + [zero] * ORDER
    return [zero if c is None else c for c in (y._link[k] for k in range(ORDER + 1))]


def by_nesting(case: Case, ruled: list[int], rows: list[list[Any]]) -> list[list[Any]]:
    """The same by forward mode of forward mode of forward mode, in the parameter of the curve."""

    def along(s: Any) -> list[Any]:
        xs = list(case.values)
        for i, row in zip(ruled, rows, strict=True):
            total = row[-1]
            for c in reversed(row[:-1]):
                total = total * s + c
            xs[i] = xs[i] + total * s
        return modes.leaves(case.traced(*xs))

    def differentiated(f: Any) -> Any:
        return lambda s: modes.jvp(f, [s], [np.ones_like(s)])[1]

    zero = np.zeros((), np.result_type(*(np.zeros(0, x.dtype).real.dtype for x in case.values)))[()]
    out, f = [modes.leaves(case.plain(*case.values))], along
    for k in range(1, ORDER + 1):
        f = differentiated(f)
        out.append([y / zero.dtype.type(factorial(k)) for y in f(zero)])
    return [list(column) for column in zip(*out, strict=True)]


def compared(case: Case, rtol: float) -> None:
    ruled, rows = curve(case)
    if not ruled:
        return
    try:
        want = by_nesting(case, ruled, rows)
    except np.linalg.LinAlgError:  # a third derivative that there is not
        with pytest.raises(np.linalg.LinAlgError):
            by_jet(case, ruled, rows)
        return
    got = by_jet(case, ruled, rows)
    assert len(got) == len(want)
    for m, (ours, theirs) in enumerate(zip(got, want, strict=True)):
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            what = f"output {m}, coefficient {k}"
            assert shape_of(a) == shape_of(ours[0]), f"{what}: got shape {shape_of(a)}, the value has {shape_of(ours[0])}"
            assert dtype_of(a) == dtype_of(ours[0]), f"{what}: got dtype {dtype_of(a)}, the value has {dtype_of(ours[0])}"
            close(a, b, what, rtol)


@per_record(TESTED)
def test_third_order(prim):
    check(cases(prim), lambda case: compared(case, 1e-9))


@per_record([p for p in TESTED if p.complex])
def test_third_order_complex(prim):
    check(cases(prim, np.complex128), lambda case: compared(case, 1e-9))


@pytest.mark.parametrize("places", [{2, 3}, {1}, {1, 3}], ids=str)
@per_record(TESTED)
def test_zeros_by_structure(prim, places):
    """A coefficient that is left out counts as zero."""

    def body(case: Case) -> None:
        ruled, rows = curve(case)
        if not ruled:
            return
        left_out, zeros = with_zeros(rows, places)
        try:
            want = by_jet(case, ruled, zeros)
        except np.linalg.LinAlgError:
            return
        for ours, theirs in zip(by_jet(case, ruled, left_out), want, strict=True):
            for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                assert shape_of(a) == shape_of(b)
                close(a, b, f"coefficient {k}", 1e-12)

    check(cases(prim), body)


@pytest.mark.unchecked
@per_record(TESTED)
def test_single_precision_stays(prim):
    def body(case: Case) -> None:
        ruled, rows = curve(case)
        if not ruled:
            return
        wanted = [y.dtype for y in oracle.leaves(case.plain(*case.values))]
        try:
            got = by_jet(case, ruled, rows)
        except np.linalg.LinAlgError:
            return
        assert [[dtype_of(c) for c in row] for row in got] == [[dtype] * (ORDER + 1) for dtype in wanted]

    check(cases(prim, np.float32), body)
