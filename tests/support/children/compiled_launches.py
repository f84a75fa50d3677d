"""As compiled_ppoly.py, of every launch that may be chosen on sm_90, races in shared memory looked
for. Arguments: cases, "mlp/activation/width/dtype/bias or -" or "linear/activation/dtype".

Prints a JSON object: "case, kernel, launch" -> figures. A launch that does not fit is left out.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import torch
import triton

from hatact import HAT
from hatact.activations import registry
from hatact.backends import _triton_linear as linear
from hatact.backends import _triton_linear_kernel as linear_kernel
from hatact.backends import _triton_mlp as mlp
from hatact.backends import _triton_mlp_kernels as kernels
from hatact.backends._triton_tuning import Config
from tests.support.children.compiled_mlp import SHARED, network
from tests.support.children.compiled_ppoly import DTYPES, Driver, assembly, nvidia
from tests.support.shared_memory import races

ARCHITECTURE = "sm_90"
SPECS = registry() | {"hat": HAT.scaled(8)}
KERNELS = {
    "forward": kernels.forward_kernel,
    "backward": kernels.backward_kernel,
    "parameters": kernels.parameters_kernel,
}
# What a kernel is run with: every loop turns more often than it has buffers.
LAYERS, ELSE = 5, 448


def parameters(asm: dict[str, Any]) -> dict[str, int]:
    """Values for the parameters of the PTX, which are those of the TTGIR and Triton's own."""
    signature = re.search(r"tt\.func public @\w+\((.*?)\) attributes", asm["ttgir"], re.S)[1]
    types = dict(re.findall(r"%(\w+): (!tt\.ptr|i32|i64)", signature))
    given = [
        LAYERS if name == "layers" else ELSE if kind != "!tt.ptr" else 1 << 40 + i
        for i, (name, kind) in enumerate(types.items())
    ]
    names = re.findall(r"\.param [^\n]*?(\w+_param_\d+)", asm["ptx"])
    return dict(zip(names, [*given, 0, 0], strict=True))


def figures(asm: dict[str, Any]) -> dict[str, Any]:
    threads = int(re.search(r"\.reqntid (\d+)", asm["ptx"])[1])
    waits = re.findall(r"ttg\.async_wait .*?num = (\d+)", asm["ttgir"])
    return {
        **nvidia(asm),
        "shared bytes": asm["shared bytes"],
        "groups of copies in flight": max(map(int, waits), default=0),
        "races": races(asm["ptx"], threads, asm["shared bytes"], parameters(asm)),
    }


def of_network(name: str, width: str, dtype: str, bias: str) -> Iterator[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []

    def every_launch(
        key: str, _: torch.device, configs: Sequence[Config], launch: Callable[[Config], None]
    ) -> Config | None:
        kernel, fitting = re.match(r"[^/]*", key)[0], []
        for config in configs:
            asm = assembly(
                KERNELS[kernel.split(",")[0]], lambda config=config: launch(config), ARCHITECTURE
            )
            if asm["shared bytes"] <= SHARED[ARCHITECTURE]:
                fitting.append(config)
                made.append((f"{kernel}, {tuple(config)}", figures(asm)))
        return fitting[0] if fitting else None

    torch.set_float32_matmul_precision("medium")
    with patch.object(mlp, "launch_best", every_launch):
        for kind in ("inference", "forward", "backward"):
            network(kind, SPECS[name], int(width), 4, DTYPES[dtype], bias == "bias")
    yield from made


def of_linear(name: str, dtype: str) -> Iterator[tuple[str, Any]]:
    torch.set_float32_matmul_precision("medium")
    x, rule = torch.empty(512, 512, dtype=DTYPES[dtype]), linear.tile
    for m, n, _ in linear._SHAPES:
        # As many multiprocessors as this tile occupies, and a larger one does not.
        processors = 512 // m * (512 // n)

        def tile(*args: Any, processors: int = processors) -> linear.Tile:
            return rule(*args[:5], processors, SHARED[ARCHITECTURE])

        with patch.object(linear, "tile", tile):
            asm = assembly(
                linear_kernel.linear_act_kernel,
                lambda: linear.linear_act(x, x, x[0], *SPECS[name].numbers),
                ARCHITECTURE,
            )
        yield f"linear, {(m, n)}", figures(asm)


if __name__ == "__main__":
    triton.runtime.driver.set_active(Driver())
    OF = {"mlp": of_network, "linear": of_linear}
    print(
        json.dumps(
            {
                f"{case}, {launch}": found
                for case in sys.argv[1:]
                for launch, found in OF[case.split("/")[0]](*case.split("/")[1:])
            }
        )
    )
