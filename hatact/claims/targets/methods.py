"""Rows of published networks, SIREN, FINER and WIRE, and of an interpolated grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from hatact.baselines.finer import Finer
from hatact.baselines.grids import Grids
from hatact.baselines.siren import Siren
from hatact.baselines.wire import Wire
from hatact.claims.engine.runs import Row


@dataclass(frozen=True)
class Method(Row):
    """A row that may also be "siren", "finer", "wire" (scale: their ω) or "grid".

    Args:
        sigma: of WIRE's Gaussians.
        first_bias: FINER's first biases are drawn from U(±first_bias); 0 for PyTorch's default.
        smoothing: weight of a grid's total variation in its loss.
        unit: the rate is unit·lr; a grid's best rates are a hundred times those of networks.
    """

    sigma: float = 0
    first_bias: float = 0
    smoothing: float = 0
    unit: float = 1

    @property
    def name(self) -> str:
        """The row without its learning rate."""
        if self.activation == "grid":
            return f"grid, TV × {self.smoothing:g}"
        if self.activation not in ("siren", "finer", "wire"):
            return super().name
        parts = [f"{self.activation.upper()}, ω = {self.scale:g}"]
        parts += [f"σ = {self.sigma:g}"] * (self.activation == "wire")
        parts += [f"first bias ±{self.first_bias:g}"] * (self.first_bias > 0)
        return ", ".join(parts)

    @property
    def rate(self) -> float:
        """The learning rate itself."""
        return self.unit * self.lr

    def networks(
        self, inputs: int, width: int, depth: int, seeds: Sequence[int], device: str
    ) -> nn.Module:
        """As `Row.networks`, of the published kind; a grid has as many numbers as the network."""
        sizes = [inputs, *[width] * (depth - 1), 1]
        if self.activation == "siren":
            return Siren(sizes, seeds, self.scale).to(device)
        if self.activation == "finer":
            return Finer(sizes, seeds, self.scale, self.first_bias or None).to(device)
        if self.activation == "wire":
            return Wire(sizes, seeds, self.scale, self.sigma).to(device)
        if self.activation == "grid":
            return Grids.of_parameters(sizes, seeds).to(device)
        return super().networks(inputs, width, depth, seeds, device)

    def penalty(self, model: nn.Module) -> Callable[[], Tensor] | None:
        """What is added to the model's loss, if anything is."""
        if isinstance(model, Grids) and self.smoothing:
            return lambda: self.smoothing * model.total_variation()
        return None
