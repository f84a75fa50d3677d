"""Compiles the Triton kernel for GPUs that need not be here.

Arguments: cases, "activation/order of derivative/dtype/g or -". Prints a JSON object:
"case on architecture" -> figures read from the compiled code.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from typing import Any
from unittest.mock import patch

import torch
import triton
from triton.backends.compiler import GPUTarget

from hatact.activations import registry
from hatact.backends import _triton_kernels as kernels
from hatact.backends.triton import ppoly

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
DTYPES = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class Driver:
    """What Triton asks of a GPU's driver before a launch."""

    current = "sm_90"

    def get_current_device(self) -> str:
        return self.current

    def get_current_stream(self, device: str) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return TARGETS[self.current]


def assembly(kernel: Any, call: Callable[[], object], architecture: str) -> dict[str, Any]:
    """The code of the kernel that a call of the backend's own would launch."""
    Driver.current = architecture
    torch.version.hip = "pretended" if TARGETS[architecture].backend == "hip" else None
    run, found = kernel.run, {}

    def compile_only(*args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        made = run(*args, grid=grid, warmup=True, **kwargs)
        found.update(made.asm, **{"shared bytes": made.metadata.shared, "hash": made.hash})

    with patch.object(kernel, "run", compile_only):
        call()
    return found


def compiled(case: str, architecture: str) -> dict[str, Any]:
    """The code of the op, on 16-byte aligned tensors."""
    name, order, dtype, with_g = case.split("/")
    spec = registry()[name]
    for _ in range(int(order)):
        spec = spec.derivative()
    x = torch.zeros(1000, dtype=DTYPES[dtype])
    g = x if with_g == "g" else None
    return assembly(kernels.ppoly_kernel, lambda: ppoly(x, g, *spec.numbers), architecture)


def disassembled(asm: dict[str, Any], tool: str, *options: str) -> str:
    """What a tool that comes with Triton says of NVIDIA's machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(asm["cubin"])
        cubin.flush()
        command = [getattr(triton.knobs.nvidia, tool).path, *options, cubin.name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def nvidia(asm: dict[str, Any]) -> dict[str, Any]:
    ptx = asm["ptx"]
    usage = disassembled(asm, "cuobjdump", "-res-usage")
    used = {key: int(value) for key, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", usage)}
    wide = r"(?:v4\.b32|v2\.b64)"
    return {
        "registers": used["REG"],
        "spilled": used["STACK"] + used["LOCAL"],
        "wide loads": len(re.findall(rf"^\s*(?:@%p\d+ )?ld\.global\.{wide}", ptx, re.M)),
        "wide stores": len(re.findall(rf"^\s*(?:@%p\d+ )?st\.global\.{wide}", ptx, re.M)),
        "float64": ".f64" in ptx,
        "fused": len(re.findall(r"\bfma\.rn\.", ptx)),
        "shared memory": len(re.findall(r"\bld\.shared|\bst\.shared", ptx)),
        "barriers": len(re.findall(r"\bbar(?:rier)?\.sync", ptx)),
        "products": len(re.findall(r"\b(?:wgmma\.mma_async|mma)\.sync", ptx)),
        "compared with": sorted(set(re.findall(r"setp\.gt\.f64.*0d([0-9A-F]{16})", ptx))),
    }


def amd(asm: dict[str, Any]) -> dict[str, Any]:
    text = asm["amdgcn"]

    def field(name: str) -> int:
        return int(re.search(rf"\.{name}:\s+(\d+)", text)[1])

    spilled = ("vgpr_spill_count", "sgpr_spill_count", "private_segment_fixed_size")
    return {
        "registers": field("vgpr_count"),
        "spilled": sum(map(field, spilled)),
        "wide loads": len(re.findall(r"(?:global|buffer)_load_dwordx4", text)),
        "wide stores": len(re.findall(r"(?:global|buffer)_store_dwordx4", text)),
        "float64": "_f64" in text,
        "fused": len(re.findall(r"\bv_(?:pk_)?fma", text)),
        "shared memory": len(re.findall(r"\bds_(?:read|write|load|store)", text)),
        "barriers": len(re.findall(r"\bs_barrier\b", text)),
        "products": len(re.findall(r"\bv_mfma", text)),
    }


def report(compile_case: Callable[[str, str], dict[str, Any]]) -> None:
    """Print the figures of every case in the arguments, on every architecture."""
    triton.runtime.driver.set_active(Driver())
    results = {}
    for case, architecture in product(sys.argv[1:], TARGETS):
        figures = nvidia if TARGETS[architecture].backend == "cuda" else amd
        asm = compile_case(case, architecture)
        told = {key: asm[key] for key in ("shared bytes", "hash", "HGMMA") if key in asm}
        results[f"{case} on {architecture}"] = figures(asm) | told
    print(json.dumps(results))


if __name__ == "__main__":
    report(compiled)
