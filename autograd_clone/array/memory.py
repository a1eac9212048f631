"""Memory that several traced arrays look at, and what may be done to it: reading a part, and writing.

The engine knows values only, which never change. A program knows arrays, which do. A `Memory` makes the second of the first: it
has a value, which every write replaces by another one. A write is a primitive, `Memory.assign`, from the memory's value and
what is written to a new value. It is carried out in the same buffer as long as nobody has asked for the value since the last copy
(``shared``); so a loop of n writes costs O(n). The arrays that look at it are the subject of `written`.

A memory that holds no traced value belongs to the trace `CONSTANT`, the oldest of all. Such are the arrays that the functions
of the namespace (`zeros`, `array`, ...) make inside a transform: plain in everything, but a traced value may be written to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ..engine.box import Box, all_values
from ..engine.cotangent import Scatter
from ..engine.duck import is_duck
from ..engine.errors import NotDifferentiableError, ReadOnlyError, TracedConversionError
from ..engine.places import Place, Step, is_exact, put, through
from ..engine.primitive import Primitive
from ..engine.reverse import ReverseTrace, next_order
from ..engine.trace import Trace, apply
from .box import KINDS, ArrayBox


class ConstantTrace(Trace):
    """The trace of arrays that hold no traced value: it runs primitives, and gives plain results."""

    __slots__ = ()

    #: Makes a new array one that may be written to; `written` provides it.
    kept: Callable

    def __init__(self) -> None:
        self.id = -2  # older than that of `Variable`, which is -1
        self.views = []

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        values = [x.bare() if isinstance(x, Box) else x for x in operands]
        ans = prim.fun(*values, **params)
        if type(ans) is not np.ndarray:
            return ans
        return ans if any([ans is x or ans.base is not None for x in values]) else self.kept(ans)

    def end(self) -> None:
        pass


CONSTANT = ConstantTrace()


class Memory:
    """What several arrays look at.

    Attributes
    ----------
    value, trace, link
        As in a box.
    kind : type
        The class of box that they would make.
    shared : bool
        Whether somebody else may refer to the value (or tangent), so that it must not be written to.
    plain : list of weak references
        Boxes that look at this memory and are not `Written` at the moment, as they have been asked for their value.
    """

    __slots__ = ("kind", "link", "plain", "shared", "trace", "value")

    #: Reading at an index, writing, and copying as primitives, which the rules provide.
    getitem: Primitive
    assign: Primitive
    copied: Primitive
    #: The derivative of a write with respect to what is written, and to the array; likewise.
    taken_back: Callable
    cleared_back: Callable

    value: Any
    trace: Any
    link: Any
    kind: type[Box]

    def __init__(self, value: Any, trace: Any, link: Any, kind: type[Box], *, shared: bool) -> None:
        self.value, self.trace, self.link, self.kind = value, trace, link, kind
        self.shared = shared
        self.plain: list[ref] = []

    # ---- reading ------------------------------------------------------------------------------------------

    def box(self) -> Any:
        """The value as the engine takes it; who keeps it must set `shared`."""
        return self.value if self.trace is CONSTANT else made(self.kind, self.value, self.trace, self.link)

    def layout(self, path: tuple[Step, ...]) -> np.ndarray:
        """A plain array that lies in memory as the view at the end of `path` does (of a batch, that of one example)."""
        return through(one_example(self.box()), path)

    def read(self, path: tuple[Step, ...]) -> tuple[Any, Any]:
        """Value and link of a view, which no write will change.

        A small part is copied, for the sake of which the next write need not copy all; of a large part that would be a waste.
        """
        if not path:
            self.shared = True
            return self.value, self.link
        value = self.value
        if type(value) is np.ndarray and (self.trace is CONSTANT or is_recorded(self.trace, path)):
            part = through(value, path)
            if 2 * part.size < value.size:
                part = part.copy(order="K")
            else:
                self.shared = True
            return part, None if self.trace is CONSTANT else self.reading(part, as_index(path))
        view = through(self.box(), path)
        if 2 * view.size < value.size:
            view = apply(Memory.copied, (view,), {})
        else:
            self.shared = True
        return view._value, view._link

    def reading(self, part: Any, index: Any) -> list:
        """The node of a part of the array, for a reverse trace that looks at an ordinary array."""
        node = [next_order(), self.link, Scatter, (self.value.shape, self.value.dtype, index), None]
        return self.trace.note(node, Memory.getitem.name)

    # ---- writing ------------------------------------------------------------------------------------------

    def write(self, place: Place, value: Any) -> None:
        """Replace what is at `place`, by a plain array or number or by a box that is not `Written`."""
        check_writeable(place.path)
        if isinstance(value, Box):
            if self.value.dtype.kind not in "fc" and not value.recorded:
                raise TracedConversionError(
                    f"a traced value was written into an array of dtype {self.value.dtype}, where its derivative would be lost; "
                    "make that array of floating point numbers"
                )
            if self.write_recorded(place, value):
                return
        elif self.trace is CONSTANT:
            put(self.own(), place, value)
            return
        elif type(self.trace) is ReverseTrace and type(self.value) is np.ndarray:
            put(self.own(), place, value)
            self.link = [next_order(), self.link, Memory.cleared_back, place, None]
            return
        new = apply(Memory.assign, (value, self.box()), {"place": place, "own": not self.shared})
        self.replace(new, shared=not _may_own(new))

    def write_recorded(self, place: Place, value: Any) -> bool:
        """`write` in the commonest case, an ordinary array and one reverse trace. Returns whether it is that case."""
        trace, v, base = value._trace, value._value, self.value
        if (
            type(trace) is not ReverseTrace
            or (self.trace is not trace and self.trace is not CONSTANT)
            or type(base) is not np.ndarray
            or (type(v) is not np.float64 and type(v) is not np.ndarray)
        ):
            return False
        put(self.own(), place, v)
        fix = None if v.dtype is base.dtype else (v.shape, v.dtype, Memory.assign.name)
        node = [next_order(), value._link, Memory.taken_back, (place, v.shape), fix]
        if self.trace is trace:
            node += self.link, Memory.cleared_back, place, None
        self.trace, self.link, self.kind = trace, node, ArrayBox
        return True

    def own(self) -> np.ndarray:
        """The array, copied if others may look at it."""
        if self.shared:
            self.value = copied_as_it_lies(self.value)
            self.shared = False
        return self.value

    def replace(self, new: Any, *, shared: bool) -> None:
        """Let a box, or a plain array, be the value."""
        if isinstance(new, Box):
            if type(new) not in KINDS:
                raise NotDifferentiableError(
                    f"a {type(new).__name__} cannot be written into an array: it may outlive the transform of the array"
                )
            self.value, self.trace, self.link, self.kind = new._value, new._trace, new._link, type(new)
        else:
            self.value, self.trace, self.link, self.kind = new, CONSTANT, None, ArrayBox
        self.shared = shared


def check_writeable(path: tuple[Step, ...]) -> None:
    """Raise if NumPy makes a view read-only."""
    for step in path:
        if not step.writeable:
            raise ReadOnlyError(f"assignment destination is read-only: it is a view made by {step.prim.name}")


def _may_own(x: Any) -> bool:
    """Whether all traces of a box leave its value and tangent to it alone."""
    while isinstance(x, Box):
        if not x._trace.exclusive:
            return False
        x = x._value
    return True


def is_recorded(trace: Trace, path: tuple[Step, ...]) -> bool:
    """Whether reading through `path` is one node of a reverse trace."""
    return isinstance(trace, ReverseTrace) and trace.exclusive and is_exact(path)


def as_index(path: tuple[Step, ...]) -> Any:
    """A path as an index: a plain one if it is made of reads of whole rows."""
    indices = [step.params["index"] for step in path if "index" in step.params]
    if len(indices) < len(path):
        *before, last = path
        return Place(tuple(before), last.params["index"]) if "index" in last.params else Place(path, Ellipsis)
    *rows, last = indices
    if all([type(i) is int for i in rows]):
        if not rows:
            return last
        rest = last if type(last) is tuple else (last,)
        return (*rows, *rest)
    return Place(path[:-1], last)


def copied_as_it_lies(x: np.ndarray) -> np.ndarray:
    """A copy with the same strides, on which it depends which later reshapes are views."""
    out = x.copy(order="K")
    if out.strides == x.strides or x.ndim < 2 or 0 in x.shape:
        return out
    reach = [(n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)]
    low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    size = high - low + x.itemsize
    if 0 in x.strides or size > _MOST_GAPS * x.nbytes:
        return out
    gapped = np.ndarray(x.shape, x.dtype, np.empty(size, np.uint8).data, -low, x.strides)
    gapped[...] = x
    return gapped


#: How many times as much memory a copy may take as its elements, for the sake of its strides.
_MOST_GAPS = 64


def one_example(x: Any) -> np.ndarray:
    """The plain value of an array, of a batch the first example: to look at its layout in memory."""
    values = all_values(x)
    if is_duck(values):  # it has no layout that is known
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)
    values = np.asarray(values)
    if values.ndim == x.ndim:
        return values
    return values[(*(0,) * (values.ndim - x.ndim), ...)].copy(order="K") if values.size else np.empty(x.shape, values.dtype)


_new = object.__new__


def made(kind: type[Box], value: Any, trace: Any, link: Any) -> Any:
    """A box of one of the `KINDS`."""
    box: Any = _new(kind)
    box._value = value
    box._trace = trace
    box._link = link
    return box
