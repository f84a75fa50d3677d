"""The Radon transform of an image, differentiable: what a CT scanner measures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hatact._checks import compute_dtype
from hatact.autograd import transforms

AT_ONCE = 2**18
"""Pixels that :func:`sinograms` samples at once, of all images and angles, but an angle whole."""


def radon(image: Tensor, angles: Tensor | Sequence[float]) -> Tensor:
    """R[i, a] = Σ_j image(row j, column i) after a rotation by the angle a: sums along rays.

    The image is rotated about the pixel (N//2, N//2) by bilinear interpolation, 0 outside, and its
    columns are summed: as `skimage.transform.radon(circle=True)` does, to 1e-6 in float64. (About
    the middle, (N − 1)/2, the sinogram of a 64² phantom differs by 14 %.) An image that is 0
    outside the inscribed disc loses nothing.

    It is linear, and differentiable in the image; the gradient is the exact adjoint, the back
    projection. Second derivatives of what is made of it, by backward, work too; forward mode does
    not, since torch's `grid_sample`, which samples here, has none. Any device.

    Cost: A·N² samples. So many angles are taken at once as come to 2¹⁸ pixels, at least one, and
    memory is that of their samples and of the sinogram, however many angles there are. For a
    gradient by backward no more is kept: where one go is not enough, the places of the samples are
    computed again.

    Shapes: image (N, N), angles (A) in degrees → (N, A), detectors by angles. dtypes: floating;
    float16 and bfloat16 are computed in float32 and rounded once. An image on the meta device,
    whose values nobody can look at, gives the shape and the dtype.

    Raises:
        ValueError: for an image that is empty, not square and two-dimensional or not finite, or for
            angles that are none, not in one dimension or not finite.
        TypeError: for an image that is not a floating tensor, or angles that are not real numbers.
    """
    degrees = _degrees(angles)
    if not (isinstance(image, Tensor) and image.is_floating_point()):
        got = image.dtype if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"the image must be a floating tensor; got {got}")
    if image.ndim != 2 or image.shape[0] != image.shape[1] or not image.numel():
        raise ValueError(
            f"the image must be square, (N, N) with N of at least 1; got {tuple(image.shape)}"
        )
    if not (image.is_meta or bool(torch.isfinite(image.detach()).all())):
        raise ValueError("the image must be finite; got values that are not")
    wide = image.to(compute_dtype(image))
    return sinograms(wide[None], degrees)[0].to(image.dtype)


def _degrees(angles: Tensor | Sequence[float]) -> Tensor:
    """Angles as (A) float64 on the CPU, checked."""
    rule = "angles must be real numbers of degrees, in a tensor or a sequence"
    if isinstance(angles, Tensor) and (angles.is_complex() or angles.is_meta):
        raise TypeError(f"{rule}; got a tensor of {angles.dtype} on {angles.device}")
    try:
        degrees = torch.as_tensor(angles, dtype=torch.float64).cpu()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{rule}; got {angles!r}") from None
    if degrees.ndim != 1:
        raise ValueError(f"angles must be in one dimension, (A); got shape {tuple(degrees.shape)}")
    if not len(degrees):
        raise ValueError("angles must be at least one; got none")
    if not bool(torch.isfinite(degrees).all()):
        raise ValueError(f"angles must be finite; got {degrees.tolist()}")
    return degrees


def sinograms(images: Tensor, angles: Tensor) -> Tensor:
    """:func:`radon` of several images, unchecked: (B, N, N) and (A) → (B, N, A)."""
    each = max(1, AT_ONCE // max(1, images.numel()))
    if each >= len(angles):
        return _sums(images, angles)
    # Transforms take no hooks on what is saved.
    asked = torch.is_grad_enabled() and (images.requires_grad or angles.requires_grad)
    again = asked and not transforms()
    # Small parts that are kept until all are there would lie between the large tensors that come
    # and go, and tear holes into memory.
    found = images.new_empty(*images.shape[:2], len(angles))
    for some, first in zip(angles.split(each), range(0, len(angles), each), strict=True):
        if again:
            part = checkpoint(_sums, images, some, use_reentrant=False, preserve_rng_state=False)
        else:
            part = _sums(images, some)
        found[..., first : first + each] = part
    return found


def _sums(images: Tensor, angles: Tensor) -> Tensor:
    """:func:`sinograms` at all angles at once."""
    n = images.shape[-1]
    index = torch.arange(n, dtype=torch.float64) - n // 2
    cos, sin = angles.deg2rad().cos()[:, None, None], angles.deg2rad().sin()[:, None, None]
    column, row = index[None, None, :], index[None, :, None]
    sources = torch.stack([cos * column + sin * row, cos * row - sin * column], -1) + n // 2
    grid = ((2 * sources + 1) / n - 1).to(images)  # pixel i is at (2i + 1)/N − 1 of [−1, 1]
    turned = torch.nn.functional.grid_sample(
        images[None].expand(len(angles), -1, -1, -1), grid, align_corners=False
    )
    return turned.sum(-2).permute(1, 2, 0)
