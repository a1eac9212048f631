"""``numpy.linalg`` apart from decompositions and norms: inverses, linear systems, determinants, powers,
chains of products.

Formulas are those of Giles, "An extended collection of matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), for stacks of matrices, with transposes where a derivation for real
matrices may have either a transpose or a conjugate transpose: nothing holomorphic is conjugated.
"""

from __future__ import annotations

import functools
from math import prod
from operator import index as as_int

import numpy as np

from ..array.box import as_array
from ..engine.batch import same_for_all
from ..engine.box import getval
from ..engine.cotangent import shape_of, unbroadcast
from ..engine.define import composite, custom, zero
from ..engine.primitive import shared
from .matrices import H, T, batch_all, column, conj, real, real_dtype
from .tools import NOT_GIVEN, anywhere, refuse_out
from .triangular import TRIANGULAR_SOLVE

# ---- inv ---------------------------------------------------------------------------------------------------

custom(
    np.linalg.inv,
    vjp={"a": lambda g, ans: -(T(ans) @ g @ T(ans))},
    jvp={"a": lambda t, ans: -(ans @ t @ ans)},
    samples=lambda s: [
        s(s.matrix(3)),
        s(s.matrix(2, 4)),
        s(s.matrix(2, 2, 3)),
        s(s.matrix(1)),
        s(s.array(0, 0)),
        s(s.array(0, 2, 2)),
    ],
)

# ---- solve -------------------------------------------------------------------------------------------------


def _solve_adjoint(a, g, vector):
    """The cotangent of the right-hand side, before stacked axes are summed."""
    if not vector or g.ndim == 1:
        lower = _known_triangle(a)
        if lower is not None:
            return TRIANGULAR_SOLVE(a, g if g.ndim == 2 else column(g), lower=lower, transposed=True).reshape(g.shape)
        return np.linalg.solve(T(a), g)
    return np.linalg.solve(T(a), column(g))[..., 0]


#: Rows from which on it pays to look whether a matrix is triangular.
LOOK_FROM = 16


def _known_triangle(a):
    """Whether a plain matrix is lower triangular (as a Cholesky factor is) or upper; ``None`` if neither, or not looked at."""
    if type(a) is not np.ndarray or a.ndim != 2 or len(a) < LOOK_FROM:
        return None
    for lower, corner in ((True, a[0, -1]), (False, a[-1, 0])):
        if corner == 0:
            above = _above_diagonal(len(a))
            if not ((a != 0) & (above if lower else above.T)).any():
                return lower
    return None


@functools.lru_cache(16)
def _above_diagonal(n):
    return np.arange(n)[:, None] < np.arange(n)


def _solve_a(g, a, ans, b_shape, memo):
    vector = len(b_shape) == 1
    h = -shared(memo, g, lambda: _solve_adjoint(a, g, vector))
    return unbroadcast(column(h) * ans[..., None, :] if vector else h @ T(ans), shape_of(a))


def _solve_b(g, a, b_shape, memo):
    return unbroadcast(shared(memo, g, lambda: _solve_adjoint(a, g, len(b_shape) == 1)), b_shape)


def _solve_push_a(t, a, ans, b_shape):
    if len(b_shape) == 1:
        product = (t @ column(ans))[..., 0]
        return -(
            np.linalg.solve(a, product) if product.ndim == 1 else np.linalg.solve(a, column(product))[..., 0]
        )
    return -np.linalg.solve(a, t @ ans)


custom(
    np.linalg.solve,
    operands=("a", "b"),
    vjp={"a": _solve_a, "b": _solve_b},
    jvp={"a": _solve_push_a, "b": lambda t, a: np.linalg.solve(a, t)},
    samples=lambda s: [
        s(s.matrix(3), s.array(3)), s(s.matrix(3), s.array(3, 2)), s(s.matrix(3, 2), s.array(2, 3, 4)),
        s(s.matrix(3, 2), s.array(3)), s(s.matrix(3, 2), s.array(3, 4)),
        s(s.matrix(3), s.array(2, 3, 4)), s(s.matrix(2, 4, 1), s.array(3, 2, 1)), s(s.matrix(3), s.real(3)),
        s(s.matrix(3).real, s.array(3, 2)), s(s.array(0, 0), s.array(0)),
        s(s.matrix(2), s.array(2, 0)),
    ],
)  # fmt: skip


@composite(
    np.linalg.tensorsolve,
    samples=lambda s: [
        s(s.matrix(6).reshape(2, 3, 6), s.array(2, 3)), s(s.matrix(6).reshape(6, 2, 3), s.array(6)),
        s(s.matrix(6).reshape(2, 3, 6).transpose(0, 2, 1), s.array(2, 3), axes=(1,)),
    ],
)  # fmt: skip
def _tensorsolve(a, b, axes=None):
    a, b = as_array(a), as_array(b)
    if axes is not None:
        last = [i % a.ndim for i in axes]
        if any(i < 0 for i in axes):
            raise ValueError("axes are counted from the first")
        a = np.transpose(a, [i for i in range(a.ndim) if i not in last] + last)
    shape = a.shape[-(a.ndim - b.ndim) :]  # all axes if there are as many in b
    size = prod(shape)
    if a.size != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.reshape(b, -1)), shape)


@composite(
    np.linalg.tensorinv,
    samples=lambda s: [
        s(s.matrix(6).reshape(2, 3, 6), ind=2),
        s(s.matrix(6).reshape(6, 3, 2), ind=1),
        s(s.matrix(4).reshape(2, 2, 2, 2)),
    ],
)
def _tensorinv(a, ind=2):
    a = as_array(a)
    if ind <= 0 or not a.ndim:
        raise ValueError("Invalid ind argument.")
    size = prod(a.shape[ind:])
    inverse = np.linalg.inv(np.reshape(a, (size, a.size // max(size, 1))))
    return np.reshape(inverse, a.shape[ind:] + a.shape[:ind])


# ---- pinv, lstsq -------------------------------------------------------------------------------------------
# Where the rank is constant (Golub and Pereyra 1973):
#   dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P


def pseudo_inverse(a, rcond):
    """``numpy.linalg.pinv`` of a general matrix; `rcond` has as many axes as a stack of matrices has."""
    return np.linalg.pinv(a, rcond)


def _product(x, y, z):
    """``x @ y @ z`` in the order that multiplies less: no large square between two thin matrices."""
    (m, k), (n, p) = shape_of(x)[-2:], shape_of(z)[-2:]
    return x @ (y @ z) if k * p * (n + m) < m * n * (k + p) else (x @ y) @ z


def _pinv_vjp(g, a, ans):
    left, right = _product(T(g), ans, H(ans)), _product(H(ans), ans, T(g))
    left, right = left - _product(a, ans, left), right - _product(right, ans, a)
    return conj(left + right) - _product(T(ans), g, T(ans))


def _pinv_jvp(t, a, ans):
    left, right = _product(ans, H(ans), H(t)), _product(H(t), H(ans), ans)
    return left - _product(left, a, ans) + right - _product(ans, a, right) - _product(ans, t, ans)


PINV = custom(
    pseudo_inverse,
    vjp={"a": _pinv_vjp, "rcond": None},
    jvp={"a": _pinv_jvp, "rcond": None},
    batch=batch_all,
    samples=lambda s: [s(s.array(3, 2), np.array(1e-10)), s(s.array(2, 3, 2), np.array([1e-10, 1e-9]))],
)


def _without_small(a, rcond, rounding):
    """`a` without the singular values that are cut off; as it is if there are none but by `rounding`.

    They vary with the matrix, so the derivative is that of the matrix without them, whose rank is constant, and of what it is made of.
    """
    s = np.linalg.svd(getval(a), compute_uv=False)
    largest = np.max(s, axis=-1, keepdims=True)
    cutoff = np.reshape(rcond, () if rcond.size == 1 else (*shape_of(rcond), 1))
    if np.broadcast_shapes(shape_of(cutoff), shape_of(s)) != shape_of(s):
        return a  # NumPy refuses it
    small = s <= cutoff * largest
    if not anywhere(small & (s > rounding * largest)):
        return a
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * np.expand_dims(np.where(small, 0, s), -2)) @ vh


def pinv_with(a, rcond):
    """The pseudo-inverse of `a`, whose singular values up to `rcond` times the largest count as zero."""
    rcond = as_array(rcond)
    eps = np.finfo(np.result_type(a.dtype, np.float32)).eps
    if a.size and anywhere(rcond > 1e3 * eps):
        a = _without_small(a, rcond, max(a.shape[-2:]) * eps)
    return PINV(a, np.reshape(rcond, (1,) * (a.ndim - 2 - rcond.ndim) + shape_of(rcond)))


def _of_low_rank(f, a, *args, **kwargs):
    """For samples: `f` of a matrix that stays of rank two when `a`, of two columns, varies."""
    return f(a @ H(a), *args, **kwargs)


@composite(
    np.linalg.pinv,
    operands=("a",),
    samples=lambda s: [
        s(s.array(4, 2)), s(s.array(2, 4)), s(s.matrix(3)), s(s.array(2, 3, 2)),
        s(s.array(4, 2), 1e-4, via=_of_low_rank), s(s.array(2, 3, 2), rcond=1e-10),
        s(s.array(4, 2), rtol=1e-10), s(s.array(2, 3, 2), np.array([1e-10, 1e-9])),
        s(s.spd(3), hermitian=True, via=s.hermitian), s(s.array(0, 3)),
    ],
)  # fmt: skip
def _pinv(a, rcond=None, hermitian=False, *, rtol=NOT_GIVEN):
    a = as_array(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError("the pseudo-inverse is that of a matrix")
    hermitian = hermitian and prod(a.shape[-2:]) > 0
    if hermitian:
        check_square(a)
    if rcond is None:
        rcond = 1e-15 if rtol is NOT_GIVEN else rtol
    elif rtol is not NOT_GIVEN:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rcond is None:
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps
    return pinv_with(lower_as_hermitian(a) if hermitian else a, rcond)


def check_square(a):
    """Raise unless `a` is a square matrix or a stack of them."""
    shape = shape_of(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise np.linalg.LinAlgError(f"the last two axes of an array of shape {shape} are not those of a square matrix")


def lower_as_hermitian(a):
    """The Hermitian matrix that the lower triangle of `a` stands for."""
    lower = np.tril(a, -1)
    return lower + H(lower) + real(a) * np.eye(shape_of(a)[-1], dtype=a.dtype)


@composite(
    np.linalg.lstsq,
    samples=lambda s: [
        s(s.array(4, 2), s.array(4)), s(s.array(4, 2), s.array(4, 3)), s(s.array(2, 4), s.array(2)),
        s(s.matrix(3), s.array(3, 2), rcond=1e-10),
        s(s.array(4, 2), s.array(4), rcond=-1), s(s.array(4, 2), s.array(4), via=_of_low_rank_least_squares),
        s(s.array(4, 2), s.real(4)),
    ],
)  # fmt: skip
def _lstsq(a, b, rcond=None):
    a, b = (x.astype(np.float64) if x.dtype.kind in "biu" else x for x in map(as_array, (a, b)))
    dtype = np.result_type(a.dtype, b.dtype)
    if np.ndim(rcond):
        raise ValueError("rcond is a number")
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise np.linalg.LinAlgError("arrays must be two-dimensional; the right-hand side may be one-dimensional")
    if dtype.char in "egG":
        raise TypeError(f"array type {dtype} is unsupported in linalg")
    dtype = np.result_type(dtype, np.float32)
    if rcond is None:
        rcond = np.finfo(dtype).eps * max(a.shape)
    elif not 0 <= rcond < 1:  # as LAPACK does
        rcond = np.finfo(dtype).eps
    s = np.linalg.svd(a, compute_uv=False)
    rank = np.int32(same_for_all(np.sum(s > rcond * np.max(s, initial=0))))
    x = pinv_with(a, rcond) @ b
    s = s.astype(real_dtype(x))
    if rank != a.shape[1] or a.shape[0] <= a.shape[1]:
        return x, np.zeros(0, s.dtype), rank, s
    r = b - a @ x
    squares = np.sum(real(r * conj(r)), axis=0)
    return x, np.reshape(squares, (1,)) if b.ndim == 1 else squares, rank, s


def _of_low_rank_least_squares(f, a, b):
    """For samples: the solution only, of a system whose rank is constant and not full."""
    return f(a @ H(a), b, 1e-4)[0]


# ---- powers and chains -------------------------------------------------------------------------------------


@composite(
    np.linalg.matrix_power,
    samples=lambda s: (
        [s(s.matrix(3), n) for n in (0, 1, 2, 3, 5, 6, -1, -3)]
        + [s(s.matrix(2, 4), 3), s(s.matrix(2, 4), n=-2)]
    ),
)
def _matrix_power(a, n):
    a, n = as_array(a), as_int(n)
    check_square(a)
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while True:
        n, bit = divmod(n, 2)
        if bit:
            result = a if result is None else result @ a
        if n == 0:
            return result
        a = a @ a


@composite(
    np.linalg.multi_dot,
    operands=("[*arrays]",),
    samples=lambda s: [
        s([s.array(2, 3), s.array(3, 4)]), s([s.array(2, 3), s.array(3, 4), s.array(4, 2)]),
        s([s.array(2, 30), s.array(30, 2), s.array(2, 9), s.array(9, 3)]),
        s([s.array(3), s.array(3, 4), s.array(4, 2)]), s([s.array(2, 3), s.array(3, 4), s.array(4)]),
        s([s.array(3), s.array(3, 4), s.array(4, 4), s.array(4)]),
        s((s.array(3), s.real(3))),
    ],
)  # fmt: skip
def _multi_dot(arrays, *, out=None):
    refuse_out(np.linalg.multi_dot, out)
    arrays = [as_array(x) for x in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(arrays) == 2:
        return np.dot(*arrays)
    if any(x.ndim != 2 for x in arrays[1:-1]) or not {arrays[0].ndim, arrays[-1].ndim} <= {1, 2}:
        raise np.linalg.LinAlgError("arrays must be two-dimensional; the first and the last may be one-dimensional")
    shapes = [x.shape if x.ndim == 2 else (x.size, 1) for x in arrays]
    if arrays[0].ndim == 1:
        shapes[0] = (1, arrays[0].size)
    ends = [shapes[0][0], *(columns for _, columns in shapes)]
    return _chain(arrays, _best_splits(ends), 0, len(arrays) - 1)


def _chain(arrays, splits, i, j):
    if i == j:
        return arrays[i]
    k = splits[i, j]
    return np.dot(_chain(arrays, splits, i, k), _chain(arrays, splits, k + 1, j))


def _best_splits(ends):
    """Where to split each chain of matrices for the fewest multiplications (Cormen et al., matrix-chain
    order).
    """
    n = len(ends) - 1
    cost, splits = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = {
                k: cost[i, k] + cost[k + 1, j] + ends[i] * ends[k + 1] * ends[j + 1] for k in range(i, j)
            }
            splits[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[splits[i, j]]
    return splits

# ---- what has no derivative -----------------------------------------------------------------------------------

zero(np.linalg.matrix_rank)
