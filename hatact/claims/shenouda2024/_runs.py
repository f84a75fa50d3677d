"""Runs of shenouda2024's own: features' condition, and networks stopped at one data loss."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hatact.analysis.features import feature_condition
from hatact.analysis.images import grey, ssim
from hatact.analysis.path_norm import path_norm
from hatact.analysis.spectrum import psnr
from hatact.analysis.tracked import spread_steps
from hatact.baselines.networks import Networks
from hatact.baselines.training import fit
from hatact.baselines.until import train_until
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method
from hatact.nn import BWNetwork

WIDE = 300
"""The width of arXiv 2406.02529's networks, whose features are looked at."""
RATE = 3e-3
LOST: Record = {"condition": None, "rank": 0, "dead": 0, "shown": [], "spectrum": []}
"""What is known of features that are not finite."""


def condition(
    row: Method, image: str, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train on half of an image; "start" and "end" hold the condition of the last layer's features.

    "spectrum" is of the singular values, over the largest one, those numbered "shown".
    """
    _, x, y, _, _ = imaging.problem("half", image, device)
    model = row.networks(2, WIDE, imaging.DEPTH, seeds, device)
    assert isinstance(model, Networks)
    start = _conditions(model, x)
    fit(model, row.optimiser_of(model), x, y, steps, advance=advance)
    return [{"start": a, "end": b} for a, b in zip(start, _conditions(model, x), strict=True)]


def _conditions(model: Networks, x: Tensor) -> list[Record]:
    with torch.no_grad():
        features = copy.deepcopy(model).double().features(x.double())
    return [_condition(h) if bool(h.isfinite().all()) else dict(LOST) for h in features]


def _condition(features: Tensor) -> Record:
    found = feature_condition(features)
    shown = [i for i in spread_steps(len(found.values)) if i]
    return {
        **{key: getattr(found, key) for key in LOST if key not in ("shown", "spectrum")},
        "shown": shown,
        "spectrum": (found.values / found.values[0])[[i - 1 for i in shown]].tolist(),
    }


class _Measured(nn.Module):
    """What a problem measures of a network's values."""

    def __init__(self, network: nn.Module, problem: imaging.Problem) -> None:
        super().__init__()
        self.network, self.problem = network, problem

    def forward(self, x: Tensor) -> Tensor:
        return self.problem.measure(self.network(x)[None])[0]


def stopped(
    c: float,
    weight: float,
    image: str,
    angles: int,
    threshold: float,
    steps: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """BW-ReLU networks on a sinogram until ‖f − y‖ ≤ threshold·‖y‖.

    What is lowered is ‖f − y‖²/‖y‖² + weight·(path norm), times the mean square of y.
    A record holds the "steps", None for never, the "path_norm", and the image's "psnr", "ssim" and
    grey levels, there or at the last step.
    """
    problem, records = imaging.problem("rays", image, device, angles), []
    side, power = len(problem.image), float(problem.y.square().mean())
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = BWNetwork(2, imaging.WIDTH, imaging.DEPTH - 1, 1, c).to(device)

        def loss(out: Tensor, y: Tensor, network: BWNetwork = network) -> Tensor:
            data = nn.functional.mse_loss(out, y)
            return data + weight * power * path_norm(network) if weight else data

        optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
        learnt = train_until(
            _Measured(network, problem),
            [optimiser],
            problem.x,
            problem.y,
            steps,
            threshold,
            loss,
            advance=lambda share: advance(share / len(seeds)),
        )
        with torch.no_grad():
            made, norm = network(problem.x).reshape(side, side), float(path_norm(network))
        records.append(
            {
                "steps": learnt.steps,
                "left": learnt.left,
                "path_norm": norm,
                "psnr": psnr(made, problem.image),
                "ssim": ssim(made, problem.image),
                "image": grey(made.cpu()),
            }
        )
    return records
