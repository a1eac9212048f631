"""What a user can do wrong: the error has a name, says what was seen, and how to go on."""

import math

import numpy as onp
import pytest
import scipy.special

import autograd_clone.numpy as np
from autograd_clone import (
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    jacobian,
    jvp,
    make_jvp,
    make_vjp,
    value_and_grad,
    vjp,
)
from autograd_clone.engine import errors
from autograd_clone.engine.errors import (
    ArgnumError,
    AutogradError,
    ClosedOverTraceError,
    IntegerInputError,
    MissingRuleError,
    NonScalarOutputError,
    NotDifferentiableError,
    RuleShapeError,
    TracedConversionError,
    UnsupportedKeywordError,
    UnsupportedTypeError,
)
from autograd_clone.extend import defjvp, defvjp, primitive


def says(error, *words):
    """Assert that the message holds every word."""
    message = str(error.value)
    missing = [w for w in words if w not in message]
    assert not missing, f"{missing} not in {message!r}"


BUILTINS = {
    "MissingRuleError": NotImplementedError,
    "NotDifferentiableError": TypeError,
    "UnsupportedKeywordError": TypeError,
    "LeakedBoxError": RuntimeError,
    "RuleShapeError": ValueError,
    "NonScalarOutputError": TypeError,
    "UnsupportedTypeError": TypeError,
    "IntegerInputError": TypeError,
    "ArgnumError": IndexError,
    "ClosedOverTraceError": RuntimeError,
    "TracedConversionError": TypeError,
}


@pytest.mark.parametrize(("name", "builtin"), BUILTINS.items())
def test_errors_are_also_the_builtin_ones(name, builtin):
    error = getattr(errors, name)
    assert issubclass(error, AutogradError)
    assert issubclass(error, builtin)
    assert error.__doc__


def test_every_error_is_a_builtin_one_too():
    """So that ``except TypeError`` and the like go on working."""
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, AutogradError) and error is not AutogradError:
            assert any(
                issubclass(base, Exception) and base.__module__ == "builtins" for base in error.__mro__[1:-3]
            )
            assert error.__doc__


# ---- outputs -----------------------------------------------------------------------------------------------


def model(x):
    return x * 2.0


@pytest.mark.parametrize("transform", [grad, value_and_grad])
def test_output_that_is_not_a_scalar(transform):
    with pytest.raises(NonScalarOutputError) as error:
        transform(model)(onp.ones((2, 3)))
    says(error, "model", "(2, 3)", "float64", "jacobian", "elementwise_grad")


@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad])
def test_complex_output(transform):
    with pytest.raises(NonScalarOutputError) as error:
        transform(model)(1.0 + 2.0j)
    says(error, "model", "complex128", "holomorphic_grad")


@pytest.mark.parametrize(
    ("output", "word"),
    [(None, "NoneType"), ("text", "str"), ((1.0, 2.0), "tuple"), ([], "list"), ({}, "dict")],
)
def test_output_of_another_type(output, word):
    with pytest.raises(NonScalarOutputError) as error:
        grad(lambda x: output)(1.0)
    says(error, word, "scalar")


def test_several_outputs_suggest_grad_and_aux():
    with pytest.raises(NonScalarOutputError, match="grad_and_aux"):
        grad(lambda x: (x, x))(1.0)


def test_integer_and_boolean_outputs():
    with pytest.raises(NonScalarOutputError):
        grad(lambda x: x > onp.zeros(3))(onp.ones(3))


def test_grad_and_aux_of_something_else():
    with pytest.raises(NonScalarOutputError) as error:
        grad_and_aux(lambda x: (x, 1))(onp.ones(3))
    says(error, "grad_and_aux", "(3,)")
    for f in (lambda x: x, lambda x: (x, 1, 2), lambda x: None):
        with pytest.raises(AutogradError, match="grad_and_aux"):
            grad_and_aux(f)(1.0)


# ---- inputs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform", [grad, jacobian, hessian, deriv, elementwise_grad, value_and_grad, make_vjp]
)
@pytest.mark.parametrize("x", [2, onp.int32(2)])
def test_integer_input(transform, x):
    with pytest.raises(IntegerInputError) as error:
        transform(model)(x)
    says(error, type(x).__name__, "2.0", "floating point")


def test_integer_input_in_forward_mode():
    with pytest.raises(IntegerInputError):
        make_jvp(model)(2)(1.0)


@pytest.mark.parametrize(
    ("x", "word"),
    [
        ("text", "str"),
        (None, "NoneType"),
        (True, "bool"),
        (b"x", "bytes"),
        (model, "function"),
        ({1.0}, "set"),
    ],
)
def test_input_of_another_type(x, word):
    with pytest.raises(UnsupportedTypeError) as error:
        grad(lambda x: 1.0)(x)
    says(error, word, "expected")


@pytest.mark.parametrize("dtype", ["object", "U1", "bool", "M8[s]"])
def test_arrays_of_other_dtypes(dtype):
    with pytest.raises(UnsupportedTypeError) as error:
        grad(lambda x: 1.0)(onp.zeros(2, dtype))
    says(error, "ndarray", str(onp.dtype(dtype)))


def test_the_place_in_a_container_is_named():
    with pytest.raises(UnsupportedTypeError) as error:
        grad(lambda p: 1.0)({"w": ["text"]})
    says(error, "['w'][0]", "str")


# ---- argnum ------------------------------------------------------------------------------------------------


def two(x, y=1.0):
    return x * y


@pytest.mark.parametrize("argnum", [2, 5, -3, (0, 2)])
def test_argnum_out_of_range(argnum):
    with pytest.raises(ArgnumError) as error:
        grad(two, argnum)(1.0, 2.0)
    says(error, "argnum", "two", "2")
    with pytest.raises(IndexError):
        grad(two, argnum)(1.0, 2.0)


def test_argnum_of_an_unknown_name():
    for call in (
        lambda: grad(two, "z")(1.0, 2.0),
        lambda: grad_named(two, "z")(1.0),
        lambda: grad(two, "y")(1.0),
    ):
        with pytest.raises(ArgnumError) as error:
            call()
        says(error, "two", "x", "y")


@pytest.mark.parametrize("argnum", [1.5, None, True])
def test_argnum_of_another_type(argnum):
    with pytest.raises(UnsupportedTypeError, match="argnum"):
        grad(two, argnum)(1.0, 2.0)


def test_too_few_arguments():
    with pytest.raises((TypeError, ArgnumError)):
        grad(two)()


@pytest.mark.parametrize("f", [3.0, None, "f"])
def test_a_transform_of_something_that_is_not_a_function(f):
    with pytest.raises(UnsupportedTypeError) as error:
        grad(f)
    says(error, "function", type(f).__name__)


# ---- functions without rules -------------------------------------------------------------------------------


def test_a_ufunc_without_rule():
    with pytest.raises(MissingRuleError) as error:
        grad(lambda x: scipy.special.agm(x, 2.0))(1.0)
    says(error, "scipy.special.agm", "argument 0", "defvjp", "extend", "stop_gradient")


def test_a_primitive_without_rules():
    @primitive
    def unknown(x, y):
        return x * y

    for call in (lambda: grad(unknown)(1.0, 2.0), lambda: deriv(unknown, 1)(1.0, 2.0)):
        with pytest.raises(MissingRuleError) as error:
            call()
        says(error, "unknown", "defvjp", "defjvp")


def test_a_primitive_with_a_rule_for_the_other_argument_only():
    @primitive
    def half(x, y):
        return x * y

    defvjp(half, lambda ans, x, y: lambda g: g * y)
    assert grad(half)(1.0, 2.0) == 2.0
    with pytest.raises(MissingRuleError) as error:
        grad(half, 1)(1.0, 2.0)
    says(error, "half", "1")


def test_custom_rules_that_were_never_given():
    f, g = custom_vjp(lambda x: x), custom_jvp(lambda x: x)
    with pytest.raises(MissingRuleError, match="defvjp"):
        grad(f)(1.0)
    with pytest.raises(MissingRuleError, match="defjvp"):
        deriv(g)(1.0)


def test_a_traced_value_as_a_static_parameter():
    with pytest.raises(MissingRuleError) as error:
        grad(lambda x: np.var(x, ddof=x[0]))(onp.ones(3))
    says(error, "var", "'ddof'", "stop_gradient")


# ---- keywords ----------------------------------------------------------------------------------------------


def test_an_unknown_keyword_is_a_type_error():
    with pytest.raises(TypeError):
        grad(lambda x: np.sum(x, axes=0))(onp.ones(2))
    with pytest.raises(TypeError):
        grad(lambda x: np.sin(x, foo=0))(1.0)


def test_out_is_right_or_refused():
    buffer = onp.zeros(2)
    for f in (
        lambda x: np.sin(x, out=buffer),
        lambda x: np.cumsum(x, out=buffer),
        lambda x: np.add(x, x, out=buffer),
    ):
        with pytest.raises(UnsupportedKeywordError) as error:
            grad(lambda x, f=f: np.sum(f(x)))(onp.ones(2))
        says(error, "out")


# ---- values taken out of the trace -------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [float, complex, math.sin, math.fabs], ids=lambda f: f.__name__)
def test_conversions_of_traced_values(convert):
    for transform in (grad, deriv):
        with pytest.raises(TracedConversionError) as error:
            transform(lambda x: convert(x) * x)(1.5)
        says(error, "1.5", "NumPy")


@pytest.mark.parametrize("convert", [int, round, math.floor, math.ceil, math.trunc], ids=lambda f: f.__name__)
def test_whole_numbers_of_traced_values(convert):
    """They are piecewise constant, so nothing is lost."""
    for transform in (grad, deriv, lambda f: grad(grad(lambda x: f(x) * x))):
        seen = []
        g = transform(lambda x, seen=seen: seen.append(convert(x)) or seen[-1] * x)(1.7)
        assert [type(n) for n in seen] == [int]
        assert g == convert(1.7) * (1 if transform in (grad, deriv) else 2)
    assert grad(lambda x: round(x, 1) * x)(1.57) == 1.6


def test_random_draws_have_no_derivative_with_respect_to_their_parameters():
    for transform in (grad, deriv):
        with pytest.raises(NotDifferentiableError, match=r"numpy\.random\.normal .*standard_normal"):
            transform(lambda x: np.random.normal(x))(1.5)
    x = onp.arange(3.0)
    assert sorted(grad(lambda x: np.random.permutation(x) @ onp.arange(3.0))(x)) == [0, 1, 2]
    assert onp.sum(grad(lambda x: np.sum(np.random.choice(x, 5)))(x)) == 5


def test_conversion_says_how_to_get_the_number():
    with pytest.raises(TracedConversionError, match="stop_gradient"):
        grad(lambda x: float(x))(1.0)


def test_a_plain_array_does_not_swallow_a_traced_value():
    """Never a silent zero gradient."""

    def f(x):
        buffer = onp.zeros(3)
        buffer[0] = x
        return np.sum(buffer) * x

    with pytest.raises((AutogradError, ValueError)):
        grad(f)(2.0)


def test_math_functions_of_nested_traces():
    with pytest.raises(TracedConversionError):
        grad(grad(lambda x: math.exp(x)))(1.0)


# ---- rules that are wrong ----------------------------------------------------------------------------------


def with_vjp(vjp_of_g):
    @primitive
    def wrong(x):
        return 2.0 * x

    defvjp(wrong, lambda ans, x: vjp_of_g)
    return wrong


@pytest.mark.parametrize(
    ("rule", "shape"), [(lambda g: onp.ones(2), "(2,)"), (lambda g: 1.0, "()"), (lambda g: g[None], "(1, 3)")]
)
def test_a_vjp_of_the_wrong_shape(rule, shape):
    with pytest.raises(RuleShapeError) as error:
        grad(lambda x: np.sum(with_vjp(rule)(x)))(onp.ones(3))
    says(error, "wrong", shape, "(3,)")


def test_a_vjp_of_the_wrong_shape_inside_a_chain():
    f = with_vjp(lambda g: onp.ones((3, 1)))
    with pytest.raises(RuleShapeError, match="wrong"):
        grad(lambda x: np.sum(np.sin(f(x * 2.0))))(onp.ones(3))


def test_a_vjp_of_the_wrong_structure():
    @primitive
    def wrong(p):
        return p["a"] * p["b"]

    defvjp(wrong, lambda ans, p: lambda g: {"a": g * p["b"]})
    with pytest.raises(RuleShapeError) as error:
        grad(wrong)({"a": 1.0, "b": 2.0})
    says(error, "wrong", "b")


def test_a_jvp_of_the_wrong_shape():
    @primitive
    def wrong(x):
        return 2.0 * x

    defjvp(wrong, lambda t, ans, x: onp.ones(2))
    with pytest.raises(RuleShapeError) as error:
        deriv(wrong)(onp.ones(3))
    says(error, "wrong", "(2,)", "(3,)")


def test_custom_vjp_with_the_wrong_number_of_cotangents():
    @custom_vjp
    def wrong(x, y):
        return x * y

    wrong.defvjp(lambda x, y: (x * y, None), lambda res, g: (g,))
    with pytest.raises(AutogradError, match="wrong"):
        grad(wrong, 1)(1.0, 2.0)


def test_a_rule_of_the_wrong_dtype_is_cast():
    f = with_vjp(lambda g: onp.ones(3, onp.float64) * (1 + 0j))
    g = grad(lambda x: np.sum(f(x)))(onp.ones(3, onp.float32))
    assert g.dtype == onp.float32


def test_a_rule_that_is_not_callable():
    @primitive
    def f(x):
        return x

    with pytest.raises(AutogradError, match="f"):
        defvjp(f, 3.0)
    with pytest.raises(AutogradError, match="f"):
        defjvp(f, "other")


def test_cotangents_and_tangents_of_the_wrong_shape():
    _, pull = vjp(lambda x: x * 2.0, onp.ones(3))
    with pytest.raises(RuleShapeError) as error:
        pull(onp.ones(2))
    says(error, "(2,)", "(3,)")
    with pytest.raises(RuleShapeError) as error:
        jvp(lambda x: x * 2.0, (onp.ones(3),), (onp.ones(2),))
    says(error, "(2,)", "(3,)")


def test_a_primitive_that_closes_over_a_traced_value():
    def f(a):
        @primitive
        def inner(x):
            return a * x

        defvjp(inner, lambda ans, x: lambda g: g * 2.0)
        return inner(a * 3.0)

    with pytest.raises(ClosedOverTraceError, match="inner"):
        grad(f)(2.0)


# ---- exceptions of the backward pass -----------------------------------------------------------------------


def notes(call):
    with pytest.raises(ZeroDivisionError) as error:
        call()
    return "\n".join(getattr(error.value, "__notes__", []))


def failing_rule(g):
    raise ZeroDivisionError


def test_an_exception_in_a_rule_says_where_its_operation_was_recorded():
    f = with_vjp(failing_rule)

    def program(x):
        y = np.sin(x)
        z = f(y)  # the line to be named
        return np.sum(z * z)

    line = program.__code__.co_firstlineno + 2
    for call in (
        lambda: grad(program)(onp.ones(3)),
        lambda: grad(lambda x: grad(lambda y: program(y * x))(x))(1.0),
        lambda: jacobian(lambda x: f(x))(onp.ones(2)) and None,
    ):
        note = notes(call)
        assert "wrong" in note
        assert __file__ in note
    assert f"{__file__}:{line}" in notes(lambda: grad(program)(onp.ones(3)))
    assert "program" in notes(lambda: grad(program)(onp.ones(3)))


def test_a_numpy_error_in_the_backward_pass_is_explained():
    def program(x):
        return np.sum(np.sqrt(x))

    with onp.errstate(divide="raise"), pytest.raises(FloatingPointError) as error:
        grad(program)(onp.zeros(2))
    note = "\n".join(error.value.__notes__)
    assert "sqrt" in note
    assert f"{__file__}:{program.__code__.co_firstlineno + 1}" in note


def test_the_function_is_not_run_twice_without_an_exception():
    calls = []
    grad(lambda x: calls.append(1) or np.sum(np.sqrt(x)))(onp.ones(2))
    assert len(calls) == 1
