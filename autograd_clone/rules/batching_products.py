"""Batching rules: products and linear algebra.

NumPy's ``matmul``, ``einsum`` and ``linalg`` take leading axes as a batch. Where only one operand is batched, its examples
are instead made rows or columns of one larger matrix, so that one product, or one factorisation, serves all.
"""

from __future__ import annotations

from math import prod
from operator import index as as_int

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..array.box import as_array
from ..engine.batch import RULES, aligned, elementwise, loop, padded
from ..engine.cotangent import shape_of
from ..engine.trace import apply
from .batching import of_matrices, refused, rule, shift
from .einsum import LETTERS, OPTIMIZE_FROM
from .products import contracted_axes


def ndim_of(x):
    """Number of axes of an example."""
    return x.ndim if hasattr(x, "ndim") else np.ndim(x)


def value_of(trace, x):
    """The array of all examples where there is one, else `x`; and which it is."""
    return (x._value, True) if trace.owns(x) else (x, False)


# ---- matmul and dot ---------------------------------------------------------------------------------------------------


@rule("numpy.matmul")
def _matmul(trace, prim, operands, params):
    if params:
        return loop(trace, prim, operands, params)
    a, b = operands
    if not _fit(a, b):
        return refused(trace, prim, operands, params)
    return trace.box(_product(trace, a, b))


@rule("numpy.dot")
def _dot(trace, prim, operands, params):
    a, b = operands
    n, m = ndim_of(a), ndim_of(b)
    if n == 0 or m == 0:
        return trace.box(_scaled(trace, operands))
    if not _fit(a, b):
        return refused(trace, prim, operands, params)
    if m <= 2:
        return trace.box(_product(trace, a, b))
    return trace.box(_contraction(trace, a, b, [n - 1], [m - 2]))


def _fit(a, b):
    """Whether the rows of `a` are as long as the columns of `b`. An axis of length one would be broadcast in batches."""
    n, m = shape_of(a), shape_of(b)
    return bool(n and m) and n[-1] == m[-2 if len(m) > 1 else -1]


def _product(trace, a, b):
    """``a @ b`` for all examples."""
    n, m = ndim_of(a), ndim_of(b)
    (x, in_x), (y, in_y) = value_of(trace, a), value_of(trace, b)
    if not in_y and m <= 2:
        return _rows(x, n, y)
    if not in_x and n <= 2:
        return _columns(x, y, m)
    if n == m == 1:
        return np.einsum("bi,bi->b", x, y)
    lead = max(n, m, 2) - 2
    x = _as_matrices(x, in_x, n, lead, row=True)
    y = _as_matrices(y, in_y, m, lead, row=False)
    out = np.matmul(x, y)
    if n == 1:
        return out[..., 0, :]
    return out[..., 0] if m == 1 else out


def _rows(x, n, y):
    """``x @ y`` with batched `x`: the rows of all examples are those of one matrix."""
    if n <= 1:
        return np.matmul(x, y)
    shape = x.shape
    flat = x.reshape((prod(shape[:-1]), shape[-1]))
    return np.matmul(flat, y).reshape(shape[:-1] + y.shape[1:])


def _columns(x, y, m):
    """``x @ y`` with batched `y`."""
    if m == 1:
        return np.matmul(y, np.transpose(x))
    if x.ndim == 1:
        return np.matmul(x, y)
    return np.matmul(x, y)


def _as_matrices(x, batched, n, lead, row):
    if n == 1:
        x = x[..., None, :] if row else x[..., None]
        n = 2
    return padded(x, lead + 2 - n) if batched else x


# ---- tensordot and its kin --------------------------------------------------------------------------------------------


@rule("numpy.tensordot")
def _tensordot(trace, prim, operands, params):
    a, b = operands
    mine, theirs = contracted_axes(params.get("axes", 2), ndim_of(a), ndim_of(b))
    return trace.box(_contraction(trace, a, b, mine, theirs))


@rule("numpy.inner")
def _inner(trace, prim, operands, params):
    a, b = operands
    n, m = ndim_of(a), ndim_of(b)
    if n == 0 or m == 0:
        return trace.box(_scaled(trace, operands))
    return trace.box(_contraction(trace, a, b, [n - 1], [m - 1]))


def _scaled(trace, operands):
    """An array times a number, which is not taken for a Python number: of those a ufunc does not look at the dtype."""
    x, y = aligned(trace, tuple(as_array(x) for x in operands))
    return x * y


def _contraction(trace, a, b, mine, theirs):
    """``tensordot(a, b, (mine, theirs))`` for all examples; no axis is negative."""
    a, b = as_array(a), as_array(b)
    if any(a.shape[i] != b.shape[j] for i, j in zip(mine, theirs, strict=True)):
        raise ValueError("shape-mismatch for sum")
    (x, in_x), (y, in_y) = value_of(trace, a), value_of(trace, b)
    if not in_y:
        return np.tensordot(x, y, ([i + 1 for i in mine], theirs))
    if not in_x:
        out = np.tensordot(x, y, (mine, [i + 1 for i in theirs]))
        return np.moveaxis(out, x.ndim - len(mine), 0)
    letters = iter(LETTERS)
    batch = next(letters)
    left = [next(letters) for _ in range(x.ndim - 1)]
    right = [left[mine[theirs.index(j)]] if j in theirs else next(letters) for j in range(y.ndim - 1)]
    free = [c for i, c in enumerate(left) if i not in mine] + [
        c for j, c in enumerate(right) if j not in theirs
    ]
    return _einsum([[batch, *left], [batch, *right]], [batch, *free], [x, y])


def _einsum(terms, output, arrays, **keywords):
    sizes = {
        c: max(n, 1)
        for term, x in zip(terms, arrays, strict=True)
        for c, n in zip(term, x.shape, strict=True)
    }
    if len(arrays) > 1 and prod(sizes.values()) >= OPTIMIZE_FROM:
        keywords.setdefault("optimize", True)
    return np.einsum(",".join(map("".join, terms)) + "->" + "".join(output), *arrays, **keywords)


@rule("einsum_1", "einsum_2", "einsum_n")
def _einsum_batched(trace, prim, operands, params):
    inputs, output = params["subscripts"].split("->")
    batch = next(c for c in LETTERS if c not in inputs)
    terms, arrays = [], []
    for term, x in zip(inputs.split(","), operands, strict=True):
        value, batched = value_of(trace, x)
        terms.append(batch + term if batched else term)
        arrays.append(value)
    return trace.box(_einsum(terms, batch + output, arrays, **params["keywords"]))


# ---- products of vectors ----------------------------------------------------------------------------------------------


@rule("numpy.outer")
def _outer(trace, prim, operands, params):
    a, b = (x.reshape(-1) if hasattr(x, "reshape") else np.reshape(x, -1) for x in operands)
    (x, _), (y, _) = value_of(trace, a), value_of(trace, b)
    return trace.box(x[..., None] * y[..., None, :])


@rule("numpy.vdot")
def _vdot(trace, prim, operands, params):
    a, b = (x.reshape(-1) if hasattr(x, "reshape") else np.reshape(x, -1) for x in operands)
    if not _fit(a, b):
        return refused(trace, prim, operands, params)
    return trace.box(_product(trace, np.conj(a), b))


def _broadcasting_cores(*cores):
    """Rule of a generalised ufunc whose operands have these numbers of core axes, with its default axes."""

    def batched(trace, prim, operands, params):
        if params:
            return loop(trace, prim, operands, params)
        leads = [ndim_of(x) - core for x, core in zip(operands, cores, strict=True)]
        if min(leads) < 0:
            return refused(trace, prim, operands, params)
        values = tuple(
            padded(x._value, max(leads) - lead) if trace.owns(x) else x
            for x, lead in zip(operands, leads, strict=True)
        )
        return trace.box(apply(prim, values, params))

    return batched


RULES["numpy.matvec"] = _broadcasting_cores(2, 1)
RULES["numpy.vecmat"] = _broadcasting_cores(1, 2)


@rule("numpy.vecdot")
def _vecdot(trace, prim, operands, params):
    if params.get("axis") is not None and not set(params) - {"axis"}:
        as_int(params["axis"])  # raises, if it is none
        operands = tuple(np.moveaxis(x, params["axis"], -1) for x in operands)
        params = {}
    return _of_vectors(trace, prim, operands, params)


_of_vectors = _broadcasting_cores(1, 1)


@rule("numpy.cross")
def _cross(trace, prim, operands, params):
    p = prim.defaults | params
    axes = (p["axisa"], p["axisb"], p["axisc"]) if p["axis"] is None else (p["axis"],) * 3
    ends = tuple(np.moveaxis(x, axis, -1) for x, axis in zip(operands, axes, strict=False))
    out = np.cross(*aligned(trace, ends))
    ndim = max(map(ndim_of, operands))
    return trace.box(np.moveaxis(out, -1, shift(axes[2], ndim)) if out.ndim == ndim + 1 else out)


# ---- convolution ------------------------------------------------------------------------------------------------------


@rule("convolution")
def _convolution(trace, prim, operands, params):
    a, v = operands
    if len(v) > len(a):
        a, v = v, a
    ends = np.zeros(len(v) - 1, a.dtype)
    return _sliding(np.concatenate([ends, a, ends]), v[::-1])


@rule("sliding_products")
def _sliding_products(trace, prim, operands, params):
    return _sliding(*operands)


def _sliding(a, v):
    """The products of `v` with each window of `a`."""
    return np.matmul(sliding_window_view(a, len(v)), v)


# ---- linear algebra ---------------------------------------------------------------------------------------------------

for _name in (
    "numpy.linalg.svd", "numpy.linalg.inv", "pseudo_inverse", "cofactors", "numpy.linalg.det", "numpy.linalg.slogdet", "numpy.linalg.cholesky", "numpy.linalg.eigh",
    "numpy.linalg.eig", "singular_value_decomposition", "qr_decomposition",
):  # fmt: skip
    RULES[_name] = of_matrices


@rule("numpy.linalg.matrix_rank")
def _rank(trace, prim, operands, params):
    """Of a vector, whether it is zero, as a matrix of one row."""
    a, *rest = operands
    if a.ndim > 1:
        return elementwise(trace, prim, operands, params)
    if rest or params:
        return loop(trace, prim, operands, params)
    return elementwise(trace, prim, (trace.box(padded(a._value, 2 - a.ndim)),), params)


@rule("numpy.linalg.solve")
def _solve(trace, prim, operands, params):
    a, b = operands
    if ndim_of(a) < 2:
        return refused(trace, prim, operands, params)
    if ndim_of(b) == 1:
        return _solve(trace, prim, (a, b[..., None]), params)[..., 0]
    return _solve_matrices(trace, prim, operands, params)


@rule("triangular_solve")
def _solve_matrices(trace, prim, operands, params):
    a, b = operands
    if trace.owns(a) or a.ndim > 2 or b.ndim > 2:
        a, b = aligned(trace, operands)
        if b.ndim < a.ndim:  # not to be taken for a stack of vectors, as NumPy before 2 would
            b = b.reshape((1,) * (a.ndim - b.ndim) + b.shape)
        return trace.box(apply(prim, (a, b), params))
    n, m = b.shape
    columns = np.moveaxis(b._value, 0, 1).reshape((n, trace.size * m))
    out = apply(prim, (a, columns), params).reshape((n, trace.size, m))
    return trace.box(np.moveaxis(out, 1, 0))
