"""hatact::mlp_forward and mlp_backward on every backend: values, gradients, layouts, rules."""

import pytest
import torch

from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial, bspline
from hatact.activations import registry
from hatact.reference_mlp import Shape
from tests.support.layouts import same_bits
from tests.support.mlp_ops import SLACK, both, error, flat, network, of_reference, wide

raw = torch.ops.hatact
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
# in, hidden, out, depth, rows: each kind of rest of rows, columns, tiles and chunks
SIZES = [
    (2, 16, 1, 2, 1),
    (1, 17, 2, 3, 5),
    (3, 24, 3, 4, 47),
    (7, 32, 4, 3, 48),
    (17, 64, 9, 2, 49),
    (70, 33, 5, 3, 240),
    (16, 64, 64, 3, 241),
    (2, 100, 70, 3, 61),
    (5, 256, 1, 3, 50),
    (300, 18, 20, 5, 13),
    (2, 64, 1, 4, 1000),
    (4, 3, 2, 3, 30),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("spec", [HAT, bspline(3)], ids=["hat", "bspline3"])
def test_equals_the_layers(place, spec, size):
    net = network(size, torch.float64, place.device)
    got, want = both(spec, *net), of_reference(spec, *net)
    for a, b in zip(flat(got), flat(want), strict=True):
        assert a.shape == b.shape
        assert a.is_contiguous()
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)
    inputs, hidden, outputs, depth, rows = size
    shape = Shape(inputs, hidden, outputs, depth)
    assert got[1].shape == (depth - 1 - (4 * inputs <= hidden), rows, hidden)
    assert shape.kept_layers == len(got[1])


@pytest.mark.parametrize("name", registry())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_every_activation(place, dtype, name):
    spec = registry()[name]
    net = network((3, 20, 2, 3, 30), dtype, place.device)
    got, want = both(spec, *net), of_reference(spec, *net)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-4
    for a, b in zip(flat(got), flat(want), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [(2, 64, 1, 4, 500), (40, 100, 3, 3, 300)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES[1:], ids=str)
@pytest.mark.parametrize("spec", [HAT, bspline(3), RELU, BW_RELU], ids=lambda s: str(len(s.knots)))
def test_error_is_that_of_torchs_layers(place, spec, dtype, size):
    """Root mean square over seeds: single sums that cancel are a matter of luck."""
    ours, theirs = [], []
    for seed in range(3):
        net = network(size, dtype, place.device, seed=seed)
        exact = flat(of_reference(spec, *wide(net)))
        for errors, found in ((ours, both(spec, *net)), (theirs, of_reference(spec, *net))):
            errors.append([error(a, c) for a, c in zip(flat(found), exact, strict=True)])
    names = ["y", "kept", "gx", *[f"parameter {i}" for i in range(2 * size[3])]]
    got, want = (torch.tensor(e).square().mean(0).sqrt().tolist() for e in (ours, theirs))
    for name, a, b in zip(names, got, want, strict=True):
        assert a <= SLACK * max(b, torch.finfo(dtype).eps), name


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("hidden", [24, 64])
def test_what_is_not_kept_is_computed_again(place, hidden, dtype):
    """To the same bits, and the forward of inference is that of training."""
    net = network((2, hidden, 3, 4, 100), dtype, place.device)
    y, kept, *grads = both(HAT, *net)
    again, none, *also = both(HAT, *net, keep=False)
    assert none.shape == (0, 100, hidden)
    assert len(kept) == 2
    assert all(
        same_bits(a, b) for a, b in zip(flat((y, *grads)), flat((again, *also)), strict=True)
    )


@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
def test_same_bits_for_any_number_of_threads(place, dtype):
    """Of the fused kernels: torch's own products depend on the threads on some machines."""
    if place.interpreted or place.backend == "reference":
        pytest.skip("runs layer by layer")
    net = network((3, 48, 2, 3, 1500), dtype, place.device)
    found = []
    for threads in (1, 2, 3, 1):
        torch.set_num_threads(threads)
        found.append(flat(both(HAT, *net)))
    for other in found[1:]:
        assert all(same_bits(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("rows", [(0,), (), (0, 3), (2, 3), (2, 0, 4)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_any_batch(place, bias, rows):
    """No rows: an empty output and zero gradients."""
    _, weights, biases, _ = network((3, 20, 2, 3, 1), torch.float64, place.device, bias)
    x = torch.randn(*rows, 3, dtype=torch.float64, device=place.device)
    g = torch.randn(*rows, 2, dtype=torch.float64, device=place.device)
    got, want = both(HAT, x, weights, biases, g), of_reference(HAT, x, weights, biases, g)
    assert got[0].shape == (*rows, 2)
    assert got[2].shape == x.shape
    assert len(got[4]) == len(biases)
    for a, b in zip(flat(got), flat(want), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)
    if not x.numel():
        assert not any(t.any() for t in flat(got))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_layouts(place, dtype):
    """Transposed, sliced and expanded tensors give what dense ones give; from kernels, its bits."""

    def alike(got, want):
        for a, b in zip(flat(got), flat(want), strict=True):
            assert a.is_contiguous()
            tolerance = 0 if place.backend == "extension" else 16 * torch.finfo(dtype).eps
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))

    x, weights, biases, g = network((6, 24, 4, 3, 50), dtype, place.device)
    dense = both(HAT, x, weights, biases, g)

    def strided(t):
        return t.T.contiguous().T if t.dim() == 2 else t.repeat_interleave(2)[::2]

    got = both(HAT, strided(x), list(map(strided, weights)), list(map(strided, biases)), strided(g))
    alike(got, dense)
    one = torch.ones((), dtype=dtype, device=place.device).expand(g.shape)
    alike(*(both(HAT, x, weights, biases, t) for t in (one, one.contiguous())))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("outputs", [1, 3, 5])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("hidden", [17, 20, 64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_a_row_that_is_not_finite_stays_alone(place, value, hidden, depth, outputs, dtype):
    x, weights, biases, g = network((5, hidden, outputs, depth, 60), dtype, place.device)
    clean = both(HAT, x, weights, biases, g)
    x = x.clone()
    x[7, 2] = value
    got, want = both(HAT, x, weights, biases, g), of_reference(HAT, x, weights, biases, g)
    others = [i for i in range(60) if i != 7]
    assert same_bits(got[0][others], clean[0][others])
    assert same_bits(got[2][others], clean[2][others])
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for a, b in zip(flat(got), flat(want), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def test_padding_where_f_of_0_is_not_finite(place):
    """A cubic far from 0 overflows there, and nowhere else."""
    spec = PiecewisePolynomial((1e14, 1e14 + 2**24), ((1, 0, 0, 0), (0,), (0,)))
    x = torch.full((4, 3), 5e13, device=place.device)
    weights = [torch.ones(17, 3, device=place.device), torch.ones(1, 17, device=place.device)]
    y, _ = raw.mlp_forward(x, weights, [], *spec.numbers, True)
    assert torch.equal(y, torch.zeros_like(y))


@pytest.mark.parametrize("of_parameters", [True, False])
@pytest.mark.parametrize("of_input", [True, False])
def test_only_what_is_asked_for(place, of_input, of_parameters):
    net = network((6, 24, 4, 3, 50), torch.float64, place.device)
    asked = {"of_input": of_input, "of_parameters": of_parameters}
    _, _, gx, gweights, gbiases = both(HAT, *net, **asked)
    _, _, *whole = both(HAT, *net)
    assert same_bits(gx, whole[0]) if of_input else gx.shape == (0,)
    wanted = flat(whole[1:]) if of_parameters else []
    assert all(same_bits(a, b) for a, b in zip([*gweights, *gbiases], wanted, strict=True))


def _network_with(**changed):
    x, weights, biases, g = network((3, 20, 2, 3, 5), torch.float64)
    kept = torch.zeros(1, 5, 20, dtype=torch.float64)
    found = {"x": x, "weights": weights, "biases": biases, "g": g, "kept": kept}
    return {k: changed[k](v) if k in changed else v for k, v in found.items()}


BAD_FORWARD = {
    "width": ({"x": lambda x: x[:, :2]}, r"last dimension .* 3 inputs.*got shape \(5, 2\)"),
    "0-d": ({"x": lambda x: x[0, 0]}, r"last dimension of x .* 3 inputs.*got shape \(\)"),
    "one weight": ({"weights": lambda w: w[:1]}, "at least 2 weights; got 1"),
    "few biases": ({"biases": lambda b: b[:2]}, "a bias for each of its 3 weights, or none; got 2"),
    "hidden": (
        {"weights": lambda w: [w[0], w[1][:, :19], w[2]]},
        r"weight 1 must have shape \(20, 20\): all hidden layers have 20 units; got \(20, 19\)",
    ),
    "bias": ({"biases": lambda b: [b[0], b[1][:7], b[2]]}, r"bias 1 must .* \(20,\); got \(7,\)"),
    "flat weight": ({"weights": lambda w: [w[0], w[1][0], w[2]]}, r"\(out, in\); got \(20,\)"),
    "dtype": ({"x": lambda x: x.float()}, "x must have the dtype and device of the parameters"),
    "dtype of bias": ({"biases": lambda b: [b[0], b[1].half(), b[2]]}, "of x, .*; got bias 1 of"),
    "integers": ({"x": lambda x: x.long()}, "must be float16, bfloat16, float32 or float64; got"),
}  # fmt: skip
BAD_BACKWARD = {
    "g": ({"g": lambda g: g[:4]}, r"g must have the shape of the output.*got \(4, 2\)"),
    "dtype of g": ({"g": lambda g: g.float()}, "g must have the dtype and device of x"),
    "kept": ({"kept": lambda k: k[:, :4]}, r"kept must .* \(1 or 0, 5, 20\); got \(1, 4, 20\)"),
    "dtype of kept": ({"kept": lambda k: k.float()}, "kept must have the dtype and device of x"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FORWARD | BAD_BACKWARD)
def test_wrong_input(place, case):
    if place.device != "cpu":
        pytest.skip("the rules are those of the CPU and of the reference")
    changed, says = (BAD_FORWARD | BAD_BACKWARD)[case]
    of = _network_with(**changed)
    knots, coeffs, period = HAT.numbers
    net = (of["x"], of["weights"], of["biases"])
    if case in BAD_FORWARD:
        with pytest.raises((ValueError, RuntimeError), match=says):
            raw.mlp_forward(*net, knots, coeffs, period, True)
    slopes = HAT.derivative().numbers[1]
    with pytest.raises((ValueError, RuntimeError), match=says):
        raw.mlp_backward(of["g"], *net, of["kept"], knots, coeffs, slopes, period, True, True)


def test_wrong_numbers(place):
    x, weights, biases, _ = network((3, 20, 2, 3, 5), torch.float64, place.device)
    with pytest.raises((ValueError, RuntimeError), match="knots must increase strictly"):
        raw.mlp_forward(x, weights, biases, (1.0, 0.0), (0.0, 1.0, 0.0), 0.0, True)


def test_the_raw_ops_where_gradients_are_asked_for(place):
    """The forward gives them, of any order; the backward alone refuses."""
    x, weights, biases, g = network((3, 20, 2, 3, 5), torch.float64, place.device)
    knots, coeffs, period = HAT.numbers
    slopes = HAT.derivative().numbers[1]
    _, _, *want = both(HAT, x, weights, biases, g)
    inputs = [t.requires_grad_() for t in (x, *weights, *biases)]
    for keep in (True, False):
        y, kept = raw.mlp_forward(x, weights, biases, *HAT.numbers, keep)
        assert not kept.requires_grad
        got = torch.autograd.grad(y, inputs, g, create_graph=True)
        torch.testing.assert_close(list(got), flat(want), rtol=1e-10, atol=1e-11)
        assert any(t is not None and t.any() for t in torch.autograd.grad(
            got[0].square().sum(), inputs, allow_unused=True
        ))  # fmt: skip
    with pytest.raises(
        RuntimeError, match=r"requires grad, .*: use hatact.nn.MLP and create_graph"
    ):
        raw.mlp_backward(g, x, weights, biases, kept, knots, coeffs, slopes, period, True, True)
    with torch.no_grad():
        assert not both(HAT, x, weights, biases, g)[0].requires_grad
