"""The rule tables, by API area. Importing this package fills the registry and equips the ndarray box."""

from ..array import batch, methods, operators
from . import batching, batching_products, creation, cumulative, decompositions, einsum, gathering, indexing, joining, linalg, logic, norms, padding, pointwise, products, reductions, refused, selection, shape, sorting, ufuncs

__all__ = ["batching", "batching_products", "creation", "cumulative", "decompositions", "einsum", "gathering", "indexing", "joining", "linalg", "logic", "norms", "padding", "pointwise", "products", "reductions", "refused", "selection", "shape", "sorting", "ufuncs"]

operators.install()
methods.install()
batch.install()
