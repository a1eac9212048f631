"""Jacobians, Hessians, and products with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import all_values
from ..engine.cotangent import dtype_of, shape_of
from ..engine.direction import DOUBTS, without_choice
from ..engine.duck import is_duck
from ..engine.pytree import LEAF, flatten, tree_map
from ..engine.zeros import is_finite
from .gradients import _grad
from .nary import Argnum, Transform, select
from .products import _make_vjp
from .record import Tape, is_plain, leaves_of, linear_tape, push
from .rows import largest_array, plain_rows, prefers_columns, pull_rows, push_columns, size_of

#: A Hessian with up to so many rows is computed one by one (measured: of 2 rows in half of the time of a batch, of 6 in the same).
FEW = 5


def _jacrev(fun: Callable, x: Any, chunk_size: int | None = None) -> Any:
    """Rows: one recording, pulled back for all output elements at once."""
    return _rows_of(Tape(fun, x), chunk_size)


def _rows_of(tape: Tape, chunk_size: int | None) -> Any:
    doubts = DOUBTS.count
    rows = plain_rows(tape) if chunk_size is None else None
    if rows is None:
        rows = _all_rows(tape, chunk_size)
    if DOUBTS.count == doubts:
        return rows
    fun, x = tape.fun, tape.x
    return without_choice(lambda: _all_rows(Tape(fun, x), chunk_size), lambda: _jacfwd(fun, x, chunk_size))


def _all_rows(tape: Tape, chunk_size: int | None) -> Any:
    if _is_real_number(tape):  # whose only row is the gradient
        return tree_map(_as_array, tape.pull(np.float64(1)))
    leaves, outdef = flatten(tape.value)
    rows = pull_rows(tape, chunk_size)
    imaginary = None
    is_complex = any(dtype is not None and dtype.kind == "c" for _, _, dtype in tape.ends)
    if is_complex and any(like is not None and like[1].kind == "f" for like in tape.leaves):
        imaginary = pull_rows(tape, chunk_size, -1j)  # a row of 1 has the derivatives of the real part
    trees, start = [], 0
    for y, (_, shape, dtype) in zip(leaves, tape.ends, strict=True):
        stop = start if dtype is None else start + size_of(shape)
        blocks = _row_blocks(tape, rows, start, stop, shape_of(y))
        if imaginary is not None and dtype is not None and dtype.kind == "c":
            others = _row_blocks(tape, imaginary, start, stop, shape_of(y))
            blocks = [
                a + 1j * b if like is not None and like[1].kind == "f" else a
                for like, a, b in zip(tape.leaves, blocks, others, strict=True)
            ]
        trees.append(tape.treedef.unflatten(blocks))
        start = stop
    return outdef.unflatten(trees)


def _is_real_number(tape: Tape) -> bool:
    """Whether the output is one real number, and the input real."""
    if tape.outdef is not LEAF:
        return False
    ((_, shape, dtype),) = tape.ends
    return (
        shape == ()
        and dtype is not None
        and dtype.kind == "f"
        and all([like is None or like[1].kind == "f" for like in tape.leaves])
    )


def _as_array(g: Any) -> Any:
    return g if g is None or shape_of(g) else np.reshape(g, ())


def _row_blocks(tape: Tape, rows: list[Any], start: int, stop: int, shape: tuple[int, ...]) -> list[Any]:
    """The rows of one output leaf, for each input leaf as an array of output shape followed by input shape."""
    blocks: list[Any] = []
    for like, all_rows in zip(tape.leaves, rows, strict=True):
        if like is None:
            blocks.append(None)
        elif start == stop:
            blocks.append(np.zeros(shape + like[0], like[1]))
        else:
            whole = len(all_rows) == stop - start
            mine = all_rows if whole else all_rows[start:stop]
            blocks.append(_owned(np.reshape(mine, shape + like[0]), whole))
    return blocks


def _owned(x: Any, whole: bool) -> Any:
    """A block that shares no memory with the block of another output."""
    return x if whole or type(x) is not np.ndarray else x.copy()


def _jacfwd(fun: Callable, x: Any, chunk_size: int | None = None, largest: int = 0) -> Any:
    """Columns: the function run once, with all tangents at once."""
    _, values, treedef = leaves_of(x)
    outdef, outs, columns = push_columns(fun, x, chunk_size, largest)
    trees = []
    for y, row in zip(outs, columns, strict=True):
        blocks = [None if v is None else _column_block(t, y, v) for t, v in zip(row, values, strict=True)]
        trees.append(treedef.unflatten(blocks))
    return outdef.unflatten(trees)


def _column_block(t: Any, y: Any, x: Any) -> Any:
    """Columns as an array of output shape followed by input shape."""
    shape = shape_of(y) + shape_of(x)
    if t is None or 0 in shape:
        return np.zeros(shape, dtype_of(x) if t is None else dtype_of(t))
    if type(t) is np.ndarray and (t.base is not None or not t.flags.c_contiguous):
        t = np.array(t, order="C")
    return np.reshape(t, shape)


def _jacobian(fun: Callable, x: Any, mode: str = "auto", chunk_size: int | None = None) -> Any:
    if mode == "reverse":
        return _jacrev(fun, x, chunk_size)
    if mode == "forward":
        return _jacfwd(fun, x, chunk_size)
    tape = Tape(fun, x)
    if prefers_columns(tape):
        out = _jacfwd(fun, x, chunk_size, largest_array(tape))
        if _is_finite(out):
            return out
    return _rows_of(tape, chunk_size)


def _hessian(fun: Callable, x: Any, chunk_size: int | None = None) -> Any:
    """Forward over reverse, unless something is complex, which a single tangent per element does not cover.

    Zero times infinity is not a number in forward mode, and zero in the rows of reverse mode. Of a few numbers, rows are quicker,
    since they are pulled back through one recording of the gradient.
    """
    _, values, _ = leaves_of(x)
    if chunk_size is None and sum(0 if v is None else size_of(shape_of(v)) for v in values) <= FEW:
        tape = Tape(lambda x: _jacrev(fun, x), x)
        rows = sum(0 if dtype is None else size_of(shape) for _, shape, dtype in tape.ends)
        return _rows_of(tape, 1 if rows <= FEW else None)
    if not any(v is not None and dtype_of(v).kind == "c" for v in values):
        out = _jacfwd(lambda x: _jacrev(fun, x), x, chunk_size)
        if _is_finite(out):
            return out
    return _jacrev(lambda x: _jacrev(fun, x), x, chunk_size)


def _is_finite(tree: Any) -> bool:
    return all(block is None or is_duck(all_values(block)) or is_finite(block) for block in flatten(tree)[0])


def _make_hvp(fun: Callable, x: Any) -> Any:
    return _make_vjp(lambda x: _grad(fun, x), x)


def jacobian(
    fun: Callable, argnum: Argnum = 0, *, mode: str = "auto", chunk_size: int | None = None
) -> Callable:
    """The Jacobian: all first derivatives of all outputs.

    Parameters
    ----------
    fun : callable
        Returns an array, or a pytree of arrays.
    argnum : int, str, or sequence of them
        As in `grad`.
    mode : {"auto", "reverse", "forward"}
        ``"reverse"`` computes rows, ``"forward"`` columns, many of them in one pass. ``"auto"`` computes columns where
        there are fewer of these, in which case `fun` is called twice or more; otherwise it is called once. Where
        anything is complex it computes rows.
    chunk_size : int, optional
        How many rows or columns are computed in one pass. By default as many as fit in the processor's cache.

    Returns
    -------
    callable
        Takes the arguments of `fun`. For array output of shape ``S`` and array input of shape ``T`` the result has
        shape ``S + T``; for pytrees it is a pytree of outputs whose leaves are pytrees of inputs.

    See Also
    --------
    jacrev, jacfwd : one mode or the other.
    vmap : the derivative for each of many examples.

    Notes
    -----
    Of complex output and real input the Jacobian is complex: that of the real part plus ``1j`` times that of the imaginary
    part. With respect to a complex argument it is the derivative of a holomorphic function, or the gradients of real ones as
    `grad` has them.

    Derivative rules are given all rows (columns) of a chunk at once. Rules of users' own primitives are given them one
    by one.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if mode not in ("auto", "reverse", "forward"):
        raise ValueError(f"jacobian: mode must be 'auto', 'reverse' or 'forward', got {mode!r}")
    return Transform(_jacobian, fun, argnum, mode=mode, chunk_size=_checked(chunk_size))


def _checked(chunk_size: int | None) -> int | None:
    if chunk_size is not None and (not hasattr(chunk_size, "__index__") or chunk_size.__index__() < 1):
        raise ValueError(f"chunk_size must be a positive integer, got {chunk_size!r}")
    return chunk_size


def jacrev(fun: Callable, argnum: Argnum = 0, *, chunk_size: int | None = None) -> Callable:
    """The Jacobian in reverse mode, best when there are more inputs than outputs. See `jacobian`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacrev(lambda x: np.array([x[0] * x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.]])
    """
    return Transform(_jacrev, fun, argnum, chunk_size=_checked(chunk_size))


def jacfwd(fun: Callable, argnum: Argnum = 0, *, chunk_size: int | None = None) -> Callable:
    """The Jacobian in forward mode, best when there are more outputs than inputs. See `jacobian`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacfwd(lambda x: x * np.array([1.0, 2.0]))(3.0)
    array([1., 2.])
    """
    return Transform(_jacfwd, fun, argnum, chunk_size=_checked(chunk_size))


def hessian(fun: Callable, argnum: Argnum = 0, *, chunk_size: int | None = None) -> Callable:
    """The Hessian: all second derivatives, by forward mode of the gradient for many directions at once.

    Parameters
    ----------
    fun : callable
        Returns a number, or an array, whose shape then comes first in that of the result.
    argnum : int, str, or sequence of them
        As in `grad`. The result for a pytree is a pytree of pytrees.
    chunk_size : int, optional
        How many columns are computed in one pass.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return Transform(_hessian, fun, argnum, chunk_size=_checked(chunk_size))


def make_hvp(fun: Callable, argnum: Argnum = 0) -> Callable:
    """Hessian-vector products at one point: ``make_hvp(fun)(x)`` is ``(hvp, gradient)``.

    Examples
    --------
    >>> hvp_fun, gradient = make_hvp(lambda x: x**3)(2.0)
    >>> hvp_fun(1.0)
    np.float64(12.0)
    """
    return Transform(_make_hvp, fun, argnum)


def hvp(fun: Callable, primals: Any, tangents: Any) -> Any:
    """The Hessian of a scalar function times a vector, forward over reverse.

    Parameters
    ----------
    fun : callable
        Returns a real scalar.
    primals, tangents : sequences of pytrees
        All arguments of `fun`, and the direction.

    Returns
    -------
    pytree or tuple of pytrees
        Like ``primals[0]`` for one argument, else a tuple like `primals`.

    Examples
    --------
    >>> hvp(lambda x: x**3, (2.0,), (1.0,))
    np.float64(12.0)
    """
    primals, tangents = tuple(primals), tuple(tangents)
    if len(primals) == 1:
        return push(lambda x: _grad(fun, x), primals[0], tangents[0])[1]
    return push(lambda xs: _grad(lambda ys: fun(*ys), xs), primals, tangents)[1]


class _Product(Transform):
    """A transform of a function of ``(*args, tensor)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        *args_, tensor = args
        unary, x = select(self.fun, self.argnum, tuple(args_), kwargs)
        return self.operator(unary, x, tensor)


def _hessian_tensor_product(fun: Callable, x: Any, tensor: Any) -> Any:
    if is_plain(x) and hasattr(tensor, "dtype") and tensor.dtype.kind == "f" and tensor.shape == shape_of(x):
        return push(lambda x: _grad(fun, x), x, tensor)[1]
    return _grad(lambda x: np.tensordot(_grad(fun, x), tensor, np.ndim(tensor)), x)


def _tensor_jacobian_product(fun: Callable, x: Any, tensor: Any) -> Any:
    """Differentiable in `tensor` too."""
    vjp, y = _make_vjp(lambda x: np.tensordot(tensor, fun(x), axes=np.ndim(tensor)), x)
    return (
        vjp(np.ones(shape_of(y), dtype_of(y)))
        if shape_of(y) == ()
        else _jacobian(lambda x: np.tensordot(tensor, fun(x), axes=np.ndim(tensor)), x)
    )


def hessian_tensor_product(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The Hessian contracted with a tensor of the argument's shape: call with ``(*args, tensor)``.

    Examples
    --------
    >>> hessian_tensor_product(lambda x: x**3)(2.0, 1.0)
    np.float64(12.0)
    """
    return _Product(_hessian_tensor_product, fun, argnum)


hessian_vector_product = hessian_tensor_product


def tensor_jacobian_product(fun: Callable, argnum: Argnum = 0) -> Callable:
    """A tensor contracted with the Jacobian from the left: call with ``(*args, tensor)``.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> tensor_jacobian_product(lambda x: x**2)(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([ 2., 40.])
    """
    return _Product(_tensor_jacobian_product, fun, argnum)


vector_jacobian_product = tensor_jacobian_product


def _half_square(x: Any) -> Any:
    return 0.5 * np.sum(x**2)


def make_ggnvp(f: Callable, g: Callable = _half_square, f_argnum: Argnum = 0) -> Callable:
    """Products with the generalized Gauss-Newton matrix of ``g(f(x))``: ``J.T H J v``.

    ``J`` is the Jacobian of `f` at ``x`` and ``H`` the Hessian of `g` at ``f(x)``; by default `g` is half the sum of
    squares, so ``H`` is the identity. `f` and `g` run once, for any number of products. (Schraudolph, Neural Computation
    14, 2002.)

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> make_ggnvp(lambda x: np.array([1.0, 2.0]) * x)(1.0)(1.0)
    np.float64(5.0)
    """
    return Transform(_make_ggnvp, f, f_argnum, g)


def _make_ggnvp(f: Callable, x: Any, g: Callable) -> Callable:
    tape = Tape(f, x, lasting=True)
    g_hvp, _ = _make_vjp(lambda y: _grad(g, y), tape.value)
    f_jvp = linear_tape(tape)
    return lambda v: tape.pull(g_hvp(f_jvp.pull(v)))
