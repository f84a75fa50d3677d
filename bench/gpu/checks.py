"""What a check of the smoke stage is, and the specs that ops are checked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hatact import BW_RELU, HAT, bspline
from hatact.activations import registry

SPECS = {
    "hat": HAT.scaled(8),
    "bw_relu": BW_RELU,
    "bspline3": bspline(3),
    "triangle_wave": registry()["triangle_wave"],
}


@dataclass(frozen=True)
class Check:
    """One call on a backend, what is wrong with what it returned (sentences), and how long both
    may take."""

    name: str
    backend: str
    call: Callable[[], Any]
    judge: Callable[[Any], list[str]]
    seconds: float = 2.0


def relative(got: Tensor, want: Tensor) -> float:
    """How far off, of the norm of what is right."""
    return float((got.double().cpu() - want).norm() / want.norm())
