"""A state_dict says what activation its weights were trained with, and loading compares."""

import copy
import io
import re
import warnings
from fractions import Fraction

import pytest
import torch

import hatact
from hatact import nn
from hatact.nn._state import KEY

PAIRS = {  # modules that differ in nothing but f, and how the first is said
    "Hat": (nn.Hat(8), nn.Hat(4), "hat, scale=8"),
    "another activation": (nn.Hat(), nn.BWReLU(), "hat, scale=1"),
    "centered": (nn.BSpline(2, centered=True), nn.BSpline(2), "bspline2, scale=1, centered=True"),
    "a shift": (nn.Piecewise(hatact.HAT.scaled(2, 0.25)), nn.Hat(2), "hat, scale=2, shift=0.25"),
    "LinearAct": (nn.LinearAct(2, 3, "hat"), nn.LinearAct(2, 3, "relu"), "hat, scale=1"),
    "MLP": (
        nn.MLP(2, 32, 1, 3, "hat", scale=8),
        nn.MLP(2, 32, 1, 3, "hat", scale=Fraction(1, 3)),
        "hat, scale=8",
    ),
    "MLP of a spec without a name": (
        nn.MLP(2, 32, 1, 3, hatact.PiecewisePolynomial((0, 1), ((0,), (2, 0), (2,)))),
        nn.MLP(2, 32, 1, 3, "hat"),
        "knots=(0, 1), degree=1",
    ),
    "BWNetwork": (nn.BWNetwork(2, 32, 2, 1, 3.0), nn.BWNetwork(2, 32, 2, 1, 2.0), "bw_relu, sca"),
    "in a Sequential": (
        torch.nn.Sequential(torch.nn.Linear(2, 2), nn.Hat(3)),
        torch.nn.Sequential(torch.nn.Linear(2, 2), nn.Hat(4)),
        "hat, scale=3; got it loaded into Hat 1 of hat, scale=4",
    ),
    "deep in a Sequential": (
        torch.nn.Sequential(torch.nn.Sequential(nn.MLP(2, 32, 1, 2, "hat"))),
        torch.nn.Sequential(torch.nn.Sequential(nn.MLP(2, 32, 1, 2, "relu"))),
        "hat, scale=1; got it loaded into MLP 0.0 of relu, scale=1",
    ),
}
every_pair = pytest.mark.parametrize("pair", PAIRS)


def _warnings(module, state, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module.load_state_dict(state, **options)
    return [str(w.message) for w in caught]


@every_pair
def test_another_activation_warns(pair):
    saved, other, said = PAIRS[pair]
    (message,) = _warnings(copy.deepcopy(other), saved.state_dict())
    start = f"a state_dict belongs to the activation that it was saved with, {said}"
    assert message.startswith(start), message
    assert re.search(r"got it loaded into \w+.* of .*, whose outputs differ: write the", message)


@every_pair
def test_it_warns_both_ways_and_after_torch_save(pair):
    saved, other, _ = PAIRS[pair]
    file = io.BytesIO()
    torch.save(other.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert len(_warnings(copy.deepcopy(saved), state)) == 1
    assert len(_warnings(copy.deepcopy(saved), copy.deepcopy(other.state_dict()))) == 1


@every_pair
def test_the_same_activation_is_silent(pair):
    for module in PAIRS[pair][:2]:
        assert _warnings(copy.deepcopy(module), module.state_dict()) == []
        assert _warnings(copy.deepcopy(module), module.state_dict(), assign=True) == []


@every_pair
def test_there_are_no_new_keys(pair):
    for module in PAIRS[pair][:2]:
        assert [*module.state_dict()] == [name for name, _ in module.named_parameters()]
        result = copy.deepcopy(module).load_state_dict(module.state_dict(), strict=True)
        assert result.missing_keys == result.unexpected_keys == []


@every_pair
def test_what_loses_the_metadata_is_silent(pair):
    saved, other, _ = PAIRS[pair]
    state = saved.state_dict()
    for lost in (dict(state), state.copy(), {f"{key}": t for key, t in state.items()}):
        assert _warnings(copy.deepcopy(other), lost) == []


def test_the_weights_are_loaded_all_the_same():
    saved, other, _ = PAIRS["MLP"]
    other = copy.deepcopy(other)
    assert len(_warnings(other, saved.state_dict())) == 1
    for a, b in zip(saved.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_equal_numbers_written_otherwise_are_the_same_activation():
    a, b = nn.Hat(0.5), nn.Piecewise(hatact.HAT, scale=Fraction(1, 2))
    assert a.spec == b.spec
    assert _warnings(b, a.state_dict()) == []
    for spec in (
        hatact.PiecewisePolynomial((0, 0.125, 0.25), ((0,), (8, 0), (-8.0, 1), (0.0,))),
        hatact.PiecewisePolynomial((0, 0.125, 0.25), ((0, 0), (0, 8, 0), (-8, 1), (0,))),
    ):
        one = nn.Piecewise(spec)
        assert _warnings(one, nn.Hat(8).state_dict()) == []
        assert _warnings(nn.Hat(8), one.state_dict()) == []
        assert len(_warnings(one, nn.Hat(7).state_dict())) == 1


def test_the_warning_is_of_the_line_that_loads():
    saved, other, _ = PAIRS["deep in a Sequential"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        copy.deepcopy(other).load_state_dict(saved.state_dict())
    assert [w.filename for w in caught] == [__file__]


def test_a_subclass_that_hands_on_by_keyword():
    class Mine(nn.MLP):
        def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, *rest):
            names = ("missing_keys", "unexpected_keys", "error_msgs")
            options = dict(zip(names, rest, strict=True))
            super()._load_from_state_dict(
                state_dict, prefix, local_metadata, strict=strict, **options
            )

    mine = Mine(2, 32, 1, 3, "hat")
    assert _warnings(mine, nn.MLP(2, 32, 1, 3, "hat").state_dict()) == []
    assert len(_warnings(mine, nn.MLP(2, 32, 1, 3, "relu").state_dict())) == 1


@pytest.mark.parametrize("scale", [1, 8])
def test_the_exchange_with_sequential_is_silent(scale):
    network = nn.MLP(2, 32, 1, 3, "hat", scale=scale)
    torchs = torch.nn.Sequential(
        torch.nn.Linear(2, 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 1),
    )
    for other in (network.to_sequential(), torchs):
        other = copy.deepcopy(other)
        assert _warnings(other, network.state_dict()) == []
        assert _warnings(network, other.state_dict()) == []
    layer, linear = nn.LinearAct(2, 3, "hat"), torch.nn.Linear(2, 3)
    assert _warnings(layer, linear.state_dict()) == _warnings(linear, layer.state_dict()) == []


def test_a_network_of_one_linear_layer_has_no_activation():
    a, b = nn.MLP(2, 32, 1, 1, "hat"), nn.MLP(2, 32, 1, 1, "relu")
    assert _warnings(b, a.state_dict()) == []


def test_a_learnt_c_is_a_parameter():
    a, b = (nn.BWNetwork(2, 32, 2, 1, c, learn_c=True) for c in (2.0, 3.0))
    assert _warnings(b, a.state_dict()) == []
    assert float(b.c.detach()) == 2


@pytest.mark.parametrize("written", [{"version": 2}, "hat", 8, {}], ids=repr)
def test_metadata_of_another_version_warns_and_loads(written):
    state = nn.Hat(8).state_dict()
    state._metadata[""][KEY] = written
    (message,) = _warnings(nn.Hat(8), state)
    assert "one that this hatact cannot read" in message


def test_a_destination_without_metadata():
    found = nn.LinearAct(2, 3, "hat").state_dict(destination={}, prefix="layer.")
    assert [*found] == ["layer.weight", "layer.bias"]
