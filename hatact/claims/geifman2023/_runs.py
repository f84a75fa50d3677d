"""Ways to train, and the runs of geifman2023's claims.

Gradient descent takes its rate from the kernel: 1/λ_max(K·S) at a row's default rate, 1e-3, and in
proportion at others, so that the grid is 0.1 … 10 times it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from hatact.activations import registry
from hatact.analysis.empirical_ntk import empirical_ntk
from hatact.analysis.kernels import shallow_relu_ntk
from hatact.analysis.modified_spectrum import ModifiedSpectrumKernel
from hatact.baselines.shallow_nets import ShallowNets
from hatact.baselines.until import train_until
from hatact.claims.engine.runs import Advance, Record, Row
from hatact.claims.targets import circle, ten_digits
from hatact.nn import MLP
from hatact.optim.muon_split import muon_split
from hatact.optim.spectrum_preconditioner import SpectrumPreconditioner

UNIT = 1e-3
"""The rate of a row at which gradient descent has 1/λ_max(K·S)."""
WIDTH, AMPLITUDE = 4096, 0.1
POINTS, FEW, BETWEEN = 100, 20, 400
IMAGES, HIDDEN = 500, 256
KEPT = ("steps", "left", "outside", "refused")
LONGER = 10
"""How many times as many steps the linearised network may take."""
ARRIVED, LABELS, SOLVED, EXACT = 0.05, 0.1, 1e-3, 1e-6
"""What is left of the target's norm when waves, labels, the solution and it linearised are learnt.
"""


@dataclass(frozen=True)
class Way(Row):
    """A row, "gd", "adam" or "muon", with the preconditioner and the momentum of gradient descent.

    Args:
        modes: of S; with 0 the loss is the mean squared error.
        closed: whether S is of ReLU's kernel in closed form, not of the network at its start.
        refresh: steps after which S is taken anew; 0 for never.
        momentum: of gradient descent: heavy ball.
        unit: the rate of gradient descent at the default rate, in units of 1/λ_max(K·S).
    """

    modes: int = 0
    closed: bool = False
    refresh: int = 0
    momentum: float = 0
    unit: float = 1

    @property
    def name(self) -> str:
        """Without the learning rate."""
        method = {"gd": "GD", "adam": "Adam", "muon": "Muon"}[self.optimiser]
        method = f"PGD, {self.modes} modes" if self.modes else method
        parts = [f"heavy ball, β = {self.momentum:g}" if self.momentum else method]
        parts += [f"{self.activation}({self.scale:.3g}x)"] * (self.activation != "relu")
        parts += ["S in closed form"] * self.closed
        parts += [f"S anew every {self.refresh}"] * (self.refresh > 0)
        return ", ".join(parts)

    def __str__(self) -> str:
        if self.optimiser == "gd":
            rate = self.unit * self.lr / UNIT
            return self.name if rate == 1 else f"{self.name} (rate ×{rate:.3g})"
        return f"{self.name} (lr {self.lr:g})"

    def network(self, inputs: int, seed: int) -> ShallowNets:
        """One shallow network, that of the seed."""
        return ShallowNets(inputs, WIDTH, [seed], self.module())

    def preconditioner(self, model: nn.Module, x: Tensor) -> SpectrumPreconditioner:
        """S; of one mode where there is none, for its rate."""
        if self.closed:
            kernel = shallow_relu_ntk(x.double())
            return SpectrumPreconditioner.from_kernel(kernel, self.modes)
        return SpectrumPreconditioner(model, x, max(self.modes, 1))

    def optimisers(self, model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
        """What trains the model; `rate` is 1/λ_max(K·S) as a rate of gradient descent."""
        if self.optimiser == "gd":
            lr = rate * self.unit * self.lr / UNIT
            return [torch.optim.SGD(model.parameters(), lr=lr, momentum=self.momentum)]
        if self.optimiser == "adam":
            return [torch.optim.Adam(model.parameters(), lr=self.lr, fused=True)]
        hidden: Any
        rest: Any
        if isinstance(model, ShallowNets):  # its one matrix counts as hidden
            hidden, rest = [*model.weights], [model.biases]
        else:
            hidden, rest = muon_split(model)
        muon = torch.optim.Muon(hidden, lr=self.lr, weight_decay=0)
        return [muon, torch.optim.Adam(rest, lr=self.lr, fused=True)]


def learn(
    way: Way,
    model: nn.Module,
    p: SpectrumPreconditioner,
    x: Tensor,
    y: Tensor,
    steps: int,
    threshold: float,
    advance: Advance,
) -> Record:
    """The record of `train_until`, with the late loss; S and the rate are those of p at first.

    "outside" is what the modes replaced leave of y, as a share of ‖y‖, if there are any; "refused"
    how often S could not be found anew, because its last mode was rounding, and stayed.
    """
    refused = 0
    if way.refresh:
        p = way.preconditioner(model, x)
    optimisers = way.optimisers(model, p.rate())
    v = p.vectors.to(y)
    outside = float((y - v @ (v.T @ y)).norm() / y.norm()) if way.modes else None

    def before(step: int) -> None:
        nonlocal refused
        if way.refresh and step and step % way.refresh == 0:
            try:
                p.refresh()
            except RuntimeError:
                refused += 1
            else:
                optimisers[:] = way.optimisers(model, p.rate())

    loss = p.loss if way.modes else nn.functional.mse_loss
    learnt = train_until(model, optimisers, x, y, steps, threshold, loss, before, advance)
    more = {"late_loss": learnt.left**2, "outside": outside, "refused": refused}
    return {**learnt._asdict(), **more}


def shared(advance: Advance, parts: int) -> Advance:
    """What one of so many equal parts of a run is told."""
    return lambda share: advance(share / parts)


def waves(
    row: Way,
    steps: int,
    frequencies: Sequence[int],
    amplitude: float,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """One network a wave; by frequency :data:`KEPT` of :func:`learn`, and the mean late loss."""
    theta = circle.angles(POINTS)
    x = circle.points(theta).float().to(device)
    advance, records = shared(advance, len(seeds) * len(frequencies)), []
    for seed in seeds:
        y = (amplitude * circle.waves(theta, frequencies, seed)).float().to(device)
        networks = [row.network(2, seed).to(device) for _ in frequencies]
        p = row.preconditioner(networks[0], x)  # all start alike
        runs = [
            learn(row, network, p, x, wave, steps, ARRIVED, advance)
            for network, wave in zip(networks, y.split(1, 1), strict=True)
        ]
        record: Record = {key: [run[key] for run in runs] for key in KEPT}
        late = sum(run["late_loss"] for run in runs) / len(runs)
        records.append({**record, "late_loss": late})
    return records


def labels(
    row: Way, steps: int, network: str, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Odd digits against even ones, ±A, IMAGES of them drawn by the seed.

    The "shallow" network learns images of norm 1 with A = 0.1, the "default" one, 64 → 256 → 256 →
    1 as PyTorch starts it, pixels in [0, 1] with A = 1. A record is :func:`learn`'s, with the
    "accuracy" on the images held out.
    """
    records, shallow = [], network == "shallow"
    for seed in seeds:
        pixels, digit, held, of_held = (t.to(device) for t in ten_digits.images(seed))
        x, wanted = pixels[:IMAGES], 2.0 * (digit[:IMAGES, None] % 2) - 1
        if shallow:
            x, held = (t / t.norm(dim=1, keepdim=True) for t in (x, held))
            model: nn.Module = row.network(64, seed).to(device)
        else:
            model = _default(row, seed).to(device)
        y = wanted * (AMPLITUDE if shallow else 1)
        p = row.preconditioner(model, x)
        record = learn(row, model, p, x, y, steps, LABELS, shared(advance, len(seeds)))
        with torch.no_grad():
            right = (model(held)[:, 0] > 0) == (of_held % 2 > 0)
        records.append({**record, "accuracy": float(right.double().mean())})
    return records


def _default(row: Way, seed: int) -> MLP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP(64, HIDDEN, 1, 3, registry()[row.activation].scaled(row.scale))


def solution(
    row: Way, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train on FEW points of three waves, in float64, and look between them, at BETWEEN points.

    A record is :func:`learn`'s, with how far the network ends there from the kernel regression of
    its kernel at the start, relative to that ("apart"), the network's values less the regression's
    ("beside"), and how far its linearisation ends from it, trained in the same way ("linear").
    """
    records, tell = [], shared(advance, 2 * len(seeds))
    for seed in seeds:
        theta, between = circle.angles(FEW, seed), circle.angles(BETWEEN)
        x, grid = (circle.points(t).to(device) for t in (theta, between))
        y = AMPLITUDE * circle.waves(theta, (1, 3, 5), seed).sum(1, keepdim=True).to(device)
        start, model = (row.network(2, seed).double().to(device) for _ in range(2))
        kernel = partial(empirical_ntk, start)
        fitted = ModifiedSpectrumKernel(kernel, x, lambda values: values).fit(y).predict(grid)
        record = learn(row, model, row.preconditioner(start, x), x, y, steps, SOLVED, tell)
        beside = (model(grid) - fitted).detach()

        j, across = _features(start, x), _features(start, grid)
        linear = nn.Linear(j.shape[1], 1, bias=False, dtype=j.dtype, device=device)
        nn.init.zeros_(linear.weight)
        learn(row, linear, row.preconditioner(linear, j), j, y, LONGER * steps, EXACT, tell)
        apart = {"apart": beside, "linear": (linear(across) - fitted).detach()}
        shares = {name: float(gap.norm() / fitted.norm()) for name, gap in apart.items()}
        records.append({**record, **shares, "beside": beside[:, 0].tolist()})
    return records


def _features(model: nn.Module, x: Tensor) -> Tensor:
    """∂f(x_i)/∂w, (N, P): linearised, f = Σ_p w_p·∂f/∂w_p from w = 0."""
    weights = {name: p.detach() for name, p in model.named_parameters()}

    def at_one(weights: dict[str, Tensor], point: Tensor) -> Tensor:
        return functional_call(model, weights, (point[None],))[0, 0]  # type: ignore[no-any-return]

    by_name = vmap(grad(at_one), (None, 0))(weights, x)
    return torch.cat([g.flatten(1) for g in by_name.values()], 1)
