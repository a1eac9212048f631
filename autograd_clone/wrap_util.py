"""The names of ``autograd.wrap_util``."""

from .transforms.nary import get_doc, get_name, unary_to_nary, wrap_nary_f, wraps

__all__ = ["get_doc", "get_name", "unary_to_nary", "wrap_nary_f", "wraps"]
