"""Kernels and launchers, one backend per file; `hatact.available_backends()` lists them.

A backend file has `unavailable(device) -> str | None`, the reason why it cannot run on a device
type ("cpu", "cuda") or None if it can, and `ppoly` with the op's signature.
"""
