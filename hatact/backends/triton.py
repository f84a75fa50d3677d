"""Triton kernels for the op (not built yet)."""

from torch import Tensor


def unavailable(device: str) -> str | None:
    """Why Triton cannot serve a device type, or None."""
    return "not built yet"


def ppoly(*args: object) -> Tensor:
    """g·f(x)."""
    raise RuntimeError("not built yet")
