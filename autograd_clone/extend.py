"""Defining primitives and derivative rules of your own."""

from .array import vspaces as _vspaces
from .engine.box import Box
from .engine.handmade import JVPNode, VJPNode
from .engine.user import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    register_notrace,
)
from .engine.vspace import SparseObject, VSpace, vspace

__all__ = [
    "Box", "JVPNode", "SparseObject", "VJPNode", "VSpace", "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp",
    "defvjp_argnum", "defvjp_argnums", "notrace_primitive", "primitive", "register_notrace", "vspace",
]  # fmt: skip

del _vspaces
