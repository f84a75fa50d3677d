"""The fused network of the Triton backend, against float64.

Prints a JSON object: what was checked -> the list of what failed. Under the interpreter bf16 is
left out (it multiplies its bits as integers), and float32 with tf32 products, the least that the
kernels take, is float32.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

import hatact
from bench.tf32 import CutProducts
from hatact import HAT, bspline, nn
from hatact.activations import registry
from hatact.backends import _triton_mlp as backend
from hatact.backends import _triton_mlp_rules as rules
from tests.support.layouts import same_bits
from tests.support.mlp_ops import SLACK, both, error, flat, network, of_reference, wide

# Each side of every limit between two tilings.
WIDTHS = (16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 160, 192, 193, 255, 256)
CUBIC = bspline(3)
Failures = list[str]


def fused(hidden: int, dtype: torch.dtype) -> bool:
    return rules.mlp_unfused(hidden, dtype) is None


INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def dtypes(device: str) -> tuple[torch.dtype, ...]:
    of_all = torch.float32, torch.float16
    return of_all if INTERPRETED else (*of_all, torch.bfloat16)


def names_of(depth: int, biased: bool) -> list[str]:
    weights = [f"gW{layer + 1}" for layer in range(depth)]
    return ["y", "kept", "gx", *weights, *(w.replace("W", "b") for w in weights if biased)]


def wrong(spec: hatact.PiecewisePolynomial, size: tuple[int, ...], dtype: torch.dtype,
          device: str, bias: bool = True, seeds: int = 1) -> Failures:  # fmt: skip
    """What errs by more than twice what torch's layers do, root mean squares over seeds, whichever
    way their products of tf32 round.

    Of one seed, by more than twice their largest: single sums that cancel are a matter of luck.
    """
    ours, theirs = [], []
    for seed in range(seeds):
        net = network(size, dtype, device, bias, seed)
        exact = flat(of_reference(spec, *wide(net)))
        with CutProducts():
            cut = of_reference(spec, *net)
        errors = [
            [error(a, c) for a, c in zip(flat(found), exact, strict=True)]
            for found in (both(spec, *net), of_reference(spec, *net), cut)
        ]
        ours.append(errors[0])
        theirs.append(list(map(max, *errors[1:])))
    got, want = (torch.tensor(e).square().mean(0).sqrt().tolist() for e in (ours, theirs))
    least = torch.finfo(dtype).eps if seeds > 1 else max(want)
    return [
        f"{name}: {a:.2g}, torch's {b:.2g}"
        for name, a, b in zip(names_of(size[3], bias), got, want, strict=True)
        if not a <= SLACK * max(b, least)
    ]


def check_width(hidden: int, device: str) -> Failures:
    failures = []
    for dtype, depth in product(dtypes(device), (2, 4)):
        if fused(hidden, dtype):
            found = wrong(CUBIC, (3, hidden, 2, depth, 20), dtype, device)
            failures += [f"{dtype}, depth {depth}: {f}" for f in found]
    return failures


def check_error(device: str) -> Failures:
    failures = []
    sizes = ((2, 64, 1, 4, 500), (40, 100, 3, 3, 300))
    for size, spec, dtype in product(sizes, (HAT, CUBIC), dtypes(device)):
        found = wrong(spec, size, dtype, device, seeds=3)
        failures += [f"{size}, {len(spec.knots)} knots, {dtype}: {f}" for f in found]
    return failures


def check_activations(device: str) -> Failures:
    failures = []
    for (name, spec), dtype in product(registry().items(), dtypes(device)):
        found = wrong(spec, (2, 20, 1, 3, 60), dtype, device)
        failures += [f"{name}, {dtype}: {f}" for f in found]
    return failures


def check_sizes(device: str) -> Failures:
    """Inputs and outputs of more than a step, whole and not; rows of several tiles and splits."""
    failures = []
    sizes = {
        "wide input": (130, 24, 3, 3, 40),
        "wide output": (2, 24, 130, 3, 40),
        "one unit each side": (1, 16, 1, 5, 33),
        "whole steps": (64, 32, 64, 2, 128),
        "kept from the first layer": (16, 32, 2, 4, 50),
        "one row": (2, 64, 1, 3, 1),
        "splits of the rows": (2, 16, 1, 3, 2100),
        "deep": (2, 16, 1, 9, 40),
    }
    for (name, size), dtype, bias in product(sizes.items(), dtypes(device), (True, False)):
        found = wrong(CUBIC, size, dtype, device, bias)
        failures += [f"{name}, {dtype}, bias {bias}: {f}" for f in found]
    return failures


def differing(got: tuple, want: tuple, names: list[str]) -> Failures:
    pairs = zip(names, flat(got), flat(want), strict=True)
    return [name for name, a, b in pairs if not same_bits(a, b)]


def check_bits(device: str) -> Failures:
    """Run again, and with nothing kept: the same bits; on a GPU by every launch too.

    Off it numpy's products depend on how many rows there are.
    """
    failures = []
    for hidden, dtype in product((20, 70) if INTERPRETED else (48, 100, 160), dtypes(device)):
        net = network((3, hidden, 2, 4, 300), dtype, device)
        names = names_of(4, True)
        found = both(HAT, *net)
        failures += [f"again: {n}" for n in differing(both(HAT, *net), found, names)]
        y, _, *grads = both(HAT, *net, keep=False)
        failures += [f"not kept: {n}" for n in differing((y, found[1], *grads), found, names)]
        rule = rules.configs
        for config in () if INTERPRETED else rule(hidden, dtype.itemsize, False, True):
            rules.configs = lambda *_, config=config: (config,)
            try:
                got = both(HAT, *net)
            finally:
                rules.configs = rule
            failures += [f"{config}: {n}" for n in differing(got, found, names)]
        choices = backend._OF_PARAMETERS
        for config in () if INTERPRETED else choices:
            backend._OF_PARAMETERS = (config,)
            try:
                got = both(HAT, *net)
            finally:
                backend._OF_PARAMETERS = choices
            failures += [f"{config}: {n}" for n in differing(got, found, names)]
    return failures


def check_sums(device: str) -> Failures:
    """Biases' gradients as sums, as GPUs without products of warp groups have them, in float32."""
    rule = backend.summed
    backend.summed = lambda x: True
    try:
        size = (2, 20, 1, 4, 700)
        failures = [
            f"{dtype}: {f}" for dtype in dtypes(device) for f in wrong(CUBIC, size, dtype, device)
        ]
        x, weights, biases, g = network((2, 20, 1, 3, 128), torch.float16, device)
        g[:64], g[64:] = 1500, -1500  # of 64 rows a step's sum would overflow in float16
        *_, of_biases = both(HAT, x, weights, biases, g)
        return failures + [f"float16: {of_biases[-1]}"] * (float(of_biases[-1]) != 0)
    finally:
        backend.summed = rule


def check_asked(device: str) -> Failures:
    failures = []
    net = network((6, 24, 4, 3, 50), torch.float16, device)
    _, _, *whole = both(HAT, *net)
    for of_input, of_parameters in product((True, False), repeat=2):
        _, _, gx, *rest = both(HAT, *net, of_input=of_input, of_parameters=of_parameters)
        if not (same_bits(gx, whole[0]) if of_input else gx.shape == (0,)):
            failures.append(f"gx, {of_parameters}")
        wanted = flat(whole[1:]) if of_parameters else []
        pairs = zip(flat(rest), wanted, strict=True)
        failures += [f"parameters, {of_input}" for a, b in pairs if not same_bits(a, b)]
    return failures


def check_layouts(device: str) -> Failures:
    x, weights, biases, g = network((6, 24, 4, 3, 50), torch.float16, device)

    def strided(t: Tensor) -> Tensor:
        return t.T.contiguous().T if t.dim() == 2 else t.repeat_interleave(2)[::2]

    def odd(t: Tensor) -> Tensor:
        """At an address that 16 does not divide."""
        return torch.cat([t.new_zeros(1), t.flatten()])[1:].view(t.shape)

    names = names_of(3, True)
    dense = both(HAT, x, weights, biases, g)
    failures = []
    for name, laid in {"strided": strided, "at odd addresses": odd}.items():
        got = both(HAT, laid(x), list(map(laid, weights)), list(map(laid, biases)), laid(g))
        failures += [f"{name}: {n}" for n in differing(got, dense, names)]
    one = torch.ones((), dtype=x.dtype, device=device).expand(g.shape)
    got, want = (both(HAT, x, weights, biases, t) for t in (one, one.contiguous()))
    failures += [f"expanded: {n}" for n in differing(got, want, names)]
    kept = dense[1]
    knots, coeffs, period = HAT.numbers
    asked = (knots, coeffs, HAT.derivative().numbers[1], period, True, True)
    got = torch.ops.hatact.mlp_backward(g, x, weights, biases, odd(kept), *asked)
    failures += [f"kept: {n}" for n in differing(got, dense[2:], names[2:])]
    batched = both(HAT, x.view(5, 1, 10, 6), weights, biases, g.view(5, 1, 10, 4))
    failures += [f"dimensions: {n}" for n in differing(batched[3:], dense[3:], names[3:])]
    return failures


def check_not_finite(device: str) -> Failures:
    """A row that is not finite stays alone, and shows in the parameters' gradients."""
    failures = []
    for value, hidden, depth in product((float("nan"), float("inf")), (17, 64), (2, 3)):
        x, weights, biases, g = network((5, hidden, 3, depth, 60), torch.float16, device)
        clean = both(HAT, x, weights, biases, g)
        x = x.clone()
        x[7, 2] = value
        got, want = both(HAT, x, weights, biases, g), of_reference(HAT, x, weights, biases, g)
        others = [i for i in range(60) if i != 7]
        alone = all(same_bits(got[k][others], clean[k][others]) for k in (0, 2))
        pairs = zip(flat(got), flat(want), strict=True)
        if not alone or any((a.isnan() != b.isnan()).any() for a, b in pairs):
            failures.append(f"{value}, width {hidden}, depth {depth}")
    return failures


def check_padding(device: str) -> Failures:
    """Where f(0) is not finite: a cubic far from 0 overflows there, and nowhere else."""
    spec = hatact.PiecewisePolynomial((1e14, 1e14 + 2**24), ((1, 0, 0, 0), (0,), (0,)))
    x = torch.full((4, 3), 5e13, device=device)
    failures = []
    for hidden in (17, 70):  # one block, and a second
        weights = [torch.ones(hidden, 3, device=device), torch.ones(1, hidden, device=device)]
        y, _ = torch.ops.hatact.mlp_forward(x, weights, [], *spec.numbers, True)
        if not torch.equal(y, torch.zeros_like(y)):
            failures.append(f"width {hidden}: y is {y}")
    return failures


def check_layer_by_layer(device: str) -> Failures:
    """What the kernels do not take is what the layers give, bit for bit."""
    long = hatact.PiecewisePolynomial.from_truncated_powers(
        range(70), [(-1) ** k * min(k + 1, 2) for k in range(70)], 1
    )
    cases = {
        "float64": ((3, 24, 2, 3, 30), torch.float64, HAT),
        "15 wide": ((3, 15, 2, 3, 30), torch.float16, HAT),
        "257 wide": ((3, 257, 2, 3, 5), torch.float16, HAT),
        "float32, too wide": ((3, 129, 2, 3, 5), torch.float32, HAT),
        "71 pieces": ((3, 24, 2, 3, 30), torch.float32, long),
        "no rows": ((3, 24, 2, 3, 0), torch.float16, HAT),
        "no inputs": ((0, 24, 2, 3, 4), torch.float16, HAT),
    }
    failures = []
    for name, (size, dtype, spec) in cases.items():
        net = network(size if size[0] else (1, *size[1:]), dtype, device)
        if not size[0]:
            net = net[0][:, :0], [net[1][0][:, :0], *net[1][1:]], *net[2:]
        got, want = both(spec, *net), of_reference(spec, *net)
        off = 4 * torch.finfo(dtype).eps
        for n, a, b in zip(names_of(3, True), flat(got), flat(want), strict=True):
            if a.shape != b.shape or (a.numel() and not error(a, b.double()) <= off):
                failures.append(f"{name}: {n}")
    return failures


def check_module(device: str) -> Failures:
    """nn.MLP: first and second derivatives, per-sample gradients, a step under autocast.

    Against the layers in float64, since some CPUs multiply float32 as bfloat16 where tf32 is
    allowed; where the layers of the same dtype err by more, at most twice as much and by 0.02.
    """
    failures = []

    def compare(what: str, got: Tensor, want: Tensor, off: float = 1e-4) -> None:
        if not error(got, want.double()) <= off:
            failures.append(f"{what}: {error(got, want.double()):.2g}, at most {off:.2g}")

    def derived(f: torch.nn.Module, x: Tensor) -> list[Tensor]:
        parameters = list(f.parameters())
        y = f(x)
        first = torch.autograd.grad(y.square().sum(), [x, *parameters], retain_graph=True)
        (gx,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        second = torch.autograd.grad(gx.square().sum(), [x, *parameters[:-1]])
        hessian = torch.func.vmap(torch.func.hessian(lambda p: f(p)[0]))(x.detach())
        return [found.detach() for found in (y, *first, *second, hessian)]

    for checkpoint in (False, True):
        torch.manual_seed(0)
        m = nn.MLP(2, 24, 1, 4, CUBIC.scaled(2), checkpoint=checkpoint, device=device)
        layers = m.to_sequential()
        x = torch.rand(40, 2, device=device, requires_grad=True)
        exact = derived(copy.deepcopy(layers).double(), x.detach().double().requires_grad_())
        found = derived(m, x), derived(layers, x), exact
        for i, (ours, theirs, want) in enumerate(zip(*found, strict=True)):
            off = min(max(1e-4, SLACK * error(theirs, want)), 2e-2)
            compare(f"checkpoint {checkpoint}, {i}", ours, want, off)
    with torch.autocast(device, torch.float16):
        y = m(x)
    compare("autocast", y.detach(), layers(x).detach(), 1e-2)
    if y.dtype != torch.float16:
        failures.append(f"autocast gives {y.dtype}")
    return failures


CHECKS: dict[str, Callable[[str], Failures]] = {
    "error": check_error,
    "activations": check_activations,
    "sizes": check_sizes,
    "bits": check_bits,
    "sums": check_sums,
    "asked": check_asked,
    "layouts": check_layouts,
    "not finite": check_not_finite,
    "padding": check_padding,
    "layer by layer": check_layer_by_layer,
    "module": check_module,
}


def main() -> None:
    torch.set_num_threads(1)  # the interpreter's tiles are small
    torch.set_float32_matmul_precision("medium")
    results = {f"width {n}": check_width(n, "cpu") for n in WIDTHS}
    print(json.dumps(results | {name: check("cpu") for name, check in CHECKS.items()}))


if __name__ == "__main__":
    main()
