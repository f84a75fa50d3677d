"""python -m bench.gpu.sanitized: a few checks of smoke.py, for a tool that makes them crawl."""

from __future__ import annotations

import sys

import torch

import hatact
from bench.gpu import smoke_ops
from bench.gpu.setting import Setting
from bench.gpu.smoke_networks import Network

_SPECS = ("hat", "bw_relu")


def main() -> int:
    """The exit status is 1 if a check is wrong; what the tool finds has a status of its own."""
    setting = Setting("rehearsal" if "--rehearsal" in sys.argv else "gpu")
    wrong = []
    for check in smoke_ops.checks(setting):
        served = setting.device in hatact.available_backends()[check.backend].devices
        small = " 1023 " in check.name or " 33 " in check.name or "odd" in check.name
        few = small and any(spec in check.name for spec in _SPECS)
        other = "cascade float32" in check.name or "linear_act float32" in check.name
        if served and (few or other):
            with hatact.use_backend(check.backend):
                wrong += [f"{check.name}: {w}" for w in check.judge(check.call())]
    if setting.device in hatact.available_backends()["triton"].devices:
        with hatact.use_backend("triton"):
            for hidden in (16,) if setting.tiny else (16, 100):
                dtype = torch.float16 if setting.tiny else torch.bfloat16
                Network(hidden, dtype, 70 if setting.tiny else 1000, setting.device).step()
    print("\n".join(wrong) or "every check is right")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
