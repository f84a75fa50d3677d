"""activation_patterns against pieces found in exact fractions, of pre-activations made by hand."""

import copy
import math
import random
from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.nn.utils import parametrizations

import hatact
from hatact import PiecewisePolynomial
from hatact.analysis import activation_patterns, dead_units, hamming, region_count
from hatact.nn import (
    MLP,
    BSpline,
    BWNetwork,
    BWReLU,
    Hat,
    LinearAct,
    PeriodicReLU,
    Piecewise,
    TriangleCascade,
    TriangleWave,
)
from hatact.nn import ReLU as OurReLU
from tests.support.bw_networks import OPTIONS, named
from tests.support.random_specs import random_points, random_spec

DTYPES = {"fp32": torch.float32, "fp64": torch.float64, "bf16": torch.bfloat16}
HAT, RELU = hatact.HAT, hatact.RELU


def piece(z, spec, dtype):
    """That of a number: how many knots lie below it, periods counted on; in fractions.

    Knots are those of the dtype that computes.
    """
    knots = torch.tensor(spec.numbers[0], dtype=torch.float64).to(dtype).double().tolist()
    if spec.period is None:
        return (
            sum(Fraction(z) > Fraction(k) for k in knots)
            if math.isfinite(z)
            else (len(knots) if z > 0 else 0)
        )
    z, knots, period = Fraction(z), [Fraction(k) for k in knots], Fraction(spec.numbers[2])
    turns = math.ceil((z - knots[0]) / period) - 1
    return turns * len(knots) + sum(z - turns * period > k for k in knots)


def on_a_rounded_boundary(z, spec):
    """Whether a number is so near to a knot of another period that rounding decides."""
    period, z = Fraction(spec.numbers[2]), Fraction(z)
    room = (abs(z) + period) * Fraction(2) ** -20
    return any(
        abs((z - Fraction(k)) / period - round((z - Fraction(k)) / period)) * period < room
        for k in spec.numbers[0]
    )


def pieces(z, spec):
    """(n, …) → (n, units), int64."""
    wide = torch.float32 if z.dtype == torch.bfloat16 else z.dtype
    rows = [[piece(v, spec, wide) for v in row] for row in z.flatten(1).double().tolist()]
    return torch.tensor(rows)


def points(n, *shape, dtype=torch.float32, scale=2.0):
    return (scale * torch.randn(n, *shape, dtype=torch.float64)).to(dtype)


def agrees(found, expected):
    """Equal, but where z lies within rounding of a boundary (at most one unit in a hundred)."""
    assert found.shape == expected.shape
    assert int((found != expected).sum()) <= expected.numel() // 100
    assert len(expected.unique()) > 1


ACTIVATIONS = {
    "hat": lambda: Hat(3),
    "hat, in place": lambda: Hat(3, inplace=True),
    "wavelet": lambda: BWReLU(2),
    "wavelet, in place": lambda: BWReLU(2, inplace=True),
    "cubic": lambda: BSpline(3, 2.0),
    "box": lambda: BSpline(0),
    "our relu": OurReLU,
    "our relu, in place": lambda: OurReLU(inplace=True),
    "triangle wave": TriangleWave,
    "triangle wave, in place": lambda: TriangleWave(inplace=True),
    "periodic relu": PeriodicReLU,
    "torch's relu": nn.ReLU,
    "torch's relu, in place": lambda: nn.ReLU(inplace=True),
}


def spec_of(activation):
    return RELU if isinstance(activation, nn.ReLU) else activation.spec


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_layers_and_activations_in_turn(name, dtype):
    acts = [ACTIVATIONS[name]() for _ in range(2)]
    model = nn.Sequential(nn.Linear(3, 6), acts[0], nn.Linear(6, 4), acts[1], nn.Linear(4, 2))
    with torch.no_grad():
        for i in (0, 2):
            model[i].weight.mul_(3)
    model = model.to(dtype)
    x, spec = points(40, 3, dtype=dtype), spec_of(acts[0])
    found = activation_patterns(model, x)
    assert found.dtype == (torch.int64 if spec.period else torch.int8)
    with torch.no_grad():
        z = linear(x, model[0].weight, model[0].bias)
        expected = pieces(z, spec)
        h = acts[0](z.clone())
        expected = torch.cat([expected, pieces(linear(h, model[2].weight, model[2].bias), spec)], 1)
    if spec.period is None:
        assert torch.equal(found, expected.to(torch.int8))
    agrees(found, expected)


def test_one_activation_that_is_used_twice():
    act = Hat(2)
    model = nn.Sequential(nn.Linear(2, 5), act, nn.Linear(5, 3), act)
    x = points(30, 2)
    z = linear(x, model[0].weight, model[0].bias)
    last = linear(act(z), model[2].weight, model[2].bias)
    expected = torch.cat([pieces(z, act.spec), pieces(last, act.spec)], 1)
    assert torch.equal(activation_patterns(model, x), expected.to(torch.int8))


def by_layers(x, layers, spec, c=1.0):
    """What each f is given, one layer after another, and its pieces, side by side."""
    found, h = [], x
    with torch.no_grad():
        for weight, bias in layers:
            z = c * linear(h, weight, bias)
            found.append(pieces(z, spec))
            h = hatact.functional.piecewise(z, spec)
    return torch.cat(found, 1)


def of_layers(layers):
    return [(layer.weight, layer.bias) for layer in layers]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("spec", [HAT.scaled(4), RELU, TriangleWave().spec, hatact.bspline(3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_act(spec, bias, dtype):
    model = nn.Sequential(LinearAct(3, 6, spec, bias), LinearAct(6, 5, spec, bias), nn.Linear(5, 1))
    model = model.to(dtype)
    x = points(40, 3, dtype=dtype)
    agrees(activation_patterns(model, x), by_layers(x, of_layers(model[:2]), spec))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("width", [5, 16, 32])
@pytest.mark.parametrize("spec", [HAT.scaled(4), TriangleWave().spec])
def test_mlp(spec, width, checkpoint, dtype):
    model = MLP(2, width, 1, 4, spec, checkpoint=checkpoint).to(dtype)
    x = points(20, 2, dtype=dtype)
    found = activation_patterns(model, x)
    assert found.shape == (20, 3 * width)
    agrees(found, by_layers(x, of_layers(model.layers[:-1]), spec))
    agrees(found, activation_patterns(model.to_sequential(), x))


def test_a_linear_layer_that_an_mlp_has_twice():
    model = MLP(2, 5, 1, 4, HAT.scaled(2))
    model.add_module("4", model.layers[1])
    x = points(30, 2)
    found = activation_patterns(model, x)
    agrees(found, by_layers(x, of_layers(model.layers[:-1]), HAT.scaled(2)))


def test_a_linear_layer_that_wavelets_have_twice():
    model = BWNetwork(2, 5, 3, 1, 2.0)
    model.layers[2] = model.layers[1]
    x = points(30, 2)
    spec = hatact.BW_RELU.scaled(2.0)
    agrees(activation_patterns(model, x), by_layers(x, of_layers(model.layers[:-1]), spec))


@pytest.mark.parametrize("sizes", [(2, 5, 3, 2), (2, 16, 3, 2), (2, 16, 1, 2)], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_wavelets(options, sizes):
    model = BWNetwork(*sizes, 2.5, **options)
    c = float(model.c.detach()) if options.get("learn_c") else 1.0
    spec = hatact.BW_RELU if options.get("learn_c") else hatact.BW_RELU.scaled(2.5)
    x, expected = points(30, 2), []
    h = x
    with torch.no_grad():
        for i, layer in enumerate(model.layers[:-1]):
            h = linear(h, layer.weight, layer.bias)
            if not (model.linear_layers and i % 2):
                expected.append(pieces(c * h, spec))
                h = hatact.functional.piecewise(c * h, spec)
    assert len(expected) == sizes[2]
    found = activation_patterns(model, x)
    assert found.dtype == torch.int8
    agrees(found, torch.cat(expected, 1))


def test_cascades_have_a_spec_a_channel():
    peaks = [[0.5, 0.5, 0.5], [0.25, 0.6, 0.5], [0.7, 0.3, 0.5]]
    model = TriangleCascade(2, 3, peaks=peaks).double()
    x = points(200, 4, 3, dtype=torch.float64, scale=0.7)
    expected = torch.empty(200, 4, 3, dtype=torch.int8)
    made = zip(model.peaks.tolist(), model.scales.tolist(), strict=True)
    for channel, (a, s) in enumerate(made):
        spec = hatact.cascade.spec(a, s)
        assert len(spec.knots) == 5
        expected[..., channel] = pieces(x[..., channel], spec).to(torch.int8)
    assert torch.equal(activation_patterns(model, x), expected.flatten(1))
    assert activation_patterns(TriangleCascade(6, 3), x.float()).dtype == torch.int8
    assert activation_patterns(TriangleCascade(7, 3), x.float()).dtype == torch.int64  # 129 knots
    assert activation_patterns(TriangleCascade(2), x[:, :1, :1].float()).shape == (200, 1)


class Own(nn.Module):
    """Its activations are called in another order than they are made in, one by name."""

    def __init__(self):
        super().__init__()
        self.act, self.relu, self.unused = Hat(3), nn.ReLU(), BWReLU()
        self.fused = LinearAct(4, 3, HAT)
        self.inner = nn.ModuleDict({"a": nn.Linear(2, 4)})

    def forward(self, x):
        z = self.inner["a"](x)
        y = self.relu(input=z) + torch.relu(z)  # a function is not seen
        return self.fused(x=y) * self.act(z[:, :3] - 1).sum()


def test_a_module_with_a_forward_of_its_own():
    model, x = Own(), points(30, 2)
    with torch.no_grad():
        z = model.inner["a"](x)
        fused = linear(2 * z.relu(), model.fused.weight, model.fused.bias)
    parts = [pieces(z, RELU), pieces(fused, HAT), pieces(z[:, :3] - 1, HAT.scaled(3))]
    assert torch.equal(activation_patterns(model, x), torch.cat(parts, 1).to(torch.int8))


@pytest.mark.parametrize("activation", [lambda: Hat(2), nn.ReLU, lambda: TriangleWave(True)])
def test_images(activation):
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), activation(), nn.Conv2d(3, 2, 2), activation(), nn.Flatten()
    )
    x, spec = points(10, 2, 6, 5), spec_of(model[1])
    with torch.no_grad():
        z = model[0](x)
        h = model[1](z.clone())
        expected = torch.cat([pieces(z, spec), pieces(model[2](h), spec)], 1)
    found = activation_patterns(model, x)
    assert found.shape == (10, 3 * 4 * 3 + 2 * 3 * 2)
    agrees(found, expected)
    channels_last = activation_patterns(model, x.to(memory_format=torch.channels_last))
    agrees(channels_last, expected)


def in_range(spec, dtype):
    try:
        hatact.functional.piecewise(torch.zeros(1, dtype=dtype), spec)
    except ValueError:  # its numbers are beyond the dtype's
        return False
    return True


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("part", range(3))
def test_random_specs(part, dtype):
    """At knots, next to them and far away."""
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    judged = 0
    for seed in range(60 * part, 60 * part + 60):
        rng = random.Random(seed)
        _, spec = random_spec(rng)
        if not in_range(spec, dtype):
            continue
        x = random_points(rng, spec, dtype, 60)
        x = x[x.isfinite()]
        if spec.period:
            near = abs(x.double() - spec.numbers[0][0]) < 1e4 * spec.numbers[2]
            clear = [not on_a_rounded_boundary(v, spec) for v in x.double().tolist()]
            x = x[near & torch.tensor(clear)]
            if not len(x):
                continue
        found = activation_patterns(Piecewise(spec), x[:, None])
        expected = torch.tensor([[piece(v, spec, wide)] for v in x.double().tolist()])
        assert torch.equal(found.long(), expected), spec
        judged += len(x)
    assert judged > 1500


def test_a_knot_belongs_to_the_piece_on_its_left():
    for spec in (HAT, hatact.BW_RELU, hatact.bspline(3), RELU, hatact.bspline(0)):
        knots = torch.tensor(spec.numbers[0])[:, None]
        found = activation_patterns(Piecewise(spec), knots)
        assert found[:, 0].tolist() == list(range(len(knots)))
        above = torch.nextafter(knots, torch.tensor(math.inf))
        found = activation_patterns(Piecewise(spec), above)
        assert found[:, 0].tolist() == list(range(1, len(knots) + 1))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_knots_are_rounded_to_what_computes(dtype):
    """float32(0.1) lies above 0.1, but is at the knot: kernels see it on the left."""
    model = Hat(10)
    z = torch.tensor([[0.1]], dtype=dtype)
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    at = z.to(wide)
    expected = 1 + int(at > torch.tensor(0.1, dtype=torch.float64).to(wide))
    assert activation_patterns(model, z).tolist() == [[expected]]
    assert expected == (2 if dtype == torch.bfloat16 else 1)  # bfloat16(0.1) is 0.1001
    slope = torch.autograd.functional.jacobian(lambda z: model(z).sum(), z)
    assert (float(slope) > 0) == (expected == 1)


def test_float32_is_compared_in_float32_and_float64_in_float64():
    z = torch.tensor([[0.1]], dtype=torch.float32)
    assert activation_patterns(Hat(10), z).item() == 1
    assert activation_patterns(Hat(10), z.double()).item() == 2


def test_pieces_of_a_periodic_spec_are_numbered_on():
    wave = PiecewisePolynomial((0, 1), ((0,), (1, 0), (-1, 1)), 2)
    x = torch.tensor([-4.0, -3.5, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3.5, 4.5])
    found = activation_patterns(Piecewise(wave), x[:, None])[:, 0]
    assert found.dtype == torch.int64
    assert found.tolist() == [-4, -3, -3, -2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3, 4, 5]


def test_a_knot_at_the_end_of_the_period_is_numbered_but_never_reached():
    saw = PiecewisePolynomial((0, 1), ((0,), (1, 0), (0,)), 1)
    x = torch.tensor([[-0.5], [0.0], [0.5], [1.0], [1.5]])
    assert activation_patterns(Piecewise(saw), x)[:, 0].tolist() == [-1, -1, 1, 1, 3]


def many(count):
    return Piecewise(PiecewisePolynomial(range(count), [(0,)] * (count + 1)))


def test_dtypes():
    x = torch.tensor([[-1.0], [126.5], [500.0]])
    assert activation_patterns(many(127), x).dtype == torch.int8
    assert activation_patterns(many(127), x)[:, 0].tolist() == [0, 127, 127]
    assert activation_patterns(many(128), x).dtype == torch.int64
    assert activation_patterns(many(128), x)[:, 0].tolist() == [0, 127, 128]
    mixed = nn.Sequential(Hat(), many(200), nn.ReLU())
    found = activation_patterns(mixed, x)
    assert found.dtype == torch.int64
    assert found.tolist() == [[0, 0, 0], [3, 0, 0], [3, 0, 0]]


def test_infinite_pre_activations_are_on_the_tails():
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3e38], [-3e38]]))
    model = nn.Sequential(layer, Hat())
    assert activation_patterns(model, torch.tensor([[100.0]])).tolist() == [[3, 0]]


# ---------------------------------------------------------------------------- the model


def hooks(model):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    named = ("_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs")
    return [len(getattr(m, kind)) for m in model.modules() for kind in (*kinds, *named)]


MODELS = {
    "sequential": lambda: nn.Sequential(nn.Linear(2, 4), Hat(2), nn.Linear(4, 4), nn.ReLU()),
    "mlp": lambda: MLP(2, 16, 1, 3, HAT),
    "wavelets": lambda: BWNetwork(2, 16, 2, 1, weight_norm=True, learn_c=True),
    "linear_act": lambda: LinearAct(2, 3, HAT),
    "cascade": lambda: TriangleCascade(2, 2),
    "in place": lambda: nn.Sequential(Hat(2, inplace=True), nn.ReLU(inplace=True)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("of", [activation_patterns, dead_units])
def test_the_model_is_left_as_it_was(of, name, training):
    model = MODELS[name]().train(training)
    x = points(20, 2)
    out = model(x.clone())
    before, found, held = copy.deepcopy(model.state_dict()), hooks(model), torch.is_grad_enabled()
    assert not of(model, x.clone()).requires_grad
    assert model.training == training
    assert torch.equal(model(x.clone()), out)
    assert hooks(model) == found
    assert torch.is_grad_enabled() == held
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.grad is None for p in model.parameters())


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("broken")


@pytest.mark.parametrize("name", ["sequential", "mlp", "wavelets", "linear_act", "cascade"])
def test_hooks_are_removed_after_an_error(name):
    model = nn.Sequential(MODELS[name](), Broken())
    found = hooks(model)
    with pytest.raises(RuntimeError, match="broken"):
        activation_patterns(model, points(3, 2))
    assert hooks(model) == found
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(math.nan)
    if name != "cascade":
        with pytest.raises(ValueError, match="pre-activations must be numbers; got NaN"):
            activation_patterns(model, points(3, 2))
        assert hooks(model) == found


def test_hooks_of_the_models_own_are_heeded():
    model = nn.Sequential(nn.Linear(2, 3), Hat(2))
    x = points(20, 2)
    before = activation_patterns(model, x)
    model[0].register_forward_hook(lambda module, inputs, out: out + 1)
    model[1].register_forward_pre_hook(lambda module, inputs: (inputs[0] - 2,))
    z = linear(x, model[0].weight, model[0].bias) - 1
    found = activation_patterns(model, x)
    assert torch.equal(found, pieces(z, HAT.scaled(2)).to(torch.int8))
    assert not torch.equal(found, before)
    assert len(model[0]._forward_hooks) == len(model[1]._forward_pre_hooks) == 1


def test_statistics_of_batch_norm_are_not_changed():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout()).eval()
    before = copy.deepcopy(model.state_dict())
    activation_patterns(model, points(20, 2))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_points_may_be_whole_numbers_and_need_gradients():
    model = nn.Sequential(nn.Embedding(5, 3), Hat(2))
    x = torch.tensor([0, 4, 4, 1])
    expected = pieces(model[0].weight[x], HAT.scaled(2))
    assert torch.equal(activation_patterns(model, x), expected.to(torch.int8))
    assert not activation_patterns(Hat(), torch.rand(3, 2, requires_grad=True)).requires_grad


def test_parametrised_layers():
    model = nn.Sequential(parametrizations.weight_norm(LinearAct(2, 4, HAT.scaled(2))))
    x = points(30, 2)
    agrees(activation_patterns(model, x), by_layers(x, of_layers(model), HAT.scaled(2)))


def test_autocast_is_followed():
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), LinearAct(8, 8, HAT.scaled(2)))
    x = points(50, 2)
    with torch.autocast("cpu", torch.bfloat16):
        found = activation_patterns(model, x)
        z = model[0](x)
        after = linear(z.relu(), model[2].weight, model[2].bias)
    assert z.dtype == after.dtype == torch.bfloat16
    agrees(found, torch.cat([pieces(z, RELU), pieces(after, HAT.scaled(2))], 1))


# ---------------------------------------------------------------------------- what is made of them


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.uint8])
def test_hamming_of_0_and_1_is_the_sum_of_differences(dtype):
    p, q = (torch.randint(0, 2, (7, 12)).to(dtype) for _ in range(2))
    found = hamming(p, q)
    assert found.dtype == torch.int64
    assert torch.equal(found, (p.long() - q.long()).abs().sum(-1))
    table = hamming(p[:, None], q)
    assert table.shape == (7, 7)
    assert torch.equal(table.diag(), found)
    assert torch.equal(hamming(p, q[3]), table[:, 3])
    assert torch.equal(hamming(p[0], q[0]), found[0])
    assert int(hamming(p, p).sum()) == 0


def test_hamming_counts_units_and_not_how_far_apart_they_are():
    p, q = torch.tensor([[0, 3, -200]]), torch.tensor([[2, 3, 56]], dtype=torch.int16)
    assert hamming(p, q).tolist() == [2]
    many_units = torch.zeros(1, 300, dtype=torch.int8)
    assert hamming(many_units, many_units + 1).tolist() == [300]


def test_region_count():
    patterns = torch.randint(-1, 2, (200, 4), dtype=torch.int8)
    assert region_count(patterns) == len(set(map(tuple, patterns.tolist()))) < 82
    assert region_count(patterns[:1]) == 1
    assert region_count(torch.zeros(3, 2, dtype=torch.int64)) == 1
    assert region_count(patterns[:0]) == 0


def acting(model, x, activation):
    """Units whose output, or whose derivative of it, is not 0 at some point."""
    given = []
    handle = activation.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    model(x)
    handle.remove()
    z = given[0].detach().requires_grad_()
    y = activation(z)
    (slope,) = torch.autograd.grad(y.sum(), z)
    return ((y != 0) | (slope != 0)).flatten(1).any(0)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(
    "activation", [OurReLU, nn.ReLU, lambda: Hat(2), lambda: BWReLU(2), lambda: BSpline(3)]
)
def test_dead_units_give_nothing_and_get_no_gradient(activation, dtype):
    act = activation()
    model = nn.Sequential(nn.Linear(2, 60), act, nn.Linear(60, 1)).to(dtype)
    with torch.no_grad():
        model[0].bias.mul_(8)
    x = points(6, 2, dtype=dtype)
    found = dead_units(model, x)
    assert found.dtype == torch.bool
    assert torch.equal(found, ~acting(model, x, act))
    assert 2 < int(found.sum()) < 58
    assert torch.equal(dead_units(model, x[:1]), ~acting(model, x[:1], act))


def test_dead_units_of_every_kind():
    pulse = PiecewisePolynomial((0, 1, 2), ((5,), (0,), (1, 0), (0,)), 3)
    x = torch.tensor([[0.5], [3.7], [-0.5]])
    assert dead_units(Piecewise(pulse), x).tolist() == [True]  # piece 0 is not in use
    assert dead_units(Piecewise(pulse), x + 1).tolist() == [False]
    assert dead_units(Piecewise(pulse), x - 2).tolist() == [False]
    model = MLP(1, 3, 1, 3, HAT)
    with torch.no_grad():
        model.layers[0].weight.copy_(torch.tensor([[1.0], [1], [1]]))
        model.layers[0].bias.copy_(torch.tensor([0.5, -9, 9]))
        model.layers[1].weight.zero_()
        model.layers[1].bias.copy_(torch.tensor([0.0, 2, 3]))
    # At 0 and at 2, knots: left of 0 it is dead, left of 2 it is not.
    assert dead_units(model, x).tolist() == [False, True, True, True, False, True]
    cascade = TriangleCascade(2, 2)
    assert dead_units(cascade, torch.tensor([[0.5, -1], [0.2, 3]])).tolist() == [False, True]
    step = Piecewise(PiecewisePolynomial((0, 1), ((0,), (0, 0), (0, 1))))
    assert dead_units(step, torch.tensor([[-1.0, 0.5, 2], [0.5, 0.5, 0.5]])).tolist() == [
        True,
        True,
        False,
    ]


# ---------------------------------------------------------------------------- bad input


def in_training(layer):
    return nn.Sequential(nn.Linear(2, 3), layer, nn.ReLU())


class Sum(nn.Module):
    """Its activation is given one row for all points."""

    def __init__(self, dim):
        super().__init__()
        self.dim, self.act = dim, nn.ReLU()

    def forward(self, x):
        return self.act(x.sum(self.dim))


def far(value):
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.fill_(value)
    return nn.Sequential(layer, TriangleWave())


X = torch.ones(4, 2)
BAD = {
    "no points": (Hat(), X[:0], r"at least one point; got shape \(0, 2\)"),
    "no dimension": (Hat(), X[0, 0], r"at least one point; got shape \(\)"),
    "NaN": (Hat(), X * math.nan, "points must be finite; got some that are not"),
    "inf": (Hat(), X * math.inf, "points must be finite; got some that are not"),
    "no activation": (
        nn.Sequential(nn.Linear(2, 2), nn.Tanh()),
        X,
        "must call an activation of hatact.nn or a torch.nn.ReLU, as a module; got none in Sequen",
    ),
    "one layer": (MLP(2, 4, 1, 1, HAT), X, "got none in MLP"),
    "batch norm": (
        in_training(nn.BatchNorm1d(3)),
        X,
        r"in eval mode \(model.eval\(\)\).*got BatchNorm1d '1' in training mode",
    ),
    "dropout": (in_training(nn.Dropout()), X, "got Dropout '1' in training mode"),
    "no statistics": (
        in_training(nn.BatchNorm1d(3, track_running_stats=False)).eval(),
        X,
        "must keep running statistics.*got BatchNorm1d '1'",
    ),
    "one row": (Sum(0), X, r"a row for each of the 4 points; got shape \(2,\)"),
    "no units": (Sum(1), X, r"a row for each of the 4 points; got shape \(4,\)"),
    "another count": (
        nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (2, 4)), Hat()),
        X,
        r"a row for each of the 4 points; got shape \(2, 4\)",
    ),
    "far": (far(1e20), X, r"at most 2\^48 of its periods, of 6.28319 each; got a .*of 2e\+20"),
    "infinite": (far(3e38), X, r"at most 2\^48 of its periods.*got a pre-activation of inf"),
    "NaN inside": (far(math.nan), X, "pre-activations must be numbers; got NaN"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("of", [activation_patterns, dead_units])
def test_bad_models_and_points(of, what):
    model, x, why = BAD[what]
    found = hooks(model)
    with pytest.raises(ValueError, match=why):
        of(model, x)
    assert hooks(model) == found


WHOLE = torch.zeros(3, 4, dtype=torch.int8)


@pytest.mark.parametrize(
    ("p", "q", "why"),
    [
        (WHOLE, WHOLE[:, :3], "must be of the same units; got 4 and 3 of them"),
        (WHOLE, WHOLE[:, :1], "must be of the same units; got 4 and 1 of them"),
        (WHOLE[0, 0], WHOLE, r"of a unit an entry.*; got torch.int8 of shape \(\)"),
        (WHOLE, WHOLE.float(), r"must be integers.*; got torch.float32 of shape \(3, 4\)"),
        (WHOLE.to(torch.complex64), WHOLE, "must be integers.*; got torch.complex64"),
    ],
)
def test_bad_patterns(p, q, why):
    with pytest.raises(ValueError, match=why):
        hamming(p, q)


@pytest.mark.parametrize(
    ("patterns", "why"),
    [
        (WHOLE[0], r"must be \(n, units\); got shape \(4,\)"),
        (WHOLE[None], r"must be \(n, units\); got shape \(1, 3, 4\)"),
        (WHOLE.double(), "must be integers.*; got torch.float64"),
    ],
)
def test_bad_patterns_to_count(patterns, why):
    with pytest.raises(ValueError, match=why):
        region_count(patterns)


def scripted():
    return nn.Sequential(nn.Linear(2, 5), torch.jit.script(nn.ReLU()), nn.ReLU())


def compiled():
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU())
    return nn.Sequential(torch.compile(model, backend="eager"), nn.ReLU())


def compiled_in_place():
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.ReLU())
    model[1].compile(backend="eager")
    return model


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("made", [scripted, compiled, compiled_in_place])
def test_modules_that_hide_their_activations_are_refused(made):
    with pytest.raises(ValueError, match="neither compiled nor scripted"):
        activation_patterns(made(), torch.rand(3, 2))


@pytest.mark.parametrize(
    ("p", "q", "why"),
    [
        ((3, 0), (3, 0), "of a unit an entry of the last dimension"),
        ((3, 4), (2, 4), r"must broadcast; got shapes \(3, 4\) and \(2, 4\)"),
    ],
)
def test_patterns_of_no_units_or_of_other_points(p, q, why):
    p, q = (torch.zeros(shape, dtype=torch.int8) for shape in (p, q))
    with pytest.raises(ValueError, match=why):
        hamming(p, q)
    if not p.shape[-1]:
        with pytest.raises(ValueError, match=why):
            region_count(p)
