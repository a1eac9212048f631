"""Every rule in the registry against differences of the plain function: one test per record and aspect.

Nothing is listed by hand: the records are those of `autograd_clone.rules`, the arguments those of each record's
samples. A failure says primitive, sample, mode, operand, what was got and what was expected. To look at one function:
``pytest tests/test_rules.py -k numpy.linalg.solve``.
"""

from __future__ import annotations

import dis
import functools
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_clone.engine.box import Box, new_box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.errors import MissingRuleError, NotDifferentiableError, UnsupportedKeywordError
from autograd_clone.engine.forward import ForwardTrace
from autograd_clone.engine.primitive import Primitive
from autograd_clone.engine.reverse import ReverseTrace, root

from . import modes, oracle
from .cases import (
    DIFFERENTIABLE,
    RECORDS,
    REFUSED,
    ZERO,
    Case,
    accepted,
    arrays,
    cases,
    emptied,
    has_samples,
    other_passings,
    scalars,
    strided,
    transposed,
)

FIRST = 1e-8  # relative to max(1, |derivative|)
SECOND = 1e-6
SINGLE = 2e-4

#: Differentiable records that no sample can be given for, and why.
WITHOUT_SAMPLES: dict[str, str] = {}
#: (record, parameter) that rules handle but no sample can pass, and why.
WITHOUT_KEYWORD: dict[tuple[str, str], str] = {}
#: Parameters of NumPy functions that are no business of a derivative rule: refused, or without influence on values.
NEVER_PASSED = {"out", "subok", "like", "device", "casting", "signature", "extobj"}

TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]
COMPLEX = [p for p in TESTED if p.complex]


def per_record(prims: Iterable[Primitive]) -> Any:
    prims = list(prims)
    return pytest.mark.parametrize("prim", prims, ids=[p.name for p in prims])


@pytest.fixture(autouse=True)
def _checked(request):
    """Have the engine check what rules return, unless a test wants to see what they return unchecked."""
    before = [p.checked for p in RECORDS]
    for p in RECORDS:
        p.checked = "unchecked" not in request.keywords
    yield
    for p, checked in zip(RECORDS, before, strict=True):
        p.checked = checked


# ---- collecting failures ------------------------------------------------------------------------------------


def check(items: Iterable[Any], body: Callable[[Any], Any]) -> int:
    """Run `body` on every item and fail once, with everything that went wrong; return the number of items."""
    failures, count = [], 0
    for item in items:
        count += 1
        try:
            body(item)
        except AssertionError as error:
            failures.append(f"{item!r}\n    {error}")
        except Exception as error:
            where = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[:-6:-1])
            failures.append(f"{item!r}\n    raised {type(error).__name__}: {error}\n    at {where}")
    if failures:
        rest = [f"... and {len(failures) - 8} more"] if len(failures) > 8 else []
        pytest.fail(f"{len(failures)} of {count}:\n" + "\n".join(failures[:8] + rest), pytrace=False)
    return count


def same(got: Any, want: Any, what: str, rtol: float = 1e-10) -> None:
    """Assert that an array has the values, shape and dtype that are wanted."""
    assert shape_of(got) == shape_of(want), f"{what}: got shape {shape_of(got)}, expected {shape_of(want)}"
    assert dtype_of(got) == dtype_of(want), f"{what}: got dtype {dtype_of(got)}, expected {dtype_of(want)}"
    close(got, want, what, rtol)


def close(got: Any, want: Any, what: str, rtol: float) -> None:
    scale = np.max(np.abs(want), initial=1.0, where=np.isfinite(want))
    if not np.allclose(got, want, rtol=rtol, atol=rtol * scale, equal_nan=True):
        raise AssertionError(f"{what}: got {_show(got)}, expected {_show(want)}, difference {np.max(np.abs(got - want)):.2g}")


def _show(x: Any) -> str:
    return np.array2string(np.asarray(x), precision=10, threshold=12, edgeitems=3).replace("\n", "")


# ---- the oracle's side --------------------------------------------------------------------------------------


class Truth(NamedTuple):
    """A case with what the oracle says of it: per leaf, a direction and the derivatives of the outputs along it."""

    case: Case
    ruled: list[int]
    directions: list[np.ndarray]
    slopes: list[list[np.ndarray]]

    def __repr__(self) -> str:
        return repr(self.case)


def truth(case: Case, tolerance: float = FIRST) -> Truth | None:
    """What the oracle says, if it is sure."""
    rng = np.random.default_rng(7)
    directions = [oracle.direction(rng, x) for x in case.values]
    ruled = case.ruled()
    for step in (0.05, 0.005):
        slopes = [_slopes(case, i, directions[i], step) if i in ruled else [] for i in range(len(case.values))]
        if all(_sure(e, tolerance) for row in slopes for e in row):
            return Truth(case, ruled, directions, [[e.value for e in row] for row in slopes])
    return None


def _slopes(case: Case, i: int, v: np.ndarray, step: float) -> list[oracle.Estimate]:
    def f(x: Any) -> Any:
        return case.plain(*case.values[:i], x, *case.values[i + 1 :])

    return oracle.directional(f, [case.values[i]], [v], step=step)


def _sure(e: oracle.Estimate, tolerance: float) -> bool:
    return bool(np.all(e.error <= tolerance / 4 * np.maximum(1, np.abs(e.value))))


@functools.cache
def truths(prim: Primitive, dtype: Any = np.float64, layout: Callable | None = None) -> list[Truth | Case]:
    """For each sample of a record the truth at the first seed where the oracle is sure; the bare case if at none."""
    out: list[Truth | Case] = []
    for k, case in enumerate(cases(prim, dtype, 0, layout)):
        found = (truth(c) for c in (case, *(cases(prim, dtype, seed, layout)[k] for seed in (1, 2))))
        out.append(next((t for t in found if t is not None), case))
    return out


def sure(item: Truth | Case) -> Truth:
    assert isinstance(item, Truth), "differences of the plain function do not converge: give the sample smoother arguments"
    return item


# ---- the package's side -------------------------------------------------------------------------------------


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
            assert shape_of(h) == shape_of(x), f"{what}: gradient of shape {shape_of(h)} for an operand of shape {shape_of(x)}"
            assert dtype_of(h) == dtype_of(x), f"{what}: gradient of dtype {dtype_of(h)} for an operand of dtype {dtype_of(x)}"
            got, want = modes.pair([h], [directions[i]]), modes.pair(gs, slopes[i])
            scale = max(1.0, sum(np.sum(np.abs(g * d)) for g, d in zip(gs, slopes[i], strict=True)))
            assert abs(got - want) <= tolerance * scale, f"{what}: got {got}, expected {want}; gradient {_show(h)}"


def check_forward(item: Truth | Case, tolerance: float = FIRST, prepare: Callable = lambda x: x) -> None:
    case, ruled, directions, slopes = sure(item)
    wanted = [y.dtype for y in oracle.leaves(case.plain(*case.values))]
    for active in [*([i] for i in ruled), *([ruled] if len(ruled) > 1 else [])]:
        tangents = [prepare(v) if i in active else None for i, v in enumerate(directions)]
        _, ts = modes.jvp(case.traced, case.values, tangents)
        for k, (t, dtype) in enumerate(zip(ts, wanted, strict=True)):
            what = f"forward mode, operand {' and '.join(case.names[i] for i in active)}, output {k}"
            want = sum(slopes[i][k] for i in active)
            assert shape_of(t) == shape_of(want), f"{what}: tangent of shape {shape_of(t)} for an output of shape {shape_of(want)}"
            assert dtype_of(t) == dtype, f"{what}: tangent of dtype {dtype_of(t)} for an output of dtype {dtype}"
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
    rng = np.random.default_rng(13)
    ruled = case.ruled()
    vs, ws = ([0.5 * oracle.direction(rng, x) for x in case.values] for _ in range(2))
    for i in set(range(len(case.values))) - set(ruled):
        vs[i], ws[i] = np.zeros_like(vs[i]), np.zeros_like(ws[i])
    ys = oracle.leaves(case.plain(*case.values))
    gs, cs = ([oracle.direction(rng, y) / np.max(np.abs(y), initial=1) for y in ys] for _ in range(2))
    loss = modes.Loss(gs, cs)
    for step in (0.05, 0.008):
        estimates = oracle.second_directional(lambda *xs: loss(oracle.leaves(case.plain(*xs))), case.values, vs, ws, step=step)
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
    assert isinstance(item, Second), "second differences of the plain function do not converge: give the sample smoother arguments"
    case, loss, vs, ws, want, scale = item
    ruled = case.ruled()

    def f(*xs: Any) -> Any:
        full = list(case.values)
        for i, x in zip(ruled, xs, strict=True):
            full[i] = x
        return case.traced(*full)

    xs, vs, ws = ([row[i] for i in ruled] for row in (case.values, vs, ws))
    got = modes.SECOND_ORDER[mode](f, xs, loss, vs, ws)
    assert abs(got - want) <= SECOND * scale, f"{mode}: got {got}, expected {want}"


# ---- the tests ----------------------------------------------------------------------------------------------


def test_the_registry_is_not_empty():
    assert len(DIFFERENTIABLE) > 20


@per_record(DIFFERENTIABLE)
def test_has_samples(prim):
    assert prim.name in WITHOUT_SAMPLES or has_samples(prim), f"{prim.name} ({prim.kind}) is differentiable but has no samples"
    assert prim.name in WITHOUT_SAMPLES or any(c.ruled() for c in cases(prim)), f"no sample of {prim.name} has a floating-point operand"


@per_record(TESTED)
def test_value(prim):
    def body(case: Case) -> None:
        want = case.plain(*case.values)
        for mode, run in (("reverse", _traced_reverse), ("forward", _traced_forward)):
            got = run(case)
            assert type(got) is type(want) or not isinstance(want, (tuple, list)), f"{mode}: got a {type(got)}, expected a {type(want)}"
            _same_tree(got, want, f"value under {mode} mode")

    check(cases(prim), body)


def _traced_reverse(case: Case) -> Any:
    with ReverseTrace() as trace:
        return _unbox(case.traced(*_boxed(case, lambda x: new_box(x, trace, root()))))


def _traced_forward(case: Case) -> Any:
    with ForwardTrace() as trace:
        return _unbox(case.traced(*_boxed(case, lambda x: new_box(x, trace, np.zeros_like(x)))))


def _boxed(case: Case, box: Callable) -> list[Any]:
    ruled = case.ruled()
    return [box(x) if i in ruled else x for i, x in enumerate(case.values)]


def _unbox(y: Any) -> Any:
    if isinstance(y, Box):
        return y._value
    if isinstance(y, (tuple, list)):
        items = [_unbox(item) for item in y]
        return y._make(items) if hasattr(y, "_make") else type(y)(items)
    return y


def _same_tree(got: Any, want: Any, what: str) -> None:
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want), f"{what}: {len(got)} outputs, expected {len(want)}"
        for k, (g, w) in enumerate(zip(got, want, strict=True)):
            _same_tree(g, w, f"{what}, output {k}")
    elif dtype_of(want).kind in "fciub":
        same(got, want, what)
    else:
        assert np.array_equal(got, want), f"{what}: got {got!r}, expected {want!r}"


@per_record(TESTED)
def test_reverse(prim):
    check(truths(prim), check_reverse)


@per_record(TESTED)
def test_forward(prim):
    check(truths(prim), check_forward)


@pytest.mark.parametrize("mode", modes.SECOND_ORDER)
@per_record(TESTED)
def test_second_order(prim, mode):
    check(seconds(prim, np.float64), lambda item: check_second(item, mode))


@per_record(COMPLEX)
def test_complex_value(prim):
    def body(case: Case) -> None:
        _same_tree(_traced_reverse(case), case.plain(*case.values), "value")

    check(cases(prim, np.complex128), body)


@per_record(COMPLEX)
def test_complex_reverse(prim):
    check(truths(prim, np.complex128), check_reverse)


@per_record(COMPLEX)
def test_complex_forward(prim):
    check(truths(prim, np.complex128), check_forward)


@pytest.mark.parametrize("mode", modes.SECOND_ORDER)
@per_record(COMPLEX)
def test_complex_second_order(prim, mode):
    check(seconds(prim, np.complex128), lambda item: check_second(item, mode))


@pytest.mark.unchecked
@per_record(TESTED)
def test_single_precision(prim):
    """Outputs, gradients and tangents have the dtype of NumPy's own output and of the operand, and are right."""

    def body(case: Case) -> None:
        t = truth(case)
        if t is not None:  # where the oracle is not sure, test_reverse says so
            check_reverse(t, SINGLE)
            check_forward(t, SINGLE)
        _same_tree(_dtypes(_traced_reverse(case)), _dtypes(case.plain(*case.values)), "dtype")

    check(cases(prim, np.float32), body)


@pytest.mark.unchecked
@per_record(COMPLEX)
def test_single_precision_complex(prim):
    def body(case: Case) -> None:
        t = truth(case)
        if t is not None:
            check_reverse(t, SINGLE)
            check_forward(t, SINGLE)

    check(cases(prim, np.complex64), body)


def _dtypes(y: Any) -> Any:
    """`y` with every array replaced by zeros."""
    if isinstance(y, (tuple, list)):
        return [_dtypes(item) for item in y]
    return np.zeros(shape_of(y), dtype_of(y))


@pytest.mark.unchecked
@per_record(TESTED)
def test_long_double(prim):
    def takes_it(case: Case) -> bool:
        ys = oracle.leaves(case.plain(*case.values)) if accepted(case) else []
        return any(y.dtype.type in (np.longdouble, np.clongdouble) for y in ys)

    found = [c for c in cases(prim, np.longdouble) if takes_it(c)]
    if not found:
        pytest.skip("the function itself has no long double form")

    def body(case: Case) -> None:
        t = truth(case)
        if t is not None:
            check_reverse(t)
            check_forward(t)

    check(found, body)


@pytest.mark.parametrize("layout", [strided, transposed])
@per_record(TESTED)
def test_layout(prim, layout):
    """Read-only operands, cotangents and tangents with gaps and in Fortran order; nothing is written to."""

    def body(item: Truth | Case) -> None:
        case = sure(item).case
        before = [a.copy() for a in arrays(case)]
        check_reverse(item, prepare=layout)
        check_forward(item, prepare=layout)
        assert all(np.array_equal(a, b) for a, b in zip(arrays(case), before, strict=True)), "an argument was changed"

    check((t for t in truths(prim, layout=layout) if isinstance(t, Truth)), body)


@per_record(TESTED)
def test_empty(prim):
    """Wherever NumPy takes arrays without elements, so does the derivative."""

    def body(case: Case) -> None:
        ruled = case.ruled()
        ys, grads = modes.vjp(case.traced, case.values, cotangents_for, ruled)
        for i in ruled:
            same(grads[i], np.zeros_like(case.values[i]), f"reverse mode, operand {case.names[i]}")
        tangents = [np.zeros_like(x) if i in ruled else None for i, x in enumerate(case.values)]
        for t, y in zip(modes.jvp(case.traced, case.values, tangents)[1], ys, strict=True):
            same(t, np.zeros_like(y), "forward mode")

    check((e for c in cases(prim) for e in emptied(c) if c.ruled() and accepted(e)), body)


@per_record(TESTED)
def test_scalars(prim):
    """Wherever NumPy takes 0-d arrays and scalars, so does the derivative."""

    def body(item: Truth) -> None:
        check_reverse(item)
        check_forward(item)

    found = (truth(e) for c in cases(prim) for e in scalars(c) if c.ruled() and accepted(e))
    check((t for t in found if t is not None), body)


@per_record(TESTED)
def test_passing(prim):
    """Arguments passed by position and by keyword mean the same."""

    def body(pair: tuple[Case, Case]) -> None:
        case, other = pair
        ruled = [case.ruled(), other.ruled()]
        if len(ruled[0]) != len(ruled[1]):
            raise AssertionError("an operand is not recognised in one of the two forms")
        values, grads = modes.vjp(case.traced, case.values, cotangents_for, ruled[0])
        got_values, got_grads = modes.vjp(other.traced, other.values, cotangents_for, ruled[1])
        for y, want in zip(got_values, values, strict=True):
            same(y, want, "value")
        for (i, name), j in zip(_ordered(case), (j for j, _ in _ordered(other)), strict=True):
            same(got_grads[j], grads[i], f"reverse mode, operand {name}")

    check(((c, o) for c in cases(prim) for o in other_passings(c) if c.ruled() and accepted(o)), body)


def _ordered(case: Case) -> list[tuple[int, str]]:
    """The ruled leaves in an order that does not depend on how they were passed."""
    return sorted(((i, case.names[i]) for i in case.ruled()), key=lambda item: (item[1], case.paths[item[0]][2:]))


@per_record(TESTED)
def test_operands_without_rule_are_refused(prim):
    def body(case: Case) -> None:
        for i in set(range(len(case.values))) - set(case.ruled()):
            with pytest.raises(MissingRuleError, match=case.names[i]):
                modes.vjp(case.traced, case.values, cotangents_for, [i])

    check(cases(prim), body)


@per_record(p for p in TESTED if p.samples is not None)
def test_every_keyword_has_a_sample(prim):
    """Every operand and every parameter that the record handles is passed in some sample."""
    passed = {name for case in cases(prim) for name in _passed(prim, case)}
    missing = {name for name in _handled(prim) - passed - NEVER_PASSED if (prim.name, name) not in WITHOUT_KEYWORD}
    assert not missing, f"no sample of {prim.name} passes {', '.join(sorted(missing))} with a value other than the default"


def _handled(prim: Primitive) -> set[str]:
    if prim.kind == "composite":
        return set(_implementation_names(prim))
    rules = [r for r in (*prim.vjps.values(), *prim.jvps.values()) if r is not None]
    if isinstance(prim.fun, np.ufunc):
        return {n for r in rules for n in r.names if n in prim.defaults}
    named = {n for r in rules for n in r.names if n in prim.defaults} | (set(prim.harmless) & set(prim.defaults))
    return named | set(prim.operands)


def _implementation_names(prim: Primitive) -> Iterator[str]:
    import inspect

    for name, p in inspect.signature(prim.implementation).parameters.items():
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            yield name


def _passed(prim: Primitive, case: Case) -> Iterator[str]:
    import inspect

    if prim.variadic is not None and not prim.sequence:
        yield from prim.operands
    elif prim.kind == "composite":
        yield from list(_implementation_names(prim))[: len(case.sample.args)]
    else:
        try:
            defaults = {n: p.default for n, p in inspect.signature(prim.fun).parameters.items()}
        except (TypeError, ValueError):
            defaults = {}
        for name, value in zip(prim.names, case.sample.args, strict=False):
            if not (type(value) in (bool, int, str, type(None)) and value == defaults.get(name, NotImplemented)):
                yield name
    yield from case.sample.kwargs


# ---- what records declare about themselves ------------------------------------------------------------------


@per_record(p for p in TESTED if p.kind in ("linear", "multilinear"))
def test_is_linear(prim):
    def body(case: Case) -> None:
        rng = np.random.default_rng(3)
        others = [oracle.direction(rng, x) for x in case.values]
        groups = [range(len(others))] if prim.kind == "linear" else [[i] for i in range(len(others))]
        for group in groups:
            mixed = [2.0 * x - 3.0 * y if i in group else x for i, (x, y) in enumerate(zip(case.values, others, strict=True))]
            swapped = [y if i in group else x for i, (x, y) in enumerate(zip(case.values, others, strict=True))]
            outs = (oracle.leaves(case.plain(*xs)) for xs in (mixed, case.values, swapped))
            for got, fx, fy in zip(*outs, strict=True):
                close(got, 2.0 * fx - 3.0 * fy, "f(2x - 3y) against 2f(x) - 3f(y)", 1e-11)

    check(cases(prim), body)


@per_record(p for p in TESTED if p.kind == "elementwise")
def test_is_elementwise(prim):
    """Each output element is the function of the corresponding input elements: the Jacobian is diagonal."""

    def body(case: Case) -> None:
        if case.sample.kwargs or not case.values:
            return
        y = case.plain(*case.values)
        assert np.shape(y) == np.broadcast_shapes(*map(np.shape, case.sample.args)), "the output does not have the broadcast shape"
        wide = [np.broadcast_to(x, np.shape(y)) for x in case.sample.args]
        for index in np.ndindex(np.shape(y)):
            close(prim.fun(*(x[index] for x in wide)), np.asarray(y)[index], f"element {index}", 1e-12)

    check(cases(prim), body)


@per_record(p for p in TESTED if p.kind != "composite")
def test_keeps_only_declared_residuals(prim):
    """The node that a call leaves behind holds no operand, and no output, that its rules do not name."""

    def body(case: Case) -> None:
        if case.sample.via is not None or not case.ruled():
            return
        with ReverseTrace() as trace:
            result = case.traced(*_boxed(case, lambda x: new_box(x.copy(), trace, root())))
            boxes = [b for b in modes.leaves(result) if isinstance(b, Box)]
            for residual in _residuals(prim, boxes):
                for name, array in _watched(case, result, boxes):
                    assert not np.may_share_memory(residual, array), f"{name} is kept although no rule names it"

    check(cases(prim), body)



def _declared(prim: Primitive) -> set[str]:
    return {n for r in prim.vjps.values() if r is not None for n in r.names}


def _watched(case: Case, result: Any, boxes: list[Box]) -> Iterator[tuple[str, np.ndarray]]:
    """Arrays that no rule asked for."""
    declared = _declared(case.prim)
    for name, x in zip(case.names, case.values, strict=True):
        if name not in declared and isinstance(x, np.ndarray) and x.size:
            yield name, x
    if "ans" not in declared:
        for b in boxes:
            if isinstance(b._value, np.ndarray) and b._value.size:
                yield "ans", b._value


def _residuals(prim: Primitive, boxes: list[Box]) -> Iterator[np.ndarray]:
    """The arrays in the residuals of a call's own node (rules made by transposition keep what they need)."""
    if any(k not in prim.vjps for k in prim.jvps):
        return
    for b in boxes:
        for node in (b._link, *(b._link[k] for k in range(1, len(b._link), 4))):
            for k in range(3, len(node), 4):
                yield from _arrays_in(node[k])


def _arrays_in(x: Any) -> Iterator[np.ndarray]:
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from _arrays_in(item)
    elif isinstance(x, dict):
        yield from _arrays_in(list(x.values()))


@per_record(p for p in DIFFERENTIABLE if p.kind not in ("composite",))
def test_uses_the_residuals_it_declares(prim):
    """A rule that names an operand or the output, which is then kept alive, reads it."""
    idle = set()
    for table, mode in ((prim.vjps, "VJP"), (prim.jvps, "JVP")):
        for key, rule in table.items():
            if rule is None or not hasattr(rule.source, "__code__"):
                continue
            code = rule.source.__code__
            arguments = code.co_varnames[: code.co_argcount]
            read = set(_names_read(code))
            kept = [n for n in arguments if n in prim.operands or n == "ans"]
            idle |= {f"{mode} of operand {key}: {n}" for n in kept if n not in read}
    assert not idle, f"{prim.name} keeps arrays for nothing: {sorted(idle)}"


def _names_read(code: Any) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE", "MAKE_CELL")):
            value = instruction.argval
            yield from value if isinstance(value, tuple) else (value,)
        elif "LOAD_FAST" in instruction.opname:
            yield from instruction.argval


# ---- records without derivative -----------------------------------------------------------------------------


@per_record(ZERO)
def test_zero_records_run_on_plain_values(prim):
    found = cases(prim) if has_samples(prim) else _guessed(prim)

    def body(case: Case) -> None:
        want = case.plain(*case.values)
        for mode, trace, node in (("reverse", ReverseTrace(), root), ("forward", ForwardTrace(), None)):
            with trace:
                boxed = [new_box(x, trace, node() if node else np.zeros_like(x)) for x in case.values]
                got = case.traced(*boxed)
                assert not any(isinstance(y, Box) for y in (got if isinstance(got, (tuple, list)) else [got])), "the result is traced"
            _same_tree(got, want, f"value under {mode} mode")

    check(found, body)


def _guessed(prim: Primitive) -> list[Case]:
    """One or two plain arrays as arguments, if the function takes them."""
    from autograd_clone.engine.samples import Sampler

    s = Sampler()
    for args in ((s.positive(3, 4),), (s.positive(3, 4), s.positive(3, 4))):
        case = _EveryArray(prim, "guessed", s(*args))
        if accepted(case):
            return [case]
    return []


class _EveryArray(Case):
    """A case of a record that declares no operands."""

    def __init__(self, prim: Primitive, label: str, sample: Any) -> None:
        super().__init__(prim, label, sample)
        self.paths = [("args", i) for i in range(len(sample.args))]
        self.names = [f"argument {i}" for i in range(len(sample.args))]
        self.values = list(sample.args)


@per_record(REFUSED)
def test_refused_records_say_so(prim):
    from autograd_clone.array.box import call

    with ReverseTrace() as trace, pytest.raises(NotDifferentiableError, match=prim.fun.__name__):
        call(prim.fun, (new_box(np.ones(3), trace, root()),), {})


# ---- keywords of ufuncs -------------------------------------------------------------------------------------


@per_record(p for p in TESTED if isinstance(p.fun, np.ufunc) and p.fun.signature is None and p.fun.nout == 1)
def test_ufunc_keywords(prim):
    """``where=`` and ``out=`` are right or refused by name; ``dtype=``, ``order=`` and ``casting=`` are right."""
    case = next((c for c in cases(prim) if c.ruled() and not c.sample.kwargs), None)
    if case is None:
        pytest.skip("no sample without keywords")
    y = prim.fun(*case.arguments(case.values)[0])
    mask = np.arange(np.size(y)).reshape(np.shape(y)) % 2 == 0
    out = np.zeros_like(y)

    def into(label: str, **keywords: Any) -> Case:
        via = lambda f, *args: f(*args, out=out.copy(), **keywords)
        return Case(prim, f"0 with {label}", case.sample._replace(via=via))

    def with_(label: str, **keywords: Any) -> Case:
        return Case(prim, f"0 with {label}", case.sample._replace(kwargs=keywords))

    may_refuse = [into("out="), into("where= and out=", where=mask)]
    must = [with_("order", order="F"), with_("casting", casting="same_kind"), with_("dtype", dtype=np.longdouble)]

    def body(c: Case) -> None:
        t = truth(c)
        if t is None:
            return
        try:
            check_reverse(t)
            check_forward(t)
        except UnsupportedKeywordError as error:
            assert c in may_refuse, f"refused: {error}"
            assert prim.name in str(error), f"the refusal does not name the function: {error}"

    check((c for c in may_refuse + must if accepted(c)), body)
