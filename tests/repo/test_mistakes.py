"""What users get wrong, and what they are told: the rule, what was got, what to write instead."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import hatact
from hatact import HAT, PiecewisePolynomial, nn
from hatact import functional as F

torch.manual_seed(0)
X = torch.randn(4, 3)
NET = nn.MLP(3, 32, 1, 3, HAT)
LAYER = nn.LinearAct(3, 4, HAT)
SIZES = r"write MLP\(in_features, hidden_features, out_features, depth, activation, "


@dataclass(frozen=True)
class Mistake:
    """What was written, and three parts of the answer, in their order."""

    call: Callable[[], object]
    rule: str
    got: str
    instead: str
    error: type[Exception] = ValueError


def _non_leaf() -> torch.Tensor:
    return X.clone().requires_grad_() * 1


def _functional_grad(op: Callable[[torch.Tensor], torch.Tensor]) -> object:
    return torch.func.grad(lambda x: op(x).sum())(X)


def _backend(name: str) -> None:
    with hatact.use_backend(name):
        pass


def _sequential(*modules: torch.nn.Module) -> nn.MLP:
    return nn.MLP.from_sequential(torch.nn.Sequential(*modules))


MISTAKES = {
    # x
    "an array of numpy": Mistake(
        lambda: F.hat(np.zeros(3)),
        "x must be a torch.Tensor",
        "got ndarray",
        r"write torch.as_tensor\(…\) of it",
    ),
    "a list": Mistake(
        lambda: nn.Hat(8)([1.0]), "x must be a torch.Tensor", "got list", "write torch.as_tensor"
    ),
    "an array for a network": Mistake(
        lambda: NET(np.zeros((4, 3))), "x must be a torch.Tensor", "got ndarray", "write torch.as_"
    ),
    "integers": Mistake(
        lambda: F.hat(torch.arange(3)),
        "x must be float16, bfloat16, float32 or float64",
        "got torch.int64",
        r"write x.float\(\)",
    ),
    "a mask": Mistake(
        lambda: nn.BSpline()(X > 0), "x must be float16", "got torch.bool", r"write x.float\(\)"
    ),
    "complex numbers": Mistake(
        lambda: F.bw_relu(X + 0j), "x must be float16", "got torch.complex64", "write its .real and"
    ),
    "spec and x exchanged": Mistake(
        lambda: F.piecewise(HAT, X),
        "x must be a torch.Tensor",
        "got PiecewisePolynomial",
        r"write piecewise\(x, spec\)",
    ),
    "a spec called with a tensor": Mistake(
        lambda: HAT(X),
        "a spec is called with one real number, exactly",
        "got Tensor",
        r"write hatact.functional.piecewise\(x, spec\) or hatact.nn.Piecewise\(spec\)\(x\)",
        TypeError,
    ),
    "a spec called with an array": Mistake(
        lambda: HAT(np.zeros(3)), "a spec is called with", "got ndarray", "write hatact", TypeError
    ),
    "float64 for a float32 network": Mistake(
        lambda: NET(X.double()),
        "x must have the dtype and device of the parameters, torch.float32 on cpu",
        "got torch.float64 on cpu",
        r"write x.to\('cpu', torch.float32\), or network.to\(x\)",
    ),
    "float64 for a float32 layer": Mistake(
        lambda: LAYER(X.double()),
        "x must have the dtype and device of the parameters, torch.float32 on cpu",
        "got torch.float64 on cpu",
        r"write x.to\('cpu', torch.float32\), or network.to\(x\)",
    ),
    "a network on another device": Mistake(
        lambda: NET(X.to("meta")),
        "x must have the dtype and device of the parameters, torch.float32 on cpu",
        "got torch.float32 on meta",
        r"write x.to\('cpu', torch.float32\), or network.to\(x\)",
    ),
    "a layer on another device": Mistake(
        lambda: LAYER(X.to("meta")),
        "x must have the dtype and device of the parameters, torch.float32 on cpu",
        "got torch.float32 on meta",
        r"write x.to\('cpu'",
    ),
    "another number of features": Mistake(
        lambda: NET(X[:, :2]),
        "the last dimension of x must be the 3 inputs",
        r"got shape \(4, 2\)",
        r"write an x of shape \(…, 3\)",
    ),
    "another number of features of a layer": Mistake(
        lambda: LAYER(X[:, :2]),
        "the last dimension of x must be the 3 inputs",
        r"got shape \(4, 2\)",
        r"write an x of shape \(…, 3\)",
    ),
    "another number of channels": Mistake(
        lambda: nn.TriangleCascade(3, channels=2)(X),
        "the last dimension of x must be the 2 channels",
        r"got shape \(4, 3\)",
        r"write an x of shape \(…, 2\)",
    ),
    "another number of coordinates": Mistake(
        lambda: nn.PositionalEncoding(2, 3)(X),
        "x must have 2 coordinates in its last dimension",
        r"got shape \(4, 3\)",
        r"write an x of shape \(…, 2\)",
    ),
    # the scale
    "a learnable scale for a module": Mistake(
        lambda: nn.Hat(torch.nn.Parameter(torch.tensor(8.0))),
        "the scale must be a positive real number, and is fixed",
        "got Parameter",
        "write a number such as 8, and for a learnable scale multiply x by it",
    ),
    "a tensor as scale of a function": Mistake(
        lambda: F.hat(X, scale=torch.tensor(8.0)),
        "the scale must be a positive real number, and is fixed",
        "got Tensor",
        "write a number such as 8, and for a learnable scale multiply x by it",
    ),
    "a scale of 0": Mistake(
        lambda: nn.Hat(0), "the scale must be a positive real number", "got 0", "write a number"
    ),
    "a negative scale": Mistake(
        lambda: F.bspline(X, 3, -1), "the scale must be a positive", "got -1", "write a number"
    ),
    "an infinite scale": Mistake(
        lambda: hatact.activation("hat", scale=float("inf")),
        "the scale must be a positive real number, finite in float64",
        "got inf",
        "write a number such as 8",
    ),
    "a scale in quotes": Mistake(
        lambda: nn.BWReLU("3"), "the scale must be a positive", "got '3'", "write a number such as"
    ),
    "True as scale": Mistake(
        lambda: nn.Hat(True), "the scale must be a positive", "got True", "write a number such as"
    ),
    "a scale where inplace stands": Mistake(
        lambda: nn.ReLU(8),
        "inplace must be True or False",
        "got 8",
        r"write ReLU\(inplace=True\), and for a scale Piecewise\(\"relu\", scale=8\)",
        TypeError,
    ),
    "two scales": Mistake(
        lambda: nn.Hat(8, 2),
        "inplace must be True or False",
        "got 2",
        r"write Hat\(inplace=True\), and for a scale Hat\(scale=8\)",
        TypeError,
    ),
    "two scales for a function": Mistake(
        lambda: F.hat(X, 8, 2),
        "inplace must be True or False",
        "got 2",
        "write inplace=True, and for a scale scale=8",
        TypeError,
    ),
    "centering what has no centre": Mistake(
        lambda: hatact.activation("relu", centered=True),
        "only an f that is 0 outside an interval can be centered",
        r"got the support \[0, inf\]",
        r"write scaled\(1, shift\)",
    ),
    # names
    "a typo in a name": Mistake(
        lambda: nn.MLP(2, 64, 1, 4, "hta"),
        "an activation must be a hatact.PiecewisePolynomial, a registered name or",
        "got 'hta'",
        'write "hat"',
    ),
    "capitals": Mistake(
        lambda: nn.LinearAct(2, 64, "BWReLU"), "an activation must", "got 'BWReLU'", '"bw_relu"'
    ),
    "what there is not": Mistake(
        lambda: F.piecewise(X, "swish"), "an activation must", "got 'swish'", "write one of bspline"
    ),
    "a class": Mistake(
        lambda: nn.MLP(2, 64, 1, 4, nn.Hat),
        "an activation must be",
        "got the class Hat",
        r"write Hat\(\), an instance",
    ),
    "a function": Mistake(
        lambda: nn.MLP(2, 64, 1, 4, torch.relu), "an activation must", "got relu", 'write "relu"'
    ),
    "a module of torch": Mistake(
        lambda: nn.MLP(2, 64, 1, 4, torch.nn.ReLU()), "an activation must", "got ReLU", '"relu"'
    ),
    "a PPoly of SciPy": Mistake(
        lambda: nn.Piecewise(HAT.to_scipy()), "an activation must", "got PPoly", "write one of"
    ),
    "a module in the wrong room": Mistake(
        lambda: hatact.Hat(8),
        "module 'hatact' has no",
        "attribute 'Hat'",
        "write hatact.nn.Hat",
        AttributeError,
    ),
    "a function in the wrong room": Mistake(
        lambda: hatact.bw_relu(X),
        "module 'hatact' has no",
        "attribute 'bw_relu'",
        "write hatact.functional.bw_relu",
        AttributeError,
    ),
    # sizes and flags
    "depth 0": Mistake(
        lambda: nn.MLP(2, 64, 1, 0, HAT), "depth must be an int of at least 1", "got 0", SIZES
    ),
    "a width that is a float": Mistake(
        lambda: nn.MLP(2, 64.0, 1, 4, HAT), "hidden_features must be an int", r"got 64\.0", SIZES
    ),
    "the activation first": Mistake(
        lambda: nn.MLP(HAT, 2, 64, 1, 4),
        "in_features must be an int of at least 1",
        r"got hatact\.activation\('hat'\)",
        SIZES,
    ),
    "a scale where bias stands": Mistake(
        lambda: nn.MLP(2, 64, 1, 4, HAT, 8), "bias must be True or False", "got 8", SIZES, TypeError
    ),
    "a layer of half a feature": Mistake(
        lambda: nn.LinearAct(3, 0.5, HAT),
        "out_features must be an int of at least 0",
        r"got 0\.5",
        r"write LinearAct\(in_features, out_features, activation",
    ),
    "a cascade of no depth": Mistake(
        lambda: nn.TriangleCascade(0),
        "depth must be an int of at least 1",
        "got 0",
        r"write TriangleCascade\(depth",
    ),
    "a flag that is a number": Mistake(
        lambda: nn.BWNetwork(3, 32, 2, 1, weight_norm=1),
        "weight_norm must be True or False",
        "got 1",
        r"write BWNetwork\(…, weight_norm=True\)",
        TypeError,
    ),
    "c is 0": Mistake(
        lambda: nn.BWNetwork(3, 32, 2, 1, c=0), "c must be a positive", "got 0", r"write c=1\.0"
    ),
    "degree 6": Mistake(
        lambda: nn.BSpline(6),
        "a B-spline's degree must be an integer from 0 to 5",
        "got 6",
        r"write bspline\(3\), or for another PiecewisePolynomial",
    ),
    "a degree that is a float": Mistake(
        lambda: hatact.bspline(2.0), "degree must be an integer from 0", r"got 2\.0", "write bspl"
    ),
    # specs
    "knots out of order": Mistake(
        lambda: PiecewisePolynomial((0, 2, 1), ((0,),) * 4),
        "knots must increase strictly",
        r"got \(0, 2, 1\)",
        "write them in order, each once",
    ),
    "a piece too few": Mistake(
        lambda: PiecewisePolynomial((0, 1), ((0,), (1, 0))),
        "2 knots need 3 pieces",
        "got 2 pieces",
        r"write one for x <= knots\[0\], and one after every knot",
    ),
    "one knot without a tuple": Mistake(
        lambda: PiecewisePolynomial(0, ((0,), (1, 0))),
        "knots must be a sequence",
        "got 0",
        "write a tuple",
    ),
    "knots of a tensor": Mistake(
        lambda: PiecewisePolynomial(torch.tensor([0.0, 1.0]), ((0,),) * 3),
        "knots must be real numbers",
        "got Tensor",
        "write an int, a float or a Fraction",
    ),
    "a knot that is NaN": Mistake(
        lambda: PiecewisePolynomial((0, float("nan")), ((0,),) * 3),
        "knots must be finite",
        "got nan",
        "write numbers",
    ),
    "JSON of another version": Mistake(
        lambda: PiecewisePolynomial.from_dict(HAT.to_dict() | {"version": 2}),
        "a spec's JSON must be of version 1",
        "got version 2",
        "read it with the hatact that wrote it",
    ),
    "JSON that was not read": Mistake(
        lambda: PiecewisePolynomial.from_dict("{}"),
        "a spec's JSON must be an object, a dict",
        "got str",
        r"write PiecewisePolynomial.from_dict\(json.loads\(text\)\)",
    ),
    # in place
    "in place where x is needed": Mistake(
        lambda: F.piecewise(_non_leaf(), hatact.bspline(3), inplace=True),
        "inplace=True needs a spec of degree at most 1",
        "got a spec of degree 3",
        "write inplace=False",
    ),
    "in place on a leaf": Mistake(
        lambda: F.hat(X.clone().requires_grad_(), inplace=True),
        "inplace=True needs an x that is no leaf",
        "got a leaf",
        "write inplace=False",
        RuntimeError,
    ),
    "in place on an expanded tensor": Mistake(
        lambda: F.hat(X[:1].expand(4, 3), inplace=True),
        "needs an x whose elements do not share memory",
        r"got shape \(4, 3\) and strides \(0, 1\)",
        r"write x.clone\(\) first",
    ),
    "spec and biases exchanged": Mistake(
        lambda: F.mlp(X, [torch.ones(8, 3), torch.ones(1, 8)], HAT, None),
        "biases must be a list of tensors",
        "got PiecewisePolynomial",
        r"write mlp\(x, weights, biases, spec\)",
    ),
    "a weight that is none": Mistake(
        lambda: F.linear_act(X, "a", None, HAT),
        "weight must be a torch.Tensor",
        "got str",
        "write torch.as_tensor",
    ),
    "a network on meta": Mistake(
        lambda: nn.MLP(3, 32, 1, 3, HAT, device="meta")(X),
        "x must have the dtype and device of the parameters, torch.float32 on meta",
        "got torch.float32 on cpu",
        r"write network.to_empty\(device='cpu'\)",
    ),
    "a scale for a wave": Mistake(
        lambda: nn.TriangleWave(8),
        "inplace must be True or False",
        "got 8",
        r"write TriangleWave\(inplace=True\), and for a scale Piecewise\(\"triangle_wave\"",
        TypeError,
    ),
    "the integral to a tensor": Mistake(
        lambda: HAT.integrate(0, torch.tensor(1.0)),
        "the ends of an integral must be real numbers",
        "got Tensor",
        r"write float\(…\)",
        TypeError,
    ),
    "knots of a dict": Mistake(
        lambda: PiecewisePolynomial({0: 1, 1: 2}, ((0,),) * 3),
        "knots must be a sequence",
        "got {0: 1, 1: 2}",
        "write a tuple",
    ),
    # backends, ops and other networks
    "a backend that there is not": Mistake(
        lambda: _backend("gpu"), "the backend must be one of", "got 'gpu'", "write one of these"
    ),
    "torch.func over a raw op": Mistake(
        lambda: _functional_grad(
            lambda x: torch.ops.hatact.linear_act(x, torch.ones(2, 3), None, *HAT.numbers)[0]
        ),
        "an op has no rule for torch.func transforms",
        "got torch.ops.hatact.linear_act",
        "write hatact.functional.linear_act",
        RuntimeError,
    ),
    "torch.func over another": Mistake(
        lambda: _functional_grad(lambda x: torch.ops.hatact.ppoly(x, None, *HAT.numbers)),
        "an op has no rule for torch.func transforms",
        "got torch.ops.hatact.ppoly",
        "write hatact.functional.piecewise",
        RuntimeError,
    ),
    "a Sequential with batch norm": Mistake(
        lambda: _sequential(torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)),
        "module 1 of the Sequential must be an activation of hatact.nn",
        "got BatchNorm1d",
        r"write Sequential\(Linear, activation, Linear, …, Linear\)",
    ),
    "a Sequential that ends in an activation": Mistake(
        lambda: _sequential(torch.nn.Linear(2, 8), nn.Hat()),
        "an activation between every two linear layers",
        "got 1 linear layers and 1 activations",
        r"write Sequential\(Linear, activation, Linear",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered(name):
    mistake = MISTAKES[name]
    with pytest.raises(mistake.error) as raised:
        mistake.call()
    assert type(raised.value) is mistake.error
    text = str(raised.value)
    assert "\n" not in text
    for part in (mistake.rule, mistake.got, mistake.instead):
        found = re.search(part, text)
        assert found, f"{part!r} is not in, or not in its place in: {raised.value}"
        text = text[found.end() :]


def test_there_are_forty():
    assert len(MISTAKES) >= 40
