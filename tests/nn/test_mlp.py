"""nn.MLP as a module: its state, its layers' hooks, what it refuses."""

import copy
import io
import itertools
import logging
import pickle

import pytest
import torch
from torch.autograd import grad

import hatact
from hatact import HAT, functional, nn
from hatact.functional import _mlp
from tests.support.memory import Saved
from tests.support.mlp_modules import SPECS, close, layers_of, network


@pytest.mark.parametrize("bias", [True, False])
def test_state_is_a_sequentials(bias):
    m = network("hat", "cpu", bias=bias, dtype=torch.float32)
    torch.manual_seed(0)
    widths = [3, 20, 20, 20, 2]
    parts = []
    for a, b in itertools.pairwise(widths):
        parts += [torch.nn.Linear(a, b, bias), nn.Piecewise(SPECS["hat"])]
    plain = torch.nn.Sequential(*parts[:-1])
    assert list(m.state_dict()) == list(plain.state_dict())
    assert [n for n, _ in m.named_parameters()] == [n for n, _ in plain.named_parameters()]
    for a, b in zip(m.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)
    m.reset_parameters()
    assert not torch.equal(m.layers[0].weight, plain[0].weight)
    plain.load_state_dict(m.state_dict())
    fresh = nn.MLP(3, 20, 2, 4, SPECS["hat"], bias)
    fresh.load_state_dict(plain.state_dict())
    x = torch.randn(6, 3)
    torch.testing.assert_close(fresh(x), plain(x))
    other = m.to_sequential()
    assert other[0].weight is m.layers[0].weight
    torch.testing.assert_close(other(x), m(x))


def test_pickle_copy_and_repr():
    m = network("hat", "cpu", checkpoint=True)
    buffer = io.BytesIO()
    torch.save(m, buffer)
    buffer.seek(0)
    x = torch.randn(3, 3, dtype=torch.float64)
    for again in (
        pickle.loads(pickle.dumps(m)), copy.deepcopy(m), torch.load(buffer, weights_only=False)
    ):  # fmt: skip
        assert torch.equal(again(x), m(x))
        assert repr(again) == repr(m)
        assert again.layers[0].weight is not m.layers[0].weight
    assert "activation=(hat, scale=2, shift=0.1), checkpoint=True" in repr(m)
    assert nn.MLP(2, 16, 1, 3, HAT, device="meta")(torch.ones(4, 2, device="meta")).shape == (4, 1)


def test_layers_that_act_themselves_are_called(place):
    """Hooks run, and another module in a layer's place is used."""
    m = network("hat", place.device)
    x = torch.randn(5, 3, dtype=torch.float64, device=place.device)
    expected, seen = m(x), []
    handle = m.layers[1].register_forward_hook(lambda *args: seen.append(args[2].shape))
    close(m(x), expected)
    assert seen == [(5, 20)]
    handle.remove()
    torch.nn.utils.parametrizations.weight_norm(m.layers[1])
    close(m(x), expected)

    class Doubled(torch.nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    last = Doubled(20, 2, device=place.device, dtype=torch.float64)
    last.load_state_dict(m.layers[-1].state_dict())
    setattr(m, "6", last)
    close(m(x), 2 * expected)


def test_layers_unlike_each_other(place):
    """Without a bias here, of another width there: as the modules one by one."""
    x = torch.randn(5, 3, dtype=torch.float64, device=place.device)
    wide = {"device": place.device, "dtype": torch.float64}
    m = network("hat", place.device)
    m.layers[1].bias = None
    close(m(x), m.to_sequential()(x))
    m = network("hat", place.device)
    setattr(m, "2", torch.nn.Linear(20, 24, **wide))
    setattr(m, "4", torch.nn.Linear(24, 20, **wide))
    close(m(x), m.to_sequential()(x))
    m = network("hat", place.device)
    once = m.layers[1].forward
    m.layers[1].forward = lambda x: 2 * once(x)
    close(m(x), m.to_sequential()(x))


def test_checkpoint_where_layers_are_called(place):
    m = network("bspline3", place.device, checkpoint=True)
    m.layers[1].register_forward_hook(lambda *args: None)
    x = torch.randn(50, 3, dtype=torch.float64, device=place.device, requires_grad=True)
    with Saved() as saved:
        y = m(x)
    assert saved.bytes() <= x.nbytes + sum(p.nbytes for p in m.parameters())
    close(grad(y.sum(), x), grad(layers_of(m, x).sum(), x))


def test_a_width_that_is_not_fused_is_said_once(caplog):
    if hatact.ops.mlp_unfused("cpu", 20, torch.float32):
        pytest.skip("nothing is fused here")
    _mlp._say_once.cache_clear()
    x = torch.randn(5, 3)
    with caplog.at_level(logging.DEBUG, "hatact"):
        for hidden in (9, 9, 20, 300, 9):
            nn.MLP(3, hidden, 2, 3, HAT)(x)
    said = [r.getMessage() for r in caplog.records]
    assert said == [
        f"an MLP of width {n} in torch.float32 runs layer by layer on cpu: the fused kernels take "
        "widths from 16 to 256"
        for n in (9, 300)
    ]


def test_precision_settings_do_not_matter():
    m = network("hat", "cpu", dtype=torch.float32)
    x = torch.randn(50, 3)
    expected = m(x)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert torch.equal(m(x), expected)
    finally:
        torch.set_float32_matmul_precision(before)


BAD = {
    "width": (lambda x, w, b: (x[:, :2], w, b), r"last dimension of x must be the 3 inputs"),
    "dtypes": (
        lambda x, w, b: (x.float(), w, b),
        "x must have the dtype and device of the parameters",
    ),
    "mixed": (lambda x, w, b: (x, [w[0], w[1].float(), *w[2:]], b), "of x, .*; got weight 1 of"),
    "device": (
        lambda x, w, b: (x.to("meta"), w, b),
        "x must have the dtype and device of the parameters",
    ),
    "no tensor": (lambda x, w, b: ([1.0] * 3, w, b), "x must be a torch.Tensor; got list"),
    "no weight": (lambda x, w, b: (x, [None, *w[1:]], b), "a weight must be a torch.Tensor; got"),
    "no weights": (lambda x, w, b: (x, [], []), "at least 1 weights; got 0"),
    "a vector": (lambda x, w, b: (x, w[0][:1], []), r"a weight must have shape \(out, in\)"),
    "few biases": (
        lambda x, w, b: (x, w, b[:1]),
        "a bias for each of its 4 weights, or none; got 1",
    ),
}


@pytest.mark.parametrize("grad_mode", [True, False])
@pytest.mark.parametrize("case", BAD)
def test_wrong_input(place, case, grad_mode):
    broken, says = BAD[case]
    m = network("hat", place.device)
    x = torch.ones(5, 3, dtype=torch.float64, device=place.device)
    weights, biases = ([getattr(layer, n) for layer in m.layers] for n in ("weight", "bias"))
    with torch.set_grad_enabled(grad_mode), pytest.raises(ValueError, match=says):
        functional.mlp(*broken(x, weights, biases), m.activation)


def test_one_layer_is_checked_too():
    for x in (torch.ones(5, 2), torch.ones(5, 3).double()):
        with pytest.raises(ValueError, match="must"):
            nn.MLP(3, 16, 2, 1, HAT)(x)
    assert functional.mlp(torch.ones(4, 3), [torch.ones(2, 3)], None, HAT).shape == (4, 2)


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, None], ids=str)
@pytest.mark.parametrize("at", range(4))
def test_wrong_sizes(at, bad):
    sizes = [3, 20, 2, 4]
    sizes[at] = bad
    with pytest.raises(ValueError, match=rf"must be an int of at least 1; got {bad!r}"):
        nn.MLP(*sizes, HAT)


@pytest.mark.parametrize("spec", [None, "hta", HAT.numbers, torch.nn.ReLU()], ids=str)
def test_not_a_spec(spec):
    got = repr(spec) if isinstance(spec, str) else type(spec).__name__
    says = rf"must be a hatact.PiecewisePolynomial.* got {got}"
    with pytest.raises(ValueError, match=says):
        nn.MLP(2, 16, 1, 3, spec)
    with pytest.raises(ValueError, match=says):
        functional.mlp(torch.ones(2), [torch.ones(16, 2), torch.ones(1, 16)], [], spec)
