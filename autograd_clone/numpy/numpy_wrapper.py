"""The names of ``autograd.numpy.numpy_wrapper``."""

from ..engine.user import notrace_primitive, primitive
from ..rules.diagonals import make_diagonal
from ..rules.hips import (
    array_from_args,
    concatenate_args,
    metadata,
    notrace_functions,
    parse_einsum_input,
    wrap_intdtype,
    wrap_namespace,
)
from ..rules.hips import astype as _astype

__all__ = [
    "_astype", "array_from_args", "concatenate_args", "make_diagonal", "metadata", "notrace_functions",
    "notrace_primitive", "parse_einsum_input", "primitive", "wrap_intdtype", "wrap_namespace",
]  # fmt: skip
