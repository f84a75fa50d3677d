"""A signal as a sum of known parts."""

from __future__ import annotations

import torch
from torch import Tensor


def components(*parts: Tensor) -> Tensor:
    """P = [p₁, …, p_K, 1]⁺, the pseudoinverse: P·y = (a₁, …, a_K, d) fits y ≈ Σ a_k·p_k + d best.

    Best is the least sum of squares. The constant d does the centring, so an offset common to all
    of y counts for no part. Since P is linear in y it is computed once for all steps of a training,
    and P·(y − Σ p_k) is (a₁ − 1, …, a_K − 1, d): what is still to be learnt of each part.

    Shapes: (*, N, 1), the same for all parts → (*, K + 1, N). dtypes: that of the parts; computed
    in float64.

    Raises:
        ValueError: for no part, or parts of another shape than (*, N, 1) or of several shapes.
        TypeError: for parts that are not floating.
    """
    shapes = [tuple(part.shape) for part in parts]
    if not shapes or {*shapes} != {(*shapes[0][:-1], 1)} or len(shapes[0]) < 2:
        raise ValueError(f"parts must be of one shape (*, N, 1), at least one part; got {shapes}")
    if not all(part.is_floating_point() for part in parts):
        raise TypeError(f"parts must be floating tensors; got {[part.dtype for part in parts]}")
    columns = torch.cat([*parts, torch.ones_like(parts[0])], -1)
    inverse: Tensor = torch.linalg.pinv(columns.double())
    return inverse.to(columns.dtype)
