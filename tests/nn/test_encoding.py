"""Positional encoding: the formula, its order, dtypes, and bad input."""

import copy
import math
import pickle
import re

import pytest
import torch

from hatact.nn import PositionalEncoding

X = torch.tensor([[0.25, -1.0], [0.5, 1 / 3]])


@pytest.mark.parametrize("include_input", [True, False])
@pytest.mark.parametrize("octaves", [1, 3, 7])
def test_the_formula_and_its_order(octaves, include_input):
    encoding = PositionalEncoding(2, octaves, include_input)
    angles = [2**level * math.pi * X[:, d] for level in range(octaves) for d in range(2)]
    columns = [*([*X.T] if include_input else []), *map(torch.cos, angles), *map(torch.sin, angles)]
    torch.testing.assert_close(encoding(X), torch.stack(columns, -1))
    assert encoding(X).shape[-1] == encoding.out_features == len(columns)


def test_without_octaves_it_is_the_input_itself():
    encoding = PositionalEncoding(2, 0)
    assert encoding(X) is X
    assert encoding.out_features == 2


@pytest.mark.parametrize("shape", [(2,), (0, 2), (3, 4, 2), (5, 1, 1, 2)])
def test_any_leading_dimensions(shape):
    x = torch.rand(shape)
    y = PositionalEncoding(2, 3)(x)
    assert y.shape == (*shape[:-1], 14)
    torch.testing.assert_close(y.reshape(-1, 14), PositionalEncoding(2, 3)(x.reshape(-1, 2)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32_and_rounded_once(dtype):
    x, encoding = torch.rand(50, 3).to(dtype), PositionalEncoding(3, 6)
    assert torch.equal(encoding(x), encoding(x.float()).to(dtype))


def test_float64_is_float64():
    x = torch.rand(20, 1, dtype=torch.float64)
    encoded = PositionalEncoding(1, 8)(x)
    assert encoded.dtype == torch.float64
    torch.testing.assert_close(encoded[:, 8], torch.cos(128 * math.pi * x[:, 0]))


def test_derivatives_of_every_order():
    x = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PositionalEncoding(2, 2), x)
    assert torch.autograd.gradgradcheck(PositionalEncoding(2, 2), x)


def test_it_is_a_module_without_parameters():
    encoding = PositionalEncoding(2, 3, include_input=False)
    assert not [*encoding.parameters(), *encoding.buffers()]
    assert repr(encoding) == ("PositionalEncoding(in_features=2, octaves=3, include_input=False)")
    for copied in (copy.deepcopy(encoding), pickle.loads(pickle.dumps(encoding))):
        assert torch.equal(copied(X), encoding(X))


def test_non_finite_coordinates_are_nan():
    x = torch.tensor([[math.inf], [-math.inf], [math.nan]])
    assert PositionalEncoding(1, 2, include_input=False)(x).isnan().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "in_features must be an int of at least 1; got 0"),
        ((2.0, 3), "in_features must be an int of at least 1; got 2.0"),
        ((True, 3), "in_features must be an int of at least 1; got True"),
        ((2, -1), "octaves must be an int from 0 to 64; got -1"),
        ((2, "3"), "octaves must be an int from 0 to 64; got '3'"),
        ((2, 65), "octaves must be an int from 0 to 64; got 65"),
        ((2, 0, False), "must have octaves or include its input; got neither"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        PositionalEncoding(*arguments)


@pytest.mark.parametrize("include_input", [2, "no", None])
def test_the_input_is_included_or_not(include_input):
    with pytest.raises(TypeError, match=f"must be True or False; got {include_input!r}"):
        PositionalEncoding(2, 1, include_input)


def test_infinity_stays_in_the_coordinates_alone():
    encoded = PositionalEncoding(1, 64)(torch.tensor([[math.inf], [1e-3]], dtype=torch.float64))
    assert encoded[0, 0] == math.inf
    assert encoded[0, 1:].isnan().all()
    assert encoded[1].isfinite().all()


def test_bad_coordinates():
    encoding = PositionalEncoding(2, 3)
    for x in (torch.rand(4, 3), torch.rand(())):
        message = f"x must have 2 coordinates in its last dimension; got shape {tuple(x.shape)}"
        with pytest.raises(ValueError, match=re.escape(message)):
            encoding(x)
    with pytest.raises(TypeError, match=r"x must be a floating tensor; got torch\.int64"):
        encoding(torch.ones(4, 2, dtype=torch.int64))
