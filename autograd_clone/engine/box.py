"""A box is a traced value: the value, the trace that watches it, and what that trace remembers of it.

``_link`` belongs to the trace: the reverse trace keeps the graph node there, the forward trace the tangent.
``_value`` may itself be a box of an older trace; that is all there is to nesting.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Box:
    """Base class of traced values; `register` ties a subclass to the types of value it wraps."""

    __slots__ = ("_link", "_trace", "_value")
    __array_priority__ = 90.0

    #: value type -> box class, and the set of value types (HIPS autograd's names for both).
    type_mappings: ClassVar[dict[type, type[Box]]] = {}
    types: ClassVar[set[type]] = set()
    #: Whether ``_value`` must not be taken for the box's own: it holds one value per example, or is only that of a first run.
    batched = False
    #: Whether every operation on the box is recorded by a user's node, also those that are constants for derivatives.
    recorded = False

    def __init__(self, value: Any, trace: Any, node: Any) -> None:
        self._value = value
        self._trace = trace_by_number[0](trace, node) if type(trace) is int else trace
        self._link = node.g if isinstance(node, TangentView) else node

    @classmethod
    def register(cls, value_type: type) -> None:
        """Wrap values of `value_type` in boxes of this class.

        Parameters
        ----------
        value_type : type
            A type whose instances may be traced, for example a subclass of `numpy.ndarray`.
        """
        Box.types.add(cls)
        Box.type_mappings[value_type] = cls
        Box.type_mappings[cls] = cls
        if cls.__init__ is Box.__init__ and cls.__new__ is object.__new__:
            _PLAIN.add(cls)

    def snapshot(self) -> Any:
        """What this value is now, whatever is written to it later: to be kept where a program cannot see it."""
        return self

    def bare(self) -> Any:
        """The plain array if there is no traced value in it, for a box may be made beforehand; else the box."""
        return self

    def looked_into(self) -> Any:
        """The value, to be shown and not to be kept."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value!r})"


class TangentView:
    """What a program sees of ``_link`` where that is a tangent ``g``: it may be handed back to the constructor."""

    __slots__ = ("g",)

    g: Any


#: ``trace_by_number[0](number, node)``: the trace that a program means by a number, set by `handmade`.
trace_by_number: list[Any] = []
#: Box classes that can be made by storing three attributes, which takes half the time of calling them.
_PLAIN: set[Any] = set()
_new = object.__new__


def new_box(value: Any, trace: Any, node: Any) -> Box:
    """Box `value` in the class registered for its type (which may be any function of the same arguments)."""
    kind = type(value)
    cls = Box.type_mappings.get(kind)
    if cls is None:
        cls = _inherited_box_class(kind)
    if cls in _PLAIN:
        box = _new(cls)
        box._value = value
        box._trace = trace
        box._link = node
        return box
    return cls(value, trace, node)


def _inherited_box_class(kind: type) -> type[Box]:
    from .errors import UnsupportedTypeError

    for base in kind.__mro__:
        if base in Box.type_mappings:
            return Box.type_mappings[base]
    if hasattr(kind, "__array_ufunc__") and hasattr(kind, "__array_function__"):
        import numpy as np

        return Box.type_mappings[np.ndarray]
    raise UnsupportedTypeError(
        f"a value of type {kind.__module__}.{kind.__qualname__} cannot be traced; differentiable values are floating "
        "point or complex scalars and arrays (register other types with ArrayBox.register and VSpace.register)"
    )


def isbox(x: Any) -> bool:
    """Whether `x` is a traced value."""
    return isinstance(x, Box)


def getval(x: Any) -> Any:
    """The plain value of `x`, whatever the depth of nesting. What differs between examples of a batch stays a box."""
    while isinstance(x, Box):
        if x.batched:
            inner = getval(x._value)
            return x if inner is x._value else type(x)(inner, x._trace, x._link)
        x = x._value
    return x


def is_foreign(x: Any) -> bool:
    """Whether `x` is a value, traced or not, of a type of the user's own: one with a box class that is neither array nor number."""
    kind = type(all_values(x))
    return kind in Box.type_mappings and kind is not float and kind is not complex and not hasattr(kind, "dtype")


def all_values(x: Any) -> Any:
    """The plain value of `x` with all batch axes in front: for questions about all examples at once."""
    while isinstance(x, Box):
        x = x._value
    return x
