"""Vector spaces: zeros, bases and inner products for the values of one shape and structure.

The transforms do not need them (they flatten pytrees); they serve `check_grads` and programs that use HIPS
autograd's ``vspace(x).zeros()``, ``.standard_basis()`` and the rest. `VSpace.register` names the space of a type.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from .box import Box, getval
from .cotangent import SPACE_OF
from .errors import UnsupportedTypeError
from .pytree import flatten, is_container, map_children


class VSpace:
    """The vector space of values like a given one."""

    #: value type -> maker of its space.
    mappings: ClassVar[dict[type, Callable[[Any], VSpace]]] = {}
    iscomplex = False

    def __init__(self, value: Any) -> None:
        pass

    @classmethod
    def register(cls, value_type: type, vspace_maker: Callable[[Any], VSpace] | None = None) -> None:
        """Say that values of `value_type` live in this space, or in the one that ``vspace_maker(value)`` returns."""
        VSpace.mappings[value_type] = vspace_maker or cls

    @property
    def size(self) -> int:
        """The dimension."""
        raise NotImplementedError

    def zeros(self) -> Any:
        """The origin."""
        raise NotImplementedError

    def ones(self) -> Any:
        """The vector of ones."""
        raise NotImplementedError

    def standard_basis(self) -> Iterator[Any]:
        """The unit vectors; of a complex space also ``1j`` times each."""
        raise NotImplementedError

    def randn(self) -> Any:
        """A standard normal vector."""
        raise NotImplementedError

    def add(self, x: Any, y: Any) -> Any:
        """``x + y``."""
        return self._add(x, y)

    def mut_add(self, x: Any, y: Any) -> Any:
        """``x + y``, in `x` if that can be; `x` may be ``None`` for zero."""
        return self._mut_add(self.zeros() if x is None else x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """``a * x``."""
        return self._scalar_mul(x, a)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The real inner product of `x` and `y`."""
        return self._inner_prod(x, y)

    def covector(self, x: Any) -> Any:
        """The covector of `x`: its conjugate."""
        return self._covector(x)

    def _add(self, x: Any, y: Any) -> Any:
        return x + y

    def _mut_add(self, x: Any, y: Any) -> Any:
        x += y
        return x

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        return x * a

    def _inner_prod(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def _covector(self, x: Any) -> Any:
        return x

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{self.__dict__}"


class ContainerVSpace(VSpace):
    """The product of the spaces of a container's leaves. ``shape`` is a container like it of its elements' spaces."""

    def __init__(self, value: Any) -> None:
        leaves, self._treedef = flatten(value)
        self._spaces = [vspace(leaf) for leaf in leaves]
        self.shape = map_children(vspace, value)

    @property
    def size(self) -> int:
        return sum(s.size for s in self._spaces)

    @property
    def iscomplex(self) -> bool:  # type: ignore[override]
        """Whether a leaf is complex."""
        return any(s.iscomplex for s in self._spaces)

    def _map(self, f: Callable, *trees: Any) -> Any:
        return self._treedef.unflatten(self._each(f, *trees))

    def _each(self, f: Callable, *trees: Any) -> list[Any]:
        columns = [self._treedef.flatten_like(t, "vector") for t in trees]
        return [f(*parts) for parts in zip(self._spaces, *columns, strict=True)]

    def zeros(self) -> Any:
        return self._map(lambda s: s.zeros())

    def ones(self) -> Any:
        return self._map(lambda s: s.ones())

    def randn(self) -> Any:
        return self._map(lambda s: s.randn())

    def standard_basis(self) -> Iterator[Any]:
        for k, space in enumerate(self._spaces):
            for e in space.standard_basis():
                yield self._treedef.unflatten([e if j == k else s.zeros() for j, s in enumerate(self._spaces)])

    def _add(self, x: Any, y: Any) -> Any:
        return self._map(lambda s, a, b: s._add(a, b), x, y)

    def _mut_add(self, x: Any, y: Any) -> Any:
        return self._map(lambda s, a, b: s._mut_add(a, b), x, y)

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        return self._map(lambda s, b: s._scalar_mul(b, a), x)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return functools.reduce(operator.add, self._each(lambda s, a, b: s._inner_prod(a, b), x, y), 0.0)

    def _covector(self, x: Any) -> Any:
        return self._map(lambda s, a: s._covector(a), x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContainerVSpace) and type(self) is type(other) and self.shape == other.shape

    __hash__ = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{{'shape': {self.shape}}}"


class SequenceVSpace(ContainerVSpace):
    """The space of a list or tuple. ``seq_type`` is what HIPS autograd has subclasses say; the value's own type counts here."""

    seq_type: type | None = None


class ListVSpace(SequenceVSpace):
    """The space of a list."""

    seq_type = list


class TupleVSpace(SequenceVSpace):
    """The space of a tuple."""

    seq_type = tuple


class NamedTupleVSpace(SequenceVSpace):
    """The space of a named tuple."""


class DictVSpace(ContainerVSpace):
    """The space of a dict."""


ListVSpace.register(list)
TupleVSpace.register(tuple)
DictVSpace.register(dict)


def vspace(value: Any) -> VSpace:
    """The vector space that `value` lives in.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> vspace(np.ones((2, 3))).size
    6
    """
    for kind in type(value).__mro__:
        maker = VSpace.mappings.get(kind)
        if maker is not None:
            return maker(value) if kind is not tuple or type(value) is tuple else NamedTupleVSpace(value)
    if isinstance(value, Box):
        return vspace(getval(value))
    if is_container(value):
        return ContainerVSpace(value)
    raise UnsupportedTypeError(
        f"no vector space is known for a value of type {type(value).__name__}; register one with VSpace.register. "
        f"Known types: {', '.join(sorted(t.__name__ for t in VSpace.mappings))}"
    )


class SparseObject:
    """A cotangent given by what it adds to a dense one: ``mut_add(x)`` returns ``x`` plus it, possibly in place."""

    __slots__ = ("mut_add", "vs")

    def __init__(self, vs: VSpace, mut_add: Callable[[Any], Any]) -> None:
        self.vs = vs
        self.mut_add = mut_add

    def dense(self) -> Any:
        """The cotangent as an array (or container)."""
        return self.mut_add(self.vs.zeros())

    def __repr__(self) -> str:
        return f"SparseObject({self.vs!r})"


VSpace.register(SparseObject, lambda x: x.vs)
SPACE_OF.append(vspace)
