"""The published network of BW-ReLUs in plain torch: shares no code with hatact."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd import grad, gradcheck
from torch.func import functional_call

from hatact.nn import BWNetwork

NAMES = ("weight_norm", "linear_layers", "learn_c", "skip")
OPTIONS = [
    {name: True for name, on in zip(NAMES, chosen, strict=True) if on}
    for chosen in itertools.product((False, True), repeat=len(NAMES))
]
ALL = OPTIONS[-1]


def named(options: dict[str, bool]) -> str:
    """A test's id."""
    return "+".join(options) or "plain"


def relus(x: Tensor) -> Tensor:
    """ψ of seven ReLUs."""
    weights = (1, -8, 23, -32, 23, -8, 1)
    return sum(w * torch.relu(x - k / 2) for k, w in enumerate(weights)) / 6


def _normed(linear: nn.Linear) -> nn.Module:
    with warnings.catch_warnings():  # the paper's; torch has another by now
        warnings.simplefilter("ignore", FutureWarning)
        return torch.nn.utils.weight_norm(linear)


class Published(nn.Module):
    """Its parameters stand in the order of the published code."""

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        c: float = 1.0,
        weight_norm: bool = False,
        linear_layers: bool = False,
        learn_c: bool = False,
        skip: bool = False,
    ) -> None:
        super().__init__()
        inputs, hidden, depth, outputs = sizes
        if learn_c:
            self.c = nn.Parameter(torch.tensor(c))
        else:
            self.c = c
        self.parts = nn.ModuleList()
        self.acts = []
        for layer in range(depth):
            linear = nn.Linear(inputs if layer == 0 else hidden, hidden)
            self.parts.append(_normed(linear) if weight_norm else linear)
            self.acts.append(True)
            if linear_layers and layer + 1 < depth:
                self.parts.append(nn.Linear(hidden, hidden))
                self.acts.append(False)
        self.parts.append(nn.Linear(hidden, outputs))
        self.acts.append(False)
        self.past = nn.Linear(inputs, outputs) if skip else None

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for part, acts in zip(self.parts, self.acts, strict=True):
            y = relus(self.c * part(y)) if acts else part(y)
        return y if self.past is None else y + self.past(x)


def network(
    sizes: tuple[int, int, int, int] = (3, 16, 2, 2),
    c: float = 2.5,
    seed: int = 0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
    **options: bool,
) -> BWNetwork:
    """A network whose pre-activations reach over the support of ψ."""
    torch.manual_seed(seed)
    made = BWNetwork(*sizes, c, device=device, dtype=dtype, **options)
    with torch.no_grad():
        for name, p in made.named_parameters():
            if "layers" in name:
                p.mul_(1.5)
    return made


def published(made: BWNetwork) -> Published:
    """The published network with the parameters of a BWNetwork, copied one by one."""
    sizes = (made.in_features, made.hidden_features, made.hidden_layers, made.out_features)
    same = Published(sizes, value(made.c), **made.options).to(next(made.parameters()))
    with torch.no_grad():
        for p, q in zip(same.parameters(), made.parameters(), strict=True):
            assert p.shape == q.shape
            p.copy_(q)
    return same


def points(rows: int, inputs: int = 3, **kwargs: object) -> Tensor:
    return torch.randn(rows, inputs, dtype=torch.float64, **kwargs)


def near(got: Tensor, want: Tensor, tolerance: float) -> None:
    """In norm, relative to what is wanted."""
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    got, want = got.detach(), want.detach()
    assert float((got - want).norm()) <= tolerance * float(want.norm())


def as_published(made: BWNetwork, x: Tensor) -> None:
    """Outputs and all gradients are those of the published network."""
    same = published(made)
    y, want = made(x), same(x)
    near(y, want, 1e-12)
    g = torch.randn_like(want)
    found = grad((y * g).sum(), [x, *made.parameters()])
    wanted = grad((want * g).sum(), [x, *same.parameters()])
    for a, b in zip(found, wanted, strict=True):
        near(a, b, 1e-11)


def value(number: Tensor | float) -> float:
    return float(number.detach()) if isinstance(number, Tensor) else number


class _Quantity(nn.Module):
    """A quantity of a network, as what a module returns: parameters can then be arguments."""

    def __init__(self, network: BWNetwork, quantity: Callable[[BWNetwork], Tensor]) -> None:
        super().__init__()
        self.network, self.quantity = network, quantity

    def forward(self) -> Tensor:
        return self.quantity(self.network)


def differentiable(made: BWNetwork, quantity: Callable[[BWNetwork], Tensor]) -> None:
    """Gradients in all parameters are those of differences; in c, where it is linear, exact."""
    names = [f"network.{name}" for name, _ in made.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in made.parameters()]
    whole = _Quantity(made, quantity)

    def f(*values: Tensor) -> Tensor:
        return functional_call(whole, dict(zip(names, values, strict=True)), ())

    y = f(*values)
    if made.options["learn_c"]:
        near(grad(y, values[0], retain_graph=True)[0] * values[0], y, 1e-12)
    assert gradcheck(f, values)
