"""The triangle cascade as a function."""

from __future__ import annotations

import torch
from torch import Tensor

from hatact import autograd, reference_cascade
from hatact.functional._shared import check_tensor
from hatact.reference_cascade import check_cascade


def triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """F(x) = Σ_i s_i·W_i(x), W_i = T_{a_i} ∘ … ∘ T_{a_0}: triangles on [0, 1] with peaks a_i.

        T_a(v) = v/a on [0, a],  (1 − v)/(1 − a) on [a, 1],  0 elsewhere

    One fused op each way instead of a pass over memory for every layer; keeps x, the peaks and the
    scales. F has 2^depth linear pieces on [0, 1] (fewer where the slopes of neighbours meet), is 0
    outside it, ±inf included, and NaN at NaN. A
    peak belongs to the piece on its left, and where T is 0 its slope is 0. Second derivatives in x
    are 0 almost everywhere; those that mix x, peaks and scales are right, at the cost of the
    composition in plain torch, which also serves torch.func and forward mode. The kernels sum the
    gradients of peaks and scales in a fixed order: the same bits on any number of threads.

    Shapes: x: (*, channels), peaks, scales: (channels, depth) → (*, channels), with x's dense
    strides. dtypes: float16, bfloat16 (computed in float32, rounded once), float32, float64; peaks
    and scales in x's dtype or the one that computes. `hatact.cascade` has the exact construction.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match, peaks not strictly between 0
            and 1, scales that are not positive and finite. That look at the values waits for the
            device on CUDA, and is left out where there are none (meta and fake tensors) or where
            they are wrapped (torch.func, `torch.compile`). :class:`hatact.nn.TriangleCascade`,
            whose numbers are right by construction, goes without.

    Source: arXiv 2311.18022.
    """
    for name, t in (("x", x), ("peaks", peaks), ("scales", scales)):
        check_tensor(t, name)
    if not torch.compiler.is_compiling():
        check_cascade(x, peaks, scales)
        if autograd.has_values(peaks) and autograd.has_values(scales):
            cascade_values(peaks, scales)
    return of_known_numbers(x, peaks, scales)


def cascade_values(peaks: Tensor, scales: Tensor) -> None:
    """ValueError unless peaks lie strictly between 0 and 1 and scales are positive and finite."""
    if not bool(((peaks > 0) & (peaks < 1)).all()):
        raise ValueError(f"peaks must lie strictly between 0 and 1; got {peaks.tolist()}")
    if not bool(((scales > 0) & torch.isfinite(scales)).all()):
        raise ValueError(f"scales must be positive and finite; got {scales.tolist()}")


def of_known_numbers(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """:func:`triangle_cascade` for numbers that are known to be right."""
    if torch._C._are_functorch_transforms_active():
        return reference_cascade.triangle_cascade(x, peaks, scales)
    if torch.compiler.is_compiling():
        return autograd.compiled_triangle_cascade(x, peaks, scales)
    return autograd.triangle_cascade(x, peaks, scales)
