"""Triangle cascades as modules: the fused one, and the ReLU network of width 4 that it equals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hatact import cascade
from hatact._checks import DTYPES, compute_dtype
from hatact.functional._cascade import of_known_numbers
from hatact.nn._arguments import check_sizes

MARGIN = 2.0**-10  # Theorem 3.1 needs peaks bounded away from 0 and 1
_SCALES = ("theorem", "free")
_LOW, _HIGH = 0.2, 0.8


def _wide(t: Tensor) -> Tensor:
    """At least float32: in bfloat16 a peak of 1 − 2^−10 rounds to 1, and small scales to 0."""
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


class TriangleCascade(nn.Module):
    """y = F(x) = Σ_i s_i·(T_{a_i} ∘ … ∘ T_{a_0})(x) on [0, 1], 0 elsewhere; a cascade a channel.

    A learned activation with 2^depth linear pieces (fewer only where free scales make the slopes of
    neighbours meet) from depth + 2 numbers: peaks and a first scale. F is concave in
    kind (x − x² for peaks ½); for a convex target subtract it, in a linear layer that follows; for
    any other take the difference of two channels. The input belongs in [0, 1].

    Shapes: (*, channels) → (*, channels). dtypes, derivatives, values outside [0, 1], at ±inf and
    NaN, memory: :func:`hatact.functional.triangle_cascade`. Under `torch.compile` the op stays
    whole. Source: arXiv 2311.18022.

    Args:
        depth: how many triangles are composed, at least 1.
        channels: how many cascades, each for one entry of x's last dimension.
        scales: "theorem": s_{i+1} = s_i·(1 − a_{i+1})·a_{i+2} (Theorem 3.1: the limit of F is
            differentiable), with s_0 free; that takes depth + 1 peaks a channel. "free": depth
            peaks and depth free scales, which start as the theorem has them.
        peaks: those to start with, (channels, depth + 1); otherwise drawn from U(0.2, 0.8).
        device, dtype: of the parameters.

    Attributes:
        peak_logits: (channels, depth + 1), or (channels, depth) where scales are free;
            a = m + (1 − 2m)·sigmoid(peak_logits), m = 2^−10.
        log_scales: (channels, 1), or (channels, depth) where they are free; the logarithms of s_0,
            which starts as (1 − a_0)·a_1, or of all.

    Raises:
        ValueError: for a depth or channels below 1, another word for scales, peaks outside
            (2^−10, 1 − 2^−10) or of another shape; calling it, for an x whose last dimension is not
            `channels`.
    """

    peak_logits: nn.Parameter
    log_scales: nn.Parameter

    def __init__(
        self,
        depth: int,
        channels: int = 1,
        scales: str = "theorem",
        peaks: Tensor | Sequence[Sequence[float]] | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        depth, channels = check_sizes(
            "TriangleCascade(depth, channels=1)", depth=depth, channels=channels
        )
        if scales not in _SCALES:
            raise ValueError(
                f"scales must be one of {', '.join(_SCALES)}; got {scales!r}: write "
                'scales="theorem"'
            )
        self.depth, self.channels, self.free = depth, channels, scales == "free"
        sizes = (depth, depth) if self.free else (depth + 1, 1)
        self.peak_logits, self.log_scales = (
            nn.Parameter(torch.empty(channels, n, device=device, dtype=dtype)) for n in sizes
        )
        if peaks is None:
            self.reset_parameters()
        else:
            self._start_with(torch.as_tensor(peaks, dtype=torch.float64, device="cpu"))

    def reset_parameters(self) -> None:
        """Draws the peaks from U(0.2, 0.8), and gives the scales of Theorem 3.1 for them."""
        shape = (self.channels, self.depth + 1)
        self._start_with(_LOW + (_HIGH - _LOW) * torch.rand(shape, dtype=torch.float64))

    @torch.no_grad()
    def _start_with(self, peaks: Tensor) -> None:
        if peaks.shape != (self.channels, self.depth + 1):
            raise ValueError(
                f"peaks must have shape (channels, depth + 1), {(self.channels, self.depth + 1)}; "
                f"got {tuple(peaks.shape)}"
            )
        if not bool(((peaks > MARGIN) & (peaks < 1 - MARGIN)).all()):
            raise ValueError(f"peaks must lie in (2^-10, 1 - 2^-10); got {peaks.tolist()}")
        inner = (peaks - MARGIN) / (1 - 2 * MARGIN)
        self.peak_logits.copy_(torch.logit(inner[:, : self.peak_logits.shape[1]]))
        ratios = (1 - peaks[:, :-1]) * peaks[:, 1:]
        self.log_scales.copy_(ratios.cumprod(1)[:, : self.log_scales.shape[1]].log())

    def _all_peaks(self) -> Tensor:
        return MARGIN + (1 - 2 * MARGIN) * torch.sigmoid(_wide(self.peak_logits))

    @property
    def peaks(self) -> Tensor:
        """a_0 … a_{depth−1}, (channels, depth), those that are composed; float32 or float64."""
        return self._all_peaks()[:, : self.depth]

    @property
    def scales(self) -> Tensor:
        """s_0 … s_{depth−1}, (channels, depth), positive in exp's range; float32 or float64."""
        return self._numbers()[1]

    def _numbers(self) -> tuple[Tensor, Tensor]:
        peaks, first = self._all_peaks(), _wide(self.log_scales).exp()
        if self.free:
            return peaks, first
        ratios = ((1 - peaks[:, 1:-1]) * peaks[:, 2:]).cumprod(1)
        return peaks[:, :-1], torch.cat([first, first * ratios], 1)

    def forward(self, x: Tensor) -> Tensor:
        peaks, scales = self._numbers()
        if x.dtype in DTYPES:  # a float32 module also takes half an x, of autocast say, or double
            dtype = compute_dtype(x)
            peaks, scales = peaks.to(dtype), scales.to(dtype)
        return of_known_numbers(x, peaks, scales)

    def regions(self) -> list[int]:
        """How many linear regions each channel has on [0, 1], counted exactly by composition."""
        peaks, scales = (t.detach().double().tolist() for t in self._numbers())
        return [cascade.regions(a, s) for a, s in zip(peaks, scales, strict=True)]

    def to_relu(self) -> CascadeNetwork:
        """The equal ReLU network of width 4, all its weights released for training."""
        peaks, scales = (t.detach().double().tolist() for t in self._numbers())
        layers = [cascade.relu_layers(a, s) for a, s in zip(peaks, scales, strict=True)]

        def tensors(part: int) -> list[Tensor]:
            numbers = ([of[i][part] for of in layers] for i in range(self.depth + 2))
            return [torch.tensor(n, dtype=torch.float64).to(self.peak_logits) for n in numbers]

        return CascadeNetwork(tensors(0), tensors(1))

    def extra_repr(self) -> str:
        scales = "free" if self.free else "theorem"
        return f"depth={self.depth}, channels={self.channels}, scales={scales}"


class CascadeNetwork(nn.Module):
    """A ReLU network a channel, of width 4 where it comes from :meth:`TriangleCascade.to_relu`.

    Shapes: (*, channels) → (*, channels). Parameters: a weight (channels, out, in) and a bias
    (channels, out) for every linear layer, with a ReLU between them.

    Raises:
        ValueError: calling it, for an x whose last dimension is not `channels`.
    """

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(w) for w in weights])
        self.biases = nn.ParameterList([nn.Parameter(b) for b in biases])

    @property
    def channels(self) -> int:
        """How many networks."""
        return len(self.weights[0])

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 1 or x.shape[-1] != self.channels:
            raise ValueError(
                f"the last dimension of x must be the {self.channels} channels; "
                f"got shape {tuple(x.shape)}"
            )
        h = x.reshape(-1, self.channels).T[:, :, None]  # (channels, batch, features)
        last = len(self.weights) - 1
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(b[:, None, :], h, w.transpose(1, 2))
            if i < last:
                h = torch.relu(h)
        return h[:, :, 0].T.reshape(x.shape)

    def to_sequential(self, channel: int = 0) -> nn.Sequential:
        """One channel as `torch.nn.Linear` and `torch.nn.ReLU`, with copies of its weights.

        Shapes of what it returns: (*, 1) → (*, 1).

        Raises:
            ValueError: for a channel that there is not.
        """
        if not 0 <= channel < self.channels:
            raise ValueError(f"the channel must lie in 0 … {self.channels - 1}; got {channel}")
        parts: list[nn.Module] = []
        for w, b in zip(self.weights, self.biases, strict=True):
            out, width = w.shape[1:]
            layer = nn.Linear(width, out, device=w.device, dtype=w.dtype)
            with torch.no_grad():
                layer.weight.copy_(w[channel])
                layer.bias.copy_(b[channel])
            parts += [layer, nn.ReLU()]
        return nn.Sequential(*parts[:-1])
