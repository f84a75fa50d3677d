"""What the Triton backend makes of a spec's numbers, and when it is there."""

import subprocess
import sys

import pytest
import torch

import hatact
from hatact import reference
from hatact.backends import _triton_numbers as numbers_of
from hatact.backends import triton as backend
from hatact.backends._triton_numbers import finite_slopes, piece_codes
from tests.support.repository import environment


def test_import_without_triton():
    code = """
import sys
sys.modules["triton"] = None
import hatact
reasons = hatact.available_backends()["triton"].reasons
sys.exit(set(reasons.values()) != {"triton is not installed"})
"""
    run = subprocess.run([sys.executable, "-c", code], env=environment(TRITON_INTERPRET="1"))
    assert run.returncode == 0


def test_unavailable_says_why(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert backend.unavailable("cpu")
    assert backend.unavailable("mps")
    assert (backend.unavailable("cuda") is None) <= torch.cuda.is_available()
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    assert backend.unavailable("cuda") == "triton is not installed"


def test_constants_are_rounded_and_stripped():
    third, single = 1 / 3, torch.tensor(1 / 3).item()
    coeffs = (0, 0, 1e-60, third, 0, -0.0)  # 1e-60 is 0 in float32, and 0·inf must not arise
    numbers = numbers_of.constants((third, 1.0), coeffs, 0.0, torch.float32)
    assert numbers == ((single, 1.0), ((single, 0.0), (single, single), (1.0, 0.0)), ())
    numbers = numbers_of.constants((third, 1.0), coeffs, 0.0, torch.float64)
    assert numbers == ((third, 1.0), ((third, 0.0), (third, 1e-60, third), (1.0, 0.0)), ())
    assert "-0.0" not in str(numbers)
    numbers = numbers_of.constants((0.25,), (0, 0, 1, 0), 0.5, torch.float64)
    assert numbers == ((0.25,), ((0.25, 0.0), (0.25, 1.0, 0.0)), (0.5, 0.75))
    numbers = numbers_of.constants((-0.25,), (0, 0, 2, 0.5), 0.0, torch.float32)  # about 0
    assert numbers == ((-0.25,), ((-0.25, 0.0), (0.0, 2.0, 1.0)), ())


def test_constants_leave_specs_to_the_reference():
    assert numbers_of.constants((0.0,), (1,) * 2 * 17, 0.0, torch.float32) is not None
    assert numbers_of.constants((0.0,), (1,) * 2 * 18, 0.0, torch.float32) is None
    assert numbers_of.constants((0.0,), (1e300, 0), 0.0, torch.float64) is not None
    for tails in ((1e-60, 1, 0, 1), (0, 1, 1e-60, 1)):  # whose limits are those of what is 0 here
        assert numbers_of.constants((0.0,), tails, 0.0, torch.float32) is None
        assert numbers_of.constants((0.0,), tails, 0.0, torch.float64) is not None
        assert numbers_of.constants((0.0,), tails, 2.0, torch.float32) is not None
    with pytest.raises(ValueError, match="in the range of"):
        numbers_of.constants((0.0,), (1e300, 0), 0.0, torch.float32)
    with pytest.raises(ValueError, match="increase strictly"):
        numbers_of.constants((1.0, 0.0), (0, 0, 0), 0.0, torch.float32)


def test_long_specs_are_served_by_the_reference():
    knots = range(numbers_of.MAX_PIECES)
    spec = hatact.PiecewisePolynomial.from_truncated_powers(knots, [1] * len(knots), 1)
    x = torch.linspace(-3, 80, 300).view(20, 15).t()
    y = backend.OPS["ppoly"](x, None, *spec.numbers)
    assert torch.equal(y, reference.ppoly(x, None, *spec.numbers))
    assert y.stride() == x.stride()


def test_codes_are_spread_over_bytes():
    # Eight slopes, in order: 0 … 7, whose three bits lie eight apart.
    coeffs = tuple(float(c) for i in range(8) for c in (i, 0))
    codes, bits = piece_codes(coeffs, 8, 0.0)
    assert bits == 3
    assert codes == (0, 1, 256, 257, 65536, 65537, 65792, 65793)
    # Periodic: piece 0 is piece 1, and the slope right of all is a NaN.
    assert piece_codes((5.0, 0.0, 1.0, 0.0, -1.0, 0.0), 3, 2.0) == ((0, 0, 1, 256), 2)


def test_slopes_are_rounded_and_a_nan_dropped():
    third = torch.tensor(1 / 3).item()
    assert finite_slopes((1 / 3, float("nan")), torch.float32) == (third,)
    assert finite_slopes((1 / 3, 2.0), torch.float64) == (1 / 3, 2.0)
