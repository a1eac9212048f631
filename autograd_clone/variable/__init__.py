"""Recording in the manner of PyTorch: variables, and `Variable.backward`.

A `Variable` is an array box whose trace belongs to no call and never ends (`trace`). That trace is older than every other,
so variables are constants for `grad` and its relatives, or their arguments, and what those compute is recorded. A leaf's
node is a root of the engine's graph; a backward pass brings cotangents to the ``grad`` of the leaves (`box`) and frees
the graph behind itself (`graph`). The array of a variable is never written to: an update puts a changed copy in its
place (`memory`), so what a graph has kept stays what it was when it was recorded.
"""

from .box import Variable, zero_grad
from .trace import no_grad

__all__ = ["Variable", "no_grad", "zero_grad"]
