"""Seconds a training step, rows in turn with nothing else running: medians and paired ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from hatact.baselines.training import step_seconds
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.runs import Advance, Record, Row

ROUNDS, BLOCK = 15, 6


def steps(
    rows: Sequence[Row], sizes: Sequence[int], seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Time BLOCK steps of every row in turn, ROUNDS times; one network a batch, one thread.

    Sizes are the inputs, points, width and depth of :class:`Timing`. The record holds, in the order
    of the rows, the median of "seconds" a step and the median of each round's "ratio" to the first
    row.
    """
    inputs, points, width, depth = sizes
    generator = torch.Generator().manual_seed(seeds[0])
    x = torch.rand(points, inputs, generator=generator).to(device)
    y = torch.rand(points, 1, generator=generator).to(device)
    models = [row.networks(inputs, width, depth, seeds[:1], device) for row in rows]

    def block(row: Row, model: nn.Module) -> float:
        return step_seconds(model, row.optimiser_of(model), x, y, BLOCK)

    timed = [partial(block, *of_row) for of_row in zip(rows, models, strict=True)]
    return [in_turns(timed, ROUNDS, advance)]


def in_turns(timed: Sequence[Callable[[], float]], rounds: int, advance: Advance) -> Record:
    """What takes and returns seconds, in turn: "seconds" and "ratio" as of :func:`steps`."""
    taken: list[list[float]] = []
    for i in range(rounds + 1):
        turn = []
        for call in timed:
            turn.append(call())
            advance(1 / (len(timed) * (rounds + 1)))
        if i:  # the first warms up
            taken.append(turn)
    seconds = [statistics.median(of_one) for of_one in zip(*taken, strict=True)]
    ratio = [statistics.median(turn[i] / turn[0] for turn in taken) for i in range(len(timed))]
    return {"seconds": seconds, "ratio": ratio}


@dataclass(frozen=True)
class Timing:
    """Seconds a step of rows in turn: a plan of a claim's runs.

    Args:
        rows: what is timed; ratios are to the first.
        inputs, points, width, depth: the network's and its data's sizes.
        cost: seconds a step.
    """

    rows: Sequence[Row]
    inputs: int
    points: int
    width: int
    depth: int
    cost: float

    def tasks(self) -> list[Task]:
        """The run of :func:`steps`."""
        sizes = (self.inputs, self.points, self.width, self.depth)
        arguments = {"rows": tuple(self.rows), "sizes": sizes}
        cost = len(self.rows) * (ROUNDS + 1) * BLOCK * self.cost
        return [Task(steps, arguments, (0,), cost, alone=True)]

    def run(self, lab: Lab) -> dict[Row, tuple[float, float]]:
        """By row: seconds a step, and the ratio to the first row."""
        ((record,),) = lab.run(self.tasks())
        pairs = zip(record["seconds"], record["ratio"], strict=True)
        return dict(zip(self.rows, pairs, strict=True))
