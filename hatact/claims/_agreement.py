"""A control: the default backend trains as the plain-PyTorch reference does, within rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from hatact import ops, use_backend
from hatact.claims import _sines
from hatact.claims._training import Row, fit

STEPS = 60
ONSET = 1e-2  # past this the twin says that rounding alone decides the curve
FLOOR = 1e-6  # about eight roundings of float32
MARGIN = 10


def work() -> int:
    """Training steps that :func:`compare` takes."""
    return 3 * (STEPS + 1)


def compare(row: Row, seed: int, device: str, advance: Callable[[float], None]) -> dict[str, Any]:
    """Loss curves of the default backend and of the reference, and how far rounding spreads them.

    The same network is trained three times: on the default backend, on the reference, and on the
    reference from initial weights changed by one unit in the last place (relative ±2⁻²³): the
    twin. Training is chaotic, so the curves are compared while the twin's relative difference
    from the reference is below ONSET; there the default backend must stay within MARGIN times
    the twin's largest difference so far (at least FLOOR). The constants were fixed before any
    backend was compared.
    """
    backend = ops.current_backend(device)
    default = _losses(row, seed, device, advance, twin=False)
    with use_backend("reference"):
        reference = _losses(row, seed, device, advance, twin=False)
        twin = _losses(row, seed, device, advance, twin=True)
    found = judge(default, reference, twin)
    found["backend"] = backend
    if backend == "reference":
        found["note"] = "only the reference serves this device: it was compared with itself"
    return found


def judge(default: list[float], reference: list[float], twin: list[float]) -> dict[str, Any]:
    """Whether the default curve follows the reference as closely as the twin does."""
    spread = _running_max(twin, reference)
    apart = _running_max(default, reference)
    window = next((i for i, s in enumerate(spread) if s > ONSET), len(spread))
    inside = zip(apart[:window], spread[:window], strict=True)
    return {
        "agrees": window > 0 and all(a <= MARGIN * max(s, FLOOR) for a, s in inside),
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


def _losses(
    row: Row, seed: int, device: str, advance: Callable[[float], None], twin: bool
) -> list[float]:
    x, u = _sines.sum_of_sines(seed, device)
    model = row.network(1, _sines.WIDTH, _sines.DEPTH, seed, device)
    if twin:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in model.parameters():
                sign = torch.randint(0, 2, p.shape, generator=generator) * 2 - 1
                p.mul_((1 + sign * 2.0**-23).to(p.device))
    return fit(model, x, u, STEPS, row.lr, lambda step, out: advance(1))
