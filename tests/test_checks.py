"""The checks themselves: each finds the fault it is there for, in a record made for the purpose."""

import numpy as np
import pytest

from autograd_clone.engine.box import getval
from autograd_clone.engine.define import composite, custom, elementwise, linear
from autograd_clone.engine.primitive import REGISTRY

from . import modes, test_records, test_rules

SAMPLES = lambda s: [s(s.array(3)), s(s.array(2, 3))]


@pytest.fixture
def record():
    """Makes records of a function of its own, which are taken out of the registry in the end."""
    made = []

    def make(constructor, fun, *args, **kwargs):
        made.append(fun)
        result = constructor(fun, *args, **kwargs)
        return REGISTRY[fun] if constructor is composite else result

    yield make
    for fun in made:
        REGISTRY.pop(fun, None)


def sine(x):
    return np.sin(x)


def finds(test, prim, *args, match=None):
    """Assert that the test fails for `prim`, by a report and not by an accident."""
    with pytest.raises((pytest.fail.Exception, AssertionError), match=match):
        test(prim, *args)


def test_a_right_record_passes(record):
    good = record(
        custom,
        sine,
        vjp={"x": lambda g, x: g * np.cos(x)},
        jvp={"x": lambda t, x: t * np.cos(x)},
        samples=SAMPLES,
    )
    for test in (
        test_rules.test_value, test_rules.test_reverse, test_rules.test_forward,
        test_rules.test_complex_value, test_rules.test_complex_reverse, test_rules.test_complex_forward,
        test_rules.test_single_precision, test_rules.test_long_double,
        test_rules.test_empty, test_rules.test_scalars, test_rules.test_passing,
        test_records.test_keeps_only_declared_residuals, test_records.test_uses_the_residuals_it_declares,
        test_records.test_every_keyword_has_a_sample, test_records.test_has_samples,
    ):  # fmt: skip
        test(good)
    for mode in modes.SECOND_ORDER:
        test_rules.test_second_order(good, mode)
        test_rules.test_complex_second_order(good, mode)
    for layout in (test_rules.strided, test_rules.transposed):
        test_rules.test_layout(good, layout)


def test_a_slightly_wrong_factor(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.cos(x) * (1 + 1e-7)}, samples=SAMPLES)
    finds(test_rules.test_reverse, wrong, match="reverse mode, operand x")
    finds(test_rules.test_forward, wrong, match="forward mode, operand x")  # derived from the VJP
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.cos(x) * (1 + 1e-5)}, samples=SAMPLES)
    finds(test_rules.test_second_order, wrong, "reverse over reverse")


def test_modes_that_disagree(record):
    wrong = record(
        custom,
        sine,
        vjp={"x": lambda g, x: g * np.cos(x)},
        jvp={"x": lambda t, x: -t * np.cos(x)},
        samples=SAMPLES,
    )
    test_rules.test_reverse(wrong)
    finds(test_rules.test_forward, wrong)
    finds(test_rules.test_second_order, wrong, "reverse over forward")


def test_a_rule_that_is_right_once_only(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.cos(getval(x))}, samples=SAMPLES)
    test_rules.test_reverse(wrong)
    for mode in ("reverse over reverse", "forward over reverse"):
        finds(test_rules.test_second_order, wrong, mode)


def test_a_rule_that_loses_its_traced_cotangent(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: getval(g) * np.cos(x)}, samples=SAMPLES)
    test_rules.test_reverse(wrong)
    finds(test_rules.test_second_order, wrong, "reverse over reverse")


def test_the_conjugate_of_the_right_rule(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.conj(np.cos(x))}, samples=SAMPLES)
    test_rules.test_reverse(wrong)
    finds(test_rules.test_complex_reverse, wrong)


def test_a_rule_that_loses_precision(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.cos(x).astype(np.float32)}, samples=SAMPLES)
    finds(test_rules.test_reverse, wrong)


@pytest.mark.parametrize("mode", ["vjp", "jvp"])
def test_a_rule_that_widens_single_precision(record, mode):
    rule = {"x": lambda g, x: g * np.cos(x).astype(np.float64)}
    wrong = record(custom, sine, **{mode: rule}, samples=SAMPLES)
    wrong.checked = False
    test = test_rules.test_single_precision
    if mode == "vjp":
        finds(test, wrong, match="float64 for an operand of dtype float32")


def test_a_rule_that_writes_into_its_cotangent(record):
    def in_place(g, x):
        g *= np.cos(x)
        return g

    wrong = record(custom, sine, vjp={"x": in_place}, samples=SAMPLES)
    finds(test_rules.test_layout, wrong, test_rules.strided, match="read-only")


def test_a_rule_of_the_wrong_shape(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: np.sum(g * np.cos(x))}, samples=SAMPLES)
    wrong.checked = True
    finds(test_rules.test_reverse, wrong, match="sine")
    wrong.checked = False
    finds(test_rules.test_reverse, wrong, match="shape")


def test_a_composite_of_another_function(record):
    wrong = record(composite, sine, lambda x: np.sin(x) + 1e-6, samples=SAMPLES)
    finds(test_rules.test_value, wrong, match="value under")


def test_a_rule_that_warns(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x: g * np.cos(x) + 0 / (x - x)}, samples=SAMPLES)
    finds(test_rules.test_reverse, wrong)


def test_an_elementwise_record_that_mixes_elements(record):
    wrong = record(
        elementwise, lambda x: x * np.sum(x), x=lambda x: x, options={"samples": SAMPLES, "name": "mix"}
    )
    finds(test_records.test_is_elementwise, wrong, match="element")


def test_a_linear_record_that_is_not(record):
    wrong = record(
        linear,
        lambda a: a + 1.0,
        a=lambda g: g,
        options={"samples": SAMPLES, "name": "shift", "operands": ("a",)},
    )
    finds(test_records.test_is_linear, wrong, match="2f")


def test_residuals_kept_for_nothing(record):
    wrong = record(custom, sine, vjp={"x": lambda g, x, ans: g * np.cos(x)}, samples=SAMPLES)
    finds(test_records.test_uses_the_residuals_it_declares, wrong, match="ans")


def test_keywords_and_samples_that_are_missing(record):
    def scaled(x, scale=1.0):
        return x * scale

    wrong = record(custom, scaled, vjp={"x": lambda g, scale: g * scale}, samples=SAMPLES)
    finds(test_records.test_every_keyword_has_a_sample, wrong, match="scale")
    without = record(custom, lambda x: x, vjp={"x": lambda g: g}, operands=("x",))
    finds(test_records.test_has_samples, without, match="no samples")


def test_positional_and_keyword_passing_that_differ(record):
    def scaled(x, scale=1.0):
        return x * scale

    def traced(x, scale=1.0, **_):
        return x * scale

    good = record(composite, scaled, traced, samples=lambda s: [s(s.array(3), 2.0)])
    test_rules.test_passing(good)


def test_samples_at_a_kink_are_refused(record):
    kink = lambda s: [s(np.array([1e-7, 1.0]))]
    wrong = record(
        custom, lambda x: np.abs(x), vjp={"x": lambda g, x: g * np.sign(x)}, operands=("x",), samples=kink
    )
    finds(test_rules.test_reverse, wrong, match="do not converge")
