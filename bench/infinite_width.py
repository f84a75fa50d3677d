"""python -m bench.infinite_width: seconds of kernels in closed form, and how near networks come.

The NTK of 1,000 points, six layers: points of a square, where every pair has an angle and two
variances of its own, and of a circle, where a table in the angle serves. And how far from it,
relatively and in Frobenius norm, kernels of networks with normal weights are, one alone and the
mean over seeds.
"""

from __future__ import annotations

import argparse
import math
import time

import torch
from torch import Tensor

from hatact.activations import registry
from hatact.analysis import empirical_ntk, ntk
from hatact.nn import MLP
from hatact.spec import PiecewisePolynomial

POINTS, DEPTH = 1000, 6
TIMED = (("relu", 1), ("hat", 1), ("hat", 8), ("bw_relu", 1), ("bw_relu", 4), ("bspline3", 8))
COMPARED = (("hat", 1), ("hat", 4), ("hat", 8), ("bw_relu", 1), ("bspline3", 1))
FEW = 24


def seconds(spec: PiecewisePolynomial, x: Tensor) -> float:
    """Of one call."""
    start = time.perf_counter()
    ntk(spec, DEPTH, x)
    return time.perf_counter() - start


def distances(spec: PiecewisePolynomial, width: int, seeds: int) -> tuple[float, float]:
    """Of single networks, the root mean square over seeds, and of their mean; depth 3."""
    x = torch.rand(FEW, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    theory = ntk(spec, 3, x.double(), parameterization="standard", width=width)
    total, squares = torch.zeros_like(theory), 0.0
    for seed in range(seeds):
        kernel = empirical_ntk(_drawn(spec, width, seed), x).double()
        total += kernel / seeds
        squares += float((kernel - theory).square().sum() / theory.square().sum()) / seeds
    return math.sqrt(squares), float((total - theory).norm() / theory.norm())


def _drawn(spec: PiecewisePolynomial, width: int, seed: int) -> MLP:
    """A network with normal weights and biases of PyTorch's variances, 1/(3·fan_in)."""
    torch.manual_seed(seed)
    network = MLP(2, width, 1, 3, spec)
    for layer in network.layers:
        for p in layer.parameters():
            torch.nn.init.normal_(p, std=(3 * layer.in_features) ** -0.5)
    return network


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.infinite_width", description=main.__doc__
    )
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--widths", type=int, nargs="*", default=[128, 512, 2048])
    parser.add_argument("--seeds", type=int, default=16)
    arguments = parser.parse_args()
    specs = {(name, s): registry()[name].scaled(s) for name, s in {*TIMED, *COMPARED}}
    generator = torch.Generator().manual_seed(0)
    square = torch.rand(arguments.points, 2, dtype=torch.float64, generator=generator) * 2 - 1
    circle = square / square.norm(dim=1, keepdim=True)
    print(f"{arguments.points} points, {DEPTH} layers, {torch.get_num_threads()} threads, seconds")
    print(f"{'activation':16}{'square':>10}{'circle':>10}")
    for name, s in TIMED:
        times = [seconds(specs[name, s], x) for x in (square, circle)]
        print(f"{f'{name}({s:g}x)':16}{times[0]:10.2f}{times[1]:10.2f}", flush=True)
    print(
        f"\nrelative distance of kernels of networks, 3 layers: one, and the mean of "
        f"{arguments.seeds}"
    )
    print(f"{'activation':16}" + "".join(f"{f'width {w}':>20}" for w in arguments.widths))
    for name, s in COMPARED:
        pairs = [distances(specs[name, s], w, arguments.seeds) for w in arguments.widths]
        cells = "".join(f"{f'{one:.4f}  {mean:.4f}':>20}" for one, mean in pairs)
        print(f"{f'{name}({s:g}x)':16}{cells}", flush=True)


if __name__ == "__main__":
    main()
