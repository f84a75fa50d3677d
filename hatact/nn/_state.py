"""A module's activation in its state_dict: said when it is saved, compared when it is loaded."""

from __future__ import annotations

import reprlib
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn

from hatact._named import same
from hatact.nn._shown import shown
from hatact.spec import PiecewisePolynomial

KEY = "hatact.activation"  # in a module's metadata, beside torch's "version"
_LIBRARIES = ("torch", "hatact")


class KeepsItsActivation(nn.Module):
    """A module whose `state_dict` says what its activation is, in the metadata alone.

    There are no keys for it, so that `strict=True` and the exchange with `torch.nn.Sequential` are
    as ever; a state_dict that says nothing (of torch's modules, or one that lost its metadata, as
    `dict(state)` and safetensors do) is loaded without a word.
    """

    def _stated_activation(self) -> PiecewisePolynomial | None:
        """The f that the numbers of a state_dict are of no use without; None if there is none."""
        raise NotImplementedError

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        spec = self._stated_activation()
        metadata = getattr(destination, "_metadata", None)
        if spec is not None and metadata is not None:
            metadata.setdefault(prefix[:-1], {})[KEY] = spec.to_dict()

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Mapping[str, Any],
        *args: Any,
        **options: Any,
    ) -> None:
        spec, saved = self._stated_activation(), local_metadata.get(KEY)
        if spec is not None and saved is not None and not _is(saved, spec):
            where = f"{type(self).__name__} {prefix[:-1]}".strip()
            warnings.warn(
                f"a state_dict belongs to the activation that it was saved with, {_of(saved)}; "
                f"got it loaded into {where} of {shown(spec)}, whose outputs differ: write the "
                "activation and the scale of the former where the module is made",
                stacklevel=_frames_of_libraries(),
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **options)


def _frames_of_libraries() -> int:
    """The stack level of the line outside torch and this package that loads."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _LIBRARIES:
        frame, level = frame.f_back, level + 1
    return level


def _is(saved: Any, spec: PiecewisePolynomial) -> bool:
    try:
        return same(PiecewisePolynomial.from_dict(saved), spec)
    except ValueError:
        return False


def _of(saved: Any) -> str:
    try:
        return shown(PiecewisePolynomial.from_dict(saved))
    except ValueError:
        return f"one that this hatact cannot read ({reprlib.repr(saved)})"
