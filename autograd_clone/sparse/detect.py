"""Finding the pattern of a Jacobian or Hessian: by following the program (`trace`), or by looking at numbers (`probe`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import Box, getval
from ..engine.pytree import flatten
from ..transforms.gradients import _grad
from . import contractions, tables  # noqa: F401  (they fill the table of rules)
from .layout import input_layout, output_layout
from .passes import push_seeds
from .pattern import SparsityPattern
from .trace import PatternTrace, joined

#: How many points near the argument `probe` looks at, and how far away they are, relatively.
POINTS, DISTANCE = 3, 1e-3
#: Columns that `probe` computes at once.
COLUMNS = 64


def jacobian_pattern(fun: Callable, x: Any, detect: str, name: str) -> SparsityPattern:
    """The pattern of the Jacobian of `fun` at `x`."""
    if detect == "probe":
        return probe(fun, x, name)
    if detect != "trace":
        raise ValueError(f"{name}: detect must be 'trace' or 'probe', got {detect!r}")
    return trace(fun, x, name)


def hessian_pattern(fun: Callable, x: Any, detect: str, name: str) -> SparsityPattern:
    """The pattern of the Hessian of a scalar function: that of the Jacobian of its gradient, made symmetric."""
    found = jacobian_pattern(lambda x: _grad(fun, x), x, detect, name)
    return found if found == found.T else found | found.T


def trace(fun: Callable, x: Any, name: str) -> SparsityPattern:
    """The pattern, by running the program once with index sets along."""
    leaves, values, layout = input_layout(x, name)
    with PatternTrace(layout.size) as interpreter:
        boxed = [
            leaf if v is None else interpreter.input(v, layout.starts[k])
            for k, (leaf, v) in enumerate(zip(leaves, values, strict=True))
        ]
        outs, treedef = flatten(fun(layout.treedef.unflatten(boxed)))
        outs = [_one_box(y) for y in outs]
        out = output_layout([getval(y) for y in outs], treedef, name)
        sets = joined([(interpreter.taken(outs[k]), int(np.prod(out.shapes[k]))) for k in out.order], layout.size)
        sets = sets.written_out()
        return SparsityPattern(sets.indptr, sets.indices, (out.size, layout.size), interpreter.dense)


def _one_box(y: Any) -> Any:
    """An output as it is now; an array of Python objects that are traced numbers as one traced array."""
    if isinstance(y, Box):
        return y.snapshot()
    if type(y) is np.ndarray and y.dtype == object and any(isinstance(e, Box) for e in y.flat):
        return np.stack(list(y.flat)).reshape(y.shape)
    return y


def probe(fun: Callable, x: Any, name: str) -> SparsityPattern:
    """The nonzeros of the Jacobian at `x` and at some points near it, by one derivative for each element of `x`."""
    _, values, layout = input_layout(x, name)
    rng = np.random.default_rng(0)
    found = None
    for k in range(POINTS + 1):
        point = layout.treedef.unflatten([v if k == 0 else _near(v, rng) for v in values])
        at_point = _nonzeros(fun, point, layout.size, name)
        found = at_point if found is None else found | at_point
    return found  # type: ignore[return-value]


def _near(v: Any, rng: np.random.Generator) -> Any:
    if v is None:
        return None
    scale = np.maximum(np.abs(v), DISTANCE)
    return (v + DISTANCE * scale * rng.standard_normal(np.shape(v))).astype(v.dtype)


def _nonzeros(fun: Callable, x: Any, n: int, name: str) -> SparsityPattern:
    from scipy import sparse

    parts = []
    rows = 0
    for start in range(0, max(n, 1), COLUMNS):
        stop = min(n, start + COLUMNS)
        seeds = np.zeros((stop - start, n))
        seeds[np.arange(stop - start), np.arange(start, stop)] = 1
        columns = push_seeds(fun, x, seeds, None, name)
        parts.append(sparse.csr_array(columns != 0).T)  # NaN counts as a number other than zero
        rows = columns.shape[1]
    return SparsityPattern.of(sparse.hstack(parts, format="csr") if n else sparse.csr_array((rows, 0)))
