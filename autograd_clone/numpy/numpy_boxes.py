"""The names of ``autograd.numpy.numpy_boxes``."""

from ..array import ArrayBox

__all__ = ["ArrayBox"]
