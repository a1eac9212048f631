"""`sparse_jacobian`, `sparse_hessian`, and the patterns alone. SciPy is imported when the first of them is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.pytree import flatten
from ..transforms.nary import Argnum, Transform, select
from .pattern import SparsityPattern

#: Formats of the result.
FORMATS = ("csr", "csc", "coo", "dense")


class SparseDerivative(Transform):
    """What `sparse_jacobian` and `sparse_hessian` return: a function of the arguments of the function that was differentiated.

    Attributes
    ----------
    coloring : Coloring or None
        The groups of columns and rows of the last call; with ``reuse=True`` those of all further calls for arguments of the same
        structure and shapes.
    passes : int
        How many derivatives along directions the last call took, that of the check included.
    """

    def __init__(self, operator: Callable, fun: Callable, argnum: Argnum, options: dict[str, Any]) -> None:
        super().__init__(operator, fun, argnum)
        self.pattern, self.reuse = options.pop("pattern"), options.pop("reuse")
        self.settings = options
        self.coloring: Any = None
        self.passes = 0
        self._kept: dict[tuple, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        unary, x = select(self.fun, self.argnum, args, kwargs)
        key = _shapes(args, kwargs) if self.reuse else None
        matrix, self.coloring, self.passes = self.operator(unary, x, self.pattern, self._kept, key, **self.settings)
        return matrix

    def __repr__(self) -> str:
        return f"<{self.__name__}: {self.coloring!r}>" if self.coloring is not None else super().__repr__()


def _shapes(args: tuple, kwargs: dict) -> tuple:
    """What two calls have in common that can share a pattern."""
    leaves, treedef = flatten((args, kwargs))
    return (repr(treedef), *(getattr(leaf, "shape", ()) for leaf in leaves))


def _sparse_jacobian(*arguments: Any, **settings: Any) -> tuple[Any, Any, int]:
    from .evaluate import KINDS, evaluate

    return evaluate(KINDS["sparse_jacobian"], *arguments, **settings)


def _sparse_hessian(*arguments: Any, **settings: Any) -> tuple[Any, Any, int]:
    from .evaluate import KINDS, evaluate

    return evaluate(KINDS["sparse_hessian"], *arguments, **settings)


def sparse_jacobian(
    fun: Callable,
    argnum: Argnum = 0,
    *,
    pattern: Any = None,
    detect: str = "trace",
    mode: str = "auto",
    order: str = "auto",
    reuse: bool = False,
    check: bool | None = None,
    format: str = "csr",
    chunk_size: int | None = None,
) -> SparseDerivative:
    """The Jacobian as a sparse matrix, in as few passes as its pattern allows, whatever its size.

    Columns that share no row (or rows that share no column) are computed together: three passes make a tridiagonal Jacobian of
    any size.

    Parameters
    ----------
    fun : callable
        Returns an array, or a pytree of arrays, of real numbers.
    argnum : int, str, or sequence of them
        As in `grad`.
    pattern : SparsityPattern, Coloring, sparse matrix or array, optional
        Which entries may be other than zero, for instance ``jacobian_sparsity(fun)(x)``. A `Coloring`, which
        `color_jacobian` makes of it, saves the grouping as well.
    detect : {"trace", "probe"}
        How the pattern is found if none is given. ``"trace"`` runs `fun` once with sets of indices along, and misses nothing on
        the branches that are taken. ``"probe"`` looks which numbers are zero at a few points, one pass for each element of the
        argument.
    mode : {"auto", "forward", "reverse", "bidirectional"}
        Whether columns are computed, or rows, or some of both; ``"auto"`` takes what needs the fewest passes.
    order : str
        In which order columns are grouped, see `color_jacobian`. ``"auto"`` takes more trouble if the groups are used again.
    reuse : bool
        Whether the pattern found in the first call is used in further ones, for arguments of the same structure and shapes. By
        default it is looked for in every call, which is always right and takes longer than the derivative.
    check : bool, optional
        Whether the result is compared with one more derivative, along a random direction, in which an entry that the pattern
        lacks shows. By default a pattern is checked that was not found in the same call.
    format : {"csr", "csc", "coo", "dense"}
        Of the result; ``"dense"`` gives an ndarray, for solvers that take no other.
    chunk_size : int, optional
        How many passes are made together. By default as many as fit into some megabytes.

    Returns
    -------
    SparseDerivative
        Takes the arguments of `fun`; returns a `scipy.sparse.csr_array` (or what `format` says) of shape ``(m, n)`` for ``m``
        numbers in the output and ``n`` in the argument, both read in C order, leaf after leaf. It stores all entries of the
        pattern, also those that are zero at this point.

    Raises
    ------
    PatternError
        If the pattern has another shape, or the check finds an entry that it lacks.
    NotSparseError
        If detection would need more memory than a sparse matrix is worth.
    UnsupportedTypeError
        If an argument or output is complex, or the argument is traced.

    See Also
    --------
    sparse_hessian
    jacobian_sparsity : the pattern alone.
    jacobian : all entries, also of pytrees and complex functions, and differentiable itself.

    Notes
    -----
    See `color_jacobian` for the methods. Curtis, Powell and Reid (IMA J. Appl. Math. 13, 1974) proposed to group columns.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> def heat(u):
    ...     return u[:-2] - 2 * u[1:-1] + u[2:] + u[1:-1] ** 2
    >>> jac = sparse_jacobian(heat)
    >>> jac(np.arange(5.0)).toarray()
    array([[1., 0., 1., 0., 0.],
           [0., 1., 2., 1., 0.],
           [0., 0., 1., 4., 1.]])
    >>> _ = jac(np.arange(100_000.0))
    >>> jac.passes
    3
    """
    options = _options(pattern, detect, mode, order, reuse, check, format, chunk_size)
    return SparseDerivative(_sparse_jacobian, fun, argnum, options)


def sparse_hessian(
    fun: Callable,
    argnum: Argnum = 0,
    *,
    pattern: Any = None,
    detect: str = "trace",
    coloring: str = "star",
    order: str = "auto",
    reuse: bool = False,
    check: bool | None = None,
    format: str = "csr",
    chunk_size: int | None = None,
) -> SparseDerivative:
    """The Hessian of a scalar function as a sparse matrix, in as few passes as its pattern and its symmetry allow.

    Parameters
    ----------
    fun : callable
        Returns one real number.
    coloring : {"star", "acyclic", "forward"}
        How columns are grouped, see `color_hessian`. With ``"star"``, an entry that is covered in its row is read in its column;
        with ``"acyclic"`` there are fewer groups, and entries follow from each other; ``"forward"`` makes no use of symmetry.
    argnum, pattern, detect, order, reuse, check, format, chunk_size
        As in `sparse_jacobian`.

    Returns
    -------
    SparseDerivative
        Takes the arguments of `fun`; returns a `scipy.sparse.csr_array` of shape ``(n, n)``, which is symmetric to the last digit
        (``"forward"``: to rounding).

    See Also
    --------
    sparse_jacobian : the remarks on patterns.
    hvp : the product with a vector, which takes one pass for any Hessian.

    Notes
    -----
    Groups are products of the Hessian with vectors of ones, computed by forward mode of the gradient. The pattern is that of the
    Jacobian of the gradient, which is followed through the derivative rules themselves.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> sparse_hessian(rosenbrock)(np.ones(4)).toarray()
    array([[ 802., -400.,    0.,    0.],
           [-400., 1002., -400.,    0.],
           [   0., -400., 1002., -400.],
           [   0.,    0., -400.,  200.]])
    """
    options = _options(pattern, detect, coloring, order, reuse, check, format, chunk_size)
    return SparseDerivative(_sparse_hessian, fun, argnum, options)


def _options(
    pattern: Any, detect: str, mode: str, order: str, reuse: bool, check: bool | None, format: str, chunk_size: int | None
) -> dict[str, Any]:
    from ..transforms.jacobians import _checked

    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {format!r}")
    if detect not in ("trace", "probe"):
        raise ValueError(f"detect must be 'trace' or 'probe', got {detect!r}")
    return {
        "pattern": pattern, "detect": detect, "mode": mode, "order": order, "reuse": reuse, "check": check, "format": format,
        "length": _checked(chunk_size),
    }  # fmt: skip


def jacobian_sparsity(fun: Callable, argnum: Argnum = 0, *, detect: str = "trace") -> Transform:
    """Which entries of the Jacobian may be other than zero.

    Parameters
    ----------
    fun, argnum, detect
        As in `sparse_jacobian`.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns a `SparsityPattern`.

    Notes
    -----
    `fun` runs once; every value carries, for each of its elements, the set of inputs that it depends on. The pattern holds for
    all arguments for which the program takes the same branches, where a branch is anything that makes a Python number, a truth
    value or a plain array of a traced value. It may have entries that are always zero, since numbers are not looked at: only
    the zeros of constant factors in matrix products are. Functions of whose result nothing is known are listed as
    ``pattern.dense``.

    Patterns of several points can be united by ``|``.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> pattern = jacobian_sparsity(lambda x: x[1:] * x[:-1])(np.ones(4))
    >>> pattern
    <SparsityPattern 3 x 4: 6 entries, at most 2 in a row and 2 in a column>
    >>> pattern.toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    return Transform(_jacobian_sparsity, fun, argnum, detect=detect)


def _jacobian_sparsity(fun: Callable, x: Any, detect: str) -> SparsityPattern:
    from .detect import jacobian_pattern

    return jacobian_pattern(fun, x, detect, "jacobian_sparsity")


def hessian_sparsity(fun: Callable, argnum: Argnum = 0, *, detect: str = "trace") -> Transform:
    """Which entries of the Hessian of a scalar function may be other than zero.

    Parameters and remarks are those of `jacobian_sparsity`.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> hessian_sparsity(lambda x: np.sum(x[1:] * x[:-1]))(np.ones(4)).toarray().astype(int)
    array([[0, 1, 0, 0],
           [1, 0, 1, 0],
           [0, 1, 0, 1],
           [0, 0, 1, 0]])
    """
    return Transform(_hessian_sparsity, fun, argnum, detect=detect)


def _hessian_sparsity(fun: Callable, x: Any, detect: str) -> SparsityPattern:
    from .detect import hessian_pattern

    return hessian_pattern(fun, x, detect, "hessian_sparsity")
