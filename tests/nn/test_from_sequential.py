"""MLP.from_sequential: the network of the same layers, or an error that names the module."""

import copy
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch.nn import Linear, Sequential

import hatact
from hatact import PiecewisePolynomial, nn

ACTIVATIONS = {
    "Hat": (nn.Hat(8), hatact.HAT.scaled(8)),
    "in place": (nn.Hat(2, inplace=True), hatact.HAT.scaled(2)),
    "BSpline": (nn.BSpline(3, 2, centered=True), hatact.bspline(3).centered().scaled(2)),
    "Piecewise": (nn.Piecewise("hardtanh"), hatact.activation("hardtanh")),
    "torch's ReLU": (torch.nn.ReLU(), hatact.RELU),
    "torch's ReLU in place": (torch.nn.ReLU(inplace=True), hatact.RELU),
    "torch's LeakyReLU": (torch.nn.LeakyReLU(), hatact.activation("leaky_relu")),
    "of another slope": (
        torch.nn.LeakyReLU(0.25),
        PiecewisePolynomial((0,), ((Fraction(1, 4), 0), (1, 0))),
    ),
    "torch's Hardtanh": (torch.nn.Hardtanh(), hatact.activation("hardtanh")),
    "of other ends": (
        torch.nn.Hardtanh(-0.5, 2.0),
        PiecewisePolynomial((-0.5, 2), ((-0.5,), (1, -0.5), (2,))),
    ),
    "torch's ReLU6": (torch.nn.ReLU6(), PiecewisePolynomial((0, 6), ((0,), (1, 0), (6,)))),
}


def _network(activation, widths=(2, 32, 32, 1), **options):
    parts = []
    for m, n in pairwise(widths):
        parts += [Linear(m, n, **options), activation]
    return Sequential(*parts[:-1])


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(2, 32, 1), (3, 32, 32, 2), (2, 5, 5, 5, 1)])
def test_the_same_network(place, name, widths):
    torch.manual_seed(0)
    activation, spec = ACTIVATIONS[name]
    net = _network(activation, widths, dtype=torch.float64).to(place.device)
    mlp = nn.MLP.from_sequential(net)
    assert mlp.activation == spec
    assert mlp.depth == len(widths) - 1
    assert (mlp.in_features, mlp.hidden_features, mlp.out_features) == (*widths[:2], widths[-1])
    x = torch.randn(17, widths[0], dtype=torch.float64, device=place.device)
    torch.testing.assert_close(mlp(x), net(x), rtol=1e-12, atol=1e-13)
    gradients = [torch.autograd.grad(f(x).square().sum(), [*net.parameters()]) for f in (mlp, net)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_layers_are_shared_and_the_mode_is_kept():
    net = _network(nn.Hat(2)).eval()
    mlp = nn.MLP.from_sequential(net)
    assert [*mlp.parameters()] == [*net.parameters()]
    assert all(a is b for a, b in zip(mlp.parameters(), net.parameters(), strict=True))
    assert mlp.training is False
    assert nn.MLP.from_sequential(net.train()).training is True
    net[0].eval()
    assert nn.MLP.from_sequential(net).layers[0].training is False
    assert net.training is True
    assert [*mlp.state_dict()] == [*net.state_dict()]


def test_it_is_the_inverse_of_to_sequential():
    mlp = nn.MLP(2, 32, 1, 4, "hat", scale=8)
    again = nn.MLP.from_sequential(mlp.to_sequential())
    assert repr(again) == repr(mlp)
    assert all(a is b for a, b in zip(mlp.parameters(), again.parameters(), strict=True))


def test_no_bias_and_one_activation_module_for_all():
    shared = nn.Hat(2)
    net = _network(shared, bias=False)
    mlp = nn.MLP.from_sequential(net)
    x = torch.randn(9, 2)
    torch.testing.assert_close(mlp(x), net(x))
    mixed = Sequential(Linear(2, 8), shared, Linear(8, 1, bias=False))
    torch.testing.assert_close(nn.MLP.from_sequential(mixed)(x), mixed(x))


def test_activations_that_are_one_function_written_twice():
    twice = PiecewisePolynomial((0, 0.5, 1.0), ((0, 0), (2.0, 0), (-2, 1), (0,)))
    net = Sequential(Linear(2, 8), nn.Hat(2), Linear(8, 8), nn.Piecewise(twice), Linear(8, 1))
    x = torch.randn(9, 2)
    torch.testing.assert_close(nn.MLP.from_sequential(net)(x), net(x))


def test_no_random_number_is_drawn():
    net = _network(nn.Hat())
    state = torch.get_rng_state()
    nn.MLP.from_sequential(net)
    assert torch.equal(state, torch.get_rng_state())


def test_a_layer_with_hooks_of_its_own_is_called():
    net = _network(nn.Hat())
    net[2].register_forward_hook(lambda module, inputs, y: 2 * y)
    x = torch.randn(9, 2)
    torch.testing.assert_close(nn.MLP.from_sequential(net)(x), net(x))


def test_a_subclass_is_kept():
    class Field(nn.MLP):
        pass

    assert type(Field.from_sequential(_network(nn.Hat()))) is Field


def _hooked(module):
    module = copy.deepcopy(module)
    module.register_forward_hook(lambda module, inputs, y: 2 * y)
    return module


class Doubled(Sequential):
    def forward(self, x):
        return 2 * super().forward(x)


class Other(nn.Hat):
    def forward(self, x):
        return 2 * super().forward(x)


class Called(nn.Hat):
    def __call__(self, x):
        return 2 * super().__call__(x)


class OtherReLU(torch.nn.ReLU):
    def forward(self, x):
        return 2 * super().forward(x)


HAT = nn.Hat()
WRONG = {
    "a module": (nn.Hat(), "must be a torch.nn.Sequential, with its own forward; got Hat: write"),
    "another forward": (Doubled(Linear(2, 8), HAT, Linear(8, 1)), "own forward; got Doubled"),
    "hooks": (_hooked(_network(HAT)), "the Sequential must have no hooks"),
    "nothing": (Sequential(), "got 0 linear layers and 0 activations"),
    "one layer": (Sequential(Linear(2, 1)), "got 1 linear layers and 0 activations"),
    "an activation at the end": (Sequential(Linear(2, 1), HAT), "got 1 linear .* 1 activations"),
    "an activation first": (
        Sequential(HAT, Linear(2, 1)),
        "module 0 .*torch.nn.Linear; got Hat: write",
    ),
    "no activation between": (
        Sequential(Linear(2, 8), Linear(8, 1)),
        "module 1 of the Sequential must be an activation of hatact.nn, .*; got Linear",
    ),
    "dropout": (
        Sequential(Linear(2, 8), HAT, torch.nn.Dropout(), Linear(8, 1)),
        "module 2 of the Sequential must be a torch.nn.Linear; got Dropout",
    ),
    "GELU": (Sequential(Linear(2, 8), torch.nn.GELU(), Linear(8, 1)), "module 1 .*; got GELU"),
    "a ReLU of another forward": (
        Sequential(Linear(2, 8), OtherReLU(), Linear(8, 1)),
        "module 1 .*; got OtherReLU",
    ),
    "a Hat of another forward": (
        Sequential(Linear(2, 8), Other(), Linear(8, 1)),
        "no hooks and no forward of its own.*; got such a Other",
    ),
    "a Hat of another call": (
        Sequential(Linear(2, 8), Called(), Linear(8, 1)),
        "no hooks and no forward of its own.*; got such a Called",
    ),
    "an activation with hooks": (
        Sequential(Linear(2, 8), _hooked(HAT), Linear(8, 1)),
        "no hooks and no forward of its own",
    ),
    "a ReLU with hooks": (
        Sequential(Linear(2, 8), _hooked(torch.nn.ReLU()), Linear(8, 1)),
        "an activation must have no hooks, .*; got some at 1",
    ),
    "a layer without a size": (
        Sequential(torch.nn.LazyLinear(8), HAT, Linear(8, 1)),
        r"linear layers must have their sizes; got a LazyLinear at 0.*write net\(x\) once before",
    ),
    "an end that is infinite": (
        Sequential(Linear(2, 8), torch.nn.Hardtanh(-1.0, float("inf")), Linear(8, 1)),
        "knots must be finite in float64; got inf",
    ),
    "two activations": (
        Sequential(Linear(2, 8), nn.Hat(8), Linear(8, 8), nn.Hat(4), Linear(8, 1)),
        r"one activation throughout.*got hatact.activation\('hat', scale=8\) at 1 and "
        r"hatact.activation\('hat', scale=4\) at 3",
    ),
    "two widths": (
        Sequential(Linear(2, 8), HAT, Linear(8, 9), HAT, Linear(9, 1)),
        "width of the first, 8; got 8 to 9 at 2",
    ),
    "a width that does not match": (
        Sequential(Linear(2, 8), HAT, Linear(9, 1)),
        "width of the first, 8; got 9 to 1 at 2",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_mlp(what):
    net, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        nn.MLP.from_sequential(net)
