"""Recording a program into nodes of one's own: what `trace` does with a class derived from `Node`.

Every operation on a traced value makes one node: ``node_type(value, fun, args, kwargs, parent_argnums, parents)``. Calling
``fun(*args, **kwargs)`` again, with other values in place of the parents', replays it. For that reason nothing is a
constant here: also what has a zero derivative (`numpy.floor`, ``x > 0``) makes a node, and a branch on a traced value is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .batch import run_constant
from .box import Box, all_values, getval, new_box
from .calls import INTERPRETERS, CallPrimitive, youngest
from .containers import _make_dict, _rebuild, container_take, make_container, make_sequence
from .errors import ClosedOverTraceError
from .primitive import REGISTRY, Primitive
from .pytree import flatten, is_container, map_children
from .trace import Trace

Call = tuple[Callable, tuple, dict[str, Any]]

#: primitive -> ``form(operands, params)``: function, arguments and keywords that its nodes show, where those are not obvious.
FORMS: dict[Any, Callable[[tuple, dict], Call]] = {}
#: Functions whose result does not depend on the values, only on shape and dtype: not recorded.
STATIC = frozenset({
    "can_cast", "common_type", "iscomplexobj", "isrealobj", "min_scalar_type", "ndim", "result_type", "shape", "size",
})  # fmt: skip


#: What makes a container of boxes one box, and the other way round.
CONTAINER_FUNCTIONS = frozenset({container_take, make_sequence, _make_dict, _rebuild})


class Node:
    """What a trace of one's own keeps for each value; subclasses implement both methods."""

    __slots__ = ()

    def __init__(self, value: Any, fun: Callable, args: tuple, kwargs: dict, parent_argnums: tuple, parents: tuple) -> None:
        raise NotImplementedError

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        """Set up the node of an input."""
        raise NotImplementedError

    @classmethod
    def new_root(cls, *args: Any, **kwargs: Any) -> Any:
        """The node of an input."""
        node = cls.__new__(cls)
        node.initialize_root(*args, **kwargs)
        return node


class NodeTrace(Trace):
    """Interpreter that makes a user's node for every primitive."""

    __slots__ = ("__weakref__", "node_type")

    #: The classes of array boxes, ordinary and of this trace, which the layer of array boxes provides.
    array_box: type[Box]
    box_type: type[Box]

    def __init__(self, node_type: type[Node]) -> None:
        super().__init__()
        self.node_type = node_type

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if short_name(prim) in STATIC:
            return prim.fun(*map(all_values, operands), **params)
        return self.record(*presented(prim, operands, params))

    def apply_with(self, prim: Primitive, args: tuple, kwargs: dict, prepare: Callable = tuple) -> Any:
        """A call in which something that is not an operand (a mask, a bound) is traced: it is recorded as a whole."""
        return self.record(*presented(prim, args, kwargs, as_called=True))

    def record(self, fun: Callable, args: tuple, kwargs: dict) -> Any:
        """``fun(*args, **kwargs)``, with a node for it."""
        fun, args, kwargs = self._by_position(fun, args, kwargs)
        args = tuple(map(self.whole, args))
        if youngest(args) is not self:
            raise ClosedOverTraceError(
                f"{getattr(fun, '__name__', fun)}: an argument that is not an operand depends on the input of the graph, and an "
                "operand on an input of a derivative inside it; such a call cannot be recorded"
            )
        argnums = tuple(i for i, a in enumerate(args) if self.owns(a))
        values = tuple(a._value if self.owns(a) else a for a in args)
        ans = fun(*values, **kwargs)
        box = self.box(ans, self.node_type(ans, fun, values, kwargs, argnums, tuple(args[i]._link for i in argnums)))
        return box if fun in CONTAINER_FUNCTIONS else self.opened(box)

    def _by_position(self, fun: Callable, args: tuple, kwargs: dict) -> Call:
        traced = tuple(k for k, v in kwargs.items() if self.holds(v))
        if not traced:
            return fun, args, kwargs
        rest = {k: v for k, v in kwargs.items() if k not in traced}
        return WithKeywords(fun, traced), (*args, *(kwargs[k] for k in traced)), rest

    def owns(self, x: Any) -> bool:
        """Whether `x` is a box of this trace."""
        return isinstance(x, Box) and x._trace is self

    def holds(self, x: Any) -> bool:
        """Whether there is a box of this trace in the pytree `x`."""
        return any(map(self.owns, flatten(x)[0]))

    def whole(self, x: Any) -> Any:
        """`x`, as one box if it is a container with boxes of this trace in it."""
        return make_container(x, self.whole) if is_container(x) and self.holds(x) else x

    def opened(self, box: Any) -> Any:
        """A box of a container, which a function has returned, as a container of boxes; what cannot be traced as it is."""
        if not isinstance(box, Box) or not is_container(box._value):
            return box
        value = box._value
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, (list, tuple)) else []
        if not keys:
            return box
        taken = {id(value[k]): self.opened(container_take(box, k)) for k in keys if value[k] is not None}
        return map_children(lambda child: taken.get(id(child)), value)

    def box(self, ans: Any, node: Any) -> Box:
        """A box of `ans`. Integers and truth values, which no derivative reaches, are recorded too."""
        if type(ans) is int or type(ans) is bool:
            ans = np.asarray(ans)[()]
        cls = Box.type_mappings.get(type(ans))
        if cls is self.array_box or (cls is None and isinstance(ans, (np.ndarray, np.generic))):
            return self.box_type(ans, self, node)
        return new_box(ans, self, node)


def process_nodes(trace: NodeTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A user's primitive under a `NodeTrace`."""
    if trace.node_type in prim.untraced:
        return prim(*(all_values(a) for a in args), **kwargs)
    return trace.record(prim, args, kwargs)


INTERPRETERS[NodeTrace] = process_nodes


class Named:
    """A primitive that is no public function of NumPy, by its short name."""

    __slots__ = ("__name__", "call")

    def __init__(self, name: str, call: Callable) -> None:
        self.__name__ = name
        self.call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<recorded {self.__name__}>"


class WithKeywords(Named):
    """A function that takes its last arguments as the keywords `keys`."""

    __slots__ = ("keys",)

    def __init__(self, fun: Callable, keys: Sequence[str]) -> None:
        super().__init__(getattr(fun, "__name__", repr(fun)), fun)
        self.keys = keys

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        n = len(args) - len(self.keys)
        return self.call(*args[:n], **dict(zip(self.keys, args[n:], strict=True)), **kwargs)


def short_name(prim: Any) -> str:
    """``solve`` for ``numpy.linalg.solve``."""
    return prim.name.rpartition(".")[2]


def presented(prim: Primitive, operands: tuple, params: dict, *, as_called: bool = False) -> Call:
    """A primitive's application as its node shows it; ``as_called`` if operands and parameters are not separated."""
    if prim in FORMS and not as_called:
        return FORMS[prim](operands, params)
    if prim.sequence and not as_called:
        return Named(short_name(prim), lambda *elements, **kwargs: prim(elements, **kwargs)), operands, params
    if REGISTRY.get(prim.fun) is prim and (isinstance(prim.fun, np.ufunc) or hasattr(prim.fun, "_implementation")):
        return prim.fun, operands, params  # NumPy's dispatch finds the record again
    if prim.kind == "zero":
        return Named(short_name(prim), lambda *args, **kwargs: run_constant(prim, *_values(args, kwargs))), operands, params
    return Named(short_name(prim), prim), operands, params


def _values(args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Arguments without the boxes of derivatives."""
    return tuple(map(getval, args)), {k: getval(v) for k, v in kwargs.items()}
