"""regions_on_line against exact fractions, sampled patterns and each other."""

import math
import random
import sys
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import nn

import hatact
from hatact import PiecewisePolynomial
from hatact.analysis import (
    activation_patterns,
    boundary_distance,
    linear_regions,
    regions_on_line,
)
from hatact.nn import (
    MLP,
    BSpline,
    BWNetwork,
    BWReLU,
    Hat,
    LinearAct,
    PeriodicReLU,
    Piecewise,
    PositionalEncoding,
    TriangleCascade,
    TriangleWave,
)
from hatact.nn import ReLU as OurReLU
from tests.support.bw_networks import OPTIONS, named
from tests.support.exact_lines import changes
from tests.support.line_networks import between, drawn, jumping, linear, of, relu_layer
from tests.support.memory import Largest

module = sys.modules["hatact.analysis.boundaries"]
HAT, BW = hatact.HAT, Piecewise(hatact.BW_RELU).spec
WAVE, PERIODIC = TriangleWave().spec, PeriodicReLU().spec
SPECS = [HAT.scaled(3), HAT, BW, BW.scaled(2.3), hatact.RELU, WAVE, PERIODIC]


def segment(inputs=2, length=1.5):
    return tuple(length * torch.randn(inputs, dtype=torch.float64) for _ in range(2))


def close(positions, expected, tolerance=1e-9):
    assert positions.dtype == torch.float64
    assert positions.shape == (len(expected),)
    assert bool((positions.diff() > 0).all())
    expected = of(*map(float, expected))
    torch.testing.assert_close(positions, expected, rtol=0, atol=tolerance)


def agrees_with_patterns(model, a, b, positions):
    """Between two positions there is one pattern, and across each another; ends are no matter."""
    ends = torch.cat([of(0), positions, of(1)])
    wide = ends.diff() > 1e-9  # narrower regions have no points that rounding leaves inside
    inside = torch.stack([torch.lerp(ends[:-1], ends[1:], s) for s in (0.02, 0.3, 0.7, 0.98)], 1)
    inside = inside[wide]
    points = a + inside.flatten()[:, None] * (b - a)
    patterns = activation_patterns(model, points).reshape(len(inside), 4, -1)
    assert torch.equal(patterns, patterns[:, :1].expand_as(patterns))
    differs = (patterns[1:, 0] != patterns[:-1, 0]).any(1)
    place = wide.nonzero()[:, 0]
    assert bool(differs[place.diff() == 1].all())
    t = torch.linspace(0, 1, 4001, dtype=torch.float64)
    sampled = activation_patterns(model, a + t[:, None] * (b - a))
    jumps = (sampled[1:] != sampled[:-1]).any(1).nonzero()[:, 0]
    for low, high in zip(t[jumps].tolist(), t[jumps + 1].tolist(), strict=True):
        assert bool(((positions >= low - 1e-12) & (positions <= high + 1e-12)).any())


@pytest.mark.parametrize("part", range(4))
def test_it_finds_what_exact_fractions_find(part):
    for seed in range(50 * part, 50 * part + 50):
        torch.manual_seed(seed)
        rng = random.Random(seed)
        layers = drawn(rng, depth=rng.choice((2, 2, 3, 4)) if seed % 5 else 2)
        spec = (HAT.scaled(rng.choice((1, 2, 3))), BW, hatact.RELU, WAVE, PERIODIC)[seed % 5]
        specs = [spec] * len(layers)
        a, b = segment(length=rng.choice((0.5, 1.5)))
        close(regions_on_line(between(layers, specs), a, b), changes(layers, specs, a, b))


def without_biases(layers):
    return [(w, 0 * b) for w, b in layers]


def mirrored(layers):
    """Units in pairs of z and −z, and no later bias: knots are touched, and met together."""
    mirror = [(torch.cat([w[:2], -w[:2]]), torch.cat([b[:2], -b[:2]])) for w, b in layers]
    return [mirror[0], *without_biases(mirror[1:])]


def tripled(layers):
    """Units in pairs of z and 3z, whose knots at 0 are met together, but for rounding."""
    return [(torch.cat([w[:2], 3 * w[:2]]), torch.cat([b[:2], 3 * b[:2]])) for w, b in layers]


@pytest.mark.parametrize("altered", [without_biases, mirrored, tripled])
def test_changes_that_coincide_are_one(altered):
    """Rounding apart, the positions would be several, 1e-16 from each other."""
    for seed in range(42):
        torch.manual_seed(seed)
        rng, spec = random.Random(seed), SPECS[seed % len(SPECS)]
        layers = altered(drawn(rng, depth=2 + (seed % 3 == 0), width=4))
        specs = [spec] * len(layers)
        a, b = segment()
        wanted = changes(layers, specs, a, b)  # 3z is rounded, so some lie 1e-16 apart
        distinct = [q for p, q in pairwise([Fraction(-1), *wanted]) if q - p > 1e-13]
        close(regions_on_line(between(layers, specs), a, b), distinct)


def test_a_knot_that_is_touched_at_the_end_of_an_interval_is_no_change():
    """Rounding put the end beyond the knot for a handful of these seeds."""
    for seed in range(110):
        torch.manual_seed(seed)
        layers, spec = mirrored(drawn(random.Random(seed), depth=2, width=4)), SPECS[seed % 2]
        a, b = segment()
        close(regions_on_line(between(layers, [spec] * 2), a, b), changes(layers, [spec] * 2, a, b))


def test_each_layer_has_its_own_spec():
    for seed in range(30):
        torch.manual_seed(seed)
        rng = random.Random(seed)
        layers = drawn(rng, inputs=3, depth=3, width=4)
        specs = [rng.choice(SPECS) for _ in layers]
        a, b = segment(3)
        close(regions_on_line(between(layers, specs), a, b), changes(layers, specs, a, b))


@pytest.mark.parametrize("part", range(4))
def test_specs_that_jump(part):
    """bspline(0), and random ones. Their knots are float64's, as those of a module."""
    for seed in range(10 * part, 10 * part + 10):
        torch.manual_seed(seed)
        rng = random.Random(seed)
        specs = [hatact.bspline(0) if seed % 4 == 0 else jumping(rng) for _ in range(2)]
        rounded = []
        for spec in specs:
            knots, _, period = spec.numbers
            rounded.append(PiecewisePolynomial(knots, spec.pieces, period or None))
        layers = drawn(rng, depth=2, width=4)
        a, b = segment(length=1)
        wanted = changes(layers, rounded, a, b)
        if any(0 < q - p < 1e-12 for p, q in pairwise(wanted)):
            continue
        model = between(layers, specs)
        positions = regions_on_line(model, a, b)
        close(positions, wanted)


def test_random_specs_agree_with_sampled_patterns():
    judged = 0
    for seed in range(30):
        torch.manual_seed(seed)
        rng = random.Random(seed)
        model = between(drawn(rng, depth=2, width=3), [jumping(rng), jumping(rng)])
        a, b = segment(length=0.5)
        positions = regions_on_line(model, a, b)
        if len(positions) < 2000 and bool((positions.diff() > 1e-9).all()):
            agrees_with_patterns(model, a, b, positions)
            judged += 1
    assert judged > 15


def sequential(spec, activation=Piecewise):
    def made():
        acts = [activation(spec) if activation is Piecewise else activation() for _ in range(3)]
        return nn.Sequential(
            nn.Linear(2, 6), acts[0], nn.Linear(6, 6), acts[1], nn.Linear(6, 6), acts[2]
        ).append(nn.Linear(6, 1))

    return made


def linear_acts(spec):
    return lambda: nn.Sequential(
        LinearAct(2, 6, spec), LinearAct(6, 6, spec), LinearAct(6, 6, spec), nn.Linear(6, 1)
    )


def shared():
    act = Hat(2)
    return nn.Sequential(nn.Linear(2, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 1))


def shared_layer():
    layer = nn.Linear(4, 4)
    return nn.Sequential(nn.Linear(2, 4), Hat(2), layer, Hat(3), layer, Hat(2))


def tied():
    model = MLP(2, 5, 1, 4, HAT.scaled(2))
    model.add_module("4", model.layers[1])
    return model


def cascaded(activation):
    def made():
        parts = [nn.Linear(2, 3), TriangleCascade(3, 3), nn.Linear(3, 3), activation()]
        return nn.Sequential(*parts, nn.Linear(3, 2))

    return made


MODELS = {
    "sequential": sequential(HAT.scaled(2)),
    "torch's relu": sequential(None, nn.ReLU),
    "our relu": sequential(None, OurReLU),
    "triangle wave": sequential(WAVE.scaled(2)),
    "one activation twice": shared,
    "one layer twice": shared_layer,
    "layers without activations between": lambda: nn.Sequential(
        nn.Linear(2, 4), nn.Identity(), nn.Linear(4, 5, bias=False), Hat(2), nn.Dropout(), BWReLU(1)
    ).eval(),
    "nested": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(2, 5), Hat(2)), nn.Sequential(nn.Linear(5, 4), Hat(2))
    ),
    "linear_act": linear_acts(HAT.scaled(2)),
    "mlp": lambda: MLP(2, 5, 1, 4, BW.scaled(3)),
    "mlp, wide": lambda: MLP(2, 24, 1, 3, HAT.scaled(3)),
    "mlp, tied": tied,
    "cascade": cascaded(Hat),
    "cascade with free scales": lambda: nn.Sequential(
        nn.Linear(2, 2), TriangleCascade(2, 2, "free"), nn.Linear(2, 3), nn.ReLU()
    ),
    "cascade of the points": lambda: nn.Sequential(TriangleCascade(3, 2), nn.Linear(2, 3), Hat(4)),
    "activation of the points": lambda: nn.Sequential(Hat(1), TriangleWave(), nn.Linear(2, 2)),
    "networks in a row": lambda: nn.Sequential(
        MLP(2, 4, 3, 2, HAT), Hat(2), BWNetwork(3, 4, 2, 3, 2.0), nn.ReLU()
    ),
    "cubic at the end": lambda: nn.Sequential(
        nn.Linear(2, 5), Hat(2), nn.Linear(5, 5), BSpline(3, 2.0), nn.Linear(5, 1)
    ),
}
MODELS |= {
    f"wavelets, {named(options)}": lambda options=options: BWNetwork(2, 6, 3, 2, 2.5, **options)
    for options in OPTIONS
}
MODELS["wavelets, one hidden layer"] = lambda: BWNetwork(2, 6, 1, 2, 2.5, linear_layers=True)


def lively(name):
    """In float64, with weights large enough for many changes."""
    model = MODELS[name]().double()
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1 and not isinstance(model, BWNetwork):
                p.mul_(2.5)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_patterns_are_constant_between_positions(name):
    """Those of the same model in float64."""
    model, count = lively(name), 0
    for length in (0.7, 0.7, 2, 2, 6, 6):
        a, b = segment(length=length)
        positions = regions_on_line(model, a, b)
        agrees_with_patterns(model, a, b, positions)
        count += len(positions)
    assert count > 5


def test_models_of_the_same_layers_agree():
    mlp = MLP(2, 6, 1, 4, HAT.scaled(2)).double()
    acts = nn.Sequential()
    for layer in mlp.layers[:-1]:
        acts.append(LinearAct(2 if not len(acts) else 6, 6, HAT.scaled(2)).double())
        acts[-1].load_state_dict(layer.state_dict())
    a, b = segment(length=6)
    positions = regions_on_line(mlp, a, b)
    assert len(positions) > 10
    for other in (acts, mlp.to_sequential(), nn.Sequential(mlp.to_sequential(), nn.Identity())):
        assert torch.equal(regions_on_line(other, a, b), positions)


@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_wavelets_agree_with_the_same_network_written_out(options):
    model = BWNetwork(2, 5, 3, 2, 2.5, **options).double()
    c = model.c.detach() if options.get("learn_c") else 1.0
    spec = BW if options.get("learn_c") else BW.scaled(2.5)
    affine, layers = None, []
    for i, layer in enumerate(model.layers[:-1]):
        w, bias = layer.weight.detach(), layer.bias.detach()
        if affine is not None:
            w, bias = w @ affine[0], w @ affine[1] + bias
        if options.get("linear_layers") and i % 2:
            affine = w, bias
        else:
            layers.append((c * w, c * bias))
            affine = None
    a, b = segment(length=6)
    assert len(layers) == 3
    positions = regions_on_line(model, a, b)
    assert len(positions) > 10
    close(positions, regions_on_line(between(layers, [spec] * 3), a, b))


def test_the_dtype_of_a_model_is_taken_exactly():
    model = lively("sequential").float()
    a, b = 2 * torch.randn(2), 2 * torch.randn(2)
    positions = regions_on_line(model, a, b)
    assert len(positions) > 3
    assert torch.equal(regions_on_line(model.double(), a.double(), b.double()), positions)
    half = model.bfloat16()
    positions = regions_on_line(half, a, b)
    assert torch.equal(regions_on_line(half.double(), a, b), positions)


@pytest.mark.parametrize("depth", [2, 3])
def test_against_the_regions_of_relu_networks_of_one_input(depth):
    """linear_regions does not count changes that later layers undo."""
    equal = 0
    for seed in range(30):
        torch.manual_seed(seed)
        layers = drawn(random.Random(seed), inputs=1, depth=depth)
        parts = between(layers, [hatact.RELU] * depth)
        last = linear(torch.randn(1, len(layers[-1][1]), dtype=torch.float64), of(0.1))
        plain = nn.Sequential(*[nn.ReLU() if i % 2 else m for i, m in enumerate(parts)], last)
        positions = regions_on_line(plain, of(-1), of(2))
        assert torch.equal(positions, regions_on_line(nn.Sequential(*parts, last), of(-1), of(2)))
        assert len(positions) >= linear_regions(plain, -1, 2) - 1
        ends = [-1.0, *(3 * positions - 1).tolist(), 2.0]
        for low, high in pairwise(ends):
            room = (high - low) * 1e-4
            if room > 1e-10:
                assert linear_regions(plain, low + room, high - room) == 1
        kinks = [linear_regions(plain, t - 1e-7, t + 1e-7) > 1 for t in ends[1:-1]]
        if all(kinks) and min(q - p for p, q in pairwise(ends)) > 1e-6:
            assert len(positions) == linear_regions(plain, -1, 2) - 1
            equal += 1
    assert equal > 3


@pytest.mark.parametrize(
    ("layers", "specs", "a", "b", "expected"),
    [
        ([([[4]], [0])], [HAT], 0, 1, [0.25, 0.5]),
        ([([[4]], [0])], [HAT], 0.0625, 1, [0.2, 7 / 15]),
        ([([[1]], [0])], [hatact.RELU], -1, 1, [0.5]),
        ([([[1]], [0])], [hatact.RELU], 0, 1, []),  # starts on a knot
        ([([[1]], [0])], [hatact.RELU], -1, 0, []),  # ends on one
        ([([[0]], [0])], [hatact.RELU], -1, 1, []),  # on a knot throughout
        ([([[1], [2]], [0, -1])], [hatact.RELU], -1, 1, [0.5, 0.75]),
        ([([[1], [3]], [0, 0])], [hatact.RELU], -1, 2, [1 / 3]),  # together
        ([([[1]], [-5]), ([[1]], [0])], [hatact.RELU] * 2, 0, 1, []),  # dead
        # Dead up to 1/2 and z = 0, a knot, there: no more than the change of the first layer.
        ([([[1]], [0]), ([[1]], [0])], [hatact.RELU] * 2, -1, 1, [0.5]),
        ([([[1]], [0]), ([[1]], [-0.5])], [hatact.RELU] * 2, -1, 1, [0.5, 0.75]),
        # |x| touches 0 and turns back; in the shifted one 0 is crossed.
        ([([[1], [-1]], [0, 0]), ([[1, 1]], [0])], [hatact.RELU] * 2, -1, 1, [0.5]),
        (
            [([[1], [-1]], [0, 0]), ([[1, 1]], [-0.5])],
            [hatact.RELU] * 2,
            -1,
            1,
            [0.25, 0.5, 0.75],
        ),
        # The hat turns back at 1, a knot of the next: crossed at 0, 1, 2 of the first alone.
        ([([[1]], [0]), ([[1]], [0])], [HAT] * 2, -1, 3, [0.25, 0.5, 0.75]),
        ([([[1]], [0]), ([[2]], [0])], [HAT] * 2, -1, 3, [0.25, 0.375, 0.5, 0.625, 0.75]),
        # A box is 1 on (0, 1]: the next layer jumps over both of its knots, 0 and 0.5, at once.
        (
            [([[1]], [0]), ([[1]], [-0.25])],
            [hatact.bspline(0), PiecewisePolynomial((0, 0.5), ((0,), (1, 0), (1,)))],
            -1,
            3,
            [0.25, 0.5],
        ),
    ],
)
def test_by_hand(layers, specs, a, b, expected):
    layers = [(of(*[[float(v) for v in row] for row in w]), of(*map(float, c))) for w, c in layers]
    positions = regions_on_line(between(layers, specs), of(a), of(b))
    close(positions, expected, 1e-15)


def test_periods_are_counted_on_both_sides_of_zero():
    wave = PiecewisePolynomial((0, 1), ((0,), (1, 0), (-1, 1)), 2)
    positions = regions_on_line(Piecewise(wave), of(-4.5), of(3.5))
    close(positions, [(k + 4.5) / 8 for k in range(-4, 4)], 1e-15)


@pytest.mark.parametrize("name", ["sequential", "triangle wave", "mlp", "cascade", "torch's relu"])
def test_reversed_and_halved_segments(name):
    model = lively(name)
    a, b = segment(length=2)
    positions = regions_on_line(model, a, b)
    assert len(positions) > 2
    close(regions_on_line(model, b, a), (1 - positions).flip(0), 1e-11)
    middle = (a + b) / 2
    halves = [regions_on_line(model, a, middle) / 2, regions_on_line(model, middle, b) / 2 + 0.5]
    close(torch.cat(halves), positions, 1e-11)


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_small_blocks_find_the_same(rows, monkeypatch):
    models = [lively(name) for name in ("sequential", "triangle wave", "cascade", "mlp")]
    a, b = segment(length=2)
    expected = [regions_on_line(model, a, b) for model in models]
    assert all(len(positions) > 3 for positions in expected)
    monkeypatch.setattr(module, "ROWS", rows)
    for model, positions in zip(models, expected, strict=True):
        assert torch.equal(regions_on_line(model, a, b), positions)


def test_no_more_positions_than_are_held(monkeypatch):
    model, ends = MODELS["triangle wave"](), segment(length=6)
    monkeypatch.setattr(module, "MOST", 4)
    with pytest.raises(ValueError, match=r"at most 10\^7 .* in layer [123] of 3: take a shorter"):
        regions_on_line(model, *ends)


def test_too_many_positions_are_refused_before_they_take_memory():
    wave = nn.Sequential(nn.Linear(1, 2), TriangleWave(), nn.Linear(2, 1))
    with Largest() as made, pytest.raises(ValueError, match=r"10\^7 .* in layer 1 of 1"):
        regions_on_line(wave, of(0), of(1e12))
    assert made.numbers < 100


def test_the_model_and_the_ends_are_left_as_they_were():
    model = nn.Sequential(Hat(), nn.Linear(2, 3), Hat(inplace=True))
    a, b = of(1e-17, 2), of(1 - 1e-16, 3).requires_grad_()
    before = [v.clone() for v in (a, b, *model.parameters())]
    positions = regions_on_line(model, a, b)
    assert not positions.requires_grad
    x = torch.randn(3, 2)
    kept = x.clone()
    assert not boundary_distance(model, x).requires_grad
    assert torch.equal(x, kept)
    for v, old in zip((a, b, *model.parameters()), before, strict=True):
        assert torch.equal(v, old)
    assert model.training


class Own(nn.Linear):
    def forward(self, x):
        return super().forward(x) ** 2


def hooked(kind):
    layer = nn.Linear(2, 2)
    getattr(layer, kind)(lambda *_: None)
    return nn.Sequential(layer, Hat())


def replaced():
    layer = Hat()
    layer.forward = lambda x: x
    return nn.Sequential(nn.Linear(2, 2), layer)


def with_weight(value):
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 1] = value
    return layer


BAD_MODELS = {
    "tanh": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()), r"got Tanh, Sequential\.1"),
    "own forward": (lambda: nn.Sequential(Own(2, 2), Hat()), r"got Own, Sequential\.0"),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(2, 2, 1), Hat()), "got Conv1d"),
    "hook": (lambda: hooked("register_forward_hook"), r"no hooks.*got some on Linear, Sequential"),
    "hook before": (lambda: hooked("register_forward_pre_hook"), "no hooks"),
    "forward assigned": (replaced, r"no forward of their own.*got some on Hat, Sequential\.1"),
    "dropout": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(), Hat()),
        r"dropout must be in eval mode \(model.eval\(\)\); got Sequential\.1 in training",
    ),
    "no activation": (lambda: nn.Linear(2, 2), "must have an activation.*got none in Linear"),
    "one layer": (lambda: MLP(2, 4, 1, 1, HAT), "must have an activation.*got none in MLP"),
    "nothing": (nn.Sequential, "must have an activation.*got none in Sequential"),
    "NaN": (lambda: nn.Sequential(with_weight(math.nan), Hat()), r"finite; those of Sequential\.0"),
    "inf": (lambda: nn.Sequential(with_weight(math.inf), Hat()), "parameters must be finite"),
    "skip inside": (
        lambda: nn.Sequential(BWNetwork(2, 3, 1, 2, skip=True), Hat()),
        r"with a skip must be the last module.*got more after Sequential\.0",
    ),
    "sizes": (
        lambda: nn.Sequential(Hat(), nn.Linear(3, 2), Hat()),
        "as many numbers as the next layer takes, 3; got 2",
    ),
    "channels": (
        lambda: nn.Sequential(nn.Linear(2, 4), TriangleCascade(2, 3)),
        "must have a channel a unit, 4; got 3",
    ),
    "encoding inside": (
        lambda: nn.Sequential(nn.Linear(2, 2), PositionalEncoding(2, 1), nn.Linear(6, 2), Hat()),
        "PositionalEncoding must be the first module; got one after another",
    ),
    "far periods": (
        lambda: nn.Sequential(with_weight(1e30), TriangleWave()),
        r"counts at most 2\^48 of its periods, of 6.28319 each; got a pre-activation of",
    ),
}


@pytest.mark.parametrize("what", BAD_MODELS)
def test_bad_models(what):
    made, why = BAD_MODELS[what]
    with pytest.raises(ValueError, match=why):
        regions_on_line(made(), torch.rand(2), torch.rand(2))
    with pytest.raises(ValueError, match=why):
        boundary_distance(made(), torch.rand(3, 2))


def test_a_skip_in_the_last_module_of_a_sequential():
    network = BWNetwork(2, 4, 2, 2, 2.0, skip=True)
    plain = BWNetwork(2, 4, 2, 2, 2.0)
    plain.load_state_dict(network.state_dict(), strict=False)
    a, b = segment(length=3)
    positions = regions_on_line(nn.Sequential(nn.Identity(), network), a, b)
    assert len(positions) > 3
    assert torch.equal(positions, regions_on_line(plain, a, b))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (
            nn.Sequential(PositionalEncoding(2, 2), nn.Linear(10, 2), Hat()),
            "affine between its activations; got a PositionalEncoding, which bends a segment",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), BSpline(2), nn.Linear(3, 2), Hat()),
            "of degree 0 or 1, but for the last one.*got degree 2",
        ),
        (MLP(2, 3, 1, 3, hatact.bspline(3)), "got degree 3"),
    ],
)
def test_what_bends_a_segment(model, why):
    with pytest.raises(ValueError, match=why):
        regions_on_line(model, torch.rand(2), torch.rand(2))
    assert boundary_distance(model, torch.rand(5, 2)).shape[0] == 5


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (of(1, 2), of(1, 2), "must have a length; got two equal ends"),
        (of(0.0, 2), of(-0.0, 2), "must have a length"),
        (of(1, math.nan), of(1, 2), "ends of the segment must be finite"),
        (of(1, 2), of(1, math.inf), "ends of the segment must be finite"),
        (of(1, 2), of(1), r"two points, \(in\) each; got shapes \(2,\) and \(1,\)"),
        (of(1, 2)[None], of(2, 3)[None], r"got shapes \(1, 2\) and \(1, 2\)"),
        (of(1)[0], of(2)[0], r"got shapes \(\) and \(\)"),
        (of(1, 2, 3), of(1, 2, 4), "as many numbers as the next layer takes, 2; got 3"),
    ],
)
def test_bad_ends(a, b, why):
    with pytest.raises(ValueError, match=why):
        regions_on_line(nn.Sequential(nn.Linear(2, 3), Hat()), a, b)


def test_an_input_that_no_unit_reads_may_be_huge():
    model = relu_layer([[0.0, 1.0]], [0.0])
    assert regions_on_line(model, *of((1e12, -1e-4), (1e12, 1e-4))).tolist() == [0.5]
    model = relu_layer([[0.0, 1.0]] * 8, [-i * 1e-6 for i in range(8)])
    assert len(regions_on_line(model, *of((1.7e9, -1e-4), (1.7e9, 1e-4)))) == 8


@pytest.mark.parametrize(
    ("model", "a", "b"),
    [
        (relu_layer([[1.0]], [0.0]), -1e308, 1e308),
        (relu_layer([[1e300]], [0.0]), -1e10, 2e10),
        (nn.Sequential(*relu_layer([[1e200]], [0.0])[:1], *relu_layer([[1e200]], [0.0])), -1, 1),
    ],
)
def test_what_is_beyond_float64_is_refused(model, a, b):
    with pytest.raises(ValueError, match="within float64's range; got some beyond it"):
        regions_on_line(model, *of((a,), (b,)))


def test_the_room_between_layers_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "HELD", 100)
    model = MLP(2, 20, 1, 3, hatact.HAT.scaled(4))
    with pytest.raises(
        ValueError, match=r"positions times units.*got \d+ times 20: take a shorter"
    ):
        regions_on_line(model, *of((-5, -5), (5, 5)))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
def test_complex_numbers_and_layers_of_nothing():
    model = relu_layer([[1.0]], [0.0])
    with pytest.raises(ValueError, match=r"must be real; got torch\.complex64"):
        regions_on_line(model, torch.zeros(1, dtype=torch.complex64), torch.ones(1))
    complex_model = nn.Sequential(nn.Linear(1, 1, dtype=torch.complex64), nn.ReLU())
    with pytest.raises(ValueError, match=r"must be real; those of .* are torch\.complex64"):
        regions_on_line(complex_model, torch.zeros(1), torch.ones(1))
    with pytest.raises(ValueError, match="at least one unit; got one of none"):
        regions_on_line(nn.Sequential(nn.Linear(1, 0), nn.ReLU()), torch.zeros(1), torch.ones(1))
