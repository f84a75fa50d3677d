"""Op schemas, and who implements them: the only file that knows the backends.

Internal, but for what `hatact` shows of it.

    hatact::ppoly        g·f(x), with f = f(knots, coeffs, period) as in spec.py. Closed under
                         differentiation: its VJPs are ppoly(x, gy·g, f′) and ppoly(x, gy, f), its
                         JVP has the same form
    hatact::ppoly_       x ← f(x)
    hatact::ppoly_encode, ppoly_encode_
                         f(x) of degree ≤ 1, and the code of its slope at each element (_code.py)
    hatact::ppoly_decode g·slopes[code]: the backward of either
    hatact::linear_act   f(x·Wᵀ + b) and its code: a linear layer overwritten by its activation
    hatact::triangle_cascade, triangle_cascade_backward
                         Σ s_i·(T_{a_i} ∘ … ∘ T_{a_0})(x) and its gradients (reference_cascade.py)
    hatact::mlp_forward, mlp_backward
                         a whole network of linear layers and one activation (reference_mlp.py)
    hatact::_packed_encode, _packed_decode
                         ppoly_encode and ppoly_decode for autograd alone: their lists are one
                         tensor, and nothing stands between them and the backend

The reference serves every device for which no backend is registered, meta and fake tensors
included.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hatact import reference, reference_cascade, reference_mlp
from hatact._checks import empty_like
from hatact.backends import extension, triton

LIBRARY = torch.library.Library("hatact", "DEF")
_F = "float[] knots, float[] coeffs, float period=0"
SCHEMAS = {
    "ppoly": f"(Tensor x, Tensor? g, {_F}) -> Tensor",
    "ppoly_": f"(Tensor(a!) x, {_F}) -> ()",
    "ppoly_encode": f"(Tensor x, {_F}) -> (Tensor, Tensor)",
    "ppoly_encode_": f"(Tensor(a!) x, {_F}) -> Tensor",
    "ppoly_decode": "(Tensor g, Tensor code, float[] slopes) -> Tensor",
    "linear_act": f"(Tensor x, Tensor weight, Tensor? bias, {_F}) -> (Tensor, Tensor)",
    "triangle_cascade": "(Tensor x, Tensor peaks, Tensor scales) -> Tensor",
    "triangle_cascade_backward": (
        "(Tensor g, Tensor x, Tensor peaks, Tensor scales) -> (Tensor, Tensor, Tensor)"
    ),
    "mlp_forward": (
        f"(Tensor x, Tensor[] weights, Tensor[] biases, {_F}, bool keep=True) -> (Tensor, Tensor)"
    ),
    "mlp_backward": (
        "(Tensor g, Tensor x, Tensor[] weights, Tensor[] biases, Tensor kept, float[] knots, "
        "float[] coeffs, float[] derivative, float period, bool of_input, bool of_parameters) "
        "-> (Tensor, Tensor[], Tensor[])"
    ),
    "_packed_encode": "(Tensor x, Tensor numbers) -> (Tensor, Tensor, Tensor)",
    "_packed_decode": "(Tensor g, Tensor code, Tensor slopes) -> Tensor",
}
for _name, _schema in SCHEMAS.items():
    LIBRARY.define(_name + _schema, tags=(torch.Tag.pt2_compliant_tag,))
for _name in ("_packed_encode", "_packed_decode"):
    LIBRARY.impl(_name, torch.library.fallthrough_kernel, "Autograd")

Kernel = Callable[..., Any]
DEVICES = ("cpu", "cuda")


def overload(name: str) -> Kernel:
    """torch.ops.hatact.<name>.default, whose schema is defined here, less a Python frame."""
    found: Kernel = getattr(torch.ops.hatact, name).default._op
    return found


def _with_strides_of(x: Tensor, y: Tensor) -> Tensor:
    out = empty_like(x)
    return y if y.stride() == out.stride() else out.copy_(y)


def _reference_ppoly(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Tensor:
    return _with_strides_of(x, reference.ppoly(x, g, knots, coeffs, period))


def _reference_ppoly_encode(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> tuple[Tensor, Tensor]:
    y, code = reference.ppoly_encode(x, knots, coeffs, period)
    return _with_strides_of(x, y), code


def _reference_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    return _with_strides_of(x, reference_cascade.triangle_cascade(x, peaks, scales))


def _reference_cascade_backward(
    g: Tensor, x: Tensor, peaks: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gx, ga, gs = reference_cascade.triangle_cascade_backward(g, x, peaks, scales)
    return _with_strides_of(x, gx), ga, gs


def _linear_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The linear layer of torch, overwritten by the activation: two ops of any backend."""
    y = torch.nn.functional.linear(x, weight, bias)
    return y, torch.ops.hatact.ppoly_encode_.default(y, knots, coeffs, period)


def _mlp_forward(*args: Any) -> tuple[Tensor, Tensor]:
    return reference_mlp.mlp_forward(torch.ops.hatact.ppoly.default, *args)


def _mlp_backward(*args: Any) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    return reference_mlp.mlp_backward(torch.ops.hatact.ppoly.default, *args)


def packed(knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0) -> Tensor:
    """The lists as one float64 vector: how many knots, the period, knots, coefficients."""
    return torch.tensor([len(knots), period, *knots, *coeffs], dtype=torch.float64, device="cpu")


def _unpacked(numbers: Tensor) -> tuple[list[float], list[float], float]:
    n, period, *rest = numbers.tolist()
    return rest[: int(n)], rest[int(n) :], period


def _packed_encode(x: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y, code = torch.ops.hatact.ppoly_encode.default(x, *_unpacked(numbers))
    return y, code, x.new_empty(0)


def _packed_decode(g: Tensor, code: Tensor, slopes: Tensor) -> Tensor:
    gx: Tensor = torch.ops.hatact.ppoly_decode.default(g, code, _unpacked(slopes)[1])
    return gx


_ANY_BACKEND: dict[str, Kernel] = {
    "linear_act": _linear_act,
    "mlp_forward": _mlp_forward,
    "mlp_backward": _mlp_backward,
    "_packed_encode": _packed_encode,
    "_packed_decode": _packed_decode,
}
_REFERENCE: dict[str, Kernel] = {
    "ppoly": _reference_ppoly,
    "ppoly_": reference.ppoly_,
    "ppoly_encode": _reference_ppoly_encode,
    "ppoly_encode_": reference.ppoly_encode_,
    "ppoly_decode": reference.ppoly_decode,
    "triangle_cascade": _reference_cascade,
    "triangle_cascade_backward": _reference_cascade_backward,
    **_ANY_BACKEND,
}
for _name, _kernel_of in _REFERENCE.items():
    LIBRARY.impl(_name, _kernel_of, "CompositeExplicitAutograd")


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
_KERNELS: dict[str, dict[str, Kernel]] = {
    "extension": {},
    "triton": {**_ANY_BACKEND, **triton.OPS},
    "reference": _REFERENCE,
}
# Not known to be faster than the matrix product of torch followed by ppoly_encode_ (no GPU was at
# hand to measure it): used where the backend is forced.
_ONLY_FORCED = {"triton": {"linear_act"}}
# Ops for which the extension has no kernel on a device: the next backend serves them.
_LACKS = {"cuda": ("triangle_cascade", "triangle_cascade_backward")}
# Ops that it serves by other ops of its own, where the next backend has a kernel: used by default.
_COMPOSES = {"cuda": ("mlp_forward", "mlp_backward")}
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


def mlp_unfused(device: str, hidden: int, dtype: torch.dtype, forced: bool = True) -> str | None:
    """Why no kernels of their own serve `mlp_forward` and `mlp_backward`, or None: they do.

    forced: of the backend forced now, if any; else of that which serves by default.
    """
    backend = current_backend(device) if forced else default_backend(device)
    composes = backend == "extension" and device in _COMPOSES and not (forced and _forced)
    if composes and device in _BACKENDS["triton"].devices:
        backend = "triton"
    if backend == "reference" or (backend == "extension" and device in _COMPOSES):
        return f"the backend {backend!r} has no fused kernels on {device}"
    widths = reference_mlp.FUSED_WIDTHS
    least, most = widths[0], widths[-1]
    hidden = int(hidden)  # of a size that Dynamo traces as a symbol
    if not least <= hidden <= most:
        return f"the fused kernels take widths from {least} to {most}"
    return triton.mlp_unfused(hidden, dtype) if backend == "triton" else None


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
        raise ValueError(
            f"the backend must be one of {', '.join(_BACKENDS)}; got {name!r}: write one of these"
        )
    backend = _BACKENDS[name]
    if not backend.available:
        why = "; ".join(f"{device}: {reason}" for device, reason in backend.reasons.items())
        there = ", ".join(n for n, b in _BACKENDS.items() if b.available)
        raise RuntimeError(
            f"the backend must be available here; got {name!r}, which is not ({why}): write one "
            f"that is, {there}"
        )
    return name


def _refuse(error: Exception, ops: Iterable[str] = SCHEMAS) -> dict[str, Kernel]:
    def kernel(*args: object) -> Tensor:
        raise error

    return dict.fromkeys(ops, kernel)


def _forced_kernels(name: str, device: str) -> dict[str, Kernel]:
    """What to register for a device to force a backend there, beside what serves already."""
    backend = _BACKENDS[name]
    if device in backend.devices:
        serves = name == default_backend(device)
        only = _ONLY_FORCED.get(name, set()) if serves else SCHEMAS
        lacks = _LACKS.get(device, ()) if name == "extension" else ()
        error = RuntimeError(
            f"the backend {name!r} is forced and has no {device} kernel for this op"
        )
        composes = _COMPOSES.get(device, ()) if name == "extension" else ()
        return (
            {op: kernel for op, kernel in _KERNELS[name].items() if op in only}
            | {op: _ANY_BACKEND[op] for op in composes}
            | _refuse(error, lacks)
        )
    return _refuse(
        RuntimeError(
            f"the backend {name!r} is forced and cannot serve {device} tensors: "
            f"{backend.reasons[device]}"
        )
    )


def _override(kernels: dict[str, dict[str, Kernel]]) -> torch.library.Library:
    library = torch.library.Library("hatact", "IMPL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Warning only once for all operators")  # intended
        for device, of_device in kernels.items():
            for op, kernel in of_device.items():
                library.impl(op, kernel, device.upper(), allow_override=True)
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
        _override_now = _override({d: _forced_kernels(what, d) for d in DEVICES})


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


def _default_kernels(device: str) -> dict[str, Kernel]:
    name = default_backend(device)
    if name == "reference":  # a library that was refused may have registered some kernels
        return {op: k for op, k in _REFERENCE.items() if extension.has_kernel(op, device)}
    left_out = _ONLY_FORCED.get(name, set())
    found = {op: kernel for op, kernel in _KERNELS[name].items() if op not in left_out}
    if name == "extension" and device in _BACKENDS["triton"].devices:
        filled = (*_LACKS.get(device, ()), *_COMPOSES.get(device, ()))
        found |= {op: _KERNELS["triton"][op] for op in filled}
    return found


_defaults = _override({device: _default_kernels(device) for device in DEVICES})
_override_now: torch.library.Library | None = None
if os.environ.get("HATACT_BACKEND"):
    _forced.append(_Choice(_from_environment(os.environ["HATACT_BACKEND"])))
    _force(_forced[-1])
