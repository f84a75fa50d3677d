"""Numbers of triangle cascades."""

import torch


def numbers(channels, depth, dtype, device="cpu", seed=0):
    """Peaks in (0.2, 0.8) and the scales that make the slopes meet: (channels, depth) each."""
    generator = torch.Generator().manual_seed(seed)
    peaks = 0.2 + 0.6 * torch.rand(channels, depth + 1, generator=generator, dtype=torch.float64)
    scales = ((1 - peaks[:, :-1]) * peaks[:, 1:]).cumprod(1)
    return tuple(t.to(device, dtype) for t in (peaks[:, :-1].clone(), scales))
