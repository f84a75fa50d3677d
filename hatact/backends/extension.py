"""The compiled kernels of csrc/ (not built yet)."""


def unavailable(device: str) -> str | None:
    """Why the extension cannot serve a device type, or None."""
    return "not built yet"
