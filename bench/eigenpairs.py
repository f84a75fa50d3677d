"""python -m bench.eigenpairs: the leading modes of an empirical kernel, and what S·r costs.

10,000 points of a 5 × 256 network of two inputs: products with the kernel, seconds, peak memory,
residuals, and the eigenvalues of K·S beside those that were asked for; every network in a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call, jvp, vjp

import hatact

SIZES = (2, 256, 256, 256, 256, 256, 1)
NETWORKS = {"relu": nn.ReLU, "hat(8x)": lambda: hatact.nn.Hat(8.0)}
APPLIED = ((10_000, 16), (10_000, 64), (10_000, 256), (40_000, 64))
GIB = 2**30


def measure(name: str, points: int, modes: int) -> dict[str, float]:
    """What finding the modes takes, and how right they are."""
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(a, b), NETWORKS[name]()) for a, b in pairwise(SIZES[:-1])]
    model = nn.Sequential(*layers, nn.Linear(*SIZES[-2:]))
    x = torch.rand(points, SIZES[0])
    start = time.perf_counter()
    pairs = hatact.analysis.ntk_eigenpairs(model, x, modes)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def outputs(p: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional_call(model, p, (x,))[:, 0]

    _, pull = vjp(outputs, parameters)
    images = [jvp(outputs, (parameters,), pull(v))[1] for v in pairs.vectors.T]
    image = torch.stack(images, 1)
    left = (image - pairs.values * pairs.vectors).norm(dim=0)
    # K·S on the span of V, with λ_m everywhere: Vᵀ·K·V·diag(λ_m/λ).
    inside = (pairs.vectors.T @ image * (pairs.values[-1] / pairs.values)).double()
    flat = torch.linalg.eigvals(inside).real / float(pairs.values[-1])
    return {
        "products": pairs.products,
        "seconds": seconds,
        "peak": peak,
        "spread": float(pairs.values[0] / pairs.values[-1]),
        "residual": float((left / pairs.values[0]).max()),
        "flat": float((flat - 1).abs().max()),
    }


def applied(points: int, modes: int) -> float:
    """Median milliseconds of S·r."""
    x = torch.linalg.qr(torch.randn(points, modes)).Q * torch.linspace(2, 1, modes)
    linear = nn.Linear(modes, 1, bias=False)  # K = x·xᵀ
    p = hatact.optim.SpectrumPreconditioner(linear, x, modes)
    r, taken = torch.randn(points, 1), []
    for _ in range(200):
        start = time.perf_counter()
        p.apply(r)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken[20:])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.eigenpairs", description=main.__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--modes", type=int, default=64)
    parser.add_argument("--one", choices=NETWORKS, help="one network, as JSON, in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.points, arguments.modes)))
        return
    sizes = f"{arguments.points} points, {arguments.modes} modes"
    print(f"{sizes}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("network   products  seconds  peak GiB   λ_1/λ_m  ‖Kv − λv‖/λ_1  |λ(KS)/λ_m − 1|")
    for name in NETWORKS:
        command = [sys.executable, "-m", "bench.eigenpairs", "--one", name]
        command += ["--points", str(arguments.points), "--modes", str(arguments.modes)]
        m = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"{name:10}{m['products']:8d}{m['seconds']:9.1f}{m['peak']:10.2f}{m['spread']:10.3g}"
            f"{m['residual']:16.1e}{m['flat']:17.1e}"
        )
    print("\npoints  modes  S·r, ms  ns a point and mode")
    for points, modes in APPLIED:
        ms = applied(points, modes)
        print(f"{points:6d}{modes:7d}{ms:9.3f}{ms * 1e6 / (points * modes):21.3f}")


if __name__ == "__main__":
    main()
