"""The names of ``autograd.util``."""

from .engine.handmade import toposort
from .engine.tuples import func, subval, subvals
from .transforms.checking import quick_grad_check

__all__ = ["func", "quick_grad_check", "subval", "subvals", "toposort"]
