"""Eigenvalues and eigenvectors: ``eigh``, ``eig``, ``eigvalsh``, ``eigvals``.

The gradient of `eigh` and `eigvalsh` is with respect to the triangle that ``UPLO`` names, and zero in the
other one, as in HIPS autograd. Eigenvectors are defined up to phases; derivatives are right for functions
that do not depend on the phases (`eig` alone normalises them, and its derivative does too).

Where eigenvalues are repeated, `repeated` takes over: functions of the eigenspaces alone have their right
derivatives, and what does not exist or cannot be known is NaN.
"""

from __future__ import annotations

import numpy as np

from ..array.box import as_array
from ..engine.cotangent import shape_of
from ..engine.define import composite, custom
from .batching import of_matrices
from .linalg import lower_as_hermitian
from .matrices import H, T, column, conj, is_complex, real, row
from .repeated import FRAMES, chosen_basis, direction_of, equal_pairs, has_equal, inverse_gaps, nan_where, plain
from .tools import anywhere

# ---- eigh --------------------------------------------------------------------------------------------------


def _triangle_mask(n, uplo, dtype):
    """What takes a Hermitian matrix to the triangle that `eigh` reads: twice what is off the diagonal."""
    mask = 2 * np.tri(n, dtype=dtype)
    mask.reshape(-1)[:: n + 1] = 1
    return mask if uplo.upper() == "L" else mask.T


def hermitian_eigendecomposition(a, *, uplo):
    """``numpy.linalg.eigh``, for eigenvalues that differ."""
    return np.linalg.eigh(a, uplo)


def _eigh_vjp(g, ans, uplo):
    (gw, gv), (w, v) = g, ans
    k = T(v) @ gv
    eye = np.eye(shape_of(w)[-1], dtype=w.dtype)
    middle = (k - H(k)) * inverse_gaps(w, eye != 0) * 0.5 + column(gw) * eye
    return (conj(v) @ middle @ T(v)) * _triangle_mask(shape_of(w)[-1], uplo, w.dtype)


def _eigh_jvp(t, ans, uplo):
    w, v = ans
    m = H(v) @ from_triangle(t, uplo) @ v
    return real(np.diagonal(m, axis1=-2, axis2=-1)), v @ (
        m * inverse_gaps(w, np.eye(shape_of(w)[-1], dtype=bool))
    )


def from_triangle(a, uplo):
    """The Hermitian matrix that a triangle of `a` stands for."""
    return lower_as_hermitian(a if uplo.upper() == "L" else H(a))


def without_phases(f, a, *args, **kwargs):
    """For samples: eigenvalues, and the moduli of what is defined up to phases."""
    return tuple(np.abs(x) if x.ndim == a.ndim else x for x in f(a, *args, **kwargs))


EIGH = custom(
    hermitian_eigendecomposition,
    outputs=2,
    vjp={"a": _eigh_vjp},
    jvp={"a": _eigh_jvp},
    batch=of_matrices,
    samples=lambda s: [
        s(s.matrix(3), uplo="L", via=without_phases),
        s(s.matrix(3, 2), uplo="U", via=without_phases),
    ],
)


@composite(
    np.linalg.eigh,
    samples=lambda s: [
        s(s.matrix(3), via=without_phases), s(s.matrix(3, 2), UPLO="U", via=without_phases),
        s(s.matrix(2, 3), "u", via=without_phases),
        s(s.matrix(3), "L", via=without_phases), s(s.array(1, 1), via=without_phases), s(s.array(0, 0)),
        s(s.array(0, 2, 2)),
        s(_two_equal(s), via=_projector), s(_two_equal(s), "U", via=_projector),
        s(np.stack([_two_equal(s), s.matrix(4)]), via=_projector),
    ],
)  # fmt: skip
def _eigh(a, UPLO="L"):
    return _decomposed(as_array(a), UPLO, True)


def _decomposed(a, uplo, joint):
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # of a derivative that is not used if eigenvalues are repeated
        ans = EIGH(a, uplo=uplo)
    if not has_equal(ans[0]):
        return ans
    w, direction = plain(ans[0]), direction_of(a)
    v = chosen_basis(w, plain(ans[1]), None if direction is None else from_triangle(direction, uplo))
    w, v, _ = FRAMES(from_triangle(a, uplo), w, v, joint=joint)
    return ans._make((w, v))


def _two_equal(s):
    """A Hermitian matrix with eigenvalues 1, 1, 3, 4."""
    q = np.linalg.qr(s.array(4, 4).astype(np.complex128 if s.dtype.kind == "c" else np.float64))[0]
    return ((q * np.array([1, 1, 3, 4])) @ np.conj(q.T)).astype(s.dtype)


def _projector(f, a, *args):
    """For samples: onto the eigenspace of the two smallest eigenvalues."""
    v = f(a, *args)[1][..., :2]
    return v @ H(v)


composite(
    np.linalg.eigvalsh,
    lambda a, UPLO="L": _decomposed(as_array(a), UPLO, False)[0],
    samples=lambda s: [s(s.matrix(3)), s(s.matrix(3, 2), UPLO="U"), s(s.array(0, 0))],
)

# ---- eig ---------------------------------------------------------------------------------------------------
# Boeddeker et al., "On the computation of complex-valued gradients" (2017), 4.77, and beyond it the phase:
# LAPACK gives eigenvectors unit length and makes one component, of largest modulus, real.


def _real_component(v):
    """The index of the component of each eigenvector that is real by LAPACK's normalisation, as a mask of
    one per column.
    """
    v = plain(v)
    if v.size == 0:
        return np.zeros(v.shape, bool)
    largest = np.argmax(np.where(v.imag == 0, np.abs(v), -1), axis=-2)
    return np.arange(v.shape[-1])[:, None] == row(largest)


def _unknown(asked, noise, equal):
    """NaN for pairs of equal eigenvalues between which a rotation is asked for: its derivative does not
    exist.
    """
    off = equal & ~np.eye(equal.shape[-1], dtype=bool)
    return nan_where(off & (np.abs(plain(asked)) > noise), asked.dtype) if anywhere(off) else 0.0


def _size(x):
    """What is small beside the entries of matrices."""
    x = plain(x)
    return np.sqrt(np.finfo(x.dtype).eps) * np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0)


def _eig_vjp(g, ans):
    (gw, gv), (w, v) = g, ans
    equal = equal_pairs(w)
    z = row(np.sum(gv * v, axis=-2))
    h = gv - real(z) * conj(v)
    if is_complex(v):
        h = h - 1j * np.imag(z) * np.where(_real_component(v), 1 / np.where(v == 0, 1, v), 0)
    k = T(v) @ h
    both = (np.abs(plain(column(gw))) + np.abs(plain(row(gw)))) * np.max(
        np.abs(plain(gv)), axis=(-2, -1), keepdims=True, initial=0
    )
    middle = k * inverse_gaps(w, equal) + _unknown(k, _size(T(v) @ gv), equal) + _unknown(both, 0, equal)
    middle = middle + column(gw) * np.eye(shape_of(w)[-1], dtype=gw.dtype)
    return np.linalg.solve(T(v), middle @ T(v))


def _eig_jvp(t, ans):
    w, v = ans
    m = np.linalg.solve(v, t @ v)
    equal = equal_pairs(w)
    u = v @ (m * inverse_gaps(w, equal) + _unknown(m, _size(m), equal))
    scale = -real(np.sum(conj(v) * u, axis=-2))
    if is_complex(v):
        scale = scale - 1j * np.sum(
            np.where(_real_component(v), np.imag(u) / np.where(v == 0, 1, v), 0), axis=-2
        )
    return np.diagonal(m, axis1=-2, axis2=-1), u + v * row(scale)


def _rotation_like(s):
    """A real matrix with complex eigenvalues."""
    return (s.real(3, 3) * 0.3 + np.array([[0, -2, 0], [2, 0, 0], [0, 0, 1]])).astype(s.real().dtype)


custom(
    np.linalg.eig,
    outputs=2,
    vjp={"a": _eig_vjp},
    jvp={"a": _eig_jvp},
    samples=lambda s: [
        s(s.matrix(3)),
        s(s.matrix(2, 3)),
        s(_rotation_like(s)),
        s(s.array(1, 1)),
        s(s.array(0, 0)),
    ],
)
composite(
    np.linalg.eigvals,
    lambda a: np.linalg.eig(as_array(a))[0],
    samples=lambda s: [s(s.matrix(3)), s(s.matrix(2, 3)), s(_rotation_like(s)), s(s.array(0, 0))],
)
