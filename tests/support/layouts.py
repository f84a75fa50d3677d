"""Layouts of tensors, as views of one pool, and what it is for a result to have one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def same_layout(y: Tensor, x: Tensor) -> bool:
    """Strides as torch.relu's; those of sizes 0 and 1 address nothing."""
    expected = torch.relu(x)
    strides = zip(y.stride(), expected.stride(), y.shape, strict=True)
    return y.shape == x.shape and (y.numel() == 0 or all(a == b or n == 1 for a, b, n in strides))


def cotangents(g: Tensor, layout) -> dict[str, Tensor]:
    """g in the layout of x, densely packed, and packed in the opposite order."""
    same = layout(g)
    backwards = tuple(range(same.dim()))[::-1]
    flipped = same.permute(backwards).contiguous().permute(backwards)
    return {"same": same, "dense": same.contiguous(), "other": flipped}


SHARED = ("expanded", "expanded_inner", "expanded_scalar", "overlapping")  # not to be written to


def views(t: Tensor) -> dict[str, Tensor]:
    """t as it is, densely packed, packed in the opposite order, and of stride 0."""
    order = tuple(range(t.dim()))[::-1]
    flipped = t.permute(order).contiguous().permute(order)
    views = {"same": t, "dense": t.contiguous(), "other": flipped}
    if t.numel():
        views["expanded"] = t.flatten()[0].expand(t.shape)
        if t.dim() > 1:
            views["rows expanded"] = t[0].contiguous().expand(t.shape)
    return views


POOL = 720  # elements that each layout below draws on; every one of them is a view of the pool


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda t: t.view(8, 9, 10),
    "transposed": lambda t: t.view(24, 30).t(),
    "permuted": lambda t: t.view(8, 9, 10).permute(2, 0, 1),
    "sliced": lambda t: t[::2],
    "sliced_2d": lambda t: t.view(24, 30)[1::3, 2::4],
    "rows": lambda t: t.view(24, 30)[:, :17],
    "unaligned": lambda t: t[1:],
    "expanded": lambda t: t[:37].expand(5, 37),
    "expanded_inner": lambda t: t[:37, None].expand(37, 5),
    "expanded_scalar": lambda t: t[3].expand(4, 6),
    "overlapping": lambda t: t[:40].unfold(0, 5, 1),
    "channels_last": lambda t: t.view(2, 10, 12, 3).permute(0, 3, 1, 2),
    "channels_last_3d": lambda t: t.view(2, 3, 4, 10, 3).permute(0, 4, 1, 2, 3),
    "size_one": lambda t: t.view(24, 1, 30).transpose(0, 2),
    "empty": lambda t: t[:0],
    "empty_transposed": lambda t: t[:0].view(3, 0, 2).transpose(0, 2),
    "scalar": lambda t: t[5],
}


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether a and b hold the same bits, of shape and dtype alike; any NaN is any other."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    a, b = a.detach().cpu().contiguous(), b.detach().cpu().contiguous()
    return bool(((a.view(whole) == b.view(whole)) | (a.isnan() & b.isnan())).all())
