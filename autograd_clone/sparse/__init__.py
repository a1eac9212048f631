"""Sparse Jacobians and Hessians: pattern, colouring, compressed evaluation.

``sparse_jacobian(f)(x)`` follows the program once to see which entries may be other than zero, groups columns or rows that
do not meet, computes each group in one pass, and reads the entries off. Each stage can be had by itself, and its result kept.
"""

from .coloring import Coloring, color_hessian, color_jacobian
from .declare import def_pattern
from .derivatives import SparseDerivative, hessian_sparsity, jacobian_sparsity, sparse_hessian, sparse_jacobian
from .pattern import SparsityPattern

__all__ = [
    "Coloring", "SparseDerivative", "SparsityPattern", "color_hessian", "color_jacobian", "def_pattern", "hessian_sparsity",
    "jacobian_sparsity", "sparse_hessian", "sparse_jacobian",
]  # fmt: skip
