"""nn.BWNetwork as a module: how it starts, its state, what it refuses."""

import copy
import io
import math
import pickle
from fractions import Fraction

import pytest
import torch
from torch.func import functional_call
from torch.nn.utils import parametrize

import hatact
from hatact.analysis import path_norm
from hatact.nn import BWNetwork
from tests.support.bw_networks import (
    ALL,
    NAMES,
    OPTIONS,
    as_published,
    named,
    near,
    network,
    points,
    value,
)

of_options = pytest.mark.parametrize("options", OPTIONS, ids=named)


@of_options
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_initial_parameters_are_those_of_linear_layers(dtype, options):
    for depth in (1, 3):
        torch.manual_seed(5)
        m = BWNetwork(3, 16, depth, 2, 1.5, init_scale=4, dtype=dtype, **options)
        torch.manual_seed(5)
        kinds = ["W", "V"] if "linear_layers" in options and depth > 1 else ["W"]
        sizes = [(3, 16), *[(16, 16)] * (len(kinds) * (depth - 1)), (16, 2)]
        assert len(m.layers) == len(sizes)
        for i, (size, layer) in enumerate(zip(sizes, m.layers, strict=True)):
            drawn = torch.nn.Linear(*size, dtype=dtype)
            hidden = i < len(sizes) - 1
            near(layer.weight, drawn.weight * (4 if hidden else 1), 1e-6)
            assert torch.equal(layer.bias, drawn.bias)
            normed = hidden and kinds[i % len(kinds)] == "W" and "weight_norm" in options
            assert parametrize.is_parametrized(layer) == normed
        assert (m.skip is not None) == ("skip" in options)
        if m.skip is not None:
            drawn = torch.nn.Linear(3, 2, dtype=dtype)
            assert torch.equal(m.skip.weight, drawn.weight)
            assert torch.equal(m.skip.bias, drawn.bias)
        assert value(m.c) == 1.5


@of_options
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reset(dtype, options):
    torch.manual_seed(6)
    m = BWNetwork(3, 16, 3, 2, 1.5, init_scale=4, dtype=dtype, **options)
    first = copy.deepcopy(m.state_dict())
    for layer in m.layers:
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        for p in m.parameters():
            p.add_(20)
    m.reset_parameters()
    assert value(m.c) == 1.5
    for name, t in m.state_dict().items():
        assert name == "c" or not torch.equal(t, first[name])
    for i, layer in enumerate(m.layers):
        scale = 4 if i < len(m.layers) - 1 else 1
        bound = scale / math.sqrt(layer.in_features) * (1 + 1e-5)
        assert 0.8 * bound < float(layer.weight.detach().abs().max()) <= bound
        if parametrize.is_parametrized(layer):
            g, v = layer.parametrizations.weight.parameters()
            torch.testing.assert_close(g, v.norm(dim=1, keepdim=True))
    torch.manual_seed(6)
    m.reset_parameters()
    for name, t in m.state_dict().items():
        assert torch.equal(t, first[name]), name


@of_options
def test_copies_and_state(options):
    m, x = network(**options), points(20)
    again = network(seed=1, **options)
    assert not torch.equal(again(x), m(x))
    again.load_state_dict(m.state_dict())
    twin = copy.deepcopy(m)
    assert torch.equal(again(x), m(x))
    assert torch.equal(twin(x), m(x))
    for p in twin.parameters():
        torch.nn.init.zeros_(p)
    assert torch.equal(again(x), m(x))
    if "weight_norm" in options:
        with pytest.raises(RuntimeError, match="only supported through state_dict"):
            pickle.dumps(m)
        return
    buffer = io.BytesIO()
    torch.save(m, buffer)
    buffer.seek(0)
    for kept in (pickle.loads(pickle.dumps(m)), torch.load(buffer, weights_only=False)):
        assert torch.equal(kept(x), m(x))
        assert repr(kept) == repr(m)


def test_made_without_memory_and_filled():
    m = BWNetwork(3, 16, 2, 2, 3.0, device="meta", **ALL)
    assert m(torch.ones(20, 3, device="meta")).shape == (20, 2)
    assert m(torch.ones(3, device="meta")).shape == (2,)
    m.to_empty(device="cpu").reset_parameters()
    assert value(m.c) == 3
    as_published(m.double(), points(20, requires_grad=True))


def test_repr():
    shown = repr(BWNetwork(3, 16, 2, 2, 2.5, init_scale=30, **ALL))
    says = "c=2.5, weight_norm=True, linear_layers=True, learn_c=True, skip=True, init_scale=30"
    assert says in shown
    assert "BWNetwork(\n  c=1\n" in repr(BWNetwork(3, 16, 2, 2))
    assert "BWNetwork(\n  c=1, skip=True\n" in repr(
        BWNetwork(3, 16, 1, 2, linear_layers=True, skip=True)
    )


@pytest.mark.parametrize("skip", [False, True])
def test_a_fixed_c_is_not_assigned(skip):
    """It is folded into the activation: the norm would follow it, and the output would not."""
    m, x = network(c=2.5, skip=skip), points(20)
    for twin in (m, copy.deepcopy(m), pickle.loads(pickle.dumps(m)), network(skip=skip).float()):
        for other in (1.0, 2.5, math.nan, None, torch.tensor(1.0), torch.nn.Parameter(x[0, 0])):
            with pytest.raises(AttributeError, match=r"a c that is fixed, .*; got c = "):
                twin.c = other
        with pytest.raises(AttributeError, match=r"cannot be assigned, .*; got activation = "):
            twin.activation = hatact.BW_RELU
        assert twin.c == 2.5
    assert "c" not in dict(m.named_parameters())
    as_published(m, x.requires_grad_())


def test_a_c_that_is_learnt_is_a_parameter_as_any():
    m, x = network(c=2.5, **ALL), points(20)
    assert next(iter(m.state_dict())) == next(m.named_parameters())[0] == "c"
    y, norm = m(x), path_norm(m)
    with torch.no_grad():
        m.c.mul_(2)
    as_published(m, points(20, requires_grad=True))
    assert value(path_norm(m) / norm) == pytest.approx(2)
    c = torch.tensor(2.5, dtype=torch.float64)
    near(functional_call(m, {"c": c}, (x,)), y, 1e-12)
    m.c = torch.nn.Parameter(c)
    near(m(x), y, 1e-12)
    with pytest.raises(AttributeError, match=r"cannot be assigned, .*; got activation = "):
        m.activation = hatact.BW_RELU.scaled(2)
    assert m.float().c.dtype == torch.float32
    assert m.to("meta").c.is_meta


class Exp(torch.nn.Module):
    def forward(self, t):
        return t.exp()

    def right_inverse(self, c):
        return c.log()


def test_a_c_that_is_learnt_can_be_kept_positive():
    """By torch's parametrizations: c = exp(t)."""
    m, x = network(c=2.5, **ALL), points(20)
    y, norm = m(x), path_norm(m)
    parametrize.register_parametrization(m, "c", Exp())
    near(m(x), y, 1e-12)
    near(path_norm(m), norm, 1e-12)
    m(x).sum().backward()
    assert float(m.parametrizations.c.original.grad.abs()) > 0


def real_numbers():
    np = pytest.importorskip("numpy")
    return [3, 2.5, Fraction(5, 2), np.float64(2.5), np.float32(2.5), np.float16(2.5), np.int64(3)]


@pytest.mark.parametrize("learn_c", [True, False])
def test_scales_may_be_any_real_number(learn_c):
    for number in real_numbers():
        torch.manual_seed(0)
        m = BWNetwork(3, 16, 2, 2, number, init_scale=number, learn_c=learn_c)
        torch.manual_seed(0)
        same = BWNetwork(3, 16, 2, 2, float(number), init_scale=float(number), learn_c=learn_c)
        assert type(m.init_scale) is float
        assert repr(m) == repr(same)
        assert torch.equal(m(torch.ones(20, 3)), same(torch.ones(20, 3)))
    third = BWNetwork(3, 16, 2, 2, Fraction(1, 3))
    assert third.activation == hatact.BW_RELU.scaled(third.c)


def test_a_matrix_between_layers_needs_two_of_them():
    torch.manual_seed(0)
    m = BWNetwork(3, 16, 1, 2, linear_layers=True)
    torch.manual_seed(0)
    plain = BWNetwork(3, 16, 1, 2)
    assert list(m.state_dict()) == list(plain.state_dict())
    assert torch.equal(m(torch.ones(20, 3)), plain(torch.ones(20, 3)))


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None, "3"], ids=repr)
@pytest.mark.parametrize("at", range(4))
def test_wrong_sizes(at, bad):
    name = ("in_features", "hidden_features", "hidden_layers", "out_features")[at]
    sizes = [3, 16, 2, 2]
    sizes[at] = bad
    with pytest.raises(
        ValueError, match=rf"^{name} must be an int of at least 1; got {bad!r}: write BWNetwork"
    ):
        BWNetwork(*sizes)


NO_SCALES = (0, 0.0, -1.0, math.nan, math.inf, -math.inf, "1", True, None, 1j, Fraction(-1, 3))
BEYOND = (10**400, Fraction(10**400, 3), Fraction(1, 10**400))


@pytest.mark.parametrize("bad", NO_SCALES, ids=repr)
@pytest.mark.parametrize("name", ["c", "init_scale"])
@pytest.mark.parametrize("learn_c", [True, False])
def test_wrong_scales(name, bad, learn_c):
    with pytest.raises(ValueError, match=rf"^{name} must be a positive, finite number; got "):
        BWNetwork(3, 16, 2, 2, learn_c=learn_c, **{name: bad})


@pytest.mark.parametrize("name", ["c", "init_scale"])
def test_scales_that_no_float_holds(name):
    np = pytest.importorskip("numpy")
    for bad in (*BEYOND, np.float32("nan"), np.float64("inf"), np.float16(0), np.bool_(True)):
        with pytest.raises(ValueError, match=rf"^{name} must be a positive, finite number; got "):
            BWNetwork(3, 16, 2, 2, **{name: bad})


@pytest.mark.parametrize("bad", [1, 0, None, "yes", 1.0], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_options(name, bad):
    with pytest.raises(
        TypeError, match=rf"^{name} must be True or False; got {bad!r}: write BWNet"
    ):
        BWNetwork(3, 16, 2, 2, **{name: bad})
