"""Transposition of linear maps: one mode's rule out of the other's.

A VJP rule is linear in its cotangent, so running it in reverse mode gives its transpose, which is the JVP; and the
other way round. With the pairing ``Re(sum(g * t))``, which is the complex convention of this package, both
directions are plain reverse mode with no conjugation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .box import Box, all_values, is_foreign, new_box
from .cotangent import cast, dtype_of, shape_of
from .duck import zeros
from .reverse import ReverseTrace, backward, root
from .vspace import vspace


def zeros_like(x: Any) -> Any:
    """Plain zeros of the shape and dtype of `x`, traced or not; of a value of a user's own type, its space's origin."""
    return vspace(x).zeros() if is_foreign(x) else zeros(shape_of(x), dtype_of(x), all_values(x))


def transpose(linear: Callable[..., Sequence[Any]], like: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """The transpose of a (real-)linear function of several arrays.

    Parameters
    ----------
    linear : callable
        ``linear(*ts) -> sequence of arrays``, written with traceable operations.
    like : sequence of arrays
        Values of the shapes and dtypes of its arguments; their numbers are not used.

    Returns
    -------
    callable
        ``f(gs) -> hs`` with ``sum Re(sum(h * t)) == sum Re(sum(g * linear(*ts)))`` for all ``ts``.
    """
    origins = [zeros_like(x) for x in like]
    starts = [root() for _ in origins]
    with ReverseTrace() as trace:
        outs = linear(*(new_box(z, trace, n) for z, n in zip(origins, starts, strict=True)))
        ends = [out._link if isinstance(out, Box) and out._trace is trace else None for out in outs]

    def transposed(gs: Sequence[Any]) -> list[Any]:
        found = backward([(n, g) for n, g in zip(ends, gs, strict=True) if n is not None])
        return [cast(found.get(n[0], z), z.dtype) for n, z in zip(starts, origins, strict=True)]

    return transposed
