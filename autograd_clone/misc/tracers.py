"""Recording a function's graph once: to run it again without its Python code, or to look at it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..engine.errors import AutogradError
from ..engine.handmade import toposort, trace
from ..engine.nodes import Node
from ..engine.tuples import subvals


class ConstGraphNode(Node):
    """A node that can apply its function again to new parents' values."""

    __slots__ = ("argnums", "args", "fun", "kwargs", "parents")

    def __init__(self, value: Any, fun: Callable, args: tuple, kwargs: dict, parent_argnums: tuple, parents: tuple) -> None:
        self.fun, self.kwargs, self.argnums, self.parents = fun, kwargs, parent_argnums, parents
        self.args = subvals(args, ((i, None) for i in parent_argnums))

    def initialize_root(self) -> None:
        """The input."""
        self.parents = ()

    def partial_fun(self, values: list[Any]) -> Any:
        """The function applied to new values of its parents."""
        return self.fun(*subvals(self.args, zip(self.argnums, values, strict=True)), **self.kwargs)


def const_graph_unary(fun: Callable) -> Callable:
    """`fun`, which must do the same operations whatever its argument, run from its graph after the first call.

    A branch on the argument raises. Where `fun` contains derivatives, a rule that treats singular points apart does
    so as in the first call.
    """
    graph: list[ConstGraphNode] = []

    def replayed(x: Any) -> Any:
        if not graph:
            value, end = trace(ConstGraphNode.new_root(), fun, x)
            if end is None:
                raise AutogradError("const_graph: the output does not depend on the input")
            graph.extend(list(toposort(end))[::-1])
            return value
        values = {graph[0]: x}
        for node in graph[1:]:
            values[node] = node.partial_fun([values[p] for p in node.parents])
        return values[graph[-1]]

    return replayed


def const_graph(fun: Callable, *args: Any, **kwargs: Any) -> Callable:
    """As `const_graph_unary`, for several positional arguments, with `args` and `kwargs` fixed.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> f = const_graph(lambda x, y: np.sin(x) * y)
    >>> f(0.0, 1.0), f(np.pi / 2, 3.0)
    (np.float64(0.0), np.float64(3.0))
    """
    unary = const_graph_unary(lambda xs: fun(*args, *xs, **kwargs))

    @functools.wraps(fun)
    def replayed(*xs: Any) -> Any:
        return unary(xs)

    return replayed


class FullGraphNode(Node):
    """A node that keeps everything: its value, and ``recipe = (fun, args, kwargs, [(argnum, parent), ...])``."""

    __slots__ = ("recipe", "value")

    def __init__(self, value: Any, fun: Callable, args: tuple, kwargs: dict, parent_argnums: tuple, parents: tuple) -> None:
        self.value = value
        self.recipe = (fun, args, kwargs, list(zip(parent_argnums, parents, strict=True)))

    def initialize_root(self) -> None:
        """The input."""
        self.value = None
        self.recipe = (lambda x: x, (), {}, [])


def full_graph(fun: Callable, *args: Any, **kwargs: Any) -> Any:
    """The last node of the graph of ``fun(*args, **kwargs)``, each node a `FullGraphNode`."""
    return trace(FullGraphNode.new_root(), lambda xs: fun(*xs, **kwargs), args)[1]
