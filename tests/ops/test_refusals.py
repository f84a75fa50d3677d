"""What a function refuses is a ValueError, whichever kernel refused it and whatever torch is."""

import pytest
import torch

from hatact import HAT, PiecewisePolynomial, functional

BEYOND = PiecewisePolynomial((1e300,), ((0,), (1, 0)))
SAYS = {
    "int64": "must be float16, bfloat16, float32 or float64; got torch.int64",
    "complex64": "must be float16, bfloat16, float32 or float64; got torch.complex64",
    "beyond": r"must be in the range of .*float32.*got .*1e\+300",
}
FUNCTIONS = {
    "piecewise": lambda x, spec: functional.piecewise(x, spec),
    "in place": lambda x, spec: functional.piecewise(x * 1, spec, inplace=True),
    "linear_act": lambda x, spec: functional.linear_act(x, x, None, spec),
    "mlp": lambda x, spec: functional.mlp(x, [x, x], None, spec),
    "mlp, layer by layer": lambda x, spec: functional.mlp(x[:, :4], [x[:4, :4]] * 2, None, spec),
}


@pytest.mark.parametrize("grad", [False, True], ids=["no_grad", "grad"])
@pytest.mark.parametrize("why", SAYS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_error(place, name, why, grad):
    dtype = torch.float32 if why == "beyond" else getattr(torch, why)
    if grad and not (dtype.is_floating_point or dtype.is_complex):
        pytest.skip("has no gradient")
    x = torch.ones(16, 16, device=place.device).to(dtype).requires_grad_(grad)
    with pytest.raises(ValueError, match=SAYS[why]):
        FUNCTIONS[name](x, BEYOND if why == "beyond" else HAT)


def test_memory_that_is_shared(place):
    x = torch.ones(1, device=place.device).expand(3)
    with pytest.raises(ValueError, match="elements do not share memory"):
        functional.hat(x, inplace=True)


def test_what_torch_refuses_is_said_in_the_words_of_the_rule(place):
    """Also where an argument of ours would be refused as well."""
    x = torch.ones(4, 4, device=place.device)
    with pytest.raises(ValueError, match=r"x must have the dtype .*; got torch.int64"):
        functional.linear_act(x.long(), x, None, HAT)
    with pytest.raises(ValueError, match="the last dimension of x must be the 2 inputs"):
        functional.linear_act(x, x[:, :2], None, HAT)
    with pytest.raises(RuntimeError, match="no leaf that requires grad"):
        functional.hat(x.requires_grad_(), inplace=True)
