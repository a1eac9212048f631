"""Built-in types as ``autograd.builtins`` has them: containers are the real ones, the checks look into boxes."""

import builtins as _builtins
from builtins import dict, list, tuple

from .engine.containers import DictBox, SequenceBox, container_take, container_untake, make_sequence
from .engine.user import notrace_primitive
from .engine.vspace import DictVSpace, ListVSpace, NamedTupleVSpace, SequenceVSpace, TupleVSpace

isinstance = notrace_primitive(_builtins.isinstance)
type = notrace_primitive(_builtins.type)

__all__ = [
    "DictBox", "DictVSpace", "ListVSpace", "NamedTupleVSpace", "SequenceBox", "SequenceVSpace", "TupleVSpace",
    "container_take", "container_untake", "dict", "isinstance", "list", "make_sequence", "tuple", "type",
]  # fmt: skip
