"""Every rule in the registry against differences of the plain function: one test per record and aspect.

Nothing is listed by hand: the records are those of `autograd_clone.rules`, the arguments those of each
record's samples. A failure says primitive, sample, mode, operand, what was got and what was expected. To look
at one function: ``pytest tests/test_rules.py -k numpy.linalg.solve``.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_clone.numpy as anp
from autograd_clone import grad
from autograd_clone.engine.box import new_box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.errors import MissingRuleError, UnsupportedKeywordError
from autograd_clone.engine.forward import ForwardTrace
from autograd_clone.engine.reverse import ReverseTrace, root

from . import modes, oracle
from .cases import (
    DIFFERENTIABLE,
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
from .checks import (
    SINGLE,
    Truth,
    boxed,
    check,
    check_forward,
    check_reverse,
    check_second,
    close,
    cotangents_for,
    per_record,
    same,
    same_tree,
    seconds,
    sure,
    truth,
    truths,
    unboxed,
)

#: Relative error of derivatives in half precision.
HALF = 0.05
#: Where rounding to half precision moves elements from one bin to another.
COARSE = {"numpy.histogram", "numpy.histogram2d", "numpy.histogramdd"}

TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]
COMPLEX = [p for p in TESTED if p.complex]


@per_record(TESTED)
def test_value(prim):
    def body(case: Case) -> None:
        want = case.plain(*case.values)
        for mode, run in (("reverse", _traced_reverse), ("forward", _traced_forward)):
            got = run(case)
            assert type(got) is type(want) or not isinstance(want, (tuple, list)), (
                f"{mode}: got a {type(got)}, expected a {type(want)}"
            )
            same_tree(got, want, f"value under {mode} mode")

    check(cases(prim), body)


def _traced_reverse(case: Case) -> Any:
    with ReverseTrace() as trace:
        return unboxed(case.traced(*boxed(case, lambda x: new_box(x, trace, root()))))


def _traced_forward(case: Case) -> Any:
    with ForwardTrace() as trace:
        return unboxed(case.traced(*boxed(case, lambda x: new_box(x, trace, np.zeros_like(x)))))


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
        same_tree(_traced_reverse(case), case.plain(*case.values), "value")

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
    """Outputs and tangents have the dtype of NumPy's output, gradients that of the operand; all are right."""

    def body(case: Case) -> None:
        t = truth(case)
        if t is not None:  # where the oracle is not sure, test_reverse says so
            check_reverse(t, SINGLE)
            check_forward(t, SINGLE)
        same_tree(_dtypes(_traced_reverse(case)), _dtypes(case.plain(*case.values)), "dtype")

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


@pytest.mark.unchecked
@per_record(TESTED)
def test_half_precision(prim):
    """Where a function has a form in half precision, so has its derivative, which is near that in double precision."""

    def body(pair: tuple[Case, Case]) -> None:
        half, double = pair
        ruled = half.ruled()
        gs = cotangents_for(oracle.leaves(half.plain(*half.values)))
        _, grads = modes.vjp(half.traced, half.values, lambda _: gs, ruled)
        _, wanted = modes.vjp(double.traced, double.values, lambda _: [oracle.exact(g) for g in gs], ruled)
        tangents = [x if i in ruled else None for i, x in enumerate(half.values)]
        for y, t in zip(*modes.jvp(half.traced, half.values, tangents), strict=True):
            assert dtype_of(t) == dtype_of(y), f"forward mode: a tangent of dtype {dtype_of(t)} for an output of {dtype_of(y)}"
        for i in ruled:
            what = f"reverse mode, operand {half.names[i]}"
            assert dtype_of(grads[i]) == np.float16, f"{what}: a gradient of dtype {dtype_of(grads[i])}"
            if np.all(np.abs(wanted[i]) < 1e4):
                close(oracle.exact(grads[i]), wanted[i], what, HALF)

    def pairs() -> Iterator[tuple[Case, Case]]:
        for case in cases(prim):
            half = case.replaced([np.asarray(x).astype(np.float16) for x in case.values], "in half precision")
            if half.ruled() and accepted(half) and any(y.dtype == np.float16 for y in oracle.leaves(half.plain(*half.values))):
                yield half, half.replaced([oracle.exact(x) for x in half.values], "as before in double")

    if prim.name not in COARSE:
        check(pairs(), body)


@pytest.mark.parametrize("layout", [strided, transposed])
@per_record(TESTED)
def test_layout(prim, layout):
    """Read-only operands, cotangents and tangents with gaps and in Fortran order; nothing is written to."""

    def body(item: Truth | Case) -> None:
        case = sure(item).case
        before = [a.copy() for a in arrays(case)]
        check_reverse(item, prepare=layout)
        check_forward(item, prepare=layout)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays(case), before, strict=True)), (
            "an argument was changed"
        )

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
    return sorted(
        ((i, case.names[i]) for i in case.ruled()), key=lambda item: (item[1], case.paths[item[0]][2:])
    )


def _in_namespace(prim: Any) -> Any:
    """The function of the package's own NumPy namespace."""
    here = anp
    for part in prim.name.split(".")[1:]:
        here = getattr(here, part, None)
    return here


@per_record(p for p in TESTED if p.name.startswith("numpy.") and getattr(_in_namespace(p), "__wrapped__", None) is p.fun)
def test_namespace(prim):
    """The function of the namespace, which looks for lists of traced values, does what NumPy's does by way of the protocols."""
    function = _in_namespace(prim)

    def body(case: Case) -> None:
        ruled = case.ruled()
        values, grads = modes.vjp(case.traced, case.values, cotangents_for, ruled)
        got_values, got_grads = modes.vjp(lambda *xs: case.call(function, xs), case.values, cotangents_for, ruled)
        for y, want in zip(got_values, values, strict=True):
            same(y, want, "value")
        for i in ruled:
            same(got_grads[i], grads[i], f"reverse mode, operand {case.names[i]}")

    check((c for c in cases(prim) if c.ruled()), body)


def _parameters_of(prim: Any) -> list[str]:
    """The names of a function's parameters in NumPy's own signature."""
    try:
        parameters = inspect.signature(prim.fun).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _on_copies(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """The arrays of samples are read-only, and some parameters have their function write into them."""
    return function(*(1 * x if isinstance(x, np.ndarray) else x for x in args), **kwargs)


#: What to pass for a parameter that no sample passes; those that NumPy calls deprecated it has before 2.4.
OTHERWISE = {"bias": False, "ddof": 0, "interpolation": "lower", "copy": False, "device": "cpu", "like": np.zeros(1), "ndmax": 5, "sorted": False, "subok": True}


@per_record(p for p in TESTED if p.name.startswith("numpy.") and not isinstance(p.fun, np.ufunc))
def test_every_parameter_of_numpy(prim):
    """What samples do not pass is right, or refused by its name."""
    tested = cases(prim)
    names = _parameters_of(prim)
    passed = {name for c in tested for name in [*names[: len(c.sample.args)], *c.sample.kwargs]}

    def body(case: Case) -> None:
        if not _refused(lambda: check_reverse(truth(case) or case), case.label.partition(" with ")[2]):
            check_forward(truth(case) or case)

    def with_(name: str) -> Case:
        samples = [c.sample for c in tested if c.ruled()]
        made = (s._replace(kwargs=s.kwargs | {name: OTHERWISE[name]}, via=s.via or _on_copies) for s in samples)
        found = [Case(prim, f"{k} with {name}", sample) for k, sample in enumerate(made)]
        return next(c for ignored in ((), (DeprecationWarning,)) for c in found if accepted(c, ignored))

    check([with_(name) for name in names if name not in passed and name != "out"], body)


@per_record(p for p in TESTED if p.name.startswith("numpy.") and "out" in _parameters_of(p))
def test_out(prim):
    """An array that was made under the transform may be `out`, a plain one is refused by name."""

    def body(case: Case) -> None:
        ruled = case.ruled()
        y = np.asarray(case.plain(*case.values))
        values, grads = modes.vjp(case.traced, case.values, cotangents_for, ruled)

        def into(make: Callable) -> Callable:
            def run(*xs: Any) -> Any:
                out = make(y.shape, y.dtype)
                result = case.call(lambda *args, **kwargs: case.public(*args, out=out, **kwargs), xs)
                assert result is out, "the result is not `out`"
                return result

            return run

        if any(np.any(grads[i]) for i in ruled):
            with pytest.raises(UnsupportedKeywordError, match="out"):
                modes.vjp(into(np.zeros), case.values, cotangents_for, ruled)
        (i, *_), (g,) = ruled, cotangents_for([y])

        def loss(x: Any) -> Any:
            xs = list(case.values)
            xs[i] = x
            return anp.sum(anp.real(g * into(anp.zeros)(*xs)))

        same(np.asarray(grad(loss)(case.values[i])), np.asarray(grads[i]), f"reverse mode, operand {case.names[i]}")
        same(np.asarray(values[0]), y, "value")

    def takes_out(case: Case) -> bool:
        y = case.plain(*case.values)
        if not case.ruled() or "dtype" in case.sample.kwargs or not isinstance(y, (np.ndarray, np.generic)):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                case.call(lambda *args, **kwargs: prim.fun(*args, out=np.zeros(np.shape(y), y.dtype), **kwargs), case.values)
            except (TypeError, ValueError):
                return False
        return True

    check([c for c in cases(prim) if takes_out(c)], body)


@per_record(TESTED)
def test_operands_without_rule_are_refused(prim):
    def body(case: Case) -> None:
        for i in set(range(len(case.values))) - set(case.ruled()):
            with pytest.raises(MissingRuleError, match=case.names[i]):
                modes.vjp(case.traced, case.values, cotangents_for, [i])

    check(cases(prim), body)


@per_record(p for p in TESTED if isinstance(p.fun, np.ufunc) and p.fun.signature is None and p.fun.nout == 1)
def test_ufunc_keywords(prim):
    """``where=``, ``out=`` are right or refused by name; ``dtype=``, ``order=``, ``casting=`` are right."""
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

    wide = np.longdouble if any("g" in t for t in prim.fun.types) else np.float64
    may_refuse = [into("out=")]
    if not prim.name.startswith(
        "scipy."
    ):  # SciPy's ufuncs write out of bounds with where= (scipy/xsf, pull request 146)
        may_refuse.append(into("where= and out=", where=mask))
    must = [
        with_("order", order="F"),
        with_("casting", casting="same_kind"),
        with_("dtype", dtype=wide),
    ]

    def body(c: Case) -> None:
        t = truth(c)
        if t is None:
            return
        if c in may_refuse and _refused(lambda: check_forward(t)):
            return
        check_reverse(t)
        check_forward(t)

    check((c for c in may_refuse + must if accepted(c)), body)


def _refused(run: Callable, keywords: str = "where|out") -> bool:
    """Whether the call is refused, which must be for its keyword and by the function's name."""
    try:
        run()
    except UnsupportedKeywordError as error:
        return bool(re.search(keywords, str(error)))
    return False
