"""hatact.nn.MLP in time and memory: plain torch, eager and compiled, and ReLU beside it.

A row is paired with both baselines that a user has: torch.compile of the plain Hat network, and
the eager ReLU network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from bench import memory, runner
from bench.correctness import check_norms
from bench.mlp_networks import CHECKED, Case, networks, plain
from bench.networks import Network, rounding
from bench.runner import failed, timed
from bench.timing import matrix_peak, pair

MODES = ("inference", "training step")
BASELINES = {"compiled": "torch.compile, Hat formula", "relu": "ReLU"}


@dataclass(frozen=True)
class Ready:
    """A network that was checked. `calls`: one a mode; `facts`: what both rows say of it."""

    calls: dict[str, Callable[[], object]]
    facts: dict[str, float]


def check(case: Case, network: Network, module: nn.Module) -> float:
    """The largest relative error of y and of the gradients against float64, on some of the rows.

    Raises:
        WrongResult: if it is more than `slack` times that of the plain-torch network.
    """
    case = replace(case, batch=min(case.batch, CHECKED))
    names = [f"g{what}{layer + 1}" for layer in range(case.depth) for what in "Wb"]
    in_dtype, exact = _expected(case, network.activation)
    return check_norms(
        f"{network.name}, {case.dtype}",
        ("y", *names),
        case.step(module)(),
        in_dtype,
        exact,
        slack=network.slack,
        floor=rounding(case.dtype, case.batch),
    )


@lru_cache(maxsize=2)
def _expected(case: Case, activation: str) -> tuple[list[Tensor], list[Tensor]]:
    """What plain torch makes of a case in its dtype, and in float64."""
    in_dtype, exact = (
        case.step(case.module(plain(activation), t), t)() for t in (case.dtype, torch.float64)
    )
    return in_dtype, exact


def ready(case: Case, network: Network) -> Ready | dict[str, Any]:
    """A network to be timed, or what its row says instead."""
    try:
        module, (x, _) = case.module(network), case.data
        step = case.step(module)

        def inference() -> Tensor:
            with torch.no_grad():
                return module(x)

        step()  # compiled
        seconds = runner.seconds_of(step, case.device)
        if seconds > runner.SECONDS:
            return {"skipped": f"a training step takes about {seconds:.0f} s"}
        error = check(case, network, module)
        left_out = {t.untyped_storage().data_ptr() for t in (x, *module.parameters())}
        facts = {
            "kept_bytes": memory.kept(module, x, left_out).all / case.batch,
            "peak_bytes": memory.peak(step, case.device) / case.batch,
            "max_error": error,
        }
        return Ready(dict(zip(MODES, (inference, step), strict=True)), facts)
    except Exception as error:  # one network's failure is a row, not the end of the run
        return failed(error)


def rows(
    case: Case, *, rounds: int, wanted: Callable[[Network], bool] = lambda network: True
) -> Iterator[dict[str, Any]]:
    """One row a mode and network that is wanted: ms, bytes a row of x, and a timing against each
    baseline.

    The timings stand under the keys of BASELINES; a baseline that did not run is left out.
    `floor_ms` is what the products alone take at the rate of a large torch.mm in the same run.
    """
    peak = matrix_peak(case.device, case.dtype)
    floors = {mode: n / peak * 1e3 for mode, n in case.operations.items()}
    found = {one.name: ready(case, one) for one in filter(wanted, networks(case))}
    ran = {key: found.get(name) for key, name in BASELINES.items()}
    bases = {key: base for key, base in ran.items() if isinstance(base, Ready)}
    for name, one in found.items():
        head = {
            "mlp": name,
            "dtype": str(case.dtype).removeprefix("torch."),
            "batch": case.batch,
            "hidden": case.hidden,
            "depth": case.depth,
        }
        if not isinstance(one, Ready):
            yield {**head, **one}
            continue
        for mode, call in one.calls.items():
            try:
                pairs = {
                    key: timed(pair(call, base.calls[mode], case.device, rounds))
                    for key, base in bases.items()
                }
            except Exception as error:
                yield {**head, "mode": mode, **failed(error)}
                continue
            ms = {"ms": next(iter(pairs.values()))["ms"]} if pairs else {}
            floor = {"floor_ms": float(f"{floors[mode]:.4g}")}
            yield {**head, "mode": mode, **ms, **floor, **pairs, **one.facts}
