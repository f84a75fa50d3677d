"""What is installed here, and what is missing and why. Needs torch only."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from importlib import metadata

import torch

import hatact
from hatact import ops
from hatact.activations import registry
from hatact.backends import extension

OPTIONAL = {
    "triton": "hatact[triton]",
    "numpy": "hatact[verify]",
    "scipy": "hatact[verify]",
    "scikit-image": "hatact[verify]",
    "matplotlib": "hatact[verify]",
}

Rows = list[tuple[str, str]]


def sections() -> dict[str, Rows]:
    """Title → (name, what is to be said of it)."""
    return {
        "Versions": _versions(),
        "Backends": _backends(),
        "Devices": _devices(),
        "Activations": [
            (name, f"{len(s.knots)} knots, degree {s.degree}, {_support(s)}")
            for name, s in registry().items()
        ],
    }


def _versions() -> Rows:
    return [
        ("hatact", hatact.__version__),
        ("python", platform.python_version()),
        ("torch", str(torch.__version__)),
        *((name, _version(name, extra)) for name, extra in OPTIONAL.items()),
    ]


def _version(name: str, extra: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"missing; pip install '{extra}' brings it"


def _backends() -> Rows:
    rows = []
    for name, backend in hatact.available_backends().items():
        serves = f"serves {', '.join(backend.devices)}" if backend.devices else "not available"
        why = "; ".join(f"not {device}: {reason}" for device, reason in backend.reasons.items())
        rows.append((name, f"{serves}; {why}" if why else serves))
    return [*rows, *((f"used on {device}", _used(device)) for device in ops.DEVICES)]


def _used(device: str) -> str:
    try:
        return ops.current_backend(device)
    except (ValueError, RuntimeError) as error:
        return f"none: {error}"


def _devices() -> Rows:
    try:
        capability = extension.cpu_capability()
    except RuntimeError as error:
        capability = f"none: {error}"
    if torch.cuda.is_available():
        cuda = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    elif torch.version.cuda is None:
        cuda = "none: this torch is built without CUDA"
    else:
        cuda = f"none: torch is built for CUDA {torch.version.cuda} and finds no device"
    return [
        ("CPU threads", str(torch.get_num_threads())),
        ("CPU kernels", capability),
        ("CUDA", cuda),
        ("nvcc", _nvcc()),
    ]


def _nvcc() -> str:
    path = shutil.which("nvcc")
    if path is None:
        return "not on the PATH"
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    except OSError as error:
        return f"{path} does not run: {error}"
    release = re.search(r"release ([\d.]+)", said)
    return f"CUDA {release[1]}, {path}" if release else f"{path} does not say its release"


def _support(spec: hatact.PiecewisePolynomial) -> str:
    if spec.period is not None:
        return f"period {float(spec.period):g}"
    low, high = spec.support
    return f"support [{float(low):g}, {float(high):g}]"
