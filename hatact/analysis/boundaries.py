"""Where a network's linear regions end: all boundaries on a segment, and how far points are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hatact.analysis._layers import Layer, layers_of
from hatact.analysis._pieces import EPS, Knots

ROWS = 2**22
"""Numbers of one layer that are searched for crossings at a time, at most."""
NEAR = 4 * EPS
"""Rounding of a pre-activation, as a share of what it is summed from."""
MOST = 10**7
"""Boundaries that are held, at most."""
HELD = 2**27
"""Pre-activations that are held between layers, at most, at each end of the intervals."""


def regions_on_line(model: nn.Module, a: Tensor, b: Tensor) -> Tensor:
    """Every t in (0, 1) at which a unit of the model changes its piece at a + t·(b − a).

    Layer by layer, with no sampling: between two changes found so far all pre-activations are
    affine in t, so their crossings of the next layer's knots are known. A change that later layers
    undo is one too; :func:`linear_regions` does not count those. Pieces are those of
    :func:`activation_patterns`; one that is held at a single t, where a pre-activation touches a
    knot and turns back, counts for none. Changes at the same t are one, so there is one region
    more than there are positions. They are as exact as float64: parameters and points are
    taken as they are, and the error of a position is that of the pre-activation over its slope. Two
    changes nearer to each other than that may come out as one, or in another order.

    Shapes: a and b (in) → (positions), sorted float64, on the model's device. Cost: for each layer
    the positions so far × its weights; memory about eight times positions × units × 8 bytes.

    Args:
        model: of `torch.nn.Sequential`, `Linear`, `ReLU`, `Identity`, `Dropout` in eval mode and of
            hatact.nn's activations, `LinearAct`, `MLP`, `BWNetwork` and `TriangleCascade`.

    Raises:
        ValueError: for another module (a positional encoding bends the segment), hooks, no
            activation, an activation of a degree above 1 that is not the last, parameters or ends
            that are not finite, ends that are equal or of another size than the model takes,
            pre-activations more than 2^48 periods away or beyond float64's range, more than 10^7
            positions, or more than 2^27 positions times units before the last activation.
    """
    layers = layers_of(model)
    if layers.encoding is not None:
        raise ValueError(
            "the model must be affine between its activations; got a PositionalEncoding, which "
            "bends a segment (take the rest of the model, and a segment of what it is given)"
        )
    ends = _ends(a, b)
    t = torch.tensor([[0.0, 1.0]], dtype=torch.float64, device=ends.device)
    h = ends[None]
    found = [t.flatten()]
    for i, layer in enumerate(layers.hidden):
        last = i == len(layers.hidden) - 1
        z, size = layer.before(h), layer.size(h.abs().amax(1))
        acts = [(Knots(spec, z.device), where) for spec, where in layer.by_spec(z.shape[-1])]
        if not last and max(knots.degree for knots, _ in acts) > 1:
            raise ValueError(
                "activations must be of degree 0 or 1, but for the last one, since after them a "
                f"segment is no longer straight; got degree {max(k.degree for k, _ in acts)}"
            )
        room = MOST - sum(map(len, found))
        cuts = _crossings(acts, z, size, t, room, f"layer {i + 1} of {len(layers.hidden)}")
        found.append(cuts.t)
        if not last:
            if (len(t) + len(cuts.t)) * z.shape[-1] > HELD:
                raise ValueError(
                    "at most 2^27 positions times units are held between layers; got "
                    f"{len(t) + len(cuts.t)} times {z.shape[-1]}: take a shorter segment"
                )
            t, z = cuts.refined(t, z, acts)
            h = torch.empty_like(z)
            for knots, where in acts:
                part = z[..., where]
                # Inside an interval every unit has one piece: that of the middle.
                h[..., where] = knots.value(part, knots.below(part.mean(1, keepdim=True)))
    positions: Tensor = torch.unique(torch.cat(found))
    return positions[(positions > 0) & (positions < 1)]


class _Cuts:
    """Crossings inside intervals: of which interval, at which share of it, of which unit and knot.

    They are sorted by interval and share; those that only rounding keeps apart have the same one.
    """

    def __init__(
        self, row: Tensor, share: Tensor, error: Tensor, unit: Tensor, knot: Tensor, t: Tensor
    ) -> None:
        order = torch.argsort(share, stable=True)
        order = order[torch.argsort(row[order], stable=True)]
        self.row, share, error = row[order], share[order], error[order]
        apart = torch.ones_like(self.row, dtype=torch.bool)
        # The lesser error, so that one change of many that is not sure does not join two that are.
        apart[1:] = share.diff() > 2 * torch.minimum(error[1:], error[:-1])
        apart[1:] |= self.row[1:] != self.row[:-1]
        self.share = share[apart][apart.cumsum(0) - 1]
        self.unit, self.knot = unit[order], knot[order]
        low, high = t[self.row].unbind(1)
        self.t = torch.lerp(low, high, self.share)

    def refined(
        self, t: Tensor, z: Tensor, acts: list[tuple[Knots, slice]]
    ) -> tuple[Tensor, Tensor]:
        """Both ends of t and z on the intervals that the crossings leave; (n, 2), (n, 2, units)."""
        cut, n = len(self.row), len(t)
        intervals = torch.arange(n, device=t.device)
        counts = torch.bincount(self.row, minlength=n)
        # Interval i begins anew i places after the crossings of those before it.
        first = intervals + counts.cumsum(0) - counts
        after = self.row + 1 + torch.arange(cut, device=t.device)
        low, high = z.unbind(1)
        inner = torch.lerp(low[self.row], high[self.row], self.share[:, None])
        size = torch.maximum(low.abs(), high.abs())[self.row]
        for knots, where in acts:
            inner[:, where] = knots.snapped(inner[:, where], NEAR * size[:, where])
        inner[torch.arange(cut, device=t.device), self.unit] = self.knot
        new_t, new_z = t.new_empty(n + cut, 2), z.new_empty(n + cut, 2, z.shape[-1])
        for made, old, new in ((new_t, t, self.t), (new_z, z, inner)):
            made[first, 0], made[first + counts, 1] = old[:, 0], old[:, 1]
            made[after, 0], made[after - 1, 1] = new, new
        return new_t, new_z


def _crossings(
    acts: list[tuple[Knots, slice]], z: Tensor, size: Tensor, t: Tensor, room: int, name: str
) -> _Cuts:
    """Where pre-activations, affine on each interval, cross a knot; z (n, 2, units), t (n, 2).

    Those whose ends are at a knot, but for rounding, are put there first: else a kink that they
    have at the end of an interval would be a crossing next to it.

    Raises:
        ValueError: for more than there is room for, before any is held.
    """
    found: list[tuple[Tensor, ...]] = []
    step = max(1, ROWS // max(1, z.shape[-1]))
    for start in range(0, len(z), step):
        for knots, where in acts:
            part = z[start : start + step, :, where]
            error = NEAR * size[start : start + step, None, where]
            part.copy_(knots.snapped(part, error))
            low, high = part.amin(1), part.amax(1)
            first = knots.below(low, equal=True)
            counts = (knots.below(high) - first).clamp_(min=0)
            room -= int(counts.sum(dtype=torch.float64))
            if room < 0:
                raise ValueError(
                    f"at most 10^7 positions are held; got more in {name}: take a shorter segment"
                )
            row, unit = counts.nonzero(as_tuple=True)
            many = counts[row, unit]
            row, unit = (index.repeat_interleave(many) for index in (row, unit))
            ends = many.cumsum(0)
            number = torch.arange(len(row), device=z.device) - (ends - many).repeat_interleave(many)
            knot = knots.position(first[row, unit] + number)
            a, b = part[row, 0, unit], part[row, 1, unit]
            share = ((knot - a) / (b - a)).clamp(0, 1)
            error = error[row, 0, unit] / (b - a).abs()
            found.append((row + start, share, error, unit + (where.start or 0), knot))
    row, share, error, unit, knot = (torch.cat(parts) for parts in zip(*found, strict=True))
    return _Cuts(row, share, error, unit, knot, t)


def _ends(a: Tensor, b: Tensor) -> Tensor:
    """Both ends, (2, in) float64, after their rules."""
    if a.dim() != 1 or a.shape != b.shape:
        raise ValueError(
            "the ends of the segment must be two points, (in) each; got shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    if a.is_complex() or b.is_complex():
        raise ValueError(f"the ends of the segment must be real; got {a.dtype} and {b.dtype}")
    ends = torch.stack([a.detach().double(), b.detach().double()])
    if not bool(ends.isfinite().all()):
        raise ValueError("the ends of the segment must be finite; got some that are not")
    if bool((ends[0] == ends[1]).all()):
        raise ValueError("the segment must have a length; got two equal ends")
    return ends


def boundary_distance(model: nn.Module, x: Tensor) -> Tensor:
    """min_j |z_j − t_j|/‖w_j‖₂ of every layer: how far points are from its nearest hyperplane.

    z = W·h + b is what the layer's activation is given, w_j a row of W, and t_j the knot of the
    activation that is nearest to z_j. It is a distance in the space of h, what the layer reads: for
    the first layer the Euclidean distance of x, or of its encoding, from the nearest boundary; for
    later ones a boundary nearer by may bend it. A unit with w_j = 0 has no boundary; without W the
    units themselves are h. Source: arXiv 2301.05816, for ReLU.

    Shapes: x (n, in) → (n, layers), float64, on the model's device: layers that have an activation.
    Models and errors are those of :func:`regions_on_line`, but that a positional encoding may come
    first and any degree may come anywhere.

    Raises:
        ValueError: as there; for an x of another number of dimensions or that is not finite.
    """
    layers = layers_of(model)
    if x.dim() != 2 or not bool(x.isfinite().all()):
        raise ValueError(f"points must be finite, (n, in); got shape {tuple(x.shape)}")
    h = x.detach().double()
    if layers.encoding is not None:
        h = layers.encoding(h)
    distances = []
    for layer in layers.hidden:
        z = layer.before(h)
        distances.append(_distance(layer, z))
        h = torch.empty_like(z)
        for spec, where in layer.by_spec(z.shape[-1]):
            h[..., where] = Knots(spec, z.device).value(z[..., where])
    return torch.stack(distances, 1)


def _distance(layer: Layer, z: Tensor) -> Tensor:
    apart = torch.empty_like(z)
    for spec, where in layer.by_spec(z.shape[-1]):
        apart[..., where] = Knots(spec, z.device).nearest(z[..., where])
    if layer.affine is None:
        return apart.amin(-1)
    weight = layer.affine.weight
    largest = weight.abs().amax(1)  # taken out, so that squares neither vanish nor overflow
    unit = (weight / largest[:, None]).norm(dim=1)
    return torch.where(largest > 0, apart / largest / unit, torch.inf).amin(-1)
