"""An activation as a module's repr says it."""

from __future__ import annotations

from functools import lru_cache

from hatact import _named, autograd
from hatact.spec import PiecewisePolynomial


def shown(spec: PiecewisePolynomial) -> str:
    """`hat, scale=8`, or knots and degree; found once a spec.

    torch.func.vmap takes the repr of a module at every call, and Dynamo traces it there.
    """
    return _shown(spec._text)


@autograd.constant
def _shown(text: str) -> str:
    return _found(text)


@lru_cache(maxsize=256)
def _found(text: str) -> str:
    return _named.shown(PiecewisePolynomial._of_text(text))
