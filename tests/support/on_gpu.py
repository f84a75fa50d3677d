"""`pytest --gpu selection`: what a GPU is asked in two minutes; `--gpu whole`: all of its ids.

Left out of the selection: the reference, which is torch's own code there; what Inductor compiles,
ten seconds each; and of the Triton kernels, which are compiled for each spec and dtype, all but a
few specs in two dtypes. Whole networks come last: they take longest.
"""

from __future__ import annotations

import re

import pytest

from tests.support.specs import SPECS

BACKENDS = ("reference", "extension", "triton")
_COMPILED = re.compile(r"compile|export|functionalize|templates/|test_every_path|traced")
_FEW_SPECS = {"hat", "bw_relu", "bspline3", "triangle_wave"}
_FEW_DTYPES = {"fp32", "bf16", "torch.float32", "torch.bfloat16"}
_DTYPES = {"fp64", "fp32", "fp16", "bf16"} | {
    f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16")
}
_FEW_NETWORKS = {"width 16", "width 33", "width 64", "width 128", "not finite"}


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the items that --gpu asks for, those of whole networks last."""
    whole, device = config.option.gpu == "whole", config.option.gpu_device
    found: tuple[list[pytest.Item], list[pytest.Item]] = [], []
    for item in items:
        on = any(f"{backend}-{device}" in item.nodeid for backend in BACKENDS)
        found[on and (whole or selected(item.nodeid))].append(item)
    config.hook.pytest_deselected(items=found[False])
    items[:] = sorted(found[True], key=lambda item: "mlp" in item.nodeid)


def selected(nodeid: str) -> bool:
    """Whether an id is of the selection."""
    path, _, parameters = nodeid.partition("[")
    if "reference-" in parameters or _COMPILED.search(path):
        return False
    if "triton-" not in parameters:
        return True
    parts = set(parameters.rstrip("]").split("-"))
    if parts & _DTYPES and not parts & _FEW_DTYPES:
        return False
    if "test_on_a_gpu" in path:
        return bool(parts & _FEW_NETWORKS)
    names = parts & SPECS.keys()
    return not names or bool(names & _FEW_SPECS)
