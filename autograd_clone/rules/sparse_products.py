"""Products with, and solutions of systems of, constant sparse matrices of SciPy.

The array is the one operand; the matrix is a parameter, and never made dense.
"""

from __future__ import annotations

import sys
from copy import copy
from math import prod

import numpy as np

from ..array.box import as_array
from ..array.foreign import OPERATIONS
from ..engine.box import Box
from ..engine.cotangent import shape_of
from ..engine.define import linear
from ..engine.protection import held


def _samples(s):
    from scipy import sparse

    matrix = sparse.csr_array(s.array(3, 4) * np.array([[1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]]))
    wide = sparse.bsr_array(s.array(2, 4))
    return [s(s.array(4), matrix=matrix), s(s.array(4, 2), matrix=matrix), s(s.array(4, 1), matrix=wide.tocoo())]


# ---- products --------------------------------------------------------------------------------------------


def sparse_product(x, *, matrix):
    """``matrix @ x`` of a sparse matrix, with SciPy's shape and dtype."""
    return matrix @ x


def _batched(trace, prim, operands, params):
    """The columns of all examples are those of one matrix."""
    x = np.moveaxis(operands[0]._value, 0, -1)
    y = prim(x.reshape((shape_of(x)[0], prod(shape_of(x)[1:]))), **params)
    return trace.box(np.moveaxis(y.reshape(shape_of(y)[:1] + shape_of(x)[1:]), -1, 0))


SPARSE_PRODUCT = linear(
    sparse_product,
    x=lambda g, matrix: SPARSE_PRODUCT(g, matrix=matrix.T),
    options={"samples": _samples, "batch": _batched},
)


def is_sparse(x):
    """Whether `x` is a sparse array or matrix of SciPy."""
    return "scipy.sparse" in sys.modules and sys.modules["scipy.sparse"].issparse(x)


def _prepared(matrix):
    """A sparse matrix in a format that is multiplied with as it is."""
    return matrix.tocsr() if matrix.format in ("lil", "dok") or matrix.shape[0] == 1 else matrix


def _protected(matrix, x):
    """A sparse matrix whose entries do not change as long as the traces last that `x` belongs to."""
    if matrix.format in ("lil", "dok"):
        return matrix  # others are made of these
    data = matrix.data
    while isinstance(x, Box):
        if getattr(x._trace, "protects", False):
            data = held(x._trace, data)
        x = x._value
    if data is not matrix.data:
        matrix = copy(matrix)
        matrix.data = data
    return matrix


def product(matrix, x):
    """``matrix @ x`` of a sparse matrix and a traced array."""
    if x.ndim not in (1, 2):
        raise ValueError(f"matmul: a sparse matrix can be multiplied with 1-D and 2-D arrays, not with one of shape {x.shape}")
    if x.shape[0] != matrix.shape[-1]:
        raise ValueError(f"matmul: the shapes {matrix.shape}, of a sparse matrix, and {x.shape} do not fit")
    matrix = _protected(matrix, x)
    if matrix.ndim == 1:
        return SPARSE_PRODUCT(x, matrix=_prepared(matrix.reshape(1, -1)))[0]
    y = SPARSE_PRODUCT(x, matrix=_prepared(matrix))
    if matrix.format == "coo" and matrix.shape[0] == 1 == x.ndim:  # of one row, SciPy returns a number
        return y.reshape(np.shape(matrix @ np.zeros(x.shape)))
    return y


def _matmul(a, b):
    if is_sparse(a) and isinstance(b, Box):
        return product(a, b)
    if is_sparse(b) and isinstance(a, Box):
        y = product(b.T, np.transpose(a))
        return np.transpose(y) if y.ndim else y
    return NotImplemented


def _multiply(a, b):
    """``*``, which for `scipy.sparse.spmatrix` means the product of matrices."""
    matrix, x = (a, b) if is_sparse(a) else (b, a)
    if not is_sparse(matrix) or not isinstance(x, Box):
        return NotImplemented
    if not x.ndim or not sys.modules["scipy.sparse"].isspmatrix(matrix):
        return NotImplemented
    return _matmul(a, b)


OPERATIONS[np.matmul] = _matmul
OPERATIONS[np.multiply] = _multiply


# ---- systems ---------------------------------------------------------------------------------------------


class Factors:
    """The LU factors of a sparse matrix, made when they are first needed, once for each precision.

    ``T`` are those of the transposed matrix, which are the same.
    """

    def __init__(self, matrix, shared=None, transposed=False):
        self.matrix = matrix
        self.shared = {} if shared is None else shared
        self.transposed = transposed

    @property
    def T(self):
        return Factors(self.matrix, self.shared, not self.transposed)

    def solve(self, b):
        """The solution for plain right-hand sides."""
        from scipy.sparse import linalg

        dtype = np.result_type(self.matrix.dtype, b.dtype, np.float32)
        if dtype.char not in self.shared:
            if dtype.char not in "fdFD":
                raise TypeError(f"spsolve: a system of dtype {dtype} cannot be solved; SciPy has single and double precision")
            self.shared[dtype.char] = linalg.splu(self.matrix.astype(dtype).tocsc())
        return self.shared[dtype.char].solve(b.astype(dtype), "T" if self.transposed else "N")


def sparse_solve(b, *, factors):
    """Solution of a system with a sparse matrix."""
    return factors.solve(b)


def _solve_samples(s):
    from scipy import sparse

    if s.dtype.char not in "fdFD":
        return []
    matrix = sparse.csc_array(s.matrix(4) * (1 - np.eye(4, k=2)))
    return [s(s.array(4), factors=Factors(matrix)), s(s.array(4, 2), factors=Factors(matrix).T)]


SPARSE_SOLVE = linear(
    sparse_solve,
    b=lambda g, factors: SPARSE_SOLVE(g, factors=factors.T),
    options={"samples": _solve_samples, "batch": _batched},
)


def solve(factors, b):
    """The solution for an array of right-hand sides, which may be traced."""
    b = as_array(b)
    n = factors.matrix.shape[0]
    if b.ndim not in (1, 2) or b.shape[0] != n:
        raise ValueError(f"spsolve: the shapes {factors.matrix.shape}, of the matrix, and {b.shape} do not fit")
    return SPARSE_SOLVE(b, factors=factors)
