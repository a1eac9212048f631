"""Looking into a program: where a NaN came from, what was computed, and what it took.

`detect_anomaly` stops at the first NaN or infinity, `trace_graph` shows the operations of a function, and `profile` measures
them, forward and backward.
"""

from .anomaly import detect_anomaly
from .graph import Graph, trace_graph
from .profile import Profile, profile

__all__ = ["Graph", "Profile", "detect_anomaly", "profile", "trace_graph"]
