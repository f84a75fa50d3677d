"""Modules with their parameters as arguments: per-sample gradients and the empirical NTK."""

import pytest
import torch
from torch.func import functional_call, grad, jacrev, vmap

from hatact import BW_RELU, HAT, bspline, nn

CUBIC = bspline(3).scaled(2, 2)
MODULES = {
    "LinearAct hat": lambda: nn.LinearAct(2, 5, HAT.scaled(2, 0.1)),
    "LinearAct cubic": lambda: nn.LinearAct(2, 5, CUBIC),
    "MLP hat": lambda: nn.MLP(2, 16, 2, 3, HAT.scaled(2, 0.1)),
    "MLP bw_relu": lambda: nn.MLP(2, 16, 2, 3, BW_RELU),
    "MLP cubic": lambda: nn.MLP(2, 16, 2, 3, CUBIC),
    "TriangleCascade": lambda: nn.TriangleCascade(3, 2),
}


@pytest.mark.parametrize("name", MODULES)
def test_per_sample_gradients_and_the_ntk(place, name):
    """They are those of one sample after another by torch.autograd."""
    m = MODULES[name]().double().to(place.device)
    weights = dict(m.named_parameters())
    x = torch.rand(4, 2, dtype=torch.float64, device=place.device)

    def output(weights, x):
        return functional_call(m, weights, (x,))

    gradients = vmap(grad(lambda w, x: output(w, x).square().sum()), (None, 0))(weights, x)
    jacobians = vmap(jacrev(output), (None, 0))(weights, x)
    flat = torch.cat([j.flatten(2) for j in jacobians.values()], -1)
    ntk = torch.einsum("aip,bjp->abij", flat, flat)
    rows = []
    for i, sample in enumerate(x):
        y = m(sample)
        total = torch.autograd.grad(y.square().sum(), weights.values(), retain_graph=True)
        for name_, g in zip(weights, total, strict=True):
            torch.testing.assert_close(gradients[name_][i], g, rtol=1e-10, atol=1e-11)
        of_each = [torch.autograd.grad(v, weights.values(), retain_graph=True) for v in y]
        rows.append(torch.stack([torch.cat([g.flatten() for g in of]) for of in of_each]))
    expected = torch.einsum("aip,bjp->abij", torch.stack(rows), torch.stack(rows))
    torch.testing.assert_close(ntk, expected, rtol=1e-10, atol=1e-11)
