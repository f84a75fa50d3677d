"""The text of the Triton kernels, run by Triton's interpreter on CPU tensors in its own process.

The interpreter fuses no multiply-add, so float32, float64 and float16 results must equal the
reference's bit for bit. It proves nothing about a GPU's arithmetic, and its bf16 is its own.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

import hatact
from hatact import reference
from hatact.activations import registry
from hatact.backends import _triton_numbers as numbers_of
from hatact.backends import triton as backend
from tests.support.children import interpreted, needs_triton
from tests.support.repository import ROOT, Pytest, environment


@pytest.fixture(scope="module")
def random_specs(tmp_path_factory) -> Iterator[Pytest]:
    """A pytest of its own, beside the other process of this module."""
    output = tmp_path_factory.mktemp("interpreter") / "output"
    chosen = ("--specs", "6", "-k", "triton-cpu", "tests/ops/test_every_path.py")
    run = Pytest(ROOT, output, *chosen, TRITON_INTERPRET="1")
    yield run
    run.stop()


@pytest.fixture(scope="module")
def failures(random_specs) -> dict[str, list[str]]:
    return interpreted("interpreted_ppoly")


@pytest.mark.interpreter
@needs_triton
@pytest.mark.parametrize("what", [*registry(), "layouts", "backend"])
def test_interpreter_agrees_with_reference(failures, what):
    assert failures[what] == []


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


@pytest.mark.interpreter
@needs_triton
def test_random_specs_on_every_path(random_specs, say):
    """Those of test_every_path.py, fewer."""
    say(random_specs.passed())
