"""Where a stage runs, and how long it may."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from bench import timing

Kind = Literal["gpu", "rehearsal", "filling"]


@dataclass(frozen=True)
class Setting:
    """On a GPU; in a rehearsal, on a CPU at tiny sizes with Triton interpreted; or while Triton's
    cache is filled, on a GPU that is pretended, at a GPU's sizes, and nothing is computed or timed.
    """

    kind: Kind
    seconds: float = float("inf")
    start: float = field(default_factory=time.monotonic)

    @property
    def device(self) -> str:
        return "cuda" if self.kind == "gpu" else "cpu"

    @property
    def tiny(self) -> bool:
        """Whether sizes are the least that say something."""
        return self.kind == "rehearsal"

    @property
    def whole(self) -> bool:
        """Whether sizes are those that a GPU is measured at. What a kernel is compiled for depends
        on what divides a size, and not on how large it is."""
        return self.kind == "gpu"

    @property
    def judged(self) -> bool:
        """Whether what kernels return is what they computed."""
        return self.kind != "filling"

    @property
    def left(self) -> float:
        """Seconds that are left in the box."""
        return self.seconds - (time.monotonic() - self.start)

    @property
    def rounds(self) -> int:
        """Of a timing."""
        return {"gpu": 15, "rehearsal": 5, "filling": 5}[self.kind]

    def time_ms(self, call: timing.Call, copies: int = 1) -> float:
        """The median of a call; where nothing is computed it is called, and that is all."""
        if self.judged:
            return timing.time_ms(call, self.device, self.rounds, copies)
        call()
        return 1.0
