"""The compiled kernels of csrc/. Loading a library registers its kernels with the dispatcher.

So there is no `ppoly` here: `torch.ops.hatact.ppoly` reaches C++ with no Python in between.
`hatact.ops` loads them once the schema is defined.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

import torch

_LIBRARIES = {"cpu": "_cpu", "cuda": "_cuda"}
_POINTWISE = (
    *("ppoly", "ppoly_", "ppoly_encode", "ppoly_encode_", "ppoly_decode"),
    *("_packed_encode", "_packed_decode"),
)
# The ops for which each library registers a kernel.
OPS = {
    "cpu": (
        *_POINTWISE,
        *("triangle_cascade", "triangle_cascade_backward", "mlp_forward", "mlp_backward"),
    ),
    "cuda": _POINTWISE,
}
_SYMBOLS = {"cpu": ("hatact_cpu_capability",), "cuda": ()}
_reasons: dict[str, str | None] = {}


def _find(device: str) -> Path | None:
    path = Path(__file__).parent.parent / f"{_LIBRARIES[device]}.so"
    return path if path.exists() else None


def _load(device: str) -> str | None:
    path, cuda = _find(device), torch.version.cuda
    if device == "cuda" and cuda is None:
        return "torch is built without CUDA"
    if path is None:
        kernels, needs = "compiled", "a C++ compiler"
        if device == "cuda":
            kernels, needs = "CUDA", f"{needs} and the nvcc of CUDA {str(cuda).partition('.')[0]}"
        return f"hatact was installed without its {kernels} kernels: building them needs {needs}"
    if device == "cuda" and not torch.cuda.is_available():
        return "the CUDA kernels are built; no CUDA device is seen"
    try:
        length, size = named_length(path), path.stat().st_size
        if size < length:
            return f"{path.name} is truncated: its headers name {length} bytes; got {size}"
        torch.ops.load_library(str(path))
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return f"{path.name} does not load: {error}"
    missing = [name for name in _SYMBOLS[device] if not hasattr(library, name)]
    missing += [f"hatact::{op}" for op in OPS[device] if not has_kernel(op, device)]
    if missing:
        return (
            f"{path.name} is not the library of this hatact: it must bring "
            f"{', '.join(missing)}; install the package again"
        )
    return None


def has_kernel(op: str, device: str) -> bool:
    """Whether an op of ours has a kernel registered for a device type itself."""
    found: bool = torch._C._dispatch_has_kernel_for_dispatch_key(f"hatact::{op}", device.upper())
    return found


def named_length(path: Path) -> int:
    """The bytes that the headers of a 64-bit little-endian ELF file say it has; else 0.

    A library that is shorter loads, and kills the process where it reads what is missing.
    """
    with path.open("rb") as file:
        header = file.read(64)
        if header[:6] != b"\x7fELF\x02\x01":
            return 0
        if len(header) < 64:
            return 64
        segments, sections = struct.unpack_from("<2Q", header, 32)
        segment_size, segment_count, section_size, section_count = struct.unpack_from(
            "<4H", header, 54
        )
        length: int = max(
            segments + segment_size * segment_count, sections + section_size * section_count
        )
        if length > os.fstat(file.fileno()).st_size:
            return length
        file.seek(segments)
        table = file.read(segment_size * segment_count)
    for at in range(0, len(table) - 39, max(segment_size, 40)):
        offset, _, _, in_file = struct.unpack_from("<4Q", table, at + 8)
        length = max(length, offset + in_file)
    return length


def unavailable(device: str) -> str | None:
    """Why the extension cannot serve a device type, or None; loads it at the first call."""
    if device not in _reasons:
        _reasons[device] = _load(device)
    return _reasons[device]


def cpu_capability() -> str:
    """The instruction set of the CPU kernels: "avx512", "avx2" or "portable".

    Raises:
        RuntimeError: if the CPU part is not loaded, or HATACT_CPU_CAPABILITY names an
            instruction set that this CPU does not have (calling the op raises then, too).
    """
    reason = unavailable("cpu")
    if reason is not None:
        raise RuntimeError(f"the CPU extension is not available: {reason}")
    name = ctypes.CDLL(str(_find("cpu"))).hatact_cpu_capability
    name.restype = ctypes.c_char_p
    found = name()
    if found is None:
        raise RuntimeError(
            "HATACT_CPU_CAPABILITY must name an instruction set that this CPU has; "
            f"got {os.environ.get('HATACT_CPU_CAPABILITY')}"
        )
    return str(found.decode())
