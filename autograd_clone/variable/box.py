"""`Variable`: a box of the trace of all variables, with its gradient and the updates that it allows."""

from __future__ import annotations

import operator
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..array.foreign import is_factor_of_sparse, opaque
from ..array.reading import is_storing
from ..engine.box import Box, getval
from ..engine.cotangent import as_scalar, shape_of
from ..engine.direction import DOUBTS
from ..engine.duck import is_duck
from ..engine.errors import (
    DirectionNeededError,
    InPlaceError,
    NonScalarOutputError,
    NotRecordedError,
    TracedConversionError,
    UnsupportedTypeError,
)
from ..engine.pytree import flatten, tree_map
from ..engine.reverse import Node, backward, root
from ..engine.zeros import backward_with_strong_zeros, is_finite
from ..transforms.record import finish, seed_like, variable
from .graph import free, received, tap
from .memory import changeable, frozen, is_held_elsewhere, is_same, memory_of, moved
from .trace import VARIABLES, VariableTrace, is_recording, no_grad

#: Order of a root -> the leaf that it is the node of.
_leaves: weakref.WeakValueDictionary[int, Variable] = weakref.WeakValueDictionary()


class Variable(ArrayBox):
    """A number or array that records what is computed from it.

    Operators, methods and all functions of NumPy and SciPy that `grad` can differentiate take variables and return
    variables. ``y.backward()`` adds the derivatives of ``y`` to the ``grad`` of every leaf, that is, of every variable
    that ``y`` was computed from and that was not computed itself.

    Parameters
    ----------
    value : array_like
        Floating point or complex; integers are converted. It is copied.
    requires_grad : bool
        Whether what is computed from it is recorded.

    Attributes
    ----------
    value, data : ndarray or scalar
        The plain value. That of a leaf may be written to and be replaced, also outside `no_grad`.
    grad, gradient : ndarray, scalar or None
        The sum of what the backward passes since the last `zero_grad` have brought.

    See Also
    --------
    no_grad, zero_grad, grad

    Notes
    -----
    For a complex variable ``a + ib`` and a real ``u``, ``grad`` is ``du/da - i du/db``, as everywhere in this package;
    PyTorch has its conjugate. Second derivatives come from the transforms: `grad` of a function, applied to
    variables, returns variables.

    Plain arrays that a graph needs are copied if they are small, and are read-only until `backward` has freed it, or the
    variables in question are no more, if they are large; see `protect_constants`.

    Examples
    --------
    >>> x, y = Variable(5), Variable(2)
    >>> z = x * y + x / y
    >>> z.backward()
    >>> x.grad, y.grad
    (np.float64(2.5), np.float64(3.75))
    """

    # _lent: what `data` has handed out. _owner: the variable of whose array, which was _source, _array is a view.
    __slots__ = ("_array", "_lent", "_owner", "_source", "grad")

    grad: Any
    _array: Any
    _lent: Any
    _owner: Variable | None
    _source: Any

    def __init__(self, value: Any, requires_grad: bool = True) -> None:
        _set_up(self, _own_array(value), None)
        self.requires_grad = requires_grad

    # ---- the value ------------------------------------------------------------------------------------------

    @property
    def _value(self) -> Any:
        """What the engine computes with: an array that nobody writes to."""
        if self._lent is not None:
            self._settle()
        if self._owner is not None:
            source = self._owner._value
            if source is not self._source:
                self._array, self._source = moved(self._array, self._source, source), source
        return self._array

    def _settle(self) -> None:
        """Take over what a program has written into the array that `data` gave it."""
        lent = self._lent
        if not is_same(lent, self._array):
            self._array = frozen(lent.copy())
        if not is_held_elsewhere(lent):
            self._lent = None

    @property
    def data(self) -> Any:
        """The plain value."""
        value = self._value
        if not isinstance(value, np.ndarray):
            return value
        if self.is_leaf and self._owner is None:
            if self._lent is None:
                self._lent = value.copy()
            return self._lent
        value = value.view()
        value.flags.writeable = False
        return value

    @data.setter
    def data(self, value: Any) -> None:
        if shape_of(value) != self.shape:
            raise InPlaceError(f"a value of shape {shape_of(value)} was assigned to the data of a variable of shape {self.shape}")
        if value is not self._lent:
            with no_grad():
                self[...] = value

    value = data

    def numpy(self) -> Any:
        """The plain value, as ``data``."""
        return self.data

    def item(self, *args: Any) -> Any:
        """The value, or the element at a position, as a Python number."""
        return self._value.item(*args)

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self._value.tolist()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _number(self) -> Any:
        """The value, for a conversion that was asked for and is not one that NumPy makes to store the number."""
        if self.requires_grad and is_storing(sys._getframe(2)):
            raise TracedConversionError(
                "a variable that requires a gradient was written into an array of plain NumPy, where nothing is recorded; put "
                "variables together by np.stack or np.concatenate, or write x.item() if only the number is wanted"
            )
        return self._value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if is_factor_of_sparse():
            return opaque()
        if self.requires_grad:
            raise TracedConversionError(
                "a variable that requires a gradient was handed to code that takes plain arrays, where nothing is recorded; "
                "pass x.data, or x.detach(), if only the numbers are wanted"
            )
        return np.array(self._value, dtype) if copy else np.asarray(self._value, dtype)

    def __repr__(self) -> str:
        value = np.asarray(self._value)
        text = np.array2string(value, separator=", ", prefix="Variable(")
        dtype = "" if value.dtype in (np.float64, np.complex128) else f", dtype={value.dtype}"
        return f"Variable({text}{dtype}, requires_grad={self.requires_grad})"

    # ---- what is recorded -----------------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed from variables that require gradients."""
        return self._link is None or len(self._link) == 1

    @property
    def requires_grad(self) -> bool:
        """Whether what is computed from it is recorded. It may be set on leaves."""
        return self._link is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self._link is None:
            self._link = root()
            _leaves[self._link[0]] = self
        elif not wanted and not self.is_leaf:
            raise NotRecordedError("requires_grad can be switched off on leaves only; use x.detach() for a computed variable")
        elif not wanted:
            self._link = None

    def requires_grad_(self, requires_grad: bool = True) -> Variable:
        """Set ``requires_grad`` and return the variable."""
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Variable:
        """A variable of the same value that requires no gradient. It shows later updates of this one, and passes on its own."""
        return _make(self._value, None, (self,))

    def retain_grad(self) -> None:
        """Have `backward` set ``grad``, which only leaves receive otherwise, on this variable too."""
        if self._link is None:
            raise NotRecordedError("retain_grad: this variable requires no gradient")
        tap(self._link, self)

    # ---- gradients ------------------------------------------------------------------------------------------

    @property
    def gradient(self) -> Any:
        """As ``grad``."""
        return self.grad

    @gradient.setter
    def gradient(self, value: Any) -> None:
        self.grad = value

    def zero_grad(self) -> None:
        """Forget the gradient: ``grad`` is ``None`` again."""
        self.grad = None

    def backward(self, grad: Any = None, retain_graph: bool = False) -> None:
        """Add the derivatives of this variable to the ``grad`` of the leaves that it was computed from.

        Parameters
        ----------
        grad : array_like, optional
            The cotangent of this variable, of its shape; 1 if it has a single element.
        retain_graph : bool
            Keep what was recorded, so that there may be another backward pass through it.

        Raises
        ------
        NonScalarOutputError
            If `grad` is not given and there are several elements.
        FreedGraphError
            If an earlier backward pass has freed a part of the graph.
        NotRecordedError
            If nothing was recorded.

        Examples
        --------
        >>> a, b = Variable([5.0]), Variable([6.0])
        >>> y = a**3 - b**2
        >>> y.backward()
        >>> a.grad, b.grad
        (array([75.]), array([-12.]))
        """
        node = self._link
        if node is None:
            raise NotRecordedError(
                "backward: nothing was recorded for this variable. It depends on no variable with requires_grad=True, or was "
                "computed under no_grad()"
            )
        seed = self._seed(grad)
        retained: dict[int, tuple[Variable, Any]] = {}
        token = received.set(retained)
        doubts = DOUBTS.count
        try:
            roots = backward([(node, seed)])
            if DOUBTS.count != doubts:
                raise DirectionNeededError(
                    "backward: repeated eigenvalues (singular values) were used beside their vectors, or the vectors were. "
                    "One backward pass cannot tell whether their derivative is right. Use grad or jvp of a function, or eigvalsh "
                    "(svdvals) if the vectors are not needed"
                )
            if not all(map(is_finite, roots.values())):
                roots = backward_with_strong_zeros([(node, seed)])
        finally:
            received.reset(token)
        if not retain_graph:
            free(node)
        given = {id(seed), id(grad)}
        for order, g in roots.items():
            leaf = _leaves.get(order)
            if leaf is not None:
                leaf._accumulate(g, given)
        for box, g in retained.values():
            box._accumulate(g, given)

    def _seed(self, grad: Any) -> Any:
        if grad is not None:
            grad = _without_trace(grad)
            return seed_like(grad if hasattr(grad, "dtype") else np.asarray(grad, self.dtype), self.shape, self.dtype, self._value)
        if self.size != 1 or self.dtype.kind == "c":
            raise NonScalarOutputError(
                f"backward of a variable of shape {self.shape} and dtype {self.dtype}: without an argument it applies to real "
                "numbers only. Pass the cotangent, y.backward(np.ones_like(y.data)) for instance, or sum first"
            )
        return seed_like(np.ones(self.shape), self.shape, self.dtype, self._value)

    def _accumulate(self, g: Any, given: set[int]) -> None:
        """Add to the gradient; `given` are the arrays that others refer to."""
        value = self._value
        g = finish(g, value.shape, value.dtype, type(value) is np.ndarray)
        if self.grad is not None:
            g = self.grad + g
        elif type(g) is np.ndarray and id(g) in given:
            g = g.copy()
        given.add(id(g))
        self.grad = g

    # ---- updates --------------------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Any) -> None:
        self._update("x[...] = y", lambda array: _assigned(array, _without_trace(index), _without_trace(value)), value)

    def _update(self, what: str, change: Callable[[Any], Any], operand: Any) -> None:
        """Put ``change(copy)`` in place of the array: of this variable's or, if it is a view, of its owner's."""
        owner = self if self._owner is None else self._owner
        recorded = is_recording() and isinstance(operand, Variable) and operand.requires_grad
        if recorded or not owner.is_leaf:
            raise InPlaceError(f"{what}: an update of a variable is not recorded; write y = y + x, or update x.data")
        if is_recording() and owner.requires_grad:
            raise InPlaceError(f"{what}: a leaf that requires a gradient is updated under no_grad(), where that is not recorded")
        old = owner._value
        new = changeable(old)
        changed = change(moved(self._value, old, new))
        owner._array = frozen(changed if self is owner else new)
        if owner._lent is not None:
            owner._lent[...] = new

    # ---- copies ---------------------------------------------------------------------------------------------

    def __copy__(self) -> Variable:
        return _restored(*self._parts("copy.copy"))

    def __deepcopy__(self, memo: dict) -> Variable:
        return _restored(*self._parts("copy.deepcopy"))

    def __reduce__(self) -> tuple:
        return _restored, self._parts("pickle")

    def _parts(self, what: str) -> tuple:
        if not self.is_leaf:
            raise TracedConversionError(
                f"{what} of a variable that was computed from others would lose what was recorded; copy x.detach(), or x.data"
            )
        return type(self), self._value, self.requires_grad, self.grad


def zero_grad(variables: Any) -> None:
    """Forget the gradients of all variables in a list, dict or other pytree: their ``grad`` is ``None`` again.

    Examples
    --------
    >>> w = Variable([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> zero_grad([w])
    >>> w.grad is None
    True
    """
    for x in flatten(variables)[0]:
        if isinstance(x, Variable):
            x.grad = None


def _make(array: Any, node: Node | None, operands: tuple) -> Variable:
    """A variable of a result. One that is not recorded shares the memory of the operand that it is a view of."""
    owner = None
    if node is None and isinstance(array, np.ndarray):
        memory = memory_of(array)
        owner = next((x for x in operands if isinstance(x, Variable) and memory_of(x._array) is memory), None)
        if owner is None and array.base is not None:
            array = array.copy()
        elif owner is not None and owner._owner is not None:
            owner = owner._owner
    return _set_up(_new(Variable), as_scalar(array), node, owner)


def _set_up(x: Variable, array: Any, node: Node | None, owner: Variable | None = None) -> Variable:
    x._trace = VARIABLES
    x._link = node
    x._array = array
    x._lent = None
    x._owner = owner
    x._source = None if owner is None else owner._value
    x.grad = None
    return x


_new = object.__new__


def _restored(kind: type[Variable], value: Any, requires_grad: bool, grad: Any) -> Variable:
    x = kind(value, requires_grad)
    x.grad = grad
    return x


def _own_array(value: Any) -> Any:
    """A copy of `value`, floating or complex."""
    if isinstance(value, Box):
        value = _without_trace(value)
    if isinstance(value, np.ndarray) or not hasattr(value, "__array_function__"):
        value = np.array(value, order="C")
    value = variable(value)
    if value is None:
        raise UnsupportedTypeError(
            "a variable holds floating point or complex numbers (integers are converted). Masks and labels stay plain arrays; "
            "a list of variables is put together by np.stack"
        )
    return frozen(value)


def _without_trace(value: Any) -> Any:
    """What is written into a variable, as plain numbers."""

    def plain(x: Any) -> Any:
        if isinstance(x, Box) and not isinstance(x, Variable):
            raise TracedConversionError(
                "a value that grad or another transform is tracing cannot be kept in a variable, which outlives the transform; "
                "store stop_gradient(x), or have the function return it"
            )
        return getval(x)

    return plain(value) if isinstance(value, (Box, np.ndarray)) else tree_map(plain, value)


def _assigned(array: Any, index: Any, value: Any) -> Any:
    array[index] = value
    return array


def _updating(name: str) -> Callable:
    in_place, pure = getattr(operator, name), getattr(operator, name.replace("__i", "__"))

    def update(self: Variable, other: Any) -> Variable:
        self._update(name.strip("_"), lambda array: (pure if is_duck(array) else in_place)(array, _without_trace(other)), other)
        return self

    return update


for _name in ("iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod", "imatmul"):
    setattr(Variable, f"__{_name}__", _updating(f"__{_name}__"))
Box.type_mappings[Variable] = ArrayBox
VariableTrace.box_type = Variable
VariableTrace.make = staticmethod(_make)
