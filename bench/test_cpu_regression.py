"""Call overhead and kernel speed on the CPU, with pytest-benchmark: `make bench-cpu`.

Not part of the suite (`testpaths = tests`): it says how long, not whether it is right. Compare two
commits on one quiet machine only: `--benchmark-save=before`, then `--benchmark-compare`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.cases import Case
from bench.providers import RELU, Provider
from bench.runner import call_of
from hatact import functional

SIZES = {"overhead": 8, "in cache": 2**14, "in memory": 2**22}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": RELU.function,
    "hat": functional.hat,
    "bw_relu": functional.bw_relu,
    "bspline3": functional.bspline,
}
IN_PLACE = Provider("hat in place", lambda x: functional.hat(x, inplace=True), in_place=True)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("mode", ["forward", "forward+backward"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", [*FUNCTIONS, "hat in place"])
def test_time(benchmark: Any, name: str, dtype: torch.dtype, mode: str, size: int) -> None:
    provider = Provider(name, FUNCTIONS[name]) if name in FUNCTIONS else IN_PLACE
    call = call_of(Case("hat", size, dtype, "cpu"), provider, mode)
    benchmark.group = f"{mode}, {size} elements, {dtype}"
    benchmark.pedantic(call, warmup_rounds=2, rounds=9, iterations=200 if size < 2**20 else 3)
