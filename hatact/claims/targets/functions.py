"""Simple functions, the points at which they are learnt, and what is kept of the errors there."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from hatact.baselines.lessons import Lessons
from hatact.claims.engine.runs import Record

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "x³": lambda x: x**3,
    "x¹¹": lambda x: x**11,
    "sin x": torch.sin,
    "tanh 3x": lambda x: torch.tanh(3 * x),
}
"""On [0, 1], in one variable."""
IN_BOX: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "x³ − x": (1, lambda x: x[:, 0] ** 3 - x[:, 0]),
    "r³": (2, lambda x: x.square().sum(1) ** 1.5),
}
"""On [−1, 1]^D: D, and the function (N, D) → (N)."""
POINTS, SIDE, FEW = 500, 40, 10
BATCH, UPDATES = 50, 10
"""Points an update, and updates an epoch."""
SHOWN = 60


def points(data: str) -> dict[str, Tensor]:
    """Points of [0, 1] by what a record calls the error at them; "lowest" those trained on.

    Of "dense" data 500, equally spaced. Of "sparse" data 20: the even ones to train on, the odd
    ones are "test", and those but the last, which lies beyond all trained on, "between".
    """
    if data == "dense":
        return {"lowest": torch.linspace(0, 1, POINTS)}
    x = torch.linspace(0, 1, 2 * FEW)
    return {"lowest": x[::2], "test": x[1::2], "between": x[1:-1:2]}


def box(name: str) -> tuple[Tensor, Tensor]:
    """Equally spaced points of [−1, 1] or of the square, (N, D), and the values there, (N, 1)."""
    inputs, f = IN_BOX[name]
    if inputs == 1:
        x = torch.linspace(-1, 1, POINTS)[:, None]
    else:
        x = torch.cartesian_prod(*[torch.linspace(-1, 1, SIDE)] * inputs)
    return x, f(x)[:, None]


def records(lessons: Lessons) -> list[Record]:
    """By network the errors at the points of every name, in the epoch of the "lowest".

    That is the lowest error on the points trained on; "last" is the error there after the last
    epoch, "errors" those at some 60 "epochs".
    """
    by_name = {name: torch.stack(errors, 1) for name, errors in lessons.history.items()}
    last = len(lessons.history["lowest"]) - 1
    shown = sorted({round(i * last / SHOWN) for i in range(SHOWN + 1)})
    records = []
    for i, trained in enumerate(by_name["lowest"]):
        best = int(trained.nan_to_num(math.inf).argmin())
        records.append(
            {
                **{name: float(errors[i, best]) for name, errors in by_name.items()},
                "last": float(trained[-1]),
                "epochs": shown,
                "errors": trained[shown].tolist(),
            }
        )
    return records
