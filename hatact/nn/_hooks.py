"""Whether calling a module does more than its class says."""

from __future__ import annotations

from torch import nn


def has_hooks(module: nn.Module) -> bool:
    """Whether it has hooks, or a `forward` that was assigned to it."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
    )


def acts_itself(layer: nn.Module) -> bool:
    """Whether calling a layer does more than, or other than, x·Wᵀ + b of its parameters."""
    return type(layer).forward is not nn.Linear.forward or has_hooks(layer)
