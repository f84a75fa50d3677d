"""Runs of ntk's claims: kernels of networks at their start, on the pixels of images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from hatact.analysis.eigenpairs import decomposed
from hatact.analysis.empirical_ntk import empirical_ntk
from hatact.analysis.images import picture, pixel_grid
from hatact.analysis.target_alignment import target_alignment
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.targets.methods import Method

WIDTH, DEPTH = 256, 5
IMAGES = ("camera", "coins", "moon")
LEADING = 0.1
"""Modes with at least that share of the largest eigenvalue count as learnt first."""


def alignment(
    row: Method, side: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """How much of IMAGES the leading modes of a network's kernel at its start hold.

    The kernel is without the constant, K − its means over rows and over columns. "modes": how many
    have at least LEADING of the largest eigenvalue; by image "aligned", E of those, and "curve",
    E(m) for m = 1 … side².
    """
    x, _ = pixel_grid(side)
    targets = [picture(image, side).flatten().double() for image in IMAGES]
    records = []
    for seed in seeds:
        network = _Alone(row.networks(2, WIDTH, DEPTH, [seed], device)).double()
        kernel = empirical_ntk(network, x.double().to(device)).cpu()
        kernel = kernel - kernel.mean(0)
        values, vectors = decomposed(kernel - kernel.mean(1, keepdim=True))
        modes = int((values >= LEADING * values[0]).sum())
        curves = [target_alignment(vectors, y).tolist() for y in targets]
        aligned = [curve[modes - 1] for curve in curves]
        rounded = [[round(e, 4) for e in curve] for curve in curves]
        records.append({"modes": modes, "aligned": aligned, "curve": rounded})
        advance(1 / len(seeds))
    return records


class _Alone(nn.Module):
    """Of `Networks` of one seed the one network: (N, inputs) → (N, outputs)."""

    def __init__(self, networks: nn.Module) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.networks(x)
        return outputs[0]
