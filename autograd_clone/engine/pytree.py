"""Pytrees: lists, tuples, dicts, named tuples, dataclasses and registered classes as containers of arrays.

`flatten` turns a container into its leaves and a `TreeDef` that can put others in their place. A user's function
gets real containers of traced leaves, so ``isinstance``, unpacking, ``**params`` and mutation just work.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .box import Box
from .errors import RuleShapeError

#: type -> (to_children, from_children): ``to_children(tree) -> (children, aux)``, ``from_children(aux, children)``.
#: ``None`` marks a type that has been looked at and is none.
_CONTAINERS: dict[type, tuple[Callable, Callable] | None] = {}


class TreeDef:
    """The structure of a pytree: a leaf, or a container type with its auxiliary data and children."""

    __slots__ = ("aux", "children", "flat", "kind", "size")

    def __init__(self, kind: Any, aux: Any, children: tuple[TreeDef, ...]) -> None:
        self.kind = kind
        self.aux = aux
        self.children = children
        self.flat = kind is not None and all([c is LEAF for c in children])
        self.size: int = 1 if kind is None else len(children) if self.flat else sum(c.size for c in children)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The container with `leaves` in place of the original ones."""
        if self.flat:
            return _CONTAINERS[self.kind][1](self.aux, list(leaves))  # type: ignore[index]
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        children = [c._build(leaves) for c in self.children]
        return _container(self.kind)[1](self.aux, children)  # type: ignore[index]

    def flatten_like(self, tree: Any, what: str) -> list[Any]:
        """The leaves of `tree`, which must have this structure; lists and tuples may stand for each other."""
        out: list[Any] = []
        self._collect(tree, what, out)
        return out

    def _collect(self, tree: Any, what: str, out: list[Any]) -> None:
        if self.kind is None:
            out.append(tree)
            return
        entry = _container(type(tree))
        if entry is None:
            raise RuleShapeError(f"{what}: expected {self!r}, got a {type(tree).__name__}")
        children, _ = entry[0](tree)
        if isinstance(tree, dict):
            if set(tree) != set(self.aux[-1]):
                raise RuleShapeError(f"{what}: expected keys {list(self.aux[-1])}, got {list(tree)}")
            children = [tree[k] for k in self.aux[-1]]
        if len(children) != len(self.children):
            raise RuleShapeError(f"{what}: expected {self!r}, got a {type(tree).__name__} of {len(children)}")
        for child, sub in zip(self.children, children, strict=True):
            child._collect(sub, what, out)

    def paths(self) -> list[str]:
        """How each leaf is reached, e.g. ``[0]['w']``, for messages."""
        if self.kind is None:
            return [""]
        if issubclass(self.kind, dict):
            keys = [f"[{k!r}]" for k in self.aux[-1]]
        elif dataclasses.is_dataclass(self.kind):
            keys = [f".{f.name}" for f in dataclasses.fields(self.kind)]
        else:
            keys = [f"[{i}]" for i in range(len(self.children))]
        return [key + rest for key, child in zip(keys, self.children, strict=True) for rest in child.paths()]

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        return f"{self.kind.__name__}({', '.join(map(repr, self.children))})"


LEAF = TreeDef(None, None, ())


def register_pytree(kind: type, to_children: Callable, from_children: Callable) -> None:
    """Make instances of a class containers of differentiable values.

    Parameters
    ----------
    kind : type
        The class.
    to_children : callable
        ``to_children(obj) -> (children, aux)``: a sequence of what may vary, and whatever else is needed to rebuild.
    from_children : callable
        ``from_children(aux, children) -> obj``.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> class Line:
    ...     def __init__(self, w, b):
    ...         self.w, self.b = w, b
    >>> register_pytree(Line, lambda l: ((l.w, l.b), None), lambda aux, c: Line(*c))
    >>> grad(lambda l: l.w * 3.0 + l.b)(Line(1.0, 2.0)).w
    np.float64(3.0)
    """
    _CONTAINERS[kind] = (to_children, from_children)


def _container(kind: type) -> tuple[Callable, Callable] | None:
    if kind in _CONTAINERS:
        return _CONTAINERS[kind]
    if issubclass(kind, tuple) and hasattr(kind, "_make"):
        return _CONTAINERS.setdefault(kind, (lambda t: (t, kind), lambda aux, c: kind._make(c)))
    if kind in Box.type_mappings:  # a value of its own
        return _CONTAINERS.setdefault(kind, None)
    if dataclasses.is_dataclass(kind):
        names = [f.name for f in dataclasses.fields(kind)]
        return _CONTAINERS.setdefault(kind, (lambda d: ([getattr(d, n) for n in names], d), _rebuild_dataclass))
    return _CONTAINERS.setdefault(kind, None)


def _rebuild_dataclass(template: Any, children: list[Any]) -> Any:
    new = copy.copy(template)
    for field, value in zip(dataclasses.fields(template), children, strict=True):
        object.__setattr__(new, field.name, value)
    return new


def _default_dict(aux: tuple, children: list[Any]) -> defaultdict:
    return defaultdict(aux[0], zip(aux[1], children, strict=True))


register_pytree(list, lambda x: (x, None), lambda aux, c: c)
register_pytree(tuple, lambda x: (x, None), lambda aux, c: tuple(c))
register_pytree(dict, lambda x: (list(x.values()), (tuple(x),)), lambda aux, c: dict(zip(aux[0], c, strict=True)))
register_pytree(
    OrderedDict, lambda x: (list(x.values()), (tuple(x),)), lambda aux, c: OrderedDict(zip(aux[0], c, strict=True))
)
register_pytree(defaultdict, lambda x: (list(x.values()), (x.default_factory, tuple(x))), _default_dict)


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a pytree, and its structure."""
    leaves: list[Any] = []
    return leaves, _flatten_into(tree, leaves)


def _flatten_into(tree: Any, leaves: list[Any]) -> TreeDef:
    entry = _container(type(tree))
    if entry is None:
        leaves.append(tree)
        return LEAF
    children, aux = entry[0](tree)
    structure = []
    for child in children:
        if type(child) in _COMMON_LEAVES:
            leaves.append(child)
            structure.append(LEAF)
        else:
            structure.append(_flatten_into(child, leaves))
    return TreeDef(type(tree), aux, tuple(structure))


#: Types that are no containers, whatever is registered: they need no look.
_COMMON_LEAVES = frozenset({np.ndarray, np.float64, float, int, str, type(None)})


def is_container(x: Any) -> bool:
    """Whether `x` is a pytree with structure rather than a leaf."""
    return _container(type(x)) is not None


def tree_map(f: Callable, tree: Any) -> Any:
    """Apply `f` to every leaf."""
    leaves, treedef = flatten(tree)
    return treedef.unflatten(map(f, leaves))


def map_children(f: Callable, tree: Any) -> Any:
    """Apply `f` to every element of a container."""
    to_children, from_children = _container(type(tree))  # type: ignore[misc]
    children, aux = to_children(tree)
    return from_children(aux, [f(c) for c in children])
