"""The transforms: functions that take a function and return a function that computes its derivatives."""

from .checking import check_grads
from .custom import checkpoint, custom_jvp, custom_vjp, stop_gradient
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
from .products import jvp, linearize, make_jvp, make_jvp_reversemode, make_vjp, vjp
from .vmap import vmap

__all__ = [
    "check_grads", "checkpoint", "custom_jvp", "custom_vjp", "deriv", "elementwise_grad", "grad", "grad_and_aux", "grad_named",
    "hessian", "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "hvp", "jacfwd", "jacobian",
    "jacrev", "jvp", "linearize", "make_ggnvp", "make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp",
    "multigrad_dict", "stop_gradient", "tensor_jacobian_product", "value_and_grad", "vector_jacobian_product", "vjp", "vmap",
]  # fmt: skip
