"""Automatic differentiation of NumPy programs.

``import autograd_clone.numpy as np`` in place of ``import numpy as np``, and the functions here differentiate what is
written with it, to any order.
"""

from . import numpy as numpy
from .builtins import dict, isinstance, list, tuple
from .engine.pytree import register_pytree
from .engine.user import primitive
from .sparse import sparse_hessian, sparse_jacobian
from .tools import Graph, Profile, detect_anomaly, profile, trace_graph
from .transforms import (
    check_grads,
    checkpoint,
    custom_jvp,
    custom_vjp,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    stop_gradient,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
    vjp,
    vmap,
)
from .variable import Variable, no_grad, zero_grad

__all__ = [
    "Graph",
    "Profile",
    "Variable",
    "check_grads",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "deriv",
    "detect_anomaly",
    "dict",
    "elementwise_grad",
    "grad",
    "grad_and_aux",
    "grad_named",
    "hessian",
    "hessian_tensor_product",
    "hessian_vector_product",
    "holomorphic_grad",
    "hvp",
    "isinstance",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "list",
    "make_ggnvp",
    "make_hvp",
    "make_jvp",
    "make_jvp_reversemode",
    "make_vjp",
    "multigrad_dict",
    "no_grad",
    "numpy",
    "primitive",
    "profile",
    "register_pytree",
    "sparse_hessian",
    "sparse_jacobian",
    "stop_gradient",
    "tensor_jacobian_product",
    "trace_graph",
    "tuple",
    "value_and_grad",
    "vector_jacobian_product",
    "vjp",
    "vmap",
    "zero_grad",
]

__version__ = "0.1.0"
