"""LinearAct, cascades, and sizes at which a launch costs more than its work."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import hatact
from bench import cascades, networks, runner
from bench.cases import Case
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.providers import RELU, Provider, providers

DTYPES = (torch.bfloat16, torch.float32)
SMALL = (2**8, 2**12, 2**16)
BATCH, TINY = 2**16, 2**6
_SECONDS = 4.0


def run(record: Record, setting: Setting, *_: object) -> None:
    if not setting.judged:
        _launched(setting)
        return
    _small(record, setting)
    _linear(record, setting)
    _cascades(record, setting)


def _small_cases(setting: Setting) -> list[Case]:
    sizes = SMALL[:1] if setting.tiny else SMALL
    return [Case("hat", size, torch.bfloat16, setting.device) for size in sizes]


def _small(record: Record, setting: Setting) -> None:
    """Each kernel in a CUDA graph, and called from Python one by one."""

    def who(case: Case) -> Iterator[Provider]:
        of = [p for p in providers(case) if p.name.startswith("hatact ") and not p.in_place]
        of = [p for p in of if not p.name.startswith("hatact reference")]
        for provider in (*of, RELU):
            if record.time_for(f"{provider.name} of {case.size} elements", _SECONDS / 2):
                yield provider

    for case in _small_cases(setting):
        for row in runner.rows(case, rounds=setting.rounds, who=who(case)):
            _added(record, "rows", row, row["provider"])


def _linear(record: Record, setting: Setting) -> None:
    """Linear → activation → Linear, of which LinearAct fuses the first two."""

    def wanted(network: networks.Network) -> bool:
        eager = "compile" not in network.name and "formula" not in network.name
        return eager and record.time_for(network.name, _SECONDS)

    batch = TINY if setting.tiny else BATCH
    dtypes = DTYPES[1:] if setting.tiny else DTYPES  # bfloat16 is nothing for the interpreter
    asked = {"rounds": setting.rounds, "batch": batch, "dtypes": dtypes, "wanted": wanted}
    for row in networks.rows(setting.device, **asked):
        _added(record, "networks", row, row["network"])


def _cascades(record: Record, setting: Setting) -> None:

    def wanted(who: cascades.Who) -> bool:
        return record.time_for(who.name, 3 * _SECONDS if "compile" in who.name else _SECONDS)

    sizes = (TINY,) if setting.tiny else None
    asked = {"rounds": setting.rounds, "sizes": sizes, "wanted": wanted}
    for row in cascades.rows(setting.device, **asked):
        _added(record, "cascades", row, row["cascade"])


def _added(record: Record, where: str, row: dict, who: str) -> None:
    record.add(where, row)
    if row.get("failed"):
        record.fail(f"{who}: {row['skipped']}")
    elif who.startswith("hatact") and "ratio" in row:
        mode = f", {row['mode']}" if "mode" in row else ""
        size = f", {row['size']} elements" if "size" in row else ""
        record.say(f"{who}{size}{mode}: {row['ms']:.3g} ms, ratio {row['ratio']:.2f}")


def _launched(setting: Setting) -> None:
    """What Triton's kernels are launched with here, once each."""
    with hatact.use_backend("triton"):
        for case in _small_cases(setting):
            provider = next(p for p in providers(case) if p.name.startswith("hatact triton"))
            for mode in runner.MODES["cuda"]:
                runner.call_of(case, provider, mode)()
        for dtype in DTYPES:
            layers = networks.Layers(BATCH, networks.WIDTH, dtype, setting.device)
            for network in networks.networks(setting.device):
                if network.name.startswith("hatact") and "compile" not in network.name:
                    layers.built(network).call()
        for shape in cascades.SHAPES:
            for who in cascades.providers(setting.device):
                if who.name == "hatact triton":
                    tensors = cascades.Inputs(*shape, setting.device).tensors()
                    for mode in cascades.MODES:
                        cascades.call_of(who, tensors, mode)()
