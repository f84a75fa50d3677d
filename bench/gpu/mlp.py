"""Whole networks: what each kernel takes by each launch, then networks against torch's."""

from __future__ import annotations

import torch

import hatact
from bench import mlp_networks, mlps
from bench.gpu import launches
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.mlp_networks import Case
from hatact.backends._triton_tuning import Config, Launch

WIDTHS, DEPTH = (64, 128), 4
BATCH, FEW = 2**20, 2**6
# hatact's, and one eager and one compiled beside them: those that others are paired with.
_NETWORKS = {*mlps.BASELINES.values(), "hatact MLP", "hatact MLP, checkpoint"}
_KERNEL_SECONDS, _NETWORK_SECONDS = 5.0, 30.0


def run(record: Record, setting: Setting, *_: object) -> None:
    torch.set_float32_matmul_precision("medium")
    widths = (16,) if setting.tiny else WIDTHS
    batch = BATCH if setting.whole else FEW
    dtype = torch.float16 if setting.tiny else torch.bfloat16
    cases = [Case(hidden, DEPTH, batch, dtype, setting.device) for hidden in widths]
    served = setting.device in hatact.available_backends()["triton"].devices
    if not served:
        record.leave_out("the launches", "Triton does not serve this device")
    for case in cases if served else ():
        if record.time_for(f"the launches at width {case.hidden}", _KERNEL_SECONDS):
            _launches(record, setting, case)
    for case in cases if setting.judged else ():
        if record.time_for(f"networks of width {case.hidden}", _NETWORK_SECONDS):
            _networks(record, setting, case)


def _launches(record: Record, setting: Setting, case: Case) -> None:
    """Every launch that may be chosen of every kernel of an inference and a training step."""

    def choose(key: str, configs: list[Config], launch: Launch) -> Config | None:
        times: dict[Config, float] = {}
        for config in configs[: 1 if setting.tiny else None]:
            if launches.fits(launch, config):
                times[config] = setting.time_ms(lambda config=config: launch(config), 4)
        best = min(times, key=lambda c: times[c], default=None)
        for config, ms in times.items():
            launched = {
                "kernel": key.partition("/")[0],
                "hidden": case.hidden,
                "depth": case.depth,
                "dtype": str(case.dtype).removeprefix("torch."),
                "batch": case.batch,
                "config": list(config),
                "ms": float(f"{ms:.4g}"),
                "chosen": config == best,
            }
            record.add("launches", launched)
            if config == best:
                what = f"{key.partition('/')[0]}, width {case.hidden}"
                record.say(f"{what}: {ms:.3g} ms by {tuple(config)} of {len(times)}")
        # What was timed last is what the rest of the step reads.
        if best is not None:
            launch(best)
        return best

    of = next(n for n in mlp_networks.networks(case) if n.name == "hatact MLP")
    module, (x, _) = case.module(of), case.data
    with hatact.use_backend("triton"), launches.chosen_by(choose):
        with torch.no_grad():
            module(x)
        case.step(module)()


def _networks(record: Record, setting: Setting, case: Case) -> None:
    for row in mlps.rows(case, rounds=setting.rounds, wanted=lambda of: of.name in _NETWORKS):
        record.add("mlps", row)
        who = f"{row['mlp']}, width {row['hidden']}"
        if row.get("failed"):
            record.fail(f"{who}: {row['skipped']}")
        elif row["mlp"].startswith("hatact") and "mode" in row:
            record.say(f"{who}, {row['mode']}: {_times(row)}")


def _times(row: dict) -> str:
    ratios = [f"{row[k]['ratio']:.2f} x {k}" for k in mlps.BASELINES if k in row]
    return ", ".join((f"{row['ms']:.3g} ms" if "ms" in row else "no baseline ran", *ratios))
