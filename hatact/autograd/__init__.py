"""The torch.autograd.Functions, and which of them serves a call. Internal.

Not `torch.library.register_autograd`: under it `torch.func.grad` and `jacrev` raise, and
`torch.func.jvp` silently returns zeros (torch 2.13).
"""

from hatact.autograd import _raw
from hatact.autograd._activation import activation, has_values
from hatact.autograd._cascade import compiled_triangle_cascade, triangle_cascade
from hatact.autograd._linear import compiled_linear_act, linear_act
from hatact.autograd._mlp import compiled_mlp, derivative_of, fused_mlp
from hatact.autograd._ppoly import PPoly, ppoly, transforms
from hatact.autograd._tracing import constant, exporting, has_autocast, jit_traces

__all__ = [
    "PPoly",
    "activation",
    "compiled_linear_act",
    "compiled_mlp",
    "compiled_triangle_cascade",
    "constant",
    "derivative_of",
    "exporting",
    "fused_mlp",
    "has_autocast",
    "has_values",
    "jit_traces",
    "linear_act",
    "ppoly",
    "transforms",
    "triangle_cascade",
]

_raw.register()
