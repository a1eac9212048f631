"""One adapter per package: its namespace, its arrays, its transforms, under the same names.

A package that is not listed in `_ADAPTERS` is taken for one with the interface of HIPS autograd.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy


class UnsupportedError(Exception):
    """The package lacks the transform or is left out of the workload."""


@dataclass
class Package:
    """What a comparison needs to know of a package.

    Parameters
    ----------
    name : str
    np : namespace
        What programs get as `np`.
    array, variable : callable
        From a NumPy array or scalar to the package's own: data, and what is differentiated by.
    transforms : dict
        From the names in `Workload.transform` to functions of a function.
    finish : callable
        Called with each result; waits for it where the package computes asynchronously.
    checkpoint : callable, optional
    uses_numpy_memory : bool
        Whether `tracemalloc` sees its arrays.
    """

    name: str
    np: Any
    transforms: dict[str, Callable]
    array: Callable = lambda value: value
    variable: Callable = lambda value: value
    finish: Callable | None = None
    checkpoint: Callable | None = None
    uses_numpy_memory: bool = False
    by_hand: bool = field(default=False)

    def call(self, workload):
        """Argument-less function that computes the workload's derivative with this package."""
        form = workload.form_for(self.name)
        if form is None:
            raise UnsupportedError(f"{self.name} is left out of {workload.name}")
        x, *data = workload.draw()
        x = [self.variable(v) for v in x] if isinstance(x, list) else self.variable(x)
        data = [self.array(v) for v in data]
        if self.by_hand:
            return partial(workload.by_hand, x, *data)
        if workload.transform not in self.transforms:
            raise UnsupportedError(f"{self.name} has no {workload.transform}")
        program = partial(form, self.np)
        function = partial(self.transforms[workload.transform](program), x, *data)
        return function if self.finish is None else lambda: self.finish(function())


def load(name):
    """The package of that name, or None where it is not installed."""
    try:
        return _ADAPTERS.get(name, _hips_like)(name)
    except ModuleNotFoundError as error:
        if error.name in (name, name.split("-")[0]):
            return None
        raise


def _by_hand(name):
    return Package(name, numpy, {}, uses_numpy_memory=True, by_hand=True)


def _hips_like(name):
    module = importlib.import_module(name)

    def third(f):
        return module.elementwise_grad(module.elementwise_grad(module.elementwise_grad(f)))

    def rows(f):
        if hasattr(module, "vmap"):
            return module.vmap(module.jacobian(f))
        return lambda x: numpy.stack([module.jacobian(f)(row) for row in x])

    return Package(
        name,
        importlib.import_module(f"{name}.numpy"),
        {
            "grad": module.grad,
            "jacobian": module.jacobian,
            "rows": rows,
            "hessian": module.hessian,
            "hvp": module.hessian_vector_product,
            "third": third,
        },
        checkpoint=module.checkpoint,
        uses_numpy_memory=True,
    )


def _torch(name):
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    namespace = SimpleNamespace(**{**vars(torch), "dot": torch.matmul})

    def grad(f):
        return lambda x, *data: torch.autograd.grad(f(x, *data), x)

    def hvp(f):
        def product(x, v):
            (gradient,) = torch.autograd.grad(f(x), x, create_graph=True)
            return torch.autograd.grad(gradient, x, v)

        return product

    def third(f):
        def derivative(x):
            y = f(x)
            for order in (1, 2, 3):
                (y,) = torch.autograd.grad(y.sum(), x, create_graph=order < 3)
            return y

        return derivative

    def detached(transform):
        return lambda f: lambda *args: transform(f)(*(a.detach() for a in args))

    def jacobian(f):
        """By columns or by rows, whichever are fewer; which, is found out once."""
        transform = None

        def call(x, *data):
            nonlocal transform
            if transform is None:
                transform = torch.func.jacfwd if x.numel() < f(x, *data).numel() else torch.func.jacrev
            return transform(f)(x, *data)

        return call

    return Package(
        name,
        namespace,
        {
            "grad": grad,
            "jacobian": detached(jacobian),
            "rows": detached(lambda f: torch.func.vmap(torch.func.jacrev(f))),
            "hessian": detached(torch.func.hessian),
            "hvp": hvp,
            "third": third,
        },
        array=torch.as_tensor,
        variable=lambda value: torch.tensor(value, requires_grad=True),
    )


def _jax(name):
    import jax

    jax.config.update("jax_enable_x64", True)
    wrap = jax.jit if name == "jax-jit" else lambda f: f

    def hvp(f):
        return lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1]

    def elementwise(f):
        return jax.grad(lambda x: jax.numpy.sum(f(x)))

    transforms = {
        "grad": jax.grad,
        "jacobian": jax.jacobian,
        "rows": lambda f: jax.vmap(jax.jacrev(f)),
        "hessian": jax.hessian,
        "hvp": hvp,
        "third": lambda f: elementwise(elementwise(elementwise(f))),
    }
    return Package(
        name,
        jax.numpy,
        {key: lambda f, transform=transform: wrap(transform(f)) for key, transform in transforms.items()},
        array=jax.numpy.asarray,
        variable=jax.numpy.asarray,
        finish=jax.block_until_ready,
    )


def _mygrad(name):
    import mygrad

    def grad(f):
        def gradient(x, *data):
            f(x, *data).backward()
            return [leaf.grad for leaf in x] if isinstance(x, list) else x.grad

        return lambda x, *data: gradient(_tensors(x), *data)

    def _tensors(x):
        return [mygrad.tensor(leaf) for leaf in x] if isinstance(x, list) else mygrad.tensor(x)

    namespace = SimpleNamespace(**{**vars(mygrad), "dot": mygrad.matmul})
    return Package(name, namespace, {"grad": grad}, uses_numpy_memory=True)


_ADAPTERS = {"hand": _by_hand, "torch": _torch, "jax": _jax, "jax-jit": _jax, "mygrad": _mygrad}
