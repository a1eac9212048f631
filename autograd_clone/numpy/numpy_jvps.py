"""The names of ``autograd.numpy.numpy_jvps``."""

from ..rules.hips import broadcast

__all__ = ["broadcast"]
