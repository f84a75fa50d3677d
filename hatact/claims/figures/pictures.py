"""Images that were given back, beside the true one, and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hatact.claims.figures.kinds import Image, Images

GAIN = 5
"""How many times as bright an error is shown."""
Levels = Sequence[Sequence[int]]
"""Grey levels 0 … 255 by row."""


def reconstructions(
    name: str, caption: str, truth: Levels, made: Mapping[str, tuple[Levels, str]]
) -> list[Images]:
    """The true image and every other one with its note; and |f − u|, GAIN times as bright."""
    side = f"{len(truth)} × {len(truth[0])}"
    shown = [Image("truth", side, truth)]
    shown += [Image(title, note, levels) for title, (levels, note) in made.items()]
    errors = [Image(title, note, _apart(levels, truth)) for title, (levels, note) in made.items()]
    return [
        Images(name=name, title="Reconstructions", caption=caption, panels=shown),
        Images(
            name=f"{name}-errors",
            title=f"Errors, {GAIN} times as bright",
            caption=f"{caption} White: an error of {1 / GAIN:g} of the range of grey, or more.",
            panels=errors,
        ),
    ]


def _apart(levels: Levels, truth: Levels) -> Levels:
    return [
        [min(255, GAIN * abs(a - b)) for a, b in zip(*rows, strict=True)]
        for rows in zip(levels, truth, strict=True)
    ]
