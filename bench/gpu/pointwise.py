"""Hat and BW-ReLU at 2²⁶ elements, by provider: shares of an equal-size copy in the same run."""

from __future__ import annotations

from collections.abc import Iterator

import hatact
from bench import runner
from bench.cases import DTYPES, Case
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.providers import RELU, Provider, providers

ACTIVATIONS = ("hat", "bw_relu")
SIZE, TINY = 2**26, 2**10
_SECONDS = {False: 3.0, True: 15.0}  # of a provider, and of one that torch.compile makes


def cases(setting: Setting) -> Iterator[Case]:
    """bfloat16 first: it is what networks are trained in."""
    for dtype in DTYPES[::-1]:
        for activation in ACTIVATIONS[: 1 if setting.tiny else None]:
            yield Case(activation, SIZE if setting.whole else TINY, dtype, setting.device)


def wanted(case: Case) -> list[Provider]:
    """F.relu, hatact by backend, and the compiled formula."""
    of = [p for p in providers(case) if p.name.startswith("hatact ") or "formula" in p.name]
    of = [p for p in of if not p.name.startswith(("hatact reference", "eager"))]
    return [RELU, *of]


def run(record: Record, setting: Setting, *_: object) -> None:
    if not setting.judged:
        for case in cases(setting):
            _launched(case)
        return
    # The compiled ones of all cases come last.
    for compiled in (False, True):
        for case in cases(setting):
            for row in runner.rows(case, rounds=setting.rounds, who=_while(record, case, compiled)):
                record.add("rows", row)
                _look(record, row)
    for row in record.data.get("rows", []):
        if row.get("mode") == "forward" and row["provider"].startswith("hatact"):
            record.say(_share(row))


def _while(record: Record, case: Case, compiled: bool) -> Iterator[Provider]:
    """Those that are wanted, compiled or not, as long as there is time for the next."""
    for provider in wanted(case):
        name = f"{provider.name}, {case.activation}, {case.dtype}"
        if provider.compiled == compiled and record.time_for(name, _SECONDS[compiled]):
            yield provider


def _launched(case: Case) -> None:
    """What the Triton kernels of a case are launched with, once each."""
    of = next(p for p in providers(case) if p.name.startswith("hatact triton"))
    for provider in (of, *(p for p in providers(case) if p.in_place)):
        with hatact.use_backend("triton"):
            for mode in runner.MODES["cuda"]:
                runner.call_of(case, provider, mode)()


def _look(record: Record, row: dict) -> None:
    if row.get("failed"):
        record.fail(f"{row['provider']}, {row['activation']}, {row['dtype']}: {row['skipped']}")


def _share(row: dict) -> str:
    what = f"{row['provider']}, {row['activation']} {row['dtype']} {row['mode']}"
    share = ""
    if row.get("copy_gb_per_s"):
        share = f", {100 * row['gb_per_s'] / row['copy_gb_per_s']:.0f} % of a copy"
    return f"{what}: {row['ms']:.3g} ms{share}, {row['ratio']:.2f} x F.relu"
