"""The ops with a slope code on every backend: against the reference's code, against `ppoly`."""

import pytest
import torch
from torch import Tensor

from hatact import PiecewisePolynomial, _code, reference
from hatact.ops import packed
from tests.support.codes import unpacked
from tests.support.layouts import LAYOUTS, POOL, SHARED, same_bits, same_layout, views
from tests.support.oracle import sample
from tests.support.places import DTYPES, HALVES
from tests.support.points import certain, cotangent, points
from tests.support.specs import CODED

ops = torch.ops.hatact
every_spec = pytest.mark.parametrize("name", CODED)
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def check(place, spec: PiecewisePolynomial, x: Tensor) -> None:
    """Every op of the code at the elements of x, a vector."""
    knots_etc = spec.numbers
    there = x.to(place.device)
    before = there.clone()
    y, code = ops.ppoly_encode(there, *knots_etc)
    assert same_bits(y, ops.ppoly(there, None, *knots_etc))
    bits = _code.bits_of(len(spec.slopes))
    assert (code.dtype, code.shape) == (torch.uint8, (-(-len(x) // 8) * bits,))
    _, expected = reference.ppoly_encode(x, *knots_etc)
    sure = certain(spec, x)
    got, expected = unpacked(code.cpu(), bits), unpacked(expected, bits)
    assert torch.equal(got[: len(x)][sure], expected[: len(x)][sure])
    assert not got[len(x) :].any(), "bits that belong to no element"
    g = cotangent(there)
    kept = g.clone()
    gx = ops.ppoly_decode(g, code, spec.slopes)
    save_x = ops.ppoly(there, g, *spec.derivative().numbers)
    number = ~there.isnan()
    assert same_bits(gx[number], save_x[number])
    last = spec.slopes[-1] if spec.period else float(spec.derivative().pieces[-1][-1])
    table = torch.tensor(last, dtype=torch.float64).to(
        torch.float32 if x.dtype in HALVES else x.dtype
    )
    at_nan = (g[~number].to(table.dtype) * table.to(g.device)).to(g.dtype)
    assert same_bits(gx[~number], at_nan)
    assert same_bits(there, before), "x was written to"
    assert same_bits(g, kept), "g was written to"
    assert torch.equal(ops.ppoly_encode_(there, *knots_etc), code)
    assert same_bits(there, y)
    assert ops.ppoly_(before, *knots_etc) is None
    assert same_bits(before, y)


@every_dtype
@every_spec
def test_every_spec(place, name, dtype):
    check(place, CODED[name], points(CODED[name], dtype))


@pytest.mark.parametrize("dtype", HALVES, ids=("bf16", "fp16"))
@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "inexact_knots", "zigzag"])
def test_every_half_number(place, name, dtype):
    """Each of the 65536 bit patterns: NaNs of both signs and all payloads among them."""
    numbers = CODED[name].numbers
    x = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    y, code = ops.ppoly_encode(x.to(place.device), *numbers)
    assert torch.equal(code.cpu(), reference.ppoly_encode(x, *numbers)[1])
    assert same_bits(y, ops.ppoly(x.to(place.device), None, *numbers))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "sawtooth"])
def test_layouts(place, name, layout):
    """The code is in row-major order whatever the strides; y has x's, gx is dense."""
    spec = CODED[name]
    for dtype in place.dtypes:
        pool = sample(spec, dtype, POOL).to(place.device)
        x = LAYOUTS[layout](pool)
        before = pool.clone()
        y, code = ops.ppoly_encode(x, *spec.numbers)
        assert same_bits(y, ops.ppoly(x, None, *spec.numbers))
        assert same_layout(y, x)
        assert torch.equal(code, ops.ppoly_encode(x.flatten(), *spec.numbers)[1])
        for g_name, g in views(LAYOUTS[layout](cotangent(pool))).items():
            gx = ops.ppoly_decode(g, code, spec.slopes)
            save_x = ops.ppoly(x, g, *spec.derivative().numbers)
            assert same_bits(gx, save_x), (dtype, g_name)
            assert gx.is_contiguous(), (dtype, g_name)
        assert torch.equal(pool, before)


@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu"])
def test_sizes(place, name):
    """Every remainder of a vector loop and of a group; 1, 2 and 3 bits an element."""
    spec = CODED[name]
    few = place.interpreted
    for dtype in place.dtypes:
        pool = points(spec, dtype, 1025 - len(points(spec, dtype, 0)))
        pool = pool[torch.randperm(1025, generator=torch.Generator().manual_seed(0))]
        for n in (1, 31, 1025) if few else (*range(34), 1023, 1024, 1025):
            check(place, spec, pool[:n])


def test_no_dimensions_and_no_elements(place):
    for spec in (CODED["relu"], CODED["bw_relu"], CODED["zero"]):
        bits = _code.bits_of(len(spec.slopes))
        x = torch.tensor(0.75, device=place.device)
        y, code = ops.ppoly_encode(x, *spec.numbers)
        assert (y.shape, code.shape) == ((), (bits,))
        assert y == ops.ppoly(x, None, *spec.numbers)
        slope = ops.ppoly_decode(torch.ones_like(x), code, spec.slopes)
        assert slope.shape == ()
        assert float(slope) == pytest.approx(float(spec.derivative()(0.75)))
        for shape in ((0,), (3, 0, 2)):
            x = torch.empty(shape, device=place.device)
            y, code = ops.ppoly_encode(x, *spec.numbers)
            assert (y.shape, code.shape) == (shape, (0,))
            assert ops.ppoly_decode(x, code, spec.slopes).shape == shape
            assert ops.ppoly_encode_(x, *spec.numbers).shape == (0,)


@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "triangle_wave"])
def test_many_elements_and_threads(place, name):
    """More than one thread's or block's share: the same bits for any number of threads."""
    spec = CODED[name]
    for dtype in place.dtypes:
        x = sample(spec, dtype, 5_003).repeat(30)[:150_001].to(place.device)
        g = torch.linspace(-2, 2, len(x)).to(x)
        results = []
        for threads in (1, 2, 4) if place.backend == "extension" else (1,):
            torch.set_num_threads(threads)
            y, code = ops.ppoly_encode(x, *spec.numbers)
            gx = ops.ppoly_decode(g, code, spec.slopes)
            z = x.clone()
            assert torch.equal(ops.ppoly_encode_(z, *spec.numbers), code)
            results.append((y, code, gx))
            assert same_bits(z, y)
        for other in results[1:]:
            assert torch.equal(other[1], results[0][1])
            assert same_bits(other[0], results[0][0])
            assert same_bits(other[2], results[0][2])
        y, code, gx = results[0]
        assert same_bits(y, ops.ppoly(x, None, *spec.numbers))
        assert same_bits(gx, ops.ppoly(x, g, *spec.derivative().numbers))
        if not spec.period:
            assert torch.equal(code.cpu(), reference.ppoly_encode(x.cpu(), *spec.numbers)[1])


@pytest.mark.parametrize("layout", [n for n in LAYOUTS if n not in SHARED])
def test_in_place_layouts(place, layout):
    """Written through x's strides; what lies between its elements keeps its value."""
    spec, take = CODED["bw_relu"], LAYOUTS[layout]
    for dtype in place.dtypes:
        pool = sample(spec, dtype, POOL).to(place.device)
        touched = torch.zeros(POOL, dtype=torch.bool, device=place.device)
        take(touched).fill_(True)
        y, code = ops.ppoly_encode(take(pool), *spec.numbers)
        for op in (ops.ppoly_, ops.ppoly_encode_):
            written = pool.clone()
            got = op(take(written), *spec.numbers)
            assert same_bits(take(written), y)
            assert torch.equal(written[~touched], pool[~touched])
            assert got is None or torch.equal(got, code)


def test_spec_slopes():
    """Distinct slopes in order of first appearance, NaN last if periodic; None if uncodable."""
    assert CODED["hat"].slopes == (0, 1, -1)
    assert CODED["hat"].scaled(8).slopes == (0, 8, -8)
    assert CODED["bspline0"].slopes == (0,)
    assert CODED["leaky_relu"].slopes == (0.01, 1)
    for name, spec in CODED.items():
        pieces = spec.derivative().pieces[1 if spec.period else 0 :]
        expected = list(dict.fromkeys(float(p[-1]) for p in pieces))
        slopes = list(spec.slopes)
        if spec.period:
            assert slopes.pop() != 0, name  # NaN
        assert slopes == expected, name
        assert not any(str(s) == "-0.0" for s in slopes), name


def test_what_autograd_calls_brings_an_edge(place):
    """An empty vector of x's dtype, beside the value and the code."""
    x = torch.randn(37, device=place.device)
    y, code, edge = ops._packed_encode(x, packed(*CODED["hat"].numbers))
    assert (edge.shape, edge.dtype, edge.device) == ((0,), x.dtype, x.device)
    assert same_bits(y, ops.ppoly(x, None, *CODED["hat"].numbers))
    assert torch.equal(code, ops.ppoly_encode(x, *CODED["hat"].numbers)[1])
