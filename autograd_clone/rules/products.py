"""Products of arrays: ``dot``, ``matmul`` and its kin, ``tensordot``, ``outer``, ``kron``, ``cross``.

All are linear in each operand, so what is stated is one adjoint per operand. Nothing is conjugated, except
where the function itself conjugates (`vdot`, `vecdot`, `vecmat`): the complex convention pairs by ``Re(sum(g
* t))``.
"""

from __future__ import annotations

from operator import index as as_int

import numpy as np

from ..array.box import as_array
from ..array.specialise import OF_MATRICES
from ..engine.cotangent import shape_of, unbroadcast
from ..engine.define import composite, multilinear
from .matrices import T, column, conj, flat_rows, row

# ---- matmul ------------------------------------------------------------------------------------------------


def _matmul_1(g, x1_shape, x2, axes):
    if axes is not None:
        return _with_axes(_matmul_1, g, x1_shape, x2, axes, 0)
    n = len(x1_shape)
    if x2.ndim == 2:
        if n > 2:  # one product of two matrices
            return np.reshape(_dot(flat_rows(g), x2.T), x1_shape)
        return _dot(x2, g) if n == 1 else _dot(g, x2.T)
    if x2.ndim == 1:
        return g * x2 if n == 1 else column(g) * x2
    if n == 1:
        return unbroadcast((x2 @ column(g))[..., 0], x1_shape)
    return unbroadcast(g @ T(x2), x1_shape)


def _matmul_2(g, x1, x2_shape, axes):
    if axes is not None:
        return _with_axes(_matmul_2, g, x2_shape, x1, axes, 1)
    n, m = x1.ndim, len(x2_shape)
    if n == 2 and m <= 2:
        return _dot(x1.T, g)
    if n == 1:
        return g * x1 if m == 1 else column(x1) * (g if m == 2 else row(g))
    if m == 2:  # the batch is summed by the product itself
        return _dot(flat_rows(x1).T, flat_rows(g))
    if m == 1:
        return np.reshape(g, -1) @ flat_rows(x1)
    return unbroadcast(T(x1) @ g, x2_shape)


def _dot(a, b):
    """``a @ b`` of arrays of at most two dimensions: the method of plain arrays takes less time, and knows
    no traces.
    """
    return a.dot(b) if type(a) is np.ndarray is type(b) else a @ b


def _matrix_1(g, b):
    return g.dot(b.T) if type(g) is np.ndarray is type(b) else g @ b.T


def _matrix_2(g, a):
    return a.T.dot(g) if type(g) is np.ndarray is type(a) else a.T @ g


OF_MATRICES[np.matmul] = _matrix_1, _matrix_2


def _with_axes(rule, g, shape, other, axes, k):
    """The adjoint of operand `k` of a product whose ``axes`` say where the vectors and matrices lie."""
    axes = [(a,) if isinstance(a, (int, np.integer)) else tuple(a) for a in axes]
    out = axes[2] if len(axes) > 2 else ()
    mine, theirs = axes[k], axes[1 - k]
    moved = np.moveaxis(np.broadcast_to(0.0, shape), mine, _last(mine)).shape
    g = np.moveaxis(g, out, _last(out))
    other = np.moveaxis(other, theirs, _last(theirs))
    result = rule(g, moved, other, None) if k == 0 else rule(g, other, moved, None)
    return np.moveaxis(result, _last(mine), mine)


def _last(axes):
    return tuple(range(-len(axes), 0))


def _matmul_samples(s):
    a = s.array
    return [
        s(a(3, 4), a(4, 2)), s(a(3, 4), a(4)), s(a(3), a(3, 4)), s(a(3), a(3)), s(a(1, 4), a(4, 1)),
        s(a(2, 3, 4), a(4, 2)), s(a(3, 4), a(2, 4, 2)), s(a(2, 3, 4), a(2, 4, 2)),
        s(a(2, 1, 3, 4), a(5, 4, 2)), s(a(1, 3, 4), a(2, 4, 1)),
        s(a(2, 3, 4), a(4)), s(a(4), a(2, 4, 3)), s(a(4), a(1, 2, 4, 3)), s(a(0, 3), a(3, 2)),
        s(a(2, 0), a(0, 3)), s(a(0, 2, 3), a(3, 2)),
        s(a(4, 3), s.real(3, 2)), s(s.real(2, 3), a(3)), s(a(4, 3), a(2, 4), axes=[(1, 0), (1, 0), (1, 0)]),
        s(a(4, 3, 2), a(2, 4, 5), axes=[(1, 0), (1, -1), (0, 1)]),
    ]  # fmt: skip


multilinear(np.matmul, x1=_matmul_1, x2=_matmul_2, options={"samples": _matmul_samples})
composite(
    np.linalg.matmul,
    lambda x1, x2, /: np.matmul(x1, x2),
    samples=lambda s: [s(s.array(2, 3, 4), s.array(4, 2))],
)


def ndim_of(x):
    """Number of axes of an array or of a Python number."""
    return x.ndim if hasattr(x, "ndim") else np.ndim(x)


# ---- dot, inner, tensordot ---------------------------------------------------------------------------------


def _dot_a(g, a_shape, b):
    n, m = len(a_shape), ndim_of(b)
    if m == 2 and n:
        return b @ g if n == 1 else g @ b.T
    if n == 0 or m == 0:
        return np.sum(g * b) if n == 0 else g * b
    if m == 1:
        return g * b if n == 1 else column(g) * b
    return np.tensordot(g, b, ([*range(n - 1, n + m - 2)], [*range(m - 2), m - 1]))


def _dot_b(g, a, b_shape):
    n, m = ndim_of(a), len(b_shape)
    if n == 2 and 0 < m <= 2:
        return a.T @ g
    if n == 0 or m == 0:
        return np.sum(g * a) if m == 0 else g * a
    if n == 1:
        return g * a if m == 1 else column(a) * (g if m == 2 else row(g))
    lead = [*range(n - 1)]
    product = np.tensordot(a, g, (lead, lead))
    return product if m == 1 else np.moveaxis(product, 0, -2)


def _dot_samples(s):
    a = s.array
    return [
        s(a(3, 4), a(4, 2)), s(a(3, 4), a(4)), s(a(3), a(3, 4)), s(a(3), a(3)), s(a(), a(3)), s(a(2, 3), a()),
        s(a(), a()), s(a(2)[0], a(3)),
        s(a(2, 3, 4), a(4, 2)), s(a(3, 4), a(2, 4, 5)), s(a(2, 3, 4), a(5, 4, 2)), s(a(2, 3, 4), a(4)),
        s(a(4), a(2, 4, 3)), s(a(4), a(5, 2, 4, 3)),
        s(a(0, 3), a(3, 2)), s(a(2, 0), a(0, 3)), s(a(0), a(0)), s(s.real(2, 3), a(3, 2)), s(2.0, a(3)),
    ]  # fmt: skip


multilinear(np.dot, a=_dot_a, b=_dot_b, options={"samples": _dot_samples})


def _inner_a(g, a_shape, b):
    n, m = len(a_shape), ndim_of(b)
    if n == 0 or m == 0:
        return np.sum(g * b) if n == 0 else g * b
    return g * b if n == m == 1 else np.tensordot(g, b, ([*range(n - 1, n + m - 2)], [*range(m - 1)]))


def _inner_b(g, a, b_shape):
    n, m = ndim_of(a), len(b_shape)
    if n == 0 or m == 0:
        return np.sum(g * a) if m == 0 else g * a
    lead = [*range(n - 1)]
    return g * a if n == m == 1 else np.tensordot(g, a, (lead, lead))


def _inner_samples(s):
    a = s.array
    return [
        s(a(3), a(3)), s(a(2, 3), a(3)), s(a(3), a(2, 3)), s(a(2, 3), a(4, 3)), s(a(2, 5, 3), a(4, 3)),
        s(a(2, 3), a(4, 5, 3)),
        s(a(), a(2, 3)), s(a(2, 3), a()), s(a(), a()), s(a(0), a(0)), s(a(2, 0), a(3, 0)),
        s(a(2, 3), s.real(3)),
    ]  # fmt: skip


multilinear(np.inner, a=_inner_a, b=_inner_b, options={"samples": _inner_samples})


def contracted_axes(axes, n, m):
    """The axes of either operand of `tensordot` that are summed, paired, none negative."""
    if np.ndim(axes) == 0:
        k = as_int(axes)
        return [*range(n - k, n)], [*range(k)]
    a_axes, b_axes = axes
    return [i % n for i in _as_list(a_axes)], [i % m for i in _as_list(b_axes)]


def _as_list(axes):
    return [as_int(axes)] if np.ndim(axes) == 0 else [int(i) for i in axes]


def _tensordot_adjoint(g, shape, other, mine, theirs, g_first):
    """The cotangent of an operand of `shape`: what is left of `g` and `other`, its axes put in order."""
    free = [i for i in range(other.ndim) if i not in theirs]
    kept = [i for i in range(len(shape)) if i not in mine]
    if g_first:  # g's axes are the operand's own free axes, then the other's
        product = np.tensordot(g, other, ([*range(len(kept), len(kept) + len(free))], free))
    else:
        product = np.tensordot(g, other, ([*range(len(free))], free))
    order = kept + [mine[theirs.index(j)] for j in sorted(theirs)]
    return product if order == sorted(order) else np.transpose(product, np.argsort(order).tolist())


def _tensordot_a(g, a_shape, b, axes):
    b = as_array(b)
    mine, theirs = contracted_axes(axes, len(a_shape), b.ndim)
    return _tensordot_adjoint(g, a_shape, b, mine, theirs, True)


def _tensordot_b(g, a, b_shape, axes):
    a = as_array(a)
    theirs, mine = contracted_axes(axes, a.ndim, len(b_shape))
    return _tensordot_adjoint(g, b_shape, a, mine, theirs, False)


def _tensordot_samples(s):
    a = s.array
    return [
        s(a(2, 3, 4), a(3, 4, 2)), s(a(2, 3), a(3, 4), axes=1), s(a(2, 3), a(4, 2), axes=0),
        s(a(2, 3, 4), a(4, 3, 5), axes=([1, 2], [1, 0])),
        s(a(2, 3, 4), a(4, 5, 2), axes=([0, 2], [2, 0])), s(a(2, 3, 4), a(5, 4), axes=(-1, -1)),
        s(a(2, 3), a(3), axes=(1, 0)),
        s(a(2, 3, 4), a(2, 4, 3), axes=([2, 0, 1], [1, 0, 2])), s(a(2, 0), a(0, 3), axes=1),
        s(a(3), a(3), axes=1), s(a(), a(2, 3), axes=0), s(a(), 2.0, axes=0), s(2.0, a(3), axes=0),
        s(a(2, 3), a(3, 2), axes=((0, 1), (1, 0))), s(a(3, 2), s.real(2, 2), axes=1),
    ]  # fmt: skip


multilinear(np.tensordot, a=_tensordot_a, b=_tensordot_b, options={"samples": _tensordot_samples})
composite(
    np.linalg.tensordot,
    lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes),
    samples=lambda s: [s(s.array(2, 3), s.array(2, 3)), s(s.array(2, 3), s.array(3, 4), axes=1)],
)

# ---- products of vectors -----------------------------------------------------------------------------------

multilinear(
    np.outer,
    a=lambda g, a_shape, b: np.reshape(g @ np.reshape(b, (-1,)), a_shape),
    b=lambda g, a, b_shape: np.reshape(np.reshape(a, (-1,)) @ g, b_shape),
    options={
        "samples": lambda s: [
            s(s.array(3), s.array(4)), s(s.array(2, 3), s.array(2, 2)), s(s.array(), s.array(3)),
            s(s.array(0), s.array(2)), s(s.array(2), s.real(2)),
            s(2.0, s.array(3)),
        ]
    },
)  # fmt: skip


@composite(np.linalg.outer, samples=lambda s: [s(s.array(3), s.array(2))])
def _linalg_outer(x1, x2, /):
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"Input arrays must be one-dimensional, but they are x1.ndim={x1.ndim} and x2.ndim={x2.ndim}."
        )
    return np.outer(x1, x2)


multilinear(
    np.vdot,
    a=lambda g, a_shape, b: np.reshape(conj(g * np.reshape(b, -1)), a_shape),
    b=lambda g, a, b_shape: np.reshape(g * conj(np.reshape(a, -1)), b_shape),
    options={
        "samples": lambda s: [
            s(s.array(3), s.array(3)), s(s.array(2, 3), s.array(3, 2)), s(s.array(), s.array()),
            s(s.array(0), s.array(0)), s(s.array(3), s.real(3)),
            s(s.real(3), s.array(3)),
        ]
    },
)  # fmt: skip


def _axis_of(axes, k):
    a = axes[k]
    return a if isinstance(a, (int, np.integer)) else a[0]


def _vecdot_axes(axis, axes, k):
    """Axes of operand `k` and of the other, and of the output where dimensions are kept."""
    if axes is None:
        axis = -1 if axis is None else axis
        return axis, axis, axis
    return (
        _axis_of(axes, k),
        _axis_of(axes, 1 - k),
        _axis_of(axes, 2) if len(axes) > 2 and axes[2] != () else -1,
    )


def _vecdot_vjp(g, shape, other, axis, axes, keepdims, k):
    mine, theirs, out = _vecdot_axes(axis, axes, k)
    if keepdims:
        g = np.squeeze(g, out)
    other = np.moveaxis(other, theirs, -1)
    moved = np.moveaxis(np.broadcast_to(0.0, shape), mine, -1).shape
    if len(moved) == 1 and g.ndim:  # one vector with many: the product sums
        return conj(np.reshape(g, -1) @ flat_rows(other)) if k == 0 else np.reshape(g, -1) @ flat_rows(conj(other))
    product = conj(column(g) * other) if k == 0 else column(g) * conj(other)
    return np.moveaxis(unbroadcast(product, moved), -1, mine)


def _vecdot_samples(s):
    a = s.array
    return [
        s(a(3), a(3)), s(a(2, 3), a(3)), s(a(3), a(2, 3)), s(a(4, 1, 3), a(2, 3)),
        s(a(3, 2), a(3, 2), axis=0), s(a(3, 2), a(3), axis=0),
        s(a(0, 3), a(3)), s(a(2, 0), a(2, 0)), s(a(2, 3), s.real(2, 3)), s(s.real(2, 3), a(2, 3)),
        s(a(3, 2), a(2, 3), axes=[0, 1, ()]),
        s(a(2, 3), a(2, 3), keepdims=True), s(a(3, 2), a(3, 2), axis=0, keepdims=True),
        s(a(3, 2), a(2, 3), axes=[(0,), (1,), (0,)], keepdims=True),
    ]  # fmt: skip


multilinear(
    np.vecdot,
    x1=lambda g, x1_shape, x2, axis, axes, keepdims: _vecdot_vjp(g, x1_shape, x2, axis, axes, keepdims, 0),
    x2=lambda g, x1, x2_shape, axis, axes, keepdims: _vecdot_vjp(g, x2_shape, x1, axis, axes, keepdims, 1),
    options={"samples": _vecdot_samples},
)
composite(
    np.linalg.vecdot,
    lambda x1, x2, /, *, axis=-1: np.vecdot(x1, x2, axis=axis),
    samples=lambda s: [s(s.array(2, 3), s.array(3)), s(s.array(3, 2), s.array(3, 2), axis=0)],
)


def _matvec_1(g, x1_shape, x2, axes):
    if axes is not None:
        return _with_axes(_matvec_1, g, x1_shape, x2, axes, 0)
    if len(x1_shape) == 2 and x2.ndim > 1:  # one matrix with many vectors: the product sums
        return flat_rows(g).T @ flat_rows(x2)
    return unbroadcast(column(g) * row(x2), x1_shape)


def _matvec_2(g, x1, x2_shape, axes):
    if axes is not None:
        return _with_axes(_matvec_2, g, x2_shape, x1, axes, 1)
    if len(x2_shape) == 1:
        return np.reshape(g, -1) @ flat_rows(x1)
    return unbroadcast(np.matvec(T(x1), g), x2_shape)


def _vecmat_1(g, x1_shape, x2, axes):
    if axes is not None:
        return _with_axes(_vecmat_1, g, x1_shape, x2, axes, 0)
    return unbroadcast(conj(np.matvec(x2, g)), x1_shape)


def _vecmat_2(g, x1, x2_shape, axes):
    if axes is not None:
        return _with_axes(_vecmat_2, g, x2_shape, x1, axes, 1)
    if len(x2_shape) == 2 and x1.ndim > 1:
        return conj(flat_rows(x1)).T @ flat_rows(g)
    return unbroadcast(conj(column(x1)) * row(g), x2_shape)


if hasattr(np, "matvec"):  # NumPy 2.2
    multilinear(
        np.matvec,
        x1=_matvec_1,
        x2=_matvec_2,
        options={
            "samples": lambda s: [
                s(s.array(2, 3), s.array(3)), s(s.array(4, 2, 3), s.array(3)),
                s(s.array(2, 3), s.array(4, 3)), s(s.array(4, 1, 2, 3), s.array(5, 3)),
                s(s.array(0, 3), s.array(3)), s(s.array(2, 3), s.real(3)),
                s(s.array(3, 2, 4), s.array(3, 4), axes=[(1, 0), 0, 0]),
            ]
        },
    )  # fmt: skip
    multilinear(
        np.vecmat,
        x1=_vecmat_1,
        x2=_vecmat_2,
        options={
            "samples": lambda s: [
                s(s.array(2), s.array(2, 3)), s(s.array(4, 2), s.array(2, 3)),
                s(s.array(2), s.array(4, 2, 3)), s(s.array(4, 1, 2), s.array(5, 2, 3)),
                s(s.array(2), s.array(2, 0)), s(s.real(2), s.array(2, 3)),
                s(s.array(3, 2), s.array(4, 2, 3), axes=[0, (2, 0), 0]),
            ]
        },
    )  # fmt: skip

# ---- kron --------------------------------------------------------------------------------------------------


@composite(
    np.kron,
    samples=lambda s: [
        s(s.array(2, 3), s.array(3, 2)), s(s.array(2), s.array(3)), s(s.array(2, 3), s.array(2)),
        s(s.array(2), s.array(2, 1, 3)), s(s.array(), s.array(2, 2)),
        s(s.array(2, 2), 3.0), s(s.array(0), s.array(2)), s(s.array(2, 2), s.real(2, 1)),
    ],
)  # fmt: skip
def _kron(a, b):
    a, b = as_array(a), as_array(b)
    nd = max(a.ndim, b.ndim)
    a_shape, b_shape = (1,) * (nd - a.ndim) + shape_of(a), (1,) * (nd - b.ndim) + shape_of(b)
    a = np.reshape(a, [n for m in a_shape for n in (m, 1)])
    b = np.reshape(b, [n for m in b_shape for n in (1, m)])
    return np.reshape(a * b, [n * m for n, m in zip(a_shape, b_shape, strict=True)])


# ---- cross -------------------------------------------------------------------------------------------------
# With three components (a third component zero where a vector has two): sum(g * (t x b)) = sum(t * (b x g)).


def _three(x):
    if shape_of(x)[-1] == 3:
        return x
    return np.concatenate([x, np.zeros((*shape_of(x)[:-1], 1), x.dtype)], axis=-1)


def _cross_vjp(g, shape, other, mine, theirs, out, k):
    other = np.moveaxis(other, theirs, -1)
    moved = np.moveaxis(np.broadcast_to(0.0, shape), mine, -1).shape
    if moved[-1] == other.shape[-1] == 2:
        product = column(g) * np.stack([other[..., 1], -other[..., 0]], axis=-1)
        product = product if k == 0 else -product
    else:
        g, other = np.moveaxis(g, out, -1), _three(other)
        product = (np.cross(other, g) if k == 0 else np.cross(g, other))[..., : moved[-1]]
    return np.moveaxis(unbroadcast(product, moved), -1, mine)


def _cross_a(g, a_shape, b, axisa, axisb, axisc, axis):
    if axis is not None:
        axisa = axisb = axisc = axis
    return _cross_vjp(g, a_shape, b, axisa, axisb, axisc, 0)


def _cross_b(g, a, b_shape, axisa, axisb, axisc, axis):
    if axis is not None:
        axisa = axisb = axisc = axis
    return _cross_vjp(g, b_shape, a, axisb, axisa, axisc, 1)


def _cross_samples(s):
    a = s.array
    return [
        s(a(3), a(3)), s(a(4, 3), a(3)), s(a(3), a(4, 3)), s(a(2, 1, 3), a(4, 3)),
        s(a(3, 4), a(3, 4), axis=0), s(a(0, 3), a(0, 3)), s(a(3), s.real(3)),
        s(a(3, 4), a(4, 3), axisa=0), s(a(4, 3), a(3, 4), axisb=0), s(a(4, 3), a(4, 3), axisc=0),
        s(a(2, 3, 4), a(3, 4), axisa=1, axisb=0, axisc=1),
    ]  # fmt: skip


multilinear(np.cross, a=_cross_a, b=_cross_b, options={"samples": _cross_samples})


@composite(
    np.linalg.cross, samples=lambda s: [s(s.array(2, 3), s.array(3)), s(s.array(3, 2), s.array(3, 2), axis=0)]
)
def _linalg_cross(x1, x2, /, *, axis=-1):
    x1, x2 = as_array(x1), as_array(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{x1.shape[axis]} and {x2.shape[axis]} dimensional instead."
        )
    return np.cross(x1, x2, axis=axis)
