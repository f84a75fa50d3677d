"""What machine this is, its two ceilings, and whether what was prepared is found."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

import hatact
from bench import timing
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from hatact.backends import extension

_ASKED = "name,driver_version,compute_cap,clocks.sm,clocks.mem,power.limit,temperature.gpu"


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    if setting.kind == "gpu" and not torch.cuda.is_available():
        record.fail(f"torch {torch.__version__} sees no CUDA device, and the driver does")
        return
    record.put("platform", platform.platform())
    record.put("glibc", " ".join(platform.libc_ver()))
    record.put("triton", _triton())
    if setting.kind == "gpu":
        _card(record)
    for name, backend in hatact.available_backends().items():
        if setting.device in backend.devices:
            record.add("backends", name)
        else:
            why = backend.reasons.get(setting.device)
            if name == "triton" and setting.tiny:
                continue  # interpreted, in the stages that need it
            record.fail(f"the backend {name} does not serve {setting.device}: {why}")
    if extension.unavailable("cpu") is not None:
        record.fail(f"_cpu is not loaded: {extension.unavailable('cpu')}")
    _ceilings(record, setting)
    _cache(record, setting)


def _triton() -> str | None:
    try:
        import triton
    except ImportError:
        return None
    return str(triton.__version__)


def _card(record: Record) -> None:
    of = torch.cuda.get_device_properties(0)
    record.put("card", {"name": of.name, "processors": of.multi_processor_count})
    try:
        asked = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
        values = said.strip().split(", ")
        record.put("nvidia-smi", dict(zip(_ASKED.split(","), values, strict=True)))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        record.leave_out("nvidia-smi", str(error))
    capability = torch.cuda.get_device_capability()
    if capability < (8, 0):
        record.fail(
            f"the kernels need a GPU of compute capability 8.0 or above; {of.name} has "
            f"{capability[0]}.{capability[1]}: whole networks run layer by layer"
        )


def _ceilings(record: Record, setting: Setting) -> None:
    """GB/s of a copy, and operations a second of a product: what kernels are held against."""
    elements = 2**12 if setting.tiny else 2**28
    source = torch.empty(elements, dtype=torch.float32, device=setting.device)
    target = torch.empty_like(source)
    ms = timing.time_ms(lambda: target.copy_(source), setting.device, setting.rounds)
    record.put("copy_gb_per_s", 8 * elements / ms / 1e6)
    n = 64 if setting.tiny else 8192
    a, b = (torch.randn(n, n, dtype=torch.bfloat16, device=setting.device) for _ in "ab")
    product = torch.empty_like(a)
    ms = timing.time_ms(lambda: torch.mm(a, b, out=product), setting.device, setting.rounds)
    record.put("mm_tflops", {"bfloat16": 2 * n**3 / ms / 1e9})
    record.say(
        f"copy {record.data['copy_gb_per_s']:.0f} GB/s, "
        f"bf16 product {record.data['mm_tflops']['bfloat16']:.0f} TFLOP/s"
    )


def _cache(record: Record, setting: Setting) -> None:
    """One kernel, launched: was it in the cache?"""
    if record.data["triton"] is None:
        record.fail("Triton is not installed: its kernels are left out everywhere")
        return
    from bench.gpu import pretended

    x = torch.randn(5003, device=setting.device).bfloat16()
    on = pretended.counted() if setting.kind == "gpu" else pretended.gpu(answers=False)
    with on as found, hatact.use_backend("triton"):
        hatact.functional.hat(x)
    record.put("cache", dict(found))
    if not pretended.total(found, "found"):
        record.say("Triton's cache does not have Hat in bfloat16: kernels are compiled here")
