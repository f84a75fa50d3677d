"""Arguments and results of hatact::mlp_forward and mlp_backward."""

from __future__ import annotations

import torch

import hatact

raw = torch.ops.hatact
SLACK = 2  # times the error of PyTorch's own layers in the same dtype


def network(size, dtype, device="cpu", bias=True, seed=0):
    """x, weights, biases and g, with pre-activations that reach over a B-spline's support."""
    inputs, hidden, outputs, depth, rows = size
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape, scale=1.0):
        t = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
        return t.to(device, dtype)

    widths = [inputs, *[hidden] * (depth - 1), outputs]
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [drawn(*pair, scale=1.5 * pair[1] ** -0.5) for pair in pairs]
    biases = [drawn(pair[0]) + 1 for pair in pairs] if bias else []
    return drawn(rows, inputs), weights, biases, drawn(rows, outputs)


def both(spec, x, weights, biases, g, keep=True, **asked):
    """y, what was kept, the gradients of x, weights and biases, of the ops in use."""
    y, kept = raw.mlp_forward(x, weights, biases, *spec.numbers, keep)
    knots, coeffs, period = spec.numbers
    slopes = spec.derivative().numbers[1]
    asked = {"of_input": True, "of_parameters": True} | asked
    args = (g, x, weights, biases, kept, knots, coeffs, slopes, period, *asked.values())
    return y, kept, *raw.mlp_backward(*args)


def of_reference(*args, **kwargs):
    with hatact.use_backend("reference"):
        return both(*args, **kwargs)


def flat(found):
    return [t for part in found for t in (part if isinstance(part, list) else [part])]


def wide(tensors):
    return tuple([t.double() for t in part] if isinstance(part, list) else part.double()
                 for part in tensors)  # fmt: skip


def error(got, want):
    return float((got.double() - want).norm() / want.norm().clamp(min=1e-30))
