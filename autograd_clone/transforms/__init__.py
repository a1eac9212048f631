"""The transforms: functions that take a function and return a function that computes its derivatives."""

from .checking import check_grads
from .checkpointing import checkpoint
from .custom import custom_jvp, custom_vjp, stop_gradient
from .diagonals import divergence, hessian_diagonal, jacobian_diagonal, laplacian
from .gradients import (
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    holomorphic_grad,
    multigrad_dict,
    value_and_grad,
)
from .hutchinson import hutchinson_diagonal, hutchinson_trace
from .implicit import implicit_root
from .jacobians import (
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    make_ggnvp,
    make_hvp,
    tensor_jacobian_product,
    vector_jacobian_product,
)
from .jets import derivatives, jet, taylor
from .products import jvp, linearize, make_jvp, make_jvp_reversemode, make_vjp, vjp
from .sequences import checkpoint_sequence
from .vmap import fallbacks, vmap

__all__ = [
    "check_grads", "checkpoint", "checkpoint_sequence", "custom_jvp", "custom_vjp", "deriv", "derivatives", "divergence",
    "elementwise_grad", "fallbacks", "grad", "grad_and_aux", "grad_named", "hessian", "hessian_diagonal",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "hutchinson_diagonal", "hutchinson_trace",
    "hvp", "implicit_root", "jacfwd", "jacobian", "jacobian_diagonal", "jacrev", "jet", "jvp", "laplacian", "linearize",
    "make_ggnvp", "make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict", "stop_gradient", "taylor",
    "tensor_jacobian_product", "value_and_grad", "vector_jacobian_product", "vjp", "vmap",
]  # fmt: skip
