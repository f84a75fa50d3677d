"""python -m bench.gpu.kernels: the four kernels that a profiler looks at, each launched once.

Hat in bfloat16 at 2²⁶ elements, forward and with its code, by the C++ kernels; of a whole network
of width 64 the forward, and the gradients of its hidden weights, by Triton's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

import hatact
from bench.gpu import launches
from bench.gpu.setting import Setting
from bench.gpu.smoke_networks import Network
from hatact import HAT
from hatact.backends._triton_tuning import Config, Launch

KERNELS = ("forward", "parameters, hidden")
SIZE, ROWS = 2**26, 2**20


def profiled(setting: Setting) -> None:
    """Launches each once between a profiler's start and stop, after once without."""
    on_gpu = setting.kind == "gpu"
    size, rows = (SIZE, ROWS) if setting.whole else (2**10, 64)
    dtype = torch.float16 if setting.tiny else torch.bfloat16
    x = torch.randn(size, device=setting.device).to(dtype)
    network = Network(16 if setting.tiny else 64, dtype, rows, setting.device)
    numbers = HAT.numbers

    def pointwise() -> None:
        torch.ops.hatact.ppoly(x, None, *numbers)
        torch.ops.hatact.ppoly_encode(x, *numbers)

    def choose(key: str, configs: Sequence[Config], launch: Launch) -> Config | None:
        best = next((c for c in configs if launches.fits(launch, c)), None)
        if best is not None and key.partition("/")[0] in KERNELS:
            _between(on_gpu, lambda: launch(best))
        return best

    if setting.judged:
        with hatact.use_backend("extension"):
            pointwise()
            _between(on_gpu, pointwise)
    if setting.device in hatact.available_backends()["triton"].devices:
        with hatact.use_backend("triton"), launches.chosen_by(choose):
            network.inference()
            network.step()


def _between(on_gpu: bool, call: launches.Call) -> None:
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.profiler.start()
    call()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.profiler.stop()


if __name__ == "__main__":
    profiled(Setting("gpu" if "--rehearsal" not in sys.argv else "rehearsal"))
