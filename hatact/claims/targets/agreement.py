"""A control: the default backend trains as the plain-PyTorch reference does, within rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hatact import ops, use_backend
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.runs import Advance, Record, Row, fit
from hatact.claims.targets import sines

STEPS = 60
ONSET = 1e-2  # past this the twin says that rounding alone decides the curve
ROUNDINGS = 8  # differences up to so many roundings are never held against a backend
MARGIN = 10
DTYPES = ("float32", "float64")
REFERENCES = (("reference", False), ("reference", True))


def tasks(rows: Sequence[Row], device: str) -> list[Task]:
    """The runs of :func:`compare`: for every row and dtype the default backend, then the twins."""
    cost = 1.5 * sines.COST * (STEPS + 1)
    return [
        Task(train, {"row": row, "dtype": dtype, "backend": backend, "twin": twin}, (0,), cost)
        for backend, twin in ((ops.current_backend(device), False), *REFERENCES)
        for row in rows
        for dtype in DTYPES
    ]


def compare(rows: Sequence[Row], lab: Lab) -> dict[str, Any]:
    """Loss curves of the default backend and of the reference, and how far rounding spreads them.

    Each row's network is trained three times in either dtype: on the default backend, on the
    reference, and on the reference from initial weights changed by one unit in the last place:
    the twin. Training is chaotic (a deep Hat network in float32 loses two digits a step), so the
    curves are compared while the twin's relative difference from the reference is below ONSET;
    there the default backend must stay within MARGIN times the twin's largest difference so far.
    In float64 that is every step.
    """
    backend = ops.current_backend(lab.device)
    losses = [of[0]["losses"] for of in lab.run(tasks(rows, lab.device))]
    pairs = [(row, dtype) for row in rows for dtype in DTYPES]
    n = len(pairs)
    found = {}
    for (row, dtype), a, b, c in zip(
        pairs, losses[:n], losses[n : 2 * n], losses[2 * n :], strict=True
    ):
        found[f"{row}, {dtype}"] = judge(a, b, c, eps=torch.finfo(getattr(torch, dtype)).eps)
    return {
        "backend": backend,
        "compared": backend != "reference",  # with nothing else here it is compared with itself
        "agrees": all(of["agrees"] for of in found.values()),
        "rows": found,
    }


def sentence(found: Mapping[str, Any]) -> str:
    """What :func:`compare` found, to be read."""
    if not found["compared"]:
        return "only the reference backend serves this device: there is nothing to compare it with"
    parts = []
    for name, of in found["rows"].items():
        apart = of["largest_relative_difference"]
        size = "no step" if apart is None else f"{apart:.0e} in {of['steps_compared']} steps"
        parts.append(f"{name} {size}" + ("" if of["agrees"] else " (too far)"))
    return f"loss of {found['backend']} against the reference: {'; '.join(parts)}"


def judge(
    default: list[float], reference: list[float], twin: list[float], eps: float = 2.0**-23
) -> dict[str, Any]:
    """Whether the default curve follows the reference as closely as the twin does."""
    spread = _running_max(twin, reference)
    apart = _running_max(default, reference)
    window = next((i for i, s in enumerate(spread) if s > ONSET), len(spread))
    inside = zip(apart[:window], spread[:window], strict=True)
    return {
        "agrees": window > 0 and all(a <= MARGIN * max(s, ROUNDINGS * eps) for a, s in inside),
        "steps_compared": window,
        "largest_relative_difference": apart[window - 1] if window else None,
        "twin_relative_difference": spread[window - 1] if window else None,
    }


def _running_max(losses: list[float], reference: list[float]) -> list[float]:
    worst, out = 0.0, []
    for a, b in zip(losses, reference, strict=True):
        apart = abs(a - b) / max(abs(b), 1e-30)
        worst = apart if apart != apart else max(worst, apart)  # NaN stays: it is no agreement
        out.append(worst)
    return out


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
    x, u = sines.targets(seeds, device)
    as_dtype = getattr(torch, dtype)
    model = row.networks(1, sines.WIDTH, sines.DEPTH, seeds, device).to(as_dtype)
    if twin:
        generator = torch.Generator().manual_seed(seeds[0])
        with torch.no_grad():
            for p in model.parameters():
                sign = torch.randint(0, 2, p.shape, generator=generator) * 2 - 1
                p.mul_((1 + sign.to(as_dtype) * torch.finfo(as_dtype).eps).to(p.device))
    with use_backend(backend):
        losses = fit(model, x.to(as_dtype), u.to(as_dtype), STEPS, advance)
    return [{"losses": of.tolist()} for of in losses.T]
