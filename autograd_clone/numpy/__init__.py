"""NumPy's namespace: its own objects, and a few functions that NumPy's protocols cannot bring to their rules.

Plain ``numpy`` functions work on traced arrays as well. This namespace is for what they cannot see: traced
values inside lists, ``np.array([x, y])``, as fill values and end points, and in ``np.r_`` and ``np.c_``.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> grad(lambda x: np.sum(np.array([x, x**2])))(3.0)
np.float64(7.0)
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as _np

from .. import rules as _rules  # noqa: F401  fills the registry
from ..array.box import ArrayBox as _ArrayBox
from ..engine.box import getval as _getval
from ..rules import creation as _creation
from ..rules import diagonals as _diagonals
from ..rules import hips as _hips
from ..rules import joining as _joining
from ..rules import mapping as _mapping
from ..rules import ranges as _ranges
from ..rules import writing as _writing
from . import _making, _reexport
from . import _where as _choice

__version__ = _np.__version__


class _Joiner:
    """``np.r_`` or ``np.c_``: NumPy's own object for plain values."""

    def __init__(self, own: Any, axis: int, ndmin: int, trans1d: int) -> None:
        self._own = own
        self._layout = axis, ndmin, trans1d
        self.__doc__ = own.__doc__

    def __getitem__(self, key: Any) -> Any:
        items = key if type(key) is tuple else (key,)
        if any(_creation.holds_box([i.start, i.stop, i.step] if isinstance(i, slice) else i) for i in items):
            return _joining.index_join(key, *self._layout)
        return self._own[key]

    def __len__(self) -> int:
        return 0


def isscalar(element: Any) -> bool:
    """As `numpy.isscalar`, of the plain value."""
    return _np.isscalar(_getval(element))


def row_stack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """As `numpy.vstack`."""
    return globals()["vstack"](tup, dtype=dtype, casting=casting)


#: What stands here in place of NumPy's object of the same name.
_OWN = {
    "apply_along_axis": _mapping.apply_along_axis,
    "arange": _ranges.arange,
    "array": _creation.array,
    "asanyarray": _creation.asanyarray,
    "asarray": _creation.asarray,
    "asarray_chkfinite": _creation.asarray_chkfinite,
    "ascontiguousarray": _creation.ascontiguousarray,
    "asfortranarray": _creation.asfortranarray,
    "c_": _Joiner(_np.c_, -1, 2, 0),
    "fill_diagonal": _writing.fill_diagonal,
    "full": _creation.full,
    "full_like": _creation.full_like,
    "isscalar": isscalar,
    "make_diagonal": _diagonals.make_diagonal,
    "piecewise": _mapping.piecewise,
    "r_": _Joiner(_np.r_, 0, 1, -1),
    "require": _creation.require,
    "row_stack": row_stack,
    "vectorize": _mapping.vectorize,
    "where": _choice.where,
    **{t.__name__: _hips.wrap_intdtype(t) for t in (_np.int8, _np.int16, _np.int32, _np.int64)},
}
_SUBMODULES = ("emath", "fft", "linalg", "polynomial", "random")

globals().update(
    _reexport.exported(
        _np,
        __name__,
        [n for n in vars(_np) if not n.startswith("_") and n not in _OWN and n not in _SUBMODULES],
    )
)
globals().update(_OWN)
globals().update((n, _making.assignable(globals()[n])) for n in _making.MAKERS)
globals().update((n, _making.complaining(globals()[n])) for n in _making.CONVERTERS)

_IMPORTED = ("Any", "annotations", "importlib")
__all__ = sorted(n for n in globals() if not n.startswith("_") and n not in _IMPORTED)  # noqa: PLE0605
__all__ += list(_SUBMODULES)


def __getattr__(name: str) -> Any:
    """What NumPy itself makes on demand, and the submodules."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(_np, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_np)})


def _array_namespace(box: Any, *, api_version: str | None = None) -> Any:
    return importlib.import_module(__name__)


_ArrayBox.__array_namespace__ = _array_namespace  # type: ignore[attr-defined]
