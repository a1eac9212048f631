"""Gradients of scalar functions, and elementwise derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.box import all_values
from ..engine.cotangent import dtype_of, shape_of
from ..engine.direction import DOUBTS, without_choice
from ..engine.duck import is_duck, ones
from ..engine.errors import NonScalarOutputError
from ..engine.protection import holding_on
from ..engine.pytree import LEAF, TreeDef, flatten, is_container, tree_map
from ..engine.reverse import backward
from ..engine.trace import Trace
from ..engine.zeros import is_finite
from .jets import elementwise_derivative
from .nary import Argnum, Transform, name_of, select
from .record import Tape, explain, finish, is_plain, pull_by_columns, push, run, run_container, variable

_ONE = np.float64(1.0)


def _scalar_seed(y: Any, fun: Callable, transform: str) -> Any:
    """The cotangent 1 for a real scalar output."""
    if type(y) is np.float64 or (type(y) is ArrayBox and type(all_values(y)) is np.float64):
        return _ONE
    v = variable(y)
    if v is not None and dtype_of(v).kind == "f" and all([n == 1 for n in shape_of(v)]):
        shape = shape_of(v)
        return ones(shape, dtype_of(v), all_values(v)) if shape or is_duck(all_values(v)) else dtype_of(v).type(1)
    raise NonScalarOutputError(
        f"{transform} only applies to real scalar-output functions; {name_of(fun)} returned {_describe(y)}. "
        "Use jacobian or elementwise_grad for array outputs, holomorphic_grad for complex ones, grad_and_aux for extra results."
    )


def _ones_seed(y: Any, fun: Callable, transform: str) -> Any:
    """The cotangent 1 for every element of a real output."""
    if type(y) is np.float64:
        return _ONE
    v = variable(y)
    if v is None:
        return None
    if dtype_of(v).kind == "c":
        raise NonScalarOutputError(
            f"{transform} only applies to real-output functions; {name_of(fun)} returned {_describe(y)}. "
            "Use holomorphic_grad for a holomorphic function of complex input."
        )
    return ones(shape_of(v), dtype_of(v), all_values(v))


def _describe(y: Any) -> str:
    v = variable(y)
    if v is None:
        return f"a {type(y).__name__}" + (" (return its .data)" if hasattr(y, "to_numpy") else "")
    return f"a {type(y).__name__} of shape {shape_of(v)} and dtype {dtype_of(v)}"


def _grad(fun: Callable, x: Any) -> Any:
    return _value_and_grad(fun, x, "grad")[1]


def _value_and_grad(fun: Callable, x: Any, transform: str = "value_and_grad") -> tuple[Any, Any]:
    if is_plain(x):
        return _pull_back(fun, x, _scalar_seed, transform)
    if is_container(x):
        leaves, treedef = flatten(x)
        if leaves and all(map(is_plain, leaves)):
            return _pull_back_container(fun, x, leaves, treedef, transform)
    tape = Tape(fun, x)
    value = tape.value
    seed = _scalar_seed(value if tape.outdef is LEAF else None, fun, transform)
    return value, tape.pull(seed, once=True)


def _pull_back(fun: Callable, x: Any, seed_of: Callable, transform: str) -> tuple[Any, Any]:
    """The value, and the cotangent of an array for the seed ``seed_of(value, fun, transform)``, with only what that needs."""
    if type(x) is float:
        x = np.float64(x)
    value, end, start, holder = run(fun, x)
    ends = [end]
    del end
    found, seed, why = _pulled(fun, x, value, ends, holder, seed_of, transform)
    if why:
        return value, _otherwise(fun, x, seed, why)
    g = found.get(start[0])
    if type(g) is np.float64 is type(x):
        return value, g
    return value, finish(g, x.shape, x.dtype, type(x) is np.ndarray)


def _pull_back_container(fun: Callable, x: Any, leaves: list[Any], treedef: TreeDef, transform: str) -> tuple[Any, Any]:
    """As `_pull_back`, for a container `x` of arrays and a number."""
    value, end, starts, holder = run_container(fun, leaves, treedef)
    ends = [end]
    del end
    found, seed, why = _pulled(fun, x, value, ends, holder, _scalar_seed, transform)
    if why:
        return value, _otherwise(fun, x, seed, why)
    gradient: list[Any] = []
    given = {id(seed)}
    for start, leaf in zip(starts, leaves, strict=True):
        g = found.get(start[0])
        if type(leaf) is float:
            leaf = np.float64(leaf)
        if type(g) is not np.float64 or type(leaf) is not np.float64:
            g = finish(g, leaf.shape, leaf.dtype, type(leaf) is np.ndarray)
            if type(g) is np.ndarray and id(g) in given:
                g = g.copy()  # no buffer shared by two results
            given.add(id(g))
        gradient.append(g)
    return value, treedef.unflatten(gradient)


def _pulled(
    fun: Callable, x: Any, value: Any, ends: list, holder: Trace | None, seed_of: Callable, transform: str
) -> tuple[dict[int, Any], Any, str]:
    """What is pulled back from the one node in `ends`, which is taken out.

    Returns
    -------
    dict
        Cotangents by root.
    seed
    str
        Why they are not to be used: ``"doubtful"``, ``"infinite"`` or nothing.
    """
    if holder is not None:
        with holding_on(holder):
            return _pulled(fun, x, value, ends, None, seed_of, transform)
    seed = seed_of(value, fun, transform)
    if ends[0] is None:
        return {}, seed, ""
    ends[0] = ends[0], seed
    doubts = DOUBTS.count
    try:
        found = backward(ends)
    except Exception as error:
        explain(error, fun, x, seed)
        raise
    if DOUBTS.count != doubts:
        return found, seed, "doubtful"
    for g in found.values():
        if not is_finite(g):
            return found, seed, "infinite"
    return found, seed, ""


def _otherwise(fun: Callable, x: Any, seed: Any, why: str) -> Any:
    """The cotangent of `x`, in the way of which `Tape` knows."""
    if why == "doubtful":
        return without_choice(lambda: Tape(fun, x).pull(seed), lambda: pull_by_columns(fun, x, seed))
    return Tape(fun, x).pull(seed)


def _grad_and_aux(fun: Callable, x: Any) -> Any:
    def pair(x: Any) -> Any:
        out = fun(x)
        if not (isinstance(out, (tuple, list)) and len(out) == 2):
            raise NonScalarOutputError(
                f"grad_and_aux takes a function that returns (output, extra); {name_of(fun)} returned a {type(out).__name__}"
            )
        return tuple(out)

    tape = Tape(pair, x)
    y, aux = tape.value
    seed = _scalar_seed(y, fun, "grad_and_aux")
    del tape.ends[1:]
    tape.outdef = LEAF
    tape.fun = lambda x: pair(x)[0]  # should it be recorded again
    return tape.pull(seed, once=True), aux


def _elementwise_grad(fun: Callable, x: Any) -> Any:
    if is_plain(x):
        return _pull_back(fun, x, _ones_seed, "elementwise_grad")[1]
    tape = Tape(fun, x)
    values = [tape.value] if tape.outdef is LEAF else tape.outdef.flatten_like(tape.value, "output")
    return tape.pull(tape.outdef.unflatten([_ones_seed(y, fun, "elementwise_grad") for y in values]), once=True)


def _ones(tape: Tape) -> Any:
    return tape.outdef.unflatten([None if d is None else np.ones(s, d) for _, s, d in tape.ends])


def _holomorphic_grad(fun: Callable, x: Any) -> Any:
    if not np.iscomplexobj(x):
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=3)
    tape = Tape(fun, x)
    return tape.pull(_ones(tape), once=True)


def _deriv(fun: Callable, x: Any) -> Any:
    return push(fun, x, tree_map(lambda leaf: np.ones(shape_of(leaf), dtype_of(variable(leaf))), x))[1]


def grad(fun: Callable, argnum: Argnum = 0) -> Callable:
    """
    Returns a function which computes the gradient of `fun`, a real scalar function.

    Parameters
    ----------
    fun : callable
        Returns a real number, or an array with one element.
    argnum : int, str, or sequence of them
        The argument(s) to differentiate with respect to, by position or name. Each may be a number, an array, or a
        pytree (list, tuple, dict, named tuple, dataclass, registered class) of them.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns the gradient, with the structure, shapes and dtypes of the argument.
        For complex ``x = a + ib`` it is ``du/da - i du/db``, of ``u = fun(x)``.

    Raises
    ------
    NonScalarOutputError
        If the output is not a real scalar.
    UnsupportedTypeError
        If the argument is not made of floating point or complex numbers.

    See Also
    --------
    value_and_grad, jacobian, elementwise_grad, hessian

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> grad(np.tanh)(0.0)
    np.float64(1.0)
    >>> grad(lambda w, x: np.sum((w @ x) ** 2), "x")(np.eye(2), np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return Transform(_grad, fun, argnum)


def value_and_grad(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The value and the gradient of a real scalar function, for one evaluation.

    Parameters and errors are those of `grad`.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns ``(value, gradient)``.

    Examples
    --------
    >>> value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    return Transform(_value_and_grad, fun, argnum)


def grad_and_aux(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The gradient of the first of two outputs, and the second one as it is.

    Examples
    --------
    >>> grad_and_aux(lambda x: (x**2, {"x was": x}))(3.0)
    (np.float64(6.0), {'x was': np.float64(3.0)})
    """
    return Transform(_grad_and_aux, fun, argnum)


def elementwise_grad(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The derivative of every output element, summed over the outputs; for an elementwise function, its derivative.

    Applied to itself, ``elementwise_grad(elementwise_grad(fun))``, it computes higher derivatives of an elementwise function of a
    plain array in one run in Taylor mode, see `derivatives`; those of any other by reverse mode of reverse mode.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    return Repeated(_elementwise_grad, fun, argnum)


def deriv(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The derivative of a function of one number, in forward mode; of an elementwise function, elementwise.

    Applied to itself, it computes higher derivatives of an elementwise function in one run in Taylor mode, see `derivatives`.

    Examples
    --------
    >>> deriv(deriv(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    return Repeated(_deriv, fun, argnum)


class Repeated(Transform):
    """A transform that, applied to itself, may be one run in Taylor mode.

    Both `elementwise_grad` and `deriv` of an elementwise function give its derivative, so k of them give the derivative of order k.
    Whether the function is elementwise shows when it runs; of one that was not it is not tried again.
    """

    other = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        order, fun, argnum = 1, self.fun, self.argnum
        while type(fun) is Repeated and fun.operator is self.operator and fun.argnum == argnum:
            order, fun = order + 1, fun.fun
        if order > 1 and not self.other:
            alone = argnum == 0 and len(args) == 1 and not kwargs
            found = elementwise_derivative(*((fun, args[0]) if alone else select(fun, argnum, args, kwargs)), order)
            if found is NotImplemented:
                self.other = True
            elif found is not None:
                return found
        return super().__call__(*args, **kwargs)


def holomorphic_grad(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The complex derivative of a holomorphic function, elementwise.

    Examples
    --------
    >>> holomorphic_grad(lambda z: z**2)(1.0 + 2.0j)
    np.complex128(2+4j)
    """
    return Transform(_holomorphic_grad, fun, argnum)


def grad_named(fun: Callable, argname: str) -> Callable:
    """The gradient with respect to the argument named `argname`, passed by position or by keyword.

    Examples
    --------
    >>> grad_named(lambda x, y: x * y**2, "y")(3.0, y=2.0)
    np.float64(12.0)
    """
    return grad(fun, argname)


def multigrad_dict(fun: Callable) -> Callable:
    """The gradients with respect to all arguments, as a dict keyed by argument name.

    Examples
    --------
    >>> multigrad_dict(lambda x, y: x * y)(2.0, 3.0)
    {'x': np.float64(3.0), 'y': np.float64(2.0)}
    """
    return MultiGrad(fun)


class MultiGrad(Transform):
    """What `multigrad_dict` returns."""

    def __init__(self, fun: Callable) -> None:
        super().__init__(_grad, fun, 0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        import inspect

        signature = inspect.signature(self.fun)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        kinds = {name: p.kind for name, p in signature.parameters.items()}

        def unary(arguments: dict) -> Any:
            positional, keywords = [], {}
            for name, value in arguments.items():
                if kinds[name] is inspect.Parameter.VAR_POSITIONAL:
                    positional += value
                elif kinds[name] is inspect.Parameter.VAR_KEYWORD:
                    keywords.update(value)
                elif kinds[name] is inspect.Parameter.KEYWORD_ONLY:
                    keywords[name] = value
                else:
                    positional.append(value)
            return self.fun(*positional, **keywords)

        return _grad(unary, dict(bound.arguments))
