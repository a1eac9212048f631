"""``einsum`` in every form, and ``einsum_path``.

Whatever way the subscripts are written (a string with or without output, ellipses, sublists of integers),
they are first brought to one form: one letter per axis of each operand and of the output. The adjoint of an
operand is then the einsum of the cotangent and of the other operands, onto the operand's letters. Three
things need care:

* a letter that only this operand has was summed: its cotangent is repeated along that axis
* an axis of length one that the others stretch: the cotangent is summed over that letter
* a letter twice in one operand reads a diagonal: the cotangent is put on the diagonal by a product with an
identity
"""

from __future__ import annotations

import functools
from math import prod
from operator import index as as_int
from typing import NamedTuple

import numpy as np

from ..array.box import as_array
from ..array.written import viewed_or_copied
from ..engine.box import Box
from ..engine.cotangent import shape_of
from ..engine.define import composite, linear, multilinear, zero
from ..engine.errors import UnsupportedKeywordError
from ..engine.places import Step
from ..engine.trace import apply
from .tools import refuse_out

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: From this many products on, the backward pass lets NumPy look for a better order and for calls of BLAS.
OPTIMIZE_FROM = 50_000


# ---- subscripts to one letter per axis ---------------------------------------------------------------------


def parse(args):
    """The subscripts of an `einsum` call, as ``"ab,bc->ac"`` without ellipsis, and its operands as arrays."""
    if isinstance(args[0], str):
        terms, arrays = args[0], [as_array(x) for x in args[1:]]
    else:
        terms, arrays = _from_sublists(args), [as_array(x) for x in args[: len(args) // 2 * 2 : 2]]
    return _one_letter_per_axis(terms, tuple([x.ndim for x in arrays])), arrays


def _from_sublists(args):
    """``"ab,bc->ac"`` out of ``(x, [0, 1], y, [1, 2], [0, 2])``."""
    pairs = len(args) // 2
    terms = ",".join(_letters(args[2 * k + 1]) for k in range(pairs))
    return terms if len(args) % 2 == 0 else f"{terms}->{_letters(args[-1])}"


def _letters(sublist):
    return "".join("..." if i is Ellipsis else LETTERS[as_int(i)] for i in sublist)


@functools.lru_cache(maxsize=1024)
def _one_letter_per_axis(terms, ndims):
    inputs, arrow, output = terms.replace(" ", "").partition("->")
    inputs = inputs.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(f"einsum: {len(inputs)} subscripts for {len(ndims)} operands")
    if not arrow:
        letters = "".join(inputs).replace(".", "")
        ellipsis = "..." if any("..." in term for term in inputs) else ""
        output = ellipsis + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return _without_ellipsis(inputs, output, ndims)


def _without_ellipsis(inputs, output, ndims):
    counts = [
        n - len(term.replace("...", "")) if "..." in term else 0
        for term, n in zip(inputs, ndims, strict=True)
    ]
    most = max(counts, default=0)
    if most and "..." not in output:
        raise ValueError("einsum: the output has no ellipsis for the broadcast dimensions of the operands")
    unused = [c for c in LETTERS if c not in "".join(inputs)][:most]
    terms = [term.replace("...", "".join(unused[most - n :])) for term, n in zip(inputs, counts, strict=True)]
    return ",".join(terms) + "->" + output.replace("...", "".join(unused))


# ---- the adjoint -------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """How the cotangent of an operand is computed: made once per subscripts and shapes."""

    subscripts: str  #: of the cotangent and the other operands, onto the operand's letters
    keywords: dict
    stretched: tuple | None  #: shape with axes of length one in place of letters that were summed
    repeated: tuple | None  #: shape with one axis per distinct letter
    diagonal: tuple | None  #: subscripts and sizes of the identities that make the diagonal


def _adjoint(g, k, shape, subscripts, others):
    """The cotangent of operand `k`, of `shape`; `others` are the other operands, in order."""
    if 0 in shape:
        return np.zeros(shape, g.dtype)
    plan = _plan(subscripts, k, shape, tuple([shape_of(x) for x in others]))
    g = _apply(plan.subscripts, [g, *others], plan.keywords)
    if plan.stretched is not None:
        g = np.reshape(g, plan.stretched)
    if plan.repeated is not None:
        g = np.broadcast_to(g, plan.repeated)
    if plan.diagonal is None:
        return g
    terms, sizes = plan.diagonal
    return _apply(terms, [g, *(np.eye(n, dtype=g.dtype) for n in sizes)], {})


@functools.lru_cache(maxsize=1024)
def _plan(subscripts, k, shape, other_shapes):
    terms, output = subscripts.split("->")
    theirs = terms.split(",")
    mine = theirs.pop(k)
    size = dict(zip(mine, shape, strict=True))
    found = _sizes(theirs, other_shapes)  # of letters that the others or the cotangent have
    everything = {c: max(n, found.get(c, 1)) for c, n in size.items()} | {
        c: n for c, n in found.items() if c not in size
    }
    found |= {c: everything[c] for c in output}
    letters = "".join(dict.fromkeys(mine))
    kept = "".join(c for c in letters if size[c] != 1 and c in found)
    stretched = tuple(found[c] if c in kept else 1 for c in letters)
    unique = tuple(size[c] for c in letters)
    keywords = {"optimize": True} if theirs and prod(everything.values()) >= OPTIMIZE_FROM else {}
    return Plan(
        ",".join([output, *theirs]) + "->" + kept,
        keywords,
        None if kept == letters else stretched,
        None if stretched == unique else unique,
        None if letters == mine else _diagonal(letters, mine, size),
    )


def _sizes(terms, shapes):
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for c, n in zip(term, shape, strict=True):
            sizes[c] = max(n, sizes.get(c, 1))
    return sizes


def _diagonal(letters, mine, size):
    """Subscripts that put an array with one axis per distinct letter on the diagonal that repeated letters
    read.
    """
    fresh = iter(c for c in LETTERS if c not in mine)
    axes, terms, sizes = "", [letters], []
    for i, c in enumerate(mine):
        axis = next(fresh) if c in mine[:i] else c
        if axis != c:
            terms.append(c + axis)
            sizes.append(size[c])
        axes += axis
    return ",".join(terms) + "->" + axes, tuple(sizes)


# ---- primitives by number of operands, so that each keeps no more than its rules need ----------------------


def einsum_1(a, *, subscripts, keywords):
    """``einsum`` of one operand."""
    return np.einsum(subscripts, a, **keywords)


def einsum_2(a, b, *, subscripts, keywords):
    """``einsum`` of two operands."""
    return np.einsum(subscripts, a, b, **keywords)


def einsum_n(*arrays, subscripts, keywords):
    """``einsum`` of any number of operands."""
    return np.einsum(subscripts, *arrays, **keywords)


def _other_arrays(arrays, k):
    return [*arrays[:k], *arrays[k + 1 :]]


EINSUM_1 = linear(
    einsum_1,
    a=lambda g, a_shape, subscripts: _adjoint(g, 0, a_shape, subscripts, []),
    options={
        "harmless": ("keywords",),
        "samples": lambda s: [
            s(s.array(2, 3), subscripts="ab->b", keywords={}),
            s(s.array(3, 3), subscripts="aa->", keywords={"optimize": True}),
        ],
    },
)
EINSUM_2 = multilinear(
    einsum_2,
    a=lambda g, a_shape, b, subscripts: _adjoint(g, 0, a_shape, subscripts, [b]),
    b=lambda g, a, b_shape, subscripts: _adjoint(g, 1, b_shape, subscripts, [a]),
    options={
        "harmless": ("keywords",),
        "samples": lambda s: [
            s(s.array(2, 3), s.array(3, 4), subscripts="ab,bc->ac", keywords={}),
            s(s.array(2, 1), s.array(3, 4), subscripts="ab,bc->ac", keywords={"optimize": True}),
        ],
    },
)
EINSUM_N = multilinear(
    einsum_n,
    arrays=lambda g, arrays, arrays_shape, argnum, subscripts: _adjoint(
        g, argnum, arrays_shape[argnum], subscripts, _other_arrays(arrays, argnum)
    ),
    options={
        "operands": ("*arrays",),
        "harmless": ("keywords",),
        "samples": lambda s: [
            s(s.array(2, 3), s.array(3, 4), s.array(4), subscripts="ab,bc,c->a", keywords={"optimize": True})
        ],
    },
)


def _apply(subscripts, arrays, keywords):
    prim = {1: EINSUM_1, 2: EINSUM_2}.get(len(arrays), EINSUM_N)
    if prim is EINSUM_1 and isinstance(arrays[0], Box):
        letters, _, kept = subscripts.partition("->")
        if set(letters) == set(kept):  # nothing is summed: NumPy returns a view, that of a diagonal too
            params = {"subscripts": subscripts, "keywords": keywords}
            return viewed_or_copied(arrays[0], Step(prim, params, certain=False))
    return apply(prim, tuple(arrays), {"subscripts": subscripts, "keywords": keywords})


def _samples(s):
    a = s.array
    path = ["einsum_path", (1, 2), (0, 1)]
    return [
        s("ij,jk->ik", a(2, 3), a(3, 4)), s("ij,jk", a(2, 3), a(3, 4)), s("ba", a(2, 3)),
        s("i,i", a(3), a(3)), s("i,i->i", a(3), a(3)),
        s("ii", a(3, 3)), s("ii->i", a(3, 3)), s("iij->j", a(3, 3, 2)), s("iji->ij", a(3, 2, 3)),
        s("iii->i", a(2, 2, 2)), s("ijij->", a(2, 3, 2, 3)),
        s("ii,ij->j", a(3, 3), a(3, 2)), s("ijj,jk->ik", a(2, 3, 3), a(3, 2)),
        s("...ij,...jk->...ik", a(2, 3, 4), a(4, 2)), s("...ij,...jk", a(5, 1, 2, 3), a(4, 3, 2)),
        s("...,...", a(2, 3), a(3)), s("...i->...", a(2, 3)),
        s("i...,i...->...", a(3, 2), a(3, 2)), s("...i,i...", a(2, 3), a(3, 2)), s("i...j->j...", a(2, 4, 3)),
        s("...ii->...i", a(2, 3, 3)),
        s("ij,jk->ik", a(2, 1), a(3, 4)), s("ij,ij->ij", a(2, 1), a(1, 3)), s("ij,ij->", a(2, 1), a(2, 3)),
        s("i,j->", a(1), a(3)), s("ij,j->i", a(2, 3), a(1)),
        s("ij->", a(2, 3)), s("i->", a(1)), s("ij,k->k", a(2, 3), a(4)), s("ij,kl->", a(2, 3), a(2, 2)),
        s(",ij->ij", a(), a(2, 3)), s(",", a(), a()),
        s("ij,jk,kl->il", a(2, 3), a(3, 4), a(4, 2)),
        s("ij,jk,kl,l->i", a(2, 3), a(3, 4), a(4, 2), a(2), optimize=True),
        s("i,ij,j", a(2), a(2, 3), a(3), optimize="optimal"),
        s("ij,jk,kl->il", a(2, 3), a(3, 4), a(4, 2), optimize=path), s("i,i,i->i", a(3), a(1), a(3)),
        s("ij,ik,il->jkl", a(2, 2), a(2, 3), a(2, 2)), s("ii,i,ij->j", a(3, 3), a(3), a(3, 2)),
        s("ab,cb->ca", a(40, 40), a(40, 40)),
        s(a(2, 3), [0, 1], a(3, 4), [1, 2], [0, 2]), s(a(2, 3), [0, 1], a(3, 4), [1, 2]),
        s(a(5, 2, 3), [..., 0, 1], a(3), [1], [..., 0]), s(a(3, 3), [1, 1]),
        s(a(2, 3), [30, 4]), s(a(0, 3), [0, 1], a(3), [1], [0]), s("ij,jk->ik", a(2, 0), a(0, 3)),
        s("i,i", a(0), a(0)), s(" i j , j -> i ", a(2, 3), a(3)),
        s("ij,j->i", a(2, 3), s.real(3)), s("ij,j->i", s.real(2, 3), a(3)), s("ij,j", a(2, 3), np.arange(3)),
        s("ij,jk->ik", a(2, 3), a(3, 4), order="F", casting="safe"),
        s("ij,j", a(2, 3), a(3), dtype=np.result_type(s.dtype, np.float64)), s("ij->ji", a(2, 3)),
    ]  # fmt: skip


@composite(np.einsum, samples=_samples)
def _einsum(*operands, out=None, optimize=False, **keywords):
    refuse_out(np.einsum, out)
    dtype = keywords.get("dtype")
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise UnsupportedKeywordError(
            f"numpy.einsum: dtype={dtype!r} makes integers of a traced array, which has no derivative"
        )
    subscripts, arrays = parse(operands)
    if not isinstance(optimize, bool) or optimize:
        keywords["optimize"] = optimize
    return _apply(subscripts, arrays, keywords)


zero(np.einsum_path)
