"""python -m bench.regions: seconds and memory of exact boundaries and of cosines of gradients.

All changes of pieces of a network of five hidden layers of 256 on ten segments of [−1, 1]², by
activation; and the cosines of the gradients of 5,000 pairs of 2,048 samples of a network of four
hidden layers of 128. Each runs in a process of its own, whose largest memory is printed, torch's
own 0.2 GiB with it.
"""

from __future__ import annotations

import argparse
import resource
import time
from multiprocessing import get_context

import torch
from torch.nn.functional import mse_loss

from hatact.activations import registry
from hatact.analysis import gradient_confusion, regions_on_line
from hatact.nn import MLP

CASES = (("relu", 1), ("hat", 4), ("bw_relu", 3), ("hat", 8))
SEGMENTS = 10
SAMPLES, PAIRS = 2048, 5000


def boundaries(name: str, scale: float) -> tuple[float, int]:
    """Seconds for all segments, and positions on them."""
    torch.manual_seed(0)
    model = MLP(2, 256, 1, 6, registry()[name].scaled(scale))
    ends = torch.rand(SEGMENTS, 2, 2) * 2 - 1
    start = time.perf_counter()
    count = sum(len(regions_on_line(model, a, b)) for a, b in ends)
    return time.perf_counter() - start, count


def confusion(name: str, scale: float) -> tuple[float, int]:
    """Seconds for all pairs, and their number."""
    torch.manual_seed(0)
    model = MLP(1, 128, 1, 5, registry()[name].scaled(scale))
    x = torch.linspace(-1, 1, SAMPLES)[:, None]
    pairs = torch.randint(SAMPLES, (PAIRS, 2))
    start = time.perf_counter()
    cosines = gradient_confusion(model, mse_loss, x, torch.sin(9 * x), pairs)
    return time.perf_counter() - start, len(cosines)


WORK = {"boundaries": boundaries, "pairs": confusion}


def measured(what: str, name: str, scale: float) -> tuple[float, int, float]:
    """Seconds, the count, and GiB of this process at most."""
    seconds, count = WORK[what](name, scale)
    return seconds, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(prog="python -m bench.regions", description=main.__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest is printed")
    repeats = parser.parse_args().repeats
    print(f"{torch.get_num_threads()} threads; {SEGMENTS} segments; {PAIRS} pairs")
    print(f"{'what':12}{'activation':14}{'count':>10}{'seconds':>10}{'GiB':>8}")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for what in WORK:
            for name, scale in CASES:
                runs = [pool.apply(measured, (what, name, scale)) for _ in range(repeats)]
                seconds, count, memory = min(runs)
                label = f"{name}({scale:g}x)"
                print(f"{what:12}{label:14}{count:10}{seconds:10.2f}{memory:8.2f}", flush=True)


if __name__ == "__main__":
    main()
