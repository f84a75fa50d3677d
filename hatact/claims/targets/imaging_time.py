"""Seconds a step of rows on a problem of imaging, the measurement and the penalty among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hatact.baselines.training import fit
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.engine.timing import in_turns
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method

ROUNDS, BLOCK = 9, 3


def seconds(
    rows: Sequence[Method],
    name: str,
    image: str,
    angles: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Time BLOCK steps of every row in turn, ROUNDS times; one network a batch, one thread.

    The record is that of `engine.timing.in_turns`.
    """
    problem = imaging.problem(name, image, device, angles)

    def block(row: Method) -> Callable[[], float]:
        model = row.networks(2, imaging.WIDTH, imaging.DEPTH, seeds[:1], device)
        optimiser, penalty = row.optimiser_of(model), row.penalty(model)

        def call() -> float:
            stamps = []

            def after(step: int, out: Tensor) -> None:
                if out.is_cuda:
                    torch.cuda.synchronize()
                stamps.append(time.perf_counter())

            x, y, measure = problem.x, problem.y, problem.measure
            fit(model, optimiser, x, y, BLOCK, after, measure=measure, penalty=penalty)
            return (stamps[-1] - stamps[0]) / BLOCK

        return call

    return [in_turns([block(row) for row in rows], ROUNDS, advance)]
