"""Whole networks in → W → … → W → out: their sizes, what each gets, and who competes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

import hatact.nn
from bench.formulas import sum_formula
from bench.networks import FORMULA_SLACK, Apply, Network
from hatact import HAT, RELU, reference

IN, OUT, SCALE = 2, 1, 8
SIZES = ((64, 4, 2**12), (64, 4, 2**16), (256, 6, 2**13))  # hidden, depth, batch
REDUCED = (torch.bfloat16, torch.float16)  # at the first size
# On CUDA in bfloat16, and the first in float16.
SIZES_ON_CUDA = tuple((w, d, 2**20) for w, d in ((64, 4), (128, 4), (64, 8), (128, 8), (256, 6)))
CHECKED = 2**17  # rows on which a larger case is checked: float64 would not fit the device
Step = Callable[[], list[Tensor]]
SPECS = {"hat": HAT.scaled(SCALE), "relu": RELU}
_OFF_KINKS = 2e-5  # many times what float32 errs by in a pre-activation


@dataclass(frozen=True)
class Case:
    """The layers' sizes, and what every network gets: one x, one target, one set of weights."""

    hidden: int
    depth: int
    batch: int
    dtype: torch.dtype
    device: str

    def chain(self, activation: Callable[[], nn.Module]) -> nn.Sequential:
        """The layers, initialised as PyTorch does, an activation between each two."""
        widths = [IN, *[self.hidden] * (self.depth - 1), OUT]
        parts: list[nn.Module] = []
        for n, m in pairwise(widths):
            parts += [nn.Linear(n, m), activation()]
        return nn.Sequential(*parts[:-1])

    def module(self, network: Network, dtype: torch.dtype | None = None) -> nn.Module:
        """A network with the case's weights."""
        made = network.make(self).to(self.device, dtype or self.dtype)
        with torch.no_grad():
            for p, w in zip(made.parameters(), _drawn(self)[2], strict=True):
                p.copy_(w)
        return made

    def step(self, module: nn.Module, dtype: torch.dtype | None = None) -> Step:
        """Forward, mean squared error and backward: y and the parameters' gradients."""
        x, target = (t.to(dtype or self.dtype) for t in self.data)
        parameters = list(module.parameters())

        def call() -> list[Tensor]:
            y = module(x)
            loss = nn.functional.mse_loss(y, target)
            return [y.detach(), *torch.autograd.grad(loss, parameters)]

        return call

    @property
    def operations(self) -> dict[str, int]:
        """Multiplications and additions of the products, by mode; x gets no gradient."""
        widths = [IN, *[self.hidden] * (self.depth - 1), OUT]
        forward = 2 * self.batch * sum(n * m for n, m in pairwise(widths))
        of_input = 2 * self.batch * IN * self.hidden
        return {"inference": forward, "training step": 3 * forward - of_input}

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        """x and the target."""
        return _drawn(self)[:2]


@lru_cache(maxsize=2)  # a case, and the part of it that is checked
def _drawn(case: Case) -> tuple[Tensor, Tensor, list[Tensor]]:
    """x ~ U(−1, 1), the target ~ N(0, 1) and the weights, in the case's dtype.

    At a kink either slope is right, so float32 rows that come as near to one as rounding errors
    are not drawn; 16 bits bring every row that near.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = [p.detach().to(case.dtype) for p in case.chain(nn.Identity).parameters()]
        x = (2 * torch.rand(2 * case.batch, IN) - 1).to(case.dtype)
        target = torch.randn(case.batch, OUT).to(case.dtype)
    if case.dtype == torch.float32:
        x = x[_off_kinks(x.double(), [w.double() for w in weights])]
    x = x[: case.batch].clone()
    assert len(x) == case.batch
    return x.to(case.device), target.to(case.device), [w.to(case.device) for w in weights]


def _off_kinks(x: Tensor, weights: list[Tensor]) -> Tensor:
    """The rows of which no pre-activation is near a knot, in the Hat and in the ReLU network."""
    off = torch.ones(len(x), dtype=torch.bool)
    for spec in SPECS.values():
        h = x
        for w, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            z = nn.functional.linear(h, w, b)
            for knot in spec.knots:
                off &= ((z - float(knot)).abs() > _OFF_KINKS).all(1)
            h = reference.ppoly(z, None, *spec.numbers)
    return off


def cases(device: str, batch: int | None = None) -> list[Case]:
    """On the CPU float32 at every size, then the first size in 16 bits; on CUDA 16 bits alone."""
    on_cuda = device == "cuda"
    sizes = [(w, d, batch or n) for w, d, n in (SIZES_ON_CUDA if on_cuda else SIZES)]
    if on_cuda:
        found = [Case(*size, torch.bfloat16, device) for size in sizes]
        return [*found, Case(*sizes[0], torch.float16, device)]
    sizes = list(dict.fromkeys(sizes))
    found = [Case(*size, torch.float32, device) for size in sizes]
    return found + [Case(*sizes[0], dtype, device) for dtype in REDUCED]


def plain(activation: str) -> Network:
    """By definition, in plain torch: what the others err against."""
    numbers = SPECS[activation].numbers

    def make(case: Case) -> nn.Module:
        return case.chain(lambda: Apply(lambda x: reference.ppoly(x, None, *numbers)))

    return Network("plain", make, activation)


def _compiled(
    make: Callable[[Case], nn.Module], mode: str | None = None
) -> Callable[[Case], nn.Module]:
    return lambda case: torch.compile(make(case), fullgraph=True, dynamic=False, mode=mode)


def _mlp(checkpoint: bool) -> Callable[[Case], nn.Module]:
    return lambda case: hatact.nn.MLP(
        IN, case.hidden, OUT, case.depth, SPECS["hat"], checkpoint=checkpoint
    )


def networks(case: Case | None = None) -> Iterator[Network]:
    """Who competes; both baselines are among them.

    On CUDA the longer search of torch.compile too, at one depth: it takes minutes.
    """
    summed = sum_formula("hat")
    assert summed is not None

    def relu(case: Case) -> nn.Module:
        return case.chain(nn.ReLU)

    def formula(case: Case) -> nn.Module:
        return case.chain(lambda: Apply(lambda x: summed(SCALE * x)))

    yield Network("ReLU", relu, "relu")
    yield Network("torch.compile, ReLU", _compiled(relu), "relu")
    yield Network("Hat, eager formula", formula, slack=FORMULA_SLACK)
    yield Network("torch.compile, Hat formula", _compiled(formula), slack=FORMULA_SLACK)
    if case is not None and case.device == "cuda" and case.depth == SIZES_ON_CUDA[0][1]:
        # Without CUDA graphs of its own: it is timed in one, which cannot hold another.
        tuned = _compiled(formula, "max-autotune-no-cudagraphs")
        yield Network("torch.compile max-autotune, Hat formula", tuned, slack=FORMULA_SLACK)
    yield Network("hatact layers", lambda case: case.chain(lambda: hatact.nn.Hat(scale=SCALE)))
    yield Network("hatact MLP", _mlp(False))
    yield Network("hatact MLP, checkpoint", _mlp(True))
