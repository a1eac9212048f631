"""The names of ``autograd.numpy.numpy_vspaces``."""

from ..array.vspaces import ArrayVSpace, ComplexArrayVSpace

__all__ = ["ArrayVSpace", "ComplexArrayVSpace"]
