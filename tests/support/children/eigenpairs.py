"""Prints what 64 eigenpairs of 10,000 points cost a process of its own, and how good they are."""

import json
import resource
import sys
from itertools import pairwise

import torch
from torch import nn

from hatact.analysis import ntk_eigenpairs
from hatact.nn import Hat


def times_the_kernel(model: nn.Module, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """J·(Jᵀ·v) by `torch.autograd.grad` alone: Jᵀ·u is linear in u, and its transpose is J."""
    weights = list(model.parameters())
    u = v.clone().requires_grad_()
    pulled = torch.autograd.grad(model(x)[:, 0], weights, u, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, u, [g.detach() for g in pulled])
    return pushed


def main(activation: str, chunk: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    act = nn.ReLU() if activation == "relu" else Hat(8)
    sizes = [2, 256, 256, 256, 256, 256, 1]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), act]
    model, x = nn.Sequential(*layers[:-1]), torch.rand(10_000, 2)
    pairs = ntk_eigenpairs(model, x, 64, int(chunk) or None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    images = torch.stack([times_the_kernel(model, x, v) for v in pairs.vectors.T], 1)
    apart = (images - pairs.values * pairs.vectors).norm(dim=0) / pairs.values[0]
    inside = (pairs.vectors.T @ images / pairs.values).double()  # Vᵀ·K·S·V/λ_m
    flat = torch.linalg.eigvals(inside).real - 1
    away = pairs.vectors.T @ pairs.vectors - torch.eye(64)
    largest = {"apart": apart, "away": away, "flat": flat}
    found = {name: float(numbers.abs().max()) for name, numbers in largest.items()}
    print(json.dumps(found | {"products": pairs.products, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
