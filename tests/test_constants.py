"""Arrays of plain NumPy that a recording keeps, changed by the program before the way back: for every record in the registry.

Each constant array among the arguments of a sample, masks and positions too, is written to as soon as the function has been
called. Either that is stopped, or the derivative is what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import modes
from .cases import DIFFERENTIABLE, Case, accepted, cases, has_samples, is_internal
from .checks import check, cotangents_for, per_record

TESTED = [p for p in DIFFERENTIABLE if has_samples(p) and not is_internal(p)]


@per_record(TESTED)
def test_constants_that_change_after_the_call(prim):
    check([case for case in cases(prim) if accepted(case)], _check_changes)


def _check_changes(case: Case) -> None:
    for k in case.ruled():
        seeds: list[Any] = []

        def cotangents(outs: list[Any], seeds: list[Any] = seeds) -> list[Any]:
            seeds[:] = seeds or cotangents_for(outs)
            return seeds

        def derivative(after: Callable, k: int = k, cotangents: Callable = cotangents) -> Any:
            mine = Case(case.prim, case.label, case.sample, case.layout)
            mine.sample = case.sample._replace(args=_copied(case.sample.args), kwargs=_copied(case.sample.kwargs))
            values = [_copied(x) for x in case.values]

            def f(*xs: Any) -> Any:
                out = mine.traced(*xs)
                after((mine.sample.args, mine.sample.kwargs, [x for i, x in enumerate(values) if i != k]))
                return out

            return modes.vjp(f, values, cotangents, [k])[1][k]

        for _ in range(5):  # LAPACK may round differently in memory that is aligned differently; a changed constant would show each time
            want, got = derivative(lambda tree: None), derivative(_spoil)
            if np.array_equal(got, want, equal_nan=True):
                break
        np.testing.assert_array_equal(got, want, err_msg=f"operand {k}")


def _copied(x: Any) -> Any:
    """`x` with arrays of its own, which may be written to."""
    if isinstance(x, (list, tuple)):
        items = [_copied(e) for e in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    if isinstance(x, dict):
        return {key: _copied(e) for key, e in x.items()}
    return x.copy(order="K") if isinstance(x, np.ndarray) else x


def _spoil(x: Any) -> None:
    """Change every array."""
    if isinstance(x, (list, tuple)):
        for e in x:
            _spoil(e)
    elif isinstance(x, dict):
        _spoil(list(x.values()))
    elif isinstance(x, np.ndarray) and x.flags.writeable:
        if x.dtype.kind == "b":
            x[...] = ~x
        elif x.dtype.kind in "fciu":
            x[...] = 0 if x.dtype.kind in "iu" else x * 0.5 + 3.0
