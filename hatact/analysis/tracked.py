"""What is to be kept of a training run whose error was measured at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from hatact.analysis.spectrum import steps_to

HOLD = 10
"""Steps that a residual must stay under a threshold: relu(8x), which diverges, sweeps through
|f̂ − û| < 0.1·|û| at k = 50 for one step by chance."""
LOSS = (0.1, 0.01)
"""Shares of the target's mean square at which a network counts as trained."""


def late_loss(losses: Tensor) -> float:
    """The median over the last tenth of the losses of a run, (T): what a rate is chosen by.

    One step's loss would do for SGD; Adam's spikes.
    """
    return float(losses[-max(len(losses) // 10, 1) :].median())


def arrival_spread(steps: Sequence[int | None]) -> float | None:
    """max(steps) / min(steps): how many times as late as the first the last component is learnt.

    1 is no spectral bias, whichever component is the last; None unless every one is learnt.

    Args:
        steps: of every component's arrival (as :func:`hatact.analysis.steps_to` returns them; 0
            counts as 1), None = never.

    Raises:
        ValueError: if there is no component.
    """
    if not steps:
        raise ValueError("at least one component is needed; got none")
    arrived = [max(s, 1) for s in steps if s is not None]
    return max(arrived) / min(arrived) if len(arrived) == len(steps) else None


def spread_steps(last: int, count: int = 72) -> list[int]:
    """Steps 0 … last, evenly spread on a logarithmic axis, each once.

    Raises:
        ValueError: for a last step below 1, or a count below 2.
    """
    if last < 1 or count < 2:
        raise ValueError(f"the last step must be at least 1 and the count 2; got {last}, {count}")
    return [0, *sorted({round(last ** (i / (count - 1))) for i in range(count)})]


def learning(
    residuals: Tensor,
    losses: Tensor,
    power: float,
    hold: int = HOLD,
    shares: Sequence[float] = LOSS,
) -> dict[str, Any]:
    """How a network learnt the components of its target, as plain JSON.

    Args:
        residuals: (T, K), of K components, at steps 0 … T − 1.
        losses: (T), at the same steps.
        power: the mean square of the target.
        hold: the steps that a residual must stay under a threshold.
        shares: of `power`, at which the network counts as trained.

    Returns:
        "steps_to_10_percent", "steps_to_50_percent": by component the first step from which the
        residual stays under it for `hold` steps, None for never; "final_residual"; "trained_at": by
        share the step of arrival, likewise; "residuals" and "relative_loss" (over `power`) at some
        70 "shown_steps", which :func:`spread_steps` gives; "late_loss".

    Raises:
        ValueError: as :func:`hatact.analysis.steps_to`, and for fewer than two steps.
    """
    steps = range(len(losses))
    if len(steps) < 2:
        raise ValueError(f"a run must have at least two steps; got {len(steps)}")
    shown = spread_steps(steps[-1])
    return {
        "steps_to_10_percent": steps_to(steps, residuals, 0.1, hold),
        "steps_to_50_percent": steps_to(steps, residuals, 0.5, hold),
        "final_residual": residuals[-1].tolist(),
        "trained_at": [steps_to(steps, losses[:, None] / power, at, hold)[0] for at in shares],
        "shown_steps": shown,
        "residuals": residuals[shown].tolist(),
        "relative_loss": (losses[shown] / power).tolist(),
        "late_loss": late_loss(losses),
    }
