"""The engine: primitives, traces, boxes, and the reverse and forward interpreters.

Read the modules in this order: ``primitive`` (what a rule is), ``trace`` (who interprets a primitive), ``box``
(a traced value), ``reverse`` and ``forward`` (the two interpreters), ``cotangent`` (how cotangents are projected
and added), ``transpose`` (one mode's rule from the other's), ``pytree`` and ``vspace`` (containers of values).
It imports NumPy and nothing above itself.
"""
