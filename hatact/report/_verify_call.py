"""What `hatact verify` is told, checked: a ValueError says what is wrong."""

from __future__ import annotations

import dataclasses
import reprlib
import tempfile
from pathlib import Path

import torch

from hatact import claims, ops
from hatact.backends import extension

MOST_SEEDS = 10_000


def settings(quick: bool, full: bool, seeds: str | None, device: str) -> claims.Settings:
    """What the options say: quick unless `full`, and as many seeds as that has if none is said."""
    if quick and full:
        raise ValueError("--quick and --full exclude each other; got both")
    default = claims.DEFAULT_SEEDS["full" if full else "quick"]
    count = default if seeds is None else _count(seeds)
    _check_device(device)
    return claims.Settings(not full, count, device)


def _count(seeds: str) -> int:
    """The number that `seeds` says; so long a text is no number that anyone means."""
    count = int(seeds) if seeds.isdecimal() and len(seeds) <= 40 else 0
    if not 1 <= count <= MOST_SEEDS:
        raise ValueError(
            f"--seeds must be a whole number, at least 1 and at most {MOST_SEEDS}; "
            f"got {reprlib.repr(seeds)}"
        )
    return count


def _check_device(device: str) -> None:
    if device not in ops.DEVICES:
        raise ValueError(f"--device must be one of {', '.join(ops.DEVICES)}; got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda needs a CUDA device; torch.cuda.is_available() is False")
    try:
        if ops.current_backend(device) == "extension" and device == "cpu":
            extension.cpu_capability()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def chosen(names: list[str]) -> dict[str, claims.Paper]:
    """Papers by name, each with the claims that were asked for."""
    known = claims.papers()
    asked: dict[str, set[str]] = {}
    for name in names or known:
        paper, _, word = name.partition("/")
        if paper not in known:
            raise ValueError(f"a paper must be one of {', '.join(known)}; got {paper!r}")
        ids = [claim.id for claim in known[paper].claims]
        if word and name not in ids:
            raise ValueError(f"a claim of {paper} must be one of {', '.join(ids)}; got {name!r}")
        asked.setdefault(paper, set()).update([name] if word else ids)
    return {
        name: dataclasses.replace(
            known[name], claims=tuple(c for c in known[name].claims if c.id in ids)
        )
        for name, ids in asked.items()
    }


def check_out(out: Path) -> None:
    """Make the folder, and write into it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(
            f"--out must be a folder that can be written; got {str(out)!r} ({error.strerror})"
        ) from None


def completed(incomplete: str) -> list[str]:
    """What a paper's or a claim's name may go on as: claims once only one paper is left."""
    try:
        known = claims.papers()
    except ValueError:  # verifying says it
        return []
    names = [name for name in known if name.startswith(incomplete.partition("/")[0])]
    ids = [claim.id for name in names for claim in known[name].claims] if len(names) == 1 else []
    return [name for name in [*names, *ids] if name.startswith(incomplete)]
