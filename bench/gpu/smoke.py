"""Is it right? Each op on each backend against the CPU in float64; networks launch by launch."""

from __future__ import annotations

import torch

import hatact
from bench.gpu import smoke_networks, smoke_ops
from bench.gpu.checks import Check
from bench.gpu.record import Record
from bench.gpu.setting import Setting

BACKENDS = ("extension", "triton")


def run(record: Record, setting: Setting, *_: object) -> None:
    """Checks every op, then whole networks; memory that nothing has written holds NaN."""
    torch.set_float32_matmul_precision("medium")  # the least that whole networks are fused with
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    counted = {"right": 0, "wrong": 0, "left out": 0}
    record.put("checks", counted)
    record.put("repeats_differ", False)
    for check in (*smoke_ops.checks(setting), *smoke_networks.checks(setting)):
        if not _serves(check.backend, setting):
            record.leave_out(check.name, f"{check.backend} does not serve {setting.device}")
            counted["left out"] += 1
            continue
        if setting.judged and not record.time_for(check.name, check.seconds):
            counted["left out"] += 1
            continue
        with hatact.use_backend(check.backend):
            wrong = _wrong(check, setting)
        counted["wrong" if wrong else "right"] += 1
        record.touch()
        for sentence in wrong:
            record.fail(f"{check.name}: {sentence}")
        if any(smoke_networks.DIFFERS in sentence for sentence in wrong):
            record.put("repeats_differ", True)
    if counted["left out"] and setting.judged:
        record.fail(f"{counted['left out']} checks were not done: {counted['right']} were right")
    record.say(
        f"{counted['right']} checks right, {counted['wrong']} wrong, {counted['left out']} left out"
    )


def _serves(backend: str, setting: Setting) -> bool:
    return setting.device in hatact.available_backends()[backend].devices


def _wrong(check: Check, setting: Setting) -> list[str]:
    """What is wrong with one check; one that raises is wrong, and the others go on."""
    try:
        found = check.call()
        return check.judge(found) if setting.judged else []
    except Exception as error:
        if not setting.judged:
            raise
        return [f"{type(error).__name__}: {error}".splitlines()[0]]
