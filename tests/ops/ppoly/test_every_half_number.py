"""All 65,536 numbers of each half type, NaNs and subnormals included, on every backend."""

from fractions import Fraction

import pytest
import torch

from hatact import PiecewisePolynomial, reference
from tests.support.oracle import compute_eps, magnitude, settled
from tests.support.places import HALVES
from tests.support.specs import ACTIVATIONS, SPECS

# Knots at the ends of the half types' ranges, between their numbers, and next to 0.
EDGES = {
    "beyond": PiecewisePolynomial((-1e5, 1e5), ((1,), (1e-5, 0), (3,))),
    "largest": PiecewisePolynomial((-65504, 65504), ((1,), (1e-5, 0), (3,))),
    "tiny": PiecewisePolynomial((-1e-10, 1e-10), ((1,), (2,), (3,))),
    "subnormal": PiecewisePolynomial((-(2**-24), 2**-24), ((1,), (2,), (3,))),
    "between": PiecewisePolynomial((1 + 2**-12, Fraction(4097, 2048)), ((1,), (2,), (3,))),
    "below_zero": PiecewisePolynomial((-1e-45,), ((1,), (2,))),
    "zero_knot": PiecewisePolynomial((0,), ((1,), (2,))),
}
OTHERS = (
    "hat_d1",
    "bspline3_d1",
    "triangle_wave_d1",
    "ragged",
    "inexact_knots",
    "wide",
    "sawtooth",
)
ALL = ACTIVATIONS | EDGES | {name: SPECS[name] for name in OTHERS}


@pytest.mark.parametrize("dtype", HALVES, ids=["bf16", "fp16"])
@pytest.mark.parametrize("name", ALL)
def test_every_number(place, name, dtype):
    if place.interpreted:
        pytest.skip("64 blocks take Triton's interpreter seconds")
    if place.backend == "reference":
        pytest.skip("it is what the others are compared with")
    numbers = ALL[name].numbers
    x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    y = torch.ops.hatact.ppoly(x.to(place.device), None, *numbers).cpu()
    own = reference.ppoly(x, None, *numbers)
    assert torch.equal(y.isnan(), own.isnan())
    finite = x.isfinite()
    assert torch.equal(y[~finite & ~y.isnan()], own[~finite & ~own.isnan()])
    x, y, own = x[finite], y[finite], own[finite]
    keep = settled(ALL[name], x)
    if ALL[name].period is not None:
        keep &= x.double().abs() < 1e4  # beyond, float32 has lost the phase
    x, y, own = x[keep], y[keep], own[keep]
    assert torch.equal(y.isinf(), own.isinf())
    info = torch.finfo(dtype)
    scale = magnitude(ALL[name], x).clamp(max=info.max)
    step = info.smallest_normal * info.eps
    tolerance = (info.eps + 8 * compute_eps(dtype)) * scale + step * (scale > 0)
    error = torch.where(y == own, 0.0, (y.double() - own.double()).abs())
    assert (error <= tolerance).all(), x[error > tolerance][:5].tolist()
