"""`torch.set_flush_denormal(True)`, which training uses, changes no value that is normal."""

from collections.abc import Iterator

import pytest
import torch

from hatact.activations import registry
from tests.support.places import Place


@pytest.fixture
def flushed() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU cannot flush denormals")
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", list(registry()))
@pytest.mark.usefixtures("flushed")
def test_values_and_slopes_are_the_same(place: Place, name: str, dtype: torch.dtype) -> None:
    x = torch.linspace(-8, 8, 257, device=place.device).to(dtype)
    for spec in (registry()[name], registry()[name].derivative()):
        got = torch.ops.hatact.ppoly(x, None, *spec.numbers)
        torch.set_flush_denormal(False)
        want = torch.ops.hatact.ppoly(x, None, *spec.numbers)
        torch.set_flush_denormal(True)
        assert torch.equal(got, want)
