"""The names of ``autograd.numpy.numpy_vjps``."""

from ..rules.hips import (
    balanced_eq,
    dot_adjoint_0,
    dot_adjoint_1,
    match_complex,
    repeat_to_match_shape,
    replace_zero,
    unbroadcast,
    unbroadcast_f,
    untake,
)

__all__ = [
    "balanced_eq", "dot_adjoint_0", "dot_adjoint_1", "match_complex", "repeat_to_match_shape", "replace_zero", "unbroadcast",
    "unbroadcast_f", "untake",
]  # fmt: skip
