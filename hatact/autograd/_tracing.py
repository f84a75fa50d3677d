"""What Dynamo is told instead of tracing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])
# Whether torch.jit.trace is at work. It takes a Function of Python for a node that it cannot run
# ("unordered_map::at"); an op it records whole, with the derivative that the op brings along.
jit_traces = torch._C._is_tracing


def constant(function: F) -> F:
    """Dynamo calls `function` as it traces, and takes what it returns as a constant.

    A spec goes in as its text: torch 2.11 takes no dataclass there, and 2.13 tells those apart by
    identity, so that an equal one made anew costs another graph. The mark is all that
    torch.compiler.assume_constant_result sets, and that one imports Dynamo: 1.3 s at import.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


@constant
def exporting() -> bool:
    """Whether torch.export is at work.

    In torch 2.11 Dynamo takes torch.compiler.is_exporting() for true under torch.compile as well.
    """
    return torch.compiler.is_exporting()


@constant
def has_autocast(device: str) -> bool:
    """Whether a device type has autocast; torch 2.11 cannot trace its own question."""
    found: bool = torch._C._is_autocast_available(device)  # torch.amp's, less a Python frame
    return found
