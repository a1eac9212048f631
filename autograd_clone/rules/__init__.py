"""The rule tables, by API area. Importing this package fills the registry and equips the ndarray box."""

from ..array import methods, operators
from . import creation, indexing, joining, logic, products, reductions, shape, ufuncs

__all__ = ["creation", "indexing", "joining", "logic", "products", "reductions", "shape", "ufuncs"]

operators.install()
methods.install()
