"""A control: the default backend trains as the plain-PyTorch reference does, within rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from hatact import ops, use_backend
from hatact.analysis.curves import agreement, nudge
from hatact.baselines.training import fit
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.runs import Advance, Record, Row
from hatact.claims.targets import sines

STEPS = 60
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Control:
    """Loss curves of the default backend and of the reference: a plan of a claim's runs.

    Each row's network is trained three times in either dtype: on the default backend, on the
    reference, and on the reference from initial weights changed by one unit in the last place, the
    twin of :func:`hatact.analysis.agreement`. In float64 every step is compared.
    """

    rows: Sequence[Row]
    device: str

    def tasks(self) -> list[Task]:
        """For every row and dtype the default backend, then the reference, then the twins."""
        cost = 2.9 * sines.COST * (STEPS + 1)
        own = ops.current_backend(self.device)
        return [
            Task(train, {"row": row, "dtype": dtype, "backend": backend, "twin": twin}, (0,), cost)
            for backend, twin in ((own, False), ("reference", False), ("reference", True))
            for row in self.rows
            for dtype in DTYPES
        ]

    def run(self, lab: Lab) -> dict[str, Any]:
        """Whether every curve follows the reference, and by row and dtype how far it is from it."""
        backend = ops.current_backend(self.device)
        losses = [record["losses"] for (record,) in lab.run(self.tasks())]
        compared = [(row, dtype) for row in self.rows for dtype in DTYPES]
        rows = {}
        for i, (row, dtype) in enumerate(compared):
            eps = torch.finfo(getattr(torch, dtype)).eps
            curve, reference, twin = losses[i :: len(compared)]
            rows[f"{row}, {dtype}"] = asdict(agreement(curve, reference, twin, eps))
        return {
            "backend": backend,
            "compared": backend != "reference",  # with nothing else it is compared with itself
            "agrees": all(row["agrees"] for row in rows.values()),
            "rows": rows,
        }


def sentence(compared: Mapping[str, Any]) -> str:
    """What :class:`Control` came to, to be read."""
    if not compared["compared"]:
        return "only the reference backend serves this device: there is nothing to compare it with"
    parts = []
    for name, row in compared["rows"].items():
        apart = row["largest_relative_difference"]
        size = "no step" if apart is None else f"{apart:.0e} in {row['steps_compared']} steps"
        parts.append(f"{name} {size}" + ("" if row["agrees"] else " (too far)"))
    return f"loss of {compared['backend']} against the reference: {'; '.join(parts)}"


def train(
    row: Row,
    dtype: str,
    backend: str,
    twin: bool,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Every step's loss of one network on one backend, from changed weights if it is the twin."""
    x, u = (t.to(getattr(torch, dtype)) for t in sines.targets(seeds, device))
    model = row.networks(1, sines.WIDTH, sines.DEPTH, seeds, device).to(x.dtype)
    if twin:
        nudge(model, seeds[0])
    with use_backend(backend):
        losses = fit(model, row.optimiser_of(model), x, u, STEPS, advance=advance)
    return [{"losses": loss.tolist()} for loss in losses.T]
