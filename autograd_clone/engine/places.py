"""Places: which elements of an array a write means, seen from the array that owns the memory.

``a.T[1:][mask] = v`` writes to ``a``. The way from ``a`` to what is written is a chain of steps, each of which makes a view
(``.T``, then ``[1:]``), and an index (``mask``) at its end; together they are a `Place`. A place stands wherever an index
does: something can be read from it, put there, or added there.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .box import Box
from .trace import apply

if TYPE_CHECKING:
    from .primitive import Primitive


class Step(NamedTuple):
    """A function that makes a view of its one operand.

    Attributes
    ----------
    prim : Primitive
    params : dict
    writeable : bool
        Whether what is written into the view goes through to the operand; if not, it is refused.
    certain : bool
        Whether it makes a view whatever the layout in memory is; a reshape does not.
    flat : bool
        Whether the view is ``x.flat``, which is written to in another way, because reading it may copy.
    sign : int
        -1 if a cotangent is read through the step with the opposite sign: the imaginary part, as the pairing is ``Re(g t)``.
    """

    prim: Primitive
    params: dict
    writeable: bool = True
    certain: bool = True
    flat: bool = False
    sign: int = 1


class Place(NamedTuple):
    """An index into a view.

    Attributes
    ----------
    path : tuple of Step
        How the view is made of the array.
    index : object
        Where in the view.
    """

    path: tuple[Step, ...]
    index: Any


def through(x: Any, path: tuple[Step, ...]) -> Any:
    """The view at the end of `path`, of a plain or a traced array."""
    if isinstance(x, Box):
        for step in path:
            x = apply(step.prim, (x,), step.params)
    else:
        for step in path:
            x = step.prim.fun(x, **step.params)
    return x


def put(out: np.ndarray, place: Place, value: Any) -> None:
    """Write into a plain array."""
    path, index = place
    if path and path[-1].flat:
        view = through(out, path[:-1])
        if view.flags.c_contiguous:
            view.reshape(-1)[index] = value
        else:
            view.flat[index] = value
    else:
        through(out, path)[index] = value


def taken(g: Any, place: Place) -> Any:
    """What a cotangent `g` of the whole array says of an element at `place`, traced or not."""
    path, index = place
    part = through(g, path)[index]
    return -part if prod([step.sign for step in path]) < 0 else part


def is_exact(path: tuple[Step, ...]) -> bool:
    """Whether adding at a place is the adjoint of reading there, and can be done in a view."""
    return all([step.sign > 0 and step.writeable for step in path])


def positions(place: Place, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """A place in an array of `shape` as an index of arrays of integers."""
    return np.unravel_index(taken(np.arange(prod(shape)).reshape(shape), place), shape)


def survivors(shape: tuple[int, ...], index: Any) -> Any:
    """Which elements are still there after ``x[index] = v``: a mask like ``x[index]``, or ``None`` if all are.

    An index array may name an element twice, and then what is written last stays.
    """
    items = index if type(index) is tuple else (index,)
    if not any([isinstance(i, np.ndarray) and i.dtype != bool and i.size > 1 for i in items]):
        return None
    marks = np.empty(shape, np.intp)
    order = np.arange(marks[index].size).reshape(marks[index].shape)
    marks[index] = order
    alive = marks[index] == order
    return None if alive.all() else alive
