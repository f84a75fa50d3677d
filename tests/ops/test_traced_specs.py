"""What Dynamo sees of a spec: its numbers, wherever the spec comes from."""

from fractions import Fraction

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import hatact
from hatact import HAT, PiecewisePolynomial, bspline, functional, nn, reference

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
GLOBAL = HAT.scaled(3)


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch.compiler.reset()


def _compiled(f):
    """f in one graph, and what counts its compilations; each takes tensors alone."""
    counter = CompileCounterWithBackend("aot_eager")

    def backend(graph, inputs):
        assert all(isinstance(x, torch.Tensor | torch.SymInt | int) for x in inputs), inputs
        return counter(graph, inputs)

    return torch.compile(f, fullgraph=True, backend=backend), counter


def _weights(width):
    generator = torch.Generator().manual_seed(0)
    shapes = ((width, 3), (width, width), (2, width))
    return [torch.randn(s, generator=generator).double().requires_grad_() for s in shapes]


WIDE, NARROW = _weights(16), _weights(3)
FUNCTIONS = {
    "piecewise": functional.piecewise,
    "linear_act": lambda x, spec: functional.linear_act(x, WIDE[0], None, spec),
    "mlp": lambda x, spec: functional.mlp(x, WIDE, None, spec),
    "mlp, layer by layer": lambda x, spec: functional.mlp(x, NARROW, None, spec),
}


def _in_thirds(peak):
    """A hat of height `peak`, made anew."""
    third = Fraction(1, 3)
    return PiecewisePolynomial(
        (0, third, 2 * third), ((0,), (3 * peak, 0), (-3 * peak, peak), (0,))
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_equal_spec_needs_no_second_graph(name):
    """Dynamo compiles eight times at most: objects made anew must not count, their numbers must."""
    f, x = FUNCTIONS[name], torch.linspace(-1, 1, 15, dtype=torch.float64).view(5, 3)
    compiled, counter = _compiled(f)
    for _ in range(10):
        for spec in (_in_thirds(Fraction(1, 7)), _in_thirds(Fraction(1, 11)), bspline(3)):
            torch.testing.assert_close(compiled(x, spec), f(x, spec), rtol=1e-12, atol=1e-13)
    assert counter.frame_count == 3


def test_a_module_whose_spec_changes():
    m, x = nn.Piecewise(HAT), torch.linspace(-1, 3, 41, dtype=torch.float64)
    compiled, counter = _compiled(m)
    for _ in range(5):
        for s in (Fraction(1, 3), 2):
            m.spec = HAT.scaled(s)
            torch.testing.assert_close(compiled(x), functional.hat(x, s), rtol=1e-12, atol=1e-13)
    assert counter.frame_count == 2


def _from_a_closure(spec):
    return lambda x: functional.piecewise(x, spec)


PLACES = {
    "closure": (_from_a_closure(GLOBAL), ()),
    "global": (lambda x: functional.piecewise(x, GLOBAL), ()),
    "attribute of a module": (lambda x: functional.piecewise(x, hatact.BW_RELU), ()),
    "argument": (functional.piecewise, (GLOBAL,)),
    "list": (lambda x, specs: functional.piecewise(x, specs[1]), ([HAT, GLOBAL],)),
    "dict": (lambda x, specs: functional.piecewise(x, specs["it"]), ({"it": GLOBAL},)),
    "module": (nn.Piecewise(GLOBAL), ()),
    "derivative": (lambda x, spec: functional.piecewise(x, spec.derivative()), (bspline(3),)),
    "derivative of a global": (lambda x: functional.piecewise(x, GLOBAL.derivative()), ()),
    "result": (lambda x, spec: (functional.piecewise(x, spec), spec)[0], (GLOBAL,)),
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_spec_comes_from(place):
    f, specs = PLACES[place]
    x = torch.linspace(-1, 3, 41, dtype=torch.float64, requires_grad=True)
    want = f(x, *specs)  # a derivative is taken here first: Dynamo cannot trace exact fractions
    y = _compiled(f)[0](x, *specs)
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-13)
    gx, expected = (torch.autograd.grad(t.sum(), x, allow_unused=True)[0] for t in (y, want))
    torch.testing.assert_close(gx, expected, rtol=1e-12, atol=1e-13)


def test_exact_scales():
    """A Fraction stays exact, and is a constant of its graph; another may lie where it lay."""
    x = torch.linspace(-1, 5, 41, dtype=torch.float64)
    compiled, counter = _compiled(functional.hat)
    scales = [Fraction(1, 3), Fraction(2, 7), Fraction(10**30 + 1, 10**30), Fraction(3)]
    for scale in scales * 3:
        scale = Fraction(scale.numerator, scale.denominator)
        expected = reference.ppoly(x, None, *HAT.scaled(scale).numbers)
        torch.testing.assert_close(compiled(x, scale), expected, rtol=0, atol=0)
    assert counter.frame_count == len(scales)
