"""As compiled_ppoly.py, of the kernels of a whole network.

Arguments: cases, "kernel/width/depth/dtype". What is compiled is the first launch whose shared
memory fits the device: the one that serves where nothing is timed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch

from hatact import HAT, PiecewisePolynomial
from hatact.backends import _triton_mlp as mlp
from hatact.backends import _triton_mlp_kernels as kernels
from hatact.backends import _triton_mlp_rules as rules
from hatact.backends._triton_tuning import Config
from tests.support.children.compiled_ppoly import DTYPES, TARGETS, assembly, disassembled, report

# Bytes that a program may have: an A100's, an H200's, an MI300X's.
SHARED = {"sm_80": 166912, "sm_90": 232448, "gfx942": 65536}
ROWS, INPUTS, OUTPUTS = 1000, 2, 1
KERNELS = {
    "inference": kernels.forward_kernel,
    "forward": kernels.forward_kernel,
    "backward": kernels.backward_kernel,
    "parameters": kernels.parameters_kernel,
}


def network(
    kind: str,
    spec: PiecewisePolynomial,
    width: int,
    depth: int,
    dtype: torch.dtype,
    biased: bool = True,
) -> None:
    """The op that launches a kernel, on 16-byte aligned tensors."""
    sides = [INPUTS, *[width] * (depth - 1), OUTPUTS]
    weights = [torch.zeros(n, m, dtype=dtype) for m, n in pairwise(sides)]
    biases = [torch.zeros(w.shape[0], dtype=dtype) for w in weights if biased]
    x, g = torch.zeros(ROWS, INPUTS, dtype=dtype), torch.zeros(ROWS, OUTPUTS, dtype=dtype)
    knots, coeffs, period = spec.numbers
    if kind in ("inference", "forward"):
        mlp.mlp_forward(x, weights, biases, knots, coeffs, period, kind == "forward")
        return
    kept = torch.zeros(depth - 2, ROWS, width, dtype=dtype)
    slopes = spec.derivative().numbers[1]
    mlp.mlp_backward(g, x, weights, biases, kept, knots, coeffs, slopes, period, True, True)


def compiled(case: str, architecture: str) -> dict[str, Any]:
    kind, width, depth, dtype = case.split("/")
    kernel = KERNELS[kind]
    # Of three products over the rows, that of hidden layers; at depth 2 there is none.
    key_of = {"inference": "forward", "parameters": "parameters, hidden"}
    asked = key_of.get(kind, kind)
    found: dict[str, Any] = {}

    def first_that_fits(
        key: str, device: torch.device, configs: Sequence[Config], launch: Callable[..., None]
    ) -> Config | None:
        if not key.startswith(asked):
            return configs[0]
        for config in configs:
            asm = assembly(kernel, lambda config=config: launch(config), architecture)
            if asm["shared bytes"] <= SHARED[architecture]:
                found.update(asm, config=config)
                return config
        return None

    torch.set_float32_matmul_precision("medium")
    torch.version.hip = "pretended" if TARGETS[architecture].backend == "hip" else None
    old = patch.object(rules, "is_old", lambda _: architecture == "sm_80")
    with patch.object(mlp, "launch_best", first_that_fits), old:
        network(kind, HAT.scaled(8), int(width), int(depth), DTYPES[dtype])
    if architecture == "sm_90":
        code = disassembled(found, "nvdisasm")
        found["HGMMA"] = len(re.findall(r"\bHGMMA\b", code))
    return found


if __name__ == "__main__":
    report(compiled)
