"""python -m bench.gpu.sanitized: a few checks of smoke.py, for a tool that makes them crawl."""

from __future__ import annotations

import sys

import torch

import hatact
from bench.gpu import smoke_ops
from bench.gpu.setting import Setting
from bench.gpu.smoke_networks import Network

_SPECS = ("hat", "bw_relu")


def wrong(setting: Setting) -> list[str]:
    """What is wrong with a few small checks; a network is only run. Where ops return nothing that
    they computed, nothing is."""
    found = []
    for check in smoke_ops.checks(setting):
        served = setting.device in hatact.available_backends()[check.backend].devices
        small = " 1023 " in check.name or " 33 " in check.name or "odd" in check.name
        few = small and any(spec in check.name for spec in _SPECS)
        other = "cascade float32" in check.name or "linear_act float32" in check.name
        if served and (few or other):
            with hatact.use_backend(check.backend):
                results = check.call()
            if setting.judged:
                found += [f"{check.name}: {sentence}" for sentence in check.judge(results)]
    if setting.device in hatact.available_backends()["triton"].devices:
        with hatact.use_backend("triton"):
            for hidden in (16,) if setting.tiny else (16, 100):
                dtype = torch.float16 if setting.tiny else torch.bfloat16
                Network(hidden, dtype, 70 if setting.tiny else 1003, setting.device).step()
    return found


def main() -> int:
    """The exit status is 1 if a check is wrong; what the tool finds has a status of its own."""
    found = wrong(Setting("rehearsal" if "--rehearsal" in sys.argv else "gpu"))
    print("\n".join(found) or "every check is right")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
