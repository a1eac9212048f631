"""`vmap`: a function of one example as a function of many, in one pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..array.written import released
from ..engine.batch import FALLBACKS, BatchTrace, batch_size
from ..engine.box import Box
from ..engine.cotangent import shape_of
from ..engine.errors import BatchAxisError, UnsupportedTypeError
from ..engine.pytree import LEAF, TreeDef, flatten, is_container
from .nary import name_of


def vmap(fun: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
    """Map a function over an axis of its arguments: write it for one example, call it with many.

    Parameters
    ----------
    fun : callable
        A function of arrays, or of pytrees of them, that returns an array or a pytree.
    in_axes : int, None, or a tuple or list of these
        The axis of each argument to map over; ``None`` for an argument that is the same for all examples. One number
        is for all arguments. An argument that is a container may have a container of axes, down to any depth.
        Keyword arguments are mapped over their axis 0.
    out_axes : int, None, or a pytree of these
        Where the mapped axis is put in the result. ``None`` for a result that is the same for all examples.

    Returns
    -------
    callable
        Takes the arguments of `fun` with an additional axis each.

    Raises
    ------
    BatchAxisError
        If the mapped axes are not equally long, or do not exist.
    BatchedValueError
        If `fun` decides by a value that is different for each example, as ``if x > 0`` does; `np.where` is what to use.

    See Also
    --------
    jacobian : all first derivatives, in one pass as well.

    Notes
    -----
    Functions without a batching rule are applied to one example after the other: the result is the same, but there is
    nothing gained. `fallbacks` names those that were met.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> vmap(np.dot)(np.ones((3, 2)), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([ 3.,  7., 11.])

    The gradient for each example, of a loss that is written for one:

    >>> def loss(w, x):
    ...     return np.dot(w, x) ** 2
    >>> vmap(grad(loss), in_axes=(None, 0))(np.array([1.0, 2.0]), np.eye(2))
    array([[2., 0.],
           [0., 4.]])
    """
    if not callable(fun):
        raise UnsupportedTypeError(f"vmap takes a function, got {fun!r} of type {type(fun).__name__}")

    @functools.wraps(fun, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _map(fun, in_axes, out_axes, args, kwargs)

    mapped.__name__ = f"vmap_of_{name_of(fun)}"
    return mapped


def fallbacks() -> dict[str, int]:
    """The functions that were applied to one example after the other so far, and how often.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_clone import fallbacks, vmap
    >>> _ = vmap(np.sin)(np.ones(3))
    >>> "numpy.sin" in fallbacks()
    False
    """
    return dict(FALLBACKS)


def _map(fun: Callable, in_axes: Any, out_axes: Any, args: tuple, kwargs: dict) -> Any:
    leaves, treedef = flatten((args, kwargs))
    axes = _axes_of(in_axes, args, kwargs, treedef)
    paths = treedef.paths() if any(a is not None for a in axes) else []
    trace = BatchTrace(
        batch_size(
            [
                (f"argument {p}", _length(x, a, p))
                for x, a, p in zip(leaves, axes, paths, strict=False)
                if a is not None
            ]
        )
    )
    with trace:
        boxed = [x if a is None else trace.box(_front(x, a)) for x, a in zip(leaves, axes, strict=True)]
        new_args, new_kwargs = treedef.unflatten(boxed)
        outs, outdef = flatten(fun(*new_args, **new_kwargs))
        places = _prefix(out_axes, outdef, "out_axes")
        return outdef.unflatten(_leave(trace, y, a) for y, a in zip(outs, places, strict=True))


def _axes_of(in_axes: Any, args: tuple, kwargs: dict, treedef: TreeDef) -> list[Any]:
    """The mapped axis of each leaf of the arguments."""
    if type(in_axes) in (tuple, list):
        if len(in_axes) != len(args):
            raise BatchAxisError(
                f"vmap: in_axes has {len(in_axes)} entries for {len(args)} positional arguments"
            )
        in_axes = tuple(in_axes)
    positional = _prefix(in_axes, treedef.children[0], "in_axes")
    return positional + [0] * treedef.children[1].size


def _prefix(axes: Any, treedef: TreeDef, what: str) -> list[Any]:
    """One axis per leaf, out of a pytree of axes that may stop short of the leaves."""
    if axes is None or isinstance(axes, (int, np.integer)):
        return [axes] * treedef.size
    if treedef is LEAF or treedef.kind is None or not is_container(axes):
        raise BatchAxisError(
            f"vmap: {what} {axes!r} does not fit {treedef!r}; expected an int, None, or a container of the same structure"
        )
    children = list(axes.values()) if isinstance(axes, dict) else flatten_once(axes)
    if isinstance(axes, dict):
        if not issubclass(treedef.kind, dict) or set(axes) != set(treedef.aux[-1]):
            raise BatchAxisError(f"vmap: {what} has keys {list(axes)}, which do not fit {treedef!r}")
        children = [axes[k] for k in treedef.aux[-1]]
    if len(children) != len(treedef.children):
        raise BatchAxisError(f"vmap: {what} {axes!r} does not fit {treedef!r}")
    return [
        a for sub, child in zip(children, treedef.children, strict=True) for a in _prefix(sub, child, what)
    ]


def flatten_once(tree: Any) -> list[Any]:
    """The direct children of a container."""
    from ..engine.pytree import _container

    return list(_container(type(tree))[0](tree)[0])  # type: ignore[index]


def _length(x: Any, axis: int, path: str) -> int:
    if not isinstance(x, (ArrayBox, np.ndarray, np.generic)) or isinstance(x, (str, bytes)):
        raise BatchAxisError(
            f"vmap: argument {path} is {x!r} of type {type(x).__name__}, which has no axis to map over; pass an array, "
            "or None in in_axes"
        )
    shape = shape_of(x)
    if not -len(shape) <= axis < len(shape):
        raise BatchAxisError(
            f"vmap: argument {path} of shape {shape} has no axis {axis}; pass None in in_axes for an argument "
            "that is not mapped"
        )
    return shape[axis]


def _front(x: Any, axis: int) -> Any:
    if type(x) is np.ndarray:
        x = x.copy(order="K")  # the program may keep it, and the caller may change it
    elif isinstance(x, Box):
        x = x.snapshot()
    return x if axis == 0 else np.moveaxis(x, axis, 0)


def _leave(trace: BatchTrace, y: Any, axis: Any) -> Any:
    """A result out of its box, with the mapped axis in its place."""
    if type(y) is np.ndarray and y.dtype == object and any(isinstance(e, Box) for e in y.flat):
        y = np.stack(list(y.flat)).reshape(y.shape)
    y = released(y, 1)
    if axis is None:
        if trace.owns(y):
            raise BatchAxisError("vmap: out_axes is None for a result that differs between the examples")
        return y
    if not trace.owns(y):
        if y is None or isinstance(y, str):
            return y
        value = np.broadcast_to(y, (trace.size, *shape_of(y)))
        value = value.copy() if type(value) is np.ndarray else value
    else:
        value = y._value
    ndim = len(shape_of(value))
    if not -ndim <= axis < ndim:
        raise BatchAxisError(
            f"vmap: a result of shape {shape_of(value)[1:]} per example cannot have its mapped axis at {axis}"
        )
    return value if axis == 0 else np.moveaxis(value, 0, axis)
