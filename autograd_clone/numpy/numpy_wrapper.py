"""The names of ``autograd.numpy.numpy_wrapper``."""

from ..rules import hips
from ..rules.hips import array_from_args, concatenate_args, metadata, wrap_intdtype, wrap_namespace
from ..rules.hips import astype as _astype
from ..rules.diagonals import make_diagonal

notrace_functions = hips.notrace_functions()

__all__ = [
    "_astype", "array_from_args", "concatenate_args", "make_diagonal", "metadata", "notrace_functions", "wrap_intdtype",
    "wrap_namespace",
]  # fmt: skip
