"""Jacobians, Hessians, and products with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.pytree import LEAF, flatten
from .gradients import _grad
from .nary import Argnum, Transform
from .products import _make_vjp
from .record import Tape, leaves_of, push


def _jacrev(fun: Callable, x: Any) -> Any:
    """Row by row: one pass back through one recording per output element."""
    tape = Tape(fun, x)
    leaves, outdef = flatten(tape.value)
    zeros = [None if d is None else np.zeros(s, d) for _, s, d in tape.ends]
    trees = []
    for k, (y, z) in enumerate(zip(leaves, zeros, strict=True)):
        rows = [] if z is None else [_pull_leaf(tape, zeros, k, i) for i in range(z.size)]
        trees.append(_assemble(rows, shape_of(y), tape))
    return outdef.unflatten(trees)


def _pull_leaf(tape: Tape, zeros: list[Any], k: int, i: int) -> list[Any]:
    g = zeros[k].copy()
    g.flat[i] = 1
    seeds = [g if j == k else z for j, z in enumerate(zeros)]
    return flatten(tape.pull(tape.outdef.unflatten(seeds)))[0]


def _assemble(rows: list[list[Any]], shape: tuple[int, ...], tape: Tape) -> Any:
    """Stack the rows of each input leaf, as output shape followed by input shape."""
    blocks = []
    for j, like in enumerate(tape.leaves):
        if like is None:
            blocks.append(None)
        elif rows:
            blocks.append(np.reshape(np.stack([row[j] for row in rows]), shape + like[0]))
        else:
            blocks.append(np.zeros(shape + like[0], like[1]))
    return tape.treedef.unflatten(blocks)


def _jacfwd(fun: Callable, x: Any) -> Any:
    """Column by column: one forward pass per input element."""
    _, values, treedef = leaves_of(x)
    outs: list[list[Any]] = []
    outdef = LEAF
    zeros = [None if v is None else np.zeros(shape_of(v), dtype_of(v)) for v in values]
    columns: list[list[list[Any]]] = []
    for k, z in enumerate(zeros):
        columns.append([])
        for i in range(0 if z is None else z.size):
            v = z.copy()
            v.flat[i] = 1
            y, t = push(fun, x, treedef.unflatten([v if j == k else w for j, w in enumerate(zeros)]))
            outs, outdef = flatten(y)
            columns[-1].append(flatten(t)[0])
    if not any(columns):
        outs, outdef = flatten(fun(x))
    trees = []
    for m, y in enumerate(outs):
        blocks = []
        for column, z in zip(columns, zeros, strict=True):
            if z is None:
                blocks.append(None)
            elif column:
                blocks.append(np.reshape(np.stack([t[m] for t in column], axis=-1), shape_of(y) + z.shape))
            else:
                blocks.append(np.zeros(shape_of(y) + z.shape, z.dtype))
        trees.append(treedef.unflatten(blocks))
    return outdef.unflatten(trees)


def _jacobian(fun: Callable, x: Any) -> Any:
    return _jacrev(fun, x)


def _hessian(fun: Callable, x: Any) -> Any:
    return _jacobian(lambda x: _grad_of_any(fun, x), x)


def _grad_of_any(fun: Callable, x: Any) -> Any:
    """The gradient, or the Jacobian if `fun` is not scalar."""
    return _jacobian(fun, x)


def _make_hvp(fun: Callable, x: Any) -> Any:
    return _make_vjp(lambda x: _grad(fun, x), x)


def jacobian(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The Jacobian: all first derivatives of all outputs.

    Parameters
    ----------
    fun : callable
        Returns an array, or a pytree of arrays.
    argnum : int, str, or sequence of them
        As in `grad`.

    Returns
    -------
    callable
        Takes the arguments of `fun`. For array output of shape ``S`` and array input of shape ``T`` the result has
        shape ``S + T``; for pytrees it is a pytree of outputs whose leaves are pytrees of inputs.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return Transform(_jacobian, fun, argnum)


def jacrev(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The Jacobian in reverse mode, best when there are more inputs than outputs. See `jacobian`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacrev(lambda x: np.array([x[0] * x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.]])
    """
    return Transform(_jacrev, fun, argnum)


def jacfwd(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The Jacobian in forward mode, best when there are more outputs than inputs. See `jacobian`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacfwd(lambda x: x * np.array([1.0, 2.0]))(3.0)
    array([1., 2.])
    """
    return Transform(_jacfwd, fun, argnum)


def hessian(fun: Callable, argnum: Argnum = 0) -> Callable:
    """The Hessian: all second derivatives.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return Transform(_hessian, fun, argnum)


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
        from .nary import select

        *args_, tensor = args
        unary, x = select(self.fun, self.argnum, tuple(args_), kwargs)
        return self.operator(unary, x, tensor)


def _hessian_tensor_product(fun: Callable, x: Any, tensor: Any) -> Any:
    return _grad(lambda x: np.tensordot(_grad(fun, x), tensor, np.ndim(tensor)), x)


def _tensor_jacobian_product(fun: Callable, x: Any, tensor: Any) -> Any:
    """Differentiable in `tensor` too."""
    vjp, y = _make_vjp(lambda x: np.tensordot(tensor, fun(x), axes=np.ndim(tensor)), x)
    return vjp(np.ones(shape_of(y), dtype_of(y))) if shape_of(y) == () else _jacobian(
        lambda x: np.tensordot(tensor, fun(x), axes=np.ndim(tensor)), x
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
    squares, so ``H`` is the identity. (Schraudolph, Neural Computation 14, 2002.)

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> make_ggnvp(lambda x: np.array([1.0, 2.0]) * x)(1.0)(1.0)
    np.float64(5.0)
    """
    return Transform(_make_ggnvp, f, f_argnum, g)


def _make_ggnvp(f: Callable, x: Any, g: Callable) -> Callable:
    f_vjp, f_x = _make_vjp(f, x)
    g_hvp, _ = _make_vjp(lambda y: _grad(g, y), f_x)

    def ggnvp(v: Any) -> Any:
        return f_vjp(g_hvp(push(f, x, v)[1]))

    return ggnvp
