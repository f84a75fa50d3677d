"""Small nn.MLPs, and the same networks layer by layer."""

from __future__ import annotations

import torch

from hatact import BW_RELU, HAT, bspline, functional, nn

SPECS = {"hat": HAT.scaled(2, 0.1), "bw_relu": BW_RELU, "bspline3": bspline(3).scaled(2, 2)}


def network(name, device, sizes=(3, 20, 2, 4), dtype=torch.float64, **kwargs):
    torch.manual_seed(0)
    return nn.MLP(*sizes, SPECS[name], device=device, dtype=dtype, **kwargs)


def layers_of(m, x, **weights):
    """The layers one by one, every pre-activation kept."""
    of = {**dict(m.named_parameters()), **weights}
    for layer in range(m.depth):
        at = 2 * layer
        x = torch.nn.functional.linear(x, of[f"{at}.weight"], of.get(f"{at}.bias"))
        if layer + 1 < m.depth:
            x = functional.piecewise(x, m.activation)
    return x


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)
