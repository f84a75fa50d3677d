"""Op schemas, and who implements them: the only file that knows the backends.

    hatact::ppoly(Tensor x, Tensor? g, float[] knots, float[] coeffs, float period=0) -> Tensor

g·f(x), with f = f(knots, coeffs, period) as in spec.py. It is closed under differentiation: its
VJPs are ppoly(x, gy·g, f′) and ppoly(x, gy, f), its JVP has the same form. The reference serves
every device for which no backend is registered, meta and fake tensors included.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from hatact import reference
from hatact.backends import extension, triton

LIBRARY = torch.library.Library("hatact", "DEF")
LIBRARY.define(
    "ppoly(Tensor x, Tensor? g, float[] knots, float[] coeffs, float period=0) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)

Kernel = Callable[..., Tensor]
DEVICES = ("cpu", "cuda")


def _reference_ppoly(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Tensor:
    y = reference.ppoly(x, g, knots, coeffs, period)
    out = torch.empty_like(x)  # x's dense strides, as every backend returns them
    return y if y.stride() == out.stride() else out.copy_(y)


LIBRARY.impl("ppoly", _reference_ppoly, "CompositeExplicitAutograd")


@dataclass(frozen=True)
class Backend:
    """One row of :func:`available_backends`: the devices it serves, and why not the others."""

    name: str
    devices: tuple[str, ...]
    reasons: dict[str, str]

    @property
    def available(self) -> bool:
        """Whether it serves any device."""
        return bool(self.devices)


def _probe(name: str, unavailable: Callable[[str], str | None]) -> Backend:
    reasons = {device: unavailable(device) for device in DEVICES}
    return Backend(
        name,
        tuple(d for d in DEVICES if reasons[d] is None),
        {d: why for d, why in reasons.items() if why is not None},
    )


# In the order of preference on a device that several can serve. The extension registers its own
# kernels with the dispatcher, without a Python call in between, so it needs no function here.
_KERNELS: dict[str, Kernel | None] = {
    "extension": None,
    "triton": triton.ppoly,
    "reference": _reference_ppoly,
}
_BACKENDS = {
    "extension": _probe("extension", extension.unavailable),
    "triton": _probe("triton", triton.unavailable),
    "reference": _probe("reference", lambda device: None),
}


def available_backends() -> dict[str, Backend]:
    """Every backend by name: the devices that it can serve here, and why not the others."""
    return dict(_BACKENDS)


def default_backend(device: str) -> str:
    """The backend that serves a device type when none is forced."""
    return next((n for n, b in _BACKENDS.items() if device in b.devices), "reference")


def current_backend(device: str) -> str:
    """The backend that serves a device type now. The error of a wrong HATACT_BACKEND shows here."""
    if not _forced:
        return default_backend(device)
    forced = _forced[-1].what
    if isinstance(forced, Exception):
        raise forced
    return forced


@dataclass(frozen=True, eq=False)
class _Choice:
    """One block of :func:`use_backend`, or HATACT_BACKEND: a backend, or why it is refused."""

    what: str | Exception


_forced: list[_Choice] = []  # the last one serves
_lock = threading.RLock()


def _checked(name: str) -> str:
    if name not in _BACKENDS:
        raise ValueError(f"the backend must be one of {', '.join(_BACKENDS)}; got {name!r}")
    backend = _BACKENDS[name]
    if not backend.available:
        why = "; ".join(f"{device}: {reason}" for device, reason in backend.reasons.items())
        raise RuntimeError(f"the backend {name!r} is not available here ({why})")
    return name


def _refuse(error: Exception) -> Kernel:
    def kernel(*args: object) -> Tensor:
        raise error

    return kernel


def _kernel(name: str, device: str) -> Kernel | None:
    """What to register for a device to force a backend there; None where it serves already."""
    backend = _BACKENDS[name]
    if device in backend.devices:
        return None if name == default_backend(device) else _KERNELS[name]
    return _refuse(
        RuntimeError(
            f"the backend {name!r} is forced and cannot serve {device} tensors: "
            f"{backend.reasons[device]}"
        )
    )


def _override(kernels: dict[str, Kernel | None]) -> torch.library.Library:
    library = torch.library.Library("hatact", "IMPL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Warning only once for all operators")  # intended
        for device, kernel in kernels.items():
            if kernel is not None:
                library.impl("ppoly", kernel, device.upper(), allow_override=True)
    return library


def _force(choice: _Choice | None) -> None:
    """Make a backend, or a refusal, serve every device; None: each device its default."""
    global _override_now
    if _override_now is not None:
        _override_now._destroy()
        _override_now = None
    if choice is None:
        return
    what = choice.what
    if isinstance(what, Exception):
        _override_now = _override(dict.fromkeys(DEVICES, _refuse(what)))
    else:
        _override_now = _override({device: _kernel(what, device) for device in DEVICES})


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Force a backend: "reference", "extension" or "triton"; also HATACT_BACKEND=name.

    It holds for the whole process, all threads (autograd's device threads too), until the block
    ends. A tensor on a device that the backend cannot serve raises. Under `torch.compile` and
    `torch.export` the reference is traced whatever is forced.

    Raises:
        ValueError: for an unknown name.
        RuntimeError: for a backend that is not available here, with the reason.
    """
    choice = _Choice(_checked(name))
    try:
        with _lock:
            _forced.append(choice)
            _force(choice)
        yield
    finally:
        with _lock:
            _forced.remove(choice)  # its own: another thread's block may have begun later
            _force(_forced[-1] if _forced else None)


def _from_environment(name: str) -> str | Exception:
    try:
        return _checked(name)
    except (ValueError, RuntimeError) as error:  # raised again, at the first call of the op
        return type(error)(f"HATACT_BACKEND: {error}")


_defaults = _override(
    {d: _KERNELS[default_backend(d)] for d in DEVICES if default_backend(d) != "reference"}
)
_override_now: torch.library.Library | None = None
if os.environ.get("HATACT_BACKEND"):
    _forced.append(_Choice(_from_environment(os.environ["HATACT_BACKEND"])))
    _force(_forced[-1])
