"""A box is a traced value: the value, the trace that watches it, and what that trace remembers of it.

``_link`` belongs to the trace: the reverse trace keeps the graph node there, the forward trace the tangent.
``_value`` may itself be a box of an older trace; that is all there is to nesting.
"""

from __future__ import annotations

from typing import Any


class Box:
    """Base class of traced values; `register` ties a subclass to the types of value it wraps."""

    __slots__ = ("_link", "_trace", "_value")

    #: value type -> box class, and the set of value types (HIPS autograd's names for both).
    type_mappings: dict[type, type[Box]] = {}
    types: set[type] = set()
    #: Whether ``_value`` holds many values, one per example, so that it must not be taken for the box's own.
    batched = False

    def __init__(self, value: Any, trace: Any, node: Any) -> None:
        self._value = value
        self._trace = trace
        self._link = node

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

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value!r})"


def new_box(value: Any, trace: Any, node: Any) -> Box:
    """Box `value` in the class registered for its type."""
    kind = type(value)
    cls = Box.type_mappings.get(kind)
    if cls is None:
        cls = _inherited_box_class(kind)
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


def all_values(x: Any) -> Any:
    """The plain value of `x` with all batch axes in front: for questions about all examples at once."""
    while isinstance(x, Box):
        x = x._value
    return x
