"""Other packages, where they are installed: `pip install --no-deps -r bench/peers.txt`.

--no-deps because the metadata of one pins torch 1.7.1 and another asks for torchvision; each
imports and runs without. Their parameters are frozen: what is timed is a fixed activation.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from bench.cases import Case
from bench.formulas import Function, of_scaled
from bench.providers import Provider
from hatact import reference
from hatact.spec import PiecewisePolynomial

_EQUAL_KNOTS = {"hat": 1.0, "bw_relu": 0.5, "relu": 1.0}  # their spacing, from 0


def _values(spec: PiecewisePolynomial, at: Tensor) -> Tensor:
    return reference.ppoly(at.double(), None, *spec.numbers)


def _of_size(spec: PiecewisePolynomial) -> Function:
    """A constant of the size of f: what a local basis adds up."""
    largest = float(_values(spec, torch.linspace(-4, 4, 4097)).abs().max())
    return lambda x: largest * (1 + x.abs())


def _deepspline(case: Case) -> Provider | None:
    """DeepBSpline with f's values at the knots as its coefficients: f itself, if of degree 1."""
    modules = importlib.import_module("deepsplines.ds_modules")
    if case.activation not in _EQUAL_KNOTS:
        return None
    grid = _EQUAL_KNOTS[case.activation]
    half = len(case.spec.knots) + 1  # one interval of the last slope at least, on either side
    module = modules.DeepBSpline("fc", 1, size=2 * half + 1, range_=None, grid=grid)
    with torch.no_grad():
        at = grid * torch.arange(-half, half + 1)
        module.coefficients_vect.copy_(_values(case.spec, at))
    module = module.requires_grad_(False).to(case.device)
    return Provider(
        "DeepBSpline",
        lambda x: module(x.view(-1, 1)).view_as(x),
        terms=_of_size(case.spec),
    )


def _kan(case: Case) -> Provider | None:
    """pykan's B-spline curve with the coefficients that make it f."""
    spline = importlib.import_module("kan.spline")
    if case.activation not in ("hat", "bw_relu", "bspline3"):
        return None
    knots = torch.tensor(case.spec.numbers[0], dtype=torch.float64)
    # A B-spline is one basis function; of degree 1 the coefficients are the values at the knots.
    inner = _values(case.spec, knots[1:-1]) if case.spec.degree == 1 else torch.ones(1)
    grid = knots.view(1, -1).to(case.device, case.dtype)
    coefficients = inner.view(1, 1, -1).to(case.device, case.dtype)
    degree = case.spec.degree

    def curve(x: Tensor) -> Tensor:
        y: Tensor = spline.coef2curve(x.view(-1, 1), grid, coefficients, degree)
        return y.view_as(x)

    return Provider("pykan B-spline", curve, terms=_of_size(case.spec))


def _rational(case: Case) -> Provider | None:
    """P/Q of degrees 5 and 4, the package's own stand-in for leaky ReLU: it cannot be f."""
    package = importlib.import_module("rational.torch")
    if case.activation != "hat" or case.device != "cpu":  # elsewhere it needs a kernel built
        return None
    module, double = (package.Rational(trainable=False, cuda=False) for _ in range(2))
    return Provider("rational (another function)", module, another=double.double())


PEERS: dict[str, tuple[str, Callable[[Case], Provider | None]]] = {
    "deepsplines": ("deepsplines.ds_modules", _deepspline),
    "pykan": ("kan.spline", _kan),
    "rational-activations": ("rational.torch", _rational),
}


def _import_error(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever another package's import runs into
        return f"{type(error).__name__}: {error}"
    return None


def missing() -> dict[str, str]:
    """The peers that cannot be imported here, and why."""
    reasons = {name: _import_error(module) for name, (module, _) in PEERS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def peers(case: Case) -> Iterator[Provider]:
    """The installed peers that can compute a case."""
    left_out = missing()
    for name, (_, make) in PEERS.items():
        if name in left_out:
            continue
        try:
            provider = _made(make, case)
        except Exception as error:  # a package that no longer fits has a row that says so
            provider = Provider(name, _raising(error))
        if provider is not None:
            yield provider


def _made(make: Callable[[Case], Provider | None], case: Case) -> Provider | None:
    """A package's f of scale 1, fed scale·x; another function is left as it is."""
    provider = make(replace(case, scale=1))
    if provider is None or provider.another is not None:
        return provider
    return replace(
        provider,
        function=of_scaled(provider.function, case.scale),
        terms=provider.terms and of_scaled(provider.terms, case.scale),
    )


def unfit(case: Case) -> list[str]:
    """The peers that can be imported here and are not of this f."""
    left_out = missing()
    found = []
    for name, (_, make) in PEERS.items():
        # One that raises has a row that says so.
        with contextlib.suppress(Exception):
            if name not in left_out and make(replace(case, scale=1)) is None:
                found.append(name)
    return found


def _raising(error: Exception) -> Callable[[Tensor], Tensor]:
    def call(x: Tensor) -> Tensor:
        raise error

    return call
