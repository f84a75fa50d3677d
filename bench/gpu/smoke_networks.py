"""Checks of whole networks: every launch that may be chosen, against float64 and against itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor

from bench.gpu import launches
from bench.gpu.checks import Check
from bench.gpu.setting import Setting
from bench.tf32 import CutProducts
from hatact import HAT, reference, reference_mlp
from hatact.backends._triton_mlp_rules import mlp_unfused

raw = torch.ops.hatact
DIFFERS = "differs between repeats"
SPEC = HAT.scaled(8)
WIDTHS = (16, 64, 100, 128, 256)
DEPTH, INPUTS, OUTPUTS = 4, 2, 1
ROWS, REPEATS = 2**17 + 3, 50
_SLACK = 2.0  # times the error of the layers in torch in the same dtype, of either kind of tf32


@dataclass(frozen=True)
class Network:
    """The sizes of one network; its tensors are the same on every machine."""

    hidden: int
    dtype: torch.dtype
    rows: int
    device: str

    def step(self, *, reference_in: torch.dtype | None = None) -> list[Tensor]:
        """y and the gradients of x, weights and biases; with a dtype, those of the layers in it."""
        x, g, *parameters = _tensors(self, reference_in or self.dtype)
        weights, biases = parameters[:DEPTH], parameters[DEPTH:]
        knots, coeffs, period = SPEC.numbers
        slopes = SPEC.derivative().numbers[1]
        if reference_in is None:
            forward, backward = raw.mlp_forward, raw.mlp_backward
            y, kept = forward(x, weights, biases, knots, coeffs, period, True)
            found = backward(g, x, weights, biases, kept, knots, coeffs, slopes, period, True, True)
        else:
            f = reference.ppoly
            y, kept = reference_mlp.mlp_forward(f, x, weights, biases, knots, coeffs, period, True)
            args = (g, x, weights, biases, kept, knots, coeffs, slopes, period, True, True)
            found = reference_mlp.mlp_backward(f, *args)
        gx, of_weights, of_biases = found
        return [y, gx, *of_weights, *of_biases]

    def inference(self) -> Tensor:
        x, _, *parameters = _tensors(self, self.dtype)
        y, _ = raw.mlp_forward(x, parameters[:DEPTH], parameters[DEPTH:], *SPEC.numbers, False)
        return y


@lru_cache(maxsize=4)
def _tensors(network: Network, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """x, g, the weights and then the biases: of the network's dtype, given in another."""
    generator = torch.Generator().manual_seed(network.hidden)
    sides = [INPUTS, *[network.hidden] * (DEPTH - 1), OUTPUTS]

    def drawn(*shape: int, scale: float = 1.0) -> Tensor:
        t = scale * torch.randn(shape, generator=generator)
        return t.to(network.device).to(network.dtype).to(dtype)

    x, g = drawn(network.rows, INPUTS), drawn(network.rows, OUTPUTS)
    shapes = list(zip(sides[1:], sides[:-1], strict=True))
    weights = [drawn(*shape, scale=0.3 * shape[1] ** -0.5) for shape in shapes]
    return x, g, *weights, *(0.1 * drawn(shape[0]) for shape in shapes)


NAMES = ("y", "gx", *(f"g{what}{i + 1}" for what in "Wb" for i in range(DEPTH)))


def checks(setting: Setting) -> Iterator[Check]:
    dtypes = (torch.bfloat16, torch.float32, torch.float16)
    if setting.tiny:
        dtypes = dtypes[1:]  # the interpreter multiplies bfloat16 as integers
    for hidden, dtype in product(WIDTHS[:1] if setting.tiny else WIDTHS, dtypes):
        if setting.device == "cuda" and mlp_unfused(hidden, dtype):
            continue
        name = f"triton MLP {hidden} wide, {str(dtype).removeprefix('torch.')}"
        rows = 70 if setting.tiny else ROWS if setting.judged else 5003
        network = Network(hidden, dtype, rows, setting.device)
        every = dtype != torch.float16  # the launches of bfloat16, whose code has the same shape
        repeats = 2 if setting.tiny else REPEATS
        yield _check(name, network, every and not setting.tiny, repeats, setting)


def _check(name: str, network: Network, every: bool, repeats: int, setting: Setting) -> Check:
    unfit: set[str] = set()

    def call() -> dict[int, list[list[Tensor]]]:
        count = launches.most(network.step) if every else 1
        found = {}
        for n in range(count):
            with launches.chosen_by(launches.nth(n, unfit)):
                runs = [network.step() for _ in range(repeats if setting.judged else 1)]
                found[n] = [_distinct(runs), [network.inference()]]
        return found

    def judge(found: dict[int, list[list[Tensor]]]) -> list[str]:
        exact = network.step(reference_in=torch.float64)
        plain = [0.0] * len(exact)
        for products in (nullcontext(), CutProducts()):
            with products:
                in_torch = network.step(reference_in=network.dtype)
            pairs = zip(plain, in_torch, exact, strict=True)
            plain = [max(before, _off(got, want)) for before, got, want in pairs]
        floor = torch.finfo(network.dtype).eps + network.rows**0.5 * torch.finfo(torch.float32).eps
        wrong = [f"the launch {launch} does not fit this GPU" for launch in sorted(unfit)]
        first = found[0][0][0]
        for n, (runs, (y,)) in found.items():
            at = f"launch {n}: " if len(found) > 1 else ""
            for what, got, want, of in zip(NAMES, runs[0], exact, plain, strict=True):
                limit = _SLACK * max(of, floor)
                if not _off(got, want) <= limit:
                    error = _off(got, want)
                    wrong.append(f"{at}{what} is off by {error:.2g}, more than {limit:.2g}")
            others = [f"{at}{what} {DIFFERS}" for run in runs[1:] for what in _unlike(run, runs[0])]
            wrong += dict.fromkeys(others)
            wrong += [f"{at}{k} is not launch 0's, bit for bit" for k in _unlike(runs[0], first)]
            if not torch.equal(y, runs[0][0]):
                wrong.append(f"{at}y is another where nothing is kept")
        return wrong

    return Check(name, "triton", call, judge, seconds=8.0)


def _unlike(one: list[Tensor], other: list[Tensor]) -> list[str]:
    """Names of what is not the same, bit for bit."""
    pairs = zip(NAMES, one, other, strict=True)
    return [name for name, a, b in pairs if not torch.equal(a, b)]


def _distinct(runs: list[list[Tensor]]) -> list[list[Tensor]]:
    """The first, and those that differ from it."""
    first, *others = runs
    return [first, *(other for other in others if _unlike(other, first))]


def _off(got: Tensor, want: Tensor) -> float:
    return float((got.double() - want).norm() / want.norm())
