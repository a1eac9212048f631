"""`trace_graph`: the operations of one run of a function, to be read or drawn.

The function runs once under a trace of nodes (`engine.nodes`), which record every operation with its operands. Values are
not kept.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.box import Box, all_values
from ..engine.calls import INTERPRETERS
from ..engine.cotangent import dtype_of, shape_of
from ..engine.nodes import Node, NodeTrace, WithKeywords, process_nodes, short_name
from ..engine.places import Place, Step
from ..engine.pytree import flatten, is_container
from ..engine.site import Site
from ..transforms.nary import name_of
from ..transforms.record import variable
from .drawing import Drawn, svg, svg_by_graphviz

_count = itertools.count().__next__


class GraphNode(Node):
    """One operation, or an input.

    Attributes
    ----------
    name : str
        The primitive, or the input's name.
    layout : str
        Dtype and shape of the result.
    parents : tuple of GraphNode
    args : tuple
        The arguments: a node where one was computed, a description of any other.
    kwargs : dict
        The same of the keyword arguments.
    site : Site, optional
        The line of the program; inputs have none.
    """

    __slots__ = ("args", "kwargs", "label", "layout", "name", "order", "parents", "site")

    def __init__(self, value: Any, fun: Callable, args: tuple, kwargs: dict, parent_argnums: tuple, parents: tuple) -> None:
        known = dict(zip(parent_argnums, parents, strict=True))
        shown = [known.get(i) or _described(a) for i, a in enumerate(args)]
        names = list(fun.keys) if isinstance(fun, WithKeywords) else []
        traced = shown[len(shown) - len(names) :]
        self.name = str(getattr(fun, "__name__", fun))
        self.args = tuple(shown[: len(shown) - len(names)])
        self.kwargs = {k: _described(v) for k, v in kwargs.items()} | dict(zip(names, traced, strict=True))
        self.layout = _layout(value)
        self.parents = parents
        self.site: Site | None = Site()
        self.order = _count()
        self.label = ""

    def initialize_root(self, name: str, value: Any) -> None:
        """An input."""
        self.name = self.label = name
        self.args, self.kwargs, self.parents, self.site = (), {}, (), None
        self.layout = _layout(value)
        self.order = _count()

    @property
    def call(self) -> str:
        """The operation as it would be written."""
        args = [getattr(a, "label", a) for a in self.args]
        kwargs = [f"{k}={getattr(v, 'label', v)}" for k, v in self.kwargs.items()]
        if self.name in ("__getitem__", "container_take") and len(args) == 2:
            index = args[1].removeprefix("(").removesuffix(")").removesuffix(",") if args[1].startswith("(") else args[1]
            return f"{args[0]}[{index or '()'}]"
        if self.name == "assigned" and len(args) == 2 and "place" in self.kwargs:
            return f"{args[1]} with {self.kwargs['place']} = {args[0]}"
        return f"{self.name}({', '.join(args + kwargs)})"


class GraphTrace(NodeTrace):
    """The trace of one run. What is constant for derivatives (comparisons, positions) is a constant of the graph."""

    __slots__ = ()
    box_type = ArrayBox

    def end(self) -> None:
        pass

    def box(self, ans: Any, node: Any) -> Any:
        is_array = isinstance(ans, (np.ndarray, np.generic)) or type(ans) is int
        return ans if is_array and dtype_of(ans).kind not in "fc" else super().box(ans, node)


INTERPRETERS[GraphTrace] = process_nodes


class Graph:
    """What `trace_graph` found. It prints as a listing, and draws itself in a notebook.

    Attributes
    ----------
    name : str
        The function.
    nodes : list of GraphNode
        The inputs, and the operations that the output depends on, in the order in which they were done.
    """

    def __init__(self, name: str, inputs: list[GraphNode], outputs: list[GraphNode], result: str) -> None:
        self.name = name
        self.result = result
        found = {id(n): n for n in inputs}
        pending = list(outputs)
        while pending:
            node = pending.pop()
            if id(node) not in found:
                found[id(node)] = node
            elif node.site is not None:
                continue
            pending += [p for p in node.parents if id(p) not in found]
        self.nodes = sorted(found.values(), key=lambda n: n.order)
        self.outputs = outputs

    def __str__(self) -> str:
        rows = [(n.label, n.layout, "" if n.site is None else n.call, "" if n.site is None else n.site.short) for n in self.nodes]
        widths = [max((min(len(row[k]), 60) for row in rows), default=0) for k in range(3)]
        lines = ["  ".join(f"{text:{w}}" for text, w in zip(row, widths, strict=False)) + f"  {row[3]}" for row in rows]
        return "\n".join([f"{self.name}:", *(f"  {line.rstrip()}" for line in lines), f"  return {self.result}"])

    __repr__ = __str__

    def to_dot(self) -> str:
        """The graph in the language of Graphviz."""
        lines = [
            f"digraph {_quoted(self.name)} {{",
            '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=11, color="#64748b"];',
            '  edge [color="#64748b", arrowsize=0.7];',
        ]
        numbers = {id(n): k for k, n in enumerate(self.nodes)}
        for k, d in enumerate(self._drawn()):
            label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in d.lines)
            lines.append(f'  n{k} [label="{label}", fillcolor="{d.fill}", tooltip={_quoted(d.title)}];')
        for k, n in enumerate(self.nodes):
            lines += [f"  n{numbers[id(p)]} -> n{k};" for p in n.parents]
        return "\n".join([*lines, "}", ""])

    def to_svg(self, *, graphviz: bool | None = None) -> str:
        """The drawing, as the text of an SVG file.

        Parameters
        ----------
        graphviz : bool, optional
            Whether Graphviz's ``dot`` places the nodes. By default it does if it is installed and the graph is not large.
        """
        drawing = None
        if graphviz or (graphviz is None and len(self.nodes) < 400):
            drawing = svg_by_graphviz(self.to_dot(), required=bool(graphviz))
        return drawing or svg(self._drawn())

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _drawn(self) -> list[Drawn]:
        numbers = {id(n): k for k, n in enumerate(self.nodes)}
        results = set(map(id, self.outputs))
        drawn = []
        for n in self.nodes:
            parents = [numbers[id(p)] for p in n.parents]
            fill = "#dbeafe" if n.site is None else "#dcfce7" if id(n) in results else "#f8fafc"
            if n.site is None:
                drawn.append(Drawn([n.label, n.layout], parents, fill, n.label))
            else:
                drawn.append(Drawn([_short(f"{n.label} = {n.call}"), n.layout], parents, fill, f"{n.site}\n{n.site.text}".strip()))
        return drawn


class _Word:
    """Something that prints as it is told."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def trace_graph(fun: Callable) -> Callable:
    """A function that runs `fun` once and returns its operations as a `Graph`, to be printed or drawn.

    All floating point numbers and arrays among the arguments are inputs of the graph. Every primitive that the output depends on
    appears with the dtype and shape of its result and the line of the program that called it; branches and
    loops appear as they went. Of a derivative, such as ``grad(f)``, it shows the forward and the backward pass.

    Parameters
    ----------
    fun : callable

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns a `Graph`. ``print`` lists it, ``to_dot()`` and ``to_svg()`` draw it, and a
        notebook shows the drawing.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad, trace_graph
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(x @ w) ** 2)
    >>> trace_graph(loss)(np.ones(3), np.ones((5, 3)))
    loss:
      w   float64[3]
      x   float64[5, 3]
      %1  float64[5]     matmul(x, w)  ...
      %2  float64[5]     tanh(%1)      ...
      %3  float64[5]     power(%2, 2)  ...
      %4  float64        sum(%3)       ...
      return %4
    """

    @functools.wraps(fun)
    def traced(*args: Any, **kwargs: Any) -> Graph:
        leaves, treedef = flatten((args, kwargs))
        inputs: list[GraphNode] = []
        with GraphTrace(GraphNode) as trace:
            for k, (leaf, name) in enumerate(zip(leaves, _input_names(fun, args, kwargs), strict=True)):
                value = None if isinstance(leaf, (int, np.integer)) else variable(leaf)
                if value is not None and dtype_of(leaf).kind in "fc":
                    inputs.append(GraphNode.new_root(name, value))
                    leaves[k] = trace.box(value, inputs[-1])
            new_args, new_kwargs = treedef.unflatten(leaves)
            outs, outdef = flatten(fun(*new_args, **new_kwargs))
        mine = [trace.owns(y) for y in outs]
        outputs = [y._link for y, m in zip(outs, mine, strict=True) if m]
        graph = Graph(name_of(fun), inputs, outputs, "")
        for k, node in enumerate((n for n in graph.nodes if n.site is not None), 1):
            node.label = f"%{k}"
        shown = [_Word(y._link.label if m else _described(y)) for y, m in zip(outs, mine, strict=True)]
        graph.result = repr(outdef.unflatten(shown))
        return graph

    return traced


def _input_names(fun: Callable, args: tuple, kwargs: dict) -> list[str]:
    """What the leaves of the arguments are called, for example ``params['w'][0]``."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for i, arg in enumerate(args):
        known = i < len(parameters) and parameters[i].kind in (parameters[i].POSITIONAL_ONLY, parameters[i].POSITIONAL_OR_KEYWORD)
        stem = parameters[i].name if known else f"args[{i}]"
        names += [stem + path for path in flatten(arg)[1].paths()]
    return names + [key + path for key, arg in kwargs.items() for path in flatten(arg)[1].paths()]


def _layout(value: Any) -> str:
    """Dtype and shape: ``float64[2, 3]``."""
    if is_container(value):
        leaves, treedef = flatten(value)
        return repr(treedef.unflatten(_Word(_layout(leaf)) for leaf in leaves))
    value = all_values(value)
    if not hasattr(value, "dtype"):
        return type(value).__name__
    shape = shape_of(value)
    return f"{value.dtype}[{', '.join(map(str, shape))}]" if shape else str(value.dtype)


def _described(x: Any) -> str:
    """A constant argument: a number as it is, an array by its layout."""
    if isinstance(x, (np.generic, float, complex)) or (isinstance(x, np.ndarray) and not x.ndim):
        return repr(x.item() if hasattr(x, "item") else x)
    if type(x) is np.ndarray and x.ndim == 1 and x.size <= 4:
        return repr(x.tolist())
    if isinstance(x, Place):
        path = "".join(_step(step) for step in x.path)
        return path if path and x.index is Ellipsis else path + f"[{_described(x.index)}]"
    if isinstance(x, slice):
        parts = [x.start, x.stop] if x.step is None else [x.start, x.stop, x.step]
        return ":".join("" if p is None else str(p) for p in parts)
    if x is Ellipsis:
        return "..."
    if isinstance(x, (tuple, list)):
        inner = ", ".join(map(_described, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' if len(x) == 1 else ''})"
    if isinstance(x, (bool, int, str, type(None))):
        return repr(x)
    if isinstance(x, (Box, np.ndarray)) or is_container(x):
        return _layout(x)
    return str(getattr(x, "__name__", None) or type(x).__name__)


def _step(step: Step) -> str:
    """A part of the way to a place in an array: an index, or a method that makes a view."""
    return f"[{_described(step.params['index'])}]" if "index" in step.params else f".{short_name(step.prim)}"


def _short(text: str) -> str:
    return text if len(text) <= 48 else text[:46] + " …"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
