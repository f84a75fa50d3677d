"""The total variation of a shallow network's slope, by exact fractions of seven ReLUs."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import nn

from hatact.analysis import path_norm, slope_variation
from hatact.nn import BWNetwork
from tests.support.bw_networks import NAMES, OPTIONS, differentiable, named, network, value

of_options = pytest.mark.parametrize("options", OPTIONS, ids=named)


def line(w, b, v, c=1.0, dtype=torch.float64, **options):
    """A network of one input and one hidden layer with these numbers."""
    w, b, v = (torch.as_tensor(t, dtype=dtype) for t in (w, b, v))
    m = BWNetwork(1, len(w), 1, len(v), c, dtype=dtype, **options)
    with torch.no_grad():
        m.layers[0].weight = nn.Parameter(w[:, None])
        m.layers[0].bias.copy_(b)
        m.layers[1].weight.copy_(v)
    return m


def exactly(w, b, v, c):
    """TV(f′) by exact values of f between its kinks, where f is checked to be affine."""
    c, w, b = Fraction(c), [Fraction(t) for t in w], [Fraction(t) for t in b]
    v = [[Fraction(t) for t in row] for row in v]

    def f(x):
        acts = []
        for slope, bias in zip(w, b, strict=True):
            z = c * (slope * x + bias)
            parts = zip((1, -8, 23, -32, 23, -8, 1), range(7), strict=True)
            acts.append(sum(Fraction(a, 6) * max(z - Fraction(k, 2), 0) for a, k in parts))
        return [sum(a * h for a, h in zip(row, acts, strict=True)) for row in v]

    kinks = {(Fraction(k, 2) / c - t) / s for s, t in zip(w, b, strict=True) if s for k in range(7)}
    ends = sorted(kinks)
    ends = [ends[0] - 1, *ends, ends[-1] + 1] if ends else []
    slopes = []
    for left, right in pairwise(ends):
        low, middle, high = (f(left + (right - left) * Fraction(q, 4)) for q in (1, 2, 3))
        assert all(2 * m == lo + hi for lo, m, hi in zip(low, middle, high, strict=True))
        slopes.append([(hi - lo) * 2 / (right - left) for lo, hi in zip(low, high, strict=True)])
    return sum(math.sqrt(sum((q - p) ** 2 for p, q in zip(*two, strict=True)))
               for two in pairwise(slopes))  # fmt: skip


@pytest.mark.parametrize("c", [1.0, 0.3, 7.0])
@pytest.mark.parametrize(("hidden", "outputs"), [(1, 1), (2, 3), (9, 1), (9, 2)])
def test_slope_variation_exactly(hidden, outputs, c):
    w, b, v = (
        torch.randn(size, dtype=torch.float64) for size in (hidden, hidden, (outputs, hidden))
    )
    m = line(w, b, v, c)
    expected = exactly(w.tolist(), b.tolist(), v.tolist(), c)
    assert slope_variation(m).shape == ()
    assert slope_variation(m).dtype == torch.float64
    assert value(slope_variation(m)) == pytest.approx(expected, rel=1e-12)
    assert value(16 * path_norm(m)) == pytest.approx(expected, rel=1e-12)


@of_options
def test_it_is_sixteen_path_norms_where_no_kinks_coincide(options):
    for hidden, outputs, c in ((16, 1, 1.0), (100, 1, 3.0), (300, 4, 9.0)):
        m = network((1, hidden, 1, outputs), c, **options)
        assert value(slope_variation(m)) == pytest.approx(16 * value(path_norm(m)), rel=1e-12)


NARROW = [1.0, -0.5, 2.0, 0.25]
COINCIDE = {  # w, b, v, c
    "all opposite": ([2.0, 2.0], [0.3, 0.3], [[1.5, -1.5]], 3.0),
    "equal": ([2.0, 2.0], [0.3, 0.3], [[1.5, 0.25]], 3.0),
    "mirrored": ([1.0, -1.0], [0.0, 3.0], [[1.0, -0.5]], 1.0),
    "twice as steep": ([0.7, 1.4], [0.3, 0.6], [[1.0, -0.5]], 1.0),
    "shifted by a knot": ([1.0, 1.0], [0.0, 0.5], [[1.0, 1.0]], 1.0),
    "shifted by a knot over c": ([1.0, 1.0], [0.0, 0.125], [[1.0, 1.0]], 4.0),
    "nearer than float64 tells": ([3.0, 3.0], [2.0**53, 2.0**53 + 2], [[1.0, -1.0]], 1.0),
    "of several outputs": ([2.0, 2.0, 4.0], [0.0] * 3, [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], 2.0),
    "constant": ([0.0, 1.5, 0.0], [0.3, 1.0, 2.0], [[1.0, 2.0, -3.0]], 1.0),
    "all constant": ([0.0, 0.0], [0.3, 1.0], [[1.0, 2.0]], 1.0),
    "a negative zero": ([-0.0, 1.0], [0.3, 1.0], [[1.0, 2.0]], 1.0),
    "many": (NARROW * 2, [*NARROW, 0, 0, 0, 0], [[1, 2, 3, 4, -1, -2, -3, -4.0]], 1.0),
}  # fmt: skip


@pytest.mark.parametrize("learn_c", [True, False])
@pytest.mark.parametrize("case", COINCIDE)
def test_kinks_that_coincide_are_merged(case, learn_c):
    m = line(*COINCIDE[case], learn_c=learn_c)
    expected = exactly(*COINCIDE[case])
    found, apart = value(slope_variation(m)), 16 * value(path_norm(m))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
    if case in ("equal", "constant", "all constant", "a negative zero"):
        assert found == pytest.approx(apart, rel=1e-12)
    else:
        assert found < 0.95 * apart
    if case in ("all opposite", "all constant"):
        assert found == 0


def test_kinks_of_float32_are_those_of_its_exact_numbers():
    """0.1 and 0.2 of float32 lie on one line through 0, 0.1 and 0.3 do not."""
    for second, merged in ((0.2, True), (0.3, False)):
        m = line([1.0, second * 10], [0.1, second], [[1.0, -1.0]], dtype=torch.float32)
        found = slope_variation(m)
        assert found.dtype == torch.float32
        numbers = [t.detach().double() for t in (m.layers[0].weight[:, 0], m.layers[0].bias)]
        expected = exactly(*(t.tolist() for t in numbers), [[1.0, -1.0]], 1.0)
        assert value(found) == pytest.approx(expected, rel=1e-6)
        assert (value(found) < 0.99 * 16 * value(path_norm(m))) == merged


def test_a_skip_has_no_kinks():
    for options in OPTIONS:
        if "skip" in options:
            m = network((1, 9, 1, 2), **options)
            before = value(slope_variation(m))
            m.skip = None
            assert value(slope_variation(m)) == before > 0


def test_a_scale_out_of_float32s_range():
    m = line([1.0, 2.0], [0.1, 0.7], [[1.0, -1.0]], 1e39)
    assert value(slope_variation(m)) == pytest.approx(16 * value(path_norm(m)), rel=1e-12)


@pytest.mark.parametrize("name", [None, *NAMES])
def test_slope_variation_is_differentiable(name):
    differentiable(network((1, 5, 1, 2), **({name: True} if name else {})), slope_variation)


def test_gradients_of_kinks_that_coincide():
    """Equal neurons of v = 3 and −1: TV(f′) is 16·c·|w|·|3 − 1|, and either v moves it alike."""
    m = line([2.0, 2.0], [0.3, 0.3], [[3.0, -1.0]], 1.5)
    slope_variation(m).backward()
    torch.testing.assert_close(m.layers[1].weight.grad, torch.full((1, 2), 48.0).double())
    torch.testing.assert_close(m.layers[0].weight.grad, torch.tensor([[72.0], [-24.0]]).double())
    assert m.layers[0].bias.grad is None or not m.layers[0].bias.grad.any()


@pytest.mark.parametrize("coincide", [True, False])
def test_a_layer_without_a_bias_has_zeros(coincide):
    w = [1.0, -0.5, 2.0, 2.0] if coincide else [1.0, -0.3, 2.1, 0.7]
    m = line(w, [0.0] * 4, [[1.0, 2.0, -0.5, 3.0]], 1.5)
    expected, x = value(slope_variation(m)), torch.linspace(-2, 2, 9).double()[:, None]
    y = m(x)
    m.layers[0].bias = None
    torch.testing.assert_close(m(x), y)
    assert value(slope_variation(m)) == expected > 0


def test_a_negative_c_mirrors():
    m = line([2.0, -0.7], [0.3, 0.1], [[1.5, 0.25], [-1.0, 2.0]], 1.5, learn_c=True)
    mirrored = line([-2.0, 0.7], [-0.3, -0.1], [[1.5, 0.25], [-1.0, 2.0]], 1.5, learn_c=True)
    with torch.no_grad():
        m.c.neg_()
    found, expected = slope_variation(m), slope_variation(mirrored)
    assert value(found) == pytest.approx(value(expected), rel=1e-14)
    found.backward()
    expected.backward()
    torch.testing.assert_close(m.c.grad, -mirrored.c.grad)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_has_no_kinks_need_not_be_finite(bad):
    m = network((1, 5, 1, 2), skip=True)
    before = value(slope_variation(m))
    with torch.no_grad():
        for p in (m.layers[1].bias, *m.skip.parameters()):
            p.fill_(bad)
    assert value(slope_variation(m)) == before


@pytest.mark.parametrize("sizes", [(2, 5, 1, 1), (1, 5, 2, 1), (3, 5, 4, 2)])
def test_no_line(sizes):
    says = rf"needs one input and one hidden layer; got {sizes[0]} and {sizes[2]}$"
    with pytest.raises(ValueError, match=says):
        slope_variation(network(sizes))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["c", "layers.0.weight", "layers.0.bias", "layers.1.weight"])
def test_parameters_that_are_not_finite(name, bad):
    m = network((1, 5, 1, 2), learn_c=True)
    with torch.no_grad():
        m.get_parameter(name).view(-1)[-1] = bad
    with pytest.raises(ValueError, match=r"^c, the hidden .* must be finite to have kinks; got "):
        slope_variation(m)
