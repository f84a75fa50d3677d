"""PyTorch's own templates of relu, leaky_relu, hardtanh and relu6, pointed at hatact.

`torch.testing._internal` holds for every operator and module of torch what it claims (dtypes,
derivatives, variants) and inputs to check the claims with: OpInfo and ModuleInfo. Here each is
copied with hatact's function or module in the place of torch's; the inputs stay torch's.

Not in the copies: out= and method variants, sparse layouts and integer dtypes, which hatact does
not have (it refuses the last two), and TorchScript, which knows no Python object such as a spec.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import product
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.autograd import grad
from torch.func import jvp, vjp

import hatact
from hatact import PiecewisePolynomial, functional, nn
from hatact._checks import DTYPES
from hatact.activations.leaky_relu import leaky_relu as leaky_relu_spec
from tests.support.places import PLACES, Place

NAMES = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "hardtanh": "Hardtanh", "relu6": "ReLU6"}
leaky_spec = cache(leaky_relu_spec)
FORMATS = {
    4: (torch.contiguous_format, torch.channels_last),
    5: (torch.contiguous_format, torch.channels_last_3d),
}
EVERY_SUBJECT = (
    pytest.mark.parametrize(
        ("place", "who"),
        [pytest.param(place, "hatact", id=str(place)) for place in PLACES]
        + [pytest.param(PLACES[0], "torch", id="torch")],
        indirect=["place"],
    ),
    pytest.mark.parametrize("name", NAMES),
)
"""Each check runs on hatact's function, on every backend, and on torch's own as the control.

A check that torch's own function fails is marked in tests/ops/templates/conftest.py, by name and
with the reason.
"""


@cache
def hardtanh_spec(lower: float, upper: float) -> PiecewisePolynomial:
    """min(max(x, lower), upper); torch also takes lower == upper, a constant."""
    if lower == upper:
        return PiecewisePolynomial((lower,), ((lower,), (upper,)))
    return PiecewisePolynomial((lower, upper), ((lower,), (1, lower), (upper,)))


def relu(x: Tensor, inplace: bool = False) -> Tensor:
    return functional.piecewise(x, hatact.RELU, inplace)


def leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    return functional.piecewise(x, leaky_spec(negative_slope), inplace)


def hardtanh(
    x: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    return functional.piecewise(x, hardtanh_spec(min_val, max_val), inplace)


def relu6(x: Tensor, inplace: bool = False) -> Tensor:
    return functional.piecewise(x, hardtanh_spec(0, 6), inplace)


class LeakyReLU(nn.Piecewise):
    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(leaky_spec(negative_slope), inplace)


class Hardtanh(nn.Piecewise):
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(hardtanh_spec(min_val, max_val), inplace)


class ReLU6(nn.Piecewise):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__(hardtanh_spec(0, 6), inplace)


FUNCTIONS = {"relu": relu, "leaky_relu": leaky_relu, "hardtanh": hardtanh, "relu6": relu6}
MODULES = {"relu": nn.ReLU, "leaky_relu": LeakyReLU, "hardtanh": Hardtanh, "relu6": ReLU6}


@cache
def _databases() -> tuple[dict[str, Any], dict[str, Any]]:
    """OpInfo and ModuleInfo by the name of the function. Six seconds, so not at import."""
    frozen = torch.backends.flags_frozen()
    with mock.patch.dict(os.environ):  # Inductor, which comes along, writes its cache's path there
        from torch.testing._internal.common_methods_invocations import op_db
        from torch.testing._internal.common_modules import module_db
    # Importing them forbids the whole process to set torch.backends' flags.
    of_backends = torch.backends.flags_frozen.__globals__
    of_backends["__allow_nonbracketed_mutation_flag"] = not frozen
    ops = {op.name: op for op in op_db if not op.variant_test_name}
    modules = {info.module_cls: info for info in module_db}
    return (
        {name: ops[f"nn.functional.{name}"] for name in NAMES},
        {name: modules[getattr(torch.nn, module)] for name, module in NAMES.items()},
    )


# The functions of a template are called as they are: the methods around them seed every generator
# of the process, once a sample.


@cache
def _samples(name: str, device: str, dtype: torch.dtype, grad: bool) -> tuple[Any, ...]:
    """The smallest first."""
    info, found = _databases()[0][name], {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for sample in info.sample_inputs_func(info, device, dtype, grad):
            found.setdefault((tuple(sample.input.shape), str(sample.kwargs)), sample)
    return tuple(sorted(found.values(), key=lambda sample: sample.input.numel()))


@cache
def _references(name: str, device: str, dtype: torch.dtype) -> tuple[Any, ...]:
    """Those of a million elements are left out."""
    info = _databases()[0][name]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        samples = info.reference_inputs_func(info, device, dtype, False)
        return tuple(sample for sample in samples if sample.input.numel() < 10**5)


@dataclass(frozen=True)
class Subject:
    """Whose function is under test, on which backend: hatact's, or torch's as the control."""

    place: Place
    who: str
    name: str

    @property
    def device(self) -> str:
        return self.place.device

    @property
    def dtypes(self) -> list[torch.dtype]:
        return self.place.dtypes

    @property
    def refusal(self) -> tuple[type[Exception], ...]:
        """What an input that is not supported raises."""
        return (ValueError,) if self.who == "hatact" else (RuntimeError, NotImplementedError)

    @property
    def torchs(self) -> Callable[..., Tensor]:
        """torch's own function: the oracle."""
        return getattr(torch.nn.functional, self.name)

    @cached_property
    def op(self) -> Any:
        """The OpInfo, its function and in-place variant replaced."""
        info = copy.copy(_databases()[0][self.name])
        info.op = FUNCTIONS[self.name] if self.who == "hatact" else self.torchs
        info.inplace_variant = partial(info.op, inplace=True)
        if self.who == "hatact":
            info.dtypes = info.backward_dtypes = set(DTYPES)
            info.supports_sparse = False
        return info

    def variants(self, **kwargs: Any) -> dict[str, Callable[[Tensor], Tensor]]:
        """The function, and what its in-place variant makes of a copy."""

        def in_place(x: Tensor) -> Tensor:
            written = x.clone()
            self.op.inplace_variant(written, **kwargs)
            return written

        return {"function": lambda x: self.op(x, **kwargs), "in place": in_place}

    @cached_property
    def module(self) -> Any:
        """The ModuleInfo, its class replaced."""
        info = copy.copy(_databases()[1][self.name])
        if self.who == "hatact":
            info.module_cls = MODULES[self.name]
        return info

    def samples(self, dtype: torch.dtype, grad: bool = True, few: bool = False) -> list[Any]:
        """One sample input of each shape and choice of arguments.

        Few are one, the largest, of each choice of arguments, and the scalar if there is one.
        """
        found = _samples(self.name, self.device, dtype, grad)
        largest = {str(sample.kwargs): sample for sample in found}
        scalars = [sample for sample in found if sample.input.dim() == 0]
        return [*largest.values(), *scalars] if few else list(found)

    def references(self, dtype: torch.dtype) -> tuple[Any, ...]:
        """The extended inputs: strides, large, small and non-finite values.

        The template of leaky_relu has none: those of relu serve.
        """
        name = "relu" if self.name == "leaky_relu" else self.name
        return _references(name, self.device, dtype)

    def module_inputs(self, dtype: torch.dtype, grad: bool = False, of: str = "") -> Iterator[Any]:
        """(module's maker, its counterpart in torch, input, template), of another's if `of`."""
        own, source = (_databases()[1][name] for name in (self.name, of or self.name))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            inputs = source.module_inputs_func(
                source, device=self.device, dtype=dtype, requires_grad=grad, training=True
            )
        for case in inputs:
            (x,), made = case.forward_input.args, case.constructor_input
            make, torchs = (
                partial(info.module_cls, *made.args, **made.kwargs) for info in (self.module, own)
            )
            yield make, torchs, x, case

    def images(self, dtype: torch.dtype) -> Iterator[Any]:
        """(module, torch's module, image, format), for every format of module and image.

        The templates of LeakyReLU and Hardtanh have no image among their inputs: those of ReLU
        serve.
        """
        for make, torchs, x, _ in self.module_inputs(dtype, of="relu"):
            for of_module, of_input in product(FORMATS.get(x.dim(), ()), repeat=2):
                image = x.contiguous(memory_format=of_input).requires_grad_()
                yield make().to(memory_format=of_module), torchs(), image, of_input


def noncontiguous(t: Tensor) -> Tensor:
    """torch's own: a NaN beside each value."""
    return torch.testing._internal.common_utils.noncontiguous_like(t)


def accurate(y: Tensor, truth: Tensor, torchs: Tensor) -> None:
    """Fails where y errs more than twice as much as torch does: exact where torch is exact."""
    y, truth, torchs = (t.detach() for t in (y, truth, torchs))
    assert y.dtype == torchs.dtype
    assert y.shape == truth.shape
    finite = truth.isfinite()
    step = torch.finfo(y.dtype).smallest_normal * torch.finfo(y.dtype).eps
    error = (torchs.double() - truth).abs()[finite]
    relative = (error - step).clamp(min=0) / truth.abs()[finite].clamp(min=1e-300)
    share = 2 * float(relative.max()) if relative.numel() else 0.0
    allowed = share * truth.abs() + (2 * step if bool((error > 0).any()) else 0)
    equal = (y.double() == truth) | (y.isnan() & truth.isnan())
    bad = ~(equal | (finite & ((y.double() - truth).abs() <= allowed)))
    assert not bad.any(), (
        f"{y.dtype}: got {y[bad][:3].tolist()}, expected {truth[bad][:3].tolist()} "
        f"within {share:.3g} of it"
    )


def same(a: Tensor, b: Tensor) -> None:
    """Fails unless a and b are equal in value, NaN as NaN, and in dtype."""
    torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def same_meta(a: Tensor, b: Tensor) -> None:
    """Fails unless shape, dtype, device and the strides that matter are equal."""
    torch._prims_common.compare_tensor_meta(a, b, check_strides=True)


# Compositions, as functions of tensors of one shape. `plain` ones are reverse mode alone, without
# torch.func: what the others are held against.
Function = Callable[..., Tensor]


def vjp_of(f: Function, plain: bool) -> Function:
    """(primals, cotangent) → the gradients, stacked if there are several."""

    def of(*args: Tensor) -> Tensor:
        *primals, v = args
        if not plain:
            found = vjp(f, *primals)[1](v)
        else:
            primals = _watched(primals)
            found = grad(f(*primals), primals, v, create_graph=True, materialize_grads=True)
        return found[0] if len(found) == 1 else torch.stack(found)

    return of


def jvp_of(f: Function, plain: bool) -> Function:
    """(primals, tangents) → the tangent; the plain one as the gradient of a gradient."""

    def of(*args: Tensor) -> Tensor:
        primals, tangents = args[: len(args) // 2], args[len(args) // 2 :]
        if not plain:
            return jvp(f, primals, tangents)[1]
        primals = _watched(primals)
        y = f(*primals)
        v = torch.zeros_like(y, requires_grad=True)
        back = grad(y, primals, v, create_graph=True, materialize_grads=True)
        return grad(back, v, tangents, create_graph=True, materialize_grads=True)[0]

    return of


def _watched(primals: Sequence[Tensor]) -> list[Tensor]:
    return [p if p.requires_grad else p.detach().requires_grad_() for p in primals]


# The tensors that each takes, and what is applied, the innermost first.
COMPOSITIONS = {
    "vjp": (2, (vjp_of,)),
    "jvp": (2, (jvp_of,)),
    "vjp of vjp": (3, (vjp_of, vjp_of)),
    "jvp of vjp": (4, (vjp_of, jvp_of)),
    "vjp of jvp": (3, (jvp_of, vjp_of)),
    "jvp of jvp": (4, (jvp_of, jvp_of)),
}


def composed(f: Function, transforms: Sequence[Any], plain: bool) -> Function:
    for transform in transforms:
        f = transform(f, plain)
    return f
