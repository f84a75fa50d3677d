"""Seconds a training step, rows in turn with nothing else running: medians and paired ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.runs import Advance, Networks, Record, Row, fit

ROUNDS, BLOCK = 15, 6
PROBE = 5.6e-3  # what :func:`slowness` measured on the machine of the costs, seconds


def steps(
    rows: Sequence[Row],
    inputs: int,
    points: int,
    width: int,
    depth: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Time BLOCK steps of every row in turn, ROUNDS times; one network a batch, one thread.

    The record holds, in the order of the rows, the median of "seconds" a step and the median of
    each round's "ratio" to the first row.
    """
    generator = torch.Generator().manual_seed(seeds[0])
    x = torch.rand(points, inputs, generator=generator).to(device)
    y = torch.rand(points, 1, generator=generator).to(device)
    models = [row.networks(inputs, width, depth, seeds[:1], device) for row in rows]
    taken: list[list[float]] = []
    for i in range(ROUNDS + 1):
        turn = []
        for model in models:
            turn.append(_step(model, x, y))
            advance(1 / (len(models) * (ROUNDS + 1)))
        if i:  # the first warms up
            taken.append(turn)
    return [
        {
            "seconds": [statistics.median(of) for of in zip(*taken, strict=True)],
            "ratio": [
                statistics.median(turn[r] / turn[0] for turn in taken) for r in range(len(rows))
            ],
        }
    ]


def _step(model: Networks, x: Tensor, y: Tensor) -> float:
    """Seconds a step over BLOCK steps: from one forward pass to the next, no more and no less."""
    stamps = []

    def after(step: int, out: Tensor) -> None:
        if out.is_cuda:
            torch.cuda.synchronize()
        stamps.append(time.perf_counter())

    fit(model, x, y, BLOCK, lambda share: None, after)
    return (stamps[-1] - stamps[0]) / BLOCK


def slowness() -> float:
    """How much longer a step takes here than on the machine on which costs were measured."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = Row("hat").networks(1, 256, 6, (0,), "cpu")
        x = torch.rand(200, 1, generator=torch.Generator().manual_seed(0))
        taken = [_step(model, x, x) for _ in range(5)]
    finally:
        torch.set_num_threads(threads)
    return statistics.median(taken[1:]) / PROBE


def task(
    rows: Sequence[Row], inputs: int, points: int, width: int, depth: int, cost: float
) -> Task:
    """The run of :func:`steps`; `cost` is seconds a step."""
    arguments = {
        "rows": tuple(rows), "inputs": inputs, "points": points, "width": width, "depth": depth
    }  # fmt: skip
    return Task(steps, arguments, (0,), len(rows) * (ROUNDS + 1) * BLOCK * cost, alone=True)


def measured(lab: Lab, timed: Task) -> dict[Row, tuple[float, float]]:
    """By row: seconds a step, and the ratio to the first row."""
    ((record,),) = lab.run([timed])
    rows = timed.arguments["rows"]
    pairs = zip(record["seconds"], record["ratio"], strict=True)
    return dict(zip(rows, pairs, strict=True))
