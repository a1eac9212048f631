"""What records say of themselves: samples, parameters, residuals, linearity; and those without derivative."""

from __future__ import annotations

import dis
import importlib.util
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

from autograd_clone.array.box import call
from autograd_clone.engine.box import Box, new_box
from autograd_clone.engine.errors import NotDifferentiableError
from autograd_clone.engine.forward import ForwardTrace
from autograd_clone.engine.primitive import Primitive, find
from autograd_clone.engine.reverse import ReverseTrace, root
from autograd_clone.engine.samples import Sampler

from . import modes, oracle
from .cases import DIFFERENTIABLE, IS_NEW, REFUSED, ZERO, Case, accepted, cases, has_samples
from .checks import boxed, check, close, per_record, same_tree

#: Differentiable records that no sample can be given for, and why.
WITHOUT_SAMPLES: dict[str, str] = {}
#: (record, parameter) that rules handle but no sample can pass, and why.
WITHOUT_KEYWORD: dict[tuple[str, str], str] = {}
if "descending" not in inspect.signature(np.sort).parameters:
    WITHOUT_KEYWORD["numpy.sort", "descending"] = "NumPy has it since 2.5"
#: Parameters of NumPy functions that are no business of a rule: refused, or without influence on values.
NEVER_PASSED = {"out", "subok", "like", "device", "casting", "signature", "extobj"}

#: Functions whose result has no values yet.
UNINITIALISED = {"numpy.empty_like"}

TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]


#: Modules whose functions do not dispatch, and are in the registry all the same.
SERIES = ("polynomial", "chebyshev", "legendre", "laguerre", "hermite", "hermite_e", "polyutils")


def test_the_registry_is_not_empty():
    assert len(DIFFERENTIABLE) > 20


def test_every_function_of_numpy_is_in_the_registry():
    """Each is differentiable, piecewise constant, or refused with a reason; a new one shows here."""
    for name in ("numpy.char", "numpy.lib.recfunctions", "numpy.strings"):  # what they define counts once they are imported
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    functions = get_overridable_numpy_array_functions() | get_overridable_numpy_ufuncs()
    for module in (getattr(np.polynomial, name) for name in SERIES):
        functions |= {f for f in map(vars(module).get, module.__all__) if inspect.isfunction(f)}
    missing = sorted(
        f"{f.__module__}.{f.__name__}" if hasattr(f, "__module__") else f.__name__
        for f in functions
        if find(f) is None
    )
    assert not missing, f"no record of {missing}"


@per_record(DIFFERENTIABLE)
def test_has_samples(prim):
    assert prim.name in WITHOUT_SAMPLES or has_samples(prim), (
        f"{prim.name} ({prim.kind}) is differentiable but has no samples"
    )
    assert prim.name in WITHOUT_SAMPLES or any(c.ruled() for c in cases(prim)), (
        f"no sample of {prim.name} has a floating-point operand"
    )


@pytest.mark.skipif(not IS_NEW, reason="older versions lack parameters, and samples that pass them are left out")
@per_record(p for p in TESTED if p.samples is not None)
def test_every_keyword_has_a_sample(prim):
    """Every operand and every parameter that the record handles is passed in some sample."""
    passed = {name for case in cases(prim) for name in _passed(prim, case)}
    missing = {
        name for name in _handled(prim) - passed - NEVER_PASSED if (prim.name, name) not in WITHOUT_KEYWORD
    }
    assert not missing, (
        f"no sample of {prim.name} passes {', '.join(sorted(missing))} with a value other than the default"
    )


def _handled(prim: Primitive) -> set[str]:
    if prim.kind == "composite":
        public = set(prim.names)
        return {n for n in _implementation_names(prim) if not public or n in public}
    rules = [r for r in (*prim.vjps.values(), *prim.jvps.values()) if r is not None]
    if isinstance(prim.fun, np.ufunc):
        return {n for r in rules for n in r.names if n in prim.defaults}
    named = {n for r in rules for n in r.names if n in prim.defaults} | (
        set(prim.harmless) & set(prim.defaults)
    )
    return named | set(prim.operands)


def _implementation_names(prim: Primitive) -> Iterator[str]:
    for name, p in inspect.signature(prim.implementation).parameters.items():
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            yield name


def _passed(prim: Primitive, case: Case) -> Iterator[str]:
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
            if not (
                type(value) in (bool, int, str, type(None)) and value == defaults.get(name, NotImplemented)
            ):
                yield name
    yield from case.sample.kwargs


# ---- what records declare about themselves -----------------------------------------------------------------


@per_record(p for p in TESTED if p.kind in ("linear", "multilinear"))
def test_is_linear(prim):
    def body(case: Case) -> None:
        rng = np.random.default_rng(3)
        others = [oracle.direction(rng, x) for x in case.values]
        groups = [range(len(others))] if prim.kind == "linear" else [[i] for i in range(len(others))]
        for group in groups:
            mixed = [
                2.0 * x - 3.0 * y if i in group else x
                for i, (x, y) in enumerate(zip(case.values, others, strict=True))
            ]
            swapped = [
                y if i in group else x for i, (x, y) in enumerate(zip(case.values, others, strict=True))
            ]
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
        assert np.shape(y) == np.broadcast_shapes(*map(np.shape, case.sample.args)), (
            "the output does not have the broadcast shape"
        )
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
            result = case.traced(*boxed(case, lambda x: new_box(x.copy(), trace, root())))
            boxes = [b for b in modes.leaves(result) if isinstance(b, Box)]
            for residual in _residuals(prim, boxes):
                for name, array in _watched(case, result, boxes):
                    assert not np.may_share_memory(residual, array), (
                        f"{name} is kept although no rule names it"
                    )

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


@per_record(p for p in DIFFERENTIABLE if p.kind != "composite")
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


# ---- records without derivative ----------------------------------------------------------------------------


@per_record(ZERO)
def test_zero_records_run_on_plain_values(prim):
    found = cases(prim) if has_samples(prim) else _guessed(prim)

    def body(case: Case) -> None:
        if prim.name in UNINITIALISED:
            return
        want = case.plain(*case.values)
        for mode, trace, node in (("reverse", ReverseTrace(), root), ("forward", ForwardTrace(), None)):
            with trace:
                boxed = [new_box(x, trace, node() if node else np.zeros_like(x)) for x in case.values]
                got = case.traced(*boxed)
                assert not any(
                    isinstance(y, Box) for y in (got if isinstance(got, (tuple, list)) else [got])
                ), "the result is traced"
            same_tree(got, want, f"value under {mode} mode")

    check(found, body)


def _guessed(prim: Primitive) -> list[Case]:
    """One or two plain arrays as arguments, if the function takes them (and not only as `like`)."""
    if "like" in prim.names:
        return []
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
    with ReverseTrace() as trace, pytest.raises(NotDifferentiableError, match=prim.fun.__name__):
        call(prim.fun, (new_box(np.ones(3), trace, root()),), {})
