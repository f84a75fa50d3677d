"""Triangle cascades, exactly: the construction of hatact.cascade and the modules built on it."""

import copy
import pickle
from fractions import Fraction

import pytest
import torch

import hatact
from hatact import cascade, functional, nn

HALF = Fraction(1, 2)
PEAKS = (Fraction(1, 3), 0.25, Fraction(3, 5), HALF, 0.7)


def composed(x, peaks, scales):
    """F at one exact number, by the definition."""
    total, v = Fraction(0), Fraction(x)
    for a, s in zip(map(Fraction, peaks), map(Fraction, scales), strict=True):
        v = v / a if v <= a else (1 - v) / (1 - a)
        v = max(v, Fraction(0))
        total += s * v
    return total


def test_theorem_scales_make_the_slopes_meet():
    """The jump of F's slope at a_0 falls with the depth, as the theorem says; with others not."""
    jumps, free = [], []
    for depth in (4, 8, 12):
        peaks = [Fraction(2 + i % 5, 7) for i in range(depth + 1)]
        for scales, of in (
            (cascade.theorem_scales(peaks), jumps),
            ([Fraction(1, 4 ** (i + 1)) for i in range(depth)], free),
        ):
            f = cascade.spec(peaks[:-1], scales)
            at = f.knots.index(peaks[0])
            of.append(abs(f.pieces[at + 1][0] - f.pieces[at][0]))
    assert jumps[2] < jumps[1] / 5 < jumps[0] / 25
    assert free[2] > free[0] / 5


def test_all_peaks_a_half_give_the_parabola():
    scales = cascade.theorem_scales([HALF] * 7)
    assert scales == tuple(Fraction(1, 4 ** (i + 1)) for i in range(6))
    f = cascade.spec([HALF] * 6, scales)
    assert f.knots == tuple(Fraction(i, 64) for i in range(65))
    for i in range(64):
        x = Fraction(i, 64)
        assert f.pieces[i + 1][1] == x - x * x


def test_spec_is_the_composition():
    scales = cascade.theorem_scales((*PEAKS, 0.4))
    f = cascade.spec(PEAKS, scales)
    for i in range(-5, 106):
        x = Fraction(i, 101)
        piece = sum(t < x for t in f.knots)
        base = f.knots[max(piece - 1, 0)]
        exact = sum(c * (x - base) ** k for k, c in enumerate(reversed(f.pieces[piece])))
        assert exact == composed(x, PEAKS, scales)


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_regions_are_two_to_the_depth(depth):
    peaks = [Fraction(1 + i % 6, 7) for i in range(depth + 1)]
    assert cascade.regions(peaks[:-1], cascade.theorem_scales(peaks)) == 2**depth
    assert len(cascade.knots(peaks[:-1])) == 2**depth + 1


def test_regions_that_join_are_counted_once():
    """Slopes 2·s_0 ± 4·s_1 on [0, ½], −2·s_0 ∓ 4·s_1 on [½, 1]: the middle ones meet at ½."""
    assert cascade.regions((HALF,), (1,)) == 2
    assert cascade.regions((HALF, HALF), (1, HALF)) == 3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: cascade.spec((), ()), "at least one peak; got none"),
        (lambda: cascade.spec((0.5, 1.0), (1, 1)), "strictly between 0 and 1; got"),
        (lambda: cascade.knots((0,)), "strictly between 0 and 1; got"),
        (lambda: cascade.knots((float("nan"),)), "strictly between 0 and 1; got"),
        (lambda: cascade.regions((0.5,), (0,)), "scales must be positive and finite; got"),
        (lambda: cascade.regions((0.5,), (float("inf"),)), "scales must be positive and finite"),
        (lambda: cascade.regions((0.5,), (1, 1)), "of depth 1 needs 1 scales; got 2"),
        (lambda: cascade.theorem_scales((0.5,)), "at least 2; got 1"),
    ],
)
def test_wrong_numbers(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# The modules.


@pytest.mark.parametrize("scales", ["theorem", "free"])
@pytest.mark.parametrize("channels", [1, 3])
def test_module_starts_as_the_theorem_says(scales, channels):
    torch.manual_seed(0)
    m = nn.TriangleCascade(6, channels, scales, dtype=torch.float64)
    assert m.peaks.shape == m.scales.shape == (channels, 6)
    assert ((m.peaks > 0.2) & (m.peaks < 0.8)).all()
    assert m.peak_logits.shape == (channels, 7 if scales == "theorem" else 6)
    ratios = m.scales[:, 1:-1] / m.scales[:, :-2]
    torch.testing.assert_close(ratios, (1 - m.peaks[:, 1:-1]) * m.peaks[:, 2:])
    assert m.regions() == [64] * channels


def test_theorem_scales_of_the_module_are_the_exact_ones():
    peaks = torch.tensor([[0.3, 0.6, 0.45, 0.7]], dtype=torch.float64)
    m = nn.TriangleCascade(3, peaks=peaks, dtype=torch.float64)
    exact = [float(s) for s in cascade.theorem_scales(peaks[0].tolist())]
    torch.testing.assert_close(m.scales, torch.tensor([exact], dtype=torch.float64))
    torch.testing.assert_close(m.peaks, peaks[:, :3])


@pytest.mark.parametrize("scales", ["theorem", "free"])
@pytest.mark.parametrize("depth", [1, 4, 12, 16])
def test_export_is_equal_on_the_whole_line(scales, depth):
    torch.manual_seed(depth)
    m = nn.TriangleCascade(depth, 2, scales, dtype=torch.float64)
    x = torch.linspace(-1, 2, 3001, dtype=torch.float64)[:, None].expand(-1, 2)
    network = m.to_relu()
    assert (network(x) - m(x)).abs().max() <= 1e-12
    for channel in range(2):
        sequential = network.to_sequential(channel)
        assert [type(part).__name__ for part in sequential] == ["Linear", "ReLU"] * (depth + 1) + [
            "Linear"
        ]
        assert {part.out_features for part in sequential[:-1:2]} == {4}
        assert (sequential(x[:, :1]) - m(x)[:, channel : channel + 1]).abs().max() <= 1e-12
    assert all(p.requires_grad for p in network.parameters())  # released


def test_training_the_peaks_keeps_the_regions_and_learns():
    torch.manual_seed(0)
    m = nn.TriangleCascade(6)
    x = torch.linspace(0, 1, 200)[:, None]
    target = x - x**3
    optimiser = torch.optim.Adam(m.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        loss = (m(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100
    assert m.regions() == [64]
    assert (m.scales > 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_module_has_valid_numbers(dtype):
    m = nn.TriangleCascade(16, peaks=[[0.5] * 17]).to(dtype)
    assert (m.scales > 0).all()
    assert m.regions() == [2**16]
    with torch.no_grad():
        m.peak_logits.fill_(20)
    assert (m.peaks < 1).all()
    x = torch.tensor([[0.5], [1.5]], dtype=dtype, requires_grad=True)
    m(x).sum().backward()
    assert torch.isfinite(m.peak_logits.grad).all()


def test_on_meta_and_materialised():
    m = nn.TriangleCascade(3, 2, device="meta")
    assert m(torch.rand(5, 2, device="meta")).shape == (5, 2)
    m = m.to_empty(device="cpu")
    m.reset_parameters()
    assert m.regions() == [8, 8]


def test_numbers_stay_valid_whatever_the_parameters_become():
    m = nn.TriangleCascade(3, 2, "free")
    with torch.no_grad():
        m.peak_logits.copy_(torch.tensor([[-1e4, 1e4, 0.0], [100.0, -100.0, 50.0]]))
        m.log_scales.fill_(-50)
    assert ((m.peaks >= 2**-10) & (m.peaks <= 1 - 2**-10)).all()
    assert (m.scales > 0).all()
    assert torch.isfinite(m(torch.rand(5, 2))).all()


@pytest.mark.parametrize("scales", ["theorem", "free"])
def test_pickle_copy_state_dict_and_repr(scales):
    torch.manual_seed(0)
    m = nn.TriangleCascade(4, 3, scales)
    x = torch.rand(7, 3)
    other = nn.TriangleCascade(4, 3, scales)
    other.load_state_dict(m.state_dict())
    for again in (pickle.loads(pickle.dumps(m)), copy.deepcopy(m), other):
        assert torch.equal(again(x), m(x))
    assert repr(m) == f"TriangleCascade(depth=4, channels=3, scales={scales})"
    assert not list(m.buffers())
    network = m.to_relu()
    assert torch.equal(copy.deepcopy(network)(x), network(x))


def test_half_input_computes_in_float32():
    torch.manual_seed(0)
    m = nn.TriangleCascade(5, 3)
    x = torch.rand(50, 3).bfloat16()
    expected = m(x.float()).bfloat16()
    assert torch.equal(m(x), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(m(x), expected)
    half = copy.deepcopy(m).bfloat16()
    assert half(x).dtype == torch.bfloat16
    half(x).float().sum().backward()
    assert half.peak_logits.grad.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: nn.TriangleCascade(0), "depth must be an int of at least 1; got 0"),
        (lambda: nn.TriangleCascade(2.0), "depth must be an int of at least 1; got 2.0"),
        (lambda: nn.TriangleCascade(2, 0), "channels must be an int of at least 1; got 0"),
        (lambda: nn.TriangleCascade(2, scales="best"), "one of theorem, free; got 'best'"),
        (lambda: nn.TriangleCascade(2, peaks=[[0.5, 0.5]]), r"\(1, 3\); got \(1, 2\)"),
        (lambda: nn.TriangleCascade(2, peaks=[[0.5, 1.0, 0.5]]), r"lie in \(2\^-10.*got"),
        (lambda: nn.TriangleCascade(1, peaks=[[0.0, 0.5]]), r"lie in \(2\^-10.*got"),
        (lambda: nn.TriangleCascade(2, 3)(torch.rand(5)), r"3 channels of peaks; got shape \(5,\)"),
        (lambda: nn.TriangleCascade(2)(torch.tensor(0.5)), r"last dimension .* got shape \(\)"),
        (lambda: nn.TriangleCascade(2, 3).to_relu()(torch.rand(5)), "the 3 channels; got shape"),
        (lambda: nn.TriangleCascade(2).to_relu().to_sequential(1), r"in 0 … 0; got 1"),
    ],
)
def test_wrong_use_of_the_modules(call, says):
    with pytest.raises((ValueError, RuntimeError), match=says):
        call()


def test_functional_and_the_spec_of_the_same_cascade_agree():
    scales = cascade.theorem_scales((*PEAKS, 0.4))
    x = torch.linspace(-0.5, 1.5, 1001, dtype=torch.float64)
    expected = functional.piecewise(x, cascade.spec(PEAKS, scales))
    a, s = (torch.tensor([[float(v) for v in of]], dtype=torch.float64) for of in (PEAKS, scales))
    with hatact.use_backend("reference"):
        torch.testing.assert_close(
            functional.triangle_cascade(x[:, None], a, s)[:, 0], expected, rtol=0, atol=1e-14
        )
