"""The names of ``autograd.tracer``."""

from .engine.box import Box, isbox
from .engine.handmade import TraceStack, find_top_boxed_args, new_box, toposort, trace, trace_stack
from .engine.nodes import Node
from .engine.user import getval, notrace_primitive, notrace_primitives, primitive, register_notrace, trace_primitives_map

box_types = Box.types
box_type_mappings = Box.type_mappings

__all__ = [
    "Box", "Node", "TraceStack", "box_type_mappings", "box_types", "find_top_boxed_args", "getval", "isbox", "new_box",
    "notrace_primitive", "notrace_primitives", "primitive", "register_notrace", "toposort", "trace", "trace_primitives_map",
    "trace_stack",
]  # fmt: skip
