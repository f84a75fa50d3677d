"""What nngp and ntk refuse, and what they then say."""

import math

import pytest
import torch

import hatact
from hatact import bspline
from hatact.activations import registry
from hatact.analysis import nngp, ntk
from tests.support.memory import Largest

pytest.importorskip("scipy")

KERNELS = {"nngp": nngp, "ntk": ntk}
X = torch.rand(4, 2, generator=torch.Generator().manual_seed(0))
SHAPES = "points must be rows of one dimension, at least 1; got shapes"
FLOATS = "points must be float32 or float64; got torch"
EMPTY = "at least one point on either side; got shapes"
BAD_POINTS = {
    "NaN": ((X / 0 * 0,), "points must be finite; got 8 that are not"),
    "one infinity": ((X, torch.tensor([[0.0, math.inf]])), "points must be finite; got 1 that"),
    "two dimensions": ((X, X[:, :1]), rf"{SHAPES} \(4, 2\) and \(4, 1\)"),
    "1-D": ((X[0],), rf"{SHAPES} \(2,\) and \(2,\)"),
    "1-D others": ((X, X[0]), rf"{SHAPES} \(4, 2\) and \(2,\)"),
    "3-D": ((X[None],), rf"{SHAPES} \(1, 4, 2\) and"),
    "a scalar": ((X[0, 0],), rf"{SHAPES} \(\) and \(\)"),
    "no dimension": ((X[:, :0],), rf"{SHAPES} \(4, 0\) and \(4, 0\)"),
    "no points": ((X[:0],), rf"{EMPTY} \(0, 2\) and \(0, 2\)"),
    "no others": ((X, X[:0]), rf"{EMPTY} \(4, 2\) and \(0, 2\)"),
    "whole numbers": ((X.long(),), rf"{FLOATS}\.int64"),
    "truth values": ((X, X > 0.5), rf"{FLOATS}\.bool"),
    "bfloat16": ((X.bfloat16(),), rf"{FLOATS}\.bfloat16"),
    "float16": ((X, X.half()), rf"{FLOATS}\.float16"),
    "complex": ((X.cfloat(),), rf"{FLOATS}\.complex64"),
    "a gradient": ((X.clone().requires_grad_(),), r"pass x\.detach\(\); got points that require a"),
    "a gradient of others": ((X, X.clone().requires_grad_()), "no derivative with respect to the"),
}
VARIANCE = "a variance must be finite and at least 0; got"
PER_LAYER = "bias_variance needs one value a layer, 3 of them; got"
BAD_NUMBERS = {
    "depth 0": ({"depth": 0}, "the depth must be an int of at least 1; got 0"),
    "depth -1": ({"depth": -1}, "the depth must be an int of at least 1; got -1"),
    "depth 2.0": ({"depth": 2.0}, r"the depth must be an int of at least 1; got 2\.0"),
    "depth True": ({"depth": True}, "the depth must be an int of at least 1; got True"),
    "width 0": ({"width": 0}, "the width must be an int of at least 1; got 0"),
    "width 8.0": ({"width": 8.0}, r"the width must be an int of at least 1; got 8\.0"),
    "weights -1": ({"weight_variance": -1.0}, rf"{VARIANCE} -1\.0"),
    "weights NaN": ({"weight_variance": math.nan}, f"{VARIANCE} nan"),
    "weights inf": ({"weight_variance": math.inf}, f"{VARIANCE} inf"),
    "biases -1": ({"bias_variance": -1e-9}, f"{VARIANCE} -1e-09"),
    "a bias NaN": ({"bias_variance": [0.0, math.nan, 1.0]}, f"{VARIANCE} nan"),
    "a bias inf": ({"bias_variance": (0, 1, math.inf)}, f"{VARIANCE} inf"),
    "two biases": ({"bias_variance": [0.0, 1.0]}, f"{PER_LAYER} 2"),
    "four biases": ({"bias_variance": (0.0,) * 4}, f"{PER_LAYER} 4"),
    "no biases": ({"bias_variance": []}, f"{PER_LAYER} 0"),
}


@pytest.mark.parametrize("what", BAD_POINTS)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_bad_points(kernel, what):
    given, why = BAD_POINTS[what]
    with pytest.raises(ValueError, match=why):
        kernel(hatact.HAT, 3, *given)


@pytest.mark.parametrize("what", BAD_NUMBERS)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_bad_depths_widths_and_variances(kernel, what):
    given, why = BAD_NUMBERS[what]
    with pytest.raises(ValueError, match=why):
        kernel(hatact.HAT, **{"depth": 3, "x1": X} | given)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("spec", [torch.relu, torch.nn.ReLU(), "rleu", None])
def test_what_is_no_spec(kernel, spec):
    with pytest.raises(ValueError, match=r"must be a hatact.Piece.*; got .*relu|NoneType"):
        kernel(spec, 3, X)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_too_many_pairs_are_refused_before_anything_is_made_of_them(kernel):
    many = X[:1].expand(2**14 + 1, 2)
    with Largest() as made:
        for given, got in (((many,), 2**28 + 2**15 + 1), ((many, many[1:]), 2**28 + 2**14)):
            with pytest.raises(ValueError, match=rf"at most 2\^28 entries a call; got {got}: pass"):
                kernel(hatact.HAT, 3, *given)
    assert made.numbers <= 2 * len(many)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize(
    "spec", [bspline(0), hatact.RELU.derivative(), bspline(2).derivative().derivative()]
)
def test_a_spec_that_jumps_has_no_ntk(spec, depth):
    with pytest.raises(ValueError, match=r"an activation without jumps.*; got one with knots"):
        ntk(spec, depth, X)
    assert bool(nngp(spec, depth, X).isfinite().all())


@pytest.mark.parametrize("name", ["NTK", "", "mup", None])
def test_other_parameterizations(name):
    with pytest.raises(ValueError, match=f"must be 'ntk' or 'standard'; got {name!r}"):
        ntk(hatact.HAT, 3, X, parameterization=name, width=8)


def test_the_standard_parameterization_needs_a_width():
    with pytest.raises(ValueError, match="the standard parameterization needs the width of the"):
        ntk(hatact.HAT, 3, X, parameterization="standard")


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("name", ["triangle_wave", "periodic_relu"])
def test_a_periodic_spec_at_too_large_a_scale(kernel, name):
    spec = registry()[name]
    with pytest.raises(ValueError, match=r"at most 64 knots within 9 .*; got \d+: take a smaller"):
        kernel(spec.scaled(20), 3, X, None, 1.0, 1.0)
    assert bool(kernel(spec, 3, X, None, 1.0, 1.0).isfinite().all())


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_a_depth_of_1_asks_nothing_of_a_scale(kernel):
    """No activation is evaluated."""
    spec = registry()["triangle_wave"].scaled(20)
    torch.testing.assert_close(kernel(spec, 1, X, None, 1.0, 0.5), X @ X.T / 2 + 0.5)


@pytest.mark.parametrize("variance", ["1", None, [0.1], torch.ones(2), 1j])
@pytest.mark.parametrize("kernel", [nngp, ntk])
def test_variances_that_are_no_numbers(kernel, variance):
    x = torch.ones(2, 2)
    with pytest.raises(ValueError, match="a variance must be finite and at least 0; got"):
        kernel(hatact.HAT, 2, x, weight_variance=variance)
    with pytest.raises(ValueError, match="a variance must be finite and at least 0; got"):
        kernel(hatact.HAT, 2, x, bias_variance=[0.1, variance])


@pytest.mark.parametrize("kernel", [nngp, ntk])
def test_points_that_are_no_tensors_or_have_no_squares(kernel):
    with pytest.raises(ValueError, match="points must be a tensor; got list"):
        kernel(hatact.HAT, 2, [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"squares that float64 holds; got a number of 1e\+160"):
        kernel(hatact.HAT, 2, torch.tensor([[1e160, 0.0]], dtype=torch.float64))
