"""Writing into traced arrays, with the aliasing of NumPy.

The engine knows values only, which never change. A program knows arrays, which do, and several of which may look at the same
memory. Here the second is put on top of the first::

    a = x * 2        b = a[1:]        c = b.T ...          boxes, before anything is written: each has a value and a node;
                                                           a view remembers what it is a view of (``_alias``)

    b[0] = 5         a ──┐                                 the first write makes a `Memory` of the oldest array. All boxes
                     b ──┼──> Memory(value, trace, link)   that look at it become `Written`: they have no value of their own
                     c ──┘                                 but the way to it, and it is worked out when it is asked for

A write is a primitive, `Memory.assign`, from the memory's value and what is written to a new value. It is carried out in the
same buffer as long as nobody has asked for the value since the last copy (``shared``); so a loop of n writes costs O(n). Asking
for ``_value`` or ``_link``, as every operation does, turns a `Written` box into an ordinary one, which is as fast as any, until the
next write to the memory.

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
from ..engine.scattering import is_basic
from ..engine.trace import Trace, apply, tracing
from .box import KINDS, ArrayBox, as_operand
from .foreign import TracedArray, is_asked_by_library
from .index import holds_positions, plain_index


class ConstantTrace(Trace):
    """The trace of arrays that hold no traced value: it runs primitives, and gives plain results."""

    __slots__ = ()

    def __init__(self) -> None:
        self.id = -2  # older than that of `Variable`, which is -1
        self.views = []

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        values = [x.bare() if isinstance(x, Box) else x for x in operands]
        ans = prim.fun(*values, **params)
        if type(ans) is not np.ndarray:
            return ans
        return ans if any([ans is x or ans.base is not None for x in values]) else kept(ans)

    def end(self) -> None:
        pass


CONSTANT = ConstantTrace()


def looked_at(x: Any) -> Any:
    """`x`, as a plain array if it holds no traced value; it is not to be kept, for it may be written to."""
    return x._seen() if type(x) is Written and x._trace is CONSTANT else x


def kept(x: Any) -> Any:
    """A new array of plain numbers, made of some that traced values may be written to, as one more of those."""
    return constant(x) if type(x) is np.ndarray and x.dtype.kind in "fc" else x


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
        if self.plain:
            self.thaw()
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

    def thaw(self) -> None:
        """Make all boxes that look at this memory `Written`."""
        gather(self.trace)
        for alive in self.plain:
            box = alive()
            if box is not None and type(box) is not Written:
                set_class(box, Written)
                forget(box)
        self.plain.clear()


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

# ---- boxes --------------------------------------------------------------------------------------------------------

_new = object.__new__
set_class = object.__dict__["__class__"].__set__


# Of a `Written` box these names are properties.
_set_value, _set_trace, _set_link = (vars(Box)[name].__set__ for name in ("_value", "_trace", "_link"))


def forget(box: Any) -> None:
    """Drop what a box holds, when it has become `Written`."""
    _set_value(box, None)
    _set_trace(box, None)
    _set_link(box, None)


def made(kind: type[Box], value: Any, trace: Any, link: Any) -> Any:
    """A box of one of the `KINDS`."""
    box: Any = _new(kind)
    box._value = value
    box._trace = trace
    box._link = link
    return box


def constant(array: np.ndarray) -> Written:
    """A plain array, which is given up, as one that traced values may be written to."""
    return looking_at(Memory(array, CONSTANT, None, ArrayBox, shared=False), ())


def in_memory(x: Any) -> Any:
    """A box as one that looks at a memory of its own."""
    return looking_at(Memory(x._value, x._trace, x._link, type(x), shared=True), ()) if type(x) in KINDS else x


def looking_at(memory: Memory, path: tuple[Step, ...]) -> Written:
    """A box that looks at a memory."""
    box: Any = _new(Written)
    box._alias = memory, path
    return box


def released(x: Any, depth: int = 0) -> Any:
    """`x` as a transform returns it that runs inside as many as `depth` others: no array of ours outlives the last of them."""
    return x.snapshot() if type(x) is Written and x._trace is CONSTANT and not tracing(depth) else x


def is_number(x: Any) -> bool:
    """Whether a box holds a number, which never changes, and no array. In a batch, where both look alike, only views are arrays."""
    if type(x) is Written:
        return False
    value = x
    while isinstance(value, Box):
        if value.batched and not value.recorded:
            return value.ndim == 0 and getattr(x, "_alias", None) is None  # type: ignore[attr-defined]
        value = value._value
    return isinstance(value, np.generic)


def one_example(x: Any) -> np.ndarray:
    """The plain value of an array, of a batch the first example: to look at its layout in memory."""
    values = all_values(x)
    if is_duck(values):  # it has no layout that is known
        return np.broadcast_to(np.zeros((), x.dtype), x.shape)
    values = np.asarray(values)
    if values.ndim == x.ndim:
        return values
    return values[(*(0,) * (values.ndim - x.ndim), ...)].copy(order="K") if values.size else np.empty(x.shape, values.dtype)


def layout_of(x: Any) -> np.ndarray:
    """A plain array that lies in memory as the program's array `x` does."""
    steps = []
    while (alias := getattr(x, "_alias", None)) is not None:
        x, step = alias
        if type(x) is Memory:
            array = x.layout(step)
            break
        steps.append(as_step(step))
    else:
        array = one_example(x)
    return through(array, tuple(reversed(steps)))


def as_step(step: Any) -> Step:
    """A step as `aliased` is given it: a `Step`, a pair of a primitive and a tuple of parameters, or an index."""
    if type(step) is Step:
        return step
    if type(step) is tuple and step and type(step[0]) is Primitive:
        prim, parameters = step
        given = dict(zip(prim.names[1:], parameters, strict=False))
        return Step(prim, prim.split((None,), given)[1], **(prim.view or {}))
    return Step(Memory.getitem, {"index": step})


def is_view(x: Any, step: Step) -> bool:
    """Whether NumPy would return a view of `x`, and no copy."""
    return isinstance(all_values(x), np.ndarray) and (step.certain or shares_memory(layout_of(x), step))


def shares_memory(array: np.ndarray, step: Step) -> bool:
    """Whether the result of `step` is a view of a plain array."""
    return array.size > 0 and np.may_share_memory(array, through(array, (step,)))


def viewed(x: Any, step: Step) -> Any:
    """A view of a traced array: the result of `step`, which shares memory with it."""
    if type(x) is Written:
        memory, path = x._alias
        return looking_at(memory, (*path, step))
    y = apply(step.prim, (x,), step.params)
    return y if is_number(x) else aliased(y, x, step)


def viewed_or_copied(x: Any, step: Step) -> Any:
    """The result of `step`, which shares memory with `x` if NumPy's would."""
    if is_view(x, step):
        return viewed(x, step)
    return apply(step.prim, (x.snapshot(),), step.params)


def aliased(y: Any, x: Any, step: Any) -> Any:
    """`y`, noted as a view of `x`; for `step` see `as_step`."""
    return linked(y, x, step) if type(y) in KINDS and type(x) in KINDS else y


def linked(y: Any, x: Any, step: Any) -> Any:
    """`aliased`, of ordinary boxes."""
    y._alias = x, step
    views = x._trace.views
    views.append(ref(y))
    if len(views) > _MANY_VIEWS:
        forget_dead(x._trace)
    return y


#: Number of views from which on those that have died are looked for, each time that it has doubled.
_MANY_VIEWS = 512


def forget_dead(trace: Trace) -> None:
    """Drop views that are no more from the list of a trace, now and then."""
    views = trace.views
    if not len(views) & (len(views) - 1):  # a power of two
        living = [alive for alive in views if alive() is not None]
        if 2 * len(living) <= len(views):
            trace.views = living


def gather(trace: Trace) -> None:
    """Tell the views made since the last time what memory they look at."""
    views = trace.views
    if views:
        trace.views = []
        for alive in views:
            box = alive()
            if box is not None:
                memory_of(box)


def memory_of(box: Any) -> tuple[Memory, tuple[Step, ...]]:
    """The memory that a box looks at, and how."""
    chain: list[Any] = []
    while True:
        alias = getattr(box, "_alias", None)
        if alias is None:
            while chain and is_number(box):  # no memory: what was made of it has its own
                box = chain.pop()
            memory = Memory(box._value, box._trace, box._link, type(box), shared=True)
            found: tuple[Memory, tuple[Step, ...]] = (memory, ())
            box._alias = found
            memory.plain.append(ref(box))
            break
        origin, step = alias
        if type(origin) is Memory:
            found = alias
            break
        chain.append(box)
        box = origin
    while chain:
        box = chain.pop()
        memory, path = found
        step = as_step(box._alias[1])
        if step.certain or shares_memory(memory.layout(path), step):
            found = memory, (*path, step)
        else:
            found = Memory(box._value, box._trace, box._link, type(box), shared=True), ()
        box._alias = found
        found[0].plain.append(ref(box))
    return found


class Written(ArrayBox):
    """An array that has been written to, or that can be, and whose value and node are worked out when asked for.

    ``_alias`` holds its `Memory` and the path to what it sees of that. Asked for its value, it becomes an ordinary box, unless
    there is no traced value in the memory. Methods are called by way of the class: another thread may have asked in the meantime.
    """

    __slots__ = ()

    # ---- what operations ask for ---------------------------------------------------------------------------

    @property
    def _value(self) -> Any:
        return Written._settled(self)[0]

    @property
    def _link(self) -> Any:
        return Written._settled(self)[1]

    @property
    def _trace(self) -> Any:
        return self._alias[0].trace

    def _settled(self) -> tuple[Any, Any]:
        """Value and link, which stay as they are whatever is written later."""
        memory, path = self._alias
        value, link = memory.read(path)
        if memory.trace is not CONSTANT:
            _set_value(self, value)  # before it is an ordinary box, as another thread may be looking at it
            _set_trace(self, memory.trace)
            _set_link(self, link)
            set_class(self, memory.kind)
            memory.plain.append(ref(self))
        return value, link

    def bare(self) -> Any:
        return self.snapshot() if self._trace is CONSTANT else self

    def snapshot(self) -> Any:
        memory, path = self._alias
        value, link = memory.read(path)
        return value if memory.trace is CONSTANT else made(memory.kind, value, memory.trace, link)

    def _seen(self) -> Any:
        """The array, or a box of it, to be looked at and not to be kept."""
        memory, path = self._alias
        if type(memory.value) is np.ndarray and not memory.kind.batched:
            return through(memory.value, path)
        return through(memory.box(), path)

    def looked_into(self) -> Any:
        seen = Written._seen(self)
        return seen._value if isinstance(seen, Box) else seen

    # ---- what it is, without its values ---------------------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What `isinstance` takes it for beside a box."""
        return type(self) if is_asked_by_library() else TracedArray

    @property
    def batched(self) -> bool:  # type: ignore[override]
        """Whether it holds one value per example, or that of a first run."""
        return self._alias[0].kind.batched

    @property
    def recorded(self) -> bool:  # type: ignore[override]
        """Whether every operation on it is recorded by a user's node."""
        return self._alias[0].kind.recorded

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return Written._seen(self).shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return Written._seen(self).ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return Written._seen(self).size

    @property
    def dtype(self) -> np.dtype:
        """Data type of the value."""
        return self._alias[0].value.dtype if not self._alias[1] else Written._seen(self).dtype

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return Written._seen(self).nbytes

    def __len__(self) -> int:
        return len(Written._seen(self))

    def __str__(self) -> str:
        return str(Written._seen(self))

    # ---- elements ------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        kind = type(index)
        if kind is not int and kind is not slice:
            index = plain_index(index)
            if holds_positions(index):
                return self.snapshot()[index]
        memory, path = self._alias
        value, trace = memory.value, memory.trace
        if type(value) is not np.ndarray or not (trace is CONSTANT or is_recorded(trace, path)) or memory.kind.batched:
            return Written._item(self, index)
        part = (through(value, path) if path else value)[index]
        if type(part) is np.ndarray:
            if path and path[-1].flat:
                part = part.copy()
            elif kind is int or kind is slice or is_basic(index):
                return looking_at(memory, (*path, Step(Memory.getitem, {"index": index})))
            if trace is CONSTANT:
                return constant(part)
        elif trace is CONSTANT:
            return part
        index = as_index((*path, Step(Memory.getitem, {"index": index}))) if path else index
        return made(memory.kind, part, trace, memory.reading(part, index))

    def _item(self, index: Any) -> Any:
        """An element or a part, in the general case."""
        memory, path = self._alias
        flat, basic = bool(path) and path[-1].flat, is_basic(index)
        if not flat and basic and type(memory.layout(path)[index]) is np.ndarray:
            return looking_at(memory, (*path, Step(Memory.getitem, {"index": index})))
        part = apply(Memory.getitem, (through(memory.box(), path),), {"index": index})
        return apply(Memory.copied, (part,), {}) if basic else part  # the numbers of a batch are an array, and here a view


Box.type_mappings[Written] = ArrayBox


def attached(x: Any) -> tuple[Memory, tuple[Step, ...]]:
    """The memory of any box, and how the box looks at it."""
    if type(x) is Written:
        return x._alias
    gather(x._trace)
    return memory_of(x)


def write(x: Any, index: Any, value: Any) -> None:
    """``x[index] = value`` of a traced array; `index` is plain."""
    kind = type(value)
    if kind is Written:
        if type(x) is Written and value._alias[0] is x._alias[0] and _is_part(value._alias[1], x._alias[1], index):
            return  # the end of ``x[index] += y``, which has written through a view
        value = value.snapshot()
    elif kind is ArrayBox:
        if type(value._value) is not np.float64:  # it may look at the same memory
            value = value.snapshot()
    elif kind is not float:
        value = as_operand(value)
        if isinstance(value, Box):
            value = value.snapshot()
    memory, path = attached(x)
    if path and path[-1].flat:
        value = _cycled(value, np.empty(memory.layout(path).size, np.bool_)[index].size)
    memory.write(Place(path, index), value)


def _is_part(part: tuple[Step, ...], path: tuple[Step, ...], index: Any) -> bool:
    """Whether a view is exactly what an assignment to ``[index]`` of another one is for."""
    if len(part) != len(path) + 1 or part[:-1] != path:
        return False
    seen = part[-1].params.get("index", part)
    return seen is index or (type(seen) is type(index) and not isinstance(seen, np.ndarray) and is_basic(seen) and seen == index)


def _cycled(value: Any, n: int) -> Any:
    """What ``x.flat[...] = value`` writes to `n` places: the elements again and again."""
    return np.resize(value, n) if np.size(value) != 1 else value
