"""python -m bench.bw_networks: hatact.nn.BWNetwork beside the published network of BW-ReLUs.

A training step (forward, mean squared error, backward; no optimiser) on all pixels of a square
image, in float32 on the CPU, option by option, paired with the published formulation in plain
torch, compiled and eager. All have the same weights, and are checked against float64 first.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from bench import memory
from bench.correctness import check_norms
from bench.environment import environment
from bench.formulas import sum_formula
from bench.networks import FORMULA_SLACK, rounding
from bench.runner import failed, timed
from bench.tables import power_of_two, ratio, ratio_of, table, where
from bench.timing import LEAST_ROUNDS, keep_freed_memory, pair
from hatact import BW_RELU
from hatact.nn import BWNetwork

SIZES = (2, 256, 3, 1)  # in, hidden, hidden layers, out
C = 3.0
BATCHES = (2**12, 2**16)  # images of 64 × 64 and 256 × 256
OPTIONS = ("none", "weight_norm", "linear_layers", "learn_c", "skip")
# What each may err, times the error of the published network in float32.
SLACK = {"compiled": FORMULA_SLACK, "BWNetwork": 2}
_OFF_KINKS = 2e-5  # many times what float32 errs by in a pre-activation
HEADER = (
    *("option", "batch", "published, eager, ms", "published, compiled, ms", "BWNetwork, ms"),
    *("BWNetwork / compiled", "BWNetwork / eager"),
    *("compiled, kept B/row", "BWNetwork, kept B/row", "error"),
)


class Published(nn.Module):
    """Linear, then the sum of seven ReLUs of c·x. The parameters' order is that of BWNetwork."""

    def __init__(self, n: int, width: int, depth: int, m: int, c: float, **options: bool) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.tensor(c)) if options.get("learn_c") else c
        self.every = 2 if options.get("linear_layers") else 1  # which of the hidden layers act
        ends = (n, *[width] * (self.every * (depth - 1) + 1))
        hidden = [nn.Linear(a, b) for a, b in pairwise(ends)]
        if options.get("weight_norm"):
            for linear in hidden[:: self.every]:
                parametrizations.weight_norm(linear)
        self.layers = nn.ModuleList([*hidden, nn.Linear(width, m)])
        self.skip = nn.Linear(n, m) if options.get("skip") else None
        self.activation: Any = sum_formula("bw_relu")

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for i, linear in enumerate(self.layers[:-1]):
            h = linear(h)
            if i % self.every == 0:
                h = self.activation(self.c * h)
        y: Tensor = self.layers[-1](h)
        return y if self.skip is None else y + self.skip(x)


def networks(option: str) -> dict[str, Any]:
    """Who competes, and the published network in float64: all with the same weights."""
    options: dict[str, Any] = {} if option == "none" else {option: True}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        eager = Published(*SIZES, C, **options)
        exact = Published(*SIZES, C, **options).double()
        ours = BWNetwork(*SIZES, C, **options)
    with torch.no_grad():
        for p, *others in zip(*(n.parameters() for n in (eager, exact, ours)), strict=True):
            for other in others:
                other.copy_(p)
    compiled = torch.compile(eager, fullgraph=True, dynamic=False)
    return {"eager": eager, "compiled": compiled, "BWNetwork": ours, "exact": exact}


def image(exact: Published, batch: int) -> tuple[Tensor, Tensor]:
    """The pixels' places in [−1, 1]², and a target of noise.

    At a kink either slope is right, so another pixel takes the place of one of which a
    pre-activation comes as near to a kink as rounding errors.
    """
    near, formula = torch.zeros(batch, dtype=torch.bool), exact.activation

    def watched(z: Tensor) -> Any:
        for knot in BW_RELU.knots:
            near.logical_or_(((z - float(knot)).abs() < _OFF_KINKS).any(1))
        return formula(z)

    axis = torch.linspace(-1, 1, math.isqrt(batch))
    x = torch.cartesian_prod(axis, axis)
    exact.activation = watched
    with torch.no_grad():
        exact(x.double())
    exact.activation = formula
    x[near] = x[~near][: int(near.sum())]
    return x, torch.randn(batch, SIZES[-1], generator=torch.Generator().manual_seed(0))


def step(module: nn.Module, x: Tensor, target: Tensor) -> Callable[[], list[Tensor]]:
    """A training step: y and the parameters' gradients."""
    parameters = list(module.parameters())

    def call() -> list[Tensor]:
        y = module(x)
        return [y.detach(), *torch.autograd.grad(nn.functional.mse_loss(y, target), parameters)]

    return call


def _row(option: str, batch: int, rounds: int) -> dict[str, Any]:
    found = networks(option)
    exact = found.pop("exact")
    x, target = image(exact, batch)
    want = step(exact, x.double(), target.double())()
    steps = {who: step(module, x, target) for who, module in found.items()}
    plain, floor = steps["eager"](), rounding(torch.float32, batch)
    names = ("y", *(f"the gradient of {name}" for name, _ in exact.named_parameters()))
    errors, kept = {}, {}
    for who, slack in SLACK.items():
        got, said = steps[who](), f"{who}, {option}"
        errors[who] = check_norms(said, names, got, plain, want, slack=slack, floor=floor)
        left_out = {t.untyped_storage().data_ptr() for t in (x, *found[who].parameters())}
        kept[who] = memory.kept(found[who], x, left_out).all / batch
    ours = steps["BWNetwork"]
    pairs = {who: timed(pair(ours, steps[who], "cpu", rounds)) for who in ("compiled", "eager")}
    return {**pairs, "kept_bytes": kept, "max_errors": errors}


def rows(rounds: int) -> Iterator[dict[str, Any]]:
    """One row an option and batch: a timing against each published one, kept bytes, errors."""
    for option in OPTIONS:
        for batch in BATCHES:
            head = {"option": option, "batch": batch}
            try:
                yield {**head, **_row(option, batch, rounds)}
            except Exception as error:  # one row's failure is not the end of the run
                yield {**head, **failed(error)}
            torch.compiler.reset()


def _cells(row: dict[str, Any]) -> list[str]:
    head = [row["option"], power_of_two(row["batch"])]
    if "skipped" in row:
        return [*head, row["skipped"], *["–"] * (len(HEADER) - 3)]
    by = [row["compiled"], row["eager"]]
    ms = (by[1]["baseline_ms"], by[0]["baseline_ms"], by[0]["ms"])
    return [
        *(*head, *(f"{each:.3g}" for each in ms)),
        *(f"{ratio_of(t)} ({ratio(t['ratio_low'])}–{ratio(t['ratio_high'])})" for t in by),
        *(f"{row['kept_bytes'][who]:.0f}" for who in SLACK),
        f"{row['max_errors']['BWNetwork']:.1g}",
    ]


def main() -> int:
    """Prints the table, and writes the JSON after each row; 1 if something was wrong or failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.bw_networks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=31, help="paired samples a row, at most")
    parser.add_argument("--out", type=Path, help="a JSON file; default: none is written")
    arguments = parser.parse_args()
    if arguments.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}; got {arguments.rounds}")
    keep_freed_memory()
    facts = environment("cpu")
    print(where({"environment": facts, "copy_gb_per_s": None, "on_cuda": False, "cut": []}))
    n, width, depth, m = SIZES
    layers = " → ".join(map(str, (n, *[width] * depth, m)))
    print(f"\nA training step of {layers}, float32, c = {C:g}. Ratios of times: median and")
    print("quartiles of the pairs, below 1 where BWNetwork is faster.\n")
    print(table(HEADER, []), flush=True)
    found = []
    for row in rows(arguments.rounds):
        found.append(row)
        print(f"| {' | '.join(_cells(row))} |", flush=True)
        if arguments.out:
            result = {"environment": facts, "sizes": SIZES, "c": C, "rows": found}
            arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return int(any("failed" in row for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
