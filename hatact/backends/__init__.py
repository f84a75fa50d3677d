"""Kernels and launchers, one backend per file; `hatact.available_backends()` lists them. Internal.

A backend file has `unavailable(device) -> str | None`, the reason why it cannot run on a device
type ("cpu", "cuda") or None if it can. `triton` has a dict `OPS` from the name of each op it serves
to its kernel; the libraries of `extension` register theirs with the dispatcher when loaded.
"""
