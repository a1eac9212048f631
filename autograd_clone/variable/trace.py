"""`VARIABLES`, the trace of all variables, and `no_grad`, under which it does not record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.anomaly import detection, guarded
from ..engine.box import Box
from ..engine.calls import INTERPRETERS, CallPrimitive, process_reverse
from ..engine.cotangent import dtype_of
from ..engine.primitive import Primitive
from ..engine.protection import constants_held
from ..engine.pytree import flatten, tree_map
from ..engine.reverse import Node, ReverseTrace, node_for
from ..engine.trace import NOTHING_HELD
from .graph import Holder, HoldingNode

_recording: ContextVar[bool] = ContextVar("recording", default=True)
#: Whether operations on variables are recorded in this thread or task.
is_recording = _recording.get


@contextmanager
def no_grad() -> Iterator[None]:
    """Context (or decorator, ``@no_grad()``) in which operations on variables are not recorded and leaves may be updated.

    It concerns `Variable` alone; `grad` and the other transforms work inside it as they do outside.

    Examples
    --------
    >>> from autograd_clone import Variable
    >>> w = Variable([1.0, 2.0])
    >>> (w * w).sum().backward()
    >>> with no_grad():
    ...     w -= 0.1 * w.grad
    >>> w
    Variable([0.8, 1.6], requires_grad=True)
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class VariableTrace(ReverseTrace):
    """The trace of all variables: older than any other, and without end. A variable without a node is a constant to it."""

    __slots__ = ()
    exclusive = False

    #: The class of variables, and ``make(array, node, operands)``, which makes one.
    box_type: type[Box]
    make: Callable[[Any, Node | None, tuple], Any]

    def __init__(self) -> None:
        super().__init__()
        self.id = -1

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if detection() is None:
            return self.record(prim, operands, params)
        return guarded(self, self.record, prim, operands, params)

    def record(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        """Apply a primitive, at least one of whose operands is a variable, and leave a node."""
        values, active, own = [], [], []
        for i, x in enumerate(operands):
            if isinstance(x, self.box_type):
                values.append(x._value)
                own.append((i, x))
                if x._link is not None:
                    active.append((i, x._link))
            else:
                values.append(x)
        ans = prim.fun(*values, **params)
        if prim.kind == "zero":
            return ans
        if not active or not is_recording():
            return self.unrecorded(ans, operands)
        if not params and len(own) == len(values):
            return self.box(ans, node_for(prim, tuple(values), active, ans, params), prim.name)
        holder = Holder()
        kept, params = constants_held(holder, prim, tuple(values), own, params)  # type: ignore[arg-type]
        node = node_for(prim, kept, active, ans, params)
        return self.box(ans, node if holder.held is NOTHING_HELD else HoldingNode(node, holder), prim.name)

    def process_call(self, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
        """A primitive of pytrees, such as one whose rules are the user's own."""
        if detection() is None:
            return self.record_call(prim, args, kwargs)
        return guarded(self, lambda *_: self.record_call(prim, args, kwargs), prim, args, kwargs)  # type: ignore[arg-type]

    def record_call(self, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
        """As `record`, for a primitive of pytrees."""
        if is_recording():
            args = tree_map(lambda x: x._value if self.owns(x) and x._link is None else x, args)
            if any(map(self.owns, flatten(args)[0])):
                return tree_map(self.adopted, process_reverse(self, prim, args, kwargs))
        return self.unrecorded(prim(*tree_map(lambda x: x._value if self.owns(x) else x, args), **kwargs), ())

    def owns(self, x: Any) -> bool:
        """Whether `x` is a variable."""
        return isinstance(x, self.box_type)

    def box(self, ans: Any, node: Node, name: str) -> Any:
        if isinstance(ans, (tuple, list)):
            return tree_map(self.adopted, super().box(ans, node, name))
        if len(node) == 1 or dtype_of(ans).kind not in "fc":
            return ans
        return self.make(ans, self.note(node, name), ())

    def adopted(self, box: Any) -> Any:
        """A box of this trace that the engine has made, as a variable."""
        return self.make(box._value, box._link, ()) if type(box) is ArrayBox and box._trace is self else box

    def unrecorded(self, ans: Any, operands: tuple) -> Any:
        """What was computed from `operands` without being recorded, its floating point and complex parts as variables."""
        if isinstance(ans, (np.ndarray, np.generic, float, complex)):  # the common case
            return self.make(ans, None, operands) if dtype_of(ans).kind in "fc" else ans
        leaves, treedef = flatten(ans)
        return treedef.unflatten(self.make(a, None, operands) if dtype_of(a).kind in "fc" else a for a in leaves)


VARIABLES = VariableTrace()
INTERPRETERS[VariableTrace] = VariableTrace.process_call
