"""Reverse mode: record a graph on the way forward, pull cotangents through it on the way back.

A node is a plain list, the cheapest thing Python can make and free::

    [order,  parent, vjp, residual, fix,  parent, vjp, residual, fix,  ...]

with one group of four per operand that depends on the input. ``order`` falls from node to node (0, -1, -2, ...),
so a child always compares less than its parents and a heap of nodes yields children first. ``vjp(g, residual)``
is the cotangent for ``parent``; ``fix`` is ``None``, or what `project` needs if the operand's shape or dtype differs
from the output's. A node with no groups is a root: an input.

Nodes point to their parents only, so a branch that leads nowhere is freed while the program still runs, and
`backward` frees each node, with its residuals, as soon as it has been used.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from .box import Box, all_values, is_foreign, new_box
from .cotangent import TAKE_SCATTERS, Scatter, add, dtype_of, project, shape_of
from .duck import is_duck
from .duck import zeros as zeros_like
from .errors import UnsupportedTypeError
from .primitive import Primitive, identity, negative
from .protection import constants_held
from .site import Site
from .trace import Trace, apply

#: The next node's place in creation order, falling.
next_order = itertools.count(0, -1).__next__

Node = list


class ReverseTrace(Trace):
    """Interpreter that runs each primitive and leaves a node behind."""

    __slots__ = ()
    exclusive = True
    #: Whether constants in its nodes are protected against changes, until it ends.
    protects = True

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if len(operands) == 1 and 0 in prim.vjps:
            return self.process_one(prim, operands[0], params)
        values, active = unwrap(self, operands)
        ans = apply(prim, values, params)
        if prim.kind == "zero":
            return ans
        if self.protects and (params or len(active) < len(values)):
            values, params = constants_held(self, prim, values, active, params)
        return self.box(ans, node_for(prim, values, active, ans, params), prim.name)

    def process_one(self, prim: Primitive, x: Any, params: dict) -> Any:
        """`process` for a single operand: the same, without lists."""
        value = x._value
        kind = type(value)
        if kind is np.ndarray or kind is np.float64:
            ans = prim.kernel(value, **params)
        else:
            ans = apply(prim, (value,), params)
        rule = prim.vjps[0]
        if rule is None:
            return ans
        if params:
            prim.check_handled(rule, params)
            if self.protects:
                _, params = constants_held(self, prim, (), [], params)
        fix = fix_for(prim, value, ans)
        return self.box(ans, [next_order(), x._link, rule.call, rule.gather((value,), ans, params), fix], prim.name)

    def mapped(self, x: Any, f: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
        return new_box(f(x._value), self, self.note([next_order(), x._link, lambda g, _: back(g), None, None], "mapped"))

    def box(self, ans: Any, node: Node, name: str) -> Any:
        """`ans` as a box of this trace; as it is if no derivative reaches it."""
        if len(node) == 1:
            return ans
        if type(ans) not in _SINGLE and not isinstance(ans, Box) and isinstance(ans, (tuple, list)):
            return self.box_many(ans, node, name)
        if dtype_of(ans).kind not in "fc" and not is_foreign(ans):
            return untraced(ans, name)
        return new_box(ans, self, self.note(node, name))

    def box_many(self, ans: Any, node: Node, name: str) -> Any:
        """The outputs of `node` as boxes in a container like `ans`."""
        zeros = [(shape_of(a), dtype_of(a), a if is_duck(all_values(a)) else None) for a in ans]
        for k in range(2, len(node), 4):
            node[k], node[k + 1] = _with_zeros(node[k]), (zeros, node[k + 1])
        node = self.note(node, name)
        boxes = [
            new_box(a, self, [next_order(), node, _slot, k, None]) if dtype.kind in "fc" else a
            for k, (a, (_, dtype, _)) in enumerate(zip(ans, zeros, strict=True))
        ]
        return ans._make(boxes) if hasattr(ans, "_make") else type(ans)(boxes)

    def note(self, node: Node, name: str) -> Node:
        """A hook: `RecordingTrace` adds the primitive's name and where the node was recorded."""
        return node


def untraced(ans: Any, name: str) -> Any:
    """A result that no derivative goes through, as it is: made an integer by ``dtype=``, it is piecewise constant."""
    if dtype_of(ans).kind in "iub":
        return ans
    raise UnsupportedTypeError(
        f"{name}: of these arguments NumPy makes an array of dtype {dtype_of(ans)}, which cannot be traced; take a dtype of "
        "floating point numbers, or stop_gradient of the traced values"
    )


#: Types of results that are not several.
_SINGLE = frozenset({np.ndarray, np.float64, np.float32, np.complex128})


class RecordingTrace(ReverseTrace):
    """A reverse trace that also notes the primitive and the user's line; slow, used to explain an exception."""

    __slots__ = ()

    def note(self, node: Node, name: str) -> Node:
        return NotedNode(node, name, str(Site()))


class NotedNode(list):
    """A node that knows where it was recorded."""

    __slots__ = ("primitive", "site")

    def __init__(self, node: Node, primitive: str, site: str) -> None:
        super().__init__(node)
        self.primitive = primitive
        self.site = site


def unwrap(trace: Trace, operands: tuple) -> tuple[tuple, list[tuple[int, Any]]]:
    """The operands without `trace`'s boxes, and ``(index, node)`` of each box."""
    values, active = [], []
    for i, x in enumerate(operands):
        if not isinstance(x, Box):
            values.append(x)
        elif x._trace is trace:
            values.append(x._value)
            active.append((i, x._link))
        else:
            values.append(x.snapshot())  # a program may write to it
    return tuple(values), active


def node_for(prim: Primitive, values: tuple, active: list[tuple[int, Any]], ans: Any, params: dict) -> Node:
    """The node of a primitive's application: a group for each operand of `active`, which are pairs ``(index, node)``."""
    node: Node = [next_order()]
    if prim.shares and len(active) == 2:
        params = params | {"memo": [None]}
    for i, parent in active:
        key = prim.key(i)
        if key not in prim.vjps:
            node += parent, *vjp_from_jvp(prim, i, values, ans, params), fix_for(prim, values[i], ans)
            continue
        rule = prim.rule(prim.vjps, i, params)
        if rule is not None:
            given = params if prim.variadic is None else params | {"argnum": i - prim.variadic}
            node += parent, rule.call, rule.gather(values, ans, given), fix_for(prim, values[i], ans)
    return node


def fix_for(prim: Primitive, x: Any, ans: Any) -> tuple | None:
    """What `project` must do to a cotangent of `x`, or ``None`` if there is nothing to do."""
    if not prim.checked and prim.outputs == 1:
        if type(x) is np.float64 is type(ans):
            return None
        if x.dtype is ans.dtype and (not prim.broadcasts or x.shape == ans.shape):
            return None
    return shape_of(x), dtype_of(x), None if prim.broadcasts else prim.name


#: Rules that can write their result over the cotangent, and the ufunc that does. From Python 3.14 on, references may be
#: borrowed and without the GIL they are counted in two parts; there nothing is overwritten.
IN_PLACE: dict[Callable, np.ufunc] = (
    {operator.mul: np.multiply, operator.truediv: np.true_divide}
    if sys.version_info < (3, 14) and getattr(sys, "_is_gil_enabled", lambda: True)()
    else {}
)


def may_overwrite(g: np.ndarray, residual: Any) -> bool:
    """Whether `g` is referred to by nobody but `backward`, and of the shape and dtype of the result.

    NumPy elides its temporaries by the same test. On large arrays half the time of a product is memory for the result.
    """
    return (
        sys.getrefcount(g) == _REFERENCES
        and g.base is None
        and g.flags.writeable
        and type(residual) is np.ndarray
        and residual.dtype is g.dtype
        and (not residual.ndim or residual.shape == g.shape)
    )


#: Number of elements from which on it pays to look.
LARGE = 10_000
#: The variable in `backward`, the parameter of `may_overwrite`, and the argument of ``getrefcount``.
_REFERENCES = 3


def backward(end: list[tuple[Node, Any]]) -> dict[int, Any]:
    """Pull cotangents from outputs to roots.

    Parameters
    ----------
    end : list of (node, cotangent)
        The list is emptied, so that the caller holds no node and each is freed once it has been visited.

    Returns
    -------
    dict
        Root's order -> its cotangent; roots that no output depends on are absent.
    """
    pending: dict[int, list] = {}
    heap: list[int] = []
    roots: dict[int, Any] = {}
    while end:
        _receive(pending, heap, *end.pop())
    node: Node = []
    try:
        while heap:
            node, g, _ = pending.pop(heappop(heap))
            while True:  # from child to parent, for as long as the parent is younger than all that is pending
                size = len(node)
                if type(g) is Scatter and (size == 1 or node[-3] not in TAKE_SCATTERS):
                    g = g.dense()
                if size == 5:
                    _, parent, vjp, residual, fix = node
                elif size == 9:  # two operands: the loop below, written out
                    _, other, vjp, residual, fix, *last = node
                    if fix is not None:
                        h = _projected(vjp, g, residual, fix)
                    else:
                        h = g if vjp is identity else vjp(g, residual)
                    _receive(pending, heap, other, h)
                    h = other = None
                    parent, vjp, residual, fix = last
                elif size == 1:
                    roots[node[0]] = g
                    break
                else:
                    for i in range(1, size - 4, 4):
                        vjp, residual, fix = node[i + 1 : i + 4]
                        h = vjp(g, residual) if fix is None else _projected(vjp, g, residual, fix)
                        _receive(pending, heap, node[i], h)
                    h = None
                    parent, vjp, residual, fix = node[-4:]
                if fix is not None and (vjp is negative or not fix[0]):
                    g = _projected(vjp, g, residual, fix)
                else:
                    if vjp is identity:
                        pass
                    elif vjp is Scatter and parent[0] in pending and type(entry := pending[parent[0]][1]) is Scatter:
                        entry.put(g, residual)  # another read of what has been read
                        entry = None
                        break
                    elif type(g) is ndarray and g.size > LARGE and vjp in IN_PLACE and may_overwrite(g, residual):
                        g = IN_PLACE[vjp](g, residual, g)
                    else:
                        g = vjp(g, residual)
                    if fix is not None:
                        g = project(g, fix)
                if heap and heap[0] <= parent[0]:
                    _receive(pending, heap, parent, g)
                    break
                node = parent
            parent = residual = None
    except Exception as error:
        explain(error, node)
        raise
    return roots


def _projected(vjp: Callable, g: Any, residual: Any, fix: tuple) -> Any:
    """The cotangent of an operand that differs from the output in shape or dtype."""
    if vjp is negative:  # of the few elements that are left
        return -project(g, fix)
    if vjp is operator.mul and type(g) is ndarray is type(residual) and g.shape == residual.shape:
        shape, dtype, name = fix
        if not shape and name is None and g.dtype is residual.dtype is dtype and dtype.kind == "f":
            return np.vdot(g, residual)  # a number times an array: no array for the product
    return project(vjp(g, residual), fix)


def _receive(pending: dict[int, list], heap: list[int], node: Node, g: Any) -> None:
    """Add `g` to the cotangent of `node`: its entry is ``[node, cotangent, whether that may be changed in place]``."""
    order = node[0]
    if order in pending:
        entry = pending[order]
        entry[1] = add(entry[1], g, entry[2])
        entry[2] = True
    else:
        pending[order] = [node, g, False]
        heappush(heap, order)


def explain(error: BaseException, node: Node) -> None:
    """Add to an exception of the backward pass where its node came from, if the node knows."""
    if isinstance(node, NotedNode):
        error.add_note(f"in the backward pass of {node.primitive}, recorded at {node.site}")


def root() -> Node:
    """A node for an input."""
    return [next_order()]


def _slot(g: Any, k: int) -> dict[int, Any]:
    """The cotangent of a node with several outputs, of which only the k-th has one."""
    return {k: g}


def _with_zeros(vjp: Callable) -> Callable:
    """Give `vjp` a tuple with zeros for the outputs that nobody used."""

    def full(g: dict[int, Any], residual: tuple) -> Any:
        zeros, inner = residual
        return vjp(tuple(g[k] if k in g else zeros_like(*zeros[k]) for k in range(len(zeros))), inner)

    return full


def vjp_from_jvp(prim: Primitive, i: int, values: tuple, ans: Any, params: dict) -> tuple[Callable, None]:
    """The VJP of operand `i` (as the middle of a node's group), out of its JVP rule."""
    from .forward import tangent_map
    from .transpose import transpose

    forward = tangent_map(prim, i, values, ans, params)
    many = isinstance(ans, (tuple, list))

    def vjp(g: Any, _: None) -> Any:
        return transpose(forward if many else lambda t: (forward(t),), [values[i]])(g if many else (g,))[0]

    return vjp, None
