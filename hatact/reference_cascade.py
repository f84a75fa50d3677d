"""The triangle cascade in plain torch operations: the oracle, and what transforms differentiate.

Internal.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hatact._checks import DTYPES, compute_dtype, not_floating


def check_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> None:
    """ValueError unless shapes, dtypes and devices match; the values are not looked at."""
    if x.dtype not in DTYPES:
        raise ValueError(not_floating(x))
    if peaks.dim() != 2 or peaks.shape[1] < 1 or peaks.shape[0] < 1:
        raise ValueError(
            f"peaks must have shape (channels, depth), both at least 1; got {tuple(peaks.shape)}"
        )
    if scales.shape != peaks.shape:
        raise ValueError(
            f"scales must have the shape of peaks, {tuple(peaks.shape)}; got {tuple(scales.shape)}"
        )
    if x.dim() < 1 or x.shape[-1] != peaks.shape[0]:
        raise ValueError(
            f"the last dimension of x must be the {peaks.shape[0]} channels of peaks; "
            f"got shape {tuple(x.shape)}: write an x of shape (…, {peaks.shape[0]})"
        )
    for name, t in (("peaks", peaks), ("scales", scales)):
        if t.dtype not in (x.dtype, compute_dtype(x)) or t.device != x.device:
            raise ValueError(
                f"{name} must be on {x.device} in {compute_dtype(x)} or the dtype of x, {x.dtype}; "
                f"got {t.dtype} on {t.device}"
            )


def triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """F(x) = Σ_i s_i·(T_{a_i} ∘ … ∘ T_{a_0})(x), channel by channel; 0 outside [0, 1].

    Shapes: x: (*, channels), peaks, scales: (channels, depth) → (*, channels). Half types compute
    in float32 and round once. ±inf gives 0, NaN gives NaN. A peak belongs to the piece on its
    left, and where T is 0 its slope is 0.
    """
    check_cascade(x, peaks, scales)
    dtype = compute_dtype(x)
    a, s = peaks.to(dtype), scales.to(dtype)
    v = x.to(dtype).clamp(0, 1)  # outside F is 0 as at the ends, and ±inf has no 0·inf to leave
    rise, fall = 1 / a, 1 / (1 - a)
    y = torch.zeros_like(v)
    for i in range(peaks.shape[1]):
        v = torch.relu(torch.where(v <= a[:, i], v * rise[:, i], (1 - v) * fall[:, i]))
        y = y + s[:, i] * v
    return y.to(x.dtype)


def triangle_cascade_backward(
    g: Tensor, x: Tensor, peaks: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of Σ g·F(x) for x, peaks and scales.

    With W_i the i-th summand's triangle and e_i = dF/dW_i·g, from the last to the first:
    e_i = g·s_i + e_{i+1}·T′(W_i), gx = e_0·T′(x), ga_i = Σ e_i·W_i·(−1/a_i left of the peak, else
    1/(1 − a_i)), gs_i = Σ g·W_i. At a NaN gx is NaN.

    Shapes: g: as x → as x, (channels, depth), (channels, depth).
    """
    check_cascade(x, peaks, scales)
    check_gradient(g, x)
    dtype = compute_dtype(x)
    v, a, s = x.to(dtype), peaks.to(dtype), scales.to(dtype)
    g = g.to(dtype)
    rise, fall = 1 / a, 1 / (1 - a)
    values, slopes = [], []
    for i in range(peaks.shape[1]):
        left = v <= a[:, i]
        w = torch.relu(torch.where(left, v * rise[:, i], (1 - v) * fall[:, i]))
        values.append(w)
        slopes.append(torch.where(left, rise[:, i], -fall[:, i]))
        v = w
    e = torch.zeros_like(g)
    of_peaks, of_scales = [], []
    rows = (-1, x.shape[-1])
    for i in reversed(range(peaks.shape[1])):
        w = values[i]
        e = g * s[:, i] + e
        of_peaks.append((e * (w * -slopes[i])).reshape(rows).sum(0))
        of_scales.append((g * w).reshape(rows).sum(0))
        e = torch.where(w > 0, e * slopes[i], 0.0)
    gx = torch.where(torch.isnan(x), x, e.to(x.dtype))
    stacked = (torch.stack(of[::-1], 1) for of in (of_peaks, of_scales))
    ga, gs = (t.to(p.dtype) for t, p in zip(stacked, (peaks, scales), strict=True))
    return gx, ga, gs


def check_gradient(g: Tensor, x: Tensor) -> None:
    """ValueError unless g matches x."""
    if g.shape != x.shape or g.dtype != x.dtype or g.device != x.device:
        raise ValueError(
            f"g must have x's shape, dtype and device, {tuple(x.shape)} {x.dtype} {x.device}; "
            f"got {tuple(g.shape)} {g.dtype} {g.device}"
        )
