"""The names of ``autograd.core``."""

from .array import vspaces as _vspaces
from .engine.box import Box, isbox
from .engine.containers import SparseBox, sparse_add
from .engine.handmade import JVPNode, VJPNode, backward_pass, toposort, trace
from .engine.nodes import Node
from .engine.tuples import func, subval
from .engine.user import (
    add_outgrads,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    getval,
    primitive,
    primitive_jvps,
    primitive_vjps,
    sum_outgrads,
)
from .engine.vspace import SparseObject, VSpace, vspace
from .transforms.products import _make_jvp as make_jvp
from .transforms.products import _make_vjp as make_vjp

__all__ = [
    "Box", "JVPNode", "Node", "SparseBox", "SparseObject", "VJPNode", "VSpace", "add_outgrads", "backward_pass",
    "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp", "defvjp_argnum", "defvjp_argnums", "func",
    "getval", "isbox", "make_jvp", "make_vjp", "primitive", "primitive_jvps", "primitive_vjps", "sparse_add",
    "subval", "sum_outgrads", "toposort", "trace", "vspace",
]  # fmt: skip

del _vspaces
