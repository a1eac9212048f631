"""Traced arrays with the aliasing of NumPy: views, and arrays that have been written to.

Several arrays may look at the same `Memory`::

    a = x * 2        b = a[1:]        c = b.T ...          boxes, before anything is written: each has a value and a node;
                                                           a view remembers what it is a view of (``_alias``)

    b[0] = 5         a ──┐                                 the first write makes a `Memory` of the oldest array. All boxes
                     b ──┼──> Memory(value, trace, link)   that look at it become `Written`: they have no value of their own
                     c ──┘                                 but the way to it, and it is worked out when it is asked for

Asking for ``_value`` or ``_link``, as every operation does, turns a `Written` box into an ordinary one, which is as fast as any,
until the next write to the memory.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from ..engine.box import Box, all_values
from ..engine.places import Place, Step, through
from ..engine.primitive import Primitive
from ..engine.scattering import is_basic
from ..engine.trace import Trace, apply, tracing
from .box import KINDS, ArrayBox, as_operand
from .foreign import TracedArray, is_asked_by_library
from .index import holds_positions, plain_index
from .memory import CONSTANT, ConstantTrace, Memory, as_index, is_recorded, made, one_example

_new = object.__new__
set_class = object.__dict__["__class__"].__set__

# Of a `Written` box these names are properties.
_set_value, _set_trace, _set_link = (vars(Box)[name].__set__ for name in ("_value", "_trace", "_link"))


def forget(box: Any) -> None:
    """Drop what a box holds, when it has become `Written`."""
    _set_value(box, None)
    _set_trace(box, None)
    _set_link(box, None)


def kept(x: Any) -> Any:
    """A new array of plain numbers, made of some that traced values may be written to, as one more of those."""
    return constant(x) if type(x) is np.ndarray and x.dtype.kind in "fc" else x


ConstantTrace.kept = staticmethod(kept)


def looked_at(x: Any) -> Any:
    """`x`, as a plain array if it holds no traced value; it is not to be kept, for it may be written to."""
    return x._seen() if type(x) is Written and x._trace is CONSTANT else x


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


# ---- views --------------------------------------------------------------------------------------------------------


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


def attached(x: Any) -> tuple[Memory, tuple[Step, ...]]:
    """The memory of any box, and how the box looks at it."""
    if type(x) is Written:
        return x._alias
    gather(x._trace)
    return memory_of(x)


# ---- arrays that are written to ----------------------------------------------------------------------------------------


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


def thaw(memory: Memory) -> None:
    """Make all boxes that look at a memory `Written`."""
    gather(memory.trace)
    for alive in memory.plain:
        box = alive()
        if box is not None and type(box) is not Written:
            set_class(box, Written)
            forget(box)
    memory.plain.clear()


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
    if memory.plain:
        thaw(memory)
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
