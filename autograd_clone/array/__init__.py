"""The ndarray box: operators, methods, attributes and NumPy's two dispatch protocols."""

from . import nodes, vspaces
from .box import ArrayBox

__all__ = ["ArrayBox", "nodes", "vspaces"]
