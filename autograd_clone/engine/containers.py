"""Traced containers, for programs that trace by hand.

The transforms open containers and trace each leaf, so a user's function sees real lists and dicts. Only `trace` with a
node of one's own boxes a container as a whole; what is taken out of it is traced by `container_take`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .box import Box, getval
from .user import defjvp, defvjp, primitive
from .vspace import vspace


@primitive
def container_take(container: Any, index: Any) -> Any:
    """``container[index]``."""
    return container[index]


@primitive
def container_untake(x: Any, index: Any, space: Any) -> Any:
    """A container of zeros of the vector space `space`, with `x` at `index`."""
    zeros = space.zeros()
    if isinstance(zeros, dict):
        return {**zeros, index: x}
    items = list(zeros)
    items[index] = x
    return type(zeros)(items)


defvjp(container_take, lambda ans, container, index: lambda g: container_untake(g, index, vspace(container)))
defjvp(container_take, "same")
defvjp(container_untake, lambda ans, x, index, space: lambda g: container_take(g, index))
defjvp(container_untake, "same")


def make_sequence(kind: type, *items: Any) -> Any:
    """A list or tuple of `items`."""
    return kind(items)


class SequenceBox(Box):
    """A traced list or tuple."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        return container_take(self, index)

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return item in self._value

    def __add__(self, other: Any) -> Any:
        return type(getval(self))([*self, *other])

    def __radd__(self, other: Any) -> Any:
        return type(getval(self))([*other, *self])

    def index(self, item: Any) -> int:
        """As `list.index`."""
        return self._value.index(item)


class DictBox(Box):
    """A traced dict."""

    __slots__ = ()

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
        return self[key] if key in self else default


SequenceBox.register(list)
SequenceBox.register(tuple)
DictBox.register(dict)
