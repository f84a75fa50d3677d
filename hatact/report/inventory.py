"""What there is to verify and to use; what is installed, or missing and why. Needs torch only."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from importlib import metadata
from numbers import Rational

import torch

import hatact
from hatact import ops
from hatact._named import ALIASES, activation, names
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
        "Activations": activations(),
    }


def contents() -> dict[str, Rows]:
    """Papers, their claims and the activations, by title as :func:`sections` has them.

    Raises:
        ValueError: for papers that are none.
    """
    from hatact.claims import papers

    found = papers()
    return {
        "Papers": [
            (name, f"{paper.title}; {paper.authors} {paper.year}, arXiv {paper.arxiv}")
            for name, paper in found.items()
        ],
        "Claims": [
            (claim.id, claim.statement) for paper in found.values() for claim in paper.claims
        ],
        "Activations": activations(),
    }


def activations() -> Rows:
    """Every name that `hatact.activation` takes, and what f is."""
    return [(name, _listed(activation(name), ALIASES.get(name))) for name in names()]


def _listed(spec: hatact.PiecewisePolynomial, alias: str | None) -> str:
    knots = ", ".join(str(t) if isinstance(t, Rational) else f"{t:g}" for t in spec.knots)
    says = f"knots {knots.replace('-', '−')}; degree {spec.degree}; {_support(spec)}"
    return f"{alias}: {says}" if alias else says


def described(spec: hatact.PiecewisePolynomial) -> str:
    """Its knots, degree, and support or period."""
    count = len(spec.knots)
    return f"{count} knot{'s' * (count > 1)}, degree {spec.degree}, {_support(spec)}"


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
    low, high = (f"{float(end):g}".replace("inf", "∞").replace("-", "−") for end in spec.support)
    return f"support {'(' if '∞' in low else '['}{low}, {high}{')' if '∞' in high else ']'}"
