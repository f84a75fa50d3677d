"""The words of a verdict, and how several parts come to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REPRODUCED = "reproduced"
PARTLY = "partly"
NOT_REPRODUCED = "not reproduced"
NOT_ATTEMPTED = "not attempted"
VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_ATTEMPTED)

Decision = tuple[str, str]
"""A verdict and the reason, in one phrase."""


def share(held: Sequence[bool]) -> str:
    """Reproduced if every part held, partly if any did."""
    if all(held):
        return REPRODUCED
    return PARTLY if any(held) else NOT_REPRODUCED


def conclude(parts: Mapping[str, Decision]) -> Decision:
    """One verdict and reason from several, by name: the verdict common to all, else partly."""
    verdicts = {verdict for verdict, _ in parts.values()}
    if len(parts) == 1:
        return next(iter(parts.values()))
    reason = "; ".join(f"{name}: {verdict}, {why}" for name, (verdict, why) in parts.items())
    return (verdicts.pop() if len(verdicts) == 1 else PARTLY), reason
