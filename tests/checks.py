"""What a derivative is checked against, and how; and the report of failures."""

from __future__ import annotations

import functools
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_clone.engine.box import Box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.primitive import Primitive

from . import modes, oracle
from .cases import Case, cases

FIRST = 1e-9  # relative to max(1, |derivative|)
SECOND = 1e-7
SINGLE = 2e-5


def per_record(prims: Iterable[Primitive]) -> Any:
    """Run a test once for every record."""
    prims = list(prims)
    return pytest.mark.parametrize("prim", prims, ids=[p.name for p in prims])


# ---- collecting failures -----------------------------------------------------------------------------------


def check(items: Iterable[Any], body: Callable[[Any], Any]) -> int:
    """Run `body` on every item and fail once, with what went wrong; return the number of items.

    A warning is a failure too. It is noted rather than made an exception, which the compiled loops of some
    SciPy functions, where it may arise, do not survive.
    """
    failures: dict[str, list[str]] = {}
    broken, count = set(), 0
    for item in items:
        count += 1
        for message in _outcome(item, body):
            failures.setdefault(message, []).append(repr(item))
            broken.add(count)
    if failures:
        blocks = [_block(message, where) for message, where in list(failures.items())[:8]]
        rest = [f"... and {len(failures) - 8} other kinds of failure"] if len(failures) > 8 else []
        pytest.fail(f"{len(broken)} of {count}:\n" + "\n".join(blocks + rest), pytrace=False)
    return count


def _outcome(item: Any, body: Callable[[Any], Any]) -> list[str]:
    """What goes wrong with one item."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            body(item)
        except (AssertionError, pytest.fail.Exception) as error:
            return [str(error).partition("\nassert ")[0]]
        except Exception as error:  # noqa: BLE001 - whatever a rule raises is a finding
            return [_explained(error)]
    found = {(w.category, str(w.message)) for w in caught}
    own = {category for category, _ in found} & _warnings_of_plain(item) if found else set()
    return [f"warned: {category.__name__}: {message}" for category, message in found if category not in own]


def _warnings_of_plain(item: Any) -> set[type]:
    """The kinds of warning that the plain function gives by itself."""
    case = item if isinstance(item, Case) else item[0] if isinstance(item, tuple) else item.case
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case.plain(*case.values)
    return {w.category for w in caught}


def _block(message: str, where: list[str]) -> str:
    more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
    return f"{where[0]}{more}\n    {message}"


def _explained(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[:-6:-1]
    where = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in frames)
    return f"raised {type(error).__name__}: {error}\n    at {where}"


def same(got: Any, want: Any, what: str, rtol: float = 1e-10) -> None:
    """Assert that an array has the values, shape and dtype that are wanted."""
    assert shape_of(got) == shape_of(want), f"{what}: got shape {shape_of(got)}, expected {shape_of(want)}"
    assert dtype_of(got) == dtype_of(want), f"{what}: got dtype {dtype_of(got)}, expected {dtype_of(want)}"
    close(got, want, what, rtol)


def close(got: Any, want: Any, what: str, rtol: float) -> None:
    scale = np.max(np.abs(want), initial=1.0, where=np.isfinite(want))
    if not np.allclose(got, want, rtol=rtol, atol=rtol * scale, equal_nan=True):
        raise AssertionError(
            f"{what}: got {_show(got)}, expected {_show(want)}, difference {np.max(np.abs(got - want)):.2g}"
        )


def _show(x: Any) -> str:
    return np.array2string(np.asarray(x), precision=10, threshold=12, edgeitems=3).replace("\n", "")


# ---- the oracle's side -------------------------------------------------------------------------------------


class Truth(NamedTuple):
    """A case with what the oracle says: per leaf, a direction and the derivatives of the outputs along it."""

    case: Case
    ruled: list[int]
    directions: list[np.ndarray]
    slopes: list[list[np.ndarray]]

    def __repr__(self) -> str:
        return repr(self.case)


def truth(case: Case, tolerance: float = FIRST) -> Truth | None:
    """What the oracle says, if it is sure."""
    return _quietly(_truth, case, tolerance)


def _quietly(f: Callable, *args: Any) -> Any:
    """What the oracle finds; nothing, where the plain function itself fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(*args)
        except Exception:  # noqa: BLE001 - `sure` shows it
            return None


def _truth(case: Case, tolerance: float) -> Truth | None:
    rng = np.random.default_rng(7)
    directions = [oracle.direction(rng, x) for x in case.values]
    ruled = case.ruled()
    for step in (0.05, 0.005):
        slopes = [
            _slopes(case, i, directions[i], step) if i in ruled else [] for i in range(len(case.values))
        ]
        if all(_sure(e, tolerance) for row in slopes for e in row):
            return Truth(case, ruled, directions, [[e.value for e in row] for row in slopes])
    return None


def _slopes(case: Case, i: int, v: np.ndarray, step: float) -> list[oracle.Estimate]:
    values = [oracle.exact(y) for y in case.values]

    def f(x: Any) -> Any:
        return case.plain(*values[:i], x, *values[i + 1 :])

    return oracle.directional(f, [case.values[i]], [v], step=step)


def _sure(e: oracle.Estimate, tolerance: float) -> bool:
    return bool(np.all(e.error <= tolerance / 4 * np.maximum(1, np.abs(e.value))))


@functools.cache
def truths(prim: Primitive, dtype: Any = np.float64, layout: Callable | None = None) -> list[Truth | Case]:
    """For each sample of a record, the truth at the first seed where the oracle is sure, or the bare case."""
    out: list[Truth | Case] = []
    for k, case in enumerate(cases(prim, dtype, 0, layout)):
        found = (truth(c) for c in (case, *(cases(prim, dtype, seed, layout)[k] for seed in (1, 2))))
        out.append(next((t for t in found if t is not None), case))
    return out


def sure(item: Any) -> Any:
    """`item`, which the oracle is sure of; fails, with the reason, where it is not."""
    if isinstance(item, Case):
        item.plain(*item.values)
        pytest.fail("differences of the plain function do not converge: give the sample smoother arguments")
    return item


# ---- the package's side ------------------------------------------------------------------------------------


def cotangents_for(ys: list[Any], prepare: Callable = lambda x: x) -> list[Any]:
    rng = np.random.default_rng(11)
    return [prepare(oracle.direction(rng, y)) for y in ys]


def check_reverse(item: Truth | Case, tolerance: float = FIRST, prepare: Callable = lambda x: x) -> None:
    case, ruled, directions, slopes = sure(item)
    gs = cotangents_for(oracle.leaves(case.plain(*case.values)), prepare)
    for active in [ruled, *([i] for i in ruled if len(ruled) > 1)]:
        _, grads = modes.vjp(case.traced, case.values, lambda _: gs, active)
        for i in active:
            what = f"reverse mode, operand {case.names[i]}{list(case.paths[i][2:])}"
            x, h = case.values[i], grads[i]
            assert shape_of(h) == shape_of(x), (
                f"{what}: gradient of shape {shape_of(h)} for an operand of shape {shape_of(x)}"
            )
            assert dtype_of(h) == dtype_of(x), (
                f"{what}: gradient of dtype {dtype_of(h)} for an operand of dtype {dtype_of(x)}"
            )
            got, want = modes.pair([h], [directions[i]]), modes.pair(gs, slopes[i])
            scale = max(1.0, sum(np.sum(np.abs(g * d)) for g, d in zip(gs, slopes[i], strict=True)))
            assert abs(got - want) <= tolerance * scale, (
                f"{what}: got {got}, expected {want}; gradient {_show(h)}"
            )


def check_forward(item: Truth | Case, tolerance: float = FIRST, prepare: Callable = lambda x: x) -> None:
    case, ruled, directions, slopes = sure(item)
    wanted = [y.dtype for y in oracle.leaves(case.plain(*case.values))]
    for active in [*([i] for i in ruled), *([ruled] if len(ruled) > 1 else [])]:
        tangents = [prepare(v) if i in active else None for i, v in enumerate(directions)]
        _, ts = modes.jvp(case.traced, case.values, tangents)
        for k, (t, dtype) in enumerate(zip(ts, wanted, strict=True)):
            what = f"forward mode, operand {' and '.join(case.names[i] for i in active)}, output {k}"
            want = sum(slopes[i][k] for i in active)
            assert shape_of(t) == shape_of(want), (
                f"{what}: tangent of shape {shape_of(t)} for an output of shape {shape_of(want)}"
            )
            assert dtype_of(t) == dtype, (
                f"{what}: tangent of dtype {dtype_of(t)} for an output of dtype {dtype}"
            )
            close(t, want, what, tolerance)


class Second(NamedTuple):
    """What second-order tests of a case need."""

    case: Case
    loss: modes.Loss
    vs: list[np.ndarray]
    ws: list[np.ndarray]
    want: float
    scale: float

    def __repr__(self) -> str:
        return repr(self.case)


def second(case: Case) -> Second | None:
    """The oracle's mixed second derivative of a loss, if it is sure."""
    return _quietly(_second, case)


def _second(case: Case) -> Second | None:
    rng = np.random.default_rng(13)
    ruled = case.ruled()
    vs, ws = ([0.5 * oracle.direction(rng, x) for x in case.values] for _ in range(2))
    for i in set(range(len(case.values))) - set(ruled):
        vs[i], ws[i] = np.zeros_like(vs[i]), np.zeros_like(ws[i])
    ys = oracle.leaves(case.plain(*case.values))
    gs, cs = ([oracle.direction(rng, y) / np.max(np.abs(y), initial=1) for y in ys] for _ in range(2))
    loss = modes.Loss(gs, cs)
    for step in (0.05, 0.008):
        estimates = oracle.second_directional(
            lambda *xs: loss(oracle.leaves(case.plain(*xs))), case.values, vs, ws, step=step
        )
        if all(_sure(e, SECOND) for e in estimates):
            want = float(estimates[0].value)
            return Second(case, loss, vs, ws, want, max(1.0, abs(want)))
    return None


@functools.cache
def seconds(prim: Primitive, dtype: Any) -> list[Second | Case]:
    out: list[Second | Case] = []
    for k, case in enumerate(cases(prim, dtype)):
        found = (second(c) for c in (case, *(cases(prim, dtype, seed)[k] for seed in (1, 2))) if c.ruled())
        out.append(next((s for s in found if s is not None), case))
    return [s for s in out if (s if isinstance(s, Case) else s.case).ruled()]


def check_second(item: Second | Case, mode: str) -> None:
    case, loss, vs, ws, want, scale = sure(item)
    ruled = case.ruled()

    def f(*xs: Any) -> Any:
        full = list(case.values)
        for i, x in zip(ruled, xs, strict=True):
            full[i] = x
        return case.traced(*full)

    xs, vs, ws = ([row[i] for i in ruled] for row in (case.values, vs, ws))
    got = modes.SECOND_ORDER[mode](f, xs, loss, vs, ws)
    assert abs(got - want) <= SECOND * scale, f"{mode}: got {got}, expected {want}"


def boxed(case: Case, box: Callable) -> list[Any]:
    ruled = case.ruled()
    return [box(x) if i in ruled else x for i, x in enumerate(case.values)]


def unboxed(y: Any) -> Any:
    if isinstance(y, Box):
        return y._value
    if isinstance(y, (tuple, list)):
        items = [unboxed(item) for item in y]
        return y._make(items) if hasattr(y, "_make") else type(y)(items)
    return y


def same_tree(got: Any, want: Any, what: str) -> None:
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want), f"{what}: {len(got)} outputs, expected {len(want)}"
        for k, (g, w) in enumerate(zip(got, want, strict=True)):
            same_tree(g, w, f"{what}, output {k}")
    elif isinstance(want, (np.ndarray, np.generic, int, float, complex)) and dtype_of(want).kind in "fciub":
        same(got, want, what)
    else:
        assert np.array_equal(got, want), f"{what}: got {got!r}, expected {want!r}"
