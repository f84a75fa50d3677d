"""A provider's values and gradients against float64, before it is timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from torch import Tensor

import hatact
from bench.cases import TILE, Case
from bench.providers import Provider
from hatact import reference

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


@lru_cache(maxsize=2)
def _by_definition(tile: Case) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(f, f′) in float64, and by plain torch in the case's dtype."""
    x = tile.input(requires_grad=False)
    spec = tile.spec
    numbers = spec.numbers, spec.derivative().numbers
    return (
        tuple(reference.ppoly(x.double(), None, *n) for n in numbers),
        tuple(reference.ppoly(x, None, *n).double() for n in numbers),
    )


def _limits(case: Case, provider: Provider) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What (f, f′) should be on a tile, and how far off a provider may be there."""
    x = case.tile.input(requires_grad=False)
    eps = torch.finfo(case.dtype).eps
    if provider.another is not None:
        want = _with_gradient(Provider("", provider.another), x.double())
        return want, tuple(_ANOTHER_SLACK * eps * w.abs().max().expand(x.shape) for w in want)
    want, plain = _by_definition(case.tile)
    if provider.terms is None:
        pairs = zip(want, plain, strict=True)
        return want, tuple(
            (2 * max((p - w).abs().max(), eps * w.abs().max())).expand(x.shape) for w, p in pairs
        )
    values, gradients = _with_gradient(Provider("", provider.terms), x.double())
    # A formula may take either slope at a knot.
    at_knot = torch.isin(x.double(), torch.tensor(case.spec.numbers[0]).to(x.device).double())
    sizes = (t.abs() + w.abs().max() for t, w in zip((values, gradients), want, strict=True))
    of_values, of_slopes = (_SLACK * eps * size for size in sizes)
    return want, (of_values, of_slopes.masked_fill(at_knot, torch.inf))


def _tiles(t: Tensor) -> Iterator[Tensor]:
    return iter(t.split(TILE))


def check(case: Case, provider: Provider) -> float:
    """The largest error of values and gradients against float64, at every element.

    Raises:
        WrongResult: if hatact errs more than twice the plain-torch reference in the case's
            dtype, a formula more than its roundings explain, or another function more than 32
            roundings of its largest value against its own float64.
    """
    want, limits = _limits(case, provider)
    with forced(provider.backend):
        got = _with_gradient(provider, case.input(requires_grad=False))
    worst = 0.0
    for what, y, exact, limit in zip(("values", "gradients"), got, want, limits, strict=True):
        for part in _tiles(y):
            error = (part.double() - exact[: part.numel()]).abs()
            if not bool((error <= limit[: part.numel()]).all()):
                raise WrongResult(
                    f"{provider.name} on {case.activation} {case.dtype} n={case.size}: {what} are "
                    f"off by {float(error.max()):.3g}, more than "
                    f"{float(limit.max()):.3g}; not timed"
                )
            counted = torch.isfinite(limit[: part.numel()])
            worst = max(worst, float(error[counted].max()))
    return worst
