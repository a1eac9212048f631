"""Traced containers and vector spaces as primitives, for programs that trace by hand and for values of one's own types.

The transforms open containers and trace each leaf, so a user's function sees real lists and dicts. Only `trace` and
`new_box` box a container as a whole; what is taken out of it is traced by `container_take`. Likewise the transforms add
arrays without asking a vector space, and the operations of `VSpace` serve values whose type is registered with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .box import Box, all_values
from .pytree import flatten, map_children
from .user import defjvp, defjvp_argnums, defvjp, defvjp_argnums, primitive
from .vspace import SparseObject, VSpace, vspace

# ---- taking out and putting in ------------------------------------------------------------------------------------


@primitive
def container_take(container: Any, index: Any) -> Any:
    """``container[index]``."""
    return container[index]


@primitive
def container_untake(x: Any, index: Any, space: Any) -> SparseObject:
    """What adds `x` at `index` to a container of the vector space `space`.

    Examples
    --------
    >>> container_untake(1.0, 0, vspace([5.0, 6.0])).dense()
    [array(1.), array(0.)]
    """

    def mut_add(container: Any) -> Any:
        new = dict(container) if isinstance(container, dict) else list(container)
        old = new[index]
        new[index] = vspace(old).mut_add(old, x)
        return _like(container, new)

    return SparseObject(space, mut_add)


def _like(container: Any, new: Any) -> Any:
    if isinstance(container, dict):
        return new
    return container._make(new) if hasattr(container, "_make") else type(container)(new)


defvjp(container_take, lambda ans, container, index: lambda g: container_untake(g, index, vspace(container)))
defjvp(container_take, "same")
defvjp(container_untake, lambda ans, x, index, space: lambda g: container_take(g, index))
defjvp(container_untake, "same")


# ---- putting together ---------------------------------------------------------------------------------------------


@primitive
def make_sequence(kind: type, *items: Any) -> Any:
    """A list or tuple of `items`.

    Examples
    --------
    >>> make_sequence(tuple, 1.0, 2.0)
    (1.0, 2.0)
    """
    return kind._make(items) if hasattr(kind, "_make") else kind(items)


@primitive
def _make_dict(keys: Any, values: Any) -> dict:
    """A dict of `keys` and `values`."""
    return dict(zip(keys, values, strict=True))


@primitive
def _rebuild(template: Any, *children: Any) -> Any:
    """A container like `template` with other children."""
    source = iter(children)
    return map_children(lambda _: next(source), template)


def _sequence_tangent(argnums: tuple, ts: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
    tangents = [vspace(x).zeros() for x in args[1:]]
    for i, t in zip(argnums, ts, strict=True):
        tangents[i - 1] = t
    return _like(ans, tangents)


defvjp_argnums(make_sequence, lambda argnums, ans, args, kwargs: lambda g: [g[i - 1] for i in argnums])
defjvp_argnums(make_sequence, _sequence_tangent)
defvjp(_make_dict, None, lambda ans, keys, values: lambda g: type(values)([g[k] for k in keys]))
defjvp(_make_dict, None, lambda t, ans, keys, values: dict(zip(keys, t, strict=True)))


def make_container(tree: Any, f: Callable[[Any], Any]) -> Any:
    """A container like `tree` of ``f(element)``, put together by a primitive."""
    if isinstance(tree, (list, tuple)):
        return make_sequence(type(tree), *map(f, tree))
    if type(tree) is dict:
        return _make_dict(list(tree), [f(x) for x in tree.values()])
    children: list = []
    map_children(children.append, tree)
    return _rebuild(map_children(lambda _: None, tree), *map(f, children))


# ---- boxes --------------------------------------------------------------------------------------------------------


class _ContainerBoxType(type):
    """Makes ``isinstance(x, SequenceBox)`` true also of a plain list or tuple that holds traced values."""

    def __instancecheck__(cls, x: Any) -> bool:
        if super().__instancecheck__(x):
            return True
        return isinstance(x, cls.plain_types) and any(isinstance(leaf, Box) for leaf in flatten(x)[0])  # type: ignore[attr-defined]


class SequenceBox(Box, metaclass=_ContainerBoxType):
    """A traced list or tuple."""

    __slots__ = ()
    plain_types = (list, tuple)

    def __getitem__(self, index: Any) -> Any:
        return container_take(self, index)

    def __getattr__(self, name: str) -> Any:
        fields = getattr(type(all_values(self)), "_fields", ())
        if name in fields:
            return self[fields.index(name)]
        raise AttributeError(f"{type(all_values(self)).__name__!r} object has no attribute {name!r}")

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return item in self._value

    def __add__(self, other: Any) -> Any:
        return type(all_values(self))([*self, *other])

    def __radd__(self, other: Any) -> Any:
        return type(all_values(self))([*other, *self])

    def index(self, item: Any) -> int:
        """As `list.index`."""
        return self._value.index(item)


class DictBox(Box, metaclass=_ContainerBoxType):
    """A traced dict."""

    __slots__ = ()
    plain_types = (dict,)

    def __getitem__(self, key: Any) -> Any:
        return container_take(self, key)

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._value)

    def __contains__(self, key: Any) -> bool:
        return key in self._value

    def keys(self) -> list[Any]:
        """As `dict.keys`."""
        return list(self._value)

    def values(self) -> list[Any]:
        """As `dict.values`."""
        return [self[k] for k in self]

    def items(self) -> list[tuple[Any, Any]]:
        """As `dict.items`."""
        return [(k, self[k]) for k in self]

    def get(self, key: Any, default: Any = None) -> Any:
        """As `dict.get`."""
        return self[key] if key in self else default  # noqa: SIM401 - `get` is what is defined here


class SparseBox(Box):
    """A traced `SparseObject`."""

    __slots__ = ()


SequenceBox.register(list)
SequenceBox.register(tuple)
DictBox.register(dict)
SparseBox.register(SparseObject)


# ---- vector spaces ------------------------------------------------------------------------------------------------


@primitive
def sparse_add(space: VSpace, previous: Any, new: SparseObject) -> Any:
    """`previous` (``None`` for zero) plus a `SparseObject`; `previous` may be changed in place.

    Examples
    --------
    >>> sparse_add(vspace(0.0), None, SparseObject(vspace(0.0), lambda x: x + 2))
    np.float64(2.0)
    """
    return new.mut_add(space.zeros() if previous is None else previous)


defvjp(sparse_add, None, lambda ans, *_: lambda g: g, lambda ans, *_: lambda g: g)
defjvp(sparse_add, None, lambda t, ans, *_: t, lambda t, ans, space, previous, new: sparse_add(space, None, t))

for _name in ("add", "mut_add", "scalar_mul", "inner_prod", "covector"):
    setattr(VSpace, _name, primitive(getattr(VSpace, _name)))

defvjp(VSpace.add, None, lambda ans, *_: lambda g: g, lambda ans, *_: lambda g: g)
defjvp(VSpace.add, None, lambda t, *_: t, lambda t, *_: t)
defvjp(VSpace.mut_add, None, lambda ans, *_: lambda g: g, lambda ans, *_: lambda g: g)
defjvp(VSpace.mut_add, None, lambda t, *_: t, lambda t, *_: t)
defvjp(
    VSpace.scalar_mul,
    None,
    lambda ans, space, x, a: lambda g: space.covector(space.scalar_mul(space.covector(g), a)),
    lambda ans, space, x, a: lambda g: space.inner_prod(space.covector(g), x),
)
defjvp(
    VSpace.scalar_mul,
    None,
    lambda t, ans, space, x, a: space.scalar_mul(t, a),
    lambda t, ans, space, x, a: space.scalar_mul(x, t),
)
defvjp(
    VSpace.inner_prod,
    None,
    lambda ans, space, x, y: lambda g: space.covector(space.scalar_mul(y, g)),
    lambda ans, space, x, y: lambda g: space.covector(space.scalar_mul(x, g)),
)
defjvp(
    VSpace.inner_prod,
    None,
    lambda t, ans, space, x, y: space.inner_prod(t, y),
    lambda t, ans, space, x, y: space.inner_prod(x, t),
)
defvjp(VSpace.covector, None, lambda ans, space, x: space.covector)
defjvp(VSpace.covector, None, lambda t, ans, space, x: space.covector(t))

