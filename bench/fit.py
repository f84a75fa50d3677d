"""A user's task: a coordinate network learns an image, the same steps in each network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bench.mlp_networks import Case, networks
from bench.networks import Network
from bench.runner import failed
from bench.timing import finish

IMAGE = "camera"
SIDES, BATCHES = {"cpu": 256, "cuda": 512}, {"cpu": 2**13, "cuda": 2**16}
HIDDEN, DEPTH = 64, 4
RATE = 3e-3  # of 1e-3, 3e-3, 1e-2 the best for ReLU and for Hat
STEPS, BLOCK = 300, 30
WITHOUT = ("hatact layers", "hatact MLP, checkpoint")  # of mlps.py alone


class _Fit:
    """One network in training, and the seconds that its steps took."""

    def __init__(self, case: Case, network: Network, x: Tensor, u: Tensor) -> None:
        self.x, self.u, self.seconds = x, u, 0.0
        self.module = case.module(network)
        start = [p.detach().clone() for p in self.module.parameters()]
        self._restart()
        for _ in range(2):
            self._step(torch.arange(case.batch, device=x.device) % len(x))  # compiled
        self.psnr()
        with torch.no_grad():
            for p, w in zip(self.module.parameters(), start, strict=True):
                p.copy_(w)
        self._restart()

    def _restart(self) -> None:
        self.adam = torch.optim.Adam(self.module.parameters(), lr=RATE)

    def _step(self, drawn: Tensor) -> None:
        self.adam.zero_grad()
        # On CUDA as networks are trained there, in bfloat16 with float32 parameters.
        with torch.autocast(self.x.device.type, torch.bfloat16, enabled=self.x.is_cuda):
            y = self.module(self.x[drawn])
        loss = nn.functional.mse_loss(y.float(), self.u[drawn])
        loss.backward()
        self.adam.step()

    def run(self, draws: list[Tensor]) -> None:
        """A step for each draw of pixels, on the clock."""
        finish(self.x.device.type)
        start = time.perf_counter()
        for drawn in draws:
            self._step(drawn)
        finish(self.x.device.type)
        self.seconds += time.perf_counter() - start

    def psnr(self) -> float:
        from hatact.analysis import psnr

        with torch.no_grad():
            return psnr(self.module(self.x), self.u)


def _pixels(device: str, side: int) -> tuple[Tensor, Tensor]:
    """Coordinates in [−1, 1]² and grey values: blocks of 2 × 2 pixels, averaged."""
    from hatact.analysis.images import picture, pixel_grid

    image = picture(IMAGE, side)
    return pixel_grid(side)[0].to(device), image.reshape(-1, 1).to(device)


def rows(device: str, *, batch: int | None = None) -> Iterator[dict[str, Any]]:
    """One row a network: seconds of all steps, and the PSNR of the whole image after them.

    One seed, and the same weights and draws of pixels for each. The networks take blocks of steps
    in turn: what disturbs the machine meets all of them.
    """
    side = SIDES[device]
    case = Case(HIDDEN, DEPTH, batch or BATCHES[device], torch.float32, device)
    head = {"image": IMAGE, "side": side, "batch": case.batch, "hidden": HIDDEN, "depth": DEPTH}
    head |= {"steps": STEPS, "rate": RATE}
    if device == "cuda":
        head["autocast"] = "bfloat16"
    try:
        x, u = _pixels(device, side)
    except ImportError as error:
        yield {"fit": IMAGE, **head, "skipped": f"its packages are not installed: {error}"}
        return
    generator = torch.Generator().manual_seed(0)
    draws = [
        torch.randint(len(x), (case.batch,), generator=generator).to(device) for _ in range(STEPS)
    ]
    fits: dict[str, _Fit | dict[str, Any]] = {}
    for network in networks(case):
        if network.name not in WITHOUT:
            try:
                fits[network.name] = _Fit(case, network, x, u)
            except Exception as error:  # one network's failure is a row, not the end of the run
                fits[network.name] = failed(error)
    for first in range(0, STEPS, BLOCK):
        for name, one in fits.items():
            if isinstance(one, _Fit):
                try:
                    one.run(draws[first : first + BLOCK])
                except Exception as error:
                    fits[name] = failed(error)
    for name, one in fits.items():
        if isinstance(one, _Fit):
            found = {"seconds": float(f"{one.seconds:.4g}"), "psnr": round(one.psnr(), 2)}
        yield {"fit": name, **head, **(found if isinstance(one, _Fit) else one)}
