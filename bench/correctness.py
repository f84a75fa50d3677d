"""A provider's values and gradients against float64, before it is timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

import hatact
from bench.cases import TILE, Case
from bench.providers import Provider
from hatact import reference

_SAMPLE = 2**12  # elements that limits are taken from, at least
_SLACK = 8  # roundings, of the size of what it adds up, that a formula may be off
_ANOTHER_SLACK = 32  # roundings, of its largest value, of a function that is not f


class WrongResult(RuntimeError):
    """A provider's values or gradients are off by more than its tolerance."""


def forced(backend: str | None) -> AbstractContextManager[None]:
    """The backend, forced while the block runs; None: the default."""
    return hatact.use_backend(backend) if backend else nullcontext()


def check_norms(
    who: str,
    names: Sequence[str],
    got: Sequence[Tensor],
    plain: Sequence[Tensor],
    want: Sequence[Tensor],
    *,
    slack: float,
    floor: float,
) -> float:
    """The largest relative error (root mean square) of what `who` got against float64.

    Raises:
        WrongResult: if one is more than `slack` times that of `plain`, or than `slack` times
            `floor`, if that is more.
    """

    def errors(of: Sequence[Tensor]) -> list[float]:
        return [float((t.double() - w).norm() / w.norm()) for t, w in zip(of, want, strict=True)]

    found = errors(got)
    for what, error, of_plain in zip(names, found, errors(plain), strict=True):
        limit = slack * max(of_plain, floor)
        if not error <= limit:
            raise WrongResult(
                f"{who}: {what} is off by {error:.3g} of its norm, more than {limit:.3g}; not timed"
            )
    return max(found)


def _with_gradient(provider: Provider, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.requires_grad_()
    y = provider(x)
    (gx,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return y.detach(), gx


@lru_cache(maxsize=4)
def _by_definition(tile: Case) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(f, f′) in float64, and by plain torch in the case's dtype."""
    x = tile.input(requires_grad=False)
    spec = tile.spec
    numbers = spec.numbers, spec.derivative().numbers
    return (
        tuple(reference.ppoly(x.double(), None, *n) for n in numbers),
        tuple(reference.ppoly(x, None, *n).double() for n in numbers),
    )


def _sample(case: Case) -> Case:
    """Enough elements to say how large f is and how far plain torch is off."""
    return case.of_size(max(case.tile.size, _SAMPLE))


@lru_cache(maxsize=2)
def _tolerances(sample: Case) -> tuple[float, ...]:
    """How far off (f, f′) may be: twice plain torch's error, or two roundings of its largest value.

    There is nothing wider that says how far plain torch is off in float64. It is taken for as many
    roundings as in float32, and is allowed once more, as what float64 is held to has it as well.
    """
    in_double = sample.dtype == torch.float64
    judged = replace(sample, dtype=torch.float32) if in_double else sample
    eps = torch.finfo(judged.dtype).eps
    times = 3 * torch.finfo(torch.float64).eps / eps if in_double else 2
    pairs = zip(*_by_definition(judged), strict=True)
    return tuple(times * float(max((p - w).abs().max(), eps * w.abs().max())) for w, p in pairs)


def _limits(case: Case, provider: Provider) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What (f, f′) should be on a tile, and how far off a provider may be there."""
    x = case.tile.input(requires_grad=False)
    eps = torch.finfo(case.dtype).eps
    if provider.another is not None:
        another = Provider("", provider.another)
        sizes = _with_gradient(another, _sample(case).input(requires_grad=False).double())
        limits = (_ANOTHER_SLACK * eps * w.abs().max() for w in sizes)
        return _with_gradient(another, x.double()), tuple(w.expand(x.shape) for w in limits)
    want, _ = _by_definition(case.tile)
    if provider.terms is None:
        limits = (x.new_tensor(t, dtype=torch.float64) for t in _tolerances(_sample(case)))
        return want, tuple(limit.expand(x.shape) for limit in limits)
    values, gradients = _with_gradient(Provider("", provider.terms), x.double())
    # A formula may take either slope at a knot, and of s·x, rounded twice, at its neighbours.
    knots = torch.tensor(case.spec.numbers[0], dtype=torch.float64, device=x.device)
    near = 0 if case.scale == 1 else 2 * eps * knots.abs()
    at_knot = ((x.double().unsqueeze(-1) - knots).abs() <= near).any(-1)
    sizes = (t.abs() + w.abs().max() for t, w in zip((values, gradients), want, strict=True))
    of_values, of_slopes = (_SLACK * eps * size for size in sizes)
    return want, (of_values, of_slopes.masked_fill(at_knot, torch.inf))


def _tiles(t: Tensor) -> Iterator[Tensor]:
    return iter(t.split(TILE))


def _said(case: Case) -> str:
    scale = "" if case.scale == 1 else f" scale={case.scale}"
    size = f"n={case.size}" if case.shape is None else "x".join(map(str, case.shape))
    return f"{case.activation}{scale} {case.dtype} {size}"


def check(case: Case, provider: Provider) -> float:
    """The largest error of values and gradients against float64, at every element.

    Raises:
        WrongResult: if hatact errs more than twice the plain-torch reference in the case's
            dtype, a formula more than its roundings explain, or another function more than 32
            roundings of its largest value against its own float64; and if values have not
            the shape of x.
    """
    want, limits = _limits(case, provider)
    x = case.input(requires_grad=False)
    with forced(provider.backend):
        got = _with_gradient(provider, x)
    if got[0].shape != x.shape:
        raise WrongResult(
            f"{provider.name} on {_said(case)}: values have the shape {tuple(got[0].shape)}, and x "
            f"has {tuple(x.shape)}; not timed"
        )
    worst = 0.0
    for what, y, exact, limit in zip(("values", "gradients"), got, want, limits, strict=True):
        for part in _tiles(y.flatten()):
            error = (part.double() - exact[: part.numel()]).abs()
            if not bool((error <= limit[: part.numel()]).all()):
                raise WrongResult(
                    f"{provider.name} on {_said(case)}: {what} are off by "
                    f"{float(error.max()):.3g}, more than {float(limit.max()):.3g}; not timed"
                )
            counted = torch.isfinite(limit[: part.numel()])
            worst = max(worst, float(error[counted].max()))
    return worst
